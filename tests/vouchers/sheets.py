"""Looking at printed vouchers: a face, cards, rendered pages, and an independent decoder."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pypdfium2
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from portal.vouchers import codes
from portal.vouchers.cells import Cell
from portal.vouchers.grids import GRIDS, MARGIN, Grid
from portal.vouchers.paper import Card, Face
from portal.vouchers.typeset import Paper

SEEN_THROUGH = 1.2  # px: the blur of a phone's camera, facts/captive-portal.md 4.3

FACE = Face(
    lang="en",
    isp="Savanna Net",
    logo=None,
    plan="3 hours",
    price="KSh\u00a020",
    validity="3 hours",
    line="Up to 5\u00a0Mbps · for 2 devices",
    ssid="Savanna",
    address="portal.savanna.co.ke",
    base_url="HTTPS://PORTAL.SAVANNA.CO.KE/V/",
    steps=("Join the Wi-Fi Savanna", "Scan, or enter the code at portal.savanna.co.ke"),
    typed="Enter the code at portal.savanna.co.ke",
    use_by="Use by 31 Dec 2026",
    support="Help: 0712 345 678",
    copy="COPY",
)
LONG = "Kampuni ya Mtandao wa Kasi ya Bonde la Ufa na Viunga Vyake"[:60].ljust(60, "x")


def logo() -> bytes:
    """A logo with a transparent ground."""
    drawn = Image.new("RGBA", (240, 200), (0, 0, 0, 0))
    pen = ImageDraw.Draw(drawn)
    pen.ellipse((10, 10, 190, 190), fill=(20, 90, 60, 255))
    pen.polygon([(100, 40), (160, 150), (40, 150)], fill=(255, 255, 255, 255))
    png = io.BytesIO()
    drawn.save(png, "PNG")
    return png.getvalue()


def a_face(**changes: Any) -> Face:
    return replace(FACE, **changes)


def the_longest_face() -> Face:
    """Names of 60 characters, letters beyond cp1252, the longest name a Wi-Fi can have, everything a plan can say."""
    return a_face(
        isp=LONG,
        plan="Ŋwĩ Ƙasuwa ya wikendi nzima – ЖЩ Ωμέγα, ẞ ő 中文 " + "y" * 12,
        price="KSh\u00a0250,000.50",
        line="24 hours · 1.5\u00a0GB of data · up to 5\u00a0Mbps · for 3 devices · counts only while online",
        steps=("Join the Wi-Fi " + "W" * 32, "Scan, or enter the code at hotspot.kampuni-ya-mtandao.co.ke:8443"),
        typed="Enter the code at hotspot.kampuni-ya-mtandao.co.ke:8443",
        base_url="HTTPS://HOTSPOT.KAMPUNI-YA-MTANDAO.CO.KE:8443/V/",
        use_by="Use by 31 Desemba 2026, 23:30",
        support="Msaada: +254 712 345 678 / 0733 000 111 222",
        copy="NAKALA",
        again=True,
        logo=logo(),
    )


def cards(count: int, style: str = "letters-10") -> list[Card]:
    drawn = codes.STYLES[style]
    return [Card(label=f"B12-{n:04d}", code=codes.draw(drawn)) for n in range(1, count + 1)]


def placed(face: Face, first: Card, grid: str) -> Cell:
    """Where everything goes in a cell."""
    with Paper("") as paper:
        return Cell(paper, face, first, GRIDS[grid])


def rendered(pdf: bytes | bytearray, dpi: float) -> list[Image.Image]:
    """The pages as a printer would draw them, in grey."""
    with closing(pypdfium2.PdfDocument(bytes(pdf))) as document:
        return [page.render(scale=dpi / 72).to_pil().convert("L") for page in document]


def cropped(page: Image.Image, grid: Grid, dpi: float) -> Iterator[Image.Image]:
    """Each cell of a rendered page."""
    dots = dpi / 25.4
    for n in range(grid.on_page):
        x, y = grid.corner(n)
        left, top = (MARGIN + x) * dots, (MARGIN + y) * dots
        yield page.crop((round(left), round(top), round(left + grid.width * dots), round(top + grid.height * dots)))


def decoded(picture: Image.Image) -> str | None:
    """What an independent decoder reads in it."""
    found: Sequence[Any] = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    return str(found[0].text) if len(found) == 1 else None


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(SEEN_THROUGH))


def addresses_of_sheet(pdf: bytes | bytearray, dpi: float, grid: str = "4x9", *, blur: bool = True) -> list[str | None]:
    """What is read from each cell of all pages, in their order; None where nothing is."""
    cells = [cell for page in rendered(pdf, dpi) for cell in cropped(page, GRIDS[grid], dpi)]
    return [decoded(blurred(cell) if blur else cell) for cell in cells]


def codes_of_sheet(pdf: bytes | bytearray, dpi: float, grid: str = "4x9") -> list[str]:
    """The codes that a phone gets from a sheet."""
    return [codes.read(address) for address in addresses_of_sheet(pdf, dpi, grid) if address]
