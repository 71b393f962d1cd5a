"""Grids of runs: what is in them, what is trained once, and what is said of failures and differences."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.core.recipe import Recipe, find_recipe
from ganatomy.experiments.run import Run
from ganatomy.report import courses
from ganatomy.report.comparison import THE_FIRST, Outcome, by_protocol, check_one_protocol, compared, difference, rows
from ganatomy.runs.files import read_json, write_json, write_text
from ganatomy.runs.folder import RunFolder
from ganatomy.studies import ablation
from ganatomy.studies.ablation import ablate, cells_of, folder_of, shard_of
from tests.conftest import TINY, Program

AXES = ("optimizers.D.lr=1e-4,1e-3", *TINY)


def record(frechet: float, coverage: float = 0.5, **protocol: object) -> dict[str, object]:
    scores = {"frechet": frechet, "coverage": coverage, "classifier_score": 8.0, "accuracy": None}
    floor = {"frechet": 2.0, "coverage": 0.9, "classifier_score": 9.7}
    return {"scores": scores, "floor": floor, "which": "last", "protocol": {"count": 100, "seed": 0, **protocol}}


def outcome(path: Path, frechet: float, failed: str | None = None, **how: object) -> Outcome:
    return Outcome(RunFolder(path), failed, {} if failed else {"last": record(frechet, **how)})  # type: ignore[arg-type]


def test_every_combination_and_seed_is_a_cell() -> None:
    cells = cells_of(["digits-dcgan"], ["optimizers.D.lr=1e-4,1e-3", "game.d_steps=1,2", "batch=32"], [0, 1])
    assert len(cells) == 8 and len({cell.name for cell in cells}) == 8
    assert cells[0].setting == "optimizers.D.lr=1e-4, game.d_steps=1", "what does not vary is not told"
    assert {cell.recipe.batch for cell in cells} == {32} and {cell.recipe.seed for cell in cells} == {0, 1}
    both = cells_of(["digits-dcgan", "digits-vanilla"], [], [0])
    assert [cell.setting for cell in both] == ["digits-dcgan", "digits-vanilla"]
    lists = cells_of(["digits-dcgan"], ["players.G.channels=[8,4],[16,8]"], [0])
    assert [cell.recipe.players["G"].settings["channels"] for cell in lists] == [(8, 4), (16, 8)]


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_shards_are_all_cells_once(parts: int) -> None:
    cells = cells_of(["digits-dcgan"], ["game.d_steps=1,2,3"], [0, 1])
    found = [cell.name for part in range(1, parts + 1) for cell in shard_of(cells, f"{part}/{parts}")]
    assert sorted(found) == sorted(cell.name for cell in cells)


@pytest.mark.parametrize(
    ("assignments", "seeds", "said"),
    [
        (["optimzers.D.lr=1,2"], [0], "Did you mean 'optimizers'"),
        (["game.d_steps=1,1"], [0], "named twice"),
        (["game.d_steps=1,2", "game.d_steps=3,4"], [0], "game.d_steps is named twice: put all of its values"),
        (["game.d_steps=1,none"], [0], "game.d_steps=none"),
        ([], [3, 3], "named twice"),
        (["game.d_steps=1,2"], [], "without seeds has no cells: name one at least"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(assignments: list[str], seeds: list[int], said: str) -> None:
    with pytest.raises(GanatomyError, match=said):
        cells_of(["digits-dcgan"], assignments, seeds)


@pytest.mark.parametrize(
    ("assignment", "how", "option"),
    [
        ("seed=1,2", {}, "--seeds"),
        ("images=1,2", {"images": 256}, "--images"),
        ("data.source=digits,mnist", {"data": "digits"}, "--data"),
    ],
)
def test_what_an_option_says_is_no_axis(assignment: str, how: dict[str, Any], option: str) -> None:
    with pytest.raises(GanatomyError, match=f"{option} says it"):
        cells_of(["digits-dcgan"], [assignment], [0], **how)
    assert len(cells_of(["digits-dcgan"], ["images=100,200"], [0])) == 2, "without --images it is a field like others"


def test_cells_of_another_ablation_are_refused(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ablate(cells_of(["digits-dcgan"], TINY, [0], images=256), tmp_path, duration="1h")
    monkeypatch.setattr(ablation, "train", lambda *a, **k: pytest.fail("trained"))
    for words, images, duration, said in (
        ((*TINY, "batch=32"), 256, "1h", "batch: 128 -> 32|batch: 64 -> 32"),
        (TINY, 128, "1h", "images: 256 -> 128"),
        (TINY, 256, "30m", "3600.0 -> 1800.0"),
        ((*TINY, "data.portion=0.5"), 256, "1h", "data.portion"),
    ):
        with pytest.raises(GanatomyError, match=f"holds another ablation .*({said}).*--out"):
            ablate(cells_of(["digits-dcgan"], words, [0], images=images), tmp_path, duration=duration)
    ablate(cells_of(["digits-dcgan"], TINY, [0], images=256), tmp_path, duration="60m")
    file = next((tmp_path / "cells").iterdir())
    write_json(file, {**read_json(file), "content": "of other images"})
    with pytest.raises(GanatomyError, match="its images are not those of digits"):
        ablate(cells_of(["digits-dcgan"], TINY, [0], images=256), tmp_path, duration="1h")


@pytest.mark.parametrize(
    ("place", "how", "said"),
    [
        ("", {}, "holds other things than an ablation"),
        ("mine.md", {}, "is a file, not a folder"),
        ("new", {"shard": "2/2"}, "shard 2/2 is empty"),
        ("new", {"device": "gpu"}, "gpu"),
    ],
)
def test_what_cannot_be_begun_changes_nothing(tmp_path: Path, place: str, how: dict[str, Any], said: str) -> None:
    write_text(tmp_path / "results.md", "mine")
    write_text(tmp_path / "mine.md", "mine, too")
    with pytest.raises(GanatomyError, match=said):
        ablate(cells_of(["digits-dcgan"], TINY, [0]), tmp_path / place, **how)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "results.md": "mine",
        "mine.md": "mine, too",
    }


def test_all_cells_can_be_built_before_one_is_trained(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablation, "train", lambda *a, **k: pytest.fail("trained"))
    cells = cells_of(["digits-dcgan"], ["players.G.kernel=4,1", *TINY], [0])
    with pytest.raises(GanatomyError, match="leaves holes"):
        ablate(cells, tmp_path)


def test_what_is_no_fault_of_a_cell_stops_the_ablation_with_what_is_done(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells, kept = cells_of(["digits-dcgan"], TINY, [0, 1, 2], images=256), ablation.train

    def failing(recipe: Recipe, **how: Any) -> Run:
        run = kept(recipe, **how)
        if recipe.seed > 0:
            raise GanatomyError(wrong[recipe.seed])
        return run

    wrong = {1: "Out of memory with batch=64", 2: "Cannot write: No space left on device."}
    monkeypatch.setattr(ablation, "train", failing)
    with pytest.raises(GanatomyError, match="No space left"):
        ablate(cells, tmp_path)
    remark = "seed 1 failed: Out of memory with batch=64 (tried again by the same command)"
    assert remark in (tmp_path / "results.md").read_text()
    monkeypatch.setattr(ablation, "train", kept)
    ablate(cells, tmp_path)
    row = read_json(tmp_path / "result.json")["tables"][0][0]
    assert row["runs"] == "3" and "failed" not in row["remarks"], "what lacked memory is tried again"


def test_shards_merge_and_what_is_trained_stays(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = cells_of(["digits-dcgan"], AXES, [0, 1], images=256)
    said: list[str] = []
    ablate(cells, tmp_path, shard="1/2", announce=said.append)
    assert said[-1] == "2 of 4 cells are not trained yet; another shard has them."
    assert f"Not trained yet: {cells[1].name}, {cells[3].name}." in (tmp_path / "results.md").read_text()
    ablate(cells, tmp_path, shard="2/2")
    assert "Not trained yet" not in (tmp_path / "results.md").read_text()
    table = read_json(tmp_path / "result.json")["tables"][0]
    assert [row["runs"] for row in table] == ["2", "2"] and "spread (p " in table[1]["against the first"]
    numbers = read_json(tmp_path / "result.json")["numbers"]["optimizers.D.lr=1e-4"]
    assert numbers["seeds"] == [0, 1] and numbers["images, last"] == [256, 256] and len(numbers["x floor, last"]) == 2
    with open(tmp_path / "runs.csv") as file:
        runs = list(csv.DictReader(file))
    assert [(row["setting"], row["seed"]) for row in runs] == [(cell.setting, str(cell.recipe.seed)) for cell in cells]
    assert [float(row["x floor, last"]) for row in runs[:2]] == numbers["x floor, last"]
    written = (tmp_path / "result.json").read_bytes()
    monkeypatch.setattr(ablation, "train", lambda *a, **k: pytest.fail("trained again"))
    ablate(cells, tmp_path)
    assert (tmp_path / "result.json").read_bytes() == written
    with Image.open(tmp_path / "picture.png") as image:
        assert image.width > 1000


def test_an_ablation_that_shall_be_longer_goes_on(cache: Path, tmp_path: Path) -> None:
    """As one that was that long at once; what another shard has is not told as if it were."""
    words, seeds = ("optimizers.D.lr=1e-4,1e30", *TINY), [0, 1]
    ablate(cells_of(["digits-dcgan"], words, seeds, images=256), tmp_path / "grown", duration="1h")
    longer, said = cells_of(["digits-dcgan"], words, seeds, images=512), list[str]()
    ablate(longer, tmp_path / "grown", shard="2/4", announce=said.append)
    assert said[0] == "1 of 1: optimizers.D.lr=1e-4, seed 1", "without a limit of time is longer than an hour"
    table = read_json(tmp_path / "grown" / "result.json")
    assert table["numbers"]["optimizers.D.lr=1e-4"]["images, last"] == [512]
    assert table["missing"] == [longer[0].name], "what failed for good is not tried again"
    ablate(longer, tmp_path / "grown")
    ablate(longer, tmp_path / "whole")
    grown, whole = (read_json(tmp_path / name / "result.json")["numbers"] for name in ("grown", "whole"))
    for setting in whole:
        assert grown[setting].get("x floor, last") == whole[setting].get("x floor, last")


def test_a_picture_has_the_grid_of_every_group_up_to_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {str(i): [outcome(tmp_path / str(i), 5.0)] for i in range(9)}
    for name in groups:
        (tmp_path / name / "samples").mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / name / "samples" / "0000000001.png")
    whole = courses.picture(groups).height
    monkeypatch.setattr(courses, "GRIDS", 8)
    assert courses.picture(groups).height < whole


def test_a_run_that_fails_is_in_the_table_and_the_others_go_on(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rate that no float survives."""
    cells = cells_of(["digits-dcgan"], ["optimizers.D.lr=1e-3,1e30", *TINY], [0], images=256)
    ablate(cells[::-1], tmp_path)
    monkeypatch.setattr(ablation, "train", lambda *a, **k: pytest.fail("a loss that is no number is final"))
    ablate(cells[::-1], tmp_path)
    by_setting = {row["setting"]: row for row in read_json(tmp_path / "result.json")["tables"][0]}
    assert "seed 0 failed" in by_setting["optimizers.D.lr=1e30"]["remarks"]
    assert by_setting["optimizers.D.lr=1e-3"]["x floor, last"] != "-"
    with open(tmp_path / "runs.csv") as file:
        runs = {row["setting"]: row for row in csv.DictReader(file)}
    assert runs["optimizers.D.lr=1e30"]["failed"] and not runs["optimizers.D.lr=1e30"]["x floor, last"]
    assert not runs["optimizers.D.lr=1e-3"]["failed"]
    assert "failed" in (tmp_path / "results.md").read_text()
    beside = rows(compared([RunFolder(tmp_path / "runs" / cell.name) for cell in cells]))
    assert "seed 0 failed: G/adversarial became nan in round 1" in beside[1]["remarks"], "as its folder tells"


def test_a_killed_cell_has_what_is_left_of_its_time(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells, given = cells_of(["digits-dcgan"], TINY, [0], images=256), list[float]()

    class Killed(BaseException):
        pass

    def dying(recipe: Recipe, **how: Any) -> Run:
        given.append(how["duration"])
        how["show"].state = replace(how["show"].state, spent=40.0).write(how["show"].file)
        raise Killed

    monkeypatch.setattr(ablation, "train", dying)
    for _ in range(2):
        with pytest.raises(Killed):
            ablate(cells, tmp_path, duration="60s")
    assert given == [60.0, 20.0]


def test_an_ablation_that_is_killed_at_once_can_go_on(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(recipe: Recipe, **how: Any) -> Run:
        write_text(RunFolder(how["out"]).recipe_file, recipe.to_yaml())
        raise KeyboardInterrupt

    monkeypatch.setattr(ablation, "train", dying)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            ablate(cells_of(["digits-dcgan"], TINY, [0], images=256), tmp_path)


def test_without_labels_runs_are_measured_in_random_features(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(120):
        Image.fromarray(generator.integers(0, 256, (8, 8), np.uint8)).save(folder / f"{number}.png")
    cells = cells_of(["digits-dcgan"], ["game.g_steps=1,2", *TINY], [0], data=str(folder), images=128)
    out = ablate(cells, tmp_path / "grid")
    table = read_json(out / "result.json")["tables"][0]
    assert all(float(row["x floor, last"]) > 0 and row["images, last"] == "128.00" for row in table)
    first, second = (out / "runs" / cell.name for cell in cells)
    assert "one seed" in rows(compared([RunFolder(first), RunFolder(second)]))[1]["against the first"]


def test_settings_are_compared_with_the_first_that_has_scores(tmp_path: Path) -> None:
    groups = {
        "dead": [outcome(tmp_path, 0, "D/real is not finite")],
        "half": [outcome(tmp_path, 6.0), outcome(tmp_path, 0, "D/real is not finite")],
        "good": [outcome(tmp_path, 4.0)],
    }
    table = rows(groups)
    assert [row["runs"] for row in table] == ["0 of 1", "1 of 2", "1"]
    assert [row["against the first"].split(",")[0] for row in table] == ["no number", THE_FIRST, "-1.00"]


def test_collapse_is_told_and_protocols_are_kept_apart(tmp_path: Path) -> None:
    groups = {
        "good": [outcome(tmp_path, 6.0)],
        "bad": [outcome(tmp_path, 60.0, coverage=0.01)],
        "dead": [outcome(tmp_path, 0, "D/real is not finite")],
    }
    table = rows(groups)
    assert [row["remarks"] for row in table] == [
        *("-", "seed 0 collapsed, or is not trained yet", "seed 0 failed: D/real is not finite")
    ]
    assert table[1]["against the first"].startswith("+27.00")
    mixed = {**groups, "other": [outcome(tmp_path, 6.0, count=50)]}
    with pytest.raises(GanatomyError, match="not of one protocol: count is 100 and 50"):
        check_one_protocol(mixed)
    assert [list(part) for part in by_protocol(mixed)] == [["good", "bad", "dead"], ["other"]]


def test_many_differences_are_said_to_be_tested_each_by_itself(tmp_path: Path) -> None:
    groups = {name: [outcome(tmp_path, 6.0)] for name in "abc"}
    for count, told in ((2, False), (3, True)):
        ablation.write_summary(dict(list(groups.items())[:count]), tmp_path)
        assert ("tested by itself" in (tmp_path / "results.md").read_text()) is told


def test_a_difference_counts_where_it_exceeds_the_spread() -> None:
    assert "beyond the spread (p < 0.001)" in difference([7.0, 7.2, 6.9], [4.0, 4.1, 4.3])
    assert "within" in difference([7.0, 5.0, 6.0], [5.5, 6.5, 4.9])
    assert "every seed alike" in difference([1.0, 1.0], [2.0, 2.0])
    assert difference([], [1.0]) == "no number"


def test_a_run_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match="named twice"):
        compared([RunFolder(tmp_path / "a"), RunFolder(tmp_path / "a")])


def test_an_ablation_of_a_recipe_file_goes_beside_the_others(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    write_text(file, find_recipe("digits-dcgan").replace(name="mine").to_yaml())
    cells = cells_of([str(file)], ["game.d_steps=1,2"], [0])
    assert folder_of(cells) == Path("ablations/mine") and cells[0].name == "game.d_steps=1-seed0"
    assert cells_of([str(file)], [], [0])[0].name == "mine-seed0"
    assert folder_of(cells_of(["digits-dcgan", "digits-vanilla"], [], [0])) == Path(
        "ablations/digits-dcgan,digits-vanilla"
    )


def test_from_the_command_line(ganatomy_says: Program, tmp_path: Path) -> None:
    words = ("ablate", "digits-dcgan", "game.d_steps=1,2", *TINY, "--images", "256", "--out", "grid")
    ran = ganatomy_says(*words)
    assert ran.code == 0 and "| game.d_steps=2 | 1 |" in ran.out, ran.err
    runs = sorted((tmp_path / "grid" / "runs").iterdir())
    ran = ganatomy_says("compare", *runs, "--out", "two.png")
    assert ran.code == 0 and "one seed: no spread" in ran.out and (tmp_path / "two.png").exists()
    ran = ganatomy_says("compare", *runs)
    assert "picture    comparison.png" in ran.out and (tmp_path / "comparison.png").exists()
    assert ganatomy_says("compare", *runs).code == 0, "its own it may replace"
    (tmp_path / "comparison.png").write_bytes(b"somebody's")
    ran = ganatomy_says("compare", *runs)
    assert ran.code == 1 and "comparison.png exists, and Ganatomy did not write it: say with --out" in ran.err
    assert (tmp_path / "comparison.png").read_bytes() == b"somebody's"
    ran = ganatomy_says("results", "grid")
    assert ran.code == 0 and "| game.d_steps=2 | 1 |" in ran.out, ran.err
    assert "whole numbers are wanted" in ganatomy_says("ablate", "digits-dcgan", "--seeds", "a").err
    assert "not a part such as 1/4" in ganatomy_says(*words, "--shard", "5/4").err
