import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganatomy.data.decoding import Bomb, Channels, Encoded, Preparation, Unreadable, decode, kind_of, opened, sight

from .made import png, random_pixels


def encoded(image: Image.Image, format: str = "png", **options: object) -> Encoded:
    file = io.BytesIO()
    image.save(file, format, **options)
    return Encoded(f"a.{format}", file.getvalue())


def pixels_of(image: Encoded, **preparation: object) -> np.ndarray:
    return decode(image, Preparation(**preparation))[1]  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(5, 9), (5, 9, 3), (5, 9, 4)])
def test_plain_images_keep_their_pixels(shape: tuple[int, ...]) -> None:
    pixels = random_pixels(*shape)
    assert np.array_equal(pixels_of(Encoded("a.png", png(pixels))).squeeze(), pixels)
    assert np.array_equal(pixels_of(Encoded("a", pixels)).squeeze(), pixels)


def test_sixteen_bits_become_eight_by_rounding() -> None:
    values = np.array([[0, 128, 129, 257, 385, 386, 65535]], np.uint16)
    for source in (encoded(Image.fromarray(values)), Encoded("a", values)):
        kind, pixels = decode(source, Preparation(channels="gray"))
        assert kind == "16-bit gray"
        assert pixels.ravel().tolist() == [0, 0, 1, 1, 1, 2, 255]


def test_sixteen_bit_color_is_noticed() -> None:
    rows = b"\0" + struct.pack(">6H", 1000, 2000, 3000, 40000, 50000, 60000)

    def piece(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", header) + piece(b"IDAT", zlib.compress(rows)) + piece(b"IEND", b"")
    assert kind_of(opened(Encoded("a.png", file))) == "16-bit RGB"


def test_transparency_goes_over_white() -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    assert pixels_of(encoded(image), channels="rgb").tolist() == [[[255, 255, 255], [10, 20, 30]]]
    assert pixels_of(encoded(Image.new("LA", (1, 1), (0, 0))), channels="gray").tolist() == [[[255]]]
    palette = Image.new("P", (1, 1))
    assert pixels_of(encoded(palette, transparency=0), channels="rgb").tolist() == [[[255, 255, 255]]]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize(("channels", "count"), [("gray", 1), ("rgb", 3), ("rgba", 4)])
def test_every_kind_becomes_what_is_asked(mode: str, channels: Channels, count: int) -> None:
    image = encoded(Image.new(mode, (6, 4)), "tiff")
    assert pixels_of(image, channels=channels).shape == (4, 6, count)
    assert pixels_of(image, channels=channels, size=(3, 2)).shape == (3, 2, count)


def test_kinds_have_names() -> None:
    kinds = {mode: kind_of(opened(encoded(Image.new(mode, (2, 2)), "tiff"))) for mode in ("L", "P", "CMYK", "LA", "1")}
    assert kinds == {"L": "gray", "P": "palette", "CMYK": "CMYK", "LA": "gray with alpha", "1": "black and white"}


def test_exif_orientation_is_honored() -> None:
    image = Image.new("RGB", (8, 4))
    exif = image.getexif()
    exif[0x0112] = 6
    assert pixels_of(encoded(image, "jpeg", exif=exif)).shape == (8, 4, 3)


def test_the_center_is_cropped() -> None:
    pixels = random_pixels(10, 20, 3)
    assert np.array_equal(pixels_of(Encoded("a", pixels), crop=0.5), pixels[2:7, 5:15])
    small = Image.fromarray(pixels[2:7, 5:15]).resize((4, 2), Image.Resampling.LANCZOS)
    assert np.array_equal(pixels_of(Encoded("a", pixels), crop=0.5, size=(2, 4)), np.asarray(small))


def test_the_shorter_side_fits_and_the_longer_is_cropped() -> None:
    pixels = random_pixels(8, 20, 3)
    assert np.array_equal(pixels_of(Encoded("a", pixels), size=(8, 8)), pixels[:, 6:14])
    whole = np.asarray(Image.fromarray(pixels).resize((10, 4), Image.Resampling.LANCZOS))
    assert np.array_equal(pixels_of(Encoded("a", pixels), size=(4, 4)), whole[:, 3:7])


def test_resizing_is_antialiased() -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    small = pixels_of(Encoded("a", stripes), size=(8, 8))
    assert abs(small.astype(int) - 127).max() < 10


def test_any_number_of_channels_is_resized() -> None:
    pixels = random_pixels(8, 8, 5)
    small = pixels_of(Encoded("a", pixels), size=(4, 4))
    assert np.array_equal(small[:, :, :3], pixels_of(Encoded("a", np.ascontiguousarray(pixels[:, :, :3])), size=(4, 4)))
    assert small.shape == (4, 4, 5)


def test_broken_files_are_unreadable(tmp_path: Path) -> None:
    whole = png(random_pixels(32, 32, 3))
    for content in (b"", b"hello", whole[: len(whole) // 2]):
        with pytest.raises(Unreadable):
            decode(Encoded("a.png", content), Preparation())
    with pytest.raises(Unreadable):
        decode(Encoded("a.png", str(tmp_path / "gone.png")), Preparation())


def test_a_decompression_bomb_is_an_error_and_no_warning(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)
    with pytest.raises(Bomb, match="a decompression bomb"):
        decode(Encoded("a.png", png(random_pixels(32, 32))), Preparation())


def test_digests_tell_images_apart() -> None:
    pixels = random_pixels(4, 4)
    same, other = sight(Encoded("a", pixels)), sight(Encoded("b", png(pixels)))
    assert same.digest == other.digest
    assert sight(Encoded("c", pixels.reshape(2, 8))).digest != same.digest
