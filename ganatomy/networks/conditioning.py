"""Class conditioning: ways to tell G and D the class, and heads with which D predicts it.

Wherever class numbers [N] are taken, mixtures of classes may be given instead: weights [N, classes], floating-point.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.float32 import at_least_float32


class OneHot(nn.Module):
    """Class numbers [N] to one-hot vectors [N, classes], or to planes [N, classes, H, W] if a size is given."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = self.size = classes

    def forward(self, y: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        return spread(y if y.is_floating_point() else nn.functional.one_hot(y, self.classes).float(), size)


class LabelEmbedding(nn.Module):
    """Class numbers [N] to learned vectors [N, size], or planes [N, size, H, W]; initialized from N(0, 1), as z is."""

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.table = nn.Embedding(classes, size)

    def forward(self, y: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        return spread(rows(self.table.weight, y), size)


def label_input(classes: int, embedding: int | None) -> OneHot | LabelEmbedding:
    """A class as an input to concatenate: one-hot, or an embedding of so many numbers."""
    return OneHot(classes) if embedding is None else LabelEmbedding(classes, embedding)


def rows(table: Tensor, y: Tensor) -> Tensor:
    """Rows [N, n] of a table [classes, n] for class numbers y [N]; for mixtures [N, classes], weighted sums."""
    return y @ table if y.is_floating_point() else nn.functional.embedding(y, table)


def spread(vectors: Tensor, size: tuple[int, int] | None) -> Tensor:
    """Vectors [N, n] as constant planes [N, n, H, W] of a size (H, W); None: as they are."""
    return vectors if size is None else vectors[:, :, None, None].expand(-1, -1, *size)


class ConditionalBatchNorm(nn.Module):
    """Dumoulin et al. (2017), "A learned representation for artistic style", arXiv:1610.07629.

    Batch norm with a gain (1 at first) and a bias (0 at first) for each class. If all classes have the same, it
    is batch norm.
    """

    labelled, normalizes = True, True

    def __init__(self, channels: int, classes: int, dimensions: int = 2) -> None:
        super().__init__()
        self.norm = (nn.BatchNorm2d if dimensions == 2 else nn.BatchNorm1d)(channels, affine=False)
        self.gain = nn.Parameter(torch.ones(classes, channels))  # no Embedding: spectral norm would divide it
        self.bias = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        y = asked(y)
        shape = [len(x), -1] + [1] * (x.dim() - 2)
        gain, bias = (rows(table, y).view(shape).to(x.dtype) for table in (self.gain, self.bias))
        return torch.addcmul(bias, self.norm(x), gain)


class Labelled(nn.Sequential):
    """nn.Sequential for layers some of which take the classes, too: those that have `labelled` set."""

    labelled = True

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        for layer in self:
            x = layer(x, y) if getattr(layer, "labelled", False) else layer(x)
        return x


class Projection(nn.Module):
    """Miyato and Koyama (2018), "cGANs with projection discriminator", arXiv:1802.05637, equation 5.

    The inner product of features [N, d] with a learned vector of their class, [N]: a term of D's score.
    """

    def __init__(self, classes: int, features: int) -> None:
        super().__init__()
        self.table = nn.Embedding(classes, features)
        nn.init.normal_(self.table.weight, 0.0, 0.02)

    def forward(self, features: Tensor, y: Tensor | None) -> Tensor:
        return (rows(self.table.weight, asked(y)).to(features.dtype) * features).sum(1)


class ProxyHead(nn.Module):
    """ReACGAN's head: features [N, d] to embeddings [N, size] of length 1, and a learned proxy of each class."""

    def __init__(self, classes: int, features: int, size: int) -> None:
        super().__init__()
        self.embed = nn.Linear(features, size)
        self.proxies = nn.Parameter(torch.randn(classes, size))

    def forward(self, features: Tensor) -> Tensor:
        return nn.functional.normalize(at_least_float32(self.embed(features)), dim=1)


Head = Literal["none", "softmax", "proxy"]


def auxiliary_head(kind: Head, classes: int | None, features: int, size: int = 128) -> nn.Module | None:
    """D's classification head: features [N, d] to logits [N, classes] ("softmax") or embeddings [N, size] ("proxy")."""
    if kind == "none":
        return None
    known = needs_labels("An auxiliary classifier", classes)
    return nn.Linear(features, known) if kind == "softmax" else ProxyHead(known, features, size)


def asked(y: Tensor | None) -> Tensor:
    """The classes given to a conditional network. Raises GanatomyError without them."""
    if y is None:
        raise GanatomyError("A conditional network needs the class of every image.")
    return y


def needs_labels(network: str, classes: int | None) -> int:
    """The number of classes, for a conditional network. Raises GanatomyError if the data has none."""
    if classes is None:
        raise GanatomyError(
            f"{network} is conditional, and the data has no labels: name their column with data.label, or use "
            "players that are told no classes (conditional=false)."
        )
    return classes
