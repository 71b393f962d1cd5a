"""What a person sees of a run in a terminal."""

import io
import re

import pytest
from rich.console import Console

from ganatomy.cli import console as module
from ganatomy.cli.console import Watcher, class_tables, figures_line, score_line, score_table
from ganatomy.core.observer import Moment
from ganatomy.reproduce.claims import reports

SCORES = {"classifier_score": 9.98, "frechet": 77.0, "coverage": 0.0, "class_shares": [0.1] * 10, "accuracy": 1.0}
SCORES["count"] = 600
FLOOR = {"classifier_score": 9.66, "frechet": 1.0, "coverage": 0.95, "class_shares": [0.1] * 10, "accuracy": 0.99}
RECORD = {
    "which": "last",
    "images": 1000,
    "scores": SCORES,
    "floor": FLOOR,
    "protocol": {"count": 600, "seed": 0, "weights": "average", "reference": "training images 5-9"},
}


def printed(terminal: bool = False) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=160, force_terminal=terminal, _environ={}), file


def test_a_collapsed_generator_is_not_crowned():
    """One picture per class: 9.98 of 9.66, all recognized. What it loses stands in the same line and table."""
    line = score_line(RECORD)
    assert "77.0 x floor" in line
    assert "coverage 0.00 of 0.95" in line
    assert line.endswith("(rough: 600 samples)")
    assert "rough" not in score_line({**RECORD, "scores": {**SCORES, "count": 10_000}})
    console, file = printed()
    console.print(score_table([RECORD, {**RECORD, "which": "best"}]))
    table = file.getvalue()
    for text in ("9.98", "77.00", "0.95", "100.0%", "last", "best", "1,000", "training images 5-9"):
        assert text in table


@pytest.mark.parametrize(("width", "parts"), [(80, 3), (200, 1), (30, 7)])
def test_the_scores_of_classes_are_split_over_tables_where_there_is_little_room(width, parts):
    names = ("fid", "kid", "is", "precision", "recall", "density", "coverage")
    scores = {name: 12.345678 + number for number, name in enumerate(names)}
    own = {"scores": scores, "floor": scores, "ceiling": scores, "count": 20, "remarks": ["few"]}
    own["deviations"] = dict.fromkeys(names, 0.1234)
    console = Console(file=io.StringIO(), width=width, _environ={})
    found = class_tables({"per_class": {"cats": own, "dogs": own}}, console)
    assert len(found) == parts and found[-1].caption == "of the smallest class: few."
    for table in found:
        console.print(table)
    text = console.file.getvalue()
    if width >= 80:
        assert "…" not in text and max(map(len, text.splitlines())) <= width
        assert all(text.count(f"{value:.4g} ± 0.12") == 2 for value in scores.values())


def test_scores_that_do_not_apply_are_dashes():
    unlabelled = {**RECORD, "scores": {**SCORES, "coverage": None, "accuracy": None}}
    assert "coverage - of 0.95" in score_line(unlabelled)
    console, file = printed()
    console.print(score_table([unlabelled]))
    assert re.search("│ recognized as asked +│ +- │", file.getvalue())


def test_the_five_figures_that_tell_how_the_game_goes_are_shown():
    figures = {
        "learning_rate/G": 1e-4,
        "D/real": 0.5,
        "D/fake": 0.25,
        "D/score_real": 0.6,
        "D/accuracy_real": 0.9,
        "D/accuracy_fake": 0.8,
        "G/adversarial": 1.5,
        "held_out/accuracy_real": 0.7,
    }
    shown = figures_line(figures)
    for text in ("D/real 0.50", "D/fake 0.25", "D/accuracy_real 0.90", "D/accuracy_fake 0.80", "G/adversarial 1.50"):
        assert text in shown
    assert "learning_rate" not in shown


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_and_the_expected_duration_are_told(monkeypatch, terminal):
    monkeypatch.setattr(module, "TIMED", 0.0)
    monkeypatch.setattr(module, "EVERY", 0.0)
    console, file = printed(terminal)
    watcher = Watcher(console, 1_000)
    watcher.begin(Moment(0, 0, 0.0, 0))
    watcher.figures(Moment(1, 100, 0.1, 0), {"D/real": 0.5})
    for round in (1, 2):
        watcher.after_round(Moment(round, 100 * round, 0.1 * round, 100 * round - 100))
    watcher.end(Moment(2, 200, 0.2, 100))
    watcher.close()
    text = file.getvalue()
    assert text.count("expected ") == 1
    assert "for 900 more images at" in text
    assert "D/real 0.50" in text
    assert "trained    200 images in 2 rounds" in text


def test_the_terminal_is_given_back_when_training_fails():
    console, file = printed(terminal=True)
    watcher = Watcher(console, 1_000)
    watcher.begin(Moment(0, 0, 0.0, 0))
    assert "\x1b[?25l" in file.getvalue(), "the cursor is hidden under a bar"
    watcher.close()
    assert file.getvalue().rstrip().endswith("\x1b[?25h")
    watcher.close()


def test_names_of_reports_can_be_copied_from_a_narrow_terminal():
    said = io.StringIO()
    Console(file=said, width=80).print(module.report_table(reports))
    assert all(name in said.getvalue() for name in reports)
