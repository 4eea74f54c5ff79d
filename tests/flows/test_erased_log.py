"""A guest joins, pays, is online and is erased, all of it in a real service: its log names them nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import structlog

from portal.phone import Phone
from portal.privacy.erasing import subject
from portal.privacy.erasing.service import Wish
from sandbox.gateway import Gateway
from sandbox.phone import chromium
from sandbox.world import Site
from tests.flows.test_road import FIRST, PHONE, road, to_the_prompt, until_prompted
from tests.keys.test_planted import found_in

pytestmark = pytest.mark.browser

NUMBER = Phone("254712345678")
WISH = Wish(reason="They asked for it", by="staff:ada")


def said(capfd: pytest.CaptureFixture[str]) -> bytes:
    """What went to the log since the last time."""
    captured = capfd.readouterr()
    return (captured.out + captured.err).encode()


def marks(site: Site, gateway: Gateway) -> list[str]:
    """What a log could name them by."""
    (receipt,) = (each.receipt for each in site.mpesa.transactions)
    return [NUMBER.digits, NUMBER.spoken, PHONE, gateway.mac, gateway.mac.replace(":", ""), gateway.address, receipt]


async def is_erased(site: Site, bando: Any) -> None:
    who = await bando.db.read(site.tenant.id, subject.by_phone, site.vault, site.tenant.id, NUMBER)
    taken = await bando.erasing.erase(who, WISH)
    assert {"persons", "devices", "payments"} <= set(taken)


async def test_from_joining_to_being_erased_the_log_names_nobody(
    tmp_path: Path, chromium_path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with road(tmp_path) as (site, bando, gateway):
        async with chromium(gateway.port, site.ca, executable=chromium_path) as context:
            await to_the_prompt(context.pages[0])
            await until_prompted(site)
            await site.mpesa.handset(PHONE).approve()
            await context.pages[0].wait_for_url(FIRST, timeout=60_000)
        names = marks(site, gateway)
        await is_erased(site, bando)
    log = said(capfd)

    assert log.count(b'"event": "request"') > 5
    assert found_in(log, names) == set()
    structlog.get_logger("bando.test").info("online", mac=gateway.mac)
    assert found_in(said(capfd), names) == {gateway.mac}, "what a log says is seen here"
