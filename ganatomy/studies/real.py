"""The real images that a study looks at, and what a result says of the run and of them."""

import math
from typing import Any

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.core.spec import Spec
from ganatomy.data.feed import HALF_RANGE
from ganatomy.data.images import Images, ImageSet
from ganatomy.experiments.run import Run
from ganatomy.metrics.moments import Array

COLORS = {1: "gray", 3: "rgb", 4: "rgba"}


def real_images(run: Run, source: str | None) -> ImageSet:
    """The images that a run was trained on, or those of another source at the run's size and channels."""
    if source is None:
        return run.data()
    shape = run.checkpoint().state["data"]["shape"]
    found: ImageSet = Spec(Images, source=source, size=tuple(shape[1:]), channels=COLORS.get(shape[0])).build().open()
    return found


def labels_of(data: ImageSet) -> tuple[Array, Array]:
    """Of the images to train on, and of the held-out ones; [N] each."""
    if data.train.labels is None or data.held_out.labels is None or len(data.classes or ()) < 2:
        raise GanatomyError(f"{data.source} has no labels of two classes or more, so nothing can be learned of them.")
    if len(data.held_out) == 0:
        raise GanatomyError(f"{data.source} has no held-out images to test on.")
    return data.train.labels, data.held_out.labels


def flat(images: Array) -> Array:
    """uint8 [N, H, W, C] to float32 [N, H * W * C] in [-1, 1]."""
    return images.reshape(len(images), math.prod(images.shape[1:])).astype(np.float32) / np.float32(HALF_RANGE) - 1


def facts(run: Run, player: str, data: ImageSet | None = None) -> dict[str, Any]:
    """What was looked at through which player's weights: the beginning of a result's protocol.

    data: the images beside it; None: those that the run was trained on, which need not be there.
    """
    found = run.checkpoint()
    trained_on = found.state["data"]
    return {
        "run": str(run.path),
        "round": found.round,
        "checkpoint": "last",
        "player": player,
        "weights": "average" if run.averages(player) else "raw",
        "data": trained_on["source"] if data is None else data.source,
        "content": trained_on["content"] if data is None else data.content,
    }
