"""Claims of collapse: read from all seeds that came to an end, those too that ended in a loss that is no number."""

from collections.abc import Sequence
from itertools import chain

from ganatomy.report.comparison import COLLAPSED, Outcome
from ganatomy.reproduce.claims import Done, Incomparable, Measure, Reading, Training
from ganatomy.reproduce.fate import collapse_of, course_of, is_collapsed, no_longer_falls
from ganatomy.reproduce.readings import distance, images_of, mean_of, protocol
from ganatomy.reproduce.shown import Groups, at_one_number, name_of, shown

ONE = 1.1  # classifier score of what is nearly one picture, which has 1
TOO_SHORT = "too short to tell collapse from not trained yet"


def names_of(outcomes: Sequence[Outcome]) -> str:
    return ", ".join(one.run.name + (" (a loss was no number)" if one.failed else "") for one in outcomes)


def told_of(outcomes: Sequence[Outcome]) -> str:
    fallen = [one for one in outcomes if is_collapsed(one)]
    return f"collapsed: {names_of(fallen)}" if fallen else "none collapsed"


def reading(groups: Sequence[Sequence[Outcome]], holds: bool) -> Reading:
    """What collapsed, with distances beside; of all seeds that came to an end, failed ones too."""
    whole = [[one for one in group if not one.failed] for group in groups]
    outcomes = list(chain(*groups))
    far = [
        f"{name_of(group)} {mean_of([distance(one) for one in group])} x floor ({images_of(group)})"
        for group in whole
        if group
    ]
    scored = list(chain(*whole))
    return Reading(
        seen=told_of(outcomes),
        holds=holds,
        beside=", ".join(far),
        protocol=protocol(scored[0]) if scored else "",
        seeds=tuple(sorted({one.seed for one in outcomes})),
    )


def none_collapses(*needs: Training) -> Measure:
    def read(done: Done) -> Reading:
        groups = [done.ended(training) for training in needs]
        fates = list(map(collapse_of, chain(*groups)))
        if None in fates and True not in fates:
            raise Incomparable(TOO_SHORT)
        return reading(groups, True not in fates)

    return Measure(needs, read)


def collapses(training: Training, *, by: int) -> Measure:
    """Whether every seed collapses; one that does not must have been shown as many images as it is said to take."""

    def read(done: Done) -> Reading:
        outcomes = done.ended(training)
        fates = {collapse_of(one) for one in outcomes}
        if None in fates:
            raise Incomparable(TOO_SHORT)
        sound = [shown(one) for one in outcomes if not is_collapsed(one)]
        if sound and min(sound) < by:
            raise Incomparable(f"not collapsed after {min(sound):,} images, but it is said to take {by:,}")
        return reading([outcomes], not sound)

    return Measure((training,), read, by=by)


def collapses_less(first: Training, other: Training) -> Measure:
    """Whether fewer of the first one's seeds collapse than of the other's."""

    def read(done: Done) -> Reading:
        groups = as_long([done.ended(training) for training in (first, other)])
        if None in map(collapse_of, chain(*groups)):
            raise Incomparable(TOO_SHORT)
        a, b = (sum(map(is_collapsed, group)) / len(group) for group in groups)
        if a == b == 0:
            raise Incomparable("neither collapsed, so nothing tells which does so less")
        return reading(groups, a < b)

    return Measure((first, other), read)


def as_long(groups: Sequence[Sequence[Outcome]]) -> Groups:
    """Runs at one number of images, for what was shown more may have collapsed later; failed ones as they ended."""
    if not [one for one in chain(*groups) if not one.failed]:
        return [list(group) for group in groups]
    whole = at_one_number([[one for one in group if not one.failed] for group in groups], judged=True)
    return [[*found, *(one for one in group if one.failed)] for found, group in zip(whole, groups, strict=True)]


def draws_one_picture(training: Training) -> Measure:
    """Whether all samples are nearly one picture, and training no longer changes that."""

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        scores = [one.records["last"]["scores"]["classifier_score"] for one in outcomes if "last" in one.records]
        if len(scores) < len(outcomes):
            raise Incomparable("without labels no classifier score tells one picture from several")
        courses = [course_of(one) for one in outcomes]
        alone = all(score < ONE for score in scores) and all(course[-1][0] < COLLAPSED for course in courses if course)
        if alone and not all(no_longer_falls([far for _, far in course]) for course in courses):
            raise Incomparable(TOO_SHORT)
        far = mean_of([distance(one) for one in outcomes])
        seen = f"classifier score {mean_of(scores)} (1: one picture), {far} x floor"
        return Reading(seen=f"{seen} ({images_of(outcomes)})", holds=alone, protocol=protocol(outcomes[0]))

    return Measure((training,), read)
