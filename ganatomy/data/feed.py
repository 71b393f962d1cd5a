"""Batches by number, normalized to [-1, 1]; and the two conversions between pixels and what networks see.

Shapes: N images, H x W pixels of C channels in the packed array; h x w pixels in the batch.
"""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import CPU, keyed
from ganatomy.core.shape import Shape
from ganatomy.data.packed import Split

HALF_RANGE = 127.5
CGROUP = Path("/sys/fs/cgroup")  # of this container, where there is one


def to_unit(images: NDArray[np.uint8] | Tensor) -> Tensor:
    """uint8 [N, H, W, C] to float32 [N, C, H, W] in [-1, 1], in channels_last memory, on the same device.

    >>> to_unit(np.array([[[[0], [255]]]], np.uint8)).tolist()
    [[[[-1.0, 1.0]]]]
    """
    pixels = torch.from_numpy(np.array(images)) if isinstance(images, np.ndarray) else images
    unit = pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last)
    return unit.div_(HALF_RANGE).sub_(1)


def to_uint8(x: Tensor) -> NDArray[np.uint8]:
    """[N, C, H, W] in [-1, 1], clipped, to the nearest uint8 [N, H, W, C] in NumPy; undoes `to_unit`.

    >>> to_uint8(torch.tensor([[[[-1.0, 0.999, 7.0]]]])).ravel().tolist()
    [0, 255, 255]
    """
    scaled = (x.detach().float() + 1).mul_(HALF_RANGE).round_().clamp_(0, 255)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


class Feed:
    """Batches by number: batch n of a seed is always the same, whoever asks and whatever came before."""

    def __init__(
        self, split: Split, *, shape: Shape, flip: bool, rotate: float = 0.0, seed: int, device: torch.device = CPU
    ) -> None:
        """shape: of the batches; random crops of it are taken where the split's images are larger.

        rotate: degrees by which images are turned at random, either way, at most.
        """
        height, width, channels = split.images.shape[1:]
        if channels != shape.channels or height < shape.height or width < shape.width:
            raise GanatomyError(f"Batches of {shape} cannot be cut from images of {height}x{width}x{channels}.")
        self.shape, self.flip, self.rotate, self.seed, self.device = shape, flip, rotate, seed, device
        self.size = (height, width)
        self.count = len(split)
        rows = split.images.reshape(self.count, -1)
        self.mapped = rows
        self.resident = hold(rows, device)
        self.labels = None if split.labels is None else torch.from_numpy(np.array(split.labels)).to(device)
        self.order = lru_cache(maxsize=4)(self.draw_order)

    def batch(self, number: int, size: int, rows: slice | None = None) -> tuple[Tensor, Tensor | None]:
        """x: [n, C, h, w] in [-1, 1], channels_last; y: [n] int64 or None; both on the device.

        number: which batch of `size` images, counted from zero. rows: the part of it to gather; None: all of it.

        A batch is positions number * size to (number + 1) * size of endless epochs, each a shuffle of the split.
        """
        rows = slice(*(rows or slice(None)).indices(size))
        indices = torch.from_numpy(self.indices(number * size + rows.start, number * size + rows.stop))
        pixels = self.gather(indices).view(-1, *self.size, self.shape.channels)
        pixels = self.cropped(pixels, number, size, rows)
        if self.flip:
            flipped = keyed(self.seed, "flip", number).random(size)[rows] < 0.5
            mask = torch.from_numpy(flipped).to(self.device, non_blocking=True)
            pixels = torch.where(mask[:, None, None, None], pixels.flip(2), pixels)
        labels = (
            None if self.labels is None else self.labels.index_select(0, indices.to(self.device, non_blocking=True))
        )
        return self.rotated(to_unit(pixels), number, size, rows), labels

    def indices(self, start: int, stop: int) -> NDArray[np.int64]:
        """The images at positions start .. stop - 1 of the endless epochs."""
        epochs = range(start // self.count, (max(stop, start + 1) - 1) // self.count + 1)
        shuffled = np.concatenate([self.order(epoch) for epoch in epochs])
        before = epochs.start * self.count
        return shuffled[start - before : stop - before]

    def draw_order(self, epoch: int) -> NDArray[np.int64]:
        return keyed(self.seed, "epoch", epoch).permutation(self.count)

    def gather(self, indices: Tensor) -> Tensor:
        """uint8 [n, H * W * C] on the device."""
        if self.resident is None:
            return torch.from_numpy(np.asarray(self.mapped[indices.numpy()])).to(self.device)
        return self.resident.index_select(0, indices.to(self.resident.device, non_blocking=True)).to(self.device)

    def cropped(self, pixels: Tensor, number: int, size: int, rows: slice) -> Tensor:
        """[n, H, W, C] to [n, h, w, C], each cut at its own random place."""
        spare = (self.size[0] - self.shape.height, self.size[1] - self.shape.width)
        if spare == (0, 0):
            return pixels
        drawn = keyed(self.seed, "crop", number).integers(0, np.array(spare) + 1, size=(size, 2))[rows]
        top, left = torch.from_numpy(drawn.T.copy()).to(self.device, non_blocking=True)
        # [n, tops, lefts, C, h, w], a view
        windows = pixels.unfold(1, self.shape.height, 1).unfold(2, self.shape.width, 1)
        return windows[torch.arange(len(pixels), device=self.device), top, left].permute(0, 2, 3, 1)

    def rotated(self, x: Tensor, number: int, size: int, rows: slice) -> Tensor:
        """[n, C, h, w], each turned about its center by an angle of its own; the border is continued."""
        if not self.rotate:
            return x
        angles = keyed(self.seed, "rotate", number).uniform(-self.rotate, self.rotate, size)[rows]
        return turned(x, torch.from_numpy(np.radians(angles).astype(np.float32)).to(self.device, non_blocking=True))


def turned_at_random(images: NDArray[np.uint8], degrees: float, draw: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 [N, H, W, C], each turned by up to so many degrees, as `Feed` turns what it feeds."""
    angles = np.radians(draw.uniform(-degrees, degrees, len(images))).astype(np.float32)
    return to_uint8(turned(to_unit(images), torch.from_numpy(angles)))


def turned(x: Tensor, angles: Tensor) -> Tensor:
    """Images [N, C, H, W] turned counterclockwise by angles [N], in radians, bilinearly, about their centers.

    >>> turned(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), torch.tensor([torch.pi / 2])).round().tolist()
    [[[[2.0, 4.0], [1.0, 3.0]]]]
    """
    height, width = x.shape[2:]
    cosine, sine, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    # a step in normalized coordinates is half of the height or width in pixels
    rows = [cosine, -sine * height / width, zero, sine * width / height, cosine, zero]
    grid = affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(x.shape), align_corners=False)
    return grid_sample(x, grid, padding_mode="border", align_corners=False)


def hold(rows: NDArray[np.uint8], device: torch.device) -> Tensor | None:
    """The array as a tensor on the device or else in RAM, where it takes at most a quarter of what is free; or None."""
    places = [CPU] if device.type == "cpu" else [device, CPU]
    place = next((place for place in places if rows.nbytes <= free_bytes(place) // 4), None)
    if place is None:
        return None
    return torch.from_numpy(np.array(rows)).to(place)


def free_bytes(device: torch.device) -> int:
    """Memory that is free: on a CUDA device; or else in RAM, within this container's limit."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = line_number(str(CGROUP / "memory.max"), "")
    if free is not None:
        free = max(0, free - (line_number(str(CGROUP / "memory.current"), "") or 0))
    known = [number for number in (free, line_number("/proc/meminfo", "MemAvailable:", 1024)) if number is not None]
    return min(known) if known else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def line_number(path: str, start: str, unit: int = 1) -> int | None:
    """The number on the line of a file that starts so, times the unit; None where there is none."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    found = next((line.removeprefix(start).split()[0] for line in lines if line.startswith(start)), "")
    return int(found) * unit if found.isdecimal() else None
