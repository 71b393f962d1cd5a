from pathlib import Path

import numpy as np
import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.core.spec import Spec, declared_settings, parsed
from ganatomy.data.feed import Feed
from ganatomy.data.images import Images


def test_settings_are_parsed_from_the_command_line() -> None:
    settings = declared_settings(Images)

    def value(name: str, text: str) -> object:
        return parsed(f"data.{name}", settings[name].annotation, text)

    assert value("size", "64,48") == (64, 48) and value("size", "32") == 32 and value("size", "none") is None
    assert value("label", "Smiling") == "Smiling" and value("on_error", "skip") == "skip"
    assert value("crop", "0.7") == 0.7 and value("flip", "true") is True
    for name, text in (("size", "0"), ("crop", "1.5"), ("held_out", "1"), ("on_error", "ignore"), ("channels", "cmyk")):
        with pytest.raises(GanatomyError, match=rf"data\.{name}={text}:"):
            value(name, text)


def test_a_spec_builds_images() -> None:
    assert Spec(Images, source="digits", size=(8, 8)).build() == Images(source="digits", size=(8, 8))


def test_illegal_settings_are_refused_when_declared() -> None:
    with pytest.raises(GanatomyError, match=r"Images\.crop=2:"):
        Images(source="digits", crop=2)
    with pytest.raises(GanatomyError, match=r"load_size=10 needs data\.size"):
        Images(source="digits", load_size=10)
    with pytest.raises(GanatomyError, match=r"load_size=10 is smaller than data\.size=12"):
        Images(source="digits", size=12, load_size=10)


def test_digits_open() -> None:
    opened = Images(source="digits").open()
    assert (len(opened.train), len(opened.held_out), opened.shape) == (1197, 600, (1, 8, 8))
    assert opened.classes == tuple("0123456789")
    assert opened.content == Images(source="digits").open().content


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "settings", "counts", "shape", "classes"),
    [
        ("mnist", {}, (60000, 10000), (1, 28, 28), 10),
        ("celeba", {"size": 64, "crop": 0.7, "label": "Smiling"}, (9000, 1000), (3, 64, 64), 2),
        ("afhq-cat64", {}, (4638, 515), (3, 64, 64), 1),
    ],
)
def test_real_images_open(
    real_data: Path,
    name: str,
    settings: dict[str, object],
    counts: tuple[int, int],
    shape: tuple[int, int, int],
    classes: int,
) -> None:
    opened = Images(source=str(real_data / name), **settings).open()  # type: ignore[arg-type]
    assert (len(opened.train), len(opened.held_out)) == counts
    assert opened.shape == shape and len(opened.classes or ()) == classes
    if name == "mnist":
        assert opened.train.labels is not None
        assert opened.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # the order is the original one
    x, _ = Feed(opened.train, shape=opened.shape, flip=True, seed=0).batch(0, 64)
    assert np.isfinite(x.numpy()).all() and x.std() > 0.2
