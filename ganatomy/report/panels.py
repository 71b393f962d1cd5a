"""The figures of a run as small charts, ready to be written as SVG: lines, their moving averages, ticks.

Coordinates are of a box of WIDTH x HEIGHT, drawn so narrow that a chart fits a phone and its numbers stay readable.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator

from ganatomy.report.curves import (
    FEW,
    SCORES,
    Array,
    Line,
    Score,
    colors_of,
    figure_names,
    label_of,
    last_images,
    panels_of,
    points_of,
    smoothed,
    values_named,
)

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 42, 6, 8, 20
MOST = 240  # points of a line; of a longer one every so manieth is drawn


@dataclass(frozen=True)
class Drawn:
    """A line: its figures and their moving average, as points of a polyline.

    now: the last value of the average, as text. dots: the points apart, of a line too short to be seen.
    """

    name: str
    color: str
    figures: str
    average: str
    now: str
    dashed: bool
    dots: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Chart:
    """A panel. across, up: ticks as (place, text). level: what real images score, as (place, text)."""

    title: str
    lines: tuple[Drawn, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    level: tuple[float, str] | None = None


@dataclass(frozen=True)
class Axis:
    """From values to places; values beyond the limits are put on the edge."""

    low: float
    high: float
    start: float
    stop: float
    logarithmic: bool = False

    def places(self, values: Array) -> Array:
        low, high, values = self.low, self.high, np.clip(values, self.low, self.high)
        if self.logarithmic:
            low, high, values = math.log(low), math.log(high), np.log(values)
        return self.start + (values - low) / (high - low) * (self.stop - self.start)

    def ticks(self, most: int) -> Iterator[tuple[float, float]]:
        """Places and values of round numbers within the limits."""
        locator = LogLocator(subs=(1.0, 2.0, 5.0)) if self.logarithmic else MaxNLocator(most)
        values = [value for value in locator.tick_values(self.low, self.high) if self.low <= value <= self.high]
        if self.logarithmic and len(values) > most + 2:
            values = [value for value in values if math.log10(value) % 1 < 1e-9] or values
        yield from zip(self.places(np.array(values)).round(1).tolist(), values, strict=True)


def charts(metrics: Sequence[Line], scores: Sequence[Line]) -> list[Chart]:
    """Losses, accuracies, D's output, and each score beside that of real images; empty ones are left out."""
    images = Axis(0, last_images(metrics, scores), LEFT, WIDTH - RIGHT)
    panels = [(title, names) for title, names in panels_of(figure_names(metrics)).items() if names]
    measured = [score for score in SCORES if values_named(scores, "scores", score.name)]
    return [
        *(_figures(title, names, metrics, images) for title, names in panels),
        *(_score(score, scores, images) for score in measured),
    ]


def _figures(title: str, names: Sequence[str], lines: Sequence[Line], images: Axis) -> Chart:
    colors, share = colors_of(names), title == "Accuracy"
    points = {name: points_of(lines, name) for name in names}
    points = {name: (x, y) for name, (x, y) in points.items() if len(y)}
    values = Axis(0, 1, HEIGHT - BOTTOM, TOP) if share else _around([y for _, y in points.values()])
    drawn = [
        _drawn(label_of(name), colors[name], x, y, images, values, share, name.startswith("held_out/"))
        for name, (x, y) in points.items()
    ]
    return Chart(title, tuple(drawn), _across(images), _up(values, share))


def _score(score: Score, lines: Sequence[Line], images: Axis) -> Chart:
    x, y = points_of(values_named(lines, "scores", score.name), score.name)
    real = points_of(values_named(lines, "floor", score.name), score.name)[1][-1:]
    logarithmic = score.logarithmic and min(*y, *real, math.inf) > 0
    values = Axis(0, 1, HEIGHT - BOTTOM, TOP) if score.share else _around([y, real], logarithmic)
    line = _drawn("samples", "#2f6fb3", x, y, images, values, score.share)
    level = (
        (float(values.places(real)[0].round(1)), f"{score.real} {_text(real[0], score.share)}") if len(real) else None
    )
    return Chart(score.title, (line,), _across(images), _up(values, score.share), level)


def _drawn(
    name: str, color: str, x: Array, y: Array, images: Axis, values: Axis, share: bool, dashed: bool = False
) -> Drawn:
    smooth = smoothed(y)
    places, figures, average = images.places(x), values.places(y), values.places(smooth)
    dots = tuple(_pairs(places, average)) if len(y) < FEW else ()
    return Drawn(
        name, color, _polyline(places, figures), _polyline(places, average), _text(smooth[-1], share), dashed, dots
    )


def _around(figures: Sequence[Array], logarithmic: bool = False) -> Axis:
    """An axis that shows all but rare spikes."""
    ends = np.concatenate([np.quantile(y, (0.01, 0.99)) if len(y) > 20 else y for y in figures if len(y)])
    low, high = float(np.min(ends)), float(np.max(ends))
    if logarithmic:
        return Axis(low / 1.25, high * 1.25, HEIGHT - BOTTOM, TOP, True)
    edge = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(low - edge, high + edge, HEIGHT - BOTTOM, TOP)


def _polyline(x: Array, y: Array) -> str:
    step = max(1, math.ceil(len(x) / MOST))
    kept = sorted({*range(0, len(x), step), len(x) - 1})
    return " ".join(f"{a},{b}" for a, b in _pairs(x[kept], y[kept]))


def _pairs(x: Array, y: Array) -> Iterable[tuple[float, float]]:
    return zip(x.round(1).tolist(), y.round(1).tolist(), strict=True)


def _across(images: Axis) -> tuple[tuple[float, str], ...]:
    name = EngFormatter(sep="")
    return tuple((place, name(value)) for place, value in images.ticks(4) if place < WIDTH - RIGHT - 8)


def _up(values: Axis, share: bool) -> tuple[tuple[float, str], ...]:
    return tuple((place, f"{value:.0%}" if share else f"{value:.5g}") for place, value in values.ticks(4))


def _text(value: float, share: bool) -> str:
    return f"{value:.1%}" if share else f"{value:.3g}"
