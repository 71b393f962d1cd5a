"""Grids and curves."""

import numpy as np
import pytest
from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.report import courses
from ganatomy.report import curves as room
from ganatomy.report.comparison import outcome_of
from ganatomy.report.curves import curves
from ganatomy.report.grid import GAP, MARGIN, grid
from ganatomy.report.png import write_png
from ganatomy.runs.folder import RunFolder
from tests.report.made import made_run

RNG = np.random.default_rng(0)


def noise(count, height, width, channels):
    return RNG.integers(0, 256, (count, height, width, channels), dtype=np.uint8)


def tile(picture, row, column, height, width):
    x, y = MARGIN + column * (width + GAP), MARGIN + row * (height + GAP)
    return np.asarray(picture.crop((x, y, x + width, y + height)))


@pytest.mark.parametrize(("channels", "shown"), [(1, [0, 0, 0]), (2, [0, 0, 0]), (3, [0, 1, 2]), (5, [0, 1, 2])])
def test_every_pixel_of_every_image_is_where_it_belongs(channels, shown):
    images = noise(7, 40, 36, channels)
    picture = grid(images, columns=3)
    for number, image in enumerate(images):
        np.testing.assert_array_equal(tile(picture, *divmod(number, 3), 40, 36), image[:, :, shown])


@pytest.mark.parametrize(("side", "factor"), [(8, 8), (16, 4), (28, 3), (32, 2), (33, 1), (64, 1)])
def test_small_images_are_enlarged_by_whole_pixels(side, factor):
    images = noise(1, side, side, 3)
    picture = grid(images)
    large = images[0].repeat(factor, axis=0).repeat(factor, axis=1)
    np.testing.assert_array_equal(tile(picture, 0, 0, side * factor, side * factor), large)
    assert picture.size == (side * factor + 2 * MARGIN,) * 2


def test_opaque_pixels_are_shown_as_they_are_and_clear_ones_as_a_checkerboard():
    image = noise(1, 40, 40, 4)
    image[..., 3] = 255
    np.testing.assert_array_equal(tile(grid(image), 0, 0, 40, 40), image[0, :, :, :3])
    image[..., 3] = 0
    assert set(np.unique(tile(grid(image), 0, 0, 40, 40))) == {210, 236}


def test_names_are_written_without_covering_images():
    images = noise(6, 64, 64, 3)
    plain = grid(images, columns=3)
    named = grid(
        images, row_names=["zero", "one"], names=list("abcdef"), column_names=["x", "y", "an endless name " * 20]
    )
    assert named.width > plain.width
    assert named.height > plain.height
    found = {image.tobytes() for image in images}
    pixels = np.asarray(named)
    tiles = [
        pixels[y : y + 64, x : x + 64].tobytes() for y in range(named.height - 63) for x in range(named.width - 63)
    ]
    assert found <= set(tiles)


def test_named_rows_set_the_columns():
    assert grid(noise(20, 64, 64, 1), row_names=["a", "b"]).width > 10 * 64


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 8, 8), np.uint8), np.zeros((4, 8, 8, 1)), np.zeros((0, 8, 8, 1), np.uint8)]
)
def test_what_is_no_set_of_images_is_refused(bad):
    with pytest.raises(GanatomyError, match=r"A grid shows \[N, H, W, C\] uint8; these are"):
        grid(bad)


def test_a_wrong_number_of_names_is_refused():
    with pytest.raises(GanatomyError, match="needs as many row_names; there are 3"):
        grid(noise(4, 8, 8, 1), row_names=["a", "b", "c"])


def test_a_picture_is_written_whole(tmp_path):
    picture = grid(noise(4, 8, 8, 3))
    write_png(tmp_path / "samples" / "a.png", picture)
    with Image.open(tmp_path / "samples" / "a.png") as read:
        assert read.tobytes() == picture.tobytes()


FIGURES = {
    "learning_rate/D": 2e-4,
    "D/real": 0.61,
    "D/fake": 0.52,
    "G/adversarial": 1.02,
    "D/accuracy_real": 0.8,
    "held_out/accuracy_real": 0.7,
    "D/score_real": 1.4,
}


def scores(value):
    return {"frechet": value, "classifier_score": value, "coverage": 0.5, "class_shares": [0.5, 0.5], "accuracy": None}


def run_with(path, lines, scored=0, **changes) -> RunFolder:
    run = RunFolder(path)
    for n in range(1, lines + 1):
        run.metrics.append({"round": n, "images": 64 * n, "seconds": 1.5 * n, **FIGURES, **changes})
    for n in range(1, scored + 1):
        run.scores.append(
            {"round": n, "images": 64 * n, "scores": scores(9.0 / n), "floor": scores(1.0), "protocol": {}}
        )
    return run


def drawn(monkeypatch, run):
    """The figure that `curves` renders."""
    figures = []
    monkeypatch.setattr(room, "rendered", lambda figure: figures.append(figure) or Image.new("RGB", (1, 1)))
    curves(run)
    figures[0].draw_without_rendering()
    return figures[0]


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_figures_go_to_the_panels_their_names_tell(tmp_path, monkeypatch):
    figure = drawn(monkeypatch, run_with(tmp_path, 30, 3))
    panels = dict(zip(titles(figure), figure.axes, strict=True))
    assert list(panels)[:3] == ["Loss", "Accuracy", "Discriminator's output"]
    labels = {
        title: [text.get_text() for text in axes.get_legend().texts]
        for title, axes in panels.items()
        if axes.get_legend()
    }
    assert labels == {
        "Loss": ["D: real", "D: fake", "G: adversarial"],
        "Accuracy": ["D: accuracy real", "held out: accuracy real"],
        "Discriminator's output": ["D: score real"],
    }
    assert [title.split(" ")[0] for title in list(panels)[3:]] == ["Fréchet", "Coverage", "Classifier"]


def test_losses_of_cycles_do_not_flatten_the_others(tmp_path, monkeypatch):
    own = {"G+F/G_adversarial": 0.3, "G+F/cycle_X": 8.0, "G+F/F_identity": 3.0, "D_X+D_Y/Y_real": 0.1}
    figure = drawn(monkeypatch, run_with(tmp_path, 9, **dict.fromkeys(FIGURES), **own))
    limits = dict(zip(titles(figure), (axes.get_ylim() for axes in figure.axes), strict=True))
    assert set(limits) == {"Loss", "Loss of cycles and identity"}
    assert limits["Loss"][1] < 0.5 < 8 < limits["Loss of cycles and identity"][1]


@pytest.mark.parametrize("count", [4, 16, 40, 80, 500])
def test_a_short_course_is_smoothed_too(count):
    noisy = np.arange(count) % 2.0
    smooth = room.smoothed(noisy)
    assert smooth.std() < 0.5 * noisy.std() if count >= 8 else np.array_equal(smooth, noisy)


def test_a_score_stands_beside_that_of_real_images(tmp_path, monkeypatch):
    figure = drawn(monkeypatch, run_with(tmp_path, 30, 3))
    frechet = figure.axes[3]
    assert {text.get_text() for text in frechet.texts} == {"3 = 3x floor", "╌ floor 1"}
    assert [list(line.get_ydata()) for line in frechet.lines] == [[1, 1], [9, 4.5, 3]]


@pytest.mark.parametrize(("lines", "scored"), [(0, 0), (1, 0), (1, 1), (0, 1), (2, 1), (40, 20)])
def test_a_run_of_any_length_has_a_picture(tmp_path, lines, scored):
    picture = curves(run_with(tmp_path, lines, scored))
    assert picture.mode == "RGB"
    assert picture.width == 1210


def test_null_figures_and_scores_are_gaps(tmp_path, monkeypatch):
    run = run_with(tmp_path, 10, 2)
    run.metrics.append({"round": 11, "images": 704, "seconds": 17.0, **dict.fromkeys(FIGURES)})
    run.scores.append({"round": 11, "images": 704, "scores": dict.fromkeys(scores(0)), "floor": None, "protocol": {}})
    run_with(tmp_path, 1)
    figure = drawn(monkeypatch, run)
    assert len(figure.axes[0].lines[0].get_ydata()) == 11
    assert [text.get_text() for text in figure.axes[3].texts] == ["╌ floor 1", "4.5 = 4.5x floor"]


def test_a_figure_that_was_never_finite_has_no_panel(tmp_path, monkeypatch):
    assert titles(drawn(monkeypatch, run_with(tmp_path, 5, **dict.fromkeys(FIGURES)))) == []


def test_a_spike_does_not_flatten_the_losses(tmp_path, monkeypatch):
    run = run_with(tmp_path, 500)
    run.metrics.append({"round": 501, "images": 64 * 501, "seconds": 1.0, **FIGURES, "D/real": 1e4})
    low, high = drawn(monkeypatch, run_with(tmp_path, 500)).axes[0].get_ylim()
    assert low < 0.52
    assert high < 600


def test_held_out_figures_have_the_color_of_what_they_are_compared_with():
    colors = room.colors_of(["D/accuracy_real", "D/accuracy_fake", "held_out/accuracy_real", "held_out/other"])
    assert colors["held_out/accuracy_real"] == colors["D/accuracy_real"] != colors["D/accuracy_fake"]
    assert len(set(colors.values())) == 3
    twice = room.colors_of(["D_X/accuracy_real", "D_Y/accuracy_real", "held_out/accuracy_real"])
    assert len(set(twice.values())) == 3
    own = room.colors_of(["D_X/accuracy_real", "D_Y/accuracy_real", "held_out/D_Y_accuracy_real"])
    assert own["held_out/D_Y_accuracy_real"] == own["D_Y/accuracy_real"] != own["D_X/accuracy_real"]


def test_drawing_leaves_pyplot_alone(tmp_path):
    import matplotlib.pyplot as plt

    curves(run_with(tmp_path, 3, 1))
    assert plt.get_fignums() == []


def test_runs_that_were_scored_at_the_end_alone_have_points_in_the_picture_of_several(tmp_path):
    run = made_run(tmp_path / "mine")
    assert courses.course_of(run, "frechet") == {1000: 10.0, 2000: 4.5, 3000: 2.0}
    run.scores.truncate(0)
    assert courses.course_of(run, "frechet") == {2000: 4.5, 3000: 2.0}


def test_an_empty_panel_says_so_and_has_no_numbers(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(courses, "rendered", lambda figure: shown.append(figure) or Image.new("RGB", (1, 1)))
    courses.picture({"bare": [outcome_of(RunFolder(tmp_path))]})
    assert [axes.texts[0].get_text() for axes in shown[0].axes] == ["nothing to draw"] * 4
    assert not any(len(axes.get_xticks()) or len(axes.get_yticks()) for axes in shown[0].axes)
