"""What the latents of real images tell of them: BiGAN's encoder, or one trained afterwards against a frozen generator.

Donahue et al. (2017), arXiv:1605.09782, who classify by the nearest neighbour of E(x) (table 2) and compare with a
"latent regressor", an encoder taught G's latents afterwards (section 5). One report puts a linear classifier and an SVM
on BiGAN's latents.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ganatomy.core.errors import GanatomyError
from ganatomy.core.players import Encoder
from ganatomy.core.randomness import CPU, keyed, reseed_default_generator
from ganatomy.core.shape import Shape
from ganatomy.data.feed import to_unit
from ganatomy.data.images import ImageSet
from ganatomy.engine.average import standing_statistics
from ganatomy.engine.engine import load_optimizer, load_weights, under
from ganatomy.engine.precision import autocast, resolved
from ganatomy.experiments.run import Run, load
from ganatomy.experiments.sampling import CHUNK, Sampler
from ganatomy.metrics.moments import Array
from ganatomy.networks.bigan import ConvEncoder
from ganatomy.report.charts import bars
from ganatomy.runs.checkpoints import Checkpoints
from ganatomy.runs.files import write_bytes
from ganatomy.studies.real import (
    STANDING_IMAGES,
    STEP,
    facts,
    flat,
    labels_of,
    largest_class,
    principal,
    real_images,
)
from ganatomy.studies.study import OfRuns, Step, StudyFolder, refuse_idle, study

RATE, TRIED = 1e-3, 2_048  # Adam's, falling to zero; latents that an encoder is tried on
PENALTY = 10.0  # C of the SVM
WEIGHTS = "encoder.safetensors"


@study("probe")
@dataclass(frozen=True, kw_only=True)
class Probe(OfRuns):
    """What an encoder's latents know of the classes: a linear classifier, an RBF SVM and 1-NN, beside a PCA as large.

    Writes accuracy.csv and accuracy.png. A run without an encoder gets one, trained against its frozen generator and
    kept in encoder.safetensors.

    data: another source of images to probe; default: what the run was trained on. Of a recipe: what it is trained on.
    encoder_images: how many generated images such an encoder is trained on; `encoder_width` scales its maps.
    linear_images, svm_images, nearest_images: how many labelled real images each classifier learns from, at most.
    """

    encoder_images: PositiveInt = 200_000
    encoder_width: PositiveFloat = 1.0
    linear_images: PositiveInt = 60_000
    svm_images: PositiveInt = 10_000
    nearest_images: PositiveInt = 60_000
    seed: NonNegativeInt = 0

    of_recipes = ("images", "overrides")

    def check_looks(self, players: Mapping[str, nn.Module], data: ImageSet, whose: str) -> None:
        labels, _ = labels_of(data)
        if "E" in players:
            refuse_idle(self, ["encoder_images", "encoder_width"], f"is for a run without an encoder; {whose} has one.")
        for name, count in self.counts().items():
            if len(np.unique(labels[self.order(data)[:count]])) < 2:
                raise GanatomyError(f"{name}_images={count}: these images of {data.source} are all of one class.")

    def looks_at(self) -> Mapping[str, ImageSet]:
        return {"data": real_images(load(self.run), self.data)}

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        run = load(self.run)
        data = real_images(run, self.data)
        own = own_encoder(run) if "E" in run.recipe.players else None
        self.check_looks({} if own is None else {"E": own}, data, self.run)
        labels, held_out_labels = labels_of(data)
        real = Real(data, self.order(data), labels, held_out_labels)
        E, trained = self.taught(run, folder) if own is None else (own, {})
        looks = {"latents": lambda: latents(E, real), "pca": lambda: components(E.size, real)}
        found = {name: self.tried(look, real, folder.steps_of(name)) for name, look in looks.items()}
        folder.table("accuracy.csv", [{"features": name, **one} for name, one in found.items()])
        accuracies = {f"{name}, {kind}": [one[kind]] for kind in self.counts() for name, one in found.items()}
        folder.picture("accuracy.png", bars(accuracies, "recognized of the held-out images"))
        protocol = {
            **facts(run, "G" if own is None else "E", data),
            "encoder": "trained afterwards against the frozen generator" if own is None else "the run's own",
            "linear": "logistic regression, C=1",
            "svm": f"RBF, C={PENALTY:g}, gamma=scale",
            "nearest": "Euclidean",
            "images": {name: min(count, len(real.order)) for name, count in self.counts().items()},
            "held_out": len(data.held_out),
            "largest_class": largest_class(data),
            "seed": self.seed,
        }
        return {**found, **({"encoder": trained} if trained else {}), "protocol": protocol}

    def order(self, data: ImageSet) -> Array:
        """The rows of the images to train on, as many as any classifier takes; each takes the first of them."""
        return keyed(self.seed, "probe").permutation(len(data.train))[: max(self.counts().values())]

    def counts(self) -> dict[str, int]:
        return {"linear": self.linear_images, "svm": self.svm_images, "nearest": self.nearest_images}

    def tried(self, look: Callable[[], tuple[Array, Array]], real: "Real", step: Step) -> dict[str, Any]:
        """Held-out accuracies of the classifiers, a step each.

        look: numbers [N, size] of the images, to train on and held out.
        """
        numbers = cache(look)
        classifiers = {
            "linear": LogisticRegression(max_iter=1_000),
            "svm": SVC(C=PENALTY),
            "nearest": KNeighborsClassifier(1, algorithm="brute"),
        }

        def scored(name: str, count: int) -> dict[str, float]:
            x, test = numbers()
            known = classifiers[name].fit(x[:count], real.labels[real.order[:count]])
            return {"size": x.shape[1], "accuracy": float(known.score(test, real.held_out_labels))}

        done = {name: step(name, partial(scored, name, count)) for name, count in self.counts().items()}
        return {"size": done["linear"]["size"], **{name: one["accuracy"] for name, one in done.items()}}

    def taught(self, run: Run, folder: StudyFolder) -> tuple[Encoder, dict[str, Any]]:
        """An encoder trained against G, once, and how far it is from latents it has not seen."""
        sampler, file = run.sampler(), folder.path / WEIGHTS
        E = new_encoder(sampler, Shape(*run.checkpoint().state["data"]["shape"]), self.encoder_width, self.seed)

        def work() -> dict[str, Any]:
            teach(E, sampler, self.encoder_images, self.seed, folder.unfinished, folder.announce)
            write_bytes(file, save_tensors({name: value.contiguous() for name, value in E.state_dict().items()}))
            return {"images": self.encoder_images, "error": latent_error(E.eval(), sampler, self.seed)}

        done = folder.step("encoder", work, draws=(WEIGHTS,))
        E.load_state_dict(load_tensors(file.read_bytes()))
        return E.eval().requires_grad_(False), done


class Real(NamedTuple):
    """Labelled images, and the rows of those to train on, in an order of chance."""

    data: ImageSet
    order: Array
    labels: Array
    held_out_labels: Array

    def pictures(self) -> tuple[Array, Array]:
        """To train on, in the data's own order, and held out; uint8 [N, H, W, C]."""
        return self.data.pictures(self.data.train), self.data.pictures(self.data.held_out)


def own_encoder(run: Run) -> Encoder:
    player = run.player("E")
    if not isinstance(player, Encoder):
        raise GanatomyError(f"E of {run.path} is a {type(player).__name__}, not an Encoder.")
    return player


def new_encoder(sampler: Sampler, shape: Shape, width: float, seed: int) -> ConvEncoder:
    with torch.random.fork_rng(devices=[]):
        reseed_default_generator(seed, "probe", "weights")
        return ConvEncoder(shape, latent=sampler.prior.size, width=width)


def teach(
    E: Encoder,
    sampler: Sampler,
    images: int,
    seed: int,
    keep: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """Regress z on G(z), by the square of the error.

    keep: a folder for the state, from which the same teaching goes on where it was killed.
    """
    E.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = max(1, images // CHUNK)
    optimizer = torch.optim.Adam(E.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    kept = None if keep is None else Checkpoints(keep)
    begun = 0 if kept is None else restored(kept, E, optimizer, schedule)
    for number in range(begun, steps):
        if number % max(1, steps // 10) == 0:
            say(f"  the encoder saw {number * CHUNK:,} of {steps * CHUNK:,} images")
            if kept is not None and number > begun:
                kept.write(number, *state_of(E, optimizer, schedule))
        z, x = pairs(sampler, seed, number)
        with autocast(resolved("auto", CPU), CPU):
            guess = E(x)
        optimizer.zero_grad()
        mse_loss(guess.float(), z).backward()
        optimizer.step()
        schedule.step()


def state_of(E: Encoder, optimizer: Optimizer, schedule: LRScheduler) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Of a teaching that can go on: tensors by name, and what JSON can hold."""
    tensors = {f"E.{name}": value for name, value in E.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items()}
    return tensors, {"schedule": schedule.state_dict()}


def restored(kept: Checkpoints, E: Encoder, optimizer: Optimizer, schedule: LRScheduler) -> int:
    """Go on from what `state_of` returned, if anything is kept; the number of steps that are done."""
    found = kept.newest()
    if found is None:
        return 0
    load_weights(E, "E.", found.tensors)
    load_optimizer(optimizer, under(found.tensors, "optimizer."))
    schedule.load_state_dict(dict(found.state["schedule"]))
    for group, rate in zip(optimizer.param_groups, schedule.get_last_lr(), strict=True):
        group["lr"] = rate
    return found.round


def pairs(sampler: Sampler, seed: int, number: int) -> tuple[Tensor, Tensor]:
    """Latents [CHUNK, size] and their images [CHUNK, C, H, W]; of a conditional generator the classes in turn."""
    indices = range(number * CHUNK, (number + 1) * CHUNK)
    (x,) = sampler.tensors(seed, indices)
    return sampler.prior.sample(seed, indices.start, indices.stop), x.clone()  # what G made is in inference mode


@torch.no_grad()
def latent_error(E: Encoder, sampler: Sampler, seed: int) -> float:
    """The mean square of E(G(z)) - z over that of z: 0 where E inverts G, 1 where it knows nothing. Of other seeds."""
    errors, squares = [], []
    for number in range(math.ceil(TRIED / CHUNK)):
        z, x = pairs(sampler, seed + 1, number)
        errors.append(float(mse_loss(E(x), z)))
        squares.append(float(z.square().mean()))
    return float(np.mean(errors) / np.mean(squares))


def latents(E: Encoder, real: Real) -> tuple[Array, Array]:
    """E of the images to train on, in order, and of held-out ones; its batch-norm statistics become those of real ones.

    As the PCA's, the numbers are taken as they are: an encoder that is not sure of a latent keeps it small.
    """
    train, held_out = real.pictures()
    first = real.order[:STANDING_IMAGES]
    standing_statistics(E, ((to_unit(train[first[i : i + STEP]]),) for i in range(0, len(first), STEP)))
    return encoded(E, train, real.order), encoded(E, held_out, np.arange(len(held_out)))


@torch.no_grad()
def encoded(E: nn.Module, pictures: Array, rows: Array) -> Array:
    found = [E(to_unit(pictures[rows[i : i + STEP]])) for i in range(0, len(rows), STEP)]
    return torch.cat(found).numpy()


def components(size: int, real: Real) -> tuple[Array, Array]:
    """As many principal components of the pixels, or as many as there can be."""
    pictures, held_out = real.pictures()
    train = flat(pictures[real.order])
    pca = principal(train, size)
    return pca.transform(train), pca.transform(flat(held_out))
