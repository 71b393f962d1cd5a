"""Verdicts on made-up numbers, budgets divided, data found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.clock import LEAST, LOST, Clock, State
from ganatomy.report.comparison import Outcome
from ganatomy.reproduce.budget import chosen, seconds_of
from ganatomy.reproduce.claims import (
    Claim,
    Incomparable,
    Kind,
    Measure,
    NotRun,
    Reading,
    Report,
    Reported,
    Studying,
    Training,
    Wanted,
    verdict,
    works_of,
)
from ganatomy.reproduce.collapse import collapses, collapses_less, draws_one_picture, none_collapses
from ganatomy.reproduce.readings import (
    NO_SPREAD,
    Number,
    alike,
    below,
    differs,
    distance,
    falling,
    goes_up,
    highest,
    lowest,
    refuse_two_protocols,
    result,
    rising,
    share,
)
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
    assert str(verdict(foreign, None, missing="no time")) == "not run: no time", "nothing ran that could be compared"
    assert str(verdict(number(), Reading((9.0,), why="another network"))) == "not comparable: another network"
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

    def ended(self, training: Training) -> list[Outcome]:
        return self.runs(training)

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
        floor = {**scores, "frechet": 2.0, "coverage": 0.9}
        record = {"images": 1_000, "scores": scores, "floor": floor, "protocol": protocol}
        return Outcome(RunFolder(self.path / name), None, {"last": record})


@pytest.mark.parametrize(
    ("measure", "distances", "holds"),
    [
        (lowest(A, B, C), ([4.0], [7.0], [5.5]), True),
        (lowest(A, B, C), ([4.0], [7.0], [4.1]), None),
        (lowest(A, B, C), ([4.0], [7.0], [2.0]), False),
        (lowest(A, B, C), ([4.0, 4.1], [7.0, 7.1], [4.0, 4.2]), False),
        (falling(A, B, C), ([9.0], [6.0], [4.0]), True),
        (falling(A, B, C), ([9.0], [5.0], [4.9]), None),
        (falling(A, B, C), ([9.0], [13.0], [4.0]), False),
        (alike(A, B, C), ([9.0], [9.1], [8.9]), None),
        (alike(A, B, C), ([9.0, 9.1, 8.9], [9.0, 9.2, 9.1], [8.8, 9.0, 9.1]), True),
        (alike(A, B, C), ([9.0, 3.0, 6.0], [9.0, 2.0, 9.1], [8.8, 5.0, 1.1]), None),
        (alike(A, B, C), ([9.0, 9.1], [8.0, 8.1], [9.0, 9.1]), False),
        (none_collapses(A, B, C), ([9.0], [5.0], [4.0]), True),
        (rising(A, B, C, number=share), ([1.0], [1.0], [1.0]), None),
        (highest(A, B, C, number=share), ([1.0], [1.0], [1.0]), None),
    ],
)
def test_findings_are_differences_beyond_the_spread_or_undecided(
    measure: Measure, distances: tuple[list[float], ...], holds: bool | None, tmp_path: Path
) -> None:
    found = measure.read(Made(tmp_path, dict(zip("abc", distances, strict=True))))
    assert found.holds is holds and found.seen and found.protocol
    assert found.why.startswith("undecided, ") is (holds is None)
    claim = Claim(id="f", said="So.", reported=Reported(text="so"), measure=measure)
    assert verdict(claim, found).kind == {True: "equal", False: "worse", None: "not comparable"}[holds]
    if measure.needs == (A, B, C) and len(distances[0]) == 1 and "collapsed" not in found.seen:
        assert found.beside == NO_SPREAD


@pytest.mark.parametrize(("kind", "way"), [(distance, 1), (share, None)])
def test_one_seed_tells_only_numbers_whose_spread_is_known(kind: Number, way: int | None) -> None:
    assert differs([0.2], [0.9], kind) == way and differs([0.9], [0.8], kind) is None
    assert differs([0.20, 0.21, 0.22], [0.90, 0.91, 0.92], kind) == 1, "several seeds tell of any kind"


def test_a_flat_curve_neither_rises_nor_falls() -> None:
    generator = np.random.default_rng(0)
    flat = [list(generator.normal(size=60)) for _ in range(40)]
    assert sum(goes_up([one]) is None for one in flat) > 30
    assert goes_up([[value + 0.1 * n for n, value in enumerate(one)] for one in flat[:3]]) is True
    assert goes_up([[value - 0.1 * n for n, value in enumerate(one)] for one in flat[:3]]) is False
    with pytest.raises(Incomparable, match="too short"):
        goes_up([[1.0, 2.0, 3.0]])


class Courses(Made):
    """Runs with a course: coverage and distance of each score, the last one the last checkpoint's; or a failure."""

    def __init__(self, path: Path, courses: dict[str, list[tuple[float, float]]], images: int = 1_000) -> None:
        super().__init__(path, {name: [far[-1][1] if far else 0.0] for name, far in courses.items()})
        self.courses, self.images = courses, images

    def runs(self, training: Training) -> list[Outcome]:
        found = [one for one in self.ended(training) if not one.failed]
        if not found:
            raise NotRun(f"{training.name} failed")
        return found

    def ended(self, training: Training) -> list[Outcome]:
        run, course = RunFolder(self.path / training.name), self.courses[training.name]
        if not course:
            return [Outcome(run, "D/real is not finite")]
        record = self.outcome(training.name, 1.0).records["last"]
        points = [
            {**record, "images": 10 * n, "scores": {**record["scores"], "coverage": covered, "frechet": 2 * far}}
            for n, (covered, far) in enumerate(course)
        ]
        for log in (run.scores, run.metrics):
            log.truncate(0)
        for point in points[:-1]:
            run.scores.append(point)
        run.metrics.append({"images": self.images})
        return [Outcome(run, None, {"last": points[-1]})]


UNTRAINED = [(0.001, 400.0), (0.002, 390.0)]
LEARNING = [(0.001, 400.0), (0.3, 50.0), (0.6, 9.0)]
FALLEN = [(0.001, 400.0), (0.6, 20.0), (0.4, 40.0)]
STUCK = [(0.001, 400.0), (0.002, 390.0), (0.001, 391.0), (0.001, 395.0), (0.001, 396.0)]
FAILED: list[tuple[float, float]] = []


@pytest.mark.parametrize(
    ("course", "holds"), [(LEARNING, True), (FALLEN, False), (STUCK, False), (FAILED, False), (UNTRAINED, None)]
)
def test_collapse_is_a_fall_and_not_a_lack_of_training(
    course: list[tuple[float, float]], holds: bool | None, tmp_path: Path
) -> None:
    done = Courses(tmp_path, {"a": course})
    if holds is None:
        for measure in (none_collapses(A), collapses(A, by=10)):
            with pytest.raises(Incomparable, match="too short to tell collapse from not trained yet"):
                measure.read(done)
        return
    found = none_collapses(A).read(done)
    assert found.holds is holds and ("none collapsed" in found.seen) is holds and found.seeds == (0,)
    assert collapses(A, by=10).read(done).holds is not holds


def test_a_run_that_is_expected_to_collapse_later_may_still_do_so(tmp_path: Path) -> None:
    with pytest.raises(Incomparable, match="not collapsed after 1,000 images, but it is said to take 5,000"):
        collapses(A, by=5_000).read(Courses(tmp_path, {"a": LEARNING}))


def test_collapsing_less_is_a_matter_of_two(tmp_path: Path) -> None:
    assert collapses_less(A, B).read(Courses(tmp_path, {"a": LEARNING, "b": FAILED})).holds
    assert not collapses_less(A, B).read(Courses(tmp_path, {"a": FALLEN, "b": FAILED})).holds
    with pytest.raises(Incomparable, match="neither collapsed"):
        collapses_less(A, B).read(Courses(tmp_path, {"a": LEARNING, "b": LEARNING}))


@pytest.mark.parametrize(
    ("score", "course", "holds"), [(1.0, STUCK, True), (3.0, STUCK, False), (1.0, UNTRAINED, None)]
)
def test_one_picture_is_known_by_its_score_once_training_is_over(
    score: float, course: list[tuple[float, float]], holds: bool | None, tmp_path: Path
) -> None:
    class OfOne(Courses):
        def outcome(self, name: str, far: float) -> Outcome:
            found = super().outcome(name, far)
            last = found.records["last"]
            return replace(found, records={"last": {**last, "scores": {**last["scores"], "classifier_score": score}}})

    done = OfOne(tmp_path, {"a": course})
    if holds is None:
        with pytest.raises(Incomparable, match="too short"):
            draws_one_picture(A).read(done)
    else:
        assert draws_one_picture(A).read(done).holds is holds


def test_a_finding_beside_a_limit_says_the_limit(tmp_path: Path) -> None:
    found = below(A, 5.0, distance).read(Made(tmp_path, {"a": [4.0]}))
    assert found.holds and found.beside == "limit: below 5"


def measured(run: RunFolder, extractor: str, **scores: float) -> None:
    protocol = {"extractor": extractor, "count": 100, "reference": "training images", "content": "c"}
    run.measurements.append({"scores": scores, "floor": dict.fromkeys(scores, 2.0), "protocol": protocol})


def test_a_foreign_measurement_is_passed_over(tmp_path: Path) -> None:
    runs = [RunFolder(tmp_path / name) for name in "ab"]
    for run in runs:
        measured(run, "random (no trained weights)", fid=8.0, coverage=1.0)
        measured(run, "inception", fid=100.0)
        measured(run, "random (no trained weights)", kid=1.0)
    assert distance(Outcome(runs[0])) == 4.0
    refuse_two_protocols([Outcome(run) for run in runs], distance)
    runs[1].measurements.append({**runs[1].measurements.read()[0], "protocol": {"extractor": "random", "count": 9}})
    with pytest.raises(Incomparable, match="a and b are not of one protocol: content is c and None"):
        refuse_two_protocols([Outcome(run) for run in runs], distance)


def test_a_judge_and_random_features_are_two_protocols(tmp_path: Path) -> None:
    measured(RunFolder(tmp_path / "b"), "random", fid=8.0)
    judged = Made(tmp_path, {"a": [4.0]}).runs(A)
    with pytest.raises(Incomparable, match="some are scored by a judge"):
        refuse_two_protocols([*judged, Outcome(RunFolder(tmp_path / "b"))], distance)


def test_a_finding_about_the_reports_own_data_needs_them() -> None:
    claim = Claim(id="f", said="So.", reported=Reported(text="so"), measure=NOTHING, own_data=True)
    replaced = "faces in the place of horses"
    assert str(verdict(claim, Reading(holds=True), replaced=replaced)) == f"not comparable: {replaced}"
    assert verdict(claim, Reading(holds=True)).kind == "equal"


def test_runs_of_two_protocols_make_no_finding(tmp_path: Path) -> None:
    with pytest.raises(Incomparable, match="not of one protocol: extractor_sha256"):
        lowest(A, B).read(Made(tmp_path, {"a": [4.0], "b": [7.0]}, b="1" * 64))


@pytest.mark.parametrize(
    ("answers", "holds"),
    [([True, False, True], True), ([False], False), ([True, False], None), ([None, True, True], True), ([None], None)],
)
def test_a_studys_finding_is_that_of_most_seeds(answers: list[bool | None], holds: bool | None, tmp_path: Path) -> None:
    class Studied(Made):
        def results(self, studying: Studying) -> list[dict[str, object]]:
            return [{"answer": answer} for answer in answers]

    found = result(Studying(study="modes", settings=()), lambda one: ("so", one["answer"])).read(Studied(tmp_path, {}))
    assert found.holds is holds and bool(found.why) is (holds is None)


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


def test_a_budget_goes_where_it_gives_most_verdicts() -> None:
    """A work that several claims share counts for all of them, and one that a claim has in part costs the rest."""
    claims = [(1.0, {"a": 6.0}), (1.0, {"a": 6.0, "b": 3.0}), (1.0, {"c": 5.0}), (0.5, {"d": 3.0}), (1.0, {"c": 9.0})]
    assert chosen(claims, 2) == {}
    assert chosen(claims, 5) == {"c": 5.0}
    assert chosen(claims, 9) == {"a": 6.0, "b": 3.0}
    assert chosen(claims, 14) == {"a": 6.0, "b": 3.0, "c": 5.0}
    assert chosen(claims, 18) == {"a": 6.0, "b": 3.0, "c": 9.0}
    assert chosen(claims, 21) == {"a": 6.0, "b": 3.0, "c": 9.0, "d": 3.0}


@pytest.mark.parametrize("seed", range(20))
def test_a_budget_is_kept_and_nothing_that_fits_is_left_out(seed: int) -> None:
    random = np.random.default_rng(seed)
    claims = []
    for _ in range(8):
        wanted = {str(name): float(random.uniform(1, 9)) for name in random.permutation([*"abcdef"])[:2]}
        claims.append((float(random.choice([0.5, 1.0])), wanted))
    taken = chosen(claims, 20.0)
    rest = 20.0 - sum(taken.values())
    assert rest >= 0
    for _, wanted in claims:
        lacking = sum(max(0.0, least - taken.get(name, 0.0)) for name, least in wanted.items())
        assert lacking == 0 or lacking > rest


def test_a_budget_is_a_time_or_full() -> None:
    assert seconds_of("full") is None and seconds_of("30m") == 1800
    for text, said in (("0s", "--budget 0s: a time is wanted"), ("ful", "--budget ful: .* or full")):
        with pytest.raises(GanatomyError, match=said):
            seconds_of(text)


def test_a_clock_counts_on_from_where_it_stood(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "a")
    clock = Clock(tmp_path / "a.json", State(given=100.0, spent=40.0), run.checkpoints)
    assert clock.duration == 60.0
    assert Clock(tmp_path / "b.json", State(given=1.0, spent=9.0), run.checkpoints).duration == LEAST
    clock.begun -= 10
    clock.note()
    state = State.read(tmp_path / "a.json")
    assert state is not None and 50 <= state.spent < 51 and state.left is not None and 49 < state.left <= 50
    assert state.kept == 0, "no checkpoint has it"
    run.checkpoints.write(7, {}, {})
    clock.note()
    state = State.read(tmp_path / "a.json")
    assert state is not None and state.kept == state.spent


def test_a_kill_gives_back_what_was_lost_and_yet_a_run_ends() -> None:
    state = State(given=200.0, spent=180.0, kept=30.0).resumed()
    assert state.spent == state.kept == 30.0 + LOST, "of the work that no checkpoint has, a part counts"
    assert State(given=200.0, spent=180.0, kept=170.0).resumed().spent == 180.0
    for _ in range(3):
        state = replace(state, spent=1_000.0).resumed()
    assert state.left == 0, "a run that is always killed comes to its end"


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
    for words in (["animals=digits"], ["animals=digits", str(tmp_path)], [str(tmp_path), "animals=digits"]):
        assert given(report, words).sources["animals"] == "digits", "what is named counts before a folder"
    with pytest.raises(GanatomyError, match="animals=digits: animals is said before, too; it has one source"):
        given(report, [f"animals={tmp_path}", "animals=digits"])
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
