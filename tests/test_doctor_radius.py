"""The doctor on RADIUS: each link of the chain that is cut is named, with its remedy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import build
from portal.clock import HOUR, MINUTE, SystemClock
from portal.doctor_radius import ask_status, check_asking, check_radius, check_spool, judged, status_request
from portal.findings import Finding
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from sandbox.radius import packet
from sandbox.radius.packet import ZERO, Code, Packet
from sandbox.radius.site import free_udp_ports
from sandbox.world import Site, world
from tests.radius.freeradius import required
from tests.support import records

SECRET = b"the token of the tests, 32 characters"


@asynccontextmanager
async def chain(folder: Path) -> AsyncIterator[tuple[Site, Any]]:
    required()
    async with world(folder, build, radius=True, **records()) as (site, bando):
        yield site, bando


async def routers_of(site: Site, bando: Any) -> list[Router]:
    found: list[Router] = await bando.db.read(site.tenant.id, tenancy.routers)
    return found


def codes(found: list[Finding]) -> list[str]:
    for each in found:
        assert each.sentence.endswith(".")
        assert each.remedy
    return [each.code for each in found]


async def test_a_whole_chain_is_in_order_once_the_router_has_asked(tmp_path: Path) -> None:
    async with chain(tmp_path) as (site, bando):
        before = await check_radius(site.settings, await routers_of(site, bando), site.clock.now())
        await site.phone(1)
        async with asyncio.timeout(10):
            while not (await routers_of(site, bando))[0].last_contact_at:
                await asyncio.sleep(0.05)
        after = await check_radius(site.settings, await routers_of(site, bando), site.clock.now())
        later = await check_radius(site.settings, await routers_of(site, bando), site.clock.now() + HOUR)
    assert codes(before) == ["radius-never"]
    assert codes(after) == []
    assert codes(later) == ["radius-quiet"]


async def test_every_cut_link_has_its_name(tmp_path: Path) -> None:
    async with chain(tmp_path) as (site, bando):
        now, here = site.clock.now(), site.settings
        (udp,) = free_udp_ports(1)

        async def said(settings: Settings) -> list[str]:
            return codes(await check_radius(settings, [], now))

        assert await said(replace(here, radius_port=1)) == ["radius-listener"]
        assert await said(replace(here, radius_token="x" * 40)) == ["radius-token", "radius-server"]
        assert await said(replace(here, radius_server=("127.0.0.1", udp))) == ["radius-server"]
        asking = await routers_of(site, bando)
        assert codes(await check_radius(replace(here, radius_host=""), asking, now)) == ["radius-off"]
        assert codes(await check_radius(replace(here, radius_host=""), [], now)) == []
        nowhere = replace(asking[0], radius_secret_sealed=None)
        assert codes(list(check_asking([nowhere], now))) == ["radius-unknown"]
        quiet = replace(asking[0], last_contact_at=now - 20 * MINUTE)
        assert "0 h 20 min" in next(iter(check_asking([quiet], now))).sentence


@pytest.mark.parametrize(
    ("marked", "secret", "wanted"), [(True, SECRET, "signed"), (False, SECRET, "unsigned"), (True, b"other", "false")]
)
def test_an_answer_is_judged_by_its_signatures(marked: bool, secret: bytes, wanted: str) -> None:
    asked = status_request(SECRET)
    read = packet.read(asked)
    assert (read.code, read.marked) == (Code.STATUS_SERVER, True)
    words: packet.Attributes = [("Message-Authenticator", ZERO)] if marked else [("Reply-Message", "up")]
    answer = Packet(code=Code.ACCESS_ACCEPT, identifier=asked[1], attributes=words)
    said = packet.reply(answer, asked[4:20], secret)
    assert judged(said, asked, SECRET) == wanted
    assert judged(said[:-1] + bytes((said[-1] ^ 1,)), asked, SECRET) == "false"
    assert judged(b"", asked, SECRET) == "false"


async def test_nobody_there_is_silence() -> None:
    (port,) = free_udp_ports(1)
    assert await ask_status(("127.0.0.1", port), SECRET) == "silent"


def test_accounting_that_waits_is_told(tmp_path: Path) -> None:
    now = SystemClock().now()
    assert codes(list(check_spool(tmp_path / "none", now))) == []
    assert codes(list(check_spool(tmp_path, now))) == []
    (tmp_path / "acct-20261129-10").write_bytes(b"x" * 2048)
    assert codes(list(check_spool(tmp_path, now))) == []
    (found,) = check_spool(tmp_path, now + 10 * MINUTE)
    assert (found.code, "2 KiB" in found.sentence) == ("radius-spool", True)
    (tmp_path / "acct-20261129-11").write_bytes(b"x" * (1 << 21))
    assert codes(list(check_spool(tmp_path, now))) == ["radius-spool"]


def test_a_folder_that_may_not_be_seen_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert codes(list(check_spool(tmp_path, 0))) == ["radius-spool-closed"]
