"""Run folders written by hand, so that a page can be made without training."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganatomy.runs.files import write_bytes, write_text
from ganatomy.runs.folder import RunFolder

PROTOCOL = {
    "reference": "training images 300-599",
    "content": "a" * 64,
    "floor": "600 held-out images",
    "count": 600,
    "extractor": "judge",
    "extractor_sha256": "b" * 64,
    "extractor_accuracy": 0.97,
    "resize": None,
    "precision": "float32",
    "k": 5,
    "per_class": 100,
    "seed": 0,
    "weights": "average",
    "checkpoint": "last",
}
FLOOR = {
    "frechet": 2.0,
    "coverage": 0.9,
    "classifier_score": 9.5,
    "class_shares": [0.1] * 10,
    "accuracy": 0.98,
    "count": 600,
}
RECIPE = {
    "name": "digits-dcgan",
    "data": {"use": "Images", "source": "/somewhere/else/digits", "size": 8},
    "game": {"use": "Adversarial", "loss": {"use": "NonSaturating", "smoothing": 0.0}, "g_steps": 1, "augment": []},
    "players": {"G": {"use": "MLPGenerator", "width": 1.0}, "D": {"use": "MLPDiscriminator", "dropout": 0.0}},
    "optimizers": {"G": {"use": "Adam", "lr": 0.002}, "D": {"use": "Adam", "lr": 0.002}},
    "images": 8000,
    "seed": 3,
}


def scored(frechet: float, coverage: float | None = 0.7, shares: Sequence[float] = (0.1,) * 10) -> dict[str, Any]:
    """The scores of one evaluation."""
    return {
        "frechet": frechet,
        "coverage": coverage,
        "classifier_score": 8.0,
        "class_shares": list(shares),
        "accuracy": None,
        "count": 600,
    }


def score_rows(*scores: Mapping[str, Any], protocol: Mapping[str, Any] = PROTOCOL) -> list[dict[str, Any]]:
    """Lines of scores.jsonl, one for every 1,000 images."""
    return [
        {"round": 10 * n, "images": 1000 * n, "seconds": 60.0 * n, "scores": own, "floor": FLOOR, "protocol": protocol}
        for n, own in enumerate(scores, 1)
    ]


def metric_rows(**figures: Sequence[float]) -> list[dict[str, Any]]:
    """Lines of metrics.jsonl; of a name, the first _ is written as /."""
    named = {name.replace("_", "/", 1): values for name, values in figures.items()}
    count = len(next(iter(named.values())))
    return [
        {"round": n, "images": 1000 * n, "seconds": 6.0 * n, **{name: values[n - 1] for name, values in named.items()}}
        for n in range(1, count + 1)
    ]


def png(seed: int, size: int = 40) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def made_run(path: Path, *, samples: int = 5, recipe: Mapping[str, Any] = RECIPE) -> RunFolder:
    """A finished run of eight lines, three scores, an evaluation of the last and of the best checkpoint."""
    run = RunFolder(path)
    write_text(run.recipe_file, json.dumps(recipe))  # which is YAML, too
    for line in metric_rows(D_accuracy_real=[0.8] * 8, D_accuracy_fake=[0.8] * 8, G_adversarial=[1.0, 2.0] * 4):
        run.metrics.append(line)
    rows = score_rows(scored(20.0), scored(9.0), scored(4.0))
    for row in rows:
        run.scores.append(row)
    for which, row in (("last", rows[2]), ("best", rows[1])):
        run.evaluations.append({**row, "which": which})
    for number in range(samples):
        write_bytes(run.samples / f"{number * 1000:010d}.png", png(number))
    return run
