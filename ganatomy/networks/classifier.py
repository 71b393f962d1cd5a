"""Convolutional classifiers: judges, which score generated images, and the classifiers that studies train."""

from itertools import pairwise
from typing import Annotated, Any, NamedTuple

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.registry import part
from ganatomy.core.shape import Shape
from ganatomy.networks.convolution import Conv2d
from ganatomy.networks.layers import LEAK, Dropout, GaussianNoise, scaled
from ganatomy.networks.mlp import Probability


class Seen(NamedTuple):
    """A judge's output: penultimate features [N, d] and logits [N, classes]."""

    features: Tensor
    logits: Tensor


@part
class ConvClassifier(nn.Module):
    """Images [N, C, H, W] in [-1, 1] to logits [N, classes].

    channels: output maps of 3x3 convolutions with batch norm, which have stride 2 while the picture is larger than 7
        pixels. A linear layer of `hidden` units gives the features.
    dropout: of the features.
    noise: standard deviation of Gaussian noise on the images in training mode. Without it, noise that nobody sees moves
        the features of real digits ten times as far from the reference as other writers' handwriting does.
    width: a factor on all channels.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        channels: tuple[PositiveInt, ...] = (32, 32, 64, 64),
        hidden: PositiveInt = 128,
        dropout: Probability = 0.25,
        noise: NonNegativeFloat = 0.4,
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        shape, classes = Shape(*shape), required(classes)
        before, size = shape.channels, [shape.height, shape.width]
        layers: list[nn.Module] = []
        for after in (scaled(c, width) for c in channels):
            stride = 2 if max(size) > 7 else 1
            size = [-(-pixels // stride) for pixels in size]
            layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
            before = after
        flat, hidden = before * size[0] * size[1], scaled(hidden, width)
        self.noise = GaussianNoise(noise)
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, hidden), nn.ReLU(inplace=True))
        self.dropout = Dropout(dropout)
        self.classify = nn.Linear(hidden, classes)

    def see(self, x: Tensor) -> Seen:
        """Features and logits of images [N, C, H, W] in [-1, 1]."""
        features = self.body(self.noise(x))
        return Seen(features, self.classify(self.dropout(features)))

    def forward(self, x: Tensor) -> Tensor:
        return self.see(x).logits


@part
class ResidualClassifier(nn.Module):
    """Images [N, C, H, W] in [-1, 1] to logits [N, classes]: He et al. (2016), arXiv:1512.03385, short and wide.

    channels: output maps. The first is a 3x3 convolution; each further one a 3x3 convolution, 2x2 max pooling and a
        residual block of two more, all with batch norm. The features are the maxima of the last maps.
    dropout, noise, width: as in `ConvClassifier`.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        channels: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (32, 64, 128, 256),
        dropout: Probability = 0.2,
        noise: NonNegativeFloat = 0.05,
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        classes = required(classes)
        shape, maps = Shape(*shape), [scaled(c, width) for c in channels]
        if min(shape[1:]) >> (len(maps) - 1) < 1:
            raise GanatomyError(f"ResidualClassifier: {shape} cannot be halved {len(maps) - 1} times.")
        layers: list[nn.Module] = [normed(shape.channels, maps[0])]
        for before, after in pairwise(maps):
            layers += [normed(before, after), nn.MaxPool2d(2), Residual(after)]
        self.noise = GaussianNoise(noise)
        self.body = nn.Sequential(*layers)
        self.dropout = Dropout(dropout)
        self.classify = nn.Linear(maps[-1], classes)

    def see(self, x: Tensor) -> Seen:
        features = self.body(self.noise(x)).amax((2, 3))
        return Seen(features, self.classify(self.dropout(features)))

    def forward(self, x: Tensor) -> Tensor:
        return self.see(x).logits


class Residual(nn.Module):
    """x + two 3x3 convolutions of x, each with batch norm and leaky ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(normed(channels, channels), normed(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def required(classes: int | None) -> int:
    """The number of classes. Raises GanatomyError for data without labels."""
    if classes is None:
        raise GanatomyError("A classifier needs labels, and the data has none.")
    return classes


def normed(before: int, after: int) -> nn.Sequential:
    """A 3x3 convolution with batch norm and leaky ReLU."""
    return nn.Sequential(
        Conv2d(before, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(LEAK / 2, inplace=True)
    )


@part
class PretrainedClassifier(ConvClassifier):
    """A frozen classifier with the weights of another run, whose folder is `run`.

    The weights are read when a training begins and become part of its checkpoints, so the folder is not needed again.
    The classifier stays in evaluation mode.
    """

    def __init__(self, shape: Shape, classes: int | None = None, *, run: str, **how: Any) -> None:
        super().__init__(shape, classes, **how)
        self.run = run
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "PretrainedClassifier":
        return super().train(False)
