"""What the tests of slips share: a face, cards, a printer's paper, and an eye that did not draw what it reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import zxingcpp
from PIL import Image, ImageFilter

from portal.vouchers import codes
from portal.vouchers.paper import Card, Face
from portal.vouchers.slips import WIDTHS, Press, Qr
from sandbox.escpos import Firmware, Interpreter
from sandbox.thermal import DPI, Roll, Wear

BASE = "HTTPS://WIFI.EXAMPLE.CO.KE/V/"


def a_face(**changes: Any) -> Face:
    """The vouchers of Mama Njeri."""
    plain: dict[str, Any] = {
        "lang": "en",
        "isp": "Mama Njeri Wi-Fi",
        "logo": None,
        "plan": "3 hours",
        "price": "KSh\u00a020",
        "validity": "3 hours",
        "line": "2 devices · 5\u00a0Mbps",
        "ssid": "Mama Njeri",
        "address": "wifi.example.co.ke",
        "base_url": BASE,
        "steps": ("Join the Wi-Fi Mama Njeri", "Scan this, or enter the code at wifi.example.co.ke"),
        "typed": "Enter the code at wifi.example.co.ke",
        "use_by": "Use by 31 Dec 2026",
        "support": "Help: 0712 345 678",
        "copy": "COPY",
    }
    return Face(**{**plain, **changes})


def some_cards(count: int, style: str = "letters-10") -> list[Card]:
    return [Card(label=f"B12-{n:04d}", code=codes.draw(codes.STYLES[style])) for n in range(1, count + 1)]


def a_press(mm: int = 58, drawing: Qr = "raster", **changes: Any) -> Press:
    return Press(face=a_face(**changes), width=WIDTHS[mm], drawing=drawing)


def on_paper(
    press: Press, cards: Iterable[Card], *, wear: Wear | None = None, firmware: Firmware | None = None
) -> Roll:
    """The slips of these cards, printed."""
    roll = Roll(press.width.dots, wear or Wear())
    head = Interpreter(roll, firmware or Firmware())
    for card in cards:
        head.feed(press.slip(card))
    return roll


def seen(picture: Image.Image, *, dpi: int = DPI, blur: float = 0.0) -> Image.Image:
    """A slip as a camera sees it, at so many dots per inch and so far out of focus (pixels)."""
    grey = picture.convert("L")
    if dpi != DPI:
        size = (round(grey.width * dpi / DPI), round(grey.height * dpi / DPI))
        grey = grey.resize(size, Image.Resampling.BICUBIC)
    return grey.filter(ImageFilter.GaussianBlur(blur)) if blur else grey


def addresses_of(picture: Image.Image) -> list[str]:
    """What an independent decoder reads on one picture."""
    found = zxingcpp.read_barcodes(picture.convert("L"), formats=zxingcpp.BarcodeFormat.QRCodeModel2)
    return [each.text for each in found]


def codes_of_slips(pictures: Iterable[Image.Image]) -> list[str]:
    """The code on each slip that can be read, in the order of the slips."""
    return [codes.read(address) for picture in pictures for address in addresses_of(picture)]
