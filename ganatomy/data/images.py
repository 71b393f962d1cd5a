"""The images of a recipe: their source and preparation."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt

from ganatomy.core.errors import GanatomyError, near
from ganatomy.core.kinds import Data
from ganatomy.core.registry import part
from ganatomy.core.shape import Shape
from ganatomy.core.spec import checked_value, declared_settings
from ganatomy.data.decoding import Preparation
from ganatomy.data.packed import OnError, Split, cache_folder, content_of, packed
from ganatomy.data.sources import source_of

__all__ = ["ImageSet", "Images", "Split"]

Size = PositiveInt | tuple[PositiveInt, PositiveInt]
Part = Annotated[float, Field(gt=0, le=1)]
Subset = Literal["all", "first-half", "train+test"]
Degrees = Annotated[float, Field(ge=0, le=180)]
ProperPart = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class ImageSet:
    """A prepared data set.

    train, held_out: packed images and labels.
    classes: their names, None without labels.
    shape: of training batches; packed images are larger if random crops are taken.
    content: a hash of the packed training images, labels and shape, wherever they are from.
    source: its name or path.
    flip, rotate: training mirrors images at random, and rotates them by up to so many degrees.
    skipped: names of unreadable images that were left out.
    unseen: whether the held-out images are not trained on.
    """

    train: Split
    held_out: Split
    classes: tuple[str, ...] | None
    shape: Shape
    content: str
    source: str
    flip: bool = False
    rotate: float = 0.0
    skipped: tuple[str, ...] = ()
    unseen: bool = True

    @property
    def remarks(self) -> list[str]:
        """Remarks that belong to scores against these images."""
        seen = [] if self.unseen else ["no unseen reference: the held-out images were trained on, too"]
        turned = f"images were turned by up to {self.rotate:g} degrees in training, and those compared with are upright"
        return [*seen, *([turned] if self.rotate else []), *self.left_out]

    @property
    def left_out(self) -> list[str]:
        """A remark on images that were left out, if any."""
        count = len(self.skipped)
        return [f"{count:,} unreadable files of {self.source} are left out, such as {self.skipped[0]}"] if count else []

    @cached_property
    def held_out_content(self) -> str:
        """A hash of the packed held-out images and labels, like `content`."""
        return content_of(self.held_out.images, self.held_out.labels)

    def pictures(self, split: Split, rows: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.uint8]:
        """Images of a split at the training size, uint8 [n, H, W, C]: center crops if they are packed larger."""
        top, left = ((packed - size) // 2 for packed, size in zip(split.images.shape[1:3], self.shape[1:], strict=True))
        return split.images[rows, top : top + self.shape.height, left : left + self.shape.width]


@part
@dataclass(frozen=True, kw_only=True)
class Images(Data):
    """A source of images and their preparation. `Preparation` says how they are resized and converted.

    source: the name of a known source, or a path: a folder of images, Parquet or idx files; a .parquet; an .npz.
    size: at which to train, in pixels, one number or height and width; None: the images' own, if it is common to all.
    channels: None: the source's own, which must then be gray, RGB or RGBA for all images.
    crop: the fraction of each side to keep, around the center; None: the known source's, else 1.
    load_size: the size to pack at, from which random crops of `size` are taken; None: no random crops.
    flip: mirror images left to right at random; None: the known source's, else not.
    rotate: rotate images by random angles of up to so many degrees; border pixels fill the corners.
    label: the label column, or a boolean column by name; None: detected.
    held_out: the fraction to hold out, if the source has no test or validation split.
    on_error: "stop" at unreadable images, or "skip" them.
    subset: of the training images. "first-half" is what judges are trained on. "train+test" adds the held-out images,
        so that nothing is unseen: scores say so, and D has no held-out figures.
    portion: the fraction of training images to keep, of each class if there are labels, by one fixed shuffle.
    per_class: the number of training images of each class to keep, by the same shuffle; None: all.
    draw: which shuffle that is, to compare several choices of few images.
    only: the name of the one class to keep, among held-out images, too.

    >>> Images(source="digits").open().shape
    Shape(channels=1, height=8, width=8)
    """

    source: str
    size: Size | None = None
    channels: Literal["gray", "rgb", "rgba"] | None = None
    crop: Part | None = None
    load_size: Size | None = None
    flip: bool | None = None
    rotate: Degrees = 0.0
    label: str | None = None
    held_out: ProperPart = 0.1
    on_error: OnError = "stop"
    subset: Subset = "all"
    portion: Part = 1.0
    per_class: PositiveInt | None = None
    draw: NonNegativeInt = 0
    only: str | None = None

    def __post_init__(self) -> None:
        for name, setting in declared_settings(Images).items():
            object.__setattr__(self, name, checked_value(f"Images.{name}", setting.annotation, getattr(self, name)))
        if self.per_class is not None and self.portion < 1:
            raise GanatomyError("data.portion and data.per_class both say how many images to keep: say one of them.")
        size, load_size = pair(self.size), pair(self.load_size)
        if load_size is None:
            return
        if size is None:
            raise GanatomyError(
                f"data.load_size={self.load_size} needs data.size, the size of the crops taken from it."
            )
        if load_size[0] < size[0] or load_size[1] < size[1]:
            raise GanatomyError(f"data.load_size={self.load_size} is smaller than data.size={self.size}.")

    def preparation(self) -> Preparation:
        """How images are converted before they are packed."""
        size = pair(self.size)
        crop = self.crop
        if crop is None:
            crop = source_of(self.source).crop_for(min(size) if size else None)
        return Preparation(channels=self.channels, crop=crop, size=pair(self.load_size) or size)

    def open(self, *, progress: bool = False, cache: Path | None = None) -> ImageSet:
        """The data set, packed first if need be. Raises GanatomyError for anything wrong with the images."""
        source = source_of(self.source)
        entry = packed(
            source,
            self.preparation(),
            label=self.label,
            held_out=self.held_out,
            on_error=self.on_error,
            cache=(cache or cache_folder()).absolute(),
            progress=progress,
        )
        train, held_out = entry.split("train"), entry.split("held_out")
        if self.subset == "first-half":
            train = train.first(len(train) // 2)
        if self.subset == "train+test":
            train = together(held_out, train)
        train = self.kept(train, entry.classes)
        if self.only is not None and held_out.labels is not None:
            held_out = chosen(held_out, np.flatnonzero(held_out.labels == (entry.classes or ()).index(self.only)))
        height, width = pair(self.size) or train.images.shape[1:3]
        return ImageSet(
            train=train,
            held_out=held_out,
            classes=entry.classes,
            shape=Shape(train.images.shape[3], height, width),
            content=":".join([entry.content, *self.marks()]),
            source=self.source,
            flip=source.flip if self.flip is None else self.flip,
            rotate=self.rotate,
            skipped=entry.skipped,
            unseen=self.subset != "train+test",
        )

    def marks(self) -> list[str]:
        """Additions to the content hash, for a part of the training images."""
        chosen = {
            "subset": self.subset,
            "portion": self.portion,
            "per_class": self.per_class,
            "draw": self.draw if self.chooses else 0,
            "only": self.only,
        }
        usual = {"subset": "all", "portion": 1.0, "per_class": None, "draw": 0, "only": None}
        return [
            str(value) if name == "subset" else f"{name}={value}"
            for name, value in chosen.items()
            if value != usual[name]
        ]

    @property
    def chooses(self) -> bool:
        """Whether only some training images of each class are kept."""
        return self.portion < 1 or self.per_class is not None

    def kept(self, train: Split, classes: tuple[str, ...] | None) -> Split:
        """The training images selected by `portion`, `per_class` and `only`."""
        if not self.chooses and self.only is None:
            return train
        if train.labels is None:
            if self.per_class is not None or self.only is not None:
                raise GanatomyError(f"{self.source} has no labels, so data.per_class and data.only mean nothing.")
            return chosen(train, shuffled(np.arange(len(train)), self.portion, None, self.draw))
        if self.only is not None and self.only not in (classes or ()):
            raise GanatomyError(f"{self.source} has no class '{self.only}'. {near(self.only, classes or ())}")
        numbers = range(len(classes or ())) if self.only is None else [(classes or ()).index(self.only)]
        own = [np.flatnonzero(train.labels == n) for n in numbers]
        rows = [shuffled(of_class, self.portion, self.per_class, self.draw) for of_class in own]
        if self.per_class is not None and (fewest := min(map(len, rows))) < self.per_class:
            raise GanatomyError(f"data.per_class={self.per_class}: {self.source} has a class of {fewest} images.")
        return chosen(train, np.concatenate(rows))


def shuffled(rows: NDArray[np.int64], portion: float, count: int | None, draw: int = 0) -> NDArray[np.int64]:
    """The first of these rows in a fixed shuffle, sorted: smaller selections are subsets of larger ones."""
    kept = count if count is not None else max(1, round(portion * len(rows)))
    return np.sort(np.random.default_rng(draw).permutation(rows)[:kept])


def together(one: Split, other: Split) -> Split:
    """Two splits, one after the other."""
    labels = None if one.labels is None or other.labels is None else np.concatenate([one.labels, other.labels])
    return Split(np.concatenate([one.images, other.images]), labels)


def chosen(split: Split, rows: NDArray[np.int64]) -> Split:
    """Some rows of a split, sorted."""
    rows = np.sort(rows)
    return Split(split.images[rows], None if split.labels is None else split.labels[rows])


def pair(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """A size as (height, width)."""
    return (size, size) if isinstance(size, int) else size
