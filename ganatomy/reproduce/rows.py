"""A report's claims as rows: what was reported, ours, and the verdict on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ganatomy.core.errors import one_line
from ganatomy.report.comparison import Outcome
from ganatomy.reproduce.claims import (
    Claim,
    Incomparable,
    Measure,
    NotRun,
    Reading,
    Studying,
    Training,
    Verdict,
    Work,
    verdict,
    with_what_comes_before,
)
from ganatomy.reproduce.plan import Plan
from ganatomy.reproduce.reproduction import Job, Reproduction
from ganatomy.reproduce.shown import shown, too_short
from ganatomy.runs.files import read_json


@dataclass(frozen=True)
class Row:
    """A claim with what came of it."""

    claim: Claim
    reading: Reading | None
    verdict: Verdict
    seeds: tuple[int, ...] = ()
    replaced: str = ""
    missing: str = ""


def rows_of(plan: Plan) -> list[Row]:
    """Every claim of the report, by what there is at the plan's moment."""
    return [row_or_error(plan, claim) for claim in plan.claims]


def row_or_error(plan: Plan, claim: Claim) -> Row:
    """A reading that went wrong is a row that says so, and takes no page with it."""
    try:
        return row(plan, claim)
    except Exception as error:
        told = f"reading it failed: {type(error).__name__}: {one_line(error)}"
        return Row(claim, None, Verdict("not comparable", told))


def row(plan: Plan, claim: Claim) -> Row:
    place = plan.place
    needs = claim.measure.needs if claim.measure is not None else ()
    reading, missing, replaced, seeds = None, "", "", seeds_of(plan, needs)
    try:
        for work in needs:
            if work in place.missing:
                raise NotRun(place.missing[work])
        if not plan.has_time(claim):
            raise NotRun(f"budget: {plan.lacking(claim)}")
        if claim.measure is not None:
            replaced = "; ".join(dict.fromkeys(filter(None, map(place.replaced, needs))))
            reading = claim.measure.read(Left(plan, needs, seeds))
    except NotRun as reason:
        missing = str(reason)
    except Incomparable as reason:
        return Row(claim, None, Verdict("not comparable", str(reason)), replaced=replaced)
    cut = cut_short(place, needs, seeds) if claim.of_images else ""
    short = shorter_than_it_takes(place, claim.measure, seeds) if claim.measure is not None else ""
    found = verdict(claim, reading, missing=missing, replaced=replaced, cut=cut, short=short)
    if reading is not None and not reading.seeds and (failed := failed_of(place, needs)):
        told = f"{len(failed)} of {len(place.seeds)} seeds failed"
        reading = replace(reading, beside="; ".join(filter(None, (reading.beside, told))))
    return Row(claim, reading, found, (reading and reading.seeds) or seeds, replaced, missing)


@dataclass(frozen=True)
class Left:
    """What a claim reads: what was left of the seeds of which all that it needs is there."""

    plan: Plan
    needs: Sequence[Work]
    seeds: Sequence[int]

    @property
    def place(self) -> Reproduction:
        return self.plan.place

    def runs(self, training: Training) -> list[Outcome]:
        return [self.place.outcome(job) for job in self.jobs(training)]

    def ended(self, training: Training) -> list[Outcome]:
        jobs = [Job(self.place.own(training), seed) for seed in self.place.seeds]
        found = [job for job in jobs if (state := self.place.known(job)) is not None and state.done]
        if not found:
            self.plan.whole(jobs[0])
        return [self.place.outcome(job) for job in found]

    def results(self, studying: Studying) -> list[Mapping[str, Any]]:
        return [read_json(self.place.path(job) / "result.json")["result"] for job in self.jobs(studying)]

    def jobs(self, work: Work) -> list[Job]:
        """If all is there of no seed, NotRun with the first reason."""
        for needed in self.needs if not self.seeds else ():
            for seed in self.place.seeds:
                self.plan.whole(Job(self.place.own(needed), seed))
        return [Job(self.place.own(work), seed) for seed in self.seeds]


def cut_short(place: Reproduction, needs: Sequence[Work], seeds: Sequence[int]) -> str:
    """Which trainings to a number of images the clock ended before, and at how many."""
    told = [
        f"cut short: {job.name} was shown {images:,} of {one.images:,} images"
        for one in read_by(place, needs)
        for job in (Job(one, seed) for seed in seeds)
        if one.images is not None and (images := shown(place.outcome(job))) < one.images
    ]
    return "; ".join(sorted(told))


def shorter_than_it_takes(place: Reproduction, measure: Measure, seeds: Sequence[int]) -> str:
    outcomes = [place.outcome(Job(one, seed)) for one in read_by(place, measure.needs) for seed in seeds]
    return too_short(outcomes, measure.part)


def read_by(place: Reproduction, needs: Sequence[Work]) -> list[Training]:
    """What is trained for these works, each once: what takes another's place where it does."""
    trainings = dict.fromkeys(one for work in needs for one in (work.of if isinstance(work, Studying) else (work,)))
    return list(dict.fromkeys(place.given.chosen(one) for one in trainings if one not in place.missing))


def seeds_of(plan: Plan, needs: Sequence[Work]) -> tuple[int, ...]:
    """The seeds of which all is done."""
    place = plan.place
    known = [work for work in needs if work not in place.missing]
    return tuple(seed for seed in place.seeds if all(plan.is_whole(Job(place.own(work), seed)) for work in known))


def failed_of(place: Reproduction, needs: Sequence[Work]) -> list[int]:
    """The seeds of which something failed."""
    works = [place.own(one) for work in needs for one in with_what_comes_before(place.own(work))]
    states = {seed: [place.known(Job(work, seed)) for work in works] for seed in place.seeds}
    return [seed for seed, found in states.items() if any(state and state.failed for state in found)]
