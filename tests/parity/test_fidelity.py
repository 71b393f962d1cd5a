"""Our features and scores beside those of torch-fidelity and prdc: same random weights, same images."""

import hashlib
from dataclasses import dataclass
from http.client import IncompleteRead
from pathlib import Path
from typing import Any, get_args
from unittest.mock import MagicMock

import numpy as np
import prdc.prdc
import pytest
import sklearn.metrics
import torch
import torchvision
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from benchmarks.metrics import random_weights
from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.measuring import make_extractor
from ganatomy.metrics.coverage import coverage, density
from ganatomy.metrics.extractors import INCEPTION, Inception
from ganatomy.metrics.frechet import frechet_distance
from ganatomy.metrics.inception_score import inception_score_of_splits
from ganatomy.metrics.kernel_distance import kernel_distance
from ganatomy.metrics.measured import measure, statistics_of
from ganatomy.metrics.moments import Moments
from ganatomy.metrics.precision_recall import precision, recall
from ganatomy.networks.inception import InceptionV3, Resize, fitting, scaled

SIZES = [(32, 32), (64, 48), (299, 299)]
LAYERS = ("64", "192", "768", "2048", "logits_unbiased", "logits")
KID = {
    "kid_subsets": 1,
    "kid_kernel": "poly",
    "kid_kernel_poly_degree": 3,
    "kid_kernel_poly_gamma": None,
    "kid_kernel_poly_coef0": 1,
    "rng_seed": 0,
    "verbose": False,
}
PRC = {"prc_neighborhood": 3, "prc_batch_size": 10_000, "save_cpu_ram": False, "verbose": False}


@pytest.fixture(autouse=True)
def one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """prdc asks scikit-learn for eight."""
    alone = sklearn.metrics.pairwise_distances
    monkeypatch.setattr(sklearn.metrics, "pairwise_distances", lambda a, b, metric, n_jobs: alone(a, b, metric=metric))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def ours(weights: Path) -> Inception:
    return Inception(weights)


@pytest.fixture(scope="module")
def theirs(weights: Path) -> Any:
    return FeatureExtractorInceptionV3("theirs", list(LAYERS), feature_extractor_weights_path=str(weights))


def pictures(count: int, size: tuple[int, int], seed: int = 0, low: int = 0) -> np.ndarray:
    """Random pictures, of which one is black, one white, one of both."""
    drawn = np.random.default_rng(seed).integers(low, 256, (count, *size, 3)).astype(np.uint8)
    drawn[0], drawn[1] = 0, 255
    drawn[2] = (drawn[2] > 127) * 255
    return drawn


@dataclass(frozen=True)
class Looks:
    """Real and generated pictures, fewer than features, and every layer of torch-fidelity's network for both."""

    images: tuple[np.ndarray, np.ndarray]
    layers: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def looks(theirs: Any, request: pytest.FixtureRequest) -> Looks:
    images = pictures(5, request.param), pictures(5, request.param, seed=1, low=90)
    real, fake = (dict(zip(LAYERS, theirs(torch.from_numpy(x).permute(0, 3, 1, 2)), strict=True)) for x in images)
    return Looks(images, (real, fake))


def test_features_of_every_layer_agree(ours: Inception, looks: Looks) -> None:
    """Within 1e-4 of the layer's largest feature: many are 0, and relative to those nothing agrees."""
    found = ours.network(scaled(torch.from_numpy(looks.images[0][:3])), LAYERS)
    for layer in LAYERS:
        wanted = looks.layers[0][layer][:3]
        assert (found[layer] - wanted).abs().max() / wanted.abs().max() < 1e-4, layer


def test_scores_of_pictures_agree_where_they_are_fewer_than_features(ours: Inception, looks: Looks) -> None:
    """Also in one part, for of five pictures each scores 1, and with one neighbour, for with three all are near."""
    real, fake = (statistics_of([images], ours) for images in looks.images)
    found = measure(real, fake, ("kid", "is"))
    a, b = (layers["2048"] for layers in looks.layers)
    kid = kid_features_to_metric(a, b, **KID, kid_subset_size=5)["kernel_inception_distance_mean"]
    assert 1e-3 < abs(kid) < 10, "so that 1e-4 tells agreement from none, and rounding does not"
    assert found["kid"] == pytest.approx(kid, rel=0, abs=1e-4)
    for splits, score in ((5, found["is"]), (1, inception_score_of_splits(fake.probabilities, 1)[0])):
        wanted = isc_features_to_metric(looks.layers[1]["logits_unbiased"], splits=splits, shuffle=False)
        assert score == pytest.approx(wanted["inception_score_mean"], abs=1e-4)
    assert score > 1.01, "in one part"
    for k in (1, 3):
        near = prc_features_to_metric(b, a, **{**PRC, "prc_neighborhood": k})
        assert precision(real.features, fake.features, k) == pytest.approx(near["precision"], abs=1e-6)
        assert recall(real.features, fake.features, k) == pytest.approx(near["recall"], abs=1e-6)
        assert precision(fake.features, real.features, k) == pytest.approx(near["recall"], abs=1e-6)


@pytest.mark.parametrize("size", [(320, 400), (150, 600), (299, 300)])
def test_legacy_resizing_agrees_above_299_pixels(size: tuple[int, int]) -> None:
    images = torch.from_numpy(pictures(3, size))
    wanted = interpolate_bilinear_2d_like_tensorflow1x(
        images.permute(0, 3, 1, 2).float(), (299, 299), align_corners=False
    )
    assert (scaled(images) - (wanted - 128) / 128).abs().max() < 1e-5


@pytest.mark.parametrize("layer", ["192", pytest.param("2048", marks=pytest.mark.slow)])
def test_fid_of_pictures_agrees_where_they_are_fewer_than_features(ours: Inception, looks: Looks, layer: str) -> None:
    wanted = fid_by_them(*(layers[layer] for layers in looks.layers))
    found = [ours.network(scaled(torch.from_numpy(images)), [layer])[layer].numpy() for images in looks.images]
    assert frechet_distance(*(Moments.of(features) for features in found)) == pytest.approx(wanted, rel=1e-3)


def test_another_layer_is_looked_at_and_named(weights: Path) -> None:
    looker, images = Inception(weights, layer="192"), pictures(3, (32, 32))[1:2]
    wanted = looker.network(scaled(torch.from_numpy(images)), ["192"])["192"]
    assert np.allclose(looker.look(images).features, wanted.numpy(), rtol=1e-5)
    assert looker.facts()["extractor"] == "inception-192"


def test_an_extractor_that_is_asked_for_by_its_settings_looks_by_them(weights: Path) -> None:
    images = pictures(3, (32, 32))[1:3]
    for resize in get_args(Resize):
        looker = make_extractor("inception", weights, resize, "64")
        wanted = looker.network(scaled(torch.from_numpy(images), resize), ["64"])["64"]
        assert np.allclose(looker.look(images).features, wanted.numpy(), rtol=1e-4)
        assert (looker.facts()["resize"], looker.facts()["extractor"]) == (resize, "inception-64")


def test_images_beyond_a_batch_are_looked_at(ours: Inception, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a network that takes no time: the mean of each color."""
    monkeypatch.setattr(
        ours, "network", lambda x, names: {name: x.mean((2, 3)) for name in ("2048", "logits_unbiased")}
    )
    images = pictures(2 * ours.batch + 1, (8, 8))
    seen = ours.look(images)
    wanted = scaled(torch.from_numpy(images)).mean((2, 3))
    assert np.allclose(seen.features, wanted, atol=1e-6)
    assert np.allclose(seen.probabilities, wanted.double().softmax(1), atol=1e-6)


def test_a_layer_further_down_is_not_computed(ours: Inception, monkeypatch: pytest.MonkeyPatch) -> None:
    network = ours.network
    monkeypatch.setitem(network._modules, "Mixed_6a", None)
    found = network(torch.zeros(1, 3, 299, 299), ("64", "192"))
    assert set(found) == {"64", "192"}


def features(count: int, size: int, seed: int, shift: float = 0.0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(size, size)) / size**0.5
    return (draw.normal(shift, 1, (count, size)) @ mixing).astype(np.float32)


def fid_by_them(a: torch.Tensor, b: torch.Tensor) -> float:
    statistics = [fid_features_to_statistics(features) for features in (a, b)]
    return float(fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"])


@pytest.mark.parametrize(("count", "size"), [(600, 40), (50, 80)])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_fid_agrees_also_of_fewer_rows_than_features(count: int, size: int, shift: float) -> None:
    a, b = features(count, size, 0), features(count, size, 1, shift)
    wanted = fid_by_them(torch.from_numpy(a), torch.from_numpy(b))
    ours = frechet_distance(Moments.of(a), Moments.of(b))
    assert ours == pytest.approx(wanted, rel=1e-3 if wanted > 1 else 0, abs=1e-4)


def test_kid_agrees() -> None:
    a, b = features(300, 40, 0), features(300, 40, 1, 0.3)
    wanted = kid_features_to_metric(torch.from_numpy(a), torch.from_numpy(b), **KID, kid_subset_size=300)
    assert kernel_distance(a, b).value == pytest.approx(wanted["kernel_inception_distance_mean"], abs=1e-4)


def test_inception_score_agrees() -> None:
    logits = torch.from_numpy(features(1000, 30, 2) * 3)
    wanted = isc_features_to_metric(logits, splits=10, shuffle=False)
    mean, deviation = inception_score_of_splits(logits.double().softmax(1).numpy(), 10)
    assert mean == pytest.approx(wanted["inception_score_mean"], abs=1e-4)
    assert deviation == pytest.approx(wanted["inception_score_std"], abs=1e-4)


def test_precision_and_recall_agree_exactly() -> None:
    real, fake = features(300, 10, 0), features(280, 10, 1, 0.5)
    wanted = prc_features_to_metric(torch.from_numpy(fake), torch.from_numpy(real), **PRC)
    assert precision(real, fake, 3) == pytest.approx(wanted["precision"], abs=1e-6)
    assert recall(real, fake, 3) == pytest.approx(wanted["recall"], abs=1e-6)


def test_density_and_coverage_agree() -> None:
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


def test_the_names_in_pytorch_fids_file_are_read() -> None:
    """Its network is torchvision's, for 1008 classes; with the auxiliary classifier, which nothing is read from."""
    theirs = torchvision.models.inception_v3(num_classes=1008, init_weights=False).state_dict()
    found, wanted = fitting(theirs), InceptionV3().state_dict()
    assert any(name.startswith("AuxLogits.") for name in theirs)
    assert {name: value.shape for name, value in found.items() if name in wanted} == {
        name: value.shape for name, value in wanted.items()
    }
    assert all(name.endswith("num_batches_tracked") for name in found.keys() - wanted.keys())


def test_a_wrappers_prefix_is_taken_off(weights: Path, tmp_path: Path) -> None:
    tensors = torch.load(weights)
    torch.save({f"model.{name}": value for name, value in tensors.items()}, tmp_path / "wrapped.pth")
    found = fitting(torch.load(tmp_path / "wrapped.pth"))
    assert found.keys() == tensors.keys() and all(found[name] is not None for name in tensors)
    assert torch.equal(found["Mixed_7c.branch1x1.conv.weight"], tensors["Mixed_7c.branch1x1.conv.weight"])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (OSError("no route to host"), "no route to host"),
        (IncompleteRead(b"half", 4), r"IncompleteRead\(4 bytes read, 4 more expected\)"),
    ],
)
def test_a_failed_download_says_which_file_to_put_where_and_leaves_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: Exception, said: str
) -> None:
    fetched = MagicMock()
    fetched.return_value.__enter__.return_value.read.side_effect = answer
    monkeypatch.setenv("GANATOMY_CACHE", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", fetched)
    with pytest.raises(
        GanatomyError, match=rf"{said}\).* put it at .*-2015-12-05-6726825d.pth, or name it with"
    ) as told:
        Inception()
    assert "\n" not in str(told.value)
    assert list((tmp_path / "extractors").iterdir()) == []


def test_a_file_under_the_weights_name_is_taken_for_them_only_by_its_hash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, weights: Path
) -> None:
    monkeypatch.setenv("GANATOMY_CACHE", str(tmp_path))
    (tmp_path / "extractors").mkdir()
    file = tmp_path / "extractors" / INCEPTION
    file.write_bytes(weights.read_bytes())
    with pytest.raises(GanatomyError, match=r"6726825d.pth is not Inception's public weights: its SHA-256 is"):
        Inception()
    assert Inception(file).facts()["extractor_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_another_file_that_is_fetched_is_refused_and_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fetched = MagicMock()
    fetched.return_value.__enter__.return_value.read.return_value = b"half of it"
    monkeypatch.setenv("GANATOMY_CACHE", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", fetched)
    with pytest.raises(GanatomyError, match="is another file: its SHA-256 is"):
        Inception()
    assert list((tmp_path / "extractors").iterdir()) == []
