"""Runs side by side, one or several seeds each: a table of numbers that may be compared.

Numbers of different protocols never share a table. A run that failed, or that collapsed, is a row like any other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.scores import times_floor
from ganatomy.report.results import deciding, failure_of, newest_evaluations, recipe_of
from ganatomy.runs.folder import RunFolder

COLLAPSED = 0.1  # of the real images' coverage
SIGNIFICANT = 0.05
THE_FIRST = "- (the first with scores)"
MEASURE_IT = "without labels: ganatomy evaluate RUN --metrics fid,prdc --extractor random"
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of one run: its newest evaluations by checkpoint, or why it failed."""

    run: RunFolder
    failed: str | None = None
    records: Mapping[str, Record] = field(default_factory=dict)

    @property
    def scored(self) -> Mapping[str, Record]:
        """Its evaluations; of a run that no judge looked at, the newest measurements in random features instead."""
        return self.records or {str(one.get("which", "last")): one for one in measured(self.run)}

    @property
    def collapsed(self) -> bool:
        """Whether the last checkpoint covers hardly anything of the real images, as every run does at first."""
        last = self.scored.get("last")
        if last is None or last["scores"]["coverage"] is None:
            return False
        return bool(last["scores"]["coverage"] < COLLAPSED * last["floor"]["coverage"])

    @property
    def seed(self) -> int:
        return int(recipe_of(self.run).get("seed", 0))


def outcome_of(run: RunFolder, failed: str | None = None) -> Outcome:
    """The outcome of a run as its folder tells it, unless it is known otherwise why it failed."""
    records = {}
    for record in newest_evaluations(run):
        for which in ("last", "best") if record["which"] == "last, also best" else (record["which"],):
            records[which] = record
    return Outcome(run, failed or failure_of(run), records)


def in_random_features(record: Record) -> bool:
    """Whether it is a Fréchet distance with its floor, as runs without labels are measured by."""
    known = "fid" in record.get("scores", {}) and "fid" in (record.get("floor") or {})
    return known and str(record["protocol"]["extractor"]).startswith("random")


def measured(run: RunFolder) -> list[Record]:
    """A run's measurements in random features, in the form of a judge's scores."""
    return [as_scored(one) for one in run.measurements.read() if in_random_features(one)]


def as_scored(record: Record) -> Record:
    """A measurement in the form of a judge's scores: its distance and coverage, and nothing that needs classes.

    At the floor's count, where that is the smaller one: both depend on it.
    """
    equal = record.get("at_floor_count", {})
    protocol = {**record["protocol"], **({"count": equal["count"]} if equal else {})}

    def named(values: Record) -> Record:
        return {
            "frechet": values.get("fid"),
            "coverage": values.get("coverage"),
            "classifier_score": None,
            "accuracy": None,
        }

    scores = equal.get("scores", record["scores"])
    return {**record, "scores": named(scores), "floor": named(record["floor"]), "protocol": protocol}


Groups = Mapping[str, Sequence[Outcome]]


def compared(runs: Sequence[RunFolder]) -> Groups:
    """Each run by itself, under its name; two of one name under their paths."""
    groups = {title: [outcome_of(run)] for title, run in zip(titles(runs), runs, strict=True)}
    check_one_protocol(groups)
    return groups


def titles(runs: Sequence[RunFolder]) -> list[str]:
    """The runs' names, or their paths where two have one name."""
    names = [run.name for run in runs]
    found = [run.name if names.count(run.name) == 1 else str(run.path) for run in runs]
    for title in found:
        if found.count(title) > 1:
            raise GanatomyError(f"{title} is named twice.")
    return found


def protocol_of(record: Record) -> dict[str, str]:
    return dict(deciding(record["protocol"]))


def check_one_protocol(groups: Groups) -> None:
    """Refuse numbers that do not belong in one column, and say which field differs."""
    first: tuple[str, dict[str, str]] | None = None
    for outcome in (one for group in groups.values() for one in group):
        for record in outcome.scored.values():
            own = protocol_of(record)
            first = first or (outcome.run.name, own)
            for name in dict.fromkeys([*first[1], *own]):
                before, value = first[1].get(name), own.get(name)
                if before != value:
                    raise GanatomyError(
                        f"{first[0]} and {outcome.run.name} are not of one protocol: {name} is {before} and {value}. "
                        "Evaluate both alike, or compare others."
                    )


def by_protocol(groups: Groups) -> list[Groups]:
    """The groups parted so that each part is of one protocol; those without numbers go with the first part."""
    parts: dict[tuple[tuple[str, str], ...], dict[str, list[Outcome]]] = {}
    bare: list[tuple[str, Outcome]] = []
    for name, outcome in ((name, one) for name, group in groups.items() for one in group):
        last = outcome.scored.get("last")
        if last is None:
            bare.append((name, outcome))
        else:
            key = tuple(protocol_of(last).items())
            parts.setdefault(key, {}).setdefault(name, []).append(outcome)
    found = list(parts.values()) or [{}]
    for name, outcome in bare:
        found[0].setdefault(name, []).append(outcome)
    return [{name: part[name] for name in groups if name in part} for part in found]


def share_of_real(record: Record) -> float:
    return float(record["scores"]["classifier_score"] / record["floor"]["classifier_score"])


COLUMNS: Mapping[str, tuple[str, Any]] = {
    "images, last": ("last", lambda record: record.get("images")),
    "seconds, last": ("last", lambda record: record.get("seconds")),
    "x floor, last": ("last", times_floor),
    "x floor, best": ("best", times_floor),
    "coverage, last": ("last", lambda record: record["scores"]["coverage"]),
    "share of real, last": ("last", lambda r: None if r["scores"]["classifier_score"] is None else share_of_real(r)),
    "as asked, last": ("last", lambda record: record["scores"]["accuracy"]),
}


def values_of(group: Sequence[Outcome], column: str) -> list[float]:
    which, number = COLUMNS[column]
    found = [number(outcome.scored[which]) for outcome in group if which in outcome.scored]
    return [value for value in found if value is not None]


def numbers(groups: Groups) -> dict[str, dict[str, Any]]:
    """What the tables are made of: of each group its seeds, and every number that has a column, seed by seed."""
    found: dict[str, dict[str, Any]] = {}
    for name, group in groups.items():
        alive = [one for one in group if one.scored]
        found[name] = {
            "seeds": [one.seed for one in alive],
            "failed_seeds": [one.seed for one in group if one.failed],
            **{column: values for column in COLUMNS if (values := values_of(alive, column))},
        }
    return found


def run_by_run(groups: Groups) -> list[dict[str, Any]]:
    """A row for each run: its seed, what became of it, and every number that has a column, None where it has not."""
    return [
        {
            "setting": name,
            "seed": one.seed,
            "run": one.run.name,
            "failed": one.failed,
            "collapsed": one.collapsed,
            **{column: next(iter(values_of([one], column)), None) for column in COLUMNS},
        }
        for name, group in groups.items()
        for one in group
    ]


def rows(groups: Groups) -> list[dict[str, str]]:
    """A row for each group: means and deviations over its runs, and how it differs from the first that has scores."""
    check_one_protocol(groups)
    names = [column for column in COLUMNS if any(values_of(group, column) for group in groups.values())]
    first = next((name for name, group in groups.items() if values_of(group, "x floor, last")), next(iter(groups)))
    base = values_of(groups[first], "x floor, last")
    found = []
    for number, (name, group) in enumerate(groups.items()):
        row = {"setting": name, "runs": survivors(group)}
        row |= {column: mean_and_deviation(values_of(group, column)) for column in names}
        own = values_of(group, "x floor, last")
        row["against the first"] = difference(base, own) if name != first else "-" if number == 0 else THE_FIRST
        row["remarks"] = remarks(group)
        found.append(row)
    return found


def survivors(group: Sequence[Outcome]) -> str:
    """How many runs the numbers are of, and of how many."""
    alive = sum(bool(one.scored) for one in group)
    return str(alive) if alive == len(group) else f"{alive} of {len(group)}"


def mean_and_deviation(values: Sequence[float]) -> str:
    """
    >>> mean_and_deviation([1.0, 2.0, 3.0]), mean_and_deviation([1234.6]), mean_and_deviation([])
    ('2.00 ± 1.00', '1,235', '-')
    """
    if not values:
        return "-"
    digits = 0 if np.mean(values) >= 1000 else 2
    mean = f"{np.mean(values):,.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):,.{digits}f}"


def welch(first: Sequence[float], other: Sequence[float]) -> Any:
    """Welch's test of two means, as scipy has it; None where one seed, or seeds all alike, leave no spread."""
    if min(len(first), len(other)) < 2 or np.std(first) == np.std(other) == 0:
        return None
    from scipy.stats import ttest_ind  # here, because it takes half a second and one seed has no use for it

    return ttest_ind(first, other, equal_var=False)


def difference(first: Sequence[float], other: Sequence[float]) -> str:
    """How the mean differs, and whether by more than the seeds do: Welch's test at 5 %.

    >>> difference([7.0, 7.2, 6.9], [4.0, 4.1, 4.3])
    '-2.90, beyond the spread (p < 0.001)'
    >>> difference([7.0], [4.0])
    '-3.00, one seed: no spread to judge by'
    """
    if not first or not other:
        return "no number"
    delta = float(np.mean(other) - np.mean(first))
    if min(len(first), len(other)) < 2:
        return f"{delta:+.2f}, one seed: no spread to judge by"
    test = welch(first, other)
    if test is None:
        return f"{delta:+.2f}, every seed alike"
    p = "< 0.001" if test.pvalue < 0.001 else f"= {test.pvalue:.3f}"
    return f"{delta:+.2f}, {'beyond' if test.pvalue < SIGNIFICANT else 'within'} the spread (p {p})"


def remarks(group: Sequence[Outcome]) -> str:
    """Failed and collapsed runs by seed, with the reason."""
    said = [f"seed {one.seed} failed: {one.failed}" for one in group if one.failed]
    said += [f"seed {one.seed} collapsed, or is not trained yet" for one in group if one.collapsed]
    said += [f"seed {one.seed} has no scores ({MEASURE_IT})" for one in group if not one.failed and not one.scored]
    return "; ".join(said) or "-"


def markdown(table: Sequence[Mapping[str, str]]) -> str:
    r"""
    >>> print(markdown([{"setting": "a|b", "runs": "1"}]))
    | setting | runs |
    | --- | --- |
    | a\|b | 1 |
    """
    head = list(table[0])
    lines = [head, ["---"] * len(head), *([row[name].replace("|", "\\|") for name in head] for row in table)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
