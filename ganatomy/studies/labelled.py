"""Labelled images out of a GAN: is a classifier that saw only them as good as one that saw the real ones?"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from pydantic import PositiveInt

from ganatomy.core.errors import GanatomyError
from ganatomy.core.spec import Spec
from ganatomy.data.images import ImageSet, Part
from ganatomy.engine.precision import find_device
from ganatomy.experiments.run import load
from ganatomy.experiments.train import prepared, train
from ganatomy.report.charts import bars
from ganatomy.studies.pupil import Lesson, Network, School, accuracy, lesson_of, teach
from ganatomy.studies.study import Study, StudyFolder, study

SAMPLES_SEED = 7
LESSONS = ("generated", "real", "real, turned", "real and generated")


@study("labelled-data")
@dataclass(frozen=True, kw_only=True)
class LabelledData(Study):
    """Train a GAN on portions of the labelled data, draw labelled samples, and teach classifiers with them.

    A conditional recipe is one GAN for each portion; any other, one for each class, `images` shared among them. Taught
    on `per_label` samples of each class alone, on the real images of the portion, those turned by up to 30 degrees, and
    both; examined on the held-out images.
    """

    data: str
    recipe: str = "mnist-cdcgan"
    portions: tuple[Part, ...] = (0.4, 0.6, 0.8)
    images: PositiveInt = 400_000
    per_label: PositiveInt = 3_000
    shown: PositiveInt = 200_000
    network: Network = "small"
    seeds: tuple[int, ...] = (0,)
    overrides: tuple[str, ...] = ()
    device: str = "auto"

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        rows = []
        for portion in self.portions:
            for seed in self.seeds:
                rows += self._portion(folder, portion, seed)
        folder.table("accuracy.csv", rows)
        groups: dict[str, list[float]] = {}
        for row in rows:
            groups.setdefault(f"{row['portion']:.0%} {row['lesson']}", []).append(row["accuracy"])
        folder.picture("accuracy.png", bars(groups, "recognized of the held-out images"))
        means = {
            name: {"mean": float(np.mean(values)), "deviation": float(np.std(values, ddof=1)) if values[1:] else None}
            for name, values in groups.items()
        }
        protocol = {"exam": "held-out images", "shown": self.shown, "network": self.network, "seeds": list(self.seeds)}
        return {"accuracy": means, "protocol": {**protocol, "content": self._opened(1.0)[0].content}}

    def _portion(self, folder: StudyFolder, portion: float, seed: int) -> list[dict[str, Any]]:
        data, spec = self._opened(portion)
        name = f"{portion:g}-seed{seed}"
        runs = folder.step(f"gan-{name}", partial(self._gans, folder, portion, seed, data))["runs"]
        real, exam = lesson_of(data, data.train), lesson_of(data, data.held_out)
        made = drawn(runs, len(data.classes or ()), self.per_label)
        turned = School(self.network, self.shown, rotate=30.0)
        schools = {
            lesson: turned if lesson == "real, turned" else School(self.network, self.shown) for lesson in LESSONS
        }
        lessons = {"generated": made, "real": real, "real, turned": real, "real and generated": real + made}
        rows = []
        for lesson in LESSONS:
            found = folder.step(
                f"pupil-{name}-{lesson}",
                partial(self._taught, data, spec, lessons[lesson], schools[lesson], exam, seed),
            )
            rows.append({"portion": portion, "lesson": lesson, "seed": seed, **found})
        return rows

    def _taught(
        self, data: ImageSet, spec: Spec, lesson: Lesson, school: School, exam: Lesson, seed: int
    ) -> dict[str, Any]:
        pupil = teach(data, spec, lesson, school, seed=seed, device=find_device(self.device))
        return {"images": len(lesson), "accuracy": accuracy(pupil, exam)}

    def _gans(self, folder: StudyFolder, portion: float, seed: int, data: ImageSet) -> dict[str, Any]:
        """Train a conditional GAN, or one for each class; the folders of the runs."""
        conditional = self._conditional()
        names = [None] if conditional else list(data.classes or ())
        runs = []
        for name in names:
            part = [f"data.portion={portion}", "scores=none", *([] if name is None else [f"data.only={name}"])]
            recipe = prepared(
                self.recipe,
                [*part, *self.overrides],
                data=self.data,
                images=self.images // len(names),
                seed=seed,
            )
            out = folder.path / "runs" / f"{portion:g}-seed{seed}{'' if name is None else f'-{name}'}"
            runs.append(str(train(recipe, out=out, device=self.device).path))
        return {"runs": runs}

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


def drawn(runs: list[str], classes: int, per_label: int) -> Lesson:
    """`per_label` samples of each class, of one conditional run or of one run for each class."""
    if len(runs) == 1:
        samples = load(runs[0]).samples(per_class=per_label, seed=SAMPLES_SEED)
        return Lesson(samples.images, np.array(samples.labels))
    images = [load(run).samples(per_label, seed=SAMPLES_SEED).images for run in runs]
    return Lesson(np.concatenate(images), np.repeat(np.arange(classes), per_label))
