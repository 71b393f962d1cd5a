"""Ganatomy trains, measures, explains and uses generative adversarial networks.

>>> import ganatomy
>>> run = ganatomy.train("digits-dcgan", images=2_000)  # doctest: +SKIP
>>> ganatomy.load("runs/digits-dcgan").sample(4, seed=0)  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganatomy.core.errors import GanatomyError
    from ganatomy.experiments.run import Run, load
    from ganatomy.experiments.train import train

__version__ = "0.1.0"
__all__ = ["GanatomyError", "Run", "load", "train"]

_HOMES = {
    "GanatomyError": "ganatomy.core.errors",
    "Run": "ganatomy.experiments.run",
    "load": "ganatomy.experiments.run",
    "train": "ganatomy.experiments.train",
}


def __getattr__(name: str) -> Any:
    """Import torch and the rest only when something is asked for, so that `ganatomy --help` is quick."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'ganatomy' has no attribute '{name}'")
    importlib.import_module("ganatomy.recipes")
    return getattr(importlib.import_module(_HOMES[name]), name)
