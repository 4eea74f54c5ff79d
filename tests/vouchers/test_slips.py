"""Slips: what stands on them, and that every one of them can be scanned after what printers and cameras do to it."""

from __future__ import annotations

import io
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from portal.errors import Misconfigured
from portal.vouchers import codes, qr
from portal.vouchers.slips import LEAST_MODULE, WIDTHS, Press, Qr, _library, fitting, plain, wrapped
from sandbox.escpos import Firmware
from sandbox.thermal import Roll, Wear
from tests.vouchers.slips import BASE, a_face, a_press, addresses_of, codes_of_slips, on_paper, seen, some_cards

QRS: tuple[Qr, Qr] = ("raster", "native")
MODULE = WIDTHS[58].module
# Both sides of a module together grow by twice a part of it; the facts' limits are 1/4 (good) and 2/4 (nothing).
QUARTER, HALF = 2 * MODULE // 4, MODULE
LONG_NAME = "Njoroge & Sons Broadband Internet Services (Kenya) Limited, Kahawa Wendani"


# --- scanning ---


@pytest.mark.parametrize("drawing", QRS)
def test_every_one_of_36_slips_is_read_by_an_independent_decoder(drawing: Qr) -> None:
    cards = some_cards(36)

    roll = on_paper(a_press(drawing=drawing), cards)

    for dpi, blur in ((203, 0.0), (203, 1.2), (300, 0.0), (300, 1.8)):
        found = codes_of_slips(seen(each, dpi=dpi, blur=blur) for each in roll.pictures)
        assert found == [card.code for card in cards], f"{dpi} dpi, blur {blur}"


HARM = {
    "heat that closes a quarter of a module": Wear(gain=QUARTER),
    "one dead dot of the head": Wear(dead=(190,)),
    "three dead dots of the head": Wear(dead=(150, 190, 231)),
    "three dead dots side by side": Wear(dead=(190, 191, 192)),
    "a band that was skipped": Wear(blank_band=(470, 3)),
    "heat, a dead dot and a band": Wear(gain=QUARTER, dead=(190,), blank_band=(470, 2)),
}


@pytest.mark.parametrize("drawing", QRS)
@pytest.mark.parametrize("harm", HARM)
def test_every_slip_of_a_worn_printer_is_read(drawing: Qr, harm: str) -> None:
    cards = some_cards(36)

    roll = on_paper(a_press(drawing=drawing), cards, wear=HARM[harm])

    for dpi in (203, 300):
        found = codes_of_slips(seen(each, dpi=dpi, blur=1.0) for each in roll.pictures)
        assert found == [card.code for card in cards], f"{dpi} dpi"


@pytest.mark.parametrize("style", ["letters-8", "digits-15", "digits-17"])
@pytest.mark.parametrize("mm", [58, 80])
@pytest.mark.parametrize("drawing", QRS)
def test_slips_of_both_papers_and_of_other_styles_are_read(mm: int, drawing: Qr, style: str) -> None:
    cards = some_cards(12, style)

    roll = on_paper(a_press(mm, drawing), cards)

    assert addresses_of(roll.pictures[0]) == [f"{BASE}{cards[0].code}"]
    assert codes_of_slips(seen(each, blur=1.2) for each in roll.pictures) == [card.code for card in cards]


def test_heat_that_closes_half_a_module_leaves_nothing_to_read() -> None:
    """The negative control: the eye of these tests can be blinded."""
    roll = on_paper(a_press(), some_cards(12), wear=Wear(gain=HALF))

    assert codes_of_slips(roll.pictures) == []


def test_a_black_frame_instead_of_the_quiet_zone_leaves_nothing_to_read() -> None:
    roll = on_paper(a_press(), some_cards(12))
    framed = [_framed(picture, quiet=0) for picture in roll.pictures]
    with_a_module_of_white = [_framed(picture, quiet=MODULE) for picture in roll.pictures]

    assert codes_of_slips(framed) == []
    assert len(codes_of_slips(with_a_module_of_white)) == 12


def _framed(picture: Image.Image, quiet: int) -> Image.Image:
    """The slip with a black frame so far from its symbol."""
    left, top, right, bottom = _symbol_box(picture)
    drawn = picture.convert("L")
    box = (left - quiet - 12, top - quiet - 12, right + quiet + 11, bottom + quiet + 11)
    ImageDraw.Draw(drawn).rectangle(box, outline=0, width=12)
    return drawn


def _symbol_box(picture: Image.Image) -> tuple[int, int, int, int]:
    """Where the symbol is: the largest thing without a white row in it."""
    grey = picture.convert("L").point(lambda value: 255 - value)
    rows = [grey.crop((0, y, grey.width, y + 1)).getbbox() is not None for y in range(grey.height)]
    runs = re.finditer("1+", "".join("01"[each] for each in rows))
    top, bottom = max((run.span() for run in runs), key=lambda span: span[1] - span[0])
    box = grey.crop((0, top, grey.width, bottom)).getbbox()
    assert box is not None
    return box[0], top, box[2], bottom


@pytest.mark.parametrize("mm", [58, 80])
@pytest.mark.parametrize("drawing", QRS)
def test_four_modules_around_the_symbol_stay_white_and_a_module_is_four_dots_or_more(mm: int, drawing: Qr) -> None:
    roll = on_paper(a_press(mm, drawing), some_cards(1))
    left, top, right, bottom = _symbol_box(roll.pictures[0])
    _, module = fitting(f"{BASE}{'0' * 11}", WIDTHS[mm])
    free = qr.QUIET * module

    around = roll.pictures[0].convert("L").crop((left - free, top - free, right + free, bottom + free))
    around.paste(255, (free, free, free + right - left, free + bottom - top))

    assert module >= LEAST_MODULE
    assert around.getextrema() == (255, 255)


def test_the_level_falls_to_m_before_a_module_gets_too_small() -> None:
    assert fitting(BASE + "0" * 11, WIDTHS[58]) == ("Q", 6)
    assert fitting("A" * 600, WIDTHS[58]) == ("M", 4)
    with pytest.raises(Misconfigured):
        fitting("A" * 1200, WIDTHS[58])


# --- what stands on a slip ---

SAID = (
    "Mama Njeri Wi-Fi",
    "3 hours",
    "KSh 20",
    "2 devices · 5 Mbps",
    "1 Join the Wi-Fi Mama Njeri",
    "2 Scan this, or enter the code at wifi.example.co.ke",
    "Use by 31 Dec 2026",
    "B12-0001",
    "Help: 0712 345 678",
)


@pytest.mark.parametrize("mm", [58, 80])
@pytest.mark.parametrize("style", codes.STYLES)
def test_a_slip_says_everything(mm: int, style: str) -> None:
    card = some_cards(1, style)[0]

    text = on_paper(a_press(mm), [card]).texts[0]

    flat = " ".join(text.split())
    for said in SAID:
        assert said in flat
    assert card.shown in flat
    assert "COPY" not in flat
    assert card.shown in text.split("\n"), "the code has a line of its own and is not broken"


def test_the_validity_is_said_once() -> None:
    named = on_paper(a_press(plan="Kijana", line="2 devices"), some_cards(1)).texts[0]
    in_line = on_paper(a_press(plan="Kijana", line="3 hours · 2 devices"), some_cards(1)).texts[0]

    assert named.count("3 hours") == in_line.count("3 hours") == 1


def test_a_reprint_is_marked() -> None:
    first, second = some_cards(2)
    roll = on_paper(a_press(), [first, replace(second, again=True)])

    assert ["COPY" in text for text in roll.texts] == [False, True]
    assert "B12-0001 COPY" in on_paper(a_press(again=True), [first]).texts[0]


@pytest.mark.parametrize("mm", [58, 80])
@pytest.mark.parametrize("drawing", QRS)
def test_nothing_is_wider_than_the_paper(mm: int, drawing: Qr) -> None:
    press = a_press(
        mm,
        drawing,
        isp=LONG_NAME,
        plan="Weekend family bundle with everything",
        price="USh\u00a01,250,000",
        line="3 days 4 hours · 120.5 GB · 20 Mbps · 5 devices · good for 30 days after the first use",
        steps=("Join the Wi-Fi " + "X" * 32, "Scan this, or enter the code at " + "a.very.long.name" * 4 + ":8443"),
        use_by="Tumia kabla ya mwisho wa 31 Desemba 2026, 23:30 saa za Nairobi",
        support="Msaada: +254 712 345 678 au +254 733 000 000",
        logo=_png(900, 400),
    )
    cards = some_cards(3, "digits-17")

    roll = on_paper(press, cards)

    assert roll.spilt == 0
    assert all(len(line) <= WIDTHS[mm].columns for line in "\n".join(roll.texts).split("\n"))
    assert codes_of_slips(roll.pictures) == [card.code for card in cards]
    assert all(card.shown in text for card, text in zip(cards, roll.texts, strict=True))


@pytest.mark.parametrize("mm", [58, 80])
def test_no_line_is_cut_through_and_no_slip_holds_anything_of_another(mm: int) -> None:
    roll = on_paper(a_press(mm), some_cards(3))

    assert len({picture.height for picture in roll.pictures}) == 1
    assert not roll.on_it()
    for text in roll.texts:
        assert len(re.findall(r"B12-\d{4}", text)) == 1


def _png(width: int, height: int) -> bytes:
    drawn, out = Image.new("RGBA", (width, height), (0, 0, 0, 0)), io.BytesIO()
    ImageDraw.Draw(drawn).ellipse((10, 10, width - 10, height - 10), fill=(20, 60, 160, 255))
    drawn.save(out, "png")
    return out.getvalue()


def test_a_logo_comes_first_and_fits() -> None:
    cards = some_cards(1)

    plain, with_logo = (on_paper(a_press(logo=logo), cards) for logo in (None, _png(900, 300)))

    assert with_logo.spilt == 0
    assert with_logo.pictures[0].height > plain.pictures[0].height + 60
    assert with_logo.texts == plain.texts


@pytest.mark.parametrize("logo", [b"", b"\x89PNG\r\n\x1a\n" + bytes(40), _png(90, 30)[:-30]])
def test_a_logo_that_cannot_be_drawn_is_said(logo: bytes) -> None:
    with pytest.raises(Misconfigured, match="logo"):
        on_paper(a_press(logo=logo), some_cards(1))


# --- letters ---

PAGES = ({"first_page": 0, "pages": (0,)}, {"first_page": 2, "pages": (2,)}, {"first_page": 19, "pages": (19,)})


@pytest.mark.parametrize("firmware", PAGES)
@pytest.mark.parametrize("chinese", [False, True])
def test_accents_come_out_right_whatever_code_page_the_printer_has(firmware: dict[str, int], chinese: bool) -> None:
    press = a_press(isp="Café “Élan” – Zoë’s", line="Année · 5\u00a0€ … naïve Ñandú")

    roll = on_paper(press, some_cards(1), firmware=Firmware(chinese=chinese, **firmware))  # type: ignore[arg-type]

    lines = roll.texts[0].split("\n")
    assert lines[0] == 'Café "Élan" - Zoë\'s'
    assert "Année · 5 EUR ... naïve Ñandú" in " ".join(lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ĩtũũra Rĩa Gĩkũyũ", "Ituura Ria Gikuyu"),
        ("São Tomé", "Sao Tomé"),
        ("“a” ‘b’ – — …", "\"a\" 'b' - - ..."),
        ("price: 5\u202f€", "price: 5\u00a0EUR"),
        ("ሰላም مرحبا 你好 😀", "??? ????? ?? ?"),
        ("ﬁne ½ ² ①", "fine ½ ² 1"),
        ("e\u0301", "é"),
        ("a\u200bb\u202ec", "abc"),
    ],
)
def test_what_has_no_letter_in_the_printer_gets_one_that_looks_alike(text: str, expected: str) -> None:
    assert plain(text) == expected


@given(st.text())
def test_no_text_becomes_a_command_or_a_letter_that_some_code_page_shows_otherwise(text: str) -> None:
    shown = plain(text).replace("\u00a0", " ")

    encoded = {shown.encode(page) for page in ("cp437", "cp850", "cp858")}
    assert len(encoded) == 1
    assert all(byte >= 32 for byte in encoded.pop())


def test_a_name_with_commands_in_it_is_only_text() -> None:
    press = a_press(isp="Evil\x1b@\x1dV\x00 \x10\x04\x01ISP", support="\x1bp\x00\x19\x19Help")

    roll = on_paper(press, some_cards(1))

    assert len(roll.pictures) == 1
    assert roll.texts[0].startswith("Evil@V ISP")


@given(st.text(), st.integers(4, 48))
def test_wrapped_lines_fit_and_lose_nothing(text: str, columns: int) -> None:
    lines = wrapped(text, columns)

    assert all(0 < len(line) <= columns for line in lines)
    assert re.sub(r"[\s·]", "", "".join(lines)) == re.sub(r"[\s·]", "", plain(text))


def test_a_price_is_not_torn_from_its_currency_and_an_address_breaks_at_a_dot() -> None:
    assert wrapped("only KSh\u00a020 today", 11) == ["only KSh 20", "today"]
    assert wrapped("only KSh\u00a020 today", 10) == ["only", "KSh 20", "today"]
    assert wrapped("wifi.example.co.ke", 14) == ["wifi.example.", "co.ke"]
    assert wrapped("20 GB · 10 Mbps", 8) == ["20 GB", "10 Mbps"]


def test_the_parts_of_a_plan_are_not_torn() -> None:
    text = on_paper(a_press(line="3 days · 120.5 GB · 20 Mbps · 5 devices"), some_cards(1)).texts[0]

    assert "3 days · 120.5 GB · 20 Mbps\n5 devices" in text


def test_a_printer_that_prints_what_it_does_not_know_prints_nothing_else() -> None:
    """Nothing but the commands that every printer knows is used."""
    card = some_cards(1)

    simple = on_paper(a_press(logo=_png(300, 100)), card, firmware=Firmware(garbage=True, native_qr=False))

    assert simple.texts == on_paper(a_press(), card).texts


# --- habits ---


def test_a_slip_depends_on_no_other() -> None:
    """So that a run can end between any two and go on days later on another printer."""
    first, second = some_cards(2)
    press = a_press()
    alone = on_paper(a_press(), [second])

    both = on_paper(press, [first, second])

    assert both.texts[1:] == alone.texts
    assert both.pictures[1].tobytes() == alone.pictures[0].tobytes()
    assert press.slip(second)[:2] == b"\x1b@"


def test_a_native_symbol_takes_a_seventh_of_the_bytes_of_a_raster() -> None:
    card = some_cards(1)[0]

    raster, native = (len(a_press(drawing=drawing).slip(card)) for drawing in QRS)

    assert 7 * native < raster < 6000


def test_a_printer_without_a_native_symbol_prints_its_data_which_is_why_raster_is_the_default() -> None:
    roll = on_paper(a_press(drawing="native"), some_cards(1), firmware=Firmware(native_qr=False))

    assert codes_of_slips(roll.pictures) == []
    assert BASE in roll.texts[0].replace("\n", "")
    assert Press(face=a_face(), width=WIDTHS[58]).drawing == "raster"


def test_the_library_leaves_nothing_in_the_temporary_folder() -> None:
    _library.cache_clear()
    before = set(Path(tempfile.gettempdir()).glob("tmp*"))
    _library()

    assert tempfile.tempdir is None or Path(tempfile.tempdir).exists()
    assert not [each for each in set(Path(tempfile.gettempdir()).glob("tmp*")) - before if list(each.glob("*.pickle"))]


def test_paper_of_both_widths_is_as_wide_as_it_says() -> None:
    assert [on_paper(a_press(mm), some_cards(1)).pictures[0].width for mm in (58, 80)] == [464, 640]
    assert Roll(384).dots == WIDTHS[58].dots
