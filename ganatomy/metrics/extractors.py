"""Feature extractors by name. Scores of different extractors are not comparable, so every score says which it is of.

One's own is any function from images, uint8 [N, H, W, C], to features [N, d]:

>>> from ganatomy.metrics.extractors import extractor
>>> @extractor
... def brightness(images):
...     return images.mean((1, 2))
>>> extractors["brightness"]().facts()["extractor"]
'brightness'
"""

import hashlib
import inspect
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import nn

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.core.float32 import without_tf32
from ganatomy.core.randomness import CPU
from ganatomy.core.registry import Registry
from ganatomy.data.packed import cache_folder
from ganatomy.metrics.moments import Array
from ganatomy.networks.inception import InceptionV3, Resize, fitting, scaled
from ganatomy.runs.files import told, write_bytes

INCEPTION = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
INCEPTION_ADDRESS = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION}"
BATCH = {"cpu": 8}
"""Images per forward pass of Inception; 32 on other devices, where nothing was measured. With two threads of an AMD
EPYC with AVX-512, nothing else running, 8, 16, 32 and 64 made 15.5, 14.6, 14.2 and 13.6 images/s; with one, beside
other work on two days, 3.8, 3.9, 3.7 and 3.5, and the first three 7.6, 7.2 and 6.9."""


class Look(NamedTuple):
    """What an extractor gives: features [N, d] and, from a classifier, probabilities [N, K]."""

    features: Array
    probabilities: Array | None = None


class Extractor(ABC):
    """Turns images into features.

    classifies: whether it gives probabilities, too.
    repeats_gray: whether gray images are repeated in three channels, because it takes RGB alone.
    """

    classifies = True
    repeats_gray = False

    @abstractmethod
    def look(self, images: Array) -> Look:
        """Features, and probabilities if it classifies, of images: uint8 [N, H, W, C]."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What must agree before two scores are compared: extractor, extractor_sha256, resize, precision."""


extractors: Registry[Callable[..., Extractor]] = Registry("extractor")
Function = TypeVar("Function", bound=Callable[[Array], Any])


def extractor(function: Function, name: str | None = None, version: str | None = None) -> Function:
    """Register a function from images, uint8 [N, H, W, C], to features [N, d], as an extractor. A decorator, too.

    name: by default the function's, with dashes.
    version: identifies what its features depend on besides its source code, such as weights that it loads; by default a
        hash of the source. Scores of different versions are not compared.

    >>> mean = extractor(lambda images: images.mean((1, 2)), name="mean-color", version="2")
    >>> extractors["mean-color"]().facts()["extractor_version"]
    '2'
    """
    called = name or getattr(function, "__name__", "").replace("_", "-")
    if not called:
        raise GanatomyError(f"A {type(function).__name__} has no name of its own: extractor(..., name='my-network').")
    extractors.add(called, lambda: Own(called, function, version))
    return function


class Own(Extractor):
    """An extractor from a registered function, which may return arrays or tensors.

    Its source does not determine its features entirely, so it has no SHA-256, and its features are not cached.
    """

    classifies = False

    def __init__(self, name: str, function: Callable[[Array], Any], version: str | None = None) -> None:
        self.name, self.function, self.version = name, function, version or source_version(function)

    @torch.no_grad()
    def look(self, images: Array) -> Look:
        made = self.function(images)
        features = made.detach().cpu().double().numpy() if isinstance(made, torch.Tensor) else np.asarray(made)
        if features.ndim != 2 or len(features) != len(images):
            raise GanatomyError(
                f"The extractor {self.name} made {list(features.shape)} of {len(images)} images; features are [N, d]."
            )
        return Look(features)

    def facts(self) -> dict[str, Any]:
        return {
            "extractor": self.name,
            "extractor_sha256": None,
            "extractor_version": self.version,
            "resize": None,
            "precision": None,
        }


def source_version(function: Callable[..., Any]) -> str | None:
    """A hash of the source of a function or an object's class, and of a module's weights; None without source code."""
    try:
        source = inspect.getsource(function if hasattr(function, "__name__") else type(function))
    except (OSError, TypeError):
        return None
    hashed = hashlib.sha256(source.encode())
    for name, value in function.state_dict().items() if isinstance(function, nn.Module) else ():
        hashed.update(name.encode() + np.ascontiguousarray(value.detach().cpu().float()).tobytes())
    return hashed.hexdigest()[:12]


class Inception(Extractor):
    """TensorFlow's Inception-v3 of 2015-12-05: features [N, 2048], and probabilities [N, 1008] of the unbiased logits.

    weights: a file of public weights; None: the one in the cache, downloaded if need be.
    resize: see `ganatomy.networks.inception.scaled`.
    layer: where the features are taken: "64", "192", "768" or "2048".
    """

    repeats_gray = True

    def __init__(
        self,
        weights: Path | None = None,
        resize: Resize = "legacy",
        layer: str = "2048",
        device: torch.device = CPU,
    ) -> None:
        file = weights or inception_file()
        self.sha256, tensors = read_weights(file, None if weights else INCEPTION_SHA256)
        network = InceptionV3()
        try:
            network.load_state_dict(fitting(tensors))
        except RuntimeError as error:
            raise GanatomyError(f"{file} holds other weights than Inception-v3's: {one_line(error)}") from None
        self.network = network.fold().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.resize, self.layer, self.device = resize, layer, device
        self.batch = BATCH.get(device.type, 32)

    @torch.inference_mode()
    @without_tf32()
    def look(self, images: Array) -> Look:
        features, probabilities = [], []
        for start in range(0, len(images), self.batch):
            x = scaled(torch.from_numpy(as_rgb(images[start : start + self.batch])), self.resize).to(self.device)
            seen = self.network(x, {self.layer, "logits_unbiased"})
            features.append(seen[self.layer].cpu().numpy())
            probabilities.append(seen["logits_unbiased"].cpu().double().softmax(1).numpy())
        return Look(np.concatenate(features), np.concatenate(probabilities))

    def facts(self) -> dict[str, Any]:
        layer = "" if self.layer == "2048" else f"-{self.layer}"
        return {
            "extractor": f"inception{layer}",
            "extractor_sha256": self.sha256,
            "resize": self.resize,
            "precision": "float32",
        }


class Random(Extractor):
    """A convolutional network with fixed random weights, for tests and where there are no trained weights.

    Its scores tell that two sets of images differ, and little more. They compare with nothing but each other.
    """

    classifies = False
    repeats_gray = True

    def __init__(self, size: int = 64) -> None:
        generator = torch.Generator().manual_seed(0)
        layers: list[nn.Module] = []
        for before, after in ((3, 16), (16, 32), (32, size)):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.LeakyReLU(0.2)]
        self.network = nn.Sequential(*layers).eval().requires_grad_(False)
        for parameter in self.network.parameters():
            scale = (2 / parameter[0].numel()) ** 0.5 if parameter.dim() > 1 else 0.1
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
        numbers = b"".join(p.numpy().tobytes() for p in self.network.parameters())
        self.sha256 = hashlib.sha256(numbers).hexdigest()

    @torch.inference_mode()
    def look(self, images: Array) -> Look:
        parts = []
        for start in range(0, len(images), 256):
            x = torch.from_numpy(as_rgb(images[start : start + 256])).permute(0, 3, 1, 2).float() / 127.5 - 1
            parts.append(self.network(x).mean((2, 3)).numpy())
        return Look(np.concatenate(parts))

    def facts(self) -> dict[str, Any]:
        return {
            "extractor": "random (no trained weights)",
            "extractor_sha256": self.sha256,
            "resize": None,
            "precision": "float32",
        }


extractors.add("inception", Inception)
extractors.add("random", Random)


def as_rgb(images: Array) -> Array:
    """uint8 [N, H, W, 1 or 3] to [N, H, W, 3]: gray is repeated. Raises GanatomyError for other images."""
    if images.dtype != np.uint8 or images.ndim != 4:
        raise GanatomyError(f"Images must be uint8 [N, H, W, C]; these are {images.dtype} {list(images.shape)}.")
    if images.shape[3] == 1:
        return np.repeat(images, 3, axis=3)
    if images.shape[3] != 3:
        raise GanatomyError(
            f"Images of {images.shape[3]} channels cannot be scored: convert them with data.channels=rgb or gray."
        )
    return np.ascontiguousarray(images)


def inception_file() -> Path:
    """The file of weights in the cache, downloaded once. Offline the error says which file to put where."""
    file = cache_folder() / "extractors" / INCEPTION
    if file.exists():
        return file
    with told(f"Cannot make {file.parent}, for Inception's weights"):
        file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(INCEPTION_ADDRESS, timeout=30) as answer:
            fetched = answer.read()
    except (OSError, HTTPException) as error:  # the latter where the connection broke off
        raise GanatomyError(
            f"Inception's weights could not be downloaded ({one_line(error)}): get {INCEPTION_ADDRESS} elsewhere "
            f"and put it at {file}, or name it with --weights-file; --extractor random needs none."
        ) from None
    found = hashlib.sha256(fetched).hexdigest()
    if found != INCEPTION_SHA256:
        raise GanatomyError(f"What came from {INCEPTION_ADDRESS} is another file: its SHA-256 is {found}.")
    write_bytes(file, fetched)
    return file


def read_weights(file: Path, wanted: str | None = None) -> tuple[str, dict[str, torch.Tensor]]:
    """A weights file's SHA-256, checked if `wanted` is given, and its tensors; loaded without unpickling code."""
    try:
        with open(file, "rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise GanatomyError(f"{file} cannot be read: {error.strerror}.") from None
    if wanted not in (None, sha256):
        raise GanatomyError(
            f"{file} is not Inception's public weights: its SHA-256 is {sha256}, theirs {wanted}. Remove it, and it is "
            "fetched anew, or give your own with --weights-file."
        )
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise GanatomyError(f"{file} holds no weights: {one_line(error)[:200]}") from None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise GanatomyError(f"{file} holds no weights, but a {type(found).__name__}: names with tensors are wanted.")
    return sha256, found
