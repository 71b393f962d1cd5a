"""Sums of latents: exact on a linear generator, measured by judges, and picked by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.run import Run
from ganatomy.runs.files import read_json
from ganatomy.studies import arithmetic
from ganatomy.studies.arithmetic import sum_of
from ganatomy.studies.study import carry_out, declared


def test_a_linear_generator_gives_the_direction_exactly() -> None:
    """If images are A z, the sum of the groups' latents is the sum of their mean images."""
    draw = torch.Generator().manual_seed(0)
    A = torch.randn(20, 6, generator=draw, dtype=torch.float64)
    smile, male, base = torch.randn(3, 6, generator=draw, dtype=torch.float64).unbind()
    wobble = torch.randn(3, 3, 6, generator=draw, dtype=torch.float64)
    wobble -= wobble.mean(1, keepdim=True)
    terms = [base + smile + wobble[0], base + wobble[1], base + male + wobble[2]]
    assert torch.allclose(sum_of(terms) @ A.T, (base + smile + male) @ A.T, atol=1e-12)


def halves(run: Run, attribute: str) -> tuple[object, dict[str, object]]:
    """Judges that need no labels: bright above, or bright at the left."""
    axis = {"above": 1, "left": 2}[attribute]

    def has(images: np.ndarray) -> np.ndarray:
        first, second = np.split(images.astype(float), 2, axis=axis)
        return np.asarray(first.mean((1, 2, 3)) > second.mean((1, 2, 3)))

    return has, {"balanced_accuracy": 1.0, "sha256": attribute}


def test_from_end_to_end(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "attribute_judge", halves)
    words = [f"run={trained.path}", "attribute=above", "other=left", "pool=200", "trials=20"]
    folder = carry_out(declared("arithmetic", words), tmp_path / "sum")
    result = read_json(folder / "result.json")["result"]
    assert 0 <= result["attribute_appears"] <= 1 and result["trials"] == 20
    assert set(result["before"]) == {"above", "left"} and sum(result["in_pool"].values()) <= 200
    assert result["protocol"]["content"] and result["protocol"]["judges_sha256"] == {"above": "above", "left": "left"}
    assert all(count >= 3 for count in result["in_pool"].values())
    assert {"arithmetic.png", "trials.png", "numbered.png"} <= {path.name for path in folder.iterdir()}


def test_by_hand(trained: Run, tmp_path: Path) -> None:
    picked = declared("arithmetic", [f"run={trained.path}", "picked=[[1,2,3],[4,5],[6]]"])
    folder = carry_out(picked, tmp_path / "hand")
    assert read_json(folder / "result.json")["result"] == {"picked": [[1, 2, 3], [4, 5], [6]], "measured": None}
    with pytest.raises(GanatomyError, match="three lists"):
        carry_out(declared("arithmetic", [f"run={trained.path}", "picked=[[1],[2]]"]), tmp_path / "two")


def test_few_are_a_page_and_a_refused_study_is_corrected_in_its_folder(trained: Run, tmp_path: Path) -> None:
    for picked, said in (("[[1],[2]]", "three lists"), ("[[1],[2],[100]]", "no 100"), ("[[1],[2],[-1]]", "no -1")):
        with pytest.raises(GanatomyError, match=said):
            carry_out(declared("arithmetic", [f"run={trained.path}", f"picked={picked}"]), tmp_path / "few")
    (tmp_path / "few" / "numbered.png").write_bytes(b"of a study that was refused later")
    carry_out(declared("arithmetic", [f"run={trained.path}", "picked=[[1],[2],[3]]"]), tmp_path / "few")
    size = trained.checkpoint().state["data"]["shape"][2]
    with Image.open(tmp_path / "few" / "arithmetic.png") as image:
        assert image.width >= 3 * size


def test_what_cannot_be_is_refused(trained: Run, conditional: Run, tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match="told its classes"):
        carry_out(declared("arithmetic", [f"run={conditional.path}"]), tmp_path / "a")
    with pytest.raises(GanatomyError, match="Smiling"):
        carry_out(declared("arithmetic", [f"run={trained.path}"]), tmp_path / "b")
