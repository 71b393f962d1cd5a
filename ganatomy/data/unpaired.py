"""Images of two domains that have nothing to do with each other, each in its own number."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ganatomy.core.errors import GanatomyError
from ganatomy.core.kinds import Data
from ganatomy.core.registry import part
from ganatomy.data.feed import Feed
from ganatomy.data.images import Images, ImageSet, Part, ProperPart, Size
from ganatomy.data.packed import OnError, Split

APART = 1_000_003  # between the seeds of the two domains' shuffles


@dataclass(frozen=True)
class UnpairedSet(ImageSet):
    """The images of domain X, and those of Y in `other`; `names` are what the two are called."""

    other: ImageSet | None = None
    names: tuple[str, str] = ("X", "Y")

    def of_y(self) -> ImageSet:
        assert self.other is not None
        return self.other


@part
@dataclass(frozen=True, kw_only=True)
class Unpaired(Data):
    """Two domains: a source and an `other`; or one source in two parts, by its label or an attribute (`split`).

    Without either, the source's own two classes are the domains, as a folder with two folders in it has them. The rest
    is as in `Images`, for both alike.
    """

    source: str
    other: str | None = None
    split: str | None = None
    size: Size | None = None
    channels: Literal["gray", "rgb", "rgba"] | None = None
    crop: Part | None = None
    load_size: Size | None = None
    flip: bool | None = None
    held_out: ProperPart = 0.1
    on_error: OnError = "stop"

    def __post_init__(self) -> None:
        if self.other is not None and self.split is not None:
            raise GanatomyError("data.other names a second source, data.split cuts one in two: say one of them.")

    def open(self, *, progress: bool = False, cache: Path | None = None) -> UnpairedSet:
        how = {
            name: getattr(self, name)
            for name in ("size", "channels", "crop", "load_size", "flip", "held_out", "on_error")
        }
        if self.other is not None:
            x, y = (Images(source=s, **how).open(progress=progress, cache=cache) for s in (self.source, self.other))
            return unpaired(without_labels(x), without_labels(y), titles(self.source, self.other))
        whole = Images(source=self.source, label=self.split, **how).open(progress=progress, cache=cache)
        if whole.classes is None or len(whole.classes) != 2:
            there = "no classes" if whole.classes is None else f"{len(whole.classes)} classes"
            raise GanatomyError(
                f"{self.source} has {there}; two domains are wanted: name a second source with data.other=, or an "
                "attribute that cuts it in two with data.split=."
            )
        x, y = (only_class(whole, number) for number in (0, 1))
        first, second = whole.classes
        return unpaired(x, y, (f"{first}", f"{second}"))


def titles(source: str, other: str) -> tuple[str, str]:
    """What the domains of two sources are called: their last parts, which people know them by.

    >>> titles("/data/horses", "zebras/"), titles("a/train", "b/train")
    (('horses', 'zebras'), ('X', 'Y'))
    """
    short = Path(source).name or source, Path(other).name or other
    return short if short[0] != short[1] else ("X", "Y")


class UnpairedFeed:
    """Batches by number: x of domain X and y of domain Y, each from endless shuffles of its own."""

    def __init__(self, x: Feed, y: Feed) -> None:
        self.x, self.y = x, y

    def batch(self, number: int, size: int, rows: slice | None = None) -> tuple[Tensor, Tensor]:
        """x, y: [n, C, h, w] in [-1, 1]."""
        return self.x.batch(number, size, rows)[0], self.y.batch(number, size, rows)[0]


def unpaired_feed(
    data: UnpairedSet, which: Literal["train", "held_out"], *, seed: int, device: torch.device
) -> UnpairedFeed:
    """Training images flipped and cropped at random, held-out ones as they are."""
    training = which == "train"
    feeds = [
        Feed(
            getattr(domain, which),
            shape=data.shape,
            flip=training and domain.flip,
            rotate=domain.rotate if training else 0.0,
            seed=seed + number * APART,
            device=device,
        )
        for number, domain in enumerate((data, data.of_y()))
    ]
    return UnpairedFeed(*feeds)


def unpaired(x: ImageSet, y: ImageSet, names: tuple[str, str]) -> UnpairedSet:
    if x.shape != y.shape:
        raise GanatomyError(
            f"{names[0]} has pictures of {x.shape} and {names[1]} of {y.shape}; set data.size and data.channels."
        )
    content = hashlib.sha256(f"{x.content} {y.content}".encode()).hexdigest()
    fields = {name: getattr(x, name) for name in ("train", "held_out", "shape", "flip", "rotate")}
    return UnpairedSet(
        **fields,
        classes=None,
        content=content,
        source=f"{names[0]} and {names[1]}",
        skipped=(*x.skipped, *y.skipped),
        other=y,
        names=names,
    )


def without_labels(data: ImageSet) -> ImageSet:
    return replace(data, train=Split(data.train.images, None), held_out=Split(data.held_out.images, None), classes=None)


def only_class(data: ImageSet, number: int) -> ImageSet:
    """The images of one class, without labels."""

    def part_of(split: Split) -> Split:
        rows = np.flatnonzero(np.asarray(split.labels) == number)
        if len(rows) == 0:
            assert data.classes is not None
            raise GanatomyError(f"{data.source} has no images of '{data.classes[number]}' to train on and to hold out.")
        return Split(np.asarray(split.images[rows]), None)

    return replace(
        data,
        train=part_of(data.train),
        held_out=part_of(data.held_out),
        classes=None,
        content=f"{data.content}:{number}",
    )
