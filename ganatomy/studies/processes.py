"""Do several processes train what one does? A recipe by one process and by several, and how far apart they end."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeInt, PositiveInt

from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import CPU
from ganatomy.core.recipe import Recipe
from ganatomy.data.images import ImageSet
from ganatomy.experiments.build import build_engine
from ganatomy.experiments.run import load
from ganatomy.experiments.train import described, prepared
from ganatomy.studies.study import Study, StudyFolder, study

Tensors = Mapping[str, torch.Tensor]
QUIET = ("precision=float32", "watch.score=0", "watch.grid=0", "watch.checkpoint=0", "watch.tensorboard=false")
TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node")


@study("processes")
@dataclass(frozen=True, kw_only=True)
class Processes(Study):
    """Do several processes train what one trains? Compare the weights after `images`, of one process and of `count`.

    On the CPU, in float32. Only the order of sums differs, but training amplifies that, so `images` should be few. Adam
    amplifies it most, since it takes a whole step even where the gradient is nearly zero; so the distance is also given
    as a share of the way that the weights moved in training. Dropout and noise layers draw separately in each process:
    leave them out with overrides=players.D.dropout=0. Writes weights.csv, the same of every tensor by itself.
    """

    data: str
    recipe: str = "mnist32-dcgan"
    count: Annotated[int, Field(ge=2)] = 2
    images: PositiveInt = 1_280
    seed: NonNegativeInt = 0
    overrides: tuple[str, ...] = ()

    def looks_at(self) -> Mapping[str, ImageSet]:
        return {"data": self._prepared().data.build().open(progress=False)}

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        runs = {}
        for count in (1, self.count):
            out = folder.step(f"processes-{count}", partial(self._trained, folder, count))["run"]
            runs[count] = load(folder.path / out)
        start = build_engine(self._prepared(), self.looks_at()["data"], CPU)
        learned = [f"game.{name}" for name, _ in start.game.named_parameters()]
        found = [start.state()[0], *(run.checkpoint().tensors for run in runs.values())]
        folder.table("weights.csv", [{"tensor": name, **distances(found, [name])} for name in learned])
        rounds = [run.checkpoint().round for run in runs.values()]
        facts = {"recipe": self.recipe, "data": self.data, "processes": self.count, "rounds_played": rounds[0]}
        protocol = {**facts, "device": "cpu", "precision": "float32"}
        return {**distances(found, learned), "protocol": protocol}

    def _prepared(self) -> Recipe:
        return prepared(self.recipe, self.overrides, data=self.data, images=self.images, seed=self.seed)

    def _trained(self, folder: StudyFolder, count: int) -> dict[str, Any]:
        out = f"runs/processes-{count}"
        launched = [] if count == 1 else [*TORCHRUN, str(count), "-m"]
        words = ["train", self.recipe, "--data", described(self.data), "--device", "cpu", "--out", out]
        words += ["--images", str(self.images), "--seed", str(self.seed), *QUIET, *self.overrides]
        command = [sys.executable, "-m", *launched, "ganatomy", *words]
        done = subprocess.run(command, cwd=folder.path, env=os.environ, capture_output=True, text=True, check=False)
        if done.returncode:
            told = [line.removeprefix("error: ") for line in done.stderr.splitlines() if line.startswith("error: ")]
            why = (told or done.stderr.strip().splitlines()[-1:] or ["it said nothing"])[0]
            raise GanatomyError(f"Training in {count} process{'es' if count > 1 else ''} failed: {why}")
        return {"run": out}


def distances(found: Sequence[Tensors], names: Sequence[str]) -> dict[str, float | None]:
    """How far several processes ended from one, as a share of the weights and of their way; None where that is 0.

    found: the beginning, where one process ended, and where several did.
    """
    start, end, other = (numbers(tensors, names) for tensors in found)
    apart, size, way = (float(length.norm()) for length in (end - other, end, end - start))
    return {"weights_apart": apart / size if size else None, "of_the_way": apart / way if way else None}


def numbers(tensors: Tensors, names: Sequence[str]) -> torch.Tensor:
    """Those of several tensors, one after another: [n]."""
    return torch.cat([tensors[name].double().flatten() for name in names])
