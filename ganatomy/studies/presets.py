"""Three ablations that the reports make, each as a study with its picture."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import PositiveInt

from ganatomy.core.errors import GanatomyError
from ganatomy.core.spec import key_and_value
from ganatomy.experiments.train import prepared
from ganatomy.runs.files import read_json, write_bytes
from ganatomy.studies.ablation import Cell, ablate, cells_of
from ganatomy.studies.study import Study, StudyFolder, check_each_once, study


@dataclass(frozen=True, kw_only=True)
class Ablated(Study):
    """A study that is an ablation in its folder.

    `shard`, such as 1/4, trains a part of it; folders of shards merge by being copied over one another into one, where
    the same study without it trains what is missing and has all in its tables.
    """

    passing: ClassVar[tuple[str, ...]] = ("shard",)

    seeds: tuple[int, ...] = (0,)
    overrides: tuple[str, ...] = ()
    device: str = "auto"
    shard: str | None = None

    @abstractmethod
    def cells(self) -> list[Cell]:
        """What there is to train, whatever the shard."""

    def check(self) -> None:
        """Cells that cannot be made are told before the study has a folder."""
        self.cells()

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        """The ablation in the study's folder; its tables and its picture beside them."""
        cells = self.cells()
        place = ablate(
            cells,
            folder.path / "ablation",
            shard=self.shard,
            device=self.device,
            show=folder.watcher(cells[0].recipe.images),
            announce=folder.announce,
        )
        for name in ("picture.png", "results.md", "runs.csv"):
            write_bytes(folder.path / name, Path(place / name).read_bytes())
        return {**read_json(place / "result.json"), "cells": [cell.name for cell in cells]}


def said_by(words: Sequence[str]) -> dict[str, str]:
    """The values of `KEY=VALUE ...` by their keys."""
    return dict(map(key_and_value, words))


@study("balance")
@dataclass(frozen=True, kw_only=True)
class Balance(Ablated):
    """How much G should move for each move of D: `ratios` by iterations, and the same by unequal learning rates.

    The animal-faces report trains at 1, 2, 10 and 15 steps of G for one of D. By rates, G's is multiplied by the root
    of the ratio and D's divided by it, so that their product stays. `images` are of D's turns: more steps of G cost
    time, not data. `shard=1/4` trains a part of it, as for `ganatomy ablate`.
    """

    data: str
    recipe: str = "animals64-dcgan"
    ratios: tuple[PositiveInt, ...] = (1, 2, 10, 15)
    images: PositiveInt = 200_000

    def cells(self) -> list[Cell]:
        return [cell for words in self.settings() for cell in self._cells(words)]

    def settings(self) -> list[list[str]]:
        check_each_once(ratios=self.ratios, seeds=self.seeds)
        if "game.g_steps" in said_by(self.overrides):
            raise GanatomyError("overrides=game.g_steps is what this study varies: say it with ratios=.")
        base = prepared(self.recipe, self.overrides, data=self.data, images=None, seed=None).optimizers
        if not {"G", "D"} <= base.keys():
            raise GanatomyError(f"recipe={self.recipe} has no G and D to balance; it has {', '.join(base)}.")
        by_iterations = [[f"game.g_steps={ratio}"] for ratio in self.ratios]
        by_rate = []
        for ratio in self.ratios:
            if ratio > 1:
                lr = {name: base[name].settings["lr"] * ratio ** (0.5 if name == "G" else -0.5) for name in ("G", "D")}
                by_rate.append([f"optimizers.{name}.lr={value:.4g}" for name, value in lr.items()])
        return [*by_iterations, *by_rate]

    def _cells(self, words: list[str]) -> list[Cell]:
        said = said_by(self.overrides) | said_by(words)  # rates are balanced from those that the overrides say
        all_words = [f"{key}={value}" for key, value in said.items()]
        cells = cells_of([self.recipe], all_words, self.seeds, data=self.data, images=self.images)
        return [Cell(", ".join(words), cell.recipe) for cell in cells]


@study("latent-size")
@dataclass(frozen=True, kw_only=True)
class LatentSize(Ablated):
    """How many latents G should have: `sizes`, all else alike (the dcgan-representation report tries some).

    `shard=1/4` trains a part of it, as for `ganatomy ablate`.
    """

    data: str
    recipe: str = "mnist-dcgan"
    sizes: tuple[PositiveInt, ...] = (30, 64, 100, 128, 256, 512)
    images: PositiveInt = 200_000

    def cells(self) -> list[Cell]:
        words = f"players.G.latent={','.join(map(str, self.sizes))}"
        return cells_of([self.recipe], [words, *self.overrides], self.seeds, data=self.data, images=self.images)


@study("resolution")
@dataclass(frozen=True, kw_only=True)
class Resolution(Ablated):
    """Three ways to 128 px (a larger start, more layers, a larger stride), each with ReLU and SELU in G.

    `width` makes the players smaller: the mechanics can be tried where no card and no large set of faces is at hand.
    `shard=1/4` trains a part of it, as for `ganatomy ablate`.
    """

    data: str
    recipes: tuple[str, ...] = ("celeba128-dcgan-start", "celeba128-dcgan-deep", "celeba128-dcgan-stride")
    activations: tuple[str, ...] = ("relu", "selu")
    width: float = 0.25
    images: PositiveInt = 50_000

    def cells(self) -> list[Cell]:
        words = [f"players.G.activation={','.join(self.activations)}"]
        widths = {f"players.{name}.width": str(self.width) for name in ("G", "D")} | said_by(self.overrides)
        words += [f"{key}={value}" for key, value in widths.items()]
        return cells_of(self.recipes, words, self.seeds, data=self.data, images=self.images)
