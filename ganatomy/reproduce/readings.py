"""How a claim's number is read from what runs and studies left: scores, courses of losses, results of studies."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from typing import Any

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.scores import times_floor
from ganatomy.report.comparison import SIGNIFICANT, Outcome, as_scored, check_one_protocol, share_of_real, welch
from ganatomy.report.results import protocol_line, setting
from ganatomy.reproduce.claims import (
    ENOUGH,
    UNDECIDED,
    Done,
    Incomparable,
    Measure,
    NotRun,
    Reading,
    Studying,
    Training,
    deviation,
)
from ganatomy.reproduce.fate import is_collapsed
from ganatomy.reproduce.measured import Record, in_random_features
from ganatomy.reproduce.shown import (
    Groups,
    Then,
    at_one_number,
    at_reading,
    lines_of,
    name_of,
    readings_of,
    shown,
    too_short,
)

ONE_SEED = 0.25  # of the larger number: seeds of one DCGAN of MNIST lay 6.73, 7.73 and 7.83 x floor, so far apart
ALIKE = 0.1  # of the larger number, within which several seeds' numbers are alike, where nothing is known of their kind
ERRORS = 2  # standard errors by which a course must rise, or fall
BY_CHANCE = f"within {ERRORS} standard errors of so many held-out images"
NO_SPREAD = "one seed: no spread to judge by"
WITHIN = "within the seeds' spread"
OTHERWISE_MADE = ("seeds", "checkpoint")  # fields of a measurement's protocol that may differ
LATE = 0.1  # of a course: its end
END = 1 / 3  # of a course, from which on it must rise to be said to keep rising
TREND = 0.1  # of a course, from which on it must rise to be said to have such a trend
BLOCKS = 5  # that either half of a course is cut into
LOGGED = "From what is logged while training."

Number = Callable[[Outcome], float]


# numbers of a run


def record_of(outcome: Outcome) -> Record:
    if "last" not in outcome.records:
        raise NotRun(f"{outcome.run.name} has no scores of the judge")
    return outcome.records["last"]


def measurement_of(outcome: Outcome, wanted: Callable[[Record], bool] = in_random_features) -> Record:
    """Of a run without a judge of classes: the newest measurement that is wanted, whatever else was measured since."""
    found = [one for one in outcome.run.measurements.read() if wanted(one) and one.get("which", "last") == "last"]
    if not found:
        raise NotRun(f"{outcome.run.name} was not measured")
    return found[-1]


def distance(outcome: Outcome) -> float:
    """Fréchet distance in multiples of its floor: by the judge, or, without labels, in random features."""
    return times_floor(record_of(outcome) if outcome.records else as_scored(measurement_of(outcome)))


def share(outcome: Outcome) -> float:
    return share_of_real(record_of(outcome))


def as_asked(outcome: Outcome) -> float:
    """Percent of the samples that the judge recognizes as the class asked for."""
    accuracy = record_of(outcome)["scores"]["accuracy"]
    if accuracy is None:
        raise NotRun(f"{outcome.run.name} is not asked for classes")
    return 100 * float(accuracy)


def of_real(outcome: Outcome) -> float:
    return float(record_of(outcome)["floor"]["classifier_score"])


def judged_right(outcome: Outcome) -> float:
    return 100 * float(record_of(outcome)["protocol"]["extractor_accuracy"])


JUDGED: tuple[Number, ...] = (distance, share, as_asked, of_real, judged_right)


def seconds_per_image(outcome: Outcome) -> float:
    line = lines_of(outcome)[-1]
    return float(line["seconds"] / line["images"])


MARGINS: Mapping[Number, float] = {distance: ONE_SEED, seconds_per_image: ONE_SEED}
"""What is known of the seeds' spread, as a part of the larger number; an image's seconds are no matter of the seed."""


def course(outcome: Outcome, *names: str) -> list[float]:
    """What was logged under a name, or the mean of several, over the run."""
    lines = lines_of(outcome)
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


def early(*names: str) -> Number:
    """The mean over the first tenth of a course."""

    def number(outcome: Outcome) -> float:
        values = course(outcome, *names)
        return float(np.mean(values[: max(1, round(LATE * len(values)))]))

    return number


def percent(number: Number) -> Number:
    return lambda outcome: 100 * number(outcome)


def unrest(*names: str) -> Number:
    """The deviation over the second half of a course."""

    def number(outcome: Outcome) -> float:
        values = course(outcome, *names)
        return float(np.std(values[len(values) // 2 :]))

    return number


def rise(values: Sequence[float], begin: float = END) -> tuple[float, float]:
    """Of a course from a part of it on, its second half's mean less its first's, and the standard error of that.

    What is logged depends on what was logged just before, so the error is of the means of a few blocks.

    >>> rise([9.0, 8.0, 1.0, 1.0, 3.0, 3.0])
    (2.0, 0.0)
    """
    half = (len(values) - round(begin * len(values))) // 2
    if half < 2:
        raise Incomparable("too short a course to tell whether it rises")
    parts = [block_means(part) for part in (values[-2 * half : -half], values[-half:])]
    error = float(np.sqrt(sum(np.var(part, ddof=1) / len(part) for part in parts)))
    return float(np.mean(values[-half:]) - np.mean(values[-2 * half : -half])), error


def block_means(values: Sequence[float]) -> list[float]:
    return [float(np.mean(block)) for block in np.array_split(values, min(BLOCKS, len(values)))]


def goes_up(courses: Sequence[Sequence[float]], begin: float = END) -> bool | None:
    """Whether courses, one of each seed, rise on average by more than two standard errors; None: neither up nor down.

    >>> goes_up([[5, 5, 1, 2, 3, 4]]), goes_up([[5, 5, 3, 4, 1, 1]]), goes_up([[5, 5, 1, 2, 1, 2]])
    (True, False, None)
    """
    rises, errors = zip(*(rise(one, begin) for one in courses), strict=True)
    within = float(np.sqrt(np.sum(np.square(errors)))) / len(rises)
    error, up = max(within, deviation(rises) / np.sqrt(len(rises))), float(np.mean(rises))
    return None if abs(up) <= ERRORS * error else up > 0


def behind(outcome: Outcome) -> float:
    """By how much D is righter about real images that it trained on than about others, in the second half."""
    trained, unseen = (course(outcome, name) for name in ("D/accuracy_real", "held_out/accuracy_real"))
    return float(np.mean(trained[len(trained) // 2 :]) - np.mean(unseen[len(unseen) // 2 :]))


def values_of(done: Done, training: Training, number: Number) -> list[float]:
    return [number(outcome) for outcome in done.runs(training)]


# numbers of studies


def at(record: Any, *keys: str) -> Any:
    """What stands at a path of keys."""
    for key in keys:
        record = record[key]
    return record


def newer(record: Mapping[str, Any], key: str, what: str) -> Any:
    """What a study's result has told since some version."""
    if key not in record:
        raise Incomparable(f"a result of an older version, which does not say {what}")
    return record[key]


def examined(found: Mapping[str, Any]) -> int:
    """How many held-out images a study's shares are of."""
    return int(newer(found["protocol"], "held_out", "how many images its shares are of"))


def study_values(done: Done, studying: Studying, *keys: str) -> list[float]:
    return [float(at(result, *keys)) for result in done.results(studying)]


# measures: of numbers


def score(training: Training, number: Number, soon: float | None = None) -> Measure:
    """A number of a run's last checkpoint, with what a collapsed generator loses beside it."""
    bare = of_judge(training, number)

    def read(done: Done) -> Reading:
        return replace(bare.read(done), beside=beside(done.runs(training)))

    return Measure(bare.needs, read, soon=soon)


def of_judge(training: Training, number: Number) -> Measure:
    """A number of the judge, or of real images under it, which stands in every run's scores: nothing of the run."""

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        return Reading(tuple(number(outcome) for outcome in outcomes), protocol=protocol(outcomes[0], number))

    return Measure((training,), read, part=0)


def of_study(studying: Studying, *keys: str, in_percent: bool = False, beside: Sequence[str] = ()) -> Measure:
    """A number of a study's result, at a path of keys; another one, at `beside`, in percent."""

    def read(done: Done) -> Reading:
        factor = 100 if in_percent else 1
        values = tuple(factor * value for value in study_values(done, studying, *keys))
        other = study_values(done, studying, *beside) if beside else []
        told = [f"{' '.join(beside)} {mean_of([100 * value for value in other])} %"] if other else []
        gans = [done.runs(training) for training in studying.of]
        told += [f"of {name_of(runs)}, shown {images_of(runs)}" for runs in gans]
        return Reading(values, beside="; ".join(told), protocol=study_protocol(done, studying))

    return Measure((studying,), read)


# measures: of findings


def seen(
    needs: Sequence[Training],
    holds: Callable[[Sequence[list[float]]], bool | None],
    number: Number = distance,
    limit: str = "",
) -> Measure:
    """Whether the numbers of several trainings, a list of seeds each, are as was found; `limit` is told beside.

    `holds` may leave it undecided, with None. Without a limit the trainings are set against each other, at one number
    of images, for their time may show them unequal ones; but what an image costs is no matter of their number.
    """

    def read(done: Done) -> Reading:
        groups = [list(done.runs(training)) for training in needs]
        refuse_two_protocols(list(chain(*groups)), number)
        groups, short = (groups, "") if limit or number is seconds_per_image else at_one(groups, number)
        found = [[number(outcome) for outcome in group] for group in groups]
        told = ", ".join(
            f"{name_of(group)} {mean_of(values)} ({images_of(group)})"
            for group, values in zip(groups, found, strict=True)
        )
        fallen = [one.run.name for one in chain(*groups) if is_collapsed(one)]
        also = [f"collapsed: {', '.join(fallen)}"] if fallen else []
        also += [at_what(groups)] if at_what(groups) else []
        also += [limit] if limit else [NO_SPREAD] if min(map(len, found)) == 1 else []
        held = holds(found)
        why = undecided(found) if held is None else ""
        how = protocol(groups[0][0], number)
        return Reading(seen=told, holds=held, beside="; ".join(also), protocol=how, why=why, short=short)

    part, seeds = 0 if number is seconds_per_image else ENOUGH, 1 if limit or number in MARGINS else 2
    return Measure(tuple(needs), read, part, seeds)


def at_one(groups: Groups, number: Number) -> tuple[Groups, str]:
    """Runs at one number of images; or as they ended, and why they cannot be compared. Too short is told, too."""
    try:
        found = at_one_number(groups, judged=number in JUDGED)
    except Incomparable as reason:
        return groups, str(reason)
    return found, too_short(chain(*found))


def at_what(groups: Groups) -> str:
    """At which number of images runs are compared that did not end there."""
    cut = [one for one in chain(*groups) if isinstance(one, Then)]
    return f"at {shown(cut[0]):,} images, the largest number that all have figures at" if cut else ""


def undecided(found: Sequence[Sequence[float]]) -> str:
    return f"{UNDECIDED}, {NO_SPREAD if min(map(len, found)) == 1 else WITHIN}"


def all_of(answers: Iterable[bool | None]) -> bool | None:
    """
    >>> all_of([True, True]), all_of([True, None]), all_of([False, None])
    (True, None, False)
    """
    found = list(answers)
    return False if False in found else None if None in found else True


def falling(*needs: Training, number: Number = distance) -> Measure:
    """Each number lies below the one before, or is like it; the last lies below the first."""
    return seen(needs, lambda found: falls(found, number), number)


def each(*needs: Training, number: Number = distance) -> Measure:
    """The numbers side by side, at one number of images, of protocols that are not compared."""

    def read(done: Done) -> Reading:
        groups, short = at_one([list(done.runs(training)) for training in needs], number)
        told = ", ".join(f"{name_of(group)} {mean_of([number(one) for one in group])}" for group in groups)
        seen, beside = f"{told}, each of its own floor", "; ".join(filter(None, (at_what(groups), short)))
        return Reading(seen=seen, holds=True, beside=beside)

    return Measure(needs, read)


def rising(*needs: Training, number: Number) -> Measure:
    """Each number lies above the one before, or is like it; the last lies above the first."""
    return seen(needs, lambda found: falls(found[::-1], number), number)


def alike(*needs: Training, number: Number = distance) -> Measure:
    """All numbers are like the first."""
    return seen(needs, lambda found: is_every(found, number, 0), number)


def lowest(best: Training, *others: Training, number: Number = distance) -> Measure:
    """All other numbers are above that of the first."""
    return seen((best, *others), lambda found: is_every(found, number, 1), number)


def highest(best: Training, *others: Training, number: Number) -> Measure:
    """All other numbers are below that of the first."""
    return seen((best, *others), lambda found: is_every(found, number, -1), number)


def is_every(found: Sequence[list[float]], number: Number, way: int) -> bool | None:
    """Whether all others differ so from the first: `way` as in `differs`."""
    ways = [differs(found[0], other, number) for other in found[1:]]
    return all_of(None if one is None else one == way for one in ways)


def keeps_rising(training: Training, *names: str, begin: float = END) -> Measure:
    """Whether the mean of these courses rises from there to the end, by more than two standard errors."""

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        courses = [course(outcome, *names) for outcome in outcomes]
        found = goes_up(courses, begin)
        told = ", ".join(f"{up:+.3g} ± {error:.2g}" for up, error in (rise(one, begin) for one in courses))
        return Reading(
            seen=f"{name_of(outcomes)}: last half less the first, from {begin:.0%} on, {told} ({images_of(outcomes)})",
            holds=found,
            beside=f"limit: {ERRORS} standard errors",
            protocol=LOGGED,
            why=f"{UNDECIDED}, within {ERRORS} standard errors" if found is None else "",
        )

    return Measure((training,), read)


def improves(training: Training) -> Measure:
    """Whether the distance fell from a reading in training to the newest at twice as many images."""

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        pairs = [pair for one in outcomes if (pair := half_and_end(one)) is not None]
        if len(pairs) < len(outcomes):
            raise Incomparable(f"too short: {name_of(outcomes)} has no readings in training at its half and its end")
        halves, whole = zip(*pairs, strict=True)
        found = [[distance(one) for one in part] for part in (halves, whole)]
        way = differs(found[0], found[1])
        told = [f"{mean_of(part)} ({images_of(of)})" for part, of in zip(found, (halves, whole), strict=True)]
        seen, why = f"{name_of(outcomes)} {' and '.join(told)}", undecided(found) if way is None else ""
        return Reading(seen=seen, holds=None if way is None else way < 0, protocol=protocol(whole[0]), why=why)

    return Measure((training,), read)


def half_and_end(outcome: Outcome) -> tuple[Then, Then] | None:
    """A run at its newest reading of which there is one at half as many images, too."""
    for end in sorted(readings_of(outcome), reverse=True):
        half, whole = at_reading(outcome, end // 2), at_reading(outcome, end)
        if half is not None and whole is not None:
            return half, whole
    return None


def below(first: Training, edge: float, number: Number) -> Measure:
    return seen((first,), lambda found: float(np.mean(found[0])) < edge, number, f"limit: below {edge:g}")


def above(first: Training, edge: float, number: Number) -> Measure:
    return seen((first,), lambda found: float(np.mean(found[0])) > edge, number, f"limit: above {edge:g}")


Look = Callable[[Mapping[str, Any]], tuple[str, bool | None]]


def result(studying: Studying, look: Look) -> Measure:
    """A finding in a study's result: `look` says what is seen there, and whether it holds; None: most do not say."""

    def read(done: Done) -> Reading:
        texts, answers = zip(*map(look, done.results(studying)), strict=True)
        held = next((answer for answer in (True, False) if 2 * answers.count(answer) > len(answers)), None)
        why = (
            ""
            if held is not None
            else f"{UNDECIDED}, {BY_CHANCE if None in answers else 'as many seeds for as against'}"
        )
        return Reading(seen="; ".join(texts), holds=held, protocol=study_protocol(done, studying), why=why)

    return Measure((studying,), read)


def beyond_chance(share: float, other: float, count: int) -> bool | None:
    """Whether a share of so many images lies above another, or below: by two standard errors; None: neither.

    >>> beyond_chance(0.98, 0.94, 10_000), beyond_chance(0.90, 0.94, 10_000), beyond_chance(0.942, 0.94, 10_000)
    (True, False, None)
    """
    error = np.sqrt((share * (1 - share) + other * (1 - other)) / count)
    return None if abs(share - other) <= ERRORS * error else share > other


def told(studying: Studying, look: Callable[[Mapping[str, Any]], str]) -> Measure:
    """What a study found, where the report has nothing to compare it with."""
    return result(studying, lambda one: (look(one), True))


def looked_at(training: Training) -> Measure:
    """What is for the eye alone: nothing of it is read, but there must be something to look at."""

    def read(done: Done) -> Reading:
        return Reading(seen="on the page", beside=images_of(done.runs(training)))

    return Measure((training,), read)


# comparing


def refuse_two_protocols(outcomes: Sequence[Outcome], number: Number) -> None:
    """Scores of two protocols are not set against each other."""
    judged = [outcome for outcome in outcomes if outcome.records]
    if number not in JUDGED:
        return
    if not judged:
        refuse_two_ways({one.run.name: measurement_of(one) for one in outcomes})
    elif len(judged) < len(outcomes):
        raise Incomparable("some are scored by a judge, and others, without labels, in random features")
    try:
        check_one_protocol({"": outcomes})
    except GanatomyError as error:
        raise Incomparable(str(error)) from None


def refuse_two_ways(records: Mapping[str, Record]) -> None:
    """The same of measurements, by the names of their runs."""
    (first, one), *others = records.items()
    for name, other in others:
        for field in sorted({*one["protocol"], *other["protocol"]} - {*OTHERWISE_MADE}):
            before, now = (record["protocol"].get(field) for record in (one, other))
            if before != now:
                raise Incomparable(f"{first} and {name} are not of one protocol: {field} is {before} and {now}")


def differs(a: Sequence[float], b: Sequence[float], number: Number = distance) -> int | None:
    """Whether b's mean lies above (1) or below (-1) a's, or is like it (0); None where neither can be told.

    Of several seeds by Welch's test at 5 %, as `ablate` has it; they are alike if 90 % of what the difference may be
    lies within a margin. Of one seed only beyond the margin that seeds are known to keep for this kind of number.

    >>> differs([4.0], [4.2]), differs([4.0], [7.0]), differs([4.0], [7.0], share)
    (None, 1, None)
    >>> differs([4.0, 4.1], [3.0, 3.1]), differs([4.0, 4.1, 4.2], [4.0, 4.1, 4.3]), differs([1.0, 9.0], [6.0, 6.1])
    (-1, 0, None)
    """
    one, other = float(np.mean(a)), float(np.mean(b))
    size, way = max(abs(one), abs(other)), int(np.sign(other - one))
    if min(len(a), len(b)) == 1:
        return way if abs(other - one) > MARGINS.get(number, np.inf) * size else None
    test = welch(a, b)
    if test is None or test.pvalue < SIGNIFICANT:
        return way
    farthest = max(map(abs, test.confidence_interval(1 - 2 * SIGNIFICANT)))
    return 0 if farthest <= MARGINS.get(number, ALIKE) * size else None


def falls(found: Sequence[list[float]], number: Number = distance) -> bool | None:
    """
    >>> falls([[9.0], [6.0], [4.0]]), falls([[9.0], [13.0], [4.0]]), falls([[9.0], [9.1], [4.0]])
    (True, False, None)
    """
    steps = [differs(a, b, number) for a, b in pairwise(found)]
    ways = [*(None if step is None else step <= 0 for step in steps)]
    whole = differs(found[0], found[-1], number)
    return all_of([*ways, None if whole is None else whole < 0])


# in words


def mean_of(values: Sequence[float]) -> str:
    """
    >>> mean_of([4.0, 5.0]), mean_of([0.755]), mean_of([99.97]), mean_of([1234.6])
    ('4.5 ± 0.707', '0.755', '99.97', '1,235')
    """
    spread = f" ± {in_digits(deviation(values))}" if len(values) > 1 else ""
    return f"{in_digits(float(np.mean(values)))}{spread}"


def in_digits(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3g}"


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
    return f"{round(np.mean([shown(outcome) for outcome in outcomes])):,} images"


def protocol(outcome: Outcome, number: Number = distance) -> str:
    if "last" in outcome.records and number in JUDGED:
        return protocol_line(record_of(outcome))
    if number is not distance:
        return LOGGED
    found = as_scored(measurement_of(outcome))["protocol"]
    return f"{found['count']:,} samples against {found['reference']}, extractor {found['extractor']}."


def study_protocol(done: Done, studying: Studying) -> str:
    """The study, and what one must know of its result: without runs, hashes and whole recipes."""
    known = done.results(studying)[0].get("protocol", {})
    hidden = ("run", "seed", "seeds", "rounds")
    facts = [
        f"{key} {plain(value)}"
        for key, value in known.items()
        if key not in hidden and "sha256" not in key and "content" not in key and value not in (None, [])
    ]
    return f"Study {studying.study}: {', '.join(facts)}." if facts else f"Study {studying.study}."


def plain(value: Any) -> str:
    """In words; a path without what is above it, and what has a name, such as a recipe, by that."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return str(value.get("name") or " and ".join(f"{key} {plain(item)}" for key, item in value.items()))
    return setting(value)
