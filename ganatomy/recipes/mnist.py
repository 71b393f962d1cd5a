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
def mnist_cdcgan() -> Recipe:
    """Mirza and Osindero (2014): the class, one-hot, is an input of both players of `mnist-dcgan`.

    ganatomy train mnist-cdcgan --data ../shared/data/mnist. Score and time: not measured.
    """
    base = mnist_dcgan()
    return base.replace(
        name="mnist-cdcgan",
        paper="Mirza and Osindero (2014), arXiv:1411.1784",
        expected="not measured",
        time="not measured",
        players={name: spec.replace(conditional=True) for name, spec in base.players.items()},
    )
