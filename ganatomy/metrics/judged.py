"""How a run is scored by the judge of its data set: what a recipe says of it."""

from dataclasses import dataclass

from pydantic import PositiveInt

from ganatomy.core.kinds import Scoring
from ganatomy.core.registry import part


@part
@dataclass(frozen=True, kw_only=True)
class JudgeScores(Scoring):
    """Scores on the judge's features and probabilities.

    `count` samples, or as many as there are held-out images if those are fewer: the floor is taken at equal counts.
    Coverage (Naeem et al., 2020) is within each class, between `per_class` reference and `per_class` generated images
    at most.
    """

    count: PositiveInt = 10_000
    k: PositiveInt = 5
    per_class: PositiveInt = 1_000
