"""Real and generated images mixed: portions of each crossed, and what a GAN adds where labels are few."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Annotated, Any

import numpy as np
import torch
import yaml
from pydantic import Field, NonNegativeInt, PositiveInt
from scipy.stats import ttest_rel
from torch import nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.players import Generator
from ganatomy.core.randomness import keyed
from ganatomy.core.recipe import Recipe, find_recipe
from ganatomy.core.spec import Spec
from ganatomy.data.images import ImageSet, Part
from ganatomy.engine.precision import find_device
from ganatomy.experiments.build import build_players, class_count
from ganatomy.experiments.run import Run, load
from ganatomy.experiments.train import prepared
from ganatomy.report.charts import bars, heat_map
from ganatomy.studies.pupil import (
    CLASSICAL_TURN,
    SHIFT,
    Lesson,
    School,
    accuracy,
    balanced,
    classical,
    lesson_of,
    probabilities,
    teach,
)
from ganatomy.studies.real import facts, labels_of, largest_class
from ganatomy.studies.study import OfRuns, StudyFolder, check_each_once, refuse_idle, refuse_said_by_settings, study

LESSON_SEED, QUERY_SEED = 7, 8  # of the samples that are learned from, and of those that are asked about
QUERIES = 2_000
MADE_PER_CLASS = 1_000  # samples of the GAN of few labels
CONFIDENT = 0.9
SIGNIFICANT = 0.05
CONFIDENT_ONLY = "real and confident generated, classical augmentation"
CLASSICAL = "real, classical augmentation"  # what a strategy with generated images has to be better than
Share = Annotated[float, Field(ge=0, le=1)]


@study("retrain")
@dataclass(frozen=True, kw_only=True)
class Retrain(OfRuns):
    """What generated images add to real ones when a classifier is trained, and what a GAN adds to a few labels.

    The grid: `shares` of the real training images (above 0, up to 1) are combined with `generated` shares of as many
    samples of a conditional run (up to 1; default: the same shares) and with none, beside classical augmentation.
    Classifiers are tested on the held-out images and on fresh samples: grid.csv, on_real.png, on_generated.png. The GAN
    has learned from all labels of the run, whatever the share, so the grid shows what samples are worth, not what a GAN
    makes of few labels.

    Few labels: with `few` real images of each class (0 leaves this out), a GAN (`few_recipe` with `few_overrides`) is
    trained on just those for `few_images`. Its samples are used in several ways, beside classical augmentation:
    few.csv, few.png. With several `seeds`, each drawing its own images, a test says whether the best of these ways is a
    gain beyond real images alone, plain or augmented.

    shown: how many images every classifier sees.
    """

    shares: Annotated[tuple[Part, ...], Field(min_length=1)] = (0.1, 0.2, 0.5, 1.0)
    generated: tuple[Share, ...] | None = None
    shown: PositiveInt = 200_000
    few: NonNegativeInt = 10
    few_images: PositiveInt = 100_000
    few_recipe: str = "mnist-cdcgan"
    few_overrides: tuple[str, ...] = ("data.rotate=15",)
    seeds: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] = (0,)
    device: str = "auto"

    def check(self) -> None:
        check_each_once(shares=self.shares, generated=self.made_shares(), seeds=self.seeds)
        if not self.few:
            refuse_idle(self, ["few_images", "few_recipe", "few_overrides"], "is for few labels, left out by few=0.")
        said = {"data.per_class": "few", "data.draw": "seeds", "images": "few_images", "seed": "seeds"}
        refuse_said_by_settings(self.few_overrides, said, "few_overrides")

    def check_looks(self, players: Mapping[str, nn.Module], data: ImageSet, whose: str) -> None:
        if players["G"].classes is None:
            raise GanatomyError(f"{whose} is not conditional: its samples have no labels to teach. Take one that is.")
        labels_of(data)

    def check_recipe(self, recipe: Recipe) -> None:
        super().check_recipe(recipe)
        self._few_labels(recipe.data)

    def looks_at(self) -> Mapping[str, ImageSet]:
        return {"run": load(self.run).data()}

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        run = load(self.run)
        data = run.data()
        self.check_looks({"G": run.sampler().G}, data, str(run.path))
        protocol = {
            **facts(run, "G", data),
            "exam": "held-out images",
            "held_out": len(data.held_out),
            "largest_class": largest_class(data),
            "samples_seed": LESSON_SEED,
            "queries_seed": QUERY_SEED,
            "queries": QUERIES,
            "shown": self.shown,
            "seeds": list(self.seeds),
            "draws": "each seed has its own choice of real and of generated images",
            "gan_of_the_grid": f"learned from all {len(data.train):,} labelled images, whatever the share",
            "classical": f"turned by up to {CLASSICAL_TURN:g} degrees, shifted by up to {SHIFT:g} of the size"
            + (", flipped" if data.flip else ""),
        }
        if not self.few:
            return {"grid": self._grid(folder, run, data), "protocol": protocol}
        few = self._few_labels(run.recipe.data)
        result = {"grid": self._grid(folder, run, data), "few": self._few(folder, few)}
        few_protocol = {
            "few_recipe": yaml.safe_load(few[0][0].to_yaml()),
            "few_samples_per_class": MADE_PER_CLASS,
            "confident": f"the class asked for has {CONFIDENT:g} or more",
        }
        return {**result, "protocol": {**protocol, **few_protocol}}

    def made_shares(self) -> tuple[float, ...]:
        return self.shares if self.generated is None else self.generated

    # portions crossed

    def _grid(self, folder: StudyFolder, run: Run, data: ImageSet) -> list[dict[str, Any]]:
        exam = lesson_of(data, data.held_out)
        made_shares = tuple(dict.fromkeys((0.0, *self.made_shares())))  # what samples add shows beside none of them
        device = find_device(self.device)

        @cache
        def made() -> Lesson:
            folder.announce(f"  drawing {len(data.train):,} samples")
            return samples_of(run, len(data.train), LESSON_SEED, device)

        queries = cache(partial(samples_of, run, QUERIES, QUERY_SEED, device))
        schools = {"none": School(shown=self.shown), "classical": classical(self.shown)}

        def examined(real_share: float, made_share: float, augmentation: str, seed: int) -> dict[str, float]:
            lesson = portion(lesson_of(data, data.train), real_share, seed)
            if made_share:
                lesson += portion(made(), made_share, seed)
            school, show = schools[augmentation], folder.watcher(self.shown)
            pupil = teach(
                data, run.recipe.data, lesson, school, seed=seed, device=device, keep=folder.unfinished, show=show
            )
            return {"images": len(lesson), "on_real": accuracy(pupil, exam), "on_generated": accuracy(pupil, queries())}

        rows = []
        cells = [*((share, "none") for share in made_shares), (0.0, "classical")]
        for real_share, (made_share, augmentation), seed in itertools.product(self.shares, cells, self.seeds):
            name = f"grid-{real_share:g}-{made_share:g}-{augmentation}-seed{seed}"
            cell = {"real": real_share, "generated": made_share, "augmentation": augmentation, "seed": seed}
            rows.append({**cell, **folder.step(name, partial(examined, real_share, made_share, augmentation, seed))})
        folder.table("grid.csv", rows)
        for asked in ("on_real", "on_generated"):
            values = [
                [mean_of(rows, asked, real=r, generated=g, augmentation=a) for g, a in cells] for r in self.shares
            ]
            of_real = [f"{100 * r:g}% real" for r in self.shares]
            of_made = [*(f"{100 * g:g}% generated" for g in made_shares), "classical"]
            title = f"recognized, {asked.replace('_', ' ')} images"
            folder.picture(f"{asked}.png", heat_map(values, of_real, of_made, title))
        return rows

    # few labels

    def _few_labels(self, images: Spec) -> list[tuple[Recipe, ImageSet]]:
        """For each seed, which chooses them, the GAN of few labels and the images; of none where `few` is 0."""
        recipes = [self._few_recipe(images, seed) for seed in self.seeds if self.few]
        return [(recipe, checked_few(recipe, images, self.few)) for recipe in recipes]

    def _few_recipe(self, images: Spec, seed: int) -> Recipe:
        """The GAN of few labels, on the run's own data; which they are is the seed's choice."""
        data = images.replace(per_class=self.few, portion=1.0, draw=seed)
        base = find_recipe(self.few_recipe).replace(data=data, scores=None)
        return prepared(base, self.few_overrides, data=None, images=self.few_images, seed=seed)

    def _few(self, folder: StudyFolder, few: Sequence[tuple[Recipe, ImageSet]]) -> dict[str, Any]:
        rows, rounds = [], []
        for recipe, data in few:
            gan = folder.step(f"few-gan-seed{recipe.seed}", partial(few_gan, folder, recipe, self.device))
            rows += self._strategies(folder, data, recipe.data, gan["run"], recipe.seed)
            rounds.append(gan["rounds"])
        folder.table("few.csv", rows)
        groups: dict[str, list[float | None]] = {}
        for row in rows:
            groups.setdefault(row["strategy"], []).append(row["accuracy"])
        known = {name: [v for v in values if v is not None] for name, values in groups.items()}
        shown = {name: values for name, values in known.items() if values}
        folder.picture("few.png", bars(shown, f"{self.few} real images of each class; recognized of the held-out"))
        kept = [row["generated"] for row in rows if row["strategy"] == CONFIDENT_ONLY]
        whole = {name: values for name, values in known.items() if len(values) == len(few)}
        return {"accuracy": groups, "strategies": rows, "kept": kept, "gan_rounds": rounds, **judged(whole)}

    def _strategies(self, folder: StudyFolder, data: ImageSet, spec: Spec, run: str, seed: int) -> list[dict[str, Any]]:
        """Every way of using the samples, a row and a step each; every pupil sees as many images in all.

        Of a mix, half of them are real. A way for which no image is left has no accuracy.
        """
        real, exam = lesson_of(data, data.train), lesson_of(data, data.held_out)
        count, device = MADE_PER_CLASS * len(data.classes or ()), find_device(self.device)
        made = cache(lambda: samples_of(load(folder.path / run), count, LESSON_SEED, device))
        plain, augmented = School(shown=self.shown), classical(self.shown)
        half = replace(augmented, shown=max(1, self.shown // 2))

        def taught(lesson: Lesson, school: School, start: Any = None) -> Any:
            keep, show = folder.unfinished / ("first" if start is None else "then"), folder.watcher(school.shown)
            return teach(data, spec, lesson, school, seed=seed, start=start, device=device, keep=keep, show=show)

        def examined(real: Lesson, made: Lesson, school: School) -> dict[str, Any]:
            facts = {**shares_of(len(real), len(made)), "accuracy": None}
            return {**facts, "accuracy": accuracy(taught(balanced(real, made), school), exam)} if len(made) else facts

        def by_real() -> dict[str, Any]:
            pupil = taught(real, augmented)
            sure = probabilities(pupil, made().images)
            rows = np.flatnonzero(sure[np.arange(len(made())), made().labels] >= CONFIDENT)
            return {**shares_of(len(real), 0), "accuracy": accuracy(pupil, exam), "confident": rows.tolist()}

        def one_after_the_other() -> dict[str, Any]:
            pupil = taught(real, half, taught(made(), half).state_dict())
            return {**shares_of(len(real), len(made())), "accuracy": accuracy(pupil, exam)}

        def confident() -> dict[str, Any]:
            kept = made().chosen(np.array(done[CLASSICAL]["confident"], np.int64))
            return examined(real, kept, augmented)

        none = real.chosen(np.arange(0))
        ways: dict[str, Callable[[], dict[str, Any]]] = {
            "real": lambda: {**shares_of(len(real), 0), "accuracy": accuracy(taught(real, plain), exam)},
            CLASSICAL: by_real,
            "generated": lambda: examined(none, made(), plain),
            "generated, classical augmentation": lambda: examined(none, made(), augmented),
            "real and generated, classical augmentation": lambda: examined(real, made(), augmented),
            "generated first, then real": one_after_the_other,
            CONFIDENT_ONLY: confident,
        }
        done: dict[str, dict[str, Any]] = {}
        for name, work in ways.items():
            done[name] = folder.step(f"few-pupil-seed{seed}-{name}", work)
        columns = ("real", "generated", "real_share", "accuracy")
        return [{"strategy": name, "seed": seed, **{key: one[key] for key in columns}} for name, one in done.items()]


def shares_of(real: int, made: int) -> dict[str, Any]:
    """How many different images of each a pupil saw, and which part of what was shown was real."""
    share = 0.5 if real and made else float(real > 0)
    return {"real": real, "generated": made, "real_share": share}


def checked_few(recipe: Recipe, images: Spec, few: int) -> ImageSet:
    """The few images, once it is sure that a conditional GAN can be trained on them and on nothing else."""
    spec = images.replace(per_class=few, portion=1.0, draw=recipe.seed)
    data: ImageSet = spec.build().open()
    G = build_players(recipe, data.shape, class_count(data.classes)).get("G")
    if not isinstance(G, Generator) or G.classes is None:
        raise GanatomyError(
            f"{recipe.name} is not conditional: its samples have no labels to teach. Choose few_recipe."
        )
    if recipe.data.build().open().content != data.content:
        raise GanatomyError(f"few_overrides change which {few} images of each class are learned from, or their shape.")
    return data


def few_gan(folder: StudyFolder, recipe: Recipe, device: str) -> dict[str, Any]:
    place = f"runs/few-seed{recipe.seed}"
    return {"run": place, "rounds": folder.run(recipe, place, device).checkpoint().round}


def judged(groups: Mapping[str, list[float]]) -> dict[str, Any]:
    """Whether the best way of using generated images is better than real ones alone, seed by seed.

    groups: accuracies by strategy, one of each seed. Alone they are taken augmented, or plain, whichever is better. The
    best with generated ones was chosen among several, so its p, of a paired t-test, is multiplied by how many there are
    (Bonferroni).
    """
    means = {name: float(np.mean(values)) for name, values in groups.items()}
    tried = [name for name in groups if "generated" in name]
    real = [name for name in groups if name not in tried]
    best, alone = (max(names, key=lambda name: means[name]) for names in (tried, real))
    found = {
        "best_with_generated": best,
        "best_without": alone,
        "gain": means[best] - means[alone],
        "gain_beyond_classical": means[best] - means[CLASSICAL],
    }
    if len(groups[best]) < 2:
        return {**found, "p": None, "verdict": "one seed: no spread to judge by"}
    p = min(1.0, len(tried) * better_by_chance(groups[best], groups[alone]))
    sure = p < SIGNIFICANT
    return {**found, "p": p, "verdict": "a gain" if sure else "no gain beyond the seeds' spread"}


def better_by_chance(one: list[float], other: list[float]) -> float:
    """p of a one-sided paired t-test; where all differences are alike and have no spread, 0 for gains, else 1."""
    differences = np.array(one) - np.array(other)
    if np.ptp(differences) < 1e-9:
        return 0.0 if differences[0] > 0 else 1.0
    return float(ttest_rel(one, other, alternative="greater").pvalue)


def samples_of(run: Run, count: int, seed: int, device: torch.device) -> Lesson:
    """`count` samples of a conditional run, of all classes alike."""
    samples = run.samples(count, seed=seed, device=device)
    return Lesson(samples.images, np.array(samples.labels))


def portion(lesson: Lesson, share: float, seed: int = 0) -> Lesson:
    """A share of a lesson, a seed's choice; smaller ones lie within larger ones."""
    order = keyed(seed, "portion", len(lesson)).permutation(len(lesson))
    return lesson.chosen(order[: max(round(share * len(lesson)), share > 0)])


def mean_of(rows: list[dict[str, Any]], name: str, **where: Any) -> float:
    return float(np.mean([row[name] for row in rows if all(row[k] == v for k, v in where.items())]))
