"""scikit-learn's handwritten digits: 1,797 scans of 8x8 pixels, inside the package, no download."""

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
from ganatomy.objectives.adversarial import NonSaturating


@recipe
def digits_dcgan() -> Recipe:
    """Radford et al. (2016) at 8 px: the demonstration, `make demo`.

    ganatomy train digits-dcgan: 62 s on two CPU cores with AVX-512 and bfloat16. Seed 0, last checkpoint: Fréchet
    distance 1.18 times its floor, coverage 0.94 (real 0.97), classifier score 0.90 of the real one.
    """
    return Recipe(
        name="digits-dcgan",
        paper="Radford et al. (2016), arXiv:1511.06434",
        expected="Fréchet 1.2 x floor, coverage 0.94 of 0.97, score 0.90 of real (seed 0)",
        time="62 s, 2 CPU cores",
        data=Spec(Images, source="digits", size=8),
        game=Spec(Adversarial, loss=NonSaturating(smoothing=0.1)),
        players={
            "G": Spec(DCGANGenerator, latent=32, channels=(128, 64)),
            "D": Spec(DCGANDiscriminator, channels=(64, 128, 256), dropout=0.25),
        },
        optimizers={"G": Spec(Adam, lr=1e-3), "D": Spec(Adam, lr=1e-3)},
        batch=64,
        images=200_000,
        average=Spec(ExponentialAverage, half_life=10_000),
        watch=Spec(Watch, log=2_000, grid=20_000, score=40_000, checkpoint=40_000),
        scores=Spec(JudgeScores, count=600),
    )


@recipe
def digits_vanilla() -> Recipe:
    """Goodfellow et al. (2014): both players fully connected.

    ganatomy train digits-vanilla: 200,000 images. Seed 0, last checkpoint: Fréchet distance 2.52 times its floor, where
    digits-dcgan is at 1.18; coverage 0.82 (real 0.97), classifier score 0.82 of the real one. Time: not measured.
    """
    return digits_dcgan().replace(
        name="digits-vanilla",
        expected="Fréchet 2.5 x floor, coverage 0.82 of 0.97, score 0.82 of real (seed 0)",
        time="not measured",
        paper="Goodfellow et al. (2014), arXiv:1406.2661",
        players={
            "G": Spec(MLPGenerator, latent=32, hidden=(128, 256)),
            "D": Spec(MLPDiscriminator, hidden=(256, 128), dropout=0.25),
        },
    )


@recipe
def digits_cdcgan() -> Recipe:
    """Mirza and Osindero (2014): the class, one-hot, is an input of both players of `digits-dcgan`.

    ganatomy train digits-cdcgan. Score and time: not measured.
    """
    base = digits_dcgan()
    return base.replace(
        name="digits-cdcgan",
        paper="Mirza and Osindero (2014), arXiv:1411.1784",
        expected="not measured",
        time="not measured",
        players={name: spec.replace(conditional=True) for name, spec in base.players.items()},
    )
