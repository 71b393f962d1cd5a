"""The settings of scores by a data set's judge, for recipes."""

from dataclasses import dataclass

from pydantic import PositiveInt

from ganatomy.core.kinds import Scoring
from ganatomy.core.registry import part


@part
@dataclass(frozen=True, kw_only=True)
class JudgeScores(Scoring):
    """Scores from the features and probabilities of the data set's judge.

    count: samples to score; no more than there are held-out images, so that the floor is taken at the same count.
    k: neighbors of coverage (Naeem et al., 2020), which is taken within each class.
    per_class: at most so many reference images and samples of each class are compared in it.
    """

    count: PositiveInt = 10_000
    k: PositiveInt = 5
    per_class: PositiveInt = 1_000
