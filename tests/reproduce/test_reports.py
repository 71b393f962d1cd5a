"""Every claim of every report: it says why, or names trainings and studies that exist and that can be set so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.reproduce.budget import State
from ganatomy.reproduce.claims import Claim, Report, Reported, Studying, Training, Work, reports, works_of
from ganatomy.reproduce.reproduce import Job, Reproduction
from ganatomy.reproduce.sources import Given

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


def test_a_claim_that_is_not_measured_says_why() -> None:
    with pytest.raises(GanatomyError, match="must say why"):
        Claim(id="a", said="It is good.", reported=Reported(text="good"))
    with pytest.raises(GanatomyError, match="higher than what"):
        Claim(id="a", said="It is good.", reported=Reported(text="good"), better="higher", incomparable="by eye")


def test_a_reports_names_are_its_own() -> None:
    claim = Claim(id="a", said="It is good.", reported=Reported(text="good"), incomparable="by eye")
    with pytest.raises(GanatomyError, match="two claims are called a"):
        Report(name="r", title="T.", data=(), claims=(claim, claim))
