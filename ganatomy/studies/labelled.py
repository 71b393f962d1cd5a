"""Labelled images out of a GAN: is a classifier that saw only them as good as one that saw the real ones?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from pydantic import PositiveInt

from ganatomy.core.errors import GanatomyError
from ganatomy.core.recipe import Recipe
from ganatomy.core.spec import Spec, key_and_value
from ganatomy.data.images import ImageSet, Part
from ganatomy.engine.precision import find_device
from ganatomy.experiments.run import load
from ganatomy.experiments.train import prepared, train
from ganatomy.report.charts import bars
from ganatomy.studies.pupil import (
    PRETRAINED,
    Lesson,
    Network,
    School,
    accuracy,
    first_pupil,
    hash_of,
    lesson_of,
    teach,
)
from ganatomy.studies.study import Study, StudyFolder, refuse_said_by_settings, study

SAMPLES_SEED = 7
LESSONS = ("generated", "real", "real, turned", "real and generated")


@study("labelled-data")
@dataclass(frozen=True, kw_only=True)
class LabelledData(Study):
    """Train a GAN on portions of the labelled data, draw labelled samples, and teach classifiers with them.

    A conditional recipe is one GAN for each portion; any other, one for each class, `images` shared among them. Taught
    on `per_label` samples of each class alone, on the real images of the portion, those turned by up to 30 degrees, and
    both; examined on the held-out images. `weights` are EfficientNet's: a name on the hub, or a folder.
    """

    data: str
    recipe: str = "mnist-cdcgan"
    portions: tuple[Part, ...] = (0.4, 0.6, 0.8)
    images: PositiveInt = 400_000
    per_label: PositiveInt = 3_000
    shown: PositiveInt = 200_000
    network: Network = "small"
    weights: str = PRETRAINED
    seeds: tuple[int, ...] = (0,)
    overrides: tuple[str, ...] = ()
    device: str = "auto"

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        self._check_overrides()
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
        means = {
            name: {"mean": float(np.mean(values)), "deviation": float(np.std(values, ddof=1)) if values[1:] else None}
            for name, values in groups.items()
        }
        protocol = {
            "content": data.content,
            "recipe": self.recipe,
            "overrides": list(self.overrides),
            "rounds": rounds,
            "samples_seed": SAMPLES_SEED,
            "per_label": self.per_label,
            "exam": "held-out images",
            "shown": self.shown,
            "network": self.network,
            "pretrained_sha256": pretrained,
            "seeds": list(self.seeds),
        }
        return {"accuracy": means, "protocol": protocol}

    def _school(self, rotate: float = 0.0) -> School:
        return School(self.network, self.shown, rotate=rotate, weights=self.weights)

    def _portion(self, folder: StudyFolder, portion: float, seed: int) -> tuple[list[dict[str, Any]], list[int]]:
        """What the pupils of a portion know, and the rounds of its GANs."""
        data, spec = self._opened(portion)
        name = f"{portion:g}-seed{seed}"
        gans = folder.step(f"gan-{name}", partial(self._gans, folder, portion, seed, data))
        exam, drawn_once = lesson_of(data, data.held_out), cache(partial(drawn, gans["runs"], data, self.per_label))

        def taught(title: str) -> dict[str, Any]:
            school = self._school(rotate=30.0 if title == "real, turned" else 0.0)
            return self._taught(data, spec, lesson_called(title, data, drawn_once), school, exam, seed)

        rows = []
        for title in LESSONS:
            found = folder.step(f"pupil-{name}-{title}", partial(taught, title))
            rows.append({"portion": portion, "lesson": title, "seed": seed, **found})
        return rows, gans["rounds"]

    def _taught(
        self, data: ImageSet, spec: Spec, lesson: Lesson, school: School, exam: Lesson, seed: int
    ) -> dict[str, Any]:
        pupil = teach(data, spec, lesson, school, seed=seed, device=find_device(self.device))
        return {"images": len(lesson), "accuracy": accuracy(pupil, exam)}

    def _gans(self, folder: StudyFolder, portion: float, seed: int, data: ImageSet) -> dict[str, Any]:
        """Train a conditional GAN, or one for each class; the folders of the runs."""
        names = [None] if self._conditional() else list(data.classes or ())
        runs = []
        for name in names:
            out = folder.path / "runs" / f"{portion:g}-seed{seed}{'' if name is None else f'-{name}'}"
            recipe = self._recipe(portion, seed, self.images // len(names), name)
            runs.append(train(recipe, out=out, device=self.device))
        return {"runs": [str(run.path) for run in runs], "rounds": [run.checkpoint().round for run in runs]}

    def _recipe(self, portion: float, seed: int, images: int, name: str | None) -> Recipe:
        """Of the GAN of a portion, or of a class of it."""
        recipe = prepared(self.recipe, self.overrides, data=self.data, images=images, seed=seed)
        return recipe.replace(data=recipe.data.replace(portion=portion, only=name), scores=None)

    def _check_overrides(self) -> None:
        """Fields that the study sets itself."""
        settings = {"data.portion": "portions", "data.source": "data", "images": "images", "seed": "seeds"}
        refuse_said_by_settings(self.overrides, settings)
        for key, text in map(key_and_value, self.overrides):
            if key == "data.only":
                raise GanatomyError(f"overrides: {key}={text} would leave one class, and the study needs all.")

    def _conditional(self) -> bool:
        recipe = prepared(self.recipe, self.overrides, data=self.data, images=None, seed=None)
        return bool(recipe.players["G"].settings.get("conditional", False))

    def _opened(self, portion: float) -> tuple[ImageSet, Spec]:
        recipe = prepared(self.recipe, self.overrides, data=self.data, images=None, seed=None)
        spec = recipe.data.replace(portion=portion)
        data: ImageSet = spec.build().open()
        if not data.classes or data.held_out.labels is None:
            raise GanatomyError(f"{self.data} has no labels to train on and to be examined by.")
        return data, spec


def lesson_called(title: str, data: ImageSet, made: Callable[[], Lesson]) -> Lesson:
    if title == "generated":
        return made()
    real = lesson_of(data, data.train)
    return real + made() if title == "real and generated" else real


def drawn(runs: list[str], data: ImageSet, per_label: int) -> Lesson:
    """`per_label` samples of each class, of one conditional run or of one run for each class."""
    if len(runs) == 1:
        samples = load(runs[0]).samples(per_class=per_label, seed=SAMPLES_SEED)
        return Lesson(samples.images, np.array(samples.labels))
    images = [load(run).samples(per_label, seed=SAMPLES_SEED).images for run in runs]
    return Lesson(np.concatenate(images), np.repeat(np.arange(len(data.classes or ())), per_label))
