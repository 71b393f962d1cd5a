"""What a budget is for: which works come next, for how long, and which claims have no time.

A plan is of one moment, and is made anew after each work. What a work takes less than was thought goes to the next; and
where all take longer, the last ones have no time, instead of all of them too little. What is left in the end goes to
the trainings of one more claim, which then end early.
"""

import math
from collections.abc import Mapping
from functools import cached_property

from ganatomy.core.duration import in_words
from ganatomy.experiments.clock import State
from ganatomy.reproduce.budget import ROUNDING, VERDICT, chosen, cost, evenly, lacks
from ganatomy.reproduce.claims import Claim, NotRun, Studying, Training, Work, with_what_comes_before
from ganatomy.reproduce.measured import inception_is_there
from ganatomy.reproduce.reproduction import Job, Reproduction
from ganatomy.reproduce.shown import shown

SPARE = 1.25  # times what all claims are thought to take: a budget for all of them, as estimates are of another machine
SLOW = 2.0  # times what a training is thought to take, after which a plan is made anew, by the pace that it has
BRIEF = 0.25  # minutes of a training that need not be long, if all of it takes as much
KNOWN = 0.25  # of the images that a claim takes, from which on a run's own pace tells what it lacks: runs begin slowly
ASIDE = 0.05  # of a verdict, which a number is worth that can only stand beside what was reported: verdicts come first
WORTHWHILE = 0.1  # of what a work takes: with less of it, the rest of a budget begins nothing
OVERRUN = 0.02  # of a budget, which works may take more than it once some are begun: ends come late, if by seconds
TICK = 0.01  # seconds, below which a work lacks nothing


class Plan:
    """A budget over the claims of a report, by what is done of its reproduction at one moment."""

    def __init__(self, place: Reproduction) -> None:
        self.place, self.claims = place, place.report.claims
        self.seeds, self.seconds = place.seeds, place.seconds

    # what claims take, whatever is done

    def parts(self, claim: Claim) -> dict[Work, float]:
        """The part of its images that a claim takes of each work; none where data is missing."""
        place, measure = self.place, claim.measure
        if measure is None or any(work in place.missing for work in measure.needs):
            return {}
        part = 1.0 if claim.of_images else measure.part if measure.soon is None else measure.soon
        works = [place.own(one) for work in measure.needs for one in with_what_comes_before(place.own(work))]
        teachers = {place.own(one) for work in works if isinstance(work, Training) for one in work.after}
        works.sort(key=lambda work: (isinstance(work, Studying), work not in teachers, work.minutes))
        return {work: 1.0 if work in teachers else part for work in works}

    def demand(self, claim: Claim) -> dict[Work, float]:
        """The minutes on this device that a claim takes at least, by work, as estimated."""
        return {work: self.least(work, part) for work, part in self.parts(claim).items()}

    def least(self, work: Work, part: float) -> float:
        if isinstance(work, Studying):
            taken = work.minutes * (part if work.scaled else 1)
        else:
            taken = max(min(BRIEF, work.minutes), work.minutes * (part or self.images(work, 0) / self.length(work)[0]))
        return taken / self.place.pace(work)

    def images(self, training: Training, part: float) -> int:
        """How many it is shown for a part of them; for none, those to its first line of figures."""
        images, line = self.length(training)
        return min(images, math.ceil(part * images) or line)

    def length(self, training: Training) -> tuple[int, int]:
        """The images that a recipe trains for, and those between two lines of figures."""
        return self.place.lengths[training]

    @cached_property
    def in_all(self) -> float:
        """The seconds that all claims together take at least."""
        most: dict[Work, float] = {}
        for work, least in (item for claim in self.claims for item in self.demand(claim).items()):
            most[work] = max(least, most.get(work, 0.0))
        return 60 * sum(most.values()) * len(self.seeds)

    @cached_property
    def hurried(self) -> bool:
        """Whether the budget is not for all claims."""
        return self.seconds is not None and self.seconds * (1 + ROUNDING) < SPARE * self.in_all

    # what they take yet

    @cached_property
    def begun(self) -> dict[Work, float]:
        """The minutes that works have had: of each seed, on average."""
        had: dict[Work, float] = {}
        for job in self.place.jobs:
            if (state := self.place.known(job)) is not None:
                had[job.work] = had.get(job.work, 0.0) + state.spent / 60
        return {work: taken / len(self.seeds) for work, taken in had.items()}

    @cached_property
    def wanted(self) -> dict[str, dict[Work, float]]:
        """By claim the minutes that its works have had and lack yet: of each seed, on average."""
        known: dict[tuple[Work, float], float] = {}
        for item in (item for claim in self.claims for item in self.parts(claim).items()):
            if item not in known:
                known[item] = sum(self.cost(Job(item[0], seed), item[1]) for seed in self.seeds) / len(self.seeds)
        return {claim.id: {item[0]: known[item] for item in self.parts(claim).items()} for claim in self.claims}

    def cost(self, job: Job, part: float) -> float:
        """The minutes that a job has had and lacks yet: by its own pace, or another seed's, once there is one."""
        state, least = self.place.known(job), self.least(job.work, part)
        if state is None:
            others = self.place.begun_seeds(job.work)
            return self.cost(Job(job.work, others[0]), part) if others else self.from_shorter(job, part)
        had = state.spent / 60
        if state.done and (state.failed or isinstance(job.work, Studying)):
            return had
        if isinstance(job.work, Studying):
            return had + least
        images, enough = shown(self.place.outcome(job)), self.images(job.work, part)
        if images >= enough:
            return had
        return had + least * (1 - images / enough) if images < KNOWN * enough else had * enough / images

    def from_shorter(self, job: Job, part: float) -> float:
        """The minutes of a work that is not begun; of one that begins as another ended, those that are left."""
        least, shorter = self.least(job.work, part), self.place.shorter(job)
        if shorter is None or isinstance(job.work, Studying):
            return least
        left = 1 - shown(self.place.outcome(shorter)) / self.images(job.work, part)
        return max(left * least, min(least, BRIEF / self.place.pace(job.work)))

    @cached_property
    def taken(self) -> dict[Work, float]:
        """The minutes of what is begun and of what follows, in its order, the rest last: of each seed, on average."""
        return {work: minutes for work, minutes in self.sufficient.items() if work not in self.rest} | self.rest

    @cached_property
    def sufficient(self) -> dict[Work, float]:
        """Of those, the minutes of what claims have enough of."""
        claims = [(self.worth(claim), wanted) for claim in self.claims if (wanted := self.wanted[claim.id])]
        return chosen(claims, self.minutes * (1 + OVERRUN * bool(self.begun)), self.begun)

    @cached_property
    def rest(self) -> dict[Work, float]:
        """What the rest of the budget is for: one claim's trainings, each to the same part of what it takes.

        Numbers come first, which can be better than what was reported though they are of a run that ended early.
        """

        def order(one: tuple[Claim, Mapping[Work, float]]) -> tuple[bool, float, float]:
            return one[0].better is not None, self.worth(one[0]), -cost(one[1], self.sufficient)

        offers = [(claim, lacks(self.wanted[claim.id], self.sufficient)) for claim in self.claims]
        offers = [(claim, offer) for claim, offer in offers if offer and all(map(self.can_end_early, offer))]
        if not offers:
            return {}
        _, offer = max(offers, key=order)
        had = {work: self.sufficient.get(work, 0.0) for work in offer}
        part = evenly(offer, had, self.minutes - sum(self.sufficient.values()))
        if part < min(had[work] / least for work, least in offer.items()) + WORTHWHILE:
            return {}
        return {work: part * least for work, least in offer.items() if part * least > had[work]}

    @cached_property
    def minutes(self) -> float:
        """The budget, of each seed."""
        assert self.seconds is not None
        return self.seconds / 60 / len(self.seeds)

    def can_end_early(self, work: Work) -> bool:
        """Whether a work is of use before its end: no study, nor what one is of or another training waits for.

        And whether it is not ahead, anyhow.
        """
        ahead = self.sufficient.get(work, 0.0) > self.begun.get(work, 0.0) + TICK / 60
        return isinstance(work, Training) and work not in self.awaited | self.looked_at and not ahead

    @cached_property
    def awaited(self) -> set[Work]:
        """The trainings that other ones learn from."""
        works = [work for claim in self.claims for work in self.parts(claim) if isinstance(work, Training)]
        return {self.place.own(one) for work in works for one in work.after}

    def has_time(self, claim: Claim) -> bool:
        """Whether all its works have some time, if not as much as it takes."""
        return all(map(self.time_of, self.parts(claim)))

    @cached_property
    def looked_at(self) -> set[Work]:
        """The trainings that studies are of which have time: a study of a run that goes on would be done anew."""
        studies = [work for work in self.sufficient if isinstance(work, Studying)]
        return {self.place.own(one) for study in studies for one in study.of}

    @cached_property
    def shares(self) -> dict[str, float]:
        """Seconds by job of what is ahead, in its order; empty if there is no limit.

        A budget for all claims is divided in proportion to what each work takes at least; of a smaller one each work
        that is chosen has what it lacks.
        """
        if self.seconds is None:
            return {}
        if not self.hurried:
            claims = [(self.worth(claim), demand) for claim in self.claims if (demand := self.demand(claim))]
            most = chosen(claims, math.inf)
            total = sum(most.values()) * len(self.seeds)
            parts = {work: self.seconds * least / total for work, least in most.items()}
            return {Job(work, seed).name: part for work, part in parts.items() for seed in self.seeds}
        found: dict[str, float] = {}
        for work, least in self.taken.items():
            lacks = 60 * (least - self.begun.get(work, 0.0)) * len(self.seeds)
            jobs = [Job(work, seed) for seed in self.seeds]
            left = [job for job in jobs if not self.is_done(job)] or jobs
            found |= {job.name: lacks / len(left) for job in left if lacks > TICK}
        return found

    def is_done(self, job: Job) -> bool:
        state = self.place.known(job)
        return state is not None and state.done

    def lacking(self, claim: Claim) -> str:
        """Which works of a claim have less time than it takes, and how much that is."""
        if not self.hurried:
            return ""
        return ", ".join(
            f"{work.name} needs {in_words(60 * least)}"
            for work, least in self.wanted[claim.id].items()
            if self.taken.get(work, 0.0) < least * (1 - ROUNDING)
        )

    def enough(self, job: Job) -> int | None:
        """The images at which a training has what its claims take, and a line of figures; None: it has no such end.

        Of a seed that was added: as many as those before it.
        """
        if not self.hurried or not isinstance(job.work, Training) or job.work in self.rest:
            return None
        those = [self.parts(claim) for claim in self.claims if not self.lacking(claim)]
        parts = [found[job.work] for found in those if job.work in found]
        if parts:
            return self.images(job.work, max(parts)) + (self.length(job.work)[1] if max(parts) else 0)
        others = [Job(job.work, seed) for seed in self.place.begun_seeds(job.work) if seed != job.seed]
        return max((shown(self.place.outcome(one)) for one in others), default=0) or None

    # what that is for a job, and for a claim

    def state(self, job: Job) -> State | None:
        return self.place.known(job) or self.first(job)

    def first(self, job: Job) -> State | None:
        """A job's beginning, with the time that its work has under another seed; None where there is too little."""
        share = self.shares.get(job.name)
        others = [] if self.hurried and share is not None else self.place.begun_seeds(job.work)
        for seed in others:
            if (state := self.place.known(Job(job.work, seed))) is not None:
                return State(state.given)
        return State(share) if self.seconds is None or share is not None else None

    def time_of(self, work: Work) -> float:
        """The seconds that a work has, of the seed that has most; 0: it is left out."""
        given = [state.given for seed in self.seeds if (state := self.state(Job(work, seed))) is not None]
        return max((float("inf") if one is None else one for one in given), default=0.0)

    def worth(self, claim: Claim) -> float:
        """Of a verdict, or of a number beside which none can be: too few seeds or images, other data, another scale."""
        assert claim.measure is not None
        needs, of_number = claim.measure.needs, claim.better is not None
        trainings = [work for one in needs if isinstance(work := self.place.own(one), Training)]
        beside = claim.incomparable is not None or len(self.seeds) < claim.measure.seeds
        beside |= any(self.place.lengths[training][0] < claim.measure.by for training in trainings)
        beside |= (of_number or claim.own_data) and any(map(self.place.replaced, needs))
        beside |= of_number and not inception_is_there() and any(training.foreign for training in trainings)
        return ASIDE if beside else VERDICT

    # what has come to its end

    def whole(self, job: Job) -> None:
        """Raises NotRun if a job has not come to its end, with the reason: perhaps one that it waits for."""
        state = self.place.known(job)
        if state is None and self.first(job) is None:
            raise NotRun(f"budget: {job.work.name} has no time")
        if state is None or not state.done:
            for training in job.work.of if isinstance(job.work, Studying) else job.work.after:
                self.whole(Job(self.place.own(training), job.seed))
        if state is not None and state.failed is not None:
            again = "" if state.done else " (tried again by the same command)"
            raise NotRun(f"{job.name} failed: {state.failed}{again}")
        if state is None or not state.done:
            raise NotRun(f"{job.name} is not done yet: go on with the same command")

    def is_whole(self, job: Job) -> bool:
        try:
            self.whole(job)
        except NotRun:
            return False
        return True
