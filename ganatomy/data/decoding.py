"""From encoded images to uint8 pixels: one image at a time, the same wherever the image came from.

Kept free of torch, so that a decoding process starts in a tenth of a second.
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
PLAIN = ("gray", "RGB", "RGBA")  # the kinds that need no conversion, as `kind_of` calls them
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
    """An image as its source holds it: a file's bytes or path, or an array [H, W] or [H, W, C] of uint8 or uint16."""

    name: str
    data: bytes | str | NDArray[np.uint8] | NDArray[np.uint16]


class Unreadable(Exception):
    """The image cannot be decoded; the text says why."""


class Bomb(Unreadable):
    """The image claims more pixels than any honest one."""


@dataclass(frozen=True)
class Preparation:
    """How an image becomes pixels.

    channels: convert to these; None leaves the image as it is. Transparent images lose their transparency over white;
        16-bit values are divided by 257 and rounded (of 16-bit *color* files Pillow hands over the high byte only, at
        most one step away).
    crop: the part of each side that is kept, around the center, in whole pixels.
    size: height, width. What the crop leaves is resized so that the shorter side fits, with Pillow's Lanczos filter,
        which is antialiased; of the longer side the center is kept. None keeps the size.

    Of animations the first frame is taken. EXIF orientation is honored.
    """

    channels: Channels | None = None
    crop: float = 1.0
    size: tuple[int, int] | None = None


class Expected(NamedTuple):
    """What every image must turn out to be. kind: None where the images are converted anyway."""

    kind: str | None
    shape: tuple[int, ...]


class Problem(NamedTuple):
    """What is wrong with image `row` of a chunk."""

    row: int
    name: str
    what: Literal["unreadable", "bomb", "kind", "size"]
    text: str


class Chunk(NamedTuple):
    """Decoded images: pixels [n, H, W, C] of the `rows` of the chunk that have no problem. size: of the chunk."""

    pixels: Pixels
    rows: list[int]
    problems: list[Problem]
    size: int


class Sight(NamedTuple):
    """What a survey notes of an image as its source has it. problem: None where it decodes."""

    name: str
    kind: str
    height: int
    width: int
    digest: bytes
    problem: str | None


def decode_chunk(chunk: Sequence[Encoded], preparation: Preparation, expected: Expected) -> Chunk:
    """Decode what can be decoded, and say what is wrong with the rest."""
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
    """Look at every image as it is: kind, size, and a digest of its pixels."""
    return [sight(encoded) for encoded in chunk]


def sight(encoded: Encoded) -> Sight:
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
    """The kind the image was, and its prepared pixels [H, W, C]. Raises Unreadable."""
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
    text = " ".join(str(error).split())
    return "not an image" if text.startswith("cannot identify image file") else text or type(error).__name__


def sixteen_bit_color(image: Image.Image) -> bool:
    """Whether the file holds 16-bit color, which Pillow would cut to 8 bits without a word."""
    return len(image.getbands()) > 1 and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def kind_of(image: Image.Image | NDArray[np.uint8] | NDArray[np.uint16]) -> str:
    """What the image is, in words: "gray", "RGB", "RGBA", "palette", "16-bit gray", "2 channels" ..."""
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
    """The image in the channels asked for. Raises Unreadable for what has no 8-bit reading."""
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
    """0 .. 65535 to 0 .. 255, divided by 257 and rounded."""
    if values.min() < 0 or values.max() > 65535:
        raise Unreadable("32-bit values outside 0 to 65535")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def fitted(image: Image.Image, preparation: Preparation) -> Image.Image:
    """Cropped and resized."""
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
    """Cropped and resized, as Pillow does it; channels that are not L, RGB or RGBA one by one."""
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
    """Whole pixels that the crop leaves of each side.

    >>> cropped_size((178, 218), 0.7)
    (125, 153)
    """
    return max(1, round(size[0] * crop)), max(1, round(size[1] * crop))


def centered(outer: tuple[int, int], inner: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the inner rectangle in the middle of the outer one."""
    left, top = (outer[0] - inner[0]) // 2, (outer[1] - inner[1]) // 2
    return left, top, left + inner[0], top + inner[1]
