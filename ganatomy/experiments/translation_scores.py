"""Scores of translators, in both directions, on held-out pictures.

The distance to real images of the target domain means little by itself, so others of equally many pictures stand beside
it: of real held-out images of the target (the floor), of the untranslated pictures ("doing nothing"), and of training
images of the source domain (the ceiling). Further scores are the cycle error, and the share that a classifier of both
domains takes for the target. Known failures are reported, too: pictures with inverted colors, and the worst ones.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.observer import Moment, Observer
from ganatomy.core.randomness import CPU
from ganatomy.core.recipe import Recipe
from ganatomy.core.spec import Spec
from ganatomy.data.feed import to_uint8, to_unit
from ganatomy.data.images import Images, ImageSet
from ganatomy.data.packed import Split
from ganatomy.data.unpaired import Unpaired, UnpairedSet
from ganatomy.distributed import processes
from ganatomy.engine.engine import Engine
from ganatomy.experiments.judging import find_judge
from ganatomy.experiments.measuring import REFERENCES, JudgeExtractor, Request, balanced_accuracy, reference_part
from ganatomy.experiments.observers import weights_kept
from ganatomy.experiments.run import Run, Weights, Which
from ganatomy.experiments.statistics import Part, kept_statistics, pictures_at, rows_of, shuffled
from ganatomy.experiments.translation import averaged_or_not
from ganatomy.metrics.measured import measure, statistics_of
from ganatomy.metrics.moments import Array
from ganatomy.report.grid import grid
from ganatomy.report.png import write_png
from ganatomy.runs.folder import RunFolder

BATCH = 16
COLUMNS = ("floor", "translated", "doing nothing", "ceiling")
SCORED = 256  # pictures of each domain that are translated for a score in training
WORST = 6  # pictures that fail, of each kind
METRICS = ("kid", "fid")
FEWEST = 3  # pictures of each domain that a kernel distance and its error need
INVERTED = -0.5  # correlation with the original below which a picture counts as inverted
GOOD_JUDGE = 0.88  # balanced accuracy below which a judge says little


def is_translation(run: Run) -> bool:
    """Whether a run was trained on two domains."""
    return isinstance(run.recipe.data.build(), Unpaired)


def judge_of_domains(
    run: Run, announce: Callable[[str], None] = lambda text: None, device: torch.device = CPU
) -> JudgeExtractor:
    """A classifier of the run's two domains, from the cache or trained now on half of their training images."""
    data = both(run)
    with processes.first_alone():
        return JudgeExtractor(find_judge(data, images_spec(run.recipe), announce, device))


def measure_translation(
    run: Run,
    judge: JudgeExtractor,
    asked: Request,
    *,
    weights: Weights = "average",
    checkpoint: Which = "last",
) -> dict[str, Any]:
    """Score both directions of a run's checkpoint; the record is returned, and appended to its measurements.

    The worst pictures are written to failures.png in the run's folder.
    """
    refuse_metrics([*asked.metrics, *(["per class"] if asked.per_class else [])])
    data = both(run)
    assert data.classes is not None
    if processes.rank() == 0:
        run.folder.measurements.refuse_unwritable()
    found = run.checkpoint(checkpoint)
    kept: Weights = weights if run.averages("G") else "raw"
    players = {name: run.player(name, weights=kept, checkpoint=checkpoint) for name in ("G", "F")}
    critics = {name: run.player(name, weights="raw", checkpoint=checkpoint) for name in ("D_X", "D_Y")}
    directions = [
        Direction(data, 0, players["G"], players["F"], critics["D_Y"]),
        Direction(data, 1, players["F"], players["G"], critics["D_X"]),
    ]
    record = {
        **run.standing(found),
        "which": checkpoint,
        "directions": {direction.name: direction.scores(judge, asked) for direction in directions},
        "protocol": {
            "reference": REFERENCES[reference_part(asked)],
            "content": data.content,
            "held_out_content": data.held_out_content,
            "split": "held-out",
            **asked.extractor.facts(),
            "judge_sha256": judge.judge.sha256,
            "judge_balanced_accuracy": balanced_accuracy(data, judge),
            "cycle": "through 8 bits",
            "inverted_below": INVERTED,
            "weights": kept,
            "checkpoint": checkpoint,
        },
    }
    if processes.rank() == 0:
        write_failures(run, directions)
        run.folder.measurements.append(record)
    return record


def refuse_metrics(names: Sequence[str]) -> None:
    """Raise GanatomyError for scores that translations do not have, before a judge is trained."""
    for name in names:
        if name not in METRICS:
            raise GanatomyError(f"Translations are scored by {' and '.join(METRICS)}, not {name}.")


@dataclass
class Direction:
    """One direction of translation, on held-out pictures.

    data: both domains, as classes 0 and 1. source: the domain to translate from.
    there, back: the translators into the target and from it. critic: the target's discriminator.
    """

    data: ImageSet
    source: int
    there: nn.Module
    back: nn.Module
    critic: nn.Module
    device: torch.device = CPU

    @property
    def name(self) -> str:
        assert self.data.classes is not None
        return f"{self.data.classes[self.source]} to {self.data.classes[self.target]}"

    @property
    def target(self) -> int:
        return 1 - self.source

    @cached_property
    def count(self) -> int:
        """Pictures in every column: as many as all of them have."""
        parts: tuple[Part, ...] = ("held-out", "second-half")
        return min(len(rows_of(self.data, part, number)) for part in parts for number in (0, 1))

    @cached_property
    def real(self) -> Array:
        """Held-out pictures of the source domain, uint8 [N, H, W, C]."""
        return pictures_at(self.data, rows_of(self.data, "held-out", self.source)[: self.count])

    @cached_property
    def made(self) -> tuple[Array, Array, Array]:
        """Translations, and these translated back, uint8 [N, H, W, C] each; the discriminator's mean scores [N]."""
        translated, restored, said = [], [], []
        with torch.inference_mode():
            for start in range(0, self.count, BATCH):
                there = self.there(to_unit(self.real[start : start + BATCH]).to(self.device))
                translated.append(to_uint8(there))
                restored.append(to_uint8(self.back(to_unit(translated[-1]).to(self.device))))
                said.append(self.critic(there).float().flatten(1).mean(1).cpu().numpy())
        return np.concatenate(translated), np.concatenate(restored), np.concatenate(said)

    def scores(self, judge: JudgeExtractor, asked: Request) -> dict[str, Any]:
        return {
            "count": self.count,
            "reference_count": len(rows_of(self.data, reference_part(asked), self.target)),
            "columns": self.columns(judge, asked),
            "cycle_error": float(self.cycle_errors.mean()),
            "between_two": float(apart(self.real, np.roll(self.real, 1, axis=0)).mean()),
            "inverted": inverted(self.real, self.made[0]),
            "inverted_by_chance": inverted(np.roll(self.real, 1, axis=0), self.made[0]),
        }

    def columns(
        self, judge: JudgeExtractor, asked: Request, names: Sequence[str] = COLUMNS
    ) -> dict[str, dict[str, float]]:
        """For each column, distances to real images of the target, and the share that the judge takes for it."""
        reference, found = kept_statistics(self.data, reference_part(asked), asked.extractor, self.target), {}
        for name in names:
            images = self.pictures(name, asked)
            seen = judge.look(images).probabilities
            assert seen is not None
            scores = measure(reference, statistics_of(parts(images), asked.extractor), asked.of_statistics)
            found[name] = {**scores, "seen_as_target": float((seen.argmax(1) == self.target).mean())}
        return found

    def pictures(self, column: str, asked: Request) -> Array:
        """The pictures of a column, uint8 [N, H, W, C]."""
        if column == "translated":
            return self.made[0]
        if column == "doing nothing":
            return self.real
        if column == "floor":
            rows = rows_of(self.data, "held-out", self.target)
        else:
            rows = shuffled(rows_of(self.data, reference_part(asked), self.source))
        return pictures_at(self.data, rows[: self.count])

    @cached_property
    def cycle_errors(self) -> Array:
        return apart(self.real, self.made[1])

    def worst(self) -> dict[str, list[tuple[int, float]]]:
        """The worst pictures by two criteria, at most half of all: rows, with D's score or the cycle error."""
        kinds = {"D says": (self.made[2], 1), "cycle error": (self.cycle_errors, -1)}
        return {
            title: [(int(row), float(values[row])) for row in np.argsort(sign * values)[: min(WORST, self.count // 2)]]
            for title, (values, sign) in kinds.items()
        }


class TranslationScorer(Observer):
    """scores.jsonl: scores of the translators during training, on the first held-out pictures of both domains.

    For each direction, the kernel distance in the judge's features, the share taken for the target and the cycle error.
    """

    def __init__(
        self, folder: RunFolder, recipe: Recipe, engine: Engine, data: UnpairedSet, announce: Callable[[str], None]
    ) -> None:
        self.log, self.every, self.engine = folder.scores, recipe.watch.settings["score"], engine
        self.data = as_classes(data)
        refuse_too_few(self.data)
        with processes.first_alone():
            self.judge = JudgeExtractor(find_judge(self.data, images_spec(recipe), announce, engine.device))

    def after_round(self, moment: Moment) -> None:
        if not moment.passed(self.every):
            return
        self.engine.check_finite()
        record: dict[str, Any] = {}
        if processes.rank() == 0:
            with processes.alone():
                record = {"round": moment.round, "images": moment.images, **self.scores()}
            self.log.append(record)
        for observer in self.engine.observers:
            observer.scored(moment, record)

    @cached_property
    def asked(self) -> Request:
        return Request(self.judge, ("kid",))

    @cached_property
    def floor(self) -> dict[str, float]:
        """The scores of real images of the target, by name; the same in every reading."""
        return self.column("floor", self.directions())

    def directions(self) -> dict[str, Direction]:
        """Both directions with the current weights, by the letter of the target domain."""
        G, F, D_X, D_Y = (averaged_or_not(self.engine, name) for name in ("G", "F", "D_X", "D_Y"))
        directions = {
            "Y": Direction(self.data, 0, G, F, D_Y, self.engine.device),
            "X": Direction(self.data, 1, F, G, D_X, self.engine.device),
        }
        for direction in directions.values():
            direction.count = min(direction.count, SCORED)
        return directions

    def column(self, name: str, directions: dict[str, Direction]) -> dict[str, float]:
        return {
            f"{score}_to_{letter}": value
            for letter, direction in directions.items()
            for score, value in direction.columns(self.judge, self.asked, (name,))[name].items()
        }

    def scores(self) -> dict[str, Any]:
        """Scores, floor and protocol of the current weights."""
        directions = self.directions()
        scores = self.column("translated", directions)
        scores |= {f"cycle_error_to_{to}": float(one.cycle_errors.mean()) for to, one in directions.items()}
        protocol = {
            "reference": REFERENCES[reference_part(self.asked)],
            "content": self.data.content,
            "held_out_content": self.data.held_out_content,
            "split": "held-out",
            "count": directions["Y"].count,
            **self.judge.facts(),
            "weights": weights_kept(self.engine),
            "checkpoint": "during training",
        }
        return {"scores": scores, "floor": self.floor, "protocol": protocol}


def apart(a: Array, b: Array) -> Array:
    """The mean absolute difference of pictures a and b, uint8 [N, H, W, C] each, as a share of 255: [N]."""
    difference: Array = np.abs(a.astype(np.float64) - b).mean((1, 2, 3)) / 255
    return difference


def likeness(a: Array, b: Array) -> Array:
    """The correlation of the pixels of each pair of pictures, [N]; negative if light and dark were exchanged.

    >>> ramp = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    >>> likeness(ramp, 255 - ramp).round(3).tolist()
    [-1.0]
    """
    rows = [x.reshape(len(x), -1).astype(np.float64) for x in (a, b)]
    x, y = (row - row.mean(1, keepdims=True) for row in rows)
    scale = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    found: Array = (x * y).sum(1) / np.maximum(scale, 1e-12)
    return found


def inverted(a: Array, b: Array) -> float:
    """The share of pictures b that are a with light and dark exchanged, by INVERTED."""
    return float((likeness(a, b) < INVERTED).mean())


def write_failures(run: Run, directions: list[Direction]) -> None:
    """failures.png: the worst translations of both directions, with their originals and what the cycle gives back."""
    images, names = [], []
    for direction in directions:
        for title, found in direction.worst().items():
            columns = (direction.real, *direction.made[:2])
            images += [column[row] for row, _ in found for column in columns]
            names += [f"{direction.name}, {title} {value:.2f}" for _, value in found]
    page = grid(np.stack(images), columns=3, row_names=names, column_names=("real", "translated", "reconstructed"))
    write_png(run.path / "failures.png", page)


def both(run: Run) -> ImageSet:
    """The two domains of a run as the classes of one data set. Raises GanatomyError for too few pictures."""
    data = run.data()
    if not isinstance(data, UnpairedSet):
        raise GanatomyError(f"{run.path} holds no translator: it was not trained on two domains.")
    mixed = as_classes(data)
    refuse_too_few(mixed)
    return mixed


def refuse_too_few(data: ImageSet) -> None:
    """Raise GanatomyError unless both domains have pictures held out, and some that no judge was trained on."""
    assert data.classes is not None
    for number, name in enumerate(data.classes):
        trained, unseen, held = (len(rows_of(data, part, number)) for part in ("train", "second-half", "held-out"))
        if held < FEWEST or unseen < FEWEST:
            raise GanatomyError(
                f"Pictures of {name}: {held:,} held out, {trained:,} to train on, {unseen:,} of them in the half that "
                f"no judge sees; scores need {FEWEST} of each: train with more, or with another data.held_out."
            )


def as_classes(data: UnpairedSet) -> ImageSet:
    """Two domains as one data set with two classes, shuffled."""
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
    """The data of a judge's recipe: `Images` prepared as the run's."""
    settings = recipe.data.settings
    return Spec(Images, **{name: settings[name] for name in ("source", "size", "channels", "crop", "flip")})


def parts(images: Array) -> Iterator[Array]:
    for start in range(0, len(images), 512):
        yield images[start : start + 512]
