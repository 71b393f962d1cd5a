"""Principal components as a generative model beside a GAN: a question that one report leaves open.

The model is the linear Gaussian one of Tipping and Bishop (1999), "Probabilistic principal component analysis",
without its noise: x = mean + W c, c normal with the variances of the training images' coefficients, clipped to [-1, 1].
Where the GAN is asked for classes, each class has a PCA of its own.

What a GAN can draw of an image is found by gradient descent on z; the PCA's best is a projection.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from sklearn.decomposition import PCA
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import keyed
from ganatomy.data.feed import to_uint8, to_unit
from ganatomy.data.images import ImageSet
from ganatomy.experiments.judging import REPORTING_SEED, Bench, can_be_judged
from ganatomy.experiments.measuring import FEWEST, Reference, Request, make_extractor
from ganatomy.experiments.run import Run, load, open_bench
from ganatomy.experiments.sampling import Sampler
from ganatomy.experiments.statistics import shuffled
from ganatomy.metrics.judged import JudgeScores
from ganatomy.metrics.moments import Array
from ganatomy.report.grid import grid
from ganatomy.runs.checkpoints import Checkpoints
from ganatomy.studies.real import facts, flat
from ganatomy.studies.study import OfRuns, StudyFolder, study

WIDEST = 4_096  # numbers of an image, up to which all components are computed
MOST = 512  # components of larger ones
FITTED = 60_000  # training images, at most
SHOWN = 24  # samples in a row of the picture
RATE = 0.05  # Adam's, falling to zero, on latents


@study("pca")
@dataclass(frozen=True, kw_only=True)
class PrincipalComponents(OfRuns):
    """PCA as a generative model beside the GAN: samples under the same judge, and reconstructions of real images.

    Writes scores.csv, samples.png, reconstruction.csv and reconstruction.png. Without labels for a judge, the samples
    are compared with the training images in random features.

    components: how many principal components; each value is a model of its own, no larger than there are components.
    inverted: how many held-out images are reconstructed by the GAN, by gradient descent on G's latent: `steps` steps
        from each of `starts` random starts.
    """

    components: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (16, 64, 256)
    inverted: PositiveInt = 64
    steps: PositiveInt = 300
    starts: PositiveInt = 4
    seed: NonNegativeInt = REPORTING_SEED

    def check_looks(self, players: Mapping[str, nn.Module], data: ImageSet, whose: str) -> None:
        if not can_be_judged(data) and len(data.held_out) < FEWEST["fid"]:
            raise GanatomyError(f"{data.source} holds out {len(data.held_out)} images; {FEWEST['fid']} are the least.")
        if players["G"].classes is not None:
            assert data.train.labels is not None
            counts = np.bincount(data.train.labels[fitted(len(data.train))], minlength=len(data.classes or ()))
            if counts.min() < 2:
                name = (data.classes or ())[int(counts.argmin())]
                raise GanatomyError(f"{data.source} has {counts.min()} images of {name} to train on; a PCA needs two.")

    def looks_at(self) -> Mapping[str, ImageSet]:
        return {"run": load(self.run).data()}

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        run = load(self.run)
        sampler, data = run.sampler(), run.data()
        self.check_looks({"G": sampler.G}, data, self.run)
        scorer = scorer_of(run, data, folder)
        model = LinearModel.of(data, sampler.classes)
        sizes = sorted({min(size, model.most) for size in self.components})

        scores = {"gan": folder.step("gan", partial(self.score, scorer, sampler.images, sampler.labels))}
        for size in sizes:
            drawn = f"pca-{size}"
            scores[drawn] = folder.step(drawn, partial(self.score, scorer, partial(model.images, size), model.labels))
        rebuild = partial(self.rebuilt, folder, data, model, sampler)
        rebuilt = folder.step("rebuilt", rebuild, draws=("reconstruction.png",))
        self.show(folder, sampler, model, sizes, data)
        folder.table("scores.csv", [{"model": name, **shown(one)} for name, one in scores.items()])
        folder.table("reconstruction.csv", [{"components": int(n), "error": e} for n, e in rebuilt["pca"].items()])
        protocol = {
            **facts(run, "G", data),
            **scorer.protocol(self.seed, "average" if run.averages() else "raw"),
            "fitted": "each class apart" if sampler.classes else "all classes together",
            "fitted_images": min(FITTED, len(data.train)),
            "error": "root mean square over pixels in [-1, 1]",
            "inverted": min(self.inverted, len(data.held_out)),
            "inverted_of": "the first of a fixed shuffle of the held-out images",
            "steps": self.steps,
            "starts": self.starts,
        }
        return {
            "scores": scores,
            "floor": scorer.floor(),
            "reconstruction": rebuilt,
            "wins": wins(scores, rebuilt, sampler.prior.size),
            "protocol": protocol,
        }

    def score(
        self,
        scorer: "Scorer",
        images: Callable[[int, Sequence[int]], Array],
        labels: Callable[[Sequence[int]], list[int] | None],
    ) -> dict[str, Any]:
        """Of the first samples of a model, which gives images by seed and numbers, and labels by numbers."""
        indices = range(scorer.count)
        return scorer.score(images(self.seed, indices), labels(indices))

    def rebuilt(self, folder: StudyFolder, data: ImageSet, model: "LinearModel", sampler: Sampler) -> dict[str, Any]:
        """Errors on held-out images, of the PCA by number of components and of G; and a picture of some."""
        images = data.pictures(data.held_out)
        labels = data.held_out.labels
        sizes = [0, *(2**power for power in range(model.most.bit_length())), model.most]
        by_size = {str(n): error(model.rebuilt(images, labels, n), images) for n in sorted(set(sizes))}

        chosen = shuffled(np.arange(len(images)))[: self.inverted]
        some, own = images[chosen], None if labels is None else np.asarray(labels)[chosen]
        asked = None if own is None or sampler.classes is None else torch.from_numpy(own)
        keep, say = folder.unfinished, folder.announce
        found = invert(sampler, to_unit(some), asked, self.steps, self.starts, self.seed, keep, say)
        size = min(sampler.prior.size, model.most)
        linear = model.rebuilt(some, own, size)
        rows = np.concatenate([part[:SHOWN] for part in (some, found, linear)])
        names = ["real", "GAN", f"PCA, {size}"]
        folder.picture("reconstruction.png", grid(rows, columns=min(SHOWN, len(some)), row_names=names))
        same = {"gan": found, f"pca-{size}": linear}
        return {
            "pca": by_size,
            "same_images": {name: error(one, some) for name, one in same.items()},
            "same_images_median": {name: median_error(one, some) for name, one in same.items()},
        }

    def show(
        self, folder: StudyFolder, sampler: Sampler, model: "LinearModel", sizes: Sequence[int], data: ImageSet
    ) -> None:
        """Samples, a row each: real, the GAN's, the PCA's."""
        chosen = shuffled(np.arange(len(data.held_out)))[:SHOWN]
        count = len(chosen)
        rows = [data.pictures(data.held_out, chosen), sampler.images(self.seed, range(count))]
        rows += [model.images(size, self.seed, range(count)) for size in sizes]
        names = ["real", "GAN", *(f"PCA, {size}" for size in sizes)]
        folder.picture("samples.png", grid(np.concatenate(rows), columns=count, row_names=names))


class Scorer(Protocol):
    """What samples of both models are scored by, `count` of each."""

    count: int

    def score(self, images: Array, asked: Sequence[int] | None) -> dict[str, Any]: ...

    def floor(self) -> dict[str, Any]: ...

    def protocol(self, seed: int, weights: str) -> dict[str, Any]: ...


def scorer_of(run: Run, data: ImageSet, folder: StudyFolder) -> Scorer:
    """The data's judge; or random features, where there can be none."""
    how = run.recipe.scores.build() if run.recipe.scores else JudgeScores()
    if can_be_judged(data):
        return ByJudge(open_bench(data, run.recipe, how, folder.announce))
    return Unjudged(data, how.count)


class ByJudge:
    """Scores of the data's own judge, as a run is evaluated."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.count = bench, bench.how.count

    def score(self, images: Array, asked: Sequence[int] | None) -> dict[str, Any]:
        return asdict(self.bench.score_images(images, asked))

    def floor(self) -> dict[str, Any]:
        return asdict(self.bench.floor)

    def protocol(self, seed: int, weights: str) -> dict[str, Any]:
        return self.bench.protocol(seed=seed, weights=weights, checkpoint="last")


class Unjudged:
    """Distance to the training images, and how many of them are covered, in random features."""

    def __init__(self, data: ImageSet, count: int) -> None:
        self.count = min(count, len(data.held_out))
        metrics = tuple(name for name in ("fid", "prdc") if FEWEST[name] <= self.count)
        self.reference = Reference(data, Request(make_extractor("random"), metrics, self.count))

    def score(self, images: Array, asked: Sequence[int] | None) -> dict[str, Any]:
        return self._shown(self.reference.score_images(images))

    def floor(self) -> dict[str, Any]:
        return self._shown(self.reference.floor)

    def protocol(self, seed: int, weights: str) -> dict[str, Any]:
        return {**self.reference.protocol(), "seed": seed, "weights": weights, "checkpoint": "last"}

    def _shown(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {"frechet": found["fid"], "coverage": found.get("coverage"), "count": self.count}


class LinearModel:
    """A PCA of flat images in [-1, 1], or one for each class, that samples and rebuilds."""

    def __init__(self, fitted: Sequence[PCA], shape: tuple[int, int, int]) -> None:
        """shape: height, width, channels of the images."""
        self.fitted, self.shape = list(fitted), shape

    @classmethod
    def of(cls, data: ImageSet, classes: int | None) -> "LinearModel":
        rows = fitted(len(data.train))
        images = data.pictures(data.train, rows)
        if classes is None:
            groups = [images]
        else:
            assert data.train.labels is not None
            groups = [images[data.train.labels[rows] == number] for number in range(classes)]
        return cls([all_components(flat(group)) for group in groups], images.shape[1:])

    @property
    def most(self) -> int:
        return min(int(pca.n_components_) for pca in self.fitted)

    def labels(self, indices: Sequence[int]) -> list[int] | None:
        """As a generator's: all classes alike often, where there are classes."""
        return None if len(self.fitted) == 1 else [index % len(self.fitted) for index in indices]

    def images(self, size: int, seed: int, indices: Sequence[int]) -> Array:
        """Samples of `size` components, uint8 [N, H, W, C]; sample i depends on (seed, i) alone."""
        found = []
        for index in indices:
            pca = self.fitted[index % len(self.fitted)]
            normal = keyed(seed, "pca", index).standard_normal(self.most)[:size]
            found.append(pca.mean_ + (normal * np.sqrt(pca.explained_variance_[:size])) @ pca.components_[:size])
        return self.as_images(np.stack(found))

    def rebuilt(self, images: Array, labels: Array | None, size: int) -> Array:
        """Images as `size` components have them, those of their class where there are several models."""
        found = np.empty((len(images), int(np.prod(self.shape))), np.float32)
        own = np.zeros(len(images), np.int64) if len(self.fitted) == 1 or labels is None else labels
        for number, pca in enumerate(self.fitted):
            x, parts = flat(images[own == number]) - pca.mean_, pca.components_[:size]
            found[own == number] = pca.mean_ + (x @ parts.T) @ parts
        return self.as_images(found)

    def as_images(self, x: Array) -> Array:
        height, width, channels = self.shape
        unit = torch.from_numpy(np.asarray(x, np.float32)).view(-1, height, width, channels)
        return to_uint8(unit.permute(0, 3, 1, 2))


def fitted(count: int) -> Array:
    """Which of so many training images: of more than are fitted a choice of chance, for they may lie class by class."""
    return np.sort(shuffled(np.arange(count))[:FITTED])


def all_components(x: Array) -> PCA:
    """All principal components of x: [N, d], or the first ones of wide rows."""
    if x.shape[1] <= WIDEST:
        return PCA(min(x.shape), svd_solver="covariance_eigh").fit(x)
    return PCA(min(MOST, *x.shape), svd_solver="randomized", random_state=0).fit(x)


def invert(
    sampler: Sampler,
    x: Tensor,
    y: Tensor | None,
    steps: int,
    starts: int,
    seed: int,
    keep: Path,
    say: Callable[[str], None] = lambda text: None,
) -> Array:
    """The nearest images that G draws, uint8 [N, H, W, C], found from the better of several starts of each.

    x: [N, C, H, W] in [-1, 1]; y: the classes asked for. Adam descends the square of the error in z. keep: a folder for
    what is found, so that no start that is done is made again.
    """
    given, kept = () if y is None else (y,), Checkpoints(keep)
    done, best, least = 0, torch.zeros_like(x), torch.full((len(x),), torch.inf)
    if (found := kept.newest()) is not None:
        done, best, least = found.round, found.tensors["best"], found.tensors["least"]
    for start in range(done, starts):
        z = sampler.prior.sample(seed, start * len(x), (start + 1) * len(x)).requires_grad_()
        optimizer = torch.optim.Adam([z], lr=RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for step in range(steps):
            if step % max(1, steps // 4) == 0:
                say(f"  latents of {len(x)} images, start {start + 1} of {starts}: step {step} of {steps}")
            optimizer.zero_grad()
            (sampler.G(z, *given) - x).square().sum().backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            drawn = sampler.G(z, *given)
        errors = (drawn - x).square().mean((1, 2, 3))
        best = torch.where((errors < least)[:, None, None, None], drawn, best)
        least = torch.minimum(errors, least)
        kept.write(start + 1, {"best": best, "least": least}, {})
    return to_uint8(best)


def error(found: Array, images: Array) -> float:
    """Root mean square over pixels in [-1, 1], of uint8 images."""
    return float(np.sqrt(np.mean((flat(found) - flat(images)).astype(np.float64) ** 2)))


def median_error(found: Array, images: Array) -> float:
    """The error of the image in the middle, which a few hopeless ones do not move."""
    return float(np.median([error(one[None], image[None]) for one, image in zip(found, images, strict=True)]))


def shown(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {name: scores.get(name) for name in ("frechet", "coverage", "classifier_score", "accuracy", "count")}


def wins(scores: Mapping[str, Mapping[str, Any]], rebuilt: Mapping[str, Any], latent: int) -> dict[str, str]:
    """Who is best at what."""
    found = {"frechet": min(scores, key=lambda name: scores[name]["frechet"])}
    for name in ("coverage", "classifier_score", "accuracy"):
        known = {model: one[name] for model, one in scores.items() if one.get(name) is not None}
        if known:
            found[name] = max(known, key=lambda model: known[model])
    for name, key in (("reconstruction", "same_images"), ("median reconstruction", "same_images_median")):
        found[f"{name} from {latent} numbers"] = min(rebuilt[key], key=lambda model: float(rebuilt[key][model]))
    return found
