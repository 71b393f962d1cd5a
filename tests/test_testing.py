"""Everything registered passes the checks for contributors, and the checks see what they are for."""

import subprocess
import sys
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

import ganatomy.testing
from ganatomy.core.game import Batch, Terms
from ganatomy.core.players import Discriminator, Generator
from ganatomy.core.prior import Prior
from ganatomy.core.recipe import Recipe, find_recipe, recipes
from ganatomy.core.registry import part, parts
from ganatomy.core.shape import Shape
from ganatomy.core.spec import Setting, Spec, declared_settings
from ganatomy.engine.optimizers import Adam
from ganatomy.games.adversarial import Adversarial
from ganatomy.objectives.adversarial import Hinge
from ganatomy.testing import check_game, check_networks

SMALL = {
    "channels": (8, 8),
    "hidden": (8,),
    "reference": 4,
    "attention": (),
    "halvings": 2,
    "group": 4,
    "embedding": 4,
    "width": 1.0,
}
NOTHING = Setting(None, None)
OF_OTHERS = {"PretrainedClassifier", "EfficientNetClassifier"}  # which take somebody's weights
LATENT = {"BigGANGenerator": 6, "JointDiscriminator": 5, "ConvEncoder": 5}
NETWORKS = [
    n for n, p in parts.items() if isinstance(p, type) and issubclass(p, nn.Module) and "networks" in p.__module__
]
OF_A_KIND = {  # one recipe for each game and each kind of player
    "digits-dcgan": Shape(1, 8, 8),
    "mnist-cgan-vb-ls": Shape(1, 8, 8),
    "mnist-cdcgan-vb": Shape(1, 16, 16),
    "mnist-projection": Shape(1, 16, 16),
    "mnist-wgan": Shape(1, 16, 16),
    "mnist-wgan-gp": Shape(1, 16, 12),
    "mnist-acgan": Shape(3, 16, 16),
    "mnist-bigan": Shape(1, 16, 16),
    "mnist-cdcgan-guided": Shape(1, 16, 16),
    "mnist-r3gan": Shape(4, 16, 16),
    "digits-cyclegan": Shape(3, 8, 12),
    "cifar10-biggan": Shape(3, 32, 32),
    "cifar10-reacgan": Shape(3, 32, 32),
    "cifar10-sngan": Shape(3, 32, 32),
}


def plays(name: str) -> bool:
    """Whether a recipe is of a game, not of a judge alone."""
    return "C" not in find_recipe(name).players


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in OF_OTHERS])
def test_every_network_passes(name: str) -> None:
    check_networks(parts[name], **small(name))


@pytest.mark.parametrize("kind", ["batch", "virtual", "instance", "layer", "none"])
@pytest.mark.parametrize("name", [name for name in NETWORKS if "normalization" in declared_settings(parts[name])])
def test_every_network_passes_with_every_normalization(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = declared_settings(parts[name])["normalization"]
    if kind == setting.default or kind not in get_args(setting.annotation):
        pytest.skip("tested above, or refused when declared")
    monkeypatch.setattr(ganatomy.testing, "SHAPES", (Shape(3, 16, 24),))
    reference = {"reference": 4} if kind == "virtual" else {}
    check_networks(parts[name], **small(name), normalization=kind, **reference)


def small(name: str) -> dict[str, Any]:
    declared = declared_settings(parts[name])
    settings: dict[str, Any] = {key: value for key, value in SMALL.items() if key in declared}
    if isinstance(declared.get("hidden", NOTHING).default, int):
        settings["hidden"] = 8
    if "latent" in declared:
        settings["latent"] = LATENT.get(name, 5)
    if name.startswith("DCGAN") or name.startswith("MLP"):
        del settings["embedding"], settings["reference"]  # which other settings ask for
    return settings


def test_a_fresh_process_knows_every_recipe() -> None:
    said = "import ganatomy.testing as t; print(t.find_recipe('digits-dcgan').name)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True)
    assert done.stdout.split() == ["digits-dcgan"], done.stderr


@pytest.mark.parametrize("name", OF_A_KIND)
def test_every_kind_of_game_passes(name: str) -> None:
    check_game(narrow(find_recipe(name)), shape=OF_A_KIND[name])


@pytest.mark.parametrize("name", [name for name in sorted(recipes) if name not in OF_A_KIND and plays(name)])
def test_the_game_of_every_recipe_passes_on_images_of_its_own_shape(name: str) -> None:
    """The dense critics' last bias is sent nothing by two images: batch norm makes +1 and -1 of them."""
    check_game(narrow(find_recipe(name)))


def narrow(recipe: Recipe) -> Recipe:
    """A tenth as wide, and with one residual block where others would do the same again."""
    small = {"width": 0.1, "blocks": 1}
    players = {k: p.replace(**{n: v for n, v in small.items() if n in p.settings}) for k, p in recipe.players.items()}
    return recipe.replace(players=players)


def test_every_game_is_among_them() -> None:
    games = {recipes[name]().game.name for name in OF_A_KIND} | {"Classification"}
    there = {n for n, p in parts.items() if isinstance(p, type) and "ganatomy.games" in p.__module__}
    assert there <= games


@part
class Forgetful(Adversarial):
    """Remembers a number that is no buffer, and uses it."""

    def generator(self, batch: Batch) -> Terms:
        self.times = getattr(self, "times", 0) + 1
        return {name: value * self.times for name, value in super().generator(batch).items()}


@part
class Meddler(Adversarial):
    """Moves a player whose turn it is not."""

    def generator(self, batch: Batch) -> Terms:
        with torch.no_grad():
            self.D.score.bias += 1.0
        return super().generator(batch)


@part
class Lame(Adversarial):
    """D never learns the bias of its score, which a hinge does mind beyond its margin."""

    def __init__(self, G: Generator, D: Discriminator, **rules: Any) -> None:
        super().__init__(G, D, **rules)
        D.score.bias.register_hook(torch.zeros_like)


@part
class Deaf(Adversarial):
    """Cuts G off from what D says of its images."""

    def generated(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        x, y = super().generated(batch)
        return x.detach(), y


@pytest.mark.parametrize(
    ("game", "said"),
    [
        (Forgetful, "after a restart"),
        (Meddler, r"moved 'D\.score\.bias'"),
        (Lame, r"no gradient reaches 'D\.score\.bias'"),
        (Deaf, r"^digits-dcgan in float32: .*adversarial.* does not depend on the weights of G"),
    ],
)
def test_a_bad_game_is_caught(game: type, said: str) -> None:
    base = narrow(find_recipe("digits-dcgan"))
    with pytest.raises(AssertionError, match=said):
        check_game(base.replace(game=Spec(game, loss=Hinge())), shape=Shape(1, 8, 8))


def test_a_weight_that_decays_is_not_taken_for_one_that_learns() -> None:
    base, decaying = narrow(find_recipe("digits-dcgan")), Spec(Adam, weight_decay=0.1)
    game = base.replace(game=Spec(Lame, loss=Hinge()), optimizers={"G": decaying, "D": decaying})
    with pytest.raises(AssertionError, match=r"no gradient reaches 'D\.score\.bias'"):
        check_game(game, shape=Shape(1, 8, 8))


@part
class Loud(Generator):
    """Its images leave [-1, 1]."""

    def __init__(self, shape: Shape, classes: int | None = None, *, latent: int = 4) -> None:
        super().__init__()
        self.prior, self.shape = Prior(latent), shape
        self.picture = nn.Linear(latent, Shape(*shape).numbers)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.picture(z).unflatten(1, self.shape) * 100


@part
class Idle(Discriminator):
    """Has a layer that does nothing."""

    def __init__(self, shape: Shape, classes: int | None = None) -> None:
        super().__init__()
        self.score, self.unused = nn.Linear(Shape(*shape).numbers, 1), nn.Linear(2, 2)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.score(x.flatten(1)).squeeze(1)


@part
class Muted(Idle):
    """Has a layer whose gradient is zero, whatever it is shown."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, y) + 0.0 * self.unused(x.flatten(1)[:, :2]).sum(1)


@part
class TwiceZero(Muted):
    """Its layer begins behind a gain of zero; with `dead` that gain is behind another one, so neither ever moves."""

    def __init__(self, shape: Shape, classes: int | None = None, *, dead: bool = False) -> None:
        super().__init__(shape, classes)
        self.gain = nn.Parameter(torch.zeros(2 if dead else 1))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return Idle.forward(self, x, y) + self.gain.prod() * self.unused(x.flatten(1)[:, :2]).sum(1)


@part
class Secretive(Idle):
    """Has numbers that are no state."""

    def __init__(self, shape: Shape, classes: int | None = None) -> None:
        super().__init__(shape, classes)
        del self.unused
        self.secret = torch.rand(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, y) + self.secret


@part
class Unheeding(Generator):
    """Draws the same of every class."""

    def __init__(self, shape: Shape, classes: int | None = None, *, conditional: bool = False) -> None:
        super().__init__()
        self.prior, self.shape, self.classes = Prior(4), Shape(*shape), classes if conditional else None
        self.picture = nn.Linear(4, self.shape.numbers)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return torch.tanh(self.picture(z)).unflatten(1, self.shape)


@part
class Numb(Idle):
    """Sends nothing back."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x, y).detach()


@part
class Square(Idle):
    """Takes every picture to be as wide as it is high."""

    def __init__(self, shape: Shape, classes: int | None = None) -> None:
        super().__init__(Shape(shape[0], shape[1], shape[1]))
        del self.unused


@part
class Exact(Idle):
    """Adds its scores to numbers in float32, which torch refuses of bfloat16."""

    def __init__(self, shape: Shape, classes: int | None = None) -> None:
        super().__init__(shape)
        del self.unused

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return torch.zeros(len(x)).index_add(0, torch.arange(len(x)), super().forward(x, y))


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (Loud, "leave"),
        (Idle, "no gradient reaches 'unused"),
        (Muted, r"the gradient of 'unused\.bias' is always zero"),
        (Secretive, "not all of it"),
        (Unheeding, r"\{.conditional.: True\}, float32: does not mind the class"),
        (Numb, "no gradient reaches any of its weights"),
        (Square, r"^Square for 16x24x3, \{\}, float32: .*shapes cannot be multiplied"),
        (Exact, r"^Exact for 16x16x1, \{\}, bfloat16: index_add"),
    ],
)
def test_a_bad_network_is_caught(network: type, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_networks(network)


def test_what_begins_behind_a_zero_is_waited_for_and_not_for_ever() -> None:
    check_networks(TwiceZero)
    with pytest.raises(AssertionError, match="the gradient of 'gain' is always zero"):
        check_networks(TwiceZero, dead=True)


def test_what_is_checked_is_told() -> None:
    with pytest.raises(AssertionError, match=r"Loud for 16x16x1, \{\}, float32"):
        check_networks(Loud)
