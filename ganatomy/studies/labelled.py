"""Labelled images out of a GAN: is a classifier that saw only them as good as one that saw the real ones?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import NonNegativeInt, PositiveInt

from ganatomy.core.errors import GanatomyError
from ganatomy.core.recipe import Recipe
from ganatomy.core.spec import Spec, key_and_value
from ganatomy.data.images import ImageSet, Part
from ganatomy.engine.precision import find_device
from ganatomy.experiments.build import build_players, class_count
from ganatomy.experiments.run import load
from ganatomy.experiments.train import prepared
from ganatomy.networks.efficientnet import PRETRAINED
from ganatomy.report.charts import bars
from ganatomy.studies.pupil import (
    GENTLE_SHIFT,
    GENTLE_TURN,
    Lesson,
    Network,
    School,
    accuracy,
    balanced,
    first_pupil,
    hash_of,
    lesson_of,
    teach,
)
from ganatomy.studies.real import labels_of, largest_class, spread
from ganatomy.studies.study import (
    Study,
    StudyFolder,
    check_each_once,
    check_generates,
    refuse_idle,
    refuse_said_by_settings,
    study,
)

SAMPLES_SEED = 7
TURN = 30.0  # degrees
SHOWN = 200_000  # images that a pupil sees, unless said
AUGMENTED = ", augmented"  # gently: a pupil of generated images is to know real ones, which differ a little
LESSONS = ("generated", f"generated{AUGMENTED}", "real", f"real{AUGMENTED}", "real, turned", "real and generated")


@study("labelled-data")
@dataclass(frozen=True, kw_only=True)
class LabelledData(Study):
    """How good is a classifier that saw generated images only? Of GANs trained on portions of the labelled data.

    For each of `portions` (above 0, up to 1, of each class; the seed chooses which images) a conditional recipe is
    trained once, any other once per class, with `images` shared among the classes. Classifiers are then trained on

    - `per_label` samples of each class alone, plain and augmented (rotated, shifted and flipped a little);
    - the real images of the portion, plain, augmented, and rotated by up to 30 degrees;
    - both, half of what is shown being real,

    and tested on the held-out images, which decide nothing else. Writes accuracy.csv and accuracy.png.

    shown: how many images each classifier sees, by default 200,000; or `epochs`, how often it sees its training images.
    network: small, or efficientnet-b0 with its `weights`: a name on the hub, or a folder with config.json and
        model.safetensors.
    """

    data: str
    recipe: str = "mnist-cdcgan"
    portions: tuple[Part, ...] = (0.4, 0.6, 0.8)
    images: PositiveInt = 400_000
    per_label: PositiveInt = 3_000
    shown: PositiveInt | None = None
    epochs: PositiveInt | None = None
    network: Network = "small"
    weights: str = PRETRAINED
    seeds: tuple[NonNegativeInt, ...] = (0,)
    overrides: tuple[str, ...] = ()
    device: str = "auto"

    def looks_at(self) -> Mapping[str, ImageSet]:
        return {"data": self._opened(1.0)[0]}

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        data, spec = self._opened(1.0)
        pretrained = hash_of(first_pupil(data, spec, self._school()))
        rows, rounds = [], {}
        for portion in self.portions:
            for seed in self.seeds:
                found, rounds[f"{portion:g}-seed{seed}"] = self._portion(folder, portion, seed)
                rows += found
        folder.table("accuracy.csv", rows)
        groups: dict[str, list[float]] = {}
        for row in rows:
            groups.setdefault(f"{100 * row['portion']:g}% {row['lesson']}", []).append(row["accuracy"])
        folder.picture("accuracy.png", bars(groups, "recognized of the held-out images"))
        means = {name: {"mean": float(np.mean(own)), "deviation": spread(own)} for name, own in groups.items()}
        protocol = {
            "content": data.content,
            "recipe": self.recipe,
            "overrides": list(self.overrides),
            "rounds": rounds,
            "samples_seed": SAMPLES_SEED,
            "per_label": self.per_label,
            "exam": "held-out images",
            "held_out": len(data.held_out),
            "largest_class": largest_class(data),
            "shown": self._shown if self.epochs is None else f"{self.epochs} epochs",
            "turned": f"by up to {TURN:g} degrees",
            "augmented": f"turned by up to {GENTLE_TURN:g} degrees, shifted by up to {GENTLE_SHIFT:.2g} of the size"
            + (", flipped" if data.flip else ""),
            "draws": "each seed has its own choice of the portion",
            "network": self.network,
            "pretrained_sha256": pretrained,
            "seeds": list(self.seeds),
        }
        return {"accuracy": means, "protocol": protocol}

    @property
    def _shown(self) -> int:
        return SHOWN if self.shown is None else self.shown

    def _school(self, lesson: Lesson | None = None, title: str = "") -> School:
        shown = self._shown if self.epochs is None or lesson is None else self.epochs * len(lesson)
        plain = School(self.network, shown, weights=self.weights)
        if title.endswith(AUGMENTED):
            return replace(plain, rotate=GENTLE_TURN, shifted=GENTLE_SHIFT, flipped=True)
        return replace(plain, rotate=TURN) if title == "real, turned" else plain

    def _portion(self, folder: StudyFolder, portion: float, seed: int) -> tuple[list[dict[str, Any]], list[int]]:
        """What the pupils of a portion know, and the rounds of its GANs."""
        data, spec = self._opened(portion, seed)
        name = f"{portion:g}-seed{seed}"
        gans = folder.step(f"gan-{name}", partial(self._gans, folder, portion, seed, data))
        runs = [folder.path / run for run in gans["runs"]]
        device, exam = find_device(self.device), lesson_of(data, data.held_out)

        @cache
        def drawn_once() -> Lesson:
            folder.announce(f"  drawing {self.per_label:,} samples of each class")
            return drawn(runs, data, self.per_label, device)

        def taught(title: str) -> dict[str, Any]:
            lesson, facts = lesson_called(title, data, drawn_once)
            school = self._school(lesson, title)
            show = folder.watcher(school.shown)
            pupil = teach(data, spec, lesson, school, seed=seed, device=device, keep=folder.unfinished, show=show)
            return {**facts, "shown": school.shown, "accuracy": accuracy(pupil, exam)}

        rows = []
        for title in LESSONS:
            found = folder.step(f"pupil-{name}-{title}", partial(taught, title))
            rows.append({"portion": portion, "lesson": title, "seed": seed, **found})
        return rows, gans["rounds"]

    def _gans(self, folder: StudyFolder, portion: float, seed: int, data: ImageSet) -> dict[str, Any]:
        """Train a conditional GAN, or one for each class; the folders of the runs, below the study's."""
        names = [None] if self._conditional(data) else list(data.classes or ())
        if self.images < len(names):
            raise GanatomyError(f"images={self.images} are too few for {len(names)} GANs, one for each class.")
        places, rounds = [], []
        for name in names:
            places.append(f"runs/{portion:g}-seed{seed}{'' if name is None else f'-{name}'}")
            recipe = self._recipe(portion, seed, self.images // len(names), name)
            rounds.append(folder.run(recipe, places[-1], self.device).checkpoint().round)
        return {"runs": places, "rounds": rounds}

    def _recipe(self, portion: float, seed: int, images: int, name: str | None) -> Recipe:
        """Of the GAN of a portion, or of a class of it."""
        recipe = prepared(self.recipe, self.overrides, data=self.data, images=images, seed=seed)
        return recipe.replace(data=recipe.data.replace(portion=portion, only=name, draw=seed), scores=None)

    def check(self) -> None:
        """The lists, the fields that the study sets itself, and whether the recipe is one of a GAN."""
        check_each_once(portions=self.portions, seeds=self.seeds)
        if self.shown is not None and self.epochs is not None:
            raise GanatomyError(
                f"shown={self.shown} and epochs={self.epochs} say the same twice: leave one of them out."
            )
        if self.network == "small":
            refuse_idle(self, ["weights"], "is for network=efficientnet-b0; the small network has none.")
        settings = {
            "data.portion": "portions",
            "data.draw": "seeds",
            "data.source": "data",
            "images": "images",
            "seed": "seeds",
        }
        refuse_said_by_settings(self.overrides, settings)
        for key, text in map(key_and_value, self.overrides):
            if key == "data.only":
                raise GanatomyError(f"overrides: {key}={text} would leave one class, and the study needs all.")
        check_generates(self._as_told(), f"recipe={self.recipe}", "it makes no lessons")

    def _as_told(self) -> Recipe:
        return prepared(self.recipe, self.overrides, data=self.data, images=None, seed=None)

    def _conditional(self, data: ImageSet) -> bool:
        G = build_players(self._as_told(), data.shape, class_count(data.classes))["G"]
        return G.classes is not None

    def _opened(self, portion: float, draw: int = 0) -> tuple[ImageSet, Spec]:
        spec = self._as_told().data.replace(portion=portion, draw=draw)
        data: ImageSet = spec.build().open()
        labels_of(data)
        return data, spec


def lesson_called(title: str, data: ImageSet, made: Callable[[], Lesson]) -> tuple[Lesson, dict[str, Any]]:
    """A lesson, how many different images it has, and which part of what is shown is real."""
    if title.startswith("generated"):
        return made(), {"images": len(made()), "real_share": 0.0}
    real = lesson_of(data, data.train)
    if title != "real and generated":
        return real, {"images": len(real), "real_share": 1.0}
    return balanced(real, made()), {"images": len(real) + len(made()), "real_share": 0.5}


def drawn(runs: Sequence[Path], data: ImageSet, per_label: int, device: torch.device) -> Lesson:
    """`per_label` samples of each class, of one conditional run or of one run for each class."""
    if len(runs) == 1:
        samples = load(runs[0]).samples(per_class=per_label, seed=SAMPLES_SEED, device=device)
        return Lesson(samples.images, np.array(samples.labels))
    images = [load(run).samples(per_label, seed=SAMPLES_SEED, device=device).images for run in runs]
    return Lesson(np.concatenate(images), np.repeat(np.arange(len(data.classes or ())), per_label))
