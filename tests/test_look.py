"""An ISP's own colour: whatever it is, everybody can read what is drawn with it."""

from __future__ import annotations

import io
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from portal.errors import Refused
from portal.tenancy import look, marks
from portal.texts import THEMES

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@settings(deadline=None)
@given(COLOURS, st.booleans())
def test_any_colour_can_be_read_wherever_it_is_used(colour: str, dark: bool) -> None:
    ground, found = (look.DARK if dark else look.LIGHT), look.shades(colour, dark)
    for beside in (ground.paper, ground.card, found.tint):
        assert look.contrast(found.accent, beside) >= look.ENOUGH
    assert look.contrast(found.on_accent, found.accent) >= look.ENOUGH
    assert look.contrast(look.INK[dark], found.tint) >= look.ENOUGH, "the text of a chosen plan"


def test_without_moving_it_a_pale_colour_could_not_be_read() -> None:
    assert look.contrast("#ffe600", look.LIGHT.paper) < look.ENOUGH
    assert look.adjusted("#ffe600", dark=False)
    assert not look.adjusted("#0a6349", dark=False)


def test_the_grounds_are_those_of_the_theme() -> None:
    table = tomllib.loads((THEMES / "default" / "theme.toml").read_text("utf-8"))
    for scheme, ground, ink in (("light", look.LIGHT, look.INK[False]), ("dark", look.DARK, look.INK[True])):
        found = table[scheme]
        assert (found["paper"], found["card"], found["ink"]) == (ground.paper, ground.card, ink)


@pytest.mark.parametrize(
    "text", ["red", "#fff", "#12345g", "#1234567", "red;}body{display:none", "#123456;", "url(x)", "#12345６"]
)
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        look.parse(text)


def test_an_empty_colour_is_bandos_own() -> None:
    assert look.parse("  ") == ""
    assert look.style("") == ""
    assert look.parse(" #AABBCC ") == "#aabbcc"


def drawn(width: int, height: int, kind: str) -> bytes:
    picture = Image.new("RGBA", (width, height), (10, 99, 73, 255))
    if kind == "noise":
        picture = Image.effect_noise((width, height), 120).convert("RGBA")
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("size", [(600, 200), (200, 600), (16, 16), (1, 1), (2000, 10)])
def test_a_logo_is_made_small_and_keeps_its_shape(size: tuple[int, int]) -> None:
    made = marks.small(drawn(*size, "flat"))
    assert len(made) <= marks.MOST_BYTES
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.width <= marks.WIDTH
        assert picture.height <= marks.HEIGHT


def test_even_a_logo_full_of_noise_fits() -> None:
    assert len(marks.small(drawn(1000, 500, "noise"))) <= marks.MOST_BYTES
