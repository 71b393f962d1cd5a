"""Reading local sources, whose format is detected: Parquet, a folder of images, idx files, an .npz."""

import difflib
import errno
import gzip
import os
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.data.labels import Columns, columns_of, listed, numbered
from ganatomy.data.listing import Array, Files, Found, Labels, Listing, Parquet

JPEG = (".jfif", ".jp2", ".jpeg", ".jpg")
NETPBM = (".pbm", ".pgm", ".pnm", ".ppm")
SUFFIXES = (*JPEG, *NETPBM, ".avif", ".bmp", ".gif", ".png", ".tga", ".tif", ".tiff", ".webp")
SPLITS = {  # names of splits, and ours
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "t10k": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}
HELD_OUT = ("test", "validation")  # in order of preference
IDX_TYPES = {0x08: np.dtype(np.uint8)}
IDX_NAME = re.compile(
    r"^(?P<split>.*?)[-_.]?(?P<what>images|labels)[-_.]idx(?P<dimensions>[13])[-_.]ubyte(\.gz)?$", re.I
)


def find(path: Path, label: str | None = None) -> Found:
    """The contents of a path. Raises GanatomyError if it does not exist, is empty or is not recognized."""
    if not path.exists():
        raise GanatomyError(missing(path))
    if path.is_dir():
        files = files_below(path)
        if not files:
            raise GanatomyError(f"The folder {path} is empty.")
        if (path / "recipe.yaml").is_file() and (path / "checkpoints").is_dir():
            raise GanatomyError(f"{path} is a run and no data set: ganatomy sample {path} writes images of it.")
        tables = [file for file in files if file.suffix.lower() == ".parquet"]
        if tables:
            return find_parquet(path, tables, label)
        refuse_label(label, path)
        idx = [file for file in files if IDX_NAME.match(file.name)]
        if idx:
            return find_idx(path, idx)
        return find_images(path, files)
    if path.suffix.lower() == ".parquet":
        return find_parquet(path.parent, [path], label)
    refuse_label(label, path)
    if path.suffix.lower() == ".npz":
        return find_npz(path)
    raise GanatomyError(
        f"{path} is a file that is not recognized: give a folder (images, Parquet, idx), a .parquet or an .npz."
    )


def refuse_label(label: str | None, path: Path) -> None:
    """Raise GanatomyError if a label column is named for a source without columns."""
    if label is not None:
        raise GanatomyError(f"data.label={label} names a column, and {path} has none: only Parquet and hub sources do.")


def missing(path: Path, beside: Iterable[str] = ()) -> str:
    """The error text for a path that does not exist, with the nearest that does. beside: other names to consider."""
    start = path.absolute()
    at = next(
        index for index, parent in enumerate(reversed(start.parents)) if not (parent / start.parts[index + 1]).exists()
    )
    parent, lost = Path(*start.parts[: at + 1]), start.parts[at + 1]
    siblings = (
        {entry.name: str(parent_of(path, start, at) / entry.name) for entry in visible(parent)}
        if parent.is_dir()
        else {}
    )
    options = {**siblings, **{name: name for name in beside}}
    close = difflib.get_close_matches(lost, options, n=1, cutoff=0.5)
    said = f"There is no {path}"
    if lost != path.name or len(path.parts) > 1:
        said += f": {parent_of(path, start, at)} has no '{lost}'"
    return f"{said}. Did you mean {options[close[0]]}?" if close else f"{said}."


def parent_of(path: Path, absolute: Path, at: int) -> Path:
    """The first `at + 1` parts of the absolute path, written as relative as the path was given."""
    below = len(absolute.parts) - at - 1
    return path.parents[below - 1] if below <= len(path.parents) else Path(*absolute.parts[: at + 1])


def natural(path: Path) -> list[tuple[int, int, str]]:
    """A sorting key for natural order: img2 before img10."""
    pieces = re.split(r"(\d+)", "/".join(path.parts))
    return [(0, int(piece), piece) if piece.isdecimal() else (1, 0, piece) for piece in pieces if piece]


def visible(folder: Path) -> list[Path]:
    """The entries of a folder in natural order, without hidden ones. Raises GanatomyError if it cannot be read."""
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
    except OSError as error:
        raise unreadable(folder, error) from None
    return sorted(entries, key=natural)


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, in natural order, without hidden ones and broken links.

    No folder is read twice: links to folders are followed last, and not into folders that were read.
    """
    held: dict[Path, list[Path]] = {}
    seen: set[Path] = set()
    folders, links = deque([folder]), deque[Path]()
    while folders or links:
        at = (folders or links).popleft()
        held[at] = []
        real = at.resolve()
        if real in seen:
            continue
        seen.add(real)
        for entry in visible(at):
            status = status_of(entry)
            if status is None:
                continue
            held[at].append(entry)
            if stat.S_ISDIR(status.st_mode):
                (links if entry.is_symlink() else folders).append(entry)
    return flattened(folder, held)


def flattened(folder: Path, held: Mapping[Path, Sequence[Path]]) -> list[Path]:
    """All files below a folder, in order. held: the entries of each folder."""
    return [file for entry in held[folder] for file in (flattened(entry, held) if entry in held else [entry])]


def status_of(path: Path) -> os.stat_result | None:
    """The status of a path; None for a broken or circular link. Raises GanatomyError without permission."""
    try:
        return path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> GanatomyError:
    """The error for a path that cannot be read."""
    return GanatomyError(f"{path} cannot be read: {error.strerror or one_line(error)}.")


# Parquet


def find_parquet(root: Path, paths: Sequence[Path], label: str | None) -> Found:
    """Parquet files, split by file name (train-00000-of-00001.parquet) or folder; without, all are for training."""
    by_split: dict[str, list[Path]] = {}
    for path in paths:
        by_split.setdefault(split_of(path, root), []).append(path)
    if len(by_split) == 1:
        by_split = {"train": next(iter(by_split.values()))}
    if "train" not in by_split:
        raise GanatomyError(f"{root} has no training split: its Parquet files are {listed(sorted(by_split))}.")
    used = {split: by_split[split] for split in ("train", *HELD_OUT) if split in by_split}
    columns = columns_of(schema_of(used["train"][0]), str(used["train"][0]), label)
    counts = {split: sum(rows_of(path, columns) for path in files) for split, files in used.items()}
    labels, classes = table_labels(used, columns, root)
    listings = {
        split: Listing(Parquet(files, columns.image, counts[split]), labels[split]) for split, files in used.items()
    }
    return found_of(listings, classes, root)


def split_of(path: Path, root: Path) -> str:
    """The split that a Parquet file belongs to, by its name or folders; "train" if they do not say."""
    name = re.split(r"[-_.]", path.name)[0].lower()
    if name in SPLITS:
        return SPLITS[name]
    folders = [SPLITS[folder.lower()] for folder in path.relative_to(root).parts[:-1] if folder.lower() in SPLITS]
    if folders:
        return folders[-1]
    numbered_name = re.match(r"^(.+)-\d+-of-\d+$", path.stem)  # the hub's own name of a split
    return numbered_name[1] if numbered_name else "train"


def schema_of(path: Path) -> pa.Schema:
    """The schema of a Parquet file. Raises GanatomyError if it is damaged."""
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise GanatomyError(f"{path} is not a whole Parquet file: {one_line(error)[:200]}") from None


def rows_of(path: Path, columns: Columns) -> int:
    """The number of rows of a Parquet file. Raises GanatomyError if it lacks the columns."""
    names = schema_of(path).names
    for column in (columns.image, columns.label):
        if column is not None and column not in names:
            raise GanatomyError(
                f"{path} has no column '{column}', which other files of this source have: {listed(names)}."
            )
    return pq.read_metadata(path).num_rows


def table_labels(
    used: Mapping[str, Sequence[Path]], columns: Columns, root: Path
) -> tuple[dict[str, Labels | None], tuple[str, ...] | None]:
    """The class numbers of every split, and the class names; None without a label column."""
    if columns.label is None:
        return dict.fromkeys(used), None
    values = {
        split: np.concatenate([column_of(path, columns.label) for path in files]) for split, files in used.items()
    }
    return numbered(values, columns.names, str(root))


def column_of(path: Path, name: str) -> np.ndarray:
    """A column of a Parquet file as an array."""
    try:
        column = pq.read_table(path, columns=[name]).column(0)
    except (pa.ArrowException, OSError) as error:
        raise GanatomyError(f"{path} cannot be read: {one_line(error)[:200]}") from None
    return without_nulls(column, f"the column '{name}' of {path}")


def without_nulls(column: pa.ChunkedArray, where: str) -> np.ndarray:
    """A column as an array. Raises GanatomyError if values are missing."""
    if column.null_count:
        raise GanatomyError(f"{column.null_count} of {len(column)} labels are missing in {where}.")
    return np.asarray(column.to_pylist())


def found_of(listings: Mapping[str, Listing], classes: tuple[str, ...] | None, where: object) -> Found:
    """Training and held-out split; the latter is the test split or else validation, but a labelled one if possible."""
    train = listings["train"]
    if not len(train):
        raise GanatomyError(f"The training split of {where} is empty.")
    if train.labels is None and classes is not None:
        raise GanatomyError(f"The training split of {where} has labels below zero.")
    candidates = [listings[name] for name in HELD_OUT if name in listings and len(listings[name])]
    labelled = [listing for listing in candidates if listing.labels is not None]
    return Found(train, next(iter(labelled or candidates), None), classes)


# folders of images


def find_images(root: Path, files: Sequence[Path]) -> Found:
    """A folder of images, with a subfolder per class or none; or with subfolders train/ and test/ of either kind."""
    images = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not images:
        kinds = Counter(file.suffix.lower() or "no suffix" for file in files)
        held = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5))
        raise GanatomyError(f"There are no images in {root}: it holds {held}.")
    folders = {folder.name: SPLITS[folder.name.lower()] for folder in visible(root) if folder.name.lower() in SPLITS}
    if "train" not in folders.values() or any(path.parent == root for path in images):
        folders = {}
    by_split: dict[str, list[Path]] = {}
    for path in images:
        split = folders.get(path.relative_to(root).parts[0]) if folders else "train"
        if split is not None:
            by_split.setdefault(split, []).append(path)
    if not by_split.get("train"):
        raise GanatomyError(f"The training split of {root} is empty.")
    names = {split: [class_of(path, root, bool(folders)) for path in paths] for split, paths in by_split.items()}
    for split, paths in by_split.items():
        refuse_mixed(paths, names[split], root)
    classes = classes_of(names)
    number = {name: index for index, name in enumerate(classes or ())}
    listings = {}
    for split, paths in by_split.items():
        labels = np.array([number[name] for name in names[split] if name is not None], np.int64)
        listings[split] = Listing(Files(root, paths), labels if classes and len(labels) else None)
    return found_of(listings, classes, root)


def class_of(path: Path, root: Path, in_splits: bool) -> str | None:
    """The name of an image's class folder; None if it is directly in the root or split folder."""
    folders = path.relative_to(root).parts[in_splits:-1]
    return folders[0] if folders else None


def refuse_mixed(paths: Sequence[Path], names: Sequence[str | None], root: Path) -> None:
    """Raise GanatomyError for images both in class folders and beside them."""
    if len({name is None for name in names}) > 1:
        direct = paths[names.index(None)]
        below = next(path for path, name in zip(paths, names, strict=True) if name is not None)
        raise GanatomyError(
            f"{root} holds images both directly ({direct.relative_to(root)}) and in class folders "
            f"({below.relative_to(root)}): move the former into a folder of their class."
        )


def classes_of(names: Mapping[str, Sequence[str | None]]) -> tuple[str, ...] | None:
    """The class folders of all splits, in natural order; None if the training split has none."""
    if names["train"][0] is None:
        return None
    distinct = {name for of_split in names.values() for name in of_split if name is not None}
    return tuple(sorted(distinct, key=lambda name: natural(Path(name))))


# idx files


def find_idx(root: Path, files: Sequence[Path]) -> Found:
    """MNIST's own format: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., each with or without .gz."""
    images: dict[str, Path] = {}
    labels: dict[str, Path] = {}
    for file in files:
        name = IDX_NAME.match(file.name)
        assert name is not None
        words = re.split(r"[-_.]", name["split"].lower())
        split = next((SPLITS[word] for word in words if word in SPLITS), "train")
        into = images if name["what"].lower() == "images" else labels
        if split in into and into[split].name.removesuffix(".gz") != file.name.removesuffix(".gz"):
            raise GanatomyError(
                f"{root} holds two sets of idx files: {into[split].name} and {file.name}; give each its folder."
            )
        into[split] = file
    if "train" not in images:
        raise GanatomyError(f"{root} holds idx files, but no training images (train-images-idx3-ubyte.gz).")
    arrays = {split: Array(path.name, idx_array(path, 3)) for split, path in images.items()}
    values = {split: idx_array(path, 1) for split, path in labels.items() if split in images}
    if "train" not in values:
        return found_of({split: Listing(array, None) for split, array in arrays.items()}, None, root)
    for split, of_split in values.items():
        same_length(len(arrays[split]), len(of_split), labels[split])
    numbers, classes = numbered(values, None, str(root))
    return found_of({split: Listing(array, numbers.get(split)) for split, array in arrays.items()}, classes, root)


def idx_array(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array in an idx file. Raises GanatomyError unless it is a whole one of bytes with so many dimensions.

    The format: two zero bytes, the type, the number of dimensions, each dimension as a 4-byte integer, the numbers.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise GanatomyError(f"{path} cannot be read: {one_line(error)}") from None
    header = 4 + 4 * dimensions
    if len(content) < header or content[:2] != b"\0\0" or content[2] not in IDX_TYPES or content[3] != dimensions:
        raise GanatomyError(
            f"{path} is not an idx file of bytes with {dimensions} dimension{'s' if dimensions > 1 else ''}."
        )
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) - header != np.prod(shape, dtype=np.int64):
        raise GanatomyError(
            f"{path} is cut short or too long: {len(content) - header} bytes of {np.prod(shape, dtype=np.int64)}."
        )
    return np.frombuffer(content, IDX_TYPES[content[2]], offset=header).reshape(shape)


def same_length(images: int, labels: int, where: object) -> None:
    """Raise GanatomyError unless there is a label for every image."""
    if images != labels:
        raise GanatomyError(f"{where} has {labels} labels for {images} images.")


# .npz

NAMED = {"images": "images", "labels": "labels", "classes": "classes"}
UNNAMED = {"images": "arr_0", "labels": "arr_1"}


def find_npz(path: Path) -> Found:
    """An .npz with `images` [N, H, W] or [N, H, W, C], uint8 or uint16, and optional `labels` [N] and `classes`, names.

    `arr_0` and `arr_1`, which np.savez gives to unnamed arrays, are taken as images and labels; many files of samples
    have them.
    """
    try:
        refuse_other_than_npz(path)
        with np.load(path, allow_pickle=False) as arrays:
            names = list(arrays)
            keys = NAMED if "images" in arrays else UNNAMED
            held = {name: arrays[key] for name, key in keys.items() if key in arrays}
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise GanatomyError(f"{path} cannot be read: {one_line(error)}") from None
    if "images" not in held:
        raise GanatomyError(
            f"{path} has no array 'images'. It has: {listed(names)}. np.savez(file, images=array) names it."
        )
    images = held["images"]
    if images.dtype not in (np.uint8, np.uint16):
        raise GanatomyError(
            f"The images in {path} are {images.dtype}: uint8 (0 to 255) or uint16 (0 to 65535) is needed."
        )
    if images.ndim not in (3, 4):
        raise GanatomyError(f"The images in {path} have shape {images.shape}: [N, H, W] or [N, H, W, C] is needed.")
    if images.ndim == 4 and images.shape[1] in (1, 3, 4) and images.shape[2] == images.shape[3] != images.shape[1]:
        raise GanatomyError(f"The images in {path} have shape {images.shape}, channels first: [N, H, W, C] is needed.")
    listing = Array(path.name, images)
    if "labels" not in held:
        return found_of({"train": Listing(listing, None)}, None, path)
    labels = held["labels"]
    if labels.ndim != 1 or labels.dtype.kind not in "iubU":
        raise GanatomyError(
            f"The labels in {path} are {labels.dtype} {labels.shape}: [N] of integers, names or booleans is needed."
        )
    same_length(len(images), len(labels), path)
    classes = tuple(str(name) for name in held["classes"].ravel()) if "classes" in held else None
    if classes is not None and labels.dtype.kind == "U":
        raise GanatomyError(f"The labels in {path} are names; with 'classes' they must be numbers into it.")
    numbers, classes = numbered({"train": labels}, classes, str(path))
    return found_of({"train": Listing(listing, numbers["train"])}, classes, path)


def refuse_other_than_npz(path: Path) -> None:
    """Raise ValueError for other files than .npz, of which np.load would report a pickle or return an array."""
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("it is no .npz, or was cut off")
