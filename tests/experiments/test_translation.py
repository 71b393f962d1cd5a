"""Translating pictures of any size: whole or in tiles, files and folders, and watching it while training."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganatomy.core.errors import GanatomyError
from ganatomy.core.players import Translator
from ganatomy.core.shape import Shape
from ganatomy.data.decoding import Unreadable
from ganatomy.engine.optimizers import Adam
from ganatomy.engine.schedules import Constant, Cosine, Linear, Schedule, Step
from ganatomy.experiments import translation as room
from ganatomy.experiments.run import Run
from ganatomy.experiments.train import prepared, schedule_lines, train
from ganatomy.experiments.translation import (
    HELD,
    bytes_per_pixel,
    read_picture,
    targets_of,
    tile_that_fits,
    translate_files,
    translated,
    translator_of,
)
from ganatomy.networks.translators import ResNetTranslator
from tests.conftest import Program, drawing_curves

ASKED = {"run": "made", "round": 7}
SIZES = [(1, 1), (1, 9), (3, 2), (8, 8), (37, 64), (130, 95), (700, 1000)]
TINY = (
    *("players.G.maps=2", "players.F.maps=2", "players.D_X.channels=2,4", "players.D_Y.channels=2,4"),
    *("watch.log=64", "watch.grid=128", "watch.checkpoint=64", "watch.tensorboard=false", "precision=float32"),
)


class Same(Translator):
    """Gives back what it is given."""

    multiple = 4
    shape = Shape(3, 8, 8)

    def forward(self, x: Tensor) -> Tensor:
        assert all(size % 4 == 0 and size >= 8 for size in x.shape[2:])
        return x


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels)).astype(np.uint8)


@pytest.mark.parametrize("tile", [None, 64])
@pytest.mark.parametrize("size", SIZES)
def test_an_identity_gives_back_every_pixel(size: tuple[int, int], tile: int | None) -> None:
    image = noise(*size)
    assert np.array_equal(translated(Same(), image, tile), image)


@pytest.mark.parametrize(("maps", "measured"), [(64, 1_296), (32, 485), (16, 278)])
def test_memory_is_estimated_by_the_translators_width(maps: int, measured: int) -> None:
    """Bytes per pixel measured at 448 px, on a CPU; an estimate below them would run out of memory."""
    estimate = bytes_per_pixel(ResNetTranslator(Shape(3, 64, 64), maps=maps, blocks=1))
    assert measured < estimate < 2 * measured


def test_what_fits_into_half_of_the_memory_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    held = 400 * 300 * bytes_per_pixel(Same())
    assert bytes_per_pixel(Same()) == HELD * 2 * 3 * 4
    monkeypatch.setattr(room, "free_bytes", lambda _: 2 * held)
    assert tile_that_fits(Same(), 400, 300) is None
    monkeypatch.setattr(room, "free_bytes", lambda _: 2 * held - 1)
    assert tile_that_fits(Same(), 400, 300) == int((400 * 300) ** 0.5) - 2 * room.MARGIN
    monkeypatch.setattr(room, "free_bytes", lambda _: 0)
    assert tile_that_fits(Same(), 400, 300) == 8


def test_tiles_have_the_tone_of_the_whole() -> None:
    """Half dark, half light: normalized by itself, a dark tile would come out as light as a light one."""
    torch.manual_seed(0)
    network = ResNetTranslator(Shape(1, 64, 64), maps=4, blocks=1).eval()
    rows, columns = np.mgrid[:256, :384]
    image = (20 + 15 * np.sin(rows / 9) + 200 * (columns >= 192)).astype(np.uint8)[:, :, None]
    whole, tiled = (translated(network, image, tile).astype(float) for tile in (None, 64))
    assert "forward" not in vars(network.body[2]), "the norms are their own again"
    alone = np.empty_like(whole)
    for top in range(0, 256, 64):
        for left in range(0, 384, 64):
            place = np.s_[top : top + 64, left : left + 64]
            alone[place] = translated(network, image[place])
    assert np.abs(whole - tiled).mean() < 0.25 * np.abs(whole - alone).mean()


@pytest.fixture(scope="module")
def run(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with drawing_curves():
        return train("digits-cyclegan", *TINY, images=256, out=tmp_path_factory.mktemp("runs") / "cyclegan")


@pytest.mark.parametrize(
    ("recipe", "data", "said", "wanted"),
    [
        ("horse2zebra-cyclegan", None, [], ("horses", "zebras", None)),
        ("horse2zebra-cyclegan", "celeba", ["data.split=Smiling"], ("celeba", None, "Smiling")),
        ("horse2zebra-cyclegan", "digits", ["data.split=3,8"], ("digits", None, "3,8")),
        ("horse2zebra-cyclegan", "both", [], ("both", None, None)),
        ("horse2zebra-cyclegan", "mine", ["data.other=zebras"], ("mine", "zebras", None)),
        ("celeba64-smile-cyclegan", "reds", ["data.other=blues"], ("reds", "blues", None)),
        ("celeba64-smile-cyclegan", "faces", [], ("faces", None, "Smiling")),
        ("celeba64-smile-cyclegan", "faces", ["data.split=Male"], ("faces", None, "Male")),
    ],
)
def test_a_second_domain_that_was_said_takes_the_place_of_the_recipes(
    recipe: str, data: str | None, said: list[str], wanted: tuple[str | None, ...]
) -> None:
    found = prepared(recipe, said, data=data, images=None, seed=None).data
    assert tuple(found.settings[name] for name in ("source", "other", "split")) == wanted
    found.build()


def test_two_ways_to_a_second_domain_said_at_once_are_refused() -> None:
    said = ["data.other=blues", "data.split=Smiling"]
    with pytest.raises(GanatomyError, match="say one of them"):
        prepared("celeba64-smile-cyclegan", said, data=None, images=None, seed=None).data.build()


@pytest.mark.parametrize("schedule", [Linear(after=100, until=200), Linear(until=50), Cosine(until=80)])
def test_a_schedule_knows_when_it_falls_and_when_it_is_zero(schedule: Schedule) -> None:
    begin, end = schedule.fall() or (0, 0)
    assert schedule.factor(begin) == 1 > schedule.factor(begin + 1)
    assert schedule.factor(end - 1) > 0 == schedule.factor(end)
    assert Constant().fall() is None is Step(every=10).fall()


def test_a_learning_rate_that_is_zero_or_never_falls_is_told() -> None:
    def lines(images: int) -> list[str]:
        slow, fast = Adam(lr=1e-4, schedule=Linear(after=100, until=200)), Adam(lr=1e-3)
        return schedule_lines({"G": slow, "F": slow, "D": fast}, images)

    assert lines(201) == [
        "schedule   the learning rate of G, F is 0 from image 200 on: raise schedule.until, or lower the budget"
    ]
    assert lines(200) == lines(101) == []
    assert lines(100) == ["schedule   the learning rate of G, F falls from image 100 on: the budget ends before that"]


def test_training_shows_both_directions(run: Run) -> None:
    names = sorted(path.name for path in (run.path / "samples").iterdir())
    assert names == ["0000000000.png", "0000000128.png", "0000000256.png"]
    assert Image.open(run.path / "samples" / names[0]).size[0] > 4 * 64
    figures = run.folder.metrics.read()[-1]
    assert {"G+F/G_adversarial", "G+F/cycle_X", "G+F/F_identity", "D_X+D_Y/X_real", "D_X+D_Y/Y_fake"} <= set(figures)
    assert "held_out/D_X_accuracy_real" in figures


def test_translators_train_in_float64(tmp_path: Path) -> None:
    """Figures of held-out images, and pictures, of the second domain too."""
    run = train("digits-cyclegan", *TINY, "precision=float64", images=64, out=tmp_path / "run")
    assert "held_out/D_Y_accuracy_real" in run.folder.metrics.read()[-1]
    assert run.checkpoint().tensors["game.G.body.1.weight"].dtype is torch.float64


def test_a_domain_is_named_or_lettered(run: Run) -> None:
    assert translator_of(run, "digits-inverted-bold")[1] == translator_of(run, "Y")[1] == "digits-inverted-bold"
    assert translator_of(run, "x")[1] == "digits"
    with pytest.raises(GanatomyError, match="does not translate to 'zebras'"):
        translator_of(run, "zebras")


def test_other_runs_hold_no_translator(trained: Run) -> None:
    with pytest.raises(GanatomyError, match="holds no translator"):
        translator_of(trained, "Y")


@pytest.mark.parametrize(
    ("recipe", "told"), [("digits-dcgan", "it has no player D"), ("digits-judge", "it has no player C")]
)
def test_another_game_does_not_start_from_translators(run: Run, tmp_path: Path, recipe: str, told: str) -> None:
    with pytest.raises(GanatomyError, match=rf"^Cannot start from .*: {told}\.$"):
        train(recipe, init_from=run.path, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_pictures_are_read_as_data_sets_are(tmp_path: Path) -> None:
    """16-bit gray is divided by 257, transparent pictures lie on white, and whatever a broken file raises is told."""
    deep = np.full((8, 8), 20_000, np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert read_picture(tmp_path / "deep.png", 1).tolist() == np.full((8, 8, 1), 78).tolist()
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(tmp_path / "clear.png")
    assert read_picture(tmp_path / "clear.png", 3).min() == 255
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)).save(
        tmp_path / "torn.png"
    )
    torn = bytearray((tmp_path / "torn.png").read_bytes())
    second = torn.index(b"IDAT", torn.index(b"IDAT") + 4)
    torn[second : second + 4] = b"\x00\x00\x00\x00"
    (tmp_path / "torn.png").write_bytes(torn)
    with pytest.raises(Unreadable):
        read_picture(tmp_path / "torn.png", 3)


def test_files_keep_their_names_and_the_camera_is_held_upright(tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "deep").mkdir(parents=True)
    Image.fromarray(noise(9, 5)).save(source / "a.png")
    Image.fromarray(noise(6, 7)).save(source / "a.webp", lossless=True)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(noise(12, 8)).save(source / "deep" / "turned.jpg", exif=turned)
    (source / "broken.png").write_bytes(b"no picture")
    (source / "notes.txt").write_text("left alone")
    done = translate_files(Same(), source, tmp_path / "out", asked=ASKED)
    assert sorted(str(out.relative_to(tmp_path / "out")) for _, out in done.written) == [
        *("a.png.png", "a.webp.png", "deep/turned.png")
    ]
    assert [file.name for file, _ in done.failed] == ["broken.png"]
    assert Image.open(tmp_path / "out" / "deep" / "turned.png").size == (12, 8)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png.png")), noise(9, 5))


@pytest.mark.parametrize(
    "names", [("a.png", "a.webp", "a.png.jpg"), ("a.jpg", "a.JPG", "A.jpg"), ("a.png", "b/a.png", "B/a.jpg"), ("a",)]
)
def test_no_two_files_are_written_to_one_name(names: tuple[str, ...], tmp_path: Path) -> None:
    targets = targets_of([tmp_path / name for name in names], tmp_path, tmp_path / "out")
    assert len({str(target).casefold() for target in targets}) == len(names)
    assert all(target.suffix == ".png" and target.is_relative_to(tmp_path / "out") for target in targets)
    together = [*names, "other.png"]
    again = targets_of([tmp_path / name for name in together], tmp_path, tmp_path / "out")
    assert again[:-1] == targets, "what does not share a name changes nothing"


def test_three_pictures_of_nearly_one_name_are_all_there(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for value, name in enumerate(("a.png", "a.webp", "a.png.jpg")):
        Image.new("L", (8, 8), 100 * value).convert("RGB").save(source / name)
    done = translate_files(Same(), source, tmp_path / "out", asked=ASKED)
    means = {file.name: int(np.asarray(Image.open(out)).mean().round()) for file, out in done.written}
    assert means == {"a.png": 0, "a.webp": 100, "a.png.jpg": 200}


def test_what_no_decoder_knows_is_listed_and_what_has_no_ending_is_read(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (source / "film.avif").write_bytes(b"\0\0\0\x1cftypavif")
    (source / "notes").write_text("left alone")
    Image.fromarray(noise(9, 5)).save(source / "endingless", "png")
    done = translate_files(Same(), source, tmp_path / "out", asked=ASKED)
    assert [file.name for file, _ in done.written] == ["endingless"]
    assert [file.name for file, _ in done.failed] == ["film.avif", "phone.HEIC"]
    assert "save it as PNG or JPEG" in done.failed[1][1]


def test_a_stopped_folder_goes_on_and_another_translation_does_not_mix_with_it(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "in" / "out"
    source.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(noise(9, 5)).save(source / name)

    def stopped(files: Sequence[Path]) -> Iterator[Path]:
        yield files[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        translate_files(Same(), source, out, asked=ASKED, progress=stopped)
    assert sorted(file.name for file in out.iterdir()) == ["a.png", "translation.json"]
    kept = (out / "a.png").stat().st_mtime_ns
    done = translate_files(Same(), source, out, asked=ASKED)
    assert ([file.name for file, _ in done.written], done.before) == (["a.png", "b.png", "c.png"], 1)
    assert (out / "a.png").stat().st_mtime_ns == kept
    with pytest.raises(GanatomyError, match=r"a\.png exists and is of another translation \(round differ\): choose"):
        translate_files(Same(), source, out, asked={**ASKED, "round": 9})
    (out / "translation.json").unlink()
    with pytest.raises(GanatomyError, match=r"a\.png exists: choose another --out"):
        translate_files(Same(), source, out, asked=ASKED)


def test_pictures_that_were_tiled_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(noise(150, 300)).save(tmp_path / "large.png")
    Image.fromarray(noise(20, 20)).save(tmp_path / "small.png")
    monkeypatch.setattr(room, "free_bytes", lambda _: 2 * 144 * 144 * bytes_per_pixel(Same()))
    done = translate_files(Same(), tmp_path, tmp_path / "out", asked=ASKED)
    assert [file.name for file in done.tiled] == ["large.png"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "large.png")), noise(150, 300))


def test_nothing_to_translate_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match="There is no"):
        translate_files(Same(), tmp_path / "absent", tmp_path / "out", asked=ASKED)
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(GanatomyError, match="holds no pictures"):
        translate_files(Same(), tmp_path, tmp_path / "out", asked=ASKED)
    with pytest.raises(GanatomyError, match="is what is translated"):
        translate_files(Same(), tmp_path, tmp_path, asked=ASKED)
    Image.fromarray(noise(9, 5)).save(tmp_path / "a.png")
    with pytest.raises(GanatomyError, match="is a file, not a folder to write into"):
        translate_files(Same(), tmp_path / "a.png", tmp_path / "notes.txt", asked=ASKED)


def test_from_the_command_line(run: Run, ganatomy_says: Program, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    Image.fromarray(noise(9, 5, 1)[:, :, 0]).save(source / "a.png")
    said = ganatomy_says("translate", run.path, source, "--to", "Y", "--out", "out")
    assert (said.code, said.out) == (0, "1 picture in out\n")
    said = ganatomy_says("translate", run.path, source, "--to", "Y", "--out", "out")
    assert (said.code, said.out) == (0, "1 picture in out, 1 of them from before\n")
    said = ganatomy_says("translate", run.path, source, "--to", "X", "--out", "out")
    assert said.code == 1 and "of another translation (to differ)" in said.err
    assert Image.open("out/a.png").size == (5, 9)
    (source / "broken.png").write_bytes(b"no picture")
    said = ganatomy_says("translate", run.path, source, "--to", "x", "--out", "again")
    assert said.code == 1 and "broken.png was left out" in said.err
    said = ganatomy_says("translate", run.path, source, "--to", "Z", "--out", "never")
    assert said.code == 1 and said.err.count("\n") == 1


def test_a_resumed_run_is_bit_identical(run: Run, cache: Path, tmp_path: Path) -> None:
    again = train("digits-cyclegan", *TINY, images=128, out=tmp_path / "run")
    again = train("digits-cyclegan", *TINY, images=256, out=tmp_path / "run")
    one, other = run.checkpoint().tensors, again.checkpoint().tensors
    assert any("history" in name for name in one)
    assert all(torch.equal(one[name], other[name]) for name in one)
