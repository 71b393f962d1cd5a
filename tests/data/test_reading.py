import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.data.decoding import Preparation, decode
from ganatomy.data.listing import Listing
from ganatomy.data.reading import find
from ganatomy.data.sources import Place

from .made import damage, image_type, png, random_pixels, save_folder, save_idx, save_parquet


def names_of(listing: Listing) -> list[str]:
    return [encoded.name for chunk in listing.items.chunks() for encoded in chunk]


def pixels_of(listing: Listing) -> np.ndarray:
    items = [encoded for chunk in listing.items.chunks() for encoded in chunk]
    return np.stack([decode(item, Preparation())[1] for item in items])


def message(path: Path, label: str | None = None) -> str:
    with pytest.raises(GanatomyError) as caught:
        find(path, label)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# folders


def test_links_that_lead_nowhere_or_back_are_left_out(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    save_folder(root, ["b/1.png", "b/2.png"])
    save_folder(elsewhere, ["3.png"])
    (root / "b" / "gone.png").symlink_to(tmp_path / "gone.png")
    (root / "b" / "circle.png").symlink_to(root / "b" / "circle.png")
    (root / "b" / "up").symlink_to(root)
    (root / "a").symlink_to(root / "b")  # before b in order, but b is the real one
    (root / "c").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(tmp_path)
    before = Place("root", path=root).fingerprint()
    found = find(root)
    assert names_of(found.train) == ["b/1.png", "b/2.png", "c/3.png"]
    assert found.classes == ("b", "c")
    (root / "b" / "gone.png").unlink()
    assert Place("root", path=root).fingerprint() == before


def test_links_to_images_and_to_folders_are_followed(tmp_path: Path) -> None:
    save_folder(tmp_path / "real", ["cats/1.png", "2.png"])
    (tmp_path / "root" / "dogs").mkdir(parents=True)
    (tmp_path / "root" / "cats").symlink_to(tmp_path / "real" / "cats")
    (tmp_path / "root" / "dogs" / "2.png").symlink_to(tmp_path / "real" / "2.png")
    assert names_of(find(tmp_path / "root").train) == ["cats/1.png", "dogs/2.png"]


def test_what_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_folder(tmp_path, ["a/1.png", "b/1.png"])

    def refusing(method: Callable[..., Any], refused: Path) -> Callable[..., Any]:  # permissions do not stop root
        def refuse(path: Path, **options: object) -> Any:
            if path == refused:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return method(path, **options)

        return refuse

    for name, refused in (("iterdir", tmp_path / "b"), ("stat", tmp_path / "b" / "1.png")):
        with monkeypatch.context() as patch:
            patch.setattr(Path, name, refusing(getattr(Path, name), refused))
            assert message(tmp_path) == f"{refused} cannot be read: Permission denied."
            with pytest.raises(GanatomyError, match="cannot be read: Permission denied"):
                Place("images", path=tmp_path).fingerprint()


def test_a_flat_folder_is_in_natural_order_without_hidden_files(tmp_path: Path) -> None:
    save_folder(tmp_path, ["img10.png", "img2.png", "img1.png", ".hidden.png", ".git/x.png"])
    (tmp_path / "notes.txt").write_text("not an image")
    found = find(tmp_path)
    assert names_of(found.train) == ["img1.png", "img2.png", "img10.png"]
    assert found.train.labels is None and found.classes is None and found.held_out is None


def test_subfolders_are_classes(tmp_path: Path) -> None:
    save_folder(tmp_path, ["dog/1.png", "cat/1.png", "cat/deep/2.png"])
    found = find(tmp_path)
    assert found.classes == ("cat", "dog")
    assert found.train.labels is not None and found.train.labels.tolist() == [0, 0, 1]


def test_train_and_test_folders_are_splits(tmp_path: Path) -> None:
    save_folder(tmp_path, ["train/a/1.png", "train/b/1.png", "test/b/1.png", "val/a/1.png"])
    found = find(tmp_path)
    assert names_of(found.train) == ["train/a/1.png", "train/b/1.png"]
    assert found.held_out is not None and names_of(found.held_out) == ["test/b/1.png"]
    assert found.held_out.labels is not None and found.held_out.labels.tolist() == [1]


def test_flat_splits_have_no_classes(tmp_path: Path) -> None:
    save_folder(tmp_path, ["Train/1.png", "Train/2.png", "valid/1.png"])
    found = find(tmp_path)
    assert found.classes is None and len(found.train) == 2
    assert found.held_out is not None and len(found.held_out) == 1


def test_images_both_direct_and_in_class_folders_are_refused(tmp_path: Path) -> None:
    save_folder(tmp_path, ["1.png", "cat/2.png"])
    assert "both directly (1.png) and in class folders (cat/2.png)" in message(tmp_path)


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    assert message(tmp_path) == f"The folder {tmp_path} is empty."


def test_a_folder_without_images_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "b.npz").write_text("")
    (tmp_path / "c.txt").write_text("")
    assert message(tmp_path) == f"There are no images in {tmp_path}: it holds 2 .txt, 1 .npz."


def test_a_run_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "recipe.yaml").write_text("")
    assert message(tmp_path) == f"{tmp_path} is a run and no data set: ganatomy sample {tmp_path} writes images of it."


def test_a_path_that_is_not_there_names_the_nearest_that_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert message(tmp_path / "data" / "mnits") == (
        f"There is no {tmp_path}/data/mnits: {tmp_path}/data has no 'mnits'. Did you mean {tmp_path}/data/mnist?"
    )
    assert message(Path("dta/mnist")) == "There is no dta/mnist: . has no 'dta'. Did you mean data?"
    assert message(Path("../nowhere/x")).startswith("There is no ../nowhere/x: ..")
    assert message(Path("zzz/x")) == "There is no zzz/x: . has no 'zzz'."


def test_a_file_that_is_not_recognized_says_what_would_be(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK")
    assert "is a file that is not recognized: give a folder" in message(tmp_path / "a.zip")


def test_a_label_column_is_refused_where_there_are_no_columns(tmp_path: Path) -> None:
    save_folder(tmp_path, ["1.png"])
    assert "data.label=Smiling names a column" in message(tmp_path, "Smiling")


# Parquet


def test_parquet_splits_labels_and_class_names_are_recognized(tmp_path: Path) -> None:
    images = random_pixels(20, 4, 4)
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["no", "yes"]}}
    encoded = [png(image) for image in images]
    save_parquet(tmp_path / "x" / "train-00000-of-00002.parquet", encoded[:9], {"label": [1, 0, 1] * 3}, features)
    save_parquet(tmp_path / "x" / "train-00001-of-00002.parquet", encoded[9:14], {"label": [1] * 5}, features)
    save_parquet(tmp_path / "x" / "test-00000-of-00001.parquet", encoded[14:], {"label": [0] * 6}, features)
    found = find(tmp_path)
    assert found.classes == ("no", "yes")
    assert np.array_equal(pixels_of(found.train)[..., 0], images[:14])
    assert found.train.labels is not None and found.train.labels.tolist() == [1, 0, 1] * 3 + [1] * 5
    assert found.held_out is not None and np.array_equal(pixels_of(found.held_out)[..., 0], images[14:])
    one_file = find(tmp_path / "x" / "test-00000-of-00001.parquet")
    assert len(one_file.train) == 6 and one_file.held_out is None


def test_hidden_test_labels_give_way_to_a_labelled_validation_split(tmp_path: Path) -> None:
    features = {"label": {"_type": "ClassLabel", "names": ["a", "b"]}}
    for split, count, labels in (("train", 4, [0, 1, 0, 1]), ("test", 3, [-1] * 3), ("validation", 2, [0, 1])):
        save_parquet(tmp_path / f"{split}-0.parquet", [png(random_pixels(4, 4))] * count, {"label": labels}, features)
    found = find(tmp_path)
    assert found.held_out is not None and found.held_out.labels is not None and len(found.held_out) == 2


def test_a_boolean_column_gives_two_classes(tmp_path: Path) -> None:
    columns = {"Smiling": [True, False, True], "Male": [False, False, True]}
    path = save_parquet(tmp_path / "a.parquet", [png(random_pixels(4, 4))] * 3, columns)
    assert find(path).classes is None
    found = find(path, "Smiling")
    assert found.classes == ("not Smiling", "Smiling")
    assert found.train.labels is not None and found.train.labels.tolist() == [1, 0, 1]
    assert "No label column in" in message(path, "Smilling") and "Did you mean 'Smiling'?" in message(path, "Smilling")


def test_labels_without_names_are_numbered(tmp_path: Path) -> None:
    path = save_parquet(tmp_path / "a.parquet", [png(random_pixels(4, 4))] * 3, {"label": ["b", "a", "b"]})
    found = find(path)
    assert found.classes == ("a", "b") and found.train.labels is not None and found.train.labels.tolist() == [1, 0, 1]


def test_tables_that_cannot_serve_say_why(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    assert "has no image column" in message(tmp_path)
    empty = pa.array([None], image_type())
    pq.write_table(pa.table({"before": empty, "after": empty}), tmp_path / "a.parquet")
    assert "has several image columns (before, after)" in message(tmp_path)
    path = save_parquet(tmp_path / "a.parquet", [png(random_pixels(4, 4))] * 2, {"label": [1, None]})
    assert "1 of 2 labels are missing" in message(path)
    path = save_parquet(tmp_path / "a.parquet", [png(random_pixels(4, 4))] * 2, {"label": [0.5, 1.5]})
    assert "is no label: double" in message(path)
    damage(path)
    assert "is not a whole Parquet file" in message(path)


# idx and .npz


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_are_read(tmp_path: Path, suffix: str) -> None:
    images = random_pixels(12, 5, 4)
    save_idx(tmp_path / f"train-images-idx3-ubyte{suffix}", images[:9])
    save_idx(tmp_path / f"train-labels-idx1-ubyte{suffix}", np.arange(9) % 3)
    save_idx(tmp_path / f"t10k-images-idx3-ubyte{suffix}", images[9:])
    save_idx(tmp_path / f"t10k-labels-idx1-ubyte{suffix}", np.arange(3))
    found = find(tmp_path)
    assert found.classes == ("0", "1", "2")
    assert np.array_equal(pixels_of(found.train)[..., 0], images[:9])
    assert found.held_out is not None and np.array_equal(pixels_of(found.held_out)[..., 0], images[9:])


def test_idx_files_that_are_broken_say_so(tmp_path: Path) -> None:
    images = save_idx(tmp_path / "train-images-idx3-ubyte.gz", random_pixels(12, 5, 4))
    save_idx(tmp_path / "train-labels-idx1-ubyte", np.arange(9))
    assert "has 9 labels for 12 images" in message(tmp_path)
    damage(images)
    assert "cannot be read" in message(tmp_path)
    damage(tmp_path / "train-labels-idx1-ubyte")
    save_idx(images, random_pixels(12, 5, 4))
    assert "cut short" in message(tmp_path)
    images.unlink()
    assert "no training images" in message(tmp_path)


def test_npz_is_read(tmp_path: Path) -> None:
    images = random_pixels(6, 5, 4, 2)
    np.savez(tmp_path / "a.npz", images=images, labels=np.array([0, 1] * 3), classes=np.array(["x", "y"]))
    found = find(tmp_path / "a.npz")
    assert found.classes == ("x", "y") and np.array_equal(pixels_of(found.train), images)


def test_a_file_of_samples_without_names_is_read(tmp_path: Path) -> None:
    images = random_pixels(6, 5, 4, 3)
    np.savez(tmp_path / "samples.npz", images, np.array([0, 1] * 3))
    found = find(tmp_path / "samples.npz")
    assert found.classes == ("0", "1") and np.array_equal(pixels_of(found.train), images)


def test_npz_files_that_cannot_serve_say_why(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    images = random_pixels(6, 5, 4)
    np.savez(path, pictures=images)
    assert "has no array 'images'. It has: pictures." in message(path)
    np.savez(path, images=images.astype(np.float32))
    assert "are float32: uint8 (0 to 255)" in message(path)
    np.savez(path, images=random_pixels(6, 3, 8, 8))
    assert "channels first" in message(path)
    np.savez(path, images=images[0])
    assert "have shape (5, 4)" in message(path)
    np.savez(path, images=images, labels=np.arange(5))
    assert "has 5 labels for 6 images" in message(path)
    np.savez(path, images=images, labels=np.arange(6), classes=np.array(["a", "b"]))
    assert "has label 5, but names only 2 classes" in message(path)
    np.savez(path, images=np.array([{}], dtype=object))
    assert "cannot be read" in message(path)
    np.save(tmp_path / "one.npy", images)
    for other in (b"nothing", (tmp_path / "one.npy").read_bytes()):
        path.write_bytes(other)
        assert message(path).endswith("a.npz cannot be read: it is no .npz, or was cut off")
