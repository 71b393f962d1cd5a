"""The reports' DCGANs of bedrooms, of everything, and of animals, at 32 and 64 px."""

from ganatomy.core.recipe import Recipe, recipe
from ganatomy.core.spec import Spec
from ganatomy.data.images import Images
from ganatomy.engine.optimizers import Adam
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.recipes.celeba import celeba32_dcgan, celeba64_dcgan, celeba64_dcgan_report

REPRESENTATION_REPORT = "a study report, 'dcgan-representation'"
ANIMALS_REPORT = "a study report, 'animal-faces'"


@recipe
def lsun64_dcgan() -> Recipe:
    """Bedrooms: five layers of 768, 512, 384 and 256 maps after a start of 1024, and 128 latents, as the report has it.

    ganatomy train lsun64-dcgan --data my_bedrooms data.crop=0.7. Score and time: not measured; the data is not here.
    """
    base = celeba64_dcgan_report()
    return base.replace(
        name="lsun64-dcgan",
        data=Spec(Images, source="lsun-bedroom", size=64, channels="rgb"),
        players={**base.players, "G": base.players["G"].replace(latent=128)},
    )


@recipe
def imagenet32_dcgan() -> Recipe:
    """ImageNet-1k at 32 px, flipped at random; its D (128, 256, 512) is the report's feature extractor for CIFAR-10.

    ganatomy train imagenet32-dcgan. Score and time: not measured; the data is not here. G's maps are ours.
    """
    return celeba32_dcgan().replace(
        name="imagenet32-dcgan", data=Spec(Images, source="imagenet-32", size=32, channels="rgb", flip=True)
    )


@recipe
def animals64_dcgan() -> Recipe:
    """Animal faces: five convolutions in each player, 30 latents, Adam 1e-4, as the report has it.

    The first of G's five is the projection of the latent, the last of D's the score. The number of maps is ours.

    ganatomy train animals64-dcgan. Score and time: not measured; the data is not here.
    """
    return celeba64_dcgan().replace(
        name="animals64-dcgan",
        paper=f"Radford et al. (2016), arXiv:1511.06434; {ANIMALS_REPORT}",
        expected="not measured",
        time="not measured",
        data=Spec(Images, source="afhq", size=64, channels="rgb"),
        players={
            "G": Spec(DCGANGenerator, latent=30, channels=(512, 256, 128, 64)),
            "D": Spec(DCGANDiscriminator, channels=(64, 128, 256, 512)),
        },
        optimizers={"G": Spec(Adam, lr=1e-4), "D": Spec(Adam, lr=1e-4)},
        batch=128,
    )


@recipe
def cats64_dcgan() -> Recipe:
    """Cat faces, 5,153 of them: small data, so flipped at random. Else as `animals64-dcgan`, at twice its rate.

    ganatomy train cats64-dcgan --data ../shared/data/afhq-cat64. Time: not measured. One class, so no judge and no
    score: watch the grids.
    """
    return animals64_dcgan().replace(
        name="cats64-dcgan",
        data=Spec(Images, source="afhq", size=64, channels="rgb", flip=True),
        optimizers={"G": Spec(Adam, lr=2e-4), "D": Spec(Adam, lr=2e-4)},
        batch=64,
    )
