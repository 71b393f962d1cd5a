"""Runs of equal time were shown unequal numbers of images: at which they are compared, and which are too short."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ganatomy.report.comparison import Outcome
from ganatomy.reproduce.claims import (
    Claim,
    Incomparable,
    Measure,
    Reading,
    Reported,
    Studying,
    Training,
    Verdict,
    verdict,
)
from ganatomy.reproduce.collapse import collapses_less
from ganatomy.reproduce.readings import (
    NO_SPREAD,
    distance,
    each,
    improves,
    late,
    lowest,
    score,
    seconds_per_image,
    seen,
)
from ganatomy.reproduce.shown import shown, too_short
from ganatomy.runs.files import write_text
from ganatomy.runs.folder import RunFolder

A, B = Training(recipe="a"), Training(recipe="b")
PROTOCOL = {
    "count": 100,
    "seed": 0,
    "weights": "raw",
    "reference": "half",
    "extractor_sha256": "0" * 64,
    "extractor_accuracy": 0.98,
    "precision": "float32",
    "floor": "100 held-out images",
}
EVERY = 100_000  # images between two readings


def record(images: int, far: float, coverage: float = 0.5) -> dict[str, Any]:
    scores = {"frechet": 2 * far, "coverage": coverage, "classifier_score": 8.0, "accuracy": None, "class_shares": [1]}
    return {
        "images": images,
        "scores": scores,
        "floor": {**scores, "frechet": 2.0, "coverage": 0.5},
        "protocol": PROTOCOL,
    }


def run_of(folder: Path, name: str, images: int, readings: Sequence[float], last: float, wanted: int) -> Outcome:
    """A run to so many images, with a reading each 100,000, a round late, and a loss that is how far it is."""
    run = RunFolder(folder / f"{name}-seed0")
    write_text(run.recipe_file, f"images: {wanted}\n")
    for number, far in enumerate(readings, start=1):
        run.scores.append({**record(number * EVERY + 64, far), "protocol": {**PROTOCOL, "seed": 1}})
    for at in range(10_000, images + 1, 10_000):
        run.metrics.append({"images": at, "seconds": at / 1_000, "G/adversarial": float(at)})
    return Outcome(run, None, {"last": record(images, last)})


class Left:
    def __init__(self, **outcomes: Outcome) -> None:
        self.outcomes = outcomes

    def runs(self, training: Training) -> list[Outcome]:
        return [self.outcomes[training.name]]

    ended = runs

    def results(self, studying: Studying) -> list[Mapping[str, Any]]:
        return []


def judged(measure: Measure, done: Left) -> Verdict:
    claim = Claim(id="f", said="So.", reported=Reported(text="so"), measure=measure)
    return verdict(claim, measure.read(done))


def two(folder: Path, images: int = 240_000, wanted: int = 500_000) -> Left:
    """At 200,000 images the second is better; at their ends the first is, which was shown more."""
    readings = [40.0, 8.0][: images // EVERY]
    return Left(
        a=run_of(folder, "a", 400_000, [50.0, 16.0, 8.0, 4.0], 4.0, wanted),
        b=run_of(folder, "b", images, readings, 7.0, wanted),
    )


def test_runs_of_equal_time_are_compared_at_the_largest_number_of_images_that_all_were_shown(tmp_path: Path) -> None:
    found = lowest(A, B).read(two(tmp_path))
    assert found.seen == "a 16.00 (200,064 images), b 8 (200,064 images)" and found.holds is False
    assert "at 200,064 images, the largest number" in found.beside and NO_SPREAD in found.beside
    assert judged(lowest(A, B), two(tmp_path / "again")).kind == "worse"


def test_without_a_common_reading_there_are_numbers_and_no_verdict(tmp_path: Path) -> None:
    done = two(tmp_path, images=90_000, wanted=100_000)
    found = judged(lowest(A, B), done)
    assert found.kind == "not comparable"
    assert found.why == "too short: shown 90,000 to 400,000 images, and no reading in training that all of them have"
    assert lowest(A, B).read(done).seen == "a 4 (400,000 images), b 7 (90,000 images)"


def test_runs_that_came_to_their_recipes_ends_are_compared_there(tmp_path: Path) -> None:
    done = Left(
        a=run_of(tmp_path, "a", 400_000, [50.0, 16.0, 8.0, 4.0], 4.0, 400_000),
        b=run_of(tmp_path, "b", 200_000, [40.0, 8.0], 7.0, 200_000),
    )
    found = lowest(A, B).read(done)
    assert found.seen == "a 4 (400,000 images), b 7 (200,000 images)" and found.holds and found.beside == NO_SPREAD


def test_courses_are_compared_up_to_where_the_shorter_one_ends(tmp_path: Path) -> None:
    loss = late("G/adversarial")
    found = seen((A, B), lambda found: found[0] == found[1], loss).read(two(tmp_path))
    assert found.holds and "at 240,000 images" in found.beside
    dear = lowest(A, B, number=seconds_per_image).read(two(tmp_path / "dear"))
    assert "400,000 images" in dear.seen and not dear.short, "what an image costs is no matter of their number"


def test_what_was_hardly_trained_is_neither_better_nor_worse(tmp_path: Path) -> None:
    done = two(tmp_path, wanted=2_000_000)
    found = judged(lowest(A, B), done)
    told = "too short: a-seed0 at 200,064 of the 500,000 images that a verdict takes, and 1 other as short"
    assert found == Verdict("not comparable", told)
    assert too_short(two(tmp_path / "b").runs(A)) == ""


@pytest.mark.parametrize(("ours", "kind"), [((0.9,), "better"), ((0.5,), "equal"), ((0.1,), "not comparable")])
def test_a_number_of_a_short_run_is_not_worse(ours: tuple[float, ...], kind: str) -> None:
    claim = Claim(
        id="n", said="So.", reported=Reported(text="0.5", values=(0.5,)), measure=score(A, distance), better="higher"
    )
    found = verdict(claim, Reading(ours), short="too short: a")
    assert found.kind == kind and found.why == ("too short: a" if kind == "not comparable" else "")
    finding = Claim(id="f", said="So.", reported=Reported(text="so"), measure=lowest(A, B), otherwise="better")
    assert verdict(finding, Reading(holds=False), short="too short: a").kind == "not comparable"


def test_cut_short_and_one_seed_are_both_said() -> None:
    claim = Claim(id="f", said="So.", reported=Reported(text="so"), measure=lowest(A, B), of_images=True)
    found = verdict(claim, Reading(why=f"undecided, {NO_SPREAD}"), cut="cut short: a", short="too short: a")
    assert found == Verdict("not comparable", f"cut short: a; undecided, {NO_SPREAD}")


def test_collapse_is_compared_at_one_number_of_images(tmp_path: Path) -> None:
    """The longer run lost what it had after the shorter one ended."""
    done = two(tmp_path)
    longer = done.outcomes["a"]
    done.outcomes["a"] = Outcome(longer.run, None, {"last": record(400_000, 60.0, coverage=0.01)})
    with pytest.raises(Exception, match="neither collapsed"):
        collapses_less(B, A).read(done)


@pytest.mark.parametrize(
    ("readings", "holds"),
    [([50.0, 16.0, 9.0, 4.0], True), ([9.0, 4.0, 8.0, 16.0], False), ([9.0, 5.0, 5.0, 5.1], None)],
)
def test_a_run_improves_where_its_distance_falls_from_half_to_end(
    readings: list[float], holds: bool | None, tmp_path: Path
) -> None:
    done = Left(a=run_of(tmp_path, "a", 400_000, readings, 4.0, 400_000))
    found = improves(A).read(done)
    assert found.holds is holds and "(200,064 images)" in found.seen and "(400,064 images)" in found.seen
    found = improves(A).read(Left(a=run_of(tmp_path / "odd", "a", 300_000, [50.0, 16.0, 9.0], 9.0, 400_000)))
    assert found.holds and "(100,064 images)" in found.seen and "(200,064 images)" in found.seen
    with pytest.raises(Incomparable, match="too short: b has no readings in training at its half"):
        improves(B).read(Left(b=run_of(tmp_path, "b", 150_000, [9.0], 4.0, 400_000)))


def test_numbers_of_two_floors_stand_at_one_number_of_images(tmp_path: Path) -> None:
    found = each(A, B).read(two(tmp_path))
    assert found.seen == "a 16.00, b 8, each of its own floor" and "at 200,064 images" in found.beside


def test_a_run_was_shown_what_its_newest_score_says(tmp_path: Path) -> None:
    outcome = run_of(tmp_path, "a", 105_000, [], 4.0, 105_000)
    assert outcome.run.metrics.read()[-1]["images"] == 100_000 and shown(outcome) == 105_000
