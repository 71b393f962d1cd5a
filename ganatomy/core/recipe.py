"""A recipe is data: everything that decides a run, and nothing else. It can be written to YAML and read back."""

import dataclasses
import functools
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import NonNegativeInt, PositiveInt
from torch import nn

from ganatomy.core.errors import GanatomyError, near, one_line, unknown
from ganatomy.core.game import Game
from ganatomy.core.kinds import Averaging, Data, Scoring, Stepper
from ganatomy.core.registry import Registry
from ganatomy.core.spec import (
    Spec,
    checked_value,
    from_plain,
    handed_over,
    key_and_value,
    overridden,
    parsed,
    read_yaml,
    to_plain,
)
from ganatomy.core.watch import Stop, Watch

Precision = Literal["auto", "float32", "bfloat16", "float64"]

DESCRIPTION = frozenset({"name", "paper", "expected", "time"})
"""Fields that say what a recipe is for; two runs that differ in them alone are the same run."""

WATCHING = frozenset({"images", "watch", "scores", "stop"})
"""Fields that decide how long a run goes and what is looked at, but never a weight."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to run.

    Batches and budgets are counted in images: `batch` is the global batch of all processes, `images` the real images
    drawn from the data by the time the run is done. `init_from` is the folder of a run whose last weights this one
    starts from, or its best ones with "@best" behind it.
    """

    name: str
    paper: str = ""
    expected: str = "not measured"
    time: str = "not measured"
    data: Annotated[Spec, Data]
    game: Annotated[Spec, Game]
    players: Mapping[str, Annotated[Spec, nn.Module]]
    optimizers: Mapping[str, Annotated[Spec, Stepper]]
    batch: PositiveInt = 128
    accumulate: PositiveInt = 1
    images: PositiveInt
    seed: NonNegativeInt = 0
    init_from: str | None = None
    precision: Precision = "auto"
    average: Annotated[Spec, Averaging] | None = None
    watch: Annotated[Spec, Watch]
    scores: Annotated[Spec, Scoring] | None = None
    stop: Annotated[Spec, Stop] = Spec(Stop)  # noqa: RUF009 (frozen data)

    def __post_init__(self) -> None:
        for name, annotation in field_types().items():
            value = getattr(self, name)
            if isinstance(value, Mapping) and not isinstance(value, Spec):
                kind = typing.get_args(annotation)[1]
                value = {key: checked_value(f"{self.name}.{name}.{key}", kind, item) for key, item in value.items()}
            else:
                value = checked_value(f"{self.name}.{name}", annotation, value)
            object.__setattr__(self, name, value)
        self._check_players()
        patience = self.stop.settings["patience"]
        if patience is not None and (self.scores is None or not self.watch.settings["score"]):
            raise GanatomyError(
                f"{self.name}: stop.patience={patience} watches the scores, and this recipe takes none: it needs "
                "scores and watch.score."
            )

    def _check_players(self) -> None:
        seats = handed_over(self.game.part)
        kinds = typing.get_type_hints(self.game.part.__init__)
        needed = ", ".join(seats)
        if set(self.players) != set(seats):
            there = ", ".join(map(str, self.players))
            raise GanatomyError(f"{self.name}: {self.game.name} is played by {needed}, not by {there}.")
        movers = [seat for seat in seats if seat not in typing.cast(type[Game], self.game.part).frozen]
        if set(self.optimizers) != set(movers):
            there = ", ".join(map(str, self.optimizers))
            raise GanatomyError(f"{self.name}: optimizers are needed for {', '.join(movers)}, not for {there}.")
        for name in self.average.settings.get("players", ()) if self.average else ():
            if name not in movers:
                raise unknown("player to average", name, movers)
        for name, player in self.players.items():
            if not issubclass(typing.cast(type, player.part), kinds.get(name, nn.Module)):
                raise GanatomyError(f"{self.name}: players.{name} is a {player.name}, not a {kinds[name].__name__}.")
        part = typing.cast(type[Game], self.game.part)
        for problem in part.refusals(self.game, self.players):
            raise GanatomyError(f"{self.name}: {problem}")
        if self.batch % self.accumulate:
            raise GanatomyError(
                f"{self.name}: a batch of {self.batch} cannot be cut into {self.accumulate} equal parts."
            )

    def replace(self, **fields: Any) -> "Recipe":
        """A variant: the same recipe with other fields."""
        return dataclasses.replace(self, **fields)

    def override(self, key: str, text: str) -> "Recipe":
        """The recipe with one existing field, by its dotted name, read from text.

        >>> recipe.override("optimizers.D.lr", "1e-4")  # doctest: +SKIP
        """
        return self.overridden([f"{key}={text}"])

    def overridden(self, assignments: typing.Iterable[str]) -> "Recipe":
        """The recipe after `KEY=VALUE` words of a command line, a part's before those of its settings.

        Whether all of it goes together is asked once, in the end: no order of the words makes a difference.
        """
        fields = {name: getattr(self, name) for name in field_types()}
        for key, text in sorted(map(key_and_value, assignments), key=lambda word: word[0].count(".")):
            name = key.split(".")[0]
            if name not in fields:
                raise GanatomyError(f"{self.name} has no field '{name}' (of '{key}'). {near(name, fields)}")
            fields[name] = self._read(fields[name], key, text)
        return self.replace(**fields)

    @staticmethod
    def _read(value: Any, key: str, text: str) -> Any:
        """A field's value after one word."""
        name, *path = key.split(".")
        if path:
            return overridden(key, path, value, text, field_types()[name])
        if isinstance(value, Mapping):
            raise GanatomyError(f"'{key}' holds several parts: name one of {', '.join(value)}.")
        return parsed(key, field_types()[name], text)

    def to_yaml(self) -> str:
        plain = {field.name: to_plain(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)

    @classmethod
    def from_yaml(cls, text: str, origin: str = "recipe") -> "Recipe":
        try:
            plain = read_yaml(text)
        except yaml.YAMLError as error:
            raise GanatomyError(f"{origin} is not YAML: {one_line(error)}") from None
        if not isinstance(plain, dict):
            raise GanatomyError(f"{origin} holds no recipe.")
        for name in plain:
            if name not in field_types():
                raise GanatomyError(f"{origin}: a recipe has no field '{name}'. {near(str(name), field_types())}")
        missing = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING and f.name not in plain]
        if missing:
            raise GanatomyError(f"{origin} lacks {', '.join(missing)}.")
        return cls(**{name: from_plain(value) for name, value in plain.items()})

    def flat(self) -> dict[str, Any]:
        """Every field by its dotted name."""
        rows: dict[str, Any] = {}
        for name in field_types():
            _flatten(name, to_plain(getattr(self, name)), rows)
        return rows

    def differences(self, other: "Recipe", ignoring: typing.Container[str] = DESCRIPTION) -> list[str]:
        """One line for each field that differs, as `field: here -> there`."""
        here, there = self.flat(), other.flat()
        names = [name for name in {**here, **there} if name.split(".")[0] not in ignoring and name not in ignoring]
        absent = "(absent)"
        return [
            f"{name}: {here.get(name, absent)} -> {there.get(name, absent)}"
            for name in names
            if here.get(name, absent) != there.get(name, absent)
        ]


@functools.cache
def field_types() -> dict[str, Any]:
    return typing.get_type_hints(Recipe, include_extras=True)


def _flatten(name: str, plain: Any, rows: dict[str, Any]) -> None:
    if isinstance(plain, Mapping):
        for key, value in plain.items():
            _flatten(f"{name}.{key}", value, rows)
    else:
        rows[name] = plain


recipes: Registry[Callable[[], Recipe]] = Registry("recipe")


def recipe(function: Callable[[], Recipe]) -> Callable[[], Recipe]:
    """Register a function that returns a Recipe under its name with dashes: `digits_dcgan` is `digits-dcgan`."""
    recipes.add(function.__name__.replace("_", "-"), function)
    return function


def read_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file."""
    try:
        return Recipe.from_yaml(path.read_text(encoding="utf-8"), origin=str(path))
    except UnicodeDecodeError as error:
        raise GanatomyError(f"{path} is not YAML: {one_line(error)}") from None
    except OSError as error:
        raise GanatomyError(f"{path} cannot be read: {error.strerror}.") from None


def find_recipe(name: str) -> Recipe:
    """A registered recipe by name, or the recipe of a YAML file or of a run folder by path."""
    if name in recipes:
        return recipes[name]()
    path = Path(name)
    if path.is_dir() and (path / "recipe.yaml").is_file():
        path = path / "recipe.yaml"
    if path.is_file():
        return read_recipe(path)
    if path.suffix in (".yaml", ".yml") or "/" in name:
        raise GanatomyError(f"No recipe file '{name}'.")
    raise unknown("recipe", name, recipes)
