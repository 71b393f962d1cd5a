"""Names for what recipe files may speak of."""

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.core.registry import Registry, part, parts


def test_two_things_may_not_share_a_name():
    registry: Registry[int] = Registry("thing")
    registry.add("a", 1)
    with pytest.raises(GanatomyError, match=r"^Two things want to be the thing 'a': rename one of them\.$"):
        registry.add("a", 2)
    assert registry["a"] == 1


def test_the_same_thing_may_be_added_twice():
    registry: Registry[object] = Registry("thing")
    thing = object()
    registry.add("a", thing)
    registry.add("a", thing)
    assert list(registry) == ["a"]


def test_an_unknown_name_is_told_with_what_is_near():
    registry: Registry[int] = Registry("thing")
    registry.add("alpha", 1)
    with pytest.raises(GanatomyError, match=r"^No thing called 'alhpa'\. Did you mean 'alpha'\? There are: alpha\.$"):
        registry["alhpa"]
    assert registry.get("alhpa") is None
    assert "alhpa" not in registry


def test_names_come_in_alphabetical_order():
    registry: Registry[int] = Registry("thing")
    for name in "cab":
        registry.add(name, 0)
    assert list(registry) == ["a", "b", "c"]
    assert len(registry) == 3


def test_ones_own_part_cannot_take_a_name_of_the_package():
    class Adam:
        pass

    with pytest.raises(GanatomyError, match="Two things want to be the part 'Adam'"):
        part(Adam)
    assert parts["Adam"] is not Adam
