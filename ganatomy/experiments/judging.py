"""A data set's judge, and scores of a generator by it.

A judge is a classifier of one data set at one size, found by the content hash of the packed training images. Those of
`digits`, MNIST and CIFAR-10 are shipped; any other labelled data set's is trained on first use and kept in the cache. A
judge is trained on the first half of the training images. The second half is the reference that samples are compared
with, and the held-out images' score is the floor.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from ganatomy.core.errors import GanatomyError
from ganatomy.core.float32 import without_tf32
from ganatomy.core.observer import Observer, Progress
from ganatomy.core.randomness import CPU, keyed
from ganatomy.core.recipe import Recipe
from ganatomy.core.spec import Spec, from_plain, to_plain
from ganatomy.data.feed import to_unit, turned_at_random
from ganatomy.data.images import ImageSet
from ganatomy.data.packed import cache_folder
from ganatomy.distributed import processes
from ganatomy.experiments.build import build_engine
from ganatomy.experiments.sampling import Sampler
from ganatomy.experiments.statistics import shuffled
from ganatomy.metrics.judged import JudgeScores
from ganatomy.metrics.moments import Array, Moments
from ganatomy.metrics.scores import Scores, averaged, deviations, judge_scores
from ganatomy.networks.classifier import ConvClassifier
from ganatomy.recipes.judges import judge as judge_recipe
from ganatomy.report.results import roughness
from ganatomy.runs.files import read_json, write_bytes, write_json

BATCH = 256  # images per forward pass of the judge
STEP = 4 * BATCH  # images drawn and scored at a time; whole batches, so that the parts do not change a bit
CHOOSING_SEED, REPORTING_SEED = 1, 0  # of the samples that choose the best checkpoint, and of those reported
EPOCHS = 10  # of the training of a new judge
FEWEST, MOST = 60_000, 300_000  # images shown in it
SHIPPED = Path(__file__).parent / "judges"


@dataclass(frozen=True)
class Judge:
    """A trained classifier.

    facts: where it is from: content hash of its data, sha256 of its weights, accuracy on held-out images, and more.
    """

    network: ConvClassifier
    facts: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        return str(self.facts["sha256"])

    def on(self, device: torch.device) -> "Judge":
        """The same judge, moved to a device."""
        self.network.to(device)
        return self

    @torch.inference_mode()
    @without_tf32()
    def see(self, images: Array) -> tuple[Array, Array]:
        """Images uint8 [N, H, W, C] to features [N, d] and probabilities [N, classes], in float32."""
        device = next(self.network.parameters()).device
        seen = [self.network.see(to_unit(images[i : i + BATCH]).to(device)) for i in range(0, len(images), BATCH)]
        features = torch.cat([part.features for part in seen]).cpu().numpy()
        probabilities = torch.cat([part.logits.softmax(1) for part in seen]).cpu().numpy()
        return features, probabilities


class Bench:
    """A data set with its judge: all that is needed to score a generator of such images.

    how: the settings of the scores; its count is lowered to the number of held-out images.
    """

    def __init__(self, data: ImageSet, judge: Judge, how: JudgeScores) -> None:
        assert can_be_judged(data)
        self.data, self.judge = data, judge
        self.how = replace(how, count=min(how.count, len(data.held_out.images)))
        self.first = len(data.train.images) // 2

    @cached_property
    def _reference(self) -> tuple[Array, Array, Moments]:
        """Features, labels and moments of the training images that the judge was not trained on."""
        assert self.data.train.labels is not None
        features, _ = self.judge.see(self.data.pictures(self.data.train, slice(self.first, None)))
        return features, np.asarray(self.data.train.labels[self.first :]), Moments.of(features)

    @cached_property
    def floor(self) -> Scores:
        """The scores of held-out real images, at the same count: what a perfect generator would reach.

        If there are more, those are taken that come first in a fixed shuffle: the first in order may be of one kind, as
        MNIST's first test images are.
        """
        return self._of_held_out(lambda images: images)

    @cached_property
    def turned(self) -> Scores:
        """The floor of held-out images rotated as training images are: the best that such training can reach."""
        draw = keyed(REPORTING_SEED, "turned")
        return self._of_held_out(lambda images: turned_at_random(images, self.data.rotate, draw))

    def _of_held_out(self, change: Callable[[Array], Array]) -> Scores:
        assert self.data.held_out.labels is not None
        chosen = np.sort(shuffled(np.arange(len(self.data.held_out.images)))[: self.how.count])
        parts = (chosen[start : start + STEP] for start in range(0, len(chosen), STEP))
        seen = [self.judge.see(change(self.data.pictures(self.data.held_out, rows))) for rows in parts]
        return self._scores(*joined(seen), np.asarray(self.data.held_out.labels[chosen]))

    def score(self, sampler: Sampler, seed: int = REPORTING_SEED) -> Scores:
        """Scores of the generator's first `how.count` samples of a seed; each process draws and classifies a part."""
        labels = sampler.labels(range(self.how.count))
        own = processes.share(self.how.count, BATCH)
        parts = (own[start : start + STEP] for start in range(0, len(own), STEP))
        seen = [
            self.judge.see(sampler.images(seed, part, labels[part.start : part.stop] if labels else None))
            for part in parts
        ]
        everyones = [part for of_process in processes.everyones(seen) for part in of_process]
        return self._scores(*joined(everyones), None if labels is None else np.asarray(labels))

    def score_images(self, images: Array, asked: Sequence[int] | None = None) -> Scores:
        """Scores of images, uint8 [N, H, W, C], and the classes asked for; comparable with the floor at `how.count`."""
        return self._scores(*self.judge.see(images), None if asked is None else np.asarray(asked))

    def protocol(self, *, seed: int, weights: str, checkpoint: str) -> dict[str, Any]:
        """All that has to agree before two scores may stand in one column."""
        return {
            "reference": f"training images {self.first}-{len(self.data.train.images) - 1}",
            "content": self.data.content,
            "held_out_content": self.data.held_out_content,
            "floor": f"{self.how.count} held-out images{self._drawn}" + ("" if self.data.unseen else ", trained on"),
            "count": self.how.count,
            "extractor": "judge",
            "extractor_sha256": self.judge.sha256,
            "extractor_accuracy": self.judge.facts["accuracy"],
            "resize": None,
            "precision": "float32",
            "k": self.how.k,
            "per_class": self.how.per_class,
            "seed": seed,
            "weights": weights,
            "checkpoint": checkpoint,
        }

    @property
    def _drawn(self) -> str:
        return " of a fixed shuffle" if self.how.count < len(self.data.held_out.images) else ""

    def record(self, scores: Scores, **protocol: Any) -> dict[str, Any]:
        """A score as it is stored: with its floor, its protocol, and remarks, such as that it is rough."""
        record = {"scores": asdict(scores), "floor": asdict(self.floor), "protocol": self.protocol(**protocol)}
        rough, upright = roughness(record), self.data.rotate and self.floor.frechet
        told = f"real ones, turned so, are at {self.turned.frechet / self.floor.frechet:.1f} x floor" if upright else ""
        return {**record, "remarks": [*self.data.remarks, *filter(None, (told, rough))]}

    def record_of(self, draws: Sequence[Scores], *, seeds: Sequence[int], **protocol: Any) -> dict[str, Any]:
        """As `record`, of repeated draws: means, and the standard deviations between draws."""
        record = self.record(averaged(draws), seed=seeds[0], **protocol)
        if not draws[1:]:
            return record
        del record["protocol"]["seed"]
        record["protocol"]["seeds"] = [*seeds]
        return {**record, "deviations": deviations(draws)}

    def _scores(self, features: Array, probabilities: Array, asked: Array | None) -> Scores:
        return judge_scores(
            *self._reference, features, probabilities, asked, k=self.how.k, per_class=self.how.per_class
        )


def joined(seen: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Features and probabilities of parts, concatenated."""
    features, probabilities = zip(*seen, strict=True)
    return np.concatenate(features), np.concatenate(probabilities)


def can_be_judged(data: ImageSet) -> bool:
    """Whether a data set can have a judge: labels of two classes or more, and enough images in both splits."""
    labelled = data.train.labels is not None and data.held_out.labels is not None
    if not labelled or len(data.train) < 4 or len(data.held_out) < 2:
        return False
    return len(np.unique(np.asarray(data.train.labels))) > 1


def find_judge(
    data: ImageSet,
    spec: Spec,
    announce: Callable[[str], None] = lambda text: None,
    device: torch.device = CPU,
) -> Judge:
    """A data set's judge, on a device: shipped, or from the cache, or trained now.

    spec: the data, as in its recipe. announce: called with lines for people if one is trained.
    """
    kept = kept_judge(data.content)
    for file in [*shipped_judges(), kept]:
        judge = read_judge(file, data.content)
        if judge is not None:
            return judge.on(device)
    announce("Training a judge of this data, once; the cache keeps it ...")
    images = min(max(EPOCHS * (len(data.train) // 2), FEWEST), MOST)
    facts, tensors = train_judge(data, judge_recipe(spec, images=images), device, [Progress(announce, images)])
    write_bytes(kept.with_suffix(".safetensors"), tensors)
    write_json(kept, facts)
    announce(f"It recognizes {facts['accuracy']:.1%} of the held-out images; scores are worth as much.")
    return load_judge(facts, tensors).on(device)


def known_judge(content: str, sha256: str) -> Judge | None:
    """The judge of a content hash with these weights (by SHA-256), shipped or in the cache; None if there is none."""
    found = (read_judge(file, content) for file in [*shipped_judges(), kept_judge(content)])
    return next((judge for judge in found if judge is not None and judge.sha256 == sha256), None)


def kept_judge(content: str) -> Path:
    """The file in the cache for the judge of a content hash."""
    return cache_folder() / "judges" / f"{content_name(content)}.json"


def content_name(content: str) -> str:
    """A file name for a content hash; one with additions, of a part of a data set, is hashed again."""
    return content[:16] if ":" not in content else hashlib.sha256(content.encode()).hexdigest()[:16]


def shipped_judges() -> list[Path]:
    return sorted(SHIPPED.glob("*.json"))


def read_judge(file: Path, content: str) -> Judge | None:
    """The judge in a file; None if it is of other content, missing or damaged."""
    try:
        facts, tensors = read_json(file), file.with_suffix(".safetensors").read_bytes()
        if facts["content"] != content or facts["sha256"] != hashlib.sha256(tensors).hexdigest():
            return None
        return load_judge(facts, tensors)
    except (GanatomyError, OSError, KeyError, TypeError, RuntimeError):
        return None


def train_judge(
    data: ImageSet, recipe: Recipe, device: torch.device = CPU, observers: Sequence[Observer] = ()
) -> tuple[dict[str, Any], bytes]:
    """Train a judge; its facts, and its weights as safetensors."""
    engine = build_engine(recipe, first_half(data), device, observers)
    engine.play(recipe.images)
    tensors = save_tensors({name: value.cpu().contiguous() for name, value in engine.players["C"].state_dict().items()})
    return judge_facts(recipe, data, tensors), tensors


def judge_facts(recipe: Recipe, data: ImageSet, tensors: bytes) -> dict[str, Any]:
    """The facts stored beside a judge's weights, its accuracy on held-out images among them."""
    facts = {
        "content": data.content,
        "shape": list(data.shape),
        "classes": list(data.classes or ()),
        "network": to_plain(recipe.players["C"]),
        "trained_on": f"training images 0-{len(data.train.images) // 2 - 1}",
        "images": recipe.images,
        "seed": recipe.seed,
        "sha256": hashlib.sha256(tensors).hexdigest(),
    }
    network = load_judge(facts, tensors)
    assert data.held_out.labels is not None
    _, probabilities = network.see(data.pictures(data.held_out))
    return {**facts, "accuracy": float(np.mean(probabilities.argmax(1) == data.held_out.labels))}


def load_judge(facts: Mapping[str, Any], tensors: bytes) -> Judge:
    network = from_plain(facts["network"]).build(facts["shape"], len(facts["classes"]))
    network.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in load_tensors(tensors).items()}
    )
    return Judge(network.eval().requires_grad_(False), facts)


def first_half(data: ImageSet) -> ImageSet:
    """The data set with the first half of its training images, on which judges are trained, and no augmentation."""
    return replace(data, train=data.train.first(len(data.train) // 2), flip=False, rotate=0.0)
