"""Scores of a run, or of any two sets of images, under any extractor: each with its protocol, its floor, its spread.

Statistics of real images are computed once and kept in the cache; those of a file, and pytorch-fid's, can stand for
images.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.data.images import Images, ImageSet
from ganatomy.data.packed import cache_folder
from ganatomy.distributed import processes
from ganatomy.experiments.judging import CHOOSING_SEED, REPORTING_SEED
from ganatomy.experiments.observers import as_generator, best_round
from ganatomy.experiments.run import BEST, Run, Weights, Which
from ganatomy.experiments.sampling import CHUNK, Sampler
from ganatomy.metrics.extractors import Extractor, Inception, extractors
from ganatomy.metrics.measured import Statistics, measure, remarks, statistics_of
from ganatomy.metrics.moments import Array, Moments
from ganatomy.networks.inception import Resize
from ganatomy.runs.files import write_bytes

Split = Literal["train", "held-out", "all"]
PART = 512  # images looked at at a time


@dataclass(frozen=True)
class Asked:
    """What to measure, and with what."""

    extractor: Extractor
    metrics: tuple[str, ...] = ("fid", "kid", "prdc")
    count: int | None = None


def measure_run(
    run: Run,
    asked: Asked,
    *,
    seed: int = REPORTING_SEED,
    repeats: int = 1,
    weights: Weights = "average",
    checkpoints: Sequence[Which] = ("last", "best"),
) -> list[dict[str, Any]]:
    """Of the last and the best checkpoint, against all training images; the floor is that of the held-out ones.

    With `repeats`, samples of as many seeds, and the deviation between them. The floor is taken at as many held-out
    images as there are samples; where there are fewer, at all of them, and the scores are given at that count, too.
    """
    if "best" in checkpoints and CHOOSING_SEED in range(seed, seed + repeats):
        raise GanatomyError(
            f"Seed {CHOOSING_SEED} chose the best checkpoint, so its samples flatter it: evaluate with others."
        )
    data = run.data()
    count = asked.count or min(len(data.train.images), 50_000)
    real = kept_statistics(data, "train", asked.extractor)
    floor_count = min(count, len(data.held_out.images))
    floor = measure(real, statistics_of(parts_of(data, "held-out", floor_count), asked.extractor), asked.metrics)
    records = []
    for which in checkpoints:
        if which == "best" and best_round(run.folder) is None:
            continue
        found = run.checkpoint(which)
        sampler = Sampler(as_generator(run.player("G", weights=weights, checkpoint=which)))
        drawn = [statistics_of(samples(sampler, s, count), asked.extractor) for s in range(seed, seed + repeats)]
        record = {
            "round": found.round,
            "images": found.state["drawn"] * run.recipe.batch,
            "seconds": found.state["seconds"],
            "which": which,
            **spread([measure(real, one, asked.metrics) for one in drawn]),
            "floor": {**floor, "count": floor_count},
            "remarks": remarks(real, drawn[0], asked.metrics),
        }
        if floor_count < count:
            fewer = statistics_of(samples(sampler, seed, floor_count), asked.extractor)
            record["scores_at_floor_count"] = measure(real, fewer, asked.metrics)
        record["protocol"] = {
            "reference": "training images",
            "reference_count": real.count,
            "content": data.content,
            "count": count,
            **asked.extractor.facts(),
            "seeds": list(range(seed, seed + repeats)),
            "weights": weights if run.averages() else "raw",
            "checkpoint": "last" if which == "last" else BEST,
        }
        records.append(record)
    for record in records if processes.rank() == 0 else ():
        run.folder.measurements.append(record)
    return records


def measure_sources(
    real: str,
    fake: str,
    asked: Asked,
    *,
    real_split: Split = "all",
    fake_split: Split = "all",
    size: int | None = None,
) -> dict[str, Any]:
    """Of any two sources of images, or of statistics in files; `size` converts both to it, in pixels."""
    sides = [opened(source, size) for source in (real, fake)]
    pictures = [side for side in sides if isinstance(side, ImageSet)]
    if len(pictures) == 2 and pictures[0].shape != pictures[1].shape:
        raise GanatomyError(
            f"{real} is {pictures[0].shape} and {fake} is {pictures[1].shape}: resizing one of them would be measured, "
            "too. Convert both with --size, and to the same channels."
        )
    a, b = sides
    seen_real = seen(a, real_split, asked, None)
    seen_fake = seen(b, fake_split, asked, asked.count)
    return {
        "scores": measure(seen_real, seen_fake, asked.metrics),
        "floor": own_floor(a, real_split, asked, seen_fake.count),
        "remarks": remarks(seen_real, seen_fake, asked.metrics),
        "protocol": {
            "reference": f"{real} ({real_split})",
            "reference_count": seen_real.count,
            "content": a.content if isinstance(a, ImageSet) else None,
            "generated": f"{fake} ({fake_split})",
            "count": seen_fake.count,
            **seen_fake.facts,
        },
    }


def own_floor(real: "ImageSet | StoredStatistics", split: Split, asked: Asked, count: int) -> dict[str, Any] | None:
    """What one part of the real images scores against the other, each of `count`; None where there are too few."""
    if isinstance(real, StoredStatistics):
        return None
    images = all_of(real, split)
    half = min(count, len(images) // 2)
    if half < 8:
        return None
    order = np.random.default_rng(0).permutation(len(images))
    a, b = (statistics_of(chosen(images, order[start : start + half]), asked.extractor) for start in (0, half))
    return {**measure(a, b, asked.metrics), "count": half, "reference_count": half}


def spread(scores: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Means over repeated draws and, of several, their deviations."""
    means = {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}
    if len(scores) == 1:
        return {"scores": means}
    return {
        "scores": means,
        "deviations": {name: float(np.std([one[name] for one in scores], ddof=1)) for name in means},
    }


# images


def all_of(data: ImageSet, split: Split) -> Array:
    if split == "train":
        return data.pictures(data.train)
    if split == "held-out":
        return data.pictures(data.held_out)
    return np.concatenate([data.pictures(data.train), data.pictures(data.held_out)])


def parts_of(data: ImageSet, split: Split, count: int | None = None) -> Iterator[Array]:
    images = all_of(data, split)[:count]
    return chosen(images, np.arange(len(images)))


def chosen(images: Array, rows: Array) -> Iterator[Array]:
    for start in range(0, len(rows), PART):
        yield images[rows[start : start + PART]]


def samples(sampler: Sampler, seed: int, count: int) -> Iterator[Array]:
    """A generator's first samples of a seed; each process draws a part, and all get all."""
    for start in range(0, count, PART):
        indices = range(start, min(start + PART, count))
        labels = sampler.labels(indices)
        own = processes.share(len(indices), CHUNK)
        images = sampler.images(seed, indices[own.start : own.stop], labels[own.start : own.stop] if labels else None)
        yield processes.gather(torch.from_numpy(images)).numpy()


def opened(source: str, size: int | None) -> "ImageSet | StoredStatistics":
    """A source of images, or a file of statistics."""
    path = Path(source)
    if path.suffix == ".npz" and path.is_file():
        stored = read_statistics(path)
        if stored is not None:
            return stored
    return Images(source=source, size=size).open()


# statistics that are kept


@dataclass(frozen=True)
class StoredStatistics:
    """Statistics read from a file; `known` is whether it says which extractor made them."""

    statistics: Statistics
    known: bool


def seen(side: "ImageSet | StoredStatistics", split: Split, asked: Asked, count: int | None) -> Statistics:
    if isinstance(side, StoredStatistics):
        if side.known:
            return side.statistics
        return Statistics(side.statistics.moments, asked.extractor.facts())
    return (
        statistics_of(parts_of(side, split, count), asked.extractor)
        if count
        else kept_statistics(side, split, asked.extractor)
    )


def kept_statistics(data: ImageSet, split: Split, extractor: Extractor) -> Statistics:
    """Of all images of a split; from the cache where they were computed before."""
    facts = extractor.facts()
    if facts["extractor_sha256"] is None:
        return statistics_of(parts_of(data, split), extractor)
    mark = json.dumps([data.content, data.shape, split, facts], sort_keys=True)
    file = cache_folder() / "statistics" / f"{hashlib.sha256(mark.encode()).hexdigest()[:24]}.npz"
    with processes.first_alone():
        stored = read_statistics(file) if file.exists() else None
        if stored is not None and dict(stored.statistics.facts) == facts:
            return stored.statistics
        found = statistics_of(parts_of(data, split), extractor)
        write_statistics(file, found)
        return found


def write_statistics(file: Path, statistics: Statistics) -> None:
    """An .npz that this and pytorch-fid read: mu, sigma; beside them count, facts, features, probabilities."""
    arrays: dict[str, Any] = {
        "mu": statistics.moments.mean,
        "sigma": statistics.moments.covariance,
        "count": np.array(statistics.count),
        "facts": np.array(json.dumps(dict(statistics.facts))),
    }
    if statistics.features is not None:
        arrays["features"] = statistics.features
    if statistics.probabilities is not None:
        arrays["probabilities"] = statistics.probabilities.astype(np.float32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_bytes(file, buffer.getvalue())


def read_statistics(file: Path) -> StoredStatistics | None:
    """What `write_statistics` wrote, or pytorch-fid's mu and sigma; None of an .npz that holds neither."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            if not {"mu", "sigma"} <= set(arrays.files):
                return None
            known = {"count", "facts"} <= set(arrays.files)
            count = int(arrays["count"]) if known else 2
            facts = json.loads(str(arrays["facts"])) if known else {}
            moments = Moments.known(arrays["mu"], arrays["sigma"], count)
            features = arrays["features"] if "features" in arrays.files else None
            probabilities = arrays["probabilities"] if "probabilities" in arrays.files else None
    except (OSError, ValueError, KeyError) as error:
        raise GanatomyError(f"{file} cannot be read: {one_line(error)}") from None
    if moments.mean.ndim != 1 or moments.scatter.shape != (len(moments.mean),) * 2:
        raise GanatomyError(f"{file}: mu must be [d] and sigma [d, d].")
    return StoredStatistics(Statistics(moments, facts, features, probabilities), known)


def make_extractor(name: str, weights: Path | None = None, resize: Resize = "legacy") -> Extractor:
    """An extractor by name; weights and resize are Inception's."""
    make = extractors[name]
    if make is Inception:
        return Inception(weights, resize)
    if weights is not None or resize != "legacy":
        raise GanatomyError(f"--weights-file and --resize are Inception's; the extractor {name} has neither.")
    return make()
