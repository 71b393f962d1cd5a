"""Put a trained judge into the package: `python -m ganatomy.experiments.ship_judge runs/mnist-judge`."""

import sys
from pathlib import Path

from safetensors.torch import save

import ganatomy.recipes
from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.judging import SHIPPED, judge_facts
from ganatomy.experiments.run import Run, load
from ganatomy.runs.files import write_bytes, write_json


def ship(run: Run) -> Path:
    """Write the judge's weights and facts beside those that are shipped; return the facts' file."""
    data = run.data()
    tensors = save({name: value.contiguous() for name, value in run.player("C").state_dict().items()})
    whole = run.recipe.data.replace(subset="all").build().open()
    command = f"ganatomy train {run.recipe.name} --seed {run.recipe.seed} --images {run.recipe.images}"
    name = run.recipe.name.removesuffix("-judge")
    assert data.content.startswith(whole.content)
    write_bytes(SHIPPED / f"{name}.safetensors", tensors)
    file = SHIPPED / f"{name}.json"
    write_json(file, {**judge_facts(run.recipe, whole, tensors), "command": command})
    return file


if __name__ == "__main__":
    assert ganatomy.recipes
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m ganatomy.experiments.ship_judge RUN")
    try:
        print(ship(load(sys.argv[1])))
    except GanatomyError as error:
        raise SystemExit(f"error: {error}") from None
