"""The benchmarks run and tell what they promise; how fast anything is, no test says."""

import re

import pytest
import torch

from benchmarks import training
from ganatomy.core.shape import Shape

CPU = torch.device("cpu")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SECONDS", 0.01)
    monkeypatch.setattr(training, "IMAGES", 16)
    monkeypatch.setattr(training, "matrix_product_rate", lambda device: 1e9)
    monkeypatch.setattr(training, "CASES", {"digits-dcgan": training.Case("digits-dcgan", Shape(1, 8, 8), 8)})


def test_a_case_prints_its_ratio_both_speeds_shares_and_memory(tiny, monkeypatch, capsys) -> None:
    monkeypatch.setattr(training, "peak_memory", lambda name, side, device: 12.0)
    training.main(["digits-dcgan", "--repeats", "3", "--device", "cpu"])
    told = capsys.readouterr().out
    assert re.search(r"digits-dcgan: ratio \d+\.\d\d .* in 3\); engine [\d,]+ images/s, usual loop [\d,]+; of", told)
    assert "peak memory 12 MB and 12 MB" in told


def test_overhead_names_its_parts(tiny, capsys) -> None:
    training.main(["--overhead", "--device", "cpu"])
    assert re.search(r"overhead [\d.]+% of a round \(feed [\d.]+%, averaging [\d.]+%, logging", capsys.readouterr().out)


def test_memory_and_work_are_counted(tiny) -> None:
    assert training._peak_memory("digits-dcgan", "usual", "cpu") >= 0
    assert training.resident_megabytes() > 50
    flops = training.operations(training.CASES["digits-dcgan"])
    ratio = flops["engine"] / flops["usual"]
    assert 0.8 < ratio < 1.2, "G once more, for fresh noise, but no gradient of D in G's turn"


def test_an_unknown_case_is_one_line(capsys) -> None:
    with pytest.raises(SystemExit):
        training.main(["nothing"])
    assert "no case called 'nothing'" in capsys.readouterr().err
