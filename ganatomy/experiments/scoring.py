"""Scores of a run that training left without: by its judge or, where its images have no labels, in random features."""

from collections.abc import Mapping
from typing import Any

import torch

from ganatomy.core.randomness import CPU
from ganatomy.experiments.measuring import Asked, make_extractor, measure_run
from ganatomy.experiments.run import Run
from ganatomy.experiments.translation_scores import is_translation
from ganatomy.report.comparison import in_random_features
from ganatomy.report.results import newest_evaluations

UNJUDGED = 2_000  # samples that a run without labels is measured by


def scored(run: Run, device: torch.device = CPU) -> None:
    """Score a run's newest checkpoint by what its data allows, unless it is scored; translators are left as they are.

    Raises GanatomyError where there are too few images for a distance.
    """
    folder = run.folder
    if "G" not in run.recipe.players or is_translation(run):
        return
    if run.recipe.scores is not None and (run.data().classes or ())[1:]:
        if not any(of_newest(run, record) for record in newest_evaluations(folder)):
            run.evaluate(device=device)
    elif not any(in_random_features(one) and of_newest(run, one) for one in folder.measurements.read()):
        asked = Asked(make_extractor("random"), ("fid", "prdc"), UNJUDGED)
        measure_run(run, asked, checkpoints=("last",), device=device)


def of_newest(run: Run, record: Mapping[str, Any]) -> bool:
    """Whether a record is of the run's newest checkpoint, not of one that it was trained on from."""
    return record.get("round") in run.folder.checkpoints.rounds()[-1:]
