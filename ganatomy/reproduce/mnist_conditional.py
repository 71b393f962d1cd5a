"""The report on conditional GANs of MNIST: seven variants by Inception Score, three depths, and its open questions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ganatomy.report.comparison import Outcome
from ganatomy.reproduce.claims import (
    UNDECIDED,
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
from ganatomy.reproduce.collapse import none_collapses
from ganatomy.reproduce.readings import (
    ERRORS,
    LOGGED,
    alike,
    all_of,
    as_asked,
    course,
    distance,
    falling,
    goes_up,
    images_of,
    improves,
    judged_right,
    late,
    lowest,
    mean_of,
    of_judge,
    of_real,
    of_study,
    result,
    rising,
    score,
    seen,
    share,
    told,
    unrest,
    values_of,
)
from ganatomy.reproduce.shown import said_to_take

REAL = 9.67  # the Inception Score of MNIST under the report's classifier
SCORES = {
    "cgan": 6.01,
    "cgan-vb": 6.2,
    "cgan-ls": 6.3,
    "cgan-vb-ls": 6.4,
    "cdcgan-vb": 6.5,
    "cdcgan-ls": 6.8,
    "cdcgan-vb-ls": 7.3,
}
NAMES = {"cgan": "fully connected cGAN", "cdcgan": "convolutional cGAN"}
TRICKS = {"vb": "virtual batch norm", "ls": "one-sided label smoothing"}
BY_CLASSIFIER = (
    "Inception Score on the logits of an L2-Net digit classifier, as a share of what real digits score; count and "
    "split not said. Ours is the same formula on our judge, a digit classifier too, so shares of real are compared."
)
TRAINS = 50.0  # multiples of the floor, below which a run is said to train
ABOUT_ONE = (0.5, 1.5)
NEAR_ZERO = 0.2  # D's cross-entropy of real and of generated images together; of players in balance it is 2 ln 2 = 1.39
HALVES = ("D/real", "D/fake")
COLLAPSED_AFTER = 200_000 * 64  # images of as many iterations
SOON = {"cdcgan": 1 / 16}  # of its images: after 21,120 of 800,000 the last of them had 0.79, more than all reported
QUESTION = "the report asks, and gives no number"


def on_mnist(
    recipe: str, *overrides: str, minutes: float, name: str = "", after: tuple[Training, ...] = ()
) -> Training:
    return Training(recipe=recipe, data=("mnist",), overrides=overrides, name=name, after=after, minutes=minutes)


VARIANTS = {name: on_mnist(f"mnist-{name}", minutes=5 if name.startswith("cgan") else 22) for name in SCORES}
PLAIN = on_mnist("mnist-cdcgan", minutes=20)
VANILLA = on_mnist("mnist-vanilla", minutes=3)
SHALLOW = on_mnist("mnist-dcgan-shallow-report", minutes=19)
MEDIUM = on_mnist("mnist-dcgan-medium-report", minutes=26)
DEEP = on_mnist("mnist-dcgan-deep-report", minutes=55)
SLOWER = on_mnist(
    "mnist-dcgan-deep-report",
    *("optimizers.G.lr=5e-4", "optimizers.D.lr=5e-4"),
    name="mnist-dcgan-deep-report-slower",
    minutes=55,
)
MEDIUM_VB = on_mnist("mnist-dcgan-medium-vb", minutes=30)
WITHOUT_DROPOUT = on_mnist(
    "mnist-dcgan-medium-report", "players.D.dropout=0", name="mnist-dcgan-medium-without-dropout", minutes=26
)
BY_DROPOUT = {
    rate: on_mnist(
        "mnist-dcgan-medium-report",
        f"players.D.dropout={rate}",
        name=f"mnist-dcgan-medium-dropout-{rate}",
        minutes=26,
    )
    for rate in (0.1, 0.5)
}
GUIDE = on_mnist("mnist-guide", minutes=1)
GUIDED = on_mnist("mnist-cdcgan-guided", "players.C.run={runs}/mnist-guide-seed{seed}", after=(GUIDE,), minutes=25)

MATES = Studying(
    study="modes", settings=("run={0}", "against={1}", "seed={seed}"), of=(MEDIUM, MEDIUM_VB), minutes=2, name="mates"
)
MODES = Studying(study="modes", settings=("run={0}", "seed={seed}"), of=(VANILLA,), minutes=1, name="modes-vanilla")
RETRAIN = Studying(
    study="retrain",
    settings=("run={0}", "few=10", "seeds={seed}"),
    of=(PLAIN,),
    scaled=(("shown", 200_000), ("few_images", 100_000)),
    minutes=23,
)
PCA = Studying(study="pca", settings=("run={0}",), of=(PLAIN,), minutes=4)
EMBEDDING = Studying(study="embedding", settings=("run={0}", "seed={seed}"), of=(PLAIN,), minutes=1)


def variant_claim(name: str) -> Claim:
    kind, *tricks = name.split("-")
    with_tricks = " and ".join(TRICKS[trick] for trick in tricks) or "no trick"
    return Claim(
        id=f"score-{name}",
        said=f"A {NAMES[kind]} with {with_tricks}: how much of real digits' score it reaches.",
        reported=Reported(
            text=f"IS {SCORES[name]} of {REAL} (share {SCORES[name] / REAL:.3f})",
            values=(SCORES[name] / REAL,),
            unit="of real",
            protocol=BY_CLASSIFIER,
        ),
        measure=score(VARIANTS[name], share, SOON.get(kind)),
        better="higher",
        tolerance=0.01,
        score_of=VARIANTS[name].recipe,
    )


def grid_told(found: Mapping[str, Any]) -> str:
    rows = [row for row in found["grid"] if row["real"] == row["generated"]]
    cells = [f"{row['real']:.0%} of each: {row['on_real']:.2%} / {row['on_generated']:.2%}" for row in rows]
    return f"recognized, real test images / generated: {', '.join(cells)}"


def few_told(found: Mapping[str, Any]) -> str:
    few = found["few"]
    return (
        f"10 real images a class: {few['verdict']} ({few['gain_beyond_classical']:+.2%} beyond classical augmentation, "
        f"by '{few['best_with_generated']}')"
    )


def strategies_told(found: Mapping[str, Any]) -> str:
    known = {name: [100 * v for v in of if v is not None] for name, of in found["few"]["accuracy"].items()}
    return ", ".join(f"{name} {mean_of(values)} %" for name, values in known.items() if values)


def embedding_told(found: Mapping[str, Any]) -> str:
    sure, near = found["confidence"], found["neighbours"]
    return (
        f"nearest neighbour of the same class {near['same_class']:.1%}, of the same origin {near['same_origin']:.1%} "
        f"(50 % where none could tell); mean confidence real {sure['real']['mean']:.3f}, generated "
        f"{sure['generated']['mean']:.3f}"
    )


def pca_told(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{what}: {who}" for what, who in found["wins"].items())


def mates_seen(found: Mapping[str, Any]) -> tuple[str, bool]:
    plain, virtual = (found[side]["batch_mates"]["changed_by_mates"] for side in ("run", "against"))
    return f"changed by batch-mates: batch norm {plain:.3f}, virtual {virtual:.3f} of the contrast", virtual < plain


def missing_told(found: Mapping[str, Any]) -> str:
    made = found["run"]["generated"]
    few = ", ".join(made["missing"]) or "none"
    return f"missing digits: {few}; {made['classes_in_effect']:.1f} classes in effect"


def guided_beside() -> Measure:
    """With the classification loss and without: score and what is recognized as asked."""

    def read(done: Done) -> Reading:
        parts = []
        for title, training in (("with", GUIDED), ("without", PLAIN)):
            shares, asked = (values_of(done, training, number) for number in (share, as_asked))
            far = mean_of(values_of(done, training, distance))
            parts.append(f"{title}: share of real {mean_of(shares)}, as asked {mean_of(asked)} %, {far} x floor")
        return Reading(seen="; ".join(parts), holds=True)

    return Measure((GUIDED, PLAIN), read)


def trains(found: Sequence[list[float]]) -> bool:
    return float(np.mean(found[0])) < TRAINS


def outruns(training: Training, *, by: int) -> Measure:
    """Whether G's loss rises to the end while D's nears zero; if not, after as many images as it is said to take."""

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        D = [2 * half for half in values_of(done, training, late(*HALVES))]
        rises = goes_up([course(outcome, "G/adversarial") for outcome in outcomes])
        way = {True: "rises", False: "falls", None: "neither rises nor falls"}[rises]
        G, held = (
            mean_of(values_of(done, training, late("G/adversarial"))),
            all_of([rises, bool(np.mean(D) < NEAR_ZERO)]),
        )
        why = f"{UNDECIDED}, within {ERRORS} standard errors" if held is None else ""
        return Reading(
            seen=f"G's loss {way}, to {G}; D's is {mean_of(D)} ({images_of(outcomes)})",
            holds=held,
            beside=f"limits: {ERRORS} standard errors, and D's loss of real and generated together below {NEAR_ZERO}",
            protocol=LOGGED,
            why=why,
            short="" if held else said_to_take(by, outcomes),
        )

    return Measure((training,), read, by=by)


def settles(training: Training, *, after: int) -> Measure:
    """Whether both players' cross-entropies are about one, on average from so many iterations on.

    D's is of real and generated images together, or their mean: the report does not say which.
    """

    def read(done: Done) -> Reading:
        outcomes = done.runs(training)
        rounds = [one.run.metrics.read()[-1]["round"] for one in outcomes]
        begin = after if min(rounds) > after else 0
        G, half = ([mean_from(one, begin, *names) for one in outcomes] for names in (("G/adversarial",), HALVES))
        low, high = ABOUT_ONE
        holds = any(low < factor * float(np.mean(half)) < high for factor in (1, 2)) and low < float(np.mean(G)) < high
        told = f"G {mean_of(G)}, D {mean_of([2 * one for one in half])} of real and generated together"
        return Reading(
            seen=f"{told}, from iteration {begin:,} to {min(rounds):,}",
            holds=holds,
            beside=f"limits: {low} and {high}, of D's sum or mean",
            protocol=LOGGED,
            short="" if begin else f"too short: it is said of what comes after {after:,} iterations",
        )

    return Measure((training,), read, part=0.5)


def mean_from(outcome: Outcome, begin: int, *names: str) -> float:
    """The mean of what was logged under these names, from a round on."""
    lines = [line for line in outcome.run.metrics.read() if line["round"] >= begin]
    return float(np.mean([line[name] for line in lines for name in names]))


reports.add(
    "mnist-conditional",
    Report(
        name="mnist-conditional",
        title="DCGANs and conditional GANs of MNIST, by the Inception Score of a digit classifier.",
        data=(Wanted(name="mnist", what="60,000 handwritten digits of 28 px", unasked="mnist"),),
        claims=(
            Claim(
                id="score-real",
                said="What real digits score under the classifier that scores the GANs.",
                reported=Reported(text=f"{REAL}", values=(REAL,), protocol="another digit classifier than ours"),
                measure=of_judge(VARIANTS["cgan"], of_real),
                better="higher",
                tolerance=0.1,
            ),
            Claim(
                id="judge-accuracy",
                said="How many of the 10,000 test images the scoring classifier recognizes, in percent.",
                reported=Reported(text="asked for, not given", unit="%"),
                measure=of_judge(VARIANTS["cgan"], judged_right),
                incomparable=QUESTION,
            ),
            *(variant_claim(name) for name in SCORES),
            Claim(
                id="score-order",
                said="Each trick raises the score, and convolutions most: the seven rows stand in rising order.",
                reported=Reported(text="6.01 < 6.2 < 6.3 < 6.4 < 6.5 < 6.8 < 7.3"),
                measure=rising(*VARIANTS.values(), number=share),
            ),
            Claim(
                id="vanilla-collapse",
                said="A fully connected GAN collapses: after long training G draws only some of the digits.",
                reported=Reported(text="few digits left", protocol="after 200,000 iterations; by eye"),
                measure=told(MODES, missing_told),
                incomparable="ours is at most 800,000 images long, a sixteenth of 200,000 of its iterations",
            ),
            Claim(
                id="vanilla-balance",
                said="In that GAN D's loss nears zero while G's keeps rising.",
                reported=Reported(text="G's loss rises", protocol="after 200,000 iterations; curves without numbers"),
                measure=outruns(VANILLA, by=COLLAPSED_AFTER),
                otherwise="better",
            ),
            Claim(
                id="dcgan-beats-vanilla",
                said="A DCGAN is a significant improvement on the fully connected GAN.",
                reported=Reported(text="a significant improvement", protocol="by eye"),
                measure=lowest(MEDIUM, VANILLA),
            ),
            Claim(
                id="depths-balance",
                said="Deeper architectures balance the losses of G and D more easily.",
                reported=Reported(
                    text="deeper, easier", protocol="from curves; ours is how often D is right at the end"
                ),
                measure=falling(SHALLOW, MEDIUM, DEEP, number=late("D/accuracy_real", "D/accuracy_fake")),
            ),
            Claim(
                id="depths-no-collapse",
                said="None of three DCGAN depths collapses (Adam 0.002).",
                reported=Reported(text="no collapse", protocol="by eye"),
                measure=none_collapses(SHALLOW, MEDIUM, DEEP),
            ),
            Claim(
                id="depths-best",
                said="The medium depth (256-128 maps) comes out best of the three.",
                reported=Reported(text="medium best", protocol="by eye"),
                measure=lowest(MEDIUM, SHALLOW, DEEP),
            ),
            Claim(
                id="depths-collapse-by-rate",
                said="The deep one trains at the reported rate; ours stands beside it at a quarter of that rate.",
                reported=Reported(text="it trains", protocol="Adam 0.002; by eye"),
                measure=seen((DEEP, SLOWER), trains, limit=f"limit: below {TRAINS:g} x floor on average"),
            ),
            Claim(
                id="odd-shapes-longer",
                said="Some digits have odd shapes; training for longer mends that.",
                reported=Reported(text="solved", protocol="by eye; ours is the distance at half and at the end"),
                measure=improves(MEDIUM),
            ),
            Claim(
                id="odd-shapes-deeper",
                said="Or a deeper architecture mends it.",
                reported=Reported(text="solved", protocol="by eye"),
                measure=falling(SHALLOW, MEDIUM, DEEP),
            ),
            Claim(
                id="medium-losses",
                said="With the medium depth both cross-entropies settle around 1.",
                reported=Reported(text="about 1", protocol="after 5,000 'epochs', probably iterations; from a curve"),
                measure=settles(MEDIUM, after=5_000),
            ),
            Claim(
                id="medium-steady",
                said="G's loss swings less with the medium depth than with the others, even the deep one.",
                reported=Reported(text="less oscillation", protocol="from curves"),
                measure=lowest(MEDIUM, SHALLOW, DEEP, number=unrest("G/adversarial")),
            ),
            Claim(
                id="virtual-norm-balance",
                said="Virtual batch norm leaves the balance of the medium DCGAN's players as it was.",
                reported=Reported(text="no visible change", protocol="from curves"),
                measure=alike(MEDIUM, MEDIUM_VB, number=late("D/accuracy_real", "D/accuracy_fake")),
            ),
            Claim(
                id="virtual-norm-quality",
                said="Whether it makes the digits better is hard to tell.",
                reported=Reported(text="hard to tell", protocol="by eye"),
                measure=alike(MEDIUM, MEDIUM_VB),
            ),
            Claim(
                id="virtual-norm-mates",
                said="It makes the images of a batch depend less on one another.",
                reported=Reported(text="less correlation in a batch", protocol="by eye"),
                measure=result(MATES, mates_seen),
            ),
            Claim(
                id="dropout",
                said="Dropout of 0.25 in D improves the DCGAN much.",
                reported=Reported(text="a significant improvement", protocol="by eye"),
                measure=lowest(MEDIUM, WITHOUT_DROPOUT),
            ),
            Claim(
                id="dropout-rate",
                said="0.25 is the best rate of that dropout.",
                reported=Reported(text="0.25 estimated optimal", protocol="other rates not said; ours are 0.1 and 0.5"),
                measure=lowest(MEDIUM, *BY_DROPOUT.values()),
            ),
            Claim(
                id="retrain-portions",
                said="A classifier retrained with 10, 20, 50 and 100 % of the real and of the generated images.",
                reported=Reported(text="asked, not answered"),
                measure=told(RETRAIN, grid_told),
                incomparable=QUESTION,
            ),
            Claim(
                id="retrain-few",
                said="With few real images a class, do plenty of generated ones help?",
                reported=Reported(text="asked, not answered"),
                measure=told(RETRAIN, few_told),
                incomparable=QUESTION,
            ),
            Claim(
                id="retrain-strategy",
                said="Generated first and real after, or only those that a classifier is sure of: which way is best?",
                reported=Reported(text="asked, not answered"),
                measure=told(RETRAIN, strategies_told),
                incomparable=QUESTION,
            ),
            Claim(
                id="pca",
                said="What a GAN is better at than principal components as a generative model, and worse.",
                reported=Reported(text="asked, not answered"),
                measure=told(PCA, pca_told),
                incomparable=QUESTION,
            ),
            Claim(
                id="embedding",
                said="100 real and 100 generated digits as the classifier's last features have them.",
                reported=Reported(text="asked, not answered"),
                measure=told(EMBEDDING, embedding_told),
                incomparable=QUESTION,
            ),
            Claim(
                id="confidence",
                said="How sure the classifier is of generated digits, in percent (real ones beside).",
                reported=Reported(text="asked, not answered", unit="%"),
                measure=of_study(
                    EMBEDDING, "confidence", "generated", "mean", in_percent=True, beside=("confidence", "real", "mean")
                ),
                incomparable=QUESTION,
            ),
            Claim(
                id="classification-loss",
                said="A frozen classifier's loss added to the conditional G: does it raise the score?",
                reported=Reported(text="asked, not answered"),
                measure=guided_beside(),
                incomparable=QUESTION,
            ),
        ),
    ),
)
