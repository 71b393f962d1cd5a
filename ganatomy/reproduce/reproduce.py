"""A report's claims, one by one: train what they need within a budget, study it, and set ours beside what was reported.

What is done is not done again.
"""

import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganatomy.core.errors import GanatomyError
from ganatomy.core.observer import Progress
from ganatomy.engine.ledger import NonFiniteError
from ganatomy.engine.precision import find_device, is_out_of_memory
from ganatomy.experiments.clock import Clock, State
from ganatomy.experiments.run import load
from ganatomy.experiments.train import train
from ganatomy.report.results import number
from ganatomy.reproduce.budget import is_larger
from ganatomy.reproduce.claims import NotRun, Report, Studying, Training, reports, with_what_comes_before
from ganatomy.reproduce.forecast import forecast
from ganatomy.reproduce.measured import inception_is_there
from ganatomy.reproduce.plan import SLOW, Plan
from ganatomy.reproduce.reproduction import Job, Reproduction
from ganatomy.reproduce.scoring import scored
from ganatomy.reproduce.shown import shown
from ganatomy.reproduce.sources import given
from ganatomy.runs.files import read_json
from ganatomy.runs.folder import LOCK, RunFolder
from ganatomy.studies.study import carry_out

REPRODUCTIONS = Path("reproductions")  # where `ganatomy reproduce` works unless told otherwise
PLANNED = re.compile(r"\w+ {2,}")  # how a line of a plan begins; what goes wrong, or takes long, is told in sentences

Announce = Callable[[str], None]


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
    session = Session(place, announce)
    with RunFolder(place.folder).lock():
        session.grow()
        place.begin()
        try:
            session.work()
        finally:
            write_pages(place)
    return place.folder


class Session:
    """A session's work on a reproduction: the plan of the moment, and what was tried in it."""

    def __init__(self, place: Reproduction, announce: Announce = lambda text: None) -> None:
        self.place, self.announce = place, announce
        self.plan, self.tried = Plan(place), dict[Job, int]()

    def work(self) -> None:
        """Everything that is not done yet, by a plan that is made anew after each work.

        What was given to a work is written down, and stays unless a plan has more for it. What was done before lacks
        Inception's scores, perhaps, if its weights came since.
        """
        for line in self.forecast():
            self.announce(line)
        while ahead := self.ahead():
            job = next((one for one in ahead if not self.waits(one, ahead)), ahead[0])
            self.tried[job] = shown(self.place.outcome(job))
            self.place.begin(job)
            state = self.place.record(job, self.opened(job))
            self.announce(f"{len(self.tried)} of {len(self.tried) + len(ahead) - 1}: {job.name}")
            self.place.record(job, self.finished(job, state))
            self.plan = Plan(self.place)
        self.look_again()

    def forecast(self) -> list[str]:
        """What is about to be done, in which time, and which claims that is for, and for which it is not."""
        return forecast(self.plan, {job: self.left(job) for job in self.ahead()})

    def look_again(self) -> None:
        """By Inception, at what was trained before its weights were there."""
        for job in self.place.jobs if inception_is_there() else ():
            state = self.place.known(job)
            if isinstance(job.work, Training) and job not in self.tried and state and state.done and not state.failed:
                run, where = load(self.place.path(job)), find_device(self.place.device)
                scored(run, foreign=job.work.foreign, where=where, announce=self.announce)

    def ahead(self) -> list[Job]:
        """What is to be done now, in its order."""
        order = {name: number for number, name in enumerate(self.plan.shares)}
        return sorted(filter(self.is_ahead, self.place.jobs), key=lambda job: order.get(job.name, len(order)))

    def waits(self, job: Job, ahead: Sequence[Job]) -> bool:
        """Whether something comes before a job that is yet to be done."""
        before = with_what_comes_before(job.work)[:-1]
        return any(Job(self.place.own(one), job.seed) in ahead for one in before)

    def is_ahead(self, job: Job) -> bool:
        """Whether a job is not done, or goes on: each once in a session, and again while its run comes farther."""
        state = self.plan.state(job)
        if state is None or not state.done:
            return state is not None and job not in self.tried
        goes_on = self.plan.hurried and isinstance(job.work, Training) and job.name in self.plan.shares
        return goes_on and state.failed is None and shown(self.place.outcome(job)) > self.tried.get(job, 0)

    def left(self, job: Job) -> float | None:
        """The seconds that a job which is ahead has yet; None: as long as it takes."""
        state = self.plan.state(job)
        assert state is not None
        return self.plan.shares[job.name] if state.done else self.going_on(job, state).left

    def opened(self, job: Job) -> State:
        """A job's state as it is begun, or goes on.

        Of a budget that is not for all claims, a training that takes longer than its share may have what is left.
        """
        state, before, share = self.plan.state(job), self.place.known(job), self.plan.shares.get(job.name)
        assert state is not None
        if self.place.seconds is None or not self.plan.hurried or share is None or isinstance(job.work, Studying):
            return state.resumed()
        if before is not None and not before.done:
            return self.going_on(job, state)
        if before is not None:
            self.study_anew(job)
        slow = 1.0 if job.work in self.plan.rest else SLOW
        most = max(share, min(slow * share, self.place.seconds - self.place.spent))
        return replace(state, given=state.spent + most, done=False).resumed()

    def going_on(self, job: Job, state: State) -> State:
        """The state of a job that was stopped: with what it was given, or what a larger budget has for it."""
        found, share = state.resumed(), self.plan.shares.get(job.name, 0.0)
        if found.given is None or not self.plan.hurried or isinstance(job.work, Studying):
            return found
        return replace(found, given=max(found.given, found.spent + share))

    def study_anew(self, run: Job) -> None:
        """Studies of a run that goes on."""
        for job in self.place.jobs:
            of = map(self.place.own, job.work.of if isinstance(job.work, Studying) else ())
            state = self.place.known(job) if job.seed == run.seed and run.work in of else None
            if state is not None and state.done:
                self.place.record(job, self.anew(job, state))
                self.tried.pop(job, None)

    def anew(self, job: Job, state: State) -> State:
        """The state of a study that is done once more; what it had found is kept beside."""
        if self.place.path(job).exists():
            RunFolder(self.place.path(job)).move_aside()
        return replace(state, spent=0.0, kept=0.0, done=False)

    def grow(self) -> None:
        """Under a budget that has become one for all claims works go on; studies of what goes on are done anew."""
        place = self.place
        if not place.written.exists() or not is_larger(place.budget, read_json(place.written)["budget"]):
            return
        grown, shares = set[str](), {} if self.plan.hurried else self.plan.shares
        for job in place.jobs:
            state, given = place.known(job), None if place.seconds is None else shares.get(job.name, 0.0)
            if state is None or state.given is None or (state.done and state.failed):
                continue
            runs = [Job(place.own(one), job.seed).name for one in job.work.of] if isinstance(job.work, Studying) else []
            if given is None or given > state.given or grown & {*runs}:
                grown.add(job.name)
                state = replace(state, given=None if given is None else max(given, state.given), done=False)
                place.record(job, self.anew(job, state) if isinstance(job.work, Studying) else state)

    def finished(self, job: Job, state: State) -> State:
        """The state after the work is done, or failed with the reason."""
        try:
            if isinstance(job.work, Training):
                self.trained(job.work, job, state)
            else:
                self.studied(job, state)
        except NotRun as reason:
            self.announce(f"left out   {reason}")
            return state
        except GanatomyError as error:
            self.announce(f"failed     {error}")
            final = isinstance(error, NonFiniteError)
            return replace(self.place.known(job) or state, done=final, failed=str(error))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self.announce("failed     out of memory")
            return replace(self.place.known(job) or state, failed="out of memory")
        return replace(self.place.known(job) or state, done=True, failed=None)

    def trained(self, training: Training, job: Job, state: State) -> None:
        """Train to the end of its images or its time, over all sessions, and score it."""
        for before in training.after:
            self.plan.whole(Job(self.place.own(before), job.seed))
        recipe, enough = self.place.recipe(training, job.seed), self.plan.enough(job)
        out, shorter = self.place.path(job), self.place.shorter(job)
        if shorter is not None:
            self.announce(f"begins     as {shorter.name} ended, which is the same run for fewer images")
            copy(self.place.path(shorter), out)
        telling = Telling(self.announce, min(recipe.images, enough or recipe.images))
        clock = Clock(self.place.file(job), state, RunFolder(out).checkpoints, telling)
        if clock.duration is None or clock.duration > 0:
            command = ("ganatomy", "reproduce", self.place.report.name)
            how: dict[str, Any] = {"duration": clock.duration, "until": enough, "device": self.place.device}
            train(recipe, out=out, **how, show=clock, command=command)
        scored(load(out), foreign=training.foreign, where=find_device(self.place.device), announce=self.announce)

    def studied(self, job: Job, state: State) -> None:
        """Carry a study out; no clock stops it, and what it took is written down."""
        assert isinstance(job.work, Studying)
        for training in job.work.of:
            self.plan.whole(Job(self.place.own(training), job.seed))
        begun = time.monotonic()
        try:
            carry_out(self.place.study(job, state), self.place.path(job), self.announce)
        finally:
            spent = state.spent + time.monotonic() - begun
            self.place.record(job, replace(state, spent=spent, kept=spent))


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


def copy(run: Path, out: Path) -> None:
    """A copy of a run, whole or not there."""
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(run, part, ignore=shutil.ignore_patterns(LOCK))
    part.rename(out)
