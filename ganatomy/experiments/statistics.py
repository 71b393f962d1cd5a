"""What an extractor saw of real images: computed once, kept in the cache, written to files that can stand for images.

Images come in parts, so no more than a part of a data set is held in memory.
"""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.data.images import Images, ImageSet
from ganatomy.data.packed import cache_folder
from ganatomy.distributed import processes
from ganatomy.metrics.extractors import Extractor
from ganatomy.metrics.measured import Statistics, statistics_of
from ganatomy.metrics.moments import Array, Moments
from ganatomy.runs.files import write_bytes

Part = Literal["train", "second-half", "held-out", "all"]  # second-half: of those to train on, which no judge has seen
STEP = 512  # images looked at at a time


@dataclass(frozen=True)
class StoredStatistics:
    """Statistics read from a file; `known` is whether it says which extractor made them."""

    statistics: Statistics
    known: bool

    def under(self, extractor: Extractor) -> Statistics:
        """These statistics; pytorch-fid's do not say what made them, so they are taken to be the extractor's."""
        return self.statistics if self.known else Statistics(self.statistics.moments, extractor.facts())


def opened(source: str, size: int | None) -> ImageSet | StoredStatistics:
    """A source of images, or a file of statistics."""
    path = Path(source)
    if path.suffix == ".npz" and path.is_file():
        stored = read_statistics(path)
        if stored is not None:
            return stored
    return Images(source=source, size=size).open()


# images


def rows_of(data: ImageSet, part: Part, of_class: int | None = None) -> Array:
    """The rows of a part, or of one class of it. Held-out images are numbered after those to train on."""
    edge = len(data.train.images)
    rows = {
        "train": np.arange(edge),
        "second-half": np.arange(edge // 2, edge),
        "held-out": edge + np.arange(len(data.held_out.images)),
        "all": np.arange(edge + len(data.held_out.images)),
    }[part]
    return rows if of_class is None else rows[labels_at(data, rows) == of_class]


def labels_at(data: ImageSet, rows: Array) -> Array:
    if data.train.labels is None or data.held_out.labels is None:
        raise GanatomyError(f"{data.source} has no labels, so there are no classes to look at one by one.")
    return np.concatenate([data.train.labels, data.held_out.labels])[rows]


def pictures_at(data: ImageSet, rows: Array) -> Array:
    """uint8 [N, H, W, C]."""
    edge = len(data.train.images)
    before = rows < edge
    found = np.empty((len(rows), *data.shape[1:], data.shape[0]), np.uint8)
    found[before] = data.pictures(data.train)[rows[before]]
    found[~before] = data.pictures(data.held_out)[rows[~before] - edge]
    return found


def in_parts(data: ImageSet, rows: Array) -> Iterator[Array]:
    for start in range(0, len(rows), STEP):
        yield pictures_at(data, rows[start : start + STEP])


# statistics that are kept


def kept_statistics(data: ImageSet, part: Part, extractor: Extractor, of_class: int | None = None) -> Statistics:
    """Of all images of a part, or of a class of it; from the cache where they were computed before."""
    facts, rows = extractor.facts(), rows_of(data, part, of_class)
    if facts["extractor_sha256"] is None:
        return statistics_of(in_parts(data, rows), extractor)
    mark = json.dumps([data.content, data.shape, part, facts, *([] if of_class is None else [of_class])])
    file = cache_folder() / "statistics" / f"{hashlib.sha256(mark.encode()).hexdigest()[:24]}.npz"
    with processes.first_alone():
        stored = undamaged(file)
        if stored is not None and dict(stored.statistics.facts) == facts:
            return stored.statistics
        found = statistics_of(in_parts(data, rows), extractor)
        write_statistics(file, found)
        return found


def undamaged(file: Path) -> StoredStatistics | None:
    """What the cache has; None where it has nothing, or something that somebody damaged."""
    try:
        return read_statistics(file) if file.exists() else None
    except GanatomyError:
        return None


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
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise GanatomyError(f"{file} cannot be read: {one_line(error)}") from None
    if moments.mean.ndim != 1 or moments.scatter.shape != (len(moments.mean),) * 2:
        raise GanatomyError(f"{file}: mu must be [d] and sigma [d, d].")
    return StoredStatistics(Statistics(moments, facts, features, probabilities), known)
