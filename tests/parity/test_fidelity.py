"""Our features and scores beside those of torch-fidelity and prdc: same random weights, same images."""

from pathlib import Path
from typing import Any

import numpy as np
import prdc.prdc
import pytest
import sklearn.metrics
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from benchmarks.metrics import random_weights
from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.coverage import coverage, density
from ganatomy.metrics.extractors import Inception
from ganatomy.metrics.frechet import frechet_distance
from ganatomy.metrics.inception_score import inception_score_of_splits
from ganatomy.metrics.kernel_distance import kernel_distance
from ganatomy.metrics.moments import Moments
from ganatomy.metrics.precision_recall import precision, recall

SIZES = [(32, 32), (64, 48), (299, 299)]
LAYERS = ("64", "192", "768", "2048", "logits_unbiased", "logits")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def theirs(weights: Path) -> Any:
    return FeatureExtractorInceptionV3("theirs", list(LAYERS), feature_extractor_weights_path=str(weights))


def pictures(count: int, size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Random pictures, of which one is black, one white, one of both."""
    drawn = np.random.default_rng(seed).integers(0, 256, (count, *size, 3)).astype(np.uint8)
    drawn[0], drawn[1] = 0, 255
    drawn[2] = (drawn[2] > 127) * 255
    return drawn


@pytest.mark.parametrize("size", SIZES)
def test_features_of_every_layer_agree(weights: Path, theirs: Any, size: tuple[int, int]) -> None:
    images = pictures(3, size)
    wanted = dict(zip(LAYERS, theirs(torch.from_numpy(images).permute(0, 3, 1, 2)), strict=True))
    for layer in LAYERS[:4]:
        ours = Inception(weights, layer=layer).look(images)
        scale = wanted[layer].abs().max().item()
        assert np.abs(ours.features - wanted[layer].numpy()).max() / scale < 1e-4, layer
    assert ours.probabilities is not None
    assert np.abs(ours.probabilities - wanted["logits_unbiased"].double().softmax(1).numpy()).max() < 1e-4


def test_a_layer_further_down_is_not_computed(weights: Path) -> None:
    network = Inception(weights).network
    network.Mixed_6a = None
    found = network(torch.zeros(1, 3, 299, 299), ("64", "192"))
    assert set(found) == {"64", "192"}


def features(count: int, size: int, seed: int, shift: float = 0.0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(size, size)) / size**0.5
    return (draw.normal(shift, 1, (count, size)) @ mixing).astype(np.float32)


@pytest.mark.parametrize(("count", "size"), [(600, 40), (50, 80)])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_fid_agrees_also_of_fewer_rows_than_features(count: int, size: int, shift: float) -> None:
    a, b = features(count, size, 0), features(count, size, 1, shift)
    statistics = [fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b)]
    wanted = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    ours = frechet_distance(Moments.of(a), Moments.of(b))
    assert ours == pytest.approx(wanted, rel=1e-3 if wanted > 1 else 0, abs=1e-4)


def test_kid_agrees() -> None:
    a, b = features(300, 40, 0), features(300, 40, 1, 0.3)
    wanted = kid_features_to_metric(
        torch.from_numpy(a),
        torch.from_numpy(b),
        kid_subsets=1,
        kid_subset_size=300,
        kid_kernel="poly",
        kid_kernel_poly_degree=3,
        kid_kernel_poly_gamma=None,
        kid_kernel_poly_coef0=1,
        rng_seed=0,
        verbose=False,
    )
    assert kernel_distance(a, b) == pytest.approx(wanted["kernel_inception_distance_mean"], abs=1e-4)


def test_inception_score_agrees() -> None:
    logits = torch.from_numpy(features(1000, 30, 2) * 3)
    wanted = isc_features_to_metric(logits, splits=10, shuffle=False)
    mean, deviation = inception_score_of_splits(logits.double().softmax(1).numpy(), 10)
    assert mean == pytest.approx(wanted["inception_score_mean"], abs=1e-4)
    assert deviation == pytest.approx(wanted["inception_score_std"], abs=1e-4)


def test_precision_and_recall_agree_exactly() -> None:
    real, fake = features(300, 10, 0), features(280, 10, 1, 0.5)
    wanted = prc_features_to_metric(
        torch.from_numpy(fake),
        torch.from_numpy(real),
        prc_neighborhood=3,
        prc_batch_size=10_000,
        save_cpu_ram=False,
        verbose=False,
    )
    assert precision(real, fake, 3) == pytest.approx(wanted["precision"], abs=1e-6)
    assert recall(real, fake, 3) == pytest.approx(wanted["recall"], abs=1e-6)


def test_density_and_coverage_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = sklearn.metrics.pairwise_distances
    monkeypatch.setattr(sklearn.metrics, "pairwise_distances", lambda a, b, metric, n_jobs: alone(a, b, metric=metric))
    real, fake = features(200, 8, 0), features(220, 8, 1, 0.4)
    wanted = prdc.prdc.compute_prdc(real, fake, nearest_k=5)
    assert density(real, fake, 5) == pytest.approx(wanted["density"])
    assert coverage(real, fake, 5) == pytest.approx(wanted["coverage"])


def test_weights_of_another_network_are_one_line(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(GanatomyError, match="holds other weights than Inception-v3's"):
        Inception(tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(GanatomyError, match="holds no weights"):
        Inception(tmp_path / "text.pth")


def test_a_wrappers_prefix_is_taken_off(weights: Path, tmp_path: Path) -> None:
    tensors = torch.load(weights)
    torch.save({f"model.{name}": value for name, value in tensors.items()}, tmp_path / "wrapped.pth")
    images = pictures(3, (8, 8))
    one, other = (Inception(file).look(images).features for file in (weights, tmp_path / "wrapped.pth"))
    assert np.array_equal(one, other)


def test_offline_says_which_file_to_put_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setenv("GANATOMY_CACHE", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", refused)
    with pytest.raises(GanatomyError, match=r"put it at .*weights-inception-2015-12-05-6726825d.pth, or name it with"):
        Inception()
    assert list((tmp_path / "extractors").iterdir()) == []
