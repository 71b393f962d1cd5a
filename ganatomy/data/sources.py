"""Known sources by name, each with the preprocessing of the papers that use it."""

import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies

import numpy as np

from ganatomy.core.errors import GanatomyError, one_line, unknown
from ganatomy.core.randomness import keyed
from ganatomy.core.registry import Registry
from ganatomy.data.labels import columns_of, numbered
from ganatomy.data.listing import Array, Found, HubRows, Labels, Listing
from ganatomy.data.reading import files_below, find, found_of, missing, refuse_label, status_of, without_nulls

if TYPE_CHECKING:
    from datasets import Dataset

sources: "Registry[Source]" = Registry("data source")

Fingerprint = list[str | int | None]


@dataclass(frozen=True)
class Source(ABC):
    """A source of images, and its default preprocessing.

    crop: the fraction of each side to keep, around the center; or such fractions by image size in pixels.
    flip: whether training mirrors images at random.
    """

    name: str
    _: KW_ONLY
    crop: float | Mapping[int, float] = 1.0
    flip: bool = False

    def crop_for(self, size: int | None) -> float:
        """The crop for images of a size: that of the nearest size for which there is one."""
        if not isinstance(self.crop, Mapping):
            return self.crop
        wanted = size or max(self.crop)
        return self.crop[min(self.crop, key=lambda named: abs(named - wanted))]

    @abstractmethod
    def fingerprint(self) -> Fingerprint:
        """Values that change when the source's images change."""

    @abstractmethod
    def find(self, label: str | None) -> Found:
        """The contents of the source. label: the label column; None: detected."""


@dataclass(frozen=True)
class Place(Source):
    """A local path."""

    path: Path

    def refuse_absent(self) -> None:
        """Raise GanatomyError if the path does not exist."""
        if not self.path.exists():
            raise GanatomyError(missing(self.path, beside=sources if len(self.path.parts) == 1 else ()))

    def fingerprint(self) -> Fingerprint:
        """Names, sizes and modification times of all files."""
        self.refuse_absent()
        marks: Fingerprint = ["path", str(self.path.resolve())]
        for file in sorted(files_below(self.path)) if self.path.is_dir() else [self.path]:
            status = status_of(file)
            if status is None:  # removed just now
                continue
            marks += [str(file.relative_to(self.path)), status.st_size, status.st_mtime_ns]
        return marks

    def find(self, label: str | None) -> Found:
        return find(self.path, label)


@dataclass(frozen=True)
class Hub(Source):
    """A data set on the Hugging Face hub, loaded by the `datasets` library.

    hub, config, revision: the data set. train, held_out: names of its splits; None: no held-out one.
    counts: the numbers of training and held-out images in the papers; other copies are refused.
    """

    hub: str
    config: str | None = None
    train: str = "train"
    held_out: str | None = "test"
    revision: str | None = None
    counts: tuple[int, int] | None = None

    def fingerprint(self) -> Fingerprint:
        return ["hub", self.hub, self.config, self.revision, self.train, self.held_out]

    def find(self, label: str | None) -> Found:
        loaded = {"train": self.load(self.train)}
        if self.held_out is not None:
            loaded["test"] = self.load(self.held_out)
        found_counts = tuple(len(split) for split in loaded.values())
        if self.counts is not None and found_counts != self.counts:
            there, wanted = (" and ".join(f"{n:,}" for n in counts) for counts in (found_counts, self.counts))
            raise GanatomyError(f"'{self.name}' ({self.hub}) has {there} images, not the {wanted} of its papers.")
        columns = columns_of(loaded["train"].features.arrow_schema, self.hub, label)
        rows = {split: dataset.with_format("arrow") for split, dataset in loaded.items()}
        items = {split: HubRows(f"{self.hub} {split}", of_split, columns.image) for split, of_split in rows.items()}
        labels: dict[str, Labels | None] = dict.fromkeys(rows)
        classes = None
        if columns.label is not None:
            where = f"the column '{columns.label}' of {self.hub}"
            table = {split: of_split.select_columns([columns.label])[:] for split, of_split in rows.items()}
            values = {split: without_nulls(of_split.column(0), where) for split, of_split in table.items()}
            labels, classes = numbered(values, columns.names, self.hub)
        return found_of({split: Listing(items[split], labels[split]) for split in rows}, classes, self.hub)

    def load(self, split: str) -> "Dataset":
        """Load a split from the hub or the library's cache. Raises GanatomyError if neither has it."""
        if hub_is_out_of_reach():
            # read when `datasets` is imported: its cache still serves, without retries
            os.environ["HF_HUB_OFFLINE"] = "1"

        import datasets  # here, because it takes a second and paths do not need it

        try:
            return datasets.load_dataset(self.hub, self.config, split=split, revision=self.revision)
        except Exception as error:  # network, hub, disk and parsing errors of four libraries
            raise GanatomyError(
                f"'{self.name}' could not be loaded from the Hugging Face hub ({self.hub}): {one_line(error)[:160]}. "
                f"Without a network, point at a local copy: --data PATH{self.preprocessing()}"
            ) from None

    def preprocessing(self) -> str:
        """The overrides by which a local copy gets this source's preprocessing."""
        crop = f" data.crop={self.crop}" if not isinstance(self.crop, Mapping) and self.crop != 1 else ""
        if isinstance(self.crop, Mapping):
            crop = " " + " or ".join(f"data.crop={crop} (at {size} px)" for size, crop in self.crop.items())
        return crop + (" data.flip=true" if self.flip else "")


@dataclass(frozen=True)
class Digits(Source):
    """scikit-learn's handwritten digits: 1,797 real scans of 8x8, inside that package.

    Alpaydin and Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI.
    Values 0 .. 16 become round(v * 255 / 16). `inverted_bold`: strokes as wide as their neighbors make them, black on
    white, for translation.
    """

    inverted_bold: bool = False

    def fingerprint(self) -> Fingerprint:
        return [self.name]

    def find(self, label: str | None) -> Found:
        """1,197 training and 600 held-out images, after one fixed shuffle (the first writers differ from the last)."""
        from sklearn.datasets import load_digits  # here, because it takes a second and nothing else needs it

        refuse_label(label, Path(self.name))
        bunch = load_digits()
        order = keyed("digits").permutation(len(bunch.target))
        images = np.round(bunch.images[order] * 255 / 16).astype(np.uint8)
        if self.inverted_bold:
            images = 255 - np.maximum(images, np.maximum(np.roll(images, 1, axis=1), np.roll(images, 1, axis=2)))
        labels = bunch.target[order].astype(np.int64)
        train = Listing(Array("digits train", images[:1197]), labels[:1197])
        held_out = Listing(Array("digits held-out", images[1197:]), labels[1197:])
        return Found(train, held_out, tuple(str(name) for name in bunch.target_names))


def hub_is_out_of_reach() -> bool:
    """Whether the hub's host name does not resolve, a quick test of being offline; False behind a proxy."""
    if getproxies():
        return False
    try:
        socket.getaddrinfo(urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co")).hostname, 443)
    except OSError:
        return True
    return False


def source_of(text: str) -> Source:
    """A known source by name, or a local path. Raises GanatomyError for what is neither."""
    if text in sources:
        return sources[text]
    path = Path(text).expanduser()
    if not path.exists() and len(path.parts) == 1 and not path.suffix:
        said = missing(path, beside=sources)
        raise GanatomyError(said) if "Did you mean" in said else unknown("data source or path", text, sources)
    return Place(text, path=path)


for source in (
    Digits("digits"),
    Digits("digits-inverted-bold", inverted_bold=True),
    Hub("mnist", hub="ylecun/mnist"),
    Hub("fashion-mnist", hub="zalando-datasets/fashion_mnist"),
    Hub("cifar10", hub="uoft-cs/cifar10"),
    Hub("cifar100", hub="uoft-cs/cifar100"),  # `fine_label`, the hundred classes, is recognized before `coarse_label`
    Hub("celeba", hub="flwrlabs/celeba", crop=0.7),
    Hub("lsun-bedroom", hub="pcuenq/lsun-bedrooms", crop={32: 0.5, 64: 0.7}),
    # the test images' labels are hidden
    Hub("imagenet-32", hub="benjamin-paine/imagenet-1k-32x32", held_out="validation", flip=True),
    Hub("afhq", hub="huggan/AFHQ", held_out=None),
    Hub("horses", hub="gigant/horse2zebra", config="horse", counts=(1067, 120)),
    Hub("zebras", hub="gigant/horse2zebra", config="zebra", counts=(1334, 140)),
):
    sources.add(source.name, source)
