"""Translators side by side: both directions, each run's translations between the same floor and ceiling."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.report.charts import bars
from ganatomy.report.comparison import titles
from ganatomy.runs.folder import RunFolder

Record = Mapping[str, Any]
AGREE = (
    *("reference", "content", "split", "extractor", "extractor_sha256", "resize", "precision", "judge_sha256"),
    *("cycle", "inverted_below", "weights", "checkpoint"),
)
REAL = ("floor", "doing nothing", "ceiling")
Protocol = tuple[str, ...]


def by_protocol(run: RunFolder) -> dict[Protocol, Record]:
    """A translator's scores, newest protocol last: of each the newest round's, of that the record with most metrics."""
    found: dict[Protocol, Record] = {}
    for record in run.measurements.read():
        if "directions" not in record:
            continue
        key = tuple(str(record["protocol"].get(field)) for field in AGREE)
        before = found.pop(key, record)
        found[key] = record if extent(record) >= extent(before) else before
    return found


def extent(record: Record) -> tuple[int, int]:
    """How far the translator was trained, and how many scores a column has."""
    return record.get("round", 0), len(next(iter(record["directions"].values()))["columns"]["translated"])


def translations(runs: Sequence[RunFolder]) -> dict[str, Record]:
    """The scores of each run under the newest protocol that all share; without one, the field that differs is told."""
    of_runs: dict[str, dict[Protocol, Record]] = {}
    for title, run in zip(titles(runs), runs, strict=True):
        of_runs[title] = by_protocol(run)
        if not of_runs[title]:
            raise GanatomyError(
                f"{run.name} has no scores of translations. If it is a translator: ganatomy evaluate {run.path}. "
                "Other GANs stand in a table of their own."
            )
    (first_name, first), *others = of_runs.items()
    shared = [key for key in first if all(key in found for _, found in others)]
    if shared:
        return {title: found[shared[-1]] for title, found in of_runs.items()}
    name, other = next((name, found) for name, found in others if not first.keys() & found.keys())
    differ = next((field, a, b) for field, a, b in zip(AGREE, list(first)[-1], list(other)[-1], strict=True) if a != b)
    raise GanatomyError(
        "{} and {} are not of one protocol: {} is {} and {}. Evaluate both alike.".format(first_name, name, *differ)
    )


def rows(found: Mapping[str, Record]) -> list[dict[str, str]]:
    """Of each direction real images and every run: KID, FID, seen as the target, cycle error, colors inverted."""
    table = []
    for direction, first in next(iter(found.values()))["directions"].items():
        of_runs = {name: record["directions"][direction] for name, record in found.items()}
        mine = [row(direction, name, own["columns"]["translated"], own) for name, own in of_runs.items()]
        floor, *others = (row(direction, name, first["columns"][name], {}) for name in REAL)
        table += [floor, *mine, *others]
    return table


def row(direction: str, name: str, column: Mapping[str, float], own: Mapping[str, float]) -> dict[str, str]:
    known = "inverted_by_chance" in own
    return {
        "direction": direction,
        "images": name,
        "KID": f"{column['kid']:.3g} ± {column['kid_error']:.2g}" if "kid" in column else "-",
        "FID": f"{column['fid']:.4g}" if "fid" in column else "-",
        "seen as the target": f"{column['seen_as_target']:.1%}",
        "cycle error, of two images'": f"{own['cycle_error'] / own['between_two']:.2f}" if own else "-",
        "inverted (by chance)": f"{own['inverted']:.1%} ({own['inverted_by_chance']:.1%})" if known else "-",
    }


def picture(found: Mapping[str, Record]) -> Image.Image:
    """Both directions as bars, one below the other: kernel distances or, where not all have one, Fréchet distances."""
    first = next(iter(found.values()))["directions"]
    pages = []
    for direction in first:
        columns = {name: first[direction]["columns"][name] for name in REAL}
        mine = {name: record["directions"][direction]["columns"]["translated"] for name, record in found.items()}
        shown = {"floor": columns.pop("floor"), **mine, **columns}
        key, title = ("kid", "kernel") if all("kid" in c for c in shown.values()) else ("fid", "Fréchet")
        error = {name: c["kid_error"] if key == "kid" else 0.0 for name, c in shown.items()}
        ranges = {name: (c[key] - error[name], c[key] + error[name]) for name, c in shown.items()}
        pages.append(bars(ranges, f"{direction}: {title} distance to the target", ".3g"))
    page = Image.new("RGB", (max(p.width for p in pages), sum(p.height for p in pages)), "white")
    for number, one in enumerate(pages):
        page.paste(one, (0, sum(p.height for p in pages[:number])))
    return page
