"""Runs side by side as Markdown: best *and* final, with seed, protocol, images shown and seconds.

Rows whose protocols differ never share a table. A run without scores is listed too, with what it lacks.
"""

import math
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml

from ganatomy.core.errors import GanatomyError
from ganatomy.runs.files import read_json, read_record
from ganatomy.runs.folder import RunFolder

COMMON = (
    *("reference", "content", "held_out_content", "floor", "count", "extractor", "extractor_sha256"),
    *("resize", "precision", "k", "per_class", "seed", "seeds", "weights"),
)
"""Fields of a protocol that must agree within a table; which checkpoint it is stands in the rows."""
ERRORS = {"kid": "kid_error", "is": "is_deviation"}
"""Scores that carry an error of their own, and what it is called."""
OWN_ERRORS = {
    "kid": ("kernel distance", "the standard error of one draw"),
    "is": ("Inception Score", "the deviation between parts of one draw"),
}
"""What the own errors of such scores are."""
MEASURED = {
    "fid": "Fréchet distance ↓",
    "kid": "Kernel distance ↓",
    "is": "Inception Score ↑",
    "precision": "Precision ↑",
    "recall": "Recall ↑",
    "density": "Density ↑",
    "coverage": "Coverage ↑",
    "ssim": "Similarity of pairs ↓",
    "ssim_within_class": "Similarity within a class ↓",
    "nearest": "To the nearest training image",
    "copies": "Nearer than 99 % of real",
    "seen_as_target": "Seen as the target ↑",
}
"""What each measured score is called, and where it gets better."""
BEGAN_WITH = ("checkpoint_of_", "content_of_")
"""How the names begin that say in a study's result what its runs and images were; the others are its settings."""
LISTED = ("seeds", "seed")
"""Lists of numbers that are no measurements."""
ALONE = "the best checkpoint alone says too much: measure the last one beside it"
ROUGH = 10_000  # samples below which a judge's scores are flagged
WRITTEN_ANEW = "The study's command, given again, writes it anew."
READINGS = 3  # of a training, that tell whether it still got better
HEAD = (
    "run",
    "seed",
    "checkpoint",
    "images",
    "seconds",
    "Fréchet",
    "x floor",
    "coverage",
    "classifier score",
    "share of real",
    "class shares",
    "as asked",
)

Record = Mapping[str, Any]


def results(runs: Sequence[RunFolder]) -> str:
    """The Markdown of these runs: a table for each protocol, with the runs' machine and command below it."""
    if not runs:
        raise GanatomyError("No runs to tabulate.")
    judged = by_protocol((run, record) for run in runs for record in evaluations_of(run))
    parts = [
        "\n".join(
            [
                f"{protocol_line(rows[0][1])}{others(judged, rows)}",
                "",
                *head(),
                *(row(*one) for one in rows),
                *listed(notes(rows)),
            ]
        )
        for rows in judged
    ]
    measured_ones = by_protocol((run, record) for run in runs for record in newest_measurements(run))
    parts += [measured_part(rows, others(measured_ones, rows)) for rows in measured_ones]
    without = [run for run in runs if not evaluations_of(run) and not newest_measurements(run)]
    if without:
        parts.append("\n".join(f"- {run.name}: not scored" for run in without))
    parts.append("\n".join(["How they were made:", "", *map(made_line, runs)]))
    return "\n\n".join(parts) + "\n"


Rows = list[tuple[RunFolder, Record]]


def by_protocol(records: Iterable[tuple[RunFolder, Record]]) -> list[Rows]:
    """Runs with what was scored of them, those of one protocol together."""
    groups: dict[tuple[tuple[str, str], ...], Rows] = {}
    for run, record in records:
        groups.setdefault(deciding(record["protocol"]), []).append((run, record))
    return list(groups.values())


def deciding(protocol: Record) -> tuple[tuple[str, str], ...]:
    """The fields that must agree within a table: of the judge's scores COMMON, of others all but the checkpoint."""
    names = COMMON if "floor" in protocol else sorted(protocol.keys() - {"checkpoint"})
    return tuple((name, str(protocol.get(name))) for name in names)


def others(groups: Sequence[Rows], rows: Rows) -> str:
    """What tells a table's protocol from the first one's."""
    first, own = (dict(deciding(found[0][1]["protocol"])) for found in (groups[0], rows))
    differ = [
        f"{name} is {setting(own.get(name))}, not {setting(first.get(name))}"
        for name in dict.fromkeys([*first, *own])
        if own.get(name) != first.get(name)
    ]
    return f" Not to be compared with the first such table: {'; '.join(differ)}." if differ else ""


def newest_measurements(run: RunFolder) -> list[Record]:
    """Of measurements.jsonl the newest of each protocol and checkpoint; of translators, each direction by itself."""
    newest = {(deciding(one["protocol"]), str(one.get("which"))): one for one in run.measurements.read()}
    return [part for record in newest.values() for part in directions_of(record)]


def directions_of(record: Record) -> list[Record]:
    """A record as it is, or each direction of a translator's as one with its floor."""
    if "directions" not in record:
        return [record]
    counts = {way["count"] for way in record["directions"].values()}
    protocol = {**record["protocol"], **({"count": counts.pop()} if len(counts) == 1 else {})}
    return [
        {
            **record,
            "protocol": protocol,
            "which": f"{record['which']}, {name}",
            "scores": way["columns"]["translated"],
            "floor": {**way["columns"]["floor"], "count": way["count"]},
            "of": f", {name}",
        }
        for name, way in record["directions"].items()
    ]


def measured_part(rows: Rows, differs: str) -> str:
    """A table of measured scores, real images last."""
    lines, real = [], []
    for run, record in rows:
        *columns, floor = measured_columns([record])
        lines += [(run.name, column) for column in columns]
        real.append((f"{floor.title}{record.get('of', '')}", replace(floor, title="")))
    shown = [*lines, *dict(real).items()]
    names = [name for name in MEASURED if any(name in column.scores for _, column in shown)]
    cells = (
        (name, column.title, column.images, *(measured(column.scores, column.deviations, score) for score in names))
        for name, column in shown
    )
    heads = ("run", "checkpoint", "images", *(MEASURED[name] for name in names))
    table = [f"| {' | '.join(line)} |" for line in (heads, *cells)]
    table.insert(1, f"|{' --- |' * 2}{' ---: |' * (len(heads) - 2)}")
    return "\n".join(
        [
            f"{protocol_title(rows[0][1]['protocol'])}.{differs}",
            "",
            *table,
            *listed([*notes(rows), *plus_or_minus([record for _, record in rows])]),
        ]
    )


def notes(rows: Rows) -> list[str]:
    """What one should know of the scores in a table, each once, and where a run's best is without its last."""
    said = [note for _, record in rows for note in record.get("remarks", ()) if note != ALONE]
    beside = {run.path for run, record in rows if str(record.get("which", "last")).startswith("last")}
    return distinct([*said, *([ALONE] if any(run.path not in beside for run, _ in rows) else [])])


def listed(notes: Sequence[str]) -> list[str]:
    """As lines of Markdown below a table."""
    return ["", *(f"- {note}" for note in notes)] if notes else []


def studied(folders: Sequence[Path]) -> str:
    """The Markdown of studies: what was asked, and every number that came out, by its dotted name."""
    return "\n".join(map(study_section, folders))


def study_section(folder: Path) -> str:
    found = read_record(folder / "result.json", WRITTEN_ANEW)
    if "study" not in found:
        return own_tables(folder)
    if not isinstance(found.get("result"), dict):
        raise GanatomyError(f"{folder}/result.json holds no result: it was damaged or edited. {WRITTEN_ANEW}")
    result = dict(found["result"])
    known = {**{key: found[key] for key in found if key.startswith(BEGAN_WITH)}, **result.pop("protocol", {})}
    protocol = "; ".join(f"{name} {value}" for name, value in told(known))
    rows = [f"| {name} | {value} |" for name, value in told(result)]
    numbers = "\n".join(["| | |", "| --- | ---: |", *rows]) if rows else ""
    parts = [f"`{study_command(found)}`", f"{protocol}.", numbers, *tables_in(result)]
    return "\n\n".join(part for part in parts if part) + "\n"


def own_tables(folder: Path) -> str:
    """Of an ablation or a reproduction, which say in words what their result.json holds."""
    found = [folder / name for name in ("results.md", "claims.md") if (folder / name).is_file()]
    if not found:
        raise GanatomyError(f"{folder}/result.json is of no study, and no results.md or claims.md lies beside it.")
    return found[0].read_text(encoding="utf-8")


def study_command(found: Mapping[str, Any]) -> str:
    """The command that a result is of: what stands in it are the declared settings, those that are None left out."""
    apart = ("study", "use", "result")
    settings = {k: v for k, v in found.items() if k not in apart and not k.startswith(BEGAN_WITH) and v is not None}
    words = [shlex.quote(f"{name}={typed(value)}") for name, value in settings.items()]
    return " ".join(["ganatomy study", str(found["study"]), *words])


def typed(value: Any) -> str:
    """A setting as one would type it; lists that commas alone would not make are YAML's.

    >>> typed([0.5, 1.0]), typed([[1, 2], [3]]), typed([]), typed(["a=[1,2]"])
    ('0.5,1.0', '[[1, 2], [3]]', '[]', "['a=[1,2]']")
    """
    if not isinstance(value, list):
        return setting(value)
    with suppress(yaml.YAMLError):
        if value and yaml.safe_load(f"[{setting(value)}]") == value:
            return setting(value)
    return yaml.safe_dump(value, default_flow_style=True, width=math.inf).strip()


def told(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Every number and word below a value, by its dotted name; of numbers in a list the mean and the deviation.

    >>> told({"a": {"b": 1, "c": [2.0, 4.0], "d": [{"e": 1}]}, "f": "no gain", "g": None})
    [('a.b', '1'), ('a.c', '3 ± 1.4'), ('f', 'no gain')]
    """
    if isinstance(value, Mapping):
        pairs = [(f"{name}.{key}" if name else str(key), item) for key, item in value.items()]
        return [found for key, item in pairs for found in told(item, key)]
    if isinstance(value, list):
        if not name.endswith(LISTED) and value and all(is_number(item) for item in value):
            spread = f" ± {stdev(value):.2g}" if value[1:] else ""
            return [(name, f"{mean(value):.6g}{spread}")]
        flat = all(not isinstance(item, list | Mapping) and item is not None for item in value)
        return [(name, setting(value))] if value and flat else []
    if isinstance(value, str):
        return [(name, setting(value))]
    return [(name, f"{value:.6g}")] if is_number(value) else []


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def tables_in(value: Any, name: str = "") -> list[str]:
    """Every list of records below a value, as a table."""
    if isinstance(value, Mapping):
        return [
            table for key, item in value.items() for table in tables_in(item, f"{name}.{key}" if name else str(key))
        ]
    if not isinstance(value, list) or not value:
        return []
    if not all(isinstance(item, Mapping) for item in value):
        return [table for item in value for table in tables_in(item, name)]
    heads = list(value[0])
    cells = [
        [f"{one[head]:.6g}" if is_number(one.get(head)) else str(one.get(head)) for head in heads] for one in value
    ]
    lines = [f"| {' | '.join(line)} |" for line in (heads, *cells)]
    return ["\n".join([f"{name}:", "", lines[0], f"|{' --- |' * len(heads)}", *lines[1:]])]


def setting(value: Any) -> str:
    """A setting as one would type it; a path without what is above it, a hash without most of it."""
    if isinstance(value, list):
        return ",".join(map(setting, value))
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        return value[:12]
    place = isinstance(value, str) and value.startswith(("/", "./", "../"))
    return value.rstrip("/").rsplit("/", 1)[-1] if place else str(value)


def newest_evaluations(run: RunFolder) -> list[Record]:
    """The newest evaluation of the last checkpoint, and of the best one, by as many samples as there are any.

    Those of other seeds or of fewer samples, which somebody asked for afterwards, do not take their place.
    """
    found = [record for record in run.evaluations.read() if record["protocol"].get("seed") == 0]
    most = max((record["protocol"]["count"] for record in found), default=0)
    found = [record for record in found if record["protocol"]["count"] == most]
    newest = {record["which"]: record for record in found}
    if "last" in newest and "best" in newest and newest["best"]["round"] == newest["last"]["round"]:
        return [{**newest["last"], "which": "last, also best"}]
    return [newest[which] for which in ("last", "best") if which in newest]


def evaluations_of(run: RunFolder) -> list[Record]:
    """The newest evaluations and, of those with repeated draws, the newest of each protocol and checkpoint."""
    repeated = [record for record in run.evaluations.read() if "seeds" in record["protocol"]]
    newest = {(deciding(record["protocol"]), record["which"]): record for record in repeated}
    return [*newest_evaluations(run), *newest.values()]


def seeds_line(protocol: Record) -> str:
    """
    >>> seeds_line({"seed": 0}), seeds_line({"seeds": [0, 2]})
    ('seed 0', 'seeds 0, 2')
    """
    return f"seeds {', '.join(map(str, protocol['seeds']))}" if "seeds" in protocol else f"seed {protocol['seed']}"


def roughness(record: Record) -> str:
    """What to say of a judge's scores of few samples; nothing of many."""
    count = record["scores"]["count"]
    return f"rough: {count:,} samples" if count < ROUGH else ""


def protocol_line(record: Record) -> str:
    protocol, floor = record["protocol"], record["floor"]
    score = floor["classifier_score"]
    return (
        f"{protocol['count']:,} samples of {seeds_line(protocol)}, {protocol['weights']} weights, against "
        f"{protocol['reference']}; judge {protocol['extractor_sha256'][:12]}, which recognizes "
        f"{protocol['extractor_accuracy']:.2%} of the held-out images; {protocol['precision']}. Floor "
        f"({protocol['floor']}): Fréchet {floor['frechet']:.2f}, coverage {number(floor['coverage'])}, classifier "
        f"score {score:.2f}. The best checkpoint has the lowest distance in training, on samples of another seed."
    )


@dataclass(frozen=True)
class Column:
    """Scores as a table has them side by side: of all samples, of as many as the floor has, or of real images."""

    title: str
    scores: Record
    deviations: Record | None = None
    images: str = ""


def measured_columns(records: Sequence[Record]) -> list[Column]:
    """Of records of one protocol: each one's scores, those at the floor's count where that is another, the floor."""
    columns = []
    for record in records:
        which, fewer = str(record.get("which", "scores")), record.get("at_floor_count")
        images = f"{record['images']:,}" if "images" in record else ""
        columns.append(Column(which, record["scores"], record.get("deviations"), images))
        if fewer is not None:
            columns.append(Column(f"{which}, {fewer['count']:,}", fewer["scores"], fewer.get("deviations")))
    floor = records[0].get("floor") or {}
    repeated = any("deviations" in record for record in records)
    spread: Record | None = {} if repeated else None  # of draws, which real images have not
    return [*columns, Column(f"real, {floor['count']:,}" if "count" in floor else "real", floor, spread)]


def measured(values: Record, spread: Record | None, name: str) -> str:
    """A score with its deviation between draws; where there is none but one draw, `spread` None, with its own error."""
    value = values.get(name)
    if value is None:
        return "-"
    error = values.get(ERRORS.get(name, "")) if spread is None else spread.get(name)
    return f"{value:.4g}" + ("" if error is None else f" ± {error:.2g}")


def class_spread(of_class: Record, column: str) -> Record | None:
    """The deviations to show beside a class's scores, floor or ceiling: as in `measured_columns`."""
    deviations: Record | None = of_class.get("deviations")
    return deviations if column == "scores" or deviations is None else {}


def plus_or_minus(records: Sequence[Record]) -> list[str]:
    """What ± means in a table of these records: one thing, or nothing where none stands in it."""
    if any("deviations" in record for record in records):
        return ["± is the deviation between draws"]
    shown = {name for record in records for name in record["scores"]}
    own = [f"of the {title} {what}" for name, (title, what) in OWN_ERRORS.items() if name in shown]
    return [f"± is {', '.join(own)}"] if own else []


def protocol_title(protocol: Record) -> str:
    """What one must know of measured scores, in a line."""
    extractor, sha256, count = protocol["extractor"], protocol.get("extractor_sha256"), protocol.get("count")
    said = [
        "images of an unknown number" if count is None else f"{count:,} images",
        "pictures alone" if extractor is None else f"{extractor}" + (f" {sha256[:12]}" if sha256 else ""),
        f"{protocol['resize']} resize" if protocol.get("resize") else "",
        seeds_line(protocol) if "seeds" in protocol else "",
        f"{protocol['draws']} draws" if protocol.get("draws", 1) > 1 else "",
        f"{protocol['weights']} weights" if "weights" in protocol else "",
        f"prepared by {prepared}" if (prepared := settings_line(protocol.get("reference_prepared"))) else "",
    ]
    return f"{', '.join(part for part in said if part)}; reference: {protocol['reference']}"


def settings_line(settings: Record | None) -> str:
    return " ".join(f"data.{name}={value}" for name, value in (settings or {}).items())


def head() -> list[str]:
    return [f"| {' | '.join(HEAD)} |", f"|{' --- |' * 3}{' ---: |' * (len(HEAD) - 3)}"]


def row(run: RunFolder, record: Record) -> str:
    scores, floor, spread = record["scores"], record["floor"], judged_spread(record)
    shown = scores["coverage"] is not None  # a score that a collapsed generator wins stands beside one that it loses
    shares = scores["class_shares"]
    share = scores["classifier_score"] / floor["classifier_score"]
    cells = (
        run.name,
        str(recipe_of(run).get("seed", "?")),
        record["which"],
        f"{record['images']:,}",
        f"{record['seconds']:,.0f}",
        f"{scores['frechet']:.2f}{spread['frechet']}",
        f"{scores['frechet'] / floor['frechet']:.2f}{spread['x floor']}" if floor["frechet"] else "-",
        f"{number(scores['coverage'])}{spread['coverage']}",
        f"{scores['classifier_score']:.2f}{spread['classifier_score']}" if shown else "-",
        f"{share:.3f}{spread['share of real']}" if shown else "-",
        f"{min(shares):.1%} to {max(shares):.1%}",
        f"{scores['accuracy']:.1%}{spread['accuracy']}" if shown and scores["accuracy"] is not None else "-",
    )
    return f"| {' | '.join(cells)} |"


def judged_spread(record: Record) -> Mapping[str, str]:
    """What stands behind each of the judge's scores: its deviation between draws, and nothing of one draw.

    >>> judged_spread({"floor": {"frechet": 2.0}, "deviations": {"frechet": 0.5}})["x floor"]
    ' ± 0.25'
    """
    found, floor = dict(record.get("deviations") or {}), record["floor"]
    for name, of in (("x floor", "frechet"), ("share of real", "classifier_score")):
        if of in found and floor[of]:
            found[name] = found[of] / floor[of]
    told = {name: f" ± {value:.1%}" if name == "accuracy" else f" ± {value:.2g}" for name, value in found.items()}
    return defaultdict(str, told)


def made_line(run: RunFolder) -> str:
    """The command, the machine and the sessions of a run."""
    try:
        sessions = read_json(run.environment_file)["sessions"]
        where, commands = machine_of(sessions[-1]), distinct(session["command"] for session in sessions)
    except (GanatomyError, KeyError, IndexError, TypeError):
        return f"- {run.name}: its environment.json cannot be read"
    commit = (sessions[-1].get("ganatomy") or {}).get("commit")
    typed = "; ".join(f"`{shortened(command)}`" for command in commands)
    return f"- {run.name}: {where}, commit {(commit or 'unknown')[:10]}: {typed}" + last_readings(run)


def machine_of(session: Record) -> str:
    """What a session was trained on, and by which torch."""
    arithmetic = session["arithmetic"]
    device = session["cpu"]["model"] if arithmetic["device"] == "cpu" else arithmetic["device"]
    threads = f"{arithmetic['threads']} threads x {arithmetic['processes']} processes"
    return f"{device}, {arithmetic['precision']}, {threads}, torch {arithmetic['torch']}"


def machines_of(runs: Iterable[RunFolder]) -> list[str]:
    """Every machine that one of these runs was trained on, as far as their environment.json says it."""
    found = []
    for run in runs:
        with suppress(GanatomyError, KeyError, TypeError):
            found += [machine_of(session) for session in read_json(run.environment_file)["sessions"]]
    return distinct(found)


def last_readings(run: RunFolder) -> str:
    """Whether the distance still fell: as the last three readings of the training have it."""
    read = [record for record in run.scores.read() if "frechet" in record.get("scores", {})][-READINGS:]
    if len(read) < READINGS:
        return ""
    distances = ", ".join(f"{record['scores']['frechet']:.2f}" for record in read)
    shown = ", ".join(f"{record['images']:,}" for record in read)
    return f"; Fréchet in training {distances} after {shown} images"


def recipe_of(run: RunFolder) -> Mapping[str, Any]:
    try:
        plain = yaml.safe_load(run.recipe_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return plain if isinstance(plain, dict) else {}


def failure_of(run: RunFolder) -> str | None:
    """Why a run's newest session failed; None if it did not, or if its environment.json cannot be read."""
    try:
        why = read_json(run.environment_file)["sessions"][-1].get("failed")
    except (GanatomyError, KeyError, IndexError, TypeError, AttributeError):
        return None
    return None if why is None else str(why)


def shortened(command: str) -> str:
    """A command as one would type it: without the place of the program.

    >>> shortened("/home/me/.venv/bin/ganatomy train mnist-dcgan --data /data/mnist --out /tmp/a/mnist")
    'ganatomy train mnist-dcgan --data mnist --out mnist'
    """
    words = [word.rstrip("/").rsplit("/", 1)[-1] if word.startswith("/") else word for word in command.split()]
    return " ".join(["ganatomy", *words[1:]])


def distinct(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
