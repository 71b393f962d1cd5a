"""Names for what recipe files may speak of: looked up here and nowhere else, so a recipe file cannot run code."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ganatomy.core.errors import GanatomyError, unknown

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Registry(Mapping[str, T]):
    """Things by name. Two things may not share a name."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._things: dict[str, T] = {}

    def add(self, name: str, thing: T) -> None:
        if name in self._things and self._things[name] is not thing:
            raise GanatomyError(f"Two things want to be the {self.kind} '{name}': rename one of them.")
        self._things[name] = thing

    def __getitem__(self, name: str) -> T:
        if name not in self._things:
            raise unknown(self.kind, name, self._things)
        return self._things[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self._things.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._things

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._things))

    def __len__(self) -> int:
        return len(self._things)


parts: Registry[Callable[..., Any]] = Registry("part")


def part(thing: F) -> F:
    """Register a class or function under its own name, so that a `Spec` and a recipe file can name it.

    What stands before the `*` in its signature is handed over when it is built; what stands after is what a recipe
    sets.
    """
    parts.add(thing.__name__, thing)
    return thing
