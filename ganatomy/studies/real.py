"""The real images that a study looks at, and what a result says of the run and of them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from ganatomy.core.errors import GanatomyError
from ganatomy.core.shape import Shape
from ganatomy.core.spec import Spec
from ganatomy.data.feed import HALF_RANGE
from ganatomy.data.images import Images, ImageSet
from ganatomy.experiments.run import Run
from ganatomy.metrics.moments import Array

COLORS = {1: "gray", 3: "rgb", 4: "rgba"}
STEP = 256  # images looked at at a time
STANDING_IMAGES = 5_120  # real ones, that batch-norm statistics are taken from


def real_images(run: Run, source: str | None) -> ImageSet:
    """The images that a run was trained on, or those of another source at the run's size and channels."""
    if source is None:
        return run.data()
    shape = Shape(*run.checkpoint().state["data"]["shape"])
    channels = COLORS.get(shape.channels)
    found: ImageSet = Spec(Images, source=source, size=(shape.height, shape.width), channels=channels).build().open()
    if found.shape != shape:
        raise GanatomyError(f"{source} has images of {found.shape}, and {run.path} was trained on {shape}.")
    return found


def labels_of(data: ImageSet) -> tuple[Array, Array]:
    """Of the images to train on, and of the held-out ones, which nothing was trained on; [N] each."""
    if data.train.labels is None or data.held_out.labels is None or len(np.unique(data.train.labels)) < 2:
        raise GanatomyError(f"{data.source} has no labels of two classes or more, so nothing can be learned of them.")
    if len(data.held_out) == 0:
        raise GanatomyError(f"{data.source} has no held-out images to test on.")
    refuse_seen(data)
    return data.train.labels, data.held_out.labels


def largest_class(data: ImageSet) -> float:
    """The share of the largest class of the held-out images: what one recognizes who always guesses it."""
    labels = np.asarray(labels_of(data)[1])
    return float(np.bincount(labels).max() / len(labels))


def spread(values: Sequence[float]) -> float | None:
    """The standard deviation of a sample; of a single number there is none.

    >>> spread([1.0, 3.0]), spread([1.0])
    (1.4142135623730951, None)
    """
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def refuse_seen(data: ImageSet) -> None:
    """Raise GanatomyError where a classifier would be tested on images that it learns from."""
    if not data.unseen:
        raise GanatomyError(
            f"The held-out images of {data.source} are trained on, too (data.subset=train+test), so none are left to "
            "test on; the studies features and probe test on others with data=."
        )


def flat(images: Array) -> Array:
    """uint8 [N, H, W, C] to float32 [N, H * W * C] in [-1, 1]."""
    return images.reshape(len(images), math.prod(images.shape[1:])).astype(np.float32) / np.float32(HALF_RANGE) - 1


def principal(pixels: Array, size: int) -> PCA:
    """So many principal components of flat images [N, d], or as many as there can be."""
    return PCA(min(size, *pixels.shape), random_state=0).fit(pixels)


def facts(run: Run, player: str, data: ImageSet | None = None) -> dict[str, Any]:
    """What was looked at through which player's weights: the beginning of a result's protocol.

    data: the images beside it; None: those that the run was trained on, which need not be there.
    """
    found = run.checkpoint()
    trained_on = found.state["data"]
    remarks = [] if data is None else data.remarks
    return {
        "run": str(run.path),
        "round": found.round,
        "checkpoint": "last",
        "player": player,
        "weights": "average" if run.averages(player) else "raw",
        "data": trained_on["source"] if data is None else data.source,
        "content": trained_on["content"] if data is None else data.content,
        **({"remarks": remarks} if remarks else {}),
    }
