"""Reading what is not one's own: another tenant's data, somebody's number, and what is left in logs."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.logs import GATHER_S
from portal.tenancy import store as tenancy
from tests.attacks.guest import THIEFS_PHONE, VICTIM_PHONE, World, a_world

MAC = "02:00:00:00:00:01"


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


async def test_logs_hold_no_personal_datum_whatever_goes_wrong(
    w: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    mac = (await w.site.phone(1)).mac
    purchase = await w.buy(mac, "3 hours", VICTIM_PHONE)
    proof = await w.proof(purchase)
    receipt = await w.receipt(purchase)
    home = await w.arrive(mac, **{"link-orig": "http://secret-site.test/page"})
    await w.http.post(f"{home}claim", data={"text": receipt, "phone": THIEFS_PHONE})
    await w.http.post(f"{home}pay", data={"plan": "x", "phone": VICTIM_PHONE})
    await w.http.post(f"{proof}add", data={"mac": "02:99:99:99:99:99"})
    await w.http.post(f"{home}pay", content=b"\xff\xfe", headers={"content-type": "application/x-www-form-urlencoded"})
    token = purchase.split("/")[2]
    w.site.api.drop_all()
    await asyncio.sleep(2 * GATHER_S)
    out, err = capfd.readouterr()
    ours = "\n".join(line for line in (out + err).splitlines())
    ours += "\n".join(each.getMessage() for each in caplog.records if each.name.startswith(("uvicorn", "bando")))
    for secret in (mac, VICTIM_PHONE[1:], "711 222 333", THIEFS_PHONE[1:], receipt, token, "secret-site", "02:99:99"):
        assert secret not in ours, secret
        assert secret.lower() not in ours.lower(), secret
    assert '"route": "/w/{token}/pay"' in ours


async def test_no_address_holds_a_number_or_a_mac_in_clear(w: World) -> None:
    mac = (await w.site.phone(1)).mac
    purchase = await w.buy(mac, "1 hour", VICTIM_PHONE)
    home = await w.arrive(mac, **{"link-orig": "http://secret-site.test/page"})
    for path in (home, purchase, await w.proof(purchase)):
        assert not re.search(r"711222333|02:00:00|020000000001|secret-site", path)


async def test_a_token_of_one_tenant_opens_nothing_at_another(w: World) -> None:
    mac = (await w.site.phone(1)).mac
    purchase = await w.buy(mac, "1 hour", VICTIM_PHONE)
    proof, home = await w.proof(purchase), await w.arrive(mac)
    other = await w.bando.db.write(None, tenancy.add_tenant, "Other ISP", w.clock.now())
    await w.bando.catalog.refresh()
    own = w.site.tenant.public
    for path in (purchase, proof, home):
        moved = path.replace(f"/{own}.", f"/{other.public}.")
        assert moved != path
        answer = await w.http.get(moved)
        assert answer.status_code == 404
        assert "Kilimani" not in answer.text
        for swapped in (path.replace("/p/", "/w/"), path.replace("/w/", "/s/"), path.replace("/s/", "/w/")):
            if swapped != path:
                assert (await w.http.get(swapped)).status_code == 404


async def test_a_mac_alone_shows_no_number_receipt_or_token(w: World) -> None:
    mac = (await w.site.phone(1)).mac
    purchase = await w.buy(mac, "1 hour", VICTIM_PHONE)
    receipt = await w.receipt(purchase)
    home = await w.arrive(mac.lower().replace(":", "-"))
    for tail in ("", "?buy=1", "state", "claim", "?was=waiting"):
        text = (await w.http.get(f"{home}{tail}")).text.replace("\u00a0", " ")
        for secret in ("711 222 333", "711222333", receipt, purchase.split("/")[2]):
            assert secret not in text
