"""Small figures of studies: a heat map of a grid of numbers, and bars with deviations."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
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


def bars(groups: Mapping[str, Sequence[float]], title: str, form: str = ".1%") -> Image.Image:
    """A horizontal bar for the mean of each group's numbers, a line for their range, the mean written beside it."""
    figure = Figure((8.0, 0.8 + 0.4 * len(groups)), DOTS, layout="constrained")
    axes = figure.add_subplot()
    for place, values in enumerate(groups.values()):
        mean = float(np.mean(values))
        axes.barh(place, mean, color=COLORS[0], height=0.6, alpha=0.85)
        axes.plot([min(values), max(values)], [place, place], color=INK, linewidth=1.2)
        axes.text(max(values), place, f"  {mean:{form}}", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(groups)), list(groups))
    axes.invert_yaxis()
    lowest, highest = (end(end(values) for values in groups.values()) for end in (min, max))
    left = lowest - 0.1 if lowest > 0.5 * highest else min(0.0, lowest)
    axes.set_xlim(left, highest + 0.15 * (highest - left))
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return rendered(figure)
