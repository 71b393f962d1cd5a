"""Statistics of real images: computed once, kept in the cache, and written to files that can be compared with images.

Images are read in parts, so a data set is never in memory as a whole.
"""

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.data.images import Images, ImageSet
from ganatomy.data.packed import Sheet, cache_folder
from ganatomy.data.reading import refuse_other_than_npz
from ganatomy.distributed import processes
from ganatomy.metrics.extractors import Extractor
from ganatomy.metrics.frechet import has_negative
from ganatomy.metrics.measured import METRICS, Statistics, statistics_of
from ganatomy.metrics.moments import Array, Moments
from ganatomy.runs.files import make_folder, told, write_bytes

Part = Literal["train", "second-half", "held-out", "all"]  # second-half: the training images that no judge has seen
STEP = 512  # images in memory at a time
SHUFFLE = 0  # seed of the order in which images are taken
FACTS = {"extractor", "extractor_sha256", "resize", "precision"}  # what a file states about its extractor, if anything
ABOUT = {"source", "part", "content", "shape", "settings"}  # what a file states about its images, if anything
UNSAID = 2  # the count assumed for a file that does not state it
Progress = Callable[[Iterator[Array], int, str], Iterator[Array]]
"""(parts, count, what) -> the parts, while it shows how many of `count` images of `what` have been passed on."""


def no_progress(parts: Iterator[Array], count: int, what: str) -> Iterator[Array]:
    return parts


@dataclass(frozen=True)
class StoredStatistics:
    """Statistics read from a file.

    about: which images they are of, as in `about_images`; empty if the file does not state it.
    """

    statistics: Statistics
    about: Mapping[str, Any]

    @property
    def known(self) -> bool:
        """Whether the file states its extractor and count, which pytorch-fid's files do not."""
        return bool(self.statistics.facts)

    def under(self, extractor: Extractor) -> Statistics:
        """The statistics; if their extractor is not known, it is assumed to be this one."""
        return self.statistics if self.known else replace(self.statistics, facts=extractor.facts(), counted=False)


def opened(source: str, settings: Mapping[str, Any]) -> ImageSet | StoredStatistics:
    """Open a source: images, prepared by these settings of `Images`, or a file of statistics."""
    path = Path(source)
    if path.suffix == ".npz" and path.is_file():
        stored = read_statistics(path)
        if stored is not None:
            return stored
    return Images(source=source, **settings).open()


def about_images(data: ImageSet, part: Part, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Which images, and how they were prepared, to be stored with their statistics."""
    return {
        "source": data.source,
        "part": part,
        "content": data.content,
        "held_out_content": data.held_out_content if of_held_out(part) else None,
        "shape": str(data.shape),
        "settings": dict(settings),
    }


def of_held_out(part: Part) -> bool:
    """Whether a part contains held-out images."""
    return part in ("held-out", "all")


# images


def rows_of(data: ImageSet, part: Part, of_class: int | None = None) -> Array:
    """The rows of a part, or of one class of it. Held-out images are numbered after the training images."""
    edge, held_out = len(data.train.images), len(data.held_out.images)
    rows = {
        "train": np.arange(edge),
        "second-half": np.arange(edge // 2, edge),
        "held-out": edge + np.arange(held_out),
        "all": np.arange(edge + held_out if data.unseen else edge),  # not twice those that are trained on, too
    }[part]
    return rows if of_class is None else rows[labels_at(data, rows) == of_class]


def shuffled(rows: Array) -> Array:
    """Rows in one fixed shuffle, so that the first ones are a fair sample even of images sorted by class."""
    return np.random.default_rng(SHUFFLE).permutation(rows)


def all_labels(data: ImageSet) -> Array | None:
    """The labels of all rows; None if training or held-out images have none."""
    if data.train.labels is None or data.held_out.labels is None:
        return None
    return np.concatenate([data.train.labels, data.held_out.labels])


def labels_at(data: ImageSet, rows: Array) -> Array:
    """The labels of these rows. Raises GanatomyError without labels."""
    labels = all_labels(data)
    if labels is None:
        raise GanatomyError(f"{data.source} has no labels, so there are no classes to look at one by one.")
    return labels[rows]


def pictures_at(data: ImageSet, rows: Array) -> Array:
    """The images of these rows, uint8 [N, H, W, C]."""
    edge = len(data.train.images)
    before = rows < edge
    found = np.empty((len(rows), *data.shape[1:], data.shape[0]), np.uint8)
    found[before] = data.pictures(data.train)[rows[before]]
    found[~before] = data.pictures(data.held_out)[rows[~before] - edge]
    return found


def in_parts(data: ImageSet, rows: Array) -> Iterator[Array]:
    """The images of these rows in parts, uint8 [n, H, W, C]."""
    for start in range(0, len(rows), STEP):
        yield pictures_at(data, rows[start : start + STEP])


# looking at them


def seen_at(
    data: ImageSet,
    rows: Array,
    extractor: Extractor,
    progress: Progress = no_progress,
    what: str = "real",
    metrics: Collection[str] = tuple(METRICS),
) -> Statistics:
    """The statistics of these rows, of which each process computes a part."""
    own = processes.share(len(rows))
    parts = progress(in_parts(data, rows[own.start : own.stop]), len(own), what)
    return seen_together(parts, len(own), extractor, metrics)


def seen_together(
    parts: Iterator[Array], count: int, extractor: Extractor, metrics: Collection[str] = tuple(METRICS)
) -> Statistics:
    """The statistics of this process's `count` images and all other processes', merged in the order of ranks."""
    own = statistics_of(parts, extractor, metrics) if count or processes.world() == 1 else None
    whole, *others = (found for found in processes.everyones(own) if found is not None)
    for other in others:
        whole.merge(other)
    return whole


# statistics that are kept


def kept_statistics(
    data: ImageSet,
    part: Part,
    extractor: Extractor,
    of_class: int | None = None,
    progress: Progress = no_progress,
    metrics: Collection[str] = (),
    taken: slice = slice(None),
) -> Statistics:
    """The statistics of a part of the images, from the cache or computed now and cached, with the same bits.

    of_class: only images of this class.
    metrics: probabilities are stored if the Inception Score is among them; references do not need them.
    taken: which of the shuffled images.
    """
    facts, whole = extractor.facts(), shuffled(rows_of(data, part, of_class))
    rows, what = whole[taken], "held out" if part == "held-out" else "real"
    if facts["extractor_sha256"] is None or len(rows) < 2:  # of one image there is no covariance to write
        return seen_at(data, rows, extractor, progress, what, metrics)
    some = [] if len(rows) == len(whole) else [taken.indices(len(whole))]
    which = [*([] if of_class is None else [of_class]), *({"is"} & {*metrics}), *some]
    file = kept_file(data, part, [facts, "shuffled", *which], "npz")
    stored = undamaged(file)
    if not processes.largest(int(stored is None or dict(stored.statistics.facts) != facts)):
        assert stored is not None
        return stored.statistics
    found = seen_at(data, rows, extractor, progress, what, metrics)
    if processes.local_rank() == 0:
        write_statistics(file, found)
    return found


def kept_features(data: ImageSet, part: Part, extractor: Extractor, progress: Progress = no_progress) -> Array:
    """Features [N, d] of all images of a part, float32; memory-mapped from the cache if the extractor has a hash."""
    facts, rows = extractor.facts(), rows_of(data, part)

    def looked() -> Iterator[Array]:
        return (extractor.look(images).features for images in progress(in_parts(data, rows), len(rows), "training"))

    if facts["extractor_sha256"] is None:
        return np.concatenate([features.astype(np.float32) for features in looked()])
    file = kept_file(data, part, [facts, "features"], "npy")
    with processes.first_alone():
        found = mapped(file, len(rows))
        if found is None:
            write_rows(file, looked(), len(rows))
            found = mapped(file, len(rows))
        assert found is not None
        return found


def kept_file(data: ImageSet, part: Part, of: list[Any], ending: str) -> Path:
    """The cache's file for statistics, named by a hash of the images and of `of`, all that they depend on."""
    content = [data.content, *([data.held_out_content] if of_held_out(part) else [])]
    mark = json.dumps([*content, data.shape, part, *of])
    return cache_folder() / "statistics" / f"{hashlib.sha256(mark.encode()).hexdigest()[:24]}.{ending}"


def mapped(file: Path, count: int) -> Array | None:
    """A memory-mapped .npy with so many rows; None if it is missing or incomplete."""
    try:
        found: Array = np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return found if len(found) == count else None


def write_rows(file: Path, parts: Iterator[Array], count: int) -> None:
    """Write a float32 .npy of `count` rows that come in parts; it appears complete or not at all."""
    aside = file.with_name(f"{file.name}.{os.getpid()}.aside")
    with told(f"Cannot write {file}"):
        make_folder(file.parent)
        try:
            sheet, start = None, 0
            for part in parts:
                sheet = sheet or Sheet(aside, (count, part.shape[1]), np.float32)
                sheet.put(np.arange(start, start + len(part)), part)
                start += len(part)
            assert sheet is not None
            sheet.close()
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)


def undamaged(file: Path) -> StoredStatistics | None:
    """The statistics in a file of the cache; None if it is missing or damaged."""
    try:
        return read_statistics(file) if file.exists() else None
    except GanatomyError:
        return None


def write_statistics(file: Path, statistics: Statistics, about: Mapping[str, Any] | None = None) -> None:
    """Write an .npz with mu and sigma, as pytorch-fid reads it; and count, facts, about, features, probabilities."""
    arrays: dict[str, Any] = {
        "mu": statistics.moments.mean,
        "sigma": statistics.moments.covariance,
        "count": np.array(statistics.count),
        "facts": np.array(json.dumps(dict(statistics.facts))),
        "about": np.array(json.dumps(dict(about or {}))),
    }
    if statistics.features is not None:
        arrays["features"] = statistics.features
    if statistics.probabilities is not None:
        arrays["probabilities"] = statistics.probabilities.astype(np.float32)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # compressing takes seconds, for a third less
    write_bytes(file, buffer.getvalue())


def read_statistics(file: Path) -> StoredStatistics | None:
    """The statistics in a file of `write_statistics` or pytorch-fid; None for an .npz of something else.

    Raises GanatomyError for a damaged file.
    """
    try:
        refuse_other_than_npz(file)
        with np.load(file, allow_pickle=False) as arrays:
            if not {"mu", "sigma"} <= set(arrays.files):
                return None
            known = {"count", "facts"} <= set(arrays.files)
            count = int(arrays["count"]) if known else UNSAID
            said = set(arrays.files) if known else set()
            facts, about = (json.loads(str(arrays[name])) if name in said else {} for name in ("facts", "about"))
            moments = Moments.known(arrays["mu"], arrays["sigma"], count)
            if not known and has_negative(np.linalg.eigvalsh(moments.covariance)):
                raise GanatomyError("sigma is no covariance: it has negative eigenvalues.")
            check_said(facts, about)
            most = count if known else None
            features = rows_in(arrays, "features", most, len(moments.mean))
            probabilities = rows_in(arrays, "probabilities", most)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise GanatomyError(f"{file} cannot be read: {one_line(error)}") from None
    except GanatomyError as error:
        raise GanatomyError(f"{file}: {error}") from None
    return StoredStatistics(Statistics(moments, facts, features, probabilities), about)


def check_said(facts: Any, about: Any) -> None:
    """Raise GanatomyError unless a file's facts are as `write_statistics` writes them."""
    for name, said, needed in (("facts", facts, FACTS), ("about", about, ABOUT)):
        if not isinstance(said, dict) or (said and not needed <= set(said)):
            raise GanatomyError(f"its '{name}' is not what ganatomy stats writes: make the file anew.")


def rows_in(arrays: Mapping[str, Array], name: str, most: int | None, width: int | None = None) -> Array | None:
    """An array of a file, checked to be finite and [<= most, width] if these are given; None if there is none."""
    if name not in arrays:
        return None
    found = arrays[name]
    if found.ndim != 2 or len(found) > (most or len(found)) or found.shape[1] != (width or found.shape[1]):
        raise GanatomyError(
            f"its '{name}' are {list(found.shape)}, of {most or 'any'} images, {width or 'any'} numbers."
        )
    if not np.isfinite(found).all():
        raise GanatomyError(f"its '{name}' are not all finite.")
    return found
