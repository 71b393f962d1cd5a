"""A report's reproduction in its folder: what is asked, what there is to do, and what became of it.

Everything is in one folder: reproduction.json with what was asked, work/ with a clock for each training and study,
runs/, studies/, and at the end result.json, claims.md and index.html.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.core.recipe import Recipe
from ganatomy.core.spec import declared_settings
from ganatomy.engine.precision import find_device
from ganatomy.experiments.clock import State
from ganatomy.experiments.train import prepared
from ganatomy.report.comparison import Outcome, outcome_of
from ganatomy.reproduce.budget import is_larger, seconds_of
from ganatomy.reproduce.claims import NotRun, Report, Studying, Training, Work, with_what_comes_before, works_of
from ganatomy.reproduce.shown import shown
from ganatomy.reproduce.sources import Given
from ganatomy.runs.files import read_json, write_json
from ganatomy.runs.folder import RunFolder, refuse_foreign
from ganatomy.studies.study import Study, declared, studies

CORES = 2  # that estimates are of; one shows in sixteen minutes what both do in eight, and more are not counted on
GPU_MINUTE = 10  # minutes of two CPU cores that one of a GPU is worth at least; the recipes' times on both say 8 to 50


@dataclass(frozen=True)
class Job:
    """A work with one seed, under the name of its folder."""

    work: Work
    seed: int

    @property
    def name(self) -> str:
        return f"{re.sub(r'[^A-Za-z0-9.=_+-]+', '_', self.work.name)}-seed{self.seed}"


class Reproduction:
    """A report's reproduction in its folder. How a budget is divided is for `Plan`, carrying it out for `Session`."""

    def __init__(
        self, report: Report, given: Given, budget: str, seeds: Sequence[int], folder: Path, device: str = "auto"
    ) -> None:
        self.report, self.given, self.budget, self.seeds = report, given, budget, tuple(seeds)
        self.folder, self.device, self.seconds = folder, device, seconds_of(budget)

    # what is to be done

    @cached_property
    def missing(self) -> dict[Work, str]:
        """Why works cannot be begun: their data is not there."""
        found = {}
        for work in works_of(self.report):
            try:
                for one in with_what_comes_before(work):
                    self.given.chosen(one) if isinstance(one, Training) else self.given.check(one)
            except NotRun as reason:
                found[work] = str(reason)
        return found

    @cached_property
    def jobs(self) -> list[Job]:
        """Everything that can be done, each once: short runs before those that go on where they ended, then studies."""
        found: dict[Work, None] = {}
        for work in works_of(self.report):
            if work not in self.missing:
                for one in with_what_comes_before(self.own(work)):
                    found.setdefault(self.own(one))
        works = sorted(found, key=lambda work: math.inf if isinstance(work, Studying) else work.images or 0)
        return [Job(work, seed) for work in works for seed in self.seeds]

    @cached_property
    def lengths(self) -> dict[Training, tuple[int, int]]:
        """Of what can be trained, the images that its recipe trains for, and those between two lines of figures."""
        trainings = dict.fromkeys(job.work for job in self.jobs if isinstance(job.work, Training))
        recipes = {training: self.recipe(training, self.seeds[0]) for training in trainings}
        return {training: (recipe.images, recipe.watch.settings["log"]) for training, recipe in recipes.items()}

    def own(self, work: Work) -> Work:
        return self.given.chosen(work) if isinstance(work, Training) else work

    def recipe(self, training: Training, seed: int) -> Recipe:
        words = [self.filled(word, seed) for word in training.overrides]
        source = self.given.source(training.data[0]) if training.data else None
        return prepared(training.recipe, words, data=source, images=training.images, seed=seed)

    def study(self, job: Job, state: State) -> Study:
        assert isinstance(job.work, Studying)
        runs = [str(self.path(Job(self.own(training), job.seed)).absolute()) for training in job.work.of]
        part = 1.0 if state.given is None else min(1.0, self.pace(job.work) * state.given / (60 * job.work.minutes))
        scaled = [f"{name}={max(1, round(part * most))}" for name, most in job.work.scaled]
        where = [f"device={self.device}"] if works_on_device(job.work) else []
        words = [self.filled(word, job.seed, *runs) for word in job.work.settings]
        return declared(job.work.study, [*words, *scaled, *where])

    def filled(self, word: str, seed: int, *runs: str) -> str:
        return word.format(*runs, **self.given.sources, seed=seed, runs=(self.folder / "runs").absolute())

    def pace(self, work: Work) -> float:
        """How many minutes of two CPU cores one is worth here: of one core half, of a GPU for what works there."""
        there = isinstance(work, Training) or works_on_device(work)
        if there and find_device(self.device).type == "cuda":
            return GPU_MINUTE
        return min(1.0, cores() / CORES)

    def replaced(self, work: Work) -> str:
        trainings = work.of if isinstance(work, Studying) else (work,)
        names = [] if trainings else [self.given.in_place(name) for name in work.data]
        return "; ".join(dict.fromkeys(filter(None, [*map(self.given.replaced, trainings), *names])))

    # its folder

    def file(self, job: Job) -> Path:
        """Where its clock is."""
        return self.folder / "work" / f"{job.name}.json"

    def path(self, job: Job) -> Path:
        """Where its run, or its study, is."""
        return self.folder / ("runs" if isinstance(job.work, Training) else "studies") / job.name

    @property
    def written(self) -> Path:
        return self.folder / "reproduction.json"

    def asked(self, data: Mapping[str, str]) -> dict[str, Any]:
        return {"report": self.report.name, "budget": self.budget, "data": dict(data)}

    def begin(self, job: Job | None = None) -> None:
        """Write down what was asked, and which data a job uses: it must be the same when it goes on."""
        before = read_json(self.written)["data"] if self.written.exists() else {}
        used = {name: self.given.sources[name] for name in job.work.data} if job is not None else {}
        write_json(self.written, self.asked({**before, **used}))

    def check(self) -> None:
        """Refuse the caller's mistakes before anything is trained, and a folder that holds another reproduction."""
        for job in self.jobs:
            self.recipe(job.work, job.seed) if isinstance(job.work, Training) else self.study(job, State(None))
        refuse_foreign(self.folder, "a reproduction", ours=self.written.exists())
        if self.written.exists():
            refuse_another(read_json(self.written), self.asked(self.given.sources), self.folder)

    # what became of it

    def known(self, job: Job) -> State | None:
        """What the clock of a job says; None: it was never begun."""
        return State.read(self.file(job))

    def record(self, job: Job, state: State) -> State:
        """Write down what the clock of a job says now."""
        return state.write(self.file(job))

    def outcome(self, job: Job) -> Outcome:
        state = self.known(job)
        return outcome_of(RunFolder(self.path(job)), state.failed if state is not None else None)

    @property
    def spent(self) -> float:
        """The seconds that trainings and studies took, over all sessions."""
        return sum(state.spent for job in self.jobs if (state := self.known(job)) is not None)

    def begun_seeds(self, work: Work) -> list[int]:
        name = Job(work, 0).name.removesuffix("0")
        files = (self.folder / "work").glob("*.json")
        found = [file.stem.removeprefix(name) for file in files if file.stem.startswith(name)]
        return sorted(int(seed) for seed in found if seed.isdecimal())

    def shorter(self, job: Job) -> Job | None:
        """The longest run that is done of those that a run which is not begun would repeat, for it is to be longer."""
        if not isinstance(job.work, Training) or self.path(job).exists():
            return None
        alike = [other for other in self.jobs if other.seed == job.seed and is_like(other.work, job.work)]
        states = {other: self.known(other) for other in alike}
        ended = [other for other, state in states.items() if state is not None and state.done and not state.failed]
        images = {other: shown(self.outcome(other)) for other in ended}
        fewer = [other for other in ended if 0 < images[other] <= self.lengths[job.work][0]]
        return max(fewer, key=images.__getitem__, default=None)

    def trainings(self) -> dict[str, list[Outcome]]:
        """What became of every training that was begun, seed by seed, failed and collapsed ones too."""
        groups: dict[str, list[Outcome]] = {}
        for job in self.jobs:
            if isinstance(job.work, Training) and self.known(job) is not None:
                groups.setdefault(job.work.name, []).append(self.outcome(job))
        return groups


def is_like(one: Work, other: Work) -> bool:
    """Whether two trainings are the same but for how long they are."""
    if not isinstance(one, Training) or not isinstance(other, Training):
        return False
    own: dict[str, Any] = {name: getattr(other, name) for name in ("images", "name", "minutes", "instead")}
    return one != other and replace(one, **own) == other


def cores() -> int:
    """The CPU cores that torch works on."""
    return torch.get_num_threads()


def works_on_device(studying: Studying) -> bool:
    """Whether a study trains or draws on the device that is asked for; the others are a matter of the CPU."""
    return "device" in declared_settings(studies[studying.study])


def refuse_another(there: Mapping[str, Any], asked: Mapping[str, Any], folder: Path) -> None:
    """The same report, within the same budget or a larger one; data that a begun work uses stays what it was."""
    before = {"report": there["report"], "budget": there["budget"], **there["data"]}
    now = {"report": asked["report"], "budget": asked["budget"], **asked["data"]}
    if is_larger(str(now["budget"]), str(before["budget"])):
        before["budget"] = now["budget"]
    told = [f"{name}: {before[name]} -> {now[name]}" for name in now if name in before and before[name] != now[name]]
    if told:
        raise GanatomyError(
            f"{folder} holds another reproduction ({'; '.join(told)}). Choose another folder with --out."
        )
