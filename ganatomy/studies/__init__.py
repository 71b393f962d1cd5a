"""What a trained GAN is good for, each study one command. Importing this package registers every study."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
