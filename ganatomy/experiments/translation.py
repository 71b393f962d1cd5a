"""Using translators: sample grids in training, and translating files of any size.

A picture is extended by reflection to a size that the network takes, translated as a whole, and cropped. If memory does
not suffice it is translated in tiles, all normalized by the statistics of the whole picture at a smaller size, so that
they do not differ in tone.
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import batch_norm, interpolate

from ganatomy.core.errors import GanatomyError, near, one_line
from ganatomy.core.players import Translator
from ganatomy.core.randomness import CPU
from ganatomy.core.watch import Watch
from ganatomy.data.decoding import Channels, Encoded, Preparation, Unreadable, decode
from ganatomy.data.feed import free_bytes, to_uint8, to_unit
from ganatomy.data.reading import SUFFIXES, files_below
from ganatomy.data.unpaired import UnpairedFeed, UnpairedSet, unpaired_feed
from ganatomy.engine.engine import Engine
from ganatomy.experiments.observers import Pictures
from ganatomy.experiments.run import Run, Weights, Which
from ganatomy.metrics.moments import Array
from ganatomy.report.grid import grid
from ganatomy.report.png import write_png
from ganatomy.runs.files import read_json, write_json
from ganatomy.runs.folder import RunFolder

WATCHED = 6  # pictures of each domain in the grids
COLUMNS = ("real", "translated", "reconstructed", "identity")
UNDECODED = (".heic", ".heif", ".jxl", ".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2")  # also pictures
MANIFEST = "translation.json"  # in the output folder: the request, so that the same command can continue
HELD = 3  # peak memory over the largest layer's input and output: measured 1.5 to 2.5 at 448 px with 16, 32, 64 maps
LOOKED_AT = 64  # pixels, the sides of the picture on which layers are measured
MARGIN = 64  # pixels around a tile that are translated with it and discarded


class TranslationGrids(Pictures):
    """Grids of fixed held-out pictures of both domains: real, translated, reconstructed, identity."""

    def __init__(self, folder: RunFolder, watch: Watch, engine: Engine, data: UnpairedSet, seed: int) -> None:
        super().__init__(folder, watch)
        self.engine, self.names = engine, data.names
        feed: UnpairedFeed = unpaired_feed(data, "held_out", seed=seed, device=engine.device)
        self.x, self.y = feed.batch(0, WATCHED)

    @torch.no_grad()
    def picture(self) -> Image.Image:
        G, F = (averaged_or_not(self.engine, name) for name in ("G", "F"))
        rows = [columns_of(self.x, G, F), columns_of(self.y, F, G)]
        pictures = np.concatenate([to_uint8(torch.stack(row, 1).flatten(0, 1)) for row in rows])
        names = [name for name in self.names for _ in range(WATCHED)]
        return grid(pictures, columns=len(COLUMNS), row_names=names, column_names=COLUMNS)


def columns_of(x: Tensor, there: nn.Module, back: nn.Module) -> list[Tensor]:
    """The columns of a grid for pictures x: real, translated, reconstructed, and x through the other translator."""
    translated = there(x)
    return [x.cpu().float(), *(out.cpu().float() for out in (translated, back(translated), back(x)))]


def averaged_or_not(engine: Engine, name: str) -> nn.Module:
    """A copy of the current player, or of its moving average if there is one; float32, evaluation mode."""
    player = engine.averaged[name].module if name in engine.averaged else engine.players[name]
    return copy.deepcopy(player).float().eval()


def translator_of(
    run: Run, to: str, *, weights: Weights = "average", checkpoint: Which = "last"
) -> tuple[Translator, str]:
    """The translator of a run into a domain, given by name or letter (X, Y), and the domain's name.

    Raises GanatomyError if there is none.
    """
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
    """Translate a picture uint8 [H, W, C] of any size; to the same size. tile: side of the tiles, None: no tiles."""
    height, width = image.shape[:2]
    target = padded_size(translator, height, width)
    x = mirrored(to_unit(image[None]), target[0] - height, target[1] - width)
    side = max(target) if tile is None else max(2, tile // translator.multiple) * translator.multiple
    if side >= max(target):
        return to_uint8(translator(x)[:, :, :height, :width])[0]
    with statistics_of_whole(translator, x, side + 2 * MARGIN):
        return to_uint8(by_tiles(translator, x, side)[:, :, :height, :width])[0]


def padded_size(translator: Translator, height: int, width: int) -> tuple[int, int]:
    """The smallest size that the translator takes and that is no smaller: height, width."""
    step = translator.multiple
    padded = (max(2 * step, -(-size // step) * step) for size in (height, width))
    return next(padded), next(padded)


def tile_that_fits(translator: Translator, height: int, width: int) -> int | None:
    """The side of tiles for which half of the free memory suffices; None if it suffices for the whole picture."""
    pixels = free_bytes(CPU) / 2 / bytes_per_pixel(translator)
    padded = padded_size(translator, height, width)
    if padded[0] * padded[1] <= pixels:
        return None
    return min(max(2 * translator.multiple, int(pixels**0.5) - 2 * MARGIN), max(padded) - translator.multiple)


@lru_cache(maxsize=2)
@torch.inference_mode()
def bytes_per_pixel(translator: Translator) -> float:
    """An estimate of a translation's peak memory per pixel, from its largest layer."""
    sizes: list[int] = []

    def look(_: nn.Module, given: tuple[Any, ...], made: Any) -> None:
        sizes.append(sum(t.numel() * t.element_size() for t in (*given, made) if isinstance(t, Tensor)))

    hooks = [module.register_forward_hook(look) for module in translator.modules()]
    side = -(-LOOKED_AT // translator.multiple) * translator.multiple
    translator(torch.zeros(1, translator.shape.channels, side, side))
    for hook in hooks:
        hook.remove()
    return HELD * max(sizes) / side**2


def mirrored(x: Tensor, down: int, right: int) -> Tensor:
    """Extend pictures [N, C, H, W] at the bottom and the right by reflection, repeatedly if they are small."""
    for axis, more in ((2, down), (3, right)):
        size = x.shape[axis]
        if more:
            period = max(1, 2 * (size - 1))
            place = torch.arange(size + more) % period
            x = x.index_select(axis, torch.where(place < size, place, period - place))
    return x


def by_tiles(translator: Translator, x: Tensor, side: int) -> Tensor:
    """Translate [N, C, H, W] in tiles of side `side`, each with a margin."""
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
    """Within the context, instance norms use the statistics of the whole picture, reduced to `largest` pixels."""
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
    """The picture resized to sides of at most `largest` that are multiples of `multiple`."""
    shrink = min(1.0, largest / max(x.shape[2:]))
    size = [max(2 * multiple, round(side * shrink / multiple) * multiple) for side in x.shape[2:]]
    return x if list(x.shape[2:]) == size else interpolate(x, size=size, mode="bilinear", antialias=True)


@dataclass(frozen=True)
class Done:
    """The result of translating files.

    written: pairs of input and output. before: how many of them existed already.
    failed: files that could not be read, with the reason.
    tiled: files for which memory did not suffice in one piece.
    """

    written: tuple[tuple[Path, Path], ...]
    failed: tuple[tuple[Path, str], ...]
    tiled: tuple[Path, ...] = ()
    before: int = 0


def translate_files(
    translator: Translator,
    source: Path,
    out: Path,
    *,
    asked: Mapping[str, Any],
    tile: int | None = None,
    progress: Callable[[Sequence[Path]], Iterable[Path]] = iter,
) -> Done:
    """Translate a file, or every picture below a folder, into the folder `out`, under the same names as PNG.

    asked: the request. It is stored in translation.json; outputs of the same request that exist count as done.
    tile: side of the tiles; None: as memory needs.
    progress: passes the files on one by one, and may show how far they are.

    Files that cannot be read are listed in the result. Raises GanatomyError rather than overwrite anything.
    """
    files = pictures_of(source, out)
    targets = targets_of(files, source if source.is_dir() else source.parent, out)
    open_folder(out, targets, {**asked, "source": str(source.absolute()), "tile": tile})
    written, failed, tiled, before = [], [], [], 0
    for file, target in zip(progress(files), targets, strict=True):
        if target.exists():
            written.append((file, target))
            before += 1
            continue
        try:
            image = read_picture(file, translator.shape.channels)
        except (OSError, Unreadable) as error:
            failed.append((file, one_line(error)))
            continue
        side = tile or tile_that_fits(translator, *image.shape[:2])
        if tile is None and side is not None:
            tiled.append(file)
        made = translated(translator, image, side)
        write_png(target, Image.fromarray(made[:, :, 0] if made.shape[2] == 1 else made))
        written.append((file, target))
    return Done(tuple(written), tuple(failed), tuple(tiled), before)


def open_folder(out: Path, targets: Sequence[Path], asked: Mapping[str, Any]) -> None:
    """Prepare the output folder. Raises GanatomyError if a target exists that is of another request."""
    if out.exists() and not out.is_dir():
        raise GanatomyError(f"{out} is a file, not a folder to write into.")
    manifest = out / MANIFEST
    before = read_json(manifest) if manifest.is_file() else None
    there = next((target for target in targets if target.exists()), None)
    if there is not None and before != asked:
        keys = [key for key, value in asked.items() if before and before.get(key) != value]
        differs = f" and is of another translation ({', '.join(keys)} differ)" if keys else ""
        raise GanatomyError(f"{there} exists{differs}: choose another --out.")
    write_json(manifest, asked)


def targets_of(files: Sequence[Path], root: Path, out: Path) -> list[Path]:
    """A distinct PNG for each file, even if case is ignored.

    It has the file's name; if two would be the same, with the ending; if that does not suffice, with a number.

    >>> [str(path) for path in targets_of([Path(n) for n in ("a.png", "a.webp", "a.png.jpg", "b.jpg")], Path(), Path())]
    ['a.png.png', 'a.webp.png', 'a.png.jpg.png', 'b.png']
    """
    places = [out / file.relative_to(root) for file in files]
    tries = [0] * len(files)
    while True:
        names = [numbered(place, n) for place, n in zip(places, tries, strict=True)]
        folded = [str(name).casefold() for name in names]
        counts = Counter(folded)
        clash = [i for i, name in enumerate(folded) if counts[name] > 1]
        if not clash:
            return names
        for i in [i for i in clash if tries[i] == 0] or clash[1:]:
            tries[i] += 1


def numbered(place: Path, number: int) -> Path:
    if number == 0:
        return place.with_suffix(".png")
    return place.with_name(f"{place.name}.png" if number == 1 else f"{place.name}-{number}.png")


def pictures_of(source: Path, out: Path) -> Sequence[Path]:
    """The file, or all pictures below the folder, undecodable ones included and earlier outputs excluded."""
    if source.is_file():
        return [source]
    if not source.exists():
        raise GanatomyError(f"There is no {source}.")
    if out.resolve() == source.resolve():
        raise GanatomyError(f"{out} is what is translated: choose another --out.")
    written = out.resolve()
    found = [path for path in files_below(source) if written not in path.resolve().parents and is_picture(path)]
    if not found:
        raise GanatomyError(f"{source} holds no pictures; their names end in {', '.join(sorted(SUFFIXES))}.")
    return found


def is_picture(file: Path) -> bool:
    """Whether a file is a picture, by its ending or else by its content."""
    if file.suffix.lower() in (*SUFFIXES, *UNDECODED):
        return True
    try:
        with Image.open(file):
            return True
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def read_picture(file: Path, channels: int) -> Array:
    """A picture as uint8 [H, W, C], upright by EXIF, read as data sets are. Raises OSError or Unreadable."""
    if file.suffix.lower() in UNDECODED:
        raise Unreadable(f"{file.suffix} cannot be decoded here: save it as PNG or JPEG")
    wanted: Channels = {1: "gray", 3: "rgb", 4: "rgba"}[channels]  # type: ignore[assignment]
    _, pixels = decode(Encoded(str(file), file.read_bytes()), Preparation(channels=wanted))
    return pixels
