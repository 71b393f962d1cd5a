"""Every claim of every report: it says why, or names trainings and studies that exist and that can be set so."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.report.comparison import Outcome
from ganatomy.reproduce import animal_faces, mnist_conditional
from ganatomy.reproduce.budget import State
from ganatomy.reproduce.claims import (
    Claim,
    Reading,
    Report,
    Reported,
    Studying,
    Training,
    Work,
    reports,
    verdict,
    works_of,
)
from ganatomy.reproduce.reproduce import Job, Reproduction
from ganatomy.reproduce.sources import Given
from ganatomy.runs.folder import RunFolder

NAMES = ("mnist-conditional", "dcgan-representation", "cifar10-architectures", "unpaired-translation", "animal-faces")
WORKS = [(name, work) for name in NAMES for work in works_of(reports[name])]


@pytest.fixture(autouse=True)
def nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganatomy.reproduce.sources.has_classes", lambda training, source: True)


def reproduction(report: Report) -> Reproduction:
    """With all data there, under its own names."""
    return Reproduction(
        report, Given(report, {one.name: one.name for one in report.data}), "full", (0, 1), Path("nowhere")
    )


def test_there_are_five_reports() -> None:
    assert set(reports) == set(NAMES)
    for name in NAMES:
        assert reports[name].name == name and reports[name].title.endswith(".")


@pytest.mark.parametrize(("name", "work"), WORKS, ids=[f"{name}: {work.name}" for name, work in WORKS])
def test_every_work_can_be_declared(name: str, work: Work) -> None:
    place = reproduction(reports[name])
    if isinstance(work, Studying):
        assert place.study(Job(work, 1), State(60.0)).name == work.study
        return
    for training in with_stand_ins(work):
        recipe = place.recipe(training, 1)
        assert recipe.seed == 1 and (training.images is None or recipe.images == training.images)
        if training.data:
            assert str(recipe.data.settings["source"]) == training.data[0]


def with_stand_ins(training: Training) -> Iterator[Training]:
    yield training
    if training.instead is not None:
        yield from with_stand_ins(training.instead)


@pytest.mark.parametrize("name", NAMES)
def test_a_report_asks_for_no_data_that_it_does_not_name(name: str) -> None:
    known = {one.name for one in reports[name].data}
    for work in works_of(reports[name]):
        works = with_stand_ins(work) if isinstance(work, Training) else [work]
        assert all(set(one.data) <= known for one in works)


@pytest.mark.parametrize("name", NAMES)
def test_folders_of_works_do_not_clash(name: str) -> None:
    works = works_of(reports[name])
    trainings = [one for work in works if isinstance(work, Training) for one in with_stand_ins(work)]
    names = [Job(work, 0).name for work in {*trainings, *works}]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", NAMES)
def test_claims_are_whole(name: str) -> None:
    for claim in reports[name].claims:
        assert claim.said.endswith(".") or claim.said.endswith("?"), claim.id
        assert claim.reported.text, claim.id
        assert claim.measure is not None or claim.incomparable, claim.id


def test_what_the_issue_lists_is_there() -> None:
    ids = {name: {claim.id for claim in reports[name].claims} for name in NAMES}
    variants = ("cgan", "cgan-vb", "cgan-ls", "cgan-vb-ls", "cdcgan-vb", "cdcgan-ls", "cdcgan-vb-ls")
    assert {f"score-{name}" for name in variants} | {"score-real", "judge-accuracy"} <= ids["mnist-conditional"]
    assert {f"features-{epochs}" for epochs in (10, 25, 35, 45)} <= ids["dcgan-representation"]
    assert {f"labelled-{portion}" for portion in (40, 60, 80)} <= ids["dcgan-representation"]
    assert {"dcgan", "wgan", "cgan", "acgan", "acgan-biggan", "biggan", "files"} <= ids["cifar10-architectures"]
    assert {"dcgan-beats-vanilla", "minimax-or-wasserstein", "regularization-no-better"} <= ids["unpaired-translation"]
    assert {"ratios-alike", "class-loose", "interpolation", "bigan-linear", "bigan-svm"} <= ids["animal-faces"]


def claim_of(report: str, name: str) -> Claim:
    return next(claim for claim in reports[report].claims if claim.id == name)


def test_a_difference_is_no_improvement_on_no_difference() -> None:
    claim = claim_of("unpaired-translation", "minimax-or-wasserstein")
    assert verdict(claim, Reading(holds=False)).kind == "worse"


@pytest.mark.parametrize("name", ["zebras-reach", "horses-do-not", "one-way-easier"])
def test_faces_say_nothing_of_horses_and_zebras(name: str) -> None:
    found = verdict(claim_of("unpaired-translation", name), Reading(holds=True), replaced="celeba")
    assert found.kind == "not comparable"


@pytest.mark.parametrize("name", ["auxiliary-accuracy", "losses"])
def test_figures_of_a_log_of_another_model_are_not_compared(name: str) -> None:
    claim = claim_of("cifar10-architectures", name)
    assert "BigGAN" in claim.reported.protocol and verdict(claim, Reading((99.0,))).kind == "not comparable"


@pytest.mark.parametrize("step", [animal_faces.BARE, animal_faces.WIDE, animal_faces.CONVOLUTIONS])
def test_steps_on_digits_in_the_place_of_animals_are_told(step: Training) -> None:
    report = reports["animal-faces"]
    found = Given(report, {"mnist": "mnist"})
    assert found.chosen(step).data == ("mnist",)
    assert found.replaced(step) == "mnist in the place of animals"


def test_features_and_labelled_data_have_time_within_an_hour() -> None:
    report = reports["dcgan-representation"]
    there = {one.name: one.name for one in report.data if one.unasked is not None}
    shares = Reproduction(report, Given(report, there), "1h", (0,), Path("nowhere")).shares
    assert {"labelled-data-seed0", *(f"features-{epochs}-seed0" for epochs in (10, 25, 35, 45))} <= set(shares)


class Logged:
    """One run of given losses."""

    def __init__(self, run: RunFolder, **losses: float) -> None:
        run.metrics.append({name.replace("_", "/"): value for name, value in losses.items()})
        self.outcome = Outcome(run)

    def runs(self, training: Training) -> list[Outcome]:
        return [self.outcome]

    ended = runs

    def results(self, studying: Studying) -> list[Mapping[str, Any]]:
        return []


@pytest.mark.parametrize(("half", "holds"), [(0.6, True), (0.1, False)])
def test_both_players_losses_settle(half: float, holds: bool, tmp_path: Path) -> None:
    done = Logged(RunFolder(tmp_path), G_adversarial=1.0, D_real=half, D_fake=half)
    found = mnist_conditional.settles(mnist_conditional.MEDIUM).read(done)
    assert found.holds is holds and f"G 1, D {2 * half:g}" in found.seen and found.beside == "limits: 0.5 and 1.5"


def test_one_lucky_seed_is_no_training() -> None:
    assert not mnist_conditional.trains([[40.0, 400.0], [3.0, 3.0]])
    assert mnist_conditional.trains([[40.0, 45.0], [3.0, 3.0]])


def test_a_claim_that_is_not_measured_says_why() -> None:
    with pytest.raises(GanatomyError, match="must say why"):
        Claim(id="a", said="It is good.", reported=Reported(text="good"))
    with pytest.raises(GanatomyError, match="higher than what"):
        Claim(id="a", said="It is good.", reported=Reported(text="good"), better="higher", incomparable="by eye")


def test_a_reports_names_are_its_own() -> None:
    claim = Claim(id="a", said="It is good.", reported=Reported(text="good"), incomparable="by eye")
    with pytest.raises(GanatomyError, match="two claims are called a"):
        Report(name="r", title="T.", data=(), claims=(claim, claim))
