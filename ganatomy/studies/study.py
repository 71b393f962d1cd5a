"""What a study is: settings checked when declared, steps that are done once, and a result that carries its protocol."""

import hashlib
import inspect
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from PIL import Image
from pydantic import PositiveInt
from safetensors.torch import save as save_tensors
from torch import nn

from ganatomy.core.errors import GanatomyError, near
from ganatomy.core.observer import Observer, Progress
from ganatomy.core.players import Generator
from ganatomy.core.recipe import Recipe, recipes
from ganatomy.core.registry import Registry, part
from ganatomy.core.spec import Spec, declared_settings, key_and_value, parsed, to_plain
from ganatomy.data.images import ImageSet
from ganatomy.distributed.processes import leads
from ganatomy.experiments.build import build_players, class_count
from ganatomy.experiments.run import Run, load
from ganatomy.experiments.train import prepared, train
from ganatomy.report.png import write_png
from ganatomy.report.results import typed
from ganatomy.runs.files import read_record, write_csv, write_json
from ganatomy.runs.folder import LOCK, RunFolder, find_run, refuse_foreign

RUN_SETTINGS = ("run", "against")  # settings that, as text, name a run: its folder, or a recipe to be trained first
TRAINING = ("study", "recipe", "data", "images", "overrides")  # settings that decide what lies in runs/
TRAINS_FIRST = "run=RECIPE trains that recipe first; data=SOURCE, images=N and overrides=KEY=VALUE,... change how."
SETTINGS = "settings.json"
STUDIES = Path("studies")  # where `ganatomy study` puts a study that is given no folder
S = TypeVar("S", bound="type[Study]")


class Study(ABC):
    """A frozen dataclass whose fields are the study's settings, registered by `@study("name")`.

    `carry_out` writes pictures and tables into the folder and returns the numbers of result.json. What takes long it
    does by `folder.step`, so that a study that was killed goes on where it stopped and ends with the same result.
    """

    name: ClassVar[str]
    passing: ClassVar[tuple[str, ...]] = ()  # settings of a session: under others the study in a folder is the same

    def check(self) -> None:  # noqa: B027 (most have nothing to refuse)
        """Raises GanatomyError for settings that are mistakes whatever the run is; nothing is done before."""

    @abstractmethod
    def carry_out(self, folder: "StudyFolder") -> Mapping[str, Any]:
        """Do it. Raises GanatomyError for the caller's mistakes."""

    def looks_at(self) -> Mapping[str, ImageSet]:
        """The real images that its steps are of, by the setting that names them; with others it is another study."""
        return {}


@dataclass(frozen=True, kw_only=True)
class OfRuns(Study):
    """A study of what was trained: `run` is the folder of a run, or a recipe that is trained first.

    A recipe is trained in the study's own folder: on `data` and for `images`, where they are said, with `overrides`.
    What `carry_out` sees is the study of the run.
    """

    run: str
    data: str | None = None
    images: PositiveInt | None = None
    overrides: tuple[str, ...] | None = None

    of_recipes: ClassVar[tuple[str, ...]] = ("data", "images", "overrides")
    """Settings that mean nothing for a run that is there."""

    def runs(self) -> dict[str, str]:
        """What is looked at, by the setting that names it."""
        named = {name: getattr(self, name, None) for name in RUN_SETTINGS}
        return {name: text for name, text in named.items() if isinstance(text, str)}

    def check_looks(self, players: Mapping[str, nn.Module], data: ImageSet, whose: str) -> None:
        """Raises GanatomyError where the study can do nothing with such players, trained or not, on such images."""

    def recipes(self) -> dict[str, Recipe]:
        """What is to be trained, by the setting that names it."""
        named = {name: text for name, text in self.runs().items() if is_recipe(name, text)}
        said = [name for name in self.of_recipes if getattr(self, name) is not None]
        if said and not named:
            raise GanatomyError(
                f"{said[0]}={getattr(self, said[0])} is for a recipe that is trained first; {self.run} is a run."
            )
        elsewhere = {"data.source": "data", "images": "images"}
        told = {key: name for key, name in elsewhere.items() if getattr(self, name) is not None}
        refuse_said_by_settings(self.overrides or (), told)
        return {
            name: prepared(text, self.overrides or (), data=self.data, images=self.images, seed=None)
            for name, text in named.items()
        }

    def check_recipe(self, recipe: Recipe) -> None:
        """Raises GanatomyError before an hour's training whose run this study could not look at."""
        check_generates(recipe, f"recipe={recipe.name}")
        data: ImageSet = recipe.data.build().open(progress=True)
        self.check_looks(build_players(recipe, data.shape, class_count(data.classes)), data, recipe.name)

    def check_runs(self, trainings: Mapping[str, Recipe], folder: "StudyFolder") -> None:
        """Raises GanatomyError for what is no GAN, trained or to be trained, before anything is looked at."""
        for name, path in self.runs().items():
            if name not in trainings:
                check_generates(load(path).recipe, path)
            elif not (folder.path / place_of(trainings[name])).exists():
                self.check_recipe(trainings[name])

    def trained(self, trainings: Mapping[str, Recipe], folder: "StudyFolder") -> "OfRuns":
        """The same study of the runs of these recipes."""
        device = getattr(self, "device", "auto")
        told: dict[str, Any] = dict.fromkeys(("data", "images", "overrides"))
        for name, recipe in trainings.items():
            told[name] = str(folder.run(recipe, place_of(recipe), device).path)
        return replace(self, **told)


def place_of(recipe: Recipe) -> str:
    """Where a study trains a recipe, below its own folder."""
    return f"runs/{recipe.name}"


def is_recipe(name: str, text: str) -> bool:
    """Whether a setting names a recipe, by its name or its file; False of a run's folder, and all else is told."""
    if not text:
        raise GanatomyError(f"{name}= names no run: say its folder, or a recipe.")
    if RunFolder(text).exists():
        return False
    if text in recipes or (text.endswith((".yaml", ".yml")) and Path(text).is_file()):
        return True
    hint = near(text, recipes).partition("There are")[0]
    try:
        find_run(text)
    except GanatomyError as error:
        raise GanatomyError(f"{error} Nor is it a recipe. {hint}".rstrip()) from None
    return False


def check_generates(recipe: Recipe, whose: str, so: str = "there is nothing to study") -> None:
    """Whether a recipe is one of a GAN, and not of a classifier or a translator; `so`: what comes of it."""
    G = recipe.players.get("G")
    if G is None or (isinstance(G.part, type) and not issubclass(G.part, Generator)):
        raise GanatomyError(f"{whose} has no generator of images out of latents: {so}.")


studies: Registry[type[Study]] = Registry("study")


def study(name: str) -> Callable[[S], S]:
    """Register a study under the name that the command line has for it."""

    def register(cls: S) -> S:
        cls.name = name
        studies.add(name, cls)
        part(cls)
        return cls

    return register


Step = Callable[[str, Callable[[], Mapping[str, Any]]], dict[str, Any]]
"""As `StudyFolder.step`."""


class StudyFolder:
    """A study on disk.

    settings.json, runs/ with what it trained, steps/ with what is done, unfinished/ with what a step has done so far,
    result.json at the end, tables and pictures.
    """

    def __init__(self, path: Path | str, announce: Callable[[str], None] = lambda text: None) -> None:
        self.path, self.announce = Path(path), announce
        self.steps = 0  # come to in this session
        self.unfinished = self.path / "unfinished"  # where the step at work may keep what it has done so far

    def step(self, name: str, work: Callable[[], Mapping[str, Any]], draws: Sequence[str] = ()) -> dict[str, Any]:
        """What `work` returns, plain JSON; done once, and read back when the study is run again.

        draws: pictures and other files that the work makes; where one was removed, the step is done again.
        """
        file = self.path / "steps" / f"{name.replace('/', '_')}.json"
        self.steps += 1
        if not all(there.exists() for there in (file, *(self.path / made for made in draws))):
            self.announce(f"step {self.steps}: {name}")
            self.unfinished = self.path / "unfinished" / file.stem
            write_json(file, dict(work()))
            shutil.rmtree(self.path / "unfinished", ignore_errors=True)
        return read_record(file, "Remove it: the same command does that step again.")

    def steps_of(self, name: str) -> Step:
        """`step`, of steps whose names begin with this one."""
        return lambda step, work: self.step(f"{name}-{step}", work)

    def run(self, recipe: Recipe, place: str, device: str = "auto") -> Run:
        """The run of a recipe at a place below this folder: trained there, to its end, unless it is."""
        folder = RunFolder(self.path / place)
        found = folder.checkpoints.newest() if folder.exists() else None
        if found is None or found.state["drawn"] * recipe.batch < recipe.images:
            train(recipe, out=folder.path, device=device, show=self.watcher(recipe.images))
        return load(folder.path)

    def watcher(self, images: int) -> Observer:
        """Tells how far a training to so many images is."""
        return Progress(self.announce, images)

    def picture(self, name: str, image: Image.Image) -> Path:
        write_png(self.path / name, image)
        return self.path / name

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> Path:
        """Rows as CSV; the columns are those of the first."""
        write_csv(self.path / name, rows)
        return self.path / name


def carry_out(study: Study, out: Path | str | None = None, announce: Callable[[str], None] = lambda text: None) -> Path:
    """Carry a study out in its folder, or finish one that was stopped there; the folder's result.json has the numbers.

    A folder that holds the same study with other settings, of runs that were trained on since or of other images, is
    refused, and so is one that holds other things, or in which another process is at work. A run is known by its
    checkpoint, wherever it lies.
    """
    folder = StudyFolder(out if out is not None else STUDIES / study.name, announce)
    refuse_foreign(folder.path, "a study", ours=(folder.path / SETTINGS).exists())
    study.check()
    asked = {"study": study.name, **plain(study)}
    trainings = study.recipes() if isinstance(study, OfRuns) else {}
    if isinstance(study, OfRuns):
        study.check_runs(trainings, folder)
    looked_at = {} if trainings else {**checkpoints(study), **contents(study)}
    with alone(folder.path):
        if isinstance(study, OfRuns) and trainings:
            note(folder.path, asked, [*TRAINING, *trainings])
            study = study.trained(trainings, folder)
            looked_at = {**checkpoints(study), **contents(study)}
        settings = {**asked, **looked_at}
        note(folder.path, settings, settings if begun(folder.path) else TRAINING)
        write_json(folder.path / "result.json", {**settings, "result": study.carry_out(folder)})
    return folder.path


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes out; a folder that was made for what is refused before anything is done goes again."""
    new = leads() and not path.exists()
    with RunFolder(path).lock() if leads() else nullcontext():
        try:
            yield
        except GanatomyError:
            if new and {entry.name for entry in path.iterdir()} <= {LOCK, SETTINGS}:
                shutil.rmtree(path, ignore_errors=True)
            raise


def note(path: Path, settings: Mapping[str, Any], deciding: Collection[str]) -> None:
    """Write down what a folder is of; refused where something was begun there, and one that decides was another."""
    file = path / SETTINGS
    if begun(path) or (path / "runs").exists():
        there = read_record(file, f"Remove {path} to begin anew, or choose another folder with --out.")
        different = [name for name in settings if name in deciding and not alike(name, there, settings)]
        if different:
            told = "; ".join(f"{name}: {there.get(name)} -> {settings[name]}" for name in different)
            raise GanatomyError(f"{path} holds another study ({told}). Choose another folder with --out.")
    if not begun(path):
        write_json(file, settings)


def alike(name: str, there: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether a setting is what it was; a run is known by its checkpoint, not by where it lies."""
    known_by = f"checkpoint_of_{name}"
    return there.get(name) == settings[name] or (known_by in there and known_by in settings)


def checkpoints(study: Study) -> dict[str, str]:
    """The newest checkpoints of the runs that a study looks at, by their round and the beginning of their hash."""
    runs = study.runs() if isinstance(study, OfRuns) else {}
    return {f"checkpoint_of_{name}": checkpoint(path) for name, path in runs.items()}


def checkpoint(path: str) -> str:
    found = load(path).checkpoint()
    return f"round {found.round}, {hashlib.sha256(save_tensors(dict(found.tensors))).hexdigest()[:12]}"


def contents(study: Study) -> dict[str, str]:
    """The beginning of a hash of the real images that a study looks at, to train on and held out."""
    return {f"content_of_{name}": content(data) for name, data in study.looks_at().items()}


def content(data: ImageSet) -> str:
    return hashlib.sha256(f"{data.content} {data.held_out_content}".encode()).hexdigest()[:12]


def plain(study: Study) -> dict[str, Any]:
    """Its settings as JSON can hold them, but for those of a session."""
    found: dict[str, Any] = to_plain(Spec(type(study), **vars(study)))
    return {name: value for name, value in found.items() if name not in study.passing}


def begun(path: Path) -> bool:
    """Whether more than trainings was begun; a study that was refused can be corrected in its folder."""
    return any((path / name).exists() for name in ("steps", "unfinished", "ablation", "result.json"))


def refuse_said_by_settings(assignments: Sequence[str], settings: Mapping[str, str], named: str = "overrides") -> None:
    """Fields of a recipe that a study sets itself, by the settings that say them; `named`: where they were found."""
    for key, text in map(key_and_value, assignments):
        if key in settings:
            raise GanatomyError(f"{named}: {key}={text} is said by the setting {settings[key]}.")


def refuse_idle(study: Study, names: Sequence[str], why: str) -> None:
    """Raise GanatomyError for settings that were said and would do nothing; `why` follows the setting."""
    declared = declared_settings(type(study))
    for name in names:
        if (value := getattr(study, name)) != declared[name].default:
            raise GanatomyError(f"{name}={typed(to_plain(value))} {why}")


def check_each_once(**lists: Sequence[Any]) -> None:
    """Settings that list what there is to do: something, and nothing twice."""
    for name, values in lists.items():
        if not values:
            raise GanatomyError(f"{name}=[] names nothing: one at least is needed.")
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise GanatomyError(f"{name}={','.join(map(str, values))}: {twice} is named twice.")


def lacks(name: str) -> bool:
    """Whether a study cannot be carried out without being told anything."""
    return any(one.default is inspect.Parameter.empty for one in declared_settings(studies[name]).values())


def described(name: str) -> str:
    """A study's docstring, and its settings with what they are unless said."""
    settings = declared_settings(studies[name])
    needed = [key for key, one in settings.items() if one.default is inspect.Parameter.empty]
    usual = [f"  {key}={typed(to_plain(one.default))}" for key, one in settings.items() if key not in needed]
    example = " ".join(["ganatomy study", name, *(f"{key}=..." for key in needed)])
    about = [inspect.getdoc(studies[name]) or "", "", example, "", "Its other settings:", *usual]
    return "\n".join([*about, "", TRAINS_FIRST] if issubclass(studies[name], OfRuns) else about)


def declared(name: str, assignments: Sequence[str] = ()) -> Study:
    """A study by name with settings from text: `declared("interpolate", ["run=runs/a", "steps=12"])`."""
    cls = studies[name]
    known = declared_settings(cls)
    settings: dict[str, Any] = {}
    for key, text in map(key_and_value, assignments):
        if key not in known:
            raise GanatomyError(f"The study {name} has no setting '{key}'. {near(key, known)}")
        if key in settings:
            raise GanatomyError(f"{key}={text}: {key} is said before, too; it has one value.")
        settings[key] = parsed(key, known[key].annotation, text)
    found: Study = Spec(cls, **settings).build()
    return found
