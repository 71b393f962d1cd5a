"""MNIST under other losses, bounds and games than the first one's: what each paper changes, on players of one size."""

from typing import Any

from ganatomy.core.recipe import Recipe, recipe
from ganatomy.core.spec import Spec
from ganatomy.engine.average import ExponentialAverage
from ganatomy.engine.optimizers import Adam
from ganatomy.games.acgan import ACGAN
from ganatomy.games.adversarial import Adversarial
from ganatomy.games.bigan import BiGAN
from ganatomy.networks.bigan import ConvEncoder, JointDiscriminator
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.networks.mlp import MLPDiscriminator, MLPGenerator
from ganatomy.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from ganatomy.objectives.adversarial import (
    AdversarialLoss,
    Hinge,
    LeastSquares,
    NonSaturating,
    Relativistic,
    Wasserstein,
)
from ganatomy.objectives.constraints import SpectralNormalization, WeightClipping
from ganatomy.objectives.penalties import R1, R2, GradientPenalty
from ganatomy.recipes.mnist import TRANSLATION_REPORT, mnist_dcgan, mnist_dcgan_1024_report, tuned

ANIMALS_REPORT = "a study report, 'animal-faces'"


def variant(name: str, paper: str, game: Spec, **fields: Any) -> Recipe:
    """`mnist-dcgan` with another game and what goes with it."""
    return mnist_dcgan().replace(
        name=name, paper=paper, expected="not measured", time="not measured", game=game, **fields
    )


@recipe
def mnist_lsgan() -> Recipe:
    """Mao et al. (2017): least squares, on the players of `mnist-dcgan` and with what helps `mnist-dcgan-medium`.

    ganatomy train mnist-lsgan --data ../shared/data/mnist --seed 1 --for 16m, one CPU core with AVX-512 and bfloat16:
    223,040 images. Seed 1, last checkpoint: Fréchet distance 1.8 times its floor, coverage 0.77 (real 0.94), classifier
    score 0.897 of the real one; 4.5 times after 100,032, 7 min.

    Without R1, the deviation and G's second step, D with batch norm, rates of 2e-3, 4.0, 5.1 and 4.4 times the floor
    and 0.884, 0.871 and 0.877 after 560,000 images (seeds 0, 1 and 2); with momentum, too, 5.05 and 0.872 (seed 0);
    with a rate of 1e-3 besides, 5.65 and 0.863.
    """
    return with_loss("mnist-lsgan", "Mao et al. (2017), arXiv:1611.04076", LeastSquares()).replace(
        expected="Fréchet 1.8 x floor, coverage 0.77 of 0.94, score 0.897 of real (seed 1, 223,040 images)",
        time="16 min, 1 CPU core",
    )


@recipe
def mnist_hinge() -> Recipe:
    """Lim and Ye (2017): the hinge loss, on the players of `mnist-dcgan` and with what helps `mnist-dcgan-medium`.

    ganatomy train mnist-hinge --data ../shared/data/mnist --for 8m, one CPU core with AVX-512 and bfloat16, other work
    on the other one: 156,736 and 180,416 images. Seeds 0 and 1, last checkpoint: Fréchet distance 2.4 and 2.0 times its
    floor, coverage 0.80 and 0.82 (real 0.94), classifier score 0.897 and 0.904 of the real one.

    Without R1, the deviation and G's second step, D with batch norm, rates of 2e-3, 4.06 times, 0.75 and 0.876 after
    560,000 images, 17 min.
    """
    return with_loss("mnist-hinge", "Lim and Ye (2017), arXiv:1705.02894", Hinge()).replace(
        expected="Fréchet 2.4, 2.0 x floor, coverage 0.81, score 0.90 of real (seeds 0, 1; 157,000 to 180,000 images)",
        time="8 min, 1 CPU core",
    )


@recipe
def mnist_sngan() -> Recipe:
    """Miyato et al. (2018): the hinge loss and a spectrally normalized D without batch norm.

    ganatomy train mnist-sngan --data ../shared/data/mnist --for 8m, one CPU core with AVX-512 and bfloat16, other work
    on the other one: 148,672 and 171,648 images. Seeds 0 and 1, last checkpoint: Fréchet distance 2.9 and 2.5 times its
    floor and falling, coverage 0.73 and 0.74 (real 0.94), classifier score 0.887 of the real one.

    What counts is what counts for `mnist-wgan-sn`: no momentum, two steps of G, and a D that is told how alike a batch
    is. With a beta1 of 0.5, one step of G, rates of 5e-4 and no such deviation it was at 6.1 times the floor, 0.65 and
    0.842 after 400,000 images, 42 s of a shared H200.
    """
    return bounded("mnist-sngan", "Miyato et al. (2018), arXiv:1802.05957", Hinge()).replace(
        expected="Fréchet 2.9, 2.5 x floor, coverage 0.73, score 0.89 of real (seeds 0, 1; 149,000 to 172,000 images)",
        time="8 min, 1 CPU core",
    )


@recipe
def mnist_wgan_sn() -> Recipe:
    """The unpaired-translation report's Wasserstein GAN, Lipschitz by spectral norm.

    It saw no difference to the minimax loss.

    ganatomy train mnist-wgan-sn --data ../shared/data/mnist --for 16m, one CPU core with AVX-512 and bfloat16, other
    work on it: 162,496 images. Seed 1, last checkpoint: Fréchet distance 4.4 times its floor and falling, coverage 0.66
    (real 0.94), classifier score 0.865 of the real one. Seed 2 after 152,256 images 4.2 times, 0.68 and 0.869; seed 0
    after 285,760, 29 min of a shared core, 4.5, 0.69 and 0.862.

    Three things count. Adam's momentum: a bounded critic goes round with G where both remember where they went. After
    460,000 images (seed 0, rate 5e-4, one step of each) the distance was 50 times its floor with beta1 0.5 and 8.0
    times with 0. G's steps, of which the paper has one for five of D: without momentum 28 times with two of D, 7.4 with
    one of each, 2.7 with two of G, 6.0 with three (240,000 images), 12 with four (200,000). And that the critic is told
    how alike a batch is (Karras et al., 2018), beside two steps of G: 4.7 times instead of 8.7 after 150,016 images
    (seed 1), where beta2 0.99 alone gave 7.9; beside one step it changed little (8.1). So did other rates (8.9 at 2e-3,
    11 with three times D's) and ReLU in D (8.6).
    """
    return bounded(
        "mnist-wgan-sn",
        f"Arjovsky et al. (2017), arXiv:1701.07875; Miyato et al. (2018), arXiv:1802.05957; {TRANSLATION_REPORT}",
        Wasserstein(),
    ).replace(
        expected="Fréchet 4.5, 4.4, 4.2 x floor, score 0.86 of real (seeds 0-2; 285,760, 162,496, 152,256 images)",
        time="16 min, half a CPU core",
    )


@recipe
def mnist_wgan_sn_report() -> Recipe:
    """The unpaired-translation report's Wasserstein GAN: its DCGAN, batch norm and all, under spectral norm, Adam 1e-4.

    It saw no difference to the minimax loss. Batch norm divides what comes out of a layer by its deviation, so that no
    bound on the layer's slope is left; `mnist-wgan-sn` has none in D, and more steps of G and no momentum besides.

    ganatomy train mnist-wgan-sn-report --data ../shared/data/mnist. Score and time: not measured.
    """
    return mnist_dcgan_1024_report().replace(
        name="mnist-wgan-sn-report",
        paper=f"Arjovsky et al. (2017), arXiv:1701.07875; Miyato et al. (2018), arXiv:1802.05957; {TRANSLATION_REPORT}",
        expected="not measured",
        time="not measured",
        game=Spec(Adversarial, loss=Wasserstein(), constraint=Spec(SpectralNormalization)),
    )


@recipe
def mnist_wgan_gp() -> Recipe:
    """Gulrajani et al. (2017): the gradient penalty, two steps of the critic for one of G, layer norm in the critic.

    ganatomy train mnist-wgan-gp --data ../shared/data/mnist --for 16m, one CPU core with AVX-512 and bfloat16: 283,904
    images. Seed 0, last checkpoint: Fréchet distance 5.05 times its floor and falling, coverage 0.66 (real 0.94),
    classifier score 0.846 of the real one.
    """
    return variant(
        "mnist-wgan-gp",
        "Gulrajani et al. (2017), arXiv:1704.00028",
        Spec(Adversarial, loss=Wasserstein(), penalties=(Spec(GradientPenalty),), d_steps=2),
        players=bounded_players("layer"),
        optimizers={name: Spec(Adam, lr=5e-4, beta1=0.0, beta2=0.9) for name in ("G", "D")},
    ).replace(
        expected="Fréchet 5.1 x floor, coverage 0.66 of 0.94, score 0.85 of real (seed 0, 283,904 images)",
        time="16 min, 1 CPU core",
    )


@recipe
def mnist_wgan() -> Recipe:
    """Arjovsky et al. (2017): weights clipped to 0.05, gains left alone, five steps of G for one of the critic.

    ganatomy train mnist-wgan --data ../shared/data/mnist --for 16m, one CPU core with AVX-512 and bfloat16: 204,480
    images. Seed 0, last checkpoint: Fréchet distance 7.4 times its floor and falling, coverage 0.65 (real 0.94),
    classifier score 0.850 of the real one. On a shared H200, 27 s and 180,032 images: 6.7 times, 0.66 and 0.852.

    The paper has it the other way round, five steps of the critic; here they made it worse. After 300,000 images,
    with Adam 1e-3 and no momentum, the distance was 22 times its floor with two steps of the critic and 10.3 with
    two of G; 14.2 with one of each after 346,000 (17.8 with a beta1 of 0.5), 9.6 with three of G after 240,000.
    Weights begin as N(0, 0.02), so the paper's window of 0.01 puts most of them on its edge, where batch norm hides
    how small they are. After 40,000 images (seed 0, Adam 1e-3, 5,000 samples) the Fréchet distance was 173 with a
    window of 0.01 and 95 with 0.05; with five steps of the critic for one of G, Adam 2e-4 and 0.01, 894 after
    80,000.
    """
    found = clipped("mnist-wgan", convolutional_players(), lr=1e-3, window=0.05)
    return found.replace(
        batch=64,
        game=found.game.replace(g_steps=5),
        optimizers={name: Spec(Adam, lr=1e-3, beta1=0.0, beta2=0.99) for name in ("G", "D")},
        expected="Fréchet 7.4 x floor, coverage 0.65 of 0.94, score 0.85 of real (seed 0, 204,480 images)",
        time="16 min, 1 CPU core",
    )


@recipe
def mnist_wgan_report() -> Recipe:
    """The animal-faces report's convolutional WGAN: Adam 1e-3, weights and gains clipped to 0.01, batches of 128.

    D has ReLU, as there; that report's own images are of 64 px (`animals64-wgan-report`). `mnist-wgan` has what made
    clipping work on such players: a wider window, for this one holds most weights at its edge, gains left alone, more
    steps of G, no momentum.

    ganatomy train mnist-wgan-report --data ../shared/data/mnist. Score and time: not measured.
    """
    return clipped("mnist-wgan-report", convolutional_players("relu"), lr=1e-3, gains=True)


@recipe
def mnist_wgan_dense_report() -> Recipe:
    """The animal-faces report's second try of a WGAN: dense players with batch norm and clipping.

    The report saw images somewhat like its data, and no good G. `mnist-wgan-dense` has the same layers, bounded by a
    gradient penalty, without batch norm in the critic.

    ganatomy train mnist-wgan-dense-report --data ../shared/data/mnist --for 50s, one CPU core with AVX-512 and
    bfloat16: 317,696 images. Seed 0, last checkpoint: Fréchet distance 380 times its floor, coverage 0.01 (real 0.94),
    classifier score 0.14 of the real one, some digits never seen.
    """
    players = dense_players((128, 256, 512), "batch")
    return clipped("mnist-wgan-dense-report", players, lr=1e-3, gains=True).replace(
        expected="Fréchet 380 x floor, coverage 0.01 of 0.94, score 0.14 of real (seed 0, 317,696 images)",
        time="50 s, 1 CPU core",
    )


@recipe
def mnist_wgan_dense_bare_report() -> Recipe:
    """The animal-faces report's first try of a WGAN: dense players with neither norm nor clipping.

    The report saw nothing like its data. Nothing bounds the critic's slope, so its loss has no least value and grows
    without an end; `mnist-wgan-dense` bounds it.

    ganatomy train mnist-wgan-dense-bare-report --data ../shared/data/mnist --for 50s, one CPU core with AVX-512 and
    bfloat16: 326,912 images. Seed 0, last checkpoint: Fréchet distance 440 times its floor, coverage 0.00 (real 0.94),
    classifier score 0.15 of the real one, some digits never seen.
    """
    bare = clipped("mnist-wgan-dense-bare-report", dense_players((128, 256, 512), "none"), lr=1e-3)
    return bare.replace(
        game=Spec(Adversarial, loss=Wasserstein()),
        expected="Fréchet 440 x floor, coverage 0.00 of 0.94, score 0.15 of real (seed 0, 326,912 images)",
        time="50 s, 1 CPU core",
    )


@recipe
def mnist_wgan_dense_wide_report() -> Recipe:
    """The animal-faces report's third try of a WGAN: dense players with more and wider layers.

    It helped a little, in the report; the bound is as in `mnist-wgan-dense-report`, and `mnist-wgan-dense` has another.

    ganatomy train mnist-wgan-dense-wide-report --data ../shared/data/mnist. Score and time: not measured.
    """
    return clipped("mnist-wgan-dense-wide-report", dense_players((256, 512, 1024, 2048), "batch"), lr=1e-3, gains=True)


@recipe
def mnist_wgan_dense() -> Recipe:
    """Gulrajani et al. (2017) on the animal-faces report's dense players, of which it got no good G by clipping.

    The bound, the rates and the steps are those of `mnist-wgan-gp`; batch norm is G's alone.

    ganatomy train mnist-wgan-dense --data ../shared/data/mnist --for 100s, one CPU core with AVX-512 and bfloat16:
    299,520 images. Seed 0, last checkpoint: Fréchet distance 80 times its floor and falling, coverage 0.41 (real 0.94),
    classifier score 0.70 of the real one, every digit between 6.2 % and 14.0 %. After 50 s it was at 141 times, 0.18
    and 0.58, the report's clipped players at 380, 0.01 and 0.14 (`mnist-wgan-dense-report`), and this with one step of
    the critic for two of G, at 1e-3, at 348. Convolutions are better by far (`mnist-wgan-gp`).
    """
    base, players = mnist_wgan_gp(), dense_players((128, 256, 512), "batch")
    return base.replace(
        name="mnist-wgan-dense",
        paper=f"{base.paper}; {ANIMALS_REPORT}",
        players={**players, "D": players["D"].replace(normalization="layer")},
        expected="Fréchet 80 x floor, coverage 0.41 of 0.94, score 0.70 of real (seed 0, 299,520 images)",
        time="100 s, 1 CPU core",
    )


@recipe
def mnist_cwgan() -> Recipe:
    """A class-conditional WGAN whose label is embedded, as the animal-faces report has it, with a gradient penalty.

    The report's embedding had 3 of G's 100 inputs, and it found the class followed loosely. Not so here: with
    players.G.embedding=3 digits are recognized as asked as often, 97.6 and 97.2 % (seeds 0 and 1), 2.8 and 2.6 times
    the floor. The report had animals of three classes and a clipped critic.

    ganatomy train mnist-cwgan --data ../shared/data/mnist --images 284000: 46 s of a shared H200. Seed 0, last
    checkpoint: Fréchet distance 2.2 times its floor, coverage 0.80 (real 0.94), classifier score 0.984 of the real one,
    97.0 % recognized as asked.
    """
    base = mnist_wgan_gp()
    told = {name: spec.replace(conditional=True, embedding=32) for name, spec in base.players.items()}
    return base.replace(
        name="mnist-cwgan",
        paper=f"{base.paper}; {ANIMALS_REPORT}",
        players=told,
        expected="Fréchet 2.2 x floor, coverage 0.80 of 0.94, as asked 97.0 % (seed 0, 284,032 images)",
        time="46 s, a shared H200",
    )


@recipe
def mnist_acgan() -> Recipe:
    """Odena et al. (2017) on the players of `mnist-dcgan`, D with a softmax head.

    ganatomy train mnist-acgan --data ../shared/data/mnist --images 400000: 38 s of a shared H200. Seed 0, last
    checkpoint: Fréchet distance 2.1 times its floor, coverage 0.82 (real 0.94), classifier score 1.01 of the real one,
    99.2 % recognized as asked.
    """
    return variant(
        "mnist-acgan",
        "Odena et al. (2017), arXiv:1610.09585",
        Spec(ACGAN, loss=NonSaturating(smoothing=0.1)),
        players={
            "G": Spec(DCGANGenerator, latent=100, channels=(128, 64), conditional=True),
            "D": Spec(DCGANDiscriminator, channels=(64, 128, 256), dropout=0.25, auxiliary="softmax"),
        },
    ).replace(
        expected="Fréchet 2.1 x floor, coverage 0.82 of 0.94, as asked 99.2 % (seed 0, 400,000 images)",
        time="38 s, a shared H200",
    )


@recipe
def mnist_bigan() -> Recipe:
    """Donahue et al. (2017): an encoder beside G, and a D that sees images with their latents.

    ganatomy train mnist-bigan --data ../shared/data/mnist --images 250000: 28 s of a shared H200. Seeds 0 and 1, last
    checkpoint: Fréchet distance 8.0 and 6.7 times its floor and falling, coverage 0.68 and 0.69 (real 0.94), classifier
    score 0.840 and 0.850 of the real one; on one CPU core, beside other work, 8.1, 0.66 and 0.838 after as many (seed
    0). After 1,500,000 (3 min) 3.5 times, 0.80 and 0.884, and its 100 latents of real images tell digits
    apart by 94.0 % (linear), 97.1 % (SVM) and 97.0 % (1-NN). At 28 px the encoder has four convolutions and a linear
    layer. It is Adam's momentum that hurts: with a beta1 of 0.5, and beta2 of 0.999, the distance was 16.6 times its
    floor after 175,360 images, and the latents told 87.1, 94.0 and 93.9 % after 2,000,000. At those, 1e-3 was after
    20,000 images where the animal-faces report's 2e-4 is after 40,000 (`mnist-bigan-report`); 2e-3 failed (63 times).
    """
    adam = Spec(Adam, lr=1e-3, beta1=0.0, beta2=0.99)
    return variant(
        "mnist-bigan",
        f"Donahue et al. (2017), arXiv:1605.09782; {ANIMALS_REPORT}",
        Spec(BiGAN),
        players={
            "G": Spec(DCGANGenerator, latent=100, channels=(128, 64)),
            "E": Spec(ConvEncoder, latent=100, channels=(32, 64, 128, 128)),
            "D": Spec(JointDiscriminator, latent=100, channels=(64, 128, 256)),
        },
        optimizers={"G": adam, "E": adam, "D": adam},
        average=Spec(ExponentialAverage, half_life=20_000, players=("G", "E")),
    ).replace(
        expected="Fréchet 6.7 to 8.0 x floor, coverage 0.68 of 0.94, score 0.84 of real (seeds 0, 1; 250,048 images)",
        time="28 s, a shared H200",
    )


@recipe
def mnist_bigan_report() -> Recipe:
    """`mnist-bigan` as the animal-faces report trains it: an encoder of five convolutions, 100 latents, Adam 2e-4.

    The fifth is the linear layer, as in `animals64-bigan`. `mnist-bigan` is nearer to the digits, and its latents tell
    more of them: without momentum and at 1e-3 it learns in half the images.

    ganatomy train mnist-bigan-report --data ../shared/data/mnist. Score and time: not measured.
    """
    adam = Spec(Adam, lr=2e-4)
    return mnist_bigan().replace(
        name="mnist-bigan-report",
        optimizers={"G": adam, "E": adam, "D": adam},
        expected="not measured",
        time="not measured",
    )


@recipe
def mnist_r3gan() -> Recipe:
    """Huang et al. (2024): relativistic pairs, R1 and R2, residual players without normalization.

    The paper penalizes in every round; here in one of sixteen, sixteen times as much, for both gradients cost three
    times what the rest of a round does.

    ganatomy train mnist-r3gan --data ../shared/data/mnist --for 16m, one CPU core with AVX-512 and bfloat16. Last
    checkpoint, seeds 0, 1 and 2: 201,248, 215,456 and 162,432 images, Fréchet distance 3.2, 3.6 and 3.8 times its floor
    and falling, coverage 0.76, 0.76 and 0.74 (real 0.94), classifier score 0.898, 0.893 and 0.885 of the real one.

    After 100,000 images (seed 0, a CPU core), 10.2 times the floor and falling as fast as ever. A gamma of 0.2 was no
    better (38 times after 50,016, where 1 gave 32), nor two steps of G (65 after 25,024, 73 with one, which shows half
    as many images again in a second); with rates of 1e-3, two steps of G and batches of 64, D said the same of
    everything after 10,000 images, and G drew black ones after 50,048. In batches of 64, penalties in every fourth
    round, 400,000 images took two minutes of an H200 that others shared: 2.01, 2.08 and 1.88 times the floor, coverage
    0.82, 0.82 and 0.83 (real 0.94), 0.911, 0.912 and 0.917 of the real score (seeds 0, 1 and 2).
    """
    return variant(
        "mnist-r3gan",
        "Huang et al. (2024), arXiv:2501.05441",
        Spec(
            Adversarial, loss=Relativistic(), penalties=(Spec(R1, gamma=1.0, every=16), Spec(R2, gamma=1.0, every=16))
        ),
        players={
            "G": Spec(R3GANGenerator, latent=64, channels=(128, 64, 16)),
            "D": Spec(R3GANDiscriminator, channels=(16, 64, 128)),
        },
        optimizers={name: Spec(Adam, lr=5e-4, beta1=0.0, beta2=0.99) for name in ("G", "D")},
        batch=32,
        images=400_000,
    ).replace(
        expected="Fréchet 3.2 to 3.8 x floor, coverage 0.75 of 0.94, score 0.89 of real (seeds 0-2, 200,000 images)",
        time="16 min, 1 CPU core",
    )


def with_loss(name: str, paper: str, loss: AdversarialLoss) -> Recipe:
    """`mnist-dcgan` with another loss, and with what helps `mnist-dcgan-medium`."""
    return tuned(variant(name, paper, Spec(Adversarial, loss=loss)), name)


def bounded(name: str, paper: str, loss: AdversarialLoss) -> Recipe:
    """A loss under spectral norm, with what `mnist-wgan-sn` says counts there."""
    return variant(
        name,
        paper,
        Spec(Adversarial, loss=loss, constraint=Spec(SpectralNormalization), g_steps=2),
        players=bounded_players(minibatch_deviation=True),
        optimizers={player: Spec(Adam, lr=1e-3, beta1=0.0, beta2=0.9) for player in ("G", "D")},
    )


def bounded_players(normalization: str = "none", *, minibatch_deviation: bool = False) -> dict[str, Spec]:
    """`mnist-dcgan`'s, D without batch norm, which no bound on its slope survives."""
    return {
        "G": Spec(DCGANGenerator, latent=64, channels=(128, 64)),
        "D": Spec(
            DCGANDiscriminator,
            channels=(64, 128, 256),
            normalization=normalization,
            minibatch_deviation=minibatch_deviation,
        ),
    }


def convolutional_players(activation: str = "leaky") -> dict[str, Spec]:
    return {
        "G": Spec(DCGANGenerator, latent=100, channels=(128, 64)),
        "D": Spec(DCGANDiscriminator, channels=(64, 128, 256), activation=activation),
    }


def dense_players(hidden: tuple[int, ...], normalization: str) -> dict[str, Spec]:
    return {
        "G": Spec(MLPGenerator, latent=100, hidden=hidden, normalization=normalization),
        "D": Spec(MLPDiscriminator, hidden=hidden[::-1], normalization=normalization),
    }


def clipped(name: str, players: dict[str, Spec], *, lr: float, window: float = 0.01, gains: bool = False) -> Recipe:
    return variant(
        name,
        f"Arjovsky et al. (2017), arXiv:1701.07875; {ANIMALS_REPORT}",
        Spec(Adversarial, loss=Wasserstein(), constraint=Spec(WeightClipping, window=window, clip_gains=gains)),
        players=players,
        optimizers={player: Spec(Adam, lr=lr) for player in ("G", "D")},
        batch=128,
    )
