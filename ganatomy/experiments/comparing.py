"""Comparing any two sets of images, wherever they are from; either may be a file of statistics."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import CPU
from ganatomy.core.spec import Spec
from ganatomy.data.images import Images, ImageSet
from ganatomy.data.sources import Place, source_of
from ganatomy.experiments.judging import known_judge
from ganatomy.experiments.measuring import FEWEST as FEWEST_OF
from ganatomy.experiments.measuring import (
    FEWEST_GENERATED,
    MOST,
    JudgeExtractor,
    Request,
    conversions,
    judge_of_source,
    make_extractor,
    similarities,
    spread,
)
from ganatomy.experiments.statistics import (
    FACTS,
    SHUFFLE,
    Part,
    StoredStatistics,
    about_images,
    all_labels,
    kept_statistics,
    opened,
    pictures_at,
    read_statistics,
    rows_of,
    seen_at,
    shuffled,
)
from ganatomy.metrics.extractors import INCEPTION_SHA256, Extractor, Look, Random, extractors
from ganatomy.metrics.measured import PAIRED, Statistics, measure, parameters, remarks
from ganatomy.metrics.moments import Array
from ganatomy.metrics.similarity import refuse_small

UNCOUNTED = "{} does not say of how many images it is: compare only with others against the same file"
UNSIZED = "{} does not say of what size its images were: whether both were resized alike is not known"
UNMADE = "{} does not say what made it: it is taken to be of the extractor in the protocol"
FEWEST = 8  # images in each half of the real ones, below which there is no floor


class RecordedExtractor(Extractor):
    """Stands for the extractor if both sides are files of statistics: the facts that the files state."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts

    def look(self, images: Array) -> Look:
        raise AssertionError

    def facts(self) -> dict[str, Any]:
        return dict(self._facts)


def extractor_in(*sources: str, device: torch.device = CPU) -> Extractor | None:
    """The extractor that made the files of statistics among these sources; None if there are none.

    It is needed for the images that are compared with them. If all sources are files, their stated facts suffice.
    """
    alone = recorded(*sources)
    if alone is not None:
        return alone
    found = ((source, statistics_in(source)) for source in sources)
    return next((maker_of(stored, source, device) for source, stored in found if stored and stored.known), None)


def statistics_in(source: str) -> StoredStatistics | None:
    """The statistics in a file; None for any other source."""
    file = Path(source)
    return read_statistics(file) if file.suffix == ".npz" and file.is_file() else None


def maker_of(stored: StoredStatistics, source: str, device: torch.device = CPU) -> Extractor:
    """The extractor that a file states. Raises GanatomyError if it is not available here."""
    facts = stored.statistics.facts
    name, sha256 = str(facts["extractor"]), str(facts["extractor_sha256"])
    kind, _, layer = name.partition("-")
    if name == "judge":
        return judge_in(stored, source, device)
    if kind == "inception" and sha256 == INCEPTION_SHA256:
        return make_extractor(kind, None, facts["resize"], layer or "2048", device)
    if kind == "inception":
        raise GanatomyError(f"{source} is of Inception with other weights, {sha256[:12]}: name their --weights-file.")
    if name == Random().facts()["extractor"]:
        return Random()
    if name not in extractors:
        raise GanatomyError(f"{source} was made by the extractor '{name}', which is not known here: --import it.")
    return extractors[name]()


def judge_in(stored: StoredStatistics, source: str, device: torch.device = CPU) -> JudgeExtractor:
    """The judge that a file states, found by content hash and weights. Raises GanatomyError if it is not here."""
    facts, content = stored.statistics.facts, stored.about.get("content")
    if facts.get("extractor") != "judge":
        raise GanatomyError(f"{source} is of {facts.get('extractor', 'an unsaid extractor')}, and not of a judge.")
    sha256 = str(facts["extractor_sha256"])
    judge = known_judge(str(content), sha256)
    if judge is None:
        raise GanatomyError(
            f"{source} was made by the judge {sha256[:12]} of {stored.about.get('source', 'unsaid images')}, which is "
            "neither shipped nor in the cache: give those images in its place, or make the file anew here."
        )
    return JudgeExtractor(judge.on(device))


def judge_for(
    source: str,
    settings: Mapping[str, Any],
    announce: Callable[[str], None] = lambda text: None,
    device: torch.device = CPU,
) -> JudgeExtractor:
    """The judge of a source of real images, or the one that a file of statistics states."""
    stored = statistics_in(source)
    if stored is not None:
        return judge_in(stored, source, device)
    return judge_of_source(Spec(Images, source=source, **settings), announce, device)


def recorded(*sources: str) -> RecordedExtractor | None:
    """The stated extractor if all sources are files of statistics, "unsaid" if none states it; None otherwise."""
    found = [stored for source in sources if (stored := statistics_in(source)) is not None]
    if len(found) < len(sources):
        return None
    unsaid = {**dict.fromkeys(sorted(FACTS)), "extractor": "unsaid"}
    return RecordedExtractor(next((one.statistics.facts for one in found if one.known), unsaid))


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a part of a source of images, or a file of statistics.

    settings: by which images are prepared. draw: which draw of images, if fewer are compared than there are.
    """

    source: str
    part: Part
    found: ImageSet | StoredStatistics
    settings: Mapping[str, Any]
    draw: int = 0

    @property
    def about(self) -> Mapping[str, Any]:
        """Which images they are, as stored with statistics."""
        if isinstance(self.found, StoredStatistics):
            return self.found.about
        return about_images(self.found, self.part, self.settings)

    @property
    def name(self) -> str:
        """The source and part for people; for a file, also of which images it is."""
        if isinstance(self.found, ImageSet):
            return f"{self.source} ({self.part})"
        return self.source + (f", of {self.about['source']} ({self.about['part']})" if self.about else "")

    @property
    def shape(self) -> str | None:
        """The size of the images, None if a file does not state it."""
        return self.about.get("shape")

    @property
    def counted(self) -> bool:
        """Whether the number of images is known."""
        return isinstance(self.found, ImageSet) or self.found.known

    @property
    def count(self) -> int | None:
        """How many images there are; None if a file does not state it."""
        if isinstance(self.found, ImageSet):
            return len(self.rows())
        return self.found.statistics.count if self.found.known else None

    @property
    def kept_rows(self) -> int:
        """How many images' features there are, or can be computed, one by one."""
        if isinstance(self.found, ImageSet):
            return len(self.rows())
        features = self.found.statistics.features
        return 0 if features is None or not self.found.known else len(features)

    def remarks(self) -> list[str]:
        """Remarks: what a file does not state, and which images of a source were left out."""
        if isinstance(self.found, ImageSet):
            return self.found.left_out
        unsaid = [*([] if self.counted else [UNCOUNTED, UNMADE]), *([] if self.shape else [UNSIZED])]
        return [note.format(self.source) for note in unsaid]

    def rows(self, of_class: int | None = None, each: int = 0) -> Array:
        """The rows of the images, of one class if asked, in a fixed shuffle rotated for this draw.

        each: images per draw. The next draw begins where this one ends, so draws share no image if there are enough.
        """
        assert isinstance(self.found, ImageSet)
        return np.roll(shuffled(rows_of(self.found, self.part, of_class)), -self.draw * each)

    def looked(self, asked: Request, part: slice, of_class: int | None = None, each: int = 0) -> Statistics:
        """The statistics of some of the shuffled images."""
        assert isinstance(self.found, ImageSet)
        rows = self.rows(of_class, each)[part]
        return seen_at(self.found, rows, asked.extractor, asked.progress, self.source, asked.of_statistics)

    def seen_in_parts(self, asked: Request, first: int | None) -> tuple[Statistics | None, Statistics]:
        """The statistics of the `first` images (None if they cannot be separated), and of as many as are asked for."""
        if isinstance(self.found, StoredStatistics):
            whole = self.seen(asked)
            return (None if first is None or not self.kept_rows else whole.part(slice(first))), whole
        count = asked.count or len(self.rows())
        if first is None or first >= count:
            whole = self.looked(asked, slice(count), each=count)
            return (None if first is None else whole), whole
        fewer = self.looked(asked, slice(first), each=count)
        whole = copy.deepcopy(fewer)
        whole.merge(self.looked(asked, slice(first, count), each=count))
        return fewer, whole

    def glanced_at(self, asked: Request) -> Statistics:
        """A file's statistics, or those of a single image."""
        return self.looked(asked, slice(1)) if isinstance(self.found, ImageSet) else self.seen(asked)

    def seen(self, asked: Request) -> Statistics:
        """The statistics of the whole part."""
        if isinstance(self.found, StoredStatistics):
            return self.found.under(asked.extractor)
        return kept_statistics(self.found, self.part, asked.extractor, progress=asked.progress)

    def kept(self, asked: Request, taken: slice, of_class: int | None = None) -> Statistics:
        """The statistics of some of the shuffled images, from the cache or the file if possible."""
        if isinstance(self.found, StoredStatistics):
            return self.seen(asked).part(taken)
        metrics = asked.of_statistics
        return kept_statistics(self.found, self.part, asked.extractor, of_class, asked.progress, metrics, taken)

    def similar(self, asked: Request) -> dict[str, float]:
        assert isinstance(self.found, ImageSet)
        count, labels = asked.count or PAIRED, all_labels(self.found)
        rows = self.rows(each=count)[: min(PAIRED, count)]
        return similarities(pictures_at(self.found, rows), None if labels is None else labels[rows])


def measure_sources(
    real: str,
    fake: str,
    asked: Request,
    *,
    real_part: Part | None = None,
    fake_part: Part | None = None,
    settings: Mapping[str, Any] | None = None,
    repeats: int = 1,
) -> dict[str, Any]:
    """Score one source of images against another; either may be a file of statistics.

    real, fake: a named source, a path of images, or a file of statistics.
    asked: what to measure.
    real_part, fake_part: which images; by default all, or, for the real images' own judge, the half of the training
        images that it was not trained on.
    settings: of `Images`, by which both are prepared; `label` applies to the real ones.
    repeats: draws of `asked.count` images, whose means and standard deviations are reported.

    The floor is the score of one half of the real images against the other. If its count differs from the scores', they
    are reported at the floor's count, too. For scores per class both sources need the same classes; all are then of as
    many images as half of a class's real ones, and the ceiling is another class.

    Raises GanatomyError, before anything is computed, for what cannot be compared.
    """
    if "nearest" in asked.metrics:
        raise GanatomyError("nearest asks for copies of what was trained on, which only a run knows: evaluate a run.")
    a, b = both_sides(real, fake, asked, real_part, fake_part, settings or {})
    refuse_what_cannot_be_drawn(b, asked, repeats)
    classes = classes_of(a, b, asked) if asked.per_class else ()
    count = asked.count or b.count
    half = half_of(a, count)
    record: dict[str, Any] = {"scores": {}, "floor": None if half is None else {"count": half, "reference_count": half}}
    record["remarks"] = [note for one in (a, b) for note in one.remarks()]
    record["remarks"] += conversions(asked, channels_of(a, b))
    record["remarks"] += [] if half is not None else [why_no_floor(a)]
    draws = [replace(b, draw=draw) for draw in range(repeats)]
    record["remarks"] += [*same_images(a, b), *shared(b, asked.count or 0, repeats)]
    if asked.looks:
        compare(record, a, draws, asked, half)
    if "ssim" in asked.metrics:
        similar = spread([draw.similar(asked) for draw in draws])
        record |= {name: {**record.get(name, {}), **values} for name, values in similar.items()}
        record["floor"] = record["floor"] and {**record["floor"], **a.similar(asked)}
    if classes:
        record["per_class"] = {
            name: of_class(a, draws, asked, number, len(classes), half) for number, (name, half) in enumerate(classes)
        }
    return {**record, "protocol": protocol_of(a, b, asked, count, repeats)}


def both_sides(
    real: str, fake: str, asked: Request, real_part: Part | None, fake_part: Part | None, settings: Mapping[str, Any]
) -> tuple[Side, Side]:
    """Both sides, opened. Raises GanatomyError for what cannot be compared."""
    if isinstance(asked.extractor, JudgeExtractor):
        if real_part in ("all", "train"):
            raise GanatomyError(
                f"--real-split {real_part}: the judge was trained on half of these images, so they are compared with "
                "the other half: leave it out, or take held-out."
            )
        real_part = real_part or "second-half"
    a = side(real, real_part, settings, "--real-split")
    b = side(fake, fake_part, {name: value for name, value in settings.items() if name != "label"}, "--fake-split")
    refuse_what_does_not_fit(a, b, asked, settings)
    refuse_what_is_not_there(a, b, asked)
    refuse_too_few(a, b, asked)
    return a, b


def protocol_of(a: Side, b: Side, asked: Request, count: int | None, draws: int) -> dict[str, Any]:
    """All that must agree before two scores are compared."""
    return {
        "reference": a.name,
        "reference_count": a.count,
        "content": a.about.get("content"),
        "held_out_content": a.about.get("held_out_content"),
        "generated": b.name,
        "generated_content": b.about.get("content"),
        "generated_held_out_content": b.about.get("held_out_content"),
        "count": count,
        "draws": draws,
        "shuffle_seed": SHUFFLE,
        "shape": a.shape or b.shape,
        "reference_prepared": a.about.get("settings") or None,
        "generated_prepared": b.about.get("settings") or None,
        **asked.facts(),
        **parameters(asked.metrics, count),
    }


def why_no_floor(a: Side) -> str:
    if isinstance(a.found, StoredStatistics) and not a.kept_rows:
        return f"no floor: {a.source} has moments alone"
    return f"no floor: it wants {FEWEST} images or more in either half of the real ones"


def same_images(a: Side, b: Side) -> list[str]:
    """A remark if both sides contain the same images, which lowers their distance."""
    if isinstance(a.found, StoredStatistics) or isinstance(b.found, StoredStatistics):
        deciding = ("content", "held_out_content", "shape", "part")
        both = bool(a.about) and all(a.about.get(name) == b.about.get(name) for name in deciding)
        return ["both sides are of the same images, so they are nearer than any others would be"] if both else []
    if [a.found.content, a.found.held_out_content] != [b.found.content, b.found.held_out_content]:
        return []
    common = len(np.intersect1d(a.rows(), b.rows()))
    note = f"{common:,} images are on both sides, so these are nearer than any others would be"
    return [note] if common else []


def channels_of(*sides: Side) -> int:
    """The images' channels; 0 if both sides are files of statistics."""
    return next((one.found.shape[0] for one in sides if isinstance(one.found, ImageSet)), 0)


def shared(b: Side, each: int, repeats: int) -> list[str]:
    """A remark if draws share images, which makes the deviation between them too small."""
    if repeats * each <= (count := b.count or 0):
        return []
    draws = [replace(b, draw=draw).rows(each=each)[:each] for draw in range(repeats)]
    share = np.mean([len(np.intersect1d(one, other)) / each for one, other in combinations(draws, 2)])
    return [
        f"draws of {each:,} of {count:,} images have {share:.0%} of them in common, two by two: their deviation is too "
        "small"
    ]


def compare(record: dict[str, Any], a: Side, draws: Sequence[Side], asked: Request, half: int | None) -> None:
    """Add to the record: the scores; the floor, of half of the real images against the other half; and the scores of as
    many images against one half."""
    refuse_other_features(a, draws[0], asked)
    real, seen = a.seen(asked), [draw.seen_in_parts(asked, half) for draw in draws]
    _, first_draw = seen[0]
    record |= spread([measure(real, whole, asked.of_statistics) for _, whole in seen])
    record["remarks"] += remarks(real, first_draw, asked.metrics)
    if half is None:
        return
    first, second = (a.kept(asked, slice(start, start + half)) for start in (0, half))
    known = [name for name in asked.of_statistics if name != "is" or second.probabilities is not None]
    record["floor"] |= measure(first, second, known)
    fewer = [measure(first, part, asked.of_statistics) for part, _ in seen if part is not None]
    if fewer:
        record["at_floor_count"] = {**spread(fewer), "count": half, "reference_count": half}


def refuse_other_features(a: Side, b: Side, asked: Request) -> None:
    """Raise GanatomyError if a file and the extractor differ in number of features, before all images are seen."""
    if isinstance(a.found, ImageSet) and isinstance(b.found, ImageSet):
        return
    of_a, of_b = (len(one.glanced_at(asked).moments.mean) for one in (a, b))
    if of_a != of_b:
        raise GanatomyError(
            f"{a.source} is of {of_a} features and {b.source} of {of_b}: they were not made by the same extractor, or "
            "not at the same layer of it."
        )


def classes_of(a: Side, b: Side, asked: Request) -> list[tuple[str, int]]:
    """The classes of both, each with the number of images to compare: half of its real ones, at most."""
    named = []
    for one in (a, b):
        if isinstance(one.found, StoredStatistics) or not one.found.classes:
            raise GanatomyError(f"{one.source} has no classes to compare one by one: leave out --per-class.")
        named.append([*map(str, one.found.classes)])
    if named[0] != named[1]:
        raise GanatomyError(
            f"{a.source} has the classes {', '.join(named[0])}, and {b.source} {', '.join(named[1])}: per class both "
            "need the same."
        )
    if len(named[0]) == 1:
        raise GanatomyError(f"{a.source} has one class, and no other to compare it with: leave out --per-class.")
    most = -(-(asked.count or MOST) // len(named[0]))
    fewest, metric = max((FEWEST_OF[name], name) for name in asked.of_statistics)
    found = []
    for number, name in enumerate(named[0]):
        half = min(len(a.rows(number)) // 2, len(b.rows(number)), most)
        if half < fewest:
            raise GanatomyError(
                f"{metric} per class needs {fewest} images of each, and twice as many real ones: of '{name}' there are "
                f"{len(b.rows(number))} against {len(a.rows(number))}. Leave out {metric} or --per-class."
            )
        found.append((name, half))
    return found


def of_class(a: Side, draws: Sequence[Side], asked: Request, number: int, classes: int, half: int) -> dict[str, Any]:
    """A class's record: half of its real images against generated ones, the other half, and the next class."""
    real, own = (a.kept(asked, slice(start, start + half), number) for start in (0, half))
    other = a.kept(asked, slice(half), (number + 1) % classes)
    fakes = [draw.looked(asked, slice(half), number, each=half) for draw in draws]
    floor, ceiling = (measure(real, one, asked.of_statistics) for one in (own, other))
    noted = remarks(real, fakes[0], asked.of_statistics)
    scores = spread([measure(real, fake, asked.of_statistics) for fake in fakes])
    return {**scores, "floor": floor, "ceiling": ceiling, "count": half, "remarks": noted}


def half_of(real: Side, count: int | None) -> int | None:
    """Images in each half of the real ones, for the floor; None if there are too few, or moments alone."""
    half = min(count or MOST, real.kept_rows // 2)
    return half if half >= FEWEST else None


def side(source: str, part: Part | None, settings: Mapping[str, Any], option: str) -> Side:
    """A side of the comparison, opened. `option`: the one that names its part, for errors."""
    found = opened(source, settings)
    if part is not None and part != "second-half" and isinstance(found, StoredStatistics):
        raise GanatomyError(f"{option} is for images; {source} is a file of statistics, of which no part can be taken.")
    return Side(source, part or "all", found, settings)


def refuse_what_cannot_be_drawn(b: Side, asked: Request, repeats: int) -> None:
    """Raise GanatomyError if repeated draws could not differ."""
    if repeats == 1:
        return
    if isinstance(b.found, StoredStatistics):
        raise GanatomyError(f"--repeats draws images; {b.source} is a file of statistics.")
    if asked.count is None or asked.count >= len(b.rows()):
        raise GanatomyError(
            f"--repeats {repeats} draws other images of {b.name} each time: ask with -n for fewer than its "
            f"{len(b.rows()):,}."
        )


def refuse_what_does_not_fit(a: Side, b: Side, asked: Request, settings: Mapping[str, Any]) -> None:
    """Raise GanatomyError for different sizes, too few images, and settings that files of statistics would ignore."""
    files = [one.source for one in (a, b) if isinstance(one.found, StoredStatistics)]
    if len(files) == 2 and settings:
        raise GanatomyError(
            f"{' and '.join(files)} hold no images, so nothing can be converted: leave out {names(settings)}."
        )
    if a.shape and b.shape and a.shape != b.shape:
        raise GanatomyError(
            f"{a.source} is {a.shape} and {b.source} is {b.shape}: resizing one of them would be measured, too. "
            "Convert both with --size, and to the same channels with data.channels=rgb or gray."
        )
    if asked.count is None:
        return
    if isinstance(b.found, StoredStatistics):
        raise GanatomyError(f"-n is for images; {b.source} is a file of statistics, of which no part can be taken.")
    if asked.count > len(b.rows()):
        raise GanatomyError(f"-n {asked.count:,}: {b.name} has only {len(b.rows()):,} images.")


def refuse_absent(*named: str) -> None:
    """Raise GanatomyError for paths that do not exist, before an extractor downloads weights."""
    for source in map(source_of, named):
        if isinstance(source, Place):
            source.refuse_absent()


def refuse_what_is_not_there(a: Side, b: Side, asked: Request) -> None:
    """Raise GanatomyError for files that lack what a metric needs, and for images too small for ssim."""
    for one in (a, b):
        if isinstance(one.found, StoredStatistics):
            refuse_file(one.source, one.found, asked)
        elif "ssim" in asked.metrics:
            refuse_small(*one.found.shape[1:])
    if "is" in asked.metrics and isinstance(b.found, StoredStatistics) and b.found.statistics.probabilities is None:
        raise GanatomyError(f"is wants a classifier's probabilities, and {b.source} has none: leave it out.")


def refuse_file(file: str, stored: StoredStatistics, asked: Request) -> None:
    """Raise GanatomyError for a file of another protocol, or without what a metric needs."""
    if "ssim" in asked.metrics:
        raise GanatomyError(f"ssim compares pictures, and {file} is a file of statistics: leave it out.")
    own, facts = stored.statistics, asked.facts()
    names = [name for name in {**own.facts, **facts} if own.facts.get(name) != facts.get(name)]
    if stored.known and names:
        differ = (f"{name} is {own.facts.get(name)}, not {facts.get(name)}" for name in names)
        raise GanatomyError(f"{file} is of another protocol: {'; '.join(differ)}.")
    for metric in ("kid", "prdc"):
        if metric in asked.metrics and own.features is None:
            raise GanatomyError(
                f"{metric} compares images with images, and of {file} only moments are kept; ask for fid."
            )


def refuse_too_few(a: Side, b: Side, asked: Request) -> None:
    """Raise GanatomyError for fewer images than a metric needs."""
    for one, count, fewest in ((a, a.count, FEWEST_OF), (b, asked.count or b.count, FEWEST_GENERATED)):
        for metric in asked.of_statistics:
            if count is not None and count < fewest[metric]:
                raise GanatomyError(
                    f"{metric} needs {fewest[metric]} images or more of {one.name}: there are {count}. "
                    f"Leave out {metric}."
                )


def names(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"data.{name}" for name in settings)
