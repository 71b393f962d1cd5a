"""Every piece goes with every other, or is refused by a line that says why and what works."""

import functools
import itertools
import random
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.core.recipe import Recipe, find_recipe
from ganatomy.core.shape import Shape
from ganatomy.core.spec import Spec
from ganatomy.engine.optimizers import Adam
from ganatomy.experiments.build import build_engine
from ganatomy.games.acgan import ACGAN
from ganatomy.games.adversarial import Adversarial
from ganatomy.games.bigan import BiGAN
from ganatomy.games.guided import Guided
from ganatomy.games.validity import EXCLUDED
from ganatomy.networks.bigan import ConvEncoder, JointDiscriminator
from ganatomy.networks.classifier import PretrainedClassifier
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.networks.mlp import MLPDiscriminator, MLPGenerator
from ganatomy.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from ganatomy.networks.residual import BigGANDiscriminator, BigGANGenerator
from ganatomy.objectives.adversarial import Hinge, LeastSquares, Minimax, NonSaturating, Relativistic, Wasserstein
from ganatomy.objectives.augment import AdaptiveAugment, DiffAugment, InstanceNoise
from ganatomy.objectives.auxiliary import DataToData, SoftmaxCrossEntropy
from ganatomy.objectives.constraints import SpectralNormalization, WeightClipping
from ganatomy.objectives.penalties import DRAGAN, R1, R2, Consistency, GradientPenalty, LeCam
from ganatomy.objectives.regularizers import OrthogonalRegularization
from ganatomy.testing import random_images

IMAGES = random_images(Shape(1, 8, 8))
LOSSES = [Spec(kind) for kind in (NonSaturating, LeastSquares, Wasserstein, Hinge, Relativistic)]
PENALTIES = [(), (Spec(GradientPenalty),), (Spec(R1), Spec(R2), Spec(Consistency, on="both")), (Spec(LeCam),)]
CONSTRAINTS = [None, Spec(WeightClipping, players=("G", "D")), Spec(SpectralNormalization, players=("G", "D"))]
NORMS = ["batch", "virtual", "instance", "layer", "none"]
OF_VECTORS = ["none", "batch", "virtual", "layer"]
Numbers = tuple[int, ...]  # which choice of each name
Two = tuple[tuple[str, int], tuple[str, int]]


class Loose(NamedTuple):
    """A Spec that nobody checked, which takes a hundredth of the time."""

    part: Any
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        return self.part.__name__


@dataclass(frozen=True, eq=False)
class Table:
    """A game, its players at tiny width, and what is chosen for them.

    Choices are settings of the game or of one player, or of both where no name is before the dot, or a whole player, or
    the precision, of which else there are both.
    """

    game: Spec
    players: dict[str, Spec]
    choices: dict[str, list[Any]]

    @property
    def names(self) -> list[str]:
        return list(self.choices)

    @property
    def plain(self) -> dict[str, Any]:
        return {name: values[0] for name, values in self.choices.items()}

    def meant(self, numbers: Numbers) -> dict[str, Any]:
        return {name: self.choices[name][i] for name, i in zip(self.names, numbers, strict=True)}

    def parts(self, chosen: dict[str, Any]) -> dict[str, tuple[Spec, dict[str, Any]]]:
        """The game's and the players' Specs, and what is to be set of each."""
        found: dict[str, tuple[Spec, dict[str, Any]]] = {"game": (self.game, {})}
        for name, player in self.players.items():
            found[name] = (chosen.get(name, player), {})
        for key, value in chosen.items():
            who, _, name = key.rpartition(".")
            for one in () if key in (*self.players, "precision") else [who] if who else ("G", "D"):
                found[one][1][name] = value
        return found

    def declared(self, chosen: dict[str, Any]) -> Recipe:
        game, *players = (spec.replace(**own) for spec, own in self.parts(chosen).values())
        movers = [name for name in self.players if name not in self.game.part.frozen]
        return find_recipe("digits-dcgan").replace(
            game=game,
            players=dict(zip(self.players, players, strict=True)),
            optimizers=dict.fromkeys(movers, Spec(Adam)),
            batch=4,
        )

    def fits(self, numbers: Numbers) -> bool:
        """Whether the game has nothing against a combination, asked without declaring it."""
        parts = self.parts(self.meant(numbers)).items()
        loose = {name: Loose(spec.part, {**spec.settings, **own}) for name, (spec, own) in parts}
        return not any(self.game.part.refusals(loose.pop("game"), loose))

    def pairs(self, numbers: Numbers) -> set[Two]:
        return set(itertools.combinations(zip(self.names, numbers, strict=True), 2))

    @functools.cached_property
    def all_pairs(self) -> set[Two]:
        sizes = {name: range(len(values)) for name, values in self.choices.items()}
        return {((a, i), (b, j)) for a, b in itertools.combinations(self.names, 2) for i in sizes[a] for j in sizes[b]}

    def drawn(self, draw: random.Random, held: Two, times: int = 300) -> Numbers | None:
        """A random combination that fits and holds a pair, now nearer to the first of each, now not; None: none."""
        for _ in range(times):
            plain = draw.random()
            picked = {n: 0 if draw.random() < plain else draw.randrange(len(v)) for n, v in self.choices.items()}
            numbers = tuple((picked | dict(held))[name] for name in self.names)
            if self.fits(numbers):
                return numbers
        return None

    @functools.cached_property
    def sample(self) -> tuple[list[Numbers], set[Two]]:
        """Combinations that between them hold every pair that fits, always the same; and pairs that fit nowhere."""
        draw = random.Random(0)
        wanted, found, nowhere = set(self.all_pairs), list[Numbers](), set[Two]()
        while wanted:
            pair = min(wanted)
            if (best := self.drawn(draw, pair)) is None:
                nowhere.add(pair)
                wanted.remove(pair)
                continue
            for _ in range(20):
                another = self.drawn(draw, pair)
                if another is not None and len(wanted & self.pairs(another)) > len(wanted & self.pairs(best)):
                    best = another
            found.append(best)
            wanted -= self.pairs(best)
        return found, nowhere


DCGAN = {"G": Spec(DCGANGenerator, latent=4, channels=(6, 4)), "D": Spec(DCGANDiscriminator, channels=(4, 6))}
MLP = {"G": Spec(MLPGenerator, latent=4, hidden=(6, 4)), "D": Spec(MLPDiscriminator, hidden=(4, 6))}
BIGGAN = {
    "G": Spec(BigGANGenerator, latent=6, channels=(6, 4), attention=(4,)),
    "D": Spec(BigGANDiscriminator, channels=(4, 6), attention=(4,)),
}
R3GAN = {
    "G": Spec(R3GANGenerator, latent=4, channels=(6, 4), group=4),
    "D": Spec(R3GANDiscriminator, channels=(4, 6), group=4),
}
ORDERS = ["alternating", "simultaneous", "split"]
RULES: dict[str, list[Any]] = {
    "game.loss": LOSSES,
    "game.order": ORDERS,
    "game.penalties": PENALTIES,
    "game.constraint": CONSTRAINTS,
    "game.augment": [(), (Spec(AdaptiveAugment),)],
    "precision": ["float32", "bfloat16"],
}
TABLES = {
    "DCGAN": Table(
        Spec(Adversarial),
        DCGAN,
        {
            "game.loss": [
                Spec(kind) for kind in (NonSaturating, Minimax, LeastSquares, Wasserstein, Hinge, Relativistic)
            ]
            + [Spec(NonSaturating, smoothing=0.1, two_sided=True)],
            "game.order": ORDERS,
            "game.d_steps": [1, 2],
            "game.penalties": [()]
            + [(Spec(kind),) for kind in (GradientPenalty, DRAGAN, R1, Consistency, LeCam)]
            + [(Spec(R1), Spec(R2), Spec(Consistency, on="both"))],
            "game.regularizers": [(), (Spec(OrthogonalRegularization, players=("G", "D")),)],
            "game.constraint": [None, Spec(WeightClipping), Spec(SpectralNormalization, players=("G", "D"))],
            "game.augment": [(), (Spec(DiffAugment),), (Spec(AdaptiveAugment),), (Spec(InstanceNoise),)],
            "G.normalization": NORMS,
            "D.normalization": NORMS,
            "conditional": [False, True],
            "G.conditioning": ["concatenation", "batch-norm"],
            "D.conditioning": ["concatenation", "projection"],
            "G.embedding": [None, 3],
            "D.embedding": [None, 3],
            "D.minibatch_deviation": [False, True],
            "D.dropout": [0.0, 0.25],
        },
    ),
    "MLP": Table(
        Spec(Adversarial),
        MLP,
        {
            **RULES,
            "G.normalization": OF_VECTORS,
            "D.normalization": OF_VECTORS,
            "conditional": [False, True],
            "embedding": [None, 3],
            "D.dropout": [0.0, 0.25],
        },
    ),
    "BigGAN": Table(
        Spec(Adversarial),
        BIGGAN,
        {
            **RULES,
            "game.regularizers": [(), (Spec(OrthogonalRegularization, players=("G", "D")),)],
            "conditional": [False, True],
            "G.split": [True, False],
            "G.embedding": [128, 3],
        },
    ),
    "R3GAN": Table(
        Spec(Adversarial),
        R3GAN,
        {
            **RULES,
            "game.loss": LOSSES[::-1],
            "game.constraint": CONSTRAINTS[:2],
            "conditional": [False, True],
            "embedding": [32, 3],
            "blocks": [1, 2],
        },
    ),
    "ACGAN": Table(
        Spec(ACGAN),
        {"G": DCGAN["G"].replace(conditional=True), "D": DCGAN["D"]},
        {
            **RULES,
            "game.order": ORDERS[:2],
            "game.auxiliary": [Spec(SoftmaxCrossEntropy), Spec(SoftmaxCrossEntropy, smoothing=0.1), Spec(DataToData)],
            "game.on_fake": [True, False],
            "G": [players["G"].replace(conditional=True) for players in (DCGAN, MLP, BIGGAN, R3GAN)],
            "D": [players["D"] for players in (DCGAN, MLP, BIGGAN, R3GAN)],
            "D.auxiliary": ["softmax", "proxy"],
        },
    ),
    "Guided": Table(
        Spec(Guided),
        {
            **{name: player.replace(conditional=True) for name, player in DCGAN.items()},
            "C": Spec(PretrainedClassifier, run="none", channels=(4,), hidden=4),
        },
        {
            **RULES,
            "G.conditioning": ["concatenation", "batch-norm"],
            "D.conditioning": ["concatenation", "projection"],
            "D.normalization": ["batch", "layer"],
        },
    ),
    "BiGAN": Table(
        Spec(BiGAN),
        {
            "G": DCGAN["G"],
            "E": Spec(ConvEncoder, latent=4, channels=(4, 6)),
            "D": Spec(JointDiscriminator, latent=4, channels=(4, 6), hidden=5),
        },
        {
            "game.loss": LOSSES[:4],
            "game.order": ORDERS[:2],
            "precision": RULES["precision"],
            "G": [DCGAN["G"], MLP["G"], BIGGAN["G"].replace(latent=4, channels=(4,), attention=()), R3GAN["G"]],
            "E.normalization": ["batch", "instance", "layer", "none"],
            "E.activation": ["relu", "leaky", "selu"],
            "D.normalization": ["batch", "instance", "layer", "none"],
            "D.dropout": [0.25, 0.0],
        },
    ),
}
COMBINATIONS = [(name, numbers) for name, table in TABLES.items() for numbers in table.sample[0]]


@pytest.mark.parametrize(("name", "numbers"), COMBINATIONS, ids=str)
def test_whatever_is_not_refused_plays(name: str, numbers: Numbers) -> None:
    chosen = TABLES[name].meant(numbers)
    recipe = TABLES[name].declared(chosen)
    for precision in [chosen["precision"]] if "precision" in chosen else RULES["precision"]:
        engine = build_engine(recipe.replace(precision=precision), IMAGES, torch.device("cpu"))
        engine.play_round()
        figures = engine.ledger.means()
        assert figures and all(abs(value) < float("inf") for value in figures.values())
        assert all(p.isfinite().all() for p in engine.game.parameters())


@pytest.mark.parametrize("name", TABLES)
def test_a_pair_that_is_never_played_is_refused_when_declared(name: str) -> None:
    """With whatever else: here with the first of each, and with any."""
    table = TABLES[name]
    found, nowhere = table.sample
    assert set().union(*map(table.pairs, found)) == table.all_pairs - nowhere
    draw = random.Random(1)
    for pair in sorted(nowhere):
        for others in (dict.fromkeys(table.names, 0), {n: draw.randrange(len(v)) for n, v in table.choices.items()}):
            numbers = others | dict(pair)
            with pytest.raises(GanatomyError) as raised:
                table.declared(table.meant(tuple(numbers[n] for n in table.names)))
            assert re.search(r"do not go together|does nothing with|: set |: use | alike", str(raised.value))
            assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("ACGAN", {"D.auxiliary": "none"}),
        ("ACGAN", {"D.conditional": True}),
        ("ACGAN", {"G.conditional": False}),
        ("ACGAN", {"game.order": "split"}),
        ("Guided", {"conditional": False}),
        ("BiGAN", {"G.conditional": True}),
        ("BiGAN", {"game.loss": Spec(Relativistic)}),
    ],
)
def test_players_who_are_told_otherwise_than_a_game_wants_are_refused(name: str, chosen: dict[str, Any]) -> None:
    with pytest.raises(GanatomyError, match=r": use |; use |: set |does not belong here"):
        TABLES[name].declared({key: v for key, v in TABLES[name].plain.items() if key not in ("G", "D")} | chosen)


def declared(chosen: dict[str, Any]) -> Recipe:
    return TABLES["DCGAN"].declared(chosen)


GOOD = TABLES["DCGAN"].plain
CLASHES = {
    "order=simultaneous": {"game.order": "simultaneous", "game.d_steps": 2},
    "a relativistic loss and order": {"game.loss": Spec(Relativistic), "game.order": "split"},
    "penalties": {"game.penalties": (Spec(Consistency),), "game.order": "split"},
    "AdaptiveAugment and order": {"game.augment": (Spec(AdaptiveAugment),), "game.order": "split"},
    "a penalty on D's gradient and batch norm in D": {"game.penalties": (Spec(R1),)},
    "AdaptiveAugment and a loss": {"game.augment": (Spec(AdaptiveAugment),), "game.loss": Spec(Wasserstein)},
    "AdaptiveAugment and DiffAugment": {"game.augment": (Spec(DiffAugment), Spec(AdaptiveAugment))},
    "LeCam": {"game.loss": Spec(Relativistic), "game.penalties": (Spec(LeCam),)},
    "players.G.conditioning": {"conditional": True, "G.conditioning": "batch-norm", "G.normalization": "none"},
    "game.constraint.clip_gains": {
        "game.constraint": Spec(WeightClipping, clip_gains=True),
        "D.normalization": "none",
    },
}


@pytest.mark.parametrize("begins", CLASHES)
def test_every_excluded_pair_is_refused_in_one_line_with_both_sides_and_what_works(begins):
    with pytest.raises(GanatomyError) as raised:
        declared(GOOD | CLASHES[begins])
    said = str(raised.value)
    assert said.startswith(f"digits-dcgan: {begins}") and "\n" not in said
    (pair,) = [p for p in EXCLUDED if str(p) in said]
    assert pair.instead in said


def test_spectral_norm_of_layers_that_begin_at_zero_is_refused():
    for players in ("D", "G"):
        with pytest.raises(GanatomyError, match="SpectralNormalization and R3GAN's players do not go together"):
            find_recipe("mnist-r3gan").overridden(
                ["game.constraint=SpectralNormalization", f"game.constraint.players={players}"]
            )


def test_every_pair_of_the_table_has_its_test():
    assert len(CLASHES) + 1 == len(EXCLUDED), "that of R3GAN has its own"


IDLE_SETTINGS = {
    "game.loss.two_sided=true": "game.loss: NonSaturating's two_sided=true does nothing with smoothing=0",
    "game.loss={use: LeastSquares, fake_label: 1}": "real_label or wanted does nothing with a fake_label that is",
    "game.loss={use: LeastSquares, wanted: 0}": "wanted does nothing with a fake_label that is not below it: set fake",
    "game.penalties={use: Consistency, fake_weight: 3}": "fake_weight does nothing with on=real: set on=both",
    "game.penalties={use: Consistency, shift: 0, flip: false}": "shift=0 does nothing with flip=false",
    "game.penalties={use: Consistency, fake_weight: 3, on: fake}": "weight does nothing with on=fake beside a fake_w",
    "game.penalties={use: GradientPenalty, target: 0, one_sided: true}": "one_sided=true does nothing with target=0",
    "game.augment={use: DiffAugment, changes: []}": "should have at least 1 item",
    "game.augment={use: DiffAugment, changes: [color, cutout, color]}": "name each change once, for a second one would",
    "game.constraint={use: WeightClipping, players: []}": "WeightClipping.players=.*should have at least 1 item",
    "game.constraint={use: SpectralNormalization, players: []}": "should have at least 1 item",
    "game.regularizers={use: OrthogonalRegularization, players: []}": "should have at least 1 item",
    "average={use: ExponentialAverage, players: []}": "should have at least 1 item",
    "players.D.auxiliary=softmax": "does nothing with Adversarial, which asks D for no classes: use ACGAN",
}


@pytest.mark.parametrize("word", IDLE_SETTINGS)
def test_a_setting_that_is_ignored_is_refused(word):
    base = find_recipe("mnist-dcgan").override("game.loss.smoothing", "0")
    with pytest.raises(GanatomyError, match=IDLE_SETTINGS[word]) as raised:
        base.overridden([word, *(["players.D.normalization=none"] if "GradientPenalty" in word else [])])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("mnist-vanilla", ["players.G.hidden=[]", "players.G.normalization=batch"], r"does nothing with hidden=\[\]"),
        ("mnist-vanilla", ["players.G.hidden=[]", "players.G.activation=selu"], r"does nothing with hidden=\[\]"),
        (
            "mnist-cgan",
            ["players.D.hidden=[]"],
            r"players\.D: MLPDiscriminator's .* or dropout does nothing",
        ),
        ("mnist-dcgan", ["players.D.channels=64"], "normalization does nothing with one entry of channels: the first"),
        ("mnist-bigan", ["players.E.channels=64"], r"players\.E: ConvEncoder's normalization does nothing with one"),
        ("mnist-bigan", ["players.D.channels=64"], "JointDiscriminator's normalization does nothing with one entry"),
        ("mnist-dcgan", ["players.D.channels=[]"], "should have at least 1 item"),
        ("mnist-bigan", ["players.G.embedding=3"], r"set players\.G\.conditional=True"),
        ("mnist-bigan", ["players.G.reference=8"], r"set players\.G\.normalization=virtual"),
        ("digits-cyclegan", ["game.loss.two_sided=true"], "two_sided=true does nothing with smoothing=0"),
        ("digits-cyclegan", ["game.consistency={use: Consistency, fake_weight: 3}"], "nothing with on=real: set on=bo"),
        ("cifar10-biggan", ["players.G.embedding=0"], "should be greater than 0"),
        ("mnist-cdcgan-guided", ["players.C.noise=0"], "dropout or noise does nothing with weights that are frozen"),
    ],
)
def test_what_players_of_any_game_would_ignore_is_refused(name: str, words: list[str], said: str) -> None:
    with pytest.raises(GanatomyError, match=said):
        find_recipe(name).overridden(words)


@pytest.mark.parametrize("player", ["G", "D"])
def test_instance_norm_of_vectors_is_refused_and_the_others_are_named(player: str) -> None:
    """It was layer norm in silence: a vector has no pixels over which its numbers could be normalized one by one."""
    with pytest.raises(GanatomyError, match="'batch', 'virtual', 'layer' or 'none'") as raised:
        find_recipe("mnist-vanilla").override(f"players.{player}.normalization", "instance")
    assert "instance" in str(raised.value) and "\n" not in str(raised.value)


CLIPS = "game.constraint={use: WeightClipping, clip_gains: true, players: [%s]}"


def test_gains_are_clipped_where_a_clipped_player_has_some() -> None:
    """Of two players one is enough; BigGAN's D and R3GAN's players have no normalization that could be set."""
    none = ["players.D.normalization=none"]
    find_recipe("mnist-dcgan").overridden([CLIPS % "D"])
    find_recipe("mnist-dcgan").overridden([CLIPS % "G, D", *none])
    find_recipe("cifar10-biggan").overridden([CLIPS % "G, D"])
    for name, words in (("mnist-dcgan", [CLIPS % "D", *none]), ("cifar10-biggan", [CLIPS % "D"])):
        with pytest.raises(GanatomyError, match=r"without normalization do not go together.*use .*clip_gains=false"):
            find_recipe(name).overridden(words)


@pytest.mark.parametrize(
    ("who", "settings", "said"),
    [
        ("G", {"conditioning": "batch-norm"}, "players.G.conditional=True"),
        ("D", {"conditioning": "projection"}, "players.D.conditional=True"),
        ("D", {"embedding": 3}, "players.D.conditional=True"),
        ("G", {"reference": 8}, "players.G.normalization=virtual"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(who, settings, said):
    base = declared(GOOD)
    with pytest.raises(GanatomyError, match=f"does nothing with .*: set {said}"):
        base.replace(players={**base.players, who: base.players[who].replace(**settings)})


def test_a_shared_embedding_that_nobody_shares_is_refused():
    recipe = find_recipe("cifar10-biggan")
    assert recipe.override("players.G.split", "false").players["G"].settings["split"] is False
    with pytest.raises(GanatomyError, match=r"embedding=64 does nothing with split=False: set players\.G\.split=True"):
        recipe.overridden(["players.G.split=false", "players.G.embedding=64"])


def test_label_smoothing_without_labels_names_the_losses_that_have_them():
    with pytest.raises(GanatomyError, match="These have it: LeastSquares, Minimax, NonSaturating"):
        Spec(Wasserstein, smoothing=0.1)
    with pytest.raises(GanatomyError, match=r"NonSaturating\. Wasserstein has no settings at all"):
        find_recipe("mnist-wgan").override("game.loss.smoothing", "0.1")


WORDS = {
    "mnist-dcgan": ["game.penalties=R1", "game.penalties.R1.gamma=5", "players.D.normalization=layer"],
    "digits-dcgan": ["players.G.conditional=true", "players.D.conditional=true"],
    "mnist-wgan": ["game.loss=Hinge", "game.constraint=none", "game.augment=AdaptiveAugment"],
}
REFUSED_ALONE = {
    "mnist-dcgan": "game.penalties=R1",
    "digits-dcgan": "players.G.conditional=true",
    "mnist-wgan": "game.augment=AdaptiveAugment",
}


@pytest.mark.parametrize("name", WORDS)
def test_the_order_of_the_words_makes_no_difference(name):
    recipe = find_recipe(name)
    found = [recipe.overridden(words) for words in itertools.permutations(WORDS[name])]
    assert all(one == found[0] for one in found) and found[0] != recipe
    with pytest.raises(GanatomyError):
        recipe.override(*REFUSED_ALONE[name].split("="))


def test_penalties_are_named_on_the_command_line():
    recipe = find_recipe("digits-dcgan").overridden(
        [
            "players.D.normalization=layer",
            "game.penalties=R1",
            "game.penalties.R1.gamma=0.5",
            "game.constraint=WeightClipping",
        ]
    )
    assert recipe.game.settings["penalties"] == (Spec(R1, gamma=0.5),)
    assert recipe.game.settings["constraint"] == Spec(WeightClipping)
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    both = recipe.override("game.penalties", "R1,Consistency")
    assert [p.name for p in both.game.settings["penalties"]] == ["R1", "Consistency"]
    assert both.override("game.penalties", "none").game.settings["penalties"] == ()
    with pytest.raises(GanatomyError, match=r"game\.constraint\.players=none: .* at least 1 item"):
        recipe.override("game.constraint.players", "none")
    with pytest.raises(GanatomyError, match=r"No 'R2' in 'game\.penalties\.R2\.gamma'\. Did you mean 'R1'"):
        recipe.override("game.penalties.R2.gamma", "1")
    with pytest.raises(GanatomyError, match="Did you mean 'Consistency'"):
        recipe.override("game.penalties", "Consistancy")


def test_one_conditional_player_is_refused_when_declared():
    recipe = find_recipe("digits-dcgan")
    with pytest.raises(GanatomyError, match=r"set players\.G\.conditional and players\.D\.conditional alike"):
        recipe.override("players.G.conditional", "true")
    with pytest.raises(GanatomyError, match="D is asked"):
        find_recipe("mnist-acgan").override("players.D.conditional", "true")


@pytest.mark.parametrize(
    ("words", "twice"),
    [
        (["game.penalties=R1,R1"], "penalties has R1 twice"),
        (
            ["game.penalties=[{use: Consistency, on: real, weight: 5}, {use: Consistency, on: fake, weight: 1}]"],
            "penalties has Consistency twice",
        ),
        (["game.regularizers=OrthogonalRegularization,OrthogonalRegularization"], "has OrthogonalRegularization twice"),
        (["game.augment=InstanceNoise,InstanceNoise"], "augment has InstanceNoise twice"),
    ],
)
def test_what_is_there_twice_is_refused(words: list[str], twice: str) -> None:
    """Terms are kept by name: of two of a kind the second stood for both; two noises were one of twice its sigma."""
    with pytest.raises(GanatomyError, match=twice):
        find_recipe("mnist-dcgan").overridden([*words, "players.D.normalization=none"])


def test_one_kind_of_regularizer_may_be_of_either_player() -> None:
    each = ", ".join(f"{{use: OrthogonalRegularization, players: [{name}]}}" for name in ("G", "D"))
    find_recipe("mnist-dcgan").overridden([f"game.regularizers=[{each}]"])


@pytest.mark.parametrize("name", ["mnist-bigan", "digits-cyclegan"])
def test_games_that_bound_no_critic_refuse_one(name: str) -> None:
    with pytest.raises(GanatomyError, match="Wasserstein's loss needs a bound"):
        find_recipe(name).overridden(["game.loss=Wasserstein"])
