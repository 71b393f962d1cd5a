"""Our features beside torch-fidelity's: `python -m benchmarks.metrics`.

Same random weights, same images, same machine, in turns: the ratio of images a second, and how far the features agree.
Beside it what statistics of 50,000 x 2048 features take in memory, and the arithmetic of the Fréchet distance in time.
torch-fidelity comes with the extra `dev`.
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
from ganatomy.metrics.extractors import Inception
from ganatomy.metrics.frechet import frechet_distance
from ganatomy.metrics.moments import Moments
from ganatomy.networks.inception import InceptionV3
from ganatomy.runs.environment import cpu_model

SIZE, ROWS = 2048, 50_000


def random_weights(folder: Path) -> Path:
    """Weights that keep signals alive through 94 layers, under the public names."""
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


def moments_in_parts(rows: int, size: int) -> float:
    """MB that a process came to hold for the moments of rows that come in parts."""
    before = resident_megabytes()
    moments, draw = Moments(size), np.random.default_rng(0)
    for start in range(0, rows, 512):
        moments.update(draw.standard_normal((min(512, rows - start), size), dtype=np.float32))
    assert moments.count == rows
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
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        held = pool.apply(moments_in_parts, (ROWS, SIZE))
    print(f"statistics of {ROWS:,} x {SIZE}: {held:,.0f} MB; Fréchet distance: {arithmetic(SIZE):.1f} s", flush=True)


if __name__ == "__main__":
    main()
