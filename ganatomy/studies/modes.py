"""Collapse, measured: which classes are missing, how alike the samples of a class are, how many images G can draw.

The birthday test is that of Arora and Zhang (2018), arXiv:1706.08224: if half of all batches of s samples hold a
duplicate, G draws about s^2 different images. Whether batch norm ties the images of a batch together, which virtual
batch norm is for (Salimans et al., 2016, section 3.5), is measured by giving the same latents other batch-mates.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field, NonNegativeInt

from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import keyed
from ganatomy.data.images import ImageSet
from ganatomy.engine.average import batch_norms
from ganatomy.experiments.judging import can_be_judged
from ganatomy.experiments.measuring import judge_of_run, make_extractor, own_samples
from ganatomy.experiments.run import Run, load
from ganatomy.experiments.sampling import Sampler
from ganatomy.experiments.statistics import pictures_at, rows_of
from ganatomy.metrics.coverage import squared_distances
from ganatomy.metrics.extractors import Look
from ganatomy.metrics.moments import Array
from ganatomy.metrics.shares import class_shares
from ganatomy.report.charts import bars
from ganatomy.report.grid import grid
from ganatomy.studies.real import facts
from ganatomy.studies.study import OfRuns, StudyFolder, study

BATCHES = 20  # of each size in the birthday test
SMALLEST = 8  # samples in a batch of the birthday test
BLOCK = 1_024  # rows whose distances are held at a time
MATES, DRAWS = 64, 5  # images in a batch, for what batch-mates change, and how often it is tried


@study("modes")
@dataclass(frozen=True, kw_only=True)
class Modes(OfRuns):
    """Did G collapse? Classes, diversity, duplicates and batch-mates of `count` samples, beside as many real images.

    A class is missing if the judge sees it at most a tenth as often as in real images: classes.csv, classes-run.png. A
    duplicate is a pair of samples at least as near in the judge's features as the nearest two different real images:
    birthday.csv, and the nearest pair in closest-run.png. mates.csv tells how much batch-mates change an image. Real
    images are held-out ones; if there are fewer than `count`, all of them are taken, and as many samples. Without
    labels for a judge there are no classes, and duplicates are found in random features.

    against: another run to compare with, for instance the same recipe with virtual batch norm.
    """

    against: str | None = None
    count: Annotated[int, Field(ge=2)] = 2_000
    seed: NonNegativeInt = 0

    def check_looks(self, players: Mapping[str, torch.nn.Module], data: ImageSet, whose: str) -> None:
        if len(data.held_out) < 2:
            raise GanatomyError(f"{data.source} holds out {len(data.held_out)} images; two are the least.")

    def looks_at(self) -> Mapping[str, ImageSet]:
        return {name: load(path).data() for name, path in self.runs().items()}

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        for path in self.runs().values():
            self.check_looks({}, load(path).data(), path)
        found = {
            title: folder.step(title, partial(self._look, folder, path, title), draws=(f"closest-{title}.png",))
            for title, path in self.runs().items()
        }
        shares = class_rows(found)
        if shares:
            folder.table("classes.csv", shares)
        for title in dict.fromkeys(row["run"] for row in shares):
            own = [row for row in shares if row["run"] == title]
            sides = {f"{row['class']}, {side}": [row[side]] for row in own for side in ("generated", "real")}
            picture = bars(sides, "share of each class, as the judge sees it", colors=(0, 1))
            folder.picture(f"classes-{title}.png", picture)
        folder.table("birthday.csv", birthday_rows(found))
        folder.table("mates.csv", [{"run": title, **one["batch_mates"]} for title, one in found.items()])
        protocol = {"count": of_all(found, "count"), "extractor": of_all(found, "extractor"), "seed": self.seed}
        return {
            **found,
            "protocol": {**protocol, "batches": f"{BATCHES} of each size, out of the same samples", "draws": DRAWS},
        }

    def _look(self, folder: StudyFolder, path: str, title: str) -> Mapping[str, Any]:
        run = load(path)
        data, sampler = run.data(), run.sampler()
        judged = can_be_judged(data)
        extractor = judge_of_run(run, folder.announce) if judged else make_extractor("random")
        real = pictures_at(data, keyed(0, "modes").permutation(rows_of(data, "held-out"))[: self.count])
        made = np.concatenate(list(own_samples(sampler, self.seed, range(len(real)))))
        sides = {"generated": extractor.look(made), "real": extractor.look(real)}
        result: dict[str, Any] = {**facts(run, "G", data), **extractor.facts(), "count": len(real)}
        if judged:
            result |= of_classes(sides, data.classes or ())
        features = {name: seen.features.astype(np.float64) for name, seen in sides.items()}
        pair, result["birthday"] = birthday(features["generated"], features["real"][distinct(real)], self.seed)
        folder.picture(f"closest-{title}.png", grid(made[list(pair)], columns=2))
        result["batch_mates"] = batch_mates(run, sampler, self.seed)
        return result


def of_all(found: Mapping[str, Any], name: str) -> Any:
    """A fact of all runs; where they differ in it, that of each by its title."""
    facts = {title: one[name] for title, one in found.items()}
    first, *others = facts.values()
    return first if all(other == first for other in others) else facts


def of_classes(sides: Mapping[str, Look], names: Sequence[str]) -> dict[str, Any]:
    """What a judge's looks at generated and at real images tell of the classes."""
    found: dict[str, Any] = {"classes": list(names)}
    for name, look in sides.items():
        assert look.probabilities is not None
        seen = look.probabilities.argmax(1)
        found[name] = {**histogram(seen, len(names)), "diversity": diversity(look.features.astype(np.float64), seen)}
    shares = found["generated"]["class_shares"]
    found["generated"]["missing"] = missing(shares, found["real"]["class_shares"], names)
    return found


def class_rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The share of each class in the samples of each run that was judged, and in the real images beside them."""
    return [
        {"run": title, "class": name, "generated": made, "real": real}
        for title, one in found.items()
        if "classes" in one
        for name, made, real in zip(
            one["classes"], one["generated"]["class_shares"], one["real"]["class_shares"], strict=True
        )
    ]


def birthday_rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How many batches of each size held a duplicate, run by run."""
    return [
        {"run": title, "batch": int(size), "chance": chance}
        for title, one in found.items()
        for size, chance in one["birthday"]["chance_of_a_duplicate"].items()
    ]


def histogram(seen: Array, classes: int) -> dict[str, Any]:
    """Shares of the classes, their entropy in nats, and that as a number of classes: `classes` where all are alike.

    >>> histogram(np.array([0, 1, 2, 3]), 4)
    {'class_shares': [0.25, 0.25, 0.25, 0.25], 'entropy': 1.386294, 'classes_in_effect': 4.0}
    """
    shares = class_shares(seen, classes)
    known = shares[shares > 0]
    entropy = float(np.log(1 / known) @ known)
    return {
        "class_shares": shares.tolist(),
        "entropy": round(entropy, 6),
        "classes_in_effect": round(float(np.exp(entropy)), 6),
    }


def missing(shares: list[float], real: list[float], names: Any) -> list[str]:
    """The classes that are there in the real images, and hardly in the others."""
    pairs = zip(names, shares, real, strict=True)
    return [str(name) for name, own, theirs in pairs if theirs > 0 and own <= theirs / 10]


def diversity(features: Array, seen: Array) -> float:
    """The mean distance between samples seen as one class, [N, d] and [N]; zero for one picture per class."""
    found = []
    for number in np.unique(seen):
        own = features[seen == number][:500]
        if len(own) > 1:
            distances = np.sqrt(squared_distances(own, own))
            found.append(distances.sum() / (len(own) * (len(own) - 1)))
    return float(np.mean(found)) if found else 0.0


def closest(features: Array) -> tuple[float, tuple[int, int]]:
    """The smallest distance between two rows [N, d], and which they are."""
    least, pair = np.inf, (0, 0)
    for start in range(0, len(features), BLOCK):
        squares = squared_distances(features[start : start + BLOCK], features)
        rows = np.arange(len(squares))
        squares[rows, start + rows] = np.inf
        a, b = np.unravel_index(squares.argmin(), squares.shape)
        if squares[a, b] < least:
            least, pair = float(squares[a, b]), (start + int(a), int(b))
    return float(np.sqrt(least)), pair


def distinct(images: Array) -> Array:
    """The rows of uint8 [N, H, W, C] without exact copies, which data sets have."""
    return np.sort(np.unique(images.reshape(len(images), -1), axis=0, return_index=True)[1])


def birthday(generated: Array, real: Array, seed: int) -> tuple[tuple[int, int], dict[str, Any]]:
    """The closest generated pair, and from which batch size on half of the batches hold a duplicate.

    The edge is the distance of the closest pair of different real images; `images_in_effect` is the square of that
    size, or None where no size tried was enough: then there are `more_than` the square of the largest one. All N real
    images hold a pair at the edge, so about N^2 is the most that this can tell of any G.
    """
    edge, _ = closest(real)
    distance, pair = closest(generated)
    size, chances = SMALLEST, {}
    while size <= len(generated):
        draws = (keyed(seed, "birthday", size, batch).permutation(len(generated))[:size] for batch in range(BATCHES))
        chances[size] = float(np.mean([closest(generated[rows])[0] <= edge for rows in draws]))
        if chances[size] >= 0.5:
            break
        size *= 2
    found = next((s for s, chance in chances.items() if chance >= 0.5), None)
    return pair, {
        "closest_generated": distance,
        "closest_real": edge,
        "chance_of_a_duplicate": {str(s): chance for s, chance in chances.items()},
        "images_in_effect": None if found is None else found**2,
        "more_than": max(chances) ** 2 if chances and found is None else None,
    }


def batch_mates(run: Run, sampler: Sampler, seed: int) -> dict[str, float]:
    """How much an image changes with its batch-mates, of its own contrast, and how alike a batch is.

    G is as in training in its batch norm alone: dropout and spectral norm, too, would change an image.

    `changed_by_mates`: root mean square over images drawn in two batches that share half of their latents, of the
    standard deviation of all their pixels; zero for virtual batch norm and for none. `correlation`: of two images of a
    batch, less that of two of different batches, which are asked for the same classes. Means of several draws, and
    their deviations.
    """
    G = copy.deepcopy(run.player("G"))
    for norm in batch_norms(G):
        norm.train()
    found = np.array([mates_of(G, sampler, seed, number) for number in range(DRAWS)])
    (changed, correlation), deviations = found.mean(0), found.std(0, ddof=1)
    return {
        "changed_by_mates": float(changed),
        "changed_by_mates_deviation": float(deviations[0]),
        "correlation": float(correlation),
        "correlation_deviation": float(deviations[1]),
    }


@torch.no_grad()
def mates_of(G: torch.nn.Module, sampler: Sampler, seed: int, number: int) -> tuple[float, float]:
    """One draw: two batches of latents of their own, the first half common and the second half new."""
    half = MATES // 2
    first = (number + 1) * 1_000_000  # far from the latents of samples, and of a reference batch
    z = sampler.prior.sample(seed, first, first + MATES + half)
    y = None if sampler.classes is None else torch.arange(MATES) % sampler.classes
    batches = (z[:MATES], torch.cat([z[:half], z[MATES:]]))
    a, b = (G(*(t for t in (batch, y) if t is not None)).flatten(1).double() for batch in batches)
    changed = (a[:half] - b[:half]).square().mean().sqrt() / a.std()
    centered = [x - x.mean(1, keepdim=True) for x in (a[half:], b[half:])]
    one, other = (x / x.norm(dim=1, keepdim=True).clamp(min=1e-12) for x in centered)
    pairs = ~torch.eye(half, dtype=torch.bool)
    return float(changed), float((one @ one.T)[pairs].mean() - (one @ other.T)[pairs].mean())
