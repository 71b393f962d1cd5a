"""What must hold of every schedule, and what each of them says it does."""

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.engine.schedules import Constant, Cosine, Linear, Schedule, Step


@pytest.mark.parametrize(
    "schedule", [Constant(), Linear(after=40, until=100), Step(every=30), Cosine(until=100), Cosine(until=100, rise=20)]
)
def test_a_factor_is_between_nothing_and_one_also_after_the_end(schedule: Schedule) -> None:
    assert all(0 <= schedule.factor(images) <= 1 for images in range(300))


@pytest.mark.parametrize("schedule", [Linear(after=40, until=100), Cosine(until=100), Cosine(until=100, rise=20)])
def test_a_fall_ends_at_zero_and_stays_there(schedule: Schedule) -> None:
    assert schedule.factor(99) > 0 == schedule.factor(100) == schedule.factor(1_000)


def test_a_step_multiplies_at_each_of_its_multiples() -> None:
    assert [Step(every=10, by=0.5).factor(images) for images in (0, 9, 10, 29, 30)] == [1, 1, 0.5, 0.25, 0.125]


def test_a_warm_up_rises_from_zero_and_leaves_the_fall_as_it_is() -> None:
    plain, risen = Cosine(until=100), Cosine(until=100, rise=20)
    assert risen.factor(0) == 0
    assert risen.factor(10) == plain.factor(10) / 2
    assert all(risen.factor(images) == plain.factor(images) for images in range(20, 101))
    with pytest.raises(GanatomyError, match="rise=100 images must be fewer"):
        Cosine(until=100, rise=100)
