"""How well translators translate: both directions on held-out pictures, between a floor and what doing nothing scores.

The distance to the target's real images says little by itself. Beside it stand real images of the target (the floor),
the untranslated ones (doing nothing), and training images of the other domain (the ceiling), all equally many; whether
a translation can be undone; whether a classifier of the two domains sees the target; and what is known to go wrong,
pictures with their colors inverted and the worst ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.recipe import Recipe
from ganatomy.core.spec import Spec
from ganatomy.data.feed import to_uint8, to_unit
from ganatomy.data.images import Images, ImageSet
from ganatomy.data.packed import Split
from ganatomy.data.unpaired import Unpaired, UnpairedSet
from ganatomy.distributed import processes
from ganatomy.experiments.judging import find_judge
from ganatomy.experiments.measuring import Asked, Judged, balanced_accuracy
from ganatomy.experiments.run import Run, Weights, Which
from ganatomy.experiments.statistics import Part, kept_statistics, pictures_at, rows_of
from ganatomy.metrics.measured import Statistics, measure, statistics_of
from ganatomy.metrics.moments import Array
from ganatomy.report.grid import grid
from ganatomy.report.png import write_png

BATCH = 16
WORST = 6  # pictures that fail, of each kind
METRICS = ("kid", "fid")


def is_translation(run: Run) -> bool:
    """Whether a run was trained on two domains."""
    return isinstance(run.recipe.data.build(), Unpaired)


def judge_of_domains(run: Run, announce: Callable[[str], None] = lambda text: None) -> Judged:
    """A classifier of the run's two domains, trained on half of their training images; the cache keeps it."""
    data = both(run)
    with processes.first_alone():
        return Judged(find_judge(data, images_spec(run.recipe), announce))


def measure_translation(
    run: Run,
    judge: Judged,
    asked: Asked,
    *,
    weights: Weights = "average",
    checkpoint: Which = "last",
) -> dict[str, Any]:
    """Both directions of a run's last checkpoint; the worst pictures go to failures.png in its folder."""
    if asked.per_class or (wrong := [name for name in asked.metrics if name not in METRICS]):
        named = "per class" if asked.per_class else wrong[0]
        raise GanatomyError(f"Translations are scored by {' and '.join(METRICS)}, not {named}.")
    data = both(run)
    assert data.classes is not None
    found = run.checkpoint(checkpoint)
    kept: Weights = weights if run.averages("G") else "raw"
    players = {name: run.player(name, weights=kept, checkpoint=checkpoint) for name in ("G", "F")}
    critics = {name: run.player(name, weights="raw", checkpoint=checkpoint) for name in ("D_X", "D_Y")}
    ways = [
        Way(data, 0, players["G"], players["F"], critics["D_Y"]),
        Way(data, 1, players["F"], players["G"], critics["D_X"]),
    ]
    record = {
        "round": found.round,
        "images": found.state["drawn"] * run.recipe.batch,
        "seconds": found.state["seconds"],
        "which": checkpoint,
        "directions": {way.name: way.scores(judge, asked) for way in ways},
        "protocol": {
            "reference": "training images" + (", second half" if isinstance(asked.extractor, Judged) else ""),
            "content": data.content,
            "split": "held-out",
            **asked.extractor.facts(),
            "judge_sha256": judge.judge.sha256,
            "judge_balanced_accuracy": balanced_accuracy(data, judge),
            "weights": kept,
            "checkpoint": checkpoint,
        },
    }
    if processes.rank() == 0:
        write_failures(run, ways)
        run.folder.measurements.append(record)
    return record


@dataclass
class Way:
    """One direction: translate held-out pictures of one domain, `source` 0 or 1, into the other."""

    data: ImageSet
    source: int
    there: nn.Module
    back: nn.Module
    critic: nn.Module

    @property
    def name(self) -> str:
        assert self.data.classes is not None
        return f"{self.data.classes[self.source]} to {self.data.classes[self.target]}"

    @property
    def target(self) -> int:
        return 1 - self.source

    @cached_property
    def count(self) -> int:
        """As many pictures in every column."""
        return min(len(rows_of(self.data, "held-out", number)) for number in (0, 1))

    @cached_property
    def real(self) -> Array:
        """Held-out pictures of the source domain, uint8 [N, H, W, C]."""
        return pictures_at(self.data, rows_of(self.data, "held-out", self.source)[: self.count])

    @cached_property
    def made(self) -> tuple[Array, Array, Array]:
        """Translated, and translated back: uint8 [N, H, W, C]; what the target's discriminator says: [N]."""
        translated, restored, said = [], [], []
        with torch.inference_mode():
            for start in range(0, self.count, BATCH):
                there = self.there(to_unit(self.real[start : start + BATCH]))
                translated.append(to_uint8(there))
                restored.append(to_uint8(self.back(there)))
                said.append(self.critic(there).flatten(1).mean(1).numpy())
        return np.concatenate(translated), np.concatenate(restored), np.concatenate(said)

    def scores(self, judge: Judged, asked: Asked) -> dict[str, Any]:
        part: Part = "second-half" if isinstance(asked.extractor, Judged) else "train"
        reference = kept_statistics(self.data, part, asked.extractor, self.target)
        others = np.random.default_rng(0).permutation(rows_of(self.data, part, self.source))[: self.count]
        columns = {
            "floor": pictures_at(self.data, rows_of(self.data, "held-out", self.target)[: self.count]),
            "translated": self.made[0],
            "doing nothing": self.real,
            "ceiling": pictures_at(self.data, others),
        }
        return {
            "count": self.count,
            "reference_count": reference.count,
            "columns": {name: self._column(images, reference, judge, asked) for name, images in columns.items()},
            "cycle_error": float(self.cycle_errors.mean()),
            "between_two": float(apart(self.real, np.roll(self.real, 1, axis=0)).mean()),
            "inverted": float((likeness(self.real, self.made[0]) < 0).mean()),
        }

    def _column(self, images: Array, reference: Statistics, judge: Judged, asked: Asked) -> dict[str, float]:
        seen = judge.look(images).probabilities
        assert seen is not None
        scores = measure(reference, statistics_of(parts(images), asked.extractor), asked.of_statistics)
        return {**scores, "seen_as_target": float((seen.argmax(1) == self.target).mean())}

    @cached_property
    def cycle_errors(self) -> Array:
        return apart(self.real, self.made[1])

    def worst(self) -> dict[str, list[int]]:
        """Rows of the pictures that fail most, by what the discriminator says and by what does not come back."""
        return {
            "worst by D": np.argsort(self.made[2])[:WORST].tolist(),
            "worst by cycle": np.argsort(-self.cycle_errors)[:WORST].tolist(),
        }


def apart(a: Array, b: Array) -> Array:
    """Mean absolute difference of pictures, of the range of their numbers: uint8 [N, H, W, C] twice -> [N], 0 to 1."""
    difference: Array = np.abs(a.astype(np.float64) - b).mean((1, 2, 3)) / 255
    return difference


def likeness(a: Array, b: Array) -> Array:
    """Correlation of the pixels of each picture with those of another, [N]: below zero, light became dark.

    >>> ramp = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    >>> likeness(ramp, 255 - ramp).round(3).tolist()
    [-1.0]
    """
    rows = [x.reshape(len(x), -1).astype(np.float64) for x in (a, b)]
    x, y = (row - row.mean(1, keepdims=True) for row in rows)
    scale = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    found: Array = (x * y).sum(1) / np.maximum(scale, 1e-12)
    return found


def write_failures(run: Run, ways: list[Way]) -> None:
    """failures.png: the worst translations of both directions, with what they were made of and what comes back."""
    images, names = [], []
    for way in ways:
        for title, rows in way.worst().items():
            images += [picture for row in rows for picture in (way.real[row], way.made[0][row], way.made[1][row])]
            names += [f"{way.name}, {title}"] * len(rows)
    page = grid(np.stack(images), columns=3, row_names=names, column_names=("real", "translated", "reconstructed"))
    write_png(run.path / "failures.png", page)


def both(run: Run) -> ImageSet:
    """The two domains of a run as one data set whose classes they are."""
    data = run.data()
    if not isinstance(data, UnpairedSet):
        raise GanatomyError(f"{run.path} holds no translator: it was not trained on two domains.")
    other = data.of_y()

    def mixed(x: Split, y: Split, order: np.random.Generator) -> Split:
        images = np.concatenate([data.pictures(x), other.pictures(y)])
        labels = np.repeat(np.array([0, 1]), [len(x.images), len(y.images)])
        rows = order.permutation(len(labels))
        return Split(images[rows], labels[rows])

    return ImageSet(
        train=mixed(data.train, other.train, np.random.default_rng(0)),
        held_out=mixed(data.held_out, other.held_out, np.random.default_rng(1)),
        classes=data.names,
        shape=data.shape,
        content=f"{data.content}:both",
        source=data.source,
        flip=data.flip,
    )


def images_spec(recipe: Recipe) -> Spec:
    """The images of one domain, as a judge's recipe has them."""
    settings = recipe.data.settings
    return Spec(Images, **{name: settings[name] for name in ("source", "size", "channels", "crop", "flip")})


def parts(images: Array) -> Iterator[Array]:
    for start in range(0, len(images), 512):
        yield images[start : start + 512]
