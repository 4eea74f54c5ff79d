"""An ISP's own colour on the guest pages, made readable. Pure.

Whatever colour is chosen, what is drawn with it keeps the contrast of WCAG 2.2 AA (1.4.3: 4.5:1): only its lightness
moves, so that it stays the ISP's colour; once for light pages and once for dark ones.
"""

from __future__ import annotations

import re
from colorsys import hls_to_rgb, rgb_to_hls
from dataclasses import dataclass
from functools import lru_cache

from portal.errors import Refused

ENOUGH = 4.5  # contrast of text; edges need 3
ROOM = 4.6  # a little more, since colours are rounded to 8 bit
STEPS = 200
_HEX = re.compile(r"#[0-9a-f]{6}")

Rgb = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What the accent stands on or beside: the paper and the card of a theme, and how far a tint goes towards it."""

    paper: str
    card: str
    tint: float
    dark: bool


# The grounds of themes/default/theme.toml; a test compares them.
LIGHT = Ground(paper="#f5f3ec", card="#ffffff", tint=0.10, dark=False)
DARK = Ground(paper="#0e1513", card="#17211d", tint=0.16, dark=True)
INK = {False: "#14211c", True: "#eef4f0"}


@dataclass(frozen=True, kw_only=True)
class Shades:
    """The colours of one scheme that follow from the ISP's."""

    accent: str
    on_accent: str  # text on a button
    tint: str  # behind what is chosen


def parse(text: str) -> str:
    """``#0a6349``, or nothing for Bando's own; raises `Refused("look-colour")`."""
    plain = text.strip().lower()
    if plain and not _HEX.fullmatch(plain):
        raise Refused("look-colour")
    return plain


@lru_cache(maxsize=1024)
def shades(colour: str, dark: bool) -> Shades:
    """What this colour becomes on light or on dark pages."""
    ground = DARK if dark else LIGHT
    accent = _readable(_rgb(colour), ground)
    on_accent = max(("#ffffff", "#000000"), key=lambda each: contrast(each, accent))
    return Shades(accent=accent, on_accent=on_accent, tint=_mixed(accent, ground.card, ground.tint))


def adjusted(colour: str, dark: bool) -> bool:
    """Whether it had to become darker or lighter."""
    return shades(colour, dark).accent != colour


def style(colour: str) -> str:
    """What stands at the end of the style of each page; nothing without a colour."""
    if not colour:
        return ""
    light, dark = (f":root{{{_block(shades(colour, scheme))}}}" for scheme in (False, True))
    return f"{light}@media(prefers-color-scheme:dark){{{dark}}}"


def _block(one: Shades) -> str:
    return f"--accent:{one.accent};--on-accent:{one.on_accent};--tint:{one.tint}"


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2.2)."""
    high, low = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _readable(colour: Rgb, ground: Ground) -> str:
    """The nearest lightness that can be read on paper, card and its own tint, and carries text itself."""
    hue, lightness, saturation = rgb_to_hls(*colour)
    for step in range(STEPS + 1):
        moved = lightness + (1 - lightness) * step / STEPS if ground.dark else lightness * (1 - step / STEPS)
        found = _hex(hls_to_rgb(hue, moved, saturation))
        if _good(found, ground):
            return found
    return INK[ground.dark]


def _good(accent: str, ground: Ground) -> bool:
    tint = _mixed(accent, ground.card, ground.tint)
    beside = (ground.paper, ground.card, tint)
    carries = max(contrast("#ffffff", accent), contrast("#000000", accent))
    return min(*(contrast(accent, each) for each in beside), carries, contrast(INK[ground.dark], tint)) >= ROOM


def _luminance(colour: Rgb) -> float:
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(one: str, other: str, share: float) -> str:
    pairs = zip(_rgb(one), _rgb(other), strict=True)
    red, green, blue = (a * share + b * (1 - share) for a, b in pairs)
    return _hex((red, green, blue))


def _rgb(text: str) -> Rgb:
    red, green, blue = (int(text[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hex(colour: Rgb) -> str:
    return "#" + "".join(f"{round(min(1.0, max(0.0, each)) * 255):02x}" for each in colour)
