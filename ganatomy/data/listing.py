"""The contents of a source before decoding: encoded images and labels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.data.decoding import Encoded

Labels = NDArray[np.int64]
CHUNK = 128  # images decoded together


class Items(Protocol):
    """The encoded images of a split, in order."""

    def __len__(self) -> int: ...

    def chunks(self) -> Iterator[list[Encoded]]:
        """All images, at most CHUNK in a list."""
        ...


@dataclass(frozen=True)
class Listing:
    """A split of a source: encoded images, and labels [N] or None."""

    items: Items
    labels: Labels | None

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class Found:
    """The contents of a source. held_out: None if it has no such split. classes: names, None without labels."""

    train: Listing
    held_out: Listing | None
    classes: tuple[str, ...] | None

    def splits(self) -> Mapping[str, Listing]:
        """The splits by name: "train" and, if there is one, "held_out"."""
        return {"train": self.train} if self.held_out is None else {"train": self.train, "held_out": self.held_out}


@dataclass(frozen=True)
class Files:
    """Image files; their names are paths relative to `root`."""

    root: Path
    paths: Sequence[Path] = field(repr=False)

    def __len__(self) -> int:
        return len(self.paths)

    def chunks(self) -> Iterator[list[Encoded]]:
        for start in range(0, len(self.paths), CHUNK):
            chunk = self.paths[start : start + CHUNK]
            yield [Encoded(path.relative_to(self.root).as_posix(), str(path)) for path in chunk]


@dataclass(frozen=True)
class Array:
    """Decoded images: [N, H, W] or [N, H, W, C], uint8 or uint16."""

    name: str
    images: NDArray[np.uint8] | NDArray[np.uint16] = field(repr=False)

    def __len__(self) -> int:
        return len(self.images)

    def chunks(self) -> Iterator[list[Encoded]]:
        for start in range(0, len(self.images), CHUNK):
            chunk = self.images[start : start + CHUNK]
            yield [Encoded(f"{self.name} image {start + i}", image) for i, image in enumerate(chunk)]


@dataclass(frozen=True)
class Parquet:
    """The image column of a sequence of Parquet files."""

    paths: Sequence[Path]
    column: str
    count: int

    def __len__(self) -> int:
        return self.count

    def chunks(self) -> Iterator[list[Encoded]]:
        for path in self.paths:
            row = 0
            try:
                with pq.ParquetFile(path) as file:
                    for batch in file.iter_batches(CHUNK, columns=[self.column]):
                        yield list(encoded_rows(batch.column(0), path.name, row, path.parent))
                        row += len(batch)
            except (pa.ArrowException, OSError) as error:
                raise GanatomyError(f"{path} cannot be read after row {row}: {one_line(error)[:200]}") from None


@dataclass(frozen=True)
class HubRows:
    """The image column of a split loaded by `datasets`."""

    name: str
    dataset: "ArrowRows"
    column: str

    def __len__(self) -> int:
        return len(self.dataset)

    def chunks(self) -> Iterator[list[Encoded]]:
        for start in range(0, len(self.dataset), CHUNK):
            table = self.dataset[start : start + CHUNK]
            column = table.column(self.column).combine_chunks()
            yield list(encoded_rows(column, self.name, start, Path()))


class ArrowRows(Protocol):
    """What we use of a `datasets.Dataset` in arrow format."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> pa.Table: ...


def encoded_rows(column: pa.StructArray, name: str, first: int, folder: Path) -> Iterator[Encoded]:
    """The images in rows of structs {bytes, path}; without bytes the path is that of a file."""
    for row, value in enumerate(column.to_pylist(), start=first):
        content, path = (value["bytes"], value["path"]) if value else (None, None)
        label = f"{name} row {row}" + (f" ({path})" if path else "")
        yield Encoded(label, content if content is not None else str(folder / path) if path else b"")
