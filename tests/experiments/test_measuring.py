"""Scores of runs and of sources under any extractor: protocol, floor, spread, and what is refused."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ganatomy.cli.main import app
from ganatomy.core.errors import GanatomyError
from ganatomy.data.images import Images
from ganatomy.data.packed import cache_folder
from ganatomy.experiments import comparing, measuring
from ganatomy.experiments.comparing import measure_sources
from ganatomy.experiments.judging import Bench
from ganatomy.experiments.measuring import Reference, Request, judge_of_run, make_extractor, measure_run
from ganatomy.experiments.run import Run, Weights, load
from ganatomy.experiments.sampling import Sampler
from ganatomy.experiments.statistics import (
    about_images,
    kept_statistics,
    pictures_at,
    read_statistics,
    rows_of,
    shuffled,
    write_statistics,
)
from ganatomy.metrics import measured
from ganatomy.metrics.extractors import Own, Random, extractor
from ganatomy.metrics.measured import Statistics, measure, remarks, statistics_of
from ganatomy.metrics.moments import Array, Moments
from ganatomy.runs.folder import RunFolder
from tests.conftest import Program
from tests.processes import program, together

METRICS = ("fid", "kid", "prdc")


@pytest.fixture
def asked(cache: Path) -> Request:
    return Request(Random(), METRICS, 120)


def folder(path: Path, images: Array) -> str:
    path.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(path / f"{i:04}.png")
    return str(path)


def noise(count: int, seed: int, low: int = 0, size: int = 12) -> Array:
    return np.random.default_rng(seed).integers(low, 256, (count, size, size, 3)).astype(np.uint8)


def test_a_run_has_scores_with_protocol_floor_and_spread(trained: Run, asked: Request) -> None:
    records = measure_run(trained, asked, seed=10, repeats=2)
    assert [r["which"] for r in records] == ["last", "best"]
    for record in records:
        assert (
            set(record["scores"])
            == set(record["deviations"])
            == {*("fid", "kid", "kid_error", "precision", "recall", "density", "coverage")}
        )
        assert record["floor"]["count"] == 120 and record["floor"]["fid"] < record["scores"]["fid"]
        protocol = record["protocol"]
        assert protocol["seeds"] == [10, 11] and protocol["extractor"].startswith("random")
        assert protocol["reference_count"] == 1197 and protocol["weights"] == "average"
    assert json.loads(json.dumps(records)) == records


def test_the_same_seed_gives_the_same_scores(trained: Run, asked: Request) -> None:
    one, same = (measure_run(trained, asked, seed=5, checkpoints=("last",))[0]["scores"] for _ in range(2))
    assert one == same


def test_the_seed_that_chose_the_best_is_refused(trained: Run, asked: Request) -> None:
    with pytest.raises(GanatomyError, match="chose the best checkpoint"):
        measure_run(trained, asked, seed=1)
    few = Request(asked.extractor, ("fid",), 20)
    assert measure_run(trained, few, seed=0, repeats=3)[0]["protocol"]["seeds"] == [0, 2, 3]
    assert measure_run(trained, few, seed=1, repeats=2, checkpoints=("last",))[0]["protocol"]["seeds"] == [1, 2]


def test_the_weights_that_are_asked_for_are_measured(trained: Run, asked: Request) -> None:
    average, raw = (measure_run(trained, asked, weights=kept, checkpoints=("last",))[0] for kept in get_args(Weights))
    assert average["floor"] == raw["floor"] and average["scores"]["fid"] != raw["scores"]["fid"]


def test_the_checkpoint_that_is_asked_for_is_measured(
    trained: Run, asked: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trained.folder.checkpoints.rounds()[0]
    assert first != trained.checkpoint().round
    monkeypatch.setattr("ganatomy.experiments.run.best_round", lambda folder: first)
    monkeypatch.setattr(measuring, "best_round", lambda folder: first)
    last, best = measure_run(trained, asked)
    assert best["round"] == first and best["scores"] != last["scores"]
    alone = measure_run(trained, asked, checkpoints=("best",))[0]
    assert alone["scores"] == best["scores"] and "alone says too much" in alone["remarks"][-1]


def test_two_folders_are_compared_and_the_floor_is_half_against_half(cache: Path, tmp_path: Path) -> None:
    asked = Request(Random(), METRICS)
    real, same, other = (
        folder(tmp_path / name, noise(60, seed, low))
        for name, seed, low in (("real", 0, 0), ("same", 1, 0), ("other", 2, 120))
    )
    near, far = measure_sources(real, same, asked), measure_sources(real, other, asked)
    assert near["scores"]["fid"] < far["scores"]["fid"] and near["scores"]["kid"] < far["scores"]["kid"]
    assert near["floor"]["count"] == near["at_floor_count"]["count"] == 30
    assert near["scores"]["fid"] < 0.8 * near["floor"]["fid"], "more images, less bias: not to be set beside each other"
    assert near["at_floor_count"]["scores"]["fid"] == pytest.approx(near["floor"]["fid"], rel=0.2)
    assert near["protocol"]["reference_count"] == near["protocol"]["count"] == 60
    assert any("compare it only at equal counts" in remark for remark in near["remarks"])


def test_more_images_than_there_are_is_refused(asked: Request, tmp_path: Path) -> None:
    few = folder(tmp_path / "few", noise(20, 0))
    with pytest.raises(GanatomyError, match=r"-n 120: .*few \(all\) has only 20 images"):
        measure_sources(few, few, asked)


def test_other_held_out_pictures_are_looked_at_anew(cache: Path, tmp_path: Path) -> None:
    """The hash of a data set is of its training images alone."""
    (tmp_path / "real").mkdir()
    folder(tmp_path / "real" / "train", noise(30, 0))
    fake, asked, held_out = (
        folder(tmp_path / "fake", noise(30, 1)),
        Request(Random(), ("fid",)),
        tmp_path / "real" / "test",
    )
    found = []
    for low in (0, 200):
        shutil.rmtree(held_out, ignore_errors=True)
        folder(held_out, noise(30, 2, low))
        record = measure_sources(str(tmp_path / "real"), fake, asked, real_part="held-out")
        found.append((record["scores"]["fid"], record["protocol"]["held_out_content"], record["protocol"]["content"]))
    (near, held_before, before), (far, held_after, after) = found
    assert far > 3 * near and held_before != held_after and before == after


def test_sizes_that_differ_are_refused_unless_converted(cache: Path, tmp_path: Path) -> None:
    asked = Request(Random(), METRICS)
    a, b = folder(tmp_path / "a", noise(20, 0)), folder(tmp_path / "b", noise(20, 1, size=8))
    with pytest.raises(GanatomyError, match=r"12x12x3 and .* is 8x8x3: resizing one of them would be measured"):
        measure_sources(a, b, asked)
    protocol = measure_sources(a, b, asked, settings={"size": 8})["protocol"]
    assert protocol["count"] == 20 and protocol["shape"] == "8x8x3"
    assert protocol["reference_prepared"] == protocol["generated_prepared"] == {"size": 8}


def test_other_channels_are_refused_unless_converted(cache: Path, tmp_path: Path) -> None:
    asked = Request(Random(), ("fid",))
    a, b = folder(tmp_path / "a", noise(20, 0)), folder(tmp_path / "b", noise(20, 1)[..., 0])
    c = folder(tmp_path / "c", np.concatenate([noise(20, 0), noise(20, 1)[..., :1]], axis=3))
    for other in (b, c):
        with pytest.raises(GanatomyError, match=r"to the same channels with data\.channels=rgb or gray"):
            measure_sources(a, other, asked)
        assert measure_sources(a, other, asked, settings={"channels": "gray"})["protocol"]["shape"] == "12x12x1"


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_statistics_merge_from_any_number_of_parts(parts: int) -> None:
    images = noise(70, 0)
    whole = statistics_of([images], Random())
    merged, *others = (statistics_of([part], Random()) for part in np.array_split(images, parts))
    for other in others:
        merged.merge(other)
    for found in (merged, statistics_of(np.array_split(images, parts), Random())):
        assert np.abs(whole.moments.covariance - found.moments.covariance).max() < 1e-10
        assert np.abs(whole.moments.mean - found.moments.mean).max() < 1e-10
        assert np.allclose(whole.features, found.features, atol=1e-6)


def test_statistics_of_other_extractors_neither_merge_nor_compare() -> None:
    a = statistics_of([noise(10, 0)], Random())
    b = statistics_of([noise(10, 0)], Own("mean", lambda images: images.mean((1, 2))))
    with pytest.raises(GanatomyError, match="do not merge"):
        a.merge(b)
    with pytest.raises(GanatomyError, match="Not of one protocol: extractor is random"):
        measure(a, b)


def test_a_file_stands_for_images(cache: Path, tmp_path: Path) -> None:
    all_of = Request(Random(), METRICS)
    real, fake = folder(tmp_path / "real", noise(40, 0)), folder(tmp_path / "fake", noise(40, 1))
    write_statistics(tmp_path / "real.npz", kept_statistics(Images(source=real).open(), "all", Random()))
    stored = read_statistics(tmp_path / "real.npz")
    assert stored is not None and stored.known and stored.statistics.facts == Random().facts()
    write_statistics(tmp_path / "fake.npz", kept_statistics(Images(source=fake).open(), "all", Random()))
    images, *files = (
        measure_sources(a, b, all_of)
        for a, b in ((real, fake), (str(tmp_path / "real.npz"), fake), (real, str(tmp_path / "fake.npz")))
    )
    for by_file in files:
        assert by_file["floor"]["count"] == by_file["at_floor_count"]["count"] == 20
        for part in ("scores", "floor"):
            assert by_file[part] == pytest.approx(images[part], rel=1e-4, abs=1e-5)
        equal = by_file["at_floor_count"]["scores"]
        assert equal == pytest.approx(images["at_floor_count"]["scores"], rel=1e-4, abs=1e-5)
    assert "does not say of what size" in files[0]["remarks"][0]


def test_what_made_a_file_looks_at_the_images_beside_it(ganatomy_says: Program, tmp_path: Path) -> None:
    """A judge is found by the images that the file is of; nothing is fetched for a file that says what made it."""
    own = folder(tmp_path / "own", noise(40, 0))
    for source, made in ((own, "random"), ("digits", "judge")):
        ran = ganatomy_says("stats", source, "--out", f"{made}.npz", "--extractor", made)
        assert ran.code == 0, ran.err
    digits, by_judge = (
        ["--real", "judge.npz", "--fake", "digits", "--metrics", "fid,is", "--json"],
        ["--extractor", "judge"],
    )
    told = [ganatomy_says("evaluate", *digits, *more) for more in ([], by_judge)]
    images = ganatomy_says("evaluate", "--real", "digits", *digits[2:], *by_judge)
    (unnamed,), (named,), (alike,) = (json.loads(ran.out) for ran in (*told, images))
    assert unnamed["scores"] == named["scores"] == pytest.approx(alike["scores"], rel=1e-5)
    assert named["protocol"]["extractor"] == "judge" and named["floor"] == pytest.approx(alike["floor"], rel=1e-4)
    (found,) = json.loads(
        ganatomy_says("evaluate", "--real", "random.npz", "--fake", own, "--metrics", "fid", "--json").out
    )
    assert found["protocol"]["extractor_sha256"] == Random().sha256 and abs(found["scores"]["fid"]) < 1e-4


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"extractor": "judge", "extractor_sha256": "f" * 64}, "made by the judge ffffffffffff of .*give those images"),
        ({"extractor": "inception", "extractor_sha256": "f" * 64}, "Inception with other weights, ffffffffffff: name"),
        ({"extractor": "theirs", "extractor_sha256": None}, "'theirs', which is not known here: --import it"),
    ],
)
def test_a_file_whose_maker_is_not_at_hand_is_refused(
    ganatomy_says: Program, tmp_path: Path, facts: dict[str, object], said: str
) -> None:
    seen = statistics_of([noise(20, 0)], Random())
    write_statistics(tmp_path / "theirs.npz", replace(seen, facts={**seen.facts, **facts}))
    ran = ganatomy_says("evaluate", "--real", "theirs.npz", "--fake", folder(tmp_path / "own", noise(20, 1)))
    assert ran.code == 1 and re.search(said, ran.err) and ran.err.count("\n") == 1
    if facts["extractor"] != "judge":
        ran = ganatomy_says("evaluate", "--real", "theirs.npz", "--fake", "own", "--extractor", "judge")
        assert ran.code == 1 and "and not of a judge" in ran.err


def test_what_cannot_be_scored_is_said_before_anything_is_looked_at(
    trained: Run, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Random, "look")
    many, few = folder(tmp_path / "many", noise(20, 0)), folder(tmp_path / "few", noise(3, 1))
    with pytest.raises(
        GanatomyError, match=r"prdc needs 4 images or more of .*few \(all\): there are 3. Leave out prdc"
    ):
        measure_sources(many, few, Request(Random(), ("fid", "prdc")))
    with pytest.raises(GanatomyError, match=r"prdc needs 6 images or more of .*few \(all\): there are 3"):
        measure_sources(few, many, Request(Random(), ("prdc",)))
    with pytest.raises(GanatomyError, match=r"kid needs 3 samples or more: there would be 2. Leave out kid"):
        measure_run(trained, Request(Random(), ("kid",), 2))
    with pytest.raises(GanatomyError, match=r"is wants a classifier's probabilities, and random .* does not classify"):
        Request(Random(), ("fid", "is"))
    with pytest.raises(GanatomyError, match="windows of 11 pixels; these images have 8"):
        measure_run(trained, Request(Random(), ("fid", "ssim"), 20))
    small = folder(tmp_path / "small", noise(20, 0, size=8))
    with pytest.raises(GanatomyError, match="windows of 11 pixels; these images have 8"):
        measure_sources(small, small, Request(Random(), ("fid", "ssim")))
    rare = str(tmp_path / "rare")
    for part in ("train", "test"):
        (tmp_path / "rare").mkdir(exist_ok=True)
        folder(tmp_path / "rare" / part, noise(20, 0))
    with pytest.raises(GanatomyError, match="20 held-out images are too few to say what is suspiciously near"):
        Reference(Images(source=rare).open(), Request(Random(), ("fid", "nearest"), 20))
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(GanatomyError, match=r"text\.npz cannot be read: it is no \.npz, or was cut off"):
        measure_sources(str(tmp_path / "text.npz"), many, Request(Random(), ("fid",)))


def test_what_a_file_lacks_is_said_before_anything_is_looked_at(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = folder(tmp_path / "images", noise(20, 1))
    seen = statistics_of([noise(20, 0)], Random())
    write_statistics(tmp_path / "other.npz", replace(seen, facts={**seen.facts, "extractor_sha256": "f" * 64}))
    write_statistics(tmp_path / "own.npz", seen)
    np.savez(tmp_path / "plain.npz", mu=seen.moments.mean, sigma=seen.moments.covariance)
    other, own, plain = (str(tmp_path / f"{name}.npz") for name in ("other", "own", "plain"))
    monkeypatch.delattr(Random, "look")
    monkeypatch.setattr(Random, "classifies", True)
    for real, fake, metrics, said in (
        (plain, images, ("fid", "kid"), r"kid compares images with images, and of .*plain.npz only moments are kept"),
        (images, plain, ("fid", "prdc"), r"prdc compares images with images, and of .*plain.npz only moments are kept"),
        (
            other,
            images,
            ("fid",),
            rf"other.npz is of another protocol: extractor_sha256 is f{{64}}, not {Random().sha256}",
        ),
        (images, own, ("fid", "is"), r"is wants a classifier's probabilities, and .*own.npz has none"),
        (images, own, ("fid", "ssim"), r"ssim compares pictures, and .*own.npz is a file of statistics"),
    ):
        with pytest.raises(GanatomyError, match=said):
            measure_sources(real, fake, Request(Random(), metrics))


def test_what_cannot_be_written_is_said_before_anything_is_looked_at(
    copied: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = load(copied())
    monkeypatch.delattr(Random, "look")
    (run.path / "scores.jsonl").unlink()
    with pytest.raises(GanatomyError, match="was never scored, so it has no best checkpoint"):
        measure_run(run, Request(Random(), ("fid",), 20), checkpoints=("best",))
    run.folder.measurements.path.unlink(missing_ok=True)
    run.folder.measurements.path.mkdir()
    with pytest.raises(GanatomyError, match=r"Cannot write .*measurements.jsonl: Is a directory"):
        measure_run(run, Request(Random(), ("fid",), 20))
    run.folder.evaluations.path.unlink(missing_ok=True)
    run.folder.evaluations.path.mkdir()
    monkeypatch.delattr(Bench, "score")
    with pytest.raises(GanatomyError, match=r"Cannot write .*evaluations.jsonl: Is a directory"):
        run.evaluate(20)


def test_a_training_that_goes_on_meanwhile_changes_nothing(
    trained: Run, copied: Callable[[], Path], asked: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It removes the checkpoints that are measured."""
    wanted, run = measure_run(trained, asked), load(copied())

    class Meanwhile(Reference):
        def __init__(self, *of: Any) -> None:
            super().__init__(*of)
            shutil.rmtree(run.path / "checkpoints")

    monkeypatch.setattr(measuring, "Reference", Meanwhile)
    assert measure_run(run, asked) == wanted


def test_a_file_says_what_it_is_of_and_ignores_nothing_in_silence(ganatomy_says: Program, tmp_path: Path) -> None:
    real, fake = folder(tmp_path / "real", noise(40, 0, size=8)), folder(tmp_path / "fake", noise(40, 1))
    file, one_random = str(tmp_path / "real.npz"), Request(Random(), ("fid",))
    ran = ganatomy_says("stats", real, "--out", file, "--extractor", "random", "data.channels=gray", "--split", "train")
    assert ran.code == 0 and "36 images (train), 64 features of random" in ran.out, ran.err
    with pytest.raises(GanatomyError, match=r"real.npz is 8x8x1 and .*fake is 12x12x3"):
        measure_sources(file, fake, one_random)
    converted = {"size": 8, "channels": "gray"}
    protocol = measure_sources(file, fake, one_random, settings=converted)["protocol"]
    assert protocol["reference"] == f"{file}, of {real} (train)" and protocol["reference_count"] == 36
    assert protocol["content"] is not None and protocol["shape"] == "8x8x1"
    assert protocol["reference_prepared"] == {"channels": "gray"} and protocol["generated_prepared"] == converted
    for said, what in (
        ({"real": file, "fake": real, "real_part": "held-out"}, "--real-split is for images"),
        ({"real": real, "fake": file, "fake_part": "train"}, "--fake-split is for images"),
        ({"real": file, "fake": file, "settings": {"size": 8}}, "so nothing can be converted: leave out data.size"),
    ):
        with pytest.raises(GanatomyError, match=what):
            measure_sources(said.pop("real"), said.pop("fake"), one_random, **said)
    with pytest.raises(GanatomyError, match="-n is for images"):
        measure_sources(real, file, Request(Random(), ("fid",), 10), settings={"channels": "gray"})


def test_statistics_of_other_features_are_told_with_their_files(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a look at one image."""
    np.savez(tmp_path / "nine.npz", mu=np.zeros(9), sigma=np.eye(9))
    nine, fake = str(tmp_path / "nine.npz"), folder(tmp_path / "fake", noise(20, 1))
    looks: list[int] = []
    look = Random.look
    monkeypatch.setattr(Random, "look", lambda self, images: looks.append(len(images)) or look(self, images))
    for real, other, said in (
        (nine, fake, r"nine.npz is of 9 features and .*fake of 64"),
        (fake, nine, "of 64 .* of 9:"),
    ):
        with pytest.raises(GanatomyError, match=said):
            measure_sources(real, other, Request(Random(), ("fid",)))
    assert looks == [1, 1]


def test_pytorch_fids_files_are_read_without_unpickling(asked: Request, tmp_path: Path) -> None:
    moments = Moments.of(Random().look(noise(40, 0)).features)
    np.savez(tmp_path / "theirs.npz", mu=moments.mean, sigma=moments.covariance)
    fake = folder(tmp_path / "fake", noise(40, 1))
    only_fid = Request(asked.extractor, ("fid",))
    wanted = measure(statistics_of([noise(40, 0)], Random()), statistics_of([noise(40, 1)], Random()), ("fid",))
    found = measure_sources(str(tmp_path / "theirs.npz"), fake, only_fid)
    assert found["scores"]["fid"] == pytest.approx(wanted["fid"], rel=1e-6)
    assert found["protocol"]["reference_count"] is None and "does not say of how many" in found["remarks"][0]
    turned = measure_sources(fake, str(tmp_path / "theirs.npz"), only_fid)
    assert turned["scores"]["fid"] == pytest.approx(wanted["fid"], rel=1e-6)
    assert turned["protocol"]["count"] is None and turned["floor"]["count"] == 20
    no_floor = f"no floor: {tmp_path / 'theirs.npz'} has moments alone"
    assert {*turned["remarks"], no_floor} == {*found["remarks"]}
    assert "does not say what made it" in found["remarks"][1]
    assert "fid of 40 images, no more than its 64 features" in found["remarks"][-1], "one side's count is known"
    with pytest.raises(GanatomyError, match="only moments are kept; ask for fid"):
        measure_sources(str(tmp_path / "theirs.npz"), fake, Request(asked.extractor))
    np.savez(tmp_path / "skewed.npz", mu=np.zeros(2), sigma=np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(GanatomyError, match=r"skewed.npz: sigma is no covariance: it has negative eigenvalues"):
        read_statistics(tmp_path / "skewed.npz")
    np.savez(tmp_path / "evil.npz", mu=np.array([print], dtype=object), sigma=np.zeros((1, 1)))
    with pytest.raises(GanatomyError, match=r"evil.npz cannot be read: .*allow_pickle"):
        read_statistics(tmp_path / "evil.npz")


def test_a_damaged_file_is_told_and_a_damaged_cache_is_made_anew(asked: Request, trained: Run, tmp_path: Path) -> None:
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04torn")
    with pytest.raises(GanatomyError, match=r"torn.npz cannot be read"):
        read_statistics(tmp_path / "torn.npz")
    few = Request(asked.extractor, ("fid",), 20)
    first = measure_run(trained, few, checkpoints=("last",))[0]["scores"]
    for file in (cache_folder() / "statistics").glob("*.npz"):
        file.write_bytes(b"")
    assert measure_run(trained, few, checkpoints=("last",))[0]["scores"] == first


def test_the_first_of_a_folder_that_lies_class_by_class_are_not_its_sample(asked: Request, tmp_path: Path) -> None:
    both = folder(tmp_path / "both", np.concatenate([noise(40, 0), noise(40, 1, low=200)]))
    record = measure_sources(both, both, Request(asked.extractor, ("fid",), 40))
    assert record["at_floor_count"]["scores"]["fid"] < 3 * record["floor"]["fid"]


def test_rows_that_are_compared_are_a_sample_of_images_that_lie_in_order(
    asked: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dark ones, then bright ones, of which only some are compared row by row."""
    monkeypatch.setattr(measured, "KEPT", 60)
    dark, bright = (np.minimum(noise(120, seed), 100) + low for seed, low in ((0, 0), (1, 150)))
    np.savez(tmp_path / "sorted.npz", images=np.concatenate([dark, bright]).astype(np.uint8))
    mixed = str(tmp_path / "sorted.npz")
    record = measure_sources(mixed, mixed, Request(asked.extractor, ("kid", "prdc")))
    assert record["scores"]["kid"] < 5 * record["scores"]["kid_error"] and record["scores"]["coverage"] > 0.9


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("facts", "[1, 2]", "its 'facts' is not what ganatomy stats writes"),
        ("about", "[1, 2]", "its 'about' is not what"),
        ("about", '{"source": "x"}', "its 'about' is not what"),
        ("features", np.full((20, 64), np.nan, np.float32), "its 'features' are not all finite"),
        ("features", np.zeros((20, 5), np.float32), r"its 'features' are \[20, 5\]"),
        ("features", np.zeros((21, 64), np.float32), r"its 'features' are \[21, 64\]"),
        ("probabilities", np.zeros(20, np.float32), r"its 'probabilities' are \[20\]"),
    ],
)
def test_a_file_of_statistics_is_whole_or_refused(tmp_path: Path, name: str, value: object, said: str) -> None:
    file = tmp_path / "stats.npz"
    write_statistics(file, statistics_of([noise(20, 0)], Random()))
    with np.load(file) as kept:
        arrays = dict(kept)
    np.savez(file, **{**arrays, name: np.asarray(value)})
    with pytest.raises(GanatomyError, match=rf"stats.npz: {said}"):
        read_statistics(file)


def test_features_of_a_file_that_does_not_say_of_how_many_are_read(tmp_path: Path) -> None:
    whole = statistics_of([noise(20, 0)], Random())
    file = tmp_path / "theirs.npz"
    np.savez(file, mu=whole.moments.mean, sigma=whole.moments.covariance, features=np.asarray(whole.features))
    stored = read_statistics(file)
    assert stored is not None and not stored.known and np.array_equal(stored.statistics.features, whole.features)


def test_an_npz_of_images_is_no_statistics(tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", images=noise(4, 0))
    assert read_statistics(tmp_path / "images.npz") is None


def test_each_part_has_a_file_of_its_own_in_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Images(source="digits").open()
    counts = [kept_statistics(data, part, Random()).count for part in ("all", "held-out", "train", "second-half") * 2]
    assert counts == [1797, 600, 1197, 599] * 2


def test_the_floor_is_of_a_sample_of_held_out_images_that_lie_in_order(cache: Path, tmp_path: Path) -> None:
    """Dark ones, then bright ones; the images to train on are both."""
    dark, bright = (np.minimum(noise(60, seed), 100) + low for seed, low in ((0, 0), (1, 150)))
    both = np.concatenate([dark, bright]).astype(np.uint8)
    (tmp_path / "sorted").mkdir()
    for part in ("train", "test"):
        folder(tmp_path / "sorted" / part, both)
    data = Images(source=str(tmp_path / "sorted")).open()
    half, whole = (Reference(data, Request(Random(), ("fid",), count)).floor["fid"] for count in (60, 120))
    dark_alone = measure(statistics_of([both], Random()), statistics_of([both[:60]], Random()), ("fid",))["fid"]
    assert abs(whole) < 1e-3 < half < 0.2 * dark_alone


def test_real_images_are_looked_at_once(conditional: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference, the floor, classes, what is honest; what is looked at anew are the others alone."""
    monkeypatch.setenv("GANATOMY_CACHE", str(tmp_path))
    looks: list[int] = []
    look = Random.look
    monkeypatch.setattr(Random, "look", lambda self, images: looks.append(len(images)) or look(self, images))
    by_class, near = Request(Random(), METRICS, 200, per_class=True), Request(Random(), ("fid", "nearest"), 120)
    for measured_again, generated in (
        (lambda: measure_run(conditional, by_class, checkpoints=("last",)), 200 + 10 * 20),
        (lambda: measure_run(conditional, near, checkpoints=("last",)), 120),
        (lambda: [measure_sources("digits", "digits", by_class)], 200 + 10 * 20),
    ):
        first = measured_again()
        looks.clear()
        assert measured_again() == first, "with the same bits"
        assert sum(looks) == generated


def test_repeated_draws_of_a_source_have_their_spread(cache: Path, tmp_path: Path) -> None:
    real, fake = folder(tmp_path / "real", noise(60, 0)), folder(tmp_path / "fake", noise(60, 1))
    record = measure_sources(real, fake, Request(Random(), ("fid", "ssim"), 24), repeats=3)
    once = measure_sources(real, fake, Request(Random(), ("fid", "ssim"), 24))
    assert record["protocol"]["draws"] == 3 and record["floor"] == once["floor"]
    for name in ("fid", "ssim"):
        assert record["deviations"][name] > 0
        assert abs(record["scores"][name] - once["scores"][name]) < 4 * record["deviations"][name]
    with pytest.raises(GanatomyError, match=r"ask with -n for fewer than its 60"):
        measure_sources(real, fake, Request(Random(), ("fid",), 60), repeats=2)


def test_draws_of_a_source_have_as_few_images_in_common_as_can_be(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And which share of them they have is said: their deviation goes to 0 with the images that they do not share."""
    real, fake = folder(tmp_path / "real", noise(60, 0)), folder(tmp_path / "fake", noise(60, 1))
    for count, repeats, said in ((20, 3, None), (24, 3, "17%"), (45, 2, "67%")):
        one = comparing.side(fake, None, {}, "")
        draws = [replace(one, draw=draw).rows(each=count)[:count].tolist() for draw in range(repeats)]
        assert all(len({*draw}) == count for draw in draws)
        assert (said is None) == (len({row for draw in draws for row in draw}) == count * repeats)
        remarked = measure_sources(real, fake, Request(Random(), ("fid",), count), repeats=repeats)["remarks"]
        wanted = [] if said is None else [f"draws of {count} of 60 images have {said} of them in common"]
        assert [note.split(", two by two")[0] for note in remarked if "in common" in note] == wanted


def test_images_that_are_on_both_sides_are_said(cache: Path, tmp_path: Path) -> None:
    asked = Request(Random(), ("fid",))
    write_statistics(tmp_path / "digits.npz", *whole_of("digits"))
    file = str(tmp_path / "digits.npz")
    for real, fake, parts, said in (
        ("digits", "digits", {}, "1,797 images are on both sides"),
        ("digits", "digits", {"real_part": "train"}, "1,197 images are on both sides"),
        ("digits", "digits", {"real_part": "train", "fake_part": "held-out"}, None),
        (file, "digits", {}, "both sides are of the same images"),
        (file, "digits", {"fake_part": "train"}, None),
    ):
        record = measure_sources(real, fake, asked, **parts)
        found = [note for note in record["remarks"] if "sides" in note]
        assert record["protocol"]["shuffle_seed"] == 0
        assert (found == []) if said is None else (len(found) == 1 and said in found[0])


def whole_of(source: str) -> tuple[Statistics, dict[str, object]]:
    data = Images(source=source).open()
    return kept_statistics(data, "all", Random()), about_images(data, "all", {})


def test_two_labelled_sources_are_compared_class_by_class(cache: Path) -> None:
    """The digits with themselves: every class stands at its floor, far below another class."""
    asked = Request(Random(), ("kid",), 400, per_class=True)
    record = measure_sources("digits", "digits", asked)
    assert list(record["per_class"]) == [str(digit) for digit in range(10)]
    for own in record["per_class"].values():
        assert own["count"] == 40
        assert abs(own["scores"]["kid"]) < 0.2 * own["ceiling"]["kid"]
        assert abs(own["floor"]["kid"]) < 0.2 * own["ceiling"]["kid"]


def test_draws_and_classes_of_sources_are_shown(cache: Path) -> None:
    asked = (
        "evaluate",
        "--real",
        "digits",
        "--fake",
        "digits",
        "--extractor",
        "random",
        "--metrics",
        "fid",
        "-n",
        "400",
    )
    shown = CliRunner().invoke(app, [*asked, "--repeats", "2", "--per-class"])
    assert shown.exit_code == 0, shown.output
    assert "2 draws" in shown.output and "±" in shown.output
    _, by_class = shown.output.split("class by class")
    assert "40 of the others" in by_class and by_class.count("±") == 10, "each class has its own spread"


def test_sources_without_the_same_classes_are_not_compared_class_by_class(cache: Path, tmp_path: Path) -> None:
    asked = Request(Random(), ("kid",), per_class=True)
    with pytest.raises(GanatomyError, match=r"has no classes to compare one by one: leave out --per-class"):
        measure_sources(folder(tmp_path / "plain", noise(40, 0)), folder(tmp_path / "other", noise(40, 1)), asked)
    with pytest.raises(GanatomyError, match="kid per class needs 3 images of each, and twice as many real ones"):
        measure_sources("digits", "digits", replace(asked, count=20))


def test_collapse_shows_as_similarity_and_copies_as_nearness(cache: Path, tmp_path: Path) -> None:
    own = Request(metrics=("ssim",))
    varied = folder(tmp_path / "varied", noise(40, 0))
    alike = folder(tmp_path / "alike", np.repeat(noise(2, 1), 20, axis=0))
    found = measure_sources(varied, alike, own)
    assert found["scores"]["ssim"] > 0.4 > found["floor"]["ssim"]
    assert found["protocol"]["extractor"] is None, "nothing was looked at but pictures"
    with pytest.raises(GanatomyError, match="only a run knows"):
        measure_sources(varied, alike, Request(Random(), ("nearest",)))
    with pytest.raises(GanatomyError, match="say which extractor"):
        Request(metrics=("ssim", "fid"))


def test_images_whose_held_out_ones_have_no_labels_are_alike_without_classes(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "real" / "train").mkdir(parents=True)
    folder(tmp_path / "real" / "test", noise(8, 0))
    for number, name in enumerate(("a", "b")):
        folder(tmp_path / "real" / "train" / name, noise(8, number + 1))
    source = str(tmp_path / "real")
    found = measure_sources(source, source, Request(metrics=("ssim",)))
    assert set(found["scores"]) == {"ssim"}


def test_each_sample_is_drawn_once_for_all_that_is_measured(
    trained: Run, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[Array] = []
    monkeypatch.setattr(measuring, "similarities", lambda images, _: compared.append(images) or {"ssim": 0.0})
    monkeypatch.setattr(measuring, "refuse_small", lambda *_: None)
    drawn: list[Array] = []
    images = Sampler.images
    monkeypatch.setattr(Sampler, "images", lambda *asked: drawn.append(images(*asked)) or drawn[-1])
    measure_run(trained, Request(Random(), ("fid", "ssim"), 700), checkpoints=("last",))
    assert sum(map(len, drawn)) == 700, "of which the floor has 600"
    assert np.array_equal(compared[-1], np.concatenate(drawn))


def test_copies_of_training_images_are_counted_beside_the_held_out_ones(trained: Run, asked: Request) -> None:
    record = measure_run(trained, Request(asked.extractor, ("nearest",), 200), checkpoints=("last",))[0]
    assert record["floor"]["copies"] == pytest.approx(0.01, abs=0.006)
    assert record["scores"]["nearest"] > 0 and 0 <= record["scores"]["copies"] <= 1
    few = measure_run(trained, Request(asked.extractor, ("nearest",), 2), checkpoints=("last",))[0]
    assert few["floor"] == {**record["floor"], "count": 2}, "all held-out images say what is honest"


def test_a_copy_of_any_training_image_is_seen(trained: Run, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also under the judge, whose reference is the second half alone."""
    data, judge = trained.data(), judge_of_run(trained)
    monkeypatch.setattr(Sampler, "images", lambda sampler, seed, indices, labels=None: data.train.images[indices])
    record = measure_run(trained, Request(judge, ("nearest",), 200), checkpoints=("last",))[0]
    assert record["protocol"]["reference"].endswith("second half") and record["scores"]["copies"] == 1.0


def test_scores_at_the_floors_count_are_means_over_all_seeds(trained: Run, cache: Path) -> None:
    asked = Request(Random(), ("fid",), 700)
    both, one, other = (
        measure_run(trained, asked, seed=seed, repeats=repeats, checkpoints=("last",))[0]["at_floor_count"]
        for seed, repeats in ((5, 2), (5, 1), (6, 1))
    )
    assert both["count"] == 600 and both["deviations"]["fid"] > 0
    assert both["scores"]["fid"] == pytest.approx((one["scores"]["fid"] + other["scores"]["fid"]) / 2)


def test_a_last_checkpoint_that_is_the_best_is_measured_once(
    trained: Run, asked: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    last, drawn, images = trained.checkpoint().round, [], Sampler.images
    monkeypatch.setattr("ganatomy.experiments.run.best_round", lambda folder: last)
    monkeypatch.setattr(Sampler, "images", lambda *how: drawn.append(images(*how)) or drawn[-1])
    records = measure_run(trained, asked)
    assert sum(map(len, drawn)) == 120 and records[0]["scores"] == records[1]["scores"]
    assert [record["protocol"]["checkpoint"][:4] for record in records] == ["last", "best"]


def test_each_class_stands_between_its_floor_and_another_class(conditional: Run, cache: Path) -> None:
    judge = judge_of_run(conditional)
    record = measure_run(conditional, Request(judge, ("fid", "kid"), 200, per_class=True), checkpoints=("last",))[0]
    assert list(record["per_class"]) == list(conditional.classes or ())
    for own in record["per_class"].values():
        assert own["floor"]["fid"] < own["ceiling"]["fid"] and own["count"] == 20
        assert own["scores"]["fid"] > own["floor"]["fid"]
    assert record["protocol"]["reference"] == "training images, second half", "the other half the judge knows"
    assert record["protocol"]["reference_count"] == 599
    assert record["protocol"]["extractor"] == "judge" and record["protocol"]["extractor_accuracy"] > 0.9


def test_samples_of_a_class_are_of_the_class_asked_for(
    conditional: Run, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator that draws real images of the class asked for stands at the floor of every class."""
    data = conditional.data()
    own = [np.flatnonzero(np.asarray(data.train.labels) == number) for number in range(10)]

    def images(sampler: Sampler, seed: int, indices: Sequence[int], labels: Sequence[int] | None = None) -> Array:
        asked = labels if labels is not None else [0] * len(indices)
        return data.pictures(data.train)[[own[label][i % 100] for label, i in zip(asked, indices, strict=True)]]

    monkeypatch.setattr(Sampler, "images", images)
    record = measure_run(conditional, Request(Random(), ("fid",), 200, per_class=True), checkpoints=("last",))[0]
    for name, found in record["per_class"].items():
        assert found["scores"]["fid"] < 0.6 * found["ceiling"]["fid"], name


def test_scores_of_a_class_have_their_spread_and_remarks(conditional: Run, asked: Request) -> None:
    by_class = Request(asked.extractor, ("fid",), 200, per_class=True)
    one, other, both = (
        measure_run(conditional, by_class, seed=seed, repeats=repeats, checkpoints=("last",))[0]["per_class"]["3"]
        for seed, repeats in ((5, 1), (6, 1), (5, 2))
    )
    assert both["scores"]["fid"] == pytest.approx((one["scores"]["fid"] + other["scores"]["fid"]) / 2)
    assert both["deviations"]["fid"] > 0 and "the covariance has not full rank" in both["remarks"][0]


def test_classes_are_refused_where_there_are_none(trained: Run, asked: Request) -> None:
    with pytest.raises(GanatomyError, match="not conditional"):
        measure_run(trained, Request(asked.extractor, ("fid",), 50, per_class=True), checkpoints=("last",))


def test_too_few_of_a_class_are_told_before_anything_is_drawn(conditional: Run, asked: Request) -> None:
    few = Request(asked.extractor, ("fid", "prdc"), 30, per_class=True)
    with pytest.raises(GanatomyError, match=r"prdc per class needs 6 .* of '0' there would be 3 .* Ask for 60 samples"):
        measure_run(conditional, few)


def test_ones_own_extractor_in_one_registration() -> None:
    @extractor
    def corner_pixels(images: Array) -> Array:
        return images[:, 0, 0].astype(float)

    own = make_extractor("corner-pixels")
    assert own.look(noise(3, 0)).features.shape == (3, 3)
    assert own.facts()["extractor"] == "corner-pixels"
    with pytest.raises(GanatomyError, match=r"made \[3\] of 3 images"):
        Own("bad", lambda images: np.zeros(len(images))).look(noise(3, 0))
    with pytest.raises(GanatomyError, match="has none of them"):
        make_extractor("corner-pixels", resize="clean")


def test_gray_is_repeated_and_other_channels_are_refused() -> None:
    gray = noise(3, 0)[..., :1]
    assert np.array_equal(Random().look(gray).features, Random().look(np.repeat(gray, 3, 3)).features)
    with pytest.raises(GanatomyError, match="Images of 4 channels cannot be scored"):
        Random().look(np.zeros((2, 4, 4, 4), np.uint8))
    with pytest.raises(GanatomyError, match="must be uint8"):
        Random().look(np.zeros((2, 4, 4, 3), np.float32))


def test_a_conversion_of_gray_images_is_stated(trained: Run, cache: Path, tmp_path: Path) -> None:
    asked, said = Request(Random(), ("fid",), 30), "gray images are looked at as RGB, for random (no trained weights)"
    colors = folder(tmp_path / "colors", noise(30, 0))
    gray = measure_sources("digits", "digits", asked)
    for remarked, stated in (
        (gray["remarks"], True),
        (measure_run(trained, asked, checkpoints=("last",))[0]["remarks"], True),
        (measure_sources(colors, colors, asked)["remarks"], False),
        (measure_sources("digits", "digits", replace(asked, extractor=judge_of_run(trained)))["remarks"], False),
    ):
        assert any(note.startswith(said) for note in remarked) == stated


def test_remarks_say_what_few_images_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    few, more = (Statistics(Moments.of(np.random.default_rng(0).normal(size=(n, 8))), {}) for n in (6, 50))
    assert "full rank" in remarks(few, more, ("fid",))[0]
    assert "biased upwards" in remarks(more, more, ("fid",))[0]
    parts, crowned = remarks(few, more, ("is",))
    assert "is of 50 images, 5 in a part, is biased downwards" in parts
    assert "crowns a generator of one picture" in crowned
    assert "of 6 images depend on how many" in remarks(few, more, ("prdc",))[0]
    assert remarks(more, more, ("kid",)) == []
    uncounted = replace(few, counted=False)
    assert remarks(uncounted, more, ("fid",)) == remarks(more, more, ("fid",))
    assert remarks(uncounted, uncounted, ("fid",)) == []
    monkeypatch.setattr(measured, "KEPT", 40)
    assert "the kernel distance: of 40 images of each at most" in remarks(more, few, ("kid",))[0]


def test_two_files_need_no_extractor(ganatomy_says: Program, tmp_path: Path) -> None:
    real, fake = (statistics_of([noise(80, seed)], Random()) for seed in (0, 1))
    wanted = measure(real, fake, ("fid",))["fid"]
    for name, seen in (("real", real), ("fake", fake)):
        write_statistics(tmp_path / f"{name}.npz", seen)
        np.savez(tmp_path / f"plain-{name}.npz", mu=seen.moments.mean, sigma=seen.moments.covariance)
    for a, b, made in (
        *(("real", "fake", "random (no trained weights)"), ("plain-real", "fake", "random (no trained weights)")),
        ("plain-real", "plain-fake", "unsaid"),
    ):
        files = ["--real", str(tmp_path / f"{a}.npz"), "--fake", str(tmp_path / f"{b}.npz")]
        ran = ganatomy_says("evaluate", *files, "--metrics", "fid", "--json")
        assert ran.code == 0, ran.err
        (record,) = json.loads(ran.out)
        assert record["scores"]["fid"] == pytest.approx(wanted, rel=1e-6)
        assert record["protocol"]["extractor"] == made


def test_a_sample_of_pairs_is_of_as_many_images_as_are_asked_for(cache: Path, tmp_path: Path) -> None:
    varied, few = folder(tmp_path / "varied", noise(40, 0)), replace(Request(metrics=("ssim",)), count=12)
    found = measure_sources(varied, varied, few)
    assert found["protocol"]["count"] == 12 and found["protocol"]["ssim_images"] == "the first 12"
    data = Images(source=varied).open()
    shown = measuring.similarities(pictures_at(data, shuffled(rows_of(data, "all"))[:12]), None)
    assert found["scores"]["ssim"] == pytest.approx(shown["ssim"])


def test_images_that_are_left_out_and_how_others_are_prepared_are_said(ganatomy_says: Program, tmp_path: Path) -> None:
    real, fake = folder(tmp_path / "real", noise(40, 0)), folder(tmp_path / "fake", noise(40, 1))
    (tmp_path / "fake" / "0003.png").write_bytes(b"torn")
    words = ["--real", real, "--fake", fake, "--extractor", "random", "--metrics", "fid", "data.on_error=skip"]
    ran = ganatomy_says("evaluate", *words, "--size", "8")
    told = " ".join(ran.out.split())
    assert ran.code == 0 and "1 unreadable files" in told and "0003.png" in told
    assert "data.size=8" in told


def test_held_out_images_that_are_trained_on_are_counted_once(cache: Path) -> None:
    both = Images(source="digits", subset="train+test").open()
    assert len(rows_of(both, "all")) == len(rows_of(Images(source="digits").open(), "all")) == 1797


def test_one_class_has_no_other_beside_it(cache: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", images=noise(60, 0), labels=np.zeros(60, int))
    one = str(tmp_path / "one.npz")
    with pytest.raises(GanatomyError, match=r"one\.npz has one class, and no other to compare it with"):
        measure_sources(one, one, Request(Random(), ("fid",), per_class=True))


def test_an_extractor_that_does_not_classify_has_no_inception_score(asked: Request) -> None:
    seen = statistics_of([noise(20, 0)], Random())
    with pytest.raises(GanatomyError, match="does not classify"):
        measure(seen, seen, ("is",))
    with pytest.raises(GanatomyError, match="Did you mean 'fid'"):
        measure(seen, seen, ("fidd",))


def test_from_the_command_line(trained: Run, ganatomy_says: Program, tmp_path: Path) -> None:
    ran = ganatomy_says(
        "evaluate", str(trained.path), "--metrics", "fid, kid", "--extractor", "random", "-n", "100", "--json"
    )
    assert ran.code == 0, ran.err
    assert {r["which"] for r in json.loads(ran.out)} == {"last", "best"}
    raw = ("--weights", "raw", "--checkpoint", "last")
    ran = ganatomy_says("evaluate", str(trained.path), "--metrics", "fid", "--extractor", "random", "-n", "700", *raw)
    told = f"700 images, random (no trained weights) {Random().sha256[:12]}, seeds 0, raw weights; reference: training"
    assert told in " ".join(ran.out.split())
    assert "last, 600" in ran.out and "real, 600" in ran.out and "best" not in ran.out
    real, fake = folder(tmp_path / "real", noise(30, 0)), folder(tmp_path / "fake", noise(30, 1))
    ran = ganatomy_says("stats", real, "--out", str(tmp_path / "real.npz"), "--extractor", "random")
    assert ran.code == 0 and "30 images (all), 64 features of random" in ran.out
    ran = ganatomy_says("stats", "digits", "--out", str(tmp_path / "judged.npz"), "--extractor", "judge")
    assert ran.code == 0 and "599 images (second-half), 32 features of judge" in ran.out, "those it has not seen"
    ran = ganatomy_says("evaluate", "--real", str(tmp_path / "real.npz"), "--fake", fake, "--extractor", "random")
    assert ran.code == 0 and "Fréchet distance ↓" in ran.out and "Precision ↑" in ran.out
    np.savez(tmp_path / "plain.npz", mu=np.zeros(64), sigma=np.eye(64))
    words = ["--real", str(tmp_path / "plain.npz"), "--fake", fake, "--extractor", "random", "--metrics", "fid"]
    ran = ganatomy_says("evaluate", *words)
    assert ran.code == 0 and re.search(r"┃ +┃ +scores ┃\n", ran.out), "no floor, no column"


def test_the_best_alone_of_a_run_without_scores_is_refused(copied: Callable[[], Path], ganatomy_says: Program) -> None:
    (copied() / "scores.jsonl").unlink()
    for more in ((), ("--metrics", "fid", "--extractor", "random")):
        ran = ganatomy_says("evaluate", "copied", "--checkpoint", "best", *more)
        assert ran.code == 1 and "was never scored, so it has no best checkpoint" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("evaluate",), "Name a run, or two sources"),
        (("evaluate", "--real", "a"), "Name a run, or two sources"),
        (
            ("evaluate", "RUN", "--extractor", "random"),
            "--extractor is for other scores than the judge's: say --metrics",
        ),
        (("evaluate", "RUN", "--real", "digits"), "Name a run, or two sources"),
        (("evaluate", "RUN", "--size", "8"), "--size is for two sources"),
        (("evaluate", "RUN", "--device", "tpu"), "No device called 'tpu'"),
        (("evaluate", "--real", "digits", "--fake", "digits", "--size", "0"), "greater than 0"),
        (
            ("evaluate", "--real", "digits", "--fake", "digits", "--extractor", "judge", "--real-split", "train"),
            "--real-split train: the judge was trained on half of these images",
        ),
        (
            ("stats", "digits", "--out", "x.npz", "--extractor", "judge", "--split", "all"),
            "--split all is for images that the judge was not trained on",
        ),
        (("evaluate", "RUN", "data.channels=gray"), "data.channels=gray is for two sources"),
        (("evaluate", "--real", "a", "--fake", "b", "data.flip=true"), "data.flip is for training"),
        (("evaluate", "--real", "a", "--fake", "b", "data.chanels=rgb"), "Did you mean 'channels'"),
        (("evaluate", "--real", "a", "--fake", "b", "--checkpoint", "best"), "--checkpoint is for samples of a run"),
        (("evaluate", "RUN", "--metrics", "ssim", "--resize", "clean"), "--resize is for scores of features"),
        (("evaluate", "RUN", "--metrics", "accuracy", "--extractor", "random"), "accuracy is the judge's"),
        (("evaluate", "RUN", "--metrics", ","), "No metric is named. There are: fid"),
        (("evaluate", "--real", "a", "--fake", "b", "--seed", "2"), "--seed is for samples of a run"),
        (
            ("evaluate", "RUN", "--metrics", "fid", "--extractor", "judge", "--resize", "clean"),
            "--resize is for Inception, not for a judge",
        ),
        (("evaluate", "RUN", "--per-class"), "--per-class is for other scores than the judge's"),
        (
            ("evaluate", "RUN", "--metrics", "ssim"),
            "windows of 11 pixels; these images have 8",
        ),
        (("evaluate", "RUN", "--metrics", "fid", "--extractor", "inceptoin"), "Did you mean 'inception'"),
        (("evaluate", "RUN", "--metrics", "fid", "--extractor", "jugde"), "Did you mean 'judge'"),
        (("evaluate", "--real", "digits", "--fake", "no/where", "--metrics", "fid"), "There is no no/where"),
        (("evaluate", "RUN", "--metrics", "fdi"), "Did you mean 'fid'"),
        (("stats", "digits", "--out", "x.txt"), "Statistics are an .npz"),
    ],
)
def test_mistakes_are_one_line(trained: Run, ganatomy_says: Program, words: tuple[str, ...], said: str) -> None:
    ran = ganatomy_says(*(str(trained.path) if word == "RUN" else word for word in words))
    assert ran.code == 1
    assert said in ran.err and ran.err.count("\n") == 1


def of_both(place: Path, *words: object) -> list[dict[str, Any]]:
    """What `ganatomy evaluate ... --json` says in two processes, of which one speaks."""
    first, second = together(place, 2, program, "evaluate", *words, "--json")
    assert first.code == second.code == 0, (first.err, second.err)
    assert second.out == ""
    return json.loads(first.out)


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was looked at before."""
    monkeypatch.setenv("GANATOMY_CACHE", str(tmp_path / "cache"))


def test_two_processes_measure_what_one_does(trained: Run, empty_cache: None, tmp_path: Path) -> None:
    """One writes and prints; each looks at its part of the samples, the reference and the held-out images."""
    run = shutil.copytree(trained.path, tmp_path / "run")
    told = of_both(tmp_path, run, "--metrics", "fid,kid,prdc,nearest", "--extractor", "random", "-n", 300)
    assert RunFolder(run).measurements.read()[-len(told) :] == told, "once"
    alone = measure_run(trained, Request(Random(), (*METRICS, "nearest"), 300))
    for one, two in zip(alone, told, strict=True):
        assert one["protocol"] == two["protocol"] and one["remarks"] == two["remarks"]
        for part in ("scores", "floor"):
            assert two[part] == pytest.approx(one[part], rel=1e-6, abs=1e-9)


def test_two_processes_are_judged_as_one_is(conditional: Run, empty_cache: None, tmp_path: Path) -> None:
    """A wrong order of the parts would show: each sample has a class that was asked for."""
    run = shutil.copytree(conditional.path, tmp_path / "run")
    (told,) = of_both(tmp_path, run, "-n", 300, "--checkpoint", "last")
    before = load(run).folder.evaluations.read()
    assert before[-1] == told and len([one for one in before if one == told]) == 1, "one of them writes"
    (alone,) = load(run).evaluate(300, checkpoints=("last",))
    assert alone["protocol"] == told["protocol"]
    for name, value in alone["scores"].items():
        assert told["scores"][name] == pytest.approx(value, rel=1e-5, abs=1e-9), name
