"""MNIST at its own 28 px, and at 32 px."""

from ganatomy.core.recipe import Recipe, recipe
from ganatomy.core.spec import Spec
from ganatomy.core.watch import Watch
from ganatomy.data.images import Images
from ganatomy.engine.average import ExponentialAverage
from ganatomy.engine.optimizers import Adam
from ganatomy.games.adversarial import Adversarial
from ganatomy.metrics.judged import JudgeScores
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.networks.mlp import MLPDiscriminator, MLPGenerator
from ganatomy.objectives.adversarial import Minimax, NonSaturating
from ganatomy.objectives.penalties import R1

CONDITIONAL_REPORT = "a study report, 'mnist-conditional'"
TRANSLATION_REPORT = "a study report, 'unpaired-translation'"
REPRESENTATION_REPORT = "a study report, 'dcgan-representation'"


@recipe
def mnist_dcgan() -> Recipe:
    """Radford et al. (2016) at 28 px.

    ganatomy train mnist-dcgan --data ../shared/data/mnist --for 10m: 748,352 images on two CPU cores with AMX. Seed 0,
    last checkpoint: Fréchet distance 3.03 times its floor, coverage 0.77 (real 0.94), classifier score 0.886 of the
    real one, every digit between 7.8 % and 12.3 % of the samples.

    What counted was D: after 100,000 images two layers (64, 128) were at 123 times the floor with a learning rate of
    2e-4 and at 73 with 1e-3; a third layer of 256 maps brought 34 (all on an earlier, stricter judge, 5,000 samples).
    """
    return Recipe(
        name="mnist-dcgan",
        paper="Radford et al. (2016), arXiv:1511.06434",
        expected="Fréchet 3.0 x floor, coverage 0.77 of 0.94, score 0.886 of real (seed 0, 748,352 images)",
        time="10 min, 2 CPU cores",
        data=Spec(Images, source="mnist", size=28, channels="gray"),
        game=Spec(Adversarial, loss=NonSaturating(smoothing=0.1)),
        players={
            "G": Spec(DCGANGenerator, latent=64, channels=(128, 64)),
            "D": Spec(DCGANDiscriminator, channels=(64, 128, 256)),
        },
        optimizers={"G": Spec(Adam, lr=1e-3), "D": Spec(Adam, lr=1e-3)},
        batch=64,
        images=800_000,
        average=Spec(ExponentialAverage, half_life=20_000),
        watch=Spec(Watch, log=5_000, grid=50_000, score=100_000, checkpoint=50_000),
        scores=Spec(JudgeScores, count=10_000),
    )


@recipe
def mnist_vanilla() -> Recipe:
    """Goodfellow et al. (2014): both players fully connected, G without the vanishing gradient of the minimax loss.

    ganatomy train mnist-vanilla --data ../shared/data/mnist --for 8m, two CPU cores with AVX-512 and bfloat16:
    2,129,792 images. Seed 0, last checkpoint: Fréchet distance 22 times its floor and hardly falling, coverage 0.78
    (real 0.94), classifier score 0.83 of the real one, digits between 4.9 % and 21.0 %: specks and broken strokes that
    a DCGAN (2 times the floor after as long) does not draw, and too many ones and sevens.
    """
    return mnist_dcgan().replace(
        name="mnist-vanilla",
        paper="Goodfellow et al. (2014), arXiv:1406.2661",
        expected="Fréchet 22 x floor, coverage 0.78 of 0.94, score 0.83 of real (seed 0, 2,129,792 images)",
        time="8 min, 2 CPU cores",
        game=Spec(Adversarial, loss=NonSaturating()),
        players={
            "G": Spec(MLPGenerator, latent=100, hidden=(256, 512, 1024)),
            "D": Spec(MLPDiscriminator, hidden=(512, 256)),
        },
        optimizers={"G": Spec(Adam, lr=2e-4), "D": Spec(Adam, lr=2e-4)},
    )


@recipe
def mnist_vanilla_report() -> Recipe:
    """The unpaired-translation report's vanilla GAN, with its minimax loss and Adam 1e-4; the sizes are ours.

    ganatomy train mnist-vanilla-report --data ../shared/data/mnist --for 2m, one CPU core with AVX-512 and bfloat16:
    after 306,304 images the Fréchet distance was 293 times its floor, and the judge saw some digits never. D is right
    about 92 % of the time from early on, where log(1 - D(G(z))) is flat, so G learns slowly. `mnist-vanilla`, whose G
    maximizes log D(G(z)) with Adam 2e-4, was at 213 times the floor after 220,000.
    """
    return mnist_vanilla().replace(
        name="mnist-vanilla-report",
        paper=f"Goodfellow et al. (2014), arXiv:1406.2661; {TRANSLATION_REPORT}",
        expected="Fréchet 293 x floor, coverage 0.01 of 0.94, score 0.30 of real (seed 0, 306,304 images)",
        time="2 min, 1 CPU core",
        game=Spec(Adversarial, loss=Minimax()),
        optimizers={"G": Spec(Adam, lr=1e-4), "D": Spec(Adam, lr=1e-4)},
    )


@recipe
def mnist_dcgan_shallow() -> Recipe:
    """The shallow one of the mnist-conditional report's three DCGANs, as `mnist-dcgan-medium` trains.

    ganatomy train mnist-dcgan-shallow --data ../shared/data/mnist --for 8m, two CPU cores with AVX-512 and bfloat16:
    291,392 images. Seed 0, last checkpoint: Fréchet distance 1.6 times its floor, coverage 0.85 (real 0.94), classifier
    score 0.907 of the real one.
    """
    return tuned(mnist_dcgan_shallow_report(), "mnist-dcgan-shallow").replace(
        expected="Fréchet 1.6 x floor, coverage 0.85 of 0.94, score 0.907 of real (seed 0, 291,392 images)",
        time="8 min, 2 CPU cores",
    )


@recipe
def mnist_dcgan_shallow_report() -> Recipe:
    """The mnist-conditional report's shallow DCGAN: generator maps 128-64.

    ganatomy train mnist-dcgan-shallow-report --data ../shared/data/mnist --for 8m, two CPU cores with AVX-512 and
    bfloat16: 323,008 images. Seed 0, last checkpoint: Fréchet distance 7.1 times its floor and falling, coverage 0.67
    (real 0.94), classifier score 0.85 of the real one, every digit between 7.4 % and 12.0 %: it
    does not fail, and `mnist-dcgan-shallow` is nearer.
    """
    return of_depth("shallow", (128, 64)).replace(
        expected="Fréchet 7.1 x floor, coverage 0.67 of 0.94, score 0.85 of real (seed 0, 323,008 images)",
        time="8 min, 2 CPU cores",
    )


@recipe
def mnist_dcgan_medium() -> Recipe:
    """The mnist-conditional report's middle DCGAN, G two steps ahead, D under R1 and told how alike a batch is.

    ganatomy train mnist-dcgan-medium --data ../shared/data/mnist --for 20m, two CPU cores with AVX-512 and bfloat16:
    440,192 images. Seed 0, last checkpoint: Fréchet distance 1.07 times its floor, coverage 0.89 (real 0.94),
    classifier score 0.921 of the real one, which no other unconditional recipe here reaches in as many images. After 8
    min, seeds 0, 1 and 2: 1.7, 1.7 and 1.8 times the floor, all 0.83, 0.902, 0.905 and 0.906; none collapsed.

    What does it, one change after another, after 100,032 images in training: two steps of G, no momentum, R1 with gamma
    0.1 in the place of D's batch norm 5.1 times the floor (2.1 and 0.892 after 399,168), no dropout 4.7, minibatch
    deviation 4.0, gamma 0.5 2.9. With gamma 2 it was no better (5.7 to 5.6 times after 50,048), and relativistic pairs
    with R1 and R2, both 0.1, without the deviation, worse (12.2 to 6.6). With that report's rate, momentum and dropout
    kept, R1 of gamma 0.5 and the deviation come to 5.8 times with two steps of G, to 11.2 with one, where
    `mnist-dcgan-medium-report` comes to 11.5, and in batches of 128 to 57 after 50,048. R1 is Mescheder et al. (2018),
    arXiv:1801.04406, the deviation Karras et al. (2018), arXiv:1710.10196.
    """
    return tuned(mnist_dcgan_medium_report(), "mnist-dcgan-medium").replace(
        expected="Fréchet 1.1 x floor, coverage 0.89 of 0.94, score 0.921 of real (seed 0, 440,192 images)",
        time="20 min, 2 CPU cores",
    )


@recipe
def mnist_dcgan_medium_report() -> Recipe:
    """The mnist-conditional report's middle DCGAN: generator maps 256-128.

    ganatomy train mnist-dcgan-medium-report --data ../shared/data/mnist --for 20m, two CPU cores with AVX-512 and
    bfloat16: 613,248 images. Seed 0, last checkpoint: Fréchet distance 4.0 times its floor and falling, coverage 0.74
    (real 0.94), classifier score 0.87 of the real one, where that report's best was 7.3 of 9.67, which is 0.75. After 8
    min, seeds 0, 1 and 2: 6.9, 6.7 and 7.1 times the floor; none collapsed.

    D ends right 89 % of the time, so G wants help: with game.g_steps=2 and both rates at 1e-3, 2.9 times the floor,
    0.77 and 0.88 after 502,656 images (38 min of one core), 2.3 times, 0.80 and 0.89 after 795,328. A rate that falls
    from the start, with labels smoothed by 0.1, was no better at as many images (4.4 and 0.87), nor was one that falls
    after 300,000 of 500,000 beside two steps of G (3.0 and 0.88). It goes on getting better: 1.2 times, 0.86 and 0.911
    after 4,000,000 images (220 s of a shared H200); `mnist-dcgan-medium` is there after a tenth of them.
    """
    return of_depth("medium", (256, 128)).replace(
        expected="Fréchet 4.0 x floor, coverage 0.74 of 0.94, score 0.87 of real (seed 0, 613,248 images)",
        time="20 min, 2 CPU cores",
    )


@recipe
def mnist_dcgan_deep() -> Recipe:
    """The deep one of the mnist-conditional report's three DCGANs, as `mnist-dcgan-medium` trains.

    ganatomy train mnist-dcgan-deep --data ../shared/data/mnist --for 8m, two CPU cores with AVX-512 and bfloat16:
    75,392 images. Seed 0, last checkpoint: Fréchet distance 3.5 times its floor and falling, coverage 0.71 (real 0.94),
    classifier score 0.873 of the real one, every digit between 8.6 % and 11.8 %. Images cost it twice what they cost
    `mnist-dcgan-medium`, and after as many of them it is no nearer.
    """
    return tuned(mnist_dcgan_deep_report(), "mnist-dcgan-deep").replace(
        expected="Fréchet 3.5 x floor, coverage 0.71 of 0.94, score 0.873 of real (seed 0, 75,392 images)",
        time="8 min, 2 CPU cores",
    )


@recipe
def mnist_dcgan_deep_report() -> Recipe:
    """The mnist-conditional report's deep DCGAN: generator maps 512-256 at its rate of 0.002, which may collapse.

    `mnist-dcgan-deep` has half that rate, no momentum, and R1 in the place of D's batch norm.

    ganatomy train mnist-dcgan-deep-report --data ../shared/data/mnist --for 8m, two CPU cores: D was right about every
    image after 17,000 of them, and after 125,952 G drew black and white checkerboards and nothing else (its tanh is
    saturated at every pixel): 365 times the floor, coverage 0.00. The report saw no collapse, and the same seed had
    none on an H200, whose rounding is another: 10.4 times after 280,000 images. So at this rate it is chance. At a
    quarter of it, 5e-4, it came to 16.4 times the floor and 0.78 of the real score after 108,288 images, 8 min of two
    CPU cores with AVX-512 and bfloat16, to 13.7 and 0.79 after 136,576.
    """
    return of_depth("deep", (512, 256)).replace(
        expected="collapse: Fréchet 365 x floor, coverage 0.00 of 0.94 (seed 0, 125,952 images)",
        time="8 min, 2 CPU cores",
    )


def of_depth(name: str, channels: tuple[int, ...]) -> Recipe:
    """One of the report's three DCGANs: dropout 0.25 in D, Adam 0.002. D's maps, the latents and the batch are ours."""
    return mnist_dcgan().replace(
        name=f"mnist-dcgan-{name}-report",
        paper=f"Radford et al. (2016), arXiv:1511.06434; {CONDITIONAL_REPORT}",
        expected="not measured",
        time="not measured",
        game=Spec(Adversarial, loss=NonSaturating()),
        players={
            "G": Spec(DCGANGenerator, latent=100, channels=channels),
            "D": Spec(DCGANDiscriminator, channels=(64, 128, 256), dropout=0.25),
        },
        optimizers={"G": Spec(Adam, lr=2e-3), "D": Spec(Adam, lr=2e-3)},
    )


def tuned(base: Recipe, name: str) -> Recipe:
    """A DCGAN with two steps of G, no momentum, R1 for D's batch norm and minibatch deviation for its dropout."""
    unhurried = Spec(Adam, lr=1e-3, beta1=0.0, beta2=0.99)
    alone = base.players["D"].replace(normalization="none", dropout=0.0, minibatch_deviation=True)
    return base.replace(
        name=name,
        expected="not measured",
        time="not measured",
        game=base.game.replace(g_steps=2, penalties=[Spec(R1, gamma=0.5, every=16)]),
        players={**base.players, "D": alone},
        optimizers={"G": unhurried, "D": unhurried},
    )


@recipe
def mnist_dcgan_1024() -> Recipe:
    """The unpaired-translation report's DCGAN after Radford et al. (2016), whose G maximizes log D(G(z)).

    ganatomy train mnist-dcgan-1024 --data ../shared/data/mnist --for 36m, half of it readings, one CPU core with
    AVX-512 and bfloat16, beside tests: 50,048 images. Seed 0, last checkpoint: Fréchet distance 60 times its floor and
    falling (79, 70 and 61 at the last readings), coverage 0.24 (real 0.94), classifier score 0.64 of the real one:
    ragged digits, where the minimax loss of `mnist-dcgan-1024-report` leaves noise, at 360 times.
    """
    return mnist_dcgan_1024_report().replace(
        name="mnist-dcgan-1024",
        expected="Fréchet 60 x floor, coverage 0.24 of 0.94, score 0.64 of real (seed 0, 50,048 images)",
        time="36 min, 1 CPU core",
        game=Spec(Adversarial),
    )


@recipe
def mnist_dcgan_1024_report() -> Recipe:
    """The unpaired-translation report's DCGAN: four stacks, 1024 maps halving in G and 128 doubling in D, minimax loss.

    ganatomy train mnist-dcgan-1024-report --data ../shared/data/mnist --images 400000: 21 s of a shared H200. Seed 0,
    last checkpoint: Fréchet distance 360 times its floor, coverage 0.01, classifier score 0.14 of the real one: noise.
    D is right about every image before 25,000 are shown, and log(1 - D(G(z))) is flat there (Goodfellow et al.,
    section 3), so G is told nothing from then on, and `mnist-dcgan-1024` maximizes log D(G(z)) instead. The batch is
    ours.
    """
    return mnist_dcgan().replace(
        name="mnist-dcgan-1024-report",
        paper=f"Radford et al. (2016), arXiv:1511.06434; {TRANSLATION_REPORT}",
        expected="Fréchet 360 x floor, coverage 0.01 of 0.94, score 0.14 of real (seed 0, 400,000 images)",
        time="21 s, a shared H200",
        game=Spec(Adversarial, loss=Minimax()),
        players={
            "G": Spec(DCGANGenerator, latent=100, channels=(1024, 512, 256)),
            "D": Spec(DCGANDiscriminator, channels=(128, 256, 512)),
        },
        optimizers={"G": Spec(Adam, lr=1e-4), "D": Spec(Adam, lr=1e-4)},
    )


@recipe
def mnist32_dcgan() -> Recipe:
    """The dcgan-representation report's MNIST at 32 px, turned by up to 30 degrees; leaky ReLU in both players.

    ganatomy train mnist32-dcgan --data ../shared/data/mnist --images 800000, a sixth of the report's 80 epochs: 21 s of
    a shared H200. Seed 0, last checkpoint: Fréchet distance 103 times the floor of upright digits, coverage 0.31 (real
    0.94), still falling (137 and 0.26 after 400,000). Real digits, turned so, are at 15 times that floor.
    D on real images, D on generated ones and G step one after the other. Maps, latent size and dropout's rate are ours.
    """
    return mnist_dcgan().replace(
        name="mnist32-dcgan",
        paper=f"Radford et al. (2016), arXiv:1511.06434; {REPRESENTATION_REPORT}",
        expected="Fréchet 103 x floor of upright digits, coverage 0.31 of 0.94 (seed 0, 800,000 images)",
        time="21 s, a shared H200",
        data=Spec(Images, source="mnist", size=32, channels="gray", rotate=30),
        game=Spec(Adversarial, order="split"),
        players={
            "G": Spec(DCGANGenerator, latent=100, prior="uniform", channels=(256, 128), activation="leaky"),
            "D": Spec(DCGANDiscriminator, channels=(64, 128, 256), dropout=0.25),
        },
        optimizers={"G": Spec(Adam, lr=2e-4), "D": Spec(Adam, lr=2e-4)},
        batch=128,
        images=80 * 60_000,
    )
