"""Our features beside torch-fidelity's: `python -m benchmarks.metrics`.

Same random weights, same images, same machine, in turns: the ratio of images a second, and how far the features agree.
Beside it what statistics of 50,000 x 2048 features take in memory, without and with the 1,008 probabilities of each
that the Inception Score wants, and the arithmetic of the Fréchet distance in time. torch-fidelity comes with the
extra `dev`.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.training import resident_megabytes
from ganatomy.experiments.statistics import STEP
from ganatomy.metrics.extractors import Extractor, Inception, Look
from ganatomy.metrics.frechet import frechet_distance
from ganatomy.metrics.measured import statistics_of
from ganatomy.metrics.moments import Moments
from ganatomy.networks.inception import InceptionV3
from ganatomy.runs.environment import cpu_model

SIZE, CLASSES, ROWS = 2048, 1008, 50_000
LAST = (
    *("Mixed_7c.branch1x1.", "Mixed_7c.branch3x3_2a.", "Mixed_7c.branch3x3_2b."),
    *("Mixed_7c.branch3x3dbl_3a.", "Mixed_7c.branch3x3dbl_3b.", "Mixed_7c.branch_pool."),
)  # whose outputs are the features


def random_weights(folder: Path) -> Path:
    """Weights that keep signals alive through 94 layers, under the public names; pool features are at most about 3.

    With larger ones the kernel distance, cubic in them, is in the hundreds, where rounding hides what 1e-4 would show.
    """
    torch.manual_seed(0)
    network = InceptionV3()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("conv.weight"):
                value.normal_(0, (2 / value[0].numel()) ** 0.5)
            elif name.endswith("running_var") or name.endswith("bn.weight"):
                value.uniform_(0.8, 1.2)
            elif name.endswith("running_mean") or name.endswith("bn.bias"):
                value.normal_(0, 0.1)
            if name.startswith(LAST) and name.endswith(("bn.weight", "bn.bias")):
                value.mul_(0.25)
        network.fc.weight.mul_(4)
        network.fc.bias.normal_(0, 1)  # so that logits with it and without it differ
    torch.save(network.state_dict(), folder / "random.pth")
    return folder / "random.pth"


def stand_in_for_torchvision() -> torch.library.Library:
    """Two operators that its import wants and a CPU-only torch lacks; nobody calls them. They live as long as this."""
    operators = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return operators


def torch_fidelity(weights: Path) -> Callable[[torch.Tensor], Any]:
    """Its extractor, which imports torchvision."""
    operators = stand_in_for_torchvision()
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3("theirs", ["2048"], feature_extractor_weights_path=str(weights))
    network.operators = operators
    return network


def compare(images: np.ndarray, repeats: int) -> None:
    """Print the ratio of speeds, and the largest difference of features relative to their largest value."""
    with tempfile.TemporaryDirectory() as folder:
        weights = random_weights(Path(folder))
        ours, theirs = Inception(weights), torch_fidelity(weights)
    as_theirs = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()

    def by_them() -> np.ndarray:
        with torch.inference_mode():
            return torch.cat([theirs(part)[0] for part in as_theirs.split(32)]).numpy()

    def by_us() -> np.ndarray:
        return ours.look(images).features

    apart = np.abs(by_us() - (wanted := by_them())).max() / np.abs(wanted).max()
    speeds: dict[str, list[float]] = {"us": [], "them": []}
    for _ in range(repeats):
        for who, look in (("us", by_us), ("them", by_them)):
            start = time.perf_counter()
            look()
            speeds[who].append(len(images) / (time.perf_counter() - start))
    ratios = [a / b for a, b in zip(speeds["us"], speeds["them"], strict=True)]
    print(
        f"features: ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f} in {repeats}); "
        f"ours {statistics.median(speeds['us']):.1f} images/s, torch-fidelity {statistics.median(speeds['them']):.1f}; "
        f"largest difference {apart:.1e} of the largest feature",
        flush=True,
    )


class Made(Extractor):
    """Random features and probabilities, of the kinds of numbers that Inception gives, without looking."""

    def __init__(self) -> None:
        self.draw = np.random.default_rng(0)

    def look(self, images: np.ndarray) -> Look:
        features = self.draw.standard_normal((len(images), SIZE), dtype=np.float32)
        return Look(features, self.draw.dirichlet(np.ones(CLASSES), len(images)))

    def facts(self) -> dict[str, Any]:
        return {"extractor": "made"}


def statistics_in_parts(rows: int, metrics: Sequence[str]) -> float:
    """MB that a process came to hold for statistics of images that come in parts."""
    before = resident_megabytes()
    parts = (np.empty((min(STEP, rows - start), 1, 1, 3), np.uint8) for start in range(0, rows, STEP))
    seen = statistics_of(parts, Made(), metrics)
    assert seen.count == rows and (seen.probabilities is None) == ("is" not in metrics)
    return resident_megabytes() - before


def arithmetic(size: int) -> float:
    """Seconds for one Fréchet distance."""
    draw = np.random.default_rng(0)
    a, b = (Moments.of(draw.standard_normal((2 * size, size))) for _ in range(2))
    start = time.perf_counter()
    frechet_distance(a, b)
    return time.perf_counter() - start


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=64, help="in a turn")
    parser.add_argument("--repeats", type=int, default=5, help="turns, of which the median counts")
    asked = parser.parse_args(words)
    print(f"{cpu_model()}, {torch.get_num_threads()} threads, torch {torch.__version__}", flush=True)
    compare(np.random.default_rng(0).integers(0, 256, (asked.images, 32, 32, 3)).astype(np.uint8), asked.repeats)
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:  # each with a memory of its own
        plain, full = (pool.apply(statistics_in_parts, (ROWS, metrics)) for metrics in (("fid", "kid"), ("fid", "is")))
    print(
        f"statistics of {ROWS:,} x {SIZE}: {plain:,.0f} MB, with probabilities {full:,.0f} MB; "
        f"Fréchet distance: {arithmetic(SIZE):.1f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
