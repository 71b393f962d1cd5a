"""Time: which works a budget is for, and how much of it each of them has."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.train import parse_duration

FULL = "full"
ROUNDING = 1e-9  # relative
T = TypeVar("T")


def seconds_of(budget: str) -> float | None:
    """Of all works together; None: as long as each recipe's images take."""
    try:
        return None if budget == FULL else parse_duration(budget)
    except GanatomyError:
        raise GanatomyError(f"--budget {budget}: a time is wanted, such as 30m or 1h30m; or {FULL}.") from None


def is_larger(budget: str, before: str) -> bool:
    """
    >>> is_larger("1h", "30m"), is_larger("full", "30m"), is_larger("30m", "full"), is_larger("60m", "1h")
    (True, True, False, False)
    """
    now, then = (seconds_of(one) or float("inf") for one in (budget, before))
    return now > then


def chosen(claims: Sequence[tuple[float, Mapping[T, float]]], minutes: float) -> dict[T, float]:
    """The works that are begun, with the minutes that each takes at least, so that they are worth most together.

    claims: of each its worth, and the minutes that it takes of every work. Many share a work, so one after another is
    taken with what is missing for it: what costs the least for the worth of all claims that have enough by that.

    >>> chosen([(1, {"a": 5}), (1, {"a": 5, "b": 3}), (1, {"c": 3})], 9)
    {'c': 3, 'a': 5}
    >>> chosen([(1, {"a": 5}), (1, {"a": 5, "b": 1}), (1, {"c": 4})], 9)
    {'a': 5, 'b': 1}
    """
    taken: dict[T, float] = {}

    def missing(wanted: Mapping[T, float]) -> dict[T, float]:
        return {work: least for work, least in wanted.items() if least > taken.get(work, 0.0)}

    def cost(offer: Mapping[T, float]) -> float:
        return sum(least - taken.get(work, 0.0) for work, least in offer.items())

    def worth(offer: Mapping[T, float]) -> float:
        lacks = [(value, missing(wanted)) for value, wanted in claims]
        return sum(value for value, more in lacks if more and all(offer.get(w, 0.0) >= m for w, m in more.items()))

    while True:
        rest = minutes * (1 + ROUNDING) - sum(taken.values())
        offers = [offer for _, wanted in claims if (offer := missing(wanted)) and cost(offer) <= rest]
        if not offers:
            return taken
        best: dict[T, float] = max(offers, key=lambda offer: worth(offer) / cost(offer))
        taken.update(best)
