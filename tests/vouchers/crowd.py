"""Sixty-four phones that press "connect" at the same moment: kept connections to a portal in a process of its own.

All requests of a moment are written before any answer is read, each on the connection of its phone.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import TravelClock
from portal.db import executor, open_connection, quiet
from portal.pages.context import Context, seal_context
from portal.units import Unit, drive
from portal.vouchers import codes
from sandbox.world import PORTAL_HOST, Site, free_port, outside
from tests.crash.portals import launcher
from tests.vouchers.cards import batch_of, mac
from tests.vouchers.unguarded import PLACE, free_the_place

T = TypeVar("T")
PHONES = 64
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a phone was shown."""

    status: int
    head: str
    body: str

    @property
    def came_to(self) -> str:
        """What became of the tap: redeemed, added, resumed, moved, or that it is asked whether to move."""
        if self.status == 303:
            was = re.search(r"(?im)^location: /s/\S+/\?was=(\w+)\r?$", self.head)
            return was[1] if was else self.head
        return "asked" if self.status == 409 and 'name="move" value="1"' in self.body else f"{self.status} {self.body}"


@dataclass(kw_only=True)
class Wire:
    """One phone's connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> Answer:
        head = await self.reader.readuntil(b"\r\n\r\n")
        size = LENGTH.search(head)
        body = await self.reader.readexactly(int(size[1])) if size else b""
        return Answer(status=int(head[9:12]), head=head.decode(), body=body.decode())


@dataclass(kw_only=True)
class Crowd:
    """The phones, the place where they are, and the portal they talk to."""

    site: Site
    wires: Sequence[Wire]
    phones: int = 0  # that were there so far; each moment brings new ones

    async def show(self, code: str) -> list[str]:
        """All phones show this code at once; what each of them was told."""
        asked = [self._request(self.phones + n, code) for n in range(len(self.wires))]
        self.phones += len(asked)
        for wire, request in zip(self.wires, asked, strict=True):
            wire.writer.write(request)
        answers = await asyncio.gather(*(wire.answer() for wire in self.wires))
        return [each.came_to for each in answers]

    def _request(self, phone: int, code: str) -> bytes:
        site = self.site
        context = Context(
            router=site.row.public,
            mac=mac(phone),
            ip="10.5.50.99",
            orig="http://example.test/",
            lang="en",
            issued_at=site.clock.now(),
        )
        token = seal_context(site.vault, site.tenant.public, context)
        body = urlencode({"code": codes.shown(code)})
        return (
            f"POST /w/{token}/voucher HTTP/1.1\r\nHost: {PORTAL_HOST}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def look(self, unit: Callable[..., Unit[T]], *args: Any) -> T:
        """Read the database beside the portal; a reader waits for nobody."""
        with contextlib.closing(open_connection(self.site.settings.database, read_only=True)) as connection:
            connection.execute("BEGIN")
            return drive(unit(*args), self.site.tenant.id, executor(connection, quiet))

    def count(self, query: str) -> int:
        with contextlib.closing(sqlite3.connect(self.site.settings.database)) as connection:
            return int(connection.execute(query).fetchone()[0])


def at(site: Site, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
    """Change the database of a site that has no portal yet, or beside it, as a command does."""
    with contextlib.closing(open_connection(site.settings.database)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        done = drive(unit(*args, **kwargs), site.tenant.id, executor(connection, quiet))
        connection.execute("COMMIT")
        return done


def plan_for(site: Site, devices: int) -> Plan:
    """A plan on sale here for so many devices."""
    plans = at(site, access.plan_list)
    return Plan(**{**plans[0].__dict__, "max_devices": devices})


def print_at(site: Site, plan: Plan, count: int) -> list[str]:
    """Fresh codes of a new batch."""
    drawn = [codes.draw(codes.STYLES["letters-10"]) for _ in range(count)]
    at(site, batch_of, site.vault, site.tenant.id, plan, drawn, site.clock.now())
    return drawn


@asynccontextmanager
async def crowd(folder: Path, *, without: Collection[str] = ()) -> AsyncIterator[Crowd]:
    """A world, its portal (perhaps without some guards), and the phones, all connected."""
    port = free_port()
    own: Any = {
        "BANDO_CLOCK_FILE": str(folder / "clock"),
        "BANDO_PUBLIC_URL": f"http://{PORTAL_HOST}",
        "BANDO_TLS_CERT": "",
        "BANDO_TLS_KEY": "",
    }
    clock = TravelClock(folder / "clock")
    async with (
        launcher(folder / "portal.log") as by,
        outside(folder / "world", clock=clock, port=port, tls_api=False, **own) as site,
    ):
        if PLACE in without:
            free_the_place(site.settings.database)
        portal = await by.start(site.settings, without=sorted(without))
        wires = [await connect(site) for _ in range(PHONES)]
        try:
            yield Crowd(site=site, wires=wires)
        finally:
            for wire in wires:
                wire.writer.transport.abort()
            await portal.kill()


async def connect(site: Site) -> Wire:
    reader, writer = await asyncio.open_connection(*site.portal_address)
    return Wire(reader=reader, writer=writer)
