"""A draw depends on its key alone."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganatomy.core.randomness import Draws, key_bits, keyed, reseed_default_generator

KEY = (0, 7, 1, 0)  # seed, round, turn, repetition


def draws(rows: slice = slice(0, 12), key: tuple[int, ...] = KEY, **how) -> Draws:
    return Draws(key, rows, 12, **how)


KINDS = {
    "normal": lambda d: d.normal("z", 3, 2),
    "uniform": lambda d: d.uniform("z", 3, low=-1.0),
    "integers": lambda d: d.integers("y", 10),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(cuts=st.sets(st.integers(1, 11)))
def test_rows_of_a_split_batch_are_those_of_the_whole(kind, cuts):
    edges = [0, *sorted(cuts), 12]
    pieces = [kind(draws(slice(a, b))) for a, b in pairwise(edges)]
    assert torch.equal(torch.cat(pieces), kind(draws()))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_was_drawn_before_changes_nothing(kind):
    one = draws()
    first = kind(one)
    one.normal("other", 5)
    torch.randn(3)
    np.random.default_rng().random(3)
    assert torch.equal(kind(one), first)
    assert torch.equal(kind(draws()), first)


@pytest.mark.parametrize("place", range(4), ids=["seed", "round", "turn", "repetition"])
def test_another_address_draws_other_numbers(place):
    other = tuple(number + (i == place) for i, number in enumerate(KEY))
    assert not torch.equal(draws(key=other).normal("z", 8), draws().normal("z", 8))


def test_another_purpose_draws_other_numbers():
    assert not torch.equal(draws().normal("z", 8), draws().normal("noise", 8))


def test_a_key_of_text_is_not_a_key_of_numbers():
    keys = [(1, 23), (12, 3), ("1", 23), (123,), (1, "23"), ("1\x1f23",)]
    assert len({key_bits(key) for key in keys}) == len(keys)


def test_the_numbers_are_the_same_on_every_machine():
    """Written down once; if they change, no run can be resumed or repeated."""
    assert key_bits((0, "z")) == 120249659295753161297778839272601342590
    assert keyed(0, "z").integers(1 << 30, size=3).tolist() == [1019568586, 737778591, 605557704]


def test_draws_have_the_distribution_they_are_named_for():
    many = Draws(KEY, slice(0, 50_000), 50_000)
    normal, uniform, integers = many.normal("a"), many.uniform("b", low=-1.0), many.integers("c", 10)
    assert abs(normal.mean()) < 0.02
    assert abs(normal.std() - 1) < 0.02
    assert -1 <= uniform.min() < -0.999
    assert 0.999 < uniform.max() < 1
    assert abs(uniform.mean()) < 0.02
    assert abs(uniform.var() - 1 / 3) < 0.01
    assert integers.unique().tolist() == list(range(10))
    assert integers.bincount().min() > 4_500


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_have_the_dtype_asked_for_and_the_same_values(dtype):
    drawn = draws(dtype=dtype)
    assert drawn.normal("z", 4).dtype == drawn.uniform("z", 4).dtype == dtype
    assert drawn.integers("y", 4).dtype == torch.int64
    assert torch.equal(drawn.normal("z", 4).float(), draws().normal("z", 4))


def test_the_default_generator_can_be_put_at_an_address():
    reseed_default_generator(1, "a")
    first = torch.randn(4)
    reseed_default_generator(1, "b")
    assert not torch.equal(torch.randn(4), first)
    reseed_default_generator(1, "a")
    assert torch.equal(torch.randn(4), first)
