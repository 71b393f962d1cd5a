"""Runs as one HTML page that needs nothing else: plan, health, curves, pictures, scores, environment.

Everything is in the file, and the page forbids itself every request. Text is escaped by the template's engine.
"""

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from PIL import Image

from ganatomy.core.duration import in_words
from ganatomy.core.errors import GanatomyError
from ganatomy.report.comparison import as_scored, titles
from ganatomy.report.health import Finding, failure, verdict
from ganatomy.report.panels import HEIGHT, WIDTH, Chart, charts
from ganatomy.report.results import (
    COMMON,
    MEASURED,
    class_spread,
    deciding,
    distinct,
    evaluations_of,
    failure_of,
    judged_spread,
    measured_columns,
    newest_evaluations,
    notes,
    number,
    plus_or_minus,
    protocol_line,
    protocol_title,
    recipe_of,
    shortened,
)
from ganatomy.report.results import measured as with_error
from ganatomy.report.translations import by_protocol
from ganatomy.report.translations import picture as bars_of
from ganatomy.runs.files import read_json
from ganatomy.runs.folder import RunFolder

FRAMES = 20  # pictures of a run's course, at most
FILMED = 8  # runs on a page, beyond which each has its last picture alone
BYTES = 6_000_000  # of all pictures of a page, before they are written as text, which takes a third more
LARGEST = 4  # the last picture may take as much as so many of the others
QUALITY = 88  # of pictures that had to be made smaller
NBSP = "\N{NO-BREAK SPACE}"
PNG = b"\x89PNG\r\n\x1a\n"
SIGNED = "· Ganatomy</title>".encode()
TERMS = (
    "Fréchet distance: how far samples lie from real images, in what a judge, a small classifier of such images, "
    "makes of them; in multiples of the floor, the distance of real images that nobody trained on, 1 is as near as "
    "these are. Coverage: the share of real images that have a sample nearby, of their class where there are classes. "
    "Classifier score: the Inception Score's formula on what the judge recognizes; one good picture of each class has "
    "the best, so it says nothing without coverage."
)

OF_TRANSLATIONS = {
    "cycle_error": "Cycle error ↓",
    "between_two": "Between two different pictures",
    "inverted": "With colors inverted ↓",
    "inverted_by_chance": "Inverted by chance",
}

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """A table and what must be known to read it. The first column names the rows."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A grid as a data URI, and the images shown when it was drawn."""

    source: str
    caption: str
    printed: bool = False


@dataclass(frozen=True)
class Section:
    """A run as the page shows it."""

    name: str
    facts: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    charts: tuple[Chart, ...]
    film: tuple[Picture, ...]
    last: Picture | None
    scores: tuple[Table, ...]
    measurements: tuple[Table, ...]
    translations: tuple[Picture, ...]
    plan: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    environment: tuple[tuple[str, str], ...]


def page(runs: Sequence[RunFolder]) -> str:
    """The HTML of these runs, the pictures of all of them within one budget of bytes."""
    if not runs:
        raise GanatomyError("No runs to report on.")
    return templates("report").get_template("page.html").render(of_runs(runs))


def templates(*rooms: str) -> Environment:
    """The templates of these rooms; an earlier room's may extend a later one's."""
    found = Environment(
        loader=ChoiceLoader([PackageLoader(f"ganatomy.{room}", "") for room in rooms]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["terms"] = TERMS
    return found


def of_runs(runs: Sequence[RunFolder]) -> dict[str, Any]:
    """What page.html shows."""
    named = dict(zip(titles(runs), runs, strict=True))
    size, frames = BYTES // len(runs), FRAMES if len(runs) <= FILMED else 0
    sections = [section(name, run, size, frames) for name, run in named.items()]
    together = side_by_side(named) if len(runs) > 1 else []
    return {"sections": sections, "together": together, "box": (WIDTH, HEIGHT)}


def section(name: str, run: RunFolder, size: int, frames: int = FRAMES) -> Section:
    """Everything of one run under a name, its pictures within `size` bytes, among them so many `frames` at most."""
    metrics, scores, evaluations, recipe = run.metrics.read(), run.scores.read(), run.evaluations.read(), recipe_of(run)
    judged = scores or sorted(evaluations or covered(run), key=lambda record: record["images"])
    film, last = pictures(run, size, frames)
    return Section(
        name,
        tuple(facts(recipe, [*metrics, *scores, *evaluations])),
        tuple(fitting(finding, recipe) for finding in (*failures(run), *verdict(metrics, judged))),
        tuple(charts(metrics, scores)),
        film,
        last,
        tuple(score_tables(run)),
        tuple(measured_tables(run)),
        tuple(pictures_of_translations(run, size // 6)),
        tuple(plan(recipe)),
        tuple(environment(run)),
    )


def failures(run: RunFolder) -> Iterator[Finding]:
    """How the newest session ended, if it failed."""
    if why := failure_of(run):
        yield failure(why)


def covered(run: RunFolder) -> list[dict[str, Any]]:
    """Of a run without a judge: of each checkpoint the newest measurement of coverage, in a judge's form."""
    names = ("fid", "coverage")
    known = [one for one in run.measurements.read() if "images" in one and "scores" in one]
    known = [one for one in known if all(name in one["scores"] and name in (one.get("floor") or {}) for name in names)]
    return list({one["images"]: dict(as_scored(one)) for one in known}.values())


def facts(recipe: Record, records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """What one wants to know first; a short run has no line of figures, and yet a score."""
    line: Record = max(records, key=lambda record: record.get("images") or 0, default={})
    game, data = recipe.get("game") or {}, recipe.get("data") or {}
    yield "Recipe", str(recipe.get("name", "cannot be read"))
    yield "Game", ", ".join(str(part) for part in (game.get("use"), (game.get("loss") or {}).get("use")) if part) or "-"
    yield "Data", told(data.get("source", "-"))
    yield "Images shown", f"{line.get('images') or 0:,}"
    yield "Training time", clock(line.get("seconds") or 0)
    yield "Seed", str(recipe.get("seed", "-"))


def fitting(finding: Finding, recipe: Record) -> Finding:
    """The finding with those changes that this recipe can make and has not made."""
    change = tuple(entry for entry in finding.change if can_change(entry, recipe))
    return Finding(finding.subject, finding.tone, finding.title, finding.evidence, finding.advice, change)


def can_change(entry: str, recipe: Record) -> bool:
    """Whether a recipe has a field, with another value.

    >>> [can_change(entry, {"game": {"g_steps": 2}}) for entry in ("game.g_steps=3", "game.g_steps=2", "game.cycle")]
    [True, False, False]
    """
    key, _, value = entry.partition("=")
    here: Any = recipe
    for name in key.split("."):
        if not isinstance(here, Mapping) or name not in here:
            return False
        here = here[name]
    return str(here).lower() != value.lower() and not (value and isinstance(here, list) and here)


def pictures(run: RunFolder, size: int, frames: int) -> tuple[tuple[Picture, ...], Picture | None]:
    """The grid over time, thinned evenly, and the last one larger; without frames the last one alone."""
    paths = sorted(run.samples.glob("*.png")) if run.samples.is_dir() else []
    paths = [path for path in paths if is_png(path)]
    if not paths:
        return (), None
    kept = thinned(paths, frames) if frames else []
    share = size // (len(kept) + LARGEST)
    printed = set(thinned(kept, 4))
    film = tuple(Picture(embedded(path.read_bytes(), share), caption(path), path in printed) for path in kept)
    return film, Picture(embedded(paths[-1].read_bytes(), share * LARGEST), caption(paths[-1]))


def pictures_of_translations(run: RunFolder, size: int) -> Iterator[Picture]:
    """Of a translator that was scored: its distances as bars, and what failed most, each in `size` bytes."""
    records = list(by_protocol(run).values())
    if records:
        file = io.BytesIO()
        bars_of({run.name: records[-1]}).save(file, "png")
        yield Picture(
            embedded(file.getvalue(), size), "Translations between the floor and real images of the other domain"
        )
    failures = run.path / "failures.png"
    if records and is_png(failures):
        yield Picture(
            embedded(failures.read_bytes(), size), "The worst translations, by D and by what did not come back"
        )


def thinned(paths: Sequence[Path], most: int) -> list[Path]:
    """At most so many, evenly, with the first and the last.

    >>> [str(path) for path in thinned([Path(str(n)) for n in range(9)], 3)]
    ['0', '4', '8']
    """
    if len(paths) <= most:
        return list(paths)
    return [paths[round(place * (len(paths) - 1) / (most - 1))] for place in range(most)]


def is_png(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(PNG)) == PNG
    except OSError:
        return False


def caption(path: Path) -> str:
    return f"{int(path.stem):,} images shown" if path.stem.isdecimal() else path.stem


def embedded(data: bytes, most: int) -> str:
    """A PNG as a data URI: as it is if it takes no more than `most` bytes, or else as JPEG, as small as needed."""
    kind = "png"
    if len(data) > most:
        with Image.open(io.BytesIO(data)) as image:
            picture = image.convert("RGB")
        data, kind = as_jpeg(picture), "jpeg"
        while len(data) > most and min(picture.size) > 64:
            picture = picture.resize((picture.width * 4 // 5, picture.height * 4 // 5), Image.Resampling.LANCZOS)
            data = as_jpeg(picture)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def as_jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "jpeg", quality=QUALITY, optimize=True)
    return file.getvalue()


def side_by_side(runs: Mapping[str, RunFolder]) -> list[Table]:
    """Best and final of every run, a table for each protocol."""
    head = ("Run", "Checkpoint", "Images shown", "Fréchet ↓", "x floor", "Coverage ↑", "Recognized as asked ↑")
    groups: dict[tuple[str, ...], list[tuple[str, Record]]] = {}
    for name, run in runs.items():
        for record in newest_evaluations(run):
            groups.setdefault(judged_by(record), []).append((name, record))
    tables = []
    for found in groups.values():
        rows = [(name, record["which"], f"{record['images']:,}", *short(record)) for name, record in found]
        floor = found[0][1]["floor"]
        real = ("real images", "held out", "", *short({"scores": floor, "floor": floor}))
        remarks = sentences(notes([(runs[name], record) for name, record in found]))
        tables.append(Table("", head, (*rows, real), (protocol_line(found[0][1]), *remarks)))
    without = [name for name, run in runs.items() if not newest_evaluations(run)]
    if without:
        tables.append(Table("", (), (), (f"Not scored: {', '.join(without)}.",)))
    return tables


def judged_by(record: Record) -> tuple[str, ...]:
    """What must agree for two scores to stand in one table."""
    return tuple(str(record["protocol"].get(field)) for field in COMMON)


def short(record: Record) -> tuple[str, ...]:
    scores, floor = record["scores"], record["floor"]
    return number(scores["frechet"]), times(scores, floor), number(scores["coverage"]), percent(scores["accuracy"])


def times(scores: Record, floor: Record) -> str:
    """How many times as far from the reference as real images are."""
    return f"{scores['frechet'] / floor['frechet']:.2f}" if scores["frechet"] and floor["frechet"] else "-"


def score_tables(run: RunFolder) -> Iterator[Table]:
    """Of one run: last and best beside real images, a table for each protocol."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in evaluations_of(run):
        groups.setdefault(judged_by(record), []).append(record)
    for found in groups.values():
        columns = [*found, {"scores": found[0]["floor"], "floor": found[0]["floor"], "which": "real, held out"}]
        cells = [score_cells(column) for column in columns]
        rows = tuple((name, *(cell[name] for cell in cells)) for name in cells[0])
        below = (protocol_line(found[0]), *sentences(notes([(run, record) for record in found])))
        yield Table("", ("", *(str(column["which"]) for column in columns)), rows, below)


def sentences(notes: Sequence[str]) -> list[str]:
    return [f"{note[0].upper()}{note[1:]}." for note in notes]


def score_cells(record: Record) -> dict[str, str]:
    """Scores by title. Those that a collapsed generator wins stand only beside coverage, which it loses."""
    scores, floor, spread = record["scores"], record["floor"], judged_spread(record)
    shown, shares = scores["coverage"] is not None, scores["class_shares"] or []
    return {
        "Images shown": f"{record['images']:,}" if "images" in record else "",
        "Training time": clock(record["seconds"]) if "seconds" in record else "",
        "Fréchet distance ↓": number(scores["frechet"]) + spread["frechet"],
        "times the floor": times(scores, floor) + spread["x floor"],
        "Coverage within classes ↑": number(scores["coverage"]) + spread["coverage"],
        "Classifier score ↑": number(scores["classifier_score"]) + spread["classifier_score"] if shown else "-",
        "Recognized as asked ↑": percent(scores["accuracy"]) + spread["accuracy"] if shown else "-",
        "Rarest class": percent(min(shares, default=None)),
        "Most frequent class": percent(max(shares, default=None)),
    }


def measured_tables(run: RunFolder) -> Iterator[Table]:
    """Of measurements.jsonl: the newest of each protocol and checkpoint."""
    groups: dict[tuple[tuple[str, str], ...], dict[str, Record]] = {}
    for record in run.measurements.read():
        groups.setdefault(deciding(record["protocol"]), {})[str(record.get("which", "scores"))] = record
    for newest in groups.values():
        found = list(newest.values())
        yield from translation_tables(found[-1]) if "directions" in found[-1] else measured_table(run, found)


def measured_table(run: RunFolder, records: Sequence[Record]) -> Iterator[Table]:
    protocol = records[0]["protocol"]
    remarks = sentences([*notes([(run, record) for record in records]), *plus_or_minus(records)])
    below = (f"{protocol_title(protocol)}.", f"Protocol: {described(protocol)}.", *remarks)
    columns = measured_columns(records)
    names = [name for name in MEASURED if any(name in column.scores for column in columns)]
    rows = tuple(
        (MEASURED[name], *(measured(column.scores, column.deviations, name) for column in columns)) for name in names
    )
    title = str(protocol["extractor"] or "pictures alone")
    yield Table(title, ("", *(column.title for column in columns)), rows, below)
    if per_class := records[0].get("per_class"):
        yield class_table(per_class, f"{title}, class by class, {records[0].get('which', '')}")


def class_table(per_class: Mapping[str, Record], title: str) -> Table:
    """One distance of each class, between real images of the class and those of another."""
    name = "kid" if all("kid" in record["scores"] for record in per_class.values()) else "fid"
    columns = ("scores", "floor", "ceiling")
    rows = [
        (label, *(measured(record[column], class_spread(record, column), name) for column in columns))
        for label, record in per_class.items()
    ]
    return Table(title, ("Class", MEASURED[name], "real", "another class"), tuple(rows))


def translation_tables(record: Record) -> Iterator[Table]:
    """Both directions of a translator: between real images of the target and doing nothing."""
    for direction, found in record["directions"].items():
        columns = found["columns"]
        names = [name for name in MEASURED if any(name in values for values in columns.values())]
        rows = [(MEASURED[name], *(measured(values, None, name) for values in columns.values())) for name in names]
        notes = [f"{title}: {found[name]:.3g}." for name, title in OF_TRANSLATIONS.items() if name in found]
        about = f"{found['count']:,} held-out pictures; {described(record['protocol'])}; {record['which']} checkpoint."
        yield Table(direction, ("", *columns), tuple(rows), (about, " ".join(notes)))


def described(protocol: Record) -> str:
    """A protocol in words: what is not said by the table itself."""
    hidden = ("checkpoint", "count", "reference")
    said = {name: value for name, value in protocol.items() if name not in hidden and value is not None}
    parts = [f"{name.replace('_', ' ')} {shortened_hash(told(value))}" for name, value in said.items()]
    return f"against {protocol['reference']}; {', '.join(parts)}"


def shortened_hash(text: str) -> str:
    return re.sub(r"\b([0-9a-f]{12})[0-9a-f]{52}\b", r"\1", text)


def measured(values: Record, spread: Record | None, name: str) -> str:
    return with_error(values, spread, name).replace("± ", f"±{NBSP}")


def plan(recipe: Record) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """The recipe's fields in groups: those of the run, and one for each part."""
    plain = {name: value for name, value in recipe.items() if not isinstance(value, Mapping)}
    if plain:
        yield "run", tuple((name, told(value)) for name, value in plain.items())
    for name, value in recipe.items():
        if isinstance(value, Mapping):
            yield from parts(name, value)


def parts(name: str, part: Record) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """A part and its fields; parts without a `use` hold others, such as players."""
    if "use" not in part and all(isinstance(value, Mapping) for value in part.values()):
        for seat, value in part.items():
            yield from parts(f"{name}.{seat}", value)
        return
    fields = tuple((key, told(value)) for key, value in part.items() if key != "use")
    yield f"{name}: {part['use']}" if "use" in part else name, fields


def told(value: Any) -> str:
    """A value for people: of a path its name, of a part what it is and how it is set.

    >>> told(None), told(True), told([64, 128]), told("/home/me/data/cats"), told({"use": "R1", "gamma": 5})
    ('none', 'yes', '64, 128', 'cats', 'R1 (gamma 5)')
    """
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(told, value))
    if isinstance(value, Mapping):
        settings = ", ".join(f"{name} {told(item)}" for name, item in value.items() if name != "use")
        return f"{value.get('use', '')} ({settings})" if settings else str(value.get("use", "none"))
    text = str(value)
    if isinstance(value, int):
        return f"{value:,}" if value >= 10_000 else text
    return Path(text).name if text.startswith("/") else text


def environment(run: RunFolder) -> Iterator[tuple[str, str]]:
    """The newest session's machine, and every command."""
    try:
        sessions = read_json(run.environment_file)["sessions"]
        last = sessions[-1]
        yield from machine(last)
        commands = distinct(shortened(session["command"]) for session in sessions)
        yield "Sessions", str(len(sessions))
        yield from (("Command", command) for command in commands)
    except (GanatomyError, KeyError, IndexError, TypeError, AttributeError):
        yield "Environment", "environment.json cannot be read"


def machine(session: Record) -> Iterator[tuple[str, str]]:
    arithmetic, own, cpu = session["arithmetic"], session.get("ganatomy") or {}, session["cpu"]
    changed = ", with changes" if own.get("changed") else ""
    yield "Last started", str(session.get("started", "-"))
    yield "Ganatomy", f"{own.get('version', '-')}, commit {(own.get('commit') or 'unknown')[:10]}{changed}"
    yield "Arithmetic", f"{arithmetic['device']}, {arithmetic['precision']}"
    yield "Threads", f"{arithmetic['threads']} in each of {arithmetic['processes']} processes"
    yield "Processor", f"{cpu['model']}, {cpu['cores']} cores"
    if "memory_bytes" in session:
        yield "Memory", f"{session['memory_bytes'] / 2**30:.1f} GiB"
    yield "Platform", str(session.get("platform", "-"))
    packages = {"python": session.get("python", "-"), **session.get("packages", {})}
    yield "Versions", ", ".join(f"{name} {version}" for name, version in packages.items())


def percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def clock(seconds: float) -> str:
    """A time on one line."""
    return in_words(seconds).replace(" ", NBSP)
