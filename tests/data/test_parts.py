"""Parts of the training images: a share, a few of each class, one class; smaller ones within larger ones."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.data.images import Images
from ganatomy.experiments.build import feeds
from ganatomy.experiments.judging import can_be_judged


def pixels(**part: object) -> set[bytes]:
    data = Images(source="digits", **part).open()  # type: ignore[arg-type]
    return {image.tobytes() for image in data.train.images}


def test_a_share_is_of_every_class_and_within_a_larger_one(cache: Path) -> None:
    whole, data = Images(source="digits").open(), Images(source="digits", portion=0.4).open()
    assert data.train.labels is not None and whole.train.labels is not None
    counts, all_counts = (np.bincount(d.train.labels) for d in (data, whole))
    assert np.array_equal(counts, np.round(0.4 * all_counts).astype(int))
    assert pixels(portion=0.4) < pixels(portion=0.6) < pixels()
    assert len(data.held_out) == len(whole.held_out), "what is held out stays"


def test_so_many_of_each_class(cache: Path) -> None:
    data = Images(source="digits", per_class=3).open()
    assert data.train.labels is not None
    assert np.bincount(data.train.labels).tolist() == [3] * 10
    assert pixels(per_class=3) < pixels(per_class=5)
    with pytest.raises(GanatomyError, match="per_class=1000: digits has a class of 1"):
        Images(source="digits", per_class=1000).open()


def test_a_draw_is_another_choice_and_the_first_is_the_one_that_was_always_made(cache: Path) -> None:
    whole, none = Images(source="digits").open(), Images(source="digits", per_class=3).open()
    assert whole.train.labels is not None
    rows = [np.random.default_rng(0).permutation(np.flatnonzero(whole.train.labels == n))[:3] for n in range(10)]
    assert np.array_equal(none.train.images, whole.train.images[np.sort(np.concatenate(rows))])
    assert none.content == Images(source="digits", per_class=3, draw=0).open().content
    draws = [pixels(per_class=3, draw=draw) for draw in range(3)]
    assert len(set.union(*draws)) > 80 and draws[1] < pixels(per_class=5, draw=1)
    assert Images(source="digits", draw=1).open().content == whole.content, "of all there is no choice"


def test_training_on_everything_is_recorded_and_leaves_nothing_unseen(cache: Path) -> None:
    usual, everything = Images(source="digits").open(), Images(source="digits", subset="train+test").open()
    assert len(everything.train) == len(usual.train) + len(usual.held_out) == 1797
    assert usual.train.labels is not None and usual.held_out.labels is not None and everything.train.labels is not None
    assert np.array_equal(everything.train.images, np.concatenate([usual.held_out.images, usual.train.images]))
    assert np.array_equal(everything.train.labels, np.concatenate([usual.held_out.labels, usual.train.labels]))
    assert everything.content == f"{usual.content}:train+test"
    held_out = [feeds(data, 0, torch.device("cpu"))[1] for data in (usual, everything)]
    assert held_out[0] is not None and held_out[1] is None
    assert usual.remarks == [] and "no unseen reference" in everything.remarks[0]


def test_one_class(cache: Path) -> None:
    data = Images(source="digits", only="7").open()
    assert data.train.labels is not None and set(data.train.labels) == {7}
    assert data.held_out.labels is not None and set(data.held_out.labels) == {7}
    assert not can_be_judged(data), "of one class there is nothing to tell apart"
    with pytest.raises(GanatomyError, match="no class '77'"):
        Images(source="digits", only="77").open()


def test_parts_are_not_the_whole_by_their_content(cache: Path) -> None:
    parts = [
        {},
        {"portion": 0.5},
        {"per_class": 2},
        {"per_class": 2, "draw": 1},
        {"only": "1"},
        {"subset": "first-half"},
        {"subset": "train+test"},
    ]
    assert len({Images(source="digits", **part).open().content for part in parts}) == len(parts)  # type: ignore[arg-type]


def test_two_ways_of_saying_how_many_are_refused() -> None:
    with pytest.raises(GanatomyError, match="say one of them"):
        Images(source="digits", portion=0.5, per_class=3)
