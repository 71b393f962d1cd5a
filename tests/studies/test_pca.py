"""PCA as a generative model: what it rebuilds, what it draws, and how it is scored beside a GAN."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.optim import Adam

from ganatomy.core.errors import GanatomyError
from ganatomy.core.players import Generator
from ganatomy.core.prior import Prior
from ganatomy.data.feed import to_unit
from ganatomy.data.images import Split
from ganatomy.experiments.run import Run
from ganatomy.experiments.sampling import Sampler
from ganatomy.experiments.statistics import shuffled
from ganatomy.runs.files import read_json
from ganatomy.studies import pca
from ganatomy.studies.pca import LinearModel, error, invert, wins
from ganatomy.studies.real import flat
from ganatomy.studies.study import carry_out, declared
from tests.studies.conftest import Dies, files_in, promised

SMALL = ("components=4,16,64,1000", "inverted=6", "steps=20", "starts=1")


class Linear(Generator):
    """A generator that is a matrix: its best latent is a least-squares solution."""

    def __init__(self) -> None:
        super().__init__()
        self.prior = Prior(3)
        self.matrix = torch.nn.Parameter(torch.randn(3, 16, generator=torch.Generator().manual_seed(0)) * 0.3)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return (z @ self.matrix).view(-1, 1, 4, 4)


@pytest.mark.parametrize("classes", [None, 10])
def test_all_components_rebuild_exactly_and_fewer_the_less(trained: Run, classes: int | None) -> None:
    data = trained.data()
    model = LinearModel.of(data, classes)
    images, labels = data.pictures(data.held_out), data.held_out.labels
    errors = [error(model.rebuilt(images, labels, size), images) for size in (0, 4, 16, model.most)]
    assert errors == sorted(errors, reverse=True)
    assert model.most == 64 and errors[-1] == 0


def test_samples_have_the_mean_and_the_covariance_of_the_images(trained: Run) -> None:
    data = trained.data()
    model = LinearModel.of(data, None)
    real, drawn = flat(data.pictures(data.train)), flat(model.images(64, 0, range(4000)))
    inside = np.abs(real.mean(0)) < 0.5  # where little is clipped
    assert np.allclose(real.mean(0)[inside], drawn.mean(0)[inside], atol=0.1)
    assert (
        np.corrcoef(np.cov(real.T)[inside][:, inside].ravel(), np.cov(drawn.T)[inside][:, inside].ravel())[0, 1] > 0.95
    )
    assert np.array_equal(model.images(64, 0, range(3))[2:], model.images(64, 0, [2]))


def test_latents_are_found_where_they_can_be(tmp_path: Path) -> None:
    G = Linear()
    x = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    found = to_unit(invert(Sampler(G), x, None, steps=400, starts=1, seed=0, keep=tmp_path)).flatten(1)
    best = torch.linalg.lstsq(G.matrix.detach().T, x.flatten(1).T).solution.T @ G.matrix.detach()
    assert torch.allclose(found, best.clamp(-1, 1), atol=0.02)


def test_a_class_of_one_image_is_told_before_any_pca(conditional: Run, tmp_path: Path) -> None:
    data = conditional.data()
    assert data.train.labels is not None
    rows = np.concatenate([np.flatnonzero(data.train.labels != 7), np.flatnonzero(data.train.labels == 7)[:1]])
    rare = replace(data, train=Split(data.train.images[rows], data.train.labels[rows]))
    study = pca.PrincipalComponents(run=str(conditional.path))
    study.check_looks({"G": conditional.player("G")}, data, "run")
    with pytest.raises(GanatomyError, match="digits has 1 images of 7 to train on; a PCA needs two"):
        study.check_looks({"G": conditional.player("G")}, rare, "run")


def test_a_single_image_held_out_is_told_before_the_recipe_is_trained(unlabelled: Run) -> None:
    data, study = unlabelled.data(), pca.PrincipalComponents(run="digits-dcgan")
    with pytest.raises(GanatomyError, match="holds out 1 images; 2 are the least"):
        study.check_looks({"G": unlabelled.player("G")}, replace(data, held_out=data.held_out.first(1)), "run")


def test_who_wins_is_read_from_the_numbers() -> None:
    scores = {
        "gan": {"frechet": 1.0, "coverage": 0.5, "classifier_score": 9.0, "accuracy": None},
        "pca-4": {"frechet": 2.0, "coverage": 0.7, "classifier_score": 3.0, "accuracy": None},
    }
    found = wins(
        scores, {"same_images": {"gan": 0.2, "pca-4": 0.1}, "same_images_median": {"gan": 0.1, "pca-4": 0.2}}, 8
    )
    assert found == {
        "frechet": "gan",
        "coverage": "pca-4",
        "classifier_score": "gan",
        "reconstruction from 8 numbers": "pca-4",
        "median reconstruction from 8 numbers": "gan",
    }


@pytest.mark.parametrize("kind", ["trained", "conditional"])
def test_from_end_to_end_and_the_same_when_interrupted(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: Run = request.getfixturevalue(kind)
    study, said = declared("pca", [f"run={run.path}", *SMALL]), list[str]()
    whole = carry_out(study, tmp_path / "whole", said.append)
    assert any("start 1 of 1: step 15 of 20" in line for line in said)
    assert promised("pca") <= files_in(whole)
    result = read_json(whole / "result.json")["result"]
    assert list(result["scores"]) == ["gan", "pca-4", "pca-16", "pca-64"]
    assert result["reconstruction"]["pca"]["64"] == 0 and result["scores"]["pca-64"]["coverage"] > 0.2
    assert (result["scores"]["pca-16"]["accuracy"] is None) == (kind == "trained")
    for name in ("samples.png", "reconstruction.png"):
        with Image.open(whole / name) as picture:
            assert picture.width > 6 * 64

    with monkeypatch.context() as broken:
        broken.setattr(pca, "invert", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            carry_out(study, tmp_path / "again")
    carry_out(study, tmp_path / "again")
    assert (tmp_path / "again" / "result.json").read_bytes() == (whole / "result.json").read_bytes()


def test_killed_within_the_inversion_it_goes_on_with_the_start_in_which_it_was(
    trained: Run, tmp_path: Path, dies: Dies
) -> None:
    study = declared("pca", [f"run={trained.path}", *SMALL[:2], "steps=20", "starts=3"])
    whole = carry_out(study, tmp_path / "whole")
    stepped = dies(Adam, "step", 50)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "killed")
    carry_out(study, tmp_path / "killed")
    assert len(stepped) == 50 + 20, "two starts were done, and one is made again"
    assert (tmp_path / "killed" / "result.json").read_bytes() == (whole / "result.json").read_bytes()
    assert (tmp_path / "killed" / "reconstruction.png").read_bytes() == (whole / "reconstruction.png").read_bytes()


def test_of_more_images_than_are_fitted_a_choice_of_all_is(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where images lie class by class, as in folders, the first ones are of the first classes alone."""
    data = trained.data()
    assert data.train.labels is not None
    order = np.argsort(data.train.labels, kind="stable")
    sorted_by_class = replace(data, train=Split(data.train.images[order], data.train.labels[order]))
    monkeypatch.setattr(pca, "FITTED", 600)
    assert LinearModel.of(sorted_by_class, 10).most > 30
    mean = LinearModel.of(sorted_by_class, None).fitted[0].mean_
    assert np.allclose(mean, flat(data.pictures(data.train)).mean(0), atol=0.1)


def test_the_gans_scores_are_those_of_its_evaluation(trained: Run, tmp_path: Path) -> None:
    folder = carry_out(declared("pca", [f"run={trained.path}", *SMALL]), tmp_path / "pca")
    found = read_json(folder / "result.json")["result"]
    (record,) = (one for one in trained.folder.evaluations.read() if one["which"] == "last")
    assert found["scores"]["gan"]["frechet"] == record["scores"]["frechet"]
    assert found["floor"]["frechet"] == record["floor"]["frechet"]
    assert {name: found["protocol"][name] for name in ("reference", "count")} == {
        name: record["protocol"][name] for name in ("reference", "count")
    }


def test_without_labels_scores_are_in_random_features(unlabelled: Run, tmp_path: Path) -> None:
    folder = carry_out(declared("pca", [f"run={unlabelled.path}", *SMALL]), tmp_path / "pca")
    found = read_json(folder / "result.json")["result"]
    scores, protocol = found["scores"], found["protocol"]
    assert protocol["extractor"] == "random (no trained weights)" and protocol["count"] == found["floor"]["count"]
    assert protocol["count"] == len(unlabelled.data().held_out), "as many as the floor has"
    assert scores["pca-16"]["frechet"] < scores["gan"]["frechet"] and found["wins"]["frechet"].startswith("pca")
    assert 0 < found["floor"]["frechet"] < scores["gan"]["frechet"] and "classifier_score" not in found["wins"]


def test_images_that_are_inverted_are_of_the_fixed_shuffle(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []

    def inverted(sampler: Sampler, x: Tensor, *how: object) -> np.ndarray:
        seen.append(x)
        return np.zeros((len(x), 8, 8, 1), np.uint8)

    monkeypatch.setattr(pca, "invert", inverted)
    carry_out(declared("pca", [f"run={trained.path}", *SMALL]), tmp_path / "pca")
    data = trained.data()
    rows = shuffled(np.arange(len(data.held_out)))[:6]
    assert torch.equal(seen[0], to_unit(data.pictures(data.held_out, rows))) and set(rows) != set(range(6))
