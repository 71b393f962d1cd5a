"""Both directions of a translator, between floor and ceiling; what fails is found and shown."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from ganatomy.cli.console import score_line
from ganatomy.core.errors import GanatomyError
from ganatomy.data.images import ImageSet, Split
from ganatomy.experiments import judging
from ganatomy.experiments import translation_scores as room
from ganatomy.experiments.measuring import JudgeExtractor, Request, balanced_accuracy
from ganatomy.experiments.run import Run, Weights
from ganatomy.experiments.train import train
from ganatomy.experiments.translation_scores import (
    COLUMNS,
    WORST,
    Direction,
    apart,
    both,
    inverted,
    judge_of_domains,
    likeness,
    measure_translation,
)
from ganatomy.metrics.extractors import Look, Random
from tests.conftest import Program
from tests.experiments.test_translation import TINY


@pytest.fixture(scope="module")
def run(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train("digits-cyclegan", *TINY, images=64, out=tmp_path_factory.mktemp("runs") / "cycle")


@pytest.fixture(scope="module")
def judge(run: Run) -> JudgeExtractor:
    kept = judging.FEWEST, judging.MOST
    judging.FEWEST, judging.MOST = 6_000, 6_000
    try:
        return judge_of_domains(run)
    finally:
        judging.FEWEST, judging.MOST = kept


class Changed(torch.nn.Module):
    """A translator, or a discriminator, that is a function."""

    def __init__(self, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.change(x)


def test_every_column_has_as_many_pictures_and_the_floor_is_lowest(run: Run, judge: JudgeExtractor) -> None:
    record = measure_translation(run, judge, Request(judge, ("kid", "fid")))
    assert list(record["directions"]) == ["digits to digits-inverted-bold", "digits-inverted-bold to digits"]
    for found in record["directions"].values():
        columns = found["columns"]
        assert list(columns) == ["floor", "translated", "doing nothing", "ceiling"]
        assert columns["floor"]["fid"] < columns["doing nothing"]["fid"]
        assert columns["floor"]["seen_as_target"] > 0.95 and columns["doing nothing"]["seen_as_target"] < 0.05
        assert columns["ceiling"]["fid"] == pytest.approx(columns["doing nothing"]["fid"], rel=0.3)
        assert 580 < found["count"] <= 598, "what of the training images no judge has seen is a little less than 600"
    assert record["protocol"]["judge_balanced_accuracy"] > 0.95
    assert json.loads(json.dumps(record)) == record
    assert run.folder.measurements.read()[-1] == record


def test_the_weights_that_are_asked_for_are_scored(run: Run, judge: JudgeExtractor) -> None:
    asked, found = Request(Random(), ("fid",)), {}
    for kept in get_args(Weights):
        record = measure_translation(run, judge, asked, weights=kept)
        assert record["protocol"]["weights"] == kept and record["protocol"]["held_out_content"]
        found[kept] = record["directions"]["digits to digits-inverted-bold"]["columns"]
    assert found["average"]["floor"] == found["raw"]["floor"]
    assert found["average"]["translated"] != found["raw"]["translated"]


def uneven(data: ImageSet) -> ImageSet:
    """With 50 held-out pictures of the second domain alone."""
    labels = np.asarray(data.held_out.labels)
    rows = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:50]])
    return replace(data, held_out=Split(data.held_out.images[rows], labels[rows]))


@pytest.mark.parametrize("source", [0, 1])
def test_columns_have_as_many_pictures_also_where_one_domain_has_few(
    run: Run, judge: JudgeExtractor, source: int
) -> None:
    same = Changed(lambda x: x)
    for data, wanted in ((both(run), None), (uneven(both(run)), 50)):
        direction = Direction(data, source, same, same, same)
        for asked in (Request(judge, ("kid",)), Request(Random(), ("kid",))):
            counts = {len(direction.pictures(name, asked)) for name in COLUMNS}
            assert counts == {wanted or direction.count}


def test_doing_nothing_as_a_translator_scores_what_doing_nothing_does(run: Run, judge: JudgeExtractor) -> None:
    data = both(run)
    same = Direction(data, 0, Changed(lambda x: x), Changed(lambda x: x), Changed(lambda x: x))
    found = same.scores(judge, Request(Random(), ("fid",)))
    assert found["columns"]["translated"] == found["columns"]["doing nothing"]
    assert found["cycle_error"] == 0 < found["between_two"] and found["inverted"] == 0


def test_the_true_translation_is_near_the_floor_and_is_seen_as_inverted(run: Run, judge: JudgeExtractor) -> None:
    """Inverting is most of what the second domain is, here on purpose."""
    direction = Direction(both(run), 0, Changed(lambda x: -x), Changed(lambda x: -x), Changed(lambda x: x))
    found = direction.scores(judge, Request(Random(), ("fid",)))
    columns = found["columns"]
    assert columns["floor"]["fid"] < columns["translated"]["fid"] < 0.5 * columns["doing nothing"]["fid"]
    assert found["inverted"] > 0.99 > found["inverted_by_chance"] and found["cycle_error"] == 0


def test_the_worst_are_those_that_d_dislikes_and_those_that_do_not_come_back(run: Run) -> None:
    data = both(run)
    bright = Direction(data, 0, Changed(lambda x: x), Changed(lambda x: x * 0 - 1), Changed(lambda x: x))
    light = bright.real.astype(float).mean((1, 2, 3))
    worst = bright.worst()
    assert [row for row, _ in worst["D says"]] == np.argsort(light)[:WORST].tolist()
    row, error = worst["cycle error"][0]
    assert row == int(light.argmax()) and error == pytest.approx(light.max() / 255)


def test_of_few_pictures_half_are_the_worst(run: Run) -> None:
    direction = Direction(both(run), 0, Changed(lambda x: x), Changed(lambda x: x), Changed(lambda x: x))
    direction.count = 7
    assert {title: len(found) for title, found in direction.worst().items()} == {"D says": 3, "cycle error": 3}


def test_a_cycle_goes_through_the_picture_as_it_is_delivered(run: Run) -> None:
    """What a translator hides in less than a step of eight bits does not come back; in floats all of this would."""
    hiding = Direction(both(run), 0, Changed(lambda x: x / 1_000), Changed(lambda x: x * 1_000), Changed(lambda x: x))
    assert hiding.cycle_errors.mean() > 0.05


def test_only_exchanged_light_and_dark_is_an_inversion() -> None:
    """Noise is not: of unrelated pictures half have a correlation below zero."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 3)).astype(np.uint8)
    assert (likeness(noise, np.roll(noise, 1, axis=0)) < 0).mean() > 0.3
    assert inverted(noise, np.roll(noise, 1, axis=0)) == 0.0
    assert inverted(noise, 255 - noise) == 1.0
    assert inverted(noise, 255 - noise // 2) == 1.0, "paler, too"


def test_distances_of_pictures() -> None:
    black, white = np.zeros((2, 4, 4, 1), np.uint8), np.full((2, 4, 4, 1), 255, np.uint8)
    assert apart(black, white).tolist() == [1.0, 1.0]
    assert likeness(black, white).tolist() == [0.0, 0.0], "a plain picture is like nothing"


def test_balanced_accuracy_is_the_mean_over_domains(
    run: Run, judge: JudgeExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = both(run)
    assert 0.9 < balanced_accuracy(data, judge) <= 1.0
    assert len(data.train) == 2 * 1197 and data.classes == ("digits", "digits-inverted-bold")
    monkeypatch.setattr(judge, "look", lambda images: Look(np.zeros((len(images), 1)), np.eye(2)[[0] * len(images)]))
    assert balanced_accuracy(uneven(data), judge) == 0.5, "not the 600 of 650 that are of the first"


def test_a_domain_of_few_pictures_trains_and_is_refused_before_a_judge_is_trained(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One image to train on, one held out."""
    noise = np.random.default_rng(0).integers(0, 256, (14, 8, 8)).astype(np.uint8)
    for name, images in (("one", noise[:2]), ("many", noise[2:])):
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / name / f"{number}.png")
    sources = {"data": tmp_path / "one", "out": tmp_path / "run"}
    run = train("digits-cyclegan", *TINY, f"data.other={tmp_path / 'many'}", "batch=2", images=8, **sources)
    assert run.checkpoint().state["data"]["train"] == 1 and run.last_grid() is not None
    monkeypatch.setattr(judging, "train_judge", lambda *_: pytest.fail("a judge was trained"))
    with pytest.raises(GanatomyError, match=r"Pictures of one: 1 held out, 1 to train on.* need 3 of each"):
        judge_of_domains(run)


def test_the_course_of_a_training_is_scored_and_drawn(
    cache: Path, judge: JudgeExtractor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "SCORED", 40)
    scored = train("digits-cyclegan", *TINY, "watch.score=32", images=64, out=tmp_path / "scored")
    lines = scored.folder.scores.read()
    assert [line["images"] for line in lines] == [32, 64] and lines[0]["protocol"]["count"] == 40
    for letter in "XY":
        assert lines[-1]["floor"][f"seen_as_target_to_{letter}"] > 0.9
        assert lines[-1]["scores"][f"kid_to_{letter}"] > lines[-1]["floor"][f"kid_to_{letter}"]
        assert f"kernel distance {lines[-1]['scores'][f'kid_to_{letter}']:.3g}" in score_line(lines[-1])
    plain = train("digits-cyclegan", *TINY, images=64, out=tmp_path / "plain")
    assert plain.folder.scores.read() == []
    one, other = (run.checkpoint().tensors for run in (plain, scored))
    assert all(torch.equal(one[name], other[name]) for name in one), "scoring changes nothing"


def test_what_is_scored_in_training_is_what_evaluate_measures(run: Run, judge: JudgeExtractor) -> None:
    direction = Direction(both(run), 0, Changed(lambda x: -x), Changed(lambda x: -x), Changed(lambda x: x))
    asked = Request(judge, ("kid",))
    assert (
        direction.columns(judge, asked, ("translated",))["translated"]
        == direction.scores(judge, asked)["columns"]["translated"]
    )


def test_other_scores_are_refused(run: Run, judge: JudgeExtractor, trained: Run) -> None:
    with pytest.raises(GanatomyError, match="scored by kid and fid, not prdc"):
        measure_translation(run, judge, Request(judge, ("kid", "prdc")))
    with pytest.raises(GanatomyError, match="was not trained on two domains"):
        both(trained)


def test_from_the_command_line(run: Run, judge: JudgeExtractor, ganatomy_says: Program) -> None:
    ran = ganatomy_says("evaluate", str(run.path))
    assert ran.code == 0, ran.err
    for text in ("digits to digits-inverted-bold", "floor", "translated", "doing nothing", "ceiling", "failures.png"):
        assert text in ran.out
    assert "ganatomy compare" in ran.out and "warning" not in ran.err
    with Image.open(run.path / "failures.png") as page:
        assert page.height > page.width
    ran = ganatomy_says(
        "evaluate", str(run.path), "--metrics", "kid", "--extractor", "random", "--weights", "raw", "--json"
    )
    told = json.loads(ran.out)["protocol"]
    assert told["extractor"].startswith("random") and told["weights"] == "raw"
    ran = ganatomy_says("evaluate", str(run.path), "-n", "10")
    assert ran.code == 1 and "-n is for samples" in ran.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--metrics prdc", "Translations are scored by kid and fid, not prdc."),
        ("--metrics ,", "No metric is named."),
        ("--extractor inceptoin", "Did you mean 'inception'?"),
    ],
)
def test_what_cannot_be_scored_is_told_before_a_judge_is_trained(
    run: Run, ganatomy_says: Program, monkeypatch: pytest.MonkeyPatch, words: str, told: str
) -> None:
    monkeypatch.delattr(room, "judge_of_domains")
    ran = ganatomy_says("evaluate", str(run.path), *words.split())
    assert ran.code == 1 and told in ran.err
