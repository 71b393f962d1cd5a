"""Checks for one's own networks and games: what holds of everything registered here, in one call each.

>>> from ganatomy.testing import check_game, check_networks
>>> check_networks(MyGenerator, latent=16)  # doctest: +SKIP
>>> check_game("my-recipe")  # doctest: +SKIP

Each raises an AssertionError that says what failed, of what, in which setting.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import ganatomy.recipes  # noqa: F401 (registers them)
from ganatomy.core.errors import one_line
from ganatomy.core.players import Discriminator, Encoder, Generator, PairDiscriminator, Translator
from ganatomy.core.randomness import CPU
from ganatomy.core.recipe import Recipe, find_recipe
from ganatomy.core.shape import Shape
from ganatomy.core.spec import Spec, declared_settings
from ganatomy.data.images import ImageSet, Split, pair
from ganatomy.data.unpaired import Unpaired, UnpairedSet, unpaired, without_labels
from ganatomy.engine.engine import Engine
from ganatomy.experiments.build import build_engine

CLASSES, IMAGES = 3, 24
CHANNELS = {"gray": 1, "rgb": 3, "rgba": 4}  # of images that are converted to them
STEPS = 4  # within which every weight of a network must have been sent something
ROUNDS = 8  # within which a gradient must have reached every weight of a mover; two are played at least
SHAPES = tuple(Shape(channels, height, width) for channels, height, width in ((1, 16, 16), (3, 16, 24), (4, 32, 16)))


def check_networks(part: Callable[..., nn.Module], /, **settings: Any) -> None:
    """Check a registered network on pictures of 1, 3 and 4 channels, square and not, conditional and not.

    In float32 and under bfloat16 autocast, at batch 2:
    - its output has the right shape, and a generator's lies in [-1, 1];
    - its state, saved and loaded, gives the same output;
    - every trainable parameter gets a finite gradient, which is not zero within a few steps. Later steps use batch 4:
      layers behind one that begins at zero get none at first, and a batch norm of two vectors may cancel it;
    - a conditional one depends on the class.

    Heads `classify`, which only ACGAN uses, are not checked. Raises AssertionError.
    """
    kinds = (False, True) if "conditional" in declared_settings(part) and "conditional" not in settings else (None,)
    for shape in SHAPES:
        for conditional in kinds:
            asked = settings if conditional is None else {**settings, "conditional": conditional}
            spec = Spec(part, **asked)
            for bfloat16 in (False, True):
                where = f"{spec.name} for {shape}, {asked}, {'bfloat16' if bfloat16 else 'float32'}"
                with telling(where):
                    _check_network(spec, shape, bfloat16)


def check_game(recipe: str | Recipe, *, shape: Shape | None = None) -> None:
    """Check a recipe's game on random images, in float32 and bfloat16, for two rounds or more at batch 2.

    shape: of the images; by default the recipe's own.

    - Every weight of a mover gets a gradient that is not zero; at batch 4 if not at 2, where batch norm may cancel it.
    - Nobody but the movers moves.
    - A round after saving and loading the state gives the same weights as without.
    - All figures and weights are finite.

    Raises AssertionError.
    """
    found = find_recipe(recipe) if isinstance(recipe, str) else recipe
    shape = shape or own_shape(found)
    for precision in ("float32", "bfloat16"):
        tiny = found.replace(batch=2, accumulate=1, precision=precision)
        images = random_domains(shape) if tiny.data.part is Unpaired else random_images(shape)
        where = f"{found.name} in {precision}"
        with telling(where):
            _check_game(tiny, images)


@contextmanager
def telling(where: str) -> Iterator[None]:
    """Turn any error into an AssertionError that names the setting."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{where}: {one_line(error)}") from error


def own_shape(recipe: Recipe) -> Shape:
    """The shape of a recipe's images, with defaults for what it leaves open."""
    first, settings = SHAPES[0], recipe.data.settings
    return Shape(CHANNELS.get(settings["channels"], first.channels), *(pair(settings["size"]) or first[1:]))


def random_images(shape: Shape, classes: int = CLASSES, count: int = IMAGES) -> ImageSet:
    """Random images, with the classes in turn."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, shape.height, shape.width, shape.channels), np.uint8)
    split = Split(pixels, np.arange(count) % classes)
    return ImageSet(split, split.first(8), tuple(map(str, range(classes))), shape, "content", "random")


def random_domains(shape: Shape) -> UnpairedSet:
    """Random images of two domains."""
    x, y = (without_labels(random_images(shape, count=count)) for count in (IMAGES, IMAGES // 2))
    return unpaired(x, y, ("X", "Y"))


def _check_network(spec: Spec, shape: Shape, bfloat16: bool) -> None:
    torch.manual_seed(0)
    network, twin = spec.build(shape, CLASSES), spec.build(shape, CLASSES)
    given, wanted = _given_and_wanted(network, shape, 2)
    out = _run(network, given, bfloat16)
    assert out.shape == wanted, f"gives {list(out.shape)}, not {list(wanted)}"
    if isinstance(network, Generator):
        assert out.abs().max() <= 1, "its images leave [-1, 1]"
    _check_gradients(network, shape, bfloat16)
    twin.load_state_dict(network.state_dict())
    with torch.no_grad():
        assert torch.equal(network.eval()(*given), twin.eval()(*given)), "its state is not all of it"
        if getattr(network, "classes", None):
            x, y = given
            assert not torch.equal(network(x, y), network(x, (y + 1) % CLASSES)), "does not mind the class"


def _run(network: nn.Module, given: tuple[Tensor, ...], bfloat16: bool) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        return network(*given)


def _check_gradients(network: nn.Module, shape: Shape, bfloat16: bool) -> None:
    learning = {name: p for name, p in network.named_parameters() if p.requires_grad}
    asked = {name: p for name, p in learning.items() if not name.startswith("classify.")}
    if not asked:
        return
    optimizer, waiting = torch.optim.Adam(asked.values(), lr=0.01), set(asked)
    for step in range(STEPS):
        given, wanted = _given_and_wanted(network, shape, 4 if step else 2)
        weigh = torch.randn(wanted, generator=torch.Generator().manual_seed(step))
        network.zero_grad()
        out = _run(network, given, bfloat16)
        assert out.requires_grad, "no gradient reaches any of its weights"
        (out.float() * weigh).sum().backward()
        for name, parameter in asked.items():
            assert parameter.grad is not None, f"no gradient reaches '{name}'"
            assert parameter.grad.isfinite().all(), f"the gradient of '{name}' is not finite"
            waiting -= {name} if parameter.grad.any() else set()
        optimizer.step()
        if not waiting:
            return
    raise AssertionError(f"the gradient of '{min(waiting)}' is always zero")


def _given_and_wanted(network: nn.Module, shape: Shape, count: int) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    x = torch.rand(count, *shape, generator=torch.Generator().manual_seed(count)) * 2 - 1
    y = (torch.arange(count) * 2 % CLASSES,) if getattr(network, "classes", None) else ()
    if isinstance(network, Generator):
        return (network.prior.sample(0, 0, count), *y), (count, *shape)
    if isinstance(network, Discriminator):
        return (x, *y), (count,)
    if isinstance(network, Translator):
        return (x,), (count, *shape)
    if isinstance(network, Encoder):
        return (x,), (count, network.size)
    if isinstance(network, PairDiscriminator):
        return (x, torch.randn(count, network.size, generator=torch.Generator().manual_seed(3))), (count,)
    out = network(x)
    assert len(out) == count, f"gives {list(out.shape)} for {count} images"
    return (x,), tuple(out.shape)


def _check_game(tiny: Recipe, images: ImageSet) -> None:
    one, other = (build_engine(tiny, images, CPU) for _ in range(2))
    if _check_turns(one):
        for name in _check_turns(build_engine(tiny.replace(batch=4), images, CPU)):
            raise AssertionError(f"no gradient reaches '{name}'")
    other.restore(*one.state())
    one.play_round()
    other.play_round()
    for name, value in one.game.state_dict().items():
        assert torch.equal(value, other.game.state_dict()[name]), (
            f"after a restart '{name}' differs; is all that it remembers a buffer?"
        )


def _check_turns(engine: Engine) -> list[str]:
    """Check that every turn moves only its movers; returns those of their weights that no gradient reached.

    Whether a weight moves would not tell: weight decay moves it without a gradient.
    """
    trained = {name: value for name, value in engine.game.named_parameters() if value.requires_grad}
    if "D.score.bias" in trained:
        trained["D.score.bias"].data.fill_(3.0)  # a hinge within its margin does not mind it
    expected: set[str] = set()
    reached: set[str] = set()
    for name, value in trained.items():
        value.register_post_accumulate_grad_hook(partial(_heard, reached, name))
    for round_ in range(ROUNDS):
        if round_ >= 2 and reached == expected:
            break
        for number, turn in enumerate(engine.game.order()):
            before = {name: value.detach().clone() for name, value in engine.game.named_parameters()}
            if turn.fresh:
                engine.drawn += 1
            engine.play_turn(turn, (0, round_, number, 0))
            for name, value in engine.game.named_parameters():
                assert value.isfinite().all(), f"'{name}' is not finite"
                if name in trained and name.split(".")[0] in turn.movers:
                    expected.add(name)
                else:
                    assert torch.equal(value, before[name]), f"{turn.movers} moved '{name}'"
    for name, figure in engine.ledger.means().items():
        assert np.isfinite(figure), f"{name} is {figure}"
    return list(_can_learn(engine, expected - reached))


def _heard(reached: set[str], name: str, weight: Tensor) -> None:
    """Add a weight's name if its gradient is not zero."""
    if weight.grad is not None and weight.grad.any():
        reached.add(name)


def _can_learn(engine: Engine, names: set[str]) -> Iterator[str]:
    """Those of them that should get one: the bias of D's score does not if only differences of scores count."""
    invariant = getattr(getattr(engine.game, "loss", None), "threshold", 0.0) is None
    yield from sorted(names - ({"D.score.bias"} if invariant else set()))
