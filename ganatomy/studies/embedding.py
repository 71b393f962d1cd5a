"""Real and generated images side by side, as a classifier of real ones sees them: van der Maaten and Hinton (2008),
"Visualizing data using t-SNE", and principal components, of its penultimate features; and how sure it is of each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated, Any, NamedTuple

import numpy as np
from PIL import Image
from pydantic import Field
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from torch import nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import keyed
from ganatomy.data.images import ImageSet
from ganatomy.experiments.measuring import judge_of_run
from ganatomy.experiments.run import Run, load
from ganatomy.metrics.extractors import Look
from ganatomy.metrics.moments import Array
from ganatomy.report.scatter import histograms, scatter
from ganatomy.studies.real import facts, labels_of
from ganatomy.studies.study import OfRuns, StudyFolder, study

ORIGINS = ("real", "generated")
SURE = 0.9
PERPLEXITY = 30.0  # of t-SNE, or a third of the points where they are few


@study("embedding")
@dataclass(frozen=True, kw_only=True)
class Embedding(OfRuns):
    """Do real and generated images mix? t-SNE and PCA of the judge's features of `count` of each (5 to 1,000).

    Writes tsne.png and pca.png, colored by class and by origin, points.csv, and confidence.png: how sure the judge is
    of each image. The class of a real image is its label; that of a generated image is the class asked for or, if the
    generator is not conditional, the class that the judge sees.
    """

    count: Annotated[int, Field(ge=5, le=1000)] = 100
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0  # as t-SNE takes it

    def check_looks(self, players: Mapping[str, nn.Module], data: ImageSet, whose: str) -> None:
        labels_of(data)
        if self.count > len(data.held_out):
            raise GanatomyError(f"count={self.count}: only {len(data.held_out)} images of {data.source} are held out.")

    def looks_at(self) -> Mapping[str, ImageSet]:
        return {"run": load(self.run).data()}

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        run = load(self.run)
        data = run.data()
        self.check_looks({}, data, self.run)
        looks = cache(partial(self._looks, run, data, folder))
        seen = folder.step("seen", lambda: self._seen(run, data, looks()))
        flat = {"tsne": self.tsne, "pca": PCA(2, random_state=0).fit_transform}
        flats = {
            name: np.array(folder.step(name, partial(flattened, flatten, looks))["points"])
            for name, flatten in flat.items()
        }
        origins = [origin for origin in ORIGINS for _ in range(self.count)]
        for name, title in (("tsne", "t-SNE"), ("pca", "Principal components")):
            said = f"{title} of what a judge sees"
            of_classes = scatter(flats[name], seen["classes"], origins, data.classes or (), said)
            number = [ORIGINS.index(origin) for origin in origins]
            of_origins = scatter(flats[name], number, origins, ORIGINS, f"{said}, by origin")
            folder.picture(f"{name}.png", above(of_classes, of_origins))
        sure = {name: np.array(one) for name, one in seen["confidence"].items()}
        folder.picture("confidence.png", histograms(sure, "How sure the judge is of its first guess"))
        folder.table("points.csv", self.points(flats, seen["classes"], origins, np.concatenate(list(sure.values()))))
        conditional = seen["recognized_as_asked"] is not None
        protocol = {
            **facts(run, "G", data),
            "count": self.count,
            **seen["judge"],
            "classes_of_generated": "as asked for" if conditional else "as the judge sees them",
            "seed": self.seed,
            "sure": f"more than {SURE}",
        }
        return {
            "confidence": {
                name: {"mean": float(p.mean()), "sure": float((p > SURE).mean())} for name, p in sure.items()
            },
            **{name: seen[name] for name in ("recognized", "recognized_as_asked", "neighbours")},
            "protocol": protocol,
        }

    def _looks(self, run: Run, data: ImageSet, folder: StudyFolder) -> "Looks":
        judge = judge_of_run(run, folder.announce)
        real = judge.look(data.pictures(data.held_out, self._rows(data)))
        return Looks(real, judge.look(run.sampler().images(self.seed, range(self.count))), judge.facts())

    def _rows(self, data: ImageSet) -> Array:
        """Which held-out images."""
        return np.sort(keyed(self.seed, "embedding").permutation(len(data.held_out))[: self.count])

    def _seen(self, run: Run, data: ImageSet, looks: "Looks") -> dict[str, Any]:
        """What the judge says of the images, and whether their neighbours are of one kind."""
        labels, guesses = labels_of(data)[1][self._rows(data)], self.seen(looks.generated)
        asked = run.sampler().labels(range(self.count))
        classes = np.concatenate([labels, guesses if asked is None else np.array(asked)])
        return {
            "classes": classes.tolist(),
            "confidence": {"real": confidence(looks.real).tolist(), "generated": confidence(looks.generated).tolist()},
            "recognized": float((self.seen(looks.real) == labels).mean()),
            "recognized_as_asked": None if asked is None else float((guesses == np.array(asked)).mean()),
            "neighbours": neighbours(looks.features, classes, np.repeat(ORIGINS, self.count)),
            "judge": looks.judge,
        }

    def seen(self, look: Look) -> Array:
        """[N] class numbers."""
        assert look.probabilities is not None
        return look.probabilities.argmax(1)

    def tsne(self, features: Array) -> Array:
        """[N, d] to [N, 2]; exact, for the approximate way depends on the number of threads."""
        perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
        return TSNE(2, perplexity=perplexity, init="pca", method="exact", random_state=self.seed).fit_transform(
            features
        )

    def points(
        self, flats: Mapping[str, Array], classes: Sequence[int], origins: list[str], sure: Array
    ) -> list[dict[str, Any]]:
        return [
            {
                "origin": origins[row],
                "class": classes[row],
                "confidence": float(sure[row]),
                **{f"{name}_{axis}": float(xy[row, i]) for name, xy in flats.items() for i, axis in enumerate("xy")},
            }
            for row in range(len(origins))
        ]


class Looks(NamedTuple):
    """What a judge, known by its facts, sees of real and of generated images."""

    real: Look
    generated: Look
    judge: dict[str, Any]

    @property
    def features(self) -> Array:
        """[N, d], of the real ones first."""
        return np.concatenate([self.real.features, self.generated.features]).astype(np.float64)


def flattened(flatten: Callable[[Array], Array], looks: Callable[[], Looks]) -> dict[str, Any]:
    """Features [N, d] as points in the plane."""
    return {"points": flatten(looks().features).tolist()}


def above(first: Image.Image, second: Image.Image) -> Image.Image:
    """Two pictures as wide, one below the other."""
    both = Image.new("RGB", (max(first.width, second.width), first.height + second.height), "white")
    both.paste(first, (0, 0))
    both.paste(second, (0, first.height))
    return both


def confidence(look: Look) -> Array:
    """The largest probability of each image, [N]."""
    assert look.probabilities is not None
    return look.probabilities.max(1)


def neighbours(features: Array, classes: Array, origins: Array) -> dict[str, float]:
    """How often the nearest other image has the same class, and how often the same origin.

    The latter is the leave-one-out test of Lopez-Paz and Oquab (2017): 0.5 where nobody could tell origins apart.

    >>> neighbours(np.array([[0.0], [1.0], [9.0], [10.5]]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    {'same_class': 1.0, 'same_origin': 0.0}
    """
    nearest = NearestNeighbors(n_neighbors=1).fit(features).kneighbors(return_distance=False)[:, 0]
    return {
        "same_class": float((classes[nearest] == classes).mean()),
        "same_origin": float((origins[nearest] == origins).mean()),
    }
