"""The bytes of a file as text. Pure."""

from __future__ import annotations

import codecs

from portal.errors import Refused

MOST_BYTES = 8 << 20


def decoded(body: bytes) -> str:
    """UTF-8, or UTF-16 with its mark as spreadsheets save "Unicode text"; raises `Refused`."""
    if not body.strip():
        raise Refused("import-empty")
    if len(body) > MOST_BYTES:
        raise Refused("too-large", status=413)
    wide = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = body.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("import-encoding") from None
    if "\0" in text:
        raise Refused("import-encoding")
    return text
