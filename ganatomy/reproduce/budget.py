"""Time: which works a budget is for, and how much of it each of them has."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.train import parse_duration

FULL = "full"
ROUNDING = 1e-9  # relative
VERDICT = 1.0  # what a claim is worth that will have one
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


Claims = Sequence[tuple[float, Mapping[T, float]]]


def chosen(claims: Claims[T], minutes: float, begun: Mapping[T, float] | None = None) -> dict[T, float]:
    """The works that are done, with the minutes that each takes at least, so that they are worth most together.

    claims: of each its worth, and the minutes that it takes of every work. begun: the minutes that works have had,
    which are of the budget, too. Those come first that cost least for their worth, unless what is worth most by itself
    has then no room, and a verdict more comes of it. In their order, in which what is short does not wait for what is
    long.

    >>> chosen([(1, {"a": 5}), (1, {"a": 5, "b": 3}), (1, {"c": 3})], 9)
    {'c': 3, 'a': 5}
    >>> chosen([(1, {"a": 5}), (1, {"a": 5, "b": 1}), (1, {"c": 4})], 9)
    {'a': 5, 'b': 1}
    >>> chosen([(1, {"a": 5}), (1, {"b": 8})], 9, begun={"b": 4})
    {'b': 8}
    >>> chosen([(1, {"a": 1}), (1, {"b": 3}), (1, {"c": 9}), (1, {"c": 9})], 11)
    {'a': 1, 'c': 9}
    """
    had = dict(begun or {})
    first, offers = cheapest_first(claims, minutes, had), fitting(claims, minutes, had)
    if not offers:
        return first
    largest = max(offers, key=lambda offer: worth(claims, had | offer))
    other = cheapest_first(claims, minutes, had | largest)
    if worth(claims, other) < worth(claims, first) + VERDICT:
        return first
    return cheapest_first([claim for claim in claims if not lacks(claim[1], other)], float("inf"), had)


def cheapest_first(claims: Claims[T], minutes: float, had: Mapping[T, float]) -> dict[T, float]:
    """Many claims share a work, so one after another is taken with what is missing for it.

    That is what costs the least for the worth of all claims that have enough by it.
    """
    taken = dict(had)
    while offers := fitting(claims, minutes, taken):
        before = worth(claims, taken)
        best = max(offers, key=lambda offer: (worth(claims, taken | offer) - before) / cost(offer, taken))
        taken = {work: least for work, least in taken.items() if work not in best} | best
    return taken


def fitting(claims: Claims[T], minutes: float, taken: Mapping[T, float]) -> list[dict[T, float]]:
    """What claims lack, where there is room for it."""
    rest = minutes * (1 + ROUNDING) - sum(taken.values())
    return [offer for _, wanted in claims if (offer := lacks(wanted, taken)) and cost(offer, taken) <= rest]


def lacks(wanted: Mapping[T, float], taken: Mapping[T, float]) -> dict[T, float]:
    return {work: least for work, least in wanted.items() if least > taken.get(work, 0.0)}


def cost(offer: Mapping[T, float], taken: Mapping[T, float]) -> float:
    return sum(least - taken.get(work, 0.0) for work, least in offer.items())


def worth(claims: Claims[T], taken: Mapping[T, float]) -> float:
    """Of all claims that have enough."""
    return sum(value for value, wanted in claims if not lacks(wanted, taken))


def evenly(wanted: Mapping[T, float], taken: Mapping[T, float], minutes: float) -> float:
    """The part of what each of these works takes, to which so many minutes more bring all that are behind it.

    >>> evenly({"a": 2, "b": 2}, {"a": 0.5}, 0.5), evenly({"a": 2, "b": 2}, {"a": 0.5}, 1.5)
    (0.25, 0.5)
    """
    begun = {work: taken.get(work, 0.0) / least for work, least in wanted.items()}
    had, least, part = 0.0, 0.0, 0.0
    for work in sorted(wanted, key=lambda one: begun[one]):
        if least and part <= begun[work]:
            break
        had, least = had + taken.get(work, 0.0), least + wanted[work]
        part = (minutes + had) / least
    return part
