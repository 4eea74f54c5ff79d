"""Attacks on the voucher door: a thief in the café, a liar from afar, a botnet; and honest guests meanwhile."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app import Bando, build
from portal import check
from portal.access.catalog import TenantView
from portal.clock import HOUR, MINUTE, SECOND
from portal.pages.context import Context, seal_context
from portal.tenancy import store as tenancy
from portal.units import value
from portal.vouchers import codes
from portal.vouchers.guesses.limits import CLAIMED, SEEN
from sandbox.world import PORTAL_HOST, Site, free_port, serving, world
from tests.support import records
from tests.vouchers.cards import batch_of
from tests.vouchers.guessing import Door, a_door, address_of, mac_of

CAFE, FAR = 77, 1_000_000


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with a_door(tmp_path) as made:
        yield made


async def test_a_thief_in_a_cafe_burns_its_own_five_while_fifty_guests_redeem(door: Door) -> None:
    thief, guests = door.who(0, CAFE), [door.who(n, CAFE) for n in range(1, 51)]

    done = await asyncio.gather(
        *(door.attempt(thief) for _ in range(500)), *(door.attempt(guest, good=True) for guest in guests)
    )

    assert sum(done[:500]) == 5
    assert all(done[500:])


async def test_a_thief_in_a_cafe_that_invents_devices_stops_at_its_address_and_the_seen_do_not_feel_it(
    door: Door,
) -> None:
    invented = [await door.attempt(door.who(FAR + n, CAFE, seen=False)) for n in range(500)]
    guests = [await door.attempt(door.who(n, CAFE), good=True) for n in range(50)]
    newcomer = door.who(60, CAFE, seen=False)

    assert sum(invented) == 60
    assert all(guests)
    assert 0 < await door.wait(newcomer) <= MINUTE, "its router names it with the next poll"
    assert await door.attempt(door.who(60, CAFE), good=True)


async def test_a_thief_with_many_real_devices_stops_at_the_router_and_other_sites_go_on(door: Door) -> None:
    looked_at = 0
    for device in range(600):
        for _ in range(10):
            looked_at += await door.attempt(door.who(FAR + device, CAFE))

    assert looked_at == SEEN.hard["router"]
    assert await door.attempt(door.who(1, 1, router=2), good=True)


async def test_a_liar_from_afar_with_a_new_device_for_each_guess_stops_at_the_address(door: Door) -> None:
    done = [await door.attempt(door.who(FAR + n, 1, router=n % 7, seen=False)) for n in range(1_000)]

    assert sum(done) == CLAIMED.own["source"]
    assert await door.attempt(door.who(1, 2, seen=False), good=True)


async def test_nothing_that_is_only_claimed_changes_anything_for_those_who_are_seen(door: Door) -> None:
    """Whatever comes from afar: a guest whom the router sees waits for nobody."""
    chance = random.Random(7)
    for n in range(2_500):
        claimed = door.who(n, chance.randrange(3_000), router=chance.choice([1, 2]), seen=False)
        await door.attempt(claimed)
        await door.open_attempt(chance.randrange(3_000))
    assert not await door.attempt(door.who(FAR, FAR, seen=False), good=True), "the claims have used up all of theirs"

    for n in range(50):
        await door.fail(door.who(n, CAFE, router=1 + n % 2), 2)
        assert await door.attempt(door.who(n, CAFE, router=1 + n % 2), good=True)


async def test_a_botnet_reaches_no_cap_and_honest_guests_redeem(door: Door) -> None:
    """10 000 guesses from a thousand addresses at ten routers, with guests between them, in a quarter of an hour."""
    chance, looked_at = random.Random(11), 0
    honest: list[bool] = []
    for n in range(10_000):
        bot = chance.randrange(1_000)
        looked_at += await door.attempt(door.who(FAR + n, bot, router=chance.randrange(10), seen=False))
        if n % 25 == 0:
            honest.append(await door.attempt(door.who(n, CAFE, router=chance.randrange(10)), good=True))
            honest.append(await door.attempt(door.who(n, FAR + n, router=chance.randrange(10), seen=False), good=True))
        door.now += 15 * MINUTE // 10_000

    assert looked_at <= CLAIMED.soft["tenant"] + 1_000 < CLAIMED.hard["tenant"]
    assert sum(honest) == len(honest)


async def test_in_no_hour_of_a_long_attack_more_is_looked_at_than_the_caps_say(door: Door) -> None:
    """Two and a half hours from a hundred thousand addresses; every window of an hour is looked at."""
    moments: list[int] = []
    for n in range(4_500):
        if await door.attempt(door.who(FAR + n, n, router=n % 5, seen=False)):
            moments.append(door.now)
        door.now += 2 * SECOND
    within = max(sum(1 for each in moments if first <= each < first + HOUR) for first in moments)

    assert within == CLAIMED.hard["tenant"]
    assert len(moments) > 2 * within


# --- over HTTP ---

# A thousand addresses and a hundred guesses of each in `make sweep`; every test run makes do with fewer.
ADDRESSES, EACH, HONEST = (1_000, 100, 300) if os.environ.get("BANDO_SWEEP") else (500, 10, 60)


@dataclass
class Browser:
    """One kept connection of the proxy before the portal, in whose name guests from anywhere ask."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def post(self, path: str, code: str, source: str) -> int:
        """Type a code; the answer's status."""
        body = f"code={code}"
        lines = (
            f"POST {path} HTTP/1.1",
            f"Host: {PORTAL_HOST}",
            f"X-Forwarded-For: {source}",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
        )
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
        await self.reader.readexactly(int(length.partition(":")[2]))
        status = int(head.split(" ", 2)[1])
        assert status != 429 or "retry-after: " in head
        return status


@dataclass(kw_only=True)
class Siege:
    """The whole world, and who storms it."""

    site: Site
    bando: Bando
    port: int
    answers: Counter[int] = field(default_factory=Counter)
    honest: Counter[int] = field(default_factory=Counter)

    def address(self, mac: str) -> str:
        """Where a guest with this MAC types a code; an entry's address may be forged, and is sealed only then."""
        context = Context(
            router=self.site.row.public,
            mac=mac,
            ip="10.5.50.9",
            orig="",
            lang="en",
            issued_at=self.site.clock.now(),
        )
        return f"/w/{seal_context(self.site.vault, self.site.tenant.public, context)}/voucher"

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        yield Browser(reader, writer)
        writer.close()

    async def print_cards(self, count: int) -> list[str]:
        plan = next(each for each in self.view.plans if each.max_devices == 1)
        drawn = [codes.draw(codes.STYLES["letters-10"]) for _ in range(count)]
        await self.bando.db.write(
            self.site.tenant.id, batch_of, self.site.vault, self.site.tenant.id, plan, drawn, self.site.clock.now()
        )
        return drawn

    @property
    def view(self) -> TenantView:
        found = self.bando.catalog.tenant(self.site.tenant.id)
        assert found is not None
        return found

    async def guests_arrive(self, count: int) -> list[str]:
        """So many phones on the Wi-Fi, of which the keeper knows."""
        macs = [mac_of(n) for n in range(1, count + 1)]
        for n, each in enumerate(macs):
            self.site.router.host_seen(each, f"10.5.{50 + n // 200}.{20 + n % 200}")
        keeper = self.bando.keepers.keeper(self.site.row.id)
        async with asyncio.timeout(60):
            while keeper is None or not all(keeper.sees(each) for each in macs):
                keeper = self.bando.keepers.keeper(self.site.row.id)
                if keeper is not None:
                    keeper.poll()
                await asyncio.sleep(0.1)
        return macs

    async def storm(self, guesses_to_come: Iterator[tuple[str, str]]) -> None:
        """Guess and guess; each time another MAC."""
        async with self.browser() as browser:
            for mac, source in guesses_to_come:
                wrong = codes.draw(codes.STYLES["letters-10"])
                self.answers[await browser.post(self.address(mac), wrong, source)] += 1

    async def redeem(self, guests: list[tuple[str, str, str]], pause: float) -> None:
        """Honest guests, one after the other."""
        async with self.browser() as browser:
            for mac, code, source in guests:
                self.honest[await browser.post(self.address(mac), code, source)] += 1
                await asyncio.sleep(pause)

    async def counted(self, text: str) -> int:
        return int(await self.bando.db.read(self.site.tenant.id, value, text))


@asynccontextmanager
async def a_siege(folder: Path) -> AsyncIterator[Siege]:
    """The portal behind a proxy, which says from where somebody asks."""
    port = free_port()
    async with (
        world(folder, build, BANDO_TRUSTED_PROXIES="127.0.0.1", **records()) as (site, bando),
        serving(bando.web, "127.0.0.1", port, None),
    ):
        yield Siege(site=site, bando=bando, port=port)


def guesses_of(addresses: int, each: int) -> Iterator[tuple[str, str]]:
    """In turns, each with a MAC of its own."""
    return ((mac_of(FAR + n), address_of(n % addresses)) for n in range(addresses * each))


@pytest.mark.slow
async def test_wrong_codes_from_a_thousand_addresses_hit_nothing_and_honest_guests_redeem(tmp_path: Path) -> None:
    async with a_siege(tmp_path) as siege:
        cards = await siege.print_cards(2 * HONEST + 1_000)  # a thousand more to be hit
        here = await siege.guests_arrive(HONEST)
        cafe = [(mac, cards.pop(), address_of(5)) for mac in here]  # the botnet is in the café, too
        afar = [(mac_of(5_000 + n), cards.pop(), address_of(60_000 + n)) for n in range(HONEST)]
        honest = [guest for pair in zip(cafe, afar, strict=True) for guest in pair]
        todo, pause = guesses_of(ADDRESSES, EACH), ADDRESSES * EACH / HONEST / 2_000

        await asyncio.gather(*(siege.storm(todo) for _ in range(8)), siege.redeem(honest, pause))

        looked_at = await siege.counted("SELECT COUNT(*) FROM guesses WHERE tenant_id = :tenant AND bucket = 'tenant'")
        assert siege.answers == {404: looked_at, 429: ADDRESSES * EACH - looked_at}
        assert ADDRESSES <= looked_at <= CLAIMED.soft["tenant"] + ADDRESSES
        assert siege.honest[303] >= 0.99 * len(honest)
        # Not one hit: every pass belongs to somebody who held the card.
        assert await siege.counted("SELECT COUNT(*) FROM passes WHERE tenant_id = :tenant") == siege.honest[303]
        lines = await siege.bando.db.read(siege.site.tenant.id, tenancy.exceptions)
        assert [line["kind"] for line in lines] == ["voucher-guesses"]
        assert await siege.bando.db.read(siege.site.tenant.id, check.breaches, siege.site.clock.now()) == []


async def test_a_guest_who_insists_on_one_wrong_code_has_guessed_once_and_a_thief_five_times(tmp_path: Path) -> None:
    async with a_siege(tmp_path) as siege:
        right, (guest, thief), cafe = (await siege.print_cards(1))[0], await siege.guests_arrive(2), address_of(5)
        wrong = [codes.draw(codes.STYLES["letters-10"]) for _ in range(7)]
        typo = ("3" if right[0] == "2" else "2") + right[1:]
        async with siege.browser() as browser:
            insists = [await browser.post(siege.address(guest), wrong[0], cafe) for _ in range(10)]
            guesses = [await browser.post(siege.address(thief), each, cafe) for each in wrong]
            mistypes = [await browser.post(siege.address(thief), typo, cafe)]
            redeems = await browser.post(siege.address(guest), right, cafe)

        assert insists == [404] * 10
        assert guesses == [404] * 5 + [429] * 2
        assert mistypes == [422], "a typing mistake is answered at once, limit or not"
        assert redeems == 303
