"""The reports' ablations: what varies, and end to end at tiny size."""

import re
from pathlib import Path

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.runs.files import read_json
from ganatomy.studies.presets import Balance
from ganatomy.studies.study import carry_out, declared
from tests.conftest import TINY

OVERRIDES = f"overrides={','.join(TINY)}"


def test_ratios_by_iterations_and_by_rates_with_the_same_product() -> None:
    settings = Balance(data="digits", recipe="digits-dcgan", ratios=(1, 4)).settings()
    assert settings[:2] == [["game.g_steps=1"], ["game.g_steps=4"]]
    (by_rate,) = settings[2:]
    rates = dict(word.removeprefix("optimizers.").split(".lr=") for word in by_rate)
    assert float(rates["G"]) / float(rates["D"]) == pytest.approx(4, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "words", "rows"),
    [
        ("balance", ["recipe=digits-dcgan", "ratios=1,2"], 3),
        ("latent-size", ["recipe=digits-dcgan", "sizes=4,8"], 2),
        ("resolution", ["recipes=digits-dcgan,digits-cdcgan", "activations=relu,selu"], 4),
    ],
)
def test_from_end_to_end(cache: Path, tmp_path: Path, name: str, words: list[str], rows: int) -> None:
    study = declared(name, ["data=digits", "images=256", *words, OVERRIDES])
    folder = carry_out(study, tmp_path / name)
    first = (folder / "result.json").read_bytes()
    assert sum(len(table) for table in read_json(folder / "result.json")["result"]["tables"]) == rows
    assert (folder / "picture.png").exists()
    carry_out(study, folder)
    assert (folder / "result.json").read_bytes() == first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["recipe=digits-cyclegan"], "recipe=digits-cyclegan has no G and D to balance"),
        (["recipe=digits-dcgan", "ratios=1,1"], "1 is named twice"),
        (["recipe=digits-dcgan", "seeds=[]"], "seeds=[] names nothing"),
    ],
)
def test_what_cannot_be_balanced_leaves_nothing(tmp_path: Path, words: list[str], said: str) -> None:
    with pytest.raises(GanatomyError, match=re.escape(said)):
        carry_out(declared("balance", ["data=digits", *words]), tmp_path / "balance")
    assert not (tmp_path / "balance" / "settings.json").exists()
