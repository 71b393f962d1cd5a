"""The animal-faces report's GANs at 64 px, and the same on cats alone, which are small data."""

from typing import Any

from ganatomy.core.recipe import Recipe, recipe
from ganatomy.core.spec import Spec
from ganatomy.data.images import Images
from ganatomy.engine.average import ExponentialAverage
from ganatomy.engine.optimizers import Adam
from ganatomy.games.adversarial import Adversarial
from ganatomy.games.bigan import BiGAN
from ganatomy.networks.bigan import ConvEncoder, JointDiscriminator
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.networks.mlp import MLPDiscriminator, MLPGenerator
from ganatomy.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from ganatomy.objectives.adversarial import NonSaturating, Relativistic, Wasserstein
from ganatomy.objectives.augment import DiffAugment
from ganatomy.objectives.constraints import WeightClipping
from ganatomy.objectives.penalties import R1, R2, GradientPenalty
from ganatomy.recipes.celeba import celeba64_dcgan, celeba64_r3gan

REPORT = "a study report, 'animal-faces'"
ANIMALS = Spec(Images, source="afhq", size=64, channels="rgb")


def variant(name: str, paper: str, **fields: Any) -> Recipe:
    """`celeba64-dcgan` on animal faces, in batches of 128, which that report says of its Wasserstein GAN."""
    changed = {"data": ANIMALS, "batch": 128, **fields}
    return celeba64_dcgan().replace(
        name=name, paper=f"{paper}; {REPORT}", expected="not measured", time="not measured", **changed
    )


@recipe
def animals64_dcgan() -> Recipe:
    """Animal faces: five convolutions in each player, 30 latents, Adam 1e-4, as the animal-faces report has it.

    The first of G's five is the projection of the latent, the last of D's the score. Maps and batch are ours, and D's
    first and G's last layer are without batch norm, as in the paper, where the report has it after every one.

    ganatomy train animals64-dcgan. Score and time: not measured; the data is not here. The report's four update ratios
    are `game.g_steps` 1, 2, 10 and 15, or `optimizers.D.lr` divided by as much, which is how it did it.
    """
    return variant(
        "animals64-dcgan",
        "Radford et al. (2016), arXiv:1511.06434",
        game=Spec(Adversarial, loss=NonSaturating()),
        players={
            "G": Spec(DCGANGenerator, latent=30, channels=(512, 256, 128, 64)),
            "D": Spec(DCGANDiscriminator, channels=(64, 128, 256, 512)),
        },
        optimizers={"G": Spec(Adam, lr=1e-4), "D": Spec(Adam, lr=1e-4)},
    )


@recipe
def animals64_wgan_report() -> Recipe:
    """Arjovsky et al. (2017): Adam 1e-3, everything clipped to 0.01; its dense tries are `mnist-wgan-dense-*-report`.

    The animal-faces report calls it slow and unstable, and clipping a bad way to bound a critic. `animals64-wgan` has
    what mended clipping on digits (`mnist-wgan`: a wider window, gains left alone, more steps of G),
    `animals64-wgan-gp` another bound.

    ganatomy train animals64-wgan-report. Score and time: not measured; the data is not here.
    """
    return variant(
        "animals64-wgan-report",
        "Arjovsky et al. (2017), arXiv:1701.07875",
        game=Spec(Adversarial, loss=Wasserstein(), constraint=Spec(WeightClipping, clip_gains=True)),
        players={
            "G": Spec(DCGANGenerator, latent=100, channels=(512, 256, 128, 64)),
            "D": Spec(DCGANDiscriminator, channels=(64, 128, 256, 512), activation="relu"),
        },
        optimizers={"G": Spec(Adam, lr=1e-3), "D": Spec(Adam, lr=1e-3)},
    )


@recipe
def animals64_wgan_dense_report() -> Recipe:
    """The animal-faces report's dense WGAN, with batch norm and clipping.

    The report got no good G of dense players, and took convolutions; with other bounds those are `animals64-wgan` and
    `animals64-wgan-gp`, and dense players under one `mnist-wgan-dense`.

    ganatomy train animals64-wgan-dense-report. Score and time: not measured; the data is not here.
    """
    return animals64_wgan_report().replace(
        name="animals64-wgan-dense-report",
        players={
            "G": Spec(MLPGenerator, latent=100, hidden=(256, 512, 1024), normalization="batch"),
            "D": Spec(MLPDiscriminator, hidden=(1024, 512, 256), normalization="batch"),
        },
    )


@recipe
def animals64_wgan() -> Recipe:
    """Arjovsky et al. (2017) on animal faces, gains left alone: the window, rates and steps of `mnist-wgan`.

    ganatomy train animals64-wgan. Score and time: not measured; the data is not here.
    """
    return animals64_wgan_report().replace(
        name="animals64-wgan",
        game=Spec(Adversarial, loss=Wasserstein(), constraint=Spec(WeightClipping, window=0.05), g_steps=5),
        optimizers={name: Spec(Adam, lr=1e-3, beta1=0.0, beta2=0.99) for name in ("G", "D")},
    )


@recipe
def animals64_wgan_gp() -> Recipe:
    """Gulrajani et al. (2017) on animal faces: `animals64-cwgan`, told no class.

    ganatomy train animals64-wgan-gp. Score and time: not measured; the data is not here.
    """
    told = animals64_cwgan()
    return told.replace(
        name="animals64-wgan-gp",
        paper=f"Gulrajani et al. (2017), arXiv:1704.00028; {REPORT}",
        players={name: spec.replace(conditional=False, embedding=None) for name, spec in told.players.items()},
    )


@recipe
def animals64_cdcgan() -> Recipe:
    """Mirza and Osindero (2014): `animals64-dcgan` told whether it is a cat, a dog or wild, one-hot.

    ganatomy train animals64-cdcgan. Score and time: not measured; the data is not here.
    """
    base = animals64_dcgan()
    return base.replace(
        name="animals64-cdcgan",
        paper=f"Mirza and Osindero (2014), arXiv:1411.1784; {REPORT}",
        players={name: spec.replace(conditional=True) for name, spec in base.players.items()},
    )


@recipe
def animals64_r3gan() -> Recipe:
    """Huang et al. (2024): the players and the game of `celeba64-r3gan` on animal faces.

    ganatomy train animals64-r3gan. Score and time: not measured; the data is not here.
    """
    return celeba64_r3gan().replace(name="animals64-r3gan", data=ANIMALS)


@recipe
def animals64_cwgan_report() -> Recipe:
    """The animal-faces report's conditional WGAN: a label embedding of 3 beside 97 latents, which it found too weak.

    `animals64-cwgan` has a larger one, and another bound.

    ganatomy train animals64-cwgan-report. Score and time: not measured; the data is not here.
    """
    base = animals64_wgan_report()
    return base.replace(
        name="animals64-cwgan-report",
        players={
            "G": base.players["G"].replace(latent=97, conditional=True, embedding=3),
            "D": base.players["D"].replace(conditional=True, embedding=3),
        },
    )


@recipe
def animals64_cwgan() -> Recipe:
    """The animal-faces report's conditional WGAN with a gradient penalty, and an embedding as large as it takes.

    ganatomy train animals64-cwgan. Score and time: not measured; the data is not here.
    """
    base = animals64_cwgan_report()
    return base.replace(
        name="animals64-cwgan",
        game=Spec(Adversarial, loss=Wasserstein(), penalties=(Spec(GradientPenalty),), d_steps=2),
        players={
            "G": base.players["G"].replace(latent=100, embedding=64),
            "D": base.players["D"].replace(embedding=64, normalization="layer", activation="leaky"),
        },
        optimizers={name: Spec(Adam, lr=2e-4, beta1=0.0, beta2=0.9) for name in ("G", "D")},
    )


@recipe
def animals64_bigan() -> Recipe:
    """Donahue et al. (2017): an encoder of five convolutions, a deeper joint discriminator, 100 latents, Adam 2e-4.

    ganatomy train animals64-bigan. Score and time: not measured; the data is not here.
    """
    adam = Spec(Adam, lr=2e-4)
    return variant(
        "animals64-bigan",
        "Donahue et al. (2017), arXiv:1605.09782",
        game=Spec(BiGAN),
        players={
            "G": Spec(DCGANGenerator, latent=100, channels=(512, 256, 128, 64)),
            "E": Spec(ConvEncoder, latent=100, channels=(64, 128, 256, 512, 512)),
            "D": Spec(JointDiscriminator, latent=100, channels=(64, 128, 256, 512)),
        },
        optimizers={"G": adam, "E": adam, "D": adam},
        average=Spec(ExponentialAverage, half_life=20_000, players=("G", "E")),
    )


@recipe
def cats64_dcgan() -> Recipe:
    """Radford et al. (2016) on 5,153 cat faces, flipped at random as so few are; else `animals64-dcgan`, twice as fast.

    ganatomy train cats64-dcgan --data ../shared/data/afhq-cat64 --for 8m, one CPU core with AVX-512 and bfloat16:
    29,312 images, six epochs. One class has no judge, so watch the grids: cats of every color, their eyes and ears in
    place, blurred and grainy. In random features the Fréchet distance of 500 is 26 times its floor (seed 0).
    """
    return on_cats(animals64_dcgan(), "cats64-dcgan").replace(
        optimizers={"G": Spec(Adam, lr=2e-4), "D": Spec(Adam, lr=2e-4)},
        expected="cats, blurred; Fréchet 26 x floor in random features (seed 0, 29,312 images)",
        time="8 min, 1 CPU core",
    )


@recipe
def cats64_bigan() -> Recipe:
    """Donahue et al. (2017): `animals64-bigan` on cats.

    ganatomy train cats64-bigan --data ../shared/data/afhq-cat64. Score and time: not measured; one class has no judge.
    """
    return on_cats(animals64_bigan(), "cats64-bigan")


@recipe
def cats64_wgan_gp() -> Recipe:
    """Gulrajani et al. (2017): `animals64-wgan-gp` on cats.

    ganatomy train cats64-wgan-gp --data ../shared/data/afhq-cat64. Score and time: not measured; one class has no
    judge.
    """
    return on_cats(animals64_wgan_gp(), "cats64-wgan-gp")


@recipe
def cats64_r3gan() -> Recipe:
    """Huang et al. (2024) at the size of a DCGAN, with DiffAugment, as the data is small.

    ganatomy train cats64-r3gan --data ../shared/data/afhq-cat64. Score and time: not measured; one class has no judge.
    """
    game = Spec(
        Adversarial,
        loss=Relativistic(),
        penalties=(Spec(R1, gamma=1.0), Spec(R2, gamma=1.0)),
        augment=(Spec(DiffAugment),),
    )
    players = {
        "G": Spec(R3GANGenerator, latent=64, channels=(256, 192, 128, 96, 64)),
        "D": Spec(R3GANDiscriminator, channels=(64, 96, 128, 192, 256)),
    }
    return on_cats(
        variant("", "Huang et al. (2024), arXiv:2501.05441", game=game, players=players), "cats64-r3gan"
    ).replace(optimizers={name: Spec(Adam, lr=2e-4, beta1=0.0, beta2=0.99) for name in ("G", "D")})


def on_cats(base: Recipe, name: str) -> Recipe:
    return base.replace(name=name, data=ANIMALS.replace(flip=True), batch=64)
