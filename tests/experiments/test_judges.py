"""The judges that are shipped: what they are, and whom they crown."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ganatomy.core.spec import Spec
from ganatomy.data.images import Images, ImageSet
from ganatomy.data.packed import Split
from ganatomy.experiments import judging, ship_judge
from ganatomy.experiments.judging import Bench, find_judge, read_judge, shipped_judges
from ganatomy.experiments.run import Run
from ganatomy.experiments.train import train
from ganatomy.metrics.judged import JudgeScores
from ganatomy.metrics.scores import Scores
from ganatomy.networks.classifier import Seen
from ganatomy.recipes.judges import judge as judge_recipe
from tests.conftest import Program


def bench(source: str) -> Bench:
    spec = Spec(Images, source=source)
    data: ImageSet = spec.build().open()

    def refuse(text: str) -> None:
        raise AssertionError(f"no judge is shipped for these pixels: {text}")

    return Bench(data, find_judge(data, spec, refuse), JudgeScores())


def one_picture_per_class(on: Bench) -> Scores:
    """What a collapsed generator scores: it draws the same recognizable picture whenever a class is asked for."""
    labels = np.asarray(on.data.held_out.labels)
    classes = len(on.data.classes or ())
    sure = on.judge.see(on.data.held_out.images)[1]
    pictures = [max(np.flatnonzero(labels == k), key=lambda i, k=k: sure[i, k]) for k in range(classes)]
    asked = np.arange(on.how.count) % classes
    return on._scores(*on.judge.see(on.data.held_out.images[pictures][asked]), asked)


def test_the_shipped_judges_are_small_and_whole() -> None:
    size = 0
    for file in shipped_judges():
        facts, weights = json.loads(file.read_text()), file.with_suffix(".safetensors").read_bytes()
        assert facts["sha256"] == hashlib.sha256(weights).hexdigest()
        assert facts["command"].startswith("ganatomy train ")
        size += len(weights)
    assert {file.stem for file in shipped_judges()} == {"cifar10", "digits", "mnist"}
    assert size < 5_000_000


def test_a_judge_that_is_trained_tells_how_far_it_is(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "FEWEST", 1_280)
    monkeypatch.setattr(judging, "MOST", 1_280)
    spec, said = Spec(Images, source="digits", draw=5, per_class=20), list[str]()
    find_judge(spec.build().open(), spec, said.append)
    assert said[0].startswith("Training a judge") and said[-1].startswith("It recognizes ")
    assert [line.split(" images")[0] for line in said[1:-1]] == [f"  {128 * n:,} of 1,280" for n in range(1, 11)]


def test_the_judge_of_digits_knows_digits_and_does_not_crown_a_collapsed_generator() -> None:
    on = bench("digits")
    real, collapsed = on.floor, one_picture_per_class(on)
    assert real.accuracy is not None and real.accuracy_per_class is not None
    assert np.mean(real.coverage_per_class) == pytest.approx(real.coverage)
    assert min(real.accuracy_per_class) < real.accuracy < max(real.accuracy_per_class)
    assert on.record(real, seed=0, weights="average", checkpoint="last")["remarks"] == ["rough: 600 samples"]
    assert real.accuracy > 0.97
    assert real.accuracy == pytest.approx(on.judge.facts["accuracy"])
    assert_the_collapsed_one_wins_what_it_wins_and_loses_what_is_shown(real, collapsed)


def test_scores_of_a_training_that_turns_its_images_say_what_real_ones_so_turned_score() -> None:
    on = bench("digits")
    turning = Bench(replace(on.data, rotate=30.0), on.judge, on.how)
    said = turning.record(on.floor, seed=0, weights="average", checkpoint="last")["remarks"]
    assert said[0].startswith("images were turned by up to 30 degrees in training")
    assert said[1] == f"real ones, turned so, are at {turning.turned.frechet / on.floor.frechet:.1f} x floor"
    assert turning.turned.frechet > 3 * on.floor.frechet
    still = Bench(replace(on.data, rotate=1e-6), on.judge, on.how)
    assert still.turned.frechet == pytest.approx(on.floor.frechet, rel=1e-3)


@pytest.mark.data
def test_the_judge_of_mnist_knows_mnist_and_does_not_crown_a_collapsed_generator(real_data: Path) -> None:
    on = bench(str(real_data / "mnist"))
    assert on.judge.facts["trained_on"] == "training images 0-29999"
    assert on.protocol(seed=0, weights="average", checkpoint="last")["reference"] == "training images 30000-59999"
    assert on.how.count == 10_000
    real, collapsed = on.floor, one_picture_per_class(on)
    assert real.accuracy is not None
    assert real.accuracy >= 0.985
    assert_the_collapsed_one_wins_what_it_wins_and_loses_what_is_shown(real, collapsed)


@pytest.mark.data
def test_the_judge_of_cifar10_knows_its_images(real_data: Path) -> None:
    on = bench(str(real_data / "cifar10"))
    assert on.judge.facts["trained_on"] == "training images 0-24999" and on.judge.facts["accuracy"] >= 0.88
    assert on.data.held_out.labels is not None
    seen = on.judge.see(on.data.pictures(on.data.held_out, slice(0, 1_000)))[1].argmax(1)
    assert np.mean(seen == np.asarray(on.data.held_out.labels[:1_000])) == pytest.approx(0.8838, abs=0.03)


def assert_the_collapsed_one_wins_what_it_wins_and_loses_what_is_shown(real: Scores, collapsed: Scores) -> None:
    assert collapsed.classifier_score > real.classifier_score
    assert collapsed.accuracy == 1.0
    assert collapsed.frechet > 20 * real.frechet
    assert collapsed.coverage is not None
    assert real.coverage is not None
    assert collapsed.coverage < 0.2 * real.coverage


def test_a_judge_that_was_trained_as_a_run_is_the_one_that_is_found(
    trained: Run, ganatomy_says: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = trained.data()
    np.savez(tmp_path / "own.npz", images=digits.train.images[:120], labels=digits.train.labels[:120])
    spec = Spec(Images, source=str(tmp_path / "own.npz"))
    recipe = judge_recipe(spec, images=512, channels=(4,), hidden=8)
    run = train(recipe, "watch.tensorboard=false", out=tmp_path / "judge")
    ran = ganatomy_says("judge", run.path)
    assert ran.code == 0, ran.err
    found = find_judge(spec.build().open(), spec)
    assert f"judge      {found.sha256}, right about {found.facts['accuracy']:.2%}" in ran.out
    assert found.facts["command"].startswith("ganatomy train judge --seed 0")
    monkeypatch.setattr(ship_judge, "SHIPPED", tmp_path)
    shipped = read_judge(ship_judge.ship(run), found.facts["content"])
    assert shipped is not None and shipped.facts["accuracy"] == pytest.approx(found.facts["accuracy"], abs=0.05)
    halves = load_file(tmp_path / "judge.safetensors")
    assert {value.dtype for value in halves.values() if value.is_floating_point()} == {torch.float16}
    own = run.player("C").state_dict()
    assert all(torch.equal(value, own[name]) for name, value in found.network.state_dict().items())
    assert "is a run of digits-dcgan, which is no classifier" in ganatomy_says("judge", trained.path).err
    monkeypatch.setattr(judging, "SHIPPED", tmp_path)
    refused = ganatomy_says("judge", run.path).err
    assert f"right about {found.facts['accuracy']:.2%} of the held-out images and is not kept" in refused
    assert f"{shipped.sha256[:12]}, and uses it ({shipped.facts['accuracy']:.2%})" in refused


def test_a_floor_of_few_images_is_of_any_of_them() -> None:
    """Held-out images may lie class by class, and the first ones are of one class then."""
    whole = bench("digits")
    labels = np.asarray(whole.data.held_out.labels)
    order = np.argsort(labels, kind="stable")
    by_class = replace(whole.data, held_out=Split(whole.data.held_out.images[order], labels[order]))
    few = Bench(by_class, whole.judge, JudgeScores(count=100))
    assert min(few.floor.class_shares) > 0.03
    said = [one.protocol(seed=0, weights="raw", checkpoint="last")["floor"] for one in (few, whole)]
    assert said == ["100 held-out images of a fixed shuffle", "600 held-out images"]


def test_a_judge_looks_where_it_is_sent_and_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """The `meta` device has no numbers, so what comes to it, or from it, did not stay on the CPU."""
    judge = bench("digits").judge
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    seen = []

    def see(images: torch.Tensor) -> Seen:
        seen.append((images.device.type, torch.backends.cudnn.allow_tf32))
        return Seen(torch.zeros(len(images), 2), torch.zeros(len(images), 3))

    network = judge.on(torch.device("meta")).network
    monkeypatch.setattr(network, "see", see)
    features, probabilities = judge.see(np.zeros((3, 28, 28, 1), np.uint8))
    assert seen == [("meta", False)]
    assert features.shape == (3, 2) and np.allclose(probabilities, 1 / 3)
