"""What D pays beside the adversarial loss. Each fits any two-player game and names its paper.

Gradients of gradients are taken in the weights' own precision, neither in bfloat16 nor, on a GPU, in TF32. R1 and R2
take them through an augmentation at the images before it, as StyleGAN2-ADA and R3GAN do; the others, at images as D
sees them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from ganatomy.core.game import Play
from ganatomy.core.registry import part
from ganatomy.objectives.augment import flipped, shifted
from ganatomy.objectives.turn import MeanOfTurn

Fraction = Annotated[float, Field(ge=0, lt=1)]
Kind = Literal["real", "fake"]


@dataclass(frozen=True)
class Shown:
    """What D was shown in its turn, and what it said.

    score: (images [N, C, H, W], classes [N] or None) -> scores [N], or of patches [N, h, w], in the weights' precision;
    `again`, in that in which it said those that are here (None: as `score`). What it said of classes is there where it
    has a head for them. real and fake are as D saw them; where they were augmented, `before` has both as they were, and
    `see` repeats what happened to the "real" or the "fake" ones.
    """

    score: Callable[[Tensor, Tensor | None], Tensor]
    real: Tensor
    fake: Tensor
    y: Tensor | None
    real_scores: Tensor
    fake_scores: Tensor
    play: Play
    real_classes: Tensor | None = None
    fake_classes: Tensor | None = None
    before: tuple[Tensor, Tensor] | None = None
    again: Callable[[Tensor, Tensor | None], Tensor] | None = None
    see: Callable[[Tensor, Kind], Tensor] = lambda x, kind: x


class Penalty(nn.Module, ABC):
    """A scalar that D descends beside its loss, logged as `title`.

    With `every` = k it is asked in one round of k, and weighs k times as much (lazy regularization: Karras et al.,
    2020, section 3.1). `per_sample` says that it presupposes a score that depends on its own image alone.
    """

    title: ClassVar[str]
    per_sample: ClassVar[bool] = False

    def __init__(self, weight: float, every: int = 1) -> None:
        super().__init__()
        self.weight, self.every = weight, every

    def terms(self, shown: Shown) -> dict[str, Tensor]:
        if not shown.play.due(self.every):
            return {}
        return {self.title: self.weight * self.every * self.value(shown)}

    @abstractmethod
    def value(self, shown: Shown) -> Tensor:
        """The unweighted penalty, a scalar."""

    def extra_repr(self) -> str:
        return f"weight={self.weight}, every={self.every}"


def gradient_norms_squared(shown: Shown, images: Tensor, see: Callable[[Tensor], Tensor] = lambda x: x) -> Tensor:
    """|dD(see(x))/dx|^2 of each image, [N], differentiable; in the precision of the scores, which is the weights'."""
    images = images.detach().to(shown.real_scores.dtype).requires_grad_()
    (gradient,) = torch.autograd.grad(shown.score(see(images), shown.y).sum(), images, create_graph=True)
    return gradient.flatten(1).square().sum(1)


def through_augmentation(shown: Shown, kind: Kind) -> Tensor:
    """The same at the real or generated images before they were augmented."""
    real, fake = shown.before or (shown.real, shown.fake)
    return gradient_norms_squared(shown, real if kind == "real" else fake, lambda x: shown.see(x, kind))


def root(squares: Tensor) -> Tensor:
    """The square root with a finite gradient at zero."""
    return (squares + 1e-12).sqrt()


@part
class GradientPenalty(Penalty):
    """Gulrajani et al. (2017), "Improved training of Wasserstein GANs", arXiv:1704.00028, equation 3.

    The norm of D's gradient between real and generated images is drawn to `target`; `one_sided`, only down to it (their
    section 4, "two-sided penalty").
    """

    title, per_sample = "gradient_penalty", True

    def __init__(
        self,
        *,
        weight: NonNegativeFloat = 10.0,
        target: NonNegativeFloat = 1.0,
        one_sided: bool = False,
        every: PositiveInt = 1,
    ) -> None:
        super().__init__(weight, every)
        self.target, self.one_sided = target, one_sided

    def value(self, shown: Shown) -> Tensor:
        share = shown.play.draws.uniform("gradient penalty", 1, 1, 1).to(shown.real.dtype)
        between = shown.real + share * (shown.fake.detach() - shown.real)
        beyond = root(gradient_norms_squared(shown, between)) - self.target
        return (beyond.clamp(min=0) if self.one_sided else beyond).square().mean()


@part
class DRAGAN(Penalty):
    """Kodali et al. (2017), "On convergence and stability of GANs", arXiv:1705.07215: the norm around real images is 1.

    As in the authors' code, x + spread * std(x) * u with u uniform on [0, 1), std over the whole batch, and a point
    between it and x. Of a batch that is shown in parts, each has its own deviation.
    """

    title, per_sample = "dragan", True

    def __init__(self, *, weight: NonNegativeFloat = 10.0, spread: PositiveFloat = 0.5, every: PositiveInt = 1) -> None:
        super().__init__(weight, every)
        self.spread = spread

    def value(self, shown: Shown) -> Tensor:
        x, draws = shown.real, shown.play.draws
        noise = draws.uniform("dragan noise", *x.shape[1:]).to(x.dtype) * self.spread * x.std()
        around = x + draws.uniform("dragan share", 1, 1, 1).to(x.dtype) * noise
        return (root(gradient_norms_squared(shown, around)) - 1).square().mean()


@part
class R1(Penalty):
    """Mescheder et al. (2018), arXiv:1801.04406, equation 9: gamma / 2 of the squared gradient norm on real images."""

    title, per_sample = "r1", True

    def __init__(self, *, gamma: NonNegativeFloat = 10.0, every: PositiveInt = 1) -> None:
        super().__init__(gamma / 2, every)

    def value(self, shown: Shown) -> Tensor:
        return through_augmentation(shown, "real").mean()


@part
class R2(Penalty):
    """Mescheder et al. (2018), equation 10: as R1, on generated images."""

    title, per_sample = "r2", True

    def __init__(self, *, gamma: NonNegativeFloat = 10.0, every: PositiveInt = 1) -> None:
        super().__init__(gamma / 2, every)

    def value(self, shown: Shown) -> Tensor:
        return through_augmentation(shown, "fake").mean()


@part
class Consistency(Penalty):
    """Zhang et al. (2020), "Consistency regularization for GANs", arXiv:1910.12027: D(x) and D(T(x)) agree.

    T flips an image left to right half of the time, and shifts it by up to `shift` pixels. Where D scores patches, each
    is compared with the one in its place, in a flipped image with its mirror image's. `on` generated images is what one
    report does; on `both` it is the balanced one of Zhao et al. (2021, arXiv:2002.04724, algorithm 1), whose second
    weight is `fake_weight`.
    """

    title = "consistency"

    def __init__(
        self,
        *,
        weight: NonNegativeFloat = 10.0,
        fake_weight: NonNegativeFloat | None = None,
        on: Literal["real", "fake", "both"] = "real",
        shift: NonNegativeInt = 4,
        flip: bool = True,
        every: PositiveInt = 1,
    ) -> None:
        super().__init__(1.0, every)
        self.real_weight = weight
        self.fake_weight = weight if fake_weight is None else fake_weight
        self.on, self.shift, self.flip = on, shift, flip

    def value(self, shown: Shown) -> Tensor:
        total = shown.real_scores.new_zeros(())
        if self.on != "fake":
            total = total + self.real_weight * self._between(shown, shown.real, shown.real_scores, "real")
        if self.on != "real":
            total = total + self.fake_weight * self._between(shown, shown.fake, shown.fake_scores, "fake")
        return total

    def _between(self, shown: Shown, x: Tensor, scores: Tensor, which: str) -> Tensor:
        draws = shown.play.draws
        turned = draws.uniform(f"consistency flip {which}") < 0.5 if self.flip else None
        if turned is not None:
            x = flipped(x, turned)
        if self.shift:
            by = draws.integers(f"consistency shift {which}", 2 * self.shift + 1, 2) - self.shift
            x = shifted(x, by, (self.shift, self.shift))
        changed = (shown.again or shown.score)(x, shown.y)
        if turned is not None and changed.ndim > 1:
            changed = flipped(changed[:, None], turned)[:, 0]
        return (scores - changed).square().mean()


@part
class LeCam(Penalty):
    """Tseng et al. (2021), "Regularizing GANs under limited data", arXiv:2104.03310, equations 6 and 7.

    D's scores of real images stay near the moving average of those of generated ones, and the other way round. The
    averages are state: they are saved with the run; from the first turn on, which costs nothing, they lean to no zero,
    as in the authors' code (`zero_debias`). That code asks only that real scores are not above the one and generated
    ones not below the other. Averages move once a turn, after it: that code has this turn's scores in them, too,
    1 - decay of it, which parts of a batch do not know of each other.
    """

    title = "lecam"
    real_average: Tensor
    fake_average: Tensor
    turns: Tensor

    def __init__(self, *, weight: NonNegativeFloat = 0.3, decay: Fraction = 0.99) -> None:
        super().__init__(weight)
        self.decay = decay
        self.register_buffer("real_average", torch.zeros(()))
        self.register_buffer("fake_average", torch.zeros(()))
        self.register_buffer("turns", torch.zeros(()))
        self.means = MeanOfTurn()

    def value(self, shown: Shown) -> Tensor:
        from_fake = (shown.real_scores - self.fake_average.clone()).square().mean()
        from_real = (shown.fake_scores - self.real_average.clone()).square().mean()
        total = (from_fake + from_real) * (self.turns > 0)
        means = self.means(torch.stack([shown.real_scores.mean(), shown.fake_scores.mean()]), shown.play.draws)
        if means is not None:
            share = (1 - self.decay) / (1 - self.decay ** self.turns.add_(1))
            for average, mean in zip((self.real_average, self.fake_average), means, strict=True):
                average.lerp_(mean.to(average.dtype), share)
        return total
