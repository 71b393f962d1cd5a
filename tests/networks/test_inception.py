"""How Inception's pictures are resized, and that folding changes nothing. Its features: tests/parity."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from ganatomy.networks.inception import NormedConv2d, scaled


def pictures(height: int, width: int) -> torch.Tensor:
    """One of noise, one whose halves are black and white, over whose edge a cubic shoots."""
    drawn = np.random.default_rng(0).integers(0, 256, (2, height, width, 3)).astype(np.uint8)
    drawn[1, :, : width // 2], drawn[1, :, width // 2 :] = 0, 255
    return torch.from_numpy(drawn)


def by_clean_fid(image: np.ndarray) -> np.ndarray:
    """clean-fid 0.1.35, resize.py, mode clean: PIL's antialiased bicubic on each channel in floats, clipped."""
    channels = [Image.fromarray(channel.astype(np.float32), mode="F") for channel in image.transpose(2, 0, 1)]
    return np.stack([np.asarray(c.resize((299, 299), Image.Resampling.BICUBIC)).clip(0, 255) for c in channels])


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 48), (320, 400), (600, 299)])
def test_clean_is_clean_fids_recipe_above_and_below_299_pixels(height: int, width: int) -> None:
    images = pictures(height, width)
    wanted = (np.stack([by_clean_fid(image) for image in images.numpy()]) - 128) / 128
    assert_close(scaled(images, "clean"), torch.from_numpy(wanted), rtol=0, atol=1e-6, check_stride=False)


def test_clean_averages_what_legacy_skips() -> None:
    stripes = torch.zeros(1, 1196, 1196, 3, dtype=torch.uint8)
    stripes[:, :, ::4] = 255  # legacy reads every fourth column
    assert scaled(stripes, "legacy").min() > 0.99
    assert scaled(stripes, "clean")[..., 4:-4].max() < -0.4


@pytest.mark.parametrize("resize", ["legacy", "clean"])
def test_pictures_of_299_pixels_are_not_resized(resize) -> None:
    images = pictures(299, 299)
    assert_close(scaled(images, resize), (images.permute(0, 3, 1, 2) - 128.0) / 128, check_stride=False)


def test_folding_changes_nothing_and_moves_with_the_network() -> None:
    torch.manual_seed(0)
    layer = NormedConv2d(3, 5, 3, 2).eval()
    for value in (layer.bn.weight, layer.bn.bias, layer.bn.running_mean, layer.bn.running_var):
        value.data.uniform_(0.5, 2)
    x, names = torch.randn(2, 3, 9, 9), set(layer.state_dict())
    plain = layer(x)
    layer.fold()
    assert_close(layer(x), plain)
    assert set(layer.state_dict()) == names, "the folded tensors are in no file"
    assert layer.to("meta")(x.to("meta")).is_meta
