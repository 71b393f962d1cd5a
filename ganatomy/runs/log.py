"""A log of JSON lines that a killed writer cannot spoil. A line counts once its newline is there."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from ganatomy.core.errors import GanatomyError
from ganatomy.runs.files import json_text, make_folder, sync_folder, told

BLOCK = 4096


class Log:
    """One JSON object a line. Numbers that are not finite are written as null: JSON has no others.

    >>> import tempfile
    >>> log = Log(Path(tempfile.mkdtemp()) / "metrics.jsonl")
    >>> log.append({"round": 1, "D/real": 0.69})
    >>> checkpointed = log.offset()
    >>> log.append({"round": 2, "D/real": float("nan")})
    >>> log.read()
    [{'round': 1, 'D/real': 0.69}, {'round': 2, 'D/real': None}]
    >>> log.truncate(checkpointed)
    >>> log.read()
    [{'round': 1, 'D/real': 0.69}]
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a line in one write, beside those of others; what a killed writer left of its last is dropped first."""
        line = (json_text(record) + "\n").encode()
        with told(f"Cannot write {self.path}"):
            make_folder(self.path.parent)
            with open(self.path, "a+b", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)  # known first: lines that come meanwhile are whole
                if (end := _end_of_lines(file)) < size:
                    file.truncate(end)
                if (written := file.write(line)) != len(line):  # a disk that fills up takes part of a line
                    file.truncate(file.tell() - written)
                    raise OSError(f"only {written} of {len(line)} bytes could be written, the disk may be full")

    def refuse_unwritable(self) -> None:
        """Raise before long work what `append` would raise after it; where there was no file there is none."""
        with told(f"Cannot write {self.path}"):
            make_folder(self.path.parent)
            with open(self.path, "ab") if self.path.exists() else TemporaryFile(dir=self.path.parent):
                pass

    def offset(self) -> int:
        """Bytes of whole lines: what a checkpoint writes down, to return to with `truncate`."""
        if not self.path.exists():
            return 0
        with told(f"Cannot read {self.path}"), open(self.path, "rb") as file:
            return _end_of_lines(file)

    def truncate(self, offset: int) -> None:
        """Drop what was written after `offset`, which must be the end of a line of this log."""
        if offset == 0 and not self.path.exists():
            return
        with told(f"Cannot shorten {self.path}"), open(self.path, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if not 0 <= offset <= size:
                raise GanatomyError(
                    f"{self.path} holds {size} bytes, not the {offset} asked for: it is not the same log."
                )
            if offset > 0 and _byte(file, offset - 1) != b"\n":
                raise GanatomyError(f"In {self.path} no line ends at byte {offset}: it is not the same log.")
            file.truncate(offset)
            os.fsync(file.fileno())

    def read(self) -> list[dict[str, Any]]:
        """Every whole line; the torn last line of a killed writer is left out. No file, no lines."""
        if not self.path.exists():
            return []
        with told(f"Cannot read {self.path}"):
            lines = self.path.read_bytes().split(b"\n")[:-1]
        return [self._record(number, line) for number, line in enumerate(lines, start=1)]

    def sync(self) -> None:
        """Bring every line to the disk itself, before a checkpoint relies on them."""
        if not self.path.exists():
            return
        with told(f"Cannot write {self.path}"):
            with open(self.path, "r+b") as file:
                os.fsync(file.fileno())
            sync_folder(self.path.parent)

    def _record(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            record = json.loads(line)
        except ValueError:  # of JSON or of UTF-8
            record = None
        if not isinstance(record, dict):
            raise GanatomyError(f"{self.path}, line {number}, is not a JSON object: the file was damaged or edited.")
        return record


def _end_of_lines(file: BinaryIO | Any) -> int:
    """Where the last newline ends, searched from the back."""
    stop = file.seek(0, os.SEEK_END)
    while stop > 0:
        start = max(0, stop - BLOCK)
        file.seek(start)
        newline = file.read(stop - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        stop = start
    return 0


def _byte(file: BinaryIO, position: int) -> bytes:
    file.seek(position)
    return file.read(1)
