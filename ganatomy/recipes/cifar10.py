"""CIFAR-10 at its own 32 px."""

from ganatomy.core.recipe import Recipe, recipe
from ganatomy.core.spec import Spec
from ganatomy.core.watch import Watch
from ganatomy.data.images import Images
from ganatomy.engine.average import ExponentialAverage
from ganatomy.engine.optimizers import Adam
from ganatomy.games.adversarial import Adversarial
from ganatomy.metrics.judged import JudgeScores
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.objectives.adversarial import NonSaturating


@recipe
def cifar10_dcgan() -> Recipe:
    """Radford et al. (2016) at 32 px. One report trained such a DCGAN to an FID of 68 and, in other runs, 150.

    ganatomy train cifar10-dcgan --data ../shared/data/cifar10 --for 25m, on one thread of a CPU with bfloat16: 499,328
    images. Seed 0, last checkpoint: Fréchet distance 27.7 times its floor, still falling (148 after 50,000 images, 60
    after 200,000), coverage 0.64 (real 0.97), classifier score 0.79 of the real one; textures and shapes, few objects.
    To be read with care: the judge that is trained on first use recognizes 50.5 % of the test images.
    """
    return Recipe(
        name="cifar10-dcgan",
        paper="Radford et al. (2016), arXiv:1511.06434; a study report, 'cifar10-architectures'",
        expected="Fréchet 27.7 x floor, coverage 0.64 of 0.97, score 0.79 of real (seed 0, 499,328 images)",
        time="25 min, 1 CPU thread",
        data=Spec(Images, source="cifar10", size=32, channels="rgb", flip=True),
        game=Spec(Adversarial, loss=NonSaturating(smoothing=0.1)),
        players={
            "G": Spec(DCGANGenerator, latent=100, channels=(256, 128, 64)),
            "D": Spec(DCGANDiscriminator, channels=(64, 128, 256)),
        },
        optimizers={"G": Spec(Adam, lr=2e-4), "D": Spec(Adam, lr=2e-4)},
        batch=64,
        images=2_000_000,
        average=Spec(ExponentialAverage, half_life=20_000),
        watch=Spec(Watch, log=5_000, grid=50_000, score=100_000, checkpoint=50_000),
        scores=Spec(JudgeScores, count=10_000),
    )
