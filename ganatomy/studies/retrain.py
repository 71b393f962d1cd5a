"""Real and generated images mixed: portions of each crossed, and what a GAN adds where labels are few."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from pydantic import NonNegativeInt, PositiveInt

from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import keyed
from ganatomy.core.spec import Spec
from ganatomy.data.images import ImageSet
from ganatomy.experiments.run import Run, load
from ganatomy.experiments.train import prepared, train
from ganatomy.report.charts import bars, heat_map
from ganatomy.studies.pupil import Lesson, School, accuracy, lesson_of, probabilities, teach
from ganatomy.studies.study import Study, StudyFolder, study

LESSON_SEED, QUERY_SEED = 7, 8  # of the samples that are learned from, and of those that are asked about
QUERIES = 2_000
CONFIDENT = 0.9
Share = float


@study("retrain")
@dataclass(frozen=True, kw_only=True)
class Retrain(Study):
    """Classifiers taught with portions of real and generated images of a conditional run; then with few real ones.

    The grid crosses `shares` of the real training images with as many generated ones, examined on the held-out images
    and on fresh samples. With `few` real images of each class (0: leave it) a GAN is trained on just those, for
    `few_images`, and its samples are used in the ways that the report asks about, beside classical augmentation.
    """

    run: str
    shares: tuple[Share, ...] = (0.1, 0.2, 0.5, 1.0)
    shown: PositiveInt = 200_000
    few: NonNegativeInt = 10
    few_images: PositiveInt = 100_000
    few_recipe: str = "mnist-cdcgan"
    few_overrides: tuple[str, ...] = ("data.rotate=15",)
    seeds: tuple[int, ...] = (0,)

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        run = load(self.run)
        if run.sampler().classes is None:
            raise GanatomyError(f"{run.path} is not conditional: its samples have no labels to teach.")
        data = run.data()
        result: dict[str, Any] = {"protocol": {"run": str(run.path), "round": run.checkpoint().round}}
        result["grid"] = self._grid(folder, run, data)
        if self.few:
            result["few"] = self._few(folder, run, data)
        return {**result, "protocol": {**result["protocol"], "shown": self.shown, "seeds": list(self.seeds)}}

    # portions crossed

    def _grid(self, folder: StudyFolder, run: Run, data: ImageSet) -> list[dict[str, Any]]:
        real, exam = lesson_of(data, data.train), lesson_of(data, data.held_out)
        made, queries = samples_of(run, len(real), LESSON_SEED), samples_of(run, QUERIES, QUERY_SEED)
        rows = []
        for real_share in self.shares:
            for made_share in self.shares:
                for seed in self.seeds:
                    lesson = portion(real, real_share) + portion(made, made_share)
                    work = partial(self._examined, data, run, lesson, School(shown=self.shown), exam, queries, seed)
                    found = folder.step(f"grid-{real_share:g}-{made_share:g}-seed{seed}", work)
                    rows.append({"real": real_share, "generated": made_share, "seed": seed, **found})
        folder.table("grid.csv", rows)
        for asked in ("on_real", "on_generated"):
            values = [[mean_of(rows, asked, real=r, generated=g) for g in self.shares] for r in self.shares]
            of_real, of_made = ([f"{share:.0%} {kind}" for share in self.shares] for kind in ("real", "generated"))
            title = f"recognized, {asked.replace('_', ' ')} images"
            folder.picture(f"{asked}.png", heat_map(values, of_real, of_made, title))
        return rows

    def _examined(
        self, data: ImageSet, run: Run, lesson: Lesson, school: School, exam: Lesson, queries: Lesson, seed: int
    ) -> dict[str, float]:
        pupil = teach(data, run.recipe.data, lesson, school, seed=seed)
        return {"images": len(lesson), "on_real": accuracy(pupil, exam), "on_generated": accuracy(pupil, queries)}

    # few labels

    def _few(self, folder: StudyFolder, run: Run, data: ImageSet) -> dict[str, Any]:
        spec = run.recipe.data.replace(per_class=self.few, portion=1.0)
        few_data: ImageSet = spec.build().open()
        rows = []
        for seed in self.seeds:
            work = partial(self._few_gan, folder, run, seed)
            gan = folder.step(f"few-gan-seed{seed}", work)["run"]
            found = folder.step(f"few-pupils-seed{seed}", partial(self._strategies, few_data, spec, load(gan), seed))
            rows += [{"strategy": name, "seed": seed, "accuracy": value} for name, value in found.items()]
        folder.table("few.csv", rows)
        groups: dict[str, list[float]] = {}
        for row in rows:
            groups.setdefault(row["strategy"], []).append(row["accuracy"])
        folder.picture("few.png", bars(groups, f"{self.few} real images of each class; recognized of the held-out"))
        means = {name: float(np.mean(values)) for name, values in groups.items()}
        classical = means["real, classical augmentation"]
        gain = {name: mean - classical for name, mean in means.items() if "generated" in name}
        best = max(gain, key=lambda name: gain[name])
        spread = float(np.std(groups["real, classical augmentation"])) + float(np.std(groups[best]))
        return {
            "accuracy": groups,
            "best_with_generated": best,
            "gain_beyond_classical": gain[best],
            "verdict": "a gain" if gain[best] > spread else "no gain beyond the seeds' spread",
        }

    def _few_gan(self, folder: StudyFolder, run: Run, seed: int) -> dict[str, Any]:
        recipe = prepared(
            self.few_recipe,
            [f"data.per_class={self.few}", "scores=none", *self.few_overrides],
            data=run.recipe.data.settings["source"],
            images=self.few_images,
            seed=seed,
        )
        return {"run": str(train(recipe, out=folder.path / "runs" / f"few-seed{seed}").path)}

    def _strategies(self, data: ImageSet, spec: Spec, gan: Run, seed: int) -> dict[str, float]:
        """Every way of using the samples, by name; each pupil sees as many images."""
        real, exam = lesson_of(data, data.train), lesson_of(data, data.held_out)
        made = samples_of(gan, 1_000 * len(data.classes or ()), LESSON_SEED)
        plain, classical = School(shown=self.shown), School(shown=self.shown, rotate=15.0, shifted=True)

        def taught(lesson: Lesson, school: School = plain, start: Any = None) -> Any:
            return teach(data, spec, lesson, school, seed=seed, start=start)

        by_real = taught(real, classical)
        sure = probabilities(by_real, made.images)
        kept = made.chosen(np.flatnonzero(sure[np.arange(len(made)), made.labels] >= CONFIDENT))
        evenly = repeated(real, len(made))
        first = taught(made, classical)
        pupils = {
            "real": taught(real),
            "real, classical augmentation": by_real,
            "generated": taught(made),
            "generated, classical augmentation": first,
            "real and generated, classical augmentation": taught(evenly + made, classical),
            "generated first, then real": taught(real, classical, first.state_dict()),
            "real and confident generated, classical augmentation": (
                taught(evenly + kept, classical) if len(kept) else by_real
            ),
        }
        return {name: accuracy(pupil, exam) for name, pupil in pupils.items()}


def samples_of(run: Run, count: int, seed: int) -> Lesson:
    """`count` samples of a conditional run, of all classes alike."""
    samples = run.samples(count, seed=seed)
    return Lesson(samples.images, np.array(samples.labels))


def portion(lesson: Lesson, share: float) -> Lesson:
    """A share of a lesson, chosen once; smaller ones lie within larger ones."""
    order = keyed(0, "portion", len(lesson)).permutation(len(lesson))
    return lesson.chosen(order[: round(share * len(lesson))])


def repeated(lesson: Lesson, count: int) -> Lesson:
    """A lesson again and again, so that it weighs as much as `count` images."""
    return lesson.chosen(np.arange(max(count, len(lesson))) % len(lesson))


def mean_of(rows: list[dict[str, Any]], name: str, **where: float) -> float:
    return float(np.mean([row[name] for row in rows if all(row[k] == v for k, v in where.items())]))
