"""How a page becomes an answer: compressed where that pays, and redirects that repeat nothing."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from string import ascii_letters, digits

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

GZIP_FROM = 1_000  # bytes; below, compressing costs more than it saves
_PLAIN = (ascii_letters + digits + "_./?=&-").encode()  # an address of these alone needs no quoting, as all of our own


@dataclass(frozen=True)
class Body:
    """A page as bytes, plain and compressed."""

    plain: bytes
    packed: bytes

    def for_client(self, accept_encoding: str) -> tuple[bytes, bool]:
        """What this client takes, and whether it is compressed."""
        return (self.packed, True) if "gzip" in accept_encoding else (self.plain, False)


def pack(plain: bytes, level: int = 6) -> Body:
    """Compress a page that is worth it."""
    packed = gzip.compress(plain, level, mtime=0) if len(plain) >= GZIP_FROM else plain
    return Body(plain, packed)


def answer(request: Request, html: bytes, status: int = 200) -> Response:
    """A page, compressed when the client takes it."""
    body, packed = pack(html).for_client(request.headers.get("accept-encoding", ""))
    return html_response(body, packed, status)


def html_response(body: bytes, packed: bool, status: int = 200) -> Response:
    """Bytes of a page as an answer."""
    packing = {"content-encoding": "gzip"} if packed and body[:2] == b"\x1f\x8b" else {}
    return Response(body, status, {**packing, "vary": "accept-encoding"}, "text/html; charset=utf-8")


def see_other(url: str) -> Response:
    """Go there with a GET: so that a reload repeats nothing."""
    if not url.encode().translate(None, _PLAIN):
        return Response(status_code=303, headers={"location": url})
    return RedirectResponse(url, 303)
