"""Just enough HTTP/1 to be a router's servlet and a small origin: requests as values, replies as bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

MAX_HEAD = 32_768
MAX_BODY = 1_048_576
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it came; `target` is the origin form or an absolute URL."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    version: str = "HTTP/1.1"

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def host(self) -> str:
        """The host asked for, lower case, without a port."""
        return (urlsplit("//" + (urlsplit(self.target).netloc or self.header("host"))).hostname or "").lower()

    @property
    def path(self) -> str:
        return urlsplit(self.target).path or "/"

    @property
    def form(self) -> dict[str, str]:
        """Query and form fields together; the form wins."""
        fields = dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))
        if self.header("content-type").startswith("application/x-www-form-urlencoded"):
            fields |= parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return fields

    def encode(self) -> bytes:
        lines = [
            f"{self.method} {self.target} {self.version}",
            *(f"{key}: {value}" for key, value in self.headers),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body

    def without(self, *names: str) -> Headers:
        return tuple(pair for pair in self.headers if pair[0].lower() not in names)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer that ends with its connection."""

    status: int = 200
    reason: str = ""
    content_type: str = "text/html"
    body: bytes = b""
    headers: Headers = field(default=())

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def encode(self, version: str = "HTTP/1.0", *, head_only: bool = False) -> bytes:
        lines = [f"{version} {self.status} {one_line(self.reason) or HTTPStatus(self.status).phrase}"]
        lines += [f"{key}: {one_line(value)}" for key, value in self._all_headers()]
        head = "\r\n".join([*lines, "", ""]).encode("utf-8")
        return head if head_only else head + self.body

    def _all_headers(self) -> Iterable[tuple[str, str]]:
        yield "Connection", "close"
        if self.status != 204:
            yield "Content-Type", self.content_type
            yield "Content-Length", str(len(self.body))
        yield from self.headers


def one_line(text: str) -> str:
    """Text that cannot begin another header."""
    return text.replace("\r", " ").replace("\n", " ").strip()


def parse_head(head: bytes) -> Request:
    """The request line and headers; ValueError for anything else than HTTP/1."""
    first, *rest = head.decode("latin-1").strip("\r\n").split("\r\n")
    method, target, version = first.split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("not HTTP/1")
    pairs = (line.partition(":") for line in rest)
    headers = tuple((key.strip(), value.strip()) for key, _, value in pairs)
    return Request(method=method, target=target, headers=headers, version=version)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request, or None when the peer has finished."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise
        return None
    except asyncio.LimitOverrunError as error:
        raise ValueError("request head too long") from error
    request = parse_head(head)
    length = int(request.header("content-length") or 0)
    if not 0 <= length <= MAX_BODY:
        raise ValueError("request body too long")
    body = await reader.readexactly(length)
    return Request(
        method=request.method,
        target=request.target,
        headers=request.headers,
        version=request.version,
        body=body,
    )
