"""The paying road with a portal that dies on it: a world, a portal in a process of its own, and a guest.

The world outside (router, phone, M-Pesa) goes on while the portal is dead, as the real one does: the handset
approves, and what M-Pesa says to a dead portal is lost, or comes again if the world is a patient one.
"""

from __future__ import annotations

import asyncio
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
from portal.check import breaches
from portal.clock import MINUTE, SECOND, TravelClock
from portal.db import executor, quiet
from portal.payments import accounts, payment, store
from portal.payments.payment import UNSETTLED
from portal.phone import Phone as Number
from portal.units import Row, Unit, drive, rows
from sandbox.gateway import Gateway
from sandbox.mpesa.records import Push, Transaction
from sandbox.phone import Phone
from sandbox.world import Site, outside
from tests.crash.points import Points, described
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

    async def choose(self) -> None:
        """From an intercepted page to the confirm page."""
        intercepted = await self.browser.get("http://example.test/", follow=True)
        address = str(intercepted.url)
        if "/w/" not in address:
            found = re.search(r'https://[^"\']+/e/[^"\']+', intercepted.text)
            assert found, intercepted.text
            plans = await self.browser.get(unescape(found[0]), follow=True)
            address = str(plans.url)
        else:
            plans = intercepted
        plan = re.search(r'name="plan" id="p1" value="([^"]+)"', plans.text)
        assert plan, plans.text
        self.page = f"{address.partition('?')[0]}pay"
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


async def until(made: Stage, one: Guest, true: Callable[[], bool], *, real_s: float, step_ms: int = 0) -> bool:
    """Whether it becomes true; each look may move the clock."""
    for _ in range(int(real_s / 0.02)):
        if true():
            return True
        if step_ms:
            made.clock.advance(step_ms)
            one.gateway.appear()
        await asyncio.sleep(0.02)
    return true()


@dataclass(frozen=True, kw_only=True)
class Walk:
    """How a walk down the road went."""

    died: bool
    points: list[str]
    healed_by: str

    @property
    def where(self) -> str:
        return described(self.points) if self.died else "nowhere"


async def walk(made: Stage, number: int, kill_at: int) -> Walk:
    """Buy, with a portal that dies at the `kill_at`th point after the click; raises AssertionError."""
    async with guest(made, number) as one:
        await one.choose()
        made.points.arm(kill_at)
        await one.press()
        await until(made, one, lambda: made.portal.dead or (one.answer is not None and one.on_air()), real_s=2)
        # What comes after the login is still part of the road: its row is read and written down.
        await until(made, one, lambda: made.portal.dead or running(one), real_s=1)
        made.points.disarm()
        passed = made.points.passed()
        died = 0 < kill_at <= len(passed)
        if died:
            await made.portal.end
        if died:
            await made.start()
        if one.answer is None:
            await one.press()
        assert one.answer is not None, "no answer to the second click"
        how = await heal(made, one)
        made.clock.advance(2 * MINUTE)
        one.gateway.appear()
        await accounts_agree(made, one)
        if not made.money_of(one.number):
            how = await try_again(made, one)
        return Walk(died=died, points=passed, healed_by=how)


def running(one: Guest) -> bool:
    return not one.stage.portal.dead and [row["state"] for row in one.passes] == ["running"]


async def heal(made: Stage, one: Guest) -> str:
    """Let time pass until it stands where it must; gives by what it got there."""
    if await until(made, one, one.settled, real_s=0.4):
        return "at once"
    started = made.clock.now()
    while made.clock.now() < started + payment.EXPIRES_MS:
        if await until(made, one, one.settled, real_s=0.2, step_ms=5 * SECOND):
            return "callback or query"
    if not made.money_of(one.number):
        assert await until(made, one, one.given_up, real_s=10, step_ms=200), states(one)
        return "ten minutes"
    # The push was made, the portal died before it heard the ids, and the callback found nobody: nothing can be
    # asked and nothing was said. The payment waits, and the confirmation of the account finds it.
    late = "M-Pesa knows of the money, and the portal does not"
    assert await until(made, one, lambda: one.settled() or unheard(one), real_s=10, step_ms=200), late
    if not unheard(one):
        return "callback or query"
    await made.site.mpesa.notices.confirm(made.money_of(one.number)[0], "AISHA")
    assert await until(made, one, one.settled, real_s=10, step_ms=200), "the confirmation did not settle it"
    return "confirmation"


def states(one: Guest) -> list[str]:
    return [each.state for each in one.payments]


def unheard(one: Guest) -> bool:
    """Given up, because the ids by which M-Pesa could be asked never arrived."""
    return [(each.state, each.checkout_request_sealed) for each in one.payments] == [("expired_unknown", None)]


async def accounts_agree(made: Stage, one: Guest) -> None:
    """What must be true after every crash."""
    money, passes = made.money_of(one.number), one.passes
    rang = [each for each in made.pushes_of(one.number) if each.prompted]
    assert len(rang) <= 1, "a second prompt rang by itself"
    assert len(one.payments) == 1, "one click made more than one payment"
    # Started again at once, it sends what was not sent; only what may have been sent is given up.
    assert money or one.given_up(), states(one)
    assert len(passes) == len(money), (money, [dict(row) for row in passes])
    for row in passes:
        assert (row["span_ms"], row["cause_kind"], row["cause_ref"]) == (
            30 * MINUTE,
            "payment",
            one.payments[0].public,
        )
    assert await reaches_the_internet(made, one) == bool(money)
    assert (await one.browser.get(one.waiting)).status_code == 200, "the click was answered, and is forgotten"
    told = sum(each.outcome == "200" for each in made.site.mpesa.deliveries if is_about(each.url, made, one))
    assert made.look(kept, tuple(each.id for each in one.payments)) >= told, "an acknowledged callback is forgotten"
    assert made.look(breaches, made.clock.now()) == []


async def reaches_the_internet(made: Stage, one: Guest) -> bool:
    """Whether the phone is online, or gets so within two polls.

    The tests let the clock jump; in the midst of a login that looks like a wrong limit, and the keeper logs the
    device in once more: for some milliseconds it is not online.
    """
    for _ in range(20):
        if await one.browser.online():
            return True
        if not made.money_of(one.number):
            break
        made.clock.advance(SECOND)
        one.gateway.appear()
        await asyncio.sleep(0.1)
    return False


def is_about(url: str, made: Stage, one: Guest) -> bool:
    return any(url == push.callback_url for push in made.pushes_of(one.number))


async def try_again(made: Stage, one: Guest) -> str:
    """A guest whose money did not move presses "try again", and gets what they pay for."""
    await one.again()
    assert await until(made, one, lambda: bool(made.money_of(one.number)), real_s=3, step_ms=20)
    assert await until(made, one, one.settled, real_s=5, step_ms=20), "the second attempt came to nothing"
    assert len(made.money_of(one.number)) == 1
    return "trying again"
