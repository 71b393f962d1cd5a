"""One's own extractors: functions and networks, under a name and a version."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.float32 import without_tf32
from ganatomy.metrics.extractors import Inception, Own, extractor, extractors, inception_file
from ganatomy.metrics.measured import measure, statistics_of
from ganatomy.metrics.moments import Array

IMAGES = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3)).astype(np.uint8)


class Colors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mixing = nn.Linear(3, 2)

    def forward(self, images: Array) -> torch.Tensor:
        return self.mixing(torch.from_numpy(images).float().mean((1, 2)))


def test_a_network_is_an_extractor_under_a_name_that_is_given() -> None:
    network = Colors()
    with pytest.raises(GanatomyError, match=r"A Colors has no name of its own: extractor\(\.\.\., name="):
        extractor(network)
    assert extractor(network, name="tests-colors") is network
    seen = extractors["tests-colors"]().look(IMAGES).features
    assert isinstance(seen, np.ndarray) and seen == pytest.approx(network(IMAGES).detach().numpy())


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_tensors_with_gradient_are_features(kind: torch.dtype) -> None:
    weight = torch.ones(3, requires_grad=True, dtype=kind)
    found = Own("weighted", lambda images: torch.from_numpy(images).to(kind).mean((1, 2)) * weight).look(IMAGES)
    assert found.features == pytest.approx(IMAGES.mean((1, 2)), rel=0.01)


def test_other_source_weights_or_version_are_another_protocol() -> None:
    def first(images: Array) -> Array:
        return images[:, 0, 0]

    def second(images: Array) -> Array:
        return images[:, 1, 1]

    torch.manual_seed(0)
    network = Colors()
    looks = [Own("own", first), Own("own", second), Own("own", first, "2"), Own("own", Colors()), Own("own", network)]
    assert len({one.facts()["extractor_version"] for one in looks}) == 5
    assert Own("own", first).facts() == looks[0].facts() and Own("own", network).facts() == looks[4].facts()
    a, b = (statistics_of([IMAGES], one) for one in looks[:2])
    with pytest.raises(GanatomyError, match="Not of one protocol: extractor_version is"):
        measure(a, b, ("fid",))


def test_what_only_one_side_says_is_told() -> None:
    a, b = (statistics_of([IMAGES], Own("own", lambda images: images[:, 0, 0])) for _ in range(2))
    a.facts = {name: value for name, value in a.facts.items() if name != "extractor_version"}
    with pytest.raises(GanatomyError, match="extractor_version is None and"):
        measure(a, b, ("fid",))


def test_features_are_of_float32_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The protocol says float32, which on a GPU would be TF32 in convolutions."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    with without_tf32():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32


def test_a_file_of_other_things_is_no_file_of_weights(tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    torch.save({1: torch.zeros(2)}, tmp_path / "numbered.pth")
    for name, kind in (("list", "list"), ("numbered", "dict")):
        with pytest.raises(GanatomyError, match=f"{name}.pth holds no weights, but a {kind}: names with tensors"):
            Inception(tmp_path / f"{name}.pth")


def test_a_cache_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("GANATOMY_CACHE", str(tmp_path / "file"))
    with pytest.raises(GanatomyError, match="for Inception's weights"):
        inception_file()
