"""Latents of real images under simple classifiers: BiGAN's own encoder, and one taught afterwards."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from torch import Tensor

from ganatomy.core.errors import GanatomyError
from ganatomy.core.players import Generator
from ganatomy.core.prior import Prior
from ganatomy.core.recipe import Recipe, find_recipe
from ganatomy.core.shape import Shape
from ganatomy.core.spec import Spec
from ganatomy.engine.average import ExponentialAverage
from ganatomy.engine.optimizers import Adam
from ganatomy.experiments.run import Run
from ganatomy.experiments.sampling import CHUNK, Sampler
from ganatomy.experiments.train import train
from ganatomy.games.bigan import BiGAN
from ganatomy.networks.bigan import ConvEncoder, JointDiscriminator
from ganatomy.networks.dcgan import DCGANGenerator
from ganatomy.runs.files import read_json
from ganatomy.studies import probe
from ganatomy.studies.probe import latent_error, new_encoder, teach
from ganatomy.studies.study import carry_out, declared
from tests.conftest import TINY
from tests.studies.conftest import Dies, files_in, promised


def digits_bigan() -> Recipe:
    adam = Spec(Adam, lr=1e-3)
    return find_recipe("digits-dcgan").replace(
        name="digits-bigan",
        game=Spec(BiGAN),
        players={
            "G": Spec(DCGANGenerator, latent=8, channels=(16, 8)),
            "E": Spec(ConvEncoder, latent=8, channels=(8, 16)),
            "D": Spec(JointDiscriminator, latent=8, channels=(8, 16), hidden=16),
        },
        optimizers={"G": adam, "E": adam, "D": adam},
        average=Spec(ExponentialAverage, half_life=1_000, players=("G", "E")),
    )


class Blobs(Generator):
    """A generator that is easily inverted: each latent number is the gray of a quarter."""

    def __init__(self) -> None:
        super().__init__()
        self.prior = Prior(4, "uniform")

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return z.view(-1, 1, 2, 2).repeat_interleave(4, 2).repeat_interleave(4, 3)


def test_a_taught_encoder_inverts_a_generator_that_can_be_inverted() -> None:
    sampler, shape = Sampler(Blobs()), Shape(1, 8, 8)
    E = new_encoder(sampler, shape, width=0.25, seed=0)
    before = latent_error(E.eval(), sampler, 0)
    teach(E, sampler, 6_400, 0)
    after = latent_error(E.eval(), sampler, 0)
    assert before == pytest.approx(1, abs=0.2) and after < 0.05


def test_bigans_own_encoder_from_end_to_end(cache: Path, tmp_path: Path) -> None:
    run = train(digits_bigan(), *(word for word in TINY if "width" not in word), images=600, out=tmp_path / "bigan")
    study = declared("probe", [f"run={run.path}", "svm_images=500", "nearest_images=300"])
    folder = carry_out(study, tmp_path / "probe")
    result = read_json(folder / "result.json")["result"]
    assert result["latents"]["size"] == result["pca"]["size"] == 8
    assert result["protocol"]["player"] == "E" and result["protocol"]["weights"] == "average"
    assert result["protocol"]["images"] == {"linear": 1197, "svm": 500, "nearest": 300}
    assert "encoder" not in result and not (folder / "encoder.safetensors").exists()
    assert result["latents"]["nearest"] > 0.4
    with pytest.raises(GanatomyError, match=r"encoder_images=64 is for a run without an encoder; .*bigan has one"):
        carry_out(declared("probe", [f"run={run.path}", "encoder_images=64"]), tmp_path / "idle")
    with pytest.raises(GanatomyError, match="JointDiscriminator"):
        carry_out(declared("features", [f"run={run.path}"]), tmp_path / "features")


@pytest.mark.parametrize("kind", ["trained", "conditional"])
def test_an_encoder_taught_afterwards_and_the_same_when_interrupted(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: Run = request.getfixturevalue(kind)
    study, said = declared("probe", [f"run={run.path}", "encoder_images=320", "encoder_width=0.25"]), list[str]()
    whole = carry_out(study, tmp_path / "whole", said.append)
    assert any("the encoder saw 256 of 320 images" in line for line in said)
    result = read_json(whole / "result.json")["result"]
    assert result["encoder"]["images"] == 320 and 0 < result["encoder"]["error"] < 1.5
    assert result["latents"]["size"] == result["pca"]["size"] == 32
    assert result["pca"]["svm"] > 0.95
    assert promised("probe") <= files_in(whole)

    with monkeypatch.context() as broken:
        broken.setattr(probe, "latents", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            carry_out(study, tmp_path / "again")
    taught = (tmp_path / "again" / "encoder.safetensors").read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(probe, "teach", lambda *_: 1 / 0)  # it is not taught twice
        carry_out(study, tmp_path / "again")
    assert (tmp_path / "again" / "result.json").read_bytes() == (whole / "result.json").read_bytes()
    assert (whole / "encoder.safetensors").read_bytes() == taught
    (tmp_path / "again" / "encoder.safetensors").unlink()
    carry_out(study, tmp_path / "again")
    assert (tmp_path / "again" / "encoder.safetensors").read_bytes() == taught, "and again where it was removed"


def test_killed_within_the_encoders_training_it_goes_on_there(trained: Run, tmp_path: Path, dies: Dies) -> None:
    study = declared("probe", [f"run={trained.path}", "encoder_images=640", "encoder_width=0.25"])
    whole = carry_out(study, tmp_path / "whole")
    steps, tries = 640 // CHUNK, probe.TRIED // CHUNK
    seen = dies(probe, "pairs", 6)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "killed")
    carry_out(study, tmp_path / "killed")
    assert len(seen) == steps + tries + 1, "no step was taken twice but the one that was killed"
    for name in ("encoder.safetensors", "result.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (whole / name).read_bytes()


def test_killed_within_the_svm_the_other_classifiers_are_not_fitted_again(
    trained: Run, tmp_path: Path, dies: Dies
) -> None:
    study = declared("probe", [f"run={trained.path}", "encoder_images=64", "encoder_width=0.25"])
    whole = carry_out(study, tmp_path / "whole")
    fitted, _ = dies(LogisticRegression, "fit", 99), dies(SVC, "fit", 2)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "killed")
    carry_out(study, tmp_path / "killed")
    assert len(fitted) == 2, "of the latents, and of the PCA"
    assert (tmp_path / "killed" / "result.json").read_bytes() == (whole / "result.json").read_bytes()


def test_only_the_images_of_the_classifiers_are_looked_at(trained: Run) -> None:
    data = trained.data()
    assert data.train.labels is not None and data.held_out.labels is not None
    real = probe.Real(data, np.array([5, 3, 8, 1]), data.train.labels, data.held_out.labels)
    x, test = probe.components(64, real)
    assert x.shape == (4, 4) and len(test) == len(data.held_out)


def test_pca_is_scikit_learns(trained: Run, tmp_path: Path) -> None:
    data = trained.data()
    assert data.train.labels is not None and data.held_out.labels is not None
    real = probe.Real(data, np.arange(len(data.train)), data.train.labels, data.held_out.labels)
    found = probe.Probe(run="", nearest_images=2_000).tried(
        lambda: probe.components(64, real), real, lambda name, work: dict(work())
    )["nearest"]
    train_pixels, test_pixels = (np.array(part).reshape(len(part), -1).astype(float) for part in real.pictures())
    pixels = KNeighborsClassifier(1, algorithm="brute").fit(train_pixels, real.labels)
    assert found == pytest.approx(pixels.score(test_pixels, real.held_out_labels), abs=0.004)
