"""Real and generated images side by side, as a classifier of real ones sees them: van der Maaten and Hinton (2008),
"Visualizing data using t-SNE", and principal components, of its penultimate features; and how sure it is of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from PIL import Image
from pydantic import Field
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import keyed
from ganatomy.experiments.measuring import judge_of_run
from ganatomy.experiments.run import load
from ganatomy.metrics.extractors import Look
from ganatomy.metrics.moments import Array
from ganatomy.report.scatter import histograms, scatter
from ganatomy.studies.real import facts, labels_of
from ganatomy.studies.study import Study, StudyFolder, study

ORIGINS = ("real", "generated")
SURE = 0.9
PERPLEXITY = 30.0  # of t-SNE, or a third of the points where they are few


@study("embedding")
@dataclass(frozen=True, kw_only=True)
class Embedding(Study):
    """Embeds `count` held-out and as many generated images, marked by origin, and colored by class, then by origin.

    The class of a real image is its label and that of a generated one the class asked for, or, of a generator that is
    not conditional, the class that the judge sees.
    """

    run: str
    count: Annotated[int, Field(ge=5, le=1000)] = 100
    seed: int = 0

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        run = load(self.run)
        sampler, data, judge = run.sampler(), run.data(), judge_of_run(run, folder.announce)
        held_out = data.pictures(data.held_out)
        if self.count > len(held_out):
            raise GanatomyError(f"count={self.count}: only {len(held_out)} images of {data.source} are held out.")
        rows = np.sort(keyed(self.seed, "embedding").permutation(len(held_out))[: self.count])
        real = judge.look(held_out[rows])
        generated = judge.look(sampler.images(self.seed, range(self.count)))
        asked = sampler.labels(range(self.count))
        seen = self.seen(generated) if asked is None else np.array(asked)
        classes = np.concatenate([labels_of(data)[1][rows], seen])
        origins = [origin for origin in ORIGINS for _ in range(self.count)]
        features = np.concatenate([real.features, generated.features]).astype(np.float64)
        flats = {"tsne": self.tsne(features), "pca": PCA(2, random_state=0).fit_transform(features)}
        for name, title in (("tsne", "t-SNE"), ("pca", "Principal components")):
            said = f"{title} of what a judge sees"
            of_classes = scatter(flats[name], classes.tolist(), origins, data.classes or (), said)
            number = [ORIGINS.index(origin) for origin in origins]
            of_origins = scatter(flats[name], number, origins, ORIGINS, f"{said}, by origin")
            folder.picture(f"{name}.png", above(of_classes, of_origins))
        sure = {"real": confidence(real), "generated": confidence(generated)}
        folder.picture("confidence.png", histograms(sure, "How sure the judge is of its first guess"))
        folder.table("points.csv", self.points(flats, classes, origins, np.concatenate(list(sure.values()))))
        protocol = {
            **facts(run, "G", data),
            "count": self.count,
            **judge.facts(),
            "classes_of_generated": "as the judge sees them" if asked is None else "as asked for",
            "seed": self.seed,
        }
        return {
            "confidence": {
                name: {"mean": float(p.mean()), "sure": float((p > SURE).mean())} for name, p in sure.items()
            },
            "recognized": float((self.seen(real) == classes[: self.count]).mean()),
            "recognized_as_asked": None if asked is None else float((self.seen(generated) == seen).mean()),
            "neighbours": neighbours(features, classes, np.array(origins)),
            "protocol": {**protocol, "sure": f"more than {SURE}"},
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
        self, flats: Mapping[str, Array], classes: Array, origins: list[str], sure: Array
    ) -> list[dict[str, Any]]:
        return [
            {
                "origin": origins[row],
                "class": int(classes[row]),
                "confidence": float(sure[row]),
                **{f"{name}_{axis}": float(xy[row, i]) for name, xy in flats.items() for i, axis in enumerate("xy")},
            }
            for row in range(len(origins))
        ]


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
