"""Fine-tuning, early stopping, truncated sampling, and Weights & Biases."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganatomy.core.errors import GanatomyError
from ganatomy.core.prior import Prior
from ganatomy.core.recipe import Recipe, find_recipe
from ganatomy.core.watch import Stop
from ganatomy.experiments.build import build_engine
from ganatomy.experiments.observers import best_round
from ganatomy.experiments.run import Run
from ganatomy.experiments.sampling import Sampler
from ganatomy.experiments.starting import start_from
from ganatomy.experiments.train import train
from ganatomy.networks.dcgan import DCGANGenerator
from tests.conftest import TINY
from tests.experiments.test_train import Told
from tests.processes import program, started


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
    with pytest.raises(GanatomyError, match=rf"recipe.yaml is not a run: it is a file\. .*{trained.path.name}"):
        train("digits-dcgan", *TINY, images=64, out=tmp_path / "of a file", init_from=trained.path / "recipe.yaml")
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
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "start", "told"),
    [
        ((), "nothing", "nothing is not a run"),
        (("stop.patience=2", "watch.score=0"), None, r"stop\.patience=2 watches the scores, and this recipe takes"),
        (("stop.patience=2", "scores=none"), None, r"stop\.patience=2 watches the scores, and this recipe takes"),
        (("watch.wandb=true",), None, r"ganatomy\[wandb\]"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_data_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], start: str | None, told: str
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    start = start and str(tmp_path / start)
    with pytest.raises(GanatomyError, match=told):
        train("digits-dcgan", *TINY, *words, data=tmp_path / "no data", out=tmp_path / "run", init_from=start)
    assert not (tmp_path / "run").exists()


def test_a_run_starts_from_the_best_weights_of_another(trained: Run, copied: Callable[[], Path]) -> None:
    best = best_round(trained.folder)
    assert best is not None and best != trained.checkpoint().round
    engine = build_engine(trained.recipe, trained.data(), torch.device("cpu"))
    assert f"after round {best}" in start_from(engine, f"{trained.path}@best")
    kept = trained.folder.checkpoints.read(best).tensors
    for name, value in engine.game.state_dict().items():
        assert torch.equal(value, kept[f"game.{name}"]), name
    folder = copied()
    (folder / "scores.jsonl").unlink()
    with pytest.raises(GanatomyError, match="was never scored, so it has no best checkpoint"):
        start_from(engine, f"{folder}@best")


def test_patience_ends_a_run_that_no_longer_improves(tmp_path: Path) -> None:
    frozen = ("optimizers.G.lr=1e-12", "optimizers.D.lr=1e-12", "stop.patience=2", "watch.score=128", "watch.log=64")
    told = Told()
    run = train("digits-dcgan", *TINY, *frozen, images=5_000, out=tmp_path / "run", show=told)
    scores = run.folder.scores.read()
    assert len(scores) == 3 and run.checkpoint().state["drawn"] * 64 == scores[-1]["images"] == 384
    again = train("digits-dcgan", *TINY, *frozen, images=5_000, out=tmp_path / "run", show=told)
    assert again.checkpoint().round == run.checkpoint().round, "a run on a plateau does not go on"
    said = (
        "plateau    none of the last 2 Fréchet distances is 1 % below the best before them, "
        f"{scores[0]['scores']['frechet']:.2f} (stop.patience=2); stop.patience=none goes on"
    )
    assert [line for line in told.lines if line.startswith("plateau")] == [said, said], "in each session"
    on = train("digits-dcgan", *TINY, *frozen, "stop.patience=none", images=448, out=tmp_path / "run")
    assert on.checkpoint().round == 7


def test_patience_with_images_that_have_no_judge_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", images=np.zeros((40, 8, 8), np.uint8))
    with pytest.raises(GanatomyError, match=r"stop\.patience watches the scores, and .*plain\.npz gives none"):
        train("digits-dcgan", *TINY, "stop.patience=2", data=tmp_path / "plain.npz", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("distances", "due"),
    [([], False), ([5], False), ([5, 5], False), ([5, 5, 5], True), ([5, 4, 3], False), ([5, 9, 4.99], True)],
)
def test_when_patience_is_at_its_end(distances: list[float], due: bool) -> None:
    assert Stop(patience=2).due(distances) is due
    assert Stop(patience=2, by=0).due([5, 5, 5]), "as low as before is no lower"
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


def test_a_truncation_that_cuts_nothing_of_uniform_latents_is_refused() -> None:
    G = DCGANGenerator((1, 8, 8), latent=4, prior="uniform", channels=(8,))
    assert Sampler(G, truncation=0.9).truncation == 0.9
    with pytest.raises(GanatomyError, match=r"A truncation of 1.5 cuts nothing"):
        Sampler(G, truncation=1.5)


def test_a_truncation_without_bound_cuts_nothing() -> None:
    G = DCGANGenerator((1, 8, 8), latent=4, channels=(8,))
    with pytest.raises(GanatomyError, match="A truncation of inf cuts nothing"):
        Sampler(G, truncation=float("inf"))


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
    out, told = tmp_path / "run", Told()
    for images in (128, 256):
        train("digits-dcgan", *TINY, "watch.wandb=true", images=images, out=out, show=told)
    kept = [path for path in (out / "wandb").iterdir() if path.name.startswith("offline-run")]
    name = (out / "wandb" / "id").read_text()
    assert len(kept) == 2 and all(name in path.name for path in kept)
    assert all(any(path.glob("*.wandb")) for path in kept)
    said = [line for line in told.lines if line.startswith("wandb")]
    assert len(said) == 2 and all(any(f"`wandb sync {path}`" in line for line in said) for path in kept)
    grids = [picture for path in kept for picture in path.rglob("samples_*.png")]
    drawn = {int(path.stem) for path in (out / "samples").iterdir()}
    assert {int(path.name.split("_")[1]) for path in grids} == drawn == {0, 128, 256}


def test_weights_and_biases_are_told_figures_and_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    sent: dict[int, set[str]] = {}
    log = wandb.Run.log

    def heard(self: object, values: dict[str, object], step: int) -> None:
        sent.setdefault(step, set()).update(values)
        log(self, values, step=step)

    monkeypatch.setattr(wandb.Run, "log", heard)
    run = train("digits-dcgan", *TINY, "watch.wandb=true", images=256, out=tmp_path / "run")
    assert {"D/real", "G/adversarial"} <= sent[run.folder.metrics.read()[-1]["images"]]
    assert "scores/frechet" in sent[run.folder.scores.read()[-1]["images"]]


def test_a_login_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    own = {"HOME": str(tmp_path), "WANDB_CONFIG_DIR": str(tmp_path / "config")}
    words = ["train", "digits-dcgan", "--images", "64", "watch.wandb=true", "--out", str(tmp_path / "run")]
    said = started(tmp_path / "said", program, *words, environment={**kept, **own}).ended()
    assert said.code == 1 and "log in, or set WANDB_MODE=offline" in said.err.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_tensorboard_has_figures_scores_and_every_grid(tmp_path: Path) -> None:
    run = train("digits-dcgan", *TINY, "watch.tensorboard=true", images=300, out=tmp_path / "run")
    kept = EventAccumulator(str(run.path / "tensorboard"))
    kept.Reload()
    assert [event.step for event in kept.Scalars("D/real")] == [128, 256]
    assert [event.step for event in kept.Scalars("scores/frechet_x_floor")] == [256]
    grids = sorted(int(path.stem) for path in run.folder.samples.glob("*.png"))
    assert [event.step for event in kept.Images("samples")] == grids == [0, 256, 320]
