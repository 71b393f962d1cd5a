"""How networks are told classes: by their numbers, or by weights, which mix them."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
import torch
from torch.nn.functional import one_hot

from ganatomy.core.players import Generator
from ganatomy.core.registry import parts
from ganatomy.core.shape import Shape
from ganatomy.core.spec import declared_settings
from tests.test_testing import small

Y = torch.tensor([0, 1, 2, 2])


def told() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every registered network that may be told classes, in each way."""
    for name, one in parts.items():
        declared = declared_settings(one)
        if "conditional" in declared and one.__module__.startswith("ganatomy."):
            yield name, {}
            if "conditioning" in declared:
                yield name, {"conditioning": get_args(declared["conditioning"].annotation)[1]}
            if declared.get("embedding") and declared["embedding"].default is None:
                yield name, {"embedding": 3}
            if "split" in declared:
                yield name, {"split": False}


@pytest.mark.parametrize(("name", "how"), list(told()), ids=str)
def test_a_weight_of_one_is_the_class_and_half_of_two_is_between(name: str, how: dict[str, Any]) -> None:
    """The study `interpolate` walks from class to class so; BigGAN's shared embedding had no weights."""
    torch.manual_seed(0)
    network = parts[name](Shape(1, 16, 16), 3, **small(name), **how, conditional=True).eval()
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)  # gains by class begin alike
    x = network.prior.sample(0, 0, 4) if isinstance(network, Generator) else torch.randn(4, 1, 16, 16)
    torch.testing.assert_close(network(x, one_hot(Y, 3).float()), network(x, Y))
    mixed = network(x, (one_hot(Y, 3) + one_hot((Y + 1) % 3, 3)) / 2)
    assert mixed.isfinite().all() and not torch.equal(mixed, network(x, Y))
