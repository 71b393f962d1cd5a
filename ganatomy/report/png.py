"""Pictures to files: whole or not at all, for a viewer may look while we write."""

from io import BytesIO
from pathlib import Path

from PIL.Image import Image

from ganatomy.runs.files import write_bytes


def write_png(path: Path | str, image: Image) -> None:
    """Write a picture as PNG; folders above it are made."""
    data = BytesIO()
    image.save(data, "png")
    write_bytes(path, data.getvalue())
