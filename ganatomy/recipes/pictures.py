"""The dcgan-representation report's DCGANs of bedrooms and of everything, at 32 and 64 px."""

from ganatomy.core.recipe import Recipe, recipe
from ganatomy.core.spec import Spec
from ganatomy.data.images import Images
from ganatomy.recipes.celeba import celeba32_dcgan, celeba64_dcgan_report

BEDROOMS, IMAGENET = 3_033_042, 1_281_167  # images to train on


@recipe
def lsun64_dcgan() -> Recipe:
    """The dcgan-representation report's bedrooms: 1024 maps at the start, then 768, 512, 384 and 256, and 128 latents.

    ganatomy train lsun64-dcgan --data my_bedrooms data.crop=0.7. Score and time: not measured; the data is not here. 9
    epochs of LSUN's bedrooms, as many as the report had time for.
    """
    base = celeba64_dcgan_report()
    return base.replace(
        name="lsun64-dcgan",
        data=Spec(Images, source="lsun-bedroom", size=64, channels="rgb"),
        players={**base.players, "G": base.players["G"].replace(latent=128)},
        images=9 * BEDROOMS,
    )


@recipe
def imagenet32_dcgan() -> Recipe:
    """ImageNet-1k at 32 px, flipped at random, whose D is the dcgan-representation report's feature extractor.

    ganatomy train imagenet32-dcgan. Score and time: not measured; the data is not here. D 128, 256, 512; G's maps are
    ours. The report names 60 epochs; its table of features ends at 45, 12.4 hours.
    """
    return celeba32_dcgan().replace(
        name="imagenet32-dcgan",
        expected="not measured",
        time="not measured",
        data=Spec(Images, source="imagenet-32", size=32, channels="rgb", flip=True),
        images=60 * IMAGENET,
    )
