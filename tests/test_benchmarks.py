"""The benchmarks run and tell what they promise; how fast anything is, no test says."""

import re
from types import SimpleNamespace

import pytest
import torch

from benchmarks import metrics, training
from ganatomy.core.recipe import find_recipe
from ganatomy.core.shape import Shape
from ganatomy.metrics.extractors import Look

CPU = torch.device("cpu")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SECONDS", 0.01)
    monkeypatch.setattr(training, "IMAGES", 16)
    monkeypatch.setattr(training, "OBSERVATIONS", 1)
    narrow = find_recipe("digits-dcgan").overridden(["players.G.width=0.1", "players.D.width=0.1", "watch.log=32"])
    monkeypatch.setattr(training, "find_recipe", lambda name: narrow)
    monkeypatch.setattr(training, "matrix_product_rate", lambda device: 1e9)
    monkeypatch.setattr(training, "CASES", {"digits-dcgan": training.Case("digits-dcgan", Shape(1, 8, 8), 8)})


def test_a_case_prints_its_ratio_both_speeds_shares_and_memory(tiny, monkeypatch, capsys) -> None:
    monkeypatch.setattr(training, "peak_memory", lambda name, side, device: 12.0)
    training.main(["digits-dcgan", "--repeats", "3", "--device", "cpu"])
    told = capsys.readouterr().out
    assert re.search(r"digits-dcgan: ratio \d+\.\d\d .* in 3\); engine [\d,]+ images/s, usual loop [\d,]+; of", told)
    assert "peak memory 12 MB and 12 MB" in told


def test_the_usual_loop_keeps_pictures_in_the_default_layout(tiny) -> None:
    recipe, data = training.Case("digits-dcgan", Shape(3, 8, 8), 8).build()
    usual = training.UsualLoop(recipe, data, CPU)
    assert usual.G(torch.randn(8, usual.latent)).is_contiguous()


@pytest.fixture
def helped(tiny, monkeypatch) -> training.Case:
    """A case with a second step of G, and R1 in every third round."""
    changes = ["players.D.normalization=none", "game.g_steps=2", "game.penalties=R1", "game.penalties.R1.every=3"]
    recipe = training.find_recipe("digits-dcgan").overridden(changes)
    monkeypatch.setattr(training, "find_recipe", lambda name: recipe)
    return training.Case("digits-dcgan", Shape(1, 8, 8), 8)


def test_the_usual_loop_takes_the_recipes_steps_of_g(helped) -> None:
    usual = training.UsualLoop(*helped.build(), CPU)
    usual.play_round()
    taken = {name: {int(s["step"]) for s in optimizer.state.values()} for name, optimizer in usual.optimizers.items()}
    assert taken == {"G": {2}, "D": {1}}


def test_the_usual_loop_adds_r1_in_rounds_where_it_is_due(helped) -> None:
    usual = training.UsualLoop(*helped.build(), CPU)
    usual.D = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 1), torch.nn.Flatten(0))
    real, ones = usual.images[:8], torch.ones(8)
    added = []
    for usual.round in range(4):
        added.append((usual.loss_of_real(real, ones) - usual.criterion(usual.D(real), ones)).item())
    due = 10 / 2 * 3 * usual.D[1].weight.square().sum().item()
    assert added == pytest.approx([due, 0, 0, due], rel=1e-4, abs=1e-6)


def test_turns_hold_whole_periods_and_work_is_a_periods_mean(helped) -> None:
    recipe, data = helped.build()
    assert training.period(recipe) == 3
    for plays in training.sides(helped, CPU).values():
        assert training.rounds_of_a_turn(plays, 3, CPU) % 3 == 0
    without = training.UsualLoop(recipe.overridden(["game.penalties=none"]), data, CPU)
    with training.FlopCounterMode(display=False) as counter:
        without.play_round()
    assert training.operations(helped)["usual"] > counter.get_total_flops()


def test_overhead_names_its_parts_and_clocks_all_of_the_logging(tiny, monkeypatch, capsys) -> None:
    clocked, found = training.clocked, set()

    def noticed(function, what, spent, device):
        found.add((what, function.__qualname__))
        return clocked(function, what, spent, device)

    monkeypatch.setattr(training, "clocked", noticed)
    training.main(["--overhead", "--device", "cpu"])
    assert re.search(r"overhead [\d.]+% of a round \(feed [\d.]+%, averaging [\d.]+%, logging", capsys.readouterr().out)
    logging = {"Ledger.record", "Engine._means", "Engine.on_held_out", "FigureLog.figures", "TensorBoard.figures"}
    assert {name for what, name in found if what == "logging"} == logging


def test_memory_and_work_are_counted(tiny) -> None:
    assert training._peak_memory("digits-dcgan", "usual", "cpu") >= 0
    assert training.resident_megabytes() > 50
    flops = training.operations(training.CASES["digits-dcgan"])
    ratio = flops["engine"] / flops["usual"]
    assert 0.8 < ratio < 1.2, "G once more, for fresh noise, but no gradient of D in G's turn"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing"], "no case called 'nothing'"),
        (["--repeats", "0"], "--repeats 0: at least one turn, please"),
        (["--device", "gpu"], "No device called 'gpu'"),
    ],
)
def test_what_cannot_be_measured_is_one_line(words, told, capsys) -> None:
    with pytest.raises(SystemExit):
        training.main(words)
    assert told in capsys.readouterr().err


class Here:
    """A pool whose one process is this one."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def apply(self, function, arguments):
        return function(*arguments)


def test_metrics_print_the_ratio_the_agreement_the_memory_of_statistics_and_the_arithmetic(monkeypatch, capsys) -> None:
    class Network:
        def __init__(self, *_):
            self.look = lambda images: Look(images.mean((1, 2)))

        def __call__(self, images):
            return [images.float().mean((2, 3))]

    for name, value in {"ROWS": 700, "SIZE": 5, "CLASSES": 3, "Inception": Network, "torch_fidelity": Network}.items():
        monkeypatch.setattr(metrics, name, value)
    monkeypatch.setattr(metrics, "random_weights", lambda folder: folder)
    monkeypatch.setattr(metrics.multiprocessing, "get_context", lambda _: SimpleNamespace(Pool=lambda *_, **__: Here()))
    metrics.main(["--images", "4", "--repeats", "1"])
    told = capsys.readouterr().out
    assert re.search(r"features: ratio \d+\.\d\d .* in 1\); ours [\d.]+ images/s, torch-fidelity [\d.]+; largest", told)
    assert re.search(
        r"statistics of 700 x 5: [\d,]+ MB, with probabilities [\d,]+ MB; Fréchet distance: [\d.]+ s", told
    )
