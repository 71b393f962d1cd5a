"""Both directions of a translator, between floor and ceiling; what fails is found and shown."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments import judging
from ganatomy.experiments.measuring import Asked, Judged, balanced_accuracy
from ganatomy.experiments.run import Run
from ganatomy.experiments.train import train
from ganatomy.experiments.translation_scores import (
    Way,
    apart,
    both,
    judge_of_domains,
    likeness,
    measure_translation,
)
from ganatomy.metrics.extractors import Random
from tests.conftest import Program
from tests.experiments.test_translation import TINY


@pytest.fixture(scope="module")
def run(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train("digits-cyclegan", *TINY, images=64, out=tmp_path_factory.mktemp("runs") / "cycle")


@pytest.fixture(scope="module")
def judge(run: Run) -> Judged:
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


def test_every_column_has_as_many_pictures_and_the_floor_is_lowest(run: Run, judge: Judged) -> None:
    record = measure_translation(run, judge, Asked(judge, ("kid", "fid")))
    assert list(record["directions"]) == ["digits to digits-inverted-bold", "digits-inverted-bold to digits"]
    for found in record["directions"].values():
        columns = found["columns"]
        assert list(columns) == ["floor", "translated", "doing nothing", "ceiling"]
        assert columns["floor"]["fid"] < columns["doing nothing"]["fid"]
        assert columns["floor"]["seen_as_target"] > 0.95 and columns["doing nothing"]["seen_as_target"] < 0.05
        assert columns["ceiling"]["fid"] == pytest.approx(columns["doing nothing"]["fid"], rel=0.3)
        assert found["count"] == 600
    assert record["protocol"]["judge_balanced_accuracy"] > 0.95
    assert json.loads(json.dumps(record)) == record
    assert run.folder.measurements.read()[-1] == record


def test_doing_nothing_as_a_translator_scores_what_doing_nothing_does(run: Run, judge: Judged) -> None:
    data = both(run)
    same = Way(data, 0, Changed(lambda x: x), Changed(lambda x: x), Changed(lambda x: x))
    found = same.scores(judge, Asked(Random(), ("fid",)))
    assert found["columns"]["translated"] == found["columns"]["doing nothing"]
    assert found["cycle_error"] == 0 < found["between_two"] and found["inverted"] == 0


def test_the_true_translation_is_near_the_floor_and_is_seen_as_inverted(run: Run, judge: Judged) -> None:
    """Inverting is most of what the second domain is, here on purpose."""
    way = Way(both(run), 0, Changed(lambda x: -x), Changed(lambda x: -x), Changed(lambda x: x))
    found = way.scores(judge, Asked(Random(), ("fid",)))
    columns = found["columns"]
    assert columns["floor"]["fid"] < columns["translated"]["fid"] < 0.5 * columns["doing nothing"]["fid"]
    assert found["inverted"] > 0.99 and found["cycle_error"] == 0


def test_the_worst_are_those_that_d_dislikes_and_those_that_do_not_come_back(run: Run) -> None:
    data = both(run)
    bright = Way(data, 0, Changed(lambda x: x), Changed(lambda x: x * 0 - 1), Changed(lambda x: x))
    light = bright.real.astype(float).mean((1, 2, 3))
    worst = bright.worst()
    assert worst["worst by D"] == np.argsort(light)[:6].tolist()
    assert worst["worst by cycle"][0] == int(light.argmax())


def test_distances_of_pictures() -> None:
    black, white = np.zeros((2, 4, 4, 1), np.uint8), np.full((2, 4, 4, 1), 255, np.uint8)
    assert apart(black, white).tolist() == [1.0, 1.0]
    assert likeness(black, white).tolist() == [0.0, 0.0], "a plain picture is like nothing"


def test_balanced_accuracy_is_the_mean_over_domains(run: Run, judge: Judged) -> None:
    data = both(run)
    assert 0.9 < balanced_accuracy(data, judge) <= 1.0
    assert len(data.train) == 2 * 1197 and data.classes == ("digits", "digits-inverted-bold")


def test_other_scores_are_refused(run: Run, judge: Judged, trained: Run) -> None:
    with pytest.raises(GanatomyError, match="scored by kid and fid, not prdc"):
        measure_translation(run, judge, Asked(judge, ("kid", "prdc")))
    with pytest.raises(GanatomyError, match="was not trained on two domains"):
        both(trained)


def test_from_the_command_line(run: Run, judge: Judged, ganatomy_says: Program) -> None:
    ran = ganatomy_says("evaluate", str(run.path))
    assert ran.code == 0, ran.err
    for text in ("digits to digits-inverted-bold", "floor", "translated", "doing nothing", "ceiling", "failures.png"):
        assert text in ran.out
    with Image.open(run.path / "failures.png") as page:
        assert page.height > page.width
    ran = ganatomy_says("evaluate", str(run.path), "--metrics", "kid", "--extractor", "random", "--json")
    assert json.loads(ran.out)["protocol"]["extractor"].startswith("random")
    ran = ganatomy_says("evaluate", str(run.path), "-n", "10")
    assert ran.code == 1 and "-n is for samples" in ran.err
