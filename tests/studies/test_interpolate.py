"""Walks between latents and classes: their ends, their middle, and how even they are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.run import Run
from ganatomy.runs.files import read_json
from ganatomy.studies import interpolate
from ganatomy.studies.interpolate import between, between_classes, between_latents, smoothness
from ganatomy.studies.study import carry_out, declared
from tests.studies.conftest import Dies, files_in, promised


def test_walks_begin_and_end_at_the_latents_and_keep_their_length_on_the_sphere() -> None:
    a, b = torch.randn(2, 50, generator=torch.Generator().manual_seed(0)).unbind()
    shares = torch.linspace(0, 1, 7)
    for path in ("linear", "spherical"):
        walk = between(a, b, shares, path)
        assert torch.allclose(walk[0], a, atol=1e-5) and torch.allclose(walk[-1], b, atol=1e-5)
    lengths = between(a, b, shares, "spherical").norm(dim=1)
    assert torch.allclose(lengths, torch.lerp(a.norm(), b.norm(), shares), atol=1e-4)
    assert between(a, b, shares, "linear").norm(dim=1)[3] < 0.85 * lengths[3]
    assert torch.allclose(between(a, 2 * a, shares, "spherical")[3], 1.5 * a, atol=1e-5)


def test_the_end_of_a_walk_between_classes_is_the_class(conditional: Run) -> None:
    sampler = conditional.sampler()
    walk = between_classes(sampler, 3, 4, seed=0)
    z = torch.cat([sampler.prior.sample(0, i, i + 1) for i in range(3)])
    assert walk.shape[:2] == (3, 4)
    assert np.array_equal(walk[:, 0], sampler.at(z, torch.tensor([0, 1, 2])))
    assert np.array_equal(walk[:, -1], sampler.at(z, torch.tensor([1, 2, 3])))
    assert np.array_equal(sampler.at(z, torch.tensor([0, 1, 2])), sampler.images(0, range(3), [0, 1, 2]))


def test_a_study_walks_on_the_path_it_is_told(conditional: Run, tmp_path: Path) -> None:
    sampler, shares = conditional.sampler(), torch.linspace(0, 1, 5)
    ends = [sampler.prior.sample(0, i, i + 1)[0] for i in range(2)]
    found = {}
    for path in ("linear", "spherical"):
        walk = between_latents(sampler, 1, 5, path, 0)  # type: ignore[arg-type]
        straight = sampler.at(between(*ends, shares, path), torch.zeros(5, dtype=torch.long))  # type: ignore[arg-type]
        assert np.array_equal(walk[0], straight)
        words = [f"run={conditional.path}", "pairs=1", "steps=5", f"path={path}"]
        folder = carry_out(declared("interpolate", words), tmp_path / path)
        found[path] = read_json(folder / "result.json")["result"]["latents"]["smoothness"]
        assert found[path] == smoothness(walk[0])
        assert read_json(folder / "result.json")["result"]["latents"]["deviation"] is None, "of one walk"
        assert (folder / "smoothness.csv").read_text().splitlines()[1] == f"latents,0,{found[path]}"
    assert found["linear"] != found["spherical"]


def test_even_walks_are_smooth() -> None:
    ramp = np.arange(10, dtype=np.uint8)[:, None, None, None] * 20
    assert smoothness(ramp) == pytest.approx(1.0)
    jump = np.repeat(np.array([0, 200], np.uint8), 5)[:, None, None, None]
    assert smoothness(jump) == pytest.approx(1 / 9)
    assert smoothness(np.zeros((4, 2, 2, 1), np.uint8)) == 1.0


def test_from_end_to_end_and_the_same_again(conditional: Run, tmp_path: Path) -> None:
    study = declared("interpolate", [f"run={conditional.path}", "pairs=2", "steps=5"])
    folder = carry_out(study, tmp_path / "walk")
    first = (folder / "result.json").read_bytes()
    assert carry_out(study, folder) == folder and (folder / "result.json").read_bytes() == first
    result = read_json(folder / "result.json")["result"]
    walks = [smoothness(walk) for walk in between_latents(conditional.sampler(), 2, 5, "spherical", 0)]
    assert result["latents"] == {"smoothness": np.mean(walks), "deviation": np.std(walks, ddof=1)}
    assert "classes" in result
    with Image.open(folder / "latents.png") as picture:
        assert picture.width > 5 * 8
    with pytest.raises(GanatomyError, match="steps: 5 -> 6"):
        carry_out(declared("interpolate", [f"run={conditional.path}", "pairs=2", "steps=6"]), folder)


def test_killed_between_two_walks_it_ends_the_same_and_removed_pictures_come_back(
    conditional: Run, tmp_path: Path, dies: Dies
) -> None:
    study = declared("interpolate", [f"run={conditional.path}", "pairs=2", "steps=4"])
    whole = carry_out(study, tmp_path / "whole")
    protocol = read_json(whole / "result.json")["result"]["protocol"]
    found = conditional.checkpoint()
    told = {"run", "round", "checkpoint", "player", "weights", "data", "content", "classes", "smoothness", "seed"}
    assert set(protocol) == told and protocol["content"] == found.state["data"]["content"]
    assert protocol["round"] == found.round and protocol["weights"] == "average"

    walked = dies(interpolate, "smoothness", 3)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "killed")
    carry_out(study, tmp_path / "killed")
    assert len(walked) == 5, "the walks between latents are not walked again"
    (tmp_path / "killed" / "latents.png").unlink()
    carry_out(study, tmp_path / "killed")
    assert promised("interpolate") <= files_in(whole)
    for name in ("result.json", "smoothness.csv", "smoothness.png", "latents.png", "classes.png"):
        assert (tmp_path / "killed" / name).read_bytes() == (whole / name).read_bytes()


def test_mistakes_are_told(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match=r"no setting 'stepps'\. Did you mean 'steps'"):
        declared("interpolate", ["run=x", "stepps=3"])
    with pytest.raises(GanatomyError, match="steps=4: steps is said before, too"):
        declared("interpolate", ["run=x", "steps=3", "steps=4"])
    with pytest.raises(GanatomyError, match="needs the setting 'run'"):
        declared("interpolate")
    with pytest.raises(GanatomyError, match=r"No study called 'interpolat'\. Did you mean 'interpolate'"):
        declared("interpolat")
    with pytest.raises(GanatomyError, match="two ends"):
        carry_out(declared("interpolate", [f"run={trained.path}", "steps=2"]), tmp_path / "short")
    carry_out(declared("interpolate", [f"run={trained.path}", "steps=3", "pairs=1"]), tmp_path / "short")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    with pytest.raises(GanatomyError, match="holds other things"):
        carry_out(declared("interpolate", [f"run={trained.path}"]), tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["file"]
