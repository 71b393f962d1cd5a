"""The report on six architectures for CIFAR-10, by FID and Inception Score, and its 1,000 images written as files."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ganatomy.report.results import protocol_title
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
from ganatomy.reproduce.measured import by_inception
from ganatomy.reproduce.readings import (
    TREND,
    Number,
    above,
    as_asked,
    beside,
    early,
    highest,
    keeps_rising,
    late,
    lowest,
    mean_of,
    measurement_of,
    percent,
    score,
    seconds_per_image,
    share,
    told,
)

FOREIGN = (
    "FID and Inception Score are of an Inception network, whose weights are not in the cache; ours is of a judge "
    "trained on CIFAR-10: two scales"
)
TRUE = 80.0  # percent recognized as asked, above which labels are said to be kept
PROTOCOL = "10,000 samples against 50,000 or 60,000 images, as far as is said"
HOURS = "hours of another machine"
LOGGED = "the log of its final BigGAN, 25 epochs"
PER_CLASS = 100


def on_cifar10(recipe: str, weight: float = 1.0, least: float = 1.0) -> Training:
    return Training(recipe=recipe, data=("cifar10",), weight=weight, least=least, foreign=True)


DCGAN, WGAN, CGAN = on_cifar10("cifar10-dcgan"), on_cifar10("cifar10-wgan-report", 0.5), on_cifar10("cifar10-cgan")
ACGAN, MIXED = on_cifar10("cifar10-acgan"), on_cifar10("cifar10-acgan-biggan", 2.0)
BIGGAN = on_cifar10("cifar10-biggan", 4.0)
MODES = Studying(study="modes", settings=("run={0}", "seed={seed}"), of=(BIGGAN,), name="modes-biggan", weight=0.3)


def scores(
    name: str, title: str, training: Training, fid: tuple[float, ...], IS: tuple[float, ...]
) -> tuple[Claim, ...]:
    """FID and Inception Score, a row each; of several runs the range that theirs lie in."""
    return (
        Claim(
            id=name,
            said=f"{title}: its FID.",
            reported=Reported(text="FID " + " to ".join(map("{:g}".format, fid)), values=fid, protocol=PROTOCOL),
            measure=foreign_score(training, "fid"),
            better="lower",
            tolerance=1.0,
            score_of=training.recipe,
        ),
        Claim(
            id=f"{name}-is",
            said=f"{title}: its Inception Score.",
            reported=Reported(text="IS " + " to ".join(map("{:g}".format, sorted(IS))), values=IS, protocol=PROTOCOL),
            measure=foreign_score(training, "is"),
            better="higher",
            tolerance=0.1,
            score_of=training.recipe,
        ),
    )


def foreign_score(training: Training, metric: str) -> Measure:
    """A score under Inception; where its weights are not at hand, what the judge says, which is not compared."""

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        if not all(any(map(by_inception, outcome.run.measurements.read())) for outcome in outcomes):
            ours = score(training, share).read(done)
            return replace(ours, values=(), seen=f"share of the real images' score {mean_of(ours.values)}", why=FOREIGN)
        records = [measurement_of(outcome, by_inception) for outcome in outcomes]
        own = [record["scores"] for record in records]
        told = f"{beside(outcomes)}; Inception Score {mean_of([one['is'] for one in own])}"
        floor = f"; real images {mean_of([record['floor'][metric] for record in records[:1]])}"
        title = protocol_title(records[0]["protocol"])
        return Reading(tuple(one[metric] for one in own), beside=told + floor, protocol=f"{title}.")

    return Measure((training,), read)


def finding(name: str, said: str, measure: Measure, **how: Any) -> Claim:
    reported = Reported(text=how.pop("reported", "yes"), protocol=how.pop("protocol", "by FID and by eye"))
    return Claim(id=name, said=said, reported=reported, measure=measure, **how)


def auxiliary(name: str, when: str, percent_then: str, number: Number) -> Claim:
    return Claim(
        id=name,
        said=f"The accuracy that the log of the final BigGAN calls auxiliary, {when}.",
        reported=Reported(text=percent_then, unit="%", protocol=LOGGED),
        measure=score(MIXED, percent(number)),
        incomparable="of its BigGAN, and of which images is not said; ours is what the head of ACGAN with BigGAN's D "
        "recognizes of training images, in the first or the last tenth of its course",
    )


def written() -> Measure:
    """1,000 samples, as many of each class, as files beside the run; how many there are."""

    def read(done: Done) -> Reading:
        from ganatomy.experiments.run import load  # here, for who only asks what is claimed writes no images
        from ganatomy.experiments.writing import MANIFEST, write_samples

        counts = []
        for outcome in done.runs(BIGGAN):
            out = outcome.run.path / "generated" / f"{PER_CLASS}-per-class"
            if not (out / MANIFEST).exists():
                write_samples(load(outcome.run.path).samples(per_class=PER_CLASS), out)
            counts.append(len(list(out.rglob("*.png"))))
        classes = len(load(done.runs(BIGGAN)[0].run.path).classes or ())
        held = all(count == PER_CLASS * classes for count in counts)
        return Reading(seen=f"{mean_of(counts)} files, {PER_CLASS} of each of {classes} classes", holds=held)

    return Measure((BIGGAN,), read, trained=False)


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
            *scores("dcgan", "DCGAN, in the best run and in others", DCGAN, (68.0, 150.0), (4.7, 2.7)),
            finding(
                "dcgan-loss",
                "G's loss has an unstable upward trend in the best DCGAN run.",
                keeps_rising(DCGAN, "G/adversarial", begin=TREND),
                reported="rises",
                protocol="from the curve of one of several runs; in the others good trends",
                otherwise="better",
            ),
            *scores("wgan", "WGAN", WGAN, (496.0,), (1.0,)),
            finding(
                "wgan-black",
                "WGAN draws black images only.",
                draws_one_picture(WGAN),
                reported="all black",
                protocol="by eye, and by IS 1",
                otherwise="better",
            ),
            *scores("cgan", "Conditional GAN", CGAN, (241.0,), (2.4,)),
            *scores("acgan", "ACGAN", ACGAN, (148.0,), (2.8,)),
            *scores("acgan-biggan", "ACGAN with BigGAN's D and a gradient penalty", MIXED, (102.0,), (3.2,)),
            *scores("biggan", "BigGAN, two times", BIGGAN, (46.0, 51.52), (6.2, 6.74)),
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
            auxiliary("auxiliary-accuracy-begin", "at the beginning", "43 %", early("D/auxiliary_accuracy_real")),
            auxiliary("auxiliary-accuracy", "after 25 epochs", "88.06 %", late("D/auxiliary_accuracy_real")),
            finding(
                "biggan-labels",
                "BigGAN's images represent their labels correctly.",
                above(BIGGAN, TRUE, as_asked),
                reported="correctly",
                protocol=f"by eye; ours is recognized as asked, in percent, above {TRUE:g}",
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
