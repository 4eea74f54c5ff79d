"""The logo that an ISP has printed on its vouchers: a PNG, looked at before it is kept."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from portal.errors import Misconfigured

MOST_BYTES = 200_000  # it stands in every sheet and is read for each print
MOST_PIXELS = 2_000  # on a side; few bytes can unfold to very many


def check(png: bytes) -> bytes:
    """The same bytes, if they are a whole PNG of a fitting size; raises `Misconfigured`."""
    if len(png) > MOST_BYTES:
        raise Misconfigured(f"The logo has more than {MOST_BYTES // 1000} KB; save it smaller.")
    try:
        with Image.open(BytesIO(png), formats=["PNG"]) as picture:
            width, height = picture.size
            if max(width, height) > MOST_PIXELS:
                raise Misconfigured(f"The logo has {width} x {height} points; at most {MOST_PIXELS} a side are taken.")
            picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as broken:
        raise Misconfigured("The logo is no PNG, or not whole; save it as one again.") from broken
    return png


def read(path: Path) -> bytes:
    """The logo in a file; raises `Misconfigured`."""
    try:
        with path.open("rb") as file:
            return check(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise Misconfigured(f"The logo {path} cannot be read: {error.strerror}.") from error
