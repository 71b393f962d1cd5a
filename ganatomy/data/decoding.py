"""Decoding images to uint8 pixels, one at a time, in the same way for all sources.

This module does not import torch, so that a decoding process starts in a tenth of a second.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Channels = Literal["gray", "rgb", "rgba"]
Pixels = NDArray[np.uint8]

MODES: dict[Channels, str] = {"gray": "L", "rgb": "RGB", "rgba": "RGBA"}
PLAIN = ("gray", "RGB", "RGBA")  # kinds (see `kind_of`) that need no conversion
NAMES = {
    "L": "gray",
    "1": "black and white",
    "P": "palette",
    "LA": "gray with alpha",
    "PA": "palette with alpha",
    "I": "16-bit gray",
    "F": "floating-point",
}
WHITE = (255, 255, 255, 255)
FILTER = Image.Resampling.LANCZOS


class Encoded(NamedTuple):
    """An image as its source holds it: a file's bytes or path, or an array [H, W] or [H, W, C], uint8 or uint16."""

    name: str
    data: bytes | str | NDArray[np.uint8] | NDArray[np.uint16]


class Unreadable(Exception):
    """The image cannot be decoded; the text says why."""


class Bomb(Unreadable):
    """A decompression bomb: the image claims more pixels than Pillow's limit."""


@dataclass(frozen=True)
class Preparation:
    """How an image is converted to pixels.

    channels: convert to these; None: keep the image's own. Transparency is composited onto white. 16-bit values are
        divided by 257 and rounded; of 16-bit *color* files Pillow gives the high byte only, at most one step away.
    crop: the fraction of each side to keep, around the center, in whole pixels.
    size: (height, width) to resize to after cropping: the shorter side fits, and the center of the longer one is kept.
        The filter is Pillow's Lanczos, which is antialiased. None: keep the size.

    Of animations the first frame is used. EXIF orientation is applied.
    """

    channels: Channels | None = None
    crop: float = 1.0
    size: tuple[int, int] | None = None


class Expected(NamedTuple):
    """The kind and shape that every image must have. kind: None if images are converted anyway."""

    kind: str | None
    shape: tuple[int, ...]


class Problem(NamedTuple):
    """A problem of image `row` of a chunk."""

    row: int
    name: str
    what: Literal["unreadable", "bomb", "kind", "size"]
    text: str


class Chunk(NamedTuple):
    """A decoded chunk of `size` images: pixels [n, H, W, C] of those `rows` that have no problem, and the problems."""

    pixels: Pixels
    rows: list[int]
    problems: list[Problem]
    size: int


class Sight(NamedTuple):
    """What is known about an image before conversion. digest: of its pixels. problem: None if it can be decoded."""

    name: str
    kind: str
    height: int
    width: int
    digest: bytes
    problem: str | None


def decode_chunk(chunk: Sequence[Encoded], preparation: Preparation, expected: Expected) -> Chunk:
    """Decode a chunk of images; those that cannot be decoded, or are not as expected, are listed as problems."""
    good: list[Pixels] = []
    rows: list[int] = []
    problems: list[Problem] = []
    for row, encoded in enumerate(chunk):
        try:
            kind, pixels = decode(encoded, preparation)
        except Unreadable as error:
            what: Literal["bomb", "unreadable"] = "bomb" if isinstance(error, Bomb) else "unreadable"
            problems.append(Problem(row, encoded.name, what, str(error)))
            continue
        if expected.kind is not None and kind != expected.kind:
            problems.append(Problem(row, encoded.name, "kind", kind))
        elif pixels.shape != expected.shape:
            problems.append(Problem(row, encoded.name, "size", f"{pixels.shape[0]}x{pixels.shape[1]}"))
        else:
            good.append(pixels)
            rows.append(row)
    stacked = np.stack(good) if good else np.empty((0, *expected.shape), np.uint8)
    return Chunk(stacked, rows, problems, len(chunk))


def survey_chunk(chunk: Sequence[Encoded]) -> list[Sight]:
    """Kind, size and digest of every image of a chunk."""
    return [sight(encoded) for encoded in chunk]


def sight(encoded: Encoded) -> Sight:
    """Kind, size and digest of an image."""
    try:
        image = opened(encoded)
    except Unreadable as error:
        return Sight(encoded.name, "", 0, 0, b"", str(error))
    pixels = np.ascontiguousarray(np.asarray(image))
    kind = kind_of(image)
    digest = hashlib.blake2b(f"{kind} {pixels.shape}".encode(), digest_size=16)
    digest.update(pixels.data)
    if isinstance(image, Image.Image) and image.mode == "P":  # equal indices into palettes that differ
        digest.update(bytes(image.getpalette() or []))
    return Sight(encoded.name, kind, pixels.shape[0], pixels.shape[1], digest.digest(), None)


def decode(encoded: Encoded, preparation: Preparation) -> tuple[str, Pixels]:
    """The kind of the original image, and its prepared pixels, uint8 [H, W, C]. Raises Unreadable."""
    image = opened(encoded)
    kind = kind_of(image)
    if preparation.channels is not None:
        image = converted(image, preparation.channels)
    if isinstance(image, np.ndarray):
        values: NDArray[np.integer] = fitted_array(image, preparation)
    else:
        values = np.asarray(fitted(image, preparation))
    # An exotic kind that nobody asked to convert may not be uint8: only its kind and size are of use to the caller.
    pixels = values.astype(np.uint8, copy=False)
    return kind, pixels[:, :, None] if pixels.ndim == 2 else pixels


def opened(encoded: Encoded) -> Image.Image | NDArray[np.uint8] | NDArray[np.uint16]:
    """The decoded image, upright. Raises Unreadable, or Bomb."""
    if isinstance(encoded.data, np.ndarray):
        return encoded.data[:, :, 0] if encoded.data.ndim == 3 and encoded.data.shape[2] == 1 else encoded.data
    try:
        image = Image.open(io.BytesIO(encoded.data) if isinstance(encoded.data, bytes) else encoded.data)
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and image.width * image.height > limit:
            raise Bomb(f"a decompression bomb: {image.width}x{image.height} pixels, and {limit:,} is the limit")
        if sixteen_bit_color(image):
            image.info["sixteen bits"] = True
        image.load()
        upright = ImageOps.exif_transpose(image)
        upright.info.update(image.info)
        return upright
    except Unreadable:
        raise
    except Image.DecompressionBombError as error:
        raise Bomb(f"a decompression bomb: {reason(error)}") from None
    except Exception as error:  # Pillow's decoders raise whatever a broken file makes them raise
        raise Unreadable(reason(error)) from None


def reason(error: Exception) -> str:
    """Why an image cannot be decoded, in one line."""
    text = " ".join(str(error).split())
    return "not an image" if text.startswith("cannot identify image file") else text or type(error).__name__


def sixteen_bit_color(image: Image.Image) -> bool:
    """Whether the file has 16-bit color, which Pillow reduces to 8 bits without notice."""
    return len(image.getbands()) > 1 and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def kind_of(image: Image.Image | NDArray[np.uint8] | NDArray[np.uint16]) -> str:
    """The kind of an image, in words: "gray", "RGB", "RGBA", "palette", "16-bit gray", "2 channels", ..."""
    if isinstance(image, np.ndarray):
        channels = 1 if image.ndim == 2 else image.shape[2]
        kind = {1: "gray", 3: "RGB", 4: "RGBA"}.get(channels, f"{channels} channels")
        return f"16-bit {kind}" if image.dtype == np.uint16 else kind
    kind = "16-bit gray" if image.mode.startswith("I;16") else NAMES.get(image.mode, image.mode)
    if image.info.get("sixteen bits"):
        return f"16-bit {kind}"
    if "transparency" in image.info and image.mode in ("L", "RGB"):
        return f"{kind} with a transparent color"
    return kind


def converted(image: Image.Image | NDArray[np.uint8] | NDArray[np.uint16], channels: Channels) -> Image.Image:
    """The image converted to 8-bit channels. Raises Unreadable if that is not possible."""
    if isinstance(image, np.ndarray):
        eight = eight_bits(image) if image.dtype == np.uint16 else image
        if eight.ndim == 3 and eight.shape[2] not in (3, 4):
            raise Unreadable(f"{eight.shape[2]} channels have no reading as {channels}")
        image = Image.fromarray(eight)
    if image.mode == "F":
        raise Unreadable("floating-point pixels have no fixed range")
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = Image.fromarray(eight_bits(np.asarray(image)))
    if image.has_transparency_data and channels != "rgba":
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image)
    try:
        return image.convert(MODES[channels])
    except ValueError as error:
        raise Unreadable(reason(error)) from None


def eight_bits(values: NDArray[np.integer]) -> Pixels:
    """Values 0 to 65535 as uint8: divided by 257 and rounded."""
    if values.min() < 0 or values.max() > 65535:
        raise Unreadable("32-bit values outside 0 to 65535")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def fitted(image: Image.Image, preparation: Preparation) -> Image.Image:
    """The image cropped and resized."""
    kept = cropped_size(image.size, preparation.crop)
    if kept != image.size:
        image = image.crop(centered(image.size, kept))
    if preparation.size is None or image.size == preparation.size[::-1]:
        return image
    width, height = preparation.size[::-1]
    scale = min(image.width / width, image.height / height)
    if scale == 1:
        return image.crop(centered(image.size, (width, height)))
    if image.mode not in ("L", "RGB", "RGBA"):  # on its way to an error about its kind; Pillow may not resize it
        return Image.new("L", (width, height))
    left, top = (image.width - scale * width) / 2, (image.height - scale * height) / 2
    box = (left, top, min(left + scale * width, image.width), min(top + scale * height, image.height))
    return image.resize((width, height), FILTER, box=box)


def fitted_array(image: NDArray[np.uint8] | NDArray[np.uint16], preparation: Preparation) -> NDArray[np.integer]:
    """An array cropped and resized by Pillow; channel by channel if there are other numbers of them than 1, 3 or 4."""
    height, width = image.shape[:2]
    if preparation.crop == 1 and preparation.size in (None, (height, width)):
        return image
    if image.dtype == np.uint16:  # on its way to an error about its kind
        return np.zeros((*(preparation.size or (height, width)), *image.shape[2:]), np.uint8)
    if image.ndim == 2 or image.shape[2] in (3, 4):
        return np.asarray(fitted(Image.fromarray(image), preparation))
    planes = [fitted(Image.fromarray(image[:, :, c]), preparation) for c in range(image.shape[2])]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)


def cropped_size(size: tuple[int, int], crop: float) -> tuple[int, int]:
    """The size after cropping, in whole pixels.

    >>> cropped_size((178, 218), 0.7)
    (125, 153)
    """
    return max(1, round(size[0] * crop)), max(1, round(size[1] * crop))


def centered(outer: tuple[int, int], inner: tuple[int, int]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of a rectangle centered in a larger one, both given as (width, height)."""
    left, top = (outer[0] - inner[0]) // 2, (outer[1] - inner[1]) // 2
    return left, top, left + inner[0], top + inner[1]
