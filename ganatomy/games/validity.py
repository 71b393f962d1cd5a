"""Combinations of settings that are refused when a recipe is declared, with what to use instead."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import nn

from ganatomy.core.spec import Spec, declared_settings
from ganatomy.networks.bigan import ConvEncoder, JointDiscriminator
from ganatomy.networks.classifier import PretrainedClassifier
from ganatomy.networks.dcgan import DCGANDiscriminator
from ganatomy.networks.mlp import MLPDiscriminator, MLPGenerator
from ganatomy.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from ganatomy.networks.residual import BigGANDiscriminator
from ganatomy.objectives.adversarial import AdversarialLoss, LeastSquares, PairedLoss
from ganatomy.objectives.augment import AdaptiveAugment, DiffAugment
from ganatomy.objectives.constraints import SpectralNormalization, WeightClipping
from ganatomy.objectives.penalties import Consistency, GradientPenalty, LeCam

Settings = Mapping[str, Any]
WITHOUT_NORM = (R3GANGenerator, R3GANDiscriminator, BigGANDiscriminator)


class Chosen(NamedTuple):
    """A two-player game's settings: of the game, of G and of D; and the players' classes."""

    game: Settings
    G: Settings
    D: Settings
    players: Mapping[str, Any]

    def loss(self, *kinds: type) -> bool:
        """Whether the loss is of one of these kinds."""
        return issubclass(self.game["loss"].part, kinds)

    def penalty(self, fits: Callable[[Any], bool]) -> bool:
        """Whether there is a penalty whose class fits."""
        return any(fits(penalty.part) for penalty in self.game["penalties"])

    def augment(self, kind: type) -> bool:
        """Whether there is an augmentation of this kind."""
        return any(issubclass(augment.part, kind) for augment in self.game["augment"])

    def bounds(self, kind: type, *networks: type) -> bool:
        """Whether a constraint of this kind applies to one of these networks."""
        constraint = self.game["constraint"]
        if constraint is None or not issubclass(constraint.part, kind):
            return False
        return any(issubclass(self.players[name], networks) for name in constraint.settings["players"])

    def clips_no_gains(self) -> bool:
        """Whether gains are to be clipped though no clipped player has normalization layers."""
        if not self.bounds(WeightClipping, nn.Module) or not self.game["constraint"].settings["clip_gains"]:
            return False
        own = {"G": self.G, "D": self.D}
        return all(
            own[name].get("normalization") == "none" or issubclass(self.players[name], WITHOUT_NORM)
            for name in self.game["constraint"].settings["players"]
        )


@dataclass(frozen=True)
class Pair:
    """Two settings that exclude each other. instead: what would work. clash: whether both are chosen."""

    one: str
    other: str
    instead: str
    clash: Callable[[Chosen], bool]

    def __str__(self) -> str:
        return f"{self.one} and {self.other} do not go together: {self.instead}."


SCORES_OF_ITS_OWN = Pair(
    "a penalty on D's gradient",
    "batch norm in D",
    "it needs scores that depend on one image each; use players.D.normalization=layer, virtual or none",
    lambda c: c.penalty(lambda part: part.per_sample) and c.D.get("normalization") == "batch",
)

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
    SCORES_OF_ITS_OWN,
    Pair(
        "AdaptiveAugment",
        "a loss without a threshold between real and fake (Wasserstein, Relativistic)",
        "it asks how often D takes a training image for real; use DiffAugment, or another loss",
        lambda c: c.augment(AdaptiveAugment) and c.game["loss"].part.threshold is None,
    ),
    Pair(
        "AdaptiveAugment",
        "DiffAugment",
        "both make the same changes, and would draw the same numbers for them; use one",
        lambda c: {AdaptiveAugment, DiffAugment} <= {augment.part for augment in c.game["augment"]},
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
    Pair(
        "game.constraint.clip_gains",
        "clipped players without normalization",
        "gains are a normalization's; use game.constraint.clip_gains=false",
        Chosen.clips_no_gains,
    ),
    Pair(
        "SpectralNormalization",
        "R3GAN's players",
        "their blocks end in layers that begin at zero, which no singular value divides; use game.penalties=R1,R2",
        lambda c: c.bounds(SpectralNormalization, R3GANGenerator, R3GANDiscriminator),
    ),
)


@dataclass(frozen=True)
class Needs:
    """A player's `setting` that has no effect unless `other` has this value."""

    setting: str
    other: str
    value: Any


DEPENDENT = (
    Needs("conditioning", "conditional", True),
    Needs("embedding", "conditional", True),
    Needs("embedding", "conditioning", "concatenation"),
    Needs("embedding", "split", True),
    Needs("reference", "normalization", "virtual"),
)


def changed(part: Callable[..., Any], settings: Settings, *names: str) -> bool:
    """Whether one of these settings is there and not what the part has by default."""
    return any(name in settings and settings[name] != declared_settings(part)[name].default for name in names)


@dataclass(frozen=True)
class Idle:
    """A `setting` of a part that has no effect together with `other`. instead: what would work."""

    kind: type | tuple[type, ...]
    setting: str
    other: str
    instead: str
    clash: Callable[[Settings], bool]


IDLE = (
    Idle(
        AdversarialLoss,
        "two_sided=true",
        "smoothing=0",
        "set smoothing, or two_sided=false",
        lambda s: bool(s.get("two_sided")) and s["smoothing"] == 0,
    ),
    Idle(
        LeastSquares,
        "real_label or wanted",
        "a fake_label that is not below it",
        "set fake_label below both, for a higher score is a more real image",
        lambda s: s["fake_label"] >= min(s["real_label"], s["wanted"]),
    ),
    Idle(
        Consistency,
        "fake_weight",
        "on=real",
        "set on=both",
        lambda s: s["fake_weight"] is not None and s["on"] == "real",
    ),
    Idle(
        Consistency,
        "weight",
        "on=fake beside a fake_weight",
        "set weight alone",
        lambda s: s["fake_weight"] is not None and s["on"] == "fake",
    ),
    Idle(
        Consistency,
        "shift=0",
        "flip=false",
        "set one of them, for images must change",
        lambda s: s["shift"] == 0 and not s["flip"],
    ),
    Idle(
        GradientPenalty,
        "one_sided=true",
        "target=0",
        "set a target, or one_sided=false, for no norm is below zero",
        lambda s: s["one_sided"] and s["target"] == 0,
    ),
    Idle(
        (MLPGenerator, MLPDiscriminator),
        "normalization, activation or dropout",
        "hidden=[]",
        "they are of hidden layers; set hidden",
        lambda s: not s["hidden"] and changed(MLPDiscriminator, s, "normalization", "activation", "dropout"),
    ),
    Idle(
        (DCGANDiscriminator, ConvEncoder, JointDiscriminator),
        "normalization",
        "one entry of channels",
        "the first layer has none; set more channels, or normalization=none",
        lambda s: len(s["channels"]) == 1 and s["normalization"] != "none",
    ),
    Idle(
        PretrainedClassifier,
        "dropout or noise",
        "weights that are frozen",
        "they are of training; leave both out",
        lambda s: changed(PretrainedClassifier, s, "dropout", "noise"),
    ),
)


def idle(where: str, value: Any) -> Iterator[str]:
    """A line for every setting of a part, or of several, that has no effect. where: its dotted path."""
    for spec in value if isinstance(value, tuple) else (value,):
        if isinstance(spec, Spec):
            for one in IDLE:
                if issubclass(spec.part, one.kind) and one.clash(spec.settings):  # type: ignore[arg-type]
                    yield f"{where}: {spec.name}'s {one.setting} does nothing with {one.other}: {one.instead}."
            for name, setting in spec.settings.items():
                yield from idle(f"{where}.{name}", setting)


def repeated(game: Settings) -> Iterator[str]:
    """A line for every penalty, regularizer or augmentation that is there twice.

    Terms are stored by name, so one of the two would be lost; random numbers are keyed by name, so both would draw
    the same ones.
    """
    for where in ("penalties", "regularizers", "augment"):
        pieces = game.get(where, ())
        owned = [(piece.name, owner) for piece in pieces for owner in piece.settings.get("players", ("D",))]
        for name in dict.fromkeys(name for name, owner in owned if owned.count((name, owner)) > 1):
            yield f"game.{where} has {name} twice: say once what both are to do (Consistency: on=both, fake_weight)."


def ignored(game: Spec, players: Mapping[str, Spec]) -> Iterator[str]:
    """A line for every setting of a game and its players that has no effect."""
    yield from idle("game", game)
    for name, player in players.items():
        yield from idle(f"players.{name}", player)
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


def refusals(game: Spec, players: Mapping[str, Spec]) -> Iterator[str]:
    """A line for every combination of a two-player game's settings that is refused."""
    parts = {name: player.part for name, player in players.items()}
    chosen = Chosen(game.settings, players["G"].settings, players["D"].settings, parts)
    yield from (str(pair) for pair in EXCLUDED if pair.clash(chosen))
    yield from repeated(game.settings)
    yield from ignored(game, players)
