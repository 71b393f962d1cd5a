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
from ganatomy.objectives.adversarial import NonSaturating


@recipe
def celeba64_dcgan() -> Recipe:
    """Radford et al. (2016), 64 to 512 maps, small enough for a CPU; also a start for one's own folder of pictures.

    ganatomy train celeba64-dcgan --data my_pictures data.crop=1

    Score and time: not measured.
    """
    return Recipe(
        name="celeba64-dcgan",
        paper="Radford et al. (2016), arXiv:1511.06434",
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
