"""Runs side by side as Markdown: best *and* final, with seed, protocol, images shown and seconds.

Rows whose protocols differ never share a table. A run without scores is listed too, with what it lacks.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ganatomy.core.errors import GanatomyError
from ganatomy.runs.files import read_json
from ganatomy.runs.folder import RunFolder

COMMON = (
    *("reference", "content", "floor", "count", "extractor", "extractor_sha256"),
    *("resize", "precision", "k", "per_class", "seed", "weights"),
)
"""Fields of a protocol that must agree within a table; which checkpoint it is stands in the rows."""
ERRORS = {"kid": "kid_error", "is": "is_deviation"}
"""Scores that carry an error of their own, and what it is called."""
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
    tables: dict[tuple[str, ...], list[str]] = {}
    titles: dict[tuple[str, ...], str] = {}
    without: list[str] = []
    for run in runs:
        records = newest_evaluations(run)
        if not records:
            without.append(f"- {run.name}: not scored")
        for record in records:
            key = tuple(str(record["protocol"].get(field)) for field in COMMON)
            titles.setdefault(key, protocol_line(record))
            tables.setdefault(key, []).append(row(run, record))
    parts = ["\n".join([titles[key], "", *head(), *rows]) for key, rows in tables.items()]
    if without:
        parts.append("\n".join(without))
    parts.append("\n".join(["How they were made:", "", *map(made_line, runs)]))
    return "\n\n".join(parts) + "\n"


def studied(folders: Sequence[Path]) -> str:
    """The Markdown of studies: what was asked, and every number that came out, by its dotted name."""
    return "\n".join(map(study_section, folders))


def study_section(folder: Path) -> str:
    found = read_json(folder / "result.json")
    settings = {name: value for name, value in found.items() if name not in ("study", "use", "result")}
    told = " ".join(f"{name}={setting(value)}" for name, value in settings.items() if value not in (None, []))
    result = dict(found["result"])
    protocol = "; ".join(f"{name} {value}" for name, value in numbers_in(result.pop("protocol", {}), strings=True))
    rows = [f"| {name} | {value:.6g} |" for name, value in numbers_in(result)]
    return "\n".join(
        [f"`ganatomy study {found['study']} {told}`", "", f"{protocol}.", "", "| | |", "| --- | ---: |", *rows, ""]
    )


def setting(value: Any) -> str:
    """A setting as one would type it; a path without what is above it, a hash without most of it."""
    if isinstance(value, list):
        return ",".join(map(setting, value))
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        return value[:12]
    place = isinstance(value, str) and value.startswith(("/", "./", "../"))
    return value.rstrip("/").rsplit("/", 1)[-1] if place else str(value)


def numbers_in(value: Any, name: str = "", *, strings: bool = False) -> list[tuple[str, Any]]:
    """Every number below a value, by its dotted name; lists, such as one number for each draw, are left out.

    >>> numbers_in({"a": {"b": 1, "c": {"d": 2.5, "e": True}, "f": [3]}, "g": "text"})
    [('a.b', 1), ('a.c.d', 2.5)]
    """
    if isinstance(value, Mapping):
        pairs = [(f"{name}.{key}" if name else str(key), item) for key, item in value.items()]
        return [found for key, item in pairs for found in numbers_in(item, key, strings=strings)]
    if isinstance(value, str) and strings:
        return [(name, setting(value))]
    return [(name, value)] if isinstance(value, int | float) and not isinstance(value, bool) else []


def newest_evaluations(run: RunFolder) -> list[Record]:
    """The newest evaluation of the last checkpoint, and of the best one, by as many samples as there are any.

    Those of other seeds or of fewer samples, which somebody asked for afterwards, do not take their place.
    """
    found = [record for record in run.evaluations.read() if record["protocol"]["seed"] == 0]
    most = max((record["protocol"]["count"] for record in found), default=0)
    found = [record for record in found if record["protocol"]["count"] == most]
    newest = {record["which"]: record for record in found}
    if "last" in newest and "best" in newest and newest["best"]["round"] == newest["last"]["round"]:
        return [{**newest["last"], "which": "last, also best"}]
    return [newest[which] for which in ("last", "best") if which in newest]


def protocol_line(record: Record) -> str:
    protocol, floor = record["protocol"], record["floor"]
    score = floor["classifier_score"]
    return (
        f"{protocol['count']:,} samples of seed {protocol['seed']}, {protocol['weights']} weights, against "
        f"{protocol['reference']}; judge {protocol['extractor_sha256'][:12]}, which recognizes "
        f"{protocol['extractor_accuracy']:.2%} of the held-out images; {protocol['precision']}. Floor "
        f"({protocol['floor']}): Fréchet {floor['frechet']:.2f}, coverage {number(floor['coverage'])}, classifier "
        f"score {score:.2f}. The best checkpoint has the lowest distance in training, on samples of another seed."
    )


def head() -> list[str]:
    return [f"| {' | '.join(HEAD)} |", f"|{' --- |' * 3}{' ---: |' * (len(HEAD) - 3)}"]


def row(run: RunFolder, record: Record) -> str:
    scores, floor = record["scores"], record["floor"]
    shown = scores["coverage"] is not None  # a score that a collapsed generator wins stands beside one that it loses
    shares = scores["class_shares"]
    cells = (
        run.name,
        str(recipe_of(run).get("seed", "?")),
        record["which"],
        f"{record['images']:,}",
        f"{record['seconds']:,.0f}",
        f"{scores['frechet']:.2f}",
        f"{scores['frechet'] / floor['frechet']:.2f}" if floor["frechet"] else "-",
        number(scores["coverage"]),
        f"{scores['classifier_score']:.2f}" if shown else "-",
        f"{scores['classifier_score'] / floor['classifier_score']:.3f}" if shown else "-",
        f"{min(shares):.1%} to {max(shares):.1%}",
        f"{scores['accuracy']:.1%}" if shown and scores["accuracy"] is not None else "-",
    )
    return f"| {' | '.join(cells)} |"


def made_line(run: RunFolder) -> str:
    """The command, the machine and the sessions of a run."""
    try:
        sessions = read_json(run.environment_file)["sessions"]
        last = sessions[-1]
        arithmetic = last["arithmetic"]
        commands = distinct(session["command"] for session in sessions)
        cpu = last["cpu"]["model"] if arithmetic["device"] == "cpu" else arithmetic["device"]
    except (GanatomyError, KeyError, IndexError, TypeError):
        return f"- {run.name}: its environment.json cannot be read"
    where = f"{cpu}, {arithmetic['precision']}, {arithmetic['threads']} threads x {arithmetic['processes']} processes"
    commit = (last.get("ganatomy") or {}).get("commit")
    return f"- {run.name}: {where}, torch {arithmetic['torch']}, commit {(commit or 'unknown')[:10]}: " + "; ".join(
        f"`{shortened(command)}`" for command in commands
    )


def recipe_of(run: RunFolder) -> Mapping[str, Any]:
    try:
        plain = yaml.safe_load(run.recipe_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return plain if isinstance(plain, dict) else {}


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
