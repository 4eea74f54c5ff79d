"""A poster for the wall, A4: how to join, with a symbol that joins the Wi-Fi. It holds no code."""

from __future__ import annotations

from urllib.parse import urlsplit

from portal.errors import Misconfigured
from portal.tenancy.store import Tenant
from portal.texts import Texts
from portal.vouchers.cells import Logo
from portal.vouchers.grids import PAGE_HEIGHT, PAGE_WIDTH
from portal.vouchers.qr import Pen, plain
from portal.vouchers.typeset import MM, Line, Paper, Words

_MARGIN = 18.0
_ROOM = PAGE_WIDTH - 2 * _MARGIN
_SYMBOL, _SYMBOL_Y = 76.0, 80.0  # mm, read from two paces; and where it begins
_STEPS_Y, _STEP_HEIGHT = 170.0, 34.0


def join_text(ssid: str) -> str:
    """What phones join an open Wi-Fi by; an empty password field makes iPhones refuse, so there is none."""
    escaped = "".join(f"\\{letter}" if letter in '\\;,:"' else letter for letter in ssid)
    return f"WIFI:T:nopass;S:{escaped};;"


def poster(tenant: Tenant, said: Texts, public_url: str, *, logo: bytes | None = None) -> bytearray:
    """The poster as a PDF; raises `Misconfigured` when the Wi-Fi has no name yet."""
    if not tenant.ssid:
        raise Misconfigured("The name of the Wi-Fi is not known; say it with: bando tenant set --ssid NAME")
    with Paper(f"{tenant.name} Wi-Fi") as paper:
        paper.pdf.add_page()
        _head(paper, tenant, str(said("paper.poster-title").unescape()), logo)
        _symbol(paper, join_text(tenant.ssid), _SYMBOL_Y)
        _steps(paper, said, tenant.ssid, urlsplit(public_url).netloc)
        if tenant.support_phone:
            help_ = str(said("paper.support", phone=tenant.support_phone).unescape())
            _middle(paper, help_, "bold", 20, PAGE_HEIGHT - 16)
        paper.end_page()
        return paper.output()


def _middle(paper: Paper, text: str, style: str, most: float, y: float) -> None:
    text, pt = paper.fitted(paper.writable(text, style), style, most, most / 2, _ROOM)
    paper.write(Line(text=text, style=style, pt=pt, x=(PAGE_WIDTH - paper.width(text, style, pt)) / 2, y=y))


def _head(paper: Paper, tenant: Tenant, title: str, logo: bytes | None) -> None:
    if logo:
        drawn = Logo(logo, 22.0)
        paper.pdf.image(drawn.image, x=(PAGE_WIDTH - drawn.width) / 2, y=12, w=drawn.width, h=drawn.drawn_height)
    _middle(paper, tenant.name, "bold", 26, 45 if logo else 34)
    _middle(paper, title, "bold", 46, 66 if logo else 58)


def _symbol(paper: Paper, text: str, y: float) -> None:
    """The symbol alone between head and steps: its quiet zone is more than wide enough."""
    symbol, size = plain(text)
    module, left = _SYMBOL / size * MM, (PAGE_WIDTH - _SYMBOL) / 2 * MM
    strokes = Pen(lambda x, y, length: f"{x} -{y + 1} {length} 1 re ").draw(symbol, size)
    paper.pdf._out(f"q {module:.5f} 0 0 {module:.5f} {left:.3f} {(PAGE_HEIGHT - y) * MM:.3f} cm {strokes}f Q")


def _steps(paper: Paper, said: Texts, ssid: str, address: str) -> None:
    for n, step in enumerate(("join", "open", "pay")):
        what = str(said(f"paper.poster-{step}", ssid=ssid).unescape())
        how = str(said(f"paper.poster-{step}-how", address=address).unescape())
        words = [Words(text=what, style="bold", pt=24, lines=2, after=0.8), Words(text=how, pt=16, lines=2)]
        y = _STEPS_Y + n * _STEP_HEIGHT
        paper.write(Line(text=str(n + 1), style="bold", pt=54, x=_MARGIN, y=y + 16.5))
        for line in paper.column(words, x=_MARGIN + 20, y=y, width=_ROOM - 20, height=_STEP_HEIGHT - 4, whole=True):
            paper.write(line)
