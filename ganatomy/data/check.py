"""A report on a source of images and its problems, for `ganatomy data check`."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from ganatomy.data.decoding import PLAIN, Sight, survey_chunk
from ganatomy.data.images import Images, pair
from ganatomy.data.labels import listed
from ganatomy.data.listing import Found
from ganatomy.data.packed import CONVERT, SKIP
from ganatomy.data.sources import source_of
from ganatomy.data.workers import cores, over_chunks

SMALLEST = 8  # pixels, below which there is a warning
NAMED = 3  # offenders that a finding names
FEW = 500  # images up to which no processes are started
IMBALANCE = 10  # times more images in one class than in another, above which there is a warning


@dataclass(frozen=True)
class Report:
    """Findings about a source of images.

    counts: images per split. classes: images of each class, per split.
    sizes: images of each (height, width). kinds: images of each kind, such as "gray" or "RGB".
    corrupt, too_small: names of images.
    duplicates: pairs of names, the first image of each group with each of the others.
    problems: why training would fail. warnings: what to look at, though it would not.
    """

    source: str
    counts: Mapping[str, int]
    sizes: Mapping[tuple[int, int], int]
    kinds: Mapping[str, int]
    classes: Mapping[str, Mapping[str, int]]
    corrupt: tuple[str, ...]
    duplicates: tuple[tuple[str, str], ...]
    too_small: tuple[str, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the source can be trained on."""
        return not self.problems

    def lines(self) -> list[str]:
        """The findings as lines for people."""
        said = [
            f"{self.source}: "
            + ", ".join(f"{count:,} {split.replace('_', '-')} images" for split, count in self.counts.items())
        ]
        if self.sizes:
            (height, width), count = Counter(self.sizes).most_common(1)[0]
            said.append(
                f"sizes: {height}x{width} ({count:,} images)"
                + (f", {size_range(self.sizes)}" if len(self.sizes) > 1 else "")
            )
        said.append("kinds: " + ", ".join(f"{kind} ({count:,})" for kind, count in Counter(self.kinds).most_common()))
        for split, counts in self.classes.items():
            name_of_split = split.replace("_", "-")
            most = Counter(counts).most_common()
            shown = most if len(most) <= 12 else [*most[:3], *most[-3:]]
            each = ", ".join(f"{name} {count:,}" for name, count in shown)
            said.append(
                f"{name_of_split} classes: {len(most)}"
                + (": " if shown is most else ", the most and the fewest: ")
                + each
            )
        if not self.classes:
            said.append("classes: none")
        said += [f"problem: {problem}" for problem in self.problems]
        said += [f"warning: {warning}" for warning in self.warnings]
        if self.ok:
            said.append("ready to train")
        return said


def size_range(sizes: Mapping[tuple[int, int], int]) -> str:
    """The range of heights and widths in words."""
    heights, widths = zip(*sizes, strict=True)
    return f"heights {min(heights)} to {max(heights)}, widths {min(widths)} to {max(widths)}"


def check(images: Images) -> Report:
    """Decode all images of a source and report on them. Raises GanatomyError if it cannot be read at all."""
    found = source_of(images.source).find(images.label)
    sights = {split: list(survey(found, split)) for split in found.splits()}
    everything = [sight for of_split in sights.values() for sight in of_split]
    good = [sight for sight in everything if sight.problem is None]
    corrupt = [sight for sight in everything if sight.problem is not None]
    sizes = Counter((sight.height, sight.width) for sight in good)
    kinds = Counter(sight.kind for sight in good)
    classes = class_counts(found)
    duplicates = duplicate_pairs(good)
    least = pair(images.load_size) or pair(images.size) or (0, 0)
    small = [s for s in good if s.height < max(SMALLEST, least[0]) or s.width < max(SMALLEST, least[1])]
    lonely = [name for name, count in classes.get("train", {}).items() if count == 1]

    problems: list[str] = []
    warnings: list[str] = []
    if corrupt:
        named = listed([f"{sight.name} ({sight.problem})" for sight in corrupt], NAMED)
        fatal = images.on_error == "stop" or not good
        text = f"{len(corrupt):,} corrupt: {named}" + (f"; {SKIP}" if fatal and good else "")
        (problems if fatal else warnings).append(text)
    if images.channels is None and (
        len(kinds) > 1 or any(k not in PLAIN and not k.endswith(" channels") for k in kinds)
    ):
        problems.append(f"kinds that need a conversion: {examples(good, kinds)}; {CONVERT}")
    if images.size is None and len(sizes) > 1:
        problems.append(f"sizes differ, {size_range(sizes)}: say which: data.size=HEIGHT,WIDTH")
    if lonely:
        problems.append(f"classes with a single image: {listed(lonely, NAMED)}")
    if len(good) < 2:
        problems.append("fewer than two readable images")
    if small:
        asked = " x ".join(str(max(SMALLEST, side)) for side in least)
        warnings.append(f"{len(small):,} smaller than {asked} pixels: {listed([sight.name for sight in small], NAMED)}")
    if duplicates:
        warnings.append(f"{len(duplicates):,} exact duplicates: {listed([f'{a} = {b}' for a, b in duplicates], NAMED)}")
    shared = {s.digest for s in sights["train"] if not s.problem} & {
        s.digest for s in sights.get("held_out", []) if not s.problem
    }
    if shared:
        warnings.append(f"{len(shared):,} images are both in the training and in the held-out split")
    warnings += balance(classes.get("train", {}))
    return Report(
        source=images.source,
        counts={split: len(of_split) for split, of_split in sights.items()},
        sizes=dict(sizes),
        kinds=dict(kinds),
        classes=classes,
        corrupt=tuple(sight.name for sight in corrupt),
        duplicates=duplicates,
        too_small=tuple(sight.name for sight in small),
        problems=tuple(problems),
        warnings=tuple(warnings),
    )


def survey(found: Found, split: str) -> list[Sight]:
    """What was found about every image of a split, in order."""
    listing = found.splits()[split]
    tasks = ((chunk,) for chunk in listing.items.chunks())
    processes = cores() if len(listing) > FEW else 1
    with closing(over_chunks(survey_chunk, tasks, processes)) as chunks:
        return [sight for chunk in chunks for sight in chunk]


def class_counts(found: Found) -> dict[str, dict[str, int]]:
    """Images of each class, per labelled split."""
    counts = {}
    for split, listing in found.splits().items():
        if listing.labels is not None and found.classes is not None:
            of_class = np.bincount(listing.labels, minlength=len(found.classes))
            counts[split] = {name: int(count) for name, count in zip(found.classes, of_class, strict=True)}
    return counts


def duplicate_pairs(sights: Sequence[Sight]) -> tuple[tuple[str, str], ...]:
    """Pairs of names of images with equal pixels."""
    groups: dict[bytes, list[str]] = defaultdict(list)
    for sight in sights:
        groups[sight.digest].append(sight.name)
    return tuple((names[0], other) for names in groups.values() for other in names[1:])


def examples(sights: Sequence[Sight], kinds: Mapping[str, int]) -> str:
    """The first image of every kind, in words."""
    first = {kind: next(sight.name for sight in sights if sight.kind == kind) for kind in kinds}
    return listed([f"{name} is {kind}" for kind, name in first.items()], NAMED)


def balance(counts: Mapping[str, int]) -> list[str]:
    """Warnings about classes that are empty, or much smaller than others."""
    empty = [name for name, count in counts.items() if count == 0]
    said = [f"classes without an image: {listed(empty, NAMED)}"] if empty else []
    present = {name: count for name, count in counts.items() if count}
    if present and max(present.values()) > IMBALANCE * min(present.values()):
        most, fewest = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
        said.append(f"unbalanced classes: {most} has {present[most]:,} images, {fewest} {present[fewest]:,}")
    return said
