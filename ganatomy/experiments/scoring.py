"""Scoring runs that were not scored in training: by their judge or, without labels, in random features."""

from collections.abc import Mapping
from typing import Any

import torch

from ganatomy.core.randomness import CPU
from ganatomy.experiments.measuring import Request, make_extractor, measure_run
from ganatomy.experiments.run import Run
from ganatomy.experiments.translation_scores import is_translation
from ganatomy.report.comparison import in_random_features
from ganatomy.report.results import newest_evaluations

UNJUDGED = 2_000  # samples of a run without labels


def scored(run: Run, device: torch.device = CPU) -> None:
    """Score a run's last checkpoint as its data allows, unless that was done or it is a translator's.

    Raises GanatomyError if there are too few images.
    """
    folder = run.folder
    if "G" not in run.recipe.players or is_translation(run):
        return
    if run.recipe.scores is not None and (run.data().classes or ())[1:]:
        if not any(of_newest(run, record) for record in newest_evaluations(folder)):
            run.evaluate(device=device)
    elif not any(in_random_features(one) and of_newest(run, one) for one in folder.measurements.read()):
        asked = Request(make_extractor("random"), ("fid", "prdc"), UNJUDGED)
        measure_run(run, asked, checkpoints=("last",), device=device)


def of_newest(run: Run, record: Mapping[str, Any]) -> bool:
    """Whether a record is of the run's last checkpoint."""
    return record.get("round") in run.folder.checkpoints.rounds()[-1:]
