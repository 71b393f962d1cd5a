"""What a trained translator is for: watching it on the same pictures, and translating files of any size.

A picture is mirrored outwards to a size its network takes, translated whole, and cut back. Where it is too large for
memory it is cut into tiles, all normalized by the statistics of one look at the whole, so that they do not differ in
tone.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import batch_norm, interpolate

from ganatomy.core.errors import GanatomyError, near, one_line
from ganatomy.core.observer import Moment, Observer
from ganatomy.core.players import Translator
from ganatomy.core.watch import Watch
from ganatomy.data.decoding import Channels, Encoded, Preparation, Unreadable, decode
from ganatomy.data.feed import free_bytes, to_uint8, to_unit
from ganatomy.data.unpaired import UnpairedFeed, UnpairedSet, unpaired_feed
from ganatomy.engine.engine import Engine
from ganatomy.experiments.run import Run, Weights, Which
from ganatomy.metrics.moments import Array
from ganatomy.report.grid import grid
from ganatomy.report.png import write_png
from ganatomy.runs.folder import RunFolder

WATCHED = 6  # pictures of each domain
COLUMNS = ("real", "translated", "reconstructed", "identity")
ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"})
BYTES_PER_PIXEL = 6_000  # that the widest translator here holds at a time, about
MARGIN = 64  # pixels around a tile that are translated with it and thrown away
CPU = torch.device("cpu")


class TranslationGrids(Observer):
    """samples/IMAGES.png: the same held-out pictures of both domains, translated, reconstructed, and left alone."""

    def __init__(self, folder: RunFolder, watch: Watch, engine: Engine, data: UnpairedSet, seed: int) -> None:
        self.folder, self.watch, self.engine, self.names = folder, watch, engine, data.names
        feed: UnpairedFeed = unpaired_feed(data, "held_out", seed=seed, device=engine.device)
        self.x, self.y = feed.batch(0, WATCHED)

    def begin(self, moment: Moment) -> None:
        if moment.images == 0 and self.watch.grid:
            self.draw(moment.images)

    def after_round(self, moment: Moment) -> None:
        if moment.passed(self.watch.grid):
            self.draw(moment.images)

    def end(self, moment: Moment) -> None:
        if self.watch.grid:
            self.draw(moment.images)

    @torch.no_grad()
    def draw(self, images: int) -> None:
        G, F = (averaged_or_not(self.engine, name) for name in ("G", "F"))
        rows = [columns_of(self.x, G, F), columns_of(self.y, F, G)]
        pictures = np.concatenate([to_uint8(torch.stack(row, 1).flatten(0, 1)) for row in rows])
        names = [name for name in self.names for _ in range(WATCHED)]
        page = grid(pictures, columns=len(COLUMNS), row_names=names, column_names=COLUMNS)
        write_png(self.folder.samples / f"{images:010}.png", page)


def columns_of(x: Tensor, there: nn.Module, back: nn.Module) -> list[Tensor]:
    """Real, translated, reconstructed; and what the translator into their own domain makes of them."""
    translated = there(x)
    return [x.cpu().float(), *(out.cpu().float() for out in (translated, back(translated), back(x)))]


def averaged_or_not(engine: Engine, name: str) -> nn.Module:
    if name in engine.averaged:
        return engine.averaged[name].module
    return copy.deepcopy(engine.players[name]).eval()


def translator_of(
    run: Run, to: str, *, weights: Weights = "average", checkpoint: Which = "last"
) -> tuple[Translator, str]:
    """The player of a run that translates into a domain, by the domain's name or its letter, and that name."""
    names = run.checkpoint(checkpoint).state["data"].get("domains")
    if names is None:
        raise GanatomyError(f"{run.path} holds no translator: it was not trained on two domains.")
    players = {"X": "F", "Y": "G", names[0]: "F", names[1]: "G"}
    found = next((name for name in players if name.lower() == to.lower()), None)
    if found is None:
        raise GanatomyError(f"This run does not translate to '{to}'. {near(to, dict.fromkeys([*names, 'X', 'Y']))}")
    name = players[found]
    kept: Weights = weights if run.averages(name) else "raw"
    player = run.player(name, weights=kept, checkpoint=checkpoint)
    assert isinstance(player, Translator)
    return player, names[1] if name == "G" else names[0]


@torch.inference_mode()
def translated(translator: Translator, image: Array, tile: int | None = None) -> Array:
    """uint8 [H, W, C] of any size to uint8 of the same size. `tile`: the side of tiles; None: whole where it fits."""
    height, width = image.shape[:2]
    smallest = 2 * translator.multiple
    target = [max(smallest, -(-size // translator.multiple) * translator.multiple) for size in (height, width)]
    x = mirrored(to_unit(image[None]), target[0] - height, target[1] - width)
    if tile is None and target[0] * target[1] * BYTES_PER_PIXEL <= free_bytes(CPU) // 2:
        return to_uint8(translator(x)[:, :, :height, :width])[0]
    side = max(smallest, (tile or tile_that_fits(translator)) // translator.multiple * translator.multiple)
    with statistics_of_whole(translator, x, side + 2 * MARGIN):
        return to_uint8(by_tiles(translator, x, side)[:, :, :height, :width])[0]


def tile_that_fits(translator: Translator) -> int:
    pixels = free_bytes(CPU) // 2 // BYTES_PER_PIXEL
    return max(translator.multiple, int(pixels**0.5) - 2 * MARGIN)


def mirrored(x: Tensor, down: int, right: int) -> Tensor:
    """Pictures grown at the bottom and the right by their mirror image, again and again where they are small."""
    for axis, more in ((2, down), (3, right)):
        size = x.shape[axis]
        if more:
            period = max(1, 2 * (size - 1))
            place = torch.arange(size + more) % period
            x = x.index_select(axis, torch.where(place < size, place, period - place))
    return x


def by_tiles(translator: Translator, x: Tensor, side: int) -> Tensor:
    """Tiles of so many pixels, each translated with a margin around it."""
    out = torch.empty_like(x)
    step = translator.multiple
    margin = -(-MARGIN // step) * step
    for top in range(0, x.shape[2], side):
        for left in range(0, x.shape[3], side):
            bottom, right = min(top + side, x.shape[2]), min(left + side, x.shape[3])
            above, beside = max(0, top - margin), max(0, left - margin)
            below, beyond = min(x.shape[2], bottom + margin), min(x.shape[3], right + margin)
            made = translator(x[:, :, above:below, beside:beyond])
            inner = made[:, :, top - above : bottom - above, left - beside : right - beside]
            out[:, :, top:bottom, left:right] = inner
    return out


@contextmanager
def statistics_of_whole(translator: Translator, x: Tensor, largest: int) -> Iterator[None]:
    """In here instance norms use the means and variances that they had on the whole picture, made smaller."""
    norms = [m for m in translator.modules() if isinstance(m, nn.InstanceNorm2d)]
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def look(norm: nn.Module, given: tuple[Tensor, ...], _: Tensor) -> None:
        variance, mean = torch.var_mean(given[0], (0, 2, 3), correction=0)
        seen[norm] = (mean, variance)

    hooks = [norm.register_forward_hook(look) for norm in norms]
    translator(smaller(x, largest, translator.multiple))
    for hook in hooks:
        hook.remove()

    def fixed(norm: nn.InstanceNorm2d) -> Callable[[Tensor], Tensor]:
        return lambda h: batch_norm(h, *seen[norm], norm.weight, norm.bias, training=False, eps=norm.eps)

    try:
        for norm in norms:
            norm.forward = fixed(norm)  # type: ignore[assignment]
        yield
    finally:
        for norm in norms:
            del norm.forward  # the class's own is back


def smaller(x: Tensor, largest: int, multiple: int) -> Tensor:
    """The picture with sides of at most `largest`, and multiples of `multiple`."""
    shrink = min(1.0, largest / max(x.shape[2:]))
    size = [max(2 * multiple, round(side * shrink / multiple) * multiple) for side in x.shape[2:]]
    return x if list(x.shape[2:]) == size else interpolate(x, size=size, mode="bilinear", antialias=True)


@dataclass(frozen=True)
class Done:
    """What became of the files: pairs of input and output, and those that could not be read, with the reason."""

    written: tuple[tuple[Path, Path], ...]
    failed: tuple[tuple[Path, str], ...]


def translate_files(
    translator: Translator,
    source: Path,
    out: Path,
    *,
    tile: int | None = None,
    progress: Callable[[Sequence[Path]], Iterable[Path]] = iter,
) -> Done:
    """Translate a file, or every picture below a folder, into `out` under the same names, as PNG.

    A file that cannot be read is listed, and the others are done. Nothing that is there already is overwritten.
    `progress` hands the files on one by one, and may show how far they are.
    """
    files = pictures_of(source)
    root = source if source.is_dir() else source.parent
    targets = [out / file.relative_to(root).with_suffix(".png") for file in files]
    twice = {target for target in targets if targets.count(target) > 1}
    targets = [t.with_name(f"{f.name}.png") if t in twice else t for f, t in zip(files, targets, strict=True)]
    for target in targets:
        if target.exists():
            raise GanatomyError(f"{target} exists: choose another --out.")
    written, failed = [], []
    for file, target in zip(progress(files), targets, strict=True):
        try:
            image = read_picture(file, translator.shape.channels)
        except (OSError, Unreadable) as error:
            failed.append((file, one_line(error)))
            continue
        made = translated(translator, image, tile)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_png(target, Image.fromarray(made[:, :, 0] if made.shape[2] == 1 else made))
        written.append((file, target))
    return Done(tuple(written), tuple(failed))


def pictures_of(source: Path) -> Sequence[Path]:
    if source.is_file():
        return [source]
    if not source.exists():
        raise GanatomyError(f"There is no {source}.")
    found = sorted(path for path in source.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not found:
        raise GanatomyError(f"{source} holds no pictures; they end in {', '.join(sorted(ENDINGS))}.")
    return found


def read_picture(file: Path, channels: int) -> Array:
    """uint8 [H, W, C], turned as the camera was held, as data sets are read. Raises OSError or Unreadable."""
    wanted: Channels = {1: "gray", 3: "rgb", 4: "rgba"}[channels]  # type: ignore[assignment]
    _, pixels = decode(Encoded(str(file), file.read_bytes()), Preparation(channels=wanted))
    return pixels
