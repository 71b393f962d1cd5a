"""What a session of a reproduction is about to do, in lines."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from ganatomy.core.duration import in_words
from ganatomy.reproduce.claims import Claim
from ganatomy.reproduce.plan import ASIDE, Plan
from ganatomy.reproduce.reproduction import Job

SAVED = "saved      what works take less than planned goes to the next claims, those first that take least"
OF_TIME = (
    "What works need is an estimate for two CPU cores, by the times that recipes tell, or reckoned where none is. A "
    "budget that is not for all claims goes to those that take least for a verdict, one after the other; a training "
    "ends where they have enough of it. What is then left goes to one more, whose trainings end early. "
    "On top of a budget come data that must first be converted, the scores at the ends of trainings, and judges: those "
    "of digits, MNIST and CIFAR-10 are shipped; that of any other data is trained once, before what it scores, and the "
    "cache keeps it."
)


def forecast(plan: Plan, ahead: Mapping[Job, float | None]) -> list[str]:
    """Which claims there is time for, and for which not; and what is ahead, with the seconds that each has yet.

    None: as long as it takes.
    """
    claims = {claim: plan.lacking(claim) for claim in plan.claims if plan.parts(claim)}
    lines = served(plan, [claim for claim, lacks in claims.items() if not lacks]) if ahead else []
    short = {claim: lacks for claim, lacks in claims.items() if lacks}
    lines += [f"in part    {claim.id}: {lacks}" for claim, lacks in short.items() if plan.has_time(claim)]
    lines += [f"no time    {claim.id}: {lacks}" for claim, lacks in short.items() if not plan.has_time(claim)]
    if short:
        lines.append(f"in all     {in_words(plan.in_all)} are needed for all claims")
    for job, left in ahead.items():
        lines.append(f"planned    {job.name}: {'to its end' if left is None else in_words(left)}")
    known = [left for left in ahead.values() if left is not None]
    if len(known) < len(ahead):
        return [*lines, f"expected   {len(ahead)} works, each as long as its recipe's images take"]
    return [*lines, *expected(plan, sum(known), bool(short))] if ahead else lines


def served(plan: Plan, claims: Sequence[Claim]) -> list[str]:
    """Which claims have time for a verdict, and which for a number that can have none."""
    judged = [claim.id for claim in claims if plan.worth(claim) > ASIDE]
    beside = [claim.id for claim in claims if plan.worth(claim) <= ASIDE]
    lines = [f"judged     {len(judged)}: {', '.join(judged)}"] if judged else []
    return lines + ([f"beside     {len(beside)} without a verdict: {', '.join(beside)}"] if beside else [])


def expected(plan: Plan, seconds: float, short: bool) -> list[str]:
    """When it will be done; of a budget that is too short for some claims also what is left of it."""
    end = datetime.now() + timedelta(seconds=seconds)
    told = f"{in_words(seconds)} of trainings and studies, until {end:%a %H:%M}; scores at their ends come on top"
    lines = [f"expected   {told}, and a judge of data that has none yet"]
    if plan.seconds is not None and short:
        rest = max(0.0, plan.seconds - plan.place.spent - seconds)
        lines += [f"left       {in_words(rest)}, too little to begin another claim"] if rest >= 1 else []
        lines.append(SAVED)
    return lines
