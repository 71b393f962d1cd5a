"""Our engine beside the usual loop: `python -m benchmarks.training`.

The usual loop is written the way PyTorch's own DCGAN example is (pytorch/examples, dcgan/main.py, BSD-3-Clause):
float32, torch's own layers (its dropout too) and default memory layout, plain Adam, real and generated images through
D one after the other, the same generated images for G; fed from a tensor that is already in memory. If the recipe has
them, G's further steps are on fresh noise, and R1 is of D's pass over the real images. Networks, batch and images are
the same. The two play in turns, so that a machine that slows down slows both, and the ratio is of the two halves of one
turn.

`--overhead` tells instead what the engine adds to the networks' own work: feed, averaging, and logging, which is
keeping the figures, reading them, those of held-out images, and writing all of it to metrics.jsonl and for TensorBoard.
"""

import argparse
import math
import multiprocessing
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.module_tracker import ModuleTracker

import ganatomy.recipes
from ganatomy.core.errors import GanatomyError
from ganatomy.core.recipe import Recipe, find_recipe
from ganatomy.core.shape import Shape
from ganatomy.data.images import ImageSet, Split
from ganatomy.engine.engine import Engine
from ganatomy.engine.precision import find_device
from ganatomy.experiments.build import build_engine, build_players
from ganatomy.experiments.observers import FigureLog, TensorBoard
from ganatomy.networks.layers import Dropout, ToPicture
from ganatomy.objectives.penalties import R1
from ganatomy.runs.environment import cpu_model
from ganatomy.runs.folder import RunFolder

IMAGES = 2_048
SECONDS = 4.0  # that each side plays in a turn, about
OBSERVATIONS = 5  # that --overhead waits for: without one, logging costs nothing
assert ganatomy.recipes


@dataclass(frozen=True)
class Case:
    """A recipe's players and batch on random images of a shape."""

    recipe: str
    shape: Shape
    batch: int

    def build(self) -> tuple[Recipe, ImageSet]:
        size = (IMAGES, self.shape.height, self.shape.width, self.shape.channels)
        split = Split(np.random.default_rng(0).integers(0, 256, size, np.uint8), None)
        images = ImageSet(split, split.first(self.batch), None, self.shape, "random", "random")
        return find_recipe(self.recipe).replace(batch=self.batch), images


CASES = {
    "celeba64-dcgan": Case("celeba64-dcgan", Shape(3, 64, 64), 128),  # 64 to 512 maps in both players
    "mnist-dcgan-medium": Case("mnist-dcgan-medium", Shape(1, 28, 28), 64),  # two steps of G, R1 in one of 16 rounds
    "mnist-dcgan-medium-report": Case("mnist-dcgan-medium-report", Shape(1, 28, 28), 64),
    "cifar10-dcgan": Case("cifar10-dcgan", Shape(3, 32, 32), 64),
}


class UsualLoop:
    """One round at a time of PyTorch's DCGAN example, with the recipe's steps of G and its R1."""

    def __init__(self, recipe: Recipe, data: ImageSet, device: torch.device) -> None:
        players = build_players(recipe, data.shape, None)
        self.G, self.D = (with_torchs_own_layers(players[name]).to(device).train() for name in ("G", "D"))
        settings = {name: recipe.optimizers[name].settings for name in ("G", "D")}
        self.optimizers = {
            name: torch.optim.Adam(player.parameters(), lr=own["lr"], betas=(own["beta1"], own["beta2"]))
            for name, player, own in (("G", self.G, settings["G"]), ("D", self.D, settings["D"]))
        }
        pixels = torch.from_numpy(data.train.images).permute(0, 3, 1, 2).float().div(127.5).sub(1)
        self.images, self.batch = pixels.contiguous().to(device), recipe.batch
        self.latent = recipe.players["G"].settings["latent"]
        self.device, self.criterion = device, nn.BCEWithLogitsLoss()
        self.g_steps, self.r1 = recipe.game.settings["g_steps"], find_r1(recipe)
        self.round = 0

    def play_round(self) -> None:
        first = self.round * self.batch % (len(self.images) - self.batch + 1)
        real = self.images[first : first + self.batch]
        ones, zeros = torch.ones(self.batch, device=self.device), torch.zeros(self.batch, device=self.device)
        self.D.zero_grad()
        self.loss_of_real(real, ones).backward()
        fake = self.generate()
        self.criterion(self.D(fake.detach()), zeros).backward()
        self.optimizers["D"].step()
        for step in range(self.g_steps):
            self.G.zero_grad()
            self.criterion(self.D(self.generate() if step else fake), ones).backward()
            self.optimizers["G"].step()
        self.round += 1

    def generate(self) -> Tensor:
        return self.G(torch.randn((self.batch, self.latent), device=self.device))

    def loss_of_real(self, real: Tensor, ones: Tensor) -> Tensor:
        if self.r1 is None or self.round % self.r1["every"]:
            return self.criterion(self.D(real), ones)
        real = real.clone().requires_grad_()
        scores = self.D(real)
        (gradient,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
        penalty = gradient.square().sum((1, 2, 3)).mean()
        return self.criterion(scores, ones) + self.r1["gamma"] / 2 * self.r1["every"] * penalty


def find_r1(recipe: Recipe) -> Mapping[str, Any] | None:
    """The settings of the recipe's R1, the only penalty that the usual loop knows; None without one."""
    penalties = recipe.game.settings["penalties"]
    assert all(penalty.part is R1 for penalty in penalties)
    return penalties[0].settings if penalties else None


def period(recipe: Recipe) -> int:
    """After so many rounds the recipe's work repeats."""
    r1 = find_r1(recipe)
    return r1["every"] if r1 else 1


def with_torchs_own_layers(network: nn.Module) -> nn.Module:
    """The network with torch's dropout and default memory layout; in float32 our convolutions are torch's already."""
    for name, module in list(network.named_modules()):
        if isinstance(module, Dropout):
            network.set_submodule(name, nn.Dropout(module.p))
        elif isinstance(module, ToPicture):
            height, width, channels = module.size
            network.set_submodule(name, nn.Unflatten(1, (channels, height, width)))
    return network


def sides(case: Case, device: torch.device) -> dict[str, UsualLoop | Engine]:
    recipe, data = case.build()
    return {"engine": build_engine(recipe, data, device), "usual": UsualLoop(recipe, data, device)}


def rounds_of_a_turn(plays: UsualLoop | Engine, period: int, device: torch.device) -> int:
    """The multiple of the period that takes about `SECONDS`; two rounds at least."""
    timed(plays.play_round, period + 1, device)
    periods = max(1, math.ceil(2 / period))
    seconds = timed(plays.play_round, periods * period, device) / periods
    return max(periods, round(SECONDS / seconds)) * period


def timed(play_round: Callable[[], None], rounds: int, device: torch.device) -> float:
    """Seconds for so many rounds."""
    start = time.perf_counter()
    for _ in range(rounds):
        play_round()
    settled(device)
    return time.perf_counter() - start


def settled(device: torch.device) -> None:
    """Wait for what was asked of the device."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def compare(name: str, case: Case, device: torch.device, repeats: int, rate: float) -> None:
    """Print one case: the ratio, both speeds, what share of the machine's matrix products each reaches, and memory."""
    both = sides(case, device)
    flops = operations(case)
    every = period(find_recipe(case.recipe))
    rounds = {side: rounds_of_a_turn(plays, every, device) for side, plays in both.items()}
    speeds: dict[str, list[float]] = {side: [] for side in both}
    for _ in range(repeats):
        for side, plays in both.items():
            speeds[side].append(rounds[side] * case.batch / timed(plays.play_round, rounds[side], device))
    ratios = [ours / usual for ours, usual in zip(speeds["engine"], speeds["usual"], strict=True)]
    ours, usual = (statistics.median(speeds[side]) for side in ("engine", "usual"))
    shares = {side: statistics.median(speeds[side]) * flops[side] / case.batch / rate for side in both}
    memory = {side: peak_memory(name, side, device) for side in both}
    print(
        f"{name}: ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f} in {repeats}); "
        f"engine {ours:,.0f} images/s, usual loop {usual:,.0f}; of the matrix-product rate "
        f"{shares['engine']:.0%} and {shares['usual']:.0%}; peak memory {memory['engine']:,.0f} MB and "
        f"{memory['usual']:,.0f} MB",
        flush=True,
    )


def operations(case: Case) -> dict[str, float]:
    """Floating-point operations of a round of each side, counted in float32 on the CPU; the mean of a period's."""
    recipe, data = case.build()
    rounds = period(recipe)
    counted = {}
    for side, plays in sides_on_cpu(recipe, data).items():
        counter = FlopCounterMode(display=False)
        counter.mod_tracker = WithoutModules()
        with counter:
            for _ in range(rounds):
                plays.play_round()
        counted[side] = counter.get_total_flops() / rounds
    return counted


class WithoutModules(ModuleTracker):
    """Counts for no module by itself: torch's tracker of them cannot follow the gradients that R1 asks for."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def sides_on_cpu(recipe: Recipe, data: ImageSet) -> dict[str, UsualLoop | Engine]:
    cpu = torch.device("cpu")
    return {
        "engine": build_engine(recipe.replace(precision="float32"), data, cpu),
        "usual": UsualLoop(recipe, data, cpu),
    }


def matrix_product_rate(device: torch.device, size: int = 2048) -> float:
    """The most floating-point operations a second that this machine was seen to make, in the better precision."""
    best = 0.0
    for dtype in (torch.float32, torch.bfloat16):
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        seconds = min(timed(lambda a=a, b=b: a @ b, 1, device) for _ in range(8))  # type: ignore[misc]
        best = max(best, 2 * size**3 / seconds)
    return best


def peak_memory(name: str, side: str, device: torch.device) -> float:
    """MB: what a process of its own came to hold that played three rounds, less what it held before."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_memory, (name, side, device.type))


def _peak_memory(name: str, side: str, kind: str) -> float:
    device = torch.device(kind)
    before = resident_megabytes()
    plays = sides(CASES[name], device)[side]
    for _ in range(3):
        plays.play_round()
    if kind == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    return resident_megabytes() - before


def resident_megabytes() -> float:
    """The most that this process ever held."""
    status = Path("/proc/self/status")
    if status.exists():  # `getrusage` begins with what the parent held
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1e3
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def overhead(name: str, case: Case, device: torch.device) -> None:
    """Print what share of the engine's time the feed, the averaging and the logging take."""
    recipe, data = case.build()
    spent = {"feed": 0.0, "averaging": 0.0, "logging": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        engine = build_engine(recipe, data, device, [FigureLog(run), TensorBoard(run)])
        engine.play(until=4 * case.batch)
        engine.feed.batch = clocked(engine.feed.batch, "feed", spent, device)  # type: ignore[method-assign]
        for averaged in engine.averaged.values():
            averaged.update = clocked(averaged.update, "averaging", spent, device)  # type: ignore[method-assign]
        engine.ledger.record = clocked(engine.ledger.record, "logging", spent, device)  # type: ignore[method-assign]
        engine._means = clocked(engine._means, "logging", spent, device)  # type: ignore[method-assign]
        engine.on_held_out = clocked(engine.on_held_out, "logging", spent, device)  # type: ignore[method-assign]
        for observer in engine.observers:
            observer.figures = clocked(observer.figures, "logging", spent, device)  # type: ignore[method-assign]
        begun, observed = engine.images, OBSERVATIONS * recipe.watch.settings["log"]
        start = time.perf_counter()

        def enough() -> bool:
            return time.perf_counter() - start > 3 * SECONDS and engine.images - begun >= observed

        engine.play(until=10**12, stop=enough)
        seconds = time.perf_counter() - start
    shares = ", ".join(f"{what} {part / seconds:.2%}" for what, part in spent.items())
    print(f"{name}: overhead {sum(spent.values()) / seconds:.2%} of a round ({shares})", flush=True)


def clocked(
    function: Callable[..., Any], what: str, spent: dict[str, float], device: torch.device
) -> Callable[..., Any]:
    """The function, with its time added to `spent[what]`."""

    def wrapped(*arguments: Any, **named: Any) -> Any:
        settled(device)
        start = time.perf_counter()
        result = function(*arguments, **named)
        settled(device)
        spent[what] += time.perf_counter() - start
        return result

    return wrapped


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all unless said")
    parser.add_argument("--overhead", action="store_true", help="what feed, averaging and logging cost")
    parser.add_argument("--repeats", type=int, default=5, help="turns, of which the median counts")
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args(words)
    for name in asked.cases:
        if name not in CASES:
            parser.error(f"no case called '{name}'; there are: {', '.join(CASES)}")
    if asked.repeats < 1:
        parser.error(f"--repeats {asked.repeats}: at least one turn, please")
    try:
        device = find_device(asked.device)
    except GanatomyError as error:
        parser.error(str(error))
    rate = matrix_product_rate(device)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_model()
    print(
        f"{where}, {torch.get_num_threads()} threads, torch {torch.__version__}; {rate / 1e9:,.0f} GFLOP/s", flush=True
    )
    for name in asked.cases or CASES:
        if asked.overhead:
            overhead(name, CASES[name], device)
        else:
            compare(name, CASES[name], device, asked.repeats, rate)


if __name__ == "__main__":
    main()
