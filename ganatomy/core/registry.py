"""The names that recipe files may use. They are looked up here and nowhere else, so a recipe file cannot run code."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ganatomy.core.errors import GanatomyError, unknown

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Registry(Mapping[str, T]):
    """A mapping from names to things of one kind, sorted by name. Registering a name twice is an error."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._things: dict[str, T] = {}

    def add(self, name: str, thing: T) -> None:
        """Register a thing. Raises GanatomyError if another one has the name."""
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
    """Decorator that registers a class or function under its own name, so that Specs and recipe files can name it.

    Its keyword-only parameters, behind the `*`, are what a recipe sets; its positional ones are given when it is built.
    """
    parts.add(thing.__name__, thing)
    return thing
