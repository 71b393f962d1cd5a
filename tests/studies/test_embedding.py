"""Real and generated images in the plane: pictures that show something, and the same again."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.run import Run
from ganatomy.report.curves import COLORS
from ganatomy.report.scatter import class_colors, histograms, scatter
from ganatomy.runs.files import read_json
from ganatomy.studies.embedding import Embedding, neighbours
from ganatomy.studies.study import carry_out, declared
from tests.studies.conftest import Dies, files_in, promised

PICTURES = ("tsne.png", "pca.png", "confidence.png")
AXES = 840  # pixels: left of the legend
DOT = 20  # pixels of a marker's color that one sees at least


def seen_colors(picture: np.ndarray) -> set[int]:
    """Which of the colors of classes and origins are there, RGB [H, W, 3]; the edges of letters are none."""
    colors = [tuple(bytes.fromhex(color[1:])) for color in COLORS]
    return {number for number, color in enumerate(colors) if (picture == color).all(2).sum() >= DOT}


def test_a_picture_of_nothing_has_no_colors() -> None:
    nothing = scatter(np.empty((0, 2)), [], [], [str(i) for i in range(10)])
    assert seen_colors(np.asarray(nothing)[:, :AXES]) == set()


@pytest.mark.parametrize("kind", ["trained", "conditional"])
def test_pictures_show_something_and_are_the_same_again(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    run: Run = request.getfixturevalue(kind)
    study = declared("embedding", [f"run={run.path}", "count=20"])
    one = carry_out(study, tmp_path / "one")
    np.random.seed(1)
    torch.manual_seed(1)
    two = carry_out(study, tmp_path / "two")
    for name in (*PICTURES, "points.csv", "result.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    points = list(csv.DictReader((one / "points.csv").open()))
    for name in ("tsne", "pca"):
        with Image.open(one / f"{name}.png") as picture:
            page = np.asarray(picture)
        of_classes, of_origins = page[: len(page) // 2, :AXES], page[len(page) // 2 :, :AXES]
        assert len({(point[f"{name}_x"], point[f"{name}_y"]) for point in points}) > 30, "they do not lie on one spot"
        assert seen_colors(of_classes) >= {int(point["class"]) for point in points}
        assert seen_colors(of_origins) == {0, 1}
    with Image.open(one / "confidence.png") as picture:
        assert seen_colors(np.asarray(picture)) == {0, 1}
    lines = (one / "points.csv").read_text().splitlines()
    assert len(lines) == 41 and lines[0] == "origin,class,confidence,tsne_x,tsne_y,pca_x,pca_y"
    result = read_json(one / "result.json")["result"]
    assert result["recognized"] >= 0.9 and 0.5 < result["confidence"]["real"]["mean"] <= 1
    asked = kind == "conditional"
    assert result["protocol"]["classes_of_generated"] == ("as asked for" if asked else "as the judge sees them")
    assert (result["recognized_as_asked"] is not None) == asked


def test_neighbours_of_one_cloud_cannot_be_told_apart() -> None:
    x = np.random.default_rng(0).normal(size=(2000, 2))
    origins = np.arange(2000) % 2
    assert neighbours(x, origins, origins)["same_origin"] == pytest.approx(0.5, abs=0.04)
    assert neighbours(x + 9 * origins[:, None], origins, origins) == {"same_class": 1.0, "same_origin": 1.0}


def test_points_have_the_colors_of_their_classes() -> None:
    picture = scatter(np.array([[0.0, 0.0], [1.0, 1.0]]), [3, 7], ["real", "generated"], [str(i) for i in range(10)])
    seen = {tuple(pixel) for pixel in np.asarray(picture)[:, :840].reshape(-1, 3).tolist()}
    wanted = [tuple(bytes.fromhex(color[1:])) for color in COLORS]
    assert [number for number, color in enumerate(wanted) if color in seen] == [3, 7]
    assert len({tuple(color) for color in class_colors(40)}) == 40


def test_histograms_of_a_name_each() -> None:
    picture = np.asarray(histograms({"real": np.ones(9), "generated": np.full(9, 0.2)}))
    colors = [np.argwhere((picture == tuple(bytes.fromhex(color[1:]))).all(2)) for color in COLORS[:2]]
    assert len(colors[0]) > 500 and len(colors[1]) > 500
    middle = picture.shape[1] / 2
    assert colors[0][:, 1].min() > 0.8 * middle and middle < colors[1][:, 1].mean() < 1.4 * middle


def test_no_more_images_than_are_held_out(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match="only 600 images of digits are held out"):
        carry_out(declared("embedding", [f"run={trained.path}", "count=601"]), tmp_path / "many")


def test_killed_in_the_middle_it_ends_the_same(trained: Run, tmp_path: Path, dies: Dies) -> None:
    study = declared("embedding", [f"run={trained.path}", "count=10"])
    whole = carry_out(study, tmp_path / "whole")
    assert promised("embedding") <= files_in(whole)
    looked, _ = dies(Embedding, "_seen", 99), dies(Embedding, "tsne", 1)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "killed")
    carry_out(study, tmp_path / "killed")
    assert len(looked) == 1, "what was seen is not looked at again"
    for name in PICTURES:
        (tmp_path / "killed" / name).unlink()
    carry_out(study, tmp_path / "killed")
    for name in (*PICTURES, "points.csv", "result.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (whole / name).read_bytes()
