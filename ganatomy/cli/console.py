"""What a person sees of a run in a terminal: the plan, a progress bar, and what came of it."""

import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from ganatomy.core.duration import in_words
from ganatomy.core.observer import Moment, Observer
from ganatomy.core.recipe import Recipe
from ganatomy.core.spec import to_plain
from ganatomy.metrics.scores import shown_scores, times_floor
from ganatomy.report.results import (
    MEASURED,
    class_spread,
    judged_spread,
    measured,
    measured_columns,
    plus_or_minus,
    protocol_title,
    roughness,
    seeds_line,
    typed,
)

EVERY = 30.0  # seconds between two lines where there is no terminal to redraw
TIMED = 3.0  # seconds of rounds before the expected duration is told


class Watcher(Observer):
    """A progress bar with images/s, time left, and the figures that tell how the game goes."""

    def __init__(self, console: Console, images: int, seconds: float | None = None) -> None:
        self.console, self.images, self.seconds = console, images, seconds
        self.figures_text = ""
        self.progress: Progress | None = None
        self.task = TaskID(0)
        self.begun = self.told = time.monotonic()
        self.from_images = 0
        self.expectation_told = False

    def announce(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def begin(self, moment: Moment) -> None:
        self.begun = self.told = time.monotonic()
        self.from_images = moment.images
        if self.console.is_terminal:
            self.progress = Progress(
                BarColumn(20),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]:,.0f} img/s"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[figures]}", markup=False),
                console=self.console,
            )
            self.task = self.progress.add_task("", total=self.images, completed=moment.images, speed=0.0, figures="")
            self.progress.start()

    def figures(self, moment: Moment, figures: Mapping[str, float]) -> None:
        self.figures_text = figures_line(figures)

    def after_round(self, moment: Moment) -> None:
        now = time.monotonic()
        speed = (moment.images - self.from_images) / max(now - self.begun, 1e-9)
        if not self.expectation_told and now - self.begun > TIMED:
            self.expectation_told = True
            self.announce(f"expected   {self.expectation(moment, speed)}")
        if self.progress is not None:
            self.progress.update(self.task, completed=moment.images, speed=speed, figures=self.figures_text)
        elif now - self.told > EVERY:
            self.told = now
            time_left = in_words(self.seconds_left(moment, speed))
            self.announce(f"{moment.images:>10,} images  {speed:,.0f} images/s  {time_left} left  {self.figures_text}")

    def seconds_left(self, moment: Moment, speed: float) -> float:
        """Until the budget is used up, or the time asked for is."""
        left = max(0.0, (self.images - moment.images) / speed)
        return left if self.seconds is None else min(left, max(0.0, self.begun + self.seconds - time.monotonic()))

    def expectation(self, moment: Moment, speed: float) -> str:
        left = self.seconds_left(moment, speed)
        return f"{in_words(left)} for {round(left * speed):,} more images at {speed:,.0f} images/s"

    def scored(self, moment: Moment, scores: Mapping[str, Any]) -> None:
        self.announce(f"{moment.images:>10,} images  {score_line(scores)}")

    def end(self, moment: Moment) -> None:
        if self.progress is not None:
            self.progress.update(self.task, completed=moment.images)
        trained = in_words(moment.seconds)
        self.announce(f"trained    {moment.images:,} images in {moment.round:,} rounds, {trained} over all sessions")

    def close(self) -> None:
        """Give the terminal back; also after an error, when nothing ended."""
        if self.progress is not None:
            self.progress.stop()

    def evaluated(self, records: Sequence[Mapping[str, Any]]) -> None:
        self.console.print(score_table(records))


def figures_line(figures: Mapping[str, float]) -> str:
    """The losses and accuracies of the players: D on real and on generated images apart, and G.

    >>> figures_line({"D/real": 0.5, "D/score_real": 0.7, "G/adversarial": 1.25, "learning_rate/D": 0.1})
    'D/real 0.50  G/adversarial 1.25'
    """
    hidden = ("learning_rate/", "held_out/")
    shown = {k: v for k, v in figures.items() if not k.startswith(hidden) and "/score_" not in k}
    return "  ".join(f"{name} {value:.2f}" for name, value in shown.items())


def score_line(record: Mapping[str, Any]) -> str:
    if "kid_to_Y" in record["scores"]:
        return "; ".join(translation_line(record, letter) for letter in "YX")
    scores, floor = shown_scores(record["scores"]), record["floor"]
    return (
        f"Fréchet {scores['frechet']:.2f} = {times_floor(record):.1f} x floor, "
        f"coverage {known(scores['coverage'])} of {known(floor['coverage'])}, "
        f"classifier score {known(scores['classifier_score'])} of {floor['classifier_score']:.2f}"
        + (f" ({rough})" if (rough := roughness(record)) else "")
    )


def translation_line(record: Mapping[str, Any], letter: str) -> str:
    kid, floor = (record[whose][f"kid_to_{letter}"] for whose in ("scores", "floor"))
    seen = record["scores"][f"seen_as_target_to_{letter}"]
    return f"to {letter}: kernel distance {kid:.3g} (floor {floor:.2g}), seen as {letter} {seen:.1%}"


def score_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Every score beside its floor; no score that a collapsed generator wins stands without those that it loses."""
    protocol, floor = records[0]["protocol"], records[0]["floor"]
    samples = f"{protocol['count']:,} samples of {seeds_line(protocol)}, {protocol['weights']} weights"
    notes = remarks_line(note for record in records for note in record.get("remarks", ()))
    table = Table(title=f"{samples}; reference: {protocol['reference']}", **left_justified(notes))
    table.add_column("")
    for record in records:
        table.add_column(str(record["which"]), justify="right")
    table.add_column("real, held out", justify="right")
    table.add_row("images shown", *(f"{record['images']:,}" for record in records), "")
    columns = [*records, {"scores": floor, "floor": floor}]
    for name, cell in SCORE_ROWS.items():
        table.add_row(name, *(cell(column) for column in columns))
    return table


def measured_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Scores under another extractor than the judge, beside what real images score."""
    notes = remarks_line([*(note for record in records for note in record["remarks"]), *plus_or_minus(records)])
    table = Table(title=escape(protocol_title(records[0]["protocol"])), **left_justified(notes))
    table.add_column("")
    columns = [column for column in measured_columns(records) if column.scores]  # no floor, no column
    for column in columns:
        table.add_column(column.title, justify="right")
    if "images" in records[0]:
        table.add_row("images shown", *(column.images for column in columns))
    for name, title in MEASURED.items():
        if any(name in column.scores for column in columns):
            table.add_row(title, *(measured(column.scores, column.deviations, name) for column in columns))
    return table


def remarks_line(notes: Iterable[str]) -> str:
    """What one should know of the scores in a table, each once, to stand below it."""
    return "\n".join(f"{note}." for note in dict.fromkeys(notes))


def left_justified(caption: str) -> dict[str, Any]:
    return {"title_justify": "left", "caption": escape(caption) or None, "caption_justify": "left"}


@contextmanager
def looking(console: Console, shown: bool = True) -> Iterator[Callable[[Iterator[Any], int, str], Iterator[Any]]]:
    """A bar for every set of images that is looked at; none where nobody sees it."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:

        def show(parts: Iterator[Any], count: int, what: str) -> Iterator[Any]:
            task = bar.add_task(what, total=count)
            for images in parts:
                yield images
                bar.advance(task, len(images))
            bar.remove_task(task)

        yield show


def class_tables(record: Mapping[str, Any], console: Console) -> list[Table]:
    """Of each class, in as few tables as the console has room for beside each other's scores."""
    names = [name for name in MEASURED if name in next(iter(record["per_class"].values()))["scores"]]
    unbounded = console.options.update(width=10_000)
    for most in range(len(names), 0, -1):
        tables = [class_table(record, names[start : start + most]) for start in range(0, len(names), most)]
        if max(console.measure(table, options=unbounded).maximum for table in tables) <= console.width:
            break
    smallest = min(record["per_class"].values(), key=lambda own: int(own["count"]))
    notes = remarks_line(f"of the smallest class: {note}" for note in smallest.get("remarks", ()))
    tables[-1].caption = escape(notes) or None
    return tables


def class_table(record: Mapping[str, Any], names: Sequence[str]) -> Table:
    """Some scores of each class between their floor, real images of it, and a ceiling, real images of another class."""
    of_run = "which" in record
    title = f"class by class, {record['which']} checkpoint" if of_run else "class by class"
    table, looked_at = Table(title=title, **left_justified("")), "samples" if of_run else "of the others"
    for column in ("class", "", *(MEASURED[name].replace(" ", "\n", 1) for name in names)):
        table.add_column(column, justify="right" if column else "left")
    for label, own in record["per_class"].items():
        rows = {"floor": "real", "scores": f"{own['count']:,} {looked_at}", "ceiling": "another, real"}
        for number, (column, row) in enumerate(rows.items()):
            cells = (measured(own[column], class_spread(own, column), name) for name in names)
            table.add_row("" if number else escape(label), row, *cells, end_section=number == 2)
    return table


def recipe_table(recipes: Sequence[Recipe], reported: Mapping[str, Sequence[str]], *, wide: bool) -> Table:
    """Every recipe in a line; where there is little room the game is left out, and the time stands with the score.

    reported: what study reports have of a recipe, by its name.
    """
    table = Table()
    for column in ("name", "data", *(("game",) if wide else ()), "size"):
        table.add_column(column, no_wrap=True)
    table.add_column("expected score" if wide else "expected score, and in how long", min_width=24)
    if wide:
        table.add_column("time")
    for recipe in recipes:
        told = recipe.expected if wide or recipe.time == "not measured" else f"{recipe.expected}; {recipe.time}"
        if reported.get(recipe.name):
            told += f"; a report has {', '.join(reported[recipe.name])}"
        game, time = ([recipe.game.name], [recipe.time]) if wide else ([], [])
        data = recipe.data.settings
        table.add_row(recipe.name, data["source"], *game, size_of(data["size"]), escape(told), *time)
    return table


def size_of(size: int | tuple[int, int] | None) -> str:
    """
    >>> size_of(28), size_of((64, 48)), size_of(None)
    ('28 px', '64x48 px', 'as the data')
    """
    if size is None:
        return "as the data"
    return f"{size} px" if isinstance(size, int) else f"{size[0]}x{size[1]} px"


def study_table(studies: Mapping[str, type]) -> Table:
    """Every study, what it is about, and its settings."""
    table = Table()
    for column in ("study", "what it does", "settings"):
        table.add_column(column)
    for name, kind in studies.items():
        settings = [
            key if one.default is inspect.Parameter.empty else f"{key}={typed(to_plain(one.default))}"
            for key, one in inspect.signature(kind).parameters.items()
        ]
        table.add_row(name, escape((kind.__doc__ or "").split("\n")[0]), escape("  ".join(settings)))
    return table


def report_table(reports: Mapping[str, Any]) -> Table:
    """Every study report, what it is about, its claims and its data."""
    table = Table()
    table.add_column("report", no_wrap=True)
    for column in ("what it is about", "claims", "data"):
        table.add_column(column)
    for name, report in reports.items():
        data = ", ".join(one.name for one in report.data)
        table.add_row(name, escape(report.title), str(len(report.claims)), data)
    return table


TRANSLATED = ("kid", "fid", "seen_as_target")


def translation_table(record: Mapping[str, Any], direction: str) -> Table:
    """One direction: translated pictures between real ones of the target and what doing nothing scores."""
    found, protocol = record["directions"][direction], record["protocol"]
    columns = found["columns"]
    table = Table(
        title=f"{direction}: {found['count']:,} held-out pictures each, {protocol['extractor']}; judge right about "
        f"{protocol['judge_balanced_accuracy']:.1%}",
        title_justify="left",
        caption=f"after a cycle {found['cycle_error']:.3f} apart, two of them {found['between_two']:.3f}; "
        f"{found['inverted']:.1%} with colors inverted, by chance {found['inverted_by_chance']:.1%}",
        caption_justify="left",
    )
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right")
    for key in TRANSLATED:
        if key == "seen_as_target":
            table.add_row(MEASURED[key], *(f"{column[key]:.1%}" for column in columns.values()))
        elif key in columns["floor"]:
            table.add_row(MEASURED[key], *(measured(column, None, key) for column in columns.values()))
    return table


def known(value: float | None, form: str = ".2f") -> str:
    return "-" if value is None else format(value, form)


def share_of_real(record: Mapping[str, Any]) -> float | None:
    score = shown_scores(record["scores"])["classifier_score"]
    return None if score is None else score / record["floor"]["classifier_score"]


def spread(record: Mapping[str, Any], name: str) -> str:
    """The deviation between repeated draws, behind a score that is shown."""
    return judged_spread(record)[name] if shown_scores(record["scores"]).get(name, 0) is not None else ""


SCORE_ROWS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "Fréchet distance": lambda record: known(record["scores"]["frechet"], ".3g") + spread(record, "frechet"),
    "  x floor": lambda record: known(times_floor(record)) + spread(record, "x floor"),
    "coverage within class": lambda record: known(record["scores"]["coverage"]) + spread(record, "coverage"),
    "classifier score": lambda record: (
        known(shown_scores(record["scores"])["classifier_score"]) + spread(record, "classifier_score")
    ),
    "  share of real": lambda record: known(share_of_real(record), ".3f") + spread(record, "share of real"),
    "class shares": lambda record: "{:.1%} to {:.1%}".format(*extremes(record["scores"]["class_shares"])),
    "recognized as asked": lambda record: (
        known(shown_scores(record["scores"])["accuracy"], ".1%") + spread(record, "accuracy")
    ),
}


def extremes(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)
