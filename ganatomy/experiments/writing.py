"""Writing samples as files: pictures in folders with a manifest, or one array."""

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.run import Samples
from ganatomy.report.grid import grid
from ganatomy.report.png import write_png
from ganatomy.runs.files import refuse_unwritable, told

Format = Literal["png", "npz"]
MANIFEST = "manifest.csv"
SHOWN = 100  # samples in the picture beside the folder


def write_samples(samples: Samples, out: Path, format: Format = "png") -> Path:
    """Write samples into a folder, which appears complete or not at all; returns it.

    format:
        - "png": NNNNNN.png, in a folder per class if there are classes, manifest.csv (file, label, seed, index,
          truncation) and, beside the folder, a picture of the first samples;
        - "npz": samples.npz with `images` uint8 [N, H, W, C] and, if there are classes, `labels` and `classes`; it is a
          source of images for `--data`.

    A folder of earlier samples is replaced. Raises GanatomyError for any other folder.
    """
    refuse_taken(out)
    place = out.resolve()
    with told(f"Cannot write {out}"):
        place.parent.mkdir(parents=True, exist_ok=True)
        writing = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        try:
            files = _write_pictures(samples, writing) if format == "png" else _write_array(samples, writing)
            _write_manifest(samples, files, writing / MANIFEST)
            writing.chmod(0o755)
            with put_aside(place, writing.with_name(f"{writing.name}-before")):
                os.rename(writing, place)
        except BaseException:  # Ctrl-C too
            shutil.rmtree(writing, ignore_errors=True)
            raise
    if samples.images.shape[3] in (1, 3, 4):
        write_png(picture_beside(place), grid(samples.images[:SHOWN]))
    return out


def refuse_taken(out: Path) -> None:
    """Raise GanatomyError, before samples are drawn, if they cannot be written there."""
    refuse_unwritable(out.parent)
    if out.suffix in (".npz", ".png") and not out.exists():
        raise GanatomyError(f"{out} would be a folder, for samples are written into one: leave out {out.suffix}.")
    if out.exists() and not holds_only_samples(out):
        raise GanatomyError(f"{out} exists and holds other things than samples: choose another --out.")
    shown = picture_beside(out.resolve())
    if shown.exists() and not out.exists():
        raise GanatomyError(f"{shown}, where the picture of the samples would go, exists: choose another --out.")


def picture_beside(place: Path) -> Path:
    """The file for the picture of the first samples."""
    return place.with_name(place.name + ".png")


@contextmanager
def put_aside(folder: Path, aside: Path) -> Iterator[None]:
    """Within the context a folder has another name. It is restored after a failure, and removed after success."""
    try:
        if folder.exists():
            os.rename(folder, aside)
        yield
    except BaseException:  # Ctrl-C too
        if aside.exists() and not folder.exists():
            os.rename(aside, folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def holds_only_samples(folder: Path) -> bool:
    """Whether a folder is empty, or all its files are in the manifest of earlier samples."""
    if not folder.is_dir():
        return False
    files = [path for path in folder.rglob("*") if not path.is_dir()]
    if not files:
        return True
    try:
        with open(folder / MANIFEST, encoding="utf-8", newline="") as manifest:
            ours = {row.get("file") for row in csv.DictReader(manifest)} | {MANIFEST}
    except (OSError, ValueError, csv.Error):
        return False
    return all(path.relative_to(folder).as_posix() in ours for path in files)


def class_folder(name: str) -> str:
    """A class name as a valid folder name.

    >>> class_folder("7"), class_folder("not Smiling"), class_folder("a/b")
    ('7', 'not Smiling', 'a_b')
    """
    safe = "".join(c if c.isalnum() or c in " -_.()" else "_" for c in name).strip(" .")
    return safe or "_"


def class_folders(names: Sequence[str]) -> list[str]:
    """A folder name for each class, distinct even if case is ignored.

    >>> class_folders(["a/b", "a:b", "A_b"])
    ['a_b', 'a_b_', 'A_b__']
    """
    folders: list[str] = []
    for name in names:
        folder = class_folder(name)
        while folder.lower() in (taken.lower() for taken in folders):
            folder += "_"
        folders.append(folder)
    return folders


def _write_pictures(samples: Samples, folder: Path) -> list[str]:
    digits = max(6, len(str(len(samples.images) - 1)))
    files, folders = [], class_folders(samples.classes or ())
    for index, picture in enumerate(samples.pictures()):
        file = f"{index:0{digits}d}.png"
        if samples.labels is not None and samples.classes is not None:
            file = f"{folders[samples.labels[index]]}/{file}"
        (folder / file).parent.mkdir(exist_ok=True)
        picture.save(folder / file)
        files.append(file)
    return files


def _write_array(samples: Samples, folder: Path) -> list[str]:
    arrays = {"images": samples.images}
    if samples.labels is not None and samples.classes is not None:
        arrays |= {"labels": np.array(samples.labels), "classes": np.array(samples.classes)}
    np.savez_compressed(folder / "samples.npz", allow_pickle=False, **arrays)
    return ["samples.npz"] * len(samples.images)


def _write_manifest(samples: Samples, files: list[str], path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "label", "seed", "index", "truncation"])
    for index, file in enumerate(files):
        label = samples.classes[samples.labels[index]] if samples.labels is not None and samples.classes else ""
        writer.writerow([file, label, samples.seed, index, "" if samples.truncation is None else samples.truncation])
    path.write_text(text.getvalue(), encoding="utf-8")
