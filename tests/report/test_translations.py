"""Translators side by side: one floor for all, and no two protocols in a table."""

from pathlib import Path

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.report.translations import newest, picture, rows, translations
from ganatomy.runs.folder import RunFolder
from tests.conftest import Program


def made(path: Path, kid: float, extractor: str = "judge") -> RunFolder:
    def column(value: float, seen: float) -> dict[str, float]:
        return {"kid": value, "kid_error": 0.1, "fid": 2 * value, "seen_as_target": seen}

    found = {
        "columns": {
            "floor": column(1.0, 0.95),
            "translated": column(kid, 0.6),
            "doing nothing": column(9.0, 0.1),
            "ceiling": column(9.5, 0.1),
        },
        "cycle_error": 0.05,
        "between_two": 0.25,
        "inverted": 0.02,
    }
    run = RunFolder(path)
    run.path.mkdir()
    run.recipe_file.write_text("name: made\n")
    protocol = {"extractor": extractor, "reference": "training images"}
    run.measurements.append({"which": "last", "directions": {"a to b": found, "b to a": found}, "protocol": protocol})
    return run


def test_every_run_stands_between_the_floor_and_doing_nothing(tmp_path: Path) -> None:
    found = translations([made(tmp_path / "plain", 5.0), made(tmp_path / "cr", 4.0)])
    table = rows(found, "a to b")
    assert [row["images"] for row in table] == ["floor", "plain", "cr", "doing nothing", "ceiling"]
    assert table[2] == {
        "images": "cr",
        "KID": "4 ± 0.1",
        "FID": "8",
        "seen as the target": "60.0%",
        "cycle error, of two images'": "0.20",
        "exchanged": "2.0%",
    }
    assert picture(found).height > 300


def test_protocols_are_not_mixed_and_runs_without_scores_are_told(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a", 5.0), made(tmp_path / "b", 5.0, "inception")
    with pytest.raises(GanatomyError, match="not of one protocol: extractor is judge and inception"):
        translations([one, other])
    bare = RunFolder(tmp_path / "bare")
    assert newest(bare) is None
    with pytest.raises(GanatomyError, match="bare has no scores of translations: ganatomy evaluate"):
        translations([one, bare])


def test_compare_from_the_command_line(tmp_path: Path, ganatomy_says: Program) -> None:
    runs = [made(tmp_path / name, kid).path for name, kid in (("plain", 5.0), ("cr", 4.0))]
    ran = ganatomy_says("compare", *runs, "--out", "both.png")
    assert ran.code == 0 and "a to b" in ran.out and "| cr | 4 ± 0.1 |" in ran.out
    assert (tmp_path / "both.png").exists()
