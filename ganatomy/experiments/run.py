"""A run that was trained: sample it, score it. `ganatomy.load("runs/x")` returns one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError, near
from ganatomy.core.randomness import CPU
from ganatomy.core.recipe import Recipe, read_recipe
from ganatomy.core.shape import Shape
from ganatomy.data.feed import to_unit
from ganatomy.data.images import ImageSet
from ganatomy.distributed import processes
from ganatomy.engine.engine import load_weights
from ganatomy.experiments.build import build_game, class_count
from ganatomy.experiments.judging import CHOOSING_SEED, REPORTING_SEED, Bench, can_be_judged, find_judge
from ganatomy.experiments.observers import as_generator, best_round
from ganatomy.experiments.sampling import Sampler
from ganatomy.metrics.judged import JudgeScores
from ganatomy.metrics.scores import Scores
from ganatomy.report.results import ALONE
from ganatomy.runs.checkpoints import Checkpoint
from ganatomy.runs.folder import RunFolder, find_run

BEST = f"best: lowest Fréchet distance in training, on samples of seed {CHOOSING_SEED}"
Weights = Literal["average", "raw"]
Which = Literal["last", "best"]


@dataclass(frozen=True)
class Samples:
    """Samples of a generator.

    images: uint8 [N, H, W, C].
    labels: the class asked for each, None if the generator is not conditional. classes: their names.
    seed, truncation: of the latents.
    """

    images: np.ndarray
    labels: list[int] | None
    classes: tuple[str, ...] | None
    seed: int
    truncation: float | None = None

    def pictures(self) -> list[Image.Image]:
        """The samples as PIL images. Raises GanatomyError for channels that PIL does not have."""
        channels = self.images.shape[3]
        if channels not in (1, 3, 4):
            raise GanatomyError(f"Pictures have 1, 3 or 4 channels, not {channels}: ask for a tensor or for npz.")
        return [Image.fromarray(image[:, :, 0] if channels == 1 else image) for image in self.images]


class Run:
    """A trained run, opened from its folder.

    warnings: about damaged checkpoints that were passed over.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.recipe = read_recipe(folder.recipe_file)
        self.warnings: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return self.folder.path

    def checkpoint(self, which: Which = "last") -> Checkpoint:
        """The last checkpoint that is not damaged, or the best one: that with the lowest Fréchet distance in training.

        Raises GanatomyError if there is none.
        """
        best = best_round(self.folder) if which == "best" else None
        if which == "best" and best is None:
            raise GanatomyError(f"{self.path} was never scored, so it has no best checkpoint; use the last one.")
        if best is not None:
            return self.folder.checkpoints.read(best)
        found = self.folder.checkpoints.newest()
        if found is None:
            raise GanatomyError(f"{self.path} has no checkpoint yet: train it first.")
        self.warnings = found.damaged
        return found

    def standing(self, found: Checkpoint) -> dict[str, Any]:
        """Where a checkpoint is in the run: round, real images shown, seconds of training."""
        images = found.state["drawn"] * self.recipe.batch
        return {"round": found.round, "images": images, "seconds": found.state["seconds"]}

    def player(self, name: str = "G", *, weights: Weights = "average", checkpoint: Which = "last") -> nn.Module:
        """A trained player, frozen, in evaluation mode, in float32 on the CPU.

        weights: "average", the moving average (or the raw weights if the run has none); or "raw".
        """
        return self.player_of(self.checkpoint(checkpoint), name, weights)

    def player_of(self, found: Checkpoint, name: str = "G", weights: Weights = "average") -> nn.Module:
        """As `player`, from a checkpoint that was read before."""
        facts = found.state["data"]
        players = self.recipe.players
        if name not in players:
            raise GanatomyError(f"This run has no player '{name}'. {near(name, players)}")
        game = build_game(self.recipe, Shape(*facts["shape"]), class_count(facts["classes"]))
        player = game.get_submodule(name)
        prefix = f"average.{name}."
        averaged = weights == "average" and any(key.startswith(prefix) for key in found.tensors)
        if weights == "average" and not averaged and self.averages(name):
            raise GanatomyError(f"No average of {name} is kept in this run; use the raw weights (weights=raw).")
        load_weights(player, prefix if averaged else f"game.{name}.", found.tensors)
        return player.float().eval().requires_grad_(False)

    def averages(self, name: str = "G") -> bool:
        """Whether this run keeps a moving average of a player's weights."""
        return self.recipe.average is not None and name in self.recipe.average.settings["players"]

    def sampler(
        self,
        *,
        weights: Weights = "average",
        checkpoint: Which = "last",
        truncation: float | None = None,
        device: torch.device = CPU,
    ) -> Sampler:
        """A sampler of the run's generator. Raises GanatomyError if it has none."""
        player = as_generator(self.player("G", weights=weights, checkpoint=checkpoint))
        return Sampler(player, device, truncation)

    def samples(
        self,
        n: int | None = None,
        *,
        per_class: int | None = None,
        seed: int = 0,
        weights: Weights = "average",
        checkpoint: Which = "last",
        truncation: float | None = None,
        device: torch.device = CPU,
    ) -> Samples:
        """Draw samples.

        n: how many; 64 by default, with a conditional generator's classes in turn.
        per_class: instead of n, how many of each class, class after class.
        seed: the same seed gives the same samples.
        weights, checkpoint: see `player` and `checkpoint`.
        truncation: of the latents; less than 1, such as 0.5, makes samples more typical and less diverse.
        """
        if n is not None and per_class is not None:
            raise GanatomyError("Say how many samples in all, or how many of each class; not both.")
        if any(count is not None and count < 1 for count in (n, per_class)):
            raise GanatomyError("At least one sample, please.")
        sampler = self.sampler(weights=weights, checkpoint=checkpoint, truncation=truncation, device=device)
        if per_class is not None:
            if sampler.classes is None:
                raise GanatomyError(
                    f"{self.path} is not conditional: it cannot draw a class on demand. Ask for a total number with -n."
                )
            labels: list[int] | None = [label for label in range(sampler.classes) for _ in range(per_class)]
            indices = range(per_class * sampler.classes)
        else:
            indices = range(n if n is not None else 64)
            labels = sampler.labels(indices)
        return Samples(
            sampler.images(seed, indices, labels), labels, self.classes if labels else None, seed, truncation
        )

    def sample(self, n: int | None = None, *, tensor: bool = False, **how: Any) -> list[Image.Image] | Tensor:
        """`samples` as PIL images or, with `tensor`, as a tensor [N, C, H, W] in [-1, 1]."""
        drawn = self.samples(n, **how)
        return to_unit(drawn.images) if tensor else drawn.pictures()

    @cached_property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the data's classes, None without labels."""
        names = self.checkpoint().state["data"]["classes"]
        return tuple(names) if names else None

    def last_grid(self) -> Path | None:
        """The path of the newest picture in samples/, None if there is none."""
        return max(self.folder.samples.glob("*.png"), default=None)

    def data(self, *, progress: bool = False) -> ImageSet:
        """The run's data set. Raises GanatomyError if it is not the one that was trained on."""
        data: ImageSet = self.recipe.data.build().open(progress=progress)
        trained_on = self.checkpoint().state["data"]["content"]
        if data.content != trained_on:
            raise GanatomyError(f"{data.source} is not what {self.path} was trained on: its images differ.")
        return data

    def evaluate(
        self,
        n: int | None = None,
        *,
        seed: int = REPORTING_SEED,
        repeats: int = 1,
        weights: Weights = "average",
        checkpoints: Sequence[Which] = ("last", "best"),
        announce: Callable[[str], None] = lambda text: None,
        bench: Bench | None = None,
        device: torch.device = CPU,
    ) -> list[dict[str, Any]]:
        """Score checkpoints with the data set's judge; records with floor and protocol, as stored in evaluations.jsonl.

        n: samples; None: as many as the recipe says.
        seed: of the samples. repeats: how many seeds, whose means and standard deviations are reported.
        announce: called with lines for people, such as that a judge is trained first.
        bench: the judge with its reference, if it is open already.

        Raises GanatomyError if there are no labels of two classes for a judge.
        """
        if n is not None and n < 2:
            raise GanatomyError("At least two samples, please: one sample has no covariance.")
        seeds = drawn_seeds(seed, repeats, checkpoints)
        if bench is None:
            data = self.data()
            how = self.recipe.scores.build() if self.recipe.scores else JudgeScores()
            bench = open_bench(
                data,
                self.recipe,
                how if n is None else replace(how, count=n),
                announce,
                device,
            )
        if processes.rank() == 0:
            self.folder.evaluations.refuse_unwritable()
        records = []
        of_round: dict[int, list[Scores]] = {}
        for which in checkpoints:
            if which == "best" and "last" in checkpoints and best_round(self.folder) is None:
                continue
            found = self.checkpoint(which)
            rule = "last" if which == "last" else BEST
            kept = weights if self.averages() else "raw"
            if found.round not in of_round:
                sampler = Sampler(as_generator(self.player_of(found, "G", weights)), device)
                of_round[found.round] = [bench.score(sampler, one) for one in seeds]
            record = bench.record_of(of_round[found.round], seeds=seeds, weights=kept, checkpoint=rule)
            alone = [ALONE] if [*checkpoints] == ["best"] else []
            records.append({**self.standing(found), "which": which, **record, "remarks": [*record["remarks"], *alone]})
        for record in records if processes.rank() == 0 else ():
            self.folder.evaluations.append(record)
        return records


def drawn_seeds(seed: int, repeats: int, checkpoints: Sequence[Which]) -> list[int]:
    """The seeds of repeated draws: from `seed` on, without the one whose samples chose the best checkpoint."""
    if seed == CHOOSING_SEED and "best" in checkpoints:
        raise GanatomyError(f"Seed {seed} chose the best checkpoint, so its samples flatter it: evaluate with another.")
    return [s for s in range(seed, seed + repeats + 1) if s != CHOOSING_SEED or s == seed][:repeats]


def open_bench(
    data: ImageSet,
    recipe: Recipe,
    how: JudgeScores,
    announce: Callable[[str], None] = lambda text: None,
    device: torch.device = CPU,
) -> Bench:
    """A data set with its judge, which is trained if there is none. Raises GanatomyError if it cannot be judged."""
    if not can_be_judged(data):
        raise GanatomyError(
            f"{data.source} has no labels of two classes or more, so there is no judge to score with: ask for "
            "scores of features, with --metrics fid,prdc and --extractor random or inception."
        )
    with processes.first_alone():
        judge = find_judge(data, recipe.data, announce, device)
    return Bench(data, judge, how)


def load(path: Path | str) -> Run:
    """Open a run by its folder. Raises GanatomyError if there is none.

    >>> ganatomy.load("runs/digits-dcgan").sample(4, seed=0)  # doctest: +SKIP
    """
    return Run(find_run(path))


def facts_line(facts: Mapping[str, Any]) -> str:
    """A line about a run's data: source, counts, shape, classes."""
    shape, other = Shape(*facts["shape"]), facts.get("other")
    classes = f", {len(facts['classes'])} classes" if facts["classes"] else ", no labels"
    train, held_out = (
        f"{facts[part]:,}" + (f" and {other[part]:,}" if other else "") for part in ("train", "held_out")
    )
    return f"{facts['source']}: {train} images to train on, {held_out} held out, {shape}{'' if other else classes}"
