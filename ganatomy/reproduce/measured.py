"""Which of a run's measurements are those that claims are read from: anybody may have added others since."""

from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]


def in_random_features(record: Record) -> bool:
    """Whether it is a Fréchet distance with its floor, as runs without labels are measured by here."""
    known = "fid" in record.get("scores", {}) and "fid" in record.get("floor", {})
    return known and str(record["protocol"]["extractor"]).startswith("random")


def fid_x_floor(record: Record) -> float:
    return float(record["scores"]["fid"] / record["floor"]["fid"])


def of_two_domains(record: Record) -> bool:
    """Whether it is a translator's Fréchet distances under the judge of its two domains."""
    known = all("fid" in way["columns"]["translated"] for way in record.get("directions", {}).values())
    return "directions" in record and record["protocol"]["extractor"] == "judge" and known
