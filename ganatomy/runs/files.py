"""Writing files so that a reader finds the old one or the new one, never half of one.

A file is written to a temporary name in the same folder, synced, renamed over the old one, and the folder is synced.
"""

import csv
import errno
import io
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from ganatomy.core.errors import GanatomyError, one_line


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write a whole file or nothing; folders above it are made. A full or read-only disk is a GanatomyError."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    with told(f"Cannot write {path}"):
        if path.exists() and not (path.is_file() or path.is_dir()):  # a device, which the renaming would do away with
            raise GanatomyError(f"Cannot write {path}: it is no file, but a device or a pipe.")
        make_folder(path.parent)
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:  # Ctrl-C too
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def ours_or_new(path: Path, signed: bytes) -> Path:
    """A path that nobody named, unless a file lies there that is not signed, so is not one of our earlier ones."""
    with told(f"Cannot read {path}"):
        if path.exists() and signed not in path.read_bytes():
            raise GanatomyError(f"{path} exists, and Ganatomy did not write it: say with --out where to write.")
    return path


def write_text(path: Path | str, text: str) -> None:
    """`write_bytes` of UTF-8, newlines as they are."""
    write_bytes(path, text.encode())


def write_json(path: Path | str, value: Any) -> None:
    """`write_text` of `json_text`, indented for people."""
    write_text(path, json_text(value, indent=2) + "\n")


def write_csv(path: Path | str, rows: Sequence[Mapping[str, Any]]) -> None:
    """`write_text` of a table with a header; the columns are those of the first row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_json(path: Path | str) -> Any:
    """What a JSON file holds; a file that is missing or is not JSON is a GanatomyError."""
    with told(f"Cannot read {path}"):
        text = Path(path).read_bytes()
    try:
        return json.loads(text)
    except ValueError:  # of JSON or of UTF-8
        raise GanatomyError(f"{path} is not JSON: the file was damaged or edited.") from None


def read_record(path: Path | str, remedy: str) -> dict[str, Any]:
    """What `write_json` wrote of a mapping; anything else is a GanatomyError that ends in what to do about it."""
    try:
        found = read_json(path)
    except GanatomyError as error:
        raise GanatomyError(f"{error} {remedy}") from None
    if not isinstance(found, dict):
        raise GanatomyError(f"{path} holds no record, but a {type(found).__name__}: it was damaged or edited. {remedy}")
    return found


def json_text(value: Any, indent: int | None = None, lossless: bool = False) -> str:
    """Strict JSON, which has no NaN and no infinity: they become null, or an error where nothing may be lost.

    >>> json_text({"loss": float("nan"), "size": (3, 28)})
    '{"loss": null, "size": [3, 28]}'
    """
    try:
        return json.dumps(_plain(value, lossless), indent=indent, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise GanatomyError(f"Not JSON: {one_line(error)}.") from None


def _plain(value: Any, lossless: bool) -> Any:
    """What `json` can hold. NumPy's scalars have `item`; keys must be text, for JSON would change them to text."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is no text")
        return {key: _plain(item, lossless) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, lossless) for item in value]
    if hasattr(value, "item"):
        return _plain(value.item(), lossless)
    if isinstance(value, float) and not math.isfinite(value) and not lossless:
        return None
    return value


def refuse_unwritable(folder: Path) -> None:
    """Raise before long work what making a file in this folder would raise after it; nothing is left there."""
    with told(f"Cannot write into {folder}"):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        with TemporaryFile(dir=there):
            pass


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn the operating system's errors into one line that starts with `what`, which names the path."""
    try:
        yield
    except OSError as error:
        raise GanatomyError(f"{what}: {one_line(error.strerror or error)}.") from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it, each brought to the disk itself."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Bring a file that somebody else wrote to the disk itself."""
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Bring a folder's names to the disk itself. Windows, and some network disks, have no such thing."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
