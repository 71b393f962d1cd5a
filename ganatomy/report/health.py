"""What a run's own figures say of its health: findings in plain words, each with its evidence and what to change.

The limits are rules of thumb, set on our own runs: every finding shows its numbers, so that a reader may disagree.
What the figures cannot tell is said to be open, never passed over.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeGuard

import numpy as np

Row = Mapping[str, Any]
Subject = Literal["end", "balance", "overfitting", "diversity", "progress"]
Tone = Literal["good", "bad", "open"]
Array = np.ndarray[Any, np.dtype[np.float64]]

STRONG = 0.97  # accuracy on real and on generated images, above which D is nearly never wrong
RISEN = 0.1  # of G's loss, above its lowest
BEHIND = 0.1  # accuracy by which D must be worse on held-out images, and at least
ERRORS = 3  # standard errors of it, for one batch a line is noisy
GONE = 0.05  # of a class's real share: a class with less is missing
LOW, MOVED, FALLEN = 0.25, 0.05, 0.2  # of coverage: parts of the floor, a part of its peak
BETTER, WORSE = 0.03, 0.2  # of the Fréchet distance, against the lowest one before
NEAR = 1.25  # times the floor
FEW_LINES, FEW_SCORES = 4, 4  # below which nothing is called a trend
OPPOSED = {"D_X": ("/F_adversarial",), "D_Y": ("/G_adversarial",)}  # CycleGAN's: the loss of whom each D judges
OF_G = ("/adversarial", "/generated")  # G's loss of any other game; the second is BiGAN's

TRAIN_ON = ("Train on", ("images",))
SCORE_OFTENER = ("Score oftener", ("watch.score",))
LET_RATES_FALL = (
    "Use the best checkpoint; let the learning rates fall, and stop in time",
    ("optimizers.G.schedule", "optimizers.D.schedule", "stop.patience=3"),
)
FALL_SOONER = ("Let the learning rates fall sooner", ("optimizers.G.schedule", "optimizers.F.schedule"))
ANOTHER_G = (
    "Longer training will not help; a larger G, or another loss, may",
    ("players.G.width", "players.G.maps", "game.loss"),
)


MEND_FIRST = "Mend what is said above before you change G"


@dataclass(frozen=True)
class Finding:
    """One question about a run, answered.

    tone: good, bad, or open where the figures cannot tell. change: fields of the recipe, as `ganatomy train` takes
    them; some with a value. Not every recipe has each of them.
    """

    subject: Subject
    tone: Tone
    title: str
    evidence: str
    advice: str = ""
    change: tuple[str, ...] = ()


@dataclass(frozen=True)
class Distance:
    """A distance that should fall: how it is written and called, its error if it has one, what helps where it rises."""

    name: str
    title: str
    error: str = ""
    risen: tuple[str, tuple[str, ...]] = LET_RATES_FALL


FRECHET = Distance("frechet", "Fréchet distance")
KERNEL = {
    letter: Distance(f"kid_to_{letter}", f"kernel distance to {letter}", f"kid_error_to_{letter}", FALL_SOONER)
    for letter in "YX"
}


def verdict(metrics: Sequence[Row], scores: Sequence[Row]) -> tuple[Finding, ...]:
    """The health of a run, from the lines of its metrics.jsonl and scores.jsonl.

    Is D too strong, does it overfit, did G collapse, is it still improving? A game with two discriminators has two
    answers to the first two, and one with two translators to the last, if it is scored in training. Of the scores, only
    those of the last one's protocol are compared.

    >>> lines = [{"D/accuracy_real": 1.0, "D/accuracy_fake": 1.0, "G/adversarial": 2.0 + n} for n in range(8)]
    >>> verdict(lines, [])[0].title
    'D is too strong'
    """
    scores = comparable(scores)
    judges = [name for name in _names(metrics) if _is_accuracy(name)]
    found = (
        *([balance(metrics, name) for name in judges] or [_no_accuracies(metrics, "balance", "D is too strong")]),
        *([overfitting(metrics, name) for name in judges] or [_no_accuracies(metrics, "overfitting", "D overfits")]),
        *(translations(metrics, scores) if _translates(metrics) else (diversity(scores), progress(scores))),
    )
    ill = any(finding.tone == "bad" and finding.subject != "progress" for finding in found)
    return tuple(replace(one, advice=MEND_FIRST, change=()) if ill and _asks_for_another(one) else one for one in found)


def failure(why: str) -> Finding:
    """What stands before all others where training ended with a figure that was no number; why: as it was told."""
    change = ("optimizers.G.lr", "optimizers.D.lr", "precision=float32")
    return Finding("end", "bad", "Training failed", why, "Lower the learning rates, or calculate in float32", change)


def balance(metrics: Sequence[Row], real: str) -> Finding:
    """Whether D wins; real: the name of its accuracy on real images."""
    D = _judge(real)
    on_real, on_fake = _late(_series(metrics, real)), _late(_series(metrics, real[: -len("real")] + "fake"))
    loss_name = next((name for name in _names(metrics) if name.endswith(OPPOSED.get(D, OF_G))), "")
    loss = _series(metrics, loss_name)
    if len(loss) < FEW_LINES:
        return Finding(
            "balance", "open", f"Too early to weigh {D} against its opponent", f"Lines of figures so far: {len(loss)}."
        )
    lowest, now = float(np.min(loss[: -_quarter(loss)])), _late(loss)
    evidence = (
        f"{D} is right on {on_real:.1%} of real and {on_fake:.1%} of generated images, "
        f"and {loss_name} is {now:.3g}, its lowest before {lowest:.3g}."
    )
    if min(on_real, on_fake) < STRONG:
        return Finding("balance", "good", f"{D} and its opponent are in balance", evidence)
    if now < lowest + RISEN * abs(lowest):
        return Finding("balance", "open", f"{D} is far ahead, but G's loss is not rising", evidence)
    rate = _series(metrics, f"learning_rate/{D}")
    slower = (f"optimizers.{D}.lr={rate.max() / 4:.3g}",) if len(rate) else (f"optimizers.{D}.lr",)  # it may end at 0
    change = (*slower, "game.g_steps=2", f"players.{D}.dropout", "game.augment=InstanceNoise")
    return Finding("balance", "bad", f"{D} is too strong", evidence, "Slow it down, or make its task harder", change)


def overfitting(metrics: Sequence[Row], real: str) -> Finding:
    """Whether D knows its training images by heart; real: the name of its accuracy on them."""
    D = _judge(real)
    of_two = f"held_out/{D}_accuracy_real"  # where a game has two discriminators
    held_out = of_two if of_two in _names(metrics) else f"held_out/{real.rpartition('/')[2]}"
    lines = [line for line in metrics if _is_number(line.get(real)) and _is_number(line.get(held_out))]
    lines = lines[len(lines) // 2 :]
    if len(lines) < FEW_LINES:
        why = f"Lines with its accuracy on held-out images so far: {len(lines)}."
        return Finding("overfitting", "open", f"Whether {D} overfits cannot be told yet", why)
    trained, unseen = _series(lines, real), _series(lines, held_out)
    gap, error = float(np.mean(trained - unseen)), float(np.std(unseen) / np.sqrt(len(unseen)))
    evidence = (
        f"In the second half of the course, {D} is right on {np.mean(trained):.1%} of real training images "
        f"and on {np.mean(unseen):.1%} (±\N{NO-BREAK SPACE}{error:.1%}) of real held-out ones."
    )
    if gap < max(BEHIND, ERRORS * error):
        return Finding("overfitting", "good", f"{D} does not overfit", evidence)
    change = ("game.augment=DiffAugment", f"players.{D}.dropout", f"players.{D}.width", "data.flip=true")
    return Finding("overfitting", "bad", f"{D} overfits", evidence, "Show it more variety, or make it smaller", change)


def diversity(scores: Sequence[Row]) -> Finding:
    """Whether G collapsed: coverage falls, or classes are missing and coverage does not rise."""
    covered = _scores(scores, "coverage")
    if not covered:
        why = "No coverage was measured (without labels: ganatomy evaluate RUN --metrics fid,prdc --extractor random)."
        if scores:
            why = "No class has enough real images for a coverage within classes."
        return Finding("diversity", "open", "Whether G collapsed cannot be told", why, "Look at the grids")
    (gone, classes), real = missing_classes(scores[-1]), _floor(scores[-1], "coverage") or 1.0
    peak, now = max(covered), covered[-1]
    rising = now - covered[0] > MOVED * real
    evidence = f"Coverage is {now:.3g} where real images reach {real:.3g}; its peak was {peak:.3g}."
    evidence += f" {_classes(gone, classes)}" if classes else ""
    if now < (1 - FALLEN) * peak and peak - now > MOVED * real:  # near nothing, it only trembles
        return _collapse("G is collapsing: its diversity falls", evidence)
    if gone and not rising and len(covered) >= FEW_SCORES:
        return _collapse(f"G collapsed: {len(gone)} of {classes} classes are missing", evidence)
    if gone or (now < LOW * real and not rising):
        return Finding(
            "diversity", "open", "Diversity is low", evidence, "Train on, and watch whether it rises", ("images",)
        )
    return Finding("diversity", "good", "No collapse", evidence)


def _collapse(title: str, evidence: str) -> Finding:
    advice = "Use the best checkpoint; slow both players down, or let D compare the images of a batch"
    change = ("optimizers.G.lr", "optimizers.D.lr", "players.D.minibatch_deviation=true", "game.loss")
    return Finding("diversity", "bad", title, evidence, advice, change)


def progress(scores: Sequence[Row], of: Distance = FRECHET) -> Finding:
    """Whether a distance still falls: the last third of the scores against those before."""
    distances, errors = _scores(scores, of.name), _scores(scores[-1:], of.error)
    if len(distances) < 2:
        why = f"Scores of this run that can be compared: {len(distances)}."
        return Finding("progress", "open", "Whether it still improves cannot be told", why, *SCORE_OFTENER)
    recent = max(1, len(distances) // 3)
    before, now = min(distances[:-recent]), min(distances[-recent:])
    since, floor = _images(scores[-1]) - _images(scores[-recent - 1]), _floor(scores[-1], of.name)
    noise, last = ERRORS * sum(errors), distances[-1]
    evidence = f"The lowest {of.title} of the last {since:,} images is {now:.3g}, the lowest before {before:.3g}"
    if floor is not None:
        times = f"{last / floor:.3g} times the floor, {floor:.3g}"
        evidence += (
            f"; the latest is {times if floor > noise else f'{last:.3g} ± {sum(errors):.2g}, the floor {floor:.3g}'}"
        )
    evidence += "."
    if now < (1 - BETTER) * before - noise:
        return Finding("progress", "good", "Still improving", evidence, *TRAIN_ON)
    if last > (1 + WORSE) * before + noise:
        return Finding("progress", "bad", "Past its best: the distance is rising", evidence, *of.risen)
    if len(distances) < FEW_SCORES:
        return Finding("progress", "open", "Not improving so far, by few scores", evidence)
    if floor is not None and now <= NEAR * floor + ERRORS * (_floor(scores[-1], of.error) or 0.0):
        return Finding("progress", "good", "Converged, as near as real images are to each other", evidence)
    return Finding("progress", "open", "Converged, short of real images", evidence, *ANOTHER_G)


def translations(metrics: Sequence[Row], scores: Sequence[Row]) -> Iterator[Finding]:
    """Of two translators: no diversity is measured, and progress by the kernel distances of readings in training."""
    cycles = [(name, _series(metrics, name)) for name in _names(metrics) if _is_cycle(name)]
    told = [f"{name} is {_late(loss):.3g}, its lowest {np.min(loss):.3g}" for name, loss in cycles if len(loss)]
    why = f"No diversity of translations is measured, but what became all alike does not come back: {'; '.join(told)}."
    yield Finding("diversity", "open", "Whether the translations collapsed cannot be told", why, "Look at the grids")
    ways = {letter: of for letter, of in KERNEL.items() if _scores(scores, of.name)}
    for letter, of in ways.items():
        found = progress(scores, of)
        yield replace(found, title=f"To {letter}: {found.title[0].lower()}{found.title[1:]}")
    if not ways:
        yield progress(scores)


def _asks_for_another(finding: Finding) -> bool:
    return finding.subject == "progress" and (finding.advice, finding.change) == ANOTHER_G


def _translates(metrics: Sequence[Row]) -> bool:
    return any(map(_is_cycle, _names(metrics)))


def _is_cycle(name: str) -> bool:
    return name.rpartition("/")[2] in ("cycle_X", "cycle_Y")


def comparable(scores: Sequence[Row]) -> list[Row]:
    """The scores of the last one's protocol; which checkpoint it was may differ."""

    def protocol(row: Row) -> dict[str, Any]:
        return {key: value for key, value in (row.get("protocol") or {}).items() if key != "checkpoint"}

    return [row for row in scores if protocol(row) == protocol(scores[-1])]


def missing_classes(row: Row) -> tuple[list[int], int]:
    """The classes that G hardly draws, counted from 0, of how many that real images have."""
    shares = (row.get("scores") or {}).get("class_shares") or []
    real = (row.get("floor") or {}).get("class_shares") or []
    pairs = list(enumerate(zip(shares, real, strict=False)))
    return [number for number, (share, of_real) in pairs if share < GONE * of_real], len(pairs)


def _classes(gone: Sequence[int], classes: int) -> str:
    if not gone:
        return f"All {classes} classes are drawn."
    which = ", ".join(map(str, gone[:12])) + (", ..." if len(gone) > 12 else "")
    return f"Of {classes} classes, {len(gone)} are hardly drawn (counted from 0: {which})."


def _no_accuracies(metrics: Sequence[Row], subject: Subject, what: str) -> Finding:
    why = "No accuracy of a discriminator is logged: under some losses its scores have no middle."
    if not metrics:
        why = "Nothing is logged yet."
    return Finding(subject, "open", f"Whether {what} cannot be told", why)


def _is_accuracy(name: str) -> bool:
    """Whether it is how often a D takes real training images for real; not how often it names their class."""
    return name.endswith("accuracy_real") and not name.startswith("held_out/") and "auxiliary" not in name


def _judge(real: str) -> str:
    """Whose accuracy it is; older runs had it under the first mover's name.

    >>> _judge("D/accuracy_real"), _judge("D_Y/accuracy_real"), _judge("D_X/D_Y_accuracy_real")
    ('D', 'D_Y', 'D_Y')
    """
    player, _, term = real.partition("/")
    return term.removesuffix("accuracy_real").rstrip("_") or player


def _names(lines: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for line in lines for name in line))


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _series(lines: Sequence[Row], name: str) -> Array:
    return np.array([line[name] for line in lines if _is_number(line.get(name))], np.float64)


def _late(values: Array) -> float:
    """The mean of the last quarter."""
    return float(np.mean(values[-_quarter(values) :])) if len(values) else 0.0


def _quarter(values: Array) -> int:
    return max(1, len(values) // 4)


def _scores(rows: Sequence[Row], name: str) -> list[float]:
    found = [(row.get("scores") or {}).get(name) for row in rows]
    return [float(value) for value in found if _is_number(value)]


def _floor(row: Row, name: str) -> float | None:
    """What real images score; None where it was not measured, or is 0 and nothing can be divided by it."""
    value = (row.get("floor") or {}).get(name)
    return float(value) if value and _is_number(value) else None


def _images(row: Row) -> int:
    return int(row.get("images") or 0)
