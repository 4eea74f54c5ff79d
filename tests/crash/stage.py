"""The paying road with a portal that dies on it: a world, a portal in a process of its own, and a guest.

The world outside (router, phone, M-Pesa) goes on while the portal is dead, as the real one does: the handset
approves, and what M-Pesa says to a dead portal is lost, or comes again if the world is a patient one.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, TypeVar

import httpx

from portal.access import store as access
from portal.clock import SECOND, TravelClock
from portal.db import executor, open_connection, quiet
from portal.payments import accounts, store
from portal.payments.payment import UNSETTLED
from portal.phone import Phone as Number
from portal.units import Row, Unit, drive, rows
from sandbox.gateway import Gateway
from sandbox.mpesa.records import Push, Transaction
from sandbox.phone import Phone
from sandbox.world import Site, outside
from tests.crash.points import Points
from tests.crash.portals import Launcher, Portal, launcher

T = TypeVar("T")
PIN_MS = 60  # a guest who is quick with the PIN: the push has been answered by then, if somebody listens
RETRIES_MS = (2 * SECOND, 5 * SECOND, 10 * SECOND, 20 * SECOND, 30 * SECOND)


@dataclass(kw_only=True)
class Stage:
    """A world whose portal can be killed and started again."""

    site: Site
    launcher: Launcher
    points: Points
    portal: Portal

    @property
    def clock(self) -> TravelClock:
        assert isinstance(self.site.clock, TravelClock)
        return self.site.clock

    async def start(self) -> None:
        """A new portal on the same database, which is not killed."""
        self.points.disarm()
        await self.portal.kill()
        assert self.portal.end.result() == -9, self.launcher.written()
        self.portal = await start(self.launcher, self.site, self.points)

    def write(self, unit: Callable[..., Unit[T]], *args: Any) -> T:
        """Change the database beside the portal, as a command does."""
        with contextlib.closing(open_connection(self.site.settings.database)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            done = drive(unit(*args), self.site.tenant.id, executor(connection, quiet))
            connection.execute("COMMIT")
            return done

    def look(self, unit: Callable[..., Unit[T]], *args: Any) -> T:
        """Read the database as a stranger does; the file is closed again, so that a restart must recover it."""
        with contextlib.closing(
            sqlite3.connect(f"file:{self.site.settings.database}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("BEGIN")
            return drive(unit(*args), self.site.tenant.id, executor(connection, quiet))

    def money_of(self, number: Number) -> list[Transaction]:
        """The money that this phone has really sent."""
        return [each for each in self.site.mpesa.transactions if each.phone == number.digits]

    def pushes_of(self, number: Number) -> list[Push]:
        return [each for each in self.site.mpesa.pushes.values() if each.phone == number.digits]


async def start(by: Launcher, site: Site, points: Points) -> Portal:
    return await by.start(site.settings, points=str(points_file(site)))


def points_file(site: Site) -> Path:
    return site.folder / "points"


@asynccontextmanager
async def stage(folder: Path, *, patient: bool) -> AsyncIterator[Stage]:
    """`patient`: M-Pesa tries again to deliver what a dead portal missed; otherwise it is lost."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = TravelClock(folder / "clock")
    more: Any = {"BANDO_CLOCK_FILE": str(folder / "clock"), "BANDO_MPESA_QUERY_EVERY": "1"}
    async with launcher(folder / "portal.log") as by, outside(folder / "world", clock=clock, **more) as site:
        site.mpesa.switches.query_per_minute = 0
        site.mpesa.switches.retries_ms = RETRIES_MS if patient else ()
        points = Points(points_file(site))
        made = Stage(site=site, launcher=by, points=points, portal=await start(by, site, points))
        register_c2b(made)
        try:
            yield made
        finally:
            await made.portal.kill()
            points.close()


def register_c2b(made: Stage) -> None:
    """Confirmations come to the portal; the tests send them themselves, late (facts/mpesa.md 5)."""
    account = made.look(accounts.current_account)
    assert account is not None
    token = accounts.c2b_token(made.site.vault, made.site.tenant.public, account.public)
    door = f"{made.site.settings.public_url}/c2b/{token}"
    body = {"ResponseType": "Completed", "ConfirmationURL": f"{door}/confirm", "ValidationURL": f"{door}/validate"}
    made.site.mpesa.notices.register(made.site.mpesa.merchants[0], "v2", body)
    made.site.mpesa.faults.always(order=("callback",))


def payments_of(mac: str) -> Unit[list[store.Payment]]:
    found = yield from rows(
        "SELECT p.* FROM payments p JOIN devices d ON d.id = p.device_id AND d.tenant_id = p.tenant_id"
        " WHERE p.tenant_id = :tenant AND d.mac = :mac ORDER BY p.id",
        mac=mac,
    )
    return [store.payment_of_row(row) for row in found]


def passes_of(mac: str) -> Unit[list[Row]]:
    return [row for row in (yield from access.pass_list(10_000)) if row["mac"] == mac]


def kept(payment_ids: tuple[int, ...]) -> Unit[int]:
    """How many messages about these payments were kept."""
    found = yield from rows("SELECT payment_id FROM inbox WHERE tenant_id = :tenant AND channel = 'stk'")
    return sum(row["payment_id"] in payment_ids for row in found)


@dataclass(kw_only=True)
class Guest:
    """Somebody with a phone who wants half an hour of internet."""

    stage: Stage
    gateway: Gateway
    browser: Phone
    number: Number
    form: dict[str, str] = field(default_factory=dict)
    page: str = ""  # where the form goes
    answer: httpx.Response | None = None  # to the click

    async def arrive(self) -> httpx.Response:
        """From an intercepted page to the first page of the portal."""
        intercepted = await self.browser.get("http://example.test/", follow=True)
        if "/w/" in str(intercepted.url):
            return intercepted
        found = re.search(r'https://[^"\']+/e/[^"\']+', intercepted.text)
        assert found, intercepted.text
        return await self.browser.get(unescape(found[0]), follow=True)

    async def choose(self) -> None:
        """From an intercepted page to the confirm page."""
        plans = await self.arrive()
        plan = re.search(r'name="plan" id="p1" value="([^"]+)"', plans.text)
        assert plan, plans.text
        self.page = f"{str(plans.url).partition('?')[0]}pay"
        confirm = await self.browser.post(self.page, {"plan": plan[1], "phone": self.number.digits})
        self.form = {**hidden(confirm.text), "confirm": "1"}
        assert "click" in self.form, confirm.text

    async def press(self) -> None:
        """Press "pay"; a portal that dies gives no answer."""
        try:
            answer = await self.browser.post(self.page, self.form)
        except httpx.TransportError:
            return
        assert answer.status_code == 303, (answer.status_code, answer.text)
        self.answer = answer

    @property
    def waiting(self) -> str:
        """The address of the waiting page."""
        assert self.answer is not None
        return f"https://{httpx.URL(self.page).host}{self.answer.headers['location']}"

    async def again(self) -> None:
        """Press "try again" on the waiting page."""
        shown = await self.browser.get(self.waiting)
        assert 'action="again' in shown.text, shown.text
        path, _, query = self.waiting.partition("?")
        answer = await self.browser.post(f"{path}again?{query}", hidden(shown.text))
        assert answer.status_code == 303, (answer.status_code, answer.text)
        self.answer = answer

    @property
    def payments(self) -> list[store.Payment]:
        return self.stage.look(payments_of, self.gateway.mac)

    @property
    def passes(self) -> list[Row]:
        return self.stage.look(passes_of, self.gateway.mac)

    def on_air(self) -> bool:
        """Does the router let this phone through?"""
        return self.stage.site.router.is_authorized(self.gateway.mac, self.gateway.address)

    def settled(self) -> bool:
        """Nothing more will come by itself: online with what was paid, or certainly without money."""
        money = self.stage.money_of(self.number)
        if money:
            return self.on_air() and len(self.passes) == len(money)
        pending = self.stage.site.mpesa.pending(self.number.digits) is not None
        return not pending and all(each.state not in UNSETTLED for each in self.payments)

    def given_up(self) -> bool:
        """Asked for money that never moved, and nobody knows; after ten minutes nobody waits."""
        return not self.stage.money_of(self.number) and states(self) == ["expired_unknown"]


def states(one: Guest) -> list[str]:
    return [each.state for each in one.payments]


def hidden(html: str) -> dict[str, str]:
    """The hidden fields of a page."""
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', html)
    return {name: unescape(text) for name, text in fields}


@asynccontextmanager
async def guest(made: Stage, number: int) -> AsyncIterator[Guest]:
    """The `number`th guest arrives, and in the end walks away."""
    gateway = await made.site.phone(number)
    phone = Number(f"2547{number:08d}")
    handset = made.site.mpesa.handset(phone.digits)
    handset.habit, handset.habit_after_ms = "approve", PIN_MS
    async with Phone(gateway.port, made.site.ca, timeout_s=5) as browser:
        yield Guest(stage=made, gateway=gateway, browser=browser, number=phone)
        gateway.leave()
