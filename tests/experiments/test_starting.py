"""Fine-tuning, early stopping, truncated sampling, and Weights & Biases."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.core.prior import Prior
from ganatomy.core.recipe import Recipe, find_recipe
from ganatomy.core.watch import Stop
from ganatomy.experiments.run import Run
from ganatomy.experiments.train import train
from tests.conftest import TINY


def test_a_run_starts_from_the_weights_of_another(trained: Run, tmp_path: Path) -> None:
    out = tmp_path / "tuned"
    tuned = train("digits-dcgan", *TINY, images=64, seed=5, out=out, init_from=trained.path)
    before, after = trained.checkpoint().tensors, tuned.checkpoint().tensors
    fresh = train("digits-dcgan", *TINY, images=64, seed=5, out=tmp_path / "fresh").checkpoint().tensors
    for name in ("game.G.project.0.weight", "game.D.score.weight", "average.G.project.0.weight"):
        moved = float((after[name] - before[name]).abs().max())
        assert 0 < moved < 0.01, "one step from there"
        assert float((fresh[name] - before[name]).abs().max()) > 0.02
    assert tuned.recipe.init_from == str(trained.path.absolute())
    again = train("digits-dcgan", *TINY, images=128, seed=5, out=out, init_from=trained.path)
    assert again.checkpoint().round == 2, "a run that is continued does not start again"
    straight = train("digits-dcgan", *TINY, images=128, seed=5, out=tmp_path / "straight", init_from=trained.path)
    assert all(torch.equal(v, again.checkpoint().tensors[k]) for k, v in straight.checkpoint().tensors.items())


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("players.G.latent=7",), r"'G.project.0.weight' is \[\d+, 32\] there and \[\d+, 7\] here"),
        (("players.D.channels=32,64",), "Cannot start from .*'D.body.0.weight' is"),
        (("players.D.normalization=none",), "Cannot start from .* has no 'D"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(
    trained: Run, tmp_path: Path, overrides: tuple[str, ...], told: str
) -> None:
    with pytest.raises(GanatomyError, match=told) as error:
        train("digits-dcgan", *TINY, *overrides, images=64, out=tmp_path / "run", init_from=trained.path)
    assert "\n" not in str(error.value)


def test_a_start_that_is_no_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match="is not a run"):
        train("digits-dcgan", *TINY, images=64, out=tmp_path / "run", init_from=tmp_path / "nothing")


def test_patience_ends_a_run_that_no_longer_improves(tmp_path: Path) -> None:
    frozen = ("optimizers.G.lr=1e-12", "optimizers.D.lr=1e-12", "stop.patience=2", "watch.score=128", "watch.log=64")
    run = train("digits-dcgan", *TINY, *frozen, images=5_000, out=tmp_path / "run")
    scores = run.folder.scores.read()
    assert len(scores) == 3 and run.checkpoint().state["drawn"] * 64 == scores[-1]["images"] == 384
    again = train("digits-dcgan", *TINY, *frozen, images=5_000, out=tmp_path / "run")
    assert again.checkpoint().round == run.checkpoint().round, "a run on a plateau does not go on"
    longer = [word for word in frozen if not word.startswith("stop")]
    on = train("digits-dcgan", *TINY, *longer, images=448, out=tmp_path / "run")
    assert on.checkpoint().round == 7, "unless it is told to"


def test_patience_without_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match=r"stop\.patience watches the scores"):
        train("digits-dcgan", *TINY, "stop.patience=2", "watch.score=0", images=64, out=tmp_path / "run")


@pytest.mark.parametrize(
    ("distances", "due"),
    [([], False), ([5], False), ([5, 5], False), ([5, 5, 5], True), ([5, 4, 3], False), ([5, 9, 4.99], True)],
)
def test_when_patience_is_at_its_end(distances: list[float], due: bool) -> None:
    assert Stop(patience=2).due(distances) is due
    assert not Stop().due(distances * 100)


def test_a_recipe_written_before_there_was_patience_can_be_read() -> None:
    text = find_recipe("digits-dcgan").to_yaml()
    older = text[: text.index("stop:")].replace("init_from: null\n", "")
    assert Recipe.from_yaml(older) == find_recipe("digits-dcgan")


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_truncated_latents_stay_within_and_the_others_stay(distribution: str) -> None:
    prior = Prior(500, distribution)  # type: ignore[arg-type]
    plain, cut = prior.sample(0, 3, 6), prior.sample(0, 3, 6, truncation=0.5)
    within = plain.abs() <= 0.5
    assert cut.abs().max() <= 0.5 and 0.1 < within.float().mean() < 0.9
    assert torch.equal(cut[within], plain[within]) and torch.equal(cut[1:2], prior.sample(0, 4, 5, truncation=0.5))


def test_truncation_makes_samples_more_alike(trained: Run) -> None:
    plain, cut = (trained.samples(200, truncation=t).images.astype(float) for t in (None, 0.2))
    assert cut.std(0).mean() < 0.8 * plain.std(0).mean()
    assert np.array_equal(trained.samples(8, truncation=50.0).images, trained.samples(8).images)
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(GanatomyError, match="truncation"):
            trained.samples(4, truncation=wrong)


def test_weights_and_biases_offline_keeps_a_run_and_continues_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    out = tmp_path / "run"
    for images in (128, 256):
        train("digits-dcgan", *TINY, "watch.wandb=true", images=images, out=out)
    kept = [path for path in (out / "wandb").iterdir() if path.name.startswith("offline-run")]
    name = (out / "wandb" / "id").read_text()
    assert len(kept) == 2 and all(path.name.endswith(name) for path in kept)
    assert all(any(path.glob("*.wandb")) for path in kept)
    grids = [picture for path in kept for picture in path.rglob("samples_*.png")]
    assert len(grids) >= 3, "every grid, not the last alone"


def test_weights_and_biases_without_the_extra_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "wandb", None)
    with pytest.raises(GanatomyError, match=r"ganatomy\[wandb\]"):
        train("digits-dcgan", *TINY, "watch.wandb=true", images=64, out=tmp_path / "run")
