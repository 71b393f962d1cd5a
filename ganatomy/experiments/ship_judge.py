"""Making a classifier that was trained as a run the judge of its data set.

Into the cache: `ganatomy judge runs/cifar10-judge`. Into the package: `python -m ganatomy.experiments.ship_judge RUN`.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

import ganatomy.recipes
from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.judging import SHIPPED, can_be_judged, judge_facts, kept_judge, read_judge, shipped_judges
from ganatomy.experiments.run import Run, load
from ganatomy.games.classification import Classification
from ganatomy.runs.files import write_bytes, write_json


def trained_judge(run: Run, dtype: torch.dtype = torch.float32) -> tuple[dict[str, Any], bytes]:
    """A judge's facts and its weights in `dtype`, from a run whose C was trained on the first half of the images.

    Raises GanatomyError for other runs.
    """
    if run.recipe.game.part is not Classification:
        raise GanatomyError(
            f"{run.path} is a run of {run.recipe.name}, which is no classifier; a judge is one, such as cifar10-judge."
        )
    network = run.player("C")
    whole = run.recipe.data.replace(subset="all").build().open()
    if run.recipe.data.settings["subset"] != "first-half" or not can_be_judged(whole):
        raise GanatomyError(
            f"{run.path} is no judge: one is trained on labels with data.subset=first-half, since the other half is "
            "what scores compare with."
        )
    weights = network.to(dtype).state_dict()
    tensors = save({name: value.contiguous() for name, value in weights.items()})
    command = f"ganatomy train {run.recipe.name} --seed {run.recipe.seed} --images {run.recipe.images}"
    return {**judge_facts(run.recipe, whole, tensors), "command": command}, tensors


def keep(run: Run) -> tuple[Path, dict[str, Any]]:
    """Put a run's judge into the cache, where it replaces the data set's earlier one.

    Raises GanatomyError if the package ships a judge of this data set, which would be used instead.
    """
    facts, tensors = trained_judge(run)
    for file in shipped_judges():
        if (shipped := read_judge(file, facts["content"])) is not None:
            raise GanatomyError(
                f"{run.path} is right about {facts['accuracy']:.2%} of the held-out images and is not kept: the "
                f"package has a judge of these pixels, {shipped.sha256[:12]}, and uses it "
                f"({shipped.facts['accuracy']:.2%})."
            )
    file = kept_judge(facts["content"])
    written(file, facts, tensors)
    return file, facts


def ship(run: Run) -> Path:
    """Write a run's judge into the package, its weights in float16; returns the file of its facts."""
    file = SHIPPED / f"{run.recipe.name.removesuffix('-judge')}.json"
    written(file, *trained_judge(run, torch.float16))
    return file


def written(file: Path, facts: dict[str, Any], tensors: bytes) -> None:
    """Write a judge's weights and facts."""
    write_bytes(file.with_suffix(".safetensors"), tensors)
    write_json(file, facts)


if __name__ == "__main__":
    assert ganatomy.recipes
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m ganatomy.experiments.ship_judge RUN")
    try:
        print(ship(load(sys.argv[1])))
    except GanatomyError as error:
        raise SystemExit(f"error: {error}") from None
