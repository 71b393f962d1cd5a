"""The packed cache: images converted once to uint8 arrays on disk, which are memory-mapped from then on.

An entry is a folder in the cache, named by a hash of the source's fingerprint and the preprocessing. It has two .npy of
pixels [N, H, W, C], two of labels [N], and meta.json with the size of every file. It is written under a temporary name
and renamed, so it is there complete or not at all; if two processes write the same entry, the first one wins.
"""

import errno
import hashlib
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.core.randomness import keyed
from ganatomy.data.decoding import (
    PLAIN,
    Chunk,
    Encoded,
    Expected,
    Preparation,
    Problem,
    Unreadable,
    decode,
    decode_chunk,
)
from ganatomy.data.labels import listed
from ganatomy.data.listing import Found, Labels, Listing
from ganatomy.data.sources import Source
from ganatomy.data.workers import cores, over_chunks

FORMAT = 1  # increase it if the same source and preprocessing would give other pixels
SPLITS = ("train", "held_out")
CONVERT = "data.channels=rgb (or gray, rgba) converts them"
SKIP = "data.on_error=skip goes on without them"
WORTH = 1.0  # seconds of decoding above which processes are started
UNFINISHED = ".ganatomy-packing-"  # distinctive, since the cache may hold other hidden folders
STALE = 24 * 3600  # seconds after which an unfinished entry is taken to be a killed process's

OnError = Literal["stop", "skip"]


@dataclass(frozen=True)
class Split:
    """A split of a packed data set. images: uint8 [N, H, W, C], memory-mapped. labels: int64 [N], or None."""

    images: NDArray[np.uint8]
    labels: Labels | None

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int) -> "Split":
        """The first `count` images."""
        return Split(self.images[:count], None if self.labels is None else self.labels[:count])


@dataclass(frozen=True)
class Entry:
    """An entry of the cache. content: a hash of the training images. skipped: names of unreadable images."""

    folder: Path
    classes: tuple[str, ...] | None
    content: str
    skipped: tuple[str, ...]

    def split(self, name: str) -> Split:
        """The "train" or "held_out" split, memory-mapped."""
        labels = self.folder / f"{name}_labels.npy"
        return Split(np.load(self.folder / f"{name}.npy", mmap_mode="r"), np.load(labels) if labels.exists() else None)


def cache_folder() -> Path:
    """The cache: $GANATOMY_CACHE, or .cache/ganatomy in the home folder."""
    return Path(os.environ.get("GANATOMY_CACHE") or Path.home() / ".cache" / "ganatomy").expanduser()


def packed(
    source: Source,
    preparation: Preparation,
    *,
    label: str | None,
    held_out: float,
    on_error: OnError,
    cache: Path,
    progress: bool,
) -> Entry:
    """The entry of a source and preprocessing; it is made if there is none, or only a damaged one."""
    decides = [FORMAT, source.fingerprint(), asdict(preparation), label, held_out]
    key = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:20]
    name = "".join(letter if letter.isalnum() else "-" for letter in Path(source.name).name) or "images"
    folder = cache / f"{name}-{key}"
    entry = read_entry(folder)
    if entry is None:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            sweep(cache)
            temporary = Path(tempfile.mkdtemp(prefix=f"{UNFINISHED}{name}-{key}-", dir=cache))
        except OSError as error:
            raise cannot_write(cache, error, 0) from None
        try:
            fill(temporary, source, preparation, label=label, held_out=held_out, on_error=on_error, progress=progress)
            publish(temporary, folder)
        finally:  # also after Ctrl-C
            shutil.rmtree(temporary, ignore_errors=True)
        entry = read_entry(folder)
        if entry is None:
            raise GanatomyError(
                f"The packed images in {folder} do not read back as they were written; is the disk sound?"
            )
    if entry.skipped and on_error == "stop":  # they were packed by a run that goes on without
        raise unreadable(entry.skipped, {})
    return entry


def read_entry(folder: Path) -> Entry | None:
    """The entry in a folder; None if a file is missing or has another size than when it was written."""
    try:
        meta = json.loads((folder / "meta.json").read_text())
        if any((folder / name).stat().st_size != size for name, size in meta["files"].items()):
            return None
        classes = None if meta["classes"] is None else tuple(meta["classes"])
        return Entry(folder, classes, meta["content"], tuple(meta["skipped"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def publish(temporary: Path, folder: Path) -> None:
    """Rename a finished entry, unless another process was faster. A damaged entry in its place is removed."""
    for _ in range(100):
        try:
            temporary.rename(folder)
            return
        except OSError as error:
            if not folder.exists():
                raise cannot_write(folder.parent, error, 0) from None
        if read_entry(folder) is not None:
            return
        broken = temporary.with_name(f"{temporary.name}-broken")
        try:
            folder.rename(broken)
        except OSError:  # another process is removing it
            time.sleep(0.01)
        shutil.rmtree(broken, ignore_errors=True)
    raise GanatomyError(f"The broken packed images in {folder} cannot be replaced: remove that folder.")


def sweep(cache: Path) -> None:
    """Remove unfinished entries of killed processes."""
    for left in cache.glob(UNFINISHED + "*"):
        with suppress(OSError):  # its owner may be renaming it just now
            if left.is_dir() and time.time() - left.stat().st_mtime > STALE:
                shutil.rmtree(left, ignore_errors=True)


# filling an entry


def fill(
    folder: Path,
    source: Source,
    preparation: Preparation,
    *,
    label: str | None,
    held_out: float,
    on_error: OnError,
    progress: bool,
) -> None:
    """Decode all images into the folder of an entry."""
    found = source.find(label)
    refuse_lonely_class(found.train.labels, found.classes, source.name)
    places = placed(found, held_out, source.name)
    first = look_ahead(found, preparation)
    cache = folder.parent
    needed = len(places.split) * (math.prod(first.expected.shape) + 8)
    try:
        free = shutil.disk_usage(cache).free
        if free < needed:
            raise full_disk(cache, needed, free)
        processes = cores() if first.seconds * len(places.split) > WORTH else 1
        with closing(decoded(found, preparation, first.expected, processes)) as chunks:
            lost = write_images(folder, shown(chunks, len(places.split), source.name, progress), places, first)
        if lost and on_error == "stop":
            raise unreadable([problem.name for problem in lost.values()], lost)
        if lost and found.train.labels is not None:
            kept = np.delete(found.train.labels, [row for row in lost if row < len(found.train)])
            refuse_lonely_class(kept, found.classes, source.name)
        finish(folder, found.classes, places, lost, source.name)
    except OSError as error:
        raise cannot_write(cache, error, needed) from None


def write_images(folder: Path, chunks: Iterable[Chunk], places: "Places", first: "First") -> dict[int, Problem]:
    """Write every image to its place. Returns unreadable ones by row. Raises GanatomyError for another kind or size."""
    lost: dict[int, Problem] = {}
    row = 0
    with ExitStack() as stack:
        counts = np.bincount(places.split, minlength=len(SPLITS)).tolist()
        shapes = [(count, *first.expected.shape) for count in counts]
        sheets = [Sheet(folder / f"{name}.npy", shape) for name, shape in zip(SPLITS, shapes, strict=True)]
        for sheet in sheets:
            stack.callback(sheet.close)
        for chunk in chunks:
            for problem in chunk.problems:
                if problem.what in ("kind", "size"):
                    raise differing(first, problem)
                lost[row + problem.row] = problem
            rows = row + np.array(chunk.rows, np.int64)
            for number, sheet in enumerate(sheets):
                mine = places.split[rows] == number
                sheet.put(places.position[rows[mine]], chunk.pixels[mine])
            row += chunk.size
    return lost


def finish(
    folder: Path, classes: tuple[str, ...] | None, places: "Places", lost: Mapping[int, Problem], source_name: str
) -> None:
    """Remove the rows of unreadable images, and write labels and meta.json."""
    content = ""
    for number, name in enumerate(SPLITS):
        rows = np.flatnonzero(places.split == number)
        rows = rows[np.argsort(places.position[rows])]  # in the order of the packed images
        keep = ~np.isin(rows, list(lost))
        if not keep.any():
            raise GanatomyError(f"No readable image is left in the {name.replace('_', '-')} split of {source_name}.")
        if not keep.all():
            compact(folder / f"{name}.npy", keep)
        of_rows = places.labels[number]
        labels = None if of_rows is None else of_rows[rows[keep]]
        if labels is not None:
            np.save(folder / f"{name}_labels.npy", labels)
        if name == "train":
            content = content_of(np.load(folder / f"{name}.npy", mmap_mode="r"), labels)
    files = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        files[path.name] = path.stat().st_size
    skipped = [lost[row].name for row in sorted(lost)]
    meta = {"content": content, "classes": classes, "skipped": skipped, "source": source_name, "files": files}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))


def content_of(images: NDArray[np.uint8], labels: Labels | None) -> str:
    """A hash of pixels [N, H, W, C], labels and shape."""
    digest = hashlib.sha256(f"{images.shape} {labels is not None}".encode())
    for start in range(0, len(images), 1024):
        digest.update(np.ascontiguousarray(images[start : start + 1024]).data)
    if labels is not None:
        digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()


class Sheet:
    """A .npy whose rows are written in any order; by writing, since a full disk would kill a process that maps it."""

    def __init__(self, path: Path, shape: tuple[int, ...], kind: type[np.generic] = np.uint8) -> None:
        self.file, self.kind = path.open("wb"), np.dtype(kind)
        header = {"descr": self.kind.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self.file, header)
        self.start = self.file.tell()
        self.stride = math.prod(shape[1:]) * self.kind.itemsize
        self.file.truncate(self.start + shape[0] * self.stride)

    def put(self, positions: NDArray[np.int64], rows: NDArray[Any]) -> None:
        """Write rows [n, ...] to these positions; consecutive ones together."""
        cuts = np.flatnonzero(np.diff(positions) != 1) + 1
        for places, piece in zip(np.split(positions, cuts), np.split(rows, cuts), strict=True):
            if len(places):
                self.file.seek(self.start + int(places[0]) * self.stride)
                self.file.write(np.ascontiguousarray(piece, self.kind).data)

    def close(self) -> None:
        self.file.close()


def compact(path: Path, keep: NDArray[np.bool_]) -> None:
    """Keep only some rows of a .npy."""
    images = np.load(path, mmap_mode="r")
    rows = np.flatnonzero(keep)
    aside = path.with_suffix(".aside")
    sheet = Sheet(aside, (len(rows), *images.shape[1:]))
    for start in range(0, len(rows), 1024):
        chosen = rows[start : start + 1024]
        sheet.put(np.arange(start, start + len(chosen)), images[chosen])
    sheet.close()
    aside.replace(path)


# which image goes where


@dataclass(frozen=True)
class Places:
    """Where every row of the source goes; rows of its held-out split are numbered after those of its training split.

    split: the packed split, 0 or 1. position: the row there.
    labels: for each packed split, labels indexed by source row; None without labels.
    """

    split: NDArray[np.int64]
    position: NDArray[np.int64]
    labels: tuple[Labels | None, Labels | None]


def placed(found: Found, held_out: float, where: str) -> Places:
    """Where the images go: into the source's own splits, or with a fraction `held_out` of every class held out.

    Images sorted by class, as in folders, are shuffled, so that the first ones are a fair sample; others keep their
    order.
    """
    order = fair_order(found.train.labels, len(found.train))
    if found.held_out is None:
        if len(order) < 2:
            raise GanatomyError(f"{where} holds a single image, and two are the least: one of them is held out.")
        aside = set_aside(found.train.labels, len(order), held_out)
        split = aside.astype(np.int64)
        orders = [order[~aside[order]], order[aside[order]]]
        labels = (found.train.labels, found.train.labels)
    else:
        after = len(order)
        other = fair_order(found.held_out.labels, len(found.held_out)) + after
        split = np.repeat([0, 1], [after, len(other)])
        orders = [order, other]
        labels = (found.train.labels, shifted(found.held_out.labels, after))
    position = np.empty(len(split), np.int64)
    for rows in orders:
        position[rows] = np.arange(len(rows))
    return Places(split, position, labels)


def shifted(labels: Labels | None, by: int) -> Labels | None:
    """Labels indexed after `by` rows of another split."""
    return None if labels is None else np.concatenate([np.full(by, -1), labels])


def fair_order(labels: Labels | None, count: int) -> NDArray[np.int64]:
    """The order of the images: as it is or, if every class is contiguous, one fixed shuffle."""
    if labels is not None and len(np.unique(labels)) > 1:
        blocks = 1 + int((np.diff(labels) != 0).sum())
        if blocks == len(np.unique(labels)):
            return keyed("order").permutation(count)
    return np.arange(count)


def set_aside(labels: Labels | None, count: int, part: float) -> NDArray[np.bool_]:
    """Which rows to hold out, [count]: a fraction of each class, but never all of it, and at least one row."""
    shuffled = keyed("held out").permutation(count)
    of_row = np.zeros(count, np.int64) if labels is None else labels
    aside = np.zeros(count, bool)
    for number in np.unique(of_row):
        rows = shuffled[of_row[shuffled] == number]
        aside[rows[: min(round(part * len(rows)), len(rows) - 1)]] = True
    if not aside.any():
        largest = np.bincount(of_row).argmax()
        aside[shuffled[of_row[shuffled] == largest][0]] = True
    return aside


def refuse_lonely_class(labels: Labels | None, classes: tuple[str, ...] | None, where: str) -> None:
    """Raise GanatomyError for a class with a single image."""
    if labels is None or classes is None:
        return
    lonely = [classes[number] for number, count in enumerate(np.bincount(labels, minlength=len(classes))) if count == 1]
    if lonely:
        names = listed([f"'{name}'" for name in lonely], 3)
        kind = (
            f"The class {names} of {where} has"
            if len(lonely) == 1
            else f"{len(lonely)} classes of {where} ({names}) have"
        )
        raise GanatomyError(
            f"{kind} a single image: add images to it, or leave it out; a class of one cannot be learned."
        )


# decoding it all


@dataclass(frozen=True)
class First:
    """The first readable image, which all others must match."""

    name: str
    kind: str
    expected: Expected
    seconds: float  # to decode it


def look_ahead(found: Found, preparation: Preparation) -> First:
    """The first readable image. Raises GanatomyError if there is none, or if it needs a conversion not asked for."""
    names: list[str] = []
    reason = ""
    for chunk in found.train.items.chunks():
        for place, encoded in enumerate(chunk):
            try:
                kind, pixels = decode(encoded, preparation)
            except Unreadable as error:
                names.append(encoded.name)
                reason = reason or str(error)
                continue
            if preparation.channels is None and kind not in PLAIN and not kind.endswith(" channels"):
                raise exotic(encoded.name, kind, chunk[place + 1 :], preparation)
            start = time.perf_counter()
            decode(encoded, preparation)
            expected = Expected(kind if preparation.channels is None else None, pixels.shape)
            return First(encoded.name, kind, expected, time.perf_counter() - start)
    raise GanatomyError(f"No image is readable of {len(names):,}: {listed(names, 3)} ({reason}).")


def decoded(found: Found, preparation: Preparation, expected: Expected, processes: int) -> Generator[Chunk, None, None]:
    """All images of all splits, decoded, in order."""
    listings: list[Listing] = list(found.splits().values())
    tasks = ((chunk, preparation, expected) for listing in listings for chunk in listing.items.chunks())
    return over_chunks(decode_chunk, tasks, processes)


def shown(chunks: Iterable[Chunk], total: int, name: str, progress: bool) -> Iterator[Chunk]:
    """The chunks, with a progress bar if asked for."""
    columns = (TextColumn("packing {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), disable=not progress) as bar:
        task = bar.add_task(name, total=total)
        for chunk in chunks:
            yield chunk
            bar.advance(task, chunk.size)


# what goes wrong


def exotic(name: str, kind: str, following: Sequence[Encoded], preparation: Preparation) -> GanatomyError:
    """The error for an image that needs a conversion; it names a second image, if one follows."""
    for encoded in following:
        try:
            other, _ = decode(encoded, preparation)
        except Unreadable:
            continue
        if other == kind:
            return GanatomyError(f"{name} and {encoded.name} are {kind}; {CONVERT}.")
        return GanatomyError(f"{name} is {kind}, {encoded.name} is {other}; {CONVERT}.")
    return GanatomyError(f"{name} is {kind}; {CONVERT}.")


def differing(first: First, problem: Problem) -> GanatomyError:
    """The error for an image of another kind or size than the first."""
    if problem.what == "kind":
        return GanatomyError(f"{first.name} is {first.kind}, {problem.name} is {problem.text}; {CONVERT} all.")
    height, width = first.expected.shape[:2]
    return GanatomyError(
        f"{first.name} is {height}x{width}, {problem.name} is {problem.text}: say which: data.size={height},{width}."
    )


def unreadable(names: Sequence[str], problems: Mapping[int, Problem]) -> GanatomyError:
    """The error for unreadable images; if there is a decompression bomb, about that."""
    bomb = next((problem for problem in problems.values() if problem.what == "bomb"), None)
    if bomb is not None:
        others = f" It is one of {len(names):,} unreadable images." if len(names) > 1 else ""
        return GanatomyError(f"{bomb.name} is {bomb.text}; data.on_error=skip goes on without it.{others}")
    return GanatomyError(f"{len(names):,} corrupt image{'s' if len(names) > 1 else ''}: {listed(names, 5)}; {SKIP}.")


def full_disk(cache: Path, needed: int, free: int) -> GanatomyError:
    """The error for a full disk."""
    return GanatomyError(
        f"The disk under the cache folder {cache} is full: {needed:,} bytes are needed, {free:,} are free. "
        "GANATOMY_CACHE names another folder."
    )


def cannot_write(cache: Path, error: OSError, needed: int) -> GanatomyError:
    """The error for a cache that cannot be written to."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full_disk(cache, needed, shutil.disk_usage(cache).free)
    return GanatomyError(
        f"Cannot write into the cache folder {cache}: {one_line(error)}. GANATOMY_CACHE names another folder."
    )
