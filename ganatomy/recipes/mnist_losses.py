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
from ganatomy.objectives.adversarial import Hinge, LeastSquares, NonSaturating, Relativistic, Wasserstein
from ganatomy.objectives.constraints import SpectralNormalization, WeightClipping
from ganatomy.objectives.penalties import R1, R2, GradientPenalty
from ganatomy.recipes.mnist import TRANSLATION_REPORT, mnist_dcgan

ANIMALS_REPORT = "a study report, 'animal-faces'"


def variant(name: str, paper: str, game: Spec, **fields: Any) -> Recipe:
    """`mnist-dcgan` with another game and what goes with it."""
    return mnist_dcgan().replace(
        name=name, paper=paper, expected="not measured", time="not measured", game=game, **fields
    )


@recipe
def mnist_lsgan() -> Recipe:
    """Mao et al. (2017): least squares on the players of `mnist-dcgan`.

    ganatomy train mnist-lsgan --data ../shared/data/mnist --images 560000: 40 s of a shared H200. Seeds 0, 1 and 2,
    last checkpoint: Fréchet distance 4.0, 5.1 and 4.4 times its floor, coverage 0.77, 0.76 and 0.75 (real 0.94),
    classifier score 0.884, 0.871 and 0.877 of the real one. With Adam's usual beta1 of 0.5, and beta2 of 0.999, 5.05
    times and 0.872 (seed 0); with a rate of 1e-3, too, 5.65 and 0.863 (17 min of one CPU core).
    """
    return variant(
        "mnist-lsgan",
        "Mao et al. (2017), arXiv:1611.04076",
        Spec(Adversarial, loss=LeastSquares()),
        optimizers={name: Spec(Adam, lr=2e-3, beta1=0.0, beta2=0.99) for name in ("G", "D")},
    ).replace(
        expected="Fréchet 4.0 to 5.1 x floor, coverage 0.76 of 0.94, score 0.88 of real (seeds 0-2, 560,000 images)",
        time="40 s, a shared H200",
    )


@recipe
def mnist_hinge() -> Recipe:
    """Lim and Ye (2017): the hinge loss on the players of `mnist-dcgan`.

    ganatomy train mnist-hinge --data ../shared/data/mnist --images 560000: 17 min of one CPU core with AVX-512 and
    bfloat16. Seed 0, last checkpoint: Fréchet distance 4.06 times its floor, coverage 0.75 (real 0.94), classifier
    score 0.876 of the real one.
    """
    return variant("mnist-hinge", "Lim and Ye (2017), arXiv:1705.02894", Spec(Adversarial, loss=Hinge())).replace(
        expected="Fréchet 4.1 x floor, coverage 0.75 of 0.94, score 0.88 of real (seed 0, 560,000 images)",
        time="17 min, 1 CPU core",
    )


@recipe
def mnist_sngan() -> Recipe:
    """Miyato et al. (2018): the hinge loss and a spectrally normalized D without batch norm.

    ganatomy train mnist-sngan --data ../shared/data/mnist. Score and time: not measured.
    """
    return variant(
        "mnist-sngan",
        "Miyato et al. (2018), arXiv:1802.05957",
        Spec(Adversarial, loss=Hinge(), constraint=Spec(SpectralNormalization)),
        players=bounded_players(),
        optimizers={"G": Spec(Adam, lr=5e-4), "D": Spec(Adam, lr=5e-4)},
    )


@recipe
def mnist_wgan_sn() -> Recipe:
    """The unpaired-translation report's Wasserstein GAN, Lipschitz by spectral norm.

    It saw no difference to the minimax loss.

    ganatomy train mnist-wgan-sn --data ../shared/data/mnist --for 16m, one CPU core with AVX-512 and bfloat16: 372,160
    and 367,616 images. Seeds 0 and 1, last checkpoint: Fréchet distance 7.4 and 7.3 times its floor and falling,
    coverage 0.60 and 0.61 (real 0.94), classifier score 0.841 and 0.840 of the real one.

    What counts is Adam's momentum: a bounded critic goes round with G where both remember where they went. After
    460,000 images (seed 0, rate 5e-4) the distance was 50 times its floor with beta1 0.5 and 8.0 times with 0. Neither
    two nor five steps of D (77, 70), nor a rate of 2e-3 (50), nor G at a tenth of D's (77) helped; batch norm in D,
    which has no bound, did somewhat (20).
    """
    return variant(
        "mnist-wgan-sn",
        f"Arjovsky et al. (2017), arXiv:1701.07875; Miyato et al. (2018), arXiv:1802.05957; {TRANSLATION_REPORT}",
        Spec(Adversarial, loss=Wasserstein(), constraint=Spec(SpectralNormalization), g_steps=2),
        players=bounded_players(),
        optimizers={name: Spec(Adam, lr=1e-3, beta1=0.0, beta2=0.9) for name in ("G", "D")},
    ).replace(
        expected="Fréchet 7.3 x floor, coverage 0.60 of 0.94, score 0.84 of real (seeds 0 and 1, 370,000 images)",
        time="16 min, 1 CPU core",
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
    """Arjovsky et al. (2017): weights clipped to 0.05, gains left alone, as many steps of the critic as of G.

    ganatomy train mnist-wgan --data ../shared/data/mnist --for 12m, one CPU core with AVX-512 and bfloat16: 346,304
    images. Seed 0, last checkpoint: Fréchet distance 17.8 times its floor and falling, coverage 0.46 (real 0.94),
    classifier score 0.79 of the real one.

    Weights begin as N(0, 0.02), so the paper's window of 0.01 puts most of them on its edge, where batch norm hides how
    small they are. After 40,000 images (seed 0, Adam 1e-3, 5,000 samples) the Fréchet distance was 173 with a window of
    0.01 and 95 with 0.05; with five steps of the critic for one of G, Adam 2e-4 and 0.01, 894 after 80,000.
    """
    found = clipped("mnist-wgan", convolutional_players(), lr=1e-3, window=0.05)
    return found.replace(
        batch=64,
        game=found.game.replace(g_steps=5),
        optimizers={name: Spec(Adam, lr=1e-3, beta1=0.0, beta2=0.99) for name in ("G", "D")},
        expected="Fréchet 17.8 x floor, coverage 0.46 of 0.94, score 0.79 of real (seed 0, 346,304 images)",
        time="12 min, 1 CPU core",
    )


@recipe
def mnist_wgan_report() -> Recipe:
    """The animal-faces report's convolutional WGAN: Adam 1e-3, weights and gains clipped to 0.01, batches of 128.

    ganatomy train mnist-wgan-report --data ../shared/data/mnist. Score and time: not measured.
    """
    return clipped("mnist-wgan-report", convolutional_players(), lr=1e-3, gains=True)


@recipe
def mnist_wgan_dense_report() -> Recipe:
    """The animal-faces report's second try of a WGAN: dense players with batch norm and clipping.

    ganatomy train mnist-wgan-dense-report --data ../shared/data/mnist. Score and time: not measured.
    """
    return clipped("mnist-wgan-dense-report", dense_players((128, 256, 512), "batch"), lr=1e-3, gains=True)


@recipe
def mnist_wgan_dense_bare_report() -> Recipe:
    """The animal-faces report's first try of a WGAN: dense players with neither norm nor clipping.

    ganatomy train mnist-wgan-dense-bare-report --data ../shared/data/mnist. Score and time: not measured.
    """
    bare = clipped("mnist-wgan-dense-bare-report", dense_players((128, 256, 512), "none"), lr=1e-3)
    return bare.replace(game=Spec(Adversarial, loss=Wasserstein()))


@recipe
def mnist_wgan_dense_wide_report() -> Recipe:
    """The animal-faces report's third try of a WGAN: dense players with more and wider layers.

    ganatomy train mnist-wgan-dense-wide-report --data ../shared/data/mnist. Score and time: not measured.
    """
    return clipped("mnist-wgan-dense-wide-report", dense_players((256, 512, 1024, 2048), "batch"), lr=1e-3, gains=True)


@recipe
def mnist_cwgan() -> Recipe:
    """A class-conditional WGAN whose label is embedded, as the animal-faces report has it, with a gradient penalty.

    The report's embedding had 3 of G's 100 inputs, and it found the class followed loosely: see
    `players.G.embedding`.

    ganatomy train mnist-cwgan --data ../shared/data/mnist. Score and time: not measured.
    """
    base = mnist_wgan_gp()
    told = {name: spec.replace(conditional=True, embedding=32) for name, spec in base.players.items()}
    return base.replace(
        name="mnist-cwgan",
        paper=f"{base.paper}; {ANIMALS_REPORT}",
        players=told,
        expected="not measured",
        time="not measured",
    )


@recipe
def mnist_acgan() -> Recipe:
    """Odena et al. (2017) on the players of `mnist-dcgan`, D with a softmax head.

    ganatomy train mnist-acgan --data ../shared/data/mnist. Score and time: not measured.
    """
    return variant(
        "mnist-acgan",
        "Odena et al. (2017), arXiv:1610.09585",
        Spec(ACGAN, loss=NonSaturating(smoothing=0.1)),
        players={
            "G": Spec(DCGANGenerator, latent=100, channels=(128, 64), conditional=True),
            "D": Spec(DCGANDiscriminator, channels=(64, 128, 256), dropout=0.25, auxiliary="softmax"),
        },
    )


@recipe
def mnist_bigan() -> Recipe:
    """Donahue et al. (2017): an encoder beside G, and a D that sees images with their latents.

    ganatomy train mnist-bigan --data ../shared/data/mnist --for 12m, one CPU core with AVX-512 and bfloat16: 175,360
    images. Seed 0, last checkpoint: Fréchet distance 16.6 times its floor and falling, coverage 0.46 (real 0.94),
    classifier score 0.78 of the real one. After 2,000,000 images (4 min of a shared H200) 3.05 times, 0.80 and 0.889,
    and its 100 latents of real images tell digits apart by 87.1 % (linear), 94.0 % (SVM) and 93.9 % (1-NN). At 28 px
    the encoder has four convolutions and a linear layer. With Adam 1e-3 it is after 20,000 images where it is after
    40,000 with the animal-faces report's 2e-4 (`mnist-bigan-report`); with 2e-3 it fails (63 times after 230,000).
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
        expected="Fréchet 16.6 x floor, coverage 0.46 of 0.94, score 0.78 of real (seed 0, 175,360 images)",
        time="12 min, 1 CPU core",
    )


@recipe
def mnist_bigan_report() -> Recipe:
    """`mnist-bigan` as the animal-faces report trains it: an encoder of five convolutions, 100 latents, Adam 2e-4.

    The fifth is the linear layer: the report's last convolution makes the latents, with a kernel as large as its maps.

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

    The paper penalizes in every round; here in one of four, four times as much, for both gradients cost three times
    what the rest of a round does.

    ganatomy train mnist-r3gan --data ../shared/data/mnist: two minutes of an H200 that others shared. Last checkpoint,
    seeds 0, 1 and 2: Fréchet distance 2.01, 2.08 and 1.88 times its floor, coverage 0.82, 0.82 and 0.83 (real 0.94),
    classifier score 0.911, 0.912 and 0.917 of the real one. That is better than any other unconditional recipe here
    after as many images, and the one to begin with on a GPU; a CPU core shows 53 images/s, a tenth of a DCGAN's.
    """
    return variant(
        "mnist-r3gan",
        "Huang et al. (2024), arXiv:2501.05441",
        Spec(Adversarial, loss=Relativistic(), penalties=(Spec(R1, gamma=1.0, every=4), Spec(R2, gamma=1.0, every=4))),
        players={
            "G": Spec(R3GANGenerator, latent=64, channels=(128, 64, 16)),
            "D": Spec(R3GANDiscriminator, channels=(16, 64, 128)),
        },
        optimizers={name: Spec(Adam, lr=5e-4, beta1=0.0, beta2=0.99) for name in ("G", "D")},
    ).replace(
        images=400_000,
        expected="Fréchet 1.9 to 2.1 x floor, coverage 0.82 of 0.94, score 0.91 of real (seeds 0-2, 400,000 images)",
        time="2 min, a shared H200",
    )


def bounded_players(normalization: str = "none") -> dict[str, Spec]:
    """`mnist-dcgan`'s, D without batch norm, which no bound on its slope survives."""
    return {
        "G": Spec(DCGANGenerator, latent=64, channels=(128, 64)),
        "D": Spec(DCGANDiscriminator, channels=(64, 128, 256), normalization=normalization),
    }


def convolutional_players() -> dict[str, Spec]:
    return {
        "G": Spec(DCGANGenerator, latent=100, channels=(128, 64)),
        "D": Spec(DCGANDiscriminator, channels=(64, 128, 256)),
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
