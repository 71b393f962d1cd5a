"""The course of a run as one picture: losses, accuracies, what the discriminator says, and the scores.

Panels that would be empty are left out. The figure is not pyplot's, so other figures of the process are safe.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter
from PIL import Image

from ganatomy.core.duration import in_words
from ganatomy.runs.folder import RunFolder

Array = np.ndarray[Any, np.dtype[Any]]
Line = Mapping[str, Any]

COLORS = ("#2f6fb3", "#e0762f", "#3a9a6b", "#b5487f", "#8069b8", "#a88a1f", "#4aa6b8", "#8a5a44", "#6b7280", "#c0392b")
INK, PALE, FAINT = "#333a45", "#7a8290", "#e6e9ed"
DASHES = (0, (3.5, 1.5))
SMOOTHED, FEWEST = 25, 5  # the moving average is over this part of the course, but over so many points at least
FEW = 8  # points, which are marked: a line through one point cannot be seen
WIDTH, HEAD, PANEL = 11.0, 0.6, 2.55  # inches
DOTS = 110  # per inch


@dataclass(frozen=True)
class Score:
    """How a score is drawn, and what the same score of real images is called."""

    name: str
    title: str
    real: str
    logarithmic: bool = False
    share: bool = False


SCORES = (
    Score("frechet", "Fréchet distance ↓", "floor", logarithmic=True),
    Score("coverage", "Coverage within classes ↑", "real", share=True),
    Score("classifier_score", "Classifier score ↑", "real"),
    Score("accuracy", "Recognized as asked ↑", "real", share=True),
    Score("kid_to_Y", "Kernel distance to Y ↓", "floor"),
    Score("kid_to_X", "Kernel distance to X ↓", "floor"),
    Score("seen_as_target_to_Y", "Seen as Y ↑", "real", share=True),
    Score("seen_as_target_to_X", "Seen as X ↑", "real", share=True),
)


def curves(folder: RunFolder) -> Image.Image:
    """Draw metrics.jsonl and scores.jsonl of a run, raw figures thin, their moving average thick.

    Figures are told apart by name: `learning_rate/...` is left out; a name with "accuracy" is an accuracy, one with
    "score" an output of the discriminator, any other `X/term` a loss, those of cycles and identity apart from the
    others; `held_out/...` is dashed. Null is a gap. The losses' limits leave out rare spikes. Scores stand together,
    each beside the same score of real images (dashed).
    """
    metrics, scores = folder.metrics.read(), folder.scores.read()
    panels = [(title, names) for title, names in panels_of(figure_names(metrics)).items() if names]
    drawn = [score for score in SCORES if values_named(scores, "scores", score.name)]
    rows = len(panels) + bool(drawn)
    height = HEAD + PANEL * max(1, rows)
    figure = Figure((WIDTH, height), DOTS, layout="constrained")
    figure.get_layout_engine().set(rect=(0.008, 0.01, 0.984, 0.985 - HEAD / height), hspace=0.06)  # type: ignore[call-arg, union-attr]
    _head(figure, folder.name, metrics or scores, height)
    grid = figure.add_gridspec(max(1, rows), 1)
    for row, (title, names) in enumerate(panels):
        _draw_figures(figure.add_subplot(grid[row]), title, names, metrics)
    cells = grid[-1].subgridspec(1, max(1, len(drawn)))
    for column, score in enumerate(drawn):
        _draw_score(figure.add_subplot(cells[column]), score, scores)
    for axes in figure.axes:
        axes.set_xlim(0, last_images(metrics, scores) * 1.01)
    return rendered(figure)


def moving_average(values: Array, width: int) -> Array:
    """The mean over `width` values around each, fewer at the ends. values: [N] -> [N].

    >>> moving_average(np.array([0.0, 3.0, 6.0, 0.0]), 3).tolist()
    [1.5, 3.0, 3.0, 3.0]
    """
    sums = np.concatenate(([0.0], np.cumsum(values)))
    places = np.arange(len(values))
    start, stop = np.maximum(places - (width - 1) // 2, 0), np.minimum(places + width // 2 + 1, len(values))
    means: Array = (sums[stop] - sums[start]) / (stop - start)
    return means


def smoothed(values: Array) -> Array:
    """The moving average that is drawn: over a 25th of the course, or five points, or a quarter of a short course.

    >>> smoothed(np.array([0.0, 4.0, 0.0, 4.0, 0.0, 4.0, 0.0, 4.0])).tolist()
    [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 4.0]
    """
    return moving_average(values, max(1, len(values) // SMOOTHED, min(FEWEST, len(values) // 4)))


def panels_of(names: Sequence[str]) -> dict[str, list[str]]:
    """The names that belong into each panel of figures.

    Losses of cycles and identity are many times those of discriminators, which one axis would flatten.
    """
    terms = [name for name in names if "/" in name and not name.startswith("learning_rate/")]
    accuracies = [name for name in terms if "accuracy" in name]
    outputs = [name for name in terms if "score" in name and name not in accuracies]
    losses = [name for name in terms if name not in accuracies and name not in outputs]
    cycles = [name for name in losses if "cycle" in name or "identity" in name]
    return {
        "Loss": [name for name in losses if name not in cycles],
        "Loss of cycles and identity": cycles,
        "Accuracy": accuracies,
        "Discriminator's output": outputs,
    }


def figure_names(lines: Iterable[Line]) -> list[str]:
    """What has a number on any line, in order of appearance."""
    return list(dict.fromkeys(name for line in lines for name, value in line.items() if _is_number(value)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def points_of(lines: Iterable[Line], name: str) -> tuple[Array, Array]:
    """Images shown [N] and a figure [N], of the lines that have both."""
    both = [
        (line["images"], line[name]) for line in lines if _is_number(line.get("images")) and _is_number(line.get(name))
    ]
    return np.array([x for x, _ in both], np.float64), np.array([y for _, y in both], np.float64)


def values_named(lines: Iterable[Line], whose: str, name: str) -> list[Line]:
    """A score of the samples or of the floor, as lines of images and value."""
    return [
        {"images": line["images"], name: value}
        for line in lines
        if _is_number(line.get("images")) and _is_number(value := (line.get(whose) or {}).get(name))
    ]


def last_images(metrics: Sequence[Line], scores: Sequence[Line]) -> float:
    """Images shown at the end of what is drawn."""
    return max((line["images"] for line in (*metrics, *scores) if _is_number(line.get("images"))), default=1) or 1


def _draw_figures(axes: Axes, title: str, names: Sequence[str], lines: Sequence[Line]) -> None:
    colors = colors_of(names)
    shown = []
    for name in names:
        x, y = points_of(lines, name)
        if len(y) == 0:
            continue
        smooth = smoothed(y)
        dashes = DASHES if name.startswith("held_out/") else "-"
        axes.plot(x, y, color=colors[name], linewidth=0.7, alpha=0.3)
        axes.plot(
            x, smooth, color=colors[name], linewidth=1.8, linestyle=dashes, label=label_of(name), **_marks(len(y))
        )
        shown += [np.quantile(y, (0.01, 0.99)), smooth]
    _frame(axes, title, marks=9)
    axes.legend(loc="upper left", bbox_to_anchor=(1.005, 1.04), frameon=False, fontsize=9, labelcolor=INK)
    if title == "Accuracy":
        _as_share(axes)
    elif shown:
        low, high = np.min(np.concatenate(shown)), np.max(np.concatenate(shown))
        edge = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
        axes.set_ylim(low - edge, high + edge)


def colors_of(names: Sequence[str]) -> dict[str, str]:
    """A color for each name; what was measured on held-out images has that of the only training figure of its name."""
    trained = [name for name in names if not name.startswith("held_out/")]
    colors = {name: COLORS[number % len(COLORS)] for number, name in enumerate(trained)}
    for name in names:
        term = name.rpartition("/")[2]
        twins = [other for other in trained if term in (other.rpartition("/")[2], other.replace("/", "_"))]
        colors.setdefault(name, colors[twins[0]] if len(twins) == 1 else COLORS[len(colors) % len(COLORS)])
    return colors


def label_of(name: str) -> str:
    """`D/accuracy_real` as "D: accuracy real"; older runs have both of CycleGAN's Ds under the first.

    >>> label_of("D_Y/accuracy_real"), label_of("D_X/D_Y_accuracy_real")
    ('D_Y: accuracy real', 'D_Y: accuracy real')
    """
    player, _, term = re.sub("^D_X/(D_[XY])_", r"\1/", name).partition("/")
    return re.sub("(?<![A-Z])_|_(?![A-Z])", " ", f"{player}: {term}")  # a player such as D_Y keeps its name


def _marks(count: int) -> dict[str, Any]:
    return {"marker": "o", "markersize": 4} if count < FEW else {}


def _draw_score(axes: Axes, score: Score, lines: Sequence[Line]) -> None:
    images, values = points_of(values_named(lines, "scores", score.name), score.name)
    real = points_of(values_named(lines, "floor", score.name), score.name)[1][-1:]
    now = f"{values[-1]:.3g}"
    for level in real:
        axes.axhline(level, color=PALE, linewidth=1.4, linestyle=DASHES)
        axes.text(1, 1.04, f"╌ {score.real} {level:.3g}", transform=axes.transAxes, ha="right", color=PALE, fontsize=9)
        now += f" = {values[-1] / level:.2g}x {score.real}" if level > 0 else ""
    axes.plot(
        images,
        values,
        color=COLORS[0],
        linewidth=1.8,
        marker="o",
        markersize=4 if len(images) < 30 else 2,
        clip_on=False,
    )
    axes.text(0, 1.04, now, transform=axes.transAxes, color=COLORS[0], fontsize=9)
    _frame(axes, score.title, marks=4)
    if score.share:
        _as_share(axes)
    if score.logarithmic and min(*values, *real, np.inf) > 0:
        _as_logarithm(axes)


def _as_share(axes: Axes) -> None:
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _as_logarithm(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _frame(axes: Axes, title: str, marks: int) -> None:
    """The same quiet frame for every panel; `marks`: about how many numbers stand below it."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=6 if marks > 4 else 21)
    axes.xaxis.set_major_locator(MaxNLocator(marks))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=PALE, labelsize=9, length=0, which="both")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(PALE)


def _head(figure: Figure, name: str, lines: Sequence[Line], height: float) -> None:
    """The run's name, and how far it came."""
    line = lines[-1] if lines else {}
    parts = [] if lines else ["nothing logged yet"]
    if _is_number(line.get("images")):
        parts.append(f"{line['images']:,} images shown")
    if _is_number(line.get("seconds")):
        parts.append(f"{in_words(line['seconds'])} of training")
    top = 1 - 0.2 / height
    figure.text(0.012, top, name, fontsize=15, fontweight="bold", color=INK, va="top")
    figure.text(0.988, top - 0.04 / height, " · ".join(parts), fontsize=10, color=PALE, va="top", ha="right")


def rendered(figure: Figure) -> Image.Image:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    return Image.fromarray(pixels).convert("RGB")
