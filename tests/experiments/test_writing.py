"""Samples as files, whole or not at all."""

import csv
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments import writing
from ganatomy.experiments.run import Samples
from ganatomy.experiments.writing import write_samples


def samples(count: int = 6, channels: int = 1, labelled: bool = True, seed: int = 4, **how) -> Samples:
    images = np.random.default_rng(seed).integers(0, 256, (count, 8, 6, channels), dtype=np.uint8)
    return Samples(
        images, [i // 2 for i in range(count)] if labelled else None, how.get("classes", ("cat", "a/b", "dog")), seed
    )


def rows(folder) -> list[dict[str, str]]:
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_picture_lies_in_the_folder_of_its_class_as_the_manifest_says(tmp_path, channels):
    drawn = samples(channels=channels)
    out = write_samples(drawn, tmp_path / "out")
    listed = rows(out)
    assert [row["label"] for row in listed] == ["cat", "cat", "a/b", "a/b", "dog", "dog"]
    assert [row["file"].rsplit("/", 1)[0] for row in listed] == ["cat", "cat", "a_b", "a_b", "dog", "dog"]
    assert [(int(row["seed"]), int(row["index"])) for row in listed] == [(4, i) for i in range(6)]
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*.png")) == sorted(row["file"] for row in listed)
    for row, image in zip(listed, drawn.images, strict=True):
        read = np.asarray(Image.open(out / row["file"]))
        assert np.array_equal(read.reshape(image.shape), image)
    assert Image.open(tmp_path / "out.png").size[0] > 8


def test_without_classes_the_pictures_lie_flat(tmp_path):
    out = write_samples(samples(labelled=False), tmp_path / "out")
    assert [row["file"] for row in rows(out)] == [f"{i:06d}.png" for i in range(6)]
    assert {row["label"] for row in rows(out)} == {""}


@pytest.mark.parametrize("labelled", [True, False])
def test_an_array_is_read_without_pickle(tmp_path, labelled):
    drawn = samples(labelled=labelled)
    out = write_samples(drawn, tmp_path / "out", "npz")
    with np.load(out / "samples.npz", allow_pickle=False) as arrays:
        assert set(arrays) == ({"images", "labels", "classes"} if labelled else {"images"})
        assert np.array_equal(arrays["images"], drawn.images)
        if labelled:
            assert arrays["labels"].tolist() == drawn.labels
            assert arrays["classes"].tolist() == ["cat", "a/b", "dog"]
    assert len(rows(out)) == 6


@pytest.mark.parametrize("format", ["png", "npz"])
def test_earlier_samples_are_replaced_whole(tmp_path, format):
    out = write_samples(samples(6), tmp_path / "out")
    write_samples(samples(2, seed=5), out, format)
    assert len(rows(out)) == 2
    assert {row["seed"] for row in rows(out)} == {"5"}
    assert not (out / "dog").exists()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_other_things_are_never_replaced(tmp_path, kind):
    out = tmp_path / "out"
    if kind == "folder":
        out.mkdir()
        (out / "thesis.txt").write_text("years of work")
    else:
        out.write_text("years of work")
    with pytest.raises(GanatomyError, match=r"out exists and holds other things than samples: choose another --out\.$"):
        write_samples(samples(), out)
    assert (out / "thesis.txt" if kind == "folder" else out).read_text() == "years of work"


def test_an_empty_folder_may_be_filled(tmp_path):
    (tmp_path / "out").mkdir()
    assert len(rows(write_samples(samples(), tmp_path / "out"))) == 6


def test_a_failure_leaves_the_earlier_samples_and_nothing_else(tmp_path, monkeypatch):
    out = write_samples(samples(), tmp_path / "out")
    before = sorted(tmp_path.rglob("*"))

    def fail(*args) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "_write_manifest", fail)
    with pytest.raises(GanatomyError, match=r"^Cannot write .*out: No space left on device\.$"):
        write_samples(samples(3), out)
    assert sorted(tmp_path.rglob("*")) == before
    assert len(rows(out)) == 6


@pytest.mark.parametrize("step", ["rename", "rmtree"])
def test_an_interrupt_while_earlier_samples_are_replaced_leaves_one_of_the_two_whole(tmp_path, monkeypatch, step):
    out = write_samples(samples(6), tmp_path / "out").resolve()
    room, interrupts = {"rename": os, "rmtree": shutil}[step], [KeyboardInterrupt()]
    as_ever = getattr(room, step)

    def interrupted(path, *more, **how) -> None:
        if interrupts and (step == "rmtree" or more[0] == out):
            raise interrupts.pop()
        as_ever(path, *more, **how)

    monkeypatch.setattr(room, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_samples(samples(2, seed=5), out)
    assert not interrupts and {row["seed"] for row in rows(out)} == {"4" if step == "rename" else "5"}
    assert len(rows(out)) == len(list(out.rglob("*.png")))
    assert len(rows(write_samples(samples(4), out))) == 4, "and the next ones can be written"


def test_two_channels_are_no_picture_but_an_array(tmp_path):
    with pytest.raises(GanatomyError, match="Pictures have 1, 3 or 4 channels, not 2: ask for a tensor or for npz"):
        write_samples(samples(channels=2), tmp_path / "out")
    assert not list(tmp_path.iterdir())
    assert (write_samples(samples(channels=2), tmp_path / "out", "npz") / "samples.npz").is_file()


def test_class_names_that_would_share_a_folder_do_not(tmp_path):
    out = write_samples(samples(classes=("a/b", "a:b", "..")), tmp_path / "out")
    folders = [row["file"].rsplit("/", 1)[0] for row in rows(out)]
    assert len(set(folders)) == 3
    assert all((out / row["file"]).resolve().is_relative_to(out.resolve()) for row in rows(out))
