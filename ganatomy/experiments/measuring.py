"""Scores of a run by any extractor, each with its protocol, its floor and, if repeated, its standard deviation."""

import copy
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganatomy.core.errors import GanatomyError, unknown
from ganatomy.core.randomness import CPU
from ganatomy.core.spec import Spec
from ganatomy.data.images import ImageSet
from ganatomy.distributed import processes
from ganatomy.experiments.judging import REPORTING_SEED, Judge, can_be_judged, find_judge
from ganatomy.experiments.observers import as_generator, best_round
from ganatomy.experiments.run import BEST, Run, Weights, Which, drawn_seeds
from ganatomy.experiments.sampling import CHUNK, Sampler
from ganatomy.experiments.statistics import (
    STEP,
    Part,
    Progress,
    all_labels,
    in_parts,
    kept_features,
    kept_statistics,
    no_progress,
    pictures_at,
    rows_of,
    seen_together,
    shuffled,
)
from ganatomy.metrics.extractors import Extractor, Inception, Look, extractors
from ganatomy.metrics.measured import KEPT, METRICS, NEIGHBORS, PAIRED, Statistics, measure, parameters, remarks
from ganatomy.metrics.memorization import honest_distances, memorized, nearest_distances, refuse_few
from ganatomy.metrics.moments import Array
from ganatomy.metrics.similarity import refuse_small, similarity_of_pairs
from ganatomy.networks.inception import Resize
from ganatomy.report.results import ALONE

OF_IMAGES = ("ssim", "nearest")  # metrics of images themselves, beside those of statistics
MOST = 50_000  # samples, by default
FEWEST = {"fid": 2, "kid": 3, "is": 1, "prdc": max(NEIGHBORS) + 1}  # images of each set that a metric needs
FEWEST_GENERATED = {**FEWEST, "prdc": NEIGHBORS[0] + 1}  # of the generated set, whose own density is not needed


class NoExtractor(Extractor):
    """Stands for an extractor if all metrics are of the images themselves."""

    def look(self, images: Array) -> Look:
        raise AssertionError

    def facts(self) -> dict[str, Any]:
        return dict.fromkeys(("extractor", "extractor_sha256", "resize", "precision"))


@dataclass(frozen=True)
class Request:
    """What to measure, and with which extractor.

    metrics:
        - fid, kid, is, prdc: from an extractor's statistics;
        - ssim: MS-SSIM of pairs of images, also within classes; it rises as a generator collapses;
        - nearest: distances to the nearest training images, compared with those of held-out images.
    count: images to compare; None: the default of what is measured.
    per_class: compute the metrics of statistics for each class, too.
    progress: shows how far the extractor is.

    Raises GanatomyError if the extractor cannot give what the metrics need.
    """

    extractor: Extractor = field(default_factory=NoExtractor)
    metrics: tuple[str, ...] = ("fid", "kid", "prdc")
    count: int | None = None
    per_class: bool = False
    progress: Progress = no_progress

    def __post_init__(self) -> None:
        refuse_unknown(self.metrics)
        if self.looks and isinstance(self.extractor, NoExtractor):
            raise GanatomyError(f"{self.metrics[0]} is of an extractor's features: say which extractor.")
        if "is" in self.metrics and not self.extractor.classifies:
            raise GanatomyError(
                f"is wants a classifier's probabilities, and {self.extractor.facts()['extractor']} does not classify: "
                "leave it out, or use the extractor inception or judge."
            )
        if self.per_class and not self.of_statistics:
            raise GanatomyError(f"Scores per class are of {', '.join(METRICS)}: ask for one of them, too.")

    @property
    def of_statistics(self) -> tuple[str, ...]:
        return tuple(name for name in self.metrics if name in METRICS)

    @property
    def looks(self) -> bool:
        """Whether any metric needs the extractor."""
        return needs_features(self.metrics)

    def facts(self) -> dict[str, Any]:
        """The extractor's part of the protocol; all None if no metric needs it."""
        return (self.extractor if self.looks else NoExtractor()).facts()


def refuse_unknown(metrics: Sequence[str]) -> None:
    """Raise GanatomyError for unknown metrics, before an extractor downloads weights or a judge is trained."""
    if not metrics:
        raise GanatomyError(f"No metric is named. There are: {', '.join((*METRICS, *OF_IMAGES))}.")
    for name in metrics:
        if name == "accuracy":
            raise GanatomyError("accuracy is the judge's, as asked of a conditional run: evaluate without metrics.")
        if name not in (*METRICS, *OF_IMAGES):
            raise unknown("metric", name, (*METRICS, *OF_IMAGES))


def needs_features(metrics: Sequence[str]) -> bool:
    """Whether one of these metrics needs an extractor's features."""
    return any(name != "ssim" for name in metrics)


class JudgeExtractor(Extractor):
    """A data set's judge as an extractor."""

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


def unnamed_judge() -> Extractor:
    raise GanatomyError("A judge belongs to a data set: judge_of_run or judge_of_source finds it.")


extractors.add("judge", unnamed_judge)


def measure_run(
    run: Run,
    asked: Request,
    *,
    seed: int = REPORTING_SEED,
    repeats: int = 1,
    weights: Weights = "average",
    checkpoints: Sequence[Which] = ("last", "best"),
    device: torch.device = CPU,
) -> list[dict[str, Any]]:
    """Score a run's checkpoints against its training images; the records are also appended to its measurements.jsonl.

    seed: of the samples. repeats: how many seeds, whose means and standard deviations are reported.
    weights: "average" or "raw".
    checkpoints: which; if the last is the best, it is measured once.

    The reference is described at `Reference`. The floor is taken at as many held-out images as there are samples; if
    there are fewer, at all of them, and the samples' scores at that count are reported, too.
    """
    seeds = drawn_seeds(seed, repeats, checkpoints)
    unscored = "last" in checkpoints and best_round(run.folder) is None
    chosen = {which: run.checkpoint(which) for which in checkpoints if which == "last" or not unscored}
    generators = {which: as_generator(run.player_of(found, "G", weights)) for which, found in chosen.items()}
    if asked.per_class and (run.classes is None or any(G.classes is None for G in generators.values())):
        raise GanatomyError("This run is not conditional, so its samples have no classes: leave out --per-class.")
    if processes.rank() == 0:
        run.folder.measurements.refuse_unwritable()
    reference = Reference(run.data(), asked)
    of_round: dict[int, dict[str, Any]] = {}
    records = []
    for which, found in chosen.items():
        if found.round not in of_round:
            of_round[found.round] = reference.score(Sampler(generators[which], device), seeds)
        records.append(
            {
                **run.standing(found),
                "which": which,
                **of_round[found.round],
                "remarks": [*of_round[found.round]["remarks"], *([ALONE] if [*checkpoints] == ["best"] else [])],
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


REFERENCES: dict[Part, str] = {"train": "training images", "second-half": "training images, second half"}


def reference_part(asked: Request) -> Part:
    """The part of the data that samples are compared with: see `Reference`."""
    return "second-half" if isinstance(asked.extractor, JudgeExtractor) else "train"


class Reference:
    """What a run's samples are compared with: the statistics of its training images, and the floor.

    All training images, or, for the data set's judge, the half that it was not trained on.
    """

    def __init__(self, data: ImageSet, asked: Request) -> None:
        self.data, self.asked = data, asked
        most = MOST if asked.looks else PAIRED
        self.count = asked.count or min(len(data.train.images), most)
        self.floor_count = min(self.count, len(data.held_out.images))
        self.part = reference_part(asked)
        self._refuse_what_is_missing()
        if asked.per_class:
            self._refuse_small_classes()
        self.floor: dict[str, Any] = {"count": self.floor_count}
        if asked.looks:
            self.real = kept_statistics(data, self.part, asked.extractor, progress=asked.progress)
            self.held_out = self._of_held_out(self.floor_count)
            self.floor = {**self._compared(self.held_out), **self._nearest(None), **self.floor}
        if "ssim" in asked.metrics:
            rows = shuffled(rows_of(data, self.part))[: min(self.count, PAIRED)]
            labels = all_labels(data)
            self.floor |= similarities(pictures_at(data, rows), None if labels is None else labels[rows])

    def score(self, sampler: Sampler, seeds: Sequence[int]) -> dict[str, Any]:
        """A record of a generator's samples of these seeds: scores, floor and remarks."""
        scores, fewer, said = [], [], list[str]()
        for seed in seeds:
            one = self._drawn(sampler, seed)
            nearest, similar = self._nearest(one.whole), self._similar(sampler, one.first)
            scores.append({**self._compared(one.whole), **nearest, **similar})
            fewer.append(self._compared(one.fewer))
            said = said or self._remarks(one.whole)
        converted = conversions(self.asked, self.data.shape[0])
        record = {**spread(scores), "floor": self.floor, "remarks": [*self.data.remarks, *converted, *said]}
        if self.floor_count < self.count and self.asked.of_statistics:
            record["at_floor_count"] = {**spread(fewer), "count": self.floor_count}
        if self.asked.per_class:
            record["per_class"] = self._by_class(sampler, seeds)
        return record

    def score_images(self, images: Array) -> dict[str, float]:
        """Scores of images, uint8 [N, H, W, C]; comparable with the floor if they are as many."""
        asked = self.asked
        return self._compared(seen_together(iter([images]), len(images), asked.extractor, asked.of_statistics))

    def protocol(self) -> dict[str, Any]:
        return {
            "reference": REFERENCES[self.part],
            "reference_count": self.real.count if self.asked.looks else len(rows_of(self.data, self.part)),
            "content": self.data.content,
            "held_out_content": self.data.held_out_content,
            "count": self.count,
            **self.asked.facts(),
            **parameters(self.asked.metrics, self.count),
        }

    def _drawn(self, sampler: Sampler, seed: int) -> "Drawn":
        """Draw the samples of a seed once, for all metrics."""
        first: list[Array] = []
        fewer = self._seen(sampler, seed, range(self.floor_count), first)
        if self.floor_count == self.count:
            return Drawn(fewer, fewer, first)
        whole = copy.deepcopy(fewer)
        rest = self._seen(sampler, seed, range(self.floor_count, self.count), first)
        if whole is not None and rest is not None:
            whole.merge(rest)
        return Drawn(whole, fewer, first)

    def _seen(self, sampler: Sampler, seed: int, indices: range, first: list[Array]) -> Statistics | None:
        """The statistics of these samples, each process drawing a part; `first` receives the images that ssim needs."""
        part = processes.share(len(indices), CHUNK)
        own = indices[part.start : part.stop]
        kept: list[Array] = [np.empty((0, *self.data.shape[1:], self.data.shape[0]), np.uint8)]
        missing = max(0, PAIRED - own.start) if "ssim" in self.asked.metrics else 0
        images = keeping(own_samples(sampler, seed, own), kept, missing)
        images = self.asked.progress(images, len(own), f"samples of seed {seed}")
        asked = self.asked
        seen = None
        if asked.looks:
            seen = seen_together(images, len(own), asked.extractor, asked.of_statistics)
        else:
            deque(images, maxlen=0)
        if "ssim" in self.asked.metrics:
            first.append(processes.gather(torch.from_numpy(np.concatenate(kept))).numpy())
        return seen

    def _compared(self, seen: Statistics | None) -> dict[str, float]:
        return {} if seen is None else measure(self.real, seen, self.asked.of_statistics)

    def _of_held_out(self, count: int, of_class: int | None = None) -> Statistics:
        """The statistics of so many held-out images, or of so many of one class."""
        asked = self.asked
        return kept_statistics(
            self.data, "held-out", asked.extractor, of_class, asked.progress, asked.of_statistics, slice(count)
        )

    def _remarks(self, seen: Statistics | None) -> list[str]:
        return [] if seen is None else remarks(self.real, seen, self.asked.metrics)

    def _nearest(self, seen: Statistics | None) -> dict[str, float]:
        """Distances of samples, or (None) of held-out images, to the nearest of all training images."""
        if "nearest" not in self.asked.metrics:
            return {}
        found = self._honest if seen is None else nearest_distances(self._training, known(seen.features))
        compared = memorized(found, self._honest)
        return {"nearest": compared.median, "copies": compared.copies}

    @cached_property
    def _training(self) -> Array:
        return kept_features(self.data, "train", self.asked.extractor, self.asked.progress)

    @cached_property
    def _honest(self) -> tuple[Array, Array]:
        enough = self.floor_count >= min(KEPT, len(self.data.held_out.images))
        seen = self.held_out if enough else self._of_held_out(KEPT)
        return honest_distances(self._training, known(seen.features))

    def _similar(self, sampler: Sampler, first: Sequence[Array]) -> dict[str, float]:
        if "ssim" not in self.asked.metrics:
            return {}
        images = np.concatenate(first)
        labels = sampler.labels(range(len(images)))
        return similarities(images, None if labels is None else np.array(labels))

    def _by_class(self, sampler: Sampler, seeds: Sequence[int]) -> dict[str, Any]:
        """For each class: scores of its samples; the floor; and, as the ceiling, real images of the next class."""
        found = {}
        classes = self.data.classes or ()
        for number, name in enumerate(classes):
            real = kept_statistics(self.data, self.part, self.asked.extractor, number)
            count = self._count_of(number)
            drawn = processes.share(count, CHUNK)
            asked = [number] * len(drawn)
            fakes = [
                seen_together(own_samples(sampler, seed, drawn, asked), len(drawn), self.asked.extractor)
                for seed in seeds
            ]
            seen = (self._of_held_out(count, which) for which in (number, (number + 1) % len(classes)))
            floor, ceiling = (measure(real, one, self.asked.of_statistics) for one in seen)
            scores = spread([measure(real, fake, self.asked.of_statistics) for fake in fakes])
            noted = remarks(real, fakes[0], self.asked.of_statistics)
            found[name] = {**scores, "floor": floor, "ceiling": ceiling, "count": count, "remarks": noted}
        return found

    def _count_of(self, number: int) -> int:
        """How many samples of a class, and held-out images of it and of the next class, are compared."""
        classes = len(self.data.classes or ())
        own, other = (len(rows_of(self.data, "held-out", which % classes)) for which in (number, number + 1))
        return min(own, other, -(-self.count // classes))

    def _refuse_what_is_missing(self) -> None:
        """Raise GanatomyError, before anything is computed, for too few or too small images."""
        if "ssim" in self.asked.metrics:
            refuse_small(*self.data.shape[1:])
        if "nearest" in self.asked.metrics:
            refuse_few(len(self.data.held_out.images))
        for metric in self.asked.of_statistics:
            fewest = FEWEST_GENERATED[metric]
            for what, count in (("samples", self.count), ("held-out images", self.floor_count)):
                if count < fewest:
                    raise GanatomyError(
                        f"{metric} needs {fewest} {what} or more: there would be {count}. Leave out {metric}."
                    )

    def _refuse_small_classes(self) -> None:
        """Raise GanatomyError, before anything is drawn, for classes with too few samples or real images."""
        names = self.data.classes or ()
        if len(names) == 1:
            raise GanatomyError(
                f"{self.data.source} has one class, and no other to compare it with: leave out --per-class."
            )
        fewest, metric = max((FEWEST[name], name) for name in self.asked.of_statistics)
        for number, name in enumerate(names):
            real, count = len(rows_of(self.data, self.part, number)), self._count_of(number)
            if min(real, count) < fewest:
                raise GanatomyError(
                    f"{metric} per class needs {fewest} images of each: of '{name}' there would be {count} samples of "
                    f"{self.count:,}, as many held out, against {real}. Ask for {fewest * len(names)} samples or more, "
                    f"or leave out {metric} or --per-class."
                )


@dataclass(frozen=True)
class Drawn:
    """The samples of a seed: statistics of all, and of as many as the floor has; and the first images, for ssim."""

    whole: Statistics | None
    fewer: Statistics | None
    first: Sequence[Array]


def keeping(images: Iterator[Array], kept: list[Array], count: int) -> Iterator[Array]:
    """Pass images on, and append the first `count` of them to `kept`."""
    for part in images:
        if (missing := count - sum(map(len, kept))) > 0:
            kept.append(part[:missing])
        yield part


def conversions(asked: Request, channels: int) -> list[str]:
    """Remarks on how images of so many channels are converted for the extractor."""
    if not (asked.looks and channels == 1 and asked.extractor.repeats_gray):
        return []
    return [f"gray images are looked at as RGB, for {asked.extractor.facts()['extractor']} sees no others"]


def known(features: Array | None) -> Array:
    assert features is not None
    return features


def similarities(images: Array, labels: Array | None) -> dict[str, float]:
    """The mean MS-SSIM of pairs of images and, with labels, of pairs within classes."""
    found = {"ssim": similarity_of_pairs(images).mean}
    if labels is not None:
        found["ssim_within_class"] = similarity_of_pairs(images, labels, pairs=200).mean
    return found


def spread(scores: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Means over repeated draws and, if there are several, standard deviations."""
    means = {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}
    if len(scores) == 1:
        return {"scores": means}
    return {
        "scores": means,
        "deviations": {name: float(np.std([one[name] for one in scores], ddof=1)) for name in means},
    }


def own_samples(
    sampler: Sampler, seed: int, indices: Sequence[int], labels: Sequence[int] | None = None
) -> Iterator[Array]:
    """The samples with these indices, in parts, uint8 [n, H, W, C]."""
    for start in range(0, len(indices), STEP):
        rows = slice(start, start + STEP)
        yield sampler.images(seed, indices[rows], labels[rows] if labels else None)


def make_extractor(
    name: str,
    weights: Path | None = None,
    resize: Resize = "legacy",
    layer: str = "2048",
    device: torch.device = CPU,
) -> Extractor:
    """An extractor by name, except judges. weights, resize and layer: for Inception alone.

    Raises GanatomyError for unknown names, and for Inception's settings with others.
    """
    if extractors[name] is Inception:
        return Inception(weights, resize, layer, device)
    if weights is not None or resize != "legacy" or layer != "2048":
        raise GanatomyError(
            f"--weights-file, --resize and --layer are Inception's; the extractor {name} has none of them."
        )
    return extractors[name]()


def judge_of_run(
    run: Run, announce: Callable[[str], None] = lambda text: None, device: torch.device = CPU
) -> JudgeExtractor:
    """The judge of a run's data set."""
    return judge_of(run.data(), run.recipe.data, announce, device)


def judge_of_source(
    spec: Spec, announce: Callable[[str], None] = lambda text: None, device: torch.device = CPU
) -> JudgeExtractor:
    """The judge of a labelled source of images, prepared by these `Images`."""
    return judge_of(spec.build().open(), spec, announce, device)


def judge_of(
    data: ImageSet, spec: Spec, announce: Callable[[str], None] = lambda text: None, device: torch.device = CPU
) -> JudgeExtractor:
    """The judge of a data set, trained if there is none. Raises GanatomyError if it cannot be judged."""
    if not can_be_judged(data):
        raise GanatomyError(
            f"{data.source} has no labels of two classes or more, so there is no judge to look with: take "
            "the extractor random or inception."
        )
    with processes.first_alone():
        return JudgeExtractor(find_judge(data, spec, announce, device))


def balanced_accuracy(data: ImageSet, judge: JudgeExtractor) -> float:
    """The mean over the classes of a judge's accuracy on held-out images."""
    found = []
    for number in range(len(data.classes or ())):
        seen = [judge.look(images).probabilities for images in in_parts(data, rows_of(data, "held-out", number))]
        if seen:
            found.append(np.mean(np.concatenate([np.asarray(p).argmax(1) for p in seen]) == number))
    return float(np.mean(found))
