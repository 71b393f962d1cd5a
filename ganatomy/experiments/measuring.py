"""Scores of a run, or of any two sets of images, under any extractor: each with its protocol, its floor, its spread."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganatomy.core.errors import GanatomyError, unknown
from ganatomy.core.spec import Spec
from ganatomy.data.images import Images, ImageSet
from ganatomy.distributed import processes
from ganatomy.experiments.judging import CHOOSING_SEED, REPORTING_SEED, Judge, can_be_judged, find_judge
from ganatomy.experiments.observers import as_generator, best_round
from ganatomy.experiments.run import BEST, Run, Weights, Which
from ganatomy.experiments.sampling import CHUNK, Sampler
from ganatomy.experiments.statistics import (
    STEP,
    Part,
    StoredStatistics,
    in_parts,
    kept_statistics,
    labels_at,
    opened,
    pictures_at,
    rows_of,
)
from ganatomy.metrics.extractors import Extractor, Inception, Look, extractors
from ganatomy.metrics.measured import METRICS, Statistics, measure, remarks, statistics_of
from ganatomy.metrics.memorization import memorization
from ganatomy.metrics.moments import Array
from ganatomy.metrics.similarity import similarity_of_pairs
from ganatomy.networks.inception import Resize

OF_IMAGES = ("ssim", "nearest")  # beside those of statistics
COMPARED = 2_000  # images that similarity draws its pairs from
UNCOUNTED = "the reference's file does not say of how many images it is: compare only with others against the same file"


@dataclass(frozen=True)
class Asked:
    """What to measure, and with what.

    metrics: fid, kid, is, prdc; ssim: multi-scale structural similarity of pairs, within classes too, which rises as a
    generator collapses; nearest: distances to the nearest training images, beside those of held-out ones.
    per_class: the scores of statistics also class by class.
    """

    extractor: Extractor
    metrics: tuple[str, ...] = ("fid", "kid", "prdc")
    count: int | None = None
    per_class: bool = False

    def __post_init__(self) -> None:
        for name in self.metrics:
            if name not in (*METRICS, *OF_IMAGES):
                raise unknown("metric", name, (*METRICS, *OF_IMAGES))

    @property
    def of_statistics(self) -> tuple[str, ...]:
        return tuple(name for name in self.metrics if name in METRICS)


class Judged(Extractor):
    """A data set's own judge, as an extractor."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge

    def look(self, images: Array) -> Look:
        return Look(*self.judge.see(images))

    def facts(self) -> dict[str, Any]:
        return {
            "extractor": "judge",
            "extractor_sha256": self.judge.sha256,
            "extractor_accuracy": self.judge.facts["accuracy"],
            "resize": None,
            "precision": "float32",
        }


def measure_run(
    run: Run,
    asked: Asked,
    *,
    seed: int = REPORTING_SEED,
    repeats: int = 1,
    weights: Weights = "average",
    checkpoints: Sequence[Which] = ("last", "best"),
) -> list[dict[str, Any]]:
    """Of the last and the best checkpoint, against training images (see `Reference`), beside their floor.

    With `repeats`, samples of as many seeds, without the one that chose the best, and the deviation between them. The
    floor is taken at as many held-out images as there are samples; where there are fewer, at all of them, and the
    scores are given at that count, too.
    """
    if "best" in checkpoints and seed == CHOOSING_SEED:
        raise GanatomyError(
            f"Seed {CHOOSING_SEED} chose the best checkpoint, so its samples flatter it: evaluate with another."
        )
    seeds = [s for s in range(seed, seed + repeats + 1) if s != CHOOSING_SEED][:repeats]
    reference = Reference(run.data(), asked)
    records = []
    for which in checkpoints:
        if which == "best" and best_round(run.folder) is None:
            continue
        found = run.checkpoint(which)
        sampler = Sampler(as_generator(run.player("G", weights=weights, checkpoint=which)))
        records.append(
            {
                "round": found.round,
                "images": found.state["drawn"] * run.recipe.batch,
                "seconds": found.state["seconds"],
                "which": which,
                **reference.score(sampler, seeds),
                "protocol": {
                    **reference.protocol(),
                    "seeds": seeds,
                    "weights": weights if run.averages() else "raw",
                    "checkpoint": "last" if which == "last" else BEST,
                },
            }
        )
    for record in records if processes.rank() == 0 else ():
        run.folder.measurements.append(record)
    return records


class Reference:
    """A run's data set as an extractor sees it: what its samples are compared with.

    All images to train on; under the data's own judge the half that it was not trained on.
    """

    def __init__(self, data: ImageSet, asked: Asked) -> None:
        self.data, self.asked = data, asked
        self.count = asked.count or min(len(data.train.images), 50_000)
        self.floor_count = min(self.count, len(data.held_out.images))
        self.part: Part = "second-half" if isinstance(asked.extractor, Judged) else "train"
        self.real = kept_statistics(data, self.part, asked.extractor)
        self.held_out = statistics_of(in_parts(data, rows_of(data, "held-out")[: self.floor_count]), asked.extractor)
        self.floor = {**self._compared(self.held_out), "count": self.floor_count}
        if self._compares_pictures:
            rows = np.random.default_rng(0).permutation(rows_of(data, self.part))[:COMPARED]
            labels = None if data.train.labels is None else labels_at(data, rows)
            self.floor |= similarities(pictures_at(data, rows), labels)

    def score(self, sampler: Sampler, seeds: Sequence[int]) -> dict[str, Any]:
        """Scores of a generator's samples of these seeds, their floor, and what one should know of them."""
        drawn = [self._drawn(sampler, seed) for seed in seeds]
        scores = [{**self._compared(one.whole), **self._similar(sampler, one.first)} for one in drawn]
        record = {
            **spread(scores),
            "floor": self.floor,
            "remarks": remarks(self.real, drawn[0].whole, self.asked.metrics),
        }
        if self.floor_count < self.count:
            record["scores_at_floor_count"] = self._compared(drawn[0].fewer)
        if self.asked.per_class:
            record["per_class"] = self._by_class(sampler, seeds[0])
        return record

    def protocol(self) -> dict[str, Any]:
        return {
            "reference": "training images" + (", second half" if self.part == "second-half" else ""),
            "reference_count": self.real.count,
            "content": self.data.content,
            "count": self.count,
            **self.asked.extractor.facts(),
        }

    def _drawn(self, sampler: Sampler, seed: int) -> "Drawn":
        """Each sample of a seed is drawn once, for all that is measured of it."""
        first: list[Array] = []
        kept = COMPARED if self._compares_pictures else 0

        def seen(indices: range) -> Statistics:
            return statistics_of(keeping(samples(sampler, seed, indices), first, kept), self.asked.extractor)

        fewer = seen(range(self.floor_count))
        if self.floor_count == self.count:
            return Drawn(fewer, fewer, first)
        whole = copy.deepcopy(fewer)
        whole.merge(seen(range(self.floor_count, self.count)))
        return Drawn(whole, fewer, first)

    def _compared(self, seen: Statistics) -> dict[str, float]:
        scores = measure(self.real, seen, self.asked.of_statistics)
        if "nearest" in self.asked.metrics:
            assert self.real.features is not None and seen.features is not None and self.held_out.features is not None
            found = memorization(self.real.features, seen.features, self.held_out.features)
            scores |= {"nearest": found.median, "copies": found.copies}
        return scores

    @property
    def _compares_pictures(self) -> bool:
        return "ssim" in self.asked.metrics

    def _similar(self, sampler: Sampler, first: Sequence[Array]) -> dict[str, float]:
        if not self._compares_pictures:
            return {}
        images = np.concatenate(first)
        labels = sampler.labels(range(len(images)))
        return similarities(images, None if labels is None else np.array(labels))

    def _by_class(self, sampler: Sampler, seed: int) -> dict[str, Any]:
        """Of each class: scores of samples asked for, the floor at their count, and another class as the ceiling."""
        if sampler.classes is None or self.data.classes is None:
            raise GanatomyError("This run is not conditional, so none of its samples is of a class: leave per class.")
        found = {}
        for number, name in enumerate(self.data.classes):
            real = kept_statistics(self.data, self.part, self.asked.extractor, number)
            own, other = (
                rows_of(self.data, "held-out", which % len(self.data.classes)) for which in (number, number + 1)
            )
            count = min(len(own), len(other), -(-self.count // len(self.data.classes)))
            fake = statistics_of(samples(sampler, seed, range(count), [number] * count), self.asked.extractor)
            seen = (statistics_of(in_parts(self.data, rows[:count]), self.asked.extractor) for rows in (own, other))
            floor, ceiling = (measure(real, one, self.asked.of_statistics) for one in seen)
            scores = measure(real, fake, self.asked.of_statistics)
            found[name] = {"scores": scores, "floor": floor, "ceiling": ceiling, "count": count}
        return found


@dataclass(frozen=True)
class Drawn:
    """Statistics of all samples of a seed, and of as many as the floor has; the first of them as pictures, if asked."""

    whole: Statistics
    fewer: Statistics
    first: Sequence[Array]


def keeping(images: Iterator[Array], kept: list[Array], count: int) -> Iterator[Array]:
    """The images, handed on; the first `count` of them are kept."""
    for part in images:
        if (missing := count - sum(map(len, kept))) > 0:
            kept.append(part[:missing])
        yield part


def measure_sources(
    real: str,
    fake: str,
    asked: Asked,
    *,
    real_part: Part = "all",
    fake_part: Part = "all",
    size: int | None = None,
) -> dict[str, Any]:
    """Of any two sources of images, or of statistics in files; `size` converts both to it, in pixels.

    Under the real images' own judge they are the half of those to train on that it has not seen.
    """
    refuse_what_needs_a_run(asked)
    if isinstance(asked.extractor, Judged) and real_part in ("all", "train"):
        real_part = "second-half"
    a, b = opened(real, size), opened(fake, size)
    if isinstance(a, ImageSet) and isinstance(b, ImageSet) and a.shape != b.shape:
        raise GanatomyError(
            f"{real} is {a.shape} and {fake} is {b.shape}: resizing one of them would be measured, too. Convert both "
            "with --size, and to the same channels."
        )
    if isinstance(a, StoredStatistics):
        seen_real = a.under(asked.extractor)
    else:
        seen_real = kept_statistics(a, real_part, asked.extractor)
    if isinstance(b, StoredStatistics):
        seen_fake = b.under(asked.extractor)
    else:
        rows = np.random.default_rng(0).permutation(rows_of(b, fake_part))[: asked.count]  # they may lie class by class
        seen_fake = statistics_of(in_parts(b, rows), asked.extractor)
    counted = isinstance(a, ImageSet) or a.known
    return {
        "scores": {**measure(seen_real, seen_fake, asked.of_statistics), **similarity_within(b, fake_part, asked)},
        "floor": own_floor(a, real_part, asked, seen_fake.count),
        "remarks": remarks(seen_real, seen_fake, asked.metrics) if counted else [UNCOUNTED],
        "protocol": {
            "reference": f"{real} ({real_part})",
            "reference_count": seen_real.count if counted else None,
            "content": a.content if isinstance(a, ImageSet) else None,
            "generated": f"{fake} ({fake_part})",
            "count": seen_fake.count,
            **seen_fake.facts,
        },
    }


def refuse_what_needs_a_run(asked: Asked) -> None:
    if "nearest" in asked.metrics:
        raise GanatomyError("nearest asks for copies of what was trained on, which only a run knows: evaluate a run.")
    if asked.per_class:
        raise GanatomyError("Scores per class are those of samples that a run was asked for: evaluate a run.")


def own_floor(real: ImageSet | StoredStatistics, part: Part, asked: Asked, count: int) -> dict[str, Any] | None:
    """What one part of the real images scores against the other, each of `count`; None where there are too few."""
    if isinstance(real, StoredStatistics):
        return None
    rows = np.random.default_rng(0).permutation(rows_of(real, part))
    half = min(count, len(rows) // 2)
    if half < 8:
        return None
    a, b = (statistics_of(in_parts(real, rows[start : start + half]), asked.extractor) for start in (0, half))
    scores = {**measure(a, b, asked.of_statistics), **similarity_within(real, part, asked)}
    return {**scores, "count": half, "reference_count": half}


def similarity_within(side: ImageSet | StoredStatistics, part: Part, asked: Asked) -> dict[str, float]:
    if "ssim" not in asked.metrics:
        return {}
    if isinstance(side, StoredStatistics):
        raise GanatomyError("ssim compares pictures, and a file of statistics holds none: leave it out.")
    rows = np.random.default_rng(0).permutation(rows_of(side, part))[:COMPARED]
    return similarities(pictures_at(side, rows), None if side.train.labels is None else labels_at(side, rows))


def similarities(images: Array, labels: Array | None) -> dict[str, float]:
    """Of pairs of any images and, where they have labels, of pairs within a class."""
    found = {"ssim": similarity_of_pairs(images).mean}
    if labels is not None:
        found["ssim_within_class"] = similarity_of_pairs(images, labels, pairs=200).mean
    return found


def spread(scores: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Means over repeated draws and, of several, their deviations."""
    means = {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}
    if len(scores) == 1:
        return {"scores": means}
    return {
        "scores": means,
        "deviations": {name: float(np.std([one[name] for one in scores], ddof=1)) for name in means},
    }


def samples(
    sampler: Sampler, seed: int, indices: Sequence[int], labels: Sequence[int] | None = None
) -> Iterator[Array]:
    """A generator's samples of a seed; each process draws a part, and all get all."""
    asked = labels if labels is not None else sampler.labels(indices)
    for start in range(0, len(indices), STEP):
        part = indices[start : start + STEP]
        own = processes.share(len(part), CHUNK)
        rows = slice(start + own.start, start + own.stop)
        images = sampler.images(seed, indices[rows], asked[rows] if asked else None)
        yield processes.gather(torch.from_numpy(images)).numpy()


def make_extractor(name: str, weights: Path | None = None, resize: Resize = "legacy") -> Extractor:
    """An extractor by name, but for judges; weights and resize are Inception's."""
    if extractors[name] is Inception:
        return Inception(weights, resize)
    if weights is not None or resize != "legacy":
        raise GanatomyError(f"--weights-file and --resize are Inception's; the extractor {name} has neither.")
    return extractors[name]()


def judge_of_run(run: Run) -> Judged:
    return judge_of(run.data(), run.recipe.data)


def judge_of_source(source: str, size: int | None = None) -> Judged:
    """The judge of a labelled source of images."""
    spec = Spec(Images, source=source, size=size)
    return judge_of(spec.build().open(), spec)


def judge_of(data: ImageSet, spec: Spec) -> Judged:
    if not can_be_judged(data):
        raise GanatomyError(f"{data.source} has no labels of two classes or more, so there is no judge to look with.")
    with processes.first_alone():
        return Judged(find_judge(data, spec))


def balanced_accuracy(data: ImageSet, judge: Judged) -> float:
    """The mean over the classes of how much of each is recognized, on held-out images."""
    found = []
    for number in range(len(data.classes or ())):
        seen = [judge.look(images).probabilities for images in in_parts(data, rows_of(data, "held-out", number))]
        if seen:
            found.append(np.mean(np.concatenate([np.asarray(p).argmax(1) for p in seen]) == number))
    return float(np.mean(found))
