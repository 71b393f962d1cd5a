"""How many real images runs were shown: whether that is enough, and runs at one number of them.

A budget gives time, by an estimate of what a recipe's images take, and not a number of images.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ganatomy.report.comparison import Outcome, Record
from ganatomy.report.results import recipe_of
from ganatomy.reproduce.claims import ENOUGH, Incomparable

NEAR = 0.05  # of the larger number of images, within which two runs were shown as many; batches do not end together


@dataclass(frozen=True)
class Then(Outcome):
    """A run as it stood after so many images: what was logged up to there, and what its judge read there."""

    images: int = 0


Groups = list[list[Outcome]]  # the runs of each training, a seed each


def lines_of(outcome: Outcome) -> list[Any]:
    """What was logged of a run; of one as it stood then, up to there."""
    lines = outcome.run.metrics.read()
    return [one for one in lines if one["images"] <= outcome.images] if isinstance(outcome, Then) else lines


def shown(outcome: Outcome) -> int:
    """Up to its newest score, or to its last line of figures, which is older where both are not due at once."""
    if isinstance(outcome, Then):
        return outcome.images
    ends = [*outcome.run.metrics.read()[-1:], outcome.scored.get("last", {})]
    return max(int(one.get("images", 0)) for one in ends)


def wanted(outcome: Outcome) -> int:
    """The images that its recipe trains for; 0 where that is not known."""
    return int(recipe_of(outcome.run).get("images", 0))


def is_whole(outcome: Outcome) -> bool:
    return 0 < wanted(outcome) <= shown(outcome)


def said_to_take(images: int, outcomes: Iterable[Outcome]) -> str:
    """Why runs may show it yet that do not: some were shown fewer images than it is said to take, if any."""
    return f"too short: it is said to take {images:,} images" if min(map(shown, outcomes)) < images else ""


def too_short(outcomes: Iterable[Outcome], part: float = ENOUGH) -> str:
    """Which runs were shown too few images to be judged by, if any."""
    short = [one for one in outcomes if shown(one) < part * wanted(one)]
    if not short:
        return ""
    first, others = short[0], len(short) - 1
    also = f", and {others} other{'s' if others > 1 else ''} as short" if others else ""
    enough = math.ceil(part * wanted(first))
    return f"too short: {first.run.name} at {shown(first):,} of the {enough:,} images that a verdict takes{also}"


def ended_alike(groups: Iterable[Sequence[Outcome]]) -> bool:
    """Whether runs can be compared at their ends: shown about as many images, or each as many as its recipe says."""
    outcomes = list(chain(*groups))
    ends = [shown(one) for one in outcomes]
    return min(ends) >= (1 - NEAR) * max(ends) or all(map(is_whole, outcomes))


def at_one_number(groups: Groups, *, judged: bool) -> Groups:
    """Runs that did not end alike, at the largest number of images that all were shown; the others as they are.

    judged: of the judge's readings in training, of which there must be one of each run at that number. Raises
    Incomparable where there are none.
    """
    if ended_alike(groups):
        return groups
    if judged:
        return at_one_reading(groups)
    common = min(shown(one) for one in chain(*groups))
    return [[Then(one.run, one.failed, one.records, common) for one in group] for group in groups]


def at_one_reading(groups: Groups) -> Groups:
    shortest = min(chain(*groups), key=shown)
    for images in sorted(readings_of(shortest), reverse=True):
        found = [[at_reading(one, images) for one in group] for group in groups]
        if None not in chain(*found):
            return [[one for one in group if one is not None] for group in found]
    ends = sorted({shown(one) for one in chain(*groups)})
    raise Incomparable(
        f"too short: shown {ends[0]:,} to {ends[-1]:,} images, and no reading in training that all of them have"
    )


def at_reading(outcome: Outcome, images: int) -> Then | None:
    """A run at its reading nearest to so many images, if it has one there."""
    readings = readings_of(outcome)
    nearest = min(readings, key=lambda one: abs(one - images), default=0)
    if not nearest or abs(nearest - images) > NEAR * images:
        return None
    return Then(outcome.run, outcome.failed, {"last": readings[nearest]}, nearest)


def readings_of(outcome: Outcome) -> dict[int, Record]:
    """What its judge read in training, by images shown."""
    read = outcome.run.scores.read() if outcome.records else []
    return {int(one["images"]): one for one in read}


def name_of(outcomes: Sequence[Outcome]) -> str:
    """What was trained, which may stand in another's place: its runs' name without the seed."""
    return re.sub(r"-seed\d+$", "", outcomes[0].run.name)
