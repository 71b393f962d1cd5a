"""What a study is: settings checked when declared, steps that are done once, and a result that carries its protocol."""

import csv
import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from PIL import Image
from safetensors.torch import save as save_tensors

from ganatomy.core.errors import GanatomyError, near
from ganatomy.core.registry import Registry, part
from ganatomy.core.spec import Spec, declared_settings, key_and_value, parsed, to_plain
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

    @abstractmethod
    def carry_out(self, folder: "StudyFolder") -> Mapping[str, Any]:
        """Do it. Raises GanatomyError for the caller's mistakes."""


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

    def step(self, name: str, work: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """What `work` returns, plain JSON; done once, and read back when the study is run again."""
        file = self.path / "steps" / f"{name.replace('/', '_')}.json"
        if not file.exists():
            self.announce(name)
            write_json(file, dict(work()))
        return read_json(file)

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


def carry_out(study: Study, out: Path | str | None = None, announce: Callable[[str], None] = lambda text: None) -> Path:
    """Carry a study out in its folder, or finish one that was stopped there; the folder's result.json has the numbers.

    A folder that holds the same study with other settings, or of runs that were trained on since, is refused, and so is
    one that holds other things.
    """
    folder = StudyFolder(out if out is not None else STUDIES / study.name, announce)
    settings = {"study": study.name, **to_plain(Spec(type(study), **vars(study))), **checkpoints(study)}
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
    return {f"checkpoint_of_{name}": checkpoint(path) for name, path in named.items() if isinstance(path, str)}


def checkpoint(path: str) -> str:
    found = load(path).checkpoint()
    return f"round {found.round}, {hashlib.sha256(save_tensors(dict(found.tensors))).hexdigest()[:12]}"


def begun(path: Path) -> bool:
    """Whether something that took time is done; a study that was refused can be corrected in its folder."""
    return any((path / name).exists() for name in ("steps", "runs", "ablation", "result.json"))


def refuse_said_by_settings(assignments: Sequence[str], settings: Mapping[str, str], named: str = "overrides") -> None:
    """Fields of a recipe that a study sets itself, by the settings that say them; `named`: where they were found."""
    for key, text in map(key_and_value, assignments):
        if key in settings:
            raise GanatomyError(f"{named}: {key}={text} is said by the setting {settings[key]}.")


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
