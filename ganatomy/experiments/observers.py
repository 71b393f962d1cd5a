"""Observers that write a run's folder: logs, pictures, scores and checkpoints."""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import nn

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.core.observer import Moment, Observer
from ganatomy.core.players import Generator
from ganatomy.core.recipe import Recipe
from ganatomy.core.watch import Stop, Watch
from ganatomy.distributed import processes
from ganatomy.engine.engine import Engine
from ganatomy.experiments.judging import CHOOSING_SEED, Bench
from ganatomy.experiments.sampling import Sampler
from ganatomy.metrics.scores import drawn_scores
from ganatomy.report.curves import curves
from ganatomy.report.grid import grid
from ganatomy.report.png import write_png
from ganatomy.runs.files import write_text
from ganatomy.runs.folder import RunFolder

GRID = 64  # latents in the sample grids: indices 0 to 63 of the recipe's seed


class FigureLog(Observer):
    """metrics.jsonl: a line every `watch.log` images."""

    def __init__(self, folder: RunFolder) -> None:
        self.log = folder.metrics

    def figures(self, moment: Moment, figures: Mapping[str, float]) -> None:
        clock = {"round": moment.round, "images": moment.images, "seconds": round(moment.seconds, 3)}
        self.log.append({**clock, **figures})


class NewGrid:
    """Finds the picture in samples/ that was drawn at a moment, once for each."""

    def __init__(self, folder: RunFolder) -> None:
        self.samples, self.given = folder.samples, -1

    def at(self, moment: Moment) -> Path | None:
        picture = self.samples / f"{moment.images:010d}.png"
        if moment.images == self.given or not picture.exists():
            return None
        self.given = moment.images
        return picture


class TensorBoard(Observer):
    """Figures, scores and grids in TensorBoard's format, with images shown as the step."""

    def __init__(self, folder: RunFolder) -> None:
        self.path, self.grid = folder.path / "tensorboard", NewGrid(folder)
        self.writer: Any = None

    def begin(self, moment: Moment) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self.writer = SummaryWriter(str(self.path), purge_step=moment.images + 1)
        if moment.images == 0:
            self.after_round(moment)

    def figures(self, moment: Moment, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self.writer.add_scalar(name, value, moment.images)

    def after_round(self, moment: Moment) -> None:
        if path := self.grid.at(moment):
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            self.writer.add_image("samples", pixels, moment.images, dataformats="HWC")

    def scored(self, moment: Moment, scores: Mapping[str, Any]) -> None:
        for name, value in drawn_scores(scores).items():
            self.writer.add_scalar(f"scores/{name}", value, moment.images)

    def end(self, moment: Moment) -> None:
        self.after_round(moment)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


def import_wandb() -> Any:
    try:
        import wandb
    except ImportError:
        raise GanatomyError(
            "watch.wandb=true needs Weights & Biases, which is an extra: pip install 'ganatomy[wandb]'"
        ) from None
    return wandb


def log_in() -> None:
    """Log in to wandb.ai, before anything is written, unless it is in offline mode."""
    wandb = import_wandb()
    with told_by(wandb):
        if wandb.setup().settings.mode in ("online", "shared"):
            wandb.login()


@contextmanager
def told_by(wandb: Any) -> Iterator[None]:
    """Turn errors of Weights & Biases into a GanatomyError."""
    try:
        yield
    except (wandb.Error, ValueError) as error:  # settings that pydantic refuses are ValueErrors
        raise GanatomyError(
            f"Weights & Biases did not start ({one_line(error)}): log in, or set WANDB_MODE=offline."
        ) from None


class WeightsAndBiases(Observer):
    """Figures, scores and grids on wandb.ai or, with WANDB_MODE=offline, in the run's folder, to be synced later.

    A continued run keeps its id.
    """

    def __init__(self, folder: RunFolder, recipe: Recipe, show: Observer) -> None:
        self.wandb, self.folder, self.recipe, self.show = import_wandb(), folder, recipe, show
        self.grid = NewGrid(folder)
        self.run: Any = None

    def begin(self, moment: Moment) -> None:
        place = self.folder.path / "wandb"
        place.mkdir(exist_ok=True)
        name = place / "id"
        if not name.exists():
            write_text(name, secrets.token_hex(4))
        with told_by(self.wandb):
            self.run = self.wandb.init(
                project="ganatomy",
                id=name.read_text(),
                name=self.folder.name,
                dir=self.folder.path,
                config=self.recipe.flat(),
                resume="allow",
                settings=self.wandb.Settings(silent=True),
            )
        if self.run.offline:
            files = Path(self.run.dir).parent
            self.show.announce(f"wandb      offline; `wandb sync {files}` sends it to wandb.ai")
        if moment.images == 0:
            self.after_round(moment)

    def figures(self, moment: Moment, figures: Mapping[str, float]) -> None:
        self._log(moment, figures)

    def after_round(self, moment: Moment) -> None:
        if path := self.grid.at(moment):
            self._log(moment, {"samples": self.wandb.Image(str(path))})

    def scored(self, moment: Moment, scores: Mapping[str, Any]) -> None:
        self._log(moment, {f"scores/{name}": value for name, value in drawn_scores(scores).items()})

    def end(self, moment: Moment) -> None:
        self.after_round(moment)

    def close(self) -> None:
        if self.run is not None:
            self.run.finish()
            self.run = None

    def _log(self, moment: Moment, values: Mapping[str, Any]) -> None:
        self.run.log(dict(values), step=moment.images)


class Plateau(Observer):
    """Early stopping: `reached` becomes True when the Fréchet distance has stopped falling, by the recipe's `stop`."""

    def __init__(self, folder: RunFolder, stop: Stop, show: Observer) -> None:
        self.folder, self.stop, self.show, self.reached = folder, stop, show, False

    def begin(self, moment: Moment) -> None:
        distances, patience = self._distances(), self.stop.patience
        self.reached = self.stop.due(distances)
        if self.reached and patience is not None:
            self.show.announce(
                f"plateau    none of the last {patience} Fréchet distances is {100 * self.stop.by:g} % below the best "
                f"before them, {min(distances[:-patience]):.2f} (stop.patience={patience}); stop.patience=none goes on"
            )

    def scored(self, moment: Moment, scores: Mapping[str, Any]) -> None:
        self.begin(moment)

    def _distances(self) -> list[float]:
        found = [row["scores"].get("frechet") for row in self.folder.scores.read()]
        return [distance for distance in found if distance is not None]


class Pictures(Observer):
    """samples/: a picture of the same inputs every `watch.grid` images, so that progress can be seen."""

    def __init__(self, folder: RunFolder, watch: Watch) -> None:
        self.folder, self.every = folder.samples, watch.grid
        self._drawn = -1

    def begin(self, moment: Moment) -> None:
        if moment.images == 0 and self.every:
            self.draw(moment.images)

    def after_round(self, moment: Moment) -> None:
        if moment.passed(self.every):
            self.draw(moment.images)

    def end(self, moment: Moment) -> None:
        if self.every and moment.images != self._drawn:
            self.draw(moment.images)

    def draw(self, images: int) -> None:
        write_png(self.folder / f"{images:010d}.png", self.picture())
        self._drawn = images

    def picture(self) -> Any:
        raise NotImplementedError


class Grids(Pictures):
    """Grids of G's samples from fixed latents."""

    def __init__(self, folder: RunFolder, watch: Watch, engine: Engine, classes: Sequence[str] | None) -> None:
        super().__init__(folder, watch)
        self.engine, self.classes = engine, classes

    def picture(self) -> Any:
        return labelled_grid(sampler_of(self.engine), self.engine.settings.seed, self.classes)


class Scorer(Observer):
    """scores.jsonl: the judge's scores of the averaged generator, for curves and to choose the best checkpoint."""

    def __init__(self, folder: RunFolder, watch: Watch, engine: Engine, bench: Bench) -> None:
        self.log, self.every, self.engine, self.bench = folder.scores, watch.score, engine, bench

    def after_round(self, moment: Moment) -> None:
        if not moment.passed(self.every):
            return
        engine = self.engine
        engine.check_finite()
        scores = self.bench.score(sampler_of(engine), CHOOSING_SEED)
        protocol = {"seed": CHOOSING_SEED, "weights": weights_kept(engine), "checkpoint": "during training"}
        record = {"round": moment.round, "images": moment.images, **self.bench.record(scores, **protocol)}
        if processes.rank() == 0:
            self.log.append(record)
        for observer in engine.observers:
            observer.scored(moment, record)


class Checkpointer(Observer):
    """checkpoints/: the last two, and the best by Fréchet distance."""

    def __init__(self, folder: RunFolder, watch: Watch, engine: Engine, facts: Mapping[str, Any]) -> None:
        self.folder, self.every, self.engine, self.facts = folder, watch.checkpoint, engine, facts
        self._scored = False
        self._saved = -1

    def begin(self, moment: Moment) -> None:
        self._saved = moment.round

    def scored(self, moment: Moment, scores: Mapping[str, Any]) -> None:
        self._scored = True

    def after_round(self, moment: Moment) -> None:
        if moment.passed(self.every) or self._scored:
            self.save()

    def end(self, moment: Moment) -> None:
        if moment.round != self._saved:
            self.save()

    def save(self) -> None:
        """Write a checkpoint, with the lengths of the logs: resuming truncates them, so no line is written twice."""
        if processes.rank() > 0:  # all read the figures, one writes
            self.engine.check_finite()
            self._saved, self._scored = self.engine.round, False
            return
        if not self.folder.exists():
            raise GanatomyError(f"{self.folder.path} was removed or moved while it was being trained into.")
        tensors, state = self.engine.state()
        logs = {"metrics": self.folder.metrics, "scores": self.folder.scores}
        for log in logs.values():
            log.sync()
        offsets = {name: log.offset() for name, log in logs.items()}
        best = best_round(self.folder, also=[state["round"]])
        keep = [] if best is None else [best]
        self.folder.checkpoints.write(
            state["round"], tensors, {**state, "logs": offsets, "data": dict(self.facts)}, keep
        )
        self._saved, self._scored = state["round"], False


class Curves(Observer):
    """curves.png, drawn again at every score and at the end."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def scored(self, moment: Moment, scores: Mapping[str, Any]) -> None:
        self.draw()

    def end(self, moment: Moment) -> None:
        self.draw()

    def draw(self) -> Path | None:
        path = self.folder.path / "curves.png"
        if not self.folder.metrics.read():
            return None
        write_png(path, curves(self.folder))
        return path


def sampler_of(engine: Engine) -> Sampler:
    """A sampler of the current generator, or of its moving average if there is one."""
    if "G" not in engine.players:
        raise GanatomyError("This game has no generator G to sample.")
    averaged = engine.averaged.get("G")
    return Sampler(as_generator(averaged.module if averaged else engine.players["G"]), engine.device)


def as_generator(player: nn.Module) -> Generator:
    """The player as a Generator. Raises GanatomyError if it is none."""
    if not isinstance(player, Generator):
        raise GanatomyError(f"G is a {type(player).__name__}, not a Generator: it cannot be sampled.")
    return player


def weights_kept(engine: Engine) -> str:
    """Which weights of G are sampled: "average" or "raw"."""
    return "average" if "G" in engine.averaged else "raw"


def labelled_grid(sampler: Sampler, seed: int, classes: Sequence[str] | None) -> Any:
    """The grid of samples from fixed latents; for a conditional generator, a row per class."""
    if sampler.classes is None or classes is None:
        return grid(sampler.images(seed, range(GRID)), columns=8)
    columns = max(4, min(10, GRID // sampler.classes))
    labels = [label for label in range(sampler.classes) for _ in range(columns)]
    images = sampler.images(seed, range(len(labels)), labels)
    return grid(images, columns=columns, row_names=list(classes))


def best_round(folder: RunFolder, also: Collection[int] = ()) -> int | None:
    """The round with the lowest Fréchet distance in training, of those with a checkpoint and those in `also`.

    None if none of them was scored.
    """
    there = {*folder.checkpoints.rounds(), *also}
    rows = [row for row in folder.scores.read() if row["scores"].get("frechet") is not None and row["round"] in there]
    return min(rows, key=lambda row: row["scores"]["frechet"])["round"] if rows else None
