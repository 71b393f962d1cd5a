"""The report on MNIST by dense and convolutional players, and on horses and zebras by CycleGAN."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ganatomy.report.comparison import Outcome
from ganatomy.reproduce.claims import Claim, Done, Measure, Reading, Report, Reported, Training, Wanted, reports
from ganatomy.reproduce.measured import Record, by_inception, of_two_domains
from ganatomy.reproduce.readings import (
    alike,
    all_of,
    beside,
    differs,
    images_of,
    is_every,
    keeps_rising,
    late,
    looked_at,
    lowest,
    mean_of,
    measurement_of,
    record_of,
    refuse_two_ways,
    undecided,
    unrest,
)
from ganatomy.reproduce.readings import protocol as judged_by
from ganatomy.reproduce.shown import ended_alike, name_of

EPOCH = 60_000  # images of MNIST
BY_EYE = "by eye"


def on_mnist(recipe: str, *overrides: str, name: str = "", **how: Any) -> Training:
    return Training(recipe=recipe, data=("mnist",), overrides=overrides, name=name, **how)


def translator(recipe: str, *overrides: str, minutes: float, faces: Training, name: str = "") -> Training:
    """Horses and zebras; or, where they are not there, faces that smile and faces that do not.

    Recipes of translators leave readings in training out; here the page is to say whether they still improve.
    """
    return Training(
        recipe=recipe,
        data=("horses", "zebras"),
        overrides=("data.other={zebras}", "watch.score=20000", *overrides),
        name=name,
        instead=faces,
        minutes=minutes,
        foreign=True,
    )


def faces(recipe: str, *overrides: str, minutes: float, name: str = "") -> Training:
    words = "data.split=Smiling", "watch.score=2500", *overrides
    return Training(recipe=recipe, data=("celeba",), overrides=words, name=name, minutes=minutes)


DENSE_5 = on_mnist("mnist-vanilla-report", images=5 * EPOCH, name="mnist-vanilla-5-epochs", minutes=1)
DENSE_20 = on_mnist("mnist-vanilla-report", images=20 * EPOCH, name="mnist-vanilla-20-epochs", minutes=4)
DCGAN_5 = on_mnist("mnist-dcgan-1024-report", images=5 * EPOCH, name="mnist-dcgan-5-epochs", minutes=60)
WASSERSTEIN = on_mnist("mnist-wgan-sn", minutes=25)
MINIMAX = on_mnist("mnist-wgan-sn", "game.loss=Minimax", name="mnist-minimax-sn", minutes=25)

HEAVY = "game.consistency.weight=100"
PLAIN = translator("horse2zebra-cyclegan", minutes=10_000, faces=faces("celeba64-smile-cyclegan", minutes=36))
CR = translator("horse2zebra-cyclegan-cr", minutes=13_000, faces=faces("celeba64-smile-cyclegan-cr", minutes=42.5))
CR_100 = translator(
    "horse2zebra-cyclegan-cr",
    HEAVY,
    faces=faces("celeba64-smile-cyclegan-cr", HEAVY, minutes=42.5, name="celeba64-smile-cyclegan-cr-100"),
    minutes=13_000,
    name="horse2zebra-cyclegan-cr-100",
)
HALF = 0.5  # of translations, above which they are seen as the target rather than as what they were
THERE, BACK = 0, 1  # the two directions: into Y (zebras), and into X (horses)
ADVERSARIAL = ("G+F/G_adversarial", "G+F/F_adversarial")
CRITICS = ("D_X+D_Y/X_real", "D_X+D_Y/X_fake", "D_X+D_Y/Y_real", "D_X+D_Y/Y_fake")


def ways_of(outcome: Outcome) -> list[tuple[str, Record]]:
    """Both directions by name: into Y first."""
    return list(domains_of(outcome)["directions"].items())


def domains_of(outcome: Outcome) -> Record:
    return measurement_of(outcome, of_two_domains)


def foreign_domains_of(outcome: Outcome) -> Record:
    """Under Inception where its weights were at hand, as in the report; else under the judge of the domains."""
    known = any(map(by_inception, outcome.run.measurements.read()))
    return measurement_of(outcome, by_inception) if known else domains_of(outcome)


def column(way: int, name: str, metric: str = "fid") -> Callable[[Outcome], float]:
    def number(outcome: Outcome) -> float:
        return float(ways_of(outcome)[way][1]["columns"][name][metric])

    return number


def covered(way: int) -> Callable[[Outcome], float]:
    """How much of the way from untranslated pictures (0) to real ones of the target (1) a translator goes."""

    def number(outcome: Outcome) -> float:
        floor, ours, nothing = (column(way, name)(outcome) for name in ("floor", "translated", "doing nothing"))
        return (nothing - ours) / (nothing - floor)

    return number


Looks = Callable[[Sequence[float], Sequence[float]], bool | None]


def of_ways(training: Training, holds: Looks | None = None) -> Measure:
    """How far both directions go, a list of seeds each; with what a classifier of the two domains sees."""

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        found = [[covered(way)(outcome) for outcome in outcomes] for way in (THERE, BACK)]
        names = [name for name, _ in ways_of(outcomes[0])]
        parts = [f"{name} {mean_of(values)} of the way" for name, values in zip(names, found, strict=True)]
        targets = [
            mean_of([100 * column(way, "translated", "seen_as_target")(one) for one in outcomes]) for way in (0, 1)
        ]
        told = f"seen as the target {targets[0]} % and {targets[1]} %"
        held = holds(*found) if holds is not None else True
        why = undecided(found) if held is None else ""
        facts = protocol(domains_of(outcomes[0]))
        return Reading(seen=", ".join(parts), holds=held, beside=told, protocol=facts, why=why)

    return Measure((training,), read)


def resembles(training: Training) -> Measure:
    """Whether a classifier of the two domains sees most translations as the target, in both directions."""

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        seen = [[column(way, "translated", "seen_as_target")(one) for one in outcomes] for way in (THERE, BACK)]
        names = [name for name, _ in ways_of(outcomes[0])]
        told = [f"{name} {mean_of([100 * one for one in values])} %" for name, values in zip(names, seen, strict=True)]
        held = all(sum(values) / len(values) > HALF for values in seen)
        facts = protocol(domains_of(outcomes[0]))
        text = f"seen as the target: {', '.join(told)} ({images_of(outcomes)})"
        return Reading(seen=text, holds=held, beside=f"limit: above {100 * HALF:g} %", protocol=facts)

    return Measure((training,), read)


def farther_there(there: Sequence[float], back: Sequence[float]) -> bool | None:
    way = differs(back, there, covered(THERE))
    return None if way is None else way > 0


def between_columns(training: Training) -> Measure:
    """The distances themselves, each between its floor and its ceiling."""

    def read(done: Done) -> Reading:
        outcomes, parts = done.runs(training), list[str]()
        records = [foreign_domains_of(outcome) for outcome in outcomes]
        refuse_two_ways({one.run.name: record for one, record in zip(outcomes, records, strict=True)})
        for name in records[0]["directions"]:
            columns = [record["directions"][name]["columns"] for record in records]
            cells = [
                f"{title} {mean_of([one[title]['fid'] for one in columns])}"
                for title in ("floor", "translated", "doing nothing", "ceiling")
            ]
            parts.append(f"{name}: {', '.join(cells)}")
        return Reading(seen="; ".join(parts), holds=True, protocol=protocol(records[0]))

    return Measure((training,), read)


def no_better(base: Training, other: Training) -> Measure:
    """Whether the other translator goes no farther than the base, in both directions."""

    def read(done: Done) -> Reading:
        refuse_two_judges(done, base, other)
        parts, farther = [], []
        for way in (THERE, BACK):
            a, b = ([covered(way)(one) for one in done.runs(training)] for training in (base, other))
            farther.append(differs(a, b, covered(way)))
            parts.append(f"{ways_of(done.runs(base)[0])[way][0]}: {mean_of(a)}, with regularization {mean_of(b)}")
        held = all_of(None if one is None else one <= 0 for one in farther)
        why, facts = undecided([a, b]) if held is None else "", protocol(domains_of(done.runs(base)[0]))
        short = unequal(done, base, other)
        return Reading(seen="; ".join(parts), holds=held, protocol=facts, why=why, short=short)

    return Measure((base, other), read, seeds=2)


def goes_farther(first: Training, other: Training) -> Measure:
    """Whether the first translator comes nearer to its target, Y, than the other."""
    far = covered(THERE)

    def read(done: Done) -> Reading:
        refuse_two_judges(done, first, other)
        groups = [done.runs(training) for training in (first, other)]
        found = [[far(one) for one in group] for group in groups]
        told = [
            f"{name_of(group)} {mean_of(values)} ({images_of(group)})"
            for group, values in zip(groups, found, strict=True)
        ]
        held, facts = is_every(found, far, -1), protocol(domains_of(groups[0][0]))
        why = undecided(found) if held is None else ""
        return Reading(seen=", ".join(told), holds=held, protocol=facts, why=why, short=unequal(done, first, other))

    return Measure((first, other), read, seeds=2)


def refuse_two_judges(done: Done, *needs: Training) -> None:
    refuse_two_ways({one.run.name: domains_of(one) for training in needs for one in done.runs(training)})


def unequal(done: Done, *needs: Training) -> str:
    """Why translators cannot be compared, whose distances are of their ends alone: they did not end alike."""
    groups = [done.runs(training) for training in needs]
    told = ", ".join(f"{name_of(group)} {images_of(group)}" for group in groups)
    return "" if ended_alike(groups) else f"too short: {told}, and these distances are of the ends alone"


def failures(training: Training) -> Measure:
    """What is known to go wrong, counted: light and dark exchanged, and what does not come back."""

    def read(done: Done) -> Reading:
        outcome = done.runs(training)[0]
        parts = [
            f"{name}: {way['inverted']:.1%} inverted, {way['cycle_error']:.3f} apart after a cycle"
            for name, way in ways_of(outcome)
        ]
        return Reading(seen=f"{'; '.join(parts)}; the worst in {outcome.run.name}/failures.png", holds=True)

    return Measure((training,), read)


def protocol(record: Record) -> str:
    found = record["protocol"]
    judge = f"a judge of the two domains that is right about {found['judge_balanced_accuracy']:.1%}"
    under = judge if of_two_domains(record) else f"{found['extractor']}"
    return (
        f"Held-out pictures against {found['reference']} of the target, Fréchet distance under {under}; 0 of the way "
        "is doing nothing, 1 is real."
    )


def hardest(training: Training) -> Measure:
    """The digit that the judge sees least among the samples, and in how many percent of them."""

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        shares = [record_of(outcome)["scores"]["class_shares"] for outcome in outcomes]
        told = [f"{one.index(min(one))} ({100 * min(one):.1f} %)" for one in shares]
        seen = f"seen least: {', '.join(told)}"
        return Reading(seen=seen, holds=True, beside=beside(outcomes), protocol=judged_by(outcomes[0]))

    return Measure((training,), read)


reports.add(
    "unpaired-translation",
    Report(
        name="unpaired-translation",
        title="MNIST by dense and by convolutional players; horses and zebras by CycleGAN.",
        data=(
            Wanted(name="mnist", what="60,000 handwritten digits of 28 px", unasked="mnist"),
            Wanted(name="horses", what="a folder of pictures of horses"),
            Wanted(name="zebras", what="a folder of pictures of zebras"),
            Wanted(name="celeba", what="faces with the attribute Smiling, in the place of the two", unasked="celeba"),
        ),
        claims=(
            Claim(
                id="dcgan-beats-vanilla",
                said="After 5 epochs of MNIST a DCGAN draws less noise and better shapes than dense players.",
                reported=Reported(text="DCGAN clearly better", protocol=BY_EYE),
                measure=lowest(DCGAN_5, DENSE_5),
                of_images=True,
            ),
            Claim(
                id="vanilla-longer",
                said="15 more epochs take most of the noise away from the dense players.",
                reported=Reported(text="better after 20 epochs", protocol=BY_EYE),
                measure=lowest(DENSE_20, DENSE_5),
                of_images=True,
            ),
            Claim(
                id="dcgan-beats-longer-vanilla",
                said="The DCGAN after 5 epochs is still better than the dense players after 20.",
                reported=Reported(text="DCGAN still better", protocol=BY_EYE),
                measure=lowest(DCGAN_5, DENSE_20),
                of_images=True,
            ),
            Claim(
                id="hard-digits",
                said="Digits with distinct shapes come out worst, eights above all.",
                reported=Reported(text="8 hardest", protocol=BY_EYE),
                measure=hardest(DCGAN_5),
                incomparable="by eye; ours is the digit that the judge sees least",
            ),
            Claim(
                id="minimax-or-wasserstein",
                said="On MNIST the minimax loss and Wasserstein's, bounded by spectral norm, make no difference.",
                reported=Reported(
                    text="no significant difference",
                    protocol=f"{BY_EYE}; ours are both mnist-wgan-sn's players, with two steps of G for one of D",
                ),
                measure=alike(WASSERSTEIN, MINIMAX),
            ),
            Claim(
                id="translation",
                said="CycleGAN makes plausible zebras of horses, and horses of zebras.",
                reported=Reported(text="plausible, blurry, not wholly convincing", protocol=f"180 epochs; {BY_EYE}"),
                measure=of_ways(PLAIN),
                incomparable="by eye",
            ),
            Claim(
                id="resembles-target",
                said="Translations resemble the other class more than their own.",
                reported=Reported(text="definitely", protocol=BY_EYE),
                measure=resembles(PLAIN),
                own_data=True,
            ),
            Claim(
                id="blurry",
                said="Translations are blurrier than photographs.",
                reported=Reported(text="more blurry", protocol=BY_EYE),
                measure=looked_at(PLAIN),
                incomparable="by eye, and no number",
            ),
            Claim(
                id="brown-horses",
                said="Zebras become brown horses only, though horses have more colors than zebras.",
                reported=Reported(text="brown hues", protocol=BY_EYE),
                measure=looked_at(PLAIN),
                incomparable="by eye, and no number",
            ),
            Claim(
                id="translation-distances",
                said="FID of translations between two baselines: real against real, and real against the other domain.",
                reported=Reported(text="bars without numbers", protocol="an Inception network's FID"),
                measure=between_columns(PLAIN),
                incomparable="the report has bars, and no numbers",
            ),
            Claim(
                id="zebras-reach",
                said="Horses turned into zebras come nearer to zebras than untouched horses are.",
                reported=Reported(text="below the upper baseline", protocol="an Inception network's FID, as bars"),
                measure=of_ways(PLAIN, lambda there, back: min(there) > 0),
                own_data=True,
            ),
            Claim(
                id="horses-do-not",
                said="Zebras turned into horses come no nearer to horses than untouched zebras are.",
                reported=Reported(text="at the upper baseline", protocol="an Inception network's FID, as bars"),
                measure=of_ways(PLAIN, lambda there, back: max(back) < 0.1),
                otherwise="better",
                own_data=True,
            ),
            Claim(
                id="one-way-easier",
                said="Into zebras is easier than into horses.",
                reported=Reported(
                    text="H2Z nearer to its floor than Z2H", protocol="an Inception network's FID, as bars"
                ),
                measure=replace(of_ways(PLAIN, farther_there), seeds=2),
                own_data=True,
            ),
            Claim(
                id="regularization-no-better",
                said="Consistency regularization does not make the translations better, perhaps worse.",
                reported=Reported(text="no better", protocol="an Inception network's FID, as bars"),
                measure=no_better(PLAIN, CR),
                otherwise="better",
            ),
            Claim(
                id="regularization-generator",
                said="With it, G's loss is a little lower.",
                reported=Reported(text="slightly lower", protocol="from curves"),
                measure=lowest(CR, PLAIN, number=late(*ADVERSARIAL)),
            ),
            Claim(
                id="regularization-unrest",
                said="With it, D converges less fast and fluctuates more.",
                reported=Reported(text="more fluctuation", protocol="from curves"),
                measure=lowest(PLAIN, CR, number=unrest(*CRITICS)),
            ),
            Claim(
                id="regularization-weight",
                said="A weight of 100, right for CIFAR-10, smooths everything; 1 is right here.",
                reported=Reported(text="smooth at 100", protocol=BY_EYE),
                measure=goes_farther(CR, CR_100),
            ),
            Claim(
                id="regularization-continuity",
                said="With a weight of 1 the pictures have better continuity.",
                reported=Reported(text="better continuity", protocol=BY_EYE),
                measure=looked_at(CR),
                incomparable="by eye, and no number",
            ),
            Claim(
                id="adversarial-rises",
                said="G's adversarial loss rises as D learns.",
                reported=Reported(text="rises", protocol="from curves"),
                measure=keeps_rising(PLAIN, *ADVERSARIAL),
            ),
            Claim(
                id="failure-cases",
                said="Black horses, backgrounds of a horse's color, pictures cut close or taken from afar fail.",
                reported=Reported(text="such pictures", protocol=BY_EYE),
                measure=failures(PLAIN),
                incomparable="by eye; ours are counted, and the worst are shown",
            ),
        ),
    ),
)
