"""Small figures of studies: a heat map of a grid of numbers, and bars with ranges."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image

from ganatomy.report.curves import COLORS, DOTS, INK, rendered


def heat_map(
    values: Sequence[Sequence[float]], rows: Sequence[str], columns: Sequence[str], title: str, form: str = ".1%"
) -> Image.Image:
    """Numbers as colors, each written into its cell."""
    numbers = np.asarray(values, dtype=float)
    figure = Figure((1.6 + 1.0 * len(columns), 1.2 + 0.55 * len(rows)), DOTS, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(numbers, cmap="Blues", aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    middle = (numbers.min() + numbers.max()) / 2
    for row, line in enumerate(numbers):
        for column, value in enumerate(line):
            color = "white" if value > middle else INK
            axes.text(column, row, format(value, form), ha="center", va="center", color=color, fontsize=9)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    return rendered(figure)


def bars(
    groups: Mapping[str, Sequence[float]], title: str, form: str = ".1%", colors: Sequence[int] = (0,)
) -> Image.Image:
    """A horizontal bar for the mean of each group's numbers, a line for their range, the mean written beside it.

    Where all are near one another the axis does not begin at zero, and dots stand for the bars, whose lengths would
    mislead. colors: which of COLORS the groups have, in turn.
    """
    figure = Figure((8.0, 0.8 + 0.4 * len(groups)), DOTS, layout="constrained")
    axes = figure.add_subplot()
    lowest, highest = (end(end(values) for values in groups.values()) for end in (min, max))
    near = lowest > 0.5 * highest
    left = lowest - max(0.15 * (highest - lowest), 0.02 * highest) if near else min(0.0, lowest)
    for place, values in enumerate(groups.values()):
        mean, color = float(np.mean(values)), COLORS[colors[place % len(colors)]]
        if near:
            axes.plot(mean, place, "o", color=color, markersize=9)
        else:
            axes.barh(place, mean, color=color, height=0.6, alpha=0.85)
        axes.plot([min(values), max(values)], [place, place], color=INK, linewidth=1.2)
        axes.text(max(values), place, f"    {mean:{form}}", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.set_xlim(left, highest + 0.15 * (highest - left) if highest > left else left + 1)
    if form.endswith("%"):
        axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return rendered(figure)
