"""Unpaired images of two domains, for translation."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ganatomy.core.errors import GanatomyError, unknown
from ganatomy.core.kinds import Data
from ganatomy.core.registry import part
from ganatomy.data.feed import Feed
from ganatomy.data.images import Images, ImageSet, Part, ProperPart, Size
from ganatomy.data.labels import listed
from ganatomy.data.packed import OnError, Split
from ganatomy.data.sources import Place, source_of

APART = 1_000_003  # difference of the seeds of the domains' shuffles


@dataclass(frozen=True)
class UnpairedSet(ImageSet):
    """The images of domain X, and those of domain Y in `other`; `names` of both."""

    other: ImageSet | None = None
    names: tuple[str, str] = ("X", "Y")

    def of_y(self) -> ImageSet:
        """The images of domain Y."""
        assert self.other is not None
        return self.other


@part
@dataclass(frozen=True, kw_only=True)
class Unpaired(Data):
    """Two domains: two sources, or one that is split in two. Other fields are as in `Images`, for both domains.

    source: of domain X, or of both.
    other: the source of domain Y.
    split: how to split one source: a column with two classes, such as an attribute; or two of its classes, separated by
        a comma. None: it has exactly two classes, as a folder with two subfolders has.
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
        """Both domains, packed first if need be. Raises GanatomyError for anything wrong with them."""
        how = {
            name: getattr(self, name)
            for name in ("size", "channels", "crop", "load_size", "flip", "held_out", "on_error")
        }
        if self.other is not None:
            x, y = (Images(source=s, **how).open(progress=progress, cache=cache) for s in (self.source, self.other))
            return unpaired(without_labels(x), without_labels(y), titles(self.source, self.other))
        names = tuple(name.strip() for name in self.split.split(",")) if self.split and "," in self.split else None
        column = self.split if names is None else None
        source = source_of(self.source)
        if isinstance(source, Place):  # what is wrong is told before minutes of packing
            two_of(classes_at(source, column), names, self.source)
        whole = Images(source=self.source, label=column, **how).open(progress=progress, cache=cache)
        first, second = two_of(whole.classes, names, self.source)
        assert whole.classes is not None
        x, y = (only_class(whole, whole.classes.index(name)) for name in (first, second))
        return unpaired(x, y, (first, second))


def classes_at(place: Place, column: str | None) -> Sequence[str] | None:
    """The classes of a local source, or of a column of it, before anything is decoded."""
    try:
        return place.find(column).classes
    except GanatomyError as error:
        if column is None:
            raise
        told = str(error).replace("data.label", "data.split")
        raise GanatomyError(f"{told} With data.split=none its own two classes are the domains.") from None


def two_of(classes: Sequence[str] | None, names: Sequence[str] | None, source: str) -> tuple[str, str]:
    """The two classes that are the domains: those named, or the only ones. Raises GanatomyError otherwise."""
    for name in names or ():
        if name not in (classes or ()):
            raise unknown(f"class of {source}", name, classes or ())
    found = tuple(dict.fromkeys(names or classes or ()))
    if len(found) == 2 and (names is None or len(names) == 2):
        return found[0], found[1]
    there = "no classes" if not classes else f"{len(classes)} classes ({listed(classes)})"
    example = f"two of them with data.split={classes[0]},{classes[1]}, " if classes and len(classes) > 2 else ""
    raise GanatomyError(
        f"{source} has {there}; two domains are wanted: name {example}a second source with data.other=, or a column "
        "that cuts it in two with data.split=."
    )


def titles(source: str, other: str) -> tuple[str, str]:
    """Names for the domains of two sources: the last parts of their paths or, if these are equal, X and Y.

    >>> titles("/data/horses", "zebras/"), titles("a/train", "b/train")
    (('horses', 'zebras'), ('X', 'Y'))
    """
    short = Path(source).name or source, Path(other).name or other
    return short if short[0] != short[1] else ("X", "Y")


class UnpairedFeed:
    """Batches by number, x of domain X and y of domain Y, each shuffled on its own."""

    def __init__(self, x: Feed, y: Feed) -> None:
        self.x, self.y = x, y

    def batch(self, number: int, size: int, rows: slice | None = None) -> tuple[Tensor, Tensor]:
        """x and y: [n, C, h, w] in [-1, 1] each; see `Feed.batch`."""
        return self.x.batch(number, size, rows)[0], self.y.batch(number, size, rows)[0]


def unpaired_feed(
    data: UnpairedSet, which: Literal["train", "held_out"], *, seed: int, device: torch.device
) -> UnpairedFeed:
    """The feed of a split; training images are mirrored and rotated at random, as the data says."""
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
    """Two domains as one data set. Raises GanatomyError if their images differ in size."""
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
    """A data set without its labels."""
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
