"""Building players, game and engine from a recipe."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Game
from ganatomy.core.observer import Observer
from ganatomy.core.players import Discriminator
from ganatomy.core.randomness import reseed_default_generator
from ganatomy.core.recipe import Recipe
from ganatomy.core.shape import Shape
from ganatomy.core.spec import handed_over
from ganatomy.data.feed import Feed
from ganatomy.data.images import ImageSet
from ganatomy.data.unpaired import UnpairedFeed, UnpairedSet, unpaired_feed
from ganatomy.engine.engine import Engine, Settings
from ganatomy.networks.normalization import Reference

AnyFeed = Feed | UnpairedFeed


def build_players(recipe: Recipe, shape: Shape, classes: int | None) -> dict[str, nn.Module]:
    """The players with their initial weights, which depend only on the seed and the player's name."""
    players = {}
    with torch.random.fork_rng(devices=[]):
        for name in handed_over(recipe.game.part):
            reseed_default_generator(recipe.seed, "weights", name)
            players[name] = recipe.players[name].build(shape, classes)
    return players


def build_game(recipe: Recipe, shape: Shape, classes: int | None) -> Game:
    """The game with its players, on the CPU."""
    game = recipe.game.build(**build_players(recipe, shape, classes))
    assert isinstance(game, Game)
    return game


def build_engine(recipe: Recipe, data: ImageSet, device: torch.device, observers: Sequence[Observer] = ()) -> Engine:
    """The engine of a recipe, ready to play. Raises GanatomyError for what cannot be played on this data."""
    if len(data.train.images) == 0:
        raise GanatomyError(f"{data.source} has no training images.")
    game = build_game(recipe, data.shape, class_count(data.classes))
    feed, held_out = feeds(data, recipe.seed, device)
    set_reference_batches(game, feed)
    return Engine(
        game,
        {name: spec.build() for name, spec in recipe.optimizers.items()},
        feed,
        Settings(recipe.batch, recipe.accumulate, recipe.seed, recipe.precision, recipe.watch.settings["log"]),
        held_out=held_out,
        average=recipe.average.build() if recipe.average else None,
        device=device,
        observers=observers,
    )


def feeds(data: ImageSet, seed: int, device: torch.device) -> tuple[AnyFeed, AnyFeed | None]:
    """The feeds of training images and of held-out ones; the latter None if they cannot be compared."""
    if isinstance(data, UnpairedSet):
        return (
            unpaired_feed(data, "train", seed=seed, device=device),
            unpaired_feed(data, "held_out", seed=seed, device=device),
        )
    train = Feed(data.train, shape=data.shape, flip=data.flip, rotate=data.rotate, seed=seed, device=device)
    if not data.unseen or not len(data.held_out) or (data.held_out.labels is None) != (data.train.labels is None):
        return train, None
    return train, Feed(data.held_out, shape=data.shape, flip=False, seed=seed, device=device)


def set_reference_batches(game: Game, feed: AnyFeed) -> None:
    """Set the reference batch of discriminators with virtual batch norm to the first training images."""
    for player in game.modules():
        if isinstance(player, Discriminator) and isinstance(reference := getattr(player, "reference", None), Reference):
            reference.take(*feed.batch(0, len(reference)))


def class_count(classes: Sequence[str] | None) -> int | None:
    """The number of classes, None without labels."""
    return len(classes) if classes else None


def data_facts(data: ImageSet) -> dict[str, Any]:
    """What a checkpoint stores about the data, so that a run can be sampled without it."""
    return {
        "source": data.source,
        "content": data.content,
        "shape": list(data.shape),
        "classes": list(data.classes) if data.classes else None,
        "train": len(data.train.images),
        "held_out": len(data.held_out.images),
        **(facts_of_domains(data) if isinstance(data, UnpairedSet) else {}),
    }


def facts_of_domains(data: UnpairedSet) -> dict[str, Any]:
    """The names of two domains, and the second one's counts."""
    other = data.of_y()
    return {"domains": list(data.names), "other": {"train": len(other.train), "held_out": len(other.held_out)}}
