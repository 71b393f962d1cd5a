"""Verdicts on made-up numbers, budgets divided, data found."""

from pathlib import Path

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.report.comparison import Outcome
from ganatomy.reproduce.budget import Clock, State, divided, seconds_of
from ganatomy.reproduce.claims import (
    Claim,
    Incomparable,
    Kind,
    Measure,
    Reading,
    Report,
    Reported,
    Studying,
    Training,
    Wanted,
    verdict,
    works_of,
)
from ganatomy.reproduce.readings import alike, falling, highest, lowest, none_collapses, rising, share
from ganatomy.reproduce.sources import given
from ganatomy.runs.folder import RunFolder

NOTHING = Measure((), lambda done: Reading())
A, B, C = (Training(recipe=name) for name in "abc")


def number(better: str = "higher", tolerance: float = 0.0, *reported: float) -> Claim:
    return Claim(
        id="n",
        said="So much.",
        reported=Reported(text="much", values=reported or (7.0,)),
        measure=NOTHING,
        better=better,  # type: ignore[arg-type]
        tolerance=tolerance,
    )


@pytest.mark.parametrize(
    ("claim", "ours", "kind"),
    [
        (number("higher"), (8.0,), "better"),
        (number("higher"), (6.0,), "worse"),
        (number("lower"), (6.0,), "better"),
        (number("lower"), (8.0,), "worse"),
        (number("higher", 1.5), (8.0,), "equal"),
        (number("higher"), (6.0, 8.2), "equal"),
        (number("lower", 0.0, 68.0, 150.0), (100.0,), "equal"),
        (number("lower", 0.0, 68.0, 150.0), (60.0, 61.0), "better"),
        (number("lower", 0.0, 68.0, 150.0), (170.0, 171.0), "worse"),
    ],
)
def test_numbers_are_equal_within_the_tolerance_or_the_seeds_spread(
    claim: Claim, ours: tuple[float, ...], kind: Kind
) -> None:
    assert verdict(claim, Reading(ours)).kind == kind


def test_a_finding_holds_or_means_what_its_claim_says() -> None:
    claim = Claim(id="f", said="It collapses.", reported=Reported(text="yes"), measure=NOTHING, otherwise="better")
    assert verdict(claim, Reading(holds=True)).kind == "equal"
    assert verdict(claim, Reading(holds=False)).kind == "better"
    assert str(verdict(claim, Reading(holds=True), replaced="cats in the place of horses")) == (
        "equal: cats in the place of horses"
    )


def test_numbers_of_other_protocols_or_data_are_never_compared() -> None:
    foreign = Claim(id="f", said="FID.", reported=Reported(text="68"), measure=NOTHING, incomparable="Inception's")
    assert str(verdict(foreign, Reading((3.0,)))) == "not comparable: Inception's"
    assert str(verdict(number(), Reading((9.0,)), replaced="cats in the place of horses")) == (
        "not comparable: cats in the place of horses"
    )


def test_what_has_no_number_was_not_run() -> None:
    assert str(verdict(number(), None, missing="no data: give --data a=SOURCE")) == (
        "not run: no data: give --data a=SOURCE"
    )


class Made:
    """Outcomes with these distances, in multiples of a floor of 2, one for each seed."""

    def __init__(self, path: Path, distances: dict[str, list[float]], **protocols: str) -> None:
        self.path, self.distances, self.protocols = path, distances, protocols

    def runs(self, training: Training) -> list[Outcome]:
        return [self.outcome(training.name, far) for far in self.distances[training.name]]

    def results(self, studying: Studying) -> list[dict[str, object]]:
        return []

    def outcome(self, name: str, far: float) -> Outcome:
        protocol = {
            "count": 100,
            "seed": 0,
            "weights": "raw",
            "reference": "half",
            "extractor_sha256": self.protocols.get(name, "0" * 64),
            "extractor_accuracy": 0.98,
            "precision": "float32",
            "floor": "100 held-out images",
        }
        common = {"classifier_score": 8.0, "class_shares": [0.5, 0.5], "accuracy": None}
        scores = {"frechet": 2 * far, "coverage": 0.5 if far < 100 else 0.01, **common}
        record = {"scores": scores, "floor": {**scores, "frechet": 2.0, "coverage": 0.9}, "protocol": protocol}
        return Outcome(RunFolder(self.path / name), None, {"last": record})


@pytest.mark.parametrize(
    ("measure", "distances", "holds"),
    [
        (lowest(A, B, C), ([4.0], [7.0], [5.0]), True),
        (lowest(A, B, C), ([4.0], [7.0], [4.1]), False),
        (falling(A, B, C), ([9.0], [5.0], [4.0]), True),
        (falling(A, B, C), ([9.0], [12.0], [4.0]), False),
        (alike(A, B, C), ([9.0], [9.1], [8.9]), True),
        (alike(A, B, C), ([9.0, 9.1], [8.0, 8.1], [9.0, 9.1]), False),
        (none_collapses(A, B, C), ([9.0], [5.0], [4.0]), True),
        (none_collapses(A, B, C), ([9.0], [5.0], [300.0]), False),
        (rising(A, B, C, number=share), ([1.0], [1.0], [1.0]), False),
        (highest(A, B, C, number=share), ([1.0], [1.0], [1.0]), False),
    ],
)
def test_findings_are_differences_beyond_the_spread(
    measure: Measure, distances: tuple[list[float], ...], holds: bool, tmp_path: Path
) -> None:
    found = measure.read(Made(tmp_path, dict(zip("abc", distances, strict=True))))
    assert found.holds is holds and found.seen and found.protocol
    if max(map(max, distances)) > 100:
        assert "collapsed: c" in found.seen


def test_runs_of_two_protocols_make_no_finding(tmp_path: Path) -> None:
    with pytest.raises(Incomparable, match="not of one protocol: extractor_sha256"):
        lowest(A, B).read(Made(tmp_path, {"a": [4.0], "b": [7.0]}, b="1" * 64))


def test_works_are_done_once_and_trainings_first() -> None:
    study = Studying(study="modes", settings=("run={0}",), of=(B,))
    first = Training(recipe="z")
    told = Training(recipe="c", after=(first,))
    claims = [
        Claim(id=name, said="So.", reported=Reported(text="so"), measure=Measure(needs, NOTHING.read))
        for name, needs in (("1", (study,)), ("2", (A, B)), ("3", (told, A)))
    ]
    report = Report(name="r", title="R.", data=(), claims=tuple(claims))
    assert works_of(report) == [B, A, first, told, study]


def test_one_name_is_one_work() -> None:
    claims = tuple(
        Claim(
            id=str(images),
            said="So.",
            reported=Reported(text="so"),
            measure=lowest(Training(recipe="a", images=images)),
        )
        for images in (1, 2)
    )
    with pytest.raises(GanatomyError, match="two different works are called a"):
        Report(name="r", title="R.", data=(), claims=claims)


def test_a_budget_is_used_up_and_the_hungriest_goes_first() -> None:
    shares = divided({"a": (1.0, 0.0), "b": (2.0, 1.0), "c": (1.0, 20.0), "d": (1.0, 6.0)}, 600.0)
    assert shares == {"a": 200.0, "b": 400.0}
    assert seconds_of("full") is None and seconds_of("30m") == 1800
    with pytest.raises(GanatomyError, match="some time is needed"):
        seconds_of("0s")


def test_a_clock_counts_on_from_where_it_stood(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "a.json", State(given=100.0, spent=40.0), lambda text: None)
    clock.begun -= 10
    clock.note()
    state = State.read(tmp_path / "a.json")
    assert state is not None and 50 <= state.spent < 51 and state.left is not None and 49 < state.left <= 50


def report_on(*wanted: Wanted) -> Report:
    return Report(name="r", title="R.", data=wanted, claims=())


def test_data_is_named_or_found_in_a_folder(tmp_path: Path) -> None:
    animals = Wanted(name="animals", what="animals", known_as=("afhq",), stand_ins=("cats",))
    digits = Wanted(name="digits", what="digits", unasked="digits")
    report = report_on(animals, digits)
    (tmp_path / "cats").mkdir()
    found = given(report, [str(tmp_path)])
    assert found.sources == {"digits": "digits", "animals": str(tmp_path / "cats")}
    assert found.in_place("animals") == "cats in the place of animals" and found.in_place("digits") == ""
    assert given(report, ["animals=digits"]).sources["animals"] == "digits"
    assert given(report_on(animals), [str(tmp_path / "cats")]).sources == {"animals": str(tmp_path / "cats")}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("aminals=digits", "Did you mean 'animals'"),
        ("animals=/nowhere", "no such file, folder or named source"),
        ("/nowhere", "no such file, folder or named source"),
        (".", "holds none of animals, digits"),
    ],
)
def test_mistaken_data_is_told(word: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = report_on(Wanted(name="animals", what="animals"), Wanted(name="digits", what="digits"))
    with pytest.raises(GanatomyError, match=said):
        given(report, [word])
