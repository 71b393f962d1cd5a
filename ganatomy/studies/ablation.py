"""Any recipe over any fields and seeds: every cell trained, none hidden, and whether a difference exceeds the seeds'.

A cell is a run in the ablation's folder. What is trained is not trained again, so an ablation that was stopped goes on,
one that shall be longer goes on where its runs ended, and several machines can each take a shard of one folder.
"""

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.core.observer import Observer
from ganatomy.core.recipe import DESCRIPTION, Recipe, read_recipe
from ganatomy.core.spec import Spec, key_and_value, to_plain
from ganatomy.data.images import ImageSet
from ganatomy.engine.ledger import NonFiniteError
from ganatomy.engine.precision import find_device, is_out_of_memory
from ganatomy.experiments.build import build_game, class_count
from ganatomy.experiments.clock import Clock, State
from ganatomy.experiments.scoring import scored
from ganatomy.experiments.train import parse_duration, prepared, train
from ganatomy.report.comparison import Groups, Outcome, by_protocol, markdown, numbers, outcome_of, rows, run_by_run
from ganatomy.report.courses import picture
from ganatomy.report.png import write_png
from ganatomy.runs.files import read_record, write_csv, write_json, write_text
from ganatomy.runs.folder import RunFolder, refuse_foreign

ABLATIONS = Path("ablations")  # where `ganatomy ablate` works unless told otherwise


AGAIN = " (tried again by the same command)"


@dataclass(frozen=True)
class Cell:
    """One run of an ablation: a recipe with one choice of the fields that vary, and a seed."""

    setting: str  # such as "optimizers.D.lr=1e-4, game.d_steps=2"
    recipe: Recipe

    @property
    def name(self) -> str:
        """A folder's name: letters, digits, and what is harmless."""
        return re.sub(r"[^\w.=+-]+", "_", f"{self.setting}-seed{self.recipe.seed}").strip("_")


def cells_of(
    recipes: Sequence[str],
    assignments: Sequence[str],
    seeds: Sequence[int],
    *,
    data: str | None = None,
    images: int | None = None,
) -> list[Cell]:
    """Every combination of the values in `KEY=a,b,c`; a list as one value is written `KEY=[128,64],[256,128]`.

    Raises GanatomyError before anything is trained if one of them is no recipe, or if there is no seed.
    """
    if not seeds:
        raise GanatomyError("An ablation without seeds has no cells: name one at least, such as --seeds 0.")
    axes = [(key, values_in(text)) for key, text in map(key_and_value, assignments)]
    refuse_what_is_named_twice([key for key, _ in axes])
    refuse_what_is_said_elsewhere(axes, {"seed": True, "images": images is not None, "data.source": data is not None})
    varied = [key for key, values in axes if len(values) > 1]
    found = []
    for recipe in recipes:
        for choice in itertools.product(*(values for _, values in axes)):
            words = [f"{key}={value}" for (key, _), value in zip(axes, choice, strict=True)]
            told = [word for word in words if word.partition("=")[0] in varied]
            made = [prepared(recipe, words, data=data, images=images, seed=seed) for seed in seeds]
            setting = ", ".join([recipe] * (len(recipes) > 1) + told) or made[0].name
            found += [Cell(setting, one) for one in made]
    if len({cell.name for cell in found}) < len(found):
        raise GanatomyError("Two cells of this ablation are the same: a value or a seed is named twice.")
    return found


def folder_of(cells: Sequence[Cell]) -> Path:
    """Where an ablation goes unless told otherwise: under the names of its recipes, wherever their files lie."""
    return ABLATIONS / ",".join(dict.fromkeys(cell.recipe.name for cell in cells))


def refuse_what_is_named_twice(keys: Sequence[str]) -> None:
    """Of a field named twice the last value counts, and the table would tell the first."""
    for key in keys:
        if keys.count(key) > 1:
            raise GanatomyError(f"{key} is named twice: put all of its values into one list, {key}=a,b.")


def refuse_what_is_said_elsewhere(axes: Sequence[tuple[str, list[str]]], said: Mapping[str, bool]) -> None:
    """Fields that an option sets after the assignments, which would come to nothing."""
    for key, values in axes:
        if said.get(key):
            option = {"seed": "--seeds", "images": "--images", "data.source": "--data"}[key]
            raise GanatomyError(
                f"{key}={','.join(values)} would be overwritten: {option} says it, so say it there alone."
            )


def values_in(text: str) -> list[str]:
    """The values between commas, but for commas in brackets.

    >>> values_in("1e-4,1e-3"), values_in("[128,64],[256,128]")
    (['1e-4', '1e-3'], ['[128,64]', '[256,128]'])
    """
    depth, values = 0, [""]
    for letter in text:
        depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and depth == 0:
            values.append("")
        else:
            values[-1] += letter
    return [value.strip() for value in values]


def shard_of(cells: Sequence[Cell], shard: str | None) -> list[Cell]:
    """The cells of one of several machines: `2/3` takes the second of every three.

    >>> shard_of("abcde", "2/3")
    ['b', 'e']
    """
    if shard is None:
        return list(cells)
    match = re.fullmatch(r"(\d+)/(\d+)", shard)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise GanatomyError(f"shard {shard} is not a part such as 1/4, the first of four.")
    return list(cells[int(match[1]) - 1 :: int(match[2])])


def ablate(
    cells: Sequence[Cell],
    out: Path | str,
    *,
    shard: str | None = None,
    duration: str | None = None,
    device: str = "auto",
    show: Observer | None = None,
    announce: Callable[[str], None] = lambda text: None,
) -> Path:
    """Train what is not trained yet, write results.md, result.json, runs.csv and picture.png; returns the folder.

    `duration` is each run's, over all sessions. A run that fails (a loss that is not finite, no memory) is written down
    with the reason, and the others go on; without labels they are measured in random features. The next session tries
    what lacked memory again; a loss that is not finite comes again, too, so it is final while cells/NAME.json is there.
    Where `images` or `duration` is more than the runs of a folder had, they go on from where they are. Any other error
    stops the ablation, with the results of what is done; a folder that holds other cells, or other things, is refused
    before anything is trained.
    """
    out = Path(out)
    own, seconds = shard_of(cells, shard), parse_duration(duration)
    if not own:
        raise GanatomyError(f"shard {shard} is empty: there are {len(cells)} cells.")
    find_device(device)
    refuse_foreign(out, "an ablation", ours=any((out / name).exists() for name in ("cells", "clocks")))
    check_same(cells, out, seconds)
    data = {spec: spec.build().open(progress=True) for spec in {cell.recipe.data: None for cell in own}}
    check_content(own, data, out)
    check_buildable(own, data)
    try:
        for number, cell in enumerate(own, start=1):
            if not is_done(cell, out, seconds):
                announce(f"{number} of {len(own)}: {cell.setting}, seed {cell.recipe.seed}")
                content = data[cell.recipe.data].content
                how = {"duration": seconds, "images": cell.recipe.images, "content": content}
                write_json(file_of(cell, out), {**how, **trained(cell, out, seconds, device, show)})
    finally:
        there = [cell for cell in cells if is_told(cell, out, seconds)]
        missing = [cell.name for cell in cells if cell not in there]
        write_summary(outcomes(there, out), out, missing)
    if missing:
        announce(f"{len(missing)} of {len(cells)} cells are not trained yet; another shard has them.")
    return out


def file_of(cell: Cell, out: Path) -> Path:
    """What became of a cell."""
    return out / "cells" / f"{cell.name}.json"


def is_done(cell: Cell, out: Path, seconds: float | None) -> bool:
    """Whether it is trained for so long, or failed for good."""
    return is_told(cell, out, seconds) and not read_cell(file_of(cell, out)).get("again", False)


def is_told(cell: Cell, out: Path, seconds: float | None) -> bool:
    """Whether it is known what becomes of it in so many images and seconds."""
    if not file_of(cell, out).exists():
        return False
    found = read_cell(file_of(cell, out))
    same = found.get("images") == cell.recipe.images and found.get("duration") == seconds
    return same or found["failed"] is not None


def read_cell(file: Path) -> dict[str, Any]:
    return read_record(file, "Remove it: the same command sees that its run is trained, and writes it anew.")


def check_same(cells: Sequence[Cell], out: Path, seconds: float | None) -> None:
    """What is in the folder was trained by the same recipes, for no longer; where its data lay does not matter."""
    for cell in cells:
        run, file = RunFolder(out / "runs" / cell.name), file_of(cell, out)
        if run.exists():
            was = read_recipe(run.recipe_file)
            longer = {"images"} if was.images < cell.recipe.images else set()
            different = was.differences(cell.recipe, ignoring=DESCRIPTION | {"data.source"} | longer)
            if different:
                raise another(out, "; ".join(different))
        there = read_cell(file).get("duration") if file.exists() else seconds
        if (there or math.inf) > (seconds or math.inf):
            raise another(out, f"seconds of a run: {there} -> {seconds}")


def check_content(cells: Sequence[Cell], data: Mapping[Spec, ImageSet], out: Path) -> None:
    """What is in the folder was trained on the same images."""
    for cell in cells:
        opened, file = data[cell.recipe.data], file_of(cell, out)
        if file.exists() and read_cell(file).get("content") != opened.content:
            raise another(out, f"its images are not those of {opened.source}")


def another(out: Path, difference: str) -> GanatomyError:
    return GanatomyError(f"{out} holds another ablation ({difference}). Choose another folder with --out.")


def check_buildable(cells: Sequence[Cell], data: Mapping[Spec, ImageSet]) -> None:
    """Every game can be built on its data's shape: a mistake in the last cell is told before the first is trained."""
    seen = set()
    for cell in cells:
        recipe, opened = cell.recipe, data[cell.recipe.data]
        made_of = str([to_plain(part) for part in (recipe.data, recipe.game, recipe.players)])
        if made_of not in seen:
            build_game(recipe, opened.shape, class_count(opened.classes))
        seen.add(made_of)


def trained(cell: Cell, out: Path, seconds: float | None, device: str, show: Observer | None) -> dict[str, Any]:
    """Train a cell for what is left of its time, and score it; what became of it."""
    facts: dict[str, Any] = {"setting": cell.setting, "seed": cell.recipe.seed, "run": f"runs/{cell.name}"}
    run, file = RunFolder(out / facts["run"]), out / "clocks" / f"{cell.name}.json"
    state = replace(State.read(file) or State(seconds), given=seconds).resumed().write(file)
    clock = Clock(file, state, run.checkpoints, show)
    try:
        found = train(cell.recipe, out=run.path, duration=clock.duration, device=device, show=clock)
    except (GanatomyError, MemoryError, RuntimeError) as error:
        if not isinstance(error, NonFiniteError) and not is_out_of_memory(error):
            raise
        again = not isinstance(error, NonFiniteError)
        return {**facts, "failed": one_line(error) + AGAIN * again, "again": again}
    with suppress(GanatomyError):  # too few images for a distance: the table says that there is no score
        scored(found)
    return {**facts, "failed": None}


def outcomes(cells: Sequence[Cell], out: Path) -> Groups:
    """What became of each setting's runs, trained here or on another machine."""
    groups: dict[str, list[Outcome]] = {}
    for cell in cells:
        facts = read_cell(file_of(cell, out))
        groups.setdefault(cell.setting, []).append(outcome_of(RunFolder(out / facts["run"]), facts["failed"]))
    return groups


def write_summary(groups: Groups, out: Path, missing: Sequence[str] = ()) -> None:
    """results.md and result.json with a table for each protocol, runs.csv with a row for each run, and picture.png.

    In result.json also every number by itself, by setting, and what is not trained yet.
    """
    parts = by_protocol(groups) if groups else []
    tables = [rows(part) for part in parts if part]
    if not tables:
        return
    notes = ["Means and deviations over seeds; distances are multiples of their floor; p by Welch's test on the last."]
    if len(groups) > 2:
        notes.append("Each setting is tested by itself: of twenty alike, one lies beyond the spread by chance.")
    if len(tables) > 1:
        notes.append("The settings change what is compared with, so there are several tables.")
    if missing:
        notes.append(f"Not trained yet: {', '.join(missing)}.")
    write_text(out / "results.md", "\n\n".join([*map(markdown, tables), *notes]) + "\n")
    write_json(out / "result.json", {"tables": tables, "numbers": numbers(groups), "missing": list(missing)})
    write_csv(out / "runs.csv", run_by_run(groups))
    write_png(out / "picture.png", picture(groups))
