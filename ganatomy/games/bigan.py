"""Donahue, Krahenbuhl and Darrell (2017), "Adversarial feature learning", arXiv:1605.09782.

An encoder E plays on G's side: D tells pairs (x, E(x)) from pairs (G(z), z). If it cannot, E is the inverse of G.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from torch import Tensor

from ganatomy.core.float32 import at_least_float32
from ganatomy.core.game import Batch, Game, GroupedTerms, Terms, Turn
from ganatomy.core.players import Encoder, Generator, PairDiscriminator
from ganatomy.core.registry import part
from ganatomy.core.spec import Spec
from ganatomy.games.validity import ignored
from ganatomy.objectives.adversarial import NonSaturating, SeparateLoss, Wasserstein


@part
class BiGAN(Game):
    """G: z -> image [N, C, H, W]; E: image -> z [N, latent]; D: (image, z) -> score [N], positive for (x, E(x)).

    order: "alternating": D, then G and E together on fresh noise; "simultaneous": all three from one forward pass, the
        paper's algorithm.
    """

    def __init__(
        self,
        G: Generator,
        E: Encoder,
        D: PairDiscriminator,
        *,
        loss: SeparateLoss = NonSaturating(),  # noqa: B008 (frozen data)
        order: Literal["alternating", "simultaneous"] = "alternating",
    ) -> None:
        super().__init__()
        self.G, self.E, self.D = G, E, D
        self.loss, self.order_of_play = loss, order

    @classmethod
    def refusals(cls, game: Spec, players: Mapping[str, Spec]) -> Iterator[str]:
        yield from ignored(game, players)
        if issubclass(game.settings["loss"].part, Wasserstein):
            yield "BiGAN bounds D by nothing, and Wasserstein's loss needs a bound: use another game.loss."
        if players["G"].settings.get("conditional"):
            yield "BiGAN tells nobody the class: set players.G.conditional=false."
        latents = {f"players.{name}.latent": player.settings.get("latent") for name, player in players.items()}
        if len(set(latents.values()) - {None}) > 1:
            said = ", ".join(f"{name}={latent}" for name, latent in latents.items())
            yield f"G's latents are what E gives and D sees, and {said} differ: set all three alike."

    def order(self) -> Iterator[Turn]:
        if self.order_of_play == "simultaneous":
            yield Turn(("D", "G", "E"), self.all_three, capturable=True)
            return
        yield Turn(("D",), self.discriminator, capturable=True)
        yield Turn(("G", "E"), self.generator_and_encoder, fresh=False, capturable=True)

    def discriminator(self, batch: Batch) -> Terms:
        """D's turn, on encoded and generated pairs."""
        return self.discriminator_loss(*self.scores(batch), batch)

    def generator_and_encoder(self, batch: Batch) -> Terms:
        """G's and E's turn."""
        return self.generator_and_encoder_loss(*self.scores(batch))

    def all_three(self, batch: Batch) -> GroupedTerms:
        """The turn of all three in simultaneous play, from one forward pass."""
        encoded, generated = self.scores(batch)
        return {
            ("D",): self.discriminator_loss(encoded, generated, batch),
            ("G", "E"): self.generator_and_encoder_loss(encoded, generated),
        }

    def scores(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """D's scores of (x, E(x)) and of (G(z), z), [N] each."""
        z = self.G.prior.draw(batch.play.draws)
        return at_least_float32(self.D(batch.x, self.E(batch.x))), at_least_float32(self.D(self.G(z), z))

    def discriminator_loss(self, encoded: Tensor, generated: Tensor, batch: Batch) -> Terms:
        """What D minimizes, from its scores of encoded and generated pairs, [N] each."""
        for name, value in {**self.loss.figures("real", encoded), **self.loss.figures("fake", generated)}.items():
            batch.play.note(name, value)
        return {"real": self.loss.real(encoded), "fake": self.loss.fake(generated)}

    def generator_and_encoder_loss(self, encoded: Tensor, generated: Tensor) -> Terms:
        """Equation 3, labels swapped (section 3.4): G wants its pairs taken for encoded ones, E its for generated."""
        return {"generated": self.loss.generator(generated), "encoded": self.loss.mirrored(encoded)}

    def held_out(self, batch: Batch) -> Terms:
        return self.loss.figures("real", at_least_float32(self.D(batch.x, self.E(batch.x))))
