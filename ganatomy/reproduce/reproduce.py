"""A report's claims, one by one: train what they need within a budget, study it, and set ours beside what was reported.

Everything is in one folder: reproduction.json with what was asked, work/ with a clock for each training and study,
runs/, studies/, and at the end result.json, claims.md and index.html. What is done is not done again.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.core.observer import Observer
from ganatomy.core.randomness import CPU
from ganatomy.core.recipe import Recipe
from ganatomy.core.spec import declared_settings
from ganatomy.engine.ledger import NonFiniteError
from ganatomy.engine.precision import find_device, is_out_of_memory
from ganatomy.experiments.clock import Clock, State
from ganatomy.experiments.measuring import Asked, make_extractor, measure_run
from ganatomy.experiments.run import Run, load
from ganatomy.experiments.scoring import of_newest
from ganatomy.experiments.scoring import scored as scored_as_any
from ganatomy.experiments.train import prepared, train
from ganatomy.experiments.translation_scores import is_translation, judge_of_domains, measure_translation
from ganatomy.report.comparison import Outcome, outcome_of
from ganatomy.report.results import number
from ganatomy.reproduce.budget import divided, is_larger, joined, seconds_of
from ganatomy.reproduce.claims import (
    Claim,
    Incomparable,
    NotRun,
    Reading,
    Report,
    Studying,
    Training,
    Verdict,
    Work,
    reports,
    verdict,
    with_what_comes_before,
    works_of,
)
from ganatomy.reproduce.measured import by_inception, inception_is_there, of_two_domains
from ganatomy.reproduce.shown import shown, too_short
from ganatomy.reproduce.sources import Given, given
from ganatomy.runs.files import read_json, write_json
from ganatomy.runs.folder import LOCK, RunFolder
from ganatomy.studies.study import Study, carry_out, declared, studies

REPRODUCTIONS = Path("reproductions")  # where `ganatomy reproduce` works unless told otherwise
FOREIGN = 10_000  # samples that Inception looks at, as in the reports
GPU_MINUTE = 5  # minutes of two CPU cores that one of a GPU is worth at least; the recipes' times on both say 8 to 50

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """A work with one seed, under the name of its folder."""

    work: Work
    seed: int

    @property
    def name(self) -> str:
        return f"{re.sub(r'[^A-Za-z0-9.=_+-]+', '_', self.work.name)}-seed{self.seed}"


@dataclass
class Telling(Observer):
    """Of a training that runs among many, its scores alone are told."""

    say: Announce

    def evaluated(self, records: Sequence[Mapping[str, Any]]) -> None:
        for record in records:
            scores, floor = record["scores"], record["floor"]
            self.say(
                f"{record['which']:<10} {record['images']:,} images: Fréchet {scores['frechet']:.2f} (floor "
                f"{floor['frechet']:.2f}), coverage {number(scores['coverage'])}"
            )


@dataclass(frozen=True)
class Row:
    """A claim with what came of it."""

    claim: Claim
    reading: Reading | None
    verdict: Verdict
    seeds: tuple[int, ...] = ()
    replaced: str = ""
    missing: str = ""


def reproduce(
    report: str | Report,
    *,
    budget: str = "30m",
    data: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    out: Path | str | None = None,
    device: str = "auto",
    announce: Announce = lambda text: None,
) -> Path:
    """Do what is not done yet, judge every claim, write result.json, claims.md and index.html; returns the folder.

    `data`: `NAME=SOURCE`, or a folder of data sets. A training that collapses, or that fails, is told and the others
    go on; the next session tries it again, unless a loss was no number. Raises GanatomyError for the caller's mistakes,
    before anything is trained, and Stopped after a signal. Data and seeds may be added to what a folder holds, and a
    larger budget given; an added seed has as much time as those before it, beyond the budget. A budget is of all
    trainings and studies together. A training has a clock, which its readings on the way are part of; a study has none,
    and is made smaller to fit its part, by an estimate. The scores of what is trained, and judges that must first be
    trained, come on top.

    >>> reproduce("mnist-conditional", budget="2h", data=["mnist=data/mnist"], seeds=(0, 1))  # doctest: +SKIP
    """
    from ganatomy.reproduce.page import write_pages

    found = reports[report] if isinstance(report, str) else report
    if not seeds or len(set(seeds)) < len(seeds):
        raise GanatomyError("--seeds wants whole numbers, none of them twice.")
    place = Reproduction(found, given(found, data), budget, seeds, Path(out or REPRODUCTIONS / found.name), device)
    place.check()
    with RunFolder(place.folder).lock():
        place.grow()
        place.begin()
        try:
            place.work(announce)
        finally:
            write_pages(place)
    return place.folder


class Reproduction:
    """A report's reproduction in its folder."""

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
        """Everything that can be done, each once: trainings, then studies."""
        chosen: dict[Work, None] = {}
        for work in works_of(self.report):
            if work not in self.missing:
                for one in with_what_comes_before(self.own(work)):
                    chosen.setdefault(self.own(one))
        works = sorted(chosen, key=lambda work: isinstance(work, Studying))
        return [Job(work, seed) for work in works for seed in self.seeds]

    def own(self, work: Work) -> Work:
        return self.given.chosen(work) if isinstance(work, Training) else work

    def file(self, job: Job) -> Path:
        return self.folder / "work" / f"{job.name}.json"

    def place(self, job: Job) -> Path:
        return self.folder / ("runs" if isinstance(job.work, Training) else "studies") / job.name

    def check(self) -> None:
        """Refuse the caller's mistakes before anything is trained, and a folder that holds another reproduction."""
        for job in self.jobs:
            self.recipe(job.work, job.seed) if isinstance(job.work, Training) else self.study(job, State(None))
        if self.written.exists():
            refuse_another(read_json(self.written), self.asked(self.given.sources), self.folder)
        elif self.folder.exists() and not self.folder.is_dir():
            raise GanatomyError(f"{self.folder} is a file, not a folder to reproduce into.")
        elif self.folder.exists() and any(entry.name != LOCK for entry in self.folder.iterdir()):
            raise GanatomyError(f"{self.folder} holds other things than a reproduction: choose another with --out.")

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

    # doing it

    def work(self, announce: Announce) -> None:
        """Everything that is not done yet. What was given to a work is written down, and stays until a budget grows.

        What is done lacks Inception's scores, perhaps, if its weights came since.
        """
        for line in self.plan():
            announce(line)
        for place, job in enumerate(self.jobs, start=1):
            state = self.state(job)
            if state is not None and not state.done:
                self.begin(job)
                state = state.resumed().write(self.file(job))
                announce(f"{place} of {len(self.jobs)}: {job.name}")
                self.finished(job, state, announce).write(self.file(job))
            elif state is not None and not state.failed and isinstance(job.work, Training) and inception_is_there():
                scored(load(self.place(job)), foreign=job.work.foreign, where=find_device(self.device))

    def plan(self) -> list[str]:
        """What is about to be done, in which time, and what is left out."""
        states = {job: self.state(job) for job in self.jobs}
        ahead = {job: state for job, state in states.items() if state is not None and not state.done}
        known = [state.left for state in ahead.values() if state.left is not None]
        lines = [f"left out   {job.name}: {self.too_little(job)}" for job, state in states.items() if state is None]
        if not ahead:
            return lines
        for job, state in ahead.items():
            lines.append(f"planned    {job.name}: {'to its end' if state.left is None else minutes(state.left)}")
        if len(known) < len(ahead):
            return [*lines, f"expected   {len(ahead)} works, each as long as its recipe's images take"]
        end = datetime.now() + timedelta(seconds=sum(known))
        told = f"{minutes(sum(known))} of trainings and studies, until {end:%a %H:%M}; scores at their ends come on top"
        return [*lines, f"expected   {told}"]

    def state(self, job: Job) -> State | None:
        return State.read(self.file(job)) or self.first(job)

    def grow(self) -> None:
        """Under a larger budget than before, works go on; studies of runs that go on are done anew, beside the old."""
        if not self.written.exists() or not is_larger(self.budget, read_json(self.written)["budget"]):
            return
        grown = set[str]()
        for job in self.jobs:
            state, given = State.read(self.file(job)), None if self.seconds is None else self.shares.get(job.name, 0.0)
            if state is None or state.given is None or (state.done and state.failed):
                continue
            runs = [Job(self.own(one), job.seed).name for one in job.work.of] if isinstance(job.work, Studying) else []
            if given is None or given > state.given or grown & {*runs}:
                grown.add(job.name)
                more = None if given is None else max(given, state.given)
                replace(state, given=more, done=False).write(self.file(job))
                if isinstance(job.work, Studying) and self.place(job).exists():
                    RunFolder(self.place(job)).move_aside()

    def first(self, job: Job) -> State | None:
        """A job's beginning, with the time that its work has under another seed; None where there is too little."""
        for seed in self.begun_seeds(job.work):
            state = State.read(self.file(Job(job.work, seed)))
            if state is not None:
                return State(state.given)
        return State(self.shares.get(job.name)) if self.seconds is None or job.name in self.shares else None

    def begun_seeds(self, work: Work) -> list[int]:
        name = Job(work, 0).name.removesuffix("0")
        files = (self.folder / "work").glob("*.json")
        found = [file.stem.removeprefix(name) for file in files if file.stem.startswith(name)]
        return sorted(int(seed) for seed in found if seed.isdecimal())

    @cached_property
    def shares(self) -> dict[str, float]:
        """Seconds by job; without those that would have too little, and empty if there is no limit."""
        if self.seconds is None:
            return {}
        found = self.first_shares
        used = [job for job in self.jobs if job.name in found and self.is_of_use(job, found)]
        return divided({job.name: self.weights[job.work] for job in used}, self.seconds)

    @cached_property
    def first_shares(self) -> dict[str, float]:
        """As `shares`, with those that are of no use, for what reads them or what they read has too little."""
        weights = {job.name: self.weights[job.work] for job in self.jobs}
        return {} if self.seconds is None else divided(weights, self.seconds)

    @cached_property
    def weights(self) -> dict[Work, tuple[float, float]]:
        """Of the budget's division, with the minutes that are wanted at least.

        Trainings that a claim sets against each other have one weight, or their time would tell them apart.
        """
        found = {job.work: (job.work.weight, self.least(job.work)) for job in self.jobs}
        for group in joined(filter(None, map(self.set_against_each_other, self.report.claims))):
            weights, least = zip(*(found[work] for work in group), strict=True)
            found |= dict.fromkeys(group, (sum(weights) / len(weights), max(least)))
        return found

    def least(self, work: Work) -> float:
        """The minutes on this device below which a work is not worth beginning."""
        return work.least / self.pace(work)

    def pace(self, work: Work) -> float:
        """How many minutes of two CPU cores one is worth here: a GPU's counts for what works there."""
        there = isinstance(work, Training) or works_on_device(work)
        return GPU_MINUTE if there and find_device(self.device).type == "cuda" else 1.0

    def too_little(self, job: Job) -> str:
        if job.name in self.first_shares:
            return "is of no use without works whose share is too small"
        least = self.least(job.work)
        return f"needs {minutes(60 * least)}, and its share is less" if least else "is for a study that has no time"

    def set_against_each_other(self, claim: Claim) -> set[Work]:
        """The trainings that a claim compares, but for those that are compared at a number of images."""
        measure = claim.measure
        studied = [one for work in measure.needs if isinstance(work, Studying) for one in work.of] if measure else []
        compared = [*measure.against, *(studied if studied[1:] else [])] if measure else []
        own = {self.own(training) for training in compared if training not in self.missing}
        return {work for work in own if isinstance(work, Training) and work.images is None}

    def is_of_use(self, job: Job, shares: Mapping[str, float]) -> bool:
        """Whether a study has its runs, and whether a claim, or a study that has time, reads a run."""
        if isinstance(job.work, Studying):
            return all(Job(self.own(training), job.seed).name in shares for training in job.work.of)
        needs = [work for claim in self.report.claims if claim.measure for work in claim.measure.needs]
        able = [work for work in needs if isinstance(work, Training) or Job(work, job.seed).name in shares]
        return any(job.work in map(self.own, with_what_comes_before(work)) for work in able if work not in self.missing)

    def finished(self, job: Job, state: State, announce: Announce) -> State:
        """The state after the work is done, or failed with the reason."""
        try:
            if isinstance(job.work, Training):
                self.trained(job.work, job, state, announce)
            else:
                self.studied(job, state, announce)
        except NotRun as reason:
            announce(f"left out   {reason}")
            return state
        except GanatomyError as error:
            announce(f"failed     {error}")
            final = isinstance(error, NonFiniteError)
            return replace(State.read(self.file(job)) or state, done=final, failed=str(error))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            announce("failed     out of memory")
            return replace(State.read(self.file(job)) or state, failed="out of memory")
        return replace(State.read(self.file(job)) or state, done=True, failed=None)

    def trained(self, training: Training, job: Job, state: State, announce: Announce) -> None:
        """Train to the end of its images or its time, over all sessions, and score it."""
        for before in training.after:
            self.whole(Job(self.own(before), job.seed))
        out = self.place(job)
        clock = Clock(self.file(job), state, RunFolder(out).checkpoints, Telling(announce))
        if clock.duration is None or clock.duration > 0:
            recipe = self.recipe(training, job.seed)
            command = ("ganatomy", "reproduce", self.report.name)
            train(recipe, out=out, duration=clock.duration, device=self.device, show=clock, command=command)
        scored(load(out), foreign=training.foreign, where=find_device(self.device))

    def studied(self, job: Job, state: State, announce: Announce) -> None:
        assert isinstance(job.work, Studying)
        for training in job.work.of:
            self.whole(Job(self.own(training), job.seed))
        carry_out(self.study(job, state), self.place(job), announce)

    def recipe(self, training: Training, seed: int) -> Recipe:
        words = [self.filled(word, seed) for word in training.overrides]
        source = self.given.source(training.data[0]) if training.data else None
        return prepared(training.recipe, words, data=source, images=training.images, seed=seed)

    def study(self, job: Job, state: State) -> Study:
        assert isinstance(job.work, Studying)
        runs = [str(self.place(Job(self.own(training), job.seed)).absolute()) for training in job.work.of]
        part = 1.0 if state.given is None else min(1.0, self.pace(job.work) * state.given / (60 * job.work.minutes))
        scaled = [f"{name}={max(1, round(part * most))}" for name, most in job.work.scaled]
        where = [f"device={self.device}"] if works_on_device(job.work) else []
        words = [self.filled(word, job.seed, *runs) for word in job.work.settings]
        return declared(job.work.study, [*words, *scaled, *where])

    def filled(self, word: str, seed: int, *runs: str) -> str:
        return word.format(*runs, **self.given.sources, seed=seed, runs=(self.folder / "runs").absolute())

    # what came of it

    def whole(self, job: Job) -> None:
        """Raises NotRun if a job has not come to its end, with the reason: perhaps one that it waits for."""
        state = State.read(self.file(job))
        left_out = state is None and self.first(job) is None
        of_itself = left_out and job.name not in self.first_shares
        if not of_itself and (state is None or not state.done):
            for training in job.work.of if isinstance(job.work, Studying) else job.work.after:
                self.whole(Job(self.own(training), job.seed))
        if state is not None and state.failed is not None:
            again = "" if state.done else " (tried again by the same command)"
            raise NotRun(f"{job.name} failed: {state.failed}{again}")
        if left_out:
            raise NotRun(f"budget: {job.work.name} {self.too_little(job)}")
        if state is None or not state.done:
            raise NotRun(f"{job.name} is not done yet: go on with the same command")

    def outcome(self, job: Job) -> Outcome:
        state = State.read(self.file(job))
        return outcome_of(RunFolder(self.place(job)), state.failed if state is not None else None)

    def rows(self) -> list[Row]:
        return [self.row_or_error(claim) for claim in self.report.claims]

    def row_or_error(self, claim: Claim) -> Row:
        """A reading that went wrong is a row that says so, and takes no page with it."""
        try:
            return self.row(claim)
        except Exception as error:
            told = f"reading it failed: {type(error).__name__}: {one_line(error)}"
            return Row(claim, None, Verdict("not comparable", told))

    def row(self, claim: Claim) -> Row:
        needs = claim.measure.needs if claim.measure is not None else ()
        reading, missing, replaced, seeds = None, "", "", self.seeds_of(needs)
        try:
            for work in needs:
                if work in self.missing:
                    raise NotRun(self.missing[work])
            if claim.measure is not None:
                replaced = "; ".join(dict.fromkeys(filter(None, map(self.replaced, needs))))
                reading = claim.measure.read(Left(self, needs, seeds))
        except NotRun as reason:
            missing = str(reason)
        except Incomparable as reason:
            return Row(claim, None, Verdict("not comparable", str(reason)), replaced=replaced)
        cut = self.cut(needs, seeds) if claim.of_images else ""
        short = self.too_short(needs, seeds) if claim.measure is not None and claim.measure.trained else ""
        found = verdict(claim, reading, missing=missing, replaced=replaced, cut=cut, short=short)
        if reading is not None and not reading.seeds and (failed := self.failed_of(needs)):
            told = f"{len(failed)} of {len(self.seeds)} seeds failed"
            reading = replace(reading, beside="; ".join(filter(None, (reading.beside, told))))
        return Row(claim, reading, found, (reading and reading.seeds) or seeds, replaced, missing)

    def cut(self, needs: Sequence[Work], seeds: Sequence[int]) -> str:
        """Which trainings to a number of images the clock ended before, and at how many."""
        told = [
            f"cut short: {job.name} was shown {images:,} of {one.images:,} images"
            for one in self.read_by(needs)
            for job in (Job(one, seed) for seed in seeds)
            if one.images is not None and (images := shown(self.outcome(job))) < one.images
        ]
        return "; ".join(sorted(told))

    def too_short(self, needs: Sequence[Work], seeds: Sequence[int]) -> str:
        return too_short(self.outcome(Job(one, seed)) for one in self.read_by(needs) for seed in seeds)

    def read_by(self, needs: Sequence[Work]) -> list[Training]:
        """What is trained for these works, each once: what takes another's place where it does."""
        trainings = dict.fromkeys(one for work in needs for one in (work.of if isinstance(work, Studying) else (work,)))
        return list(dict.fromkeys(self.given.chosen(one) for one in trainings if one not in self.missing))

    def seeds_of(self, needs: Sequence[Work]) -> tuple[int, ...]:
        """The seeds of which all is done."""
        known = [work for work in needs if work not in self.missing]
        return tuple(seed for seed in self.seeds if all(self.is_whole(Job(self.own(work), seed)) for work in known))

    def failed_of(self, needs: Sequence[Work]) -> list[int]:
        """The seeds of which something failed."""
        works = [self.own(one) for work in needs for one in with_what_comes_before(self.own(work))]
        states = {seed: [State.read(self.file(Job(work, seed))) for work in works] for seed in self.seeds}
        return [seed for seed, found in states.items() if any(state and state.failed for state in found)]

    def is_whole(self, job: Job) -> bool:
        try:
            self.whole(job)
        except NotRun:
            return False
        return True

    def replaced(self, work: Work) -> str:
        trainings = work.of if isinstance(work, Studying) else (work,)
        names = [] if trainings else [self.given.in_place(name) for name in work.data]
        return "; ".join(dict.fromkeys(filter(None, [*map(self.given.replaced, trainings), *names])))

    def trainings(self) -> dict[str, list[Outcome]]:
        """What became of every training that was begun, seed by seed, failed and collapsed ones too."""
        groups: dict[str, list[Outcome]] = {}
        for job in self.jobs:
            if isinstance(job.work, Training) and State.read(self.file(job)) is not None:
                groups.setdefault(job.work.name, []).append(self.outcome(job))
        return groups


@dataclass(frozen=True)
class Left:
    """What a claim reads: what was left of the seeds of which all that it needs is there."""

    place: Reproduction
    needs: Sequence[Work]
    seeds: Sequence[int]

    def runs(self, training: Training) -> list[Outcome]:
        return [self.place.outcome(job) for job in self.jobs(training)]

    def ended(self, training: Training) -> list[Outcome]:
        jobs = [Job(self.place.own(training), seed) for seed in self.place.seeds]
        found = [job for job in jobs if (state := State.read(self.place.file(job))) is not None and state.done]
        if not found:
            self.place.whole(jobs[0])
        return [self.place.outcome(job) for job in found]

    def results(self, studying: Studying) -> list[Mapping[str, Any]]:
        return [read_json(self.place.place(job) / "result.json")["result"] for job in self.jobs(studying)]

    def jobs(self, work: Work) -> list[Job]:
        """If all is there of no seed, NotRun with the first reason."""
        for needed in self.needs if not self.seeds else ():
            for seed in self.place.seeds:
                self.place.whole(Job(self.place.own(needed), seed))
        return [Job(self.place.own(work), seed) for seed in self.seeds]


def scored(run: Run, *, foreign: bool = False, where: torch.device = CPU) -> None:
    """Score a run by whatever its data allows, unless it is scored: as it is trained, translators, without labels.

    foreign: by Inception, too, where its weights are in the cache, as the reports' numbers are.
    """
    records = [record for record in run.folder.measurements.read() if of_newest(run, record)]
    inception = foreign and inception_is_there() and not any(map(by_inception, records))
    if is_translation(run):
        if not any(map(of_two_domains, records)):
            judge = judge_of_domains(run, device=where)
            measure_translation(run, judge, Asked(judge, ("kid", "fid")))
        if inception:
            asked = Asked(make_extractor("inception", device=where), ("fid",))
            measure_translation(run, judge_of_domains(run), asked)
        return
    scored_as_any(run, where)
    if inception:
        asked = Asked(make_extractor("inception", device=where), ("fid", "is"), FOREIGN)
        measure_run(run, asked, checkpoints=("last",), device=where)


def works_on_device(studying: Studying) -> bool:
    """Whether a study trains or draws on the device that is asked for; the others are a matter of the CPU."""
    return "device" in declared_settings(studies[studying.study])


def minutes(seconds: float) -> str:
    """
    >>> minutes(12.0), minutes(90.0), minutes(300.0), minutes(7_500.0)
    ('12 s', '1.5 min', '5 min', '2 h 5 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3_600:
        return f"{round(seconds / 60, 1):g} min"
    return f"{seconds // 3600:.0f} h {seconds % 3600 / 60:.0f} min"


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
