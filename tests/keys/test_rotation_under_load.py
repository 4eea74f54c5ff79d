"""`bando keys rotate` as a process of its own, beside a portal where guests pay and redeem and staff work.

Real sockets, one database; no request may fail. Killed in the middle, and run again to its end.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

from portal.audit import store as audit
from portal.console.site import site as console_site
from portal.keys.examine import under_heads
from portal.keys.ring import vault_of
from portal.place import Place
from portal.settings import Settings, load
from portal.vouchers import codes
from tests import raw
from tests.console.office import Office, Visitor, _services
from tests.forks import Forks
from tests.keys.everything import all_cells, opened
from tests.pages.house import House, hidden, house, serve
from tests.shell import Shell
from tests.support import MASTER, placed
from tests.vouchers.cards import mac, print_cards

CARDS = 6_000
GUESTS = 3  # of each kind, one request after the other


@dataclass(kw_only=True)
class Town:
    """The portal, its console, and what was asked of both."""

    house: House
    owner: Visitor
    cards: list[str]
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    done: Counter[str] = field(default_factory=Counter)

    async def pays(self) -> None:
        """A guest who has never been here buys an hour."""
        n = next(self.numbers)
        first = await self.house.enter(mac=mac(n))
        waiting = await self.house.pay(first, f"07{n:08}")
        await (await self.house.prompt(f"2547{n:08}")).approve()
        await self.house.reaches(waiting, "router-offline", "waiting", "online")

    async def redeems(self) -> None:
        """A guest with a card."""
        n = next(self.numbers)
        first = await self.house.enter(mac=mac(n))
        offer = await self.house.http.post(first + "voucher", data={"code": codes.shown(self.cards.pop())})
        assert offer.status_code in (200, 303), offer.text
        if offer.status_code == 200:
            done = await self.house.http.post(first + "voucher", data=hidden(offer.text))
            assert done.status_code == 303, done.text

    async def works(self) -> None:
        """Somebody of the staff: reads addresses that are sealed, and has another one sealed."""
        await self.owner.get("/staff")
        n = next(self.numbers)
        await self.owner.post("/staff/invite", 200, name="Wanjiru", email=f"w{n}@isp.test", role="cashier")

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """All of them, again and again; what fails fails the test."""
        over = asyncio.Event()
        kinds: tuple[Callable[[], Awaitable[None]], ...] = (self.pays, self.redeems, self.works)
        tasks = [asyncio.create_task(self._again(each, over)) for each in (*kinds[:2] * GUESTS, kinds[2])]
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*tasks)

    async def _again(self, act: Callable[[], Awaitable[None]], over: asyncio.Event) -> None:
        while not over.is_set():
            await act()
            self.done[act.__name__] += 1


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    async with house(folder) as h, serve(await _console(h)) as url:
        cards = await print_cards(h.home, CARDS)
        place = Office(home=h.home, services=await _services(h.home, h.http, _settings(url)), url=url)
        owner = await place.of("owner")
        yield Town(house=h, owner=owner, cards=cards)
        await owner.http.aclose()


async def _console(h: House) -> Any:
    return console_site(await _services(h.home, h.http, h.services.settings))


def _settings(url: str) -> Settings:
    return load({"BANDO_MODE": "sandbox", "BANDO_PUBLIC_URL": url})


def _shell(h: House, folder: Path) -> Shell:
    environ = {"BANDO_MODE": "sandbox", "BANDO_SECRET_KEY": MASTER.decode(), **placed(h.home.db.place)}
    return Shell(folder=folder, forks=Forks(), environ=environ)


def _old_cards(place: Place) -> int:
    """How many cards are not under the newest key."""
    with raw.opened(place) as connection:
        text = (
            "SELECT COUNT(*) FROM vouchers WHERE substr(code_sealed, 2, 8) <>"
            " (SELECT name FROM sealing_keys ORDER BY id DESC LIMIT 1)"
        )
        return int(connection.execute(text).fetchone()[0])


async def test_while_keys_are_rotated_no_request_fails(tmp_path: Path) -> None:
    async with town(tmp_path) as t:
        shell, home = _shell(t.house, tmp_path), t.house.home
        async with t.busy():
            await asyncio.sleep(1)
            before = Counter(t.done)
            ran = await shell.anew("keys", "rotate")
            during = t.done - before
            assert ran.code == 0, ran.err
            await asyncio.sleep(2)

        assert min(during[each] for each in ("pays", "redeems", "works")) > 0, during
        assert "sealed anew under" in ran.out
        known = await home.read(under_heads)
        assert len(known) == 1, known
        fresh = vault_of(MASTER, home.db, home.clock).of(home.tenant.id)
        for cells, row in await home.read(all_cells):
            opened(fresh, cells, row)
        assert await home.read(audit.verify_all, fresh) is None
        print(f"\n{sum(during.values())} acts while {CARDS} cards and more were sealed anew: {dict(during)}")


async def test_a_rotation_that_is_killed_in_the_middle_is_finished_by_the_next(tmp_path: Path) -> None:
    async with town(tmp_path) as t:
        shell, home = _shell(t.house, tmp_path), t.house.home
        async with t.busy():
            left = await asyncio.to_thread(_killed, shell, home.db.place)
            assert 0 < left < CARDS
            assert len(await home.read(under_heads)) == 2
            ran = await shell.anew("keys", "rotate")
            assert ran.code == 0, ran.err

        known = await home.read(under_heads)
        assert len(known) == 1, known
        with raw.opened(home.db.place) as connection:
            counted = connection.execute("SELECT COUNT(*), COUNT(replaced_at) FROM sealing_keys").fetchone()
            assert tuple(counted) == (2, 1)
        for cells, row in await home.read(all_cells):
            opened(home.vault, cells, row)


def _killed(shell: Shell, place: Place) -> int:
    """Start a rotation, kill it when it has sealed some cards anew; how many it left."""
    command = [sys.executable, "-m", "bando", "keys", "rotate"]
    with Popen(command, cwd=shell.folder, env=shell.env, stdout=DEVNULL, stderr=DEVNULL) as process:
        with suppress(sqlite3.OperationalError):
            while process.poll() is None and not 0 < _old_cards(place) < CARDS - 200:
                pass
        process.kill()
    return _old_cards(place)
