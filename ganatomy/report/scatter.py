"""Points of several classes and origins in the plane, and the distributions of numbers of each origin."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from PIL import Image

from ganatomy.report.curves import COLORS, DOTS, FAINT, INK, PALE, rendered

Array = np.ndarray[Any, np.dtype[Any]]

MARKERS = ("o", "X", "s", "^")  # of the origins, in order
BINS = 20
LINES, WIDER = 30, 1.5  # of a legend, in each of its columns; inches that another column takes


def scatter(
    points: Array, classes: Sequence[int], origins: Sequence[str], names: Sequence[str], title: str = ""
) -> Image.Image:
    """Points [N, 2], colored by class number, marked by origin; `names` of the classes, which may be the origins.

    >>> scatter(np.eye(2), [0, 1], ["real", "generated"], ["zero", "one"]).size
    (990, 770)
    """
    kinds = list(dict.fromkeys(origins))
    columns = math.ceil((len(kinds) + len(names)) / LINES)
    figure = Figure((9 + WIDER * (columns - 1), 7), DOTS, layout="constrained")
    axes = figure.add_subplot()
    colors = class_colors(len(names))
    for kind, marker in zip(kinds, MARKERS, strict=False):
        rows = [row for row, origin in enumerate(origins) if origin == kind]
        own = [colors[classes[row]] for row in rows]
        x, y = np.asarray(points)[rows].T
        axes.scatter(x, y, c=own, marker=marker, s=48, linewidths=0.6, edgecolors="white")
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color(FAINT)
    marks = dict(zip(kinds, MARKERS, strict=False))
    shown = [(PALE, marker, kind) for kind, marker in marks.items() if kind not in names]
    shown += [(color, marks.get(name, "o"), name) for color, name in zip(colors, names, strict=True)]
    handles = [Line2D([], [], color=color, marker=m, linestyle="", label=label) for color, m, label in shown]
    axes.legend(
        handles=handles,
        ncols=columns,
        loc="upper left",
        bbox_to_anchor=(1.005, 1.01),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )
    return rendered(figure)


def class_colors(count: int) -> list[Any]:
    """As many colors, told apart as well as can be."""
    return list(COLORS[:count]) if count <= len(COLORS) else list(colormaps["turbo"](np.linspace(0, 1, count)))


def histograms(values: Mapping[str, Array], title: str = "") -> Image.Image:
    """Shares [N] from 0 to 1 of each name, a graph each, on the same axes.

    >>> histograms({"real": np.array([1.0]), "generated": np.array([0.5, 0.7])}).size
    (990, 396)
    """
    figure = Figure((9, 3.6), DOTS, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    first: Axes | None = None
    for number, (name, own) in enumerate(values.items()):
        axes = figure.add_subplot(1, len(values), number + 1, sharey=first)
        first = first or axes
        axes.hist(np.asarray(own), bins=BINS, range=(0, 1), color=COLORS[number % len(COLORS)], rwidth=0.9)
        axes.set_title(f"{name} ({len(own)})", loc="left", fontsize=11, color=INK)
        axes.grid(axis="y", color=FAINT, linewidth=0.8)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_axisbelow(True)
        axes.tick_params(colors=PALE, labelsize=9, length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(PALE)
    return rendered(figure)
