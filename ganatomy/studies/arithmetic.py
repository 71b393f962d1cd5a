"""Smiling woman - neutral woman + neutral man: does adding latents add what they show?

Radford et al. (2016), arXiv:1511.06434, section 6.3.2: each term is the mean of three latents, and around the result
lie others with a little noise. There it is judged by eye; here classifiers of attributes, trained on one half of the
real images, pick the terms, and others, trained on the other half, say how often the one appears and the others stay:
a judge that graded what it has picked would pass its own mistakes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt
from scipy.stats import binomtest
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import keyed
from ganatomy.core.recipe import Recipe
from ganatomy.core.spec import Spec
from ganatomy.data.images import ImageSet, Split
from ganatomy.experiments.judging import can_be_judged
from ganatomy.experiments.measuring import JudgeExtractor, balanced_accuracy, judge_of
from ganatomy.experiments.run import Run, load
from ganatomy.experiments.sampling import Sampler
from ganatomy.metrics.moments import Array
from ganatomy.report.grid import grid
from ganatomy.studies.real import facts, refuse_seen
from ganatomy.studies.study import OfRuns, StudyFolder, check_each_once, refuse_idle, study

NUMBERED = 100  # latents in the grid that one picks from by hand
TERMS = ("with", "without", "other")
NEAR, MIDDLE = 8, 4  # of the 3x3 picture: those around the result, and where it stands
GOOD = 0.88  # balanced accuracy of a judge, below which it is told
YES = (("False", "True"), ("false", "true"), ("0", "1"), ("-1", "1"), ("no", "yes"))  # classes that say so
Half = Literal["first", "second"]
Judge = Callable[[Array], Array]
"""Whether images have an attribute: uint8 [N, H, W, C] -> bool [N]."""


@study("arithmetic")
@dataclass(frozen=True, kw_only=True)
class Arithmetic(OfRuns):
    """Latent arithmetic, such as smiling woman - woman + man: how often does it come out right?

    Latents with `attribute`, minus latents without it, plus latents that have `other` instead. Attributes are boolean
    columns of the run's data. Of `pool` latents, judges of both attributes pick three groups: with (attribute, not
    other), without (neither) and other (other, not attribute). A trial combines the means of `group` latents drawn from
    each; the mean of the third group alone is what stood there before. Judges trained on the other half of the images
    grade `trials` of them: does the attribute appear, do the other and the `others` stay? trials.csv and trials.png
    have the trials.

    By hand, `picked` has three lists of numbers out of numbered.png, which make one trial. It is graded (trials.csv)
    where the data has the attributes; otherwise it is a picture. arithmetic.png has a trial's terms, its result and
    eight variants around it, result.png those nine alone. `noise` is the standard deviation of the variants' latents.
    """

    attribute: str = "Smiling"
    other: str = "Male"
    others: tuple[str, ...] = ()
    group: PositiveInt = 3
    trials: PositiveInt = 100
    pool: PositiveInt = 2_000
    noise: NonNegativeFloat = 0.1
    picked: tuple[tuple[int, ...], ...] = ()
    seed: NonNegativeInt = 0

    def check(self) -> None:
        if self.picked:
            check_picked(self.picked)
            refuse_idle(self, ["group", "trials", "pool"], "is for trials by judges; picked= is one trial by hand.")
        check_each_once(attributes=self.attributes())
        if not self.picked and self.pool < len(TERMS) * self.group:
            raise GanatomyError(f"pool={self.pool} is too few for {len(TERMS)} terms of group={self.group} each.")

    def check_looks(self, players: Mapping[str, nn.Module], data: ImageSet, whose: str) -> None:
        check_not_told(players["G"], whose)

    def check_recipe(self, recipe: Recipe) -> None:
        super().check_recipe(recipe)
        try:
            for name in () if self.picked else self.attributes():
                attribute_data(recipe.data, name)
        except GanatomyError as error:
            raise GanatomyError(f"{error} Or train {recipe.name} first, and pick by hand, with picked=.") from None

    def looks_at(self) -> Mapping[str, ImageSet]:
        run = load(self.run)
        return {"run": run.data()} if self._why_not(run) is None else {}

    def attributes(self) -> tuple[str, ...]:
        """All that are graded, the one that should appear first."""
        return (self.attribute, self.other, *self.others)

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        run = load(self.run)
        sampler = run.sampler()
        check_not_told(sampler.G, str(run.path))
        shown = sampler.images(self.seed, range(NUMBERED))
        folder.picture("numbered.png", grid(shown, columns=10, names=[str(i) for i in range(NUMBERED)]))
        why_not = self._why_not(run)
        if self.picked:
            return self._by_hand(folder, run, sampler, why_not)
        if why_not is not None:
            raise GanatomyError(f"{why_not} Or pick by hand, with picked=, out of {folder.path / 'numbered.png'}.")
        return self._by_judges(folder, run, sampler)

    def _why_not(self, run: Run) -> str | None:
        """What keeps trials from being measured, if anything does: attributes that the run's data has not."""
        try:
            run.data()
            for name in self.attributes():
                attribute_data(run.recipe.data, name)
        except GanatomyError as error:
            return str(error)
        return None

    # by hand: one trial

    def _by_hand(self, folder: StudyFolder, run: Run, sampler: Sampler, why_not: str | None) -> Mapping[str, Any]:
        terms = [latents_of(sampler, self.seed, rows) for rows in self.picked]
        self._show(folder, sampler, terms)
        found = {"picked": [list(rows) for rows in self.picked], "measured": None}
        protocol = {**facts(run, "G"), "seed": self.seed, "noise": self.noise}
        if why_not is not None:
            folder.announce(f"Not measured: {why_not}")
            return {**found, "protocol": {**protocol, "not_measured": why_not}}

        def graded() -> dict[str, Any]:
            judges, known = self._judges(folder, run, "second", self.attributes())
            return {"measured": self._graded(sampler, terms, judges), "known": known}

        done = folder.step("graded", graded)
        after, before = ({name: [one[part]] for name, one in done["measured"].items()} for part in ("result", "before"))
        (row,) = trial_rows([self.picked], after, before)
        near = {f"{name}, near": one["near"] for name, one in done["measured"].items()}
        folder.table("trials.csv", [{**row, **near}])
        told = {
            "judges": "grade: of the second half of the training images",
            **known_as("judges", done["known"]),
            "before": "the mean of the third group",
            "near": f"the {NEAR} around the result",
        }
        return {**found, "measured": done["measured"], "protocol": {**protocol, **told}}

    def _graded(self, sampler: Sampler, terms: list[Tensor], judges: Mapping[str, Judge]) -> dict[str, Any]:
        """The shares that have each attribute: of the one before the arithmetic, its result, and those around it."""
        around = sampler.at(surroundings(terms, self.noise, self.seed))
        before = sampler.at(terms[2].mean(0, keepdim=True))
        found = {}
        for name, judge in judges.items():
            seen = judge(around)
            near = np.delete(seen, MIDDLE)
            found[name] = {
                part: float(one.mean())
                for part, one in (("before", judge(before)), ("result", seen[MIDDLE]), ("near", near))
            }
        return found

    # by judges: many trials

    def _by_judges(self, folder: StudyFolder, run: Run, sampler: Sampler) -> Mapping[str, Any]:
        def pooled() -> dict[str, Any]:
            judges, known = self._judges(folder, run, "first", self.attributes()[:2])
            return {"groups": self._pool(sampler, judges), "known": known}

        def tried() -> dict[str, Any]:
            judges, known = self._judges(folder, run, "second", self.attributes())
            return {**self._tried(folder, sampler, picks, judges), "known": known}

        pool = folder.step("pool", pooled)
        groups = {term: np.array(rows, np.int64) for term, rows in pool["groups"].items()}
        picks = [self._pick(groups, trial) for trial in range(self.trials)]
        different = {term: len({tuple(sorted(one[i])) for one in picks}) for i, term in enumerate(TERMS)}
        for term, count in different.items():
            if count < self.trials:
                folder.announce(
                    f"The term '{term}' has {count} different groups in {self.trials} trials: they are not independent."
                )
        self._show(folder, sampler, [latents_of(sampler, self.seed, rows) for rows in picks[0]])
        done = folder.step("trials", tried, draws=("trials.png",))
        after, before = ({name: np.array(one) for name, one in done[when].items()} for when in ("after", "before"))
        folder.table("trials.csv", trial_rows(picks, after, before))
        same = {name: after[name] == before[name] for name in self.others}
        return {
            "attribute_appears": float(after[self.attribute].mean()),
            "attribute_interval": interval(after[self.attribute]),
            "other_stays": float(after[self.other].mean()),
            "other_interval": interval(after[self.other]),
            "others_stay": {name: float(stays.mean()) for name, stays in same.items()},
            "others_intervals": {name: interval(stays) for name, stays in same.items()},
            "before": {name: float(seen.mean()) for name, seen in before.items()},
            "trials": self.trials,
            "different_groups": different,
            "in_pool": {term: len(rows) for term, rows in groups.items()},
            "protocol": {
                **facts(run, "G"),
                "judges": "pick: of the first half of the training images; grade: of the second",
                **known_as("judges", done["known"]),
                **known_as("pickers", pool["known"]),
                "intervals": "Wilson, 95 %",
                "seed": self.seed,
            },
        }

    def _judges(
        self, folder: StudyFolder, run: Run, half: Half, names: Sequence[str]
    ) -> tuple[dict[str, Judge], dict[str, Any]]:
        """Judges of these attributes, and what is known of each."""
        found = {name: attribute_judge(run, name, half, folder.announce) for name in names}
        for name, (_, known) in found.items():
            accuracy = known["balanced_accuracy"]
            poor = "" if accuracy >= GOOD else f": less than {GOOD:.0%}, so the numbers say little"
            folder.announce(f"A judge of {name} has a balanced accuracy of {accuracy:.1%}{poor}.")
        return {name: judge for name, (judge, _) in found.items()}, {name: known for name, (_, known) in found.items()}

    def _pool(self, sampler: Sampler, judges: Mapping[str, Judge]) -> dict[str, list[int]]:
        """The latents of the pool that are for each term."""
        pool = sampler.images(self.seed, range(self.pool))
        groups = self._groups(*(judges[name](pool) for name in self.attributes()[:2]))
        return {term: rows.tolist() for term, rows in groups.items()}

    def _tried(
        self, folder: StudyFolder, sampler: Sampler, picks: Sequence[Sequence[Array]], judges: Mapping[str, Judge]
    ) -> dict[str, Any]:
        """What judges see of each trial, before and after the arithmetic."""
        sums = sampler.at(torch.cat([sum_of([latents_of(sampler, self.seed, rows) for rows in one]) for one in picks]))
        kept = sampler.at(torch.cat([latents_of(sampler, self.seed, one[2]).mean(0, keepdim=True) for one in picks]))
        folder.picture("trials.png", grid(sums[:64], columns=8))
        return {
            when: {name: judge(images).tolist() for name, judge in judges.items()}
            for when, images in (("before", kept), ("after", sums))
        }

    def _show(self, folder: StudyFolder, sampler: Sampler, terms: list[Tensor]) -> None:
        """The terms with their result among eight around it, and these nine by themselves."""
        around = sampler.at(surroundings(terms, self.noise, self.seed))
        folder.picture("arithmetic.png", page(sampler, terms, around))
        folder.picture("result.png", grid(around, columns=3))

    def _groups(self, has: Array, is_other: Array) -> dict[str, Array]:
        """Which latents of the pool are for which term."""
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
        return groups

    def _pick(self, groups: Mapping[str, Array], trial: int) -> list[Array]:
        draw = keyed(self.seed, "arithmetic", trial)
        return [draw.choice(groups[term], self.group, replace=False) for term in TERMS]


@dataclass(frozen=True)
class HasAttribute:
    """Whether images have an attribute: uint8 [N, H, W, C] -> bool [N]."""

    judge: JudgeExtractor

    def __call__(self, images: Array) -> Array:
        probabilities = self.judge.look(images).probabilities
        assert probabilities is not None
        found: Array = probabilities.argmax(1) == 1
        return found


def check_not_told(G: nn.Module, whose: str) -> None:
    if G.classes is not None:
        raise GanatomyError(f"{whose} is told its classes: interpolate between them instead.")


def check_picked(picked: tuple[tuple[int, ...], ...]) -> None:
    if len(picked) != 3 or not all(picked):
        raise GanatomyError("picked has three lists of numbers, such as picked=[[1,2,3],[4,5,6],[7,8,9]].")
    for number in (number for numbers in picked for number in numbers):
        if not 0 <= number < NUMBERED:
            raise GanatomyError(f"picked: there is no {number} in numbered.png, whose numbers are 0 to {NUMBERED - 1}.")


def attribute_data(images: Spec, attribute: str) -> tuple[ImageSet, Spec]:
    """Images with a boolean column of theirs as labels: class 1 has the attribute."""
    spec = images.replace(label=attribute)
    data: ImageSet = spec.build().open()
    names = data.classes or ()
    if names != (f"not {attribute}", attribute) and names not in YES:
        shown = ", ".join(names[:4]) + (", ..." if names[4:] else "")
        raise GanatomyError(
            f"{attribute} of {data.source} has the classes {shown}: an attribute is there or is not, so its column is "
            "of booleans, or of 0 and 1."
        )
    if not can_be_judged(data):
        raise GanatomyError(f"{attribute} of {data.source} is there always or never, or there are too few images.")
    refuse_seen(data)
    return data, spec


def attribute_judge(
    run: Run, attribute: str, half: Half, announce: Callable[[str], None]
) -> tuple[HasAttribute, dict[str, Any]]:
    """A classifier of a boolean attribute of the run's data, trained on a half of it, and what is known of it."""
    data, spec = attribute_data(run.recipe.data, attribute)
    judge = judge_of(data if half == "first" else halves_swapped(data), spec, announce)
    known = {"balanced_accuracy": balanced_accuracy(data, judge), "sha256": judge.judge.sha256}
    return HasAttribute(judge), known


def halves_swapped(data: ImageSet) -> ImageSet:
    """The same with the second half of the training images first: a judge learns from the first one."""
    order = np.roll(np.arange(len(data.train)), -(len(data.train) // 2))
    labels = None if data.train.labels is None else data.train.labels[order]
    return replace(data, train=Split(data.train.images[order], labels), content=f"{data.content}:halves swapped")


def known_as(title: str, known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What is known of judges, by attribute, as a protocol has it."""
    names = ("balanced_accuracy", "sha256")
    return {f"{title}_{name}": {attribute: one[name] for attribute, one in known.items()} for name in names}


def trial_rows(
    picks: Sequence[Sequence[Any]], after: Mapping[str, Any], before: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A row of the table for each trial: the numbers of the latents of each term, and what was seen."""
    return [
        {
            "trial": trial,
            **{term: " ".join(map(str, rows)) for term, rows in zip(TERMS, pick, strict=True)},
            **{f"{name}, before": int(seen[trial]) for name, seen in before.items()},
            **{f"{name}, after": int(seen[trial]) for name, seen in after.items()},
        }
        for trial, pick in enumerate(picks)
    ]


def interval(seen: Array) -> dict[str, float]:
    """Wilson's interval of 95 % around the share of trials [N] that are true; trials are taken for independent.

    >>> interval(np.array([True] * 10))["high"]
    1.0
    """
    found = binomtest(int(seen.sum()), len(seen)).proportion_ci(method="wilson")
    return {"low": float(found.low), "high": float(found.high)}


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


def surroundings(terms: list[Tensor], noise: float, seed: int) -> Tensor:
    """The sum of the terms in the middle of eight of it with a little noise: [9, size]."""
    size = terms[0].shape[1]
    draw = torch.from_numpy(keyed(seed, "arithmetic noise").standard_normal((NEAR + 1, size), dtype=np.float32))
    draw[MIDDLE] = 0
    return sum_of(terms) + noise * draw


def page(sampler: Sampler, terms: list[Tensor], around: Array) -> Any:
    """Three rows for the terms, each its members and their mean; then the result among eight of it with noise."""
    rows = [sampler.at(torch.cat([term, term.mean(0, keepdim=True)])) for term in terms]
    columns = max(3, *(len(row) for row in rows))
    pages = [pad(row, columns) for row in (*rows, around[:3], around[3:6], around[6:])]
    names = ["with, mean last", "- without", "+ other", "=", "", ""]
    return grid(np.concatenate(pages), columns=columns, row_names=names)


def pad(images: Array, columns: int) -> Array:
    """A row filled up with white pictures."""
    return np.concatenate([images, np.full((columns - len(images), *images.shape[1:]), 255, np.uint8)])[:columns]
