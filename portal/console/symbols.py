"""QR symbols inside a page."""

from __future__ import annotations

from markupsafe import Markup

from portal.vouchers.qr import QUIET, Pen, plain


def symbol(text: str) -> Markup:
    """The symbol of a text as an SVG picture, with its quiet zone."""
    bits, size = plain(text)
    drawn = Pen(lambda x, y, length: f"M{x} {y}h{length}v1h-{length}z").draw(bits, size)
    side = size + 2 * QUIET
    return Markup(  # noqa: S704 made of whole numbers alone; the text is in them as squares
        f'<svg viewBox="-{QUIET} -{QUIET} {side} {side}" role="img" aria-label="QR symbol"><path d="{drawn}"/></svg>'
    )
