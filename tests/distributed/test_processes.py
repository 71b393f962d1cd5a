"""What processes tell each other, with the others played by a list."""

from collections.abc import Callable
from typing import Any

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.distributed import processes
from ganatomy.distributed.processes import first_alone

Play = Callable[..., list[Any]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """This is process `own` of two, one on each machine unless `local`; the other one says these things in turn."""

    def begin(own: int, *others: str | None, local: int = 0) -> list[Any]:
        said: list[Any] = []

        def everyones(text: str | None) -> list[str | None]:
            said.append(text)
            other = others[len(said) - 1]
            return [text, other] if own == 0 else [other, text]

        monkeypatch.setattr(processes, "world", lambda: 2)
        monkeypatch.setattr(processes, "local_rank", lambda: local)
        monkeypatch.setattr(processes, "everyones", everyones)
        return said

    return begin


def test_a_mistake_on_another_machine_stops_this_one_with_its_words(play: Play) -> None:
    said = play(0, "There is no such data.")
    with pytest.raises(GanatomyError, match=r"Process 1 of 2: There is no such data\."), first_alone():
        pass
    assert said == [None]


@pytest.mark.parametrize("local", [0, 1])
def test_ones_own_mistake_is_told_before_it_stops_this_one(play: Play, local: int) -> None:
    said = play(0, None, None, local=local)
    with pytest.raises(GanatomyError, match=r"^Mine\.$"), first_alone():
        raise GanatomyError("Mine.")
    assert said == [*([None] if local else []), "Mine."]


def test_the_second_of_a_machine_waits_for_its_first_and_does_nothing_after_its_mistake(play: Play) -> None:
    play(1, "There is no such data.", local=1)
    done = []
    with pytest.raises(GanatomyError, match="Process 0 of 2"), first_alone():
        done.append("opened")
    assert not done


@pytest.mark.parametrize("local", [0, 1])
def test_all_meet_twice_where_nothing_goes_wrong(play: Play, local: int) -> None:
    said = play(0, None, None, local=local)
    with first_alone():
        assert len(said) == local
    assert said == [None, None]
