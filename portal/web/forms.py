"""Reading what a guest's browser sent: small, strict, each field once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from portal.errors import Refused

MAX_FIELDS = 40
MAX_QUERY = 6_000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def parse(raw: bytes) -> dict[str, str]:
    """URL-encoded fields; raises `Refused("form")` on broken encoding, control characters or a repeated field."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Refused("form") from None
    return once(pairs)


def once(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Each field once and without control characters; raises `Refused("form")`."""
    fields = dict(pairs)
    if len(fields) != len(pairs) or any(_CONTROL.search(text) for pair in pairs for text in pair):
        raise Refused("form")
    return fields


def query(request: Request) -> Mapping[str, str]:
    """The fields of the address."""
    raw: bytes = request.scope["query_string"]
    if len(raw) > MAX_QUERY:
        raise Refused("form", status=414)
    return parse(raw)


async def form(request: Request) -> Mapping[str, str]:
    """The fields of a posted form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await whole_body(request)
    if body and kind != "application/x-www-form-urlencoded":
        raise Refused("form", status=415)
    return parse(body)


async def whole_body(request: Request) -> bytes:
    """The body, which the guard has capped; raises `ClientDisconnect` when the rest will not come."""
    parts, more = list[bytes](), True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)
