"""An ISP's logo on the guest pages: a small picture made of the one that was given.

It stands inside of every page, so it may weigh `MOST_BYTES` at most: a guest page stays below 14 KB, one round trip
(facts of portals, 5.1).
"""

from __future__ import annotations

import base64
from io import BytesIO

from PIL import Image

from portal.errors import Misconfigured

HEIGHT, WIDTH = 80, 240  # twice what is shown, for sharp screens
MOST_BYTES = 3_000
COLOURS = (64, 32, 16, 8, 4)


def small(png: bytes) -> bytes:
    """The small picture of a logo that `logos.check` has let in; raises `Misconfigured`."""
    with Image.open(BytesIO(png), formats=["PNG"]) as given:
        picture = given.convert("RGBA")
    for shrink in (1.0, 0.75, 0.5):
        fitted = picture.copy()
        fitted.thumbnail((int(WIDTH * shrink), int(HEIGHT * shrink)), Image.Resampling.LANCZOS)
        for colours in COLOURS:
            made = _saved(fitted, colours)
            if len(made) <= MOST_BYTES:
                return made
    raise Misconfigured("The logo has too much detail to be drawn small; use a simpler one, with few colours.")


def _saved(picture: Image.Image, colours: int) -> bytes:
    out = BytesIO()
    picture.quantize(colours, method=Image.Quantize.FASTOCTREE).save(out, "PNG", optimize=True)
    return out.getvalue()


def inside(png: bytes) -> str:
    """The picture as an address that a page holds itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
