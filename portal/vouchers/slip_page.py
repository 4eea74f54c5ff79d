"""Slips as a page for the print dialog of a browser: for thermal printers that the device knows by a driver.

Each slip is a page of its own, as wide as the paper and as long as it is; so it prints from a phone as well. The page
asks nobody for anything, and its policy forbids it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence

from markupsafe import escape

from portal.vouchers.paper import Card, Face
from portal.vouchers.qr import QUIET, Pen, Symbols

MARGINS = {58: 5, 80: 4}  # mm that the head does not reach, both sides: 48 of 58, 72 of 80
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
@page {{ size: {mm}mm {length}mm; margin: 0 }}
* {{ box-sizing: border-box }}
body {{ margin: 0; background: #fff; color: #000; font: {pt}pt/1.35 system-ui, "Segoe UI", Roboto, sans-serif }}
.slip {{ width: {width}mm; margin: 0 auto; padding: 3mm 0 8mm; break-after: page; break-inside: avoid }}
.slip:last-of-type {{ break-after: auto }}
.isp {{ font-size: 1.5em; font-weight: 700; text-align: center; margin: 0 0 1mm }}
.both {{ display: flex; justify-content: space-between; gap: 2mm; margin: 0 }}
.plan {{ font-size: 1.3em; font-weight: 700 }}
hr {{ border: 0; border-top: .3mm dashed #000; margin: 1.5mm 0 }}
p {{ margin: 0 0 1mm; overflow-wrap: anywhere }}
.code {{ font: 700 1.55em/1.2 ui-monospace, monospace; text-align: center; margin: 2mm 0; white-space: nowrap }}
svg {{ display: block; width: 70%; margin: 0 auto 2mm }}
img {{ display: block; max-width: 75%; max-height: 14mm; margin: 0 auto 1mm }}
@media screen {{ .slip {{ border-bottom: 1px dashed #999 }} }}
"""
# mm: the symbol, the code and the rules; a line of text; and how many letters stand on one.
_LENGTHS = {58: (82, 5, 24), 80: (100, 6, 30)}
_LOGO = 16

Progress = Callable[[int], None]


def slip_page(face: Face, cards: Sequence[Card], mm: int, progress: Progress) -> bytes:
    """The slips as HTML."""
    return "".join(_parts(face, cards, mm, progress)).encode()


def _parts(face: Face, cards: Sequence[Card], mm: int, progress: Progress) -> Iterator[str]:
    style = _STYLE.format(mm=mm, length=_length(face, cards, mm), width=mm - 2 * MARGINS[mm], pt=9 if mm == 58 else 11)
    title = escape(f"{face.isp} {cards[0].label} – {cards[-1].label}")
    yield f'<!DOCTYPE html>\n<html lang="{escape(face.lang)}">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    yield '<meta name="referrer" content="no-referrer">\n<meta name="viewport" content="width=device-width">\n'
    yield f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
    symbols, pen = (
        Symbols(face.base_url, len(cards[0].code)),
        Pen(lambda x, y, length: f"M{x} {y}h{length}v1h-{length}z"),
    )
    for n, card in enumerate(cards, start=1):
        yield _slip(face, card, symbols, pen)
        progress(n)
    yield "</body>\n</html>\n"


def _slip(face: Face, card: Card, symbols: Symbols, pen: Pen) -> str:
    side = symbols.size + 2 * QUIET
    strokes = pen.draw(symbols.symbol(card.code), symbols.size)
    logo = f'<img alt="" src="data:image/png;base64,{b64encode(face.logo).decode()}">' if face.logo else ""
    steps = "".join(f"<p>{n} {escape(step)}</p>" for n, step in enumerate(face.steps, start=1))
    seller = f"<p>{escape(card.agent)}</p>" if card.agent else ""
    label = f"{card.label} {face.copy}" if card.again or face.again else card.label
    return (
        f'<section class="slip">{logo}<p class="isp">{escape(face.isp)}</p><hr>'
        f'<p class="both plan"><span>{escape(face.plan)}</span><span>{escape(face.price)}</span></p>'
        f"<p>{escape(_bought(face))}</p><hr>"
        f'<p class="code">{escape(card.shown)}</p>'
        f'<svg viewBox="{-QUIET} {-QUIET} {side} {side}" shape-rendering="crispEdges"><path d="{strokes}"/></svg>'
        f"{steps}<hr><p><b>{escape(face.use_by)}</b></p>"
        f'<p class="both"><span>{escape(label)}</span><span>{escape(face.support)}</span></p>{seller}</section>\n'
    )


def _bought(face: Face) -> str:
    """Length, data, speed, devices; the length only where the name of the plan does not say it."""
    said = f"{face.plan} {face.line}".casefold()
    parts = ([] if face.validity.casefold() in said else [face.validity]) + ([face.line] if face.line else [])
    return " · ".join(parts)


def _length(face: Face, cards: Sequence[Card], mm: int) -> int:
    """The page is a little longer than the longest slip: one that is cut by a page is lost, white paper is not."""
    base, line, letters = _LENGTHS[mm]
    texts = (face.isp * 2, f"{face.plan} {face.price}" * 2, _bought(face), *face.steps, face.use_by, face.support)
    texts = (*texts, max((card.agent for card in cards), key=len))
    count = sum(-(-len(text) // letters) for text in texts)
    return base + line * count + (_LOGO if face.logo else 0)
