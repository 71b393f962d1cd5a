"""A discriminator as a feature extractor: what its convolutions see, under a linear SVM.

Radford et al. (2016), arXiv:1511.06434, section 5.1: "we use the discriminator's convolutional features from all
layers, maxpooling each layer's representation to produce a 4x4 spatial grid. These features are then flattened and
concatenated [...] and a regularized linear L2-SVM classifier is trained on top of them". The paper names no other grid.
Layers of 128, 256 and 512 maps at 32 px make 14,336 features so, and also with grids of 8, 4 and 2, which are a "2x2
max pooling" of each layer: the number that one report gives does not tell the two readings apart.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d

from ganatomy.core.errors import GanatomyError
from ganatomy.core.players import Discriminator
from ganatomy.core.randomness import keyed
from ganatomy.core.shape import Shape
from ganatomy.data.feed import to_unit
from ganatomy.data.images import ImageSet, Split
from ganatomy.engine.average import standing_statistics
from ganatomy.experiments.build import build_players, class_count
from ganatomy.experiments.run import Run, load
from ganatomy.metrics.moments import Array
from ganatomy.report.charts import bars
from ganatomy.studies.real import (
    STANDING_IMAGES,
    STEP,
    facts,
    flat,
    labels_of,
    largest_class,
    principal,
    real_images,
    spread,
)
from ganatomy.studies.study import OfRuns, Step, StudyFolder, check_each_once, refuse_idle, study
from ganatomy.studies.svm import LinearSVM, fit

SCALED_BY = 5_120  # images, whose features' mean and deviation are made 0 and 1
PRINCIPAL_IMAGES = 20_000  # that principal components are taken from, at most
VALIDATION = 5  # one image in so many, at least, chooses C
CHOSEN_ON = 10_000  # images that an SVM of each C is trained on to choose it, at most: the others all validate it

Look = Callable[[Array], Tensor]  # uint8 [n, H, W, C] -> [n, d], float32
Other = Literal["pixels", "pca", "untrained"]


@study("features")
@dataclass(frozen=True, kw_only=True)
class Features(OfRuns):
    """How good D's features of real images are for a linear SVM, beside pixels, their PCA and an untrained D.

    Writes accuracy.csv and accuracy.png: accuracies on the held-out images.

    data: another source of images to probe; default: what the run was trained on. Of a recipe: what it is trained on.
    grid: each layer's maps are max-pooled to a grid of this size; one number for all layers or one for each, no larger
        than the maps.
    labels: how many labelled images per class are known, 5 or more, or all; each value is a trial. Unless all are
        known, the accuracy is the mean over `draws` random choices, or over as many as have no image in common.
    against: what to compare with; `untrained` is D with new weights, of the run's seed: those that its training began
        with, unless it began with another run's.
    components: of the PCA, at most as many as there can be.
    strengths: values of C times the number of features; the best is chosen on a fifth of the known labels, or on more
        where more than 12,500 are known.
    """

    grid: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (4,)
    labels: Annotated[tuple[PositiveInt | Literal["all"], ...], Field(min_length=1)] = ("all", 400)
    draws: PositiveInt = 3
    against: tuple[Other, ...] = ("pixels", "pca", "untrained")
    components: PositiveInt = 256
    strengths: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (0.01, 0.1, 1.0, 10.0)
    seed: NonNegativeInt = 0

    of_recipes = ("images", "overrides")

    def check(self) -> None:
        check_each_once(labels=self.labels, strengths=self.strengths)
        if "pca" not in self.against:
            refuse_idle(self, ["components"], "is for against=pca.")

    def check_looks(self, players: Mapping[str, nn.Module], data: ImageSet, whose: str) -> None:
        check_grid(scoring_alone(players["D"].eval(), data.shape, whose), self.grid, data.shape)
        Shuffled(data, self.seed).check(self.labels)

    def looks_at(self) -> Mapping[str, ImageSet]:
        return {"data": real_images(load(self.run), self.data)}

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        run = load(self.run)
        data = real_images(run, self.data)
        trained, images = scoring_alone(run.player("D"), data.shape, self.run), Shuffled(data, self.seed)
        self.check_looks({"D": trained}, data, self.run)
        looks: dict[str, Callable[[], Look]] = {
            "discriminator": lambda: through(trained, self.grid, images),
            "pixels": lambda: lambda pictures: torch.from_numpy(flat(pictures)),
            "pca": lambda: components(images, self.components),
            "untrained": lambda: through(untrained(run, trained), self.grid, images),
        }
        names = ("discriminator", *dict.fromkeys(self.against))
        say = folder.announce
        found = {name: self.tried(looks[name], images, folder.steps_of(name), say) for name in names}
        folder.table("accuracy.csv", [{"features": name, **row} for name, one in found.items() for row in rows(one)])
        accuracies = {
            f"{name}, {known}": one["accuracies"] for name, of in found.items() for known, one in of["trials"].items()
        }
        folder.picture("accuracy.png", bars(accuracies, "recognized of the held-out images, by labels per class known"))
        protocol = {
            **facts(run, "D", data),
            "statistics": f"of {min(STANDING_IMAGES, len(images)):,} training images",
            "grids": [list(maps.shape[2:]) for maps in Convolutions(trained, self.grid).maps(no_image(data.shape))],
            "scaled_by": f"{min(SCALED_BY, len(images)):,} training images",
            "svm": "squared hinge, one against the rest, L2",
            "validation": f"1 / {VALIDATION} of the known labels, or all but {CHOSEN_ON:,}",
            "images": len(images),
            "held_out": len(data.held_out),
            "largest_class": largest_class(data),
            "seed": self.seed,
        }
        return {**found, "protocol": protocol}

    def tried(
        self, make: Callable[[], Look], images: "Shuffled", step: Step, say: Callable[[str], None] = lambda text: None
    ) -> dict[str, Any]:
        """The accuracies of one kind of features, a step for each trial; they are computed if one is not done yet."""
        needed, test_y = images.needed(self.labels, self.draws), torch.from_numpy(images.held_out_labels)
        rows = cache(lambda: self.looked(make(), images, needed, say))

        def trial(chosen: Array) -> dict[str, float]:
            x, y, test = rows()
            x, y = (x, y) if len(chosen) == len(x) else (x[chosen], y[chosen])
            return {"size": x.shape[1], **self.trial(x, y, test, test_y, len(images.of_class), say)}

        trials, size = {}, 0
        for known in self.labels:
            chosen = [np.searchsorted(needed, one) for one in images.choices(known, self.draws)]
            results = [step(f"{known}-{number}", partial(trial, of)) for number, of in enumerate(chosen)]
            trials[str(known)] = {"labels": len(chosen[0]), **summary(results)}
            size = int(results[0]["size"])
        return {"size": size, "trials": trials}

    def looked(
        self, look: Look, images: "Shuffled", needed: Array, say: Callable[[str], None]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Standardized features of the images to train on, their labels, and features of the held-out ones."""
        say(f"  looking at {len(needed):,} images to train on, {len(images.data.held_out):,} held out")
        scale = Scale.of(torch.cat(list(images.seen(look, np.arange(min(SCALED_BY, len(images)))))))
        x, y = scale.rows(images.seen(look, needed), len(needed)), torch.from_numpy(images.labels[needed])
        return x, y, scale.rows(images.seen_held_out(look), len(images.data.held_out))

    def trial(
        self, x: Tensor, y: Tensor, test: Tensor, test_y: Tensor, classes: int, say: Callable[[str], None]
    ) -> dict[str, float]:
        """An SVM on labelled rows, its C chosen with an SVM of the first of them that is validated on the others."""
        cut = min(len(x) - max(1, len(x) // VALIDATION), CHOSEN_ON)
        svm: LinearSVM | None = None
        best = (-1.0, 0.0, svm)
        for strength in sorted(self.strengths):
            say(f"  SVM of {cut:,} x {x.shape[1]:,}, C = {strength / x.shape[1]:.3g}")
            svm = fit(x[:cut], y[:cut], classes, strength / x.shape[1], start=svm)
            best = max(best, (svm.accuracy(x[cut:], y[cut:]), -strength, svm), key=lambda one: one[:2])
        validated, strength = best[0], -best[1]
        say(f"  SVM of {len(x):,} x {x.shape[1]:,}, C = {strength / x.shape[1]:.3g}, the best of these")
        svm = fit(x, y, classes, strength / x.shape[1], start=best[2])
        return {"accuracy": svm.accuracy(test, test_y), "validation": validated, "C": strength / x.shape[1]}


class Convolutions(nn.Module):
    """Images [N, C, H, W] to [N, d]: each convolution's activation, max-pooled to a grid, one after another."""

    def __init__(self, D: Discriminator, grid: Sequence[int]) -> None:
        super().__init__()
        self.D, self.grid = D, tuple(grid)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([pooled.flatten(1) for pooled in self.maps(x)], dim=1)

    def maps(self, x: Tensor) -> list[Tensor]:
        """[N, maps, height, width] of each layer, pooled to its grid."""
        found: list[Tensor] = []

        def keep(module: nn.Module, inputs: Any, out: Tensor) -> None:
            if out.dim() != 4:
                return
            own = out[-len(x) :]  # before them stands the reference batch of virtual batch norm
            found.append(self._pooled(own, len(found)))

        hooks = [module.register_forward_hook(keep) for module in activations(self.D)]
        try:
            self.D.features(x)
        finally:
            for hook in hooks:
                hook.remove()
        return found

    def _pooled(self, maps: Tensor, layer: int) -> Tensor:
        grid = self.grid[layer] if len(self.grid) > 1 else self.grid[0]
        return adaptive_max_pool2d(maps, (min(grid, maps.shape[2]), min(grid, maps.shape[3])))


def activations(network: nn.Module) -> list[nn.Module]:
    """Where convolutions are seen: at the activations, or, where those are no modules, at convolutions of 2x2 and more.

    The latter are not rectified, but keep what rectifying would: the largest of rectified numbers is the rectified
    largest.
    """
    found: list[nn.Module] = [m for m in network.modules() if isinstance(m, nn.ReLU | nn.LeakyReLU | nn.SELU)]
    return found or [m for m in network.modules() if isinstance(m, nn.Conv2d) and max(m.kernel_size) > 1]


def scoring_alone(player: nn.Module, shape: Shape, whose: str) -> Discriminator:
    """D, if it has convolutions and looks at an image without being told anything else."""
    if not isinstance(player, Discriminator):
        raise GanatomyError(f"D of {whose} is a {type(player).__name__}, not a Discriminator: it needs more to see.")
    if not any(isinstance(module, nn.Conv2d) for module in player.modules()):
        raise GanatomyError(f"D of {whose} has no convolutions, so there are no maps to pool.")
    try:
        player.features(no_image(shape))
    except GanatomyError:
        raise GanatomyError(
            f"D of {whose} sees no image without being told its class, which is what the features shall tell: "
            "take one whose D is not conditional, or is so by projection."
        ) from None
    return player


def check_grid(D: Discriminator, grid: Sequence[int], shape: Shape) -> None:
    layers = len(Convolutions(D, (1,)).maps(no_image(shape)))
    if len(grid) not in (1, layers):
        raise GanatomyError(f"grid has {len(grid)} numbers, and D {layers} layers: say one for all, or one for each.")


def no_image(shape: Shape) -> Tensor:
    return torch.zeros(1, *shape)


def untrained(run: Run, trained: Discriminator) -> Discriminator:
    """The discriminator with new weights of the run's seed, and with the reference batch it was given."""
    state = run.checkpoint().state["data"]
    D = build_players(run.recipe, Shape(*state["shape"]), class_count(state["classes"]))["D"]
    assert isinstance(D, Discriminator)
    if getattr(trained, "reference", None) is not None:
        D.reference = trained.reference
    return D.eval().requires_grad_(False)


def through(D: Discriminator, grid: Sequence[int], images: "Shuffled") -> Look:
    """The features of D, whose batch-norm statistics become those of real images."""
    seen = Convolutions(D, grid).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    standing_statistics(seen, ((to_unit(x),) for x in images.parts(np.arange(min(STANDING_IMAGES, len(images))))))
    return lambda pictures: seen(to_unit(pictures))


def components(images: "Shuffled", size: int) -> Look:
    """The first principal components of pixels."""
    pixels = np.concatenate([flat(x) for x in images.parts(np.arange(min(PRINCIPAL_IMAGES, len(images))))])
    pca = principal(pixels, size)
    return lambda pictures: torch.from_numpy(pca.transform(flat(pictures)).astype(np.float32))


class Shuffled:
    """Labelled images to train on, in an order of chance, so that any first part of them is a fair choice."""

    def __init__(self, data: ImageSet, seed: int) -> None:
        self.data = data
        labels, self.held_out_labels = (np.asarray(part) for part in labels_of(data))
        self.order = keyed(seed, "features").permutation(len(data.train))
        self.labels = labels[self.order]
        self.of_class = [np.flatnonzero(self.labels == number) for number in range(len(data.classes or ()))]

    def __len__(self) -> int:
        return len(self.order)

    @property
    def fewest(self) -> int:
        """Images of the rarest class."""
        return min(len(rows) for rows in self.of_class)

    def check(self, labels: Sequence[int | Literal["all"]]) -> None:
        for known in labels:
            if known != "all" and not VALIDATION <= known <= self.fewest:
                some = f", or numbers from {VALIDATION} to {self.fewest}" if self.fewest >= VALIDATION else ""
                raise GanatomyError(
                    f"labels={known}: the rarest class of {self.data.source} has {self.fewest:,} images to train on. "
                    f"Say labels=all{some}."
                )

    def choices(self, known: int | Literal["all"], draws: int) -> list[Array]:
        """Rows with `known` of each class, `draws` times and none twice, or as often as there are enough."""
        if known == "all":
            return [np.arange(len(self))]
        times = range(min(draws, self.fewest // known))
        return [np.sort(np.concatenate([rows[t * known : (t + 1) * known] for rows in self.of_class])) for t in times]

    def needed(self, labels: Sequence[int | Literal["all"]], draws: int) -> Array:
        """The rows of any choice, in order."""
        return np.unique(np.concatenate([one for known in labels for one in self.choices(known, draws)]))

    def parts(self, rows: Array) -> Iterator[Array]:
        return self._of(self.data.train, self.order[rows])

    @torch.no_grad()
    def seen(self, look: Look, rows: Array) -> Iterator[Tensor]:
        yield from map(look, self.parts(rows))

    @torch.no_grad()
    def seen_held_out(self, look: Look) -> Iterator[Tensor]:
        yield from map(look, self._of(self.data.held_out, np.arange(len(self.data.held_out))))

    def _of(self, split: Split, rows: Array) -> Iterator[Array]:
        pictures = self.data.pictures(split)
        return (pictures[rows[start : start + STEP]] for start in range(0, len(rows), STEP))


class Scale(NamedTuple):
    """Mean and deviation of each feature, [d]; a feature that never changes keeps its own scale."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, x: Tensor) -> "Scale":
        deviation = x.std(0, correction=0)
        return cls(x.mean(0), torch.where(deviation > 1e-6, deviation, 1.0))

    def rows(self, parts: Iterator[Tensor], count: int) -> Tensor:
        """float16 [count, d], standardized."""
        found, start = torch.empty(count, len(self.mean), dtype=torch.float16), 0
        for part in parts:
            found[start : start + len(part)] = (part - self.mean) / self.deviation
            start += len(part)
        return found


def summary(results: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """The mean over draws of the labels, and the deviation between them where there are several."""
    accuracies = [one["accuracy"] for one in results]
    return {
        "accuracy": float(np.mean(accuracies)),
        "deviation": spread(accuracies),
        "accuracies": accuracies,
        "validation": float(np.mean([one["validation"] for one in results])),
        "C": [one["C"] for one in results],
    }


def rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line of the table for each trial."""
    return [
        {"size": found["size"], **{name: one[name] for name in ("labels", "accuracy", "deviation")}}
        for one in found["trials"].values()
    ]
