"""Checkpoints: tensors and JSON, never pickled code, and at least one whole one at any moment a machine may die.

A checkpoint is a folder, `round-00000400/`, with `tensors.safetensors` and `state.json`. It is written under another
name, synced, and renamed. Torch is imported where tensors are handled: those who only draw figures do without it.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.runs.files import json_text, make_folder, sync_file, sync_folder, told, write_text

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1  # raised when older programs could not read what newer ones write
KEPT = 2  # the newest, and the one before it in case the newest is damaged
TENSORS = "tensors.safetensors"
STATE = "state.json"
NAME = re.compile(r"round-(\d{8,})")
WRITING, REPLACED, REMOVING = ".writing-", ".replaced-", ".removing-"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved after a round. `damaged`: why newer ones could not be used, a line each."""

    round: int
    tensors: Mapping[str, "Tensor"]
    state: Mapping[str, Any]
    damaged: tuple[str, ...] = ()


class Checkpoints:
    """The checkpoints of one run. One process writes (see `RunFolder.lock`); any may read.

    >>> import tempfile, torch
    >>> checkpoints = Checkpoints(tempfile.mkdtemp())
    >>> checkpoints.write(100, {"G.weight": torch.ones(2)}, {"images": 12800})
    >>> checkpoints.rounds()
    [100]
    >>> checkpoints.newest().tensors["G.weight"]
    tensor([1., 1.])
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def write(
        self, round: int, tensors: Mapping[str, "Tensor"], state: Mapping[str, Any], keep: Collection[int] = ()
    ) -> None:
        """Save tensors of any shape and layout (contiguous when read back), and state that JSON holds without loss.

        Of the others, the one before and the rounds in `keep` stay. Rounds after this one are of a course that was
        given up, since the run went back and came here again; they go, unless kept.
        """
        name = f"round-{round:08d}"
        target, writing, replaced = self.folder / name, self.folder / (WRITING + name), self.folder / (REPLACED + name)
        with told(f"Cannot write {target}"):
            self._tidy()
            with _removed_on_failure(writing):
                make_folder(writing)
                _write_tensors(writing / TENSORS, tensors)
                _write_state(writing / STATE, round, writing / TENSORS, state)
                sync_folder(writing)
            if target.exists():  # readers look for a replaced one while there is no other
                os.rename(target, replaced)
            os.rename(writing, target)
            sync_folder(self.folder)
            shutil.rmtree(replaced, ignore_errors=True)
            self._prune(round, keep)

    def rounds(self) -> list[int]:
        """The rounds that have a checkpoint, oldest first; whether they are whole shows in reading."""
        if not self.folder.is_dir():
            return []
        with told(f"Cannot read {self.folder}"):
            names = {path.name.removeprefix(REPLACED) for path in self.folder.iterdir()}
        return sorted(int(match[1]) for match in map(NAME.fullmatch, names) if match)

    def read(self, round: int) -> Checkpoint:
        """The checkpoint of a round, every byte checked; an error names the file that is not what was written."""
        folder = self._place(round)
        if not folder.is_dir():
            there = ", ".join(map(str, self.rounds())) or "none"
            raise GanatomyError(f"No checkpoint of round {round} in {self.folder}. There are: {there}.")
        written = _read_state(folder / STATE)
        if written["round"] != round:
            raise GanatomyError(f"{folder / STATE} is of round {written['round']}: the folder was renamed.")
        return Checkpoint(round, _read_tensors(folder / TENSORS, written["tensors"]), written["state"])

    def newest(self) -> Checkpoint | None:
        """The newest whole checkpoint, with what is wrong with newer ones; None where nothing was saved yet."""
        damaged: list[str] = []
        for round in reversed(self.rounds()):
            try:
                return replace(self.read(round), damaged=tuple(damaged))
            except GanatomyError as error:
                damaged.append(str(error))
        if damaged:
            raise GanatomyError(f"No checkpoint in {self.folder} is whole. {' '.join(damaged)}")
        return None

    def _place(self, round: int) -> Path:
        """Where a round is: under its name, or put aside by a writer that died while replacing it."""
        name = f"round-{round:08d}"
        here, aside = self.folder / name, self.folder / (REPLACED + name)
        return aside if aside.is_dir() and not here.is_dir() else here

    def _tidy(self) -> None:
        """Finish what a killed writer began."""
        if not self.folder.is_dir():
            return
        for path in list(self.folder.iterdir()):
            if path.name.startswith((WRITING, REMOVING)):
                shutil.rmtree(path)
            elif path.name.startswith(REPLACED):
                place = self.folder / path.name.removeprefix(REPLACED)
                if place.exists():
                    shutil.rmtree(path)
                else:
                    os.rename(path, place)

    def _prune(self, newest: int, keep: Collection[int]) -> None:
        past = [round for round in self.rounds() if round <= newest]
        for round in set(self.rounds()) - set(past[-KEPT:]) - set(keep):
            path = self.folder / f"round-{round:08d}"
            removing = self.folder / (REMOVING + path.name)
            os.rename(path, removing)  # half a removed folder would look like a damaged checkpoint
            shutil.rmtree(removing)


@contextmanager
def _removed_on_failure(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:  # Ctrl-C too
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _write_tensors(path: Path, tensors: Mapping[str, "Tensor"]) -> None:
    from safetensors.torch import save_file

    try:
        save_file(_owning(tensors), path)
    except SafetensorError as error:
        raise OSError(one_line(error)) from error
    sync_file(path)


def _owning(tensors: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Every tensor on the CPU, contiguous, and alone in its storage: the format knows no views.

    A lazily conjugated or negated view would be written without its conjugation or sign.
    """
    import torch

    owning, storages = {}, set()
    for name, tensor in tensors.items():
        if tensor.layout is not torch.strided or tensor.dtype is torch.complex128:
            kind = f"{tensor.dtype}, {tensor.layout}"
            raise GanatomyError(f"The tensor '{name}' ({kind}) cannot be saved: safetensors has nothing to hold it.")
        tensor = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
        storage = tensor.untyped_storage()
        if storage.nbytes() != tensor.nbytes or storage.data_ptr() in storages:
            tensor = tensor.clone()
        storages.add(tensor.untyped_storage().data_ptr())
        owning[name] = tensor
    return owning


def _write_state(path: Path, round: int, tensors: Path, state: Mapping[str, Any]) -> None:
    written = {
        "ganatomy_checkpoint": FORMAT,
        "round": round,
        "tensors": {"bytes": tensors.stat().st_size, "sha256": _sha256(tensors)},
        "state": state,
    }
    write_text(path, json_text(written, indent=1, lossless=True) + "\n")
    os.chmod(tensors, path.stat().st_mode)  # safetensors hides its files from everyone but the owner


def _read_state(path: Path) -> dict[str, Any]:
    with told(f"Cannot read {path}"):
        data = path.read_bytes()
    try:
        written = json.loads(data)
    except ValueError:  # of JSON or of UTF-8
        raise GanatomyError(f"{path} is damaged: it is not JSON.") from None
    if not isinstance(written, dict) or "ganatomy_checkpoint" not in written:
        raise GanatomyError(f"{path} is foreign: Ganatomy did not write it.")
    if (version := written["ganatomy_checkpoint"]) != FORMAT:
        raise GanatomyError(f"{path} has format {version}; this Ganatomy reads format {FORMAT}: install a newer one.")
    match written:
        case {"round": int(), "tensors": {"bytes": int(), "sha256": str()}, "state": dict()}:
            return written
    raise GanatomyError(f"{path} is damaged: parts of it are missing.")


def _read_tensors(path: Path, written: Mapping[str, Any]) -> dict[str, "Tensor"]:
    from safetensors.torch import load_file

    with told(f"Cannot read {path}"):
        if (size := path.stat().st_size) != written["bytes"]:
            raise GanatomyError(f"{path} is damaged: it holds {size} bytes instead of {written['bytes']}.")
        if _sha256(path) != written["sha256"]:
            raise GanatomyError(f"{path} is damaged: its contents are not what was written (sha256).")
        try:
            return load_file(path)
        except SafetensorError as error:
            raise GanatomyError(f"{path} is damaged: {one_line(error)}.") from error


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
