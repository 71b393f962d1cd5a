"""The Inception-v3 that FID is defined by: Szegedy et al. (2016), as TensorFlow released it on 2015-12-05.

It differs from torchvision's: 3x3 average pools leave the padding out, the last block pools by the maximum, and the
classifier has 1008 outputs. Parameters have the names of the public conversions of its weights (pytorch-fid,
torch-fidelity), so both files fit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d, relu

SIZE = 299  # pixels, of its input
EPS = 1e-3  # of its batch norms
Kernel = int | tuple[int, int]
Pool = Literal["average", "max", "halving"]
Resize = Literal["legacy", "clean"]


class Step(NamedTuple):
    """A convolution of a branch: its name after the branch's, outputs, kernel, stride."""

    suffix: str
    outputs: int
    kernel: Kernel
    stride: int = 1


@dataclass(frozen=True)
class Branch:
    """A branch of a block: a pool, if any; convolutions in sequence; and a fork of parallel ones at the end, if any."""

    name: str = ""
    steps: tuple[Step, ...] = ()
    fork: tuple[Step, ...] = ()
    pool: Pool | None = None


class NormedConv2d(nn.Module):
    """Convolution, batch norm, ReLU. `fold` merges the norm into the convolution: the same function, faster."""

    folded_weight: Tensor | None
    folded_bias: Tensor | None

    def __init__(self, before: int, after: int, kernel: Kernel, stride: int = 1, padding: Kernel = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=EPS)
        self.register_buffer("folded_weight", None, persistent=False)
        self.register_buffer("folded_bias", None, persistent=False)

    @torch.no_grad()
    def fold(self) -> None:
        """Merge the batch norm into the convolution, computed in float64."""
        assert self.bn.running_mean is not None and self.bn.running_var is not None
        gain = self.bn.weight.double() / (self.bn.running_var.double() + EPS).sqrt()
        weight = self.conv.weight.double() * gain[:, None, None, None]
        bias = self.bn.bias.double() - self.bn.running_mean.double() * gain
        dtype = self.conv.weight.dtype
        self.folded_weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.folded_bias = bias.to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        if self.folded_weight is None:
            return relu(self.bn(self.conv(x)), inplace=True)
        padding = self.conv.padding
        return relu(conv2d(x, self.folded_weight, self.folded_bias, self.conv.stride, padding), inplace=True)


class Mixed(nn.Module):
    """Parallel branches, concatenated along the channels in order."""

    def __init__(self, before: int, branches: Iterable[Branch]) -> None:
        super().__init__()
        self.branches = tuple(branches)
        self.outputs = 0
        for branch in self.branches:
            width = before
            for step in branch.steps:
                self.add_module(branch.name + step.suffix, convolution(width, step))
                width = step.outputs
            for step in branch.fork:
                self.add_module(branch.name + step.suffix, convolution(width, step))
            self.outputs += sum(step.outputs for step in branch.fork) or width

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([part for branch in self.branches for part in self._along(branch, x)], dim=1)

    def _along(self, branch: Branch, x: Tensor) -> list[Tensor]:
        if branch.pool == "average":
            x = avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        elif branch.pool is not None:
            x = max_pool2d(x, 3, 1, 1) if branch.pool == "max" else max_pool2d(x, 3, 2)
        for step in branch.steps:
            x = self.get_submodule(branch.name + step.suffix)(x)
        return [self.get_submodule(branch.name + step.suffix)(x) for step in branch.fork] or [x]


def convolution(before: int, step: Step) -> NormedConv2d:
    """The convolution of a step: without padding if it is strided, else with padding that keeps the size."""
    kernel = (step.kernel, step.kernel) if isinstance(step.kernel, int) else step.kernel
    padding = (kernel[0] // 2, kernel[1] // 2) if step.stride == 1 else (0, 0)
    return NormedConv2d(before, step.outputs, kernel, step.stride, padding)


def mixed_35(before: int, pooled: int) -> Mixed:
    """The blocks at 35x35: figure 5 of the paper."""
    return Mixed(
        before,
        (
            Branch("branch1x1", (Step("", 64, 1),)),
            Branch("branch5x5", (Step("_1", 48, 1), Step("_2", 64, 5))),
            Branch("branch3x3dbl", (Step("_1", 64, 1), Step("_2", 96, 3), Step("_3", 96, 3))),
            Branch("branch_pool", (Step("", pooled, 1),), pool="average"),
        ),
    )


def mixed_35_to_17(before: int) -> Mixed:
    return Mixed(
        before,
        (
            Branch("branch3x3", (Step("", 384, 3, 2),)),
            Branch("branch3x3dbl", (Step("_1", 64, 1), Step("_2", 96, 3), Step("_3", 96, 3, 2))),
            Branch(pool="halving"),
        ),
    )


def mixed_17(before: int, width: int) -> Mixed:
    """The blocks at 17x17, their 7x7 convolutions in two: figure 6."""
    wide, tall = (1, 7), (7, 1)
    double = [Step("_1", width, 1), Step("_2", width, tall), Step("_3", width, wide), Step("_4", width, tall)]
    return Mixed(
        before,
        (
            Branch("branch1x1", (Step("", 192, 1),)),
            Branch("branch7x7", (Step("_1", width, 1), Step("_2", width, wide), Step("_3", 192, tall))),
            Branch("branch7x7dbl", (*double, Step("_5", 192, wide))),
            Branch("branch_pool", (Step("", 192, 1),), pool="average"),
        ),
    )


def mixed_17_to_8(before: int) -> Mixed:
    return Mixed(
        before,
        (
            Branch("branch3x3", (Step("_1", 192, 1), Step("_2", 320, 3, 2))),
            Branch(
                "branch7x7x3",
                (Step("_1", 192, 1), Step("_2", 192, (1, 7)), Step("_3", 192, (7, 1)), Step("_4", 192, 3, 2)),
            ),
            Branch(pool="halving"),
        ),
    )


def mixed_8(before: int, pool: Pool) -> Mixed:
    """The blocks at 8x8, with forks: figure 7."""
    return Mixed(
        before,
        (
            Branch("branch1x1", (Step("", 320, 1),)),
            Branch("branch3x3", (Step("_1", 384, 1),), (Step("_2a", 384, (1, 3)), Step("_2b", 384, (3, 1)))),
            Branch(
                "branch3x3dbl",
                (Step("_1", 448, 1), Step("_2", 384, 3)),
                (Step("_3a", 384, (1, 3)), Step("_3b", 384, (3, 1))),
            ),
            Branch("branch_pool", (Step("", 192, 1),), pool=pool),
        ),
    )


class InceptionV3(nn.Module):
    """Pictures [N, 3, 299, 299], as `scaled` gives them, to features and logits by name.

    64, 192, 768 and 2048 are averages over the picture after the first and the second pool, before the auxiliary
    classifier and at the end; `logits_unbiased` [N, 1008] are those without their bias, which the Inception Score uses.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = NormedConv2d(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = NormedConv2d(32, 32, 3)
        self.Conv2d_2b_3x3 = NormedConv2d(32, 64, 3, 1, 1)
        self.Conv2d_3b_1x1 = NormedConv2d(64, 80, 1)
        self.Conv2d_4a_3x3 = NormedConv2d(80, 192, 3)
        self.Mixed_5b = mixed_35(192, 32)
        self.Mixed_5c = mixed_35(256, 64)
        self.Mixed_5d = mixed_35(288, 64)
        self.Mixed_6a = mixed_35_to_17(288)
        self.Mixed_6b = mixed_17(768, 128)
        self.Mixed_6c = mixed_17(768, 160)
        self.Mixed_6d = mixed_17(768, 160)
        self.Mixed_6e = mixed_17(768, 192)
        self.Mixed_7a = mixed_17_to_8(768)
        self.Mixed_7b = mixed_8(1280, "average")
        self.Mixed_7c = mixed_8(2048, "max")
        self.fc = nn.Linear(2048, 1008)
        self.eval().requires_grad_(False)

    def fold(self) -> "InceptionV3":
        """Merge every batch norm into its convolution. Load the weights before; it cannot be undone."""
        for module in self.modules():
            if isinstance(module, NormedConv2d):
                module.fold()
        return self

    def forward(self, x: Tensor, wanted: Iterable[str] = ("2048", "logits_unbiased")) -> dict[str, Tensor]:
        wanted, found = set(wanted), {}
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = found["64"] = max_pool2d(x, 3, 2)
        if wanted - found.keys():
            x = found["192"] = max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)), 3, 2)
        if wanted - found.keys():
            x = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x))))
            x = found["768"] = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        if wanted - found.keys():
            found["2048"] = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        features = {name: maps.mean((2, 3)) for name, maps in found.items() if name in wanted or name == "2048"}
        if "2048" in features:
            features["logits_unbiased"] = features["2048"] @ self.fc.weight.t()
            features["logits"] = features["logits_unbiased"] + self.fc.bias
        return {name: value.float() for name, value in features.items() if name in wanted}


def scaled(images: Tensor, resize: Resize = "legacy") -> Tensor:
    """uint8 pictures [N, H, W, 3] to the network's input: [N, 3, 299, 299], (x - 128) / 128, channels-last.

    resize: "legacy" is TensorFlow 1's bilinear resizing, with pixel corners aligned and no antialiasing, by which FID
        was defined; "clean" is bicubic with antialiasing (Parmar et al., 2022, arXiv:2104.11222).
    """
    if resize == "clean":
        x = torch.from_numpy(np.stack([clean_resized(image) for image in images.numpy()])).permute(0, 3, 1, 2)
    else:
        x = legacy_resized(images.permute(0, 3, 1, 2).float())
    return ((x - 128) / 128).contiguous(memory_format=torch.channels_last)


def legacy_resized(x: Tensor) -> Tensor:
    """[N, C, H, W] to [N, C, 299, 299]: pixel i is interpolated at i * size / 299."""
    for axis in (3, 2):
        size = x.shape[axis]
        place = torch.arange(SIZE, dtype=torch.float32) * torch.tensor(size / SIZE, dtype=torch.float32)
        low = place.long()
        high = (low + 1).clamp(max=size - 1)
        share = (place - low).view([-1 if i == axis else 1 for i in range(4)])
        below = x.index_select(axis, low)
        x = below + (x.index_select(axis, high) - below) * share
    return x


def clean_resized(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] to float32 [299, 299, 3], channel by channel, without rounding to integers.

    Overshoots of the bicubic filter are clipped, as in clean-fid (0.1.35, MIT license).
    """
    channels = [Image.fromarray(image[:, :, c].astype(np.float32)) for c in range(3)]
    resized = [np.asarray(channel.resize((SIZE, SIZE), Image.Resampling.BICUBIC)) for channel in channels]
    return np.stack(resized, axis=2).clip(0, 255)


def fitting(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a public weights file under our names: without a wrapper's prefix and the auxiliary classifier."""
    prefix = next(
        (name.removesuffix("Conv2d_1a_3x3.conv.weight") for name in weights if "Conv2d_1a_3x3.conv" in name), ""
    )
    own = {name.removeprefix(prefix): value for name, value in weights.items()}
    return {name: value for name, value in own.items() if not name.startswith("AuxLogits.")}
