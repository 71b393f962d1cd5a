"""Bars and dots: what their lengths and places tell."""

import warnings

import numpy as np
from PIL import Image

from ganatomy.report.charts import bars
from ganatomy.report.curves import COLORS
from ganatomy.report.scatter import class_colors, scatter

Array = np.ndarray


def wide(picture: Image.Image, color: str) -> int:
    """The most pixels of a color in any row, as solid bars have it."""
    opaque = 0.85 * np.array(list(bytes.fromhex(color[1:]))) + 0.15 * 255
    near = np.abs(np.asarray(picture).astype(float) - opaque).max(2) < 2
    return int(near.sum(1).max())


def test_bars_begin_at_zero_and_are_as_long_as_their_numbers() -> None:
    half, whole = (wide(bars({"a": [share], "b": [1.0]}, ""), COLORS[0]) for share in (0.5, 1.0))
    one, other = (wide(bars({"a": [0.4], "b": [0.8]}, "", colors=(0, 1)), color) for color in COLORS[:2])
    assert half > 300 and other > 300 and abs(2 * one - other) <= 2
    assert whole < 20, "two that are alike are dots"


def test_numbers_near_one_another_are_dots_for_bars_that_are_cut_off_mislead() -> None:
    picture = bars({"a": [0.97, 0.98], "b": [0.96]}, "")
    dots = (np.asarray(picture) == list(bytes.fromhex(COLORS[0][1:]))).all(2)
    assert wide(picture, COLORS[0]) < 20 and 0 < dots.sum(1).max() < 20
    rows = np.flatnonzero(dots.any(1))
    assert rows.max() - rows.min() > 20, "a dot for each"


def test_any_numbers_have_a_picture() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for groups in ({"a": [0.0], "b": [0.0]}, {"a": [1.0]}, {"a": [-1.0, 2.0]}, {"a": [4e-3, 5e-3]}):
            assert bars(groups, "", ".3g").width > 500


def test_a_legend_of_many_classes_is_within_the_picture() -> None:
    names = [f"class {number}" for number in range(100)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = np.asarray(scatter(np.eye(2), [0, 1], ["real", "generated"], names))
    last = tuple(int(255 * share) for share in class_colors(100)[-1][:3])
    assert (np.abs(picture.astype(int) - last).max(2) <= 1).sum() > 20, "the last class is named"
    assert (picture[-4:, 1000:] == 255).all() and (picture[:, -4:] == 255).all(), "and none is cut off"


def test_a_legend_names_each_origin_once() -> None:
    """Where the origins are what is colored, a color and a marker stand for each."""
    points = np.zeros((2, 2))
    by_class = scatter(points, [0, 1], ["real", "generated"], ["zero", "one"])
    by_origin = scatter(points, [0, 1], ["real", "generated"], ["real", "generated"])
    lines = []
    for picture in (by_class, by_origin):
        legend = (np.asarray(picture)[:, 850:] < 200).any(axis=(1, 2))
        lines.append(int((np.diff(legend.astype(int)) == 1).sum()))
    assert lines == [4, 2]
