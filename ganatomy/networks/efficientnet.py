"""EfficientNet-B0, pretrained on ImageNet, with a new top: Tan and Le (2019), arXiv:1905.11946."""

from importlib.util import find_spec
from typing import Any

import torch
from pydantic import PositiveInt
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.core.registry import part
from ganatomy.core.shape import Shape
from ganatomy.networks.classifier import required
from ganatomy.networks.mlp import Probability

PRETRAINED = "google/efficientnet-b0"
NEEDED = "EfficientNet needs transformers, an extra: pip install 'ganatomy[efficientnet]'"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colors, in [0, 1]


@part
class EfficientNetClassifier(nn.Module):
    """Images [N, C, H, W] in [-1, 1] to logits [N, classes]: pretrained features and a new top, as in one report.

    Gray images are repeated in three channels, and all are resized to `size` pixels. The top is dropout, a linear layer
    of `hidden` units, ReLU and a linear layer.

    weights: a name on the Hugging Face hub, or a folder; None: untrained.
    width: a factor on all channels, for tests, if untrained.

    Needs the extra `efficientnet`.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        weights: str | None = PRETRAINED,
        size: PositiveInt = 224,
        hidden: PositiveInt = 512,
        dropout: Probability = 0.3,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        classes = required(classes)
        if Shape(*shape).channels not in (1, 3):
            raise GanatomyError(f"EfficientNet sees gray or RGB images, not {Shape(*shape)}.")
        self.size = size
        self.body = pretrained(weights, width)
        features = self.body.config.hidden_dim
        self.top = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, classes)
        )
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        rgb = (x if x.shape[1] == 3 else x.expand(-1, 3, -1, -1)) / 2 + 0.5
        rgb = interpolate(rgb, size=(self.size, self.size), mode="bilinear", antialias=True)
        logits: Tensor = self.top(self.body((rgb - self.mean) / self.deviation).pooler_output)
        return logits


def what_lacks(weights: str) -> str:
    """What EfficientNet lacks offline: the extra, or its weights in the hub's cache; "" if nothing."""
    if find_spec("transformers") is None:
        return NEEDED
    from huggingface_hub import try_to_load_from_cache

    there = isinstance(try_to_load_from_cache(weights, "config.json"), str)
    return "" if there else f"the weights {weights} are not in the hub's cache"


def pretrained(weights: str | None, width: float) -> Any:
    """EfficientNet from `transformers`: from the hub or its cache, from a folder, or untrained at some width."""
    try:
        from transformers import EfficientNetConfig, EfficientNetModel
    except ImportError as error:
        if error.name == "transformers":
            raise GanatomyError(NEEDED) from None
        why = one_line(error.__cause__ or error)
        raise GanatomyError(
            f"transformers does not import, perhaps for a torchvision of another torch: {why}"
        ) from None
    if weights is None:
        return EfficientNetModel(EfficientNetConfig(width_coefficient=width, hidden_dim=max(8, int(1280 * width))))
    try:
        found: Any = EfficientNetModel.from_pretrained(weights, output_loading_info=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise GanatomyError(
            f"The weights {weights} are not here, or damaged, and could not be downloaded ({one_line(error)[:100]}): "
            f"put config.json and model.safetensors of {PRETRAINED} into a folder, and name it by the setting weights."
        ) from None
    body, seen = found
    new = [name for name, _ in body.named_parameters() if name in seen["missing_keys"]]
    if new:
        raise GanatomyError(
            f"{weights} holds no EfficientNet: {len(new)} of its weights are missing, such as {new[0]}."
        )
    return body
