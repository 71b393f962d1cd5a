"""How a claim's number is read from what runs and studies left: scores, courses of losses, results of studies."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.report.comparison import COLLAPSED, Outcome, check_one_protocol, share_of_real, x_floor
from ganatomy.report.results import protocol_line
from ganatomy.reproduce.claims import Done, Incomparable, Measure, NotRun, Reading, Studying, Training, deviation

ONE_SEED = 0.1  # of the larger number: what differs by less is not called different where a seed has no spread
LATE = 0.1  # of a course: its end

Record = Mapping[str, Any]
Number = Callable[[Outcome], float]


# numbers of a run


def record_of(outcome: Outcome) -> Record:
    if "last" not in outcome.records:
        raise NotRun(f"{outcome.run.name} has no scores of the judge")
    return outcome.records["last"]


def measurement_of(outcome: Outcome) -> Record:
    """Of a run without a judge: the newest measurement under another extractor."""
    found = outcome.run.measurements.read()
    if not found:
        raise NotRun(f"{outcome.run.name} was not measured")
    return found[-1]


def distance(outcome: Outcome) -> float:
    """Fréchet distance in multiples of its floor: by the judge, or, without labels, in random features."""
    if outcome.records:
        return x_floor(record_of(outcome))
    found = measurement_of(outcome)
    return float(found["scores"]["fid"] / found["floor"]["fid"])


def is_collapsed(outcome: Outcome) -> bool:
    """Whether the last checkpoint covers hardly anything of the real images, under whatever it was measured by."""
    measured = [record for record in outcome.run.measurements.read() if "coverage" in record.get("scores", {})]
    if outcome.records or not measured:
        return outcome.collapsed
    found = measured[-1]
    return bool(found["scores"]["coverage"] < COLLAPSED * found["floor"]["coverage"])


def share(outcome: Outcome) -> float:
    return share_of_real(record_of(outcome))


def as_asked(outcome: Outcome) -> float:
    """Percent of the samples that the judge recognizes as the class asked for."""
    accuracy = record_of(outcome)["scores"]["accuracy"]
    if accuracy is None:
        raise NotRun(f"{outcome.run.name} is not asked for classes")
    return 100 * float(accuracy)


def rarest(outcome: Outcome) -> float:
    """Percent of the samples that the judge sees as the class it sees least."""
    return 100 * float(min(record_of(outcome)["scores"]["class_shares"]))


def of_real(outcome: Outcome) -> float:
    return float(record_of(outcome)["floor"]["classifier_score"])


def judged_right(outcome: Outcome) -> float:
    return 100 * float(record_of(outcome)["protocol"]["extractor_accuracy"])


JUDGED: tuple[Number, ...] = (distance, share, as_asked, rarest, of_real, judged_right)


def seconds_per_image(outcome: Outcome) -> float:
    line = outcome.run.metrics.read()[-1]
    return float(line["seconds"] / line["images"])


def course(outcome: Outcome, *names: str) -> list[float]:
    """What was logged under a name, or the mean of several, over the run."""
    lines = outcome.run.metrics.read()
    found = [[line[name] for name in names] for line in lines if all(line.get(name) is not None for name in names)]
    if not found:
        raise NotRun(f"{outcome.run.name} logged no {' and '.join(names)}")
    return [float(np.mean(values)) for values in found]


def late(*names: str) -> Number:
    """The mean over the end of a course."""

    def number(outcome: Outcome) -> float:
        values = course(outcome, *names)
        return float(np.mean(values[-max(1, round(LATE * len(values))) :]))

    return number


def percent(number: Number) -> Number:
    return lambda outcome: 100 * number(outcome)


def unrest(*names: str) -> Number:
    """The deviation over the second half of a course."""

    def number(outcome: Outcome) -> float:
        values = course(outcome, *names)
        return float(np.std(values[len(values) // 2 :]))

    return number


def rise(*names: str) -> Number:
    """The mean of the last third of a course less that of the middle one, past the beginning."""

    def number(outcome: Outcome) -> float:
        values = course(outcome, *names)
        third = max(1, len(values) // 3)
        return float(np.mean(values[-third:]) - np.mean(values[-2 * third : -third] or values[:third]))

    return number


def values_of(done: Done, training: Training, number: Number) -> list[float]:
    return [number(outcome) for outcome in done.runs(training)]


# numbers of studies


def at(record: Any, *keys: str) -> Any:
    """What stands at a path of keys."""
    for key in keys:
        record = record[key]
    return record


def study_values(done: Done, studying: Studying, *keys: str) -> list[float]:
    return [float(at(result, *keys)) for result in done.results(studying)]


# measures: of numbers


def score(training: Training, number: Number) -> Measure:
    """A number of a run's last checkpoint, with what a collapsed generator loses beside it."""

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        values = tuple(number(outcome) for outcome in outcomes)
        return Reading(values, beside=beside(outcomes), protocol=protocol(outcomes[0], number))

    return Measure((training,), read)


def of_study(studying: Studying, *keys: str, in_percent: bool = False, beside: Sequence[str] = ()) -> Measure:
    """A number of a study's result, at a path of keys; another one, at `beside`, in percent."""

    def read(done: Done) -> Reading:
        factor = 100 if in_percent else 1
        values = tuple(factor * value for value in study_values(done, studying, *keys))
        other = study_values(done, studying, *beside) if beside else []
        told = f"{' '.join(beside)} {mean_of([100 * value for value in other])} %" if other else ""
        return Reading(values, beside=told, protocol=study_protocol(done, studying))

    return Measure((studying,), read)


# measures: of findings


def seen(
    needs: Sequence[Training], holds: Callable[[Sequence[list[float]]], bool], number: Number = distance
) -> Measure:
    """Whether the numbers of several trainings, a list of seeds each, are as was found."""

    def read(done: Done) -> Reading:
        refuse_two_protocols([one for training in needs for one in done.runs(training)], number)
        found = [values_of(done, training, number) for training in needs]
        outcomes = done.runs(needs[0])
        told = ", ".join(
            f"{training.name} {mean_of(values)} ({images_of(done.runs(training))})"
            for training, values in zip(needs, found, strict=True)
        )
        fallen = [one.run.name for training in needs for one in done.runs(training) if is_collapsed(one)]
        also = f"collapsed: {', '.join(fallen)}" if fallen else ""
        return Reading(seen=told, holds=holds(found), beside=also, protocol=protocol(outcomes[0], number))

    return Measure(tuple(needs), read)


def falling(*needs: Training, number: Number = distance) -> Measure:
    """Each number lies below the one before, or is no different from it; the last lies below the first."""
    return seen(needs, falls, number)


def each(*needs: Training, number: Number = distance) -> Measure:
    """The numbers side by side, of protocols that are not compared."""

    def read(done: Done) -> Reading:
        told = ", ".join(f"{training.name} {mean_of(values_of(done, training, number))}" for training in needs)
        return Reading(seen=f"{told}, each of its own floor", holds=True)

    return Measure(needs, read)


def rising(*needs: Training, number: Number) -> Measure:
    """Each number lies above the one before, or is no different from it; the last lies above the first."""
    return seen(needs, lambda found: falls(found[::-1]), number)


def alike(*needs: Training, number: Number = distance) -> Measure:
    """No number differs from the first."""
    return seen(needs, lambda found: all(differs(found[0], other) == 0 for other in found[1:]), number)


def lowest(best: Training, *others: Training, number: Number = distance) -> Measure:
    """No other number is below, or like, that of the first."""
    return seen((best, *others), lambda found: all(differs(found[0], other) > 0 for other in found[1:]), number)


def highest(best: Training, *others: Training, number: Number) -> Measure:
    """No other number is above, or like, that of the first."""
    return seen((best, *others), lambda found: all(differs(found[0], other) < 0 for other in found[1:]), number)


def below(first: Training, edge: float, number: Number) -> Measure:
    return seen((first,), lambda found: float(np.mean(found[0])) < edge, number)


def above(first: Training, edge: float, number: Number) -> Measure:
    return seen((first,), lambda found: float(np.mean(found[0])) > edge, number)


def none_collapses(*needs: Training) -> Measure:
    return collapse(needs, lambda fallen: not any(fallen))


def all_collapse(*needs: Training) -> Measure:
    return collapse(needs, all)


def collapse(needs: Sequence[Training], holds: Callable[[list[bool]], bool]) -> Measure:
    def read(done: Done) -> Reading:
        outcomes = [outcome for training in needs for outcome in done.runs(training)]
        fallen = [is_collapsed(outcome) for outcome in outcomes]
        names = [outcome.run.name for outcome in outcomes if is_collapsed(outcome)]
        told = f"collapsed: {', '.join(names)}" if names else "none collapsed"
        far = [f"{training.name} {mean_of(values_of(done, training, distance))} x floor" for training in needs]
        return Reading(seen=told, holds=holds(fallen), beside=", ".join(far), protocol=protocol(outcomes[0]))

    return Measure(tuple(needs), read)


def result(studying: Studying, look: Callable[[Mapping[str, Any]], tuple[str, bool]]) -> Measure:
    """A finding in a study's result: `look` says what is seen there, and whether it holds; over seeds, by most."""

    def read(done: Done) -> Reading:
        looks = [look(one) for one in done.results(studying)]
        holds = sum(held for _, held in looks) * 2 > len(looks)
        return Reading(seen="; ".join(text for text, _ in looks), holds=holds, protocol=study_protocol(done, studying))

    return Measure((studying,), read)


def told(studying: Studying, look: Callable[[Mapping[str, Any]], str]) -> Measure:
    """What a study found, where the report has nothing to compare it with."""
    return result(studying, lambda one: (look(one), True))


# comparing


def refuse_two_protocols(outcomes: Sequence[Outcome], number: Number) -> None:
    """Scores of two protocols are not set against each other."""
    if number not in JUDGED:
        return
    try:
        check_one_protocol({"": outcomes})
    except GanatomyError as error:
        raise Incomparable(str(error)) from None


def differs(a: Sequence[float], b: Sequence[float]) -> int:
    """Whether b's mean lies above (1) or below (-1) a's beyond the seeds' spread, or does not (0).

    >>> differs([4.0], [4.2]), differs([4.0], [7.0]), differs([4.0, 4.1], [3.0, 3.1]), differs([1.0, 9.0], [6.0, 6.1])
    (0, 1, -1, 0)
    """
    one, other = float(np.mean(a)), float(np.mean(b))
    several = min(len(a), len(b)) > 1
    spread = deviation(a) + deviation(b) if several else ONE_SEED * max(abs(one), abs(other))
    return 0 if abs(other - one) <= spread else int(np.sign(other - one))


def falls(found: Sequence[list[float]]) -> bool:
    """
    >>> falls([[9.0], [9.1], [4.0]]), falls([[9.0], [12.0], [4.0]]), falls([[9.0], [9.0]])
    (True, False, False)
    """
    steps = [differs(a, b) for a, b in pairwise(found)]
    return max(steps) <= 0 and differs(found[0], found[-1]) < 0


# in words


def mean_of(values: Sequence[float]) -> str:
    """
    >>> mean_of([4.0, 5.0]), mean_of([0.755]), mean_of([1234.5])
    ('4.5 ± 0.707', '0.755', '1.23e+03')
    """
    spread = f" ± {deviation(values):.3g}" if len(values) > 1 else ""
    return f"{np.mean(values):.3g}{spread}"


def beside(outcomes: Sequence[Outcome]) -> str:
    """Distance, coverage and, of a conditional run, what is recognized as asked: what no score stands without."""
    parts = [images_of(outcomes), f"{mean_of([distance(outcome) for outcome in outcomes])} x floor"]
    records = [outcome.records["last"] for outcome in outcomes if "last" in outcome.records]
    if records and all(record["scores"]["coverage"] is not None for record in records):
        covered = mean_of([record["scores"]["coverage"] for record in records])
        parts.append(f"coverage {covered} of {records[0]['floor']['coverage']:.2f}")
    if records and records[0]["scores"]["accuracy"] is not None:
        parts.append(f"as asked {mean_of([as_asked(outcome) for outcome in outcomes])} %")
    fallen = [outcome.run.name for outcome in outcomes if is_collapsed(outcome)]
    return ", ".join(parts) + (f"; collapsed: {', '.join(fallen)}" if fallen else "")


def images_of(outcomes: Sequence[Outcome]) -> str:
    """Real images shown, for a budget of time is not one of images."""
    lines = [outcome.run.metrics.read() for outcome in outcomes]
    shown = [line[-1]["images"] if line else 0 for line in lines]
    return f"{round(np.mean(shown)):,} images"


def protocol(outcome: Outcome, number: Number = distance) -> str:
    if "last" in outcome.records and number in JUDGED:
        return protocol_line(record_of(outcome))
    if number is not distance:
        return "From what is logged while training."
    found = measurement_of(outcome)["protocol"]
    return f"{found['count']:,} samples against {found['reference']}, extractor {found['extractor']}."


def study_protocol(done: Done, studying: Studying) -> str:
    """The study, its settings, and what the result says of itself, without runs and hashes."""
    known = done.results(studying)[0].get("protocol", {})
    hidden = ("run", "content", "seed", "seeds")
    facts = [f"{key} {plain(value)}" for key, value in known.items() if key not in hidden and "sha256" not in key]
    return f"Study {studying.study}: {', '.join(facts)}." if facts else f"Study {studying.study}."


def plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return " and ".join(f"{key} {plain(item)}" for key, item in value.items())
    return str(value)
