"""The reports' ablations: what varies, and end to end at tiny size."""

import csv
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.report.curves import COLORS
from ganatomy.runs.files import read_json
from ganatomy.studies import ablation
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


def test_rates_are_balanced_from_those_that_the_overrides_say() -> None:
    rates = ("optimizers.G.lr=0.01", "optimizers.D.lr=0.01")
    *_, by_rate = Balance(data="digits", recipe="digits-dcgan", ratios=(1, 4), overrides=rates).cells()
    assert [by_rate.recipe.optimizers[name].settings["lr"] for name in "GD"] == [0.02, 0.005]


RATES = "optimizers.G.lr=0.001414, optimizers.D.lr=0.0007071"
PRESETS = {
    "balance": (["recipe=digits-dcgan", "ratios=1,2"], ["game.g_steps=1", "game.g_steps=2", RATES]),
    "latent-size": (["recipe=digits-dcgan", "sizes=4,8"], ["players.G.latent=4", "players.G.latent=8"]),
    "resolution": (
        ["recipes=digits-dcgan,digits-cdcgan", "activations=relu,selu"],
        [
            f"{recipe}, players.G.activation={activation}"
            for recipe in ("digits-dcgan", "digits-cdcgan")
            for activation in ("relu", "selu")
        ],
    ),
}


@pytest.mark.parametrize("name", PRESETS)
def test_from_end_to_end(cache: Path, tmp_path: Path, name: str) -> None:
    words, settings = PRESETS[name]
    study = declared(name, ["data=digits", "images=256", *words, OVERRIDES])
    said = list[str]()
    folder = carry_out(study, tmp_path / name, said.append)
    assert sum("256 of 256 images" in line for line in said) == len(settings), "how far each training is"
    first = (folder / "result.json").read_bytes()
    rows = [row for table in read_json(folder / "result.json")["result"]["tables"] for row in table]
    assert [row["setting"] for row in rows] == settings
    assert all(row["images, last"] == "256.00" and float(row["x floor, last"]) > 1 for row in rows)
    text = (folder / "results.md").read_text()
    assert all(
        f"| {row['setting']} | 1 | 256.00 | {row['seconds, last']} | {row['x floor, last']} |" in text for row in rows
    )
    with open(folder / "runs.csv") as table:
        assert [row["setting"] for row in csv.DictReader(table)] == settings
    shows_lines_and_grids(folder / "picture.png", len(rows))
    carry_out(study, folder)
    assert (folder / "result.json").read_bytes() == first


def shows_lines_and_grids(file: Path, settings: int) -> None:
    """A line of its own color for each setting, and below the curves as many grids, which are gray and no paper."""
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB"))
    colors = [tuple(int(color[i : i + 2], 16) for i in (1, 3, 5)) for color in COLORS[:settings]]
    assert all((pixels == color).all(-1).sum() > 20 for color in colors)
    curves = round(len(pixels) * 6.8 / (6.8 + 3.2 * math.ceil(settings / 4)))
    below, width = pixels[curves:], pixels.shape[1] // 4
    dark = [bool((below[:, i * width : (i + 1) * width].max(-1) < 128).mean() > 0.05) for i in range(4)]
    assert dark == [True] * settings + [False] * (4 - settings)


def test_shards_of_a_study_merge(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["data=digits", "images=256", "recipe=digits-dcgan", "sizes=4,8,6", OVERRIDES]
    for part in ("1/2", "2/2"):
        carry_out(declared("latent-size", [*words, f"shard={part}"]), tmp_path / part[0])
    there = read_json(tmp_path / "1" / "result.json")["result"]
    assert [row["setting"] for row in there["tables"][0]] == ["players.G.latent=4", "players.G.latent=6"]
    assert there["missing"] == ["players.G.latent=8-seed0"]
    shutil.copytree(tmp_path / "2", tmp_path / "1", dirs_exist_ok=True)
    monkeypatch.setattr(ablation, "train", lambda *a, **k: pytest.fail("trained again"))
    whole = read_json(carry_out(declared("latent-size", words), tmp_path / "1") / "result.json")
    assert [row["runs"] for row in whole["result"]["tables"][0]] == ["1"] * 3 and not whole["result"]["missing"]
    assert "shard" not in whole
    for part, said in (("5/4", "not a part such as 1/4"), ("4/4", "shard 4/4 is empty: there are 3 cells")):
        with pytest.raises(GanatomyError, match=said):
            carry_out(declared("latent-size", [*words, f"shard={part}"]), tmp_path / "1")


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("balance", ["recipe=digits-cyclegan"], "recipe=digits-cyclegan has no G and D to balance"),
        ("balance", ["recipe=digits-dcgan", "ratios=1,1"], "1 is named twice"),
        ("balance", ["recipe=digits-dcgan", "seeds=[]"], "seeds=[] names nothing"),
        ("balance", ["recipe=digits-dcgan", "overrides=game.g_steps=2"], "say it with ratios="),
        ("latent-size", ["overrides=players.G.latent=4"], "players.G.latent is named twice"),
        ("latent-size", ["recipe=digits-dcgan", "sizes=4,4"], "a value or a seed is named twice"),
        ("resolution", ["recipes=digits-dcgan", "activations=relu,sel"], "players.G.activation=sel"),
    ],
)
def test_what_cannot_be_made_leaves_nothing(tmp_path: Path, name: str, words: list[str], said: str) -> None:
    with pytest.raises(GanatomyError, match=re.escape(said)):
        carry_out(declared(name, ["data=digits", *words]), tmp_path / name)
    assert not (tmp_path / name).exists()
