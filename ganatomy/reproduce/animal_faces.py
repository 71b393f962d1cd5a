"""The report on animal faces: DCGAN at four update ratios, class-conditional WGANs, BiGAN's latents."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ganatomy.report.comparison import Outcome
from ganatomy.report.health import BEHIND
from ganatomy.reproduce.claims import (
    Claim,
    Done,
    Measure,
    Reading,
    Report,
    Reported,
    Studying,
    Training,
    Wanted,
    reports,
)
from ganatomy.reproduce.collapse import collapses_less, none_collapses
from ganatomy.reproduce.readings import (
    ERRORS,
    LOGGED,
    alike,
    as_asked,
    at_one,
    at_what,
    behind,
    below,
    beyond_chance,
    examined,
    falling,
    highest,
    images_of,
    judged_right,
    late,
    looked_at,
    lowest,
    mean_of,
    of_study,
    result,
    score,
)
from ganatomy.reproduce.shown import name_of, said_to_take

BY_EYE = "by eye"
RATE = 1e-4
AT_64 = 300  # minutes of a DCGAN of animals: 2,000,000 images of 64 px
RATIOS = (1, 2, 10, 15)
FITTED = 0.9  # how often D is right, above which it fits the data
EPOCH = 14_630  # images of the report's animals, if they are AFHQ's
FIRST = 1 / 500  # of a DCGAN's images; of cats D knew 95 % in iterations 17 to 24, the third line of figures
EVEN = 0.5  # of a walk's longest step, above which its mean step is none of many small ones and a jump
KINDS = {"linear": "a linear classifier", "svm": "an SVM"}


def on_animals(recipe: str, *overrides: str, name: str = "", **how: Any) -> Training:
    return Training(recipe=recipe, data=("animals",), overrides=overrides, name=name, **how)


def on_mnist(recipe: str, *overrides: str, name: str = "", **how: Any) -> Training:
    return Training(recipe=recipe, data=("mnist",), overrides=overrides, name=name, **how)


def slowed(ratio: int) -> Training:
    """D's rate divided, as the report has its ratios."""
    if ratio == 1:
        return on_animals("animals64-dcgan", minutes=AT_64)
    return on_animals(
        "animals64-dcgan", f"optimizers.D.lr={RATE / ratio:.4g}", name=f"animals64-dcgan-1-to-{ratio}", minutes=AT_64
    )


BY_RATE = {ratio: slowed(ratio) for ratio in RATIOS}
BY_STEPS = on_animals("animals64-dcgan", "game.g_steps=10", name="animals64-dcgan-10-steps", minutes=5 * AT_64)
WGAN = on_animals("animals64-wgan-report", minutes=AT_64)


def of_classes(recipe: str, *overrides: str, minutes: float, name: str = "", instead: Training) -> Training:
    """A step of the class-conditional WGAN; where no classes of animals are there, an unconditional one of digits."""
    return on_animals(recipe, *overrides, name=name, labelled=True, minutes=minutes, instead=instead)


def dense(name: str, *overrides: str, minutes: float, of_digits: float) -> Training:
    """Dense players: those of animals are told no class either."""
    instead = on_mnist(f"mnist-wgan-dense{name}-report", minutes=of_digits)
    return of_classes(
        "animals64-wgan-dense-report",
        *overrides,
        minutes=minutes,
        name=f"animals64-wgan-dense{name}",
        instead=instead,
    )


def within(window: float) -> Training:
    clip = f"game.constraint.window={window}"
    instead = on_mnist("mnist-wgan-report", clip, name=f"mnist-wgan-window-{window}", minutes=16)
    name = f"animals64-cwgan-window-{window}"
    return of_classes("animals64-cwgan-report", clip, minutes=AT_64, name=name, instead=instead)


BARE = dense(
    "-bare",
    "players.G.normalization=none",
    "players.D.normalization=none",
    "game.constraint=none",
    minutes=30,
    of_digits=1.5,
)
CLIPPED = dense("", minutes=30, of_digits=1.5)
WIDE = dense(
    "-wide",
    "players.G.hidden=[256,512,1024,2048]",
    "players.D.hidden=[2048,1024,512,256]",
    minutes=50,
    of_digits=6,
)
WINDOWS = {window: within(window) for window in (0.001, 0.01, 1.0)}
CONVOLUTIONS = WINDOWS[0.01]  # the report's

NARROW = "players.G.embedding=3", "players.D.embedding=3"
LOOSE = of_classes(
    "animals64-cwgan-report",
    minutes=AT_64,
    instead=on_mnist("mnist-cwgan", *NARROW, name="mnist-cwgan-embedding-3", minutes=40),
)
TOLD = of_classes(
    "animals64-cwgan-report",
    *("players.G.embedding=97", "players.D.embedding=97"),
    name="animals64-cwgan-embedding-97",
    minutes=AT_64,
    instead=on_mnist("mnist-cwgan", minutes=40),
)
BIGAN = of_classes("animals64-bigan", minutes=1.5 * AT_64, instead=on_mnist("mnist-bigan", minutes=30))

WALK = Studying(study="interpolate", settings=("run={0}", "seed={seed}"), of=(LOOSE,), minutes=1)
TOLD_APART = 10_000  # real images that either classifier learns from
PROBE = Studying(
    study="probe",
    settings=("run={0}", f"linear_images={TOLD_APART}", f"svm_images={TOLD_APART}", "seed={seed}"),
    of=(BIGAN,),
)


def walk_seen(found: Mapping[str, Any]) -> tuple[str, bool]:
    """Between classes, as the report walks; of what is told no class, between latents."""
    way = "classes" if "classes" in found else "latents"
    even = found[way]["smoothness"]
    return f"between {way} the mean step is {even:.2f} of the longest (1: no jump; limit: {EVEN:g})", even > EVEN


def probe_seen(found: Mapping[str, Any]) -> tuple[str, bool]:
    """Beyond what chance makes of so many held-out images."""
    rights = [found["latents"][kind] for kind in ("linear", "svm")]
    error = math.sqrt(sum(right * (1 - right) for right in rights) / examined(found))
    linear, svm = (100 * right for right in rights)
    told = (
        f"linear {linear:.1f} %, SVM {svm:.1f} % (limit: {ERRORS} standard errors, {100 * ERRORS * error:.1f} points)"
    )
    return told, rights[1] - rights[0] > ERRORS * error


def latents_tell(found: Mapping[str, Any]) -> tuple[str, bool | None]:
    """Whether more is recognized by them than if all were said to be of the largest class."""
    right, guessed = found["latents"]["svm"], found["protocol"]["largest_class"]
    told = f"SVM {right:.1%}; the largest class is {guessed:.1%} of all"
    return told, beyond_chance(right, guessed, examined(found))


def keeps_from_overfitting(remedies: Sequence[Training], plain: Training) -> Measure:
    """Whether D, which overfits without them, does so no longer; where it does not, there is nothing to remedy."""

    def read(done: Done) -> Reading:
        groups, short = at_one([list(done.runs(one)) for one in (*remedies, plain)], behind)
        gaps = [[behind(one) for one in group] for group in groups]
        told = [
            f"{name_of(group)} {mean_of([100 * gap for gap in own])} ({images_of(group)})"
            for group, own in zip(groups, gaps, strict=True)
        ]
        *remedied, before = (float(np.mean(own)) for own in gaps)
        why = "" if before >= BEHIND else "D does not overfit without it, so there is nothing to remedy"
        limits = f"limit: {100 * BEHIND:g} points"
        return Reading(
            seen=f"points by which D knows held-out real images less often: {', '.join(told)}",
            holds=max(remedied) < BEHIND,
            beside="; ".join(filter(None, (at_what(groups), limits))),
            protocol=LOGGED,
            why=why,
            short=short,
        )

    needs = (*remedies, plain)
    return Measure(needs, read)


def fits_within(training: Training, images: int) -> Measure:
    """Whether D is right nearly always in some line of figures, a few rounds, before so many images are shown."""

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        best = [max(rights_of(one, images)) for one in outcomes]
        held = min(right for right, _ in best) > FITTED
        told = ", ".join(f"{100 * right:.1f} % at {at:,} images" for right, at in best)
        return Reading(
            seen=f"right most often in {told}",
            holds=held,
            beside=f"limit: above {100 * FITTED:g} %, within {images:,} images",
            protocol=LOGGED,
            short="" if held else said_to_take(images, outcomes),
        )

    return Measure((training,), read, part=FIRST, by=images)


def rights_of(outcome: Outcome, images: int) -> list[tuple[float, int]]:
    """How often D is right in each line of figures up to so many images, and at how many."""
    lines = [line for line in outcome.run.metrics.read() if line["images"] <= images]
    return [((line["D/accuracy_real"] + line["D/accuracy_fake"]) / 2, line["images"]) for line in lines]


def as_real_ones(outcome: Outcome) -> float:
    """Percent recognized as the class asked for, of the percent of real images that are recognized as theirs."""
    return 100 * as_asked(outcome) / judged_right(outcome)


def probe(kind: str, reported: float) -> Claim:
    return Claim(
        id=f"bigan-{kind}",
        said=f"BiGAN's 100 latents of real images, told apart by {KINDS[kind]}.",
        reported=Reported(text=f"{reported} %", values=(reported,), unit="%", protocol="three classes; split not said"),
        measure=of_study(PROBE, "latents", kind, in_percent=True, beside=("pca", kind)),
        better="higher",
        tolerance=1.0,
    )


def finding(name: str, said: str, measure: Any, reported: str, protocol: str = BY_EYE, **how: Any) -> Claim:
    return Claim(id=name, said=said, reported=Reported(text=reported, protocol=protocol), measure=measure, **how)


reports.add(
    "animal-faces",
    Report(
        name="animal-faces",
        title="Cats, dogs and wild animals at 64 px: DCGAN, class-conditional WGAN, BiGAN.",
        data=(
            Wanted(
                name="animals",
                what="faces of cats, dogs and wild animals, in a folder each",
                known_as=("afhq",),
                stand_ins=("afhq-cat64",),
            ),
            Wanted(
                name="mnist",
                what="digits, on which steps that need classes are taken where the animals have none",
                unasked="mnist",
            ),
        ),
        claims=(
            finding(
                "ratios-alike",
                "One, two, ten and fifteen moves of G for one of D all draw about alike.",
                alike(*BY_RATE.values()),
                "roughly alike",
                "D's rate divided by 1, 2, 10, 15; by eye",
            ),
            finding(
                "ratio-helps",
                "More moves of G for one of D, or a lower rate of D, keep D from overfitting.",
                keeps_from_overfitting((BY_STEPS, BY_RATE[10]), BY_RATE[1]),
                "a remedy",
                "said, not measured; ours is ten to one, by D's accuracy on held-out images",
            ),
            finding(
                "ratio-by-rate",
                "A tenth of D's rate does what ten moves of G do.",
                alike(BY_RATE[10], BY_STEPS),
                "roughly equal",
                "not measured",
            ),
            finding(
                "discriminator-first",
                "D fits the data at once.",
                fits_within(BY_RATE[1], 3 * EPOCH),
                "within 3 iterations",
                "from curves; probably epochs, as G's 5 to 10 are; ours is how often D is right in a few rounds",
            ),
            Claim(
                id="generator-later",
                said="G needs 5 to 10 epochs for more than noise.",
                reported=Reported(text="5 to 10 epochs", protocol=BY_EYE),
                measure=looked_at(BY_RATE[1]),
                incomparable="by eye; readings in training are farther apart",
            ),
            finding(
                "global-shape",
                "The GANs miss the whole: one eye, three eyes, no nose.",
                score(BY_RATE[1], late("D/accuracy_fake")),
                "such faces",
                incomparable="by eye; ours is how often D knows a generated face at the end",
            ),
            finding(
                "wgan-collapses-less",
                "WGAN does not collapse as easily as DCGAN.",
                collapses_less(WGAN, BY_RATE[1]),
                "less often",
                "from an unknown number of runs",
            ),
            finding(
                "wgan-progression",
                "Dense players without norm and clipping draw nothing; with both, a little; wider, a little more; "
                "convolutions, far more.",
                falling(BARE, CLIPPED, WIDE, CONVOLUTIONS),
                "bare < clipped < wide < convolutions",
                "by eye; classes are told to the convolutions alone, and to those of animals",
            ),
            finding(
                "convolutions",
                "Convolutions draw drastically better than dense players.",
                lowest(CONVOLUTIONS, BARE, CLIPPED, WIDE),
                "drastically better",
            ),
            finding(
                "window-small",
                "A clip window that is too small lets the gradients vanish.",
                lowest(CONVOLUTIONS, WINDOWS[0.001]),
                "0.01 better than smaller",
                "not measured; ours is 0.001",
            ),
            finding(
                "window-large",
                "A clip window that is too large is unstable and slow.",
                lowest(CONVOLUTIONS, WINDOWS[1.0]),
                "0.01 better than larger",
                "not measured; ours is 1, for with 0.1, which is not too large, digits came out better",
            ),
            finding(
                "class-loose",
                "A class told by 3 numbers beside 97 latents is followed loosely.",
                below(LOOSE, 90.0, as_real_ones),
                "loosely",
                "by eye; ours is recognized as asked, below 90 % of what is recognized of real images",
                otherwise="better",
            ),
            finding(
                "class-embedding",
                "A larger embedding of the class would be followed better.",
                highest(TOLD, LOOSE, number=as_asked),
                "supposed",
                "not tried; ours has as many numbers as there are latents, on digits 32",
            ),
            finding(
                "interpolation",
                "The latent space is continuous: between two classes nothing happens in a jump.",
                result(WALK, walk_seen),
                "continuous",
            ),
            probe("linear", 56.13),
            probe("svm", 72.85),
            finding(
                "bigan-svm-beats-linear",
                "An SVM tells BiGAN's latents apart significantly better than a linear classifier.",
                result(PROBE, probe_seen),
                "72.85 > 56.13 %",
                f"three classes; split not said; ours learn from as many images, {TOLD_APART:,} at most",
            ),
            finding(
                "bigan-latents",
                "BiGAN's latents hold something of the images that they are of.",
                result(PROBE, latents_tell),
                "56.13 and 72.85 %",
                "three classes; split not said",
            ),
            finding(
                "bigan-collapse",
                "BiGAN, as hard to train as a DCGAN, is trained all the same: it does not collapse.",
                none_collapses(BIGAN),
                "hard, but trained",
                "150 epochs; by eye",
            ),
            Claim(
                id="bigan-shape",
                said="BiGAN misses the whole of a face, as the DCGAN and the WGAN do.",
                reported=Reported(text="such faces", protocol=BY_EYE),
                measure=looked_at(BIGAN),
                incomparable="by eye, and no number",
            ),
            Claim(
                id="dcgan-collapses-easily",
                said="A DCGAN collapses very easily, even while its G fools D.",
                reported=Reported(text="very easily", protocol="from an unknown number of runs"),
                measure=none_collapses(BY_RATE[1]),
                incomparable="how often is not said; ours is whether ours did",
            ),
            Claim(
                id="wgan-epochs",
                said="WGAN's losses jump at about epochs 20 and 30 and are level otherwise, over 100 epochs.",
                reported=Reported(text="two jumps", protocol="from a curve of one run"),
                measure=looked_at(WGAN),
                incomparable="one run's curve",
            ),
        ),
    ),
)
