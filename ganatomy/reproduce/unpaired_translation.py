"""The report on MNIST by dense and convolutional players, and on horses and zebras by CycleGAN."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ganatomy.report.comparison import Outcome
from ganatomy.reproduce.claims import Claim, Done, Measure, Reading, Report, Reported, Training, Wanted, reports
from ganatomy.reproduce.measured import Record, of_two_domains
from ganatomy.reproduce.readings import (
    NO_SPREAD,
    above,
    alike,
    differs,
    late,
    lowest,
    mean_of,
    measurement_of,
    rarest,
    refuse_two_ways,
    rise,
    score,
    seen,
    unrest,
)

EPOCH = 60_000  # images of MNIST
BY_EYE = "by eye"


def on_mnist(recipe: str, *overrides: str, name: str = "", **how: Any) -> Training:
    return Training(recipe=recipe, data=("mnist",), overrides=overrides, name=name, **{"least": 0.5, **how})


def translator(recipe: str, *overrides: str, faces: Training, name: str = "") -> Training:
    """Horses and zebras; or, where they are not there, faces that smile and faces that do not."""
    return Training(
        recipe=recipe,
        data=("horses", "zebras"),
        overrides=("data.other={zebras}", *overrides),
        name=name,
        instead=faces,
        weight=3.0,
        least=3.0,
    )


def faces(recipe: str, *overrides: str, name: str = "") -> Training:
    return Training(
        recipe=recipe, data=("celeba",), overrides=("data.split=Smiling", *overrides), name=name, weight=3.0, least=3.0
    )


DENSE_5 = on_mnist("mnist-vanilla-report", images=5 * EPOCH, name="mnist-vanilla-5-epochs", weight=0.5)
DENSE_20 = on_mnist("mnist-vanilla-report", images=20 * EPOCH, name="mnist-vanilla-20-epochs", weight=1.0)
DCGAN_5 = on_mnist("mnist-dcgan-1024", images=5 * EPOCH, name="mnist-dcgan-5-epochs", weight=3.0)
WASSERSTEIN = on_mnist("mnist-wgan-sn")
MINIMAX = on_mnist("mnist-wgan-sn", "game.loss=Minimax", name="mnist-minimax-sn")

HEAVY = "game.consistency.weight=100"
PLAIN = translator("horse2zebra-cyclegan", faces=faces("celeba64-smile-cyclegan"))
CR = translator("horse2zebra-cyclegan-cr", faces=faces("celeba64-smile-cyclegan-cr"))
CR_100 = translator(
    "horse2zebra-cyclegan-cr",
    HEAVY,
    faces=faces("celeba64-smile-cyclegan-cr", HEAVY, name="celeba64-smile-cyclegan-cr-100"),
    name="horse2zebra-cyclegan-cr-100",
)
THERE, BACK = 0, 1  # the two directions: into Y (zebras), and into X (horses)
ADVERSARIAL = ("G+F/G_adversarial", "G+F/F_adversarial")
CRITICS = ("D_X+D_Y/X_real", "D_X+D_Y/X_fake", "D_X+D_Y/Y_real", "D_X+D_Y/Y_fake")


def ways_of(outcome: Outcome) -> list[tuple[str, Record]]:
    """Both directions by name: into Y first."""
    return list(domains_of(outcome)["directions"].items())


def domains_of(outcome: Outcome) -> Record:
    return measurement_of(outcome, of_two_domains)


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


def of_ways(training: Training, holds: Callable[[Sequence[float], Sequence[float]], bool] | None = None) -> Measure:
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
        return Reading(seen=", ".join(parts), holds=held, beside=told, protocol=protocol(outcomes[0]))

    return Measure((training,), read)


def between_columns(training: Training) -> Measure:
    """The distances themselves, each between its floor and its ceiling."""

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        parts = []
        for way, (name, _) in enumerate(ways_of(outcomes[0])):
            cells = [
                f"{title} {mean_of([column(way, title)(one) for one in outcomes])}"
                for title in ("floor", "translated", "doing nothing", "ceiling")
            ]
            parts.append(f"{name}: {', '.join(cells)}")
        return Reading(seen="; ".join(parts), holds=True, protocol=protocol(outcomes[0]))

    return Measure((training,), read)


def no_better(base: Training, other: Training) -> Measure:
    """Whether the other translator goes no farther than the base, in both directions."""

    def read(done: Done) -> Reading:
        refuse_two_judges(done, base, other)
        parts, held = [], True
        for way in (THERE, BACK):
            a, b = ([covered(way)(one) for one in done.runs(training)] for training in (base, other))
            held = held and differs(a, b) <= 0
            parts.append(f"{ways_of(done.runs(base)[0])[way][0]}: {mean_of(a)}, with regularization {mean_of(b)}")
        also = NO_SPREAD if len(done.runs(base)) == 1 else ""
        return Reading(seen="; ".join(parts), holds=held, beside=also, protocol=protocol(done.runs(base)[0]))

    return Measure((base, other), read)


def goes_farther(first: Training, other: Training) -> Measure:
    """Whether the first translator comes nearer to its target, Y, than the other."""
    found = seen((first, other), lambda values: differs(values[0], values[1]) < 0, covered(THERE))

    def read(done: Done) -> Reading:
        refuse_two_judges(done, first, other)
        return replace(found.read(done), protocol=protocol(done.runs(first)[0]))

    return Measure(found.needs, read)


def refuse_two_judges(done: Done, *needs: Training) -> None:
    refuse_two_ways({one.run.name: domains_of(one) for training in needs for one in done.runs(training)})


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


def protocol(outcome: Outcome) -> str:
    found = domains_of(outcome)["protocol"]
    return (
        f"Held-out pictures against {found['reference']} of the target, Fréchet distance under a judge of the two "
        f"domains that is right about {found['judge_balanced_accuracy']:.1%}; 0 of the way is doing nothing, 1 is real."
    )


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
            ),
            Claim(
                id="vanilla-longer",
                said="15 more epochs take most of the noise away from the dense players.",
                reported=Reported(text="better after 20 epochs", protocol=BY_EYE),
                measure=lowest(DENSE_20, DENSE_5),
            ),
            Claim(
                id="dcgan-beats-longer-vanilla",
                said="The DCGAN after 5 epochs is still better than the dense players after 20.",
                reported=Reported(text="DCGAN still better", protocol=BY_EYE),
                measure=lowest(DCGAN_5, DENSE_20),
            ),
            Claim(
                id="hard-digits",
                said="Digits with distinct shapes come out worst, eights above all.",
                reported=Reported(text="8 hardest", protocol=BY_EYE),
                measure=score(DCGAN_5, rarest),
                incomparable="by eye; ours is the percentage of the digit that the judge sees least",
            ),
            Claim(
                id="minimax-or-wasserstein",
                said="On MNIST the minimax loss and Wasserstein's, bounded by spectral norm, make no difference.",
                reported=Reported(text="no significant difference", protocol=BY_EYE),
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
                id="translation-distances",
                said="FID of translations between two baselines: real against real, and real against the other domain.",
                reported=Reported(text="bars without numbers", protocol="an Inception network's FID"),
                measure=between_columns(PLAIN),
                incomparable="the report has bars, of an Inception network; ours are of a judge of the two domains",
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
                measure=of_ways(PLAIN, lambda there, back: differs(back, there) > 0),
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
                id="adversarial-rises",
                said="G's adversarial loss rises as D learns.",
                reported=Reported(text="rises", protocol="from curves"),
                measure=above(PLAIN, 0.0, rise(*ADVERSARIAL)),
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
