"""What a report claims, what measures it here, and how the two compare. Frozen data; nothing here trains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.core.registry import Registry
from ganatomy.report.comparison import Outcome

Kind = Literal["better", "equal", "worse", "not comparable", "not run"]
NOT_SAID = "not said"
UNDECIDED = "undecided"
ENOUGH = 0.25  # of a recipe's images, below which a run is too short to be judged by
KINDS: tuple[Kind, ...] = ("better", "equal", "worse", "not comparable", "not run")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Data that a report used.

    unasked: a named source that is taken unless `--data` says otherwise; None: it cannot simply be had.
    known_as: other names of folders or sources that are this data.
    stand_ins: names of folders that may take its place, in a folder of data sets; whatever does is told.
    """

    name: str
    what: str
    unasked: str | None = None
    known_as: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()

    def is_own(self, name: str) -> bool:
        return name.lower() in (self.name, *self.known_as)


@dataclass(frozen=True, kw_only=True)
class Training:
    """A recipe to be trained, once for each seed, whoever needs it.

    data: the report's data by name; the first is the recipe's source, others are for `overrides`, in which `{name}` is
    the source of that name, `{seed}` the seed and `{runs}` the folder of all runs.
    labelled: the data needs labels of two classes or more.
    instead: what is trained where the data is not there.
    minutes: what all its images take on two CPU cores, readings included: an estimate, by which a budget is divided,
    from the time that the recipe tells, or where it tells none from those of others like it.
    foreign: it is scored by Inception, too, where the weights are at hand.
    """

    recipe: str
    data: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    images: int | None = None
    name: str = ""
    labelled: bool = False
    after: tuple["Training", ...] = ()
    instead: "Training | None" = None
    minutes: float = 4.0
    foreign: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.recipe)


@dataclass(frozen=True, kw_only=True)
class Studying:
    """A study to be carried out, once for each seed.

    settings: as on the command line; `{0}` is the folder of the first run in `of`, the rest is as in `Training`.
    minutes: what all of it takes on two CPU cores: an estimate, for no clock stops a study.
    scaled: settings in images, as they are at full; with less time they are as much smaller.
    lacks: why it cannot be carried out here, if so, whatever the data.
    """

    study: str
    settings: tuple[str, ...]
    of: tuple[Training, ...] = ()
    data: tuple[str, ...] = ()
    scaled: tuple[tuple[str, int], ...] = ()
    minutes: float = 5.0
    name: str = ""
    lacks: Callable[[], str] = lambda: ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.study)


Work = Training | Studying


class Done(Protocol):
    """What readings read: what trainings and studies left, seed by seed. Raises NotRun where there is nothing.

    runs: of the seeds of which all that a claim needs is there. ended: of every seed, those too that ended in a loss
    that is no number.
    """

    def runs(self, training: Training) -> Sequence[Outcome]: ...

    def ended(self, training: Training) -> Sequence[Outcome]: ...

    def results(self, studying: Studying) -> Sequence[Mapping[str, Any]]: ...


class NotRun(GanatomyError):
    """Why there is no number: no data, no time, or a run that failed."""


class Incomparable(GanatomyError):
    """Why two of our own numbers cannot be set against each other."""


@dataclass(frozen=True)
class Reading:
    """A claim's numbers here. Of a finding: what was seen, in words, and whether it holds; None: undecided.

    values: one for each seed. beside: what a number must not stand without. protocol: what it was measured by.
    seeds: if it is of others than those of which all is there. why: why it cannot be set against what was reported, or
    is undecided. short: which runs were shown too few images, or unequal ones, for a verdict.
    """

    values: tuple[float, ...] = ()
    seen: str = ""
    holds: bool | None = None
    beside: str = ""
    protocol: str = ""
    seeds: tuple[int, ...] = ()
    why: str = ""
    short: str = ""


@dataclass(frozen=True)
class Measure:
    """What must be done first, and how the number is read from what that leaves.

    part: of the images of what is trained for it, that it takes; 0: it is no matter of how well that is trained.
    soon: the part from which on the number is thought to be no worse than the reported one, which is a verdict before
    that part, too; None: no sooner. by: images before which a finding can only be confirmed. seeds: that it takes for a
    verdict.
    """

    needs: tuple[Work, ...]
    read: Callable[[Done], Reading] = field(repr=False)
    part: float = ENOUGH
    seeds: int = 1
    soon: float | None = None
    by: int = 0


@dataclass(frozen=True, kw_only=True)
class Reported:
    """What the report has: its words in ours, the numbers that ours are compared with, their unit and protocol."""

    text: str
    values: tuple[float, ...] = ()
    unit: str = ""
    protocol: str = NOT_SAID


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One row.

    better: of a number, where better lies; None for a finding, which holds here or does not.
    tolerance: within which numbers are equal, if the seeds' spread is not wider.
    otherwise: what it means if a finding does not hold here.
    incomparable: why ours can only stand beside it.
    own_data: of a finding that is about the report's own data, so that others neither confirm nor refute it.
    score_of: the recipe whose images the number is a score of, as a list of recipes tells it.
    of_images: it is about so many images, or epochs: runs that the clock ended before say nothing of it.
    """

    id: str
    said: str
    reported: Reported
    measure: Measure | None = None
    better: Literal["higher", "lower"] | None = None
    tolerance: float = 0.0
    otherwise: Literal["better", "worse"] = "worse"
    incomparable: str | None = None
    own_data: bool = False
    score_of: str | None = None
    of_images: bool = False

    def __post_init__(self) -> None:
        if self.measure is None and self.incomparable is None:
            raise GanatomyError(f"{self.id}: what is not measured must say why.")
        if self.better is not None and not self.reported.values:
            raise GanatomyError(f"{self.id}: {self.better} than what? The report's numbers are missing.")


@dataclass(frozen=True, kw_only=True)
class Report:
    """A study report: what it is, the data it used, and its claims."""

    name: str
    title: str
    data: tuple[Wanted, ...]
    claims: tuple[Claim, ...]

    def __post_init__(self) -> None:
        ids = [claim.id for claim in self.claims]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise GanatomyError(f"{self.name}: two claims are called {', '.join(twice)}.")
        works: dict[str, Work] = {}
        for work in works_of(self):
            if works.setdefault(work.name, work) != work:
                raise GanatomyError(f"{self.name}: two different works are called {work.name}.")

    def wanted(self, name: str) -> Wanted:
        return next(one for one in self.data if one.name == name)


reports: Registry[Report] = Registry("report")


def figures_of(recipe: str) -> list[str]:
    """What the reports have in numbers of a recipe's images."""
    return [claim.reported.text for one in reports.values() for claim in one.claims if claim.score_of == recipe]


def works_of(report: Report) -> list[Work]:
    """What all claims need, each once, in an order in which it can be done: trainings first."""
    found: dict[Work, None] = {}
    for claim in report.claims:
        for work in claim.measure.needs if claim.measure is not None else ():
            for one in with_what_comes_before(work):
                found.setdefault(one)
    return sorted(found, key=lambda work: isinstance(work, Studying))


def with_what_comes_before(work: Work) -> list[Work]:
    before = work.of if isinstance(work, Studying) else work.after
    return [one for first in before for one in with_what_comes_before(first)] + [work]


@dataclass(frozen=True)
class Verdict:
    kind: Kind
    why: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.why}" if self.why else self.kind


def verdict(
    claim: Claim,
    reading: Reading | None,
    *,
    missing: str = "",
    replaced: str = "",
    cut: str = "",
    short: str = "",
) -> Verdict:
    """How ours stands to what was reported.

    missing: why there is no reading. replaced: which data took the place of the report's; its numbers are then not
    compared, but a finding is looked for all the same, unless it is about the report's own data. cut: which runs were
    shown fewer images than the claim is about. short: which are too short to be judged by: a finding is then neither
    confirmed nor refuted, and a number not worse, for it may be better yet.
    """
    if reading is None and claim.measure is not None:
        return Verdict("not run", missing)
    if reading is None or claim.incomparable is not None:
        return Verdict("not comparable", claim.incomparable or missing)
    short = cut or reading.short or short
    if reading.why or cut or (short and claim.better is None):
        return Verdict("not comparable", "; ".join(filter(None, (short, reading.why))))
    if replaced and (claim.better is not None or claim.own_data):
        return Verdict("not comparable", replaced)
    if claim.better is None and reading.holds is None:
        return Verdict("not comparable", UNDECIDED)
    if claim.better is None:
        return Verdict("equal", replaced) if reading.holds else Verdict(claim.otherwise, replaced)
    kind = against(claim.reported.values, reading.values, claim.better, claim.tolerance)
    return Verdict("not comparable", short) if short and kind == "worse" else Verdict(kind)


def against(reported: Sequence[float], ours: Sequence[float], better: str, tolerance: float) -> Kind:
    """Our mean beside the range of the reported numbers, widened by the tolerance or by the seeds' spread.

    >>> against((68.0, 150.0), (60.0,), "lower", 2.0), against((68.0, 150.0), (90.0,), "lower", 2.0)
    ('better', 'equal')
    >>> against((0.75,), (0.70, 0.74, 0.72), "higher", 0.0), against((0.75,), (0.70, 0.80), "higher", 0.0)
    ('worse', 'equal')
    """
    mean, allowed = float(np.mean(ours)), max(tolerance, deviation(ours))
    if min(reported) - allowed <= mean <= max(reported) + allowed:
        return "equal"
    return "better" if (mean > max(reported)) == (better == "higher") else "worse"


def deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
