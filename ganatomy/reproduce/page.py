"""A reproduction for people and for programs: result.json, claims.md, index.html."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganatomy.core.duration import in_words
from ganatomy.report.comparison import Outcome, by_protocol, markdown, rows
from ganatomy.report.page import Picture, embedded, of_runs, templates
from ganatomy.report.results import machines_of
from ganatomy.reproduce.claims import KINDS, NOT_SAID, Kind, Reported, Studying
from ganatomy.reproduce.fate import is_collapsed
from ganatomy.reproduce.forecast import OF_TIME
from ganatomy.reproduce.plan import Plan
from ganatomy.reproduce.readings import mean_of
from ganatomy.reproduce.reproduction import Reproduction
from ganatomy.reproduce.rows import Row, rows_of
from ganatomy.runs.files import write_json, write_text

TONES: Mapping[Kind, str] = {
    "better": "good",
    "equal": "good",
    "worse": "bad",
    "not comparable": "open",
    "not run": "open",
}
LEGEND: Mapping[Kind, str] = {
    "better": "beyond what was reported; or a fault that was reported is not found here",
    "equal": "within what was reported, give or take the seeds' spread or the tolerance; or what was found holds here",
    "worse": "short of what was reported; or what was found does not hold here",
    "not comparable": "ours stands beside it, and cannot be set against it, for the reason said",
    "not run": "there is nothing of ours: no data, no time, or a run that failed",
}
INLINE = 40  # letters of a protocol that stands in every row that has it
SHOWN = 2_000_000  # bytes of all pictures of studies


@dataclass(frozen=True)
class Line:
    """A claim in words: a row of the tables."""

    id: str
    said: str
    reported: str
    reported_protocol: str
    ours: str
    beside: tuple[str, ...]
    kind: Kind
    why: str


def write_pages(place: Reproduction) -> None:
    """Everything that is known so far; what is not done yet is said to be so."""
    found = rows_of(Plan(place))
    write_json(place.folder / "result.json", as_json(place, found))
    write_text(place.folder / "claims.md", as_markdown(place, found))
    write_text(place.folder / "index.html", as_html(place, found))


def as_json(place: Reproduction, found: Sequence[Row]) -> dict[str, Any]:
    return {
        "report": place.report.name,
        "budget": place.budget,
        "seeds": list(place.seeds),
        "data": dict(data_of(place)),
        "machines": machines(place),
        "legend": dict(LEGEND),
        "counts": counts_of(found),
        "claims": [row_as_json(place, row) for row in found],
        "runs": {name: [run_as_json(one) for one in group] for name, group in place.trainings().items()},
    }


def row_as_json(place: Reproduction, row: Row) -> dict[str, Any]:
    claim, reading = row.claim, row.reading
    needs = claim.measure.needs if claim.measure is not None else ()
    return {
        "id": claim.id,
        "claim": claim.said,
        "reported": {
            "text": claim.reported.text,
            "values": list(claim.reported.values),
            "unit": claim.reported.unit,
            "protocol": claim.reported.protocol,
        },
        "needs": [work.name if work in place.missing else place.own(work).name for work in needs],
        "ours": None
        if reading is None
        else {
            "values": list(reading.values),
            "seeds": list(row.seeds),
            "seen": reading.seen,
            "beside": reading.beside,
            "protocol": reading.protocol,
        },
        "replaced": row.replaced,
        "verdict": row.verdict.kind,
        "why": row.verdict.why,
    }


def run_as_json(outcome: Outcome) -> dict[str, Any]:
    lines = outcome.run.metrics.read()
    return {
        "seed": outcome.seed,
        "images": lines[-1]["images"] if lines else 0,
        "failed": outcome.failed,
        "collapsed": not outcome.failed and is_collapsed(outcome),
    }


def taken(place: Reproduction) -> str:
    return f"{in_words(place.spent)} of trainings and studies"


def machines(place: Reproduction) -> list[str]:
    return machines_of(one.run for group in place.trainings().values() for one in group)


def counts_of(found: Sequence[Row]) -> dict[Kind, int]:
    counted = Counter(row.verdict.kind for row in found)
    return {kind: counted[kind] for kind in KINDS}


def data_of(place: Reproduction) -> Iterator[tuple[str, str]]:
    """The report's data and what was taken for it, by name: paths are nobody's business."""
    for wanted in place.report.data:
        if wanted.name not in place.given.sources:
            yield wanted.name, f"not there ({wanted.what})"
        else:
            yield wanted.name, place.given.in_place(wanted.name) or Path(place.given.sources[wanted.name]).name


def lines_of(found: Sequence[Row]) -> tuple[list[Line], dict[str, str]]:
    """The rows in words, and the protocols that they refer to by letters: ours, and long ones that claims share."""
    shared = Counter(row.claim.reported.protocol for row in found)
    letters: dict[str, str] = {}
    for row in found:
        reported = row.claim.reported.protocol
        ours = row.reading.protocol if row.reading is not None else ""
        for text in (reported if shared[reported] > 1 and len(reported) > INLINE else "", ours):
            if text:
                letters.setdefault(text, letter(len(letters)))
    return [line_of(row, letters) for row in found], {name: text for text, name in letters.items()}


def letter(number: int) -> str:
    """
    >>> letter(0), letter(25), letter(26)
    ('A', 'Z', 'AA')
    """
    return (letter(number // 26 - 1) if number >= 26 else "") + chr(ord("A") + number % 26)


def line_of(row: Row, letters: Mapping[str, str]) -> Line:
    claim, reading = row.claim, row.reading
    ours, beside = f"not run: {row.missing}" if row.missing else "not measured", list[str]()
    told = "" if claim.reported.protocol == NOT_SAID else claim.reported.protocol
    if reading is not None:
        ours = f"{mean_of(reading.values)}{unit(claim.reported)}" if reading.values else reading.seen
        where = f"[{letters[reading.protocol]}]" if reading.protocol else ""
        beside = [reading.beside, row.replaced, f"{seeds_told(row.seeds)} {where}".strip()]
    return Line(
        claim.id,
        claim.said,
        claim.reported.text,
        f"[{letters[told]}]" if told in letters else told,
        "-" if row.verdict.kind == "not run" else ours,
        tuple(filter(None, beside)),
        row.verdict.kind,
        row.verdict.why,
    )


def unit(reported: Reported) -> str:
    return f" {reported.unit}" if reported.unit else ""


def seeds_told(seeds: Sequence[int]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"


# Markdown


def as_markdown(place: Reproduction, found: Sequence[Row]) -> str:
    lines, protocols = lines_of(found)
    report, counts = place.report, counts_of(found)
    seeds = ",".join(map(str, place.seeds))
    parts = [
        f"## {report.name}\n\n{one_cell(report.title)}",
        f"`ganatomy reproduce {report.name} --budget {place.budget} --seeds {seeds}`. "
        + ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        + f". Data: {one_cell('; '.join(f'{name}: {text}' for name, text in data_of(place)))}.",
        f"Taken: {taken(place)}. {OF_TIME}",
        *([f"Trained on: {one_cell('; '.join(machines(place)))}."] if machines(place) else []),
        markdown([cells(line) for line in lines]),
        "\n".join(f"- **{kind}**: {LEGEND[kind]}." for kind, count in counts.items() if count),
    ]
    if protocols:
        parts.append("\n".join(f"- [{name}] {one_cell(text)}" for name, text in protocols.items()))
    parts += [markdown(table) for table in tables_of(place.trainings())]
    if remarks := remarks_of(place.trainings()):
        parts.append("\n".join(f"- {one_cell(text)}" for text in remarks))
    return "\n\n".join(parts) + "\n"


def cells(line: Line) -> dict[str, str]:
    row = {
        "claim": f"{line.said} (`{line.id}`)",
        "reported": "; ".join(filter(None, (line.reported, line.reported_protocol))),
        "ours": "; ".join((line.ours, *line.beside)),
        "verdict": f"**{line.kind}**" + (f": {line.why}" if line.why else ""),
    }
    return {name: one_cell(text) for name, text in row.items()}


def one_cell(text: str) -> str:
    """Text that is neither a tag nor two lines."""
    return " ".join(text.replace("<", "&lt;").split())


def tables_of(groups: Mapping[str, Sequence[Outcome]]) -> list[list[dict[str, str]]]:
    """Every training that was scored, over its seeds; a table for each protocol. What became of them is told below."""
    judged = {name: [one for one in group if one.records] for name, group in groups.items()}
    judged = {name: group for name, group in judged.items() if group}
    tables = [rows(part) for part in by_protocol(judged)] if judged else []
    return [[{name: row[name] for name in row if name != "remarks"} for row in table] for table in tables]


def remarks_of(groups: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """What went wrong, run by run, and which runs no judge scores."""
    outcomes = [one for group in groups.values() for one in group]
    told = [f"{one.run.name} failed: {one.failed}" for one in outcomes if one.failed]
    told += [f"{one.run.name} collapsed." for one in outcomes if is_collapsed(one) and not one.failed]
    others = [one.run.name for one in outcomes if not one.failed and not one.records]
    return [*told, f"Not scored by a judge: {', '.join(others)}."] if others else told


# HTML


def as_html(place: Reproduction, found: Sequence[Row]) -> str:
    lines, protocols = lines_of(found)
    groups = place.trainings()
    runs = [one.run for group in groups.values() for one in group if one.run.exists()]
    shown = of_runs(runs) if runs else {"sections": [], "together": [], "box": (0, 0)}
    return (
        templates("reproduce", "report")
        .get_template("claims.html")
        .render(
            report=place.report,
            budget=place.budget,
            taken=taken(place),
            of_time=OF_TIME,
            seeds=place.seeds,
            data=list(data_of(place)),
            machines=machines(place),
            counts=counts_of(found),
            legend=LEGEND,
            tones=TONES,
            lines=sorted(lines, key=lambda line: line.kind == "not run"),
            protocols=protocols,
            remarks=remarks_of(groups),
            pictures=pictures_of(place),
            **shown,
        )
    )


def pictures_of(place: Reproduction) -> list[Picture]:
    """What the studies have drawn."""
    folders = [place.path(job) for job in place.jobs if isinstance(job.work, Studying)]
    files = [file for folder in folders for file in sorted(folder.glob("*.png"))]
    return [
        Picture(embedded(file.read_bytes(), SHOWN // len(files)), f"{file.parent.name}: {file.stem}") for file in files
    ]
