"""Many small images as one picture."""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganatomy.core.errors import GanatomyError

Array = np.ndarray[Any, np.dtype[Any]]

PAPER, INK = (255, 255, 255), (51, 58, 69)
CHECKS = (236, 210)  # light and dark squares, seen through transparent images
SMALL = 32  # pixels; what is no larger is enlarged to about twice that
GAP, MARGIN, LETTERS, LONGEST = 2, 10, 12, 100  # pixels; longer names are cut, unless they stand at the left


def grid(
    images: Array,
    columns: int | None = None,
    names: Sequence[str] | None = None,
    scale: int | None = None,
    row_names: Sequence[str] | None = None,
    column_names: Sequence[str] | None = None,
) -> Image.Image:
    """Images in rows, first to last, as an RGB picture.

    images: [N, H, W, C] uint8, C = 1 gray, 3 RGB, 4 RGBA over a checkerboard; of 2 channels the first is shown, of more
    than 4 the first three. `names`: one below each image; `row_names`: one left of each row, which sets the columns;
    `column_names`: one above each column. `scale`: times enlarged, each pixel a square; by itself, images of 32 pixels
    and less become about 64.

    >>> grid(np.zeros((6, 8, 8, 1), np.uint8), columns=3).size
    (216, 150)
    """
    images = _checked(images)
    count, height, width = images.shape[:3]
    columns = columns or _columns(count, height, width, row_names)
    rows = math.ceil(count / columns)
    _check_names("names", names, count)
    _check_names("row_names", row_names, rows)
    _check_names("column_names", column_names, columns)
    scale = scale or (math.ceil(2 * SMALL / max(height, width)) if max(height, width) <= SMALL else 1)
    height, width = height * scale, width * scale
    cell = max([width, *(min(_length(name), LONGEST) + 6 for name in (*(names or ()), *(column_names or ())))])

    left = MARGIN + (max(_length(name) for name in row_names) + 8 if row_names else 0)
    top = MARGIN + (LETTERS + 8 if column_names else 0)
    line = height + GAP + (LETTERS + 12 if names else 0)
    page = Image.new("RGB", (left + columns * (cell + GAP) - GAP + MARGIN, top + rows * line - GAP + MARGIN), PAPER)
    draw = ImageDraw.Draw(page)
    for number, image in enumerate(images):
        x, y = left + number % columns * (cell + GAP) + (cell - width) // 2, top + number // columns * line
        page.paste(_picture(image).resize((width, height), Image.Resampling.NEAREST), (x, y))
        if names:
            _write(draw, (x + width / 2, y + height + 4), names[number], "ma", cell)
    for row, name in enumerate(row_names or ()):
        _write(draw, (left - 8, top + row * line + height / 2), name, "rm")
    for column, name in enumerate(column_names or ()):
        _write(draw, (left + column * (cell + GAP) + cell / 2, top - 6), name, "md", cell)
    return page


def _checked(images: Array) -> Array:
    images = np.asarray(images)
    if images.ndim != 4 or images.dtype != np.uint8 or images.size == 0:
        raise GanatomyError(f"A grid shows [N, H, W, C] uint8; these are {list(images.shape)} {images.dtype}.")
    return images


def _check_names(what: str, names: Sequence[str] | None, count: int) -> None:
    if names is not None and len(names) != count:
        raise GanatomyError(f"A grid of {count} needs as many {what}; there are {len(names)}.")


def _columns(count: int, height: int, width: int, row_names: Sequence[str] | None) -> int:
    """As many as there must be for the named rows, or else for a picture that is about square."""
    if row_names:
        return math.ceil(count / len(row_names))
    return min(count, max(1, round(math.sqrt(count * height / width))))


def _picture(image: Array) -> Image.Image:
    """An image [H, W, C] as RGB."""
    channels = image.shape[2]
    if channels < 3:
        return Image.fromarray(np.ascontiguousarray(image[:, :, 0])).convert("RGB")
    if channels == 4:
        opaque = image[:, :, 3:] / 255
        mixed = image[:, :, :3] * opaque + _checkerboard(*image.shape[:2]) * (1 - opaque)
        return Image.fromarray(np.rint(mixed).astype(np.uint8))
    return Image.fromarray(np.ascontiguousarray(image[:, :, :3]))


def _checkerboard(height: int, width: int) -> Array:
    """[H, W, 1], about eight squares along the longer side."""
    square = max(1, max(height, width) // 8)
    rows, columns = np.indices((height, width)) // square
    return np.where((rows + columns) % 2 == 0, *CHECKS)[:, :, None]


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, anchor: str, width: float = 1e9) -> None:
    """Write a name, cut to a width if need be. `anchor`: which point of the text the place is, as Pillow has it."""
    shown = text
    while len(shown) > 1 and _length(shown) > width:
        shown = shown.removesuffix("…")[:-1] + "…"
    draw.text(place, shown, INK, _font(), anchor)


def _length(text: str) -> int:
    return math.ceil(_font().getlength(text))


@cache
def _font() -> ImageFont.FreeTypeFont:
    """The font of the curves, which comes with matplotlib."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", LETTERS)
