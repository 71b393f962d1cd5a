"""Runs side by side as a picture: scores and losses by images shown, a line a group, and the last grids."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from PIL import Image

from ganatomy.report.comparison import Groups, Outcome, measured
from ganatomy.report.curves import COLORS, DOTS, INK, figure_names, panels_of, points_of, rendered, smoothed
from ganatomy.runs.folder import RunFolder

GRIDS = 24  # shown in a picture, at most


def picture(groups: Groups) -> Image.Image:
    """Scores and losses by images shown, a line a group (its seeds' mean, and their range), and the last grids."""
    grids = {name: grid for name, group in groups.items() if (grid := last_grid(group)) is not None}
    shown, left_out = list(grids.items())[:GRIDS], len(grids) - GRIDS
    figure = Figure((11.0, 6.8 + (3.2 * math.ceil(len(shown) / 4))), DOTS, layout="constrained")
    cells = figure.add_gridspec(2 + math.ceil(len(shown) / 4), 4)
    for number, (title, course) in enumerate(CURVES.items()):
        across = 2 * (number % 2)
        axes = figure.add_subplot(cells[number // 2, across : across + 2])
        for color, (name, group) in zip(colors(len(groups)), groups.items(), strict=True):
            draw_group(axes, [course(one.run) for one in group], name, color)
        drawn = any(np.size(line.get_xdata()) for line in axes.lines)
        finish(axes, title, legend=number == 0, logarithmic=drawn and title == X_FLOOR)
        if not drawn:
            axes.set(xticks=[], yticks=[])
            axes.text(0.5, 0.5, "nothing to draw", transform=axes.transAxes, ha="center", fontsize=9, color=INK)
    for number, (name, image) in enumerate(shown):
        axes = figure.add_subplot(cells[2 + number // 4, number % 4])
        axes.imshow(image)
        axes.set_title(name if len(name) < 34 else f"{name[:33]}…", fontsize=8, color=INK)
        axes.set_axis_off()
    if left_out > 0:
        figure.supxlabel(f"and {left_out} more, whose grids lie in their run folders", fontsize=8, color=INK)
    return rendered(figure)


def colors(count: int) -> list[str]:
    return [COLORS[i % len(COLORS)] for i in range(count)]


Course = dict[int, float]  # a figure by images shown


def draw_group(axes: Axes, found: Sequence[Course], name: str, color: str) -> None:
    """The mean over seeds where all have a figure, and the range between them; an empty line where none has one."""
    courses = [course for course in found if course] or [{}]
    images = sorted(set.intersection(*(set(course) for course in courses)))
    values = np.array([[course[i] for i in images] for course in courses])
    axes.plot(images, values.mean(0), color=color, label=name, marker="." if len(images) < 8 else None)
    if len(courses) > 1:
        axes.fill_between(images, values.min(0), values.max(0), color=color, alpha=0.15, linewidth=0)


def course_of(run: RunFolder, key: str) -> Course:
    """A score by images shown, while training or as it was measured; the distance as a multiple of its floor."""
    found = {}
    for record in run.scores.read() or run.evaluations.read() or measured(run):
        value, floor = record["scores"].get(key), record["floor"].get(key)
        if value is not None:
            found[int(record["images"])] = value / floor if key == "frechet" and floor else value
    return found


def loss_of(run: RunFolder, player: str) -> Course:
    """What a player minimizes, the sum of its terms but for those of cycles, as a moving average."""
    lines = run.metrics.read()
    names = [name for name in panels_of(figure_names(lines))["Loss"] if name.startswith(player)]
    sums = [
        {"images": line["images"], "loss": sum(line[name] for name in names)}
        for line in lines
        if names and all(line.get(name) is not None for name in names)
    ]
    images, values = points_of(sums, "loss")
    return dict(zip(images.astype(int).tolist(), smoothed(values).tolist(), strict=True)) if sums else {}


X_FLOOR = "Fréchet distance, x floor"
CURVES: Mapping[str, Callable[[RunFolder], Course]] = {
    X_FLOOR: lambda run: course_of(run, "frechet"),
    "coverage": lambda run: course_of(run, "coverage"),
    "loss of G": lambda run: loss_of(run, "G"),
    "loss of D": lambda run: loss_of(run, "D"),
}


def finish(axes: Axes, title: str, *, legend: bool, logarithmic: bool) -> None:
    axes.set_title(title, fontsize=9, color=INK, loc="left")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel("images shown", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if logarithmic:
        axes.set_yscale("log")
    if legend:
        axes.legend(fontsize=7, frameon=False)


def last_grid(group: Sequence[Outcome]) -> Image.Image | None:
    """The newest samples of the group's first run."""
    for outcome in group:
        newest = max(outcome.run.samples.glob("*.png"), default=None)
        if newest is not None:
            with Image.open(newest) as image:
                return image.convert("RGB")
    return None
