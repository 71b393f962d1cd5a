"""A classifier that is taught with real images, generated ones, or any mix, and examined on others."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from ganatomy.core.recipe import Recipe
from ganatomy.core.spec import Spec
from ganatomy.data.feed import to_unit
from ganatomy.data.images import ImageSet
from ganatomy.data.packed import Split
from ganatomy.engine.optimizers import SGD
from ganatomy.experiments.build import build_engine
from ganatomy.games.classification import Classification
from ganatomy.metrics.moments import Array
from ganatomy.networks.classifier import ConvClassifier
from ganatomy.networks.efficientnet import EfficientNetClassifier
from ganatomy.objectives.augment import DiffAugment
from ganatomy.recipes.judges import judge

Network = Literal["small", "efficientnet-b0"]
BATCH = 250


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


@dataclass(frozen=True)
class School:
    """How pupils are taught: `shown` images, whichever the lesson's size.

    The small network is a judge's (two halvings, 128 features); EfficientNet-B0 is pretrained and taught as one report
    does, by SGD 0.001 with momentum 0.3. Classical augmentation is `rotate` degrees and `shifted` places.
    """

    network: Network = "small"
    shown: int = 200_000
    rotate: float = 0.0
    shifted: bool = False

    def recipe(self, data: Spec, seed: int) -> Recipe:
        augment = (Spec(DiffAugment, changes=("translation",)),) if self.shifted else ()
        taught = judge(data, images=self.shown, name="pupil").replace(
            seed=seed, game=Spec(Classification, augment=augment), precision="auto"
        )
        if self.network == "small":
            return taught.replace(players={"C": Spec(ConvClassifier, channels=(32, 64), noise=0.2)})
        return taught.replace(
            players={"C": Spec(EfficientNetClassifier)},
            optimizers={"C": Spec(SGD, lr=1e-3, momentum=0.3)},
            precision="float32",
        )


def teach(
    data: ImageSet,
    spec: Spec,
    lesson: Lesson,
    school: School,
    *,
    seed: int = 0,
    start: Mapping[str, Tensor] | None = None,
    device: torch.device | None = None,
) -> nn.Module:
    """A pupil that was taught with a lesson; from the weights `start`, where there are some, else from new ones."""
    taught_with = replace(
        data,
        train=Split(lesson.images, lesson.labels),
        held_out=data.held_out.first(0),
        flip=False,
        rotate=school.rotate,
    )
    recipe = school.recipe(spec, seed)
    engine = build_engine(recipe, taught_with, device or torch.device("cpu"))
    if start is not None:
        engine.players["C"].load_state_dict(start)
    engine.play(recipe.images)
    return engine.players["C"].eval()


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
