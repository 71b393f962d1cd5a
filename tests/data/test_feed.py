from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import ganatomy.data.feed as feed_module
from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import keyed
from ganatomy.core.shape import Shape
from ganatomy.data.feed import Feed, to_uint8, to_unit
from ganatomy.data.packed import Split

from .made import random_pixels


def split_of(count: int, height: int = 6, width: int = 5, channels: int = 3) -> Split:
    """Labels are the numbers of the images."""
    return Split(random_pixels(count, height, width, channels), np.arange(count))


def feed_of(split: Split, *, height: int = 6, width: int = 5, flip: bool = False, seed: int = 0) -> Feed:
    return Feed(split, shape=Shape(split.images.shape[3], height, width), flip=flip, seed=seed)


def numbers(feed: Feed, number: int, size: int, rows: slice | None = None) -> list[int]:
    labels = feed.batch(number, size, rows)[1]
    assert labels is not None
    return labels.tolist()


def test_pixels_survive_there_and_back() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    x = to_unit(every)
    assert x.min() == -1 and x.max() == 1 and x.dtype == torch.float32
    assert np.array_equal(to_uint8(x), every)
    images = random_pixels(4, 5, 6, 3)
    assert np.array_equal(to_uint8(to_unit(images)), images)
    assert np.array_equal(to_uint8(to_unit(torch.from_numpy(images))), images)


def test_out_of_range_is_clipped_and_the_nearest_is_taken() -> None:
    assert to_uint8(torch.tensor([[[[-9.0, 9.0, 0.0, 0.003]]]])).ravel().tolist() == [0, 255, 128, 128]


def test_fed_images_are_the_decoded_ones_in_channels_last() -> None:
    split = split_of(20)
    x, y = feed_of(split).batch(0, 8)
    assert y is not None and x.shape == (8, 3, 6, 5) and x.is_contiguous(memory_format=torch.channels_last)
    plain = torch.from_numpy(split.images[y.numpy()]).permute(0, 3, 1, 2).float() / 127.5 - 1
    assert torch.equal(x, plain)


@pytest.mark.parametrize(("count", "size"), [(20, 8), (3, 8), (8, 8), (1, 4)])
def test_each_epoch_visits_every_image_once(count: int, size: int) -> None:
    feed = feed_of(split_of(count))
    shown = [index for number in range(count * 3) for index in numbers(feed, number, size)]
    epochs = [shown[start : start + count] for start in range(0, len(shown) - count + 1, count)]
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs)
    if count > 5:
        assert all(one != other for one, other in pairwise(epochs))


def test_rows_are_parts_of_the_whole() -> None:
    split = split_of(30, 9, 8)
    feed = feed_of(split, flip=True)
    for number in range(4):
        x, y = feed.batch(number, 13)
        for cuts in ((0, 13), (0, 4, 13), (0, 1, 2, 9, 13)):
            parts = [feed.batch(number, 13, slice(start, stop)) for start, stop in pairwise(cuts)]
            assert torch.equal(torch.cat([part[0] for part in parts]), x)
            assert y is not None and torch.equal(torch.cat([part[1] for part in parts if part[1] is not None]), y)


def test_a_batch_does_not_depend_on_those_before_it() -> None:
    split = split_of(30, 9, 8)
    forward = feed_of(split, flip=True)
    there = [forward.batch(number, 7)[0] for number in range(12)]
    backward = feed_of(split, flip=True)
    back = [backward.batch(number, 7)[0] for number in reversed(range(12))]
    assert all(torch.equal(one, other) for one, other in zip(there, reversed(back), strict=True))
    assert not torch.equal(feed_of(split, flip=True, seed=1).batch(0, 7)[0], there[0])


def test_crops_and_flips_are_where_the_keys_say() -> None:
    split = split_of(30, 9, 8)
    feed = feed_of(split, height=6, width=5, flip=True, seed=3)
    seen = set()
    for number in range(24):
        x, y = feed.batch(number, 16)
        assert y is not None
        offsets = keyed(3, "crop", number).integers(0, [4, 4], size=(16, 2))
        flips = keyed(3, "flip", number).random(16) < 0.5
        for row in range(16):
            top, left = offsets[row]
            cut = split.images[y[row], top : top + 6, left : left + 5]
            cut = cut[:, ::-1] if flips[row] else cut
            assert np.array_equal(to_uint8(x[row : row + 1])[0], cut)
            seen.add((top, left, flips[row]))
    assert len(seen) == 4 * 4 * 2  # every place, flipped and not


def test_memory_mapped_images_feed_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_of(30, 9, 8)
    held = feed_of(split, flip=True)
    monkeypatch.setattr(feed_module, "free_bytes", lambda _: 0)
    mapped = feed_of(split, flip=True)
    assert held.resident is not None and mapped.resident is None
    assert torch.equal(held.batch(2, 11)[0], mapped.batch(2, 11)[0])


def test_a_memory_map_of_a_read_only_file_feeds_without_a_warning(
    tmp_path_factory: pytest.TempPathFactory, recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path_factory.mktemp("map") / "a.npy"
    np.save(path, random_pixels(10, 4, 4, 1))
    split = Split(np.load(path, mmap_mode="r"), None)
    for free in (10**9, 0):
        monkeypatch.setattr(feed_module, "free_bytes", lambda _, free=free: free)
        x, y = Feed(split, shape=Shape(1, 4, 4), flip=False, seed=0).batch(0, 4)
        assert y is None and x.shape == (4, 1, 4, 4)
    to_unit(split.images[:3])
    assert not recwarn.list


def test_no_rows_are_no_images() -> None:
    x, y = feed_of(split_of(10), flip=True).batch(0, 4, slice(2, 2))
    assert x.shape == (0, 3, 6, 5) and y is not None and len(y) == 0


def test_batches_larger_than_the_images_are_refused() -> None:
    with pytest.raises(GanatomyError, match="Batches of 7x5x3 cannot be cut from images of 6x5x3"):
        feed_of(split_of(4), height=7)


def test_free_memory_is_known() -> None:
    assert feed_module.free_bytes(torch.device("cpu")) > 2**20


def test_free_memory_of_a_container_is_its_limit_less_what_it_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("5000\n")
    assert feed_module.free_bytes(torch.device("cpu")) == 5000
    for used, free in ((1200, 3800), (5001, 0)):
        (tmp_path / "memory.current").write_text(f"{used}\n")
        assert feed_module.free_bytes(torch.device("cpu")) == free
    (tmp_path / "memory.max").write_text("max\n")
    assert feed_module.free_bytes(torch.device("cpu")) > 5000


def turning_feed(rotate: float, size: int = 9) -> Feed:
    pixels = np.zeros((4, size, size, 1), np.uint8)
    pixels[:, 1, size // 2] = 255  # a dot above the center
    return Feed(Split(pixels, None), shape=Shape(1, size, size), flip=False, rotate=rotate, seed=0)


def test_turned_images_are_turned_by_at_most_the_angle_and_each_by_its_own() -> None:
    feed = turning_feed(30)
    places = []
    for number in range(50):
        for image in feed.batch(number, 4)[0][:, 0]:
            mass = image + 1
            rows, columns = torch.meshgrid(torch.arange(9.0) - 4, torch.arange(9.0) - 4, indexing="ij")
            up, right = -(mass * rows).sum(), (mass * columns).sum()
            places.append(float(torch.atan2(right, up).rad2deg()))
    assert max(places) <= 30 and min(places) >= -30
    assert max(places) > 24 and min(places) < -24 and len(set(places)) > 190


def test_turned_rows_are_the_rows_of_the_turned_batch() -> None:
    feed = turning_feed(180)
    whole = feed.batch(3, 8)[0]
    assert torch.equal(whole[2:5], feed.batch(3, 8, slice(2, 5))[0])


def test_pictures_that_are_not_square_turn_without_being_bent() -> None:
    x = torch.zeros(1, 1, 8, 16)
    x[..., 3:5, 4:12] = 1  # 8 long, 2 high
    upright = feed_module.turned(x, torch.tensor([torch.pi / 2]))
    assert torch.allclose(upright[0, 0, :, 7:9], torch.ones(8, 2), atol=1e-5) and float(upright.sum()) == pytest.approx(
        16
    )


def test_no_turn_is_the_picture_itself() -> None:
    x = torch.rand(2, 3, 5, 7)
    assert torch.allclose(feed_module.turned(x, torch.zeros(2)), x, atol=1e-6)
