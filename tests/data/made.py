"""Small images of every sort, written where a test wants them."""

import gzip
import io
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def random_pixels(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def save_png(path: Path, pixels: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def save_folder(folder: Path, names: Sequence[str], shape: tuple[int, ...] = (8, 8, 3)) -> dict[str, Pixels]:
    """A random image under every name."""
    images = {name: random_pixels(*shape, seed=number) for number, name in enumerate(names)}
    for name, pixels in images.items():
        save_png(folder / name, pixels)
    return images


def save_parquet(
    path: Path, images: Sequence[bytes], columns: Mapping[str, Sequence[object]], features: object = None
) -> Path:
    """The hub's layout: an image column of structs, and others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    of_image = pa.array([{"bytes": content, "path": None} for content in images], image_type())
    table = pa.table({"image": of_image, **{name: pa.array(values) for name, values in columns.items()}})
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=7)
    return path


def image_type() -> pa.DataType:
    return pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def save_idx(path: Path, array: NDArray[np.integer]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def damage(path: Path) -> None:
    """Cut a file in half."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
