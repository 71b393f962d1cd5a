"""Smiling woman - neutral woman + neutral man: does adding latents add what they show?

Radford et al. (2016), arXiv:1511.06434, section 6.3.2: each term is the mean of three latents, and around the result
lie others with a little noise. There it is judged by eye; here classifiers of two attributes, trained on real images,
say how often the one appears and the other stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import keyed
from ganatomy.experiments.measuring import Judged, balanced_accuracy, judge_of
from ganatomy.experiments.run import Run, load
from ganatomy.experiments.sampling import Sampler
from ganatomy.metrics.moments import Array
from ganatomy.report.grid import grid
from ganatomy.studies.study import Study, StudyFolder, study

NUMBERED = 100  # latents in the grid that one picks from by hand
TERMS = ("with", "without", "other")


@study("arithmetic")
@dataclass(frozen=True, kw_only=True)
class Arithmetic(Study):
    """Latents with `attribute`, minus latents without it, plus latents without it that have `other`; measured.

    Of `pool` latents the judges of both attributes pick the terms: with (attribute, not other), without (neither) and
    other (other, not attribute). A trial adds the means of `group` of each, drawn anew. By hand, `picked` has three
    lists of numbers out of numbered.png, which is one trial, and all that an unlabelled data set allows.
    """

    run: str
    attribute: str = "Smiling"
    other: str = "Male"
    group: PositiveInt = 3
    trials: PositiveInt = 100
    pool: PositiveInt = 2_000
    noise: NonNegativeFloat = 0.1
    picked: tuple[tuple[int, ...], ...] = ()
    seed: int = 0

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        run = load(self.run)
        if self.picked:
            check_picked(self.picked)
        sampler = run.sampler()
        if sampler.classes is not None:
            raise GanatomyError(f"{run.path} is told its classes: interpolate between them instead.")
        shown = sampler.images(self.seed, range(NUMBERED))
        folder.picture("numbered.png", grid(shown, columns=10, names=[str(i) for i in range(NUMBERED)]))
        if self.picked:
            return self._by_hand(folder, sampler)
        return self._by_judges(folder, run, sampler)

    def _by_hand(self, folder: StudyFolder, sampler: Sampler) -> Mapping[str, Any]:
        terms = [latents_of(sampler, self.seed, rows) for rows in self.picked]
        folder.picture("arithmetic.png", page(sampler, terms, self.noise, self.seed))
        return {"picked": [list(rows) for rows in self.picked], "measured": None}

    def _by_judges(self, folder: StudyFolder, run: Run, sampler: Sampler) -> Mapping[str, Any]:
        judges = {name: attribute_judge(run, name) for name in (self.attribute, self.other)}
        for name, (_, known) in judges.items():
            folder.announce(f"The judge of {name} has a balanced accuracy of {known['balanced_accuracy']:.1%}.")
        pool = sampler.images(self.seed, range(self.pool))
        has, is_other = (judges[name][0](pool) for name in (self.attribute, self.other))
        groups = {
            "with": np.flatnonzero(has & ~is_other),
            "without": np.flatnonzero(~has & ~is_other),
            "other": np.flatnonzero(~has & is_other),
        }
        for term, rows in groups.items():
            if len(rows) < self.group:
                raise GanatomyError(
                    f"Of {self.pool} samples {len(rows)} are for the term '{term}' of {self.attribute} and "
                    f"{self.other}, and {self.group} are needed: draw a larger pool, or train longer."
                )
        picks = [self._pick(groups, trial) for trial in range(self.trials)]
        sums = torch.cat([sum_of([latents_of(sampler, self.seed, rows) for rows in pick]) for pick in picks])
        before = torch.cat([latents_of(sampler, self.seed, pick[2]).mean(0, keepdim=True) for pick in picks])
        terms = [latents_of(sampler, self.seed, rows) for rows in picks[0]]
        folder.picture("arithmetic.png", page(sampler, terms, self.noise, self.seed))
        folder.picture("trials.png", grid(sampler.at(sums)[:64], columns=8))
        result = {
            title: {name: float(judges[name][0](images).mean()) for name in judges}
            for title, images in (("sums", sampler.at(sums)), ("without the arithmetic", sampler.at(before)))
        }
        return {
            "attribute_appears": result["sums"][self.attribute],
            "other_stays": result["sums"][self.other],
            "before": result["without the arithmetic"],
            "trials": self.trials,
            "in_pool": {term: len(rows) for term, rows in groups.items()},
            "protocol": {
                "run": str(run.path),
                "round": run.checkpoint().round,
                "weights": "average" if run.averages() else "raw",
                "content": run.checkpoint().state["data"]["content"],
                "judges_balanced_accuracy": {name: known["balanced_accuracy"] for name, (_, known) in judges.items()},
                "judges_sha256": {name: known["sha256"] for name, (_, known) in judges.items()},
                "seed": self.seed,
            },
        }

    def _pick(self, groups: Mapping[str, Array], trial: int) -> list[Array]:
        draw = keyed(self.seed, "arithmetic", trial)
        return [draw.choice(groups[term], self.group, replace=False) for term in TERMS]


@dataclass(frozen=True)
class HasAttribute:
    """Whether images have an attribute: uint8 [N, H, W, C] -> bool [N]."""

    judge: Judged
    positive: int

    def __call__(self, images: Array) -> Array:
        probabilities = self.judge.look(images).probabilities
        assert probabilities is not None
        found: Array = probabilities.argmax(1) == self.positive
        return found


def check_picked(picked: tuple[tuple[int, ...], ...]) -> None:
    if len(picked) != 3 or not all(picked):
        raise GanatomyError("picked has three lists of numbers, such as picked=[[1,2,3],[4,5,6],[7,8,9]].")
    for number in (number for numbers in picked for number in numbers):
        if not 0 <= number < NUMBERED:
            raise GanatomyError(f"picked: there is no {number} in numbered.png, whose numbers are 0 to {NUMBERED - 1}.")


def attribute_judge(run: Run, attribute: str) -> tuple[HasAttribute, dict[str, Any]]:
    """A classifier of a boolean attribute of the run's data, trained on half of it, and what is known of it."""
    spec = run.recipe.data.replace(label=attribute)
    data = spec.build().open()
    if data.classes is None or len(data.classes) != 2:
        raise GanatomyError(f"{attribute} has {len(data.classes or ())} classes; an attribute is there or is not.")
    judge = judge_of(data, spec)
    known = {"balanced_accuracy": balanced_accuracy(data, judge), "sha256": judge.judge.sha256}
    return HasAttribute(judge, 1), known


def latents_of(sampler: Sampler, seed: int, rows: Any) -> Tensor:
    """[len(rows), size]."""
    return torch.cat([sampler.prior.sample(seed, int(row), int(row) + 1) for row in rows])


def sum_of(terms: list[Tensor]) -> Tensor:
    """The mean of the first group, minus that of the second, plus that of the third: [1, size].

    >>> sum_of([torch.tensor([[3.0], [5.0]]), torch.tensor([[1.0]]), torch.tensor([[10.0]])])
    tensor([[13.]])
    """
    added, subtracted, kept = (term.mean(0, keepdim=True) for term in terms)
    return added - subtracted + kept


def page(sampler: Sampler, terms: list[Tensor], noise: float, seed: int) -> Any:
    """Three rows for the terms, each its members and their mean; then the result among eight of it with noise."""
    rows = [sampler.at(torch.cat([term, term.mean(0, keepdim=True)])) for term in terms]
    draw = torch.from_numpy(keyed(seed, "arithmetic noise").standard_normal((9, terms[0].shape[1]), dtype=np.float32))
    draw[4] = 0
    around = sampler.at(sum_of(terms) + noise * draw)
    columns = max(3, *(len(row) for row in rows))
    pages = [pad(row, columns) for row in (*rows, around[:3], around[3:6], around[6:])]
    names = ["with, mean last", "- without", "+ other", "=", "", ""]
    return grid(np.concatenate(pages), columns=columns, row_names=names)


def pad(images: Array, columns: int) -> Array:
    """A row filled up with white pictures."""
    return np.concatenate([images, np.full((columns - len(images), *images.shape[1:]), 255, np.uint8)])[:columns]
