"""A small internet: `example.test`, the hosts that phones probe, and a count of the bytes each phone got."""

from __future__ import annotations

import asyncio
import html
import json
from collections import Counter

from portal.clock import SystemClock
from sandbox.ca import Authority
from sandbox.http1 import Reply, Request, read_request
from sandbox.net import CHUNK, PATIENCE_S, Listener, listen

SITES = ("example.test", "www.example.test", "example.com", "neverssl.com")
_NOTHING = Reply(status=204)


def _text(body: str, content_type: str = "text/plain") -> Reply:
    return Reply(body=body.encode(), content_type=content_type)


_APPLE = _text("<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>", "text/html")
# facts/captive-portal.md 1.1: what "online" looks like to each system.
PROBES: dict[tuple[str, str], Reply] = {
    ("connectivitycheck.gstatic.com", "/generate_204"): _NOTHING,
    ("connectivitycheck.android.com", "/generate_204"): _NOTHING,
    ("connectivitycheck.platform.hicloud.com", "/generate_204"): _NOTHING,
    ("connect.rom.miui.com", "/generate_204"): _NOTHING,
    ("clients3.google.com", "/generate_204"): _NOTHING,
    ("play.googleapis.com", "/generate_204"): _NOTHING,
    ("www.google.com", "/generate_204"): _NOTHING,
    ("www.google.com", "/gen_204"): _NOTHING,
    ("captive.apple.com", "/hotspot-detect.html"): _APPLE,
    ("www.apple.com", "/library/test/success.html"): _APPLE,
    ("www.msftconnecttest.com", "/connecttest.txt"): _text("Microsoft Connect Test"),
    ("www.msftncsi.com", "/ncsi.txt"): _text("Microsoft NCSI"),
    ("detectportal.firefox.com", "/success.txt"): _text("success\n"),
    ("nmcheck.gnome.org", "/check_network_status.txt"): _text("NetworkManager is online\n"),
}
NAMES = frozenset(SITES) | {host for host, _ in PROBES}
MARK = "the internet"
DRIP_BYTES, DRIP_MS = 1_024, 20


LOOPBACK = "127.0.0.1"  # an ordinary browser on this machine, which knows none of the names
PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>{mark}</title><style>body{{font:1.2rem/1.6 system-ui,sans-serif;max-width:32rem;margin:4rem auto;"
    "padding:0 1rem}}</style><h1>{mark}</h1><p>You are online. This stands for every page of the world.</p>"
    "<p id=path>{where}</p>"
)


class Internet:
    """The origins and their counters. `https` is None without a certificate authority."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._clients: dict[tuple[str, int], str] = {}
        self._served: Counter[str] = Counter()
        self.requests = 0
        self.http: tuple[str, int] = ("", 0)
        self.https: tuple[str, int] | None = None

    async def open(self, ca: Authority | None) -> Internet:
        plain = await listen(self._serve)
        self._listeners.append(plain)
        self.http = plain.address
        if ca is not None:
            secure = await listen(self._serve, tls=ca.server_context(*sorted(NAMES)))
            self._listeners.append(secure)
            self.https = secure.address
        return self

    async def aclose(self) -> None:
        await asyncio.gather(*(listener.aclose() for listener in self._listeners))

    @property
    def bytes_served(self) -> int:
        return self._served.total()

    def served_to(self, client: str) -> int:
        """Bytes of content handed to one phone (by its MAC)."""
        return self._served[client]

    def where(self, host: str, port: int) -> tuple[str, int] | None:
        """The real socket behind a name and port."""
        if host not in NAMES:
            return None
        return {80: self.http, 443: self.https}.get(port)

    def introduce(self, connection: tuple[str, int], client: str) -> None:
        """Every phone comes from the same loopback address; its gateway tells whose connection this is."""
        self._clients[connection] = client

    def forget(self, connection: tuple[str, int]) -> None:
        self._clients.pop(connection, None)

    # -- serving -------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(PATIENCE_S):
            request = await read_request(reader)
        if request is None:
            return
        self.requests += 1
        match request.path.strip("/").split("/"):
            case ["bytes", count] if count.isdecimal():
                await self._stream(writer, int(count))
            case ["drip"]:
                await self._drip(writer)
            case _:
                reply = self._reply(request)
                writer.write(reply.encode("HTTP/1.1", head_only=request.method == "HEAD"))
                self._count(writer, len(reply.body))
                await writer.drain()

    def _reply(self, request: Request) -> Reply:
        probe = PROBES.get((request.host, request.path))
        if probe is not None:
            return probe
        if request.path == "/count":
            return _text(json.dumps({"requests": self.requests, "bytes": self.bytes_served}), "application/json")
        if request.host not in {*SITES, LOOPBACK} or request.path == "/favicon.ico":
            return Reply(status=404, body=b"not here", content_type="text/plain")
        where = html.escape(request.path)
        page = PAGE.format(mark=MARK, where=where)
        cookie = (("Set-Cookie", "seen=1; Path=/"),) if request.path == "/cookie" else ()
        return Reply(body=page.encode(), content_type="text/html; charset=utf-8", headers=cookie)

    async def _stream(self, writer: asyncio.StreamWriter, left: int) -> None:
        writer.write(_head(f"Content-Length: {left}"))
        while left > 0:
            size = min(left, CHUNK)
            await self._send(writer, size)
            left -= size

    async def _drip(self, writer: asyncio.StreamWriter) -> None:
        """Bytes without end, slowly: for watching somebody being cut off."""
        writer.write(_head("Cache-Control: no-store"))
        while True:
            await self._send(writer, DRIP_BYTES)
            await SystemClock().sleep(DRIP_MS)

    async def _send(self, writer: asyncio.StreamWriter, size: int) -> None:
        writer.write(b"." * size)
        await writer.drain()
        self._count(writer, size)

    def _count(self, writer: asyncio.StreamWriter, size: int) -> None:
        peer = writer.get_extra_info("peername")
        self._served[self._clients.get(tuple(peer[:2]), "unknown") if peer else "unknown"] += size


def _head(header: str) -> bytes:
    lines = ("HTTP/1.1 200 OK", "Connection: close", "Content-Type: application/octet-stream", header, "", "")
    return "\r\n".join(lines).encode()


async def serve_internet(ca: Authority | None = None) -> Internet:
    """Start the internet; https only with a certificate authority."""
    return await Internet().open(ca)
