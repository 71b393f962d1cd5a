"""Runs as one page."""

import base64
import io
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.report import page as room
from ganatomy.report.page import FRAMES, page, pictures
from ganatomy.runs.files import write_bytes
from ganatomy.runs.folder import RunFolder
from tests.conftest import Program
from tests.report.made import FLOOR, PROTOCOL, RECIPE, made_run, png

EVIL = "<script>alert('x')</script>&\"quoted\""


def tables(text: str) -> list[str]:
    return re.findall(r"<table.*?</table>", text, re.DOTALL)


def test_a_page_holds_everything_of_a_run(tmp_path: Path) -> None:
    text = page([made_run(tmp_path / "mine")])
    for title in ("Health", "Samples", "Scores", "Curves", "Plan", "Environment"):
        assert f"<h3>{title}</h3>" in text
    assert "Still improving" in text and "optimizers.D: Adam" in text and ">8,000<" in text
    assert "somewhere" not in text, "of a path only the name is told"
    assert "in multiples of the floor" in text and "Coverage: " in text, "words that the tables use are explained"
    assert text.count("<polyline") == 2 * (1 + 2 + 3), "figures and averages of a loss, two accuracies, three scores"


def test_a_page_names_no_address(tmp_path: Path) -> None:
    text = page([made_run(tmp_path / "mine"), made_run(tmp_path / "other")])
    assert not re.search(r"https?://|url\(|@import|srcset", text)
    assert {address[:5] for address in re.findall(r'(?:src|href)="([^"]*)"', text)} == {"data:", "#run-"}
    assert "default-src 'none'" in text


def test_text_of_names_and_labels_is_escaped(tmp_path: Path) -> None:
    run = made_run(tmp_path / "<b>bold", recipe={**RECIPE, "name": EVIL, "paper": EVIL})
    write_bytes(run.samples / "<i>x" / "y.png", png(1))
    write_bytes(run.samples / "<img src=x onerror=y>.png", png(1))
    record = {"scores": {"kid": 1.0}, "floor": {"kid": 1.0}, "ceiling": {"kid": 1.0}}
    run.measurements.append(
        {"which": "last", "remarks": [], "protocol": PROTOCOL, **record, "per_class": {EVIL: {**record, "count": 5}}}
    )
    text = page([run])
    assert text.count("<script") == 1 and "alert('x')" not in text
    assert "&lt;script&gt;" in text and "&lt;b&gt;bold" in text
    assert "<b>bold" not in text and "<img src=x" not in text


def test_best_and_last_stand_beside_real_images(tmp_path: Path) -> None:
    (table,) = tables(page([made_run(tmp_path / "mine")]))
    names, *rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall("<tr>.*?</tr>", table)]
    assert names == ["", "last", "best", "real, held out"]
    assert ["Fréchet distance ↓", "4.00", "9.00", "2.00"] in rows
    assert ["times the floor", "2.00", "4.50", "1.00"] in rows


def test_runs_of_one_name_are_told_apart_by_their_paths_and_none_stands_twice(tmp_path: Path) -> None:
    runs = [made_run(tmp_path / folder / "mine") for folder in ("a", "b")]
    text = page(runs)
    for run in runs:
        assert f"<h2>{run.path}</h2>" in text and f'<th scope="row">{run.path}</th>' in text
    with pytest.raises(GanatomyError, match="mine is named twice"):
        page([runs[0], runs[0]])


def test_different_protocols_never_share_a_table(tmp_path: Path) -> None:
    runs = [made_run(tmp_path / name) for name in ("a", "b")]
    row = runs[1].evaluations.read()[0]
    runs[1].evaluations.path.unlink()
    runs[1].evaluations.append({**row, "protocol": {**PROTOCOL, "count": 50}})
    first, second = tables(page(runs))[:2]
    assert ">a<" in first and ">b<" not in first and ">b<" in second and ">a<" not in second


def test_a_score_that_collapse_wins_is_hidden_without_one_it_loses(tmp_path: Path) -> None:
    run = made_run(tmp_path / "mine")
    row = run.evaluations.read()[0]
    run.evaluations.path.unlink()
    run.evaluations.append({**row, "scores": {**row["scores"], "coverage": None}})
    assert '<th scope="row">Classifier score ↑</th><td data-name="last">-</td>' in page([run])


def test_the_newest_measurement_of_each_protocol_has_a_table(tmp_path: Path) -> None:
    run = made_run(tmp_path / "mine")
    for value, count in ((3.5, 600), (1.25, 600), (7.75, 50)):
        run.measurements.append(
            {
                "which": "last",
                "scores": {"fid": value, "kid": 2.0, "kid_error": 0.5},
                "floor": {"fid": 1.0, "count": 600},
                "remarks": ["rough"],
                "protocol": {**PROTOCOL, "count": count, "checkpoint": "last"},
            }
        )
    text = page([run])
    assert "1.25" in text and "7.75" in text and "3.5<" not in text and "2 ±\N{NO-BREAK SPACE}0.5" in text
    assert "b" * 12 in text and "b" * 13 not in text, "hashes are shortened"


def test_translations_have_a_table_for_each_direction(tmp_path: Path) -> None:
    run = made_run(tmp_path / "mine")
    scores = {"kid": 1.0, "kid_error": 0.1, "seen_as_target": 0.5}
    columns = dict.fromkeys(("floor", "translated", "doing nothing", "ceiling"), scores)
    ways = {way: {"count": 9, "columns": columns, "cycle_error": 0.4} for way in ("cats to dogs", "dogs to cats")}
    run.measurements.append({"which": "last", "directions": ways, "protocol": PROTOCOL})
    text = page([run])
    run.evaluations.truncate(0)
    assert "was not scored" not in page([run]), "what was measured stands there, under Measurements"
    assert "<h4>cats to dogs</h4>" in text and "<h4>dogs to cats</h4>" in text and "Cycle error ↓: 0.4." in text
    assert text.count("Translations between the floor and") == 2 and "The worst translations" not in text
    write_bytes(run.path / "failures.png", png(3))
    assert base64.b64encode(png(3)).decode() in page([run])


def test_a_run_too_short_for_a_line_of_figures_was_shown_images_all_the_same(tmp_path: Path) -> None:
    run = made_run(tmp_path / "mine")
    assert "<dt>Images shown</dt><dd>8,000</dd>" in page([run])
    run.metrics.truncate(0)
    run.scores.truncate(0)
    assert "<dt>Images shown</dt><dd>3,000</dd>" in page([run])


def test_a_run_of_which_little_is_there_has_a_page(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "bare")
    run.path.mkdir()
    run.recipe_file.write_text("{ not: yaml: at all")
    text = page([run])
    for said in ("was not scored", "Nothing is logged", "recipe.yaml cannot be read", "environment.json cannot be"):
        assert said in text
    assert "<input" not in text and "<img" not in text
    with pytest.raises(GanatomyError, match="No runs"):
        page([])


def test_trained_runs_have_pages(trained, conditional) -> None:
    text = page([trained.folder, conditional.folder])
    assert "2 runs" in text and "Recognized as asked" in text and "Processor" in text
    assert "cannot be read" not in text and len(re.findall("<input", text)) == 2


def test_many_pictures_are_thinned_evenly_from_first_to_last(tmp_path: Path) -> None:
    film, last = pictures(made_run(tmp_path / "mine", samples=58), 10**7, FRAMES)
    shown = [int(picture.caption.split()[0].replace(",", "")) // 1000 for picture in film]
    assert len(shown) == room.FRAMES and shown[0] == 0 and shown[-1] == 57
    assert {b - a for a, b in pairwise(shown)} == {3}
    assert last is not None and last.caption == "57,000 images shown"
    assert sum(picture.printed for picture in film) == 4


def test_of_many_runs_the_last_picture_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [made_run(tmp_path / name, samples=3) for name in ("a", "b")]
    monkeypatch.setattr(room, "FILMED", 2)
    assert page(runs).count("<img") == 2 * 4
    monkeypatch.setattr(room, "FILMED", 1)
    text = page(runs)
    assert text.count("<img") == 2 and text.count("At the end") == 2 and "Over time" not in text


def test_pictures_that_are_too_large_are_made_smaller(tmp_path: Path) -> None:
    run = made_run(tmp_path / "mine", samples=0)
    for number in range(30):
        write_bytes(run.samples / f"{number:010d}.png", png(number, 200))
    film, last = pictures(run, 400_000, FRAMES)
    assert last is not None
    sources = [base64.b64decode(picture.source.partition(",")[2]) for picture in (*film, last)]
    assert sum(map(len, sources)) <= 400_000
    assert all(Image.open(io.BytesIO(source)).format == "JPEG" for source in sources)


def test_small_pictures_are_embedded_as_they_are(tmp_path: Path) -> None:
    film, _ = pictures(made_run(tmp_path / "mine"), 10**7, FRAMES)
    assert film[2].source == f"data:image/png;base64,{base64.b64encode(png(2)).decode()}"


def test_what_is_no_picture_is_left_out(tmp_path: Path) -> None:
    run = made_run(tmp_path / "mine", samples=1)
    write_bytes(run.samples / "0000000500.png", b"half a pict")
    assert len(pictures(run, 10**7, FRAMES)[0]) == 1


def test_only_changes_that_a_recipe_can_make_are_advised(tmp_path: Path) -> None:
    run = made_run(tmp_path / "mine")
    run.metrics.path.unlink()
    for n in range(8):
        figures = {"D/accuracy_real": 1.0, "D/accuracy_fake": 1.0, "G/adversarial": 1.0 + n, "learning_rate/D": 0.002}
        run.metrics.append({"images": n, **figures})
    text = page([run])
    assert "<code>optimizers.D.lr=0.0005</code>" in text and "<code>game.g_steps=2</code>" in text
    run.recipe_file.write_text(json.dumps({**RECIPE, "game": {"use": "BiGAN"}}))
    assert "<code>game.g_steps=2</code>" not in page([run])


def test_the_command_writes_into_the_run_or_where_it_is_told(tmp_path: Path, ganatomy_says: Program) -> None:
    made_run(tmp_path / "mine")
    made_run(tmp_path / "other")
    assert ganatomy_says("report", "mine").out.strip() == str(Path("mine") / "report.html")
    assert (tmp_path / "mine" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert ganatomy_says("report", "mine", "other").out.strip() == "report.html"
    assert ganatomy_says("report", "mine", "other").code == 0, "its own it may replace"
    (tmp_path / "report.html").write_text("somebody's")
    refused = ganatomy_says("report", "mine", "other")
    assert refused.code == 1 and "report.html exists, and Ganatomy did not write it: say with --out" in refused.err
    assert (tmp_path / "report.html").read_text() == "somebody's"
    assert ganatomy_says("report", "mine", "--out", "a/b.html").code == 0 and (tmp_path / "a" / "b.html").is_file()
    recipe = (tmp_path / "mine" / "recipe.yaml").read_bytes()
    for command, kind in (("report", ".html or .htm"), ("compare", ".png"), ("results", ".md or .txt")):
        refused = ganatomy_says(command, "mine", "--out", "mine/recipe.yaml")
        assert refused.code == 1 and f"ends in {kind}, not 'mine/recipe.yaml'." in refused.err
    assert (tmp_path / "mine" / "recipe.yaml").read_bytes() == recipe
    wrong = ganatomy_says("report", "mime")
    assert wrong.code == 1 and "Did you mean 'mine'?" in wrong.err


def test_floor_of_zero_divides_nothing(tmp_path: Path) -> None:
    run = made_run(tmp_path / "mine")
    row = run.evaluations.read()[0]
    run.evaluations.append({**row, "which": "last", "floor": {**FLOOR, "frechet": 0.0}})
    assert '<th scope="row">times the floor</th><td data-name="last">-</td>' in page([run])
