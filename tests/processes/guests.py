"""Guests of a town: each shows a code, or pays, as a browser does, and what they were told is remembered."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from random import Random

import httpx

from portal.phone import Phone as Number
from portal.tenancy.store import Router
from sandbox.routeros.device import SandboxRouter
from tests.processes.stage import Town

PIN_MS = 60


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a phone is."""

    mac: str
    address: str
    row: Router
    router: SandboxRouter

    @property
    def online(self) -> bool:
        return self.router.is_authorized(self.mac, self.address)


@dataclass
class Crowd:
    """Guests who come one after another, over some connections that are kept."""

    town: Town
    lines: int = 4
    port: int = 0  # another way to the portal
    redeemed: dict[str, Place] = field(default_factory=dict)  # by code: what was acknowledged
    paid: dict[str, Place] = field(default_factory=dict)  # by phone: whose click was acknowledged
    failed: list[str] = field(default_factory=list)  # answers that no guest should see
    cut: int = 0  # requests that got no answer
    asked: int = 0
    slowest: float = 0.0
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{self.port}" if self.port else self.town.url,
            verify=self.town.site.ca.client_context(),
            timeout=30,
            headers={"accept-language": "en"},
        )

    def place(self, number: int | None = None) -> Place:
        """A phone that nobody has seen, at the routers in turn; it is in its router's host table."""
        number = next(self._numbers) if number is None else number
        row, router = self.town.routers[number % len(self.town.routers)]
        mac = f"02:10:{number >> 24 & 255:02X}:{number >> 16 & 255:02X}:{number >> 8 & 255:02X}:{number & 255:02X}"
        address = f"10.5.{51 + number // 250}.{number % 250 + 1}"
        router.host_seen(mac, address)
        return Place(mac=mac, address=address, row=row, router=router)

    async def enter(self, http: httpx.AsyncClient, place: Place) -> str:
        """The address of the first page."""
        login = "http://login.wifi.test/login?dst=http%3A%2F%2Fexample.test%2F"
        fields = {"mac": place.mac, "ip": place.address, "link-login": login, "link-orig": "", "error": ""}
        answer = await self.ask(http, "GET", f"/e/{place.row.public}", params=fields)
        return answer.headers["location"]

    async def ask(self, http: httpx.AsyncClient, method: str, path: str, **more: object) -> httpx.Response:
        """One request; raises `NoAnswer` when it gets none, or one that no guest should see."""
        begin = time.monotonic()
        self.asked += 1
        try:
            answer = await http.request(method, path, **more)  # type: ignore[arg-type]
        except httpx.HTTPError as gone:
            self.cut += 1
            raise NoAnswer(type(gone).__name__) from gone
        finally:
            self.slowest = max(self.slowest, time.monotonic() - begin)
        if answer.status_code >= 400:
            self.failed.append(f"{answer.status_code} {method} {re.sub(r'[^/]{12,}', '…', path)}")
            raise NoAnswer(str(answer.status_code), answer)
        return answer

    async def redeem(self, http: httpx.AsyncClient, code: str, place: Place | None = None) -> Place:
        """Show this code; afterwards it was acknowledged."""
        place = place or self.place()
        first = await self.enter(http, place)
        await self.ask(http, "POST", f"{first}voucher", data={"code": code})
        self.redeemed[code] = place
        return place

    async def pay(self, http: httpx.AsyncClient, number: str, place: Place | None = None) -> str:
        """Buy half an hour; the address of the waiting page. The phone approves by itself."""
        place = place or self.place()
        handset = self.town.site.mpesa.handset(Number(number).digits)
        handset.habit, handset.habit_after_ms = "approve", PIN_MS
        first = await self.enter(http, place)
        plan = re.search(r'name="plan" id="p1" value="([^"]+)"', (await self.ask(http, "GET", first)).text)
        assert plan
        confirm = await self.ask(http, "POST", f"{first}pay", data={"plan": plan[1], "phone": number})
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', confirm.text)
        form = {name: unescape(text) for name, text in hidden} | {"confirm": "1"}
        for n in range(20):  # whoever gets no answer presses again
            try:
                answer = await self.ask(http, "POST", f"{first}pay", data=form)
                break
            except NoAnswer:
                if n == 19:
                    raise
                await asyncio.sleep(0.2)
        self.paid[number] = place
        return answer.headers["location"]

    # --- load ---

    def begin(self, cards: list[str], *, payers: int = 1, pause_s: float = 0.0, fresh: bool = False) -> None:
        """Show these codes over `lines` connections until told to stop; some pay. `fresh`: a connection each time."""
        numbers = (f"2547{n:08d}" for n in itertools.count(10_000_000))
        for _ in range(self.lines):
            self._tasks.append(asyncio.create_task(self._show(cards, pause_s, fresh)))
        for _ in range(payers):
            self._tasks.append(asyncio.create_task(self._buy(numbers, pause_s)))

    async def _show(self, cards: list[str], pause_s: float, fresh: bool) -> None:
        http = self.client()
        try:
            while cards and not self._stop.is_set():
                await self._insist(http, cards.pop())
                if fresh:
                    await http.aclose()
                    http = self.client()
                await asyncio.sleep(pause_s)
        finally:
            await http.aclose()

    async def _insist(self, http: httpx.AsyncClient, code: str) -> None:
        """Whoever gets no answer shows the code again, with the same phone."""
        place = self.place()
        while code not in self.redeemed:
            try:
                await self.redeem(http, code, place)
            except NoAnswer:
                await asyncio.sleep(0.1)

    async def _buy(self, numbers: Iterator[str], pause_s: float) -> None:
        async with self.client() as http:
            while not self._stop.is_set():
                try:
                    await self.pay(http, next(numbers))
                except NoAnswer:
                    await asyncio.sleep(0.1)
                await asyncio.sleep(0.3 + pause_s)

    def look(self, lines: int, pause_s: float) -> None:
        """So many look at a page again and again, each over a connection that is kept."""
        self._tasks += [asyncio.create_task(self._look(pause_s)) for _ in range(lines)]

    async def _look(self, pause_s: float) -> None:
        random = Random(len(self._tasks))
        async with self.client() as http:
            while not self._stop.is_set():
                with suppress(NoAnswer):
                    await self.ask(http, "GET", "/healthz")
                await asyncio.sleep(pause_s * 2 * random.random())

    async def end(self) -> None:
        """Let everyone finish what they are at."""
        self._stop.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*self._tasks)

    # --- what must be so afterwards ---

    def offline(self) -> list[Place]:
        """Who was let in and is not online."""
        return [each for each in self.everyone() if not each.online]

    def everyone(self) -> list[Place]:
        money = {each.phone for each in self.town.site.mpesa.transactions}
        return [*self.redeemed.values(), *(place for number, place in self.paid.items() if number in money)]


class NoAnswer(Exception):
    """A request that came to nothing."""

    def __init__(self, why: str, answer: httpx.Response | None = None) -> None:
        super().__init__(why)
        self.answer = answer


async def exactly(crowd: Crowd) -> None:
    """Each acknowledged code and each shilling has one pass, and there is no other; nothing rang twice."""
    town = crowd.town
    causes = [(row["cause_kind"], row["cause_ref"]) for row in await town.passes()]
    assert len(causes) == len(set(causes)), "a pass was doubled"
    kinds = [kind for kind, _ in causes]
    assert kinds.count("voucher") >= len(crowd.redeemed), "an acknowledged redemption is gone"
    money = town.site.mpesa.transactions
    assert kinds.count("payment") == len(money), (kinds.count("payment"), len(money))
    prompts = [each.phone for each in town.site.mpesa.pushes.values() if each.prompted]
    assert len(prompts) == len(set(prompts)), "a second prompt rang by itself"
    assert await town.sound() == []
