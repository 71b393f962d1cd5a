"""CelebA's aligned faces, center-cropped to 70 % before resizing: with less background, faces keep their borders."""

from ganatomy.core.recipe import Recipe, recipe
from ganatomy.core.spec import Spec
from ganatomy.core.watch import Watch
from ganatomy.data.images import Images
from ganatomy.engine.average import ExponentialAverage
from ganatomy.engine.optimizers import Adam
from ganatomy.games.adversarial import Adversarial
from ganatomy.metrics.judged import JudgeScores
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from ganatomy.objectives.adversarial import NonSaturating, Relativistic, Wasserstein
from ganatomy.objectives.penalties import R1, R2, GradientPenalty

FACES = 202_599  # in CelebA


@recipe
def celeba64_dcgan() -> Recipe:
    """Radford et al. (2016), 64 to 512 maps, small enough for a CPU; also a start for one's own folder of pictures.

    ganatomy train celeba64-dcgan --data ../shared/data/celeba data.crop=0.7 data.label=Smiling
    ganatomy train celeba64-dcgan --data my_pictures data.crop=1

    The first with --for 25m, two CPU cores with AVX-512 and bfloat16: 179,840 images. Seed 0, last checkpoint, on a
    judge of `Smiling` that is right about 89.9 % of held-out faces: Fréchet distance 24 times its floor (34 after
    125,056 images; on 1,000 samples, rough), coverage 0.74 (real 0.87), about half of the faces smile; recognizable
    faces, some with smeared eyes. With --images 1000000, 50 s of a shared H200: 17 times the floor of its judge there,
    coverage 0.77 (real 0.86). The real images' labels are smoothed by 0.1 (Salimans et al., 2016, section 3.4), which
    is ours.
    """
    return Recipe(
        name="celeba64-dcgan",
        paper="Radford et al. (2016), arXiv:1511.06434",
        expected="Fréchet 24 x floor, coverage 0.74 of 0.87 (seed 0, 179,840 images, judge of Smiling)",
        time="25 min, 2 CPU cores",
        data=Spec(Images, source="celeba", size=64, channels="rgb", crop=0.7, flip=True),
        game=Spec(Adversarial, loss=NonSaturating(smoothing=0.1)),
        players={
            "G": Spec(DCGANGenerator, latent=100, channels=(512, 256, 128, 64)),
            "D": Spec(DCGANDiscriminator, channels=(64, 128, 256, 512)),
        },
        optimizers={"G": Spec(Adam, lr=2e-4), "D": Spec(Adam, lr=2e-4)},
        batch=64,
        images=2_000_000,
        average=Spec(ExponentialAverage, half_life=20_000),
        watch=Spec(Watch, log=1_000, grid=10_000, score=100_000, checkpoint=20_000),
        scores=Spec(JudgeScores),
    )


@recipe
def celeba64_dcgan_report() -> Recipe:
    """The dcgan-representation report's best at 64 px: 1024 maps at 4x4, then 768, 512, 384 and 256; D 128, 256, 512.

    D on real images, D on generated ones and G step one after the other, for 190 epochs.

    ganatomy train celeba64-dcgan-report --data ../shared/data/celeba data.crop=0.7. Score and time: not measured;
    it is made for a GPU, and --for or --images ends it sooner. `celeba64-dcgan` is made for CPUs.
    """
    return as_reported("celeba64-dcgan-report", 64, (1024, 768, 512, 384, 256), start=4)


@recipe
def celeba32_dcgan() -> Recipe:
    """The dcgan-representation report's faces at 32 px, 190 epochs: D 128, 256, 512. G's maps are ours.

    ganatomy train celeba32-dcgan --data ../shared/data/celeba data.label=Smiling, in a reproduction: 6.5 s of a shared
    H200. Seed 0, after 228,096 images, of 38 million: Fréchet distance 44 times its floor, coverage 0.74.
    """
    base = as_reported("celeba32-dcgan", 32, (512, 256, 128))
    return base.replace(
        expected="Fréchet 44 x floor, coverage 0.74 (seed 0, 228,096 images)", time="6.5 s, a shared H200"
    )


@recipe
def celeba64_r3gan() -> Recipe:
    """Huang et al. (2024) at the size of a DCGAN: relativistic pairs, R1 and R2, no normalization.

    ganatomy train celeba64-r3gan --data ../shared/data/celeba data.crop=0.7. Score and time: not measured.
    """
    return celeba64_dcgan().replace(
        name="celeba64-r3gan",
        paper="Huang et al. (2024), arXiv:2501.05441",
        expected="not measured",
        time="not measured",
        game=Spec(Adversarial, loss=Relativistic(), penalties=(Spec(R1, gamma=1.0), Spec(R2, gamma=1.0))),
        players={
            "G": Spec(R3GANGenerator, latent=64, channels=(256, 192, 128, 96, 64)),
            "D": Spec(R3GANDiscriminator, channels=(64, 96, 128, 192, 256)),
        },
        optimizers={name: Spec(Adam, lr=2e-4, beta1=0.0, beta2=0.99) for name in ("G", "D")},
    )


@recipe
def celeba64_wgan_gp() -> Recipe:
    """Gulrajani et al. (2017) on the players of `celeba64-dcgan`, layer norm in the critic, two steps of it.

    ganatomy train celeba64-wgan-gp --data ../shared/data/celeba data.crop=0.7. Score and time: not measured.
    """
    base = celeba64_dcgan()
    return base.replace(
        name="celeba64-wgan-gp",
        paper="Gulrajani et al. (2017), arXiv:1704.00028",
        expected="not measured",
        time="not measured",
        game=Spec(Adversarial, loss=Wasserstein(), penalties=(Spec(GradientPenalty),), d_steps=2),
        players={**base.players, "D": base.players["D"].replace(normalization="layer")},
        optimizers={name: Spec(Adam, lr=2e-4, beta1=0.0, beta2=0.9) for name in ("G", "D")},
    )


@recipe
def celeba128_dcgan_start() -> Recipe:
    """128 px by a larger start, 8x8, which the dcgan-representation report found the best of three ways.

    ganatomy train celeba128-dcgan-start --data my_faces; with `players.G.activation=selu`, as Curto et al. (2017).
    Score and time: not measured.
    """
    return at_128("start", (512, 256, 128, 64), start=8)


@recipe
def celeba128_dcgan_deep() -> Recipe:
    """128 px by one more layer from 4x4, where D outran G in the dcgan-representation report.

    ganatomy train celeba128-dcgan-deep --data my_faces. Score and time: not measured.
    """
    return at_128("deep", (1024, 512, 256, 128, 64))


@recipe
def celeba128_dcgan_stride() -> Recipe:
    """128 px by a last stride of 4 from 4x4, with which G could not learn in the dcgan-representation report.

    ganatomy train celeba128-dcgan-stride --data my_faces. Score and time: not measured.
    """
    return at_128("stride", (512, 256, 128, 64), last_stride=4)


def at_128(name: str, channels: tuple[int, ...], **sizes: int) -> Recipe:
    """As the report trains, for its 20 epochs; the maps and D are ours."""
    base = as_reported(f"celeba128-dcgan-{name}", 128, channels, **sizes)
    D = Spec(DCGANDiscriminator, channels=(64, 128, 256, 512, 512))
    return base.replace(players={**base.players, "D": D}, images=20 * FACES)


def as_reported(name: str, size: int, channels: tuple[int, ...], **sizes: int) -> Recipe:
    """As the representation report trains: uniform latents, Adam 2e-4, batches of 128, each gradient its own step.

    Its faces had 190 epochs, of all of CelebA as is taken here. It drew the shifts of batch norm, too, from N(0, 0.02);
    they begin at 0 here, as in the authors' code.
    """
    return celeba64_dcgan().replace(
        name=name,
        paper="Radford et al. (2016), arXiv:1511.06434; a study report, 'dcgan-representation'",
        expected="not measured",
        time="not measured",
        data=Spec(Images, source="celeba", size=size, channels="rgb", crop=0.7),
        game=Spec(Adversarial, order="split"),
        players={
            "G": Spec(DCGANGenerator, latent=100, prior="uniform", channels=channels, **sizes),
            "D": Spec(DCGANDiscriminator, channels=(128, 256, 512)),
        },
        batch=128,
        images=190 * FACES,
    )
