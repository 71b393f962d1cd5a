"""Translators side by side: one floor for all, and no two protocols in a table."""

from pathlib import Path

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.report.translations import by_protocol, picture, rows, translations
from ganatomy.runs.folder import RunFolder
from tests.conftest import Program


def made(path: Path, kid: float | None, extractor: str = "judge", round: int = 1, **protocol: str) -> RunFolder:
    """A run with a record more; kid: None where the distance was not asked for."""

    def column(value: float, seen: float) -> dict[str, float]:
        kernel = {} if kid is None else {"kid": value, "kid_error": 0.1}
        return {**kernel, "fid": 2 * value, "seen_as_target": seen}

    found = {
        "columns": {
            "floor": column(1.0, 0.95),
            "translated": column(kid or 1.0, 0.6),
            "doing nothing": column(9.0, 0.1),
            "ceiling": column(9.5, 0.1),
        },
        "cycle_error": 0.05,
        "between_two": 0.25,
        "inverted": 0.02,
        "inverted_by_chance": 0.1,
    }
    run = RunFolder(path)
    run.path.mkdir(exist_ok=True)
    run.recipe_file.write_text("name: made\n")
    of = {"extractor": extractor, "reference": "training images", **protocol}
    directions = {"a to b": found, "b to a": found}
    run.measurements.append({"which": "last", "round": round, "directions": directions, "protocol": of})
    return run


def test_every_run_stands_between_the_floor_and_doing_nothing(tmp_path: Path) -> None:
    found = translations([made(tmp_path / "plain", 5.0), made(tmp_path / "cr", 4.0)])
    table = rows(found)
    assert [row["images"] for row in table] == 2 * ["floor", "plain", "cr", "doing nothing", "ceiling"]
    assert [row["direction"] for row in table] == 5 * ["a to b"] + 5 * ["b to a"]
    assert table[2] == {
        "direction": "a to b",
        "images": "cr",
        "KID": "4 ± 0.1",
        "FID": "8",
        "seen as the target": "60.0%",
        "cycle error, of two images'": "0.20",
        "inverted (by chance)": "2.0% (10.0%)",
    }
    assert picture(found).height > 300


def test_protocols_are_not_mixed_and_runs_without_scores_are_told(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a", 5.0), made(tmp_path / "b", 5.0, "inception")
    with pytest.raises(GanatomyError, match="not of one protocol: extractor is judge and inception"):
        translations([one, other])
    raw = made(tmp_path / "raw", 5.0, weights="raw")
    with pytest.raises(GanatomyError, match="not of one protocol: weights is None and raw"):
        translations([one, raw])
    bare = RunFolder(tmp_path / "bare")
    assert by_protocol(bare) == {}
    with pytest.raises(GanatomyError, match=r"bare has no scores .* translator: ganatomy evaluate .*Other GANs"):
        translations([one, bare])


def test_a_later_record_with_fewer_scores_hides_none(tmp_path: Path) -> None:
    made(tmp_path / "run", 5.0)
    (record,) = by_protocol(made(tmp_path / "run", None)).values()
    assert record["directions"]["a to b"]["columns"]["translated"]["kid"] == 5.0
    (record,) = by_protocol(made(tmp_path / "run", None, round=2)).values()
    assert record["round"] == 2, "a translator that was trained on is another"


def test_runs_meet_under_the_newest_protocol_that_they_share(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one", 5.0), made(tmp_path / "other", 4.0, "inception")
    made(tmp_path / "one", 7.0, "inception"), made(tmp_path / "one", 6.0, "random")
    found = translations([one, other])
    assert {record["protocol"]["extractor"] for record in found.values()} == {"inception"}
    assert [row["KID"] for row in rows(found)][1:3] == ["7 ± 0.1", "4 ± 0.1"]


def test_compare_from_the_command_line(tmp_path: Path, ganatomy_says: Program) -> None:
    runs = [made(tmp_path / name, kid).path for name, kid in (("plain", 5.0), ("cr", 4.0))]
    ran = ganatomy_says("compare", *runs, "--out", "both.png")
    assert ran.code == 0 and "| a to b | cr | 4 ± 0.1 |" in ran.out
    assert ran.out.count("| direction |") == 1, "one table"
    assert (tmp_path / "both.png").exists()
