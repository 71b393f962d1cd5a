"""A made-up report on digits from end to end: trained once, killed and resumed, judged, written as a page."""

import re
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import torch

from ganatomy.core.duration import in_words
from ganatomy.core.errors import GanatomyError
from ganatomy.core.observer import Moment
from ganatomy.engine.ledger import NonFiniteError
from ganatomy.experiments.clock import State
from ganatomy.experiments.run import Run, load
from ganatomy.experiments.train import train
from ganatomy.report.results import studied
from ganatomy.reproduce import reproduce as room
from ganatomy.reproduce import reproduction
from ganatomy.reproduce.claims import KINDS, Claim, Done, Measure, Reading, Report, Reported, Studying, Training, Wanted
from ganatomy.reproduce.collapse import none_collapses
from ganatomy.reproduce.forecast import OF_TIME
from ganatomy.reproduce.plan import Plan
from ganatomy.reproduce.readings import NO_SPREAD, distance, lowest, of_study, score, share, study_protocol
from ganatomy.reproduce.reproduce import Session, Telling, reproduce
from ganatomy.reproduce.reproduction import Job, Reproduction
from ganatomy.reproduce.sources import given
from ganatomy.runs.files import read_json, write_json
from ganatomy.runs.folder import RunFolder
from tests.browser.chromium import PROGRAM, chromium
from tests.conftest import TINY, Program

EVIL = "<script>alert('x')</script>"
QUICK = (*TINY, "scores.count=100")
PLAIN = Training(recipe="digits-dcgan", data=("digits",), overrides=QUICK, images=600, minutes=0.1)
TOLD = Training(recipe="digits-cdcgan", data=("digits",), overrides=QUICK, images=600, minutes=0.1)
ZEBRAS = Training(recipe="digits-cyclegan", data=("horses",))
WALK = Studying(
    study="interpolate", settings=("run={0}", "seed={seed}", "pairs=2", "steps=3"), of=(TOLD,), minutes=0.05
)


def claim(name: str, **how: Any) -> Claim:
    return Claim(id=name, **{"said": f"It is {name}.", "reported": Reported(text="0.5", values=(0.5,)), **how})


REPORT = Report(
    name="made-up",
    title=f"Digits, {EVIL}.",
    data=(
        Wanted(name="digits", what="small digits", unasked="digits"),
        Wanted(name="horses", what="a folder of horses"),
    ),
    claims=(
        claim("share", measure=score(PLAIN, share), better="higher", said=f"Digits reach {EVIL} of real ones."),
        claim("order", measure=lowest(PLAIN, TOLD)),
        claim("smooth", measure=of_study(WALK, "latents", "smoothness"), better="higher", tolerance=1.0),
        claim("fid", measure=score(TOLD, share), incomparable="an Inception network's"),
        claim("hours", incomparable="another machine"),
        claim("horses", measure=score(ZEBRAS, distance), better="lower"),
    ),
)


@pytest.fixture(scope="session")
def done(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report reproduced, for reading only."""
    return reproduce(REPORT, budget="full", out=tmp_path_factory.mktemp("reproductions") / "made-up")


def verdicts(folder: Path) -> dict[str, tuple[str, str]]:
    return {row["id"]: (row["verdict"], row["why"]) for row in read_json(folder / "result.json")["claims"]}


def test_every_claim_is_a_row_with_a_verdict(done: Path) -> None:
    found = verdicts(done)
    assert list(found) == ["share", "order", "smooth", "fid", "hours", "horses"]
    assert found["share"] == ("worse", "") and found["order"][0] in ("equal", "worse", "not comparable")
    assert found["smooth"] == ("equal", "")
    assert found["fid"] == ("not comparable", "an Inception network's")
    assert found["hours"] == ("not comparable", "another machine")
    assert found["horses"] == ("not run", "no data: give --data horses=SOURCE (a folder of horses)")


def test_a_number_stands_beside_its_floor_seeds_and_protocol(done: Path) -> None:
    rows = {row["id"]: row for row in read_json(done / "result.json")["claims"]}
    ours = rows["share"]["ours"]
    assert ours["seeds"] == [0] and len(ours["values"]) == 1 and 0 < ours["values"][0] < 1
    assert "x floor" in ours["beside"] and "coverage" in ours["beside"]
    assert "100 samples of seed 0" in ours["protocol"] and "Floor" in ours["protocol"]
    assert rows["fid"]["ours"] is not None, "what is not comparable stands beside all the same"


def test_the_table_is_markdown(done: Path) -> None:
    text = (done / "claims.md").read_text()
    assert "| claim | reported | ours | verdict |" in text and "**not run**: no data" in text
    assert "| digits-dcgan | 1 |" in text, "the runs' own table"
    assert str(done) not in text, "paths are nobody's business"
    assert "<script" not in text
    assert studied([done]) == text, "`ganatomy results` takes reproductions, too"


def test_the_page_needs_nothing_else_and_escapes_text(done: Path) -> None:
    text = (done / "index.html").read_text()
    assert not re.search(r"https?://|url\(|@import|srcset", text)
    assert {address[:5] for address in re.findall(r'(?:src|href)="([^"]*)"', text)} == {"data:", "#run-"}
    assert text.count("<script") == 1 and "&lt;script&gt;" in text
    assert text.index("<h3>Claims</h3>") < text.index("<h3>Studies</h3>") < text.index("<h3>Curves</h3>")
    assert "digits-dcgan-seed0" in text and "interpolate-seed0: latents" in text


def test_what_was_not_run_stands_last_on_the_page(tmp_path: Path) -> None:
    folder = reproduce(replace(REPORT, claims=REPORT.claims[:3:-1]), budget="full", out=tmp_path / "r")
    assert list(verdicts(folder)) == ["horses", "hours"]
    assert re.findall(r'class="id">(\w+)<', (folder / "index.html").read_text()) == ["hours", "horses"]


@pytest.mark.browser
@pytest.mark.skipif(PROGRAM is None, reason="Chromium is not here")
def test_the_page_fits_a_phone_and_asks_nothing_of_any_network(done: Path, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as tab:
        for width in (1280, 390):
            tab.resize(width, 800)
            tab.open(done / "index.html")
            assert tab.ask("document.documentElement.scrollWidth") == width
            assert tab.ask("document.querySelectorAll('.claims tbody tr').length") == len(REPORT.claims)
        assert all(address.startswith(("file:", "data:")) for address in tab.requests)


def test_a_training_ends_where_its_claims_have_enough_of_it(cache: Path, tmp_path: Path) -> None:
    report = made_of(seeds_read(replace(PLAIN, minutes=8.0)), seeds_read(replace(TOLD, minutes=8.0)))
    folder = reproduce(report, budget="3m", out=tmp_path / "r", device="cpu")
    for run in (load(folder / "runs" / "digits-dcgan-seed0"), load(folder / "runs" / "digits-cdcgan-seed0")):
        assert run.recipe.images == 600 and run.checkpoint().round == 5, "320 images: 150, and a line of figures more"
    assert {kind for kind, _ in verdicts(folder).values()} == {"equal"}, "they are not too short"


def test_what_is_done_is_not_done_again(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = shutil.copytree(done, tmp_path / "again")
    monkeypatch.setattr(room, "train", lambda *words, **how: pytest.fail("trained again"))
    monkeypatch.setattr(room, "carry_out", lambda *words, **how: pytest.fail("studied again"))
    reproduce(REPORT, budget="full", out=again)
    assert (again / "result.json").read_bytes() == (done / "result.json").read_bytes()


class Killed(BaseException):
    pass


def test_killed_and_resumed_it_ends_with_the_same_result(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = train, list[str]()

    def dies_halfway(recipe: Any, **how: Any) -> Run:
        calls.append(recipe.name)
        if len(calls) == 2:
            real(recipe.replace(images=256), **how)
            raise Killed
        return real(recipe, **how)

    monkeypatch.setattr(room, "train", dies_halfway)
    with pytest.raises(Killed):
        reproduce(REPORT, budget="full", out=tmp_path / "made-up")
    assert verdicts(tmp_path / "made-up")["smooth"][0] == "not run", "what is known so far is written"
    reproduce(REPORT, budget="full", out=tmp_path / "made-up")
    assert calls == ["digits-dcgan", "digits-cdcgan", "digits-cdcgan"]
    assert (tmp_path / "made-up" / "result.json").read_bytes() == (done / "result.json").read_bytes()


def test_a_failed_training_is_a_row(tmp_path: Path) -> None:
    wild = replace(PLAIN, name="wild", overrides=(*QUICK, "optimizers.D.lr=1e30"))
    claims = (claim("wild", measure=score(wild, share), better="higher"), claim("calm", measure=none_collapses(wild)))
    report = replace(REPORT, claims=(*claims, *REPORT.claims[4:]))
    folder = reproduce(report, budget="full", out=tmp_path / "failed")
    kind, why = verdicts(folder)["wild"]
    assert kind == "not run" and why.startswith("wild-seed0 failed: ") and "tried again" not in why
    assert verdicts(folder)["calm"] == ("worse", ""), "a loss that is no number is a collapse, too"
    calm = read_json(folder / "result.json")["claims"][1]["ours"]
    assert calm["seen"] == "collapsed: wild-seed0 (a loss was no number)" and calm["seeds"] == [0]
    assert read_json(folder / "result.json")["runs"]["wild"][0]["failed"]
    assert "wild-seed0 failed: " in (folder / "claims.md").read_text()
    assert "wild-seed0 failed: " in (folder / "index.html").read_text()


def test_a_longer_run_begins_where_the_shorter_one_ended_and_ends_as_if_it_had_not(cache: Path, tmp_path: Path) -> None:
    longer = replace(PLAIN, name="longer", images=900)
    other = replace(longer, name="other", overrides=(*QUICK, "optimizers.G.lr=1e-4"))
    report = made_of(seeds_read(longer), seeds_read(PLAIN), seeds_read(other))
    folder = reproduce(report, budget="full", out=tmp_path / "r", device="cpu")
    rounds = {}
    for name in ("digits-dcgan", "longer", "other"):
        sessions = read_json(folder / "runs" / f"{name}-seed0" / "environment.json")["sessions"]
        rounds[name] = [session["from_round"] for session in sessions]
    assert rounds == {"digits-dcgan": [0], "longer": [0, 10], "other": [0]}
    place = Reproduction(report, given(report, []), "full", (0,), tmp_path / "r", "cpu")
    whole = train(place.recipe(longer, 0), out=tmp_path / "whole", device="cpu").checkpoint()
    found = load(folder / "runs" / "longer-seed0").checkpoint()
    assert found.round == whole.round
    assert all(torch.equal(tensor, whole.tensors[name]) for name, tensor in found.tensors.items())


def test_a_restart_does_not_set_the_clock_back(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = replace(REPORT, claims=REPORT.claims[:1])
    given = list[float]()

    def counted(recipe: Any, **how: Any) -> Run:
        given.append(how["duration"])
        how["show"].state = replace(how["show"].state, spent=6.0).write(how["show"].file)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(room, "train", counted)
        for _ in range(2):
            with pytest.raises(Killed):
                reproduce(report, budget="10s", out=tmp_path / "short")
    assert given == [10.0, 4.0]
    folder = reproduce(report, budget="10s", out=tmp_path / "short")
    state = State.read(folder / "work" / "digits-dcgan-seed0.json")
    assert state is not None and state.given == 10.0 and state.spent >= 6.0 and state.done


def test_a_plan_counts_what_a_kill_has_lost(tmp_path: Path) -> None:
    report = replace(REPORT, claims=REPORT.claims[:1])
    place = Reproduction(report, given(report, []), "10m", (0,), tmp_path / "r", device="cpu")
    State(given=600.0, spent=500.0, kept=100.0).write(place.file(place.jobs[0]))
    assert "planned    digits-dcgan-seed0: 7.3 min" in Session(place).forecast(), (
        "600 s less those kept, and the 60 that count as lost"
    )


class Fake:
    """In the place of training: nothing is trained, and what `fails` names raises what it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fails: dict[str, Exception] | None = None) -> None:
        self.fails, self.trained = fails or {}, list[tuple[str, float | None]]()
        monkeypatch.setattr(Session, "trained", lambda session, *words: self.train(*words))

    def train(self, training: Training, job: Job, state: State) -> None:
        self.trained.append((job.name, state.left))
        if job.name in self.fails:
            raise self.fails[job.name]


def seeds_read(*needs: Training) -> Measure:
    """The numbers are the seeds that are read."""

    def read(done: Done) -> Reading:
        names = [[outcome.run.name[-1] for outcome in done.runs(training)] for training in needs]
        return Reading(tuple(map(float, names[0])), seen=str(names), holds=True)

    return Measure(needs, read)


def made_of(*measures: Measure, **how: Any) -> Report:
    claims = [claim(f"claim-{n}", measure=measure) for n, measure in enumerate(measures)]
    return replace(REPORT, claims=tuple(claims), **how)


def test_numbers_are_those_of_the_seeds_of_which_all_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fake(monkeypatch, {"digits-dcgan-seed1": NonFiniteError("D/real became nan")})
    folder = reproduce(made_of(seeds_read(TOLD, PLAIN)), budget="full", seeds=(0, 1, 2), out=tmp_path / "r")
    ours = read_json(folder / "result.json")["claims"][0]["ours"]
    assert ours["values"] == [0.0, 2.0] and ours["seeds"] == [0, 2] and ours["seen"] == "[['0', '2'], ['0', '2']]"
    assert ours["beside"] == "1 of 3 seeds failed"


def test_only_a_loss_that_is_no_number_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(
        monkeypatch, {"digits-dcgan-seed0": GanatomyError("disk full"), "digits-cdcgan-seed0": NonFiniteError("nan")}
    )
    report = made_of(seeds_read(PLAIN), seeds_read(TOLD))
    folder = reproduce(report, budget="full", out=tmp_path / "r")
    again = "(tried again by the same command)"
    assert verdicts(folder)["claim-0"] == ("not run", f"digits-dcgan-seed0 failed: disk full {again}")
    assert verdicts(folder)["claim-1"] == ("not run", "digits-cdcgan-seed0 failed: nan")
    fake.fails.clear()
    reproduce(report, budget="full", out=folder)
    assert [name for name, _ in fake.trained] == ["digits-dcgan-seed0", "digits-cdcgan-seed0", "digits-dcgan-seed0"]
    assert verdicts(folder)["claim-0"][0] == "equal" and verdicts(folder)["claim-1"][0] == "not run"


def test_what_waits_for_a_failed_training_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch, {"digits-dcgan-seed0": NonFiniteError("nan")})
    waits = replace(TOLD, after=(PLAIN,))

    def trained(session: Session, training: Training, job: Job, state: State) -> None:
        fake.train(training, job, state)
        for before in training.after:
            session.plan.whole(Job(before, job.seed))

    monkeypatch.setattr(Session, "trained", trained)
    folder = reproduce(made_of(seeds_read(waits)), budget="full", out=tmp_path / "r")
    assert verdicts(folder)["claim-0"] == ("not run", "digits-dcgan-seed0 failed: nan")


def test_an_added_seed_has_as_much_time_as_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch)
    for seeds in ((0,), (0, 1, 2)):
        reproduce(made_of(seeds_read(PLAIN)), budget="60s", seeds=seeds, out=tmp_path / "r")
    assert fake.trained == [(f"digits-dcgan-seed{seed}", 60.0) for seed in (0, 1, 2)]


def test_only_data_that_is_used_must_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fake(monkeypatch)
    other = Wanted(name="unused", what="more digits", unasked="digits")
    report = made_of(seeds_read(PLAIN), data=(*REPORT.data, other))
    folder = reproduce(report, budget="full", out=tmp_path / "r")
    assert read_json(folder / "reproduction.json")["data"] == {"digits": "digits"}
    reproduce(report, budget="full", data=[f"unused={tmp_path}"], out=folder)
    with pytest.raises(GanatomyError, match="digits: digits -> "):
        reproduce(report, budget="full", data=[f"digits={tmp_path}"], out=folder)


def test_what_a_study_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fake(monkeypatch)

    def carried_out(study: Any, out: Path, announce: Any) -> None:
        announce(f"{study.name} says so")
        write_json(out / "result.json", {"result": {"latents": {"smoothness": 0.5}}})

    monkeypatch.setattr(room, "carry_out", carried_out)
    said = list[str]()
    report = made_of(of_study(WALK, "latents", "smoothness"))
    reproduce(report, budget="full", out=tmp_path / "r", announce=said.append)
    assert said[-1] == "interpolate says so"


def test_a_larger_budget_goes_on_in_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake, done = Fake(monkeypatch), list[str]()

    def studied(session: Session, job: Job, state: State) -> None:
        done.append(f"{job.name} in {state.given:.0f} s")
        write_json(session.place.path(job) / "result.json", {"result": {"latents": {"smoothness": 0.5}}})

    monkeypatch.setattr(Session, "studied", studied)
    report, said = made_of(seeds_read(TOLD), of_study(WALK, "latents", "smoothness")), list[str]()
    for budget in ("60s", "60s", "3m"):
        folder = reproduce(report, budget=budget, out=tmp_path / "r", announce=said.append)
    assert [name for name, _ in fake.trained] == ["digits-cdcgan-seed0"] * 2
    assert [left for _, left in fake.trained] == pytest.approx([40.0, 120.0])
    assert done == ["interpolate-seed0 in 20 s", "interpolate-seed0 in 60 s"]
    assert (folder / "studies" / "interpolate-seed0.1" / "result.json").exists(), "the old study is kept beside"
    assert "planned    digits-cdcgan-seed0: 40 s" in said
    assert any("1 min of trainings" in line and "scores at their ends come on top" in line for line in said)
    with pytest.raises(GanatomyError, match="budget: 3m -> 60s"):
        reproduce(report, budget="60s", out=folder)


def test_a_reading_that_goes_wrong_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fake(monkeypatch)

    def wrong(done: Done) -> Reading:
        raise KeyError("coverage")

    report = made_of(Measure((PLAIN,), wrong), seeds_read(PLAIN))
    folder = reproduce(report, budget="full", out=tmp_path / "r")
    assert verdicts(folder)["claim-0"] == ("not comparable", "reading it failed: KeyError: 'coverage'")
    assert verdicts(folder)["claim-1"][0] == "equal" and (folder / "index.html").exists()


def test_a_claim_of_so_many_images_is_not_judged_by_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fake(monkeypatch)
    report = replace(REPORT, claims=(claim("long", measure=seeds_read(PLAIN), of_images=True),))
    folder = reproduce(report, budget="full", out=tmp_path / "r")
    assert verdicts(folder)["long"] == ("not comparable", "cut short: digits-dcgan-seed0 was shown 0 of 600 images")
    RunFolder(folder / "runs" / "digits-dcgan-seed0").metrics.append({"images": 640})
    assert verdicts(reproduce(report, budget="full", out=folder))["long"][0] == "equal"


def test_two_processes_do_not_work_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fake(monkeypatch)
    with RunFolder(tmp_path / "r").lock(), pytest.raises(GanatomyError, match="is in use by process"):
        reproduce(made_of(seeds_read(PLAIN)), budget="full", out=tmp_path / "r")
    reproduce(made_of(seeds_read(PLAIN)), budget="full", out=tmp_path / "r")


def test_everything_in_markdown_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fake(monkeypatch)
    evil = Measure((PLAIN,), lambda done: Reading((1.0,), protocol=f"Measured\n{EVIL}."))
    wanted = Wanted(name="more", what=EVIL)
    folder = reproduce(made_of(evil, data=(*REPORT.data, wanted)), budget="full", out=tmp_path / "r")
    text = (folder / "claims.md").read_text()
    assert "<script" not in text and "Measured &lt;script>" in text and "more: not there (&lt;script>" in text


def test_a_folder_holds_one_reproduction(done: Path, tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match="budget: full -> 30m"):
        reproduce(REPORT, budget="30m", out=done)
    with pytest.raises(GanatomyError, match="digits: digits -> "):
        reproduce(REPORT, budget="full", data=[f"digits={tmp_path}"], out=done)
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(GanatomyError, match="holds other things"):
        reproduce(REPORT, budget="full", out=tmp_path)


def test_too_small_a_share_is_said_to_be_the_budget(tmp_path: Path) -> None:
    hungry = replace(PLAIN, name="hungry", minutes=16.0)
    report = replace(REPORT, claims=(claim("hungry", measure=score(hungry, share), better="higher"),))
    folder = reproduce(report, budget="20s", out=tmp_path / "short")
    assert verdicts(folder)["hungry"] == ("not run", "budget: hungry needs 4 min")


def test_a_claim_without_time_says_what_all_its_works_take(tmp_path: Path) -> None:
    hungry = replace(WALK, minutes=5.0)
    measure = of_study(hungry, "latents", "smoothness")
    report = replace(REPORT, claims=(claim("smooth", measure=measure, better="higher"),))
    lacking = "digits-cdcgan needs 6 s, interpolate needs 5 min"
    folder = reproduce(report, budget="1m", out=tmp_path / "short")
    assert verdicts(folder)["smooth"] == ("not run", f"budget: {lacking}")
    plan = Session(Reproduction(report, given(report, []), "1m", (0,), tmp_path / "short")).forecast()
    assert plan == [f"no time    smooth: {lacking}", "in all     5.1 min are needed for all claims"]


def test_a_minute_of_a_gpu_is_worth_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hungry = replace(PLAIN, name="hungry", minutes=16.0)
    report = replace(REPORT, claims=(claim("hungry", measure=score(hungry, share), better="higher"),))
    place = Reproduction(report, given(report, []), "3m", (0,), tmp_path / "short")
    assert not Plan(place).sufficient
    monkeypatch.setattr(reproduction, "find_device", lambda name: torch.device("cuda"))
    assert [work.name for work in Plan(place).sufficient] == ["hungry"]


def test_a_minute_of_one_core_is_worth_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report, place = made_of(of_study(RETAUGHT, "few", "gain_beyond_classical")), tmp_path / "short"

    def planned(budget: str, threads: int) -> set[str]:
        monkeypatch.setattr(reproduction, "cores", lambda: threads)
        return {*Plan(Reproduction(report, given(report, []), budget, (0,), place, device="cpu")).shares}

    assert planned("6m", 2) == planned("6m", 16) == planned("12m", 1) == {"retrain-seed0", "digits-cdcgan-seed0"}
    assert not planned("6m", 1) and not planned("4m", 16), "more cores are not counted on"


RETAUGHT = Studying(study="retrain", settings=("run={0}", "few=10"), of=(TOLD,), scaled=(("shown", 1_000),), minutes=20)


def test_a_study_that_would_be_made_too_small_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = made_of(of_study(RETAUGHT, "few", "gain_beyond_classical"))
    folder = reproduce(report, budget="5m", out=tmp_path / "short")
    assert verdicts(folder)["claim-0"][1].endswith("retrain needs 5 min"), "a quarter of what all of it takes"
    place = Reproduction(report, given(report, []), "5m", (0,), tmp_path / "short", device="cpu")
    (job,) = [job for job in place.jobs if job.work == RETAUGHT]
    assert place.study(job, State(600.0)).shown == 500 and place.study(job, State(600.0)).device == "cpu"
    monkeypatch.setattr(reproduction, "find_device", lambda name: torch.device("cuda"))
    place = Reproduction(report, given(report, []), "1m", (0,), tmp_path / "gpu")
    assert job.name in Plan(place).shares, "a minute of a GPU counts as ten"
    assert place.study(job, State(60.0)).shown == 500
    assert place.pace(WALK) == 1, "but not for what does not work there"


def test_what_takes_anothers_place_is_told_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fake(monkeypatch)
    lent = replace(TOLD, data=("horses",), name="horses-wgan", instead=PLAIN)

    def read(done: Done) -> Reading:
        found = lowest(lent, TOLD, number=lambda outcome: 1.0).read(done)
        return replace(found, why="")

    folder = reproduce(made_of(Measure((lent, TOLD), read)), budget="full", out=tmp_path / "r")
    row = read_json(folder / "result.json")["claims"][0]
    assert row["ours"]["seen"] == "digits-dcgan 1 (0 images), digits-cdcgan 1 (0 images)"
    assert row["needs"] == ["digits-dcgan", "digits-cdcgan"] and row["replaced"] == "digits in the place of horses"


def test_the_words_of_verdicts_and_the_machine_are_explained(done: Path) -> None:
    result, text = read_json(done / "result.json"), (done / "claims.md").read_text()
    assert result["machines"] and torch.__version__ in result["machines"][0]
    assert f"Trained on: {result['machines'][0]}" in text
    assert list(result["legend"]) == list(KINDS) and f"- **not run**: {result['legend']['not run']}." in text
    page = (done / "index.html").read_text()
    assert result["legend"]["not comparable"] in page and torch.__version__ in page


def test_what_was_taken_and_what_comes_on_top_are_told(done: Path) -> None:
    states = [State.read(file) for file in (done / "work").glob("*.json")]
    assert len(states) == 3 and all(state is not None and state.done and state.spent > 0 for state in states)
    taken = in_words(sum(state.spent for state in states if state is not None))
    for text in (unescape((done / "index.html").read_text()), (done / "claims.md").read_text()):
        assert f"{taken} of trainings and studies" in text and OF_TIME in text


def test_of_a_training_among_many_all_but_its_plan_is_told() -> None:
    said = list[str]()
    telling = Telling(said.append, 600)
    told = ["Training a judge of this data, once; the cache keeps it ...", "Not bit-exact with the sessions before: ."]
    for text in ("recipe     digits-dcgan into runs/a", "device     cpu, float32, 1 threads", *told):
        telling.announce(text)
    telling.after_round(Moment(1, 64, 90.0, 0))
    assert said == [*told, "  64 of 600 images, 1.5 min"]


def test_a_protocol_says_what_one_needs_of_it() -> None:
    class Told:
        def results(self, studying: Studying) -> list[dict[str, Any]]:
            recipe = {"name": "mnist-cdcgan", "data": {"use": "Images", "source": "/home/me/mnist"}, "game": {}}
            facts = {"run": "/home/me/runs/a", "data": "/home/me/mnist", "few_recipe": recipe, "images": {"svm": 9}}
            hashes = {"content": "0" * 64, "held_out_content": "1" * 64, "weights_sha256": "2" * 64}
            return [{"protocol": {**facts, **hashes, "rounds": {"0.4": [1]}, "overrides": [], "share": 1 / 3}}]

    text = study_protocol(Told(), WALK)  # type: ignore[arg-type]
    assert text == "Study interpolate: data mnist, few_recipe mnist-cdcgan, images svm 9, share 0.3333."


def test_replaced_data_is_told_and_its_numbers_are_not_compared(tmp_path: Path, cache: Path) -> None:
    report = replace(REPORT, data=(Wanted(name="horses", what="horses"),))
    other = replace(PLAIN, data=("horses",))
    report = replace(
        report,
        claims=(
            claim("share", measure=score(other, share), better="higher"),
            claim("order", measure=lowest(other, replace(TOLD, data=("horses",)))),
        ),
    )
    folder = reproduce(report, budget="full", data=["horses=digits"], out=tmp_path / "replaced")
    found = verdicts(folder)
    assert found["share"] == ("not comparable", "digits in the place of horses")
    assert found["order"][1] in ("digits in the place of horses", f"undecided, {NO_SPREAD}")
    assert "digits in the place of horses" in (folder / "index.html").read_text()


def test_an_unknown_device_fails_at_once_and_not_in_every_work(tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match="No device called 'gpu'"):
        reproduce(REPORT, budget="full", device="gpu", out=tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_the_program_lists_the_reports_and_says_what_is_near(ganatomy_says: Program) -> None:
    said = ganatomy_says("reproduce")
    assert said.code == 0 and "mnist-conditional" in said.out and "animal-faces" in said.out
    said = ganatomy_says("reproduce", "animal-face")
    assert said.code == 1 and "Did you mean 'animal-faces'?" in said.err and len(said.err.splitlines()) == 1
    said = ganatomy_says("reproduce", "animal-faces", "--data", "aminals=digits")
    assert said.code == 1 and "Did you mean 'animals'?" in said.err
