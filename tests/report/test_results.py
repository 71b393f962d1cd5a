"""Runs side by side."""

import json
from pathlib import Path

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.run import Run
from ganatomy.report.comparison import as_scored, outcome_of
from ganatomy.report.page import page
from ganatomy.report.results import (
    ALONE,
    HEAD,
    class_spread,
    last_readings,
    measured,
    measured_columns,
    plus_or_minus,
    results,
    studied,
)
from ganatomy.runs.files import write_json
from ganatomy.runs.folder import RunFolder
from tests.report.made import made_run


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_best_and_final_stand_with_what_was_measured(trained: Run, conditional: Run) -> None:
    text = results([trained.folder, conditional.folder])
    table = rows(text)
    assert table[0] == list(HEAD)
    written = trained.folder.evaluations.read()
    last = next(record for record in written if record["which"] == "last")
    own = [line for line in table if line[0] == trained.folder.name and len(line) == len(HEAD)]
    assert any(line[3] == f"{last['images']:,}" and line[5] == f"{last['scores']['frechet']:.2f}" for line in own)
    assert all(line[1] == "0" for line in own)
    assert last["protocol"]["extractor_sha256"][:12] in text and "ganatomy.train" not in text
    assert f"- {conditional.folder.name}: " in text


def test_different_protocols_never_share_a_table(trained: Run, tmp_path: Path) -> None:
    folders = []
    for name, count in (("a", 600), ("b", 500), ("c", 600)):
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        folder.recipe_file.write_text(trained.folder.recipe_file.read_text())
        folder.environment_file.write_text(trained.folder.environment_file.read_text())
        for record in trained.folder.evaluations.read():
            folder.evaluations.append({**record, "protocol": {**record["protocol"], "count": count}})
        folders.append(folder)
    text = results(folders)
    tables = [part for part in text.split("\n\n") if part.startswith("| run")]
    assert len(tables) == 2
    assert "| a |" in tables[0] and "| c |" in tables[0] and "| b |" in tables[1] and "| b |" not in tables[0]
    assert text.count("Not to be compared") == 1
    assert "Not to be compared with the first such table: count is 500, not 600." in text


def test_measured_scores_are_tabulated_with_what_tells_their_protocols_apart(tmp_path: Path) -> None:
    runs = [made_run(tmp_path / name) for name in ("a", "b")]
    known = {"reference": "training images", "extractor": "random", "extractor_sha256": "c" * 64, "count": 700}
    for run, values, protocol in (
        (runs[0], (9.0, 5.0), known),
        (runs[1], (6.0,), {**known, "extractor_sha256": "d" * 64, "resize": "clean"}),
    ):
        for fid in values:
            run.measurements.append(
                {
                    "which": "last",
                    "images": 800,
                    "scores": {"fid": fid},
                    "at_floor_count": {"scores": {"fid": fid + 0.5}, "count": 600},
                    "floor": {"fid": 1.25, "count": 600},
                    "remarks": [],
                    "protocol": {**protocol, "checkpoint": "last"},
                }
            )
    ways = {"x to y": {"count": 9, "columns": {"translated": {"kid": 3.0}, "floor": {"kid": 2.0}}}}
    runs[0].measurements.append({"which": "last", "directions": ways, "protocol": {"reference": "y", "extractor": "j"}})
    text = results(runs)
    table = [line for line in rows(text) if line[0] in "ab" or line[0].startswith("real")]
    assert ["a", "last", "800", "5"] in table and ["a", "last, 600", "", "5.5"] in table and "| 9 |" not in text
    assert table.count(["real, 600", "", "", "1.25"]) == 2
    assert ["a", "last, x to y", "", "3"] in table and ["real, 9, x to y", "", "", "2"] in table
    assert "\n9 images, j; reference: y" in text and "not scored" not in text
    assert f"extractor_sha256 is {'d' * 12}, not {'c' * 12}; resize is clean, not None." in text


def test_what_is_remarked_of_scores_stands_below_their_table(tmp_path: Path) -> None:
    """Each once, and that the best stands alone only where its last does not stand beside it."""
    both, alone = made_run(tmp_path / "both"), made_run(tmp_path / "alone")
    protocol = {"reference": "training images", "extractor": "random", "count": 300}
    for run, which in ((both, "last"), (both, "best"), (alone, "best")):
        said = ["fid of 300 images is biased upwards", *([ALONE] if which == "best" else [])]
        run.measurements.append(
            {"which": which, "images": 1, "scores": {"fid": 4.0}, "remarks": said, "protocol": protocol}
        )
        run.evaluations.append({**run.evaluations.read()[-1], "which": which, "remarks": ["rough: 600 samples", ALONE]})
    for runs, times in ((([both, alone]), 1), ([both], 0), ([alone], 1)):
        (table,) = (part for part in results(runs).split("How they were made")[0].split("| run | checkpoint |")[1:])
        assert table.count("- fid of 300 images is biased upwards\n") == 1 and table.count(ALONE) == times, runs
        text = page(runs)
        assert "Fid of 300 images is biased upwards." in text and text.count(ALONE[1:]) == times, runs
    assert results([both]).count("- rough: 600 samples\n") == 1 and "Rough: 600 samples." in page([both])


def test_plus_or_minus_means_one_thing_in_a_table() -> None:
    """Between draws, where they were repeated; or the own error of one draw."""
    once = {"scores": {"is": 8.5, "is_deviation": 0.4}, "floor": {"is": 8.6, "is_deviation": 0.34}}
    drawn = {**once, "deviations": {"is": 0.1}}
    for record, shown in ((once, ["8.5 ± 0.4", "8.6 ± 0.34"]), (drawn, ["8.5 ± 0.1", "8.6"])):
        assert [measured(one.scores, one.deviations, "is") for one in measured_columns([record])] == shown
        in_class = {**record, "ceiling": record["floor"]}
        columns = ("scores", "floor", "ceiling")
        found = [measured(in_class[column], class_spread(in_class, column), "is") for column in columns]
        assert found == [*shown, shown[1]]
    assert plus_or_minus([once]) == ["± is of the Inception Score the deviation between parts of one draw"]
    assert plus_or_minus([once, drawn]) == ["± is the deviation between draws"]
    assert plus_or_minus([{"scores": {"fid": 2.0}}]) == []


def test_the_last_readings_tell_whether_it_still_got_better(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    for images, distance in ((1_000, 9.0), (2_000, 5.0), (3_000, 4.0), (4_000, 3.5)):
        run.scores.append({"images": images, "scores": {"frechet": distance}})
    assert last_readings(run) == "; Fréchet in training 5.00, 4.00, 3.50 after 2,000, 3,000, 4,000 images"
    assert last_readings(RunFolder(tmp_path / "other")) == ""


def test_a_run_without_scores_is_not_hidden(trained: Run, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "bare")
    folder.path.mkdir()
    folder.recipe_file.write_text(trained.folder.recipe_file.read_text())
    text = results([trained.folder, folder])
    assert "- bare: not scored" in text and "- bare: its environment.json cannot be read" in text
    with pytest.raises(GanatomyError, match="No runs"):
        results([])


def test_a_score_that_collapse_wins_is_hidden_without_one_it_loses(trained: Run, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "uncovered")
    folder.path.mkdir()
    folder.recipe_file.write_text(trained.folder.recipe_file.read_text())
    record = json.loads(json.dumps(trained.folder.evaluations.read()[0]))
    folder.evaluations.append({**record, "scores": {**record["scores"], "coverage": None}})
    assert rows(results([folder]))[1][7:10] == ["-", "-", "-"]


def test_studies_are_tabulated_with_what_was_asked(tmp_path: Path) -> None:
    result = {"protocol": {"run": "/somewhere/runs/a", "round": 3}, "accuracy": {"linear": 0.9, "remark": "none"}}
    write_json(
        tmp_path / "result.json", {"study": "probe", "use": "Probe", "run": "/somewhere/runs/a", "result": result}
    )
    text = studied([tmp_path])
    assert text.startswith("`ganatomy study probe run=a`")
    assert "| accuracy.linear | 0.9 |" in text and "run a; round 3." in text
    assert "| accuracy.remark | none |" in text and "somewhere" not in text


def test_measured_runs_stand_at_equal_counts_and_by_their_last_checkpoint(tmp_path: Path) -> None:
    """2,000 samples beside a floor of 500 images are nearer than 500 samples are; and the best is not the last."""
    protocol = {"extractor": "random", "count": 2000, "checkpoint": "last"}
    fewer = {"scores": {"fid": 4.0, "coverage": 0.5}, "count": 500}
    last = {"scores": {"fid": 2.0, "coverage": 0.9}, "floor": {"fid": 1.0, "coverage": 0.6}, "at_floor_count": fewer}
    one = as_scored({**last, "protocol": protocol, "which": "last"})
    assert one["scores"]["frechet"] == 4.0 and one["scores"]["coverage"] == 0.5 and one["protocol"]["count"] == 500
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    for which, distance in (("last", 3.0), ("best", 1.5)):
        scores = {"fid": distance, "coverage": 0.5}
        record = {"scores": scores, "floor": last["floor"], "protocol": protocol, "which": which, "images": 1}
        run.measurements.append(record)
    found = {which: one["scores"]["frechet"] for which, one in outcome_of(run).scored.items()}
    assert found == {"last": 3.0, "best": 1.5}
