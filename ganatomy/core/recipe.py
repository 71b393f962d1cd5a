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
from ganatomy.core.kinds import Averaging, Data, OptimizerSettings, Scoring
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
"""Fields that only describe a recipe: runs that differ in nothing else are the same run."""

WATCHING = frozenset({"images", "watch", "scores", "stop"})
"""Fields that decide how long a run is and how it is observed, but no weight: they may change when it is resumed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to train, on what, how, and for how long: frozen data that can be written as YAML and read back.

    name: of the recipe, and of its run's folder unless another is named.
    paper, expected, time: where it is from; the score to expect; how long it takes on which hardware.
    data: the images and their preparation.
    game: who plays, with which loss, in which order.
    players: the network of every player of the game.
    optimizers: of every player that is not frozen.
    batch: images in a global batch, over all processes and micro-batches.
    accumulate: micro-batches per process.
    images: the budget: real images shown by the end of the run.
    seed: of all random numbers.
    init_from: a run's folder, whose last weights to start from, or its best ones with "@best" appended.
    precision: of the arithmetic; "auto": bfloat16 autocast where the hardware has it, else float32.
    average: a moving average of players' weights; None: none is kept.
    watch: how often the run is logged, sampled, scored and saved.
    scores: how samples are scored; None: not at all.
    stop: early stopping.

    Raises GanatomyError, when it is declared, for settings that are unknown, out of range, or do not go together.
    """

    name: str
    paper: str = ""
    expected: str = "not measured"
    time: str = "not measured"
    data: Annotated[Spec, Data]
    game: Annotated[Spec, Game]
    players: Mapping[str, Annotated[Spec, nn.Module]]
    optimizers: Mapping[str, Annotated[Spec, OptimizerSettings]]
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
        """A variant: this recipe with some fields replaced."""
        return dataclasses.replace(self, **fields)

    def override(self, key: str, text: str) -> "Recipe":
        """The recipe with one field changed: named by its dotted path, its value parsed from text.

        >>> recipe.override("optimizers.D.lr", "1e-4")  # doctest: +SKIP
        """
        return self.overridden([f"{key}={text}"])

    def overridden(self, assignments: typing.Iterable[str]) -> "Recipe":
        """The recipe after the `KEY=VALUE` overrides of a command line.

        Their order does not matter: a part is set before its own settings, and the whole is validated once, at the end.
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
        """A field's value after one override."""
        name, *path = key.split(".")
        if path:
            return overridden(key, path, value, text, field_types()[name])
        if isinstance(value, Mapping):
            raise GanatomyError(f"'{key}' holds several parts: name one of {', '.join(value)}.")
        return parsed(key, field_types()[name], text)

    def to_yaml(self) -> str:
        """The whole recipe as YAML, defaults included."""
        plain = {field.name: to_plain(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)

    @classmethod
    def from_yaml(cls, text: str, origin: str = "recipe") -> "Recipe":
        """The recipe in a YAML text, from which no code is run. Errors, all GanatomyError, name its `origin`."""
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
        """Every setting by its dotted path, as plain values."""
        rows: dict[str, Any] = {}
        for name in field_types():
            _flatten(name, to_plain(getattr(self, name)), rows)
        return rows

    def differences(self, other: "Recipe", ignoring: typing.Container[str] = DESCRIPTION) -> list[str]:
        """A line `field: here -> there` for every setting that differs, but for the fields in `ignoring`."""
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
    """The annotations of a recipe's fields, resolved."""
    return typing.get_type_hints(Recipe, include_extras=True)


def _flatten(name: str, plain: Any, rows: dict[str, Any]) -> None:
    if isinstance(plain, Mapping):
        for key, value in plain.items():
            _flatten(f"{name}.{key}", value, rows)
    else:
        rows[name] = plain


recipes: Registry[Callable[[], Recipe]] = Registry("recipe")


def recipe(function: Callable[[], Recipe]) -> Callable[[], Recipe]:
    """Decorator that registers a function returning a Recipe, under its name with dashes: `digits-dcgan`."""
    recipes.add(function.__name__.replace("_", "-"), function)
    return function


def read_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file. Raises GanatomyError if it cannot be read."""
    try:
        return Recipe.from_yaml(path.read_text(encoding="utf-8"), origin=str(path))
    except UnicodeDecodeError as error:
        raise GanatomyError(f"{path} is not YAML: {one_line(error)}") from None
    except OSError as error:
        raise GanatomyError(f"{path} cannot be read: {error.strerror}.") from None


def find_recipe(name: str) -> Recipe:
    """A registered recipe by name; or by path that of a YAML file or a run's folder."""
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
