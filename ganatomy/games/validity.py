"""Which pieces of a two-player game do not go together, and what does."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ganatomy.core.spec import Spec, declared_settings
from ganatomy.objectives.adversarial import PairedLoss
from ganatomy.objectives.augment import AdaptiveAugment
from ganatomy.objectives.penalties import LeCam

Settings = Mapping[str, Any]


class Chosen(NamedTuple):
    """The settings of the game and of its two players."""

    game: Settings
    G: Settings
    D: Settings

    def loss(self, *kinds: type) -> bool:
        return issubclass(self.game["loss"].part, kinds)

    def penalty(self, fits: Callable[[Any], bool]) -> bool:
        return any(fits(penalty.part) for penalty in self.game["penalties"])

    def augment(self, kind: type) -> bool:
        return any(issubclass(augment.part, kind) for augment in self.game["augment"])


@dataclass(frozen=True)
class Pair:
    """Two sides that exclude each other, and what would work."""

    one: str
    other: str
    instead: str
    clash: Callable[[Chosen], bool]

    def __str__(self) -> str:
        return f"{self.one} and {self.other} do not go together: {self.instead}."


EXCLUDED = (
    Pair(
        "order=simultaneous",
        "several steps (d_steps, g_steps)",
        "simultaneous play is one step of each; d_steps and g_steps belong to the other orders",
        lambda c: c.game["order"] == "simultaneous" and (c.game["d_steps"], c.game["g_steps"]) != (1, 1),
    ),
    Pair(
        "a relativistic loss",
        "order=split",
        "it compares real with generated images, so D must see both in one turn; use order=alternating",
        lambda c: c.loss(PairedLoss) and c.game["order"] == "split",
    ),
    Pair(
        "penalties",
        "order=split",
        "a penalty is of real and generated images in one turn; use order=alternating",
        lambda c: bool(c.game["penalties"]) and c.game["order"] == "split",
    ),
    Pair(
        "AdaptiveAugment",
        "order=split",
        "it learns from a turn that shows D both kinds of images; use order=alternating, or DiffAugment",
        lambda c: c.augment(AdaptiveAugment) and c.game["order"] == "split",
    ),
    Pair(
        "a penalty on D's gradient",
        "batch norm in D",
        "it presupposes a score for each image alone; use players.D.normalization=layer, instance, virtual or none",
        lambda c: c.penalty(lambda part: part.per_sample) and c.D.get("normalization") == "batch",
    ),
    Pair(
        "AdaptiveAugment",
        "a loss whose scores have no middle (Wasserstein, Relativistic)",
        "it asks how often D takes a training image for real; use DiffAugment, or another loss",
        lambda c: c.augment(AdaptiveAugment) and c.game["loss"].part.middle is None,
    ),
    Pair(
        "LeCam",
        "a relativistic loss",
        "it holds scores near averages, and only their differences mean anything here; use R1",
        lambda c: c.loss(PairedLoss) and c.penalty(lambda part: issubclass(part, LeCam)),
    ),
    Pair(
        "players.G.conditioning=batch-norm",
        "another normalization of G",
        "conditional batch norm is a batch norm; use players.G.normalization=batch",
        lambda c: c.G.get("conditioning") == "batch-norm" and c.G.get("normalization") != "batch",
    ),
)


@dataclass(frozen=True)
class Needs:
    """A player's setting that does nothing, whatever it is set to, unless another one is as it says."""

    setting: str
    other: str
    value: Any


DEPENDENT = (
    Needs("conditioning", "conditional", True),
    Needs("embedding", "conditional", True),
    Needs("embedding", "conditioning", "concatenation"),
    Needs("reference", "normalization", "virtual"),
)


def refusals(game: Spec, players: Mapping[str, Spec]) -> Iterator[str]:
    """One line for everything that does not go together."""
    chosen = Chosen(game.settings, players["G"].settings, players["D"].settings)
    yield from (str(pair) for pair in EXCLUDED if pair.clash(chosen))
    for name, player in players.items():
        settings, declared = player.settings, declared_settings(player.part)
        for needs in DEPENDENT:
            if needs.setting not in settings or needs.other not in settings:
                continue
            asked_for = settings[needs.setting] != declared[needs.setting].default
            if asked_for and settings[needs.other] != needs.value:
                yield (
                    f"players.{name}.{needs.setting}={settings[needs.setting]} does nothing with "
                    f"{needs.other}={settings[needs.other]}: set players.{name}.{needs.other}={needs.value}."
                )
