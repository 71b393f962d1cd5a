"""A discriminator's features: what they are, what scikit-learn makes of them, and what a study says of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC
from torch import nn
from torch.nn.functional import max_pool2d

from ganatomy.core.errors import GanatomyError
from ganatomy.core.shape import Shape
from ganatomy.experiments.run import Run
from ganatomy.experiments.train import train
from ganatomy.networks.dcgan import DCGANDiscriminator
from ganatomy.networks.r3gan import R3GANDiscriminator
from ganatomy.networks.residual import BigGANDiscriminator
from ganatomy.runs.files import read_json
from ganatomy.studies import features
from ganatomy.studies.features import Convolutions, Features, Scale, Shuffled, through, untrained
from ganatomy.studies.real import largest_class
from ganatomy.studies.study import carry_out, declared
from tests.conftest import TINY
from tests.studies.conftest import Dies, files_in, promised

SMALL = ("labels=all,40", "draws=2", "strengths=0.1,1", "components=16")


def test_features_are_the_pooled_activations_of_every_convolution() -> None:
    D = DCGANDiscriminator(Shape(3, 32, 32), channels=(128, 256, 512)).eval()
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = Convolutions(D, (4,))(x)
        first = nn.functional.leaky_relu(nn.functional.conv2d(x, D.body[0].weight, D.body[0].bias, 2, 1), 0.2)
        last = D.features(x)
    assert found.shape == (2, 14_336)
    assert torch.allclose(found[:, : 128 * 16], max_pool2d(first, 4).flatten(1), atol=1e-6)
    assert torch.allclose(found[:, -512 * 16 :], last, atol=1e-6)
    assert Convolutions(D, (8, 4, 2))(x).shape == (2, 14_336)  # the other reading of the report's number


def test_every_discriminator_with_convolutions_has_features() -> None:
    x = torch.randn(3, 1, 16, 16)
    for D, size in (
        (DCGANDiscriminator(Shape(1, 16, 16), channels=(4, 6), normalization="virtual", reference=4), (4 + 6) * 16),
        (
            DCGANDiscriminator(Shape(1, 16, 16), 3, channels=(4, 6), conditional=True, conditioning="projection"),
            10 * 16,
        ),
        (DCGANDiscriminator(Shape(1, 16, 16), 3, channels=(4, 6), auxiliary="softmax"), 10 * 16),
        (BigGANDiscriminator(Shape(1, 16, 16), channels=(4, 6), attention=()), 2 * (4 + 6) * 16),
        (R3GANDiscriminator(Shape(1, 16, 16), channels=(4, 6)), 2 * (8 + 12) * 16),
    ):
        assert Convolutions(D.eval(), (4,))(x).shape == (3, size)


def test_an_svm_on_features_of_an_untrained_discriminator_is_scikit_learns(trained: Run) -> None:
    images = Shuffled(trained.data(), 0)
    study = Features(run=str(trained.path), labels=("all",), strengths=(0.3,))
    D = untrained(trained, trained.player("D"))  # type: ignore[arg-type]
    look = through(D, (4,), images)
    everything = np.arange(len(images))
    ours = study.tried(lambda: look, images, lambda name, work: dict(work()))["trials"]["all"]
    scale = Scale.of(torch.cat(list(images.seen(look, everything))))
    x = scale.rows(images.seen(look, everything), len(images)).float().numpy()
    test = scale.rows(images.seen_held_out(look), 600).float().numpy()
    theirs = LinearSVC(C=ours["C"][0], loss="squared_hinge", dual=True, tol=1e-6, max_iter=50_000)
    theirs.fit(x, images.labels)
    assert ours["accuracy"] == pytest.approx(theirs.score(test, images.held_out_labels), abs=1.01 / 600)


def test_c_is_chosen_on_few_of_many_images_and_validated_on_all_others(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "CHOSEN_ON", 100)
    study, said = (
        declared("features", [f"run={trained.path}", "labels=all", "strengths=0.1,1", "against=[]"]),
        list[str](),
    )
    result = read_json(carry_out(study, tmp_path / "few", said.append) / "result.json")["result"]
    sizes = [line.split(" x ")[0] for line in said if "SVM of" in line]
    assert sizes == ["  SVM of 100", "  SVM of 100", "  SVM of 1,197"]
    recognized = result["discriminator"]["trials"]["all"]["validation"] * (1_197 - 100)
    assert recognized == pytest.approx(round(recognized), abs=1e-6) and recognized > 900


def test_standing_statistics_are_those_of_real_images(trained: Run) -> None:
    images, D = Shuffled(trained.data(), 0), trained.player("D")
    through(D, (4,), images)  # type: ignore[arg-type]
    norm = next(module for module in D.modules() if isinstance(module, nn.BatchNorm2d))
    seen: list[torch.Tensor] = []
    norm.register_forward_hook(lambda module, inputs, out: seen.append(inputs[0].clone()))
    for part in images.parts(np.arange(len(images))):
        D(torch.from_numpy(part).permute(0, 3, 1, 2).float() / 127.5 - 1)
    assert torch.allclose(torch.cat(seen).mean((0, 2, 3)), norm.running_mean, atol=0.02)  # type: ignore[arg-type]


def test_choices_of_labels_are_fair_and_apart(trained: Run) -> None:
    images = Shuffled(trained.data(), 0)
    one, two = images.choices(30, 2)
    assert not set(one) & set(two) and all((images.labels[one] == number).sum() == 30 for number in range(10))
    assert len(images.choices(images.fewest, 5)) == 1
    assert np.array_equal(images.needed((30,), 2), np.union1d(one, two))
    assert len(images.needed(("all", 30), 2)) == len(images)


def test_from_end_to_end_and_the_same_when_interrupted(trained: Run, tmp_path: Path, dies: Dies) -> None:
    study, said = declared("features", [f"run={trained.path}", *SMALL]), list[str]()
    whole = carry_out(study, tmp_path / "whole", said.append)
    assert any("SVM of 1,197 x" in line for line in said) and any("600 held out" in line for line in said)
    result = read_json(whole / "result.json")["result"]
    assert result["discriminator"]["trials"]["all"]["accuracy"] > 0.9
    assert result["discriminator"]["trials"]["40"]["labels"] == 400
    assert len(result["discriminator"]["trials"]["40"]["accuracies"]) == 2
    assert set(result) == {"discriminator", "pixels", "pca", "untrained", "protocol"}
    assert result["pixels"]["size"] == 64 and result["pca"]["size"] == 16
    assert result["protocol"]["largest_class"] == largest_class(trained.data())
    assert len((whole / "accuracy.csv").read_text().splitlines()) == 9
    assert promised("features") <= files_in(whole)

    tried = dies(Features, "trial", 6)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "again")
    carry_out(study, tmp_path / "again")
    assert len(tried) == 13, "12 trials, of which one was tried twice"
    assert (tmp_path / "again" / "result.json").read_bytes() == (whole / "result.json").read_bytes()


def test_other_images_can_be_looked_at(trained: Run, tmp_path: Path) -> None:
    study = declared(
        "features",
        [f"run={trained.path}", "data=digits-inverted-bold", "labels=40", "draws=1", "against=[]", "grid=2,1,1"],
    )
    result = read_json(carry_out(study, tmp_path / "other") / "result.json")["result"]
    assert set(result) == {"discriminator", "protocol"}
    assert result["protocol"]["data"] == "digits-inverted-bold" and result["protocol"]["grids"][0] == [2, 2]
    assert result["discriminator"]["trials"]["40"]["accuracy"] > 0.5


def test_mistakes_are_told(trained: Run, conditional: Run, cache: Path, tmp_path: Path) -> None:
    def refused(path: Path, *settings: str) -> str:
        with pytest.raises(GanatomyError) as error:
            carry_out(
                declared("features", [f"run={path}", *settings]), tmp_path / "-".join(["refused", path.name, *settings])
            )
        assert "\n" not in str(error.value)
        return str(error.value)

    assert "without being told its class" in refused(conditional.path)
    assert "grid has 2 numbers, and D 3 layers" in refused(trained.path, "grid=4,2")
    assert "labels=5000" in refused(trained.path, "labels=5000")
    dense = train("digits-vanilla", *TINY, images=128, out=tmp_path / "dense")
    assert "no convolutions" in refused(dense.path)
