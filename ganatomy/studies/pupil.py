"""A classifier that is taught with real images, generated ones, or any mix, and examined on others."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from ganatomy.core.observer import Moment, Observer
from ganatomy.core.recipe import Recipe
from ganatomy.core.spec import Spec
from ganatomy.data.feed import to_unit
from ganatomy.data.images import ImageSet
from ganatomy.data.packed import Split
from ganatomy.engine.engine import Engine
from ganatomy.engine.optimizers import SGD
from ganatomy.experiments.build import build_engine, build_players, class_count
from ganatomy.games.classification import Classification
from ganatomy.metrics.moments import Array
from ganatomy.networks.classifier import ConvClassifier
from ganatomy.networks.efficientnet import PRETRAINED, EfficientNetClassifier
from ganatomy.recipes.judges import judge
from ganatomy.runs.checkpoints import Checkpoints

Network = Literal["small", "efficientnet-b0"]
BATCH = 250
SHIFT, CLASSICAL_TURN = 1 / 8, 15.0  # of the size; degrees
GENTLE_SHIFT, GENTLE_TURN = 1 / 14, 10.0  # costs nothing where images are many


@dataclass(frozen=True)
class Lesson:
    """Images uint8 [N, H, W, C] with their classes [N]."""

    images: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.labels)

    def __add__(self, other: "Lesson") -> "Lesson":
        return Lesson(np.concatenate([self.images, other.images]), np.concatenate([self.labels, other.labels]))

    def chosen(self, rows: Array) -> "Lesson":
        return Lesson(self.images[rows], self.labels[rows])


def repeated(lesson: Lesson, count: int) -> Lesson:
    """A lesson again and again, so that it weighs as much as `count` images; never less than once."""
    return lesson.chosen(np.arange(max(count, len(lesson))) % max(1, len(lesson)))


def balanced(one: Lesson, other: Lesson) -> Lesson:
    """Both, the smaller one again and again, so that half of what is shown is of each; of nothing there is no half."""
    if not len(one) or not len(other):
        return one + other
    count = max(len(one), len(other))
    return repeated(one, count) + repeated(other, count)


@dataclass(frozen=True)
class School:
    """How pupils are taught: `shown` images, whichever the lesson's size.

    The small network is a judge's (two halvings, 128 features); EfficientNet-B0 is pretrained (`weights`, a name on the
    hub or a folder) and taught as one report does, by SGD 0.001 with momentum 0.3. Classical augmentation is `rotate`
    degrees, and `shifted`: by up to so large a part of the size, the border continued. `flipped`: where the data's own
    training flips, so does this.
    """

    network: Network = "small"
    shown: int = 200_000
    rotate: float = 0.0
    shifted: float = 0.0
    flipped: bool = False
    weights: str = PRETRAINED

    def recipe(self, data: Spec, seed: int) -> Recipe:
        taught = judge(data, images=self.shown, name="pupil").replace(
            seed=seed, game=Spec(Classification), precision="auto"
        )
        if self.network == "small":
            return taught.replace(players={"C": Spec(ConvClassifier, channels=(32, 64), noise=0.2)})
        return taught.replace(
            players={"C": Spec(EfficientNetClassifier, weights=self.weights)},
            optimizers={"C": Spec(SGD, lr=1e-3, momentum=0.3)},
            precision="float32",
        )


def classical(shown: int) -> School:
    """Real images turned, shifted and flipped: what generated ones have to be better than."""
    return School(shown=shown, rotate=CLASSICAL_TURN, shifted=SHIFT, flipped=True)


def teach(
    data: ImageSet,
    spec: Spec,
    lesson: Lesson,
    school: School,
    *,
    seed: int = 0,
    start: Mapping[str, Tensor] | None = None,
    device: torch.device | None = None,
    keep: Path | None = None,
    show: Observer | None = None,
) -> nn.Module:
    """A pupil that was taught with a lesson; from the weights `start`, where there are some, else from new ones.

    keep: a folder for its state, from which the same teaching goes on where it was killed. show: is told how far it is.
    """
    taught_with = replace(
        data,
        train=Split(bordered(lesson.images, school.shifted), lesson.labels),
        held_out=data.held_out.first(0),
        flip=data.flip and school.flipped,
        rotate=school.rotate,
    )
    recipe = school.recipe(spec, seed)
    engine = build_engine(recipe, taught_with, device or torch.device("cpu"))
    if start is not None:
        engine.players["C"].load_state_dict(start)
    kept = [] if keep is None else [Kept(engine, Checkpoints(keep), recipe.images)]
    engine.observers = [*kept, *([] if show is None else [show])]
    engine.play(recipe.images)
    return engine.players["C"].eval()


class Kept(Observer):
    """The state of a training, of which a tenth is lost at most; it goes on from what is there already."""

    def __init__(self, engine: Engine, checkpoints: Checkpoints, images: int) -> None:
        self.engine, self.checkpoints, self.every = engine, checkpoints, max(1, images // 10)
        if (found := checkpoints.newest()) is not None:
            engine.restore(found.tensors, found.state)

    def after_round(self, moment: Moment) -> None:
        if moment.passed(self.every):
            tensors, state = self.engine.state()
            self.checkpoints.write(moment.round, tensors, state)


def bordered(images: Array, share: float) -> Array:
    """uint8 [N, H, W, C], larger by a share at each border, which is continued: random crops of it are shifts."""
    if not share:
        return images
    reach = [(round(share * size),) * 2 for size in images.shape[1:3]]
    return np.pad(images, [(0, 0), *reach, (0, 0)], mode="edge")


def first_pupil(data: ImageSet, spec: Spec, school: School) -> nn.Module:
    """A pupil before its first lesson; what is missing for it is told here."""
    return build_players(school.recipe(spec, seed=0), data.shape, class_count(data.classes))["C"]


def hash_of(pupil: nn.Module) -> str | None:
    """The sha256 of the pretrained weights; None of a pupil that has none."""
    if not isinstance(pupil, EfficientNetClassifier):
        return None
    tensors = {name: value.contiguous() for name, value in pupil.body.state_dict().items()}
    return hashlib.sha256(save_tensors(tensors)).hexdigest()


@torch.inference_mode()
def probabilities(pupil: nn.Module, images: Array) -> Array:
    """uint8 [N, H, W, C] -> [N, classes]."""
    device = next(pupil.parameters()).device
    found = [
        pupil(to_unit(images[i : i + BATCH]).to(device)).float().softmax(1).cpu() for i in range(0, len(images), BATCH)
    ]
    return torch.cat(found).numpy()


def accuracy(pupil: nn.Module, exam: Lesson) -> float:
    """The share of an exam's images that are recognized."""
    return float((probabilities(pupil, exam.images).argmax(1) == exam.labels).mean())


def lesson_of(data: ImageSet, split: Split) -> Lesson:
    assert split.labels is not None
    return Lesson(data.pictures(split), np.asarray(split.labels))
