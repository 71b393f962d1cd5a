"""Whether a run collapsed, or is only not trained yet: told by its own course, for one score cannot tell them apart."""

from collections.abc import Sequence

from ganatomy.core.watch import Stop
from ganatomy.metrics.scores import times_floor
from ganatomy.report.comparison import COLLAPSED, Outcome

FELL = 0.8  # of the run's own best coverage
ROSE = 1.5  # times the run's own lowest distance
SETTLED = Stop(patience=3)  # scores in a row that are no better


def collapse_of(outcome: Outcome) -> bool | None:
    """True: a loss was no number, or G lost what it had, or it covers hardly anything and gets no better.

    None: it covers hardly anything, as every run does at first.
    """
    if outcome.failed is not None:
        return True
    course = course_of(outcome)
    if not course:
        return None
    covered, far = [point[0] for point in course], [point[1] for point in course]
    if covered[-1] < FELL * max(covered) and max(covered) >= COLLAPSED:
        return True
    if covered[-1] >= COLLAPSED:
        return False
    return True if no_longer_falls(far) else None


def no_longer_falls(far: Sequence[float]) -> bool:
    return SETTLED.due(far) or far[-1] > ROSE * min(far)


def course_of(outcome: Outcome) -> list[tuple[float, float]]:
    """Coverage as a share of real images', and distance in multiples of its floor: while training, and at the end."""
    last = outcome.scored.get("last")
    if last is None:
        return []
    judged = outcome.run.scores.read() if outcome.records else []
    return [
        (one["scores"]["coverage"] / one["floor"]["coverage"], times_floor(one))
        for one in (*(one for one in judged if one["images"] < last["images"]), last)
        if one["scores"]["coverage"] is not None
    ]


def is_collapsed(outcome: Outcome) -> bool:
    return collapse_of(outcome) is True
