"""D is asked for the class, and both players pay for its answers."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Play
from ganatomy.core.players import Discriminator
from ganatomy.core.randomness import Draws
from ganatomy.core.recipe import find_recipe
from ganatomy.core.registry import part
from ganatomy.core.shape import Shape
from ganatomy.core.spec import Spec
from ganatomy.games.acgan import ACGAN
from ganatomy.networks.conditioning import ProxyHead
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.objectives.auxiliary import DataToData, SoftmaxCrossEntropy
from ganatomy.testing import check_game

SHAPE, Y = Shape(1, 8, 8), torch.tensor([0, 1, 2, 2])


def players(head: str = "softmax") -> tuple[DCGANGenerator, DCGANDiscriminator]:
    torch.manual_seed(0)
    G = DCGANGenerator(SHAPE, 3, latent=4, channels=(6, 4), normalization="none", conditional=True)
    return G, DCGANDiscriminator(SHAPE, 3, channels=(4, 6), normalization="none", auxiliary=head)


def batch() -> Batch:
    return Batch(
        torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(1)), Y, Play(0, 0, Draws((0,), slice(0, 4), 4))
    )


def test_d_and_g_pay_for_the_class_beside_what_adversaries_pay():
    G, D = players()
    game, asked = ACGAN(G, D, weight=0.5), batch()
    terms = game.discriminator(asked)
    assert set(terms) == {"real", "fake", "class_real", "class_fake"}
    logits = D.classify(D.features(asked.x))
    torch.testing.assert_close(terms["class_real"], 0.5 * cross_entropy(logits, Y))
    assert asked.play.notes["auxiliary_accuracy_real"] == (logits.argmax(1) == Y).float().mean()
    own = game.generator(batch())
    assert set(own) == {"adversarial", "class"}
    fake, _ = game.generated(batch())
    torch.testing.assert_close(own["class"], 0.5 * cross_entropy(D.classify(D.features(fake)), Y))


@pytest.mark.parametrize(("head", "auxiliary"), [("softmax", SoftmaxCrossEntropy()), ("proxy", DataToData())])
def test_terms_are_float64_where_weights_are(head, auxiliary):
    game = ACGAN(*players(head), auxiliary=auxiliary).double()
    draws = Draws((0,), slice(0, 4), 4, dtype=torch.float64)
    terms = game.discriminator(Batch(batch().x.double(), Y, Play(0, 0, draws)))
    assert {value.dtype for value in terms.values()} == {torch.float64}


def test_classes_of_generated_images_may_be_left_to_g():
    assert set(ACGAN(*players(), on_fake=False).discriminator(batch())) == {"real", "fake", "class_real"}


def test_the_class_is_not_an_input_of_d():
    _, D = players()
    x = batch().x
    assert torch.equal(D(x, Y), D(x, Y.flip(0)))


def test_smoothing_a_class_label_gives_a_part_of_it_to_all_classes_alike():
    """Mueller et al., section 2: 1 - s of the label and s / K of each class, whose logarithms are the best answer."""
    logits, labels = torch.randn(4, 3), 0.8 * torch.eye(3)[Y] + 0.2 / 3
    loss, head = SoftmaxCrossEntropy(smoothing=0.2), torch.nn.Identity()
    torch.testing.assert_close(loss(logits, Y, head), -(labels * logits.log_softmax(1)).sum(1).mean())
    best = labels.log().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(best, Y, head), best)
    assert gradient.abs().max() < 1e-6


def test_data_to_data_is_equation_6():
    torch.manual_seed(0)
    head = ProxyHead(3, 5, 4)
    said = head(torch.randn(4, 5))
    torch.testing.assert_close(said.norm(dim=1), torch.ones(4))
    loss, proxies = (
        DataToData(temperature=0.5, positive_margin=0.9, negative_margin=0.1),
        normalize(head.proxies, dim=1),
    )
    wanted = 0.0
    for i in range(4):
        positive = torch.exp(min(said[i] @ proxies[Y[i]] - 0.9, torch.tensor(0.0)) / 0.5)
        others = [torch.exp(max(said[i] @ said[j] - 0.1, torch.tensor(0.0)) / 0.5) for j in range(4) if Y[j] != Y[i]]
        wanted = wanted - torch.log(positive / (positive + sum(others))) / 4
    torch.testing.assert_close(loss(said, Y, head), wanted)


def test_data_to_data_is_the_same_under_autocast():
    torch.manual_seed(0)
    head = ProxyHead(3, 5, 4)
    loss = DataToData(negative_margin=-1.0)  # beyond which all are
    said = head(torch.randn(4, 5))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(said @ said.t(), (said.bfloat16() @ said.bfloat16().t())), "a product is coarse there"
        found = loss(said, Y, head)
    assert torch.equal(found, loss(said, Y, head))


def test_data_to_data_is_content_beyond_its_margins():
    head = ProxyHead(2, 2, 2)
    with torch.no_grad():
        head.proxies.copy_(torch.eye(2))
    apart = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    loss = DataToData(positive_margin=0.98, negative_margin=0.02)(apart, torch.tensor([0, 1]), head)
    (gradient,) = torch.autograd.grad(loss, apart)
    assert gradient.abs().max() == 0


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
@pytest.mark.parametrize(("auxiliary", "head"), [(SoftmaxCrossEntropy(), "softmax"), (DataToData(), "proxy")])
def test_both_orders_ask_for_classes(order, auxiliary, head):
    found = set()
    for turn in ACGAN(*players(head), auxiliary=auxiliary, order=order).order():
        terms = turn.terms(batch())
        found |= {name for own in terms.values() for name in own} if len(turn.movers) > 1 else set(terms)
    assert {"class_real", "class", "adversarial"} <= found


def test_a_head_that_does_not_fit_is_refused_when_declared():
    recipe = find_recipe("mnist-acgan")
    with pytest.raises(GanatomyError, match=r"auxiliary=DataToData and players.D.auxiliary=softmax .* use .*=proxy"):
        recipe.override("game.auxiliary", "DataToData")
    with pytest.raises(
        GanatomyError, match=r"players.D.auxiliary=none do not go together: use players.D.auxiliary=soft"
    ):
        recipe.replace(players={**recipe.players, "D": recipe.players["D"].replace(auxiliary="none")})
    assert recipe.override("game.loss.smoothing", "0.2").game.settings["loss"].settings["smoothing"] == 0.2


def test_a_conditional_d_is_refused():
    G, _ = players()
    with pytest.raises(GanatomyError, match="D is asked"):
        ACGAN(G, DCGANDiscriminator(SHAPE, 3, channels=(4,), conditional=True))


@part
class OfOnesOwn(Discriminator):
    """Is asked for classes by a head that no setting chooses; or by none."""

    def __init__(self, shape: Shape, classes: int, *, headless: bool = False) -> None:
        super().__init__()
        numbers = Shape(*shape).numbers
        self.score = nn.Linear(numbers, 1)
        self.classify = None if headless else nn.Linear(numbers, classes)

    def features(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        return x.flatten(1)

    def scored(self, features: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        return self.score(features).squeeze(1)


def test_a_d_of_ones_own_needs_a_head_and_no_setting_for_it():
    base = find_recipe("mnist-acgan")
    G, D = base.players["G"].replace(width=0.1), Spec(OfOnesOwn)
    check_game(base.replace(players={"G": G, "D": D}), shape=SHAPE)
    with pytest.raises(AssertionError, match="OfOnesOwn has no head `classify`"):
        check_game(base.replace(players={"G": G, "D": D.replace(headless=True)}), shape=SHAPE)
