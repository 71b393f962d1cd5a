"""What to run. Importing this package registers every recipe, and every part that recipes are made of."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
