"""The training loop, for any game.

A turn: freeze everyone but the movers; for each micro-batch, compute the loss terms under autocast and call backward on
their sum; average gradients over processes; clip; step the movers' optimizers; apply the constraint; record the terms.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError, unknown
from ganatomy.core.float32 import without_tf32
from ganatomy.core.game import Batch, Game, Play, Terms, Turn
from ganatomy.core.observer import Moment, Observer
from ganatomy.core.randomness import CPU, Draws, Key, reseed_default_generator
from ganatomy.core.recipe import Precision
from ganatomy.distributed import processes
from ganatomy.distributed.batch_norm import all_here, share_batch_norms
from ganatomy.engine.average import AveragedPlayer, ExponentialAverage, batch_norms
from ganatomy.engine.cuda_graphs import Capture, CUDAGraphs, Figures, GraphedTurn
from ganatomy.engine.ledger import Ledger, NonFiniteError
from ganatomy.engine.optimizers import Optimizer, set_rate
from ganatomy.engine.precision import autocast, is_out_of_memory, resolved, wait_for, weights_dtype, widest


class Feed(Protocol):
    """Batches by number. Batch n is always the same, whatever was drawn before, so a resumed run sees the same data."""

    def batch(self, number: int, size: int, rows: slice | None = None) -> tuple[Tensor, Tensor | None]:
        """Batch `number` of `size` images, or only its `rows`. x: [n, C, H, W] in [-1, 1]; y: classes [n] or None."""


@dataclass(frozen=True)
class Settings:
    """How to train, as the recipe says.

    batch: images in a global batch, over all processes.
    accumulate: micro-batches per process, whose gradients are accumulated.
    log_every: images between two reports to observers.
    """

    batch: int
    accumulate: int = 1
    seed: int = 0
    precision: Precision = "auto"
    log_every: int = 1_000

    def parts(self) -> int:
        """Micro-batches in a global batch."""
        return self.accumulate * processes.world()


class Engine:
    """Plays a game round by round, from any state, and reports to observers.

    game: moved to the device, in channels-last memory; its players in training mode.
    optimizers: of each player that moves.
    feed: training images. held_out: images never trained on, for figures to compare with; None: no such figures.
    average: whose weights have a moving average, and how it is formed.

    Raises GanatomyError if the batch cannot be cut into equal micro-batches, or a player has nothing to train.
    """

    def __init__(
        self,
        game: Game,
        optimizers: Mapping[str, Optimizer],
        feed: Feed,
        settings: Settings,
        *,
        held_out: Feed | None = None,
        average: ExponentialAverage | None = None,
        device: torch.device = CPU,
        observers: Sequence[Observer] = (),
    ) -> None:
        if settings.batch % settings.parts():
            raise GanatomyError(
                f"A batch of {settings.batch} cannot be cut into {settings.parts()} equal parts "
                f"({processes.world()} processes x {settings.accumulate} accumulated)."
            )
        if settings.batch // settings.parts() < 2 and (comparing := compares_images(game)):
            raise GanatomyError(
                f"{comparing} needs two images in each part of a batch: raise batch or lower accumulate."
            )
        self.precision = resolved(settings.precision, device)
        if processes.world() > 1:
            share_batch_norms(game)
        self.game = game.to(device, weights_dtype(self.precision)).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.players: dict[str, nn.Module] = {name: game.get_submodule(name) for name in optimizers}
        self.trained = {  # what a network froze itself stays frozen
            name: [p for p in player.parameters() if p.requires_grad] for name, player in self.players.items()
        }
        for name, player in self.players.items():
            if not self.trained[name]:
                raise GanatomyError(f"{name} cannot learn: {type(player).__name__} has no weights that are not frozen.")
        self.optimizers = dict(optimizers)
        self.torch_optimizers = {name: how.make(self.trained[name]) for name, how in optimizers.items()}
        self.average = average
        self.averaged = {name: AveragedPlayer(self.players[name]) for name in (average.players if average else ())}
        self.feed, self.held_out, self.settings, self.device = feed, held_out, settings, device
        self.observers = list(observers)
        self.ledger = Ledger()
        alone = device.type == "cuda" and settings.parts() == 1
        self.capture: Capture | None = CUDAGraphs() if alone else None
        self.graphed: dict[tuple[int | str, tuple[str, ...]], GraphedTurn] = {}
        self.round = 0
        self.drawn = 0  # batches drawn from the feed
        self.seconds = 0.0
        self._last: tuple[int, list[tuple[Tensor, Tensor | None]]] = (-1, [])

    @property
    def images(self) -> int:
        """Real images shown so far."""
        return self.drawn * self.settings.batch

    def play(self, until: int, stop: Callable[[], bool] = lambda: False) -> None:
        """Play whole rounds until `until` real images were shown in all, or `stop` returns True."""
        moment = Moment(self.round, self.images, self.seconds, self.images)
        try:
            for observer in self.observers:
                observer.begin(moment)
            while self.images < until and not stop():
                moment = self._timed_round()
                if moment.passed(self.settings.log_every):
                    moment = self._caught_up(moment)
                    figures = {**self.learning_rates(), **self._means(), **self.on_held_out()}
                    for observer in self.observers:
                        observer.figures(moment, figures)
                for observer in self.observers:
                    observer.after_round(moment)
            moment = self._caught_up(moment)
            for observer in self.observers:
                observer.end(moment)
        finally:
            for observer in self.observers:
                observer.close()

    def _timed_round(self) -> Moment:
        before, start, short_of_memory = self.images, time.perf_counter(), False
        try:
            self.play_round()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            short_of_memory = True
        if short_of_memory:  # tried out here, where the failed turn's graph is gone
            raise GanatomyError(self._what_would_fit())
        if self.images == before:
            raise GanatomyError(
                f"{type(self.game).__name__} drew no images in a round: one of its turns must be fresh."
            )
        self.seconds += time.perf_counter() - start
        return Moment(self.round, self.images, self.seconds, before)

    def _caught_up(self, moment: Moment) -> Moment:
        """Wait until the device has finished; the moment, with the time of waiting counted as training."""
        start = time.perf_counter()
        wait_for(self.device)
        self.seconds += time.perf_counter() - start
        return replace(moment, seconds=self.seconds)

    def play_round(self) -> None:
        """One round: every turn of the game's order, then the moving averages."""
        before = self.images
        for number, turn in enumerate(self.game.order()):
            for repetition in range(turn.times):
                if turn.fresh:
                    self.drawn += 1
                self.play_turn(turn, (self.settings.seed, self.round, number, repetition))
        self.round += 1
        if self.average:
            decay = self.average.decay(self.images, self.images - before)
            for averaged in self.averaged.values():
                averaged.update(decay)

    def play_turn(self, turn: Turn, key: Key) -> None:
        """One turn, replayed from a CUDA graph where that is possible. Key: seed, round, turn, repetition."""
        for mover in turn.movers:
            if mover not in self.players:
                raise unknown("player", mover, self.players)
        for mover in turn.movers:
            set_rate(self.torch_optimizers[mover], self.optimizers[mover].rate(self.images))
        batches = self._batches(key)
        if turn.capturable and self.capture is not None:
            _, _, number, _ = key
            graphed = self.graphed.setdefault((number, turn.movers), GraphedTurn(self.capture))
            figures = graphed.play(lambda batch: self._played(turn, [batch]), next(batches))
        else:
            figures = self._played(turn, batches)
        self.ledger.record(self.round + 1, figures)

    def _played(self, turn: Turn, batches: Iterable[Batch]) -> Figures:
        """Gradients over the micro-batches, a step of every mover's optimizer, the constraint; the turn's figures."""
        with only_moving(self.trained, turn.movers), without_tf32():  # in the backward pass, too
            figures = self._gradients(turn, batches)
            for mover in turn.movers:
                clip, parameters = self.optimizers[mover].clip, self.trained[mover]
                processes.average(p.grad for p in parameters if p.grad is not None)
                if clip is not None:
                    nn.utils.clip_grad_norm_(parameters, clip)
                self.torch_optimizers[mover].step()
        self.game.constrain(turn.movers)
        return Figures(tuple(figures), torch.stack([value.reshape(()) for value in figures.values()]))

    def _gradients(self, turn: Turn, batches: Iterable[Batch]) -> dict[str, Tensor]:
        """Accumulate the turn's gradients in the movers' `.grad`; terms and notes, averaged over the micro-batches."""
        parts = self.settings.accumulate
        figures: dict[str, Tensor] = {}
        for batch in batches:
            with autocast(self.precision, self.device), all_here():
                terms = turn.terms(batch)
            grouped = grouped_by_movers(terms, turn.movers)
            for i, (movers, own) in enumerate(grouped.items()):
                loss = torch.stack([scalar(name, value) for name, value in own.items()]).sum() / parts
                if not loss.requires_grad:
                    raise GanatomyError(
                        f"{type(self.game).__name__}: {' + '.join(own)} does not depend on the weights of "
                        f"{' and '.join(movers)}; was something detached? The engine freezes whoever does not move."
                    )
                moving = [p for mover in movers for p in self.trained[mover]]
                loss.backward(inputs=moving, retain_graph=i + 1 < len(grouped))
            named = {
                f"{'+'.join(movers)}/{name}": value for movers, own in grouped.items() for name, value in own.items()
            }
            named |= {noted(name, turn.movers): value for name, value in batch.play.notes.items()}
            for name, value in named.items():
                figures[name] = figures.get(name, 0) + value.detach() / parts
        return figures

    def _batches(self, key: Key) -> Iterator[Batch]:
        """This process's micro-batches of the batch last drawn, each with its rows of the turn's random numbers.

        torch's default generators, which dropout uses, are reseeded before each.
        """
        rows = self._rows()
        for part, (drawn, own) in enumerate(zip(self._data(rows), rows, strict=True)):
            reseed_default_generator(*key, part, processes.rank())
            yield self._batch(key, own, drawn)

    def _batch(self, key: Key, rows: slice, drawn: tuple[Tensor, Tensor | None]) -> Batch:
        """A micro-batch; its images, those of a second domain too, in the precision of the weights."""
        dtype, (x, y) = weights_dtype(self.precision), drawn
        draws = Draws(key, rows, self.settings.batch, self.device, dtype)
        y = y.to(dtype) if y is not None and y.is_floating_point() else y
        return Batch(x.to(dtype), y, Play(self.round, self.images, draws))

    def _rows(self) -> list[slice]:
        """The rows of the global batch that each of this process's micro-batches has."""
        size = self.settings.batch // self.settings.parts()
        first = processes.rank() * self.settings.accumulate
        return [slice((first + i) * size, (first + i + 1) * size) for i in range(self.settings.accumulate)]

    def _data(self, rows: list[slice]) -> list[tuple[Tensor, Tensor | None]]:
        number = max(self.drawn - 1, 0)
        if self._last[0] != number:
            self._last = (number, [self.feed.batch(number, self.settings.batch, own) for own in rows])
        return self._last[1]

    def _means(self) -> dict[str, float]:
        self.check_finite()
        return self.ledger.means()

    def check_finite(self) -> None:
        """Read all recorded figures from the device. Raises NonFiniteError, which names the figure and its round."""
        try:
            self.ledger.read()
        except NonFiniteError as error:
            raise self._explained(error) from None

    def learning_rates(self) -> dict[str, float]:
        """Every player's current learning rate, by its name in the log."""
        return {f"learning_rate/{name}": how.rate(self.images) for name, how in self.optimizers.items()}

    def _explained(self, error: NonFiniteError) -> NonFiniteError:
        hint = "a lower learning rate" + ("" if self.precision == "float32" else ", or precision=float32,")
        return NonFiniteError(f"{error}, so training stopped; no checkpoint was written over it. Perhaps {hint} helps.")

    @torch.no_grad()
    def on_held_out(self) -> dict[str, float]:
        """The game's figures on a batch of held-out real images. The state of the run does not change.

        Players stay in training mode, so that the figures compare with those on training images: the running
        statistics of D's batch norm mix real and generated images, and fit neither. Each process computes its rows.
        """
        if self.held_out is None:
            return {}
        key, parts, dtype = (self.settings.seed, self.round, "held out"), self._rows(), widest(self.device)
        buffers = [buffer.clone() for buffer in self.game.buffers()]
        reseed_default_generator(*key)
        figures: dict[str, Tensor] = {}
        for rows in parts:
            batch = self._batch(key, rows, self.held_out.batch(self.round, self.settings.batch, rows))
            with autocast(self.precision, self.device), all_here(), without_tf32():
                terms = self.game.held_out(batch)
            for name, value in terms.items():
                figures[f"held_out/{name}"] = figures.get(f"held_out/{name}", 0) + value.to(dtype) / len(parts)
        for buffer, before in zip(self.game.buffers(), buffers, strict=True):
            buffer.copy_(before)
        if not figures:
            return {}
        means = torch.stack(list(figures.values()))  # read from the device once
        processes.average([means])
        return dict(zip(figures, means.tolist(), strict=True))

    # ---- state: all that a later session needs to go on as if this one had never stopped

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The run's state: tensors by name, and what JSON can hold. Raises NonFiniteError unless all is finite."""
        self.check_finite()
        rows = self.ledger.state()
        tensors = {f"game.{name}": value for name, value in self.game.state_dict().items()}
        for name, averaged in self.averaged.items():
            tensors |= {f"average.{name}.{key}": value for key, value in averaged.module.state_dict().items()}
        for name, optimizer in self.torch_optimizers.items():
            for index, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{name}.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
        for name, value in tensors.items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise self._explained(NonFiniteError(f"{name} is not finite after round {self.round}"))
        return tensors, {"round": self.round, "drawn": self.drawn, "seconds": self.seconds, "figures": rows}

    def restore(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned. Raises GanatomyError if it does not fit these players."""
        load_weights(self.game, "game.", tensors)
        for name, averaged in self.averaged.items():
            load_weights(averaged.module, f"average.{name}.", tensors)
        for name, optimizer in self.torch_optimizers.items():
            load_optimizer(optimizer, under(tensors, f"optimizer.{name}."))
        self.graphed.clear()  # their graphs read the old state
        self.round, self.drawn, self.seconds = int(state["round"]), int(state["drawn"]), float(state["seconds"])
        self.ledger.restore(state["figures"])
        self._last = (-1, [])

    # ---- memory

    def _what_would_fit(self) -> str:
        """The error after running out of memory: it names the smallest accumulation that fits, found by trying."""
        asked, batch = self.settings.accumulate, self.settings.batch
        failed = f"Out of memory with batch={batch} accumulate={asked}"
        if processes.world() > 1:  # trying needs all of them, and the others have not run out
            return f"{failed} on {processes.world()} processes; raise accumulate, or lower batch."
        smallest = 2 if compares_images(self.game) else 1
        for accumulate in range(asked + 1, batch // smallest + 1):
            if batch % (accumulate * processes.world()) == 0 and self._fits(accumulate):
                return f"{failed}; accumulate={accumulate} fits."
        return f"{failed}; no accumulation of it fits either: use a smaller width or picture size."

    def _fits(self, accumulate: int) -> bool:
        """Whether every turn's gradients fit into memory with so many micro-batches. It spends the engine's state."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.settings, self._last = replace(self.settings, accumulate=accumulate), (-1, [])
        self.graphed.clear()
        try:
            for number, turn in enumerate(self.game.order()):
                with only_moving(self.trained, turn.movers):
                    self._gradients(turn, self._batches((self.settings.seed, self.round, number, 0)))
        except RuntimeError as error:
            if is_out_of_memory(error):
                return False
            raise
        finally:
            self.game.zero_grad(set_to_none=True)
        return True


@contextmanager
def only_moving(trained: Mapping[str, Sequence[nn.Parameter]], movers: Sequence[str]) -> Iterator[None]:
    """Freeze the parameters of everyone but the movers, and drop all gradients at the end: games never detach."""
    for name, parameters in trained.items():
        for parameter in parameters:
            parameter.requires_grad_(name in movers)
    try:
        yield
    finally:
        for parameters in trained.values():
            for parameter in parameters:
                parameter.requires_grad_(True)
                parameter.grad = None


def compares_images(game: Game) -> str | None:
    """What of a game compares the images of a batch, so that one alone tells it nothing; None: nothing does."""
    if batch_norms(game):
        return "Batch norm"
    return next((what for m in game.modules() if (what := getattr(m, "compares_images", None))), None)


def scalar(name: str, value: Tensor) -> Tensor:
    """A term, checked to be a scalar. Raises GanatomyError otherwise."""
    if value.dim():
        raise GanatomyError(f"The term '{name}' must be a scalar; it is {list(value.shape)}.")
    return value


def grouped_by_movers(terms: Any, movers: tuple[str, ...]) -> dict[tuple[str, ...], Terms]:
    """Terms per group of movers; plain terms belong to all of them."""
    if all(isinstance(key, str) for key in terms):
        return {movers: terms}
    return dict(terms)


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def noted(name: str, movers: Sequence[str]) -> str:
    """The name a note is logged under: that of the player it begins with, or else of the first mover.

    >>> noted("accuracy_real", ["D"]), noted("D_Y_accuracy_real", ["D_X", "D_Y"])
    ('D/accuracy_real', 'D_Y/accuracy_real')
    """
    owner = next((mover for mover in movers if name.startswith(f"{mover}_")), None)
    return f"{movers[0]}/{name}" if owner is None else f"{owner}/{name.removeprefix(f'{owner}_')}"


def load_weights(module: nn.Module, prefix: str, tensors: Mapping[str, Tensor]) -> None:
    """Load a module's weights, stored under a prefix. Raises GanatomyError for a missing, extra or misshapen one."""
    own = under(tensors, prefix)
    wanted = module.state_dict()
    for name in own:
        if name not in wanted:
            raise GanatomyError(
                f"The recipe has no '{prefix}{name}', which the checkpoint has: it is of another network."
            )
    for name, value in wanted.items():
        if name not in own:
            raise GanatomyError(f"The checkpoint has no '{prefix}{name}': it is of another network.")
        if own[name].shape != value.shape:
            raise GanatomyError(
                f"'{prefix}{name}' is {list(own[name].shape)} in the checkpoint and {list(value.shape)} in the recipe."
            )
    module.load_state_dict(own)


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Load an optimizer's state from tensors named INDEX.KEY.

    Each gets the memory layout of its parameter: fused optimizers iterate over raw memory, and would otherwise pair the
    wrong elements.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    kept: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        alike = parameters[int(index)]
        laid_out = (
            torch.empty_like(alike, dtype=value.dtype).copy_(value) if value.shape == alike.shape else value.clone()
        )
        kept.setdefault(int(index), {})[key] = laid_out
    optimizer.load_state_dict({"state": kept, "param_groups": optimizer.state_dict()["param_groups"]})
