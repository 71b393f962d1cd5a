"""Real and generated images mixed: portions of each crossed, and what a GAN adds where labels are few."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Annotated, Any

import numpy as np
import yaml
from pydantic import Field, NonNegativeInt, PositiveInt
from scipy.stats import ttest_rel

from ganatomy.core.errors import GanatomyError
from ganatomy.core.players import Generator
from ganatomy.core.randomness import keyed
from ganatomy.core.recipe import Recipe, find_recipe
from ganatomy.core.spec import Spec
from ganatomy.data.images import ImageSet, Part
from ganatomy.experiments.build import build_players, class_count
from ganatomy.experiments.run import Run, load
from ganatomy.experiments.train import prepared, train
from ganatomy.report.charts import bars, heat_map
from ganatomy.studies.pupil import Lesson, School, accuracy, lesson_of, probabilities, teach
from ganatomy.studies.real import facts, labels_of
from ganatomy.studies.study import Study, StudyFolder, refuse_said_by_settings, study

LESSON_SEED, QUERY_SEED = 7, 8  # of the samples that are learned from, and of those that are asked about
QUERIES = 2_000
CONFIDENT = 0.9
SIGNIFICANT = 0.05
CLASSICAL = "real, classical augmentation"  # what a strategy with generated images has to be better than
Share = Annotated[float, Field(ge=0, le=1)]


@study("retrain")
@dataclass(frozen=True, kw_only=True)
class Retrain(Study):
    """Classifiers taught with portions of real and generated images of a conditional run; then with few real ones.

    The grid crosses `shares` of the real training images with shares of as many generated ones (`generated`, which may
    be 0; None: the same), examined on the held-out images and on fresh samples. With `few` real images of each class
    (0: leave it) a GAN is trained on just those, for `few_images`, and its samples are used in the ways that the report
    asks about, beside classical augmentation. Several seeds tell whether the best of these ways is a gain.
    """

    run: str
    shares: Annotated[tuple[Part, ...], Field(min_length=1)] = (0.1, 0.2, 0.5, 1.0)
    generated: tuple[Share, ...] | None = None
    shown: PositiveInt = 200_000
    few: NonNegativeInt = 10
    few_images: PositiveInt = 100_000
    few_recipe: str = "mnist-cdcgan"
    few_overrides: tuple[str, ...] = ("data.rotate=15",)
    seeds: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] = (0,)

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        run = load(self.run)
        if run.sampler().classes is None:
            raise GanatomyError(f"{run.path} is not conditional: its samples have no labels to teach.")
        if self.generated == ():
            raise GanatomyError("generated=[]: there is no share of generated images; name one, such as 0.5.")
        said = {"data.per_class": "few", "images": "few_images", "seed": "seeds"}
        refuse_said_by_settings(self.few_overrides, said, "few_overrides")
        if len(set(self.seeds)) < len(self.seeds):
            raise GanatomyError(f"seeds={','.join(map(str, self.seeds))}: a seed is named twice.")
        data = run.data()
        labels_of(data)
        protocol = {
            **facts(run, "G", data),
            "exam": "held-out images",
            "samples_seed": LESSON_SEED,
            "queries_seed": QUERY_SEED,
            "queries": QUERIES,
            "shown": self.shown,
            "seeds": list(self.seeds),
        }
        if not self.few:
            return {"grid": self._grid(folder, run, data), "protocol": protocol}
        recipes = [self._few_recipe(run, seed) for seed in self.seeds]
        few_data = checked_few(recipes[0], run, self.few)
        result = {"grid": self._grid(folder, run, data), "few": self._few(folder, recipes, few_data)}
        return {**result, "protocol": {**protocol, "few_recipe": yaml.safe_load(recipes[0].to_yaml())}}

    # portions crossed

    def _grid(self, folder: StudyFolder, run: Run, data: ImageSet) -> list[dict[str, Any]]:
        exam, made_shares = lesson_of(data, data.held_out), self.shares if self.generated is None else self.generated
        made = cache(partial(samples_of, run, len(data.train), LESSON_SEED))
        queries = cache(partial(samples_of, run, QUERIES, QUERY_SEED))

        def examined(real_share: float, made_share: float, seed: int) -> dict[str, float]:
            lesson = portion(lesson_of(data, data.train), real_share)
            if made_share:
                lesson += portion(made(), made_share)
            pupil = teach(data, run.recipe.data, lesson, School(shown=self.shown), seed=seed)
            return {"images": len(lesson), "on_real": accuracy(pupil, exam), "on_generated": accuracy(pupil, queries())}

        rows = []
        for real_share, made_share, seed in itertools.product(self.shares, made_shares, self.seeds):
            name = f"grid-{real_share:g}-{made_share:g}-seed{seed}"
            found = folder.step(name, partial(examined, real_share, made_share, seed))
            rows.append({"real": real_share, "generated": made_share, "seed": seed, **found})
        folder.table("grid.csv", rows)
        for asked in ("on_real", "on_generated"):
            values = [[mean_of(rows, asked, real=r, generated=g) for g in made_shares] for r in self.shares]
            of_real, of_made = (
                [f"{100 * r:g}% real" for r in self.shares],
                [f"{100 * g:g}% generated" for g in made_shares],
            )
            title = f"recognized, {asked.replace('_', ' ')} images"
            folder.picture(f"{asked}.png", heat_map(values, of_real, of_made, title))
        return rows

    # few labels

    def _few_recipe(self, run: Run, seed: int) -> Recipe:
        """The GAN of few labels, on the run's own data."""
        data = run.recipe.data.replace(per_class=self.few, portion=1.0)
        base = find_recipe(self.few_recipe).replace(data=data, scores=None)
        return prepared(base, self.few_overrides, data=None, images=self.few_images, seed=seed)

    def _few(self, folder: StudyFolder, recipes: list[Recipe], data: ImageSet) -> dict[str, Any]:
        rows, rounds = [], []
        for recipe in recipes:
            gan = folder.step(f"few-gan-seed{recipe.seed}", partial(few_gan, folder, recipe))
            work = partial(self._strategies, data, recipe.data, gan["run"], recipe.seed)
            found = folder.step(f"few-pupils-seed{recipe.seed}", work)
            rows += [{"strategy": name, "seed": recipe.seed, "accuracy": value} for name, value in found.items()]
            rounds.append(gan["rounds"])
        folder.table("few.csv", rows)
        groups: dict[str, list[float]] = {}
        for row in rows:
            groups.setdefault(row["strategy"], []).append(row["accuracy"])
        folder.picture("few.png", bars(groups, f"{self.few} real images of each class; recognized of the held-out"))
        return {"accuracy": groups, "gan_rounds": rounds, **judged(groups)}

    def _strategies(self, data: ImageSet, spec: Spec, run: str, seed: int) -> dict[str, float]:
        """Every way of using the samples, by name; each pupil sees as many images in all."""
        real, exam = lesson_of(data, data.train), lesson_of(data, data.held_out)
        made = samples_of(load(run), 1_000 * len(data.classes or ()), LESSON_SEED)
        plain = School(shown=self.shown)
        classical = School(shown=self.shown, rotate=15.0, shifted=True, flipped=True)
        half = replace(classical, shown=max(1, self.shown // 2))

        def taught(lesson: Lesson, school: School = plain, start: Any = None) -> Any:
            return teach(data, spec, lesson, school, seed=seed, start=start)

        by_real = taught(real, classical)
        sure = probabilities(by_real, made.images)
        kept = made.chosen(np.flatnonzero(sure[np.arange(len(made)), made.labels] >= CONFIDENT))
        evenly = repeated(real, len(made))
        pupils = {
            "real": taught(real),
            CLASSICAL: by_real,
            "generated": taught(made),
            "generated, classical augmentation": taught(made, classical),
            "real and generated, classical augmentation": taught(evenly + made, classical),
            "generated first, then real": taught(real, half, taught(made, half).state_dict()),
            "real and confident generated, classical augmentation": (
                taught(evenly + kept, classical) if len(kept) else by_real
            ),
        }
        return {name: accuracy(pupil, exam) for name, pupil in pupils.items()}


def checked_few(recipe: Recipe, run: Run, few: int) -> ImageSet:
    """The few images, once it is sure that a conditional GAN can be trained on them and on nothing else."""
    data: ImageSet = run.recipe.data.replace(per_class=few, portion=1.0).build().open()
    G = build_players(recipe, data.shape, class_count(data.classes)).get("G")
    if not isinstance(G, Generator) or G.classes is None:
        raise GanatomyError(
            f"{recipe.name} is not conditional: its samples have no labels to teach. Choose few_recipe."
        )
    if recipe.data.build().open().content != data.content:
        raise GanatomyError(f"few_overrides change which {few} images of each class are learned from, or their shape.")
    return data


def few_gan(folder: StudyFolder, recipe: Recipe) -> dict[str, Any]:
    run = train(recipe, out=folder.path / "runs" / f"few-seed{recipe.seed}")
    return {"run": str(run.path), "rounds": run.checkpoint().round}


def judged(groups: Mapping[str, list[float]]) -> dict[str, Any]:
    """Whether the best way of using generated images is better than classical augmentation, seed by seed.

    groups: accuracies by strategy, one of each seed. The best was chosen among several, so its p, of a paired t-test,
    is multiplied by how many there are (Bonferroni).
    """
    means = {name: float(np.mean(values)) for name, values in groups.items()}
    tried = [name for name in groups if "generated" in name]
    best = max(tried, key=lambda name: means[name])
    gain = means[best] - means[CLASSICAL]
    found = {"best_with_generated": best, "gain_beyond_classical": gain}
    if len(groups[best]) < 2:
        return {**found, "p": None, "verdict": "one seed: no spread to judge by"}
    p = min(1.0, len(tried) * better_by_chance(groups[best], groups[CLASSICAL]))
    sure = p < SIGNIFICANT
    return {**found, "p": p, "verdict": "a gain" if sure else "no gain beyond the seeds' spread"}


def better_by_chance(one: list[float], other: list[float]) -> float:
    """p of a one-sided paired t-test; where all differences are alike and have no spread, 0 for gains, else 1."""
    differences = np.array(one) - np.array(other)
    if np.ptp(differences) < 1e-9:
        return 0.0 if differences[0] > 0 else 1.0
    return float(ttest_rel(one, other, alternative="greater").pvalue)


def samples_of(run: Run, count: int, seed: int) -> Lesson:
    """`count` samples of a conditional run, of all classes alike."""
    samples = run.samples(count, seed=seed)
    return Lesson(samples.images, np.array(samples.labels))


def portion(lesson: Lesson, share: float) -> Lesson:
    """A share of a lesson, chosen once; smaller ones lie within larger ones."""
    order = keyed(0, "portion", len(lesson)).permutation(len(lesson))
    return lesson.chosen(order[: max(round(share * len(lesson)), share > 0)])


def repeated(lesson: Lesson, count: int) -> Lesson:
    """A lesson again and again, so that it weighs as much as `count` images."""
    return lesson.chosen(np.arange(max(count, len(lesson))) % len(lesson))


def mean_of(rows: list[dict[str, Any]], name: str, **where: float) -> float:
    return float(np.mean([row[name] for row in rows if all(row[k] == v for k, v in where.items())]))
