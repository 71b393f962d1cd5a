"""Training a recipe into a run's folder, or continuing the run that is there."""

import os
import re
import signal
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.core.observer import Observer
from ganatomy.core.players import Generator
from ganatomy.core.recipe import DESCRIPTION, WATCHING, Recipe, find_recipe, read_recipe
from ganatomy.core.spec import Spec, key_and_value
from ganatomy.core.watch import Watch
from ganatomy.data.images import ImageSet
from ganatomy.data.sources import sources
from ganatomy.data.unpaired import UnpairedSet
from ganatomy.distributed import processes
from ganatomy.engine.engine import Engine
from ganatomy.engine.ledger import NonFiniteError
from ganatomy.engine.optimizers import Optimizer
from ganatomy.engine.precision import find_device
from ganatomy.experiments.build import build_engine, data_facts
from ganatomy.experiments.judging import Bench, can_be_judged
from ganatomy.experiments.observers import (
    Checkpointer,
    Curves,
    FigureLog,
    Grids,
    Plateau,
    Scorer,
    TensorBoard,
    WeightsAndBiases,
    log_in,
)
from ganatomy.experiments.run import Run, facts_line, open_bench
from ganatomy.experiments.starting import find_start, load_pretrained, start_from
from ganatomy.experiments.translation import TranslationGrids
from ganatomy.experiments.translation_scores import TranslationScorer
from ganatomy.runs.environment import environment
from ganatomy.runs.files import read_json, refuse_unwritable, write_json, write_text
from ganatomy.runs.folder import RUNS, RunFolder, refuse_foreign

SAME_RUN = DESCRIPTION | WATCHING | {"data.source", "data.other"}
"""Fields in which a recipe may differ and still continue a run. That the data is the same is checked by its content."""

ENOUGH = 1  # the reason to stop if time is up or scores have stopped improving; less than any signal's number


class Stopped(Exception):
    """Training ended by a signal (`number`). The run was saved and can be continued."""

    def __init__(self, number: int, run: Run) -> None:
        super().__init__(signal.Signals(number).name)
        self.number, self.run = number, run


def train(
    recipe: str | Recipe,
    *assignments: str,
    data: Path | str | None = None,
    out: Path | str | None = None,
    images: int | None = None,
    duration: str | float | None = None,
    until: int | None = None,
    seed: int | None = None,
    init_from: Path | str | None = None,
    device: str = "auto",
    fresh: bool = False,
    show: Observer | None = None,
    command: Sequence[str] = ("ganatomy.train",),
) -> Run:
    """Train a recipe, or continue its run, and score the result.

    recipe: a name, a YAML file, a run's folder, or a Recipe.
    assignments: overrides of its fields, such as "optimizers.D.lr=1e-4".
    data: the source of images, if not the recipe's.
    out: the run's folder; runs/NAME by default. If it holds a run of the same recipe, that is continued.
    images: the budget: real images shown by the end.
    duration, until: stop earlier, after "20m" or so many seconds, or after so many images.
    init_from: a run's folder, whose last weights to start from, or its best ones with "@best" appended.
    device: "auto", "cpu", "cuda", "cuda:1", "mps".
    fresh: move a run that is there aside and begin a new one.
    show: told what happens, to show it to people.
    command: stored in environment.json.

    Raises GanatomyError for mistakes of the caller, and Stopped after SIGINT or SIGTERM; the run can then be continued.

    >>> ganatomy.train("digits-dcgan", "game.d_steps=2", images=10_000)  # doctest: +SKIP
    """
    show = show or Observer()
    recipe = prepared(recipe, assignments, data=data, images=images, seed=seed, init_from=init_from)
    seconds = parse_duration(duration)
    with processes.together(lambda: find_device(device)) as where:
        return _train(recipe, out, seconds, until, where, fresh, show, command)


def _train(
    recipe: Recipe,
    out: Path | str | None,
    seconds: float | None,
    until: int | None,
    where: torch.device,
    fresh: bool,
    show: Observer,
    command: Sequence[str],
) -> Run:
    """`train` with a device, called by every process; only the first one writes."""
    leading = processes.rank() == 0
    fresh = fresh and not processes.restarted()
    folder = RunFolder(out if out is not None else RUNS / recipe.name)
    refuse_foreign(folder.path, "a run", ours=folder.exists())
    if leading:
        refuse_unwritable(folder.path)
    if not fresh:
        refuse_another_recipe(folder, recipe)
    anew = fresh or not folder.checkpoints.rounds()
    if anew and recipe.init_from is not None:
        start, _ = find_start(recipe.init_from)
        if start.path.resolve() == folder.path.resolve():
            raise GanatomyError(f"{folder.path} cannot start from itself: choose another folder with --out.")
    if recipe.watch.settings["wandb"] and leading:
        log_in()
    with processes.first_alone():
        opened: ImageSet = recipe.data.build().open(progress=leading)
    session = Session(recipe, opened, folder, where, show if leading else Observer(), anew)
    if fresh and leading and folder.exists():
        show.announce(f"The run that was there is now {folder.move_aside()}.")
    processes.wait()
    with folder.lock() if leading else nullcontext():
        return session.play(seconds, until, command)


def prepared(
    recipe: str | Recipe,
    assignments: Sequence[str] = (),
    *,
    data: Path | str | None,
    images: int | None,
    seed: int | None,
    init_from: Path | str | None = None,
) -> Recipe:
    """The recipe to run: a named one with all overrides."""
    found = find_recipe(recipe) if isinstance(recipe, str) else recipe
    found = without_other_domain(found, {key_and_value(word)[0] for word in assignments}, data).overridden(assignments)
    if data is not None:
        found = found.override("data.source", described(data))
    if found.data.settings.get("other") is not None:
        found = found.override("data.other", described(found.data.settings["other"]))
    if images is not None:
        found = found.override("images", str(images))
    if init_from is not None:
        found = found.replace(init_from=os.path.abspath(init_from))
    return found if seed is None else found.override("seed", str(seed))


def without_other_domain(recipe: Recipe, said: Collection[str], data: Path | str | None) -> Recipe:
    """A recipe of two domains without its second source, if the overrides make it superfluous.

    A first source that contains both domains, in two folders or split by a column, needs no second one.
    """
    if "other" not in recipe.data.settings or {"data.other", "data.split"} <= set(said):
        return recipe
    if "data.other" in said:
        return recipe.replace(data=recipe.data.replace(split=None))
    if data is not None or {"data.source", "data.split"} & set(said):
        return recipe.replace(data=recipe.data.replace(other=None))
    return recipe


def described(data: Path | str) -> str:
    """A source as the recipe stores it: paths are made absolute, so that the run can be scored from anywhere."""
    return os.path.abspath(data) if str(data) not in sources and os.path.exists(data) else str(data)


def refuse_another_recipe(folder: RunFolder, recipe: Recipe) -> None:
    """Raise GanatomyError if the folder has checkpoints of a run of another recipe."""
    if not folder.exists():
        return
    differences = read_recipe(folder.recipe_file).differences(recipe, ignoring=SAME_RUN)
    if differences and folder.checkpoints.rounds():
        raise GanatomyError(
            f"{folder.path} holds a run of another recipe ({'; '.join(differences)}). "
            "Choose another folder with --out, or move the run aside with --fresh."
        )


class Session:
    """One session of a run, from the checkpoint it finds to where it stops.

    Making a session raises GanatomyError for what cannot be played, and writes nothing. `play` writes, and needs the
    folder's lock.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: ImageSet,
        folder: RunFolder,
        device: torch.device,
        show: Observer,
        anew: bool,
    ) -> None:
        self.recipe, self.data, self.folder, self.show = recipe, data, folder, show
        self.watch: Watch = recipe.watch.build()
        self.facts = data_facts(data)
        self.engine: Engine = build_engine(recipe, data, device)
        self.plateau = Plateau(self.folder, recipe.stop.build(), self.show)
        if self.plateau.stop.patience is not None and not self._scored():
            raise GanatomyError(
                f"stop.patience watches the scores, and {data.source} gives none: they need a generator, and labels of "
                "two classes or more."
            )
        self.started = self._first_weights() if anew else []

    def play(self, seconds: float | None, until: int | None, command: Sequence[str]) -> Run:
        """Train until the budget, the time, `until` images or a signal; then score the last and best checkpoint."""
        self._open(command)
        start = time.monotonic()
        reason = 0  # why any process wants to stop: nothing yet, ENOUGH, or the number of a signal
        with stop_signals() as received:

            def stop() -> bool:
                nonlocal reason
                late = seconds is not None and time.monotonic() - start >= seconds
                enough = late or self.plateau.reached
                reason = processes.largest(received[0] if received else ENOUGH if enough else 0)
                return reason > 0

            try:
                self.engine.play(min(self.recipe.images, until or self.recipe.images), stop)
            except NonFiniteError as error:
                self._note_failure(error)
                raise
            processes.wait()
        run = Run(self.folder)
        if reason > ENOUGH:
            raise Stopped(reason, run)
        if self.bench is not None and self.engine.round:
            self.show.evaluated(run.evaluate(bench=self.bench))
        return run

    def plan(self) -> list[str]:
        """Lines for people about what is about to be trained."""
        engine = self.engine
        players = ", ".join(f"{name} {count_parameters(player):,}" for name, player in engine.players.items())
        begin = f"from image {engine.images:,} " if engine.images else ""
        lines = [
            f"recipe     {self.recipe.name} into {self.folder.path}",
            f"data       {facts_line(self.facts)}{preparation_line(self.recipe.data)}",
            f"players    {players} parameters",
            f"budget     {begin}to {self.recipe.images:,} images, batch {self.recipe.batch}, seed {self.recipe.seed}",
            *schedule_lines(engine.optimizers, self.recipe.images),
            f"device     {engine.device}, {engine.precision}, {torch.get_num_threads()} threads{of_processes()}",
        ]
        if self.data.skipped:
            lines.append(f"skipped    {len(self.data.skipped)} unreadable files, such as {self.data.skipped[0]}")
        if self.recipe.scores is not None and not can_be_judged(self.data):
            lines.append("scores     none: a judge needs labels of two classes or more; watch the grids")
        return lines

    def _open(self, command: Sequence[str]) -> None:
        self._resume()
        if processes.rank() == 0:
            self._write_down(command)
        for line in self.plan():
            self.show.announce(line)
        self.bench = self._bench()
        self.engine.observers = self._observers()

    def _first_weights(self) -> list[str]:
        """Load pretrained weights into a new run; lines for people about it."""
        done = load_pretrained(self.engine)
        return done if self.recipe.init_from is None else [*done, start_from(self.engine, self.recipe.init_from)]

    def _resume(self) -> None:
        found = self.folder.checkpoints.newest() if self.folder.exists() else None
        rounds = processes.everyones(found.round if found else 0)
        behind = [number for number, seen in enumerate(rounds) if seen != max(rounds)]
        if behind:  # all of them stop, or the others would wait for those
            raise GanatomyError(
                f"{'Processes' if behind[1:] else 'Process'} {', '.join(map(str, behind))} of {len(rounds)} cannot see "
                f"the newest checkpoint in {self.folder.path}: all machines need the same folder."
            )
        processes.wait()  # nobody changes what another one may still read
        if found is None:
            for line in self.started:
                self.show.announce(line)
            self._cut_logs({"metrics": 0, "scores": 0})
            return
        if found.state["data"]["content"] != self.facts["content"]:
            before = facts_line(found.state["data"])
            raise GanatomyError(
                f"{self.folder.path} was trained on other images ({before}; now {facts_line(self.facts)})."
            )
        for reason in found.damaged:
            self.show.announce(f"{reason} Going on from round {found.round} instead.")
        self.engine.restore(found.tensors, found.state)
        self._cut_logs(found.state["logs"])

    def _cut_logs(self, offsets: Mapping[str, int]) -> None:
        """Truncate the logs to where they were at the checkpoint, so that no line is written twice."""
        for name, offset in offsets.items() if processes.rank() == 0 else ():
            getattr(self.folder, name).truncate(offset)

    def _scored(self) -> bool:
        generated = isinstance(self.engine.players.get("G"), Generator)
        return self.recipe.scores is not None and generated and can_be_judged(self.data)

    def _bench(self) -> Bench | None:
        if self.recipe.scores is None or not self._scored():
            return None
        return open_bench(self.data, self.recipe, self.recipe.scores.build(), self.show.announce, self.engine.device)

    def _observers(self) -> list[Observer]:
        engine = self.engine
        scorers: list[Observer] = []
        if self.bench is not None:
            scorers.append(Scorer(self.folder, self.watch, engine, self.bench))
        elif isinstance(self.data, UnpairedSet) and self.watch.score:
            scorers.append(TranslationScorer(self.folder, self.recipe, engine, self.data, self.show.announce))
        if processes.rank() > 0:  # takes part in what all do together: scores, and reading the figures
            return [*scorers, Checkpointer(self.folder, self.watch, engine, self.facts)]
        observers: list[Observer] = [FigureLog(self.folder)]
        if isinstance(engine.players.get("G"), Generator):
            observers.append(Grids(self.folder, self.watch, engine, self.data.classes))
        elif isinstance(self.data, UnpairedSet):
            observers.append(TranslationGrids(self.folder, self.watch, engine, self.data, self.recipe.seed))
        if self.watch.tensorboard:
            observers.append(TensorBoard(self.folder))
        if self.watch.wandb:
            observers.append(WeightsAndBiases(self.folder, self.recipe, self.show))
        checkpointer = Checkpointer(self.folder, self.watch, engine, self.facts)
        return [*observers, *scorers, checkpointer, Curves(self.folder), self.show, self.plateau]

    def _write_down(self, command: Sequence[str]) -> None:
        """Write recipe.yaml and environment.json. A session on other hardware or versions is marked not bit-exact."""
        write_text(self.folder.recipe_file, self.recipe.to_yaml())
        now = {**environment(command), "arithmetic": self._arithmetic()}
        file = self.folder.environment_file
        sessions = earlier_sessions(file)
        if self.engine.round and sessions and (changed := changes(sessions[-1]["arithmetic"], now["arithmetic"])):
            self.show.announce(f"Not bit-exact with the sessions before: {changed}.")
            now["not_bit_exact"] = changed
        write_json(file, {"sessions": [*sessions, {**now, "from_round": self.engine.round}]})

    def _note_failure(self, error: NonFiniteError) -> None:
        """Say in environment.json how this session ended, for whoever asks later."""
        file = self.folder.environment_file
        if processes.rank() == 0 and (sessions := earlier_sessions(file)):
            write_json(file, {"sessions": [*sessions[:-1], {**sessions[-1], "failed": str(error)}]})

    def _arithmetic(self) -> dict[str, Any]:
        device = self.engine.device
        return {
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "precision": self.engine.precision,
            "threads": torch.get_num_threads(),
            "torch": str(torch.__version__),
            "processes": processes.world(),
        }


def earlier_sessions(file: Path) -> list[dict[str, Any]]:
    """The earlier sessions in environment.json; none if it is damaged, which must not stop a run."""
    try:
        sessions = read_json(file)["sessions"]
        return sessions if isinstance(sessions, list) and all("arithmetic" in session for session in sessions) else []
    except (GanatomyError, KeyError, TypeError):
        return []


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs from before, as "key old -> new"."""
    return ", ".join(f"{key} {before.get(key)} -> {value}" for key, value in now.items() if before.get(key) != value)


def preparation_line(data: Spec) -> str:
    """The settings of the images that are not the default, in parentheses."""
    names = ("crop", "load_size", "flip", "rotate", "label", "subset", "portion", "per_class", "only")
    shown = {name: data.settings.get(name) for name in names}
    told = [f"{name}={value}" for name, value in shown.items() if value not in (None, False, 1, "all") or value is True]
    return f" ({', '.join(told)})" if told else ""


def schedule_lines(optimizers: Mapping[str, Optimizer], images: int) -> list[str]:
    """Lines about learning rates that reach 0 before the end of the budget, or do not begin to fall in it."""
    whose: dict[str, list[str]] = {}
    for name, how in optimizers.items():
        begin, end = how.schedule.fall() or (-1, images)
        if images > end:
            whose.setdefault(f"is 0 from image {end:,} on: raise schedule.until, or lower the budget", []).append(name)
        if images <= begin:
            whose.setdefault(f"falls from image {begin:,} on: the budget ends before that", []).append(name)
    return [f"schedule   the learning rate of {', '.join(names)} {text}" for text, names in whose.items()]


def of_processes() -> str:
    return f", each of {processes.world()} processes" if processes.world() > 1 else ""


def count_parameters(player: torch.nn.Module) -> int:
    return sum(p.numel() for p in player.parameters())


def parse_duration(text: str | float | None) -> float | None:
    """Seconds, from "90s", "20m", "1h30m" or a number of seconds. Raises GanatomyError for anything else.

    >>> parse_duration("1h30m"), parse_duration("45"), parse_duration(None)
    (5400.0, 45.0, None)
    """
    if text is None:
        return None
    if isinstance(text, (int, float)):
        return positive(text, text)
    if re.fullmatch(r"\d+(?:\.\d+)?", text.strip()):
        return positive(float(text), text)
    match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", text.strip())
    if not text.strip() or match is None:
        raise GanatomyError(f"'{text}' is not a duration, such as 90s, 20m or 1h30m.")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return positive(hours * 3600 + minutes * 60 + seconds, text)


def positive(seconds: float, said: object) -> float:
    if not seconds > 0:
        raise GanatomyError(f"{said} is no time to train for: say one such as 90s, 20m or 1h30m.")
    return seconds


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM, so that training can stop and save. A second signal ends the process at once.

    With several processes a second one does not: each of them gets every signal twice, from whoever stops the job and
    from torchrun, which kills those that do not stop in time.
    """
    received: list[int] = []
    alone = processes.world() == 1
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def note(number: int, frame: object) -> None:
        received.append(number)
        if alone:
            restore()

    before: dict[int, Any] = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        yield received
    finally:
        if alone or not received:
            restore()
