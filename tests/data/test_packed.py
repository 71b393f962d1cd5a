import errno
import json
import os
import shutil
import signal
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import ganatomy.data.packed as packed_module
from ganatomy.core.errors import GanatomyError
from ganatomy.data.images import Images
from ganatomy.data.packed import Sheet, fair_order, set_aside
from tests.processes import FORKED, started

from .made import Pixels, damage, png, random_pixels, save_folder, save_idx, save_parquet, save_png

Usage = namedtuple("Usage", "total used free")


def message(source: Path, **settings: object) -> str:
    with pytest.raises(GanatomyError) as caught:
        Images(source=str(source), **settings).open()  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def entries(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir())


# what is packed


def test_packed_images_are_the_decoded_ones(tmp_path: Path) -> None:
    images = save_folder(tmp_path / "x", [f"{n}.png" for n in range(300)])
    opened = Images(source=str(tmp_path / "x"), held_out=0.2).open()
    assert (len(opened.train), len(opened.held_out)) == (240, 60)
    pixels = [image.tobytes() for image in images.values()]
    train = [pixels.index(image.tobytes()) for image in opened.train.images]
    held_out = [pixels.index(image.tobytes()) for image in opened.held_out.images]
    assert sorted(train + held_out) == list(range(300))
    assert train == sorted(train) and held_out == sorted(held_out)  # an order without classes is kept


def test_other_processes_pack_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_folder(tmp_path / "x", [f"{n % 3}/{n}.png" for n in range(400)])
    here = Images(source=str(tmp_path / "x")).open(cache=tmp_path / "one")
    monkeypatch.setattr(packed_module, "WORTH", 0)
    monkeypatch.setattr(packed_module, "cores", lambda: 2)
    there = Images(source=str(tmp_path / "x")).open(cache=tmp_path / "two")
    assert here.content == there.content
    assert np.array_equal(here.held_out.images, there.held_out.images)


def test_content_does_not_depend_on_where_images_came_from(
    tmp_path: Path, digits_like: tuple[Pixels, NDArray[np.int64]]
) -> None:
    images, labels = digits_like
    features = {"label": {"_type": "ClassLabel", "names": list("01234")}}
    save_parquet(tmp_path / "p" / "train-0.parquet", [png(i) for i in images], {"label": labels.tolist()}, features)
    save_idx(tmp_path / "i" / "train-images-idx3-ubyte.gz", images)
    save_idx(tmp_path / "i" / "train-labels-idx1-ubyte.gz", labels)
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    opened = [Images(source=str(tmp_path / name)).open() for name in ("p", "i", "a.npz")]
    assert len({of_source.content for of_source in opened}) == 1
    assert {of_source.classes for of_source in opened} == {tuple("01234")}
    np.savez(tmp_path / "b.npz", images=images, labels=labels[::-1])
    np.savez(tmp_path / "c.npz", images=images)
    assert len({Images(source=str(tmp_path / f"{name}.npz")).open().content for name in "abc"}) == 3


def test_labels_stay_with_their_images(tmp_path: Path) -> None:
    for folder in ("train", "test"):  # of equal length, so that mixing up their labels would not fail
        for number in range(6):
            save_png(tmp_path / folder / f"class{number % 3}" / f"{number}.png", np.full((8, 8), number % 3, np.uint8))
    opened = Images(source=str(tmp_path)).open()
    for split in (opened.train, opened.held_out):
        assert split.labels is not None and np.array_equal(split.images[:, 0, 0, 0], split.labels)


def test_an_order_sorted_by_class_is_shuffled_and_any_other_is_kept() -> None:
    in_blocks = np.repeat([2, 0, 1], 100)
    order = fair_order(in_blocks, 300)
    assert np.bincount(in_blocks[order][:60]).min() > 10
    assert np.array_equal(order, fair_order(in_blocks, 300))
    assert np.array_equal(fair_order(np.arange(300) % 3, 300), np.arange(300))
    assert np.array_equal(fair_order(None, 300), np.arange(300))
    assert np.array_equal(fair_order(np.zeros(300, np.int64), 300), np.arange(300))


def test_every_class_is_held_out_in_proportion_and_never_wholly() -> None:
    labels = np.repeat([0, 1, 2], [100, 20, 2])
    aside = set_aside(labels, len(labels), 0.25)
    assert np.bincount(labels[aside], minlength=3).tolist() == [25, 5, 0]
    assert set_aside(None, 3, 0.01).sum() == 1
    assert set_aside(np.array([0, 0, 1, 1]), 4, 0.99).sum() == 2


def test_sizes_channels_and_crops_are_prepared(tmp_path: Path) -> None:
    save_folder(tmp_path / "x", ["1.png", "2.png", "3.png"], (20, 30, 3))
    assert Images(source=str(tmp_path / "x")).open().shape == (3, 20, 30)
    assert Images(source=str(tmp_path / "x"), crop=0.5).open().shape == (3, 10, 15)
    assert Images(source=str(tmp_path / "x"), size=(8, 12), channels="gray").open().shape == (1, 8, 12)
    larger = Images(source=str(tmp_path / "x"), size=8, load_size=(10, 12)).open()
    assert larger.shape == (3, 8, 8) and larger.train.images.shape[1:] == (10, 12, 3)


def test_many_channels_pass_through(tmp_path: Path) -> None:
    images = random_pixels(8, 6, 5, 7)
    np.savez(tmp_path / "a.npz", images=images)
    assert Images(source=str(tmp_path / "a.npz")).open().shape == (7, 6, 5)


# what is wrong with images


def test_corrupt_images_are_named_and_may_be_skipped(tmp_path: Path, own_cache: Path) -> None:
    images = save_folder(tmp_path / "x", [f"{n}.png" for n in range(12)])
    whole = Images(source=str(tmp_path / "x"), held_out=0.25).open(cache=tmp_path / "other")
    damage(tmp_path / "x" / "0.png")
    (tmp_path / "x" / "7.png").write_text("no image")
    said = "2 corrupt images: 0.png, 7.png; data.on_error=skip goes on without them."
    assert message(tmp_path / "x", held_out=0.25) == said
    assert entries(own_cache) == []
    opened = Images(source=str(tmp_path / "x"), held_out=0.25, on_error="skip").open()
    assert opened.skipped == ("0.png", "7.png")
    gone = [images["0.png"].tobytes(), images["7.png"].tobytes()]
    for split, before in ((opened.train, whole.train), (opened.held_out, whole.held_out)):
        kept = [image.tobytes() for image in before.images if image.tobytes() not in gone]
        assert [image.tobytes() for image in split.images] == kept
    assert message(tmp_path / "x", held_out=0.25) == said  # although it is in the cache now


def test_no_readable_image_says_why(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_text("no image")
    assert message(tmp_path, on_error="skip") == "No image is readable of 2: a.png, b.png (not an image)."


def test_mixed_channels_name_two_files_and_the_setting(tmp_path: Path) -> None:
    save_png(tmp_path / "a.png", random_pixels(8, 8, 3))
    save_png(tmp_path / "b.png", random_pixels(8, 8))
    assert message(tmp_path) == "a.png is RGB, b.png is gray; data.channels=rgb (or gray, rgba) converts them all."
    assert Images(source=str(tmp_path), channels="rgb").open().shape == (3, 8, 8)


def test_exotic_kinds_are_converted_only_if_asked(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((8, 8), 65535, np.uint16)).save(tmp_path / name)
    assert message(tmp_path) == "a.png and b.png are 16-bit gray; data.channels=rgb (or gray, rgba) converts them."
    assert message(tmp_path, size=4).startswith("a.png and b.png are 16-bit gray")
    assert Images(source=str(tmp_path), channels="gray").open().train.images.max() == 255


def test_sixteen_bit_arrays_are_converted_only_if_asked(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.full((4, 8, 8), 25700, np.uint16))
    assert "a.npz image 0 and a.npz image 1 are 16-bit gray" in message(tmp_path / "a.npz")
    assert np.all(Images(source=str(tmp_path / "a.npz"), channels="gray").open().train.images == 100)


def test_differing_sizes_name_two_files_and_the_setting(tmp_path: Path) -> None:
    save_png(tmp_path / "a.png", random_pixels(8, 12))
    save_png(tmp_path / "b.png", random_pixels(12, 8))
    assert message(tmp_path) == "a.png is 8x12, b.png is 12x8: say which: data.size=8,12."
    assert Images(source=str(tmp_path), size=8).open().shape == (1, 8, 8)


def test_a_decompression_bomb_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    save_folder(tmp_path, [f"a{n}.png" for n in range(12)])
    save_png(tmp_path / "b.png", random_pixels(20, 20, 3))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    said = message(tmp_path)
    assert said == (
        "b.png is a decompression bomb: 20x20 pixels, and 300 is the limit; data.on_error=skip goes on without it."
    )
    assert Images(source=str(tmp_path), held_out=0.3, on_error="skip").open().skipped == ("b.png",)
    assert not [warning for warning in recwarn if "Bomb" in str(warning.category)]


def test_a_class_with_a_single_image_is_refused(tmp_path: Path) -> None:
    save_folder(tmp_path, ["cat/1.png", "cat/2.png", "dog/1.png"])
    assert message(tmp_path).startswith(f"The class 'dog' of {tmp_path} has a single image")
    save_folder(tmp_path, ["dog/2.png"])
    (tmp_path / "dog" / "1.png").write_text("corrupt")
    assert message(tmp_path, on_error="skip").startswith(f"The class 'dog' of {tmp_path} has a single image")


def test_a_split_that_skipping_empties_is_refused(tmp_path: Path) -> None:
    save_folder(tmp_path, ["train/1.png", "train/2.png"])
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "3.png").write_text("corrupt")
    assert message(tmp_path, on_error="skip") == f"No readable image is left in the held-out split of {tmp_path}."


def test_a_single_image_is_refused(tmp_path: Path) -> None:
    save_folder(tmp_path, ["1.png"])
    assert message(tmp_path) == f"{tmp_path} holds a single image, and two are the least: one of them is held out."


# the cache


def test_images_are_decoded_once(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_folder(tmp_path / "x", ["1.png", "2.png", "3.png"])
    images = Images(source=str(tmp_path / "x"))
    first = images.open()
    monkeypatch.setattr(packed_module, "fill", None)
    second = images.open()
    assert isinstance(second.train.images, np.memmap) and second.content == first.content
    assert len(entries(own_cache)) == 1


def test_a_changed_source_or_preparation_is_packed_anew(tmp_path: Path, own_cache: Path) -> None:
    save_folder(tmp_path / "x", ["1.png", "2.png", "3.png"])
    images = Images(source=str(tmp_path / "x"))
    first = images.open()
    save_png(tmp_path / "x" / "3.png", random_pixels(8, 8, 3, seed=99))
    assert images.open().content != first.content
    Images(source=str(tmp_path / "x"), size=4).open()
    Images(source=str(tmp_path / "x"), held_out=0.5).open()
    Images(source=str(tmp_path / "x"), flip=True, on_error="skip").open()  # these two change no pixel
    assert len(entries(own_cache)) == 4


def test_a_truncated_entry_is_rebuilt(tmp_path: Path, own_cache: Path) -> None:
    save_folder(tmp_path / "x", ["1.png", "2.png", "3.png"])
    images = Images(source=str(tmp_path / "x"))
    pixels = np.array(images.open().train.images)
    for name in ("train.npy", "meta.json"):
        damage(next(own_cache.iterdir()) / name)
        assert np.array_equal(images.open().train.images, pixels)
    assert len(entries(own_cache)) == 1


def test_an_interrupted_packing_leaves_nothing(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_folder(tmp_path / "x", ["1.png", "2.png", "3.png"])

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Sheet, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Images(source=str(tmp_path / "x")).open()
    assert entries(own_cache) == []


def interrupted_while_packing(source: Path) -> None:
    """As the terminal interrupts: everyone of the session."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    packed_module.WORTH, packed_module.cores = 0, lambda: 2
    put = Sheet.put

    def interrupting(*given: Any) -> None:
        put(*given)
        os.killpg(0, signal.SIGINT)

    Sheet.put = interrupting  # type: ignore[method-assign]
    Images(source=str(source)).open()


def test_an_interrupt_ends_the_decoding_processes_and_leaves_nothing(tmp_path: Path, own_cache: Path) -> None:
    save_folder(tmp_path / "x", ["1.png", "2.png", "3.png"])
    done = started(tmp_path / "said", interrupted_while_packing, tmp_path / "x").ended()
    assert done.err.count("Traceback") == 1 and done.err.strip().endswith("KeyboardInterrupt")
    assert entries(own_cache) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_folder(tmp_path / "x", ["1.png", "2.png", "3.png"])
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: Usage(1000, 990, 10))
        said = message(tmp_path / "x")
    assert said == (
        f"The disk under the cache folder {own_cache} is full: 600 bytes are needed, 10 are free. "
        "GANATOMY_CACHE names another folder."
    )

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Sheet, "put", full)
    assert message(tmp_path / "x").startswith(f"The disk under the cache folder {own_cache} is full: 600 bytes")
    assert entries(own_cache) == []


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    save_folder(tmp_path / "x", ["1.png", "2.png"])
    (tmp_path / "file").write_text("")
    with pytest.raises(GanatomyError, match="Cannot write into the cache folder"):
        Images(source=str(tmp_path / "x")).open(cache=tmp_path / "file" / "cache")


def test_what_a_killed_process_left_is_swept_after_a_day(tmp_path: Path, own_cache: Path) -> None:
    save_folder(tmp_path / "x", ["1.png", "2.png"])
    old, new = packed_module.UNFINISHED + "old", packed_module.UNFINISHED + "new"
    foreign = ".config-of-someone"  # the cache may be a home folder
    for name, age in ((old, 2 * packed_module.STALE), (new, 60), (foreign, 2 * packed_module.STALE)):
        (own_cache / name).mkdir()
        os.utime(own_cache / name, (time.time() - age,) * 2)
    Images(source=str(tmp_path / "x")).open()
    left = entries(own_cache)
    assert old not in left and new in left and foreign in left


def packing(source: Path, all_ready: Any) -> None:
    all_ready.wait()
    print(Images(source=str(source)).open().content)


def test_processes_that_pack_at_once_end_with_one_whole_entry(tmp_path: Path, own_cache: Path) -> None:
    save_folder(tmp_path / "x", [f"{n % 2}/{n}.png" for n in range(200)])
    all_ready = FORKED.Barrier(3)
    running = [started(tmp_path / str(n), packing, tmp_path / "x", all_ready) for n in range(3)]
    done = [one.ended() for one in running]
    assert [one.code for one in done] == [0, 0, 0] and len({one.out for one in done}) == 1
    assert len(entries(own_cache)) == 1
    assert json.loads((next(own_cache.iterdir()) / "meta.json").read_text())["content"] == done[0].out.strip()


def test_the_slower_of_two_takes_what_the_faster_made(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_folder(tmp_path / "x", ["1.png", "2.png", "3.png"])
    images = Images(source=str(tmp_path / "x"))
    publish = packed_module.publish
    contents = []

    def overtaken(temporary: Path, folder: Path) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(packed_module, "publish", publish)
            contents.append(images.open().content)
        publish(temporary, folder)

    monkeypatch.setattr(packed_module, "publish", overtaken)
    assert [images.open().content] == contents
    assert len(entries(own_cache)) == 1


def test_progress_is_shown_only_if_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_folder(tmp_path / "x", ["1.png", "2.png"])
    Images(source=str(tmp_path / "x")).open()
    assert capsys.readouterr() == ("", "")
    Images(source=str(tmp_path / "x"), size=4).open(progress=True)
    shown = capsys.readouterr()
    assert shown.out == "" and "packing" in shown.err
