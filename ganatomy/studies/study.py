"""What a study is: settings checked when declared, steps that are done once, and a result that carries its protocol."""

import csv
import hashlib
import inspect
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from PIL import Image
from safetensors.torch import save as save_tensors

from ganatomy.core.errors import GanatomyError, near
from ganatomy.core.observer import Moment, Observer
from ganatomy.core.registry import Registry, part
from ganatomy.core.spec import Spec, declared_settings, key_and_value, parsed, to_plain
from ganatomy.data.images import ImageSet
from ganatomy.experiments.run import load
from ganatomy.report.png import write_png
from ganatomy.runs.files import read_json, write_json, write_text

RUN_SETTINGS = ("run", "against")  # settings that are the path of a run, where they are text
STUDIES = Path("studies")  # where `ganatomy study` puts a study that is given no folder
S = TypeVar("S", bound="type[Study]")


class Study(ABC):
    """A frozen dataclass whose fields are the study's settings, registered by `@study("name")`.

    `carry_out` writes pictures and tables into the folder and returns the numbers of result.json. What takes long it
    does by `folder.step`, so that a study that was killed goes on where it stopped and ends with the same result.
    """

    name: ClassVar[str]
    passing: ClassVar[tuple[str, ...]] = ()  # settings of a session: under others the study in a folder is the same

    @abstractmethod
    def carry_out(self, folder: "StudyFolder") -> Mapping[str, Any]:
        """Do it. Raises GanatomyError for the caller's mistakes."""

    def looks_at(self) -> Mapping[str, ImageSet]:
        """The real images that its steps are of, by the setting that names them; with others it is another study."""
        return {}


studies: Registry[type[Study]] = Registry("study")


def study(name: str) -> Callable[[S], S]:
    """Register a study under the name that the command line has for it."""

    def register(cls: S) -> S:
        cls.name = name
        studies.add(name, cls)
        part(cls)
        return cls

    return register


class StudyFolder:
    """A study on disk: settings.json, steps/ with what is done, result.json at the end, tables and pictures."""

    def __init__(self, path: Path | str, announce: Callable[[str], None] = lambda text: None) -> None:
        self.path, self.announce = Path(path), announce
        self.steps = 0  # come to in this session

    def step(self, name: str, work: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """What `work` returns, plain JSON; done once, and read back when the study is run again."""
        file = self.path / "steps" / f"{name.replace('/', '_')}.json"
        self.steps += 1
        if not file.exists():
            self.announce(f"step {self.steps}: {name}")
            write_json(file, dict(work()))
        return read_json(file)

    def watcher(self, images: int) -> Observer:
        """Tells how far a training to so many images is."""
        return Progress(self.announce, images)

    def picture(self, name: str, image: Image.Image) -> Path:
        write_png(self.path / name, image)
        return self.path / name

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> Path:
        """Rows as CSV; the columns are those of the first."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path / name, text.getvalue())
        return self.path / name


class Progress(Observer):
    """A line for every tenth of a training."""

    def __init__(self, say: Callable[[str], None], images: int) -> None:
        self.say, self.images = say, images

    def announce(self, text: str) -> None:
        self.say(text)

    def after_round(self, moment: Moment) -> None:
        if moment.passed(max(1, self.images // 10)):
            self.say(f"  {moment.images:,} of {self.images:,} images, {moment.seconds:.0f} s")


def carry_out(study: Study, out: Path | str | None = None, announce: Callable[[str], None] = lambda text: None) -> Path:
    """Carry a study out in its folder, or finish one that was stopped there; the folder's result.json has the numbers.

    A folder that holds the same study with other settings, of runs that were trained on since or of other images, is
    refused, and so is one that holds other things.
    """
    folder = StudyFolder(out if out is not None else STUDIES / study.name, announce)
    if folder.path.exists() and not folder.path.is_dir():
        raise GanatomyError(f"{folder.path} is a file, not a folder for a study: choose another with --out.")
    settings = {"study": study.name, **plain(study), **checkpoints(study), **contents(study)}
    file = folder.path / "settings.json"
    if file.exists() and begun(folder.path):
        there = read_json(file)
        different = [name for name in {**there, **settings} if there.get(name) != settings.get(name)]
        if different:
            told = "; ".join(f"{name}: {there.get(name)} -> {settings.get(name)}" for name in different)
            raise GanatomyError(f"{folder.path} holds another study ({told}). Choose another folder with --out.")
    elif not file.exists() and folder.path.exists() and any(folder.path.iterdir()):
        raise GanatomyError(f"{folder.path} holds other things than a study: choose another folder with --out.")
    else:
        write_json(file, settings)
    write_json(folder.path / "result.json", {**settings, "result": study.carry_out(folder)})
    return folder.path


def checkpoints(study: Study) -> dict[str, str]:
    """The newest checkpoints of the runs that a study names, by their round and the beginning of their hash."""
    named = {name: getattr(study, name, None) for name in RUN_SETTINGS}
    if "" in named.values():
        raise GanatomyError(f"{next(n for n, path in named.items() if path == '')}= names no run: say its folder.")
    return {f"checkpoint_of_{name}": checkpoint(path) for name, path in named.items() if isinstance(path, str)}


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
    """Whether something that took time is done; a study that was refused can be corrected in its folder."""
    return any((path / name).exists() for name in ("steps", "runs", "ablation", "result.json"))


def refuse_said_by_settings(assignments: Sequence[str], settings: Mapping[str, str], named: str = "overrides") -> None:
    """Fields of a recipe that a study sets itself, by the settings that say them; `named`: where they were found."""
    for key, text in map(key_and_value, assignments):
        if key in settings:
            raise GanatomyError(f"{named}: {key}={text} is said by the setting {settings[key]}.")


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
    usual = [f"  {key}={one.default}" for key, one in settings.items() if key not in needed]
    example = " ".join(["ganatomy study", name, *(f"{key}=..." for key in needed)])
    return "\n".join([inspect.getdoc(studies[name]) or "", "", example, "", "Its other settings:", *usual])


def declared(name: str, assignments: Sequence[str] = ()) -> Study:
    """A study by name with settings from text: `declared("interpolate", ["run=runs/a", "steps=12"])`."""
    cls = studies[name]
    known = declared_settings(cls)
    settings = {}
    for key, text in map(key_and_value, assignments):
        if key not in known:
            raise GanatomyError(f"The study {name} has no setting '{key}'. {near(key, known)}")
        settings[key] = parsed(key, known[key].annotation, text)
    found: Study = Spec(cls, **settings).build()
    return found
