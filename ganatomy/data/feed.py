"""Batches by number, as images in [-1, 1]; and the conversions between these and uint8 pixels.

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
from ganatomy.core.randomness import CPU, keyed, on_device
from ganatomy.core.shape import Shape
from ganatomy.data.packed import Split

HALF_RANGE = 127.5
CGROUP = Path("/sys/fs/cgroup")  # of this container, where there is one


def to_unit(images: NDArray[np.uint8] | Tensor) -> Tensor:
    """uint8 [N, H, W, C] to float32 [N, C, H, W] in [-1, 1], channels-last in memory, on the same device.

    >>> to_unit(np.array([[[[0], [255]]]], np.uint8)).tolist()
    [[[[-1.0, 1.0]]]]
    """
    pixels = torch.from_numpy(np.array(images)) if isinstance(images, np.ndarray) else images
    unit = pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last)
    return unit.div_(HALF_RANGE).sub_(1)


def to_uint8(x: Tensor) -> NDArray[np.uint8]:
    """[N, C, H, W] in [-1, 1] to the nearest uint8 [N, H, W, C], clipped, as a NumPy array: the inverse of `to_unit`.

    >>> to_uint8(torch.tensor([[[[-1.0, 0.999, 7.0]]]])).ravel().tolist()
    [0, 255, 255]
    """
    scaled = (x.detach().float() + 1).mul_(HALF_RANGE).round_().clamp_(0, 255)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


class Feed:
    """Training batches by number. Batch n of a seed is always the same, whatever was drawn before it."""

    def __init__(
        self, split: Split, *, shape: Shape, flip: bool, rotate: float = 0.0, seed: int, device: torch.device = CPU
    ) -> None:
        """shape: of the batches; if the split's images are larger, random crops are taken.

        flip: mirror images left to right with probability 1/2.
        rotate: rotate images by random angles of up to so many degrees, either way.
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
        """x: [n, C, h, w] in [-1, 1], channels-last; y: [n] int64, or None without labels; both on the device.

        number: which batch of `size` images, from 0. rows: the rows of it to return, None for all.

        Epochs follow each other without end, each a new shuffle of the split; batch n has positions n * size to
        (n + 1) * size in them.
        """
        rows = slice(*(rows or slice(None)).indices(size))
        indices = self.indices(number * size + rows.start, number * size + rows.stop)
        pixels = self.gather(indices).view(-1, *self.size, self.shape.channels)
        pixels = self.cropped(pixels, number, size, rows)
        if self.flip:
            flipped = keyed(self.seed, "flip", number).random(size)[rows] < 0.5
            mask = on_device(flipped, self.device)
            pixels = torch.where(mask[:, None, None, None], pixels.flip(2), pixels)
        labels = None if self.labels is None else self.labels.index_select(0, on_device(indices, self.device))
        return self.rotated(to_unit(pixels), number, size, rows), labels

    def indices(self, start: int, stop: int) -> NDArray[np.int64]:
        """Which images of the split are at positions start to stop - 1: [stop - start]."""
        epochs = range(start // self.count, (max(stop, start + 1) - 1) // self.count + 1)
        shuffled = np.concatenate([self.order(epoch) for epoch in epochs])
        before = epochs.start * self.count
        return shuffled[start - before : stop - before]

    def draw_order(self, epoch: int) -> NDArray[np.int64]:
        """An epoch's shuffle of the split: [count]."""
        return keyed(self.seed, "epoch", epoch).permutation(self.count)

    def gather(self, indices: NDArray[np.int64]) -> Tensor:
        """These images as uint8 [n, H * W * C] on the device, from wherever they are held."""
        if self.resident is None:
            return on_device(np.asarray(self.mapped[indices]), self.device)
        rows = self.resident.index_select(0, on_device(indices, self.resident.device))
        return rows if rows.device.type == self.device.type else on_device(rows.numpy(), self.device)

    def cropped(self, pixels: Tensor, number: int, size: int, rows: slice) -> Tensor:
        """Random crops: [n, H, W, C] to [n, h, w, C], each at its own place."""
        spare = (self.size[0] - self.shape.height, self.size[1] - self.shape.width)
        if spare == (0, 0):
            return pixels
        drawn = keyed(self.seed, "crop", number).integers(0, np.array(spare) + 1, size=(size, 2))[rows]
        top, left = on_device(drawn.T.copy(), self.device)
        # [n, tops, lefts, C, h, w], a view
        windows = pixels.unfold(1, self.shape.height, 1).unfold(2, self.shape.width, 1)
        return windows[torch.arange(len(pixels), device=self.device), top, left].permute(0, 2, 3, 1)

    def rotated(self, x: Tensor, number: int, size: int, rows: slice) -> Tensor:
        """[n, C, h, w] rotated about their centers, each by its own random angle; border pixels fill the corners."""
        if not self.rotate:
            return x
        angles = keyed(self.seed, "rotate", number).uniform(-self.rotate, self.rotate, size)[rows]
        return turned(x, on_device(np.radians(angles).astype(np.float32), self.device))


def turned_at_random(images: NDArray[np.uint8], degrees: float, draw: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 [N, H, W, C] rotated by random angles of up to so many degrees, as `Feed` does."""
    angles = np.radians(draw.uniform(-degrees, degrees, len(images))).astype(np.float32)
    return to_uint8(turned(to_unit(images), torch.from_numpy(angles)))


def turned(x: Tensor, angles: Tensor) -> Tensor:
    """Images [N, C, H, W] rotated counterclockwise by angles [N], in radians, about their centers, bilinearly.

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
    """The array as a tensor on the device, or else in RAM, if a quarter of the free memory there suffices; or None."""
    places = [CPU] if device.type == "cpu" else [device, CPU]
    place = next((place for place in places if rows.nbytes <= free_bytes(place) // 4), None)
    if place is None:
        return None
    return torch.from_numpy(np.array(rows)).to(place)


def free_bytes(device: torch.device) -> int:
    """Free memory in bytes: of a CUDA device; for others of RAM, within the container's limit."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = line_number(str(CGROUP / "memory.max"), "")
    if free is not None:
        free = max(0, free - (line_number(str(CGROUP / "memory.current"), "") or 0))
    known = [number for number in (free, line_number("/proc/meminfo", "MemAvailable:", 1024)) if number is not None]
    return min(known) if known else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def line_number(path: str, start: str, unit: int = 1) -> int | None:
    """The number on the first line of a file that begins with `start`, times `unit`; None if there is none."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    found = next((line.removeprefix(start).split()[0] for line in lines if line.startswith(start)), "")
    return int(found) * unit if found.isdecimal() else None
