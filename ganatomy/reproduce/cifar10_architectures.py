"""The report on six architectures for CIFAR-10, by FID and Inception Score, and its 1,000 images written as files."""

from collections.abc import Mapping
from typing import Any

from ganatomy.experiments.run import load
from ganatomy.experiments.writing import MANIFEST, write_samples
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
from ganatomy.reproduce.collapse import draws_one_picture
from ganatomy.reproduce.readings import (
    above,
    highest,
    late,
    lowest,
    mean_of,
    percent,
    rise,
    score,
    seconds_per_image,
    share,
    told,
)

FOREIGN = (
    "FID and Inception Score are of an Inception network, ours of a judge trained on CIFAR-10: two scales. Where "
    "Inception's weights are at hand, `ganatomy evaluate RUN --metrics fid,is` gives ours on theirs"
)
PROTOCOL = "10,000 samples against 50,000 or 60,000 images, as far as is said"
HOURS = "hours of another machine"
LOGGED = "the log of its final BigGAN, 25 epochs"
PER_CLASS = 100


def on_cifar10(recipe: str, weight: float = 1.0, least: float = 1.0) -> Training:
    return Training(recipe=recipe, data=("cifar10",), weight=weight, least=least)


DCGAN, WGAN, CGAN = on_cifar10("cifar10-dcgan"), on_cifar10("cifar10-wgan-report", 0.5), on_cifar10("cifar10-cgan")
ACGAN, MIXED = on_cifar10("cifar10-acgan"), on_cifar10("cifar10-acgan-biggan", 2.0)
BIGGAN = on_cifar10("cifar10-biggan", 4.0)
MODES = Studying(study="modes", settings=("run={0}", "seed={seed}"), of=(BIGGAN,), name="modes-biggan", weight=0.3)


def scores(name: str, title: str, training: Training, reported: str) -> Claim:
    return Claim(
        id=name,
        said=f"{title}: its FID and Inception Score. Ours: share of the real images' score, distance beside.",
        reported=Reported(text=reported, unit="of real", protocol=PROTOCOL),
        measure=score(training, share),
        incomparable=FOREIGN,
    )


def finding(name: str, said: str, measure: Measure, **how: Any) -> Claim:
    reported = Reported(text=how.pop("reported", "yes"), protocol=how.pop("protocol", "by FID and by eye"))
    return Claim(id=name, said=said, reported=reported, measure=measure, **how)


def written() -> Measure:
    """1,000 samples, as many of each class, as files beside the run; how many there are."""

    def read(done: Done) -> Reading:
        counts = []
        for outcome in done.runs(BIGGAN):
            out = outcome.run.path / "generated" / f"{PER_CLASS}-per-class"
            if not (out / MANIFEST).exists():
                write_samples(load(outcome.run.path).samples(per_class=PER_CLASS), out)
            counts.append(len(list(out.rglob("*.png"))))
        classes = len(load(done.runs(BIGGAN)[0].run.path).classes or ())
        held = all(count == PER_CLASS * classes for count in counts)
        return Reading(seen=f"{mean_of(counts)} files, {PER_CLASS} of each of {classes} classes", holds=held)

    return Measure((BIGGAN,), read)


def alike_told(found: Mapping[str, Any]) -> str:
    made, real = found["run"]["generated"], found["run"]["real"]
    missing = ", ".join(made["missing"]) or "none"
    return (
        f"mean distance within a class {made['diversity']:.3g}, of real images {real['diversity']:.3g}; "
        f"missing classes: {missing}"
    )


reports.add(
    "cifar10-architectures",
    Report(
        name="cifar10-architectures",
        title="Six architectures on CIFAR-10, from DCGAN to BigGAN.",
        data=(Wanted(name="cifar10", what="50,000 small pictures of ten classes", unasked="cifar10"),),
        claims=(
            scores("dcgan", "DCGAN", DCGAN, "FID 68, IS 4.7 in the best run; FID 150, IS 2.7 in others"),
            finding(
                "dcgan-loss",
                "G's loss in the best DCGAN run keeps rising.",
                above(DCGAN, 0.0, rise("G/adversarial")),
                reported="rises",
                protocol="from a curve",
                otherwise="better",
            ),
            scores("wgan", "WGAN", WGAN, "FID 496, IS 1"),
            finding(
                "wgan-black",
                "WGAN draws black images only.",
                draws_one_picture(WGAN),
                reported="all black",
                protocol="by eye, and by IS 1",
                otherwise="better",
            ),
            scores("cgan", "Conditional GAN", CGAN, "FID 241, IS 2.4"),
            scores("acgan", "ACGAN", ACGAN, "FID 148, IS 2.8"),
            scores("acgan-biggan", "ACGAN with BigGAN's D and a gradient penalty", MIXED, "FID 102, IS 3.2"),
            scores("biggan", "BigGAN", BIGGAN, "FID 46, IS 6.2; another time 51.5, 6.74"),
            finding(
                "acgan-beats-cgan",
                "ACGAN draws better than the conditional GAN.",
                lowest(ACGAN, CGAN),
                reported="FID 148 < 241",
            ),
            finding(
                "biggan-discriminator",
                "BigGAN's D makes ACGAN better.",
                lowest(MIXED, ACGAN),
                reported="FID 102 < 148",
            ),
            finding(
                "biggan-best",
                "BigGAN is the best of all.",
                lowest(BIGGAN, DCGAN, WGAN, CGAN, ACGAN, MIXED),
                reported="FID 46 is the lowest",
            ),
            finding(
                "dcgan-beats-labels",
                "But for BigGAN, the GAN without labels draws better than those with.",
                lowest(DCGAN, CGAN, ACGAN, MIXED),
                reported="FID 68 < 102, 148, 241",
            ),
            finding(
                "biggan-slowest",
                "BigGAN takes longest for an image.",
                highest(BIGGAN, DCGAN, WGAN, CGAN, ACGAN, MIXED, number=seconds_per_image),
                reported="longest training",
                protocol="not timed",
            ),
            Claim(
                id="auxiliary-accuracy",
                said="The accuracy that the log of the final BigGAN calls auxiliary, after 25 epochs.",
                reported=Reported(text="43 -> 88.06 %", unit="%", protocol=LOGGED),
                measure=score(MIXED, percent(late("D/auxiliary_accuracy_real"))),
                incomparable="of its BigGAN, and of which images is not said; ours is what the head of ACGAN with "
                "BigGAN's D recognizes of training images",
            ),
            Claim(
                id="losses",
                said="The losses of the final BigGAN fall: G's from 8.3 to 0.47, D's from 14.7 to 2.6.",
                reported=Reported(text="0.47 and 2.6", protocol=LOGGED),
                measure=score(BIGGAN, late("G/adversarial")),
                incomparable="sums of terms that are not named, and a falling loss of G says nothing of its images; "
                "ours is our BigGAN's adversarial loss of G at the end",
            ),
            finding(
                "files",
                "1,000 images, 100 of each class, are written as files.",
                written(),
                reported="1,000 files",
                protocol="",
            ),
            finding(
                "biggan-cars",
                "BigGAN's cars all look like one model: a little mode collapse.",
                told(MODES, alike_told),
                reported="some collapse",
                protocol="by eye",
                incomparable="by eye; ours is a distance within all classes",
            ),
            Claim(
                id="hours",
                said="Eleven runs took 49 hours.",
                reported=Reported(text="49 h", protocol="a hosted GPU"),
                incomparable=HOURS,
            ),
        ),
    ),
)
