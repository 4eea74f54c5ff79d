"""Money: credited once and never lost, in whatever order and shape the word of it comes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portal.access import store as access
from portal.clock import MINUTE
from portal.errors import Refused
from portal.payments import accounts, mpesa, settle
from portal.payments.claims import find_receipt
from portal.payments.daraja import Daraja
from portal.phone import Phone
from portal.processors.gate import Gate
from sandbox.net import listen
from tests.payments.road import PHONE, Road, payment_row, road

TEXTS = ["UKMCJQHGGW", " ukmcjqhggw ", "UKMC JQHGGW", "UKMCJQHGGW Confirmed. Ksh20.00 paid to ISP"]


@pytest.mark.parametrize("text", TEXTS)
def test_one_receipt_in_ten_has_no_digit_and_is_found_all_the_same(text: str) -> None:
    assert find_receipt(text) == "UKMCJQHGGW"


def confirmation(r: Road, number: str, paid_at: int, **changes: str) -> bytes:
    """What a till's confirmation says."""
    said = {
        "TransID": number,
        "TransAmount": "20.00",
        "TransTime": mpesa.timestamp(paid_at),
        "BusinessShortCode": r.account.party_b,
        "BillRefNumber": "",
        "MSISDN": "2547 ***** 678",
        **changes,
    }
    return json.dumps(said).encode()


async def confirm(r: Road, body: bytes) -> None:
    count = len(await r.verdicts())
    token = accounts.c2b_token(r.home.vault, r.home.tenant.public, r.account.public)
    assert await r.post(f"/c2b/{token}/confirm", body) == 200
    await r.settled(count + 1)


async def test_a_late_receipt_of_a_payment_that_was_settled_late_cannot_be_claimed_as_well(tmp_path: Path) -> None:
    async with road(tmp_path, kind="till") as r:
        started = await r.buy()
        await r.until(started, "awaiting")
        paid_at = r.clock.now()
        await r.payments.stop()
        await r.supervisor.stop()
        r.clock.advance(25 * MINUTE)  # neither callback nor answer for long; then a query says it is paid
        one = await payment_row(r.home, started.public)
        said = settle.Said(kind="success", via="query")
        await r.home.write(settle.settle, r.home.vault, one, said, r.clock.now())
        await r.restart()
        await confirm(r, confirmation(r, "UKM1AB2CD3", paid_at))
        assert (await r.see(started)).receipt == "UKM1AB2CD3"
        with pytest.raises(Refused):
            await r.payments.claims.claim(
                r.view, r.router, mac="02:00:00:00:00:09", text="UKM1AB2CD3", phone=Phone("254700000678"), source="x"
            )
        assert len(await r.passes()) == 1


async def test_sixty_four_claims_of_one_receipt_make_one_pass_for_one_device(tmp_path: Path) -> None:
    async with road(tmp_path, kind="till") as r:
        await confirm(r, confirmation(r, "UKM1AB2CD3", r.clock.now()))

        async def claim(n: int) -> Any:
            mac = f"02:00:00:00:01:{n:02X}"
            return await r.payments.claims.claim(
                r.view, r.router, mac=mac, text="UKM1AB2CD3", phone=PHONE, source=f"10.0.0.{n}"
            )

        await asyncio.gather(*(claim(n) for n in range(64)), return_exceptions=True)
        found = await r.passes()
        assert len(found) == 1
        assert await r.home.read(access.devices_of_pass, found[0]["id"]) == [found[0]["device_id"]]


async def test_sixty_four_presses_of_one_button_ring_once(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        made = await asyncio.gather(*(r.buy() for _ in range(64)))
        assert len({each.token for each in made}) == 1
        other = await r.buy(mac="02:00:00:00:00:09", phone=Phone("254722000678"))  # the same click on another device
        assert other.token not in {each.token for each in made}


@pytest.mark.parametrize(
    "changes",
    [
        {"BusinessShortCode": "\ud800"},
        {"BillRefNumber": "\udfff" * 500},
        {"MSISDN": "\ud800" * 64},
        {"TransTime": "99991231235959"},
        {"TransTime": "00010101000000"},
        {"TransAmount": "999999999999"},
    ],
)
async def test_no_confirmation_however_odd_is_stuck(tmp_path: Path, changes: dict[str, str]) -> None:
    async with road(tmp_path, kind="till") as r:
        await confirm(r, confirmation(r, "UKM1AB2CD3", r.clock.now(), **changes))
        assert [row["number"] for row in await r.receipts()] == ["UKM1AB2CD3"]


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An M-Pesa that answers a byte at a time, for ever."""
    try:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)
    except ConnectionError:
        writer.close()


async def test_a_provider_that_answers_for_ever_is_given_up(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        server = await listen(trickle)
        slow = replace(r.account, base_url=f"http://127.0.0.1:{server.port}")
        daraja = Daraja(r.http, r.home.vault, r.clock, whole_s=0.5, registered=Gate(r.home.db, r.clock))
        async with asyncio.timeout(5):
            with pytest.raises(Exception, match="TimeoutError"):
                await daraja.try_out(slow)
        await server.aclose()
