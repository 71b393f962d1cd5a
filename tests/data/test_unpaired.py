"""Two domains: two sources, or one in two parts, each with its own number of images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.data.unpaired import Unpaired, unpaired_feed


def folder(path: Path, count: int, value: int, size: int = 8, mode: str = "L") -> Path:
    path.mkdir(parents=True)
    for i in range(count):
        Image.new(mode, (size, size), value if mode == "L" else (value,) * 3).save(path / f"{i}.png")
    return path


def test_two_folders_of_other_lengths(cache: Path, tmp_path: Path) -> None:
    x, y = folder(tmp_path / "dark", 5, 10), folder(tmp_path / "light", 12, 240)
    data = Unpaired(source=str(x), other=str(y), held_out=0.2).open()
    assert (len(data.train), len(data.held_out)) == (4, 1)
    assert (len(data.of_y().train), len(data.of_y().held_out)) == (10, 2)
    assert data.classes is None and data.train.labels is None
    assert data.names == ("dark", "light"), "what people call them, not where they lie"
    feed = unpaired_feed(data, "train", seed=0, device=torch.device("cpu"))
    for number in range(4):
        dark, light = feed.batch(number, 3)
        assert dark.shape == light.shape == (3, 1, 8, 8)
        assert dark.max() < 0 < light.min()


def test_one_folder_in_two_classes(cache: Path, tmp_path: Path) -> None:
    folder(tmp_path / "both" / "cats", 6, 10), folder(tmp_path / "both" / "dogs", 8, 200)
    data = Unpaired(source=str(tmp_path / "both")).open()
    assert data.names == ("cats", "dogs")
    assert np.asarray(data.train.images).max() == 10 and np.asarray(data.of_y().train.images).min() == 200


def test_one_image_in_a_domain_is_too_few_to_hold_one_out(cache: Path, tmp_path: Path) -> None:
    x, y = folder(tmp_path / "one", 1, 10), folder(tmp_path / "many", 4, 200)
    with pytest.raises(GanatomyError, match="holds a single image"):
        Unpaired(source=str(x), other=str(y)).open()


def test_two_images_in_a_domain_are_shown_again_and_again(cache: Path, tmp_path: Path) -> None:
    x, y = folder(tmp_path / "two", 2, 10), folder(tmp_path / "many", 6, 200)
    data = Unpaired(source=str(x), other=str(y)).open()
    feed = unpaired_feed(data, "train", seed=0, device=torch.device("cpu"))
    assert [len(part) for part in feed.batch(9, 5)] == [5, 5]


@pytest.mark.parametrize(("size", "mode"), [(10, "L"), (8, "RGB")])
def test_pictures_that_differ_are_refused(cache: Path, tmp_path: Path, size: int, mode: str) -> None:
    x, y = folder(tmp_path / "x", 4, 10), folder(tmp_path / "y", 4, 200, size, mode)
    with pytest.raises(GanatomyError, match=r"set data.size and data.channels"):
        Unpaired(source=str(x), other=str(y)).open()


def test_more_than_two_classes_are_refused_and_named(cache: Path) -> None:
    with pytest.raises(
        GanatomyError, match=r"digits has 10 classes \(0, 1, .*\); two domains .* data.split=0,1, a second"
    ):
        Unpaired(source="digits").open()


def test_two_classes_of_many_are_the_domains_in_the_order_said(cache: Path) -> None:
    data = Unpaired(source="digits", split="8,3").open()
    assert data.names == ("8", "3") and data.train.labels is None
    back = Unpaired(source="digits", split="3, 8").open()
    assert np.array_equal(data.train.images, back.of_y().train.images)
    assert not np.array_equal(data.train.images[:9], back.train.images[:9])
    with pytest.raises(GanatomyError, match="No class of digits called '12'"):
        Unpaired(source="digits", split="3,12").open()
    for split in ("3,3", "1,2,3"):
        with pytest.raises(GanatomyError, match="two domains are wanted"):
            Unpaired(source="digits", split=split).open()


def test_what_has_no_two_classes_is_refused_before_it_is_packed(cache: Path, tmp_path: Path) -> None:
    flat = folder(tmp_path / "flat", 4, 10)
    (flat / "0.png").write_bytes(b"packing would stumble over it")
    with pytest.raises(GanatomyError, match="flat has no classes; two domains are wanted: name a second source with"):
        Unpaired(source=str(flat)).open()
    with pytest.raises(GanatomyError, match=r"data.split=Smiling names a column, .* With data.split=none its own two"):
        Unpaired(source=str(flat), split="Smiling").open()


def test_two_ways_to_say_it_are_refused() -> None:
    with pytest.raises(GanatomyError, match="say one of them"):
        Unpaired(source="digits", other="mnist", split="Smiling")


def test_digits_have_a_second_domain_inside_the_package(cache: Path) -> None:
    data = Unpaired(source="digits", other="digits-inverted-bold").open()
    plain, bold = np.asarray(data.train.images).mean(), np.asarray(data.of_y().train.images).mean()
    assert len(data.train) == len(data.of_y().train) == 1197
    assert plain < 90 < bold < 200
