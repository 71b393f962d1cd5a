"""Which of a run's measurements are those that claims are read from: anybody may have added others since."""

from collections.abc import Mapping
from typing import Any

from ganatomy.data.packed import cache_folder
from ganatomy.metrics.extractors import INCEPTION
from ganatomy.report.comparison import in_random_features as in_random_features

Record = Mapping[str, Any]


def of_two_domains(record: Record) -> bool:
    """Whether it is a translator's Fréchet distances under the judge of its two domains."""
    known = all("fid" in way["columns"]["translated"] for way in record.get("directions", {}).values())
    return "directions" in record and record["protocol"]["extractor"] == "judge" and known


def by_inception(record: Record) -> bool:
    """Whether it is a Fréchet distance under the network that the reports' own are of."""
    columns = [way["columns"]["translated"] for way in record.get("directions", {}).values()]
    known = all("fid" in scores for scores in columns or [record.get("scores", {})])
    return known and record["protocol"]["extractor"] == "inception"


def inception_is_there() -> bool:
    """Whether its weights are in the cache; for a reproduction they are not downloaded."""
    return (cache_folder() / "extractors" / INCEPTION).exists()
