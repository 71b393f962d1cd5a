"""Pictures to files: whole or not at all, for a viewer may look while we write."""

from io import BytesIO
from pathlib import Path

from PIL.Image import Image
from PIL.PngImagePlugin import PngInfo

from ganatomy.runs.files import write_bytes

SIGNED = b"Software\0Ganatomy"  # as it stands in the file


def write_png(path: Path | str, image: Image) -> None:
    """Write a picture as PNG that says whose it is; folders above it are made."""
    data, about = BytesIO(), PngInfo()
    about.add_text("Software", "Ganatomy")
    image.save(data, "png", pnginfo=about)
    write_bytes(path, data.getvalue())
