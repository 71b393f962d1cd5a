"""MNIST at its own 28 px."""

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
def mnist_dcgan() -> Recipe:
    """Radford et al. (2016) at 28 px."""
    return Recipe(
        name="mnist-dcgan",
        paper="Radford et al. (2016), arXiv:1511.06434",
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
def mnist_cdcgan() -> Recipe:
    """Mirza and Osindero (2014): the class, one-hot, is an input of both players of `mnist-dcgan`."""
    base = mnist_dcgan()
    return base.replace(
        name="mnist-cdcgan",
        paper="Mirza and Osindero (2014), arXiv:1411.1784",
        players={name: spec.replace(conditional=True) for name, spec in base.players.items()},
    )
