"""A gateway that takes requests and never answers keeps nobody waiting but those who wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from portal.clock import MINUTE, Moment
from portal.errors import ProviderRefused, ProviderUnknown
from portal.payments import accounts
from portal.payments.accounts import Account
from portal.payments.line import Line
from portal.payments.provider import Heard
from portal.payments.reconcile import Queries
from sandbox.net import listen
from tests.payments.road import OTHER_MAC, OTHER_PHONE, PASSKEY, Road, road
from tests.support import anybody

OTHER: dict[str, Any] = {"shortcode": "600111", "consumer_key": "another-key", "consumer_secret": "another-secret"}


@asynccontextmanager
async def pit() -> AsyncIterator[str]:
    """Takes requests, and never says a word."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    listener = await listen(serve)
    try:
        yield f"http://127.0.0.1:{listener.port}/"
    finally:
        await listener.aclose()


@asynccontextmanager
async def answering() -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()

    listener = await listen(serve)
    try:
        yield f"http://127.0.0.1:{listener.port}/"
    finally:
        await listener.aclose()


# --- the line ---


async def test_no_more_requests_wait_for_one_host_than_there_are_places(tmp_path: Path) -> None:
    async with road(tmp_path, loops=False) as r, pit() as silent, answering() as well, httpx.AsyncClient() as http:
        sending = Line(http, whole_s=2, registered=anybody, at_once=4, place_s=0.3)
        began = time.perf_counter()
        waiting = [asyncio.create_task(sending.send(r.account, "GET", silent, {})) for _ in range(10)]
        await asyncio.sleep(0.05)

        assert (await sending.send(r.account, "GET", well, {})).status == 200
        assert time.perf_counter() - began < 0.3
        told = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(each) for each in told] == [ProviderUnknown] * 4 + [ProviderRefused] * 6


# --- the queries ---


class Slow:
    """M-Pesa, whose answers about one app never come."""

    def __init__(self, real: Any, shortcode: str) -> None:
        self._real = real
        self._shortcode = shortcode
        self.hanging = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def ask(self, account: Account, checkout_request: str, now: Moment) -> Heard:
        if account.shortcode == self._shortcode:
            self.hanging += 1
            await asyncio.Event().wait()
        return await self._real.ask(account, checkout_request, now)  # type: ignore[no-any-return]


async def bought_through_two_apps(r: Road) -> None:
    """A payment through each, about which no callback comes."""
    r.mpesa.faults.always(order=())
    await r.buy()
    await r.payments.checkout.drain()
    r.mpesa.add_shortcode(kind="paybill", passkey=PASSKEY, **OTHER)
    await r.home.write(
        accounts.add_account, r.home.vault, r.clock.now() + 1, tenant_public=r.home.tenant.public,
        environment="sandbox", kind="paybill", passkey=PASSKEY, base_url=r.account.base_url, **OTHER,
    )  # fmt: skip
    await r.buy(mac=OTHER_MAC, phone=replace(OTHER_PHONE, digits="254722000999"), click="click 2")
    await r.payments.checkout.drain()


async def test_an_app_that_hangs_keeps_no_other_one_from_being_asked(tmp_path: Path) -> None:
    async with road(tmp_path, loops=False) as r:
        await bought_through_two_apps(r)
        for handset in ("254712345678", "254722000999"):
            await r.mpesa.handset(handset).approve()
        r.clock.advance(MINUTE)
        slow = Slow(r.payments.provider, OTHER["shortcode"])
        queries = Queries(r.home.db, r.home.vault, r.clock, r.catalog, r.settings, {"mpesa": slow})

        began = time.perf_counter()
        answered = await queries.run_once()
        took = time.perf_counter() - began

        assert (answered, slow.hanging) == (1, 1)
        assert took < 4
        r.clock.advance(MINUTE)
        await queries.run_once()
        assert slow.hanging == 1  # one question at a time to each app
        await queries.drain()
