"""Disclosures: never without an order's reference, just its rows, and each stands in the register with its digest."""

from __future__ import annotations

import csv
import hashlib
import io
from html import unescape

import httpx
import pytest

from portal.clock import DAY, HOUR, MINUTE, Moment, as_datetime
from portal.phone import Phone
from portal.privacy.disclosures import store
from portal.units import Unit, rows
from tests.console import guests
from tests.console.office import Office, Visitor
from tests.console.samples_rights import KEY, ORDER

PAGE = "/disclosures"
OTHER = Phone("254722000111")


def typed(at: Moment) -> str:
    """A minute as the form says it, in Nairobi."""
    return as_datetime(at + 3 * HOUR).strftime("%Y-%m-%dT%H:%M")


async def furnished(o: Office) -> tuple[int, int]:
    """Two guests who paid and were online, each with a device of their own."""
    one, two = await guests.device(o.home, 1), await guests.device(o.home, 2)
    await guests.paid(o.home, one)
    await guests.paid(o.home, two, OTHER, receipt="TKM4X7Y2ZR")
    for each in (one, two):
        await guests.goes_online(o.home, each)
    return one, two


async def asks(o: Office, who: Visitor, status: int = 200, **more: str) -> httpx.Response:
    now = o.home.clock.now()
    span = {"since": typed(now - DAY), "until": typed(now + HOUR)}
    return await who.post(f"{PAGE}/new", status, **{**ORDER, **span, "key": KEY, **more})


async def register(o: Office) -> list[store.Disclosure]:
    found: list[store.Disclosure] = await o.home.read(store.page, o.home.vault, 1 << 62, 50)
    return found


def table(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("reference", ["", "   ", "a\u202eb", "x" * 201])
async def test_without_the_reference_of_an_order_nothing_is_handed_out(o: Office, reference: str) -> None:
    await furnished(o)
    who = await o.of("owner")
    refused = await asks(o, who, 400, reference=reference, phone="0712 345 678")
    assert "Without the reference of the order" in refused.text
    assert guests.mac(1) not in refused.text
    assert "High Court" in refused.text  # nothing typed is lost
    assert await register(o) == []
    assert "disclosure.make" not in [each["act"] for each in await o.acts()]


async def test_the_file_holds_the_rows_of_the_number_and_nobody_elses(o: Office) -> None:
    await furnished(o)
    answer = await asks(o, await o.of("owner"), phone="0712 345 678")
    assert "attachment" in answer.headers["content-disposition"]
    found = table(answer)
    assert {row["device"] for row in found} == {guests.mac(1)}
    payment = next(row for row in found if row["record"] == "payment")
    assert (payment["receipt"], payment["phone"], payment["state"]) == (guests.RECEIPT, "254712345678", "paid")
    assert b"254722000111" not in answer.content
    assert guests.mac(2).encode() not in answer.content


async def test_a_device_brings_its_sessions_and_payments(o: Office) -> None:
    await furnished(o)
    found = table(await asks(o, await o.of("owner"), mac="02-00-00-00-00-02"))
    assert sorted(row["record"] for row in found) == ["payment", "session"]
    assert {row["device"] for row in found} == {guests.mac(2)}


async def test_an_address_brings_who_had_it_then(o: Office) -> None:
    one, _ = await furnished(o)
    await o.home.write(_gives, one, "10.5.50.9")
    found = table(await asks(o, await o.of("owner"), address="10.5.50.9"))
    assert [(row["record"], row["device"]) for row in found] == [("session", guests.mac(1))]
    earlier = o.home.clock.now() - 10 * DAY
    who = await o.of("owner")
    again = await asks(o, who, address="10.5.50.9", since=typed(earlier), until=typed(earlier + DAY), key="1" * 16)
    assert table(again) == []


def _gives(device: int, address: str) -> Unit[None]:
    yield from rows(
        "UPDATE sessions SET address = :address WHERE tenant_id = :tenant AND device_id = :device RETURNING id",
        device=device,
        address=address,
    )


async def test_the_register_keeps_what_left_with_the_digest_of_the_file(o: Office) -> None:
    await furnished(o)
    who = await o.of("owner")
    answer = await asks(o, who, phone="0712 345 678")
    (made,) = await register(o)
    assert made.digest == hashlib.sha256(answer.content).hexdigest()
    assert (made.reference, made.authority, made.officer) == tuple(ORDER.values())
    assert made.scope == "phone 0712 345 678"
    assert made.session_rows + made.payment_rows == len(table(answer))
    assert made.staff_id == who.staff_id
    page = await who.get(PAGE)
    assert made.digest in page
    assert "Cpl. Otieno" in page
    last = (await o.acts())[-1]
    assert last["act"] == "disclosure.make"
    assert "Milimani E123" in last["payload"]
    assert "345 678" not in last["payload"]
    assert await o.verified()


async def test_an_order_of_which_nothing_is_known_is_answered_and_written_down_too(o: Office) -> None:
    answer = await asks(o, await o.of("owner"), phone="0799 123 456")
    assert table(answer) == []
    assert (await register(o))[0].session_rows == 0


async def test_the_same_form_twice_hands_out_once(o: Office) -> None:
    who = await o.of("owner")
    await asks(o, who, phone="0712 345 678")
    again = await asks(o, who, 303, phone="0712 345 678")
    assert "order-there" in again.headers["location"]
    assert len(await register(o)) == 1


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"authority": ""}, "which authority"),
        ({"officer": " "}, "which authority"),
        ({}, "Name one thing"),
        ({"phone": "0712 345 678", "mac": "02:00:00:00:00:01"}, "Name one thing"),
        ({"phone": "12"}, "no phone number"),
        ({"mac": "zz"}, "no MAC"),
        ({"address": "::1"}, "no IP address"),
        ({"phone": "0712 345 678", "since": ""}, "Write moments"),
        ({"phone": "0712 345 678", "since": "2001-01-01T00:00"}, "two years at most"),
        ({"phone": "0712 345 678", "until": "2001-01-01T00:00"}, "two years at most"),
        ({"phone": "0712 345 678", "until": "9999-01-01T00:00"}, "two years at most"),
    ],
)
async def test_half_an_order_is_refused_and_nothing_leaves(o: Office, more: dict[str, str], sentence: str) -> None:
    await furnished(o)
    refused = await asks(o, await o.of("owner"), 400, **more)
    assert sentence in unescape(refused.text)
    assert ORDER["reference"] in refused.text
    assert await register(o) == []


@pytest.mark.parametrize(
    ("role", "read", "make"), [("owner", 200, 200), ("manager", 200, 403), ("auditor", 200, 403), ("cashier", 403, 403)]
)
async def test_an_owner_alone_hands_out(o: Office, role: str, read: int, make: int) -> None:
    who = await o.of(role)
    await who.get(PAGE, read)
    await who.get(f"{PAGE}/new", make)
    await asks(o, who, make, phone="0712 345 678")


async def test_it_needs_the_password_once_more(o: Office) -> None:
    who = await o.of("owner")
    o.home.clock.advance(11 * MINUTE)
    answer = await asks(o, who, 403, phone="0712 345 678")
    assert "password" in answer.text
    assert await register(o) == []
