"""Time: a budget divided among works by their weights."""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.train import parse_duration

FULL = "full"
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


def joined(sets: Iterable[Collection[T]]) -> list[set[T]]:
    """Sets that share a member, as one.

    >>> [sorted(one) for one in joined(["ab", "cd", "bx", "e"])]
    [['c', 'd'], ['a', 'b', 'x'], ['e']]
    """
    found: list[set[T]] = []
    for one in map(set, sets):
        found = [*(other for other in found if not other & one), one.union(*(o for o in found if o & one))]
    return found


def divided(weights: Mapping[str, tuple[float, float]], seconds: float) -> dict[str, float]:
    """Shares of a budget, by name, from weights and the minutes below which a work is not worth beginning.

    A work whose share would be too small is left out, the hungriest first, and the others have its time.

    >>> divided({"a": (1.0, 0.0), "b": (3.0, 0.0)}, 120.0)
    {'a': 30.0, 'b': 90.0}
    >>> divided({"a": (1.0, 0.0), "b": (3.0, 5.0)}, 120.0)
    {'a': 120.0}
    """
    left = dict(weights)
    while left:
        total = sum(weight for weight, _ in left.values())
        shares = {name: seconds * weight / total for name, (weight, _) in left.items()}
        short = [name for name, (_, least) in left.items() if shares[name] < 60 * least]
        if not short:
            return shares
        del left[max(short, key=lambda name: 60 * left[name][1] / shares[name])]
    return {}
