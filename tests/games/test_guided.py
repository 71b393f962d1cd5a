"""A frozen classifier guides G, and stays as it was."""

from pathlib import Path

import pytest
import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.core.recipe import Recipe, find_recipe
from ganatomy.core.spec import Spec
from ganatomy.engine.engine import noted
from ganatomy.experiments.run import Run
from ganatomy.experiments.train import train
from ganatomy.games.guided import Guided
from ganatomy.networks.classifier import PretrainedClassifier
from tests.conftest import TINY

CLASSIFIER = {"channels": (4,), "hidden": 8}


@pytest.fixture(scope="module")
def taught(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    settings = ("players.C.channels=4", "players.C.hidden=8", "watch.log=256", "watch.tensorboard=false")
    return train("digits-judge", *settings, images=2560, out=tmp_path_factory.mktemp("runs") / "classifier")


def guided(run: Path | str) -> Recipe:
    base = find_recipe("digits-cdcgan")
    guide = Spec(PretrainedClassifier, run=str(run), **CLASSIFIER)
    return base.replace(name="guided", game=Spec(Guided, guidance=0.5), players={**base.players, "C": guide})


def test_it_trains_with_the_classifiers_weights_which_do_not_move(taught: Run, tmp_path: Path) -> None:
    run = train(guided(taught.path), *TINY, images=512, out=tmp_path / "run")
    theirs, ours = taught.checkpoint().tensors, run.checkpoint().tensors
    own = [name for name in ours if name.startswith("game.C.")]
    assert own and all(torch.equal(ours[name], theirs[name]) for name in own)
    figures = run.folder.metrics.read()[-1]
    assert {"G/guidance", "G/accuracy_as_asked", "G/adversarial"} <= set(figures)
    (taught.path / "moved").touch()
    assert len(run.sample(3)) == 3, "sampling needs no classifier"


def test_g_descends_the_cross_entropy_with_the_class_asked_for(taught: Run) -> None:
    from tests.games.test_acgan import Y, batch, players

    G, _ = players()
    D = find_recipe("digits-cdcgan").players["D"].replace(channels=(4,), normalization="none").build((1, 8, 8), 3)
    C = PretrainedClassifier((1, 8, 8), 3, run="unused", **CLASSIFIER)
    game = Guided(G, D, C, guidance=0.5)
    terms = game.generator(batch())
    fake, _ = game.generated(batch())
    torch.testing.assert_close(terms["guidance"], 0.5 * torch.nn.functional.cross_entropy(C(fake), Y))
    assert not any(p.requires_grad for p in C.parameters()) and not game.train().C.training


def test_how_often_g_is_recognized_is_gs_figure_in_every_order() -> None:
    from tests.games.test_acgan import batch, players

    D = find_recipe("digits-cdcgan").players["D"].replace(channels=(4,), normalization="none").build((1, 8, 8), 3)
    C = PretrainedClassifier((1, 8, 8), 3, run="unused", **CLASSIFIER)
    for order in ("alternating", "simultaneous"):
        *_, turn = Guided(players()[0], D, C, order=order).order()
        asked = batch()
        turn.terms(asked)
        assert "G/accuracy_as_asked" in {noted(name, turn.movers) for name in asked.play.notes}


def test_a_run_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match="nowhere"):
        train(guided(tmp_path / "nowhere"), *TINY, images=512, out=tmp_path / "run")


def test_a_classifier_of_another_size_is_one_line(taught: Run, tmp_path: Path) -> None:
    recipe = guided(taught.path)
    other = recipe.replace(players={**recipe.players, "C": recipe.players["C"].replace(hidden=9)})
    with pytest.raises(GanatomyError, match="in the checkpoint and"):
        train(other, *TINY, images=512, out=tmp_path / "run")


def test_a_classifier_without_classes_to_guide_to_is_refused_when_declared() -> None:
    with pytest.raises(GanatomyError, match=r"set players\.G\.conditional=true and players\.D\.conditional=true"):
        guided("x").overridden(["players.G.conditional=false", "players.D.conditional=false"])


def test_an_optimizer_for_a_frozen_player_is_refused() -> None:
    recipe = guided("x")
    with pytest.raises(GanatomyError, match="optimizers are needed for G, D, not for G, D, C"):
        recipe.replace(optimizers={**recipe.optimizers, "C": recipe.optimizers["G"]})
