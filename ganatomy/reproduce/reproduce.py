"""A report's claims, one by one: train what they need within a budget, study it, and set ours beside what was reported.

Everything is in one folder: reproduction.json with what was asked, work/ with a clock for each training and study,
runs/, studies/, and at the end result.json, claims.md and index.html. What is done is not done again.
"""

import math
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ganatomy.core.duration import in_words
from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.core.randomness import CPU
from ganatomy.core.recipe import Recipe
from ganatomy.core.spec import declared_settings
from ganatomy.engine.ledger import NonFiniteError
from ganatomy.engine.precision import find_device, is_out_of_memory
from ganatomy.experiments.clock import Clock, State
from ganatomy.experiments.measuring import Request, make_extractor, measure_run
from ganatomy.experiments.run import Run, load
from ganatomy.experiments.scoring import of_newest
from ganatomy.experiments.scoring import scored as scored_as_any
from ganatomy.experiments.train import prepared, train
from ganatomy.experiments.translation_scores import is_translation, judge_of_domains, measure_translation
from ganatomy.report.comparison import Outcome, outcome_of
from ganatomy.report.results import number
from ganatomy.reproduce.budget import VERDICT, is_larger, seconds_of
from ganatomy.reproduce.claims import (
    Claim,
    Incomparable,
    Measure,
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
from ganatomy.reproduce.plan import SLOW, Job, Plan
from ganatomy.reproduce.shown import shown, too_short
from ganatomy.reproduce.sources import Given, given
from ganatomy.runs.files import read_json, write_json
from ganatomy.runs.folder import LOCK, RunFolder, refuse_foreign
from ganatomy.studies.study import Progress, Study, carry_out, declared, studies

REPRODUCTIONS = Path("reproductions")  # where `ganatomy reproduce` works unless told otherwise
FOREIGN = 10_000  # samples that Inception looks at, as in the reports
CORES = 2  # that estimates are of; one shows in sixteen minutes what both do in eight, and more are not counted on
GPU_MINUTE = 10  # minutes of two CPU cores that one of a GPU is worth at least; the recipes' times on both say 8 to 50
ASIDE = 0.05  # of a verdict, which a number is worth that can only stand beside what was reported: verdicts come first
PLANNED = re.compile(r"\w+ {2,}")  # how a line of a plan begins; what goes wrong, or takes long, is told in sentences
SAVED = "saved      what works take less than planned goes to the next claims, those first that take least"
OF_TIME = (
    "What works need is an estimate for two CPU cores, by the times that recipes tell, or reckoned where none is. A "
    "budget that is not for all claims goes to those that take least for a verdict, one after the other; a training "
    "ends where they have enough of it. "
    "On top of a budget come data that must first be converted, the scores at the ends of trainings, and judges: those "
    "of digits, MNIST and CIFAR-10 are shipped; that of any other data is trained once, before what it scores, and the "
    "cache keeps it."
)

Announce = Callable[[str], None]


class Telling(Progress):
    """Of a training among many: how far it is, its scores, and what is no plan, as a judge's training or a warning."""

    def announce(self, text: str) -> None:
        if not PLANNED.match(text):
            self.say(text)

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
    trainings and studies together. One that is not for all claims goes to those that take least for a verdict, one
    after the other: a training ends where they have enough of it, and what is saved, or missing, is planned anew. A
    training has a clock, which its readings on the way are part of; a study has none, and is made smaller to fit its
    part, by an estimate. The scores of what is trained, and judges that must first be trained, come on top.

    >>> reproduce("mnist-conditional", budget="2h", data=["mnist=data/mnist"], seeds=(0, 1))  # doctest: +SKIP
    """
    from ganatomy.reproduce.page import write_pages

    found = reports[report] if isinstance(report, str) else report
    if not seeds or len(set(seeds)) < len(seeds):
        raise GanatomyError("--seeds wants whole numbers, none of them twice.")
    find_device(device)
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
        self.planned, self.tried = Plan(self), dict[Job, int]()

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

    def file(self, job: Job) -> Path:
        return self.folder / "work" / f"{job.name}.json"

    def place(self, job: Job) -> Path:
        return self.folder / ("runs" if isinstance(job.work, Training) else "studies") / job.name

    def check(self) -> None:
        """Refuse the caller's mistakes before anything is trained, and a folder that holds another reproduction."""
        for job in self.jobs:
            self.recipe(job.work, job.seed) if isinstance(job.work, Training) else self.study(job, State(None))
        refuse_foreign(self.folder, "a reproduction", ours=self.written.exists())
        if self.written.exists():
            refuse_another(read_json(self.written), self.asked(self.given.sources), self.folder)

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
        """Everything that is not done yet, by a plan that is made anew after each work.

        What was given to a work is written down, and stays unless a plan has more for it. What was done before lacks
        Inception's scores, perhaps, if its weights came since.
        """
        for line in self.plan():
            announce(line)
        while ahead := self.ahead():
            job = next((one for one in ahead if not self.waits(one, ahead)), ahead[0])
            self.tried[job] = shown(self.outcome(job))
            self.begin(job)
            state = self.opened(job).write(self.file(job))
            announce(f"{len(self.tried)} of {len(self.tried) + len(ahead) - 1}: {job.name}")
            self.finished(job, state, announce).write(self.file(job))
            self.planned = Plan(self)
        self.look_again(announce)

    def look_again(self, announce: Announce) -> None:
        """By Inception, at what was trained before its weights were there."""
        for job in self.jobs if inception_is_there() else ():
            state = State.read(self.file(job))
            if isinstance(job.work, Training) and job not in self.tried and state and state.done and not state.failed:
                run, where = load(self.place(job)), find_device(self.device)
                scored(run, foreign=job.work.foreign, where=where, announce=announce)

    def plan(self) -> list[str]:
        """What is about to be done, in which time, and which claims that is for, and for which it is not."""
        ahead = {job: self.left(job) for job in self.ahead()}
        known = [left for left in ahead.values() if left is not None]
        claims = {claim: self.planned.lacking(claim) for claim in self.report.claims if self.planned.parts(claim)}
        lines = self.served([claim for claim, lacks in claims.items() if not lacks]) if ahead else []
        lines += (without := [f"no time    {claim.id}: {lacks}" for claim, lacks in claims.items() if lacks])
        if without:
            lines.append(f"in all     {in_words(self.planned.in_all)} are needed for all claims")
        if not ahead:
            return lines
        for job, left in ahead.items():
            lines.append(f"planned    {job.name}: {'to its end' if left is None else in_words(left)}")
        if len(known) < len(ahead):
            return [*lines, f"expected   {len(ahead)} works, each as long as its recipe's images take"]
        end = datetime.now() + timedelta(seconds=sum(known))
        taken = in_words(sum(known))
        told = f"{taken} of trainings and studies, until {end:%a %H:%M}; scores at their ends come on top"
        lines.append(f"expected   {told}, and a judge of data that has none yet")
        if self.seconds is not None and without:
            rest = max(0.0, self.seconds - self.spent - sum(known))
            lines += [f"left       {in_words(rest)}, too little for another claim", SAVED]
        return lines

    def served(self, claims: Sequence[Claim]) -> list[str]:
        """Which claims have time for a verdict, and which for a number that can have none."""
        judged = [claim.id for claim in claims if self.worth(claim) > ASIDE]
        beside = [claim.id for claim in claims if self.worth(claim) <= ASIDE]
        lines = [f"judged     {len(judged)}: {', '.join(judged)}"] if judged else []
        return lines + ([f"beside     {len(beside)} without a verdict: {', '.join(beside)}"] if beside else [])

    def ahead(self) -> list[Job]:
        """What is to be done now, in its order."""
        order = {name: number for number, name in enumerate(self.planned.shares)}
        return sorted(filter(self.is_ahead, self.jobs), key=lambda job: order.get(job.name, len(order)))

    def waits(self, job: Job, ahead: Sequence[Job]) -> bool:
        """Whether something comes before a job that is yet to be done."""
        before = with_what_comes_before(job.work)[:-1]
        return any(Job(self.own(one), job.seed) in ahead for one in before)

    def is_ahead(self, job: Job) -> bool:
        """Whether a job is not done, or goes on: each once in a session, and again while its run comes farther."""
        state = self.state(job)
        if state is None or not state.done:
            return state is not None and job not in self.tried
        goes_on = self.planned.hurried and isinstance(job.work, Training) and job.name in self.planned.shares
        return goes_on and state.failed is None and shown(self.outcome(job)) > self.tried.get(job, 0)

    def left(self, job: Job) -> float | None:
        """The seconds that a job which is ahead has yet; None: as long as it takes."""
        state = self.state(job)
        assert state is not None
        return self.planned.shares[job.name] if state.done else state.resumed().left

    def state(self, job: Job) -> State | None:
        return State.read(self.file(job)) or self.first(job)

    def opened(self, job: Job) -> State:
        """A job's state as it is begun, or goes on.

        Of a budget that is not for all claims, a training that takes longer than its share may have what is left.
        """
        state, before, share = self.state(job), State.read(self.file(job)), self.planned.shares.get(job.name)
        assert state is not None
        if self.seconds is None or not self.planned.hurried or share is None or isinstance(job.work, Studying):
            return state.resumed()
        if before is not None and not before.done:
            return state.resumed()
        if before is not None:
            self.study_anew(job)
        most = max(share, min(SLOW * share, self.seconds - self.spent))
        return replace(state, given=state.spent + most, done=False).resumed()

    def study_anew(self, run: Job) -> None:
        """Studies of a run that goes on."""
        for job in self.jobs:
            of = map(self.own, job.work.of if isinstance(job.work, Studying) else ())
            state = State.read(self.file(job)) if job.seed == run.seed and run.work in of else None
            if state is not None and state.done:
                self.anew(job, state).write(self.file(job))
                self.tried.pop(job, None)

    def anew(self, job: Job, state: State) -> State:
        """The state of a study that is done once more; what it had found is kept beside."""
        if self.place(job).exists():
            RunFolder(self.place(job)).move_aside()
        return replace(state, spent=0.0, kept=0.0, done=False)

    def grow(self) -> None:
        """Under a budget that has become one for all claims works go on; studies of what goes on are done anew."""
        if not self.written.exists() or not is_larger(self.budget, read_json(self.written)["budget"]):
            return
        grown, shares = set[str](), {} if self.planned.hurried else self.planned.shares
        for job in self.jobs:
            state, given = State.read(self.file(job)), None if self.seconds is None else shares.get(job.name, 0.0)
            if state is None or state.given is None or (state.done and state.failed):
                continue
            runs = [Job(self.own(one), job.seed).name for one in job.work.of] if isinstance(job.work, Studying) else []
            if given is None or given > state.given or grown & {*runs}:
                grown.add(job.name)
                state = replace(state, given=None if given is None else max(given, state.given), done=False)
                (self.anew(job, state) if isinstance(job.work, Studying) else state).write(self.file(job))

    def first(self, job: Job) -> State | None:
        """A job's beginning, with the time that its work has under another seed; None where there is too little."""
        share = self.planned.shares.get(job.name)
        others = [] if self.planned.hurried and share is not None else self.begun_seeds(job.work)
        for seed in others:
            if (state := State.read(self.file(Job(job.work, seed)))) is not None:
                return State(state.given)
        return State(share) if self.seconds is None or share is not None else None

    def begun_seeds(self, work: Work) -> list[int]:
        name = Job(work, 0).name.removesuffix("0")
        files = (self.folder / "work").glob("*.json")
        found = [file.stem.removeprefix(name) for file in files if file.stem.startswith(name)]
        return sorted(int(seed) for seed in found if seed.isdecimal())

    def worth(self, claim: Claim) -> float:
        """Of a verdict, or of a number beside which none can be: too few seeds or images, other data, another scale."""
        assert claim.measure is not None
        needs, of_number = claim.measure.needs, claim.better is not None
        trainings = [work for one in needs if isinstance(work := self.own(one), Training)]
        beside = claim.incomparable is not None or len(self.seeds) < claim.measure.seeds
        beside |= any(self.lengths[training][0] < claim.measure.by for training in trainings)
        beside |= (of_number or claim.own_data) and any(map(self.replaced, needs))
        beside |= of_number and not inception_is_there() and any(training.foreign for training in trainings)
        return ASIDE if beside else VERDICT

    def time_of(self, work: Work) -> float:
        """The seconds that a work has, of the seed that has most; 0: it is left out."""
        given = [state.given for seed in self.seeds if (state := self.state(Job(work, seed))) is not None]
        return max((float("inf") if one is None else one for one in given), default=0.0)

    @property
    def spent(self) -> float:
        """The seconds that trainings and studies took, over all sessions."""
        return sum(state.spent for job in self.jobs if (state := State.read(self.file(job))) is not None)

    def pace(self, work: Work) -> float:
        """How many minutes of two CPU cores one is worth here: of one core half, of a GPU for what works there."""
        there = isinstance(work, Training) or works_on_device(work)
        if there and find_device(self.device).type == "cuda":
            return GPU_MINUTE
        return min(1.0, cores() / CORES)

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
        recipe, enough = self.recipe(training, job.seed), self.planned.enough(job)
        out, shorter = self.place(job), self.shorter(job)
        if shorter is not None:
            announce(f"begins     as {shorter.name} ended, which is the same run for fewer images")
            copy(self.place(shorter), out)
        telling = Telling(announce, min(recipe.images, enough or recipe.images))
        clock = Clock(self.file(job), state, RunFolder(out).checkpoints, telling)
        if clock.duration is None or clock.duration > 0:
            command = ("ganatomy", "reproduce", self.report.name)
            how: dict[str, Any] = {"duration": clock.duration, "until": enough, "device": self.device}
            train(recipe, out=out, **how, show=clock, command=command)
        scored(load(out), foreign=training.foreign, where=find_device(self.device), announce=announce)

    def shorter(self, job: Job) -> Job | None:
        """The longest run that is done of those that a run which is not begun would repeat, for it is to be longer."""
        if not isinstance(job.work, Training) or self.place(job).exists():
            return None
        alike = [other for other in self.jobs if other.seed == job.seed and is_like(other.work, job.work)]
        states = {other: State.read(self.file(other)) for other in alike}
        ended = [other for other, state in states.items() if state is not None and state.done and not state.failed]
        images = {other: shown(self.outcome(other)) for other in ended}
        fewer = [other for other in ended if 0 < images[other] <= self.lengths[job.work][0]]
        return max(fewer, key=images.__getitem__, default=None)

    def studied(self, job: Job, state: State, announce: Announce) -> None:
        """Carry a study out; no clock stops it, and what it took is written down."""
        assert isinstance(job.work, Studying)
        for training in job.work.of:
            self.whole(Job(self.own(training), job.seed))
        begun = time.monotonic()
        try:
            carry_out(self.study(job, state), self.place(job), announce)
        finally:
            spent = state.spent + time.monotonic() - begun
            replace(state, spent=spent, kept=spent).write(self.file(job))

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
        if state is None and self.first(job) is None:
            raise NotRun(f"budget: {job.work.name} has no time")
        if state is None or not state.done:
            for training in job.work.of if isinstance(job.work, Studying) else job.work.after:
                self.whole(Job(self.own(training), job.seed))
        if state is not None and state.failed is not None:
            again = "" if state.done else " (tried again by the same command)"
            raise NotRun(f"{job.name} failed: {state.failed}{again}")
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
            if not all(map(self.time_of, self.planned.parts(claim))):
                raise NotRun(f"budget: {self.planned.lacking(claim)}")
            if claim.measure is not None:
                replaced = "; ".join(dict.fromkeys(filter(None, map(self.replaced, needs))))
                reading = claim.measure.read(Left(self, needs, seeds))
        except NotRun as reason:
            missing = str(reason)
        except Incomparable as reason:
            return Row(claim, None, Verdict("not comparable", str(reason)), replaced=replaced)
        cut = self.cut(needs, seeds) if claim.of_images else ""
        short = self.too_short(claim.measure, seeds) if claim.measure is not None else ""
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

    def too_short(self, measure: Measure, seeds: Sequence[int]) -> str:
        outcomes = [self.outcome(Job(one, seed)) for one in self.read_by(measure.needs) for seed in seeds]
        return too_short(outcomes, measure.part)

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


def is_like(one: Work, other: Work) -> bool:
    """Whether two trainings are the same but for how long they are."""
    if not isinstance(one, Training) or not isinstance(other, Training):
        return False
    own: dict[str, Any] = {name: getattr(other, name) for name in ("images", "name", "minutes", "instead")}
    return one != other and replace(one, **own) == other


def copy(run: Path, out: Path) -> None:
    """A copy of a run, whole or not there."""
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(run, part, ignore=shutil.ignore_patterns(LOCK))
    part.rename(out)


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
