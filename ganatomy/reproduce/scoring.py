"""Scores of what a reproduction trained, by whatever its data allows."""

from collections.abc import Callable

import torch

from ganatomy.core.randomness import CPU
from ganatomy.experiments.measuring import Request, make_extractor, measure_run
from ganatomy.experiments.run import Run
from ganatomy.experiments.scoring import of_newest
from ganatomy.experiments.scoring import scored as scored_as_any
from ganatomy.experiments.translation_scores import is_translation, judge_of_domains, measure_translation
from ganatomy.reproduce.measured import by_inception, inception_is_there, of_two_domains

FOREIGN = 10_000  # samples that Inception looks at, as in the reports
Announce = Callable[[str], None]


def scored(
    run: Run, *, foreign: bool = False, where: torch.device = CPU, announce: Announce = lambda text: None
) -> None:
    """Score a run by whatever its data allows, unless it is scored: as it is trained, translators, without labels.

    foreign: by Inception, too, where its weights are in the cache, as the reports' numbers are.
    """
    records = [record for record in run.folder.measurements.read() if of_newest(run, record)]
    inception = foreign and inception_is_there() and not any(map(by_inception, records))
    if is_translation(run):
        if not any(map(of_two_domains, records)):
            judge = judge_of_domains(run, announce, where)
            measure_translation(run, judge, Request(judge, ("kid", "fid")))
        if inception:
            asked = Request(make_extractor("inception", device=where), ("fid",))
            measure_translation(run, judge_of_domains(run), asked)
        return
    scored_as_any(run, where)
    if inception:
        asked = Request(make_extractor("inception", device=where), ("fid", "is"), FOREIGN)
        measure_run(run, asked, checkpoints=("last",), device=where)
