"""Durable before acknowledged (R5), seen from under the process: a shim writes down each write and sync of the
database and each answer, and the disk is played again as it would be after a power cut at that moment."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from portal.seal import token_hash
from sandbox.world import Site
from tests.crash.below import GUESTS, Needle, Seen, after_each_power_loss, arrive, busy_minute, let_in, until
from tests.crash.disk import Said, is_durable
from tests.crash.stage import hidden


async def purchases(http: httpx.AsyncClient, site: Site) -> None:
    """Fifty guests click at once, pay at once, and go online."""
    await asyncio.gather(*(buy(http, site, number) for number in range(1, GUESTS + 1)))
    sets = [site.mpesa.handset(phone_of(number)) for number in range(1, GUESTS + 1)]
    await until(lambda: all(each.pending for each in sets))
    await asyncio.gather(*(each.approve() for each in sets))


def phone_of(number: int) -> str:
    return f"2547{number:08d}"


async def buy(http: httpx.AsyncClient, site: Site, number: int) -> None:
    """Arrive, choose, press "pay"."""
    first = await arrive(http, site, number)
    plans = await http.get(first)
    plan = re.search(r'name="plan" id="p1" value="([^"]+)"', plans.text)
    assert plan, plans.text
    confirm = await http.post(f"{first}pay", data={"plan": plan[1], "phone": phone_of(number)})
    pressed = await http.post(f"{first}pay", data={**hidden(confirm.text), "confirm": "1"})
    assert pressed.status_code == 303, pressed.text


def refs(seen: Seen, callback: Said) -> list[str]:
    """The names of the inbox rows that this callback may have made."""
    hashed = token_hash(callback.path.rsplit("/", 1)[1])
    text = "SELECT i.ref FROM inbox i JOIN payments p ON p.id = i.payment_id WHERE p.callback_hash = ?"
    return [row[0] for row in seen.rows(text, hashed)]


def purchase(click: Said) -> bytes:
    """What the database knows of the purchase that this click was led to."""
    token = click.found(r"(?i)location: \S*/p/([0-9a-z.]+)/")
    assert token is not None, click.text
    return token_hash(token)


async def test_no_money_is_acknowledged_before_the_sync_that_covers_it(tmp_path: Path) -> None:
    seen = await busy_minute(tmp_path, purchases)
    assert len(seen.callbacks) == GUESTS
    assert len(seen.clicks) == GUESTS
    for callback in seen.callbacks:
        (ref,) = refs(seen, callback)
        assert is_durable(seen.log, ref.encode(), callback.at)
    for click in seen.clicks:
        assert is_durable(seen.log, purchase(click), click.at)
    assert len(seen.let_in) == GUESTS
    after_each_power_loss(seen, tmp_path, said_of)


def said_of(seen: Seen, each: Said) -> list[Needle]:
    """What must be in the database for this to be said."""
    if each in seen.callbacks:
        return [("SELECT COUNT(*) FROM inbox WHERE ref = ?", ref) for ref in refs(seen, each)]
    if each in seen.clicks:
        return [("SELECT COUNT(*) FROM payments WHERE token_hash = ?", purchase(each))]
    return let_in(each)


async def test_a_portal_that_does_not_wait_for_the_disk_is_found_out(tmp_path: Path) -> None:
    seen = await busy_minute(tmp_path, purchases, careless=True)
    assert len(seen.callbacks) == GUESTS
    durable = [is_durable(seen.log, ref.encode(), each.at) for each in seen.callbacks for ref in refs(seen, each)]
    assert len(durable) == GUESTS
    assert not all(durable)
    with pytest.raises(AssertionError):
        after_each_power_loss(seen, tmp_path, said_of)
