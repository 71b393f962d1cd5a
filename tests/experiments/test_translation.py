"""Translating pictures of any size: whole or in tiles, files and folders, and watching it while training."""

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
from ganatomy.experiments.run import Run
from ganatomy.experiments.train import train
from ganatomy.experiments.translation import read_picture, translate_files, translated, translator_of
from ganatomy.networks.translators import ResNetTranslator
from tests.conftest import Program

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
    return train("digits-cyclegan", *TINY, images=256, out=tmp_path_factory.mktemp("runs") / "cyclegan")


def test_training_shows_both_directions(run: Run) -> None:
    names = sorted(path.name for path in (run.path / "samples").iterdir())
    assert names == ["0000000000.png", "0000000128.png", "0000000256.png"]
    assert Image.open(run.path / "samples" / names[0]).size[0] > 4 * 64
    figures = run.folder.metrics.read()[-1]
    assert {"G+F/G_adversarial", "G+F/cycle_X", "G+F/F_identity", "D_X+D_Y/X_real", "D_X+D_Y/Y_fake"} <= set(figures)
    assert "held_out/D_X_accuracy_real" in figures


def test_a_domain_is_named_or_lettered(run: Run) -> None:
    assert translator_of(run, "digits-inverted-bold")[1] == translator_of(run, "Y")[1] == "digits-inverted-bold"
    assert translator_of(run, "x")[1] == "digits"
    with pytest.raises(GanatomyError, match="does not translate to 'zebras'"):
        translator_of(run, "zebras")


def test_other_runs_hold_no_translator(trained: Run) -> None:
    with pytest.raises(GanatomyError, match="holds no translator"):
        translator_of(trained, "Y")


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
    done = translate_files(Same(), source, tmp_path / "out")
    assert sorted(str(out.relative_to(tmp_path / "out")) for _, out in done.written) == [
        *("a.png.png", "a.webp.png", "deep/turned.png")
    ]
    assert [file.name for file, _ in done.failed] == ["broken.png"]
    assert Image.open(tmp_path / "out" / "deep" / "turned.png").size == (12, 8)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png.png")), noise(9, 5))
    with pytest.raises(GanatomyError, match="exists: choose another --out"):
        translate_files(Same(), source, tmp_path / "out")


def test_nothing_to_translate_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match="There is no"):
        translate_files(Same(), tmp_path / "absent", tmp_path / "out")
    with pytest.raises(GanatomyError, match="holds no pictures"):
        translate_files(Same(), tmp_path, tmp_path / "out")


def test_from_the_command_line(run: Run, ganatomy_says: Program, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    Image.fromarray(noise(9, 5, 1)[:, :, 0]).save(source / "a.png")
    said = ganatomy_says("translate", run.path, source, "--to", "Y", "--out", "out")
    assert (said.code, said.out) == (0, "1 pictures in out\n")
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
