"""Ganatomy trains, measures, explains and uses generative adversarial networks.

>>> import ganatomy
>>> run = ganatomy.train("digits-dcgan", images=2_000)  # doctest: +SKIP
>>> ganatomy.load("runs/digits-dcgan").sample(4, seed=0)  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganatomy.core.errors import GanatomyError
    from ganatomy.core.game import Batch, Game, Turn
    from ganatomy.core.players import Discriminator, Generator
    from ganatomy.core.prior import Prior
    from ganatomy.core.recipe import Recipe, find_recipe, recipe
    from ganatomy.core.registry import part
    from ganatomy.core.spec import Spec
    from ganatomy.experiments.run import Run, load
    from ganatomy.experiments.train import train
    from ganatomy.studies.calling import study

__version__ = "0.1.0"
__all__ = [
    "Batch",
    "Discriminator",
    "Game",
    "GanatomyError",
    "Generator",
    "Prior",
    "Recipe",
    "Run",
    "Spec",
    "Turn",
    "find_recipe",
    "load",
    "part",
    "recipe",
    "study",
    "train",
]

_HOMES = {
    "core.errors": ("GanatomyError",),
    "core.game": ("Batch", "Game", "Turn"),
    "core.players": ("Discriminator", "Generator"),
    "core.prior": ("Prior",),
    "core.recipe": ("Recipe", "find_recipe", "recipe"),
    "core.registry": ("part",),
    "core.spec": ("Spec",),
    "experiments.run": ("Run", "load"),
    "experiments.train": ("train",),
    "studies.calling": ("study",),
}


def __getattr__(name: str) -> Any:
    """Import torch and the rest only when something is asked for, so that `ganatomy --help` is quick."""
    import importlib

    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'ganatomy' has no attribute '{name}'")
    importlib.import_module("ganatomy.recipes")
    if name in ("load", "train", "find_recipe", "study"):
        importlib.import_module("ganatomy.experiments.outside").import_installed()
    return getattr(importlib.import_module(f"ganatomy.{home}"), name)
