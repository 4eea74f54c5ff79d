"""The search box: one box finds a device by everything that a guest may say."""

from __future__ import annotations

import re

import pytest

from portal.access import admission
from portal.access import store as access
from portal.console.guests.clues import clues, mac_of
from portal.console.guests.finding import find
from portal.console.reasons import FAILED, REVIEW
from portal.payments import payment
from portal.tenancy import store as tenancy
from portal.vouchers import codes
from tests.console import guests
from tests.console.office import Office
from tests.console.plans_of_queries import plans
from tests.console.test_guests import at, search
from tests.support import on_postgres
from tests.vouchers import cards

KEY = re.compile(r'name="key" value="([0-9a-f]{16})"')


# --- what a text may be ---


@pytest.mark.parametrize(
    "text", ["02:00:00:aa:bb:cc", "0200.00AA.BBCC", "02-00-00-AA-BB-CC", "020000aabbcc", " 020000 AABBCC "]
)
def test_a_mac_is_read_in_any_spelling(text: str) -> None:
    assert mac_of(text) == "02:00:00:AA:BB:CC"


@pytest.mark.parametrize(
    "text",
    ["", "02:00:00:aa:bb", "02:00:00:aa:bb:cg", "00:00:00:00:00:00", "FF:FF:FF:FF:FF:FF", "01005E0000FB", "x" * 99],
)
def test_what_is_no_device_is_no_mac(text: str) -> None:
    assert mac_of(text) is None


def test_a_part_of_a_number_is_no_clue() -> None:
    for text in ("678", "0712", "TKM4", "B12", "02:00", "", "x" * 2000, "%", "' OR 1=1 --"):
        assert not clues(text).any, text


def test_a_text_may_be_several_things_at_once() -> None:
    both = clues("254712345678")

    assert both.phone is not None
    assert both.mac == "25:47:12:34:56:78" or both.mac is None


def test_every_reason_of_a_payment_has_its_words() -> None:
    assert set(FAILED) >= payment.FAILURES
    assert set(REVIEW) >= payment.REVIEWS


# --- finding ---


async def test_one_box_finds_a_device_by_everything_that_a_guest_may_say(o: Office) -> None:
    who, s = await o.of("support"), o.home
    payer = await guests.device(s, 1)
    await guests.paid(s, payer)
    code = (await cards.print_cards(s, 50))[42]
    await cards.show(s, code, 0x77)
    carded = (await s.read(access.device_by_mac, cards.mac(0x77))).id

    for text in (guests.RECEIPT, guests.RECEIPT.lower(), f"{guests.RECEIPT} Confirmed. Ksh20.00 sent to KILIMANI"):
        assert await search(who, text) == f"/console{at(payer)}", text
    for text in ("0712345678", "0712 345-678", "+254712345678", "254712345678", "712345678"):
        assert await search(who, text) == f"/console{at(payer)}", text
    for text in (guests.mac(1), guests.mac(1).lower().replace(":", ""), guests.mac(1).replace(":", "-")):
        assert await search(who, text) == f"/console{at(payer)}", text
    for text in (code, codes.shown(code), codes.shown(code).lower(), "B1-0043", "b1-43"):
        assert await search(who, text) == f"/console{at(carded)}", text


async def test_nothing_is_found_in_part_and_the_page_says_what_can_be(o: Office) -> None:
    who, s = await o.of("support"), o.home
    await guests.paid(s, await guests.device(s))

    for text in ("678", "0712345", guests.RECEIPT[:9], guests.mac(1)[:-3], "%", "_" * 10):
        assert "Nothing is searched in part." in await search(who, text), text
    assert "nobody paid here with this number" in await search(who, "0799 999 999")
    assert "IP address" in await search(who, "10.5.50.11")
    assert await search(who, "  ") == "/console/guests"


async def test_one_phone_that_paid_for_two_devices_gives_a_list(o: Office) -> None:
    who, s = await o.of("support"), o.home
    await guests.paid(s, await guests.device(s, 1))
    await guests.paid(s, await guests.device(s, 2), receipt="TKM4X7Y2ZR")

    page = await search(who, "0712345678")

    assert guests.mac(1) in page
    assert guests.mac(2) in page
    assert "waiting" in page


async def test_a_receipt_leads_to_where_its_pass_is_now(o: Office) -> None:
    who, s = await o.of("support"), o.home
    old, new = await guests.device(s, 1), await guests.device(s, 2)
    await guests.paid(s, old)
    await s.write(admission.move, old, new, s.clock.now())

    assert await search(who, guests.RECEIPT) == f"/console{at(new)}"


async def test_money_and_cards_without_a_device_are_shown_as_what_they_are(o: Office) -> None:
    who, s = await o.of("support"), o.home
    await guests.money_of_nobody(s, "TKM0000000")
    code = (await cards.print_cards(s))[0]

    money, card = await search(who, "TKM0000000"), await search(who, code)

    assert "belongs to no payment yet" in money
    assert "not used yet" in card
    assert "Voucher B1-0001" in card
    assert codes.shown(code) not in re.sub(r'value="[^"]*"', "", card)


@pytest.mark.parametrize("text", ["0712345678", guests.RECEIPT, "B1-0001", guests.mac(1), "ZZZZZZZZZ"])
async def test_no_search_goes_through_a_whole_table(o: Office, text: str) -> None:
    s = o.home
    await guests.paid(s, await guests.device(s))
    await cards.show(s, (await cards.print_cards(s))[0], 0x77)

    steps = plans(s, find(s.vault, s.tenant.id, clues(text), s.clock.now()))

    # PostgreSQL may go through the few rows that an ISP has here by any index of theirs.
    wide = () if on_postgres() else ("(tenant_id=?)",)
    assert [each for each in steps if each.startswith("SCAN") or each.endswith(wide)] == []


async def test_what_is_searched_for_stands_in_no_address(o: Office) -> None:
    who, s = await o.of("support"), o.home
    device_id = await guests.device(s)
    await guests.paid(s, device_id)

    assert await search(who, "0712345678") == f"/console/guests/device/{device_id}"
    assert 'action="/console/guests" method="post"' in await who.get("/guests")
    assert "0712345678" not in await who.get("/guests", q="0712345678")


async def test_nobody_finds_the_guests_of_another_isp(o: Office) -> None:
    who, s = await o.of("owner"), o.home
    other = await s.db.write(None, tenancy.add_tenant, "Other Wi-Fi", s.clock.now())
    theirs = await s.db.write(other.id, access.touch_device, guests.mac(9), None, s.clock.now())

    assert "never opened your Wi-Fi page" in await search(who, guests.mac(9))
    await who.get(at(theirs.id), 404)
    for what in ("/connect", "/kick", "/let-in", "/block", "/unblock", "/note", "/extend", "/move"):
        fields = {"key": "0" * 16, "give": "hour", "mac": guests.mac(8), "text": "x", "reason": "x"}
        await who.post(at(theirs.id, what), 404, **fields)
    assert await o.acts() == []
    assert await s.db.read(other.id, access.device, theirs.id) == theirs
