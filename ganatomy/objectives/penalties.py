"""Penalties: terms that D minimizes beside the adversarial loss. Each works in any two-player game and names its paper.

Gradient penalties need second derivatives. These are computed in the precision of the weights, never under bfloat16
autocast and never in TF32. R1 and R2 differentiate through the augmentation, with respect to the images before it, as
StyleGAN2-ADA and R3GAN do; the other penalties use the images as D sees them.
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
class DiscriminatorStep:
    """D's forward pass on real and generated images: what a penalty is computed from.

    score: D as a function, (images [N, C, H, W], classes [N] or None) -> scores [N], or [N, h, w] of patches. It runs
        in the precision of the weights, so gradients of gradients may be taken through it.
    real, fake: images [N, C, H, W], augmented, as D saw them.
    y: classes [N] of both, None without labels.
    real_scores, fake_scores: what D gave for them, [N] or [N, h, w].
    play: the round, and the turn's random numbers.
    real_class_output, fake_class_output: output of D's classification head, None without one.
    unaugmented: real and fake before augmentation; None if nothing was augmented.
    rescore: D again, in the precision (autocast) that gave `real_scores`; None: as `score`.
    augment: applies this step's augmentation to other images, with the random numbers of the "real" or "fake" ones.
    """

    score: Callable[[Tensor, Tensor | None], Tensor]
    real: Tensor
    fake: Tensor
    y: Tensor | None
    real_scores: Tensor
    fake_scores: Tensor
    play: Play
    real_class_output: Tensor | None = None
    fake_class_output: Tensor | None = None
    unaugmented: tuple[Tensor, Tensor] | None = None
    rescore: Callable[[Tensor, Tensor | None], Tensor] | None = None
    augment: Callable[[Tensor, Kind], Tensor] = lambda x, kind: x


class Penalty(nn.Module, ABC):
    """A scalar that D minimizes beside its loss, logged under `title`.

    With `every` = k it is computed in one of k rounds and multiplied by k (lazy regularization: Karras et al., 2020,
    section 3.1). `per_sample`: it needs scores that depend on one image each, so D may have no batch norm.
    """

    title: ClassVar[str]
    per_sample: ClassVar[bool] = False

    def __init__(self, weight: float, every: int = 1) -> None:
        super().__init__()
        self.weight, self.every = weight, every

    def terms(self, step: DiscriminatorStep) -> dict[str, Tensor]:
        """The weighted penalty by its title; empty in rounds where it is not due."""
        if not step.play.due(self.every):
            return {}
        return {self.title: self.weight * self.every * self.value(step)}

    @abstractmethod
    def value(self, step: DiscriminatorStep) -> Tensor:
        """The unweighted penalty, a scalar."""

    def extra_repr(self) -> str:
        return f"weight={self.weight}, every={self.every}"


def gradient_norms_squared(
    step: DiscriminatorStep, images: Tensor, augment: Callable[[Tensor], Tensor] = lambda x: x
) -> Tensor:
    """|dD(augment(x)) / dx|^2 of each image x, [N]; differentiable, in the precision of the weights."""
    images = images.detach().to(step.real_scores.dtype).requires_grad_()
    (gradient,) = torch.autograd.grad(step.score(augment(images), step.y).sum(), images, create_graph=True)
    return gradient.flatten(1).square().sum(1)


def through_augmentation(step: DiscriminatorStep, kind: Kind) -> Tensor:
    """`gradient_norms_squared` with respect to the real or generated images before augmentation, [N]."""
    real, fake = step.unaugmented or (step.real, step.fake)
    return gradient_norms_squared(step, real if kind == "real" else fake, lambda x: step.augment(x, kind))


def safe_sqrt(squares: Tensor) -> Tensor:
    """The square root, with a finite gradient at zero."""
    return (squares + 1e-12).sqrt()


@part
class GradientPenalty(Penalty):
    """WGAN-GP: Gulrajani et al. (2017), "Improved training of Wasserstein GANs", arXiv:1704.00028, equation 3.

    The squared difference between `target` and the norm of D's gradient, at random points between real and generated
    images. With `one_sided` only norms above the target are penalized (section 4, "two-sided penalty").
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

    def value(self, step: DiscriminatorStep) -> Tensor:
        share = step.play.draws.uniform("gradient penalty", 1, 1, 1).to(step.real.dtype)
        between = step.real + share * (step.fake.detach() - step.real)
        beyond = safe_sqrt(gradient_norms_squared(step, between)) - self.target
        return (beyond.clamp(min=0) if self.one_sided else beyond).square().mean()


@part
class DRAGAN(Penalty):
    """Kodali et al. (2017), "On convergence and stability of GANs", arXiv:1705.07215: gradient norm 1 near real images.

    The gradient is taken at x + a * spread * std(x) * u, with a and u uniform on [0, 1), a per image and u per pixel,
    as in the authors' code. std is over the whole batch; with accumulation or several processes, over each part of it.
    """

    title, per_sample = "dragan", True

    def __init__(self, *, weight: NonNegativeFloat = 10.0, spread: PositiveFloat = 0.5, every: PositiveInt = 1) -> None:
        super().__init__(weight, every)
        self.spread = spread

    def value(self, step: DiscriminatorStep) -> Tensor:
        x, draws = step.real, step.play.draws
        noise = draws.uniform("dragan noise", *x.shape[1:]).to(x.dtype) * self.spread * x.std()
        around = x + draws.uniform("dragan share", 1, 1, 1).to(x.dtype) * noise
        return (safe_sqrt(gradient_norms_squared(step, around)) - 1).square().mean()


@part
class R1(Penalty):
    """Mescheder et al. (2018), arXiv:1801.04406, equation 9: gamma / 2 * |dD/dx|^2 on real images."""

    title, per_sample = "r1", True

    def __init__(self, *, gamma: NonNegativeFloat = 10.0, every: PositiveInt = 1) -> None:
        super().__init__(gamma / 2, every)

    def value(self, step: DiscriminatorStep) -> Tensor:
        return through_augmentation(step, "real").mean()


@part
class R2(Penalty):
    """Mescheder et al. (2018), arXiv:1801.04406, equation 10: as R1, on generated images."""

    title, per_sample = "r2", True

    def __init__(self, *, gamma: NonNegativeFloat = 10.0, every: PositiveInt = 1) -> None:
        super().__init__(gamma / 2, every)

    def value(self, step: DiscriminatorStep) -> Tensor:
        return through_augmentation(step, "fake").mean()


@part
class Consistency(Penalty):
    """Zhang et al. (2020), "Consistency regularization for GANs", arXiv:1910.12027: |D(x) - D(T(x))|^2.

    T mirrors an image left to right with probability 1/2 (`flip`) and shifts it by up to `shift` pixels. Scores of
    patches are compared place by place, mirrored where the image was.

    on: which images; "both" is balanced consistency (Zhao et al., 2021, arXiv:2002.04724, algorithm 1), "fake" is what
        one report does.
    fake_weight: the weight on generated images; None: the same as `weight`.
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

    def value(self, step: DiscriminatorStep) -> Tensor:
        total = step.real_scores.new_zeros(())
        if self.on != "fake":
            total = total + self.real_weight * self._difference(step, step.real, step.real_scores, "real")
        if self.on != "real":
            total = total + self.fake_weight * self._difference(step, step.fake, step.fake_scores, "fake")
        return total

    def _difference(self, step: DiscriminatorStep, x: Tensor, scores: Tensor, kind: Kind) -> Tensor:
        draws = step.play.draws
        mirrored = draws.uniform(f"consistency flip {kind}") < 0.5 if self.flip else None
        if mirrored is not None:
            x = flipped(x, mirrored)
        if self.shift:
            by = draws.integers(f"consistency shift {kind}", 2 * self.shift + 1, 2) - self.shift
            x = shifted(x, by, (self.shift, self.shift))
        transformed = (step.rescore or step.score)(x, step.y)
        if mirrored is not None and transformed.ndim > 1:
            transformed = flipped(transformed[:, None], mirrored)[:, 0]
        return (scores - transformed).square().mean()


@part
class LeCam(Penalty):
    """Tseng et al. (2021), "Regularizing GANs under limited data", arXiv:2104.03310, equations 6 and 7.

    D's scores of real images are pulled to a moving average of its scores of generated images, and the other way round.
    The averages are buffers, saved with the run. They are debiased, as in the authors' code (`zero_debias`), so they do
    not start near zero; in the first turn, when there are none, the penalty is 0.

    Two departures from the authors' code: it penalizes only real scores
    above the one average and generated scores below the other, where the paper squares every difference; and it updates
    the averages before it uses them, where they are updated here after the turn, because the parts of an accumulated
    batch do not know each other's scores.
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

    def value(self, step: DiscriminatorStep) -> Tensor:
        from_fake = (step.real_scores - self.fake_average.clone()).square().mean()
        from_real = (step.fake_scores - self.real_average.clone()).square().mean()
        total = (from_fake + from_real) * (self.turns > 0)
        means = self.means(torch.stack([step.real_scores.mean(), step.fake_scores.mean()]), step.play.draws)
        if means is not None:
            share = (1 - self.decay) / (1 - self.decay ** self.turns.add_(1))
            for average, mean in zip((self.real_average, self.fake_average), means, strict=True):
                average.lerp_(mean.to(average.dtype), share)
        return total
