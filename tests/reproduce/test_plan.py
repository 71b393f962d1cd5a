"""A budget that is not for all claims: what is begun is carried to what it takes, on fast machines and slow ones."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganatomy.experiments.clock import State
from ganatomy.reproduce.claims import Claim, Done, Measure, Reading, Report, Reported, Studying, Training, Wanted
from ganatomy.reproduce.forecast import SAVED
from ganatomy.reproduce.plan import Plan
from ganatomy.reproduce.reproduce import Session, reproduce
from ganatomy.reproduce.reproduction import Job, Reproduction
from ganatomy.reproduce.shown import shown
from ganatomy.reproduce.sources import given
from ganatomy.runs.files import read_json, write_json
from ganatomy.runs.folder import RunFolder

IMAGES = 80_000  # a quarter takes two minutes, of eight


def training(name: str, width: float) -> Training:
    overrides = (f"players.G.width={width}",)
    return Training(recipe="digits-dcgan", data=("digits",), overrides=overrides, images=IMAGES, name=name, minutes=8.0)


A, B, C = training("a", 0.1), training("b", 0.2), training("c", 0.3)


def read(*needs: Training, **how: Any) -> Measure:
    def reading(done: Done) -> Reading:
        return Reading(seen=", ".join(one.run.name for need in needs for one in done.runs(need)), holds=True)

    return Measure(needs, reading, **how)


def report(*measures: Measure) -> Report:
    claims = [
        Claim(id=f"claim-{number}", said="So it is.", reported=Reported(text="so"), measure=measure)
        for number, measure in enumerate(measures)
    ]
    wanted = Wanted(name="digits", what="small digits", unasked="digits")
    return Report(name="made-up", title="Digits.", data=(wanted,), claims=tuple(claims))


THREE = report(read(A), read(A, B), read(C))


def done(report: Report, **how: Any) -> Path:
    return reproduce(report, device="cpu", **how)


def place(report: Report, budget: str) -> Reproduction:
    return Reproduction(report, given(report, []), budget, (0,), Path("nowhere"), "cpu")


class Killed(BaseException):
    pass


class Machine:
    """In the place of training: shows as many images as it is asked for, or has time for, at a pace of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pace: float = 1.0) -> None:
        self.pace, self.trained, self.dies_at = pace, list[str](), 0
        monkeypatch.setattr(Session, "trained", lambda session, *words: self.train(session, *words))

    def train(self, session: Session, training: Training, job: Job, state: State) -> None:
        place = session.place
        self.trained.append(job.name)
        run, each = RunFolder(place.path(job)), 60 * training.minutes / self.pace / IMAGES
        before, until = shown(place.outcome(job)), min(IMAGES, session.plan.enough(job) or IMAGES)
        took = (until - before) * each if state.left is None else min(state.left, (until - before) * each)
        if len(self.trained) == self.dies_at:
            took /= 2
        run.metrics.append({"images": before + round(took / each)})
        replace(state, spent=state.spent + took, kept=state.spent + took).write(place.file(job))
        if len(self.trained) == self.dies_at:
            raise Killed


def images(folder: Path) -> dict[str, int]:
    return {run.name: RunFolder(run).metrics.read()[-1]["images"] for run in sorted((folder / "runs").iterdir())}


def spent(folder: Path) -> float:
    return sum(read_json(file)["spent"] for file in (folder / "work").glob("*.json"))


def carried(folder: Path) -> Sequence[str]:
    """The runs that were shown the quarter that their claims take."""
    return [name for name, shown in images(folder).items() if shown >= IMAGES / 4]


@pytest.mark.parametrize(("pace", "runs"), [(4.0, "abc"), (2.0, "abc"), (1.0, "ab"), (0.8, "a"), (0.5, "a"), (0.1, "")])
def test_what_is_begun_is_carried_to_its_quarter_whatever_the_machine(
    pace: float, runs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Machine(monkeypatch, pace)
    folder = done(THREE, budget="4m30s", out=tmp_path / "r")
    assert carried(folder) == [f"{name}-seed0" for name in runs]
    assert spent(folder) <= 270 + 1e-6


def test_what_is_saved_is_planned_anew_and_what_is_left_goes_to_one_more_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, said = Machine(monkeypatch, 2.0), list[str]()
    folder = done(THREE, budget="4m30s", out=tmp_path / "r", announce=said.append)
    assert "judged     2: claim-0, claim-1" in said and "in part    claim-2: c needs 2 min" in said
    assert "planned    b-seed0: 2 min" in said and "planned    c-seed0: 30 s" in said and SAVED in said
    assert not any(line.startswith("left ") for line in said)
    assert machine.trained == ["a-seed0", "b-seed0", "c-seed0"], "the third from what the first two saved"
    assert max(images(folder).values()) < 0.3 * IMAGES and spent(folder) < 240
    assert {row["verdict"] for row in read_json(folder / "result.json")["claims"]} == {"equal"}


def test_a_budget_for_all_claims_is_used_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch)
    folder = done(THREE, budget="12m", out=tmp_path / "r")
    assert set(images(folder).values()) == {IMAGES // 2} and spent(folder) == pytest.approx(720)


def test_a_killed_reproduction_goes_on_by_the_same_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch)
    whole = done(THREE, budget="5m", out=tmp_path / "whole")
    machine = Machine(monkeypatch)
    for machine.dies_at in (1, 3):
        with pytest.raises(Killed):
            done(THREE, budget="5m", out=tmp_path / "killed")
    killed = done(THREE, budget="5m", out=tmp_path / "killed")
    assert images(killed) == images(whole) and spent(killed) == pytest.approx(spent(whole))
    assert machine.trained == ["a-seed0", "a-seed0", "b-seed0", "b-seed0", "c-seed0"]
    done(THREE, budget="5m", out=killed)
    assert len(machine.trained) == 5, "and is not begun again"


def test_a_larger_budget_adds_claims_and_leaves_what_has_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch)
    half = report(read(A), read(B), read(C), read(A, part=0.5))
    for budget in ("3m", "6m30s", "9m"):
        folder = done(half, budget=budget, out=tmp_path / "r")
    assert machine.trained == [f"{name}-seed0" for name in "aaabc"], "what lacks least comes first, and has the rest"
    assert images(folder)["a-seed0"] >= IMAGES / 2 > images(folder)["b-seed0"]


def test_what_was_stopped_has_its_part_of_a_larger_budget_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, said, both = Machine(monkeypatch), list[str](), report(read(A), read(A, part=0.75))
    machine.dies_at = 1
    with pytest.raises(Killed):
        done(both, budget="3m", out=tmp_path / "r")
    folder = done(both, budget="7m", out=tmp_path / "r", announce=said.append)
    assert "planned    a-seed0: 4.9 min" in said and machine.trained == ["a-seed0", "a-seed0"]
    assert images(folder)["a-seed0"] >= 0.75 * IMAGES


def test_an_added_seed_is_shown_as_many_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch)
    for seeds in ((0,), (0, 1)):
        folder = done(THREE, budget="4m30s", seeds=seeds, out=tmp_path / "r")
    found = images(folder)
    assert found["a-seed1"] == found["a-seed0"] and found["b-seed1"] == found["b-seed0"]
    assert "c-seed0" not in found, "an added seed is beyond the budget, and adds none for others"


def test_several_seeds_share_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    done(THREE, budget="9m", seeds=(0, 1), out=tmp_path / "r")
    assert machine.trained == ["a-seed0", "a-seed1", "b-seed0", "b-seed1"]


def test_a_claim_of_no_part_takes_a_line_of_figures() -> None:
    found = place(report(read(A, part=0), read(B)), "1m")
    assert Plan(found).shares == {"a-seed0": 15.0, "b-seed0": 45.0}, "the rest is for a part of the next"
    assert Plan(found).enough(Job(A, 0)) == found.lengths[A][1]


def test_a_number_that_is_soon_no_worse_takes_less() -> None:
    found = place(report(read(A, soon=1 / 8), read(B)), "90s")
    assert Plan(found).shares == {"a-seed0": 60.0, "b-seed0": 30.0}
    assert Plan(found).enough(Job(A, 0)) == IMAGES / 8 + found.lengths[A][1]


def test_the_rest_is_for_all_trainings_of_one_claim_and_not_for_a_trifle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = report(read(A), read(B, C))
    assert Plan(place(compared, "3m")).shares == pytest.approx({"a-seed0": 120, "b-seed0": 30, "c-seed0": 30})
    assert Plan(place(compared, "2m20s")).shares == pytest.approx({"a-seed0": 120}), "a twelfth of what it lacks"
    Machine(monkeypatch)
    folder = done(compared, budget="3m", out=tmp_path / "r")
    assert images(folder)["b-seed0"] == images(folder)["c-seed0"] > IMAGES // 32 and spent(folder) == pytest.approx(180)


def test_the_rest_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slower machine than was thought it is the rest that is not there, and no verdict."""
    machine = Machine(monkeypatch)
    done(report(read(A), read(B), read(A, part=0.75)), budget="6m", out=tmp_path / "r")
    assert machine.trained == ["a-seed0", "b-seed0", "a-seed0"]


def test_the_rest_is_for_no_study_and_for_nothing_that_others_learn_from() -> None:
    studying = Studying(study="modes", settings=("run={0}",), of=(B,), minutes=1.0)
    assert Plan(place(report(read(A), Measure((studying,), lambda done: Reading(holds=True))), "4m")).rest == {}
    assert Plan(place(report(read(A), read(replace(B, after=(C,)))), "4m")).rest == {}


def test_the_rest_is_for_no_run_that_a_study_looks_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be done anew, and there is no time for that."""
    machine = Machine(monkeypatch)

    def carried_out(session: Session, job: Job, state: State) -> None:
        machine.trained.append(job.name)
        session.place.record(job, replace(state, spent=60.0, kept=60.0))

    monkeypatch.setattr(Session, "studied", carried_out)
    walk = Studying(study="interpolate", settings=("run={0}", "seed={seed}"), of=(A,), minutes=1.0)
    walked = Measure((walk,), lambda done: Reading(holds=True), part=0)
    done(report(walked, read(A, part=0.5), read(B, C)), budget="4m", out=tmp_path / "r")
    assert machine.trained[:2] == ["a-seed0", "interpolate-seed0"]
    assert sorted(machine.trained[2:]) == ["b-seed0", "c-seed0"], "and not the first again"


def test_a_study_is_not_left_out_for_seconds(tmp_path: Path) -> None:
    """Its run ended a little late; without a tolerance the rest of the budget began something else."""
    walk = Studying(study="interpolate", settings=("run={0}", "seed={seed}"), of=(A,), minutes=1.0)
    walked = Measure((walk,), lambda done: Reading(holds=True))
    for late, left_out in ((2.0, False), (20.0, True)):
        found = Reproduction(report(walked, read(B)), given(THREE, []), "3m", (0,), tmp_path / str(late), "cpu")
        State(given=120.0, spent=120.0 + late, kept=120.0 + late, done=True).write(found.file(Job(A, 0)))
        RunFolder(found.path(Job(A, 0))).metrics.append({"images": IMAGES // 4})
        assert (walk not in Plan(found).sufficient) == left_out


def test_what_others_learn_from_is_trained_whole() -> None:
    pupil = replace(B, after=(A,))
    found = place(report(read(pupil)), "1m")
    assert Plan(found).demand(found.report.claims[0]) == {A: 8.0, pupil: 2.0}


@pytest.mark.parametrize(("images", "minutes"), [(4_000, 3 + 0.8 * 2), (10_000, 6.0), (20_000, 3.0), (40_000, 3.0)])
def test_a_run_tells_what_it_lacks_by_its_own_pace_once_that_is_known(
    images: int, minutes: float, tmp_path: Path
) -> None:
    found = Reproduction(THREE, given(THREE, []), "5m", (0,), tmp_path / "r", "cpu")
    State(given=240.0, spent=180.0, kept=180.0).write(found.file(Job(A, 0)))
    RunFolder(found.path(Job(A, 0))).metrics.append({"images": images})
    assert Plan(found).cost(Job(A, 0), 0.25) == pytest.approx(minutes)


def test_a_study_waits_for_its_run_where_another_claim_takes_more_of_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch)

    def carried_out(session: Session, job: Job, state: State) -> None:
        machine.trained.append(job.name)
        write_json(session.place.path(job) / "result.json", {"result": {}})

    monkeypatch.setattr(Session, "studied", carried_out)
    walk = Studying(study="interpolate", settings=("run={0}", "seed={seed}"), of=(A,), minutes=0.1)
    walked = Measure((walk,), lambda done: Reading(seen=f"{len(done.results(walk))} walk", holds=True))
    folder = done(report(walked, read(A, part=0.5)), budget="5m", out=tmp_path / "r")
    assert machine.trained == ["a-seed0", "interpolate-seed0"]
    assert [row["verdict"] for row in read_json(folder / "result.json")["claims"]] == ["equal", "equal"]
