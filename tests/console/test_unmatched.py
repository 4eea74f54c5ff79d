"""Money that matched nothing gets its place by staff: an order, a pass, or the way back."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from portal.access import admission
from portal.access.store import Cause
from portal.check import breaches
from portal.clock import DAY, HOUR, MINUTE
from portal.money import Money
from portal.payments import by_hand, claims, settle, store
from portal.payments.claims import Claim, Wish
from portal.payments.settle import MoneyMoved, Said
from portal.people import store as people
from portal.phone import Phone
from portal.seal import new_public
from portal.tenancy import store as tenancy
from portal.units import Row, Unit, insert, one, rows, value
from tests.console import guests, money
from tests.console.office import Office, Visitor

NUMBER = "SKE0000001"


async def came(o: Office, number: str = NUMBER, **fields: Any) -> int:
    """Money that matched nothing, and its line."""
    account = await o.home.write(money._account, o.home)
    filled = {"account_id": account, "paid_at": o.home.clock.now(), **fields}
    receipt_id = await money.receipt(o.home, number, o.home.clock.now(), **filled)
    await o.home.write(
        tenancy.open_exception, "unmatched-money", f"receipt:{number}", "Money came.", o.home.clock.now()
    )
    return receipt_id


async def row(o: Office, table: str, row_id: int) -> Row:
    found: Row = await o.home.read(one, f"SELECT * FROM {table} WHERE tenant_id = :tenant AND id = :id", id=row_id)
    return found


async def passes(o: Office) -> list[Row]:
    return list(await o.home.read(rows, "SELECT * FROM passes WHERE tenant_id = :tenant"))


async def open_lines(o: Office) -> set[str]:
    return {each["kind"] for each in await o.home.read(tenancy.exceptions)}


async def sound(o: Office) -> None:
    """Every invariant holds, and the log is whole."""
    o.home.clock.advance(2 * MINUTE)
    assert await o.home.read(breaches, o.home.clock.now()) == []
    assert await o.verified()


def offered(page: str) -> list[int]:
    return [int(each) for each in re.findall(r'name="payment" value="(\d+)"', page)]


# --- an order ---


async def test_orders_of_the_same_amount_and_time_are_offered_the_same_number_first(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    far = await money.payment(o.home, now - 3 * HOUR, state="failed", phone_tail="111")
    near = await money.payment(o.home, now - MINUTE, state="failed", phone_tail="111")
    own = await money.payment(o.home, now - 5 * HOUR, state="failed")
    await money.payment(o.home, now, 5000)  # another amount
    await money.payment(o.home, now - 3 * DAY)  # another day
    settled = await money.paid(o.home, now)
    await money.receipt(o.home, "SKE0000009", now, settled)  # has its receipt
    page = await owner.get(f"/payments/money/{await came(o)}")

    assert offered(page) == [own, near, far]
    assert "same last digits" in page
    assert "0712" not in page


async def test_an_order_that_is_tapped_is_paid_by_the_receipt_once_and_its_line_is_done(
    o: Office, owner: Visitor
) -> None:
    order = await money.payment(o.home, o.home.clock.now(), state="failed", reason="cancelled")
    receipt = await came(o)
    done = await owner.post(f"/payments/money/{receipt}/match", payment=str(order))
    again = await owner.post(f"/payments/money/{receipt}/match", payment=str(order))
    paid, made = await row(o, "payments", order), await passes(o)

    assert (done.headers["location"], again.headers["location"]) == (
        f"/console/payments/{order}?said=money-matched",
        f"/console/payments/{order}?said=money-done",
    )
    assert (paid["state"], paid["settled_by"], paid["receipt_state"]) == ("paid", "staff", "here")
    assert [each["cause_ref"] for each in made] == [paid["public"]]
    assert (await row(o, "receipts", receipt))["state"] == "matched"
    assert await open_lines(o) == set()
    act = (await o.acts())[-1]
    assert (act["act"], act["subject"], act["money"]) == ("money.match", f"payment:{order}", 1)
    assert "the word of staff" in await owner.get(f"/payments/{order}")
    await sound(o)


async def test_any_other_order_is_matched_by_its_reference(o: Office, owner: Visitor) -> None:
    order = await money.payment(o.home, o.home.clock.now() - 9 * DAY, state="expired_unknown", account_ref="AB12CD34")
    receipt = await came(o)
    await owner.post(f"/payments/money/{receipt}/match", ref=" ab12 cd34 ")

    assert (await row(o, "payments", order))["state"] == "paid"
    await sound(o)


async def test_an_order_of_another_amount_or_with_a_receipt_is_refused_and_nothing_is_lost(
    o: Office, owner: Visitor
) -> None:
    now = o.home.clock.now()
    dear = await money.payment(o.home, now, 5000, account_ref="DEAR0001")
    settled = await money.paid(o.home, now)
    await money.receipt(o.home, "SKE0000009", now, settled)
    receipt = await came(o)
    refused = await owner.post(f"/payments/money/{receipt}/match", 409, ref="DEAR0001")
    taken = await owner.post(f"/payments/money/{receipt}/match", 409, payment=str(settled))
    nobody = await owner.post(f"/payments/money/{receipt}/match", 404, ref="NOPE")

    assert "of another amount" in refused.text
    assert 'value="DEAR0001"' in refused.text
    assert "has a receipt already" in taken.text
    assert "no order with this reference" in nobody.text
    assert (await row(o, "payments", dear))["state"] == "awaiting"
    assert (await row(o, "receipts", receipt))["state"] == "unmatched"
    assert await passes(o) == []


async def test_a_payment_that_staff_look_at_is_paid_by_their_word_alone(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    order = await money.payment(o.home, now, state="review", reason="wrong-ids")
    receipt = await came(o, state="review")
    one_payment = await o.home.read(store.payment, order)
    moved = MoneyMoved(
        number=NUMBER, environment="sandbox", amount=Money(2000), account_id=one_payment.account_id, shortcode=""
    )
    await o.home.write(
        settle.settle, o.home.vault, one_payment, Said(kind="success", via="c2b", money=moved), o.home.clock.now()
    )
    assert (await row(o, "payments", order))["state"] == "review"
    await owner.post(f"/payments/money/{receipt}/match", payment=str(order))

    assert (await row(o, "payments", order))["state"] == "paid"
    assert len(await passes(o)) == 1
    await sound(o)


# --- a pass ---


async def test_a_pass_is_given_to_the_device_for_the_plan_that_costs_just_as_much(o: Office, owner: Visitor) -> None:
    device = await guests.device(o.home)
    receipt = await came(o)
    page = await owner.get(f"/payments/money/{receipt}")
    assert "just as much" in page
    assert guests.mac(1) in page
    await owner.post(f"/payments/money/{receipt}/give", device=str(device), plan=str(o.home.plan.id))
    (made,) = await passes(o)
    paid = await o.home.read(store.payment_by_public, made["cause_ref"])

    assert (made["device_id"], made["cause_kind"]) == (device, "payment")
    assert (paid.state, paid.settled_by, paid.amount) == ("paid", "staff", Money(2000))
    assert (await row(o, "receipts", receipt))["payment_id"] == paid.id
    assert await open_lines(o) == set()
    assert "not known" in await owner.get(f"/payments/{paid.id}")
    act = (await o.acts())[-1]
    assert (act["act"], act["subject"], act["money"]) == ("money.give", f"device:{device}", 1)
    await sound(o)


async def test_another_plan_needs_a_reason_and_what_was_typed_stays(o: Office, owner: Visitor) -> None:
    day = await o.home.plan_of(name="1 day", price=Money(5000))
    device = await guests.device(o.home)
    receipt = await came(o)
    fields = {"device": str(device), "plan": str(day.id), "phone": "0712345678"}
    refused = await owner.post(f"/payments/money/{receipt}/give", 400, **fields)
    assert "Say why it is given" in refused.text
    assert 'value="0712345678"' in refused.text
    assert re.search(rf'value="{device}" required checked', refused.text)
    assert await passes(o) == []
    await owner.post(f"/payments/money/{receipt}/give", 303, reason="was promised a day", **fields)

    (made,) = await passes(o)
    assert made["plan_name"] == "1 day"
    await sound(o)


async def test_the_number_that_staff_were_told_must_be_the_payers(o: Office, owner: Visitor) -> None:
    device = await guests.device(o.home)
    receipt = await came(o)
    fields = {"device": str(device), "plan": str(o.home.plan.id)}
    refused = await owner.post(f"/payments/money/{receipt}/give", 400, phone="0712345999", **fields)
    assert "did not come from that number" in refused.text
    await owner.post(f"/payments/money/{receipt}/give", 303, phone="0712345678", **fields)

    (made,) = await passes(o)
    moved = await claim(o, "02:00:00:00:00:77")
    assert (moved.pass_id, moved.how) == (made["id"], "moved")


async def test_a_device_is_found_by_its_number_and_nothing_of_it_stands_in_the_address(
    o: Office, owner: Visitor
) -> None:
    for n in range(1, 9):
        await guests.device(o.home, n)
        o.home.clock.advance(MINUTE)
    receipt = await came(o)
    assert guests.mac(1) not in await owner.get(f"/payments/money/{receipt}")
    found = await owner.post(f"/payments/money/{receipt}/find", 200, q=guests.mac(1).lower())
    nothing = await owner.post(f"/payments/money/{receipt}/find", 200, q="02:99:99:99:99:99")

    assert guests.mac(1) in found.text
    assert guests.mac(8) not in found.text
    assert "Nothing was found" in nothing.text


async def test_a_blocked_device_gets_nothing(o: Office, owner: Visitor) -> None:
    device = await guests.device(o.home)
    await o.home.write(admission.block, device, True, o.home.clock.now())
    receipt = await came(o)
    refused = await owner.post(f"/payments/money/{receipt}/give", 409, device=str(device), plan=str(o.home.plan.id))

    assert "blocked" in refused.text
    assert await passes(o) == []


# --- at once ---


async def at_once(o: Office, owner: Visitor, receipt: int, device: int, times: int = 32) -> list[Any]:
    csrf = await owner.token()
    fields = {"csrf": csrf, "device": str(device), "plan": str(o.home.plan.id)}
    posts = (owner.http.post(f"/console/payments/money/{receipt}/give", data=fields) for _ in range(times))
    return list(await asyncio.gather(*posts))


async def test_32_posts_at_once_make_one_pass_and_one_act(o: Office, owner: Visitor) -> None:
    device, receipt = await guests.device(o.home), await came(o)
    answers = await at_once(o, owner, receipt, device)
    (made,) = await passes(o)
    paid = await o.home.read(store.payment_by_public, made["cause_ref"])

    assert {each.status_code for each in answers} == {303}
    assert {each.headers["location"].split("?")[0] for each in answers} == {f"/console/payments/{paid.id}"}
    assert [each["act"] for each in await o.acts()] == ["money.give"]
    await sound(o)


def careless(o: Office, receipt_id: int, device: int) -> Unit[None]:
    """What `give` would be without its guards: it looked before, and asks neither the click nor the receipt."""
    receipt = yield from store.receipt_by_id(receipt_id)
    assert receipt is not None
    now = o.home.clock.now()
    person = yield from people.nobody_known(now)
    wish = Wish(plan=o.home.plan, device_id=device, router_id=None, person_id=person)
    other = store.Receipt(**{**receipt.__dict__, "number": new_public()})
    _, public = yield from claims.paid_with(other, wish, "staff", None, now)
    yield from admission.grant(o.home.plan, device, Cause(kind="payment", ref=public), now)


async def test_without_the_guards_the_same_posts_would_make_many(o: Office) -> None:
    device, receipt = await guests.device(o.home), await came(o)

    async def one_tap() -> None:
        if (await o.home.read(by_hand.waiting, receipt)) is not None:
            await o.home.write(careless, o, receipt, device)

    await asyncio.gather(*(one_tap() for _ in range(32)))
    assert len(await passes(o)) > 1


async def claim(o: Office, mac: str = "02:00:00:00:00:05") -> claims.Claimed:
    router = (await o.home.read(tenancy.routers))[0]
    asked = Claim(
        tenant_id=o.home.tenant.id,
        router=router,
        plans=[o.home.plan],
        timezone=o.home.tenant.timezone,
        mac=mac,
        number=NUMBER,
        phone=Phone("254712345678"),
    )
    done: claims.Claimed = await o.home.write(claims.redeem, o.home.vault, asked, [], o.home.clock.now())
    return done


@pytest.mark.parametrize("guest_first", [True, False])
async def test_the_guest_who_claims_while_staff_give_gets_one_pass(
    o: Office, owner: Visitor, guest_first: bool
) -> None:
    device, receipt = await guests.device(o.home), await came(o)
    racing = [claim(o), at_once(o, owner, receipt, device, 8)]
    await asyncio.gather(*(racing if guest_first else reversed(racing)), return_exceptions=True)

    assert len(await passes(o)) == 1
    assert await o.home.read(value, "SELECT COUNT(*) FROM payments WHERE tenant_id = :tenant") == 1
    await sound(o)


# --- back ---


async def test_what_was_sent_back_pays_nothing_any_more(o: Office, owner: Visitor) -> None:
    device, receipt = await guests.device(o.home), await came(o)
    refused = await owner.post(f"/payments/money/{receipt}/return", 400, back_ref="SKE0000RRR")
    assert 'value="SKE0000RRR"' in refused.text
    await owner.post(f"/payments/money/{receipt}/return", back_reason="paid to the wrong shop", back_ref="SKE0000RRR")
    again = await owner.post(f"/payments/money/{receipt}/return", 409, back_reason="once more")
    given = await owner.post(f"/payments/money/{receipt}/give", 409, device=str(device), plan=str(o.home.plan.id))
    with pytest.raises(Exception, match="receipt-used"):
        await claim(o)

    assert "sent back already" in again.text
    assert "sent back already" in given.text
    assert (await row(o, "receipts", receipt))["state"] == "returned"
    assert await open_lines(o) == set()
    assert await passes(o) == []
    assert [each["act"] for each in await o.acts()] == ["money.return"]
    await sound(o)


async def test_late_evidence_that_names_money_sent_back_makes_no_pass(o: Office, owner: Visitor) -> None:
    order = await money.payment(o.home, o.home.clock.now())
    receipt = await came(o)
    await owner.post(f"/payments/money/{receipt}/return", back_reason="wrong shop")
    one_payment = await o.home.read(store.payment, order)
    moved = MoneyMoved(
        number=NUMBER, environment="sandbox", amount=Money(2000), account_id=one_payment.account_id, shortcode=""
    )
    await o.home.write(
        settle.settle, o.home.vault, one_payment, Said(kind="success", via="stk", money=moved), o.home.clock.now()
    )

    assert (await row(o, "payments", order))["state"] == "review"
    assert (await row(o, "receipts", receipt))["state"] == "returned"
    assert await passes(o) == []
    await sound(o)


# --- an order whose money somebody has seen ---


async def test_the_receipt_that_staff_found_pays_the_order_and_comes_later_as_known(o: Office, owner: Visitor) -> None:
    order = await money.payment(o.home, o.home.clock.now(), state="expired_unknown", public="ab12")
    await o.home.write(tenancy.open_exception, "unknown-outcome", "payment:ab12", "Nobody knows.", 0)
    assert "This is the receipt" in await owner.get(f"/payments/{order}")
    await owner.post(f"/payments/{order}/receipt", number="TKM4X7Y2ZQ Confirmed. Ksh20.00 sent")
    twice = await owner.post(f"/payments/{order}/receipt", 409, number="TKM4X7Y2ZQ")

    assert "has a receipt already" in twice.text
    assert (await row(o, "payments", order))["state"] == "paid"
    assert await o.home.read(value, "SELECT number FROM receipts WHERE tenant_id = :tenant") == "TKM4X7Y2ZQ"
    assert await open_lines(o) == set()
    assert len(await passes(o)) == 1
    await sound(o)


async def test_a_receipt_of_another_isp_pays_no_order(o: Office, owner: Visitor) -> None:
    there = await o.home.db.write(None, tenancy.add_tenant, "Next Door", o.home.clock.now())
    await o.home.db.write(
        there.id,
        money_row,
        {"number": "TKM4X7Y2ZQ", "seen_at": 1},
    )
    order = await money.payment(o.home, o.home.clock.now())
    refused = await owner.post(f"/payments/{order}/receipt", 409, number="TKM4X7Y2ZQ")

    assert "in the books already" in refused.text
    assert (await row(o, "payments", order))["state"] == "awaiting"
    assert await o.acts() == []
    assert await passes(o) == []


def money_row(columns: dict[str, Any]) -> Unit[int]:
    filled = {
        "provider": "mpesa",
        "environment": "sandbox",
        "amount_minor": 2000,
        "currency": "KES",
        "seen_via": "c2b",
        "state": "unmatched",
        **columns,
    }
    return (yield from insert("receipts", **filled))


async def test_an_order_that_counts_as_paid_waits_for_its_receipt_and_makes_one_pass(o: Office, owner: Visitor) -> None:
    order = await money.payment(o.home, o.home.clock.now(), state="failed")
    await owner.post(f"/payments/{order}/paid", 400)
    await owner.post(f"/payments/{order}/paid", reason="saw the message on the phone")
    await owner.post(f"/payments/{order}/paid", 409, reason="saw it twice")
    receipt = await came(o)
    paid = await row(o, "payments", order)
    assert (paid["state"], paid["receipt_state"]) == ("paid", "to come")
    await owner.post(f"/payments/money/{receipt}/match", payment=str(order))

    assert (await row(o, "payments", order))["receipt_state"] == "here"
    assert len(await passes(o)) == 1
    await sound(o)


# --- the page ---


async def test_a_line_about_money_leads_to_the_page_and_one_about_an_order_to_the_order(
    o: Office, owner: Visitor
) -> None:
    receipt = await came(o)
    order = await money.payment(o.home, o.home.clock.now(), state="review", public="ab12", reason="wrong-amount")
    await o.home.write(tenancy.open_exception, "wrong-amount", "payment:ab12", "Not the amount.", 0)
    page = await owner.get("/payments/queue")

    assert f'href="/console/payments/money/{receipt}"' in page
    assert "Settle this order" in page
    assert f'href="/console/payments/{order}"' in page


async def test_money_that_named_an_order_of_another_amount_settles_the_line_of_that_order(
    o: Office, owner: Visitor
) -> None:
    order = await money.payment(
        o.home, o.home.clock.now(), 5000, state="review", reason="wrong-amount", public="ab12", account_ref="REF00001"
    )
    await o.home.write(tenancy.open_exception, "wrong-amount", "payment:ab12", "Not the amount.", 0)
    receipt = await came(o, account_ref="REF00001", state="review")
    assert f"/console/payments/money/{receipt}" in await owner.get(f"/payments/{order}")
    device = await guests.device(o.home)
    await owner.post(f"/payments/money/{receipt}/give", device=str(device), plan=str(o.home.plan.id))

    assert await open_lines(o) == set()
    assert len(await passes(o)) == 1
    await sound(o)


async def test_who_may_not_settle_sees_no_buttons_and_may_not_post(o: Office) -> None:
    receipt = await came(o)
    who = await o.of("cashier")
    assert "What this money was for" not in await who.get("/payments/queue")
    await who.get(f"/payments/money/{receipt}", 403)
    await who.post(f"/payments/money/{receipt}/return", 403, back_reason="because")
    await who.post(f"/payments/money/{receipt}/give", 403, device="1", plan="1")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"device": "x", "plan": "1"},
        {"device": "9" * 30, "plan": "1"},
        {"device": "1", "plan": "one"},
        {"device": "-1", "plan": "1"},
        {"device": "424242", "plan": "1"},
        {"device": "1", "plan": "1", "reason": "x" * 2000},
        {"device": "1", "plan": "1", "phone": "'; DROP TABLE"},
    ],
)
async def test_odd_fields_are_refused_and_store_nothing(o: Office, owner: Visitor, fields: dict[str, str]) -> None:
    await guests.device(o.home)
    receipt = await came(o)
    data = {"csrf": await owner.token(), **fields}
    answer = await owner.http.post(f"/console/payments/money/{receipt}/give", data=data)

    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert await passes(o) == []
    assert await o.acts() == []
