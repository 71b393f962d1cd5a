"""Starting from another run's weights: fine-tuning, and frozen classifiers."""

from ganatomy.core.errors import GanatomyError
from ganatomy.engine.engine import Engine, load_weights
from ganatomy.experiments.observers import best_round
from ganatomy.networks.classifier import PretrainedClassifier
from ganatomy.runs.folder import RunFolder, find_run

BEST = "@best"


def load_pretrained(engine: Engine) -> list[str]:
    """Load the weights of frozen classifiers from their runs; lines for people about it."""
    done = []
    for name, player in engine.game.named_children():
        if isinstance(player, PretrainedClassifier):
            found = find_run(player.run).checkpoints.newest()
            if found is None:
                raise GanatomyError(f"{player.run} has no checkpoint yet: train the classifier first.")
            load_weights(player, "game.C.", found.tensors)
            done.append(f"frozen     {name}, from {player.run} after round {found.round:,}")
    return done


def find_start(path: str) -> tuple[RunFolder, int | None]:
    """The run that RUN or RUN@best names, and the round of its best checkpoint; None for the last."""
    folder = find_run(path.removesuffix(BEST))
    if not folder.checkpoints.rounds():
        raise GanatomyError(f"{folder.path} has no checkpoint to start from.")
    if not path.endswith(BEST):
        return folder, None
    best = best_round(folder)
    if best is None:
        raise GanatomyError(
            f"{folder.path} was never scored, so it has no best checkpoint; leave out {BEST} to start from its last."
        )
    return folder, best


def start_from(engine: Engine, path: str) -> str:
    """Load all players' weights, and moving averages, from another run; a line for people about it.

    Optimizers and the count of images start anew. Raises GanatomyError, before anything is loaded, if weights are
    missing, superfluous or of other shapes.
    """
    folder, best = find_start(path)
    found = folder.checkpoints.newest() if best is None else folder.checkpoints.read(best)
    assert found is not None
    wanted = {f"game.{name}.{key}": v for name, p in engine.players.items() for key, v in p.state_dict().items()}
    for name in engine.players:
        if not any(key.startswith(f"game.{name}.") for key in found.tensors):
            raise GanatomyError(f"Cannot start from {path}: it has no player {name}.")
    for name, value in wanted.items():
        there = found.tensors.get(name)
        own = name.removeprefix("game.")
        if there is None:
            raise GanatomyError(f"Cannot start from {path}: it has no '{own}', so it is of another network.")
        if there.shape != value.shape:
            raise GanatomyError(
                f"Cannot start from {path}: '{own}' is {list(there.shape)} there and {list(value.shape)} here."
            )
    ours = tuple(f"game.{name}." for name in engine.players)
    if extra := [key for key in found.tensors if key.startswith(ours) and key not in wanted]:
        raise GanatomyError(
            f"Cannot start from {path}: '{extra[0].removeprefix('game.')}' has no place in this recipe."
        )
    for name, player in engine.players.items():
        load_weights(player, f"game.{name}.", found.tensors)
    for name, averaged in engine.averaged.items():
        kept = any(key.startswith(f"average.{name}.") for key in found.tensors)
        load_weights(averaged.module, f"{'average' if kept else 'game'}.{name}.", found.tensors)
    return f"start      from the weights of {path} after round {found.round:,}"
