"""What may not be lost or damaged by a wrong path, a strange folder or a strange run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Game, Terms, Turn
from ganatomy.core.observer import Moment, Observer
from ganatomy.core.prior import Prior
from ganatomy.engine.engine import Engine, Settings
from ganatomy.engine.optimizers import SGD, Adam
from ganatomy.engine.precision import find_device, resolved
from ganatomy.experiments import judging
from ganatomy.experiments.run import Samples
from ganatomy.experiments.train import train
from ganatomy.experiments.writing import write_samples
from ganatomy.games.acgan import ACGAN
from ganatomy.games.adversarial import Adversarial
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.objectives.auxiliary import AuxiliaryLoss, DataToData, SoftmaxCrossEntropy
from tests.conftest import TINY

QUICK = (*TINY, "scores=none", "watch.grid=0")
SAMPLES = Samples(np.zeros((3, 4, 4, 1), np.uint8), None, None, 0)


class Still:
    """A feed of gray pictures."""

    def batch(self, number: int, size: int, rows: slice | None = None) -> tuple[Tensor, Tensor | None]:
        return torch.zeros(size, 1, 8, 8)[rows or slice(None)], None


def test_a_folder_with_a_foreign_manifest_keeps_its_files(tmp_path: Path) -> None:
    out = tmp_path / "photos"
    out.mkdir()
    (out / "manifest.csv").write_text("name,size\nholiday.jpg,1\n")
    (out / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(GanatomyError, match="holds other things than samples"):
        write_samples(SAMPLES, out)
    assert (out / "holiday.jpg").read_bytes() == b"precious"


def test_a_picture_beside_the_samples_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "pix.png").write_bytes(b"precious")
    with pytest.raises(GanatomyError, match=r"pix\.png, where the picture of the samples would go, exists"):
        write_samples(SAMPLES, tmp_path / "pix")
    assert (tmp_path / "pix.png").read_bytes() == b"precious"
    assert not (tmp_path / "pix").exists()


@pytest.mark.parametrize("fresh", [True, False])
def test_training_into_a_foreign_folder_is_refused_and_changes_nothing(tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "metrics.jsonl").write_text("not ours\n")
    with pytest.raises(GanatomyError, match="holds other things than a run"):
        train("digits-dcgan", *QUICK, images=64, out=tmp_path, fresh=fresh)
    assert (tmp_path / "metrics.jsonl").read_text() == "not ours\n"
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


@pytest.mark.parametrize("fresh", [True, False])
def test_training_into_a_file_is_refused(tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GanatomyError, match="is a file, not a folder"):
        train("digits-dcgan", *QUICK, images=64, out=tmp_path / "file", fresh=fresh)


def test_a_run_whose_folder_goes_away_stops_in_one_line(tmp_path: Path) -> None:
    class Thief(Observer):
        def after_round(self, moment: Moment) -> None:
            if moment.round == 1:
                (tmp_path / "run").rename(tmp_path / "stolen")

    with pytest.raises(GanatomyError, match="was removed or moved while it was being trained into"):
        train("digits-dcgan", *QUICK, images=640, out=tmp_path / "run", show=Thief())


def test_another_recipe_may_take_the_place_of_one_that_never_got_to_a_checkpoint(tmp_path: Path) -> None:
    out = tmp_path / "run"
    train("digits-dcgan", *QUICK, images=64, out=out, duration=1e-9)
    for checkpoint in (out / "checkpoints").glob("*"):
        raise AssertionError(checkpoint)
    train("digits-dcgan", *QUICK, "accumulate=2", images=64, out=out)


@pytest.mark.parametrize("text", ["{}", "nonsense", '{"sessions": 3}'])
def test_a_damaged_environment_file_never_stops_a_run(copied: Callable[[], Path], text: str) -> None:
    folder = copied()
    (folder / "environment.json").write_text(text)
    run = train(str(folder), images=700, out=folder)
    assert run.checkpoint().state["drawn"] * run.recipe.batch >= 700


def test_images_packed_larger_than_the_training_size_are_judged_by_their_center(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "FEWEST", 1_000)
    monkeypatch.setattr(judging, "MOST", 1_000)
    run = train("digits-dcgan", *TINY, "data.load_size=10", "scores.count=50", images=300, out=tmp_path / "run")
    assert run.evaluate(50)[0]["scores"]["count"] == 50


def test_what_a_network_froze_itself_stays_frozen() -> None:
    D = DCGANDiscriminator((1, 8, 8), channels=(4, 8))
    trunk = next(D.parameters())
    trunk.requires_grad_(False)
    before = trunk.clone()
    game = Adversarial(DCGANGenerator((1, 8, 8), latent=4, channels=(8, 4)), D)
    played = Engine(game, {"G": Adam(), "D": Adam()}, Still(), Settings(4, precision="float32"))
    played.play(16)
    assert torch.equal(before, trunk)
    assert not trunk.requires_grad


def test_batch_norm_on_parts_of_one_image_is_refused_at_once() -> None:
    game = Adversarial(
        DCGANGenerator((1, 8, 8), latent=4, channels=(8, 4)), DCGANDiscriminator((1, 8, 8), channels=(4,))
    )
    with pytest.raises(GanatomyError, match="Batch norm needs two images"):
        Engine(game, {"G": Adam(), "D": Adam()}, Still(), Settings(4, accumulate=4))


@pytest.mark.parametrize(
    ("deviation", "auxiliary", "comparing"),
    [(True, SoftmaxCrossEntropy(), "Minibatch deviation"), (False, DataToData(), "DataToData")],
)
def test_what_compares_images_is_refused_on_parts_of_one(
    deviation: bool, auxiliary: AuxiliaryLoss, comparing: str
) -> None:
    """It did nothing: one image has no deviation, and none beside it to be told from."""

    def engine(accumulate: int, deviation: bool, auxiliary: AuxiliaryLoss) -> Engine:
        G = DCGANGenerator((1, 8, 8), 3, latent=4, channels=(8, 4), normalization="none", conditional=True)
        D = DCGANDiscriminator((1, 8, 8), 3, channels=(4,), minibatch_deviation=deviation, auxiliary=auxiliary.heads)
        game = ACGAN(G, D, auxiliary=auxiliary)
        return Engine(game, {"G": Adam(), "D": Adam()}, Still(), Settings(4, accumulate=accumulate))

    engine(2, deviation, auxiliary)
    engine(4, False, SoftmaxCrossEntropy())
    with pytest.raises(GanatomyError, match=f"{comparing} needs two images in each part of a batch: raise batch"):
        engine(4, deviation, auxiliary)


class Odd(Game):
    """A game with a mistake."""

    def __init__(self, G: nn.Module, turn: Turn) -> None:
        super().__init__()
        self.G, self.turn = G, turn

    def order(self) -> Iterator[Turn]:
        yield self.turn


def square(batch: Batch) -> Terms:
    return {"picture": batch.x.mean((1, 2, 3))}


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (Turn(("Q",), square), "No player called 'Q'"),
        (Turn(("G",), square), "The term 'picture' must be a scalar"),
        (Turn(("G",), lambda batch: {"x": batch.x.mean()}, times=0), "drew no images"),
    ],
)
def test_a_mistake_in_ones_own_game_is_one_line(turn: Turn, said: str) -> None:
    played = Engine(Odd(nn.Linear(1, 1), turn), {"G": SGD()}, Still(), Settings(4, precision="float32"))
    with pytest.raises(GanatomyError, match=said):
        played.play(8)


def test_latents_do_not_depend_on_the_kind_of_the_index() -> None:
    prior = Prior(3)
    assert torch.equal(prior.sample(0, 5, 6), prior.sample(int(np.int64(0)), int(np.int64(5)), 6))
    from ganatomy.core.randomness import keyed

    assert keyed(np.int64(3), "a").random() == keyed(3, "a").random()  # type: ignore[arg-type]


def test_a_precision_that_a_device_lacks_is_one_line() -> None:
    with pytest.raises(GanatomyError, match="no float64: take precision=float32, or --device cpu"):
        resolved("float64", torch.device("mps"))


def test_a_device_that_is_no_device_is_one_line() -> None:
    with pytest.raises(GanatomyError, match="'cpu:abc' is not a device"):
        find_device("cpu:abc")
