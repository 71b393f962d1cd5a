from pathlib import Path

import numpy as np
import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.data.check import check
from ganatomy.data.images import Images

from .made import damage, random_pixels, save_folder, save_png


def test_a_sound_source_is_ready() -> None:
    report = check(Images(source="digits"))
    assert report.ok and not report.problems
    assert report.counts == {"train": 1197, "held_out": 600}
    assert report.sizes == {(8, 8): 1797} and report.kinds == {"gray": 1797}
    lines = report.lines()
    assert lines[0] == "digits: 1,197 train images, 600 held-out images"
    assert lines[1] == "sizes: 8x8 (1,797 images)" and lines[-1] == "ready to train"


def test_findings_are_named(tmp_path: Path) -> None:
    save_folder(tmp_path, ["train/a/1.png", "train/a/2.png", "train/a/3.png", "train/b/4.png"], (16, 16, 3))
    (tmp_path / "test" / "a").mkdir(parents=True)
    (tmp_path / "test" / "a" / "copy.png").write_bytes((tmp_path / "train" / "a" / "1.png").read_bytes())
    damage(tmp_path / "train" / "a" / "2.png")
    save_png(tmp_path / "train" / "a" / "5.png", random_pixels(4, 20))
    report = check(Images(source=str(tmp_path)))
    assert not report.ok
    assert report.corrupt == ("train/a/2.png",)
    assert report.duplicates == (("train/a/1.png", "test/a/copy.png"),)
    assert report.too_small == ("train/a/5.png",)
    assert report.classes["train"] == {"a": 4, "b": 1}
    text = "\n".join(report.lines())
    for said in (
        "problem: 1 corrupt: train/a/2.png (",
        "problem: kinds that need a conversion: train/a/1.png is RGB, train/a/5.png is gray; data.channels=rgb",
        "problem: sizes differ, heights 4 to 16, widths 16 to 20: say which: data.size=",
        "problem: classes with a single image: b",
        "warning: 1 smaller than 8 x 8 pixels: train/a/5.png",
        "warning: 1 exact duplicates: train/a/1.png = test/a/copy.png",
        "warning: 1 images are both in the training and in the held-out split",
    ):
        assert said in text


def test_settings_settle_problems(tmp_path: Path) -> None:
    save_folder(tmp_path, ["1.png", "2.png", "3.png"], (16, 16, 3))
    save_png(tmp_path / "4.png", random_pixels(12, 20))
    (tmp_path / "5.png").write_text("corrupt")
    assert len(check(Images(source=str(tmp_path))).problems) == 3
    settled = check(Images(source=str(tmp_path), size=14, channels="rgb", on_error="skip"))
    assert settled.ok and settled.too_small == ("4.png",)


def test_the_check_and_the_opening_agree(tmp_path: Path) -> None:
    save_folder(tmp_path, ["cat/1.png", "cat/2.png", "dog/3.png"])
    for more in ([], ["dog/4.png"]):
        save_folder(tmp_path, more)
        images = Images(source=str(tmp_path))
        if check(images).ok:
            images.open()
        else:
            with pytest.raises(GanatomyError):
                images.open()


def test_imbalance_and_empty_classes_are_warned_of(tmp_path: Path) -> None:
    labels = np.repeat([0, 1], [60, 3])
    images = random_pixels(63, 8, 8)
    np.savez(tmp_path / "a.npz", images=images, labels=labels, classes=np.array(["many", "few", "none"]))
    report = check(Images(source=str(tmp_path / "a.npz")))
    assert report.ok
    assert "classes without an image: none" in report.warnings
    assert "unbalanced classes: many has 60 images, few 3" in report.warnings


def test_nothing_to_check_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match="There is no"):
        check(Images(source=str(tmp_path / "gone")))


def test_other_processes_survey_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ganatomy.data.check as check_module

    save_folder(tmp_path, [f"{n}.png" for n in range(20)])
    here = check(Images(source=str(tmp_path)))
    monkeypatch.setattr(check_module, "FEW", 0)
    monkeypatch.setattr(check_module, "cores", lambda: 2)
    assert check(Images(source=str(tmp_path))) == here
