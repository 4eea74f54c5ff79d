"""The logo that an ISP has printed on its vouchers: a PNG, looked at before it is kept."""

from __future__ import annotations

import struct
from pathlib import Path

from portal.errors import Misconfigured

MOST_BYTES = 200_000  # it stands in every sheet and is read for each print
MOST_PIXELS = 4_000  # on a side; few bytes can unfold to very many
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">8s4x4sII")


def check(png: bytes) -> bytes:
    """The same bytes, if they look like a PNG of a fitting size; raises `Misconfigured`."""
    if len(png) > MOST_BYTES:
        raise Misconfigured(f"The logo has {len(png) // 1000} KB; at most {MOST_BYTES // 1000} are taken.")
    if len(png) < _HEADER.size:
        raise Misconfigured("The logo is no PNG; save it as one.")
    signature, chunk, width, height = _HEADER.unpack_from(png)
    if signature != _SIGNATURE or chunk != b"IHDR":
        raise Misconfigured("The logo is no PNG; save it as one.")
    if not (0 < width <= MOST_PIXELS and 0 < height <= MOST_PIXELS):
        raise Misconfigured(f"The logo has {width} x {height} points; at most {MOST_PIXELS} on a side are taken.")
    return png


def read(path: Path) -> bytes:
    """The logo in a file; raises `Misconfigured`."""
    try:
        with path.open("rb") as file:
            return check(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise Misconfigured(f"The logo {path} cannot be read: {error.strerror}.") from error
