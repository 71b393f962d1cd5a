"""Translators side by side: both directions, each run's translations between the same floor and ceiling."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.report.charts import bars
from ganatomy.report.comparison import titles
from ganatomy.runs.folder import RunFolder

Record = Mapping[str, Any]
AGREE = ("reference", "content", "split", "extractor", "extractor_sha256", "resize", "precision", "judge_sha256")
REAL = ("floor", "doing nothing", "ceiling")


def newest(run: RunFolder) -> Record | None:
    """The newest scores of a translator's last checkpoint; None where it has none."""
    found = [record for record in run.measurements.read() if "directions" in record and record["which"] == "last"]
    return found[-1] if found else None


def translations(runs: Sequence[RunFolder]) -> dict[str, Record]:
    """The newest scores of each run; runs whose protocols differ are refused, with the field that differs."""
    found: dict[str, Record] = {}
    for title, run in zip(titles(runs), runs, strict=True):
        record = newest(run)
        if record is None:
            raise GanatomyError(f"{run.name} has no scores of translations: ganatomy evaluate {run.path}")
        found[title] = record
    first_name, first = next(iter(found.items()))
    for name, record in found.items():
        for field in AGREE:
            a, b = (one["protocol"].get(field) for one in (first, record))
            if a != b:
                raise GanatomyError(f"{first_name} and {name} are not of one protocol: {field} is {a} and {b}.")
    return found


def rows(found: Mapping[str, Record], direction: str) -> list[dict[str, str]]:
    """Real images first, then every run: KID, FID, seen as the target, cycle error, light and dark exchanged."""
    first = next(iter(found.values()))["directions"][direction]
    table = [row(name, first["columns"][name], {}) for name in REAL]
    for name, record in found.items():
        own = record["directions"][direction]
        table.insert(-2, row(name, own["columns"]["translated"], own))
    return table


def row(name: str, column: Mapping[str, float], own: Mapping[str, float]) -> dict[str, str]:
    return {
        "images": name,
        "KID": f"{column['kid']:.3g} ± {column['kid_error']:.2g}" if "kid" in column else "-",
        "FID": f"{column['fid']:.4g}" if "fid" in column else "-",
        "seen as the target": f"{column['seen_as_target']:.1%}",
        "cycle error, of two images'": f"{own['cycle_error'] / own['between_two']:.2f}" if own else "-",
        "exchanged": f"{own['inverted']:.1%}" if own else "-",
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
