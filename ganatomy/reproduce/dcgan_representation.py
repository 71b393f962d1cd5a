"""The report that repeats DCGAN's paper: faces, bedrooms, arithmetic, features under an SVM, 128 px, labelled data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from ganatomy.engine.precision import find_device
from ganatomy.networks.efficientnet import PRETRAINED, what_lacks
from ganatomy.report.health import BEHIND
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
from ganatomy.reproduce.collapse import collapses, none_collapses
from ganatomy.reproduce.readings import (
    BY_CHANCE,
    above,
    alike,
    all_of,
    behind,
    below,
    beyond_chance,
    differs,
    distance,
    each,
    examined,
    images_of,
    improves,
    late,
    lowest,
    mean_of,
    newer,
    of_study,
    percent,
    result,
    score,
    seen,
    study_protocol,
    study_values,
)

BY_EYE = "by eye"
NOT_COMPARED = "by eye, and no number"
EPOCHS = {10: 60.3, 25: 64.5, 35: 68.2, 45: 70.8}  # of ImageNet, and percent of CIFAR-10's test images
IMAGES = 2_000_000  # of the recipe, which stand for the last of these epochs
PORTIONS = {40: 52.39, 60: 85.99, 80: 97.96}
REAL = 94.38
EFFICIENTNET = "10,000 test images; EfficientNet-B0 of ImageNet's weights, 40 epochs"
TAUGHT_LESS = "shown 200,000 images at most, and the report's pupils theirs 40 times"
FACES = 200_000  # of an epoch
LATENTS = (30, 64, 100, 128, 256, 512)
SMALL = ("players.G.width=0.25", "players.D.width=0.25")


def on_faces(recipe: str, *overrides: str, name: str = "", **how: Any) -> Training:
    return Training(recipe=recipe, data=("celeba",), overrides=("data.label=Smiling", *overrides), name=name, **how)


def at_32(*overrides: str, name: str = "", minutes: float = 680) -> Training:
    """For the 30 epochs that the report compares after."""
    return on_faces("celeba32-dcgan", *overrides, name=name, images=30 * FACES, minutes=minutes)


def on_mnist(recipe: str, *overrides: str, name: str = "", **how: Any) -> Training:
    return Training(recipe=recipe, data=("mnist",), overrides=overrides, name=name, **how)


def of_everything(epochs: int) -> Training:
    """A DCGAN of ImageNet, whose D is to be looked through; without ImageNet, of CIFAR-10, its labels unseen."""
    how: dict[str, Any] = {"images": IMAGES * epochs // 45, "minutes": 5 * epochs}
    instead = Training(recipe="imagenet32-dcgan", data=("cifar10",), name=f"cifar10-features-{epochs}", **how)
    return Training(recipe="imagenet32-dcgan", data=("imagenet",), name=f"imagenet32-{epochs}", instead=instead, **how)


def features(epochs: int) -> Studying:
    last = epochs == max(EPOCHS)
    return Studying(
        study="features",
        settings=(
            *("run={0}", "data={cifar10}", "seed={seed}"),
            f"labels={'[all,400]' if last else '[all]'}",
            f"against={'[pixels,untrained]' if last else '[]'}",
        ),
        of=(of_everything(epochs),),
        data=("cifar10",),
        name=f"features-{epochs}",
        minutes=6 if last else 4,
    )


def at_128(way: str, *overrides: str, name: str = "") -> Training:
    return on_faces(f"celeba128-dcgan-{way}", *SMALL, *overrides, name=name, minutes=300)


def latents(size: int) -> Training:
    if size == LATENT:
        return FACES_32
    return at_32(f"players.G.latent={size}", name=f"celeba32-latent-{size}")


def without_efficientnet() -> str:
    """What an EfficientNet wants that is not here."""
    lacks = what_lacks(PRETRAINED)
    return lacks or ("" if find_device().type == "cuda" else "EfficientNet at 224 px takes days without a GPU")


LATENT = 100  # of the recipe
ALL = ("discriminator", "trials", "all", "accuracy")
FACES_64 = on_faces("celeba64-dcgan", minutes=300)
REPORTED_64 = on_faces("celeba64-dcgan-report", minutes=80_000)
FACES_32 = at_32()
FAST_32 = at_32("game.order=simultaneous", name="celeba32-dcgan-fast")
SLOW_64 = on_faces("celeba64-dcgan", "game.order=split", name="celeba64-dcgan-slow", minutes=300)
FAST_64 = on_faces("celeba64-dcgan", "game.order=simultaneous", name="celeba64-dcgan-fast", minutes=300)
WHOLE = at_32("data.crop=1", name="celeba32-dcgan-whole")
DROPOUT = at_32("players.D.dropout=0.3", name="celeba32-dcgan-dropout")
NOISE = at_32("players.D.noise=0.02", name="celeba32-dcgan-noise")
SMOOTHED = at_32("game.loss.smoothing=0.1", name="celeba32-dcgan-smoothing")
START, DEEP, STRIDE = (at_128(way) for way in ("start", "deep", "stride"))
DEEP_DROPOUT = at_128("deep", "players.D.dropout=0.3", name="celeba128-dcgan-deep-dropout")
DEEP_NOISE = at_128("deep", "players.D.noise=0.02", name="celeba128-dcgan-deep-noise")
SELU = at_128("start", "players.G.activation=selu", name="celeba128-dcgan-selu")
BY_LATENTS = {size: latents(size) for size in LATENTS}
WIDER = at_32("players.G.width=1.5", name="celeba32-dcgan-wider", minutes=900)
LEAKY = on_mnist("mnist32-dcgan", minutes=250)
DEEPER = on_mnist("mnist32-dcgan", "players.G.channels=[512,256,128]", name="mnist32-dcgan-deeper", minutes=300)
RELU = on_mnist("mnist32-dcgan", "players.G.activation=relu", name="mnist32-dcgan-relu", minutes=250)
BEDROOMS = Training(recipe="lsun64-dcgan", data=("bedrooms",), overrides=("data.crop=0.7",), minutes=60_000)
WHOLE_ROOMS = Training(
    recipe="lsun64-dcgan", data=("bedrooms",), overrides=("data.crop=1",), name="lsun64-dcgan-whole", minutes=60_000
)

SMILE = Studying(
    study="arithmetic",
    settings=("run={0}", "attribute=Smiling", "other=Male", "seed={seed}"),
    of=(FACES_64,),
    minutes=2,
    name="smile",
)
GLASSES = Studying(
    study="arithmetic",
    settings=("run={0}", "attribute=Eyeglasses", "other=Male", "pool=10000", "seed={seed}"),
    of=(FACES_64,),
    minutes=3,
    name="glasses",
)
BY_EPOCHS = {epochs: features(epochs) for epochs in EPOCHS}
HALVED = Studying(  # 2x2 max pooling of every layer of the same D
    study="features",
    settings=("run={0}", "data={cifar10}", "seed={seed}", "grid=[8,4,2]", "labels=[all]", "against=[]"),
    of=BY_EPOCHS[45].of,
    data=("cifar10",),
    name="features-45-halved",
    minutes=4,
)
LABELLED = Studying(
    study="labelled-data",
    settings=("data={mnist}", "recipe=mnist32-dcgan", "portions=[0.4,0.6,0.8,1.0]", "seeds={seed}"),
    data=("mnist",),
    scaled=(("images", 400_000), ("shown", 200_000)),
    minutes=100,
)
EFFICIENT = Studying(
    study="labelled-data",
    settings=(*LABELLED.settings, "network=efficientnet-b0"),
    data=LABELLED.data,
    scaled=LABELLED.scaled,
    minutes=2_000,
    name="labelled-data-efficientnet",
    lacks=without_efficientnet,
)
PROCESSES = Studying(
    study="processes",
    settings=("data={mnist}", "overrides=players.D.dropout=0", "seed={seed}"),
    data=("mnist",),
    minutes=1,
)
APART = 0.25  # of the way that training took: rounding came to 0.07 of it, and a process that saw half a batch to 0.57


def processes_seen(found: Mapping[str, Any]) -> tuple[str, bool]:
    facts, apart = found["protocol"], newer(found, "of_the_way", "how far training moved the weights")
    told = f"weights of {facts['processes']} processes and 1 are {apart:.0%} of the way apart that training took them"
    return f"{told} in {facts['rounds_played']} rounds (limit: {APART:.0%})", apart < APART


def smile_seen(found: Mapping[str, Any]) -> tuple[str, bool]:
    appears, stays, before = found["attribute_appears"], found["other_stays"], found["before"]
    names = list(before)
    told = (
        f"{names[0]} appears in {appears:.0%} (without the arithmetic {before[names[0]]:.0%}), {names[1]} {stays:.0%}"
    )
    return told, appears > 0.5 and stays > 0.5 and appears > before[names[0]]


def glasses_seen(found: Mapping[str, Any]) -> tuple[str, bool]:
    told, works = smile_seen(found)
    return told, not works


def size_seen(found: Mapping[str, Any]) -> tuple[str, bool]:
    return f"{found['discriminator']['size']:,} numbers", found["discriminator"]["size"] == 14_336


def order_seen(found: Mapping[str, Any]) -> tuple[str, bool | None]:
    accuracy = {name: one["mean"] for name, one in found["accuracy"].items()}
    made, real = accuracy["80% generated"], accuracy["100% real, turned"]
    return f"generated, of 80 %: {made:.2%}; all real, turned: {real:.2%}", beyond_chance(made, real, examined(found))


def rises_with_portion(found: Mapping[str, Any]) -> tuple[str, bool | None]:
    values = [found["accuracy"][f"{portion}% generated"]["mean"] for portion in PORTIONS]
    rises = all_of(beyond_chance(more, less, examined(found)) for less, more in pairwise(values))
    return ", ".join(f"{value:.2%}" for value in values), rises


def both_seen(found: Mapping[str, Any]) -> tuple[str, bool | None]:
    accuracy = found["accuracy"]
    both, real = (accuracy[f"80% {lesson}"]["mean"] for lesson in ("real and generated", "real, turned"))
    told = f"of 80 %: real and generated {both:.2%}, real alone, turned, {real:.2%}"
    return told, beyond_chance(both, real, examined(found))


def more_is_worse(found: Sequence[list[float]]) -> bool | None:
    """Of the sizes in order: none beyond 100 is better, and the largest is worse."""
    base, larger = found[LATENTS.index(LATENT)], found[LATENTS.index(LATENT) + 1 :]
    ways = [differs(base, other) for other in larger]
    largest = None if ways[-1] is None else ways[-1] > 0
    return all_of([largest, *(None if way is None else way >= 0 for way in ways)])


def rising_features() -> Measure:
    """Whether the accuracy rises with what the GAN was shown: no step falls, and the last is above the first."""

    def read(done: Done) -> Reading:
        found = [[100 * value for value in study_values(done, study, *ALL)] for study in BY_EPOCHS.values()]
        shown = [images_of(done.runs(study.of[0])) for study in BY_EPOCHS.values()]
        told = ", ".join(
            f"{epochs}/45: {mean_of(values)} % ({images})"
            for epochs, values, images in zip(EPOCHS, found, shown, strict=True)
        )
        means, exam = [sum(values) / 100 / len(values) for values in found], examined(done.results(BY_EPOCHS[45])[0])
        steps = [beyond_chance(later, sooner, exam) for sooner, later in pairwise(means)]
        held = False if False in steps else beyond_chance(means[-1], means[0], exam)
        why = f"{UNDECIDED}, {BY_CHANCE}" if held is None else ""
        return Reading(seen=told, holds=held, protocol=study_protocol(done, BY_EPOCHS[45]), why=why)

    return Measure(tuple(BY_EPOCHS.values()), read)


def pooled_by_layer() -> Measure:
    """Whether grids of 4x4, for which lower layers are pooled more, make better features than halving every layer."""

    def read(done: Done) -> Reading:
        pooled, halved = (study_values(done, study, *ALL) for study in (BY_EPOCHS[45], HALVED))
        told = [mean_of([100 * one for one in values]) for values in (pooled, halved)]
        exam = examined(done.results(BY_EPOCHS[45])[0])
        held = beyond_chance(sum(pooled) / len(pooled), sum(halved) / len(halved), exam)
        text = f"pooled to 4x4 {told[0]} %, every layer halved {told[1]} %"
        why = f"{UNDECIDED}, {BY_CHANCE}" if held is None else ""
        return Reading(seen=text, holds=held, protocol=study_protocol(done, HALVED), why=why)

    return Measure((BY_EPOCHS[45], HALVED), read)


def by_eye(name: str, said: str, reported: str, measure: Measure, protocol: str = BY_EYE) -> Claim:
    return Claim(
        id=name,
        said=said,
        reported=Reported(text=reported, protocol=protocol, unit="x floor"),
        measure=measure,
        incomparable=NOT_COMPARED,
    )


def finding(name: str, said: str, reported: str, measure: Measure, protocol: str = BY_EYE, **how: Any) -> Claim:
    return Claim(id=name, said=said, reported=Reported(text=reported, protocol=protocol), measure=measure, **how)


def hardware(name: str, said: str, reported: str, why: str = "hours of another machine") -> Claim:
    return Claim(id=name, said=said, reported=Reported(text=reported), incomparable=why)


def shown_fewer(measure: Measure, told: str) -> Measure:
    """Of what is shown fewer images than in the report: it may be better, and being worse says nothing."""
    return replace(measure, read=lambda done: replace(measure.read(done), short=f"too short: {told}"))


def features_claim(epochs: int, percent: float) -> Claim:
    return Claim(
        id=f"features-{epochs}",
        said=f"CIFAR-10 recognized by a linear SVM on D's maps, D trained for {epochs} epochs of ImageNet.",
        reported=Reported(
            text=f"{percent} %",
            values=(percent,),
            unit="%",
            protocol=f"{epochs} x 1.28 million images of 1,000 classes; ours {IMAGES * epochs // 45:,} at full",
        ),
        measure=shown_fewer(
            of_study(BY_EPOCHS[epochs], *ALL, in_percent=True),
            f"shown {IMAGES * epochs // 45:,} images, and the report's D {epochs} x 1.28 million",
        ),
        better="higher",
        tolerance=0.5,
        of_images=True,
    )


def original(name: str, said: str, percent: float, spread: float, labels: str) -> Claim:
    return Claim(
        id=name,
        said=said,
        reported=Reported(
            text=f"{percent} %", values=(percent,), unit="%", protocol="the paper's, D of ImageNet-1k, 32 px"
        ),
        measure=shown_fewer(
            of_study(BY_EPOCHS[45], "discriminator", "trials", labels, "accuracy", in_percent=True),
            f"shown {IMAGES:,} images, and the paper's D all of ImageNet's",
        ),
        better="higher",
        tolerance=spread,
    )


def labelled_claims(study: Studying, ending: str = "", by: str = "") -> tuple[Claim, ...]:
    """What pupils know of real digits, and of generated ones of each portion, a row each."""
    taught = f"A classifier{by} taught by generated digits alone, of GANs trained on"
    rows = [
        ("real", REAL, "100% real, turned", f"A classifier{by} taught by all real digits, turned by up to 30 degrees.")
    ]
    rows += [
        (str(portion), percent, f"{portion}% generated", f"{taught} {portion} % of MNIST, a GAN a digit.")
        for portion, percent in PORTIONS.items()
    ]
    return tuple(
        Claim(
            id=f"labelled-{name}{ending}",
            said=said,
            reported=Reported(text=f"{percent} %", values=(percent,), unit="%", protocol=EFFICIENTNET),
            measure=shown_fewer(of_study(study, "accuracy", lesson, "mean", in_percent=True), TAUGHT_LESS),
            better="higher",
            tolerance=0.5,
            incomparable=None if by else "reported of EfficientNet-B0, ours of a small network",
        )
        for name, percent, lesson, said in rows
    )


reports.add(
    "dcgan-representation",
    Report(
        name="dcgan-representation",
        title="DCGAN's paper again: faces, bedrooms, arithmetic, features, 128 px, and labelled data out of a GAN.",
        data=(
            Wanted(name="celeba", what="faces with attributes, such as Smiling", unasked="celeba"),
            Wanted(name="mnist", what="60,000 handwritten digits of 28 px", unasked="mnist"),
            Wanted(name="cifar10", what="50,000 small pictures of ten classes", unasked="cifar10"),
            Wanted(name="bedrooms", what="a folder of bedrooms", known_as=("lsun-bedroom",)),
            Wanted(name="imagenet", what="ImageNet at 32 px", known_as=("imagenet-32",)),
        ),
        claims=(
            by_eye(
                "faces-64", "Faces at 64 px are plausible.", "plausible after 150 epochs", score(REPORTED_64, distance)
            ),
            by_eye(
                "faces-32",
                "Faces at 32 px are plausible.",
                "plausible after 190 epochs",
                score(FACES_32, distance),
                "by eye; ours is after 30 at most",
            ),
            by_eye(
                "faces-crop",
                "With their background, faces blend into it; cropped to 70 % they do not.",
                "cropping helps",
                each(FACES_32, WHOLE),
                "by eye; ours are two data sets with a judge and a floor each",
            ),
            by_eye("bedrooms", "Bedrooms at 64 px are plausible.", "after 9 epochs", score(BEDROOMS, distance)),
            by_eye(
                "bedrooms-crop",
                "Bedrooms cropped before resizing have clearer things in them.",
                "cropping helps",
                each(BEDROOMS, WHOLE_ROOMS),
            ),
            hardware(
                "bedrooms-odd",
                "Some bedrooms combine what does not belong together, such as beds with windows.",
                "such pictures",
                "by eye, and no number",
            ),
            hardware(
                "bedrooms-first-epoch",
                "After one epoch the bedrooms are behind those of the paper.",
                "behind",
                "two sets of pictures by eye, neither of them ours",
            ),
            hardware(
                "bedrooms-maps",
                "Bedrooms want more maps in G than faces do.",
                "768, 512, 384 and 256 maps",
                "by eye, and its faces have as many",
            ),
            hardware("bedrooms-hours", "An epoch of bedrooms takes 3 hours on two cards.", "3 h an epoch"),
            hardware("128-hours", "An epoch of faces at 128 px takes about 45 minutes.", "45 min an epoch"),
            hardware("features-hours", "An epoch of ImageNet takes 16.5 minutes, all of them 12.4 hours.", "12.4 h"),
            hardware(
                "discriminator-matters",
                "D's architecture decides as much as G's whether a training succeeds.",
                "as much",
                "no number, and no experiment is named",
            ),
            hardware(
                "faces-distinctive",
                "Faces of celebrities come out more distinctive than the paper's.",
                "more distinctive",
                "two sets of pictures by eye, neither of them ours",
            ),
            finding(
                "arithmetic-smile",
                "Smiling woman less neutral woman plus neutral man is a smiling man.",
                "a smiling man",
                result(SMILE, smile_seen),
                "one trial, three latents a term; by eye",
            ),
            finding(
                "arithmetic-glasses",
                "No vector gives sunglasses reliably.",
                "none found",
                result(GLASSES, glasses_seen),
                "by eye; ours is any glasses",
                otherwise="better",
            ),
            *(features_claim(epochs, percent) for epochs, percent in EPOCHS.items()),
            finding(
                "features-rise",
                "The longer the GAN is trained, the better its D's features.",
                "60.3 < 64.5 < 68.2 < 70.8 %",
                rising_features(),
                "10, 25, 35, 45 epochs; ours in the same parts of the recipe's images",
            ),
            original("features-original", "What the paper's features reach with all labels.", 82.8, 0.5, "all"),
            original(
                "features-400",
                "What they reach with 400 labels a class, beside which the report set its own 70.8 % with all labels.",
                73.8,
                0.4,
                "400",
            ),
            finding(
                "features-size",
                "Maps of 128, 256 and 512, pooled, make 14,336 numbers an image.",
                "14,336",
                replace(result(BY_EPOCHS[min(EPOCHS)], size_seen), part=0),
                "2x2 max pooling, or grids of 4x4: the same number",
            ),
            finding(
                "features-pooling",
                "The paper's lead may come of pooling lower layers more than higher ones.",
                "suspected",
                pooled_by_layer(),
                "not tried; ours are grids of 4x4 of every layer against 2x2 max pooling of every layer, of one D",
            ),
            finding(
                "latents",
                "About 100 latents are better than more.",
                "about 100",
                seen(tuple(BY_LATENTS.values()), more_is_worse),
                "30 epochs each; by eye",
            ),
            hardware(
                "128-unstable",
                "DCGANs work well up to 64 px; beyond, and the deeper they are, they become unstable.",
                "unstable beyond 64 px",
                "how often is not said; which of three ways to 128 px fails is told by the rows that follow",
            ),
            finding(
                "128-start",
                "Of three ways to 128 px a larger start is the best.",
                "the larger start",
                lowest(START, DEEP, STRIDE),
                "by eye; ours has a quarter of the maps",
            ),
            finding(
                "128-deep",
                "With a deeper G, D outruns it: it is nearly always right.",
                "D too strong",
                above(DEEP, 0.95, late("D/accuracy_real", "D/accuracy_fake")),
                "from curves; ours is how often D is right at the end",
                otherwise="better",
            ),
            finding(
                "128-handicap",
                "Against that, dropout or noise in D helps little.",
                "little success",
                alike(DEEP, DEEP_DROPOUT, DEEP_NOISE),
                "rates not said; ours are a dropout of 0.3 and a noise of 0.02",
                otherwise="better",
            ),
            finding(
                "128-stride",
                "With a larger stride G cannot learn.",
                "nothing learned",
                lowest(START, STRIDE),
                otherwise="better",
            ),
            finding(
                "128-selu",
                "With SELU in G it begins well and collapses by the fourth epoch.",
                "G's loss explodes",
                collapses(SELU, by=4 * FACES),
                "from a curve",
                otherwise="better",
            ),
            finding(
                "fast-32",
                "At 32 px one step for both players at once does as well as three in turn.",
                "works",
                alike(FACES_32, FAST_32),
            ),
            finding(
                "fast-64", "At 64 px it is unstable, and three in turn are not.", "unstable", lowest(SLOW_64, FAST_64)
            ),
            finding("dropout", "Dropout in D helps.", "helps", lowest(DROPOUT, FACES_32)),
            finding(
                "noise", "Gaussian noise in D costs quality in the end.", "worse in the end", lowest(FACES_32, NOISE)
            ),
            finding("smoothing", "Label smoothing helps.", "helps", lowest(SMOOTHED, FACES_32)),
            finding(
                "filters-not-latents",
                "More filters in G are better against collapse than more latents.",
                "filters",
                lowest(WIDER, BY_LATENTS[256]),
                "by eye; ours is the distance, with half as many filters again against 256 latents",
            ),
            hardware(
                "gamma-initialization",
                "Batch norm's gammas drawn from a normal distribution (1, 0.02) help against collapse.",
                "helps",
                "every DCGAN here begins so, and none otherwise stands beside it",
            ),
            finding(
                "mnist-shallower",
                "For MNIST shallower generators are necessary.",
                "necessary",
                lowest(LEAKY, DEEPER),
                "depths not said; ours are 256-128 and 512-256-128 maps",
            ),
            finding(
                "128-longer",
                "With the larger start, images at 128 px would become better with more epochs.",
                "supposed",
                improves(START),
                "after 20 epochs, from a trend",
            ),
            finding(
                "80-epochs",
                "80 epochs of MNIST do not overfit it.",
                "no overfitting",
                replace(below(LEAKY, 100 * BEHIND, percent(behind)), part=1.0),
                "by eye; ours is the points by which D knows held-out digits less often than those it trained on",
            ),
            finding("leaky", "For MNIST leaky ReLU in G is the best.", "best", lowest(LEAKY, RELU)),
            finding(
                "no-collapse",
                "After these remedies the DCGANs of faces do not collapse.",
                "no collapse",
                none_collapses(FACES_64, FACES_32),
            ),
            *labelled_claims(LABELLED),
            *labelled_claims(EFFICIENT, "-efficientnet", " (EfficientNet-B0)"),
            finding(
                "labelled-beats-real",
                "Generated digits, of 80 % of the data, teach better than all the real ones.",
                "97.96 > 94.38 %",
                result(LABELLED, order_seen),
                EFFICIENTNET,
            ),
            finding(
                "labelled-rises",
                "The more of the data the GANs see, the better their digits teach.",
                "52.39 < 85.99 < 97.96 %",
                result(LABELLED, rises_with_portion),
                EFFICIENTNET,
            ),
            finding(
                "labelled-both",
                "Real and generated together might teach better than real alone.",
                "supposed",
                result(LABELLED, both_seen),
                "not tried",
            ),
            finding(
                "two-cards",
                "Two cards, a mirrored copy on each, train what one trains.",
                "the same updates",
                result(PROCESSES, processes_seen),
                "not measured; ours are two processes on a CPU, which draw dropout apart and so go without",
            ),
        ),
    ),
)
