import socket
from pathlib import Path

import datasets
import numpy as np
import pytest
from sklearn.datasets import load_digits

import ganatomy.data.sources as sources_module
from ganatomy.core.errors import GanatomyError
from ganatomy.data.decoding import Preparation, decode
from ganatomy.data.images import Images
from ganatomy.data.sources import Hub, Place, hub_is_out_of_reach, source_of, sources

from .made import png, random_pixels


@pytest.fixture(autouse=True)
def hub_in_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources_module, "hub_is_out_of_reach", lambda: False)


def hub_split(count: int, names: list[str] | None = None) -> datasets.Dataset:
    images = [{"bytes": png(random_pixels(6, 6, 3, seed=number)), "path": None} for number in range(count)]
    label = datasets.ClassLabel(names=names or ["a", "b"])
    features = datasets.Features({"img": datasets.Image(), "label": label})
    return datasets.Dataset.from_dict({"img": images, "label": [n % 2 for n in range(count)]}, features=features)


def test_the_named_sources_are_those_of_the_papers() -> None:
    assert list(sources) == [
        "afhq",
        "celeba",
        "cifar10",
        "cifar100",
        "digits",
        "digits-inverted-bold",
        "fashion-mnist",
        "horses",
        "imagenet-32",
        "lsun-bedroom",
        "mnist",
        "zebras",
    ]
    assert sources["celeba"].crop_for(64) == 0.7
    assert [sources["lsun-bedroom"].crop_for(size) for size in (16, 32, 64, 128, None)] == [0.5, 0.5, 0.7, 0.7, 0.7]
    assert sources["imagenet-32"].flip and not sources["mnist"].flip


def test_digits_are_the_real_ones_shuffled() -> None:
    found = source_of("digits").find(None)
    assert (len(found.train), len(found.held_out or ())) == (1197, 600)
    assert found.train.labels is not None and found.held_out is not None and found.held_out.labels is not None
    labels = np.concatenate([found.train.labels, found.held_out.labels])
    assert np.array_equal(np.bincount(labels), np.bincount(load_digits().target))
    assert np.bincount(found.train.labels[:100]).min() > 3
    first = next(found.train.items.chunks())[0]
    assert {int(value) for value in decode(first, Preparation())[1].ravel()} <= {round(v * 255 / 16) for v in range(17)}


def test_a_hub_source_is_loaded_through_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(name: str, config: str | None, *, split: str, revision: str | None) -> datasets.Dataset:
        asked.append((name, config, split, revision))
        return hub_split(20 if split == "train" else 6)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    opened = Images(source="cifar10").open()
    assert asked == [("uoft-cs/cifar10", None, "train", None), ("uoft-cs/cifar10", None, "test", None)]
    assert (len(opened.train), len(opened.held_out), opened.classes) == (20, 6, ("a", "b"))
    assert np.array_equal(opened.train.images[7], random_pixels(6, 6, 3, seed=7))
    assert opened.train.labels is not None and opened.train.labels.tolist() == [0, 1] * 10
    again = Images(source="cifar10").open()
    assert len(asked) == 2 and again.content == opened.content


def test_named_preprocessing_applies_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, split, **__: hub_split(4))
    assert Images(source="imagenet-32").open().flip
    assert not Images(source="imagenet-32", flip=False).open().flip
    assert Images(source="celeba").open().shape.height == round(0.7 * 6)
    assert Images(source="celeba", crop=1).open().shape.height == 6


def test_no_network_is_one_line_that_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(*_: object, **__: object) -> None:
        raise ConnectionError("Couldn't reach 'flwrlabs/celeba'\non the Hub")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(GanatomyError) as caught:
        Images(source="celeba", size=64).open()
    assert str(caught.value) == (
        "'celeba' could not be loaded from the Hugging Face hub (flwrlabs/celeba): Couldn't reach 'flwrlabs/celeba' "
        "on the Hub. Without a network, point at a local copy: --data PATH data.crop=0.7"
    )


def test_a_copy_with_other_counts_than_the_papers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, split, **__: hub_split(20 if split == "train" else 6))
    assert len(Hub("mine", hub="someone/mine", counts=(20, 6)).find(None).train) == 20
    with pytest.raises(GanatomyError, match="has 20 and 6 images, not the 1,067 and 120 of its papers"):
        Hub("mine", hub="someone/mine", counts=(1067, 120)).find(None)
    assert {name: sources[name].counts for name in ("horses", "zebras")} == {  # type: ignore[attr-defined]
        "horses": (1067, 120),
        "zebras": (1334, 140),
    }


def test_the_hub_is_out_of_reach_if_its_name_is_unknown_and_there_is_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown_host(*_: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(sources_module, "getproxies", dict)
    monkeypatch.setattr(socket, "getaddrinfo", unknown_host)
    assert hub_is_out_of_reach()
    monkeypatch.setattr(sources_module, "getproxies", lambda: {"https": "http://proxy"})
    assert not hub_is_out_of_reach()


def test_a_misspelt_source_names_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GanatomyError, match=r"There is no mnits\. Did you mean mnist\?"):
        source_of("mnits")
    (tmp_path / "pictures").mkdir()
    with pytest.raises(GanatomyError, match=r"There is no pcitures\. Did you mean pictures\?"):
        source_of("pcitures")
    with pytest.raises(GanatomyError, match=r"No data source or path called 'xyzzy'\. There are: afhq, "):
        source_of("xyzzy")


def test_a_folder_does_not_hide_a_named_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").mkdir()
    monkeypatch.chdir(tmp_path)
    assert isinstance(source_of("mnist"), Hub)
    assert isinstance(source_of("./mnist"), Place)
