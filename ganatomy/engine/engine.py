"""The one loop. It plays any game and names none.

A turn is played so: freeze everyone but the movers; for each accumulated part of the batch run the turn's terms under
autocast and call backward on their sum; average the gradients over processes; clip; step; record what the terms were.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError, unknown
from ganatomy.core.game import Batch, Game, Play, Terms, Turn
from ganatomy.core.observer import Moment, Observer
from ganatomy.core.randomness import CPU, Draws, Key, reseed_default_generator
from ganatomy.core.recipe import Precision
from ganatomy.distributed import processes
from ganatomy.engine.average import AveragedPlayer, ExponentialAverage
from ganatomy.engine.ledger import Ledger, NonFiniteError
from ganatomy.engine.optimizers import Optimizer
from ganatomy.engine.precision import autocast, is_out_of_memory, resolved, weights_dtype


class Feed(Protocol):
    """Batches by number: batch n is always the same, whoever asks and whatever came before."""

    def batch(self, number: int, size: int, rows: slice | None = None) -> tuple[Tensor, Tensor | None]:
        """x: [rows, C, H, W] in [-1, 1]; y: [rows] or None."""


@dataclass(frozen=True)
class Settings:
    """What the engine needs to know beside the players: all of it stands in the recipe."""

    batch: int
    accumulate: int = 1
    seed: int = 0
    precision: Precision = "auto"
    log_every: int = 1_000  # images

    def parts(self) -> int:
        return self.accumulate * processes.world()


class Engine:
    """Plays a game on a feed, from any state it is given, and tells observers."""

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
        self.precision = resolved(settings.precision, device)
        self.game = game.to(device, weights_dtype(self.precision)).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.players: dict[str, nn.Module] = {name: game.get_submodule(name) for name in optimizers}
        self.optimizers = dict(optimizers)
        self.steppers = {name: how.make(self.players[name].parameters()) for name, how in optimizers.items()}
        self.average = average
        for name in average.players if average else ():
            if name not in self.players:
                raise unknown("player to average", name, self.players)
        self.averaged = {name: AveragedPlayer(self.players[name]) for name in (average.players if average else ())}
        self.feed, self.held_out, self.settings, self.device = feed, held_out, settings, device
        self.observers = list(observers)
        self.ledger = Ledger()
        self.round = 0
        self.drawn = 0  # batches drawn from the feed
        self.seconds = 0.0
        self._last: tuple[int, list[tuple[Tensor, Tensor | None]]] = (-1, [])

    @property
    def images(self) -> int:
        """Real images shown so far."""
        return self.drawn * self.settings.batch

    def play(self, until: int, stop: Callable[[], bool] = lambda: False) -> None:
        """Play whole rounds until `until` images were shown, or `stop` says so."""
        moment = Moment(self.round, self.images, self.seconds, self.images)
        for observer in self.observers:
            observer.begin(moment)
        while self.images < until and not stop():
            moment = self._timed_round()
            if moment.passed(self.settings.log_every):
                figures = {**self.learning_rates(), **self._means(), **self.on_held_out()}
                for observer in self.observers:
                    observer.figures(moment, figures)
            for observer in self.observers:
                observer.after_round(moment)
        for observer in self.observers:
            observer.end(moment)

    def _timed_round(self) -> Moment:
        before, start = self.images, time.perf_counter()
        try:
            self.play_round()
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise GanatomyError(self._what_would_fit()) from None
            raise
        self.seconds += time.perf_counter() - start
        return Moment(self.round, self.images, self.seconds, before)

    def play_round(self) -> None:
        """One round: every turn of the game's order, as often as it says."""
        before = self.images
        for number, turn in enumerate(self.game.order()):
            for repetition in range(turn.times):
                if turn.fresh:
                    self.drawn += 1
                self._take(turn, (self.settings.seed, self.round, number, repetition))
        self.round += 1
        if self.average:
            decay = self.average.decay(self.images, self.images - before)
            for averaged in self.averaged.values():
                averaged.update(decay)

    def _take(self, turn: Turn, key: Key) -> None:
        """One turn: exactly the movers move."""
        with only_moving(self.players, turn.movers):
            figures = self._gradients(turn, key)
            for mover in turn.movers:
                how, stepper = self.optimizers[mover], self.steppers[mover]
                parameters = list(self.players[mover].parameters())
                processes.average(p.grad for p in parameters if p.grad is not None)
                if how.clip is not None:
                    nn.utils.clip_grad_norm_(parameters, how.clip)
                for group in stepper.param_groups:
                    group["lr"] = how.lr * how.schedule.factor(self.images)
                stepper.step()
                stepper.zero_grad(set_to_none=True)
        self.ledger.record(self.round + 1, figures)

    def _gradients(self, turn: Turn, key: Key) -> dict[str, Tensor]:
        """Put the turn's gradients into the movers' `.grad`; return terms, notes, averaged over the batch's parts."""
        parts = self.settings.accumulate
        figures: dict[str, Tensor] = {}
        for part, batch in enumerate(self._batches(key)):
            reseed_default_generator(*key, part, processes.rank())
            with autocast(self.precision, self.device):
                terms = turn.terms(batch)
            grouped = grouped_by_movers(terms, turn.movers)
            for i, (movers, own) in enumerate(grouped.items()):
                self._backward(movers, own, parts, keep_graph=i + 1 < len(grouped), alone=len(grouped) == 1)
            named = {
                f"{'+'.join(movers)}/{name}": value for movers, own in grouped.items() for name, value in own.items()
            }
            named |= {f"{turn.movers[0]}/{name}": value for name, value in batch.play.notes.items()}
            for name, value in named.items():
                figures[name] = figures.get(name, 0) + value.detach() / parts
        return figures

    def _backward(self, movers: Sequence[str], terms: Terms, parts: int, *, keep_graph: bool, alone: bool) -> None:
        loss = torch.stack([*terms.values()]).sum() / parts
        if alone:
            loss.backward()
            return
        parameters = [p for mover in movers for p in self.players[mover].parameters()]
        gradients = torch.autograd.grad(loss, parameters, retain_graph=keep_graph, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient

    def _batches(self, key: Key) -> Iterator[Batch]:
        """This process' parts of the batch last drawn, each with its rows of the turn's draws."""
        size = self.settings.batch // self.settings.parts()
        first = processes.rank() * self.settings.accumulate
        rows = [slice((first + i) * size, (first + i + 1) * size) for i in range(self.settings.accumulate)]
        dtype = weights_dtype(self.precision)
        for (x, y), own in zip(self._data(rows), rows, strict=True):
            draws = Draws(key, own, self.settings.batch, self.device, dtype)
            yield Batch(x.to(dtype), y, Play(self.round, self.images, draws))

    def _data(self, rows: list[slice]) -> list[tuple[Tensor, Tensor | None]]:
        number = max(self.drawn - 1, 0)
        if self._last[0] != number:
            self._last = (number, [self.feed.batch(number, self.settings.batch, own) for own in rows])
        return self._last[1]

    def _means(self) -> dict[str, float]:
        try:
            return self.ledger.means()
        except NonFiniteError as error:
            raise self._explained(error) from None

    def learning_rates(self) -> dict[str, float]:
        return {
            f"learning_rate/{name}": how.lr * how.schedule.factor(self.images) for name, how in self.optimizers.items()
        }

    def _explained(self, error: NonFiniteError) -> NonFiniteError:
        hint = "a lower learning rate" + ("" if self.precision == "float32" else ", or precision=float32,")
        return NonFiniteError(f"{error}, so training stopped; no checkpoint was written over it. Perhaps {hint} helps.")

    @torch.no_grad()
    def on_held_out(self) -> dict[str, float]:
        """The game's figures on a batch of real images that nobody trained on; nothing of the run changes.

        Players are in training mode, as when the same figures are taken of training images: running batch-norm
        statistics are of real and generated images mixed, and say nothing of either.
        """
        if self.held_out is None:
            return {}
        key, dtype = (self.settings.seed, self.round, "held out"), weights_dtype(self.precision)
        batch, parts = self.settings.batch, self.settings.parts()
        buffers = [buffer.clone() for buffer in self.game.buffers()]
        reseed_default_generator(*key)
        figures: dict[str, float] = {}
        for part in range(parts):  # a whole batch may not fit
            rows = slice(part * batch // parts, (part + 1) * batch // parts)
            x, y = self.held_out.batch(self.round, batch, rows)
            draws = Draws(key, rows, batch, self.device, dtype)
            with autocast(self.precision, self.device):
                terms = self.game.held_out(Batch(x.to(dtype), y, Play(self.round, self.images, draws)))
            for name, value in terms.items():
                figures[f"held_out/{name}"] = figures.get(f"held_out/{name}", 0.0) + float(value) / parts
        for buffer, before in zip(self.game.buffers(), buffers, strict=True):
            buffer.copy_(before)
        return figures

    # ---- state: all that a later session needs to go on as if this one had never stopped

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by name, and what JSON can hold. A figure or weight that is not finite is an error."""
        try:
            rows = self.ledger.state()
        except NonFiniteError as error:
            raise self._explained(error) from None
        tensors = {f"game.{name}": value for name, value in self.game.state_dict().items()}
        for name, averaged in self.averaged.items():
            tensors |= {f"average.{name}.{key}": value for key, value in averaged.module.state_dict().items()}
        for name, stepper in self.steppers.items():
            for index, state in stepper.state_dict()["state"].items():
                tensors |= {f"optimizer.{name}.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
        for name, value in tensors.items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise self._explained(NonFiniteError(f"{name} is not finite after round {self.round}"))
        return tensors, {"round": self.round, "drawn": self.drawn, "seconds": self.seconds, "figures": rows}

    def restore(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        load(self.game, "game.", tensors)
        for name, averaged in self.averaged.items():
            load(averaged.module, f"average.{name}.", tensors)
        for name, stepper in self.steppers.items():
            load_stepper(stepper, under(tensors, f"optimizer.{name}."))
        self.round, self.drawn, self.seconds = int(state["round"]), int(state["drawn"]), float(state["seconds"])
        self.ledger.restore(state["figures"])
        self._last = (-1, [])

    # ---- memory

    def _what_would_fit(self) -> str:
        """After running out of memory: the accumulation that fits, found by trying, or that none does."""
        batch, asked = self.settings.batch, self.settings.accumulate
        failed = f"Out of memory with batch={batch} accumulate={asked}"
        for accumulate in range(asked + 1, batch + 1):
            if batch % (accumulate * processes.world()) == 0 and self._fits(accumulate):
                return f"{failed}; accumulate={accumulate} fits."
        return f"{failed}; one image at a time does not fit either: use a smaller width or size."

    def _fits(self, accumulate: int) -> bool:
        rows = slice(0, self.settings.batch // (accumulate * processes.world()))
        try:
            self.game.zero_grad(set_to_none=True)
            for number, turn in enumerate(self.game.order()):
                with only_moving(self.players, turn.movers):
                    x, y = self.feed.batch(0, self.settings.batch, rows)
                    draws = Draws(
                        (self.settings.seed, 0, number, 0),
                        rows,
                        self.settings.batch,
                        self.device,
                        weights_dtype(self.precision),
                    )
                    with autocast(self.precision, self.device):
                        terms = turn.terms(Batch(x.to(draws.dtype), y, Play(0, 0, draws)))
                    for own in grouped_by_movers(terms, turn.movers).values():
                        torch.stack([*own.values()]).sum().backward(retain_graph=True)
        except RuntimeError as error:
            if is_out_of_memory(error):
                return False
            raise
        finally:
            self.game.zero_grad(set_to_none=True)
        return True


@contextmanager
def only_moving(players: Mapping[str, nn.Module], movers: Sequence[str]) -> Iterator[None]:
    """Everyone but the movers is frozen, so a game never has to detach."""
    for name, player in players.items():
        player.requires_grad_(name in movers)
    try:
        yield
    finally:
        for player in players.values():
            player.requires_grad_(True)


def grouped_by_movers(terms: Any, movers: tuple[str, ...]) -> dict[tuple[str, ...], Terms]:
    """Terms per group of movers; plain terms belong to all of them."""
    if all(isinstance(key, str) for key in terms):
        return {movers: terms}
    return dict(terms)


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def load(module: nn.Module, prefix: str, tensors: Mapping[str, Tensor]) -> None:
    """A module's weights from under a prefix; a weight that is missing or of another shape is a one-line error."""
    own = under(tensors, prefix)
    wanted = module.state_dict()
    for name, value in wanted.items():
        if name not in own:
            raise GanatomyError(f"The checkpoint has no '{prefix}{name}': it is of another network.")
        if own[name].shape != value.shape:
            raise GanatomyError(
                f"'{prefix}{name}' is {list(own[name].shape)} in the checkpoint and {list(value.shape)} in the recipe."
            )
    module.load_state_dict(own)


def load_stepper(stepper: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """An optimizer's state from tensors named INDEX.KEY.

    Each takes its parameter's memory layout: fused optimizers walk through memory, and would pair the wrong numbers.
    """
    parameters = [p for group in stepper.param_groups for p in group["params"]]
    kept: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        alike = parameters[int(index)]
        laid_out = (
            torch.empty_like(alike, dtype=value.dtype).copy_(value) if value.shape == alike.shape else value.clone()
        )
        kept.setdefault(int(index), {})[key] = laid_out
    stepper.load_state_dict({"state": kept, "param_groups": stepper.state_dict()["param_groups"]})
