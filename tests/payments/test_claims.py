""" "Already paid?": receipts paid by hand, receipts that moved house, and guesses."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from portal.access import admission
from portal.access.hours import WEEK, Hours, local_day
from portal.clock import DAY, HOUR, MINUTE, SECOND
from portal.errors import Refused
from portal.money import Money
from portal.payments import accounts
from portal.payments.claims import Claimed, find_receipt
from portal.payments.initiator import security_credential
from portal.payments.statements.asking import AN_HOUR
from portal.phone import Phone
from portal.tenancy import store as tenancy
from sandbox.mpesa import Switches
from tests.payments.road import MAC, OTHER_MAC, OTHER_PHONE, PHONE, Road, road


async def claim(r: Road, text: str, *, mac: str = MAC, phone: Phone = PHONE, source: str = "10.0.0.1") -> Claimed:
    return await r.payments.claims.claim(r.view, r.router, mac=mac, text=text, phone=phone, source=source)


async def refusal(r: Road, text: str, **changes: Any) -> str:
    with pytest.raises(Refused) as refused:
        await claim(r, text, **changes)
    return refused.value.key


async def with_api_user(r: Road) -> None:
    """The paybill has somebody who may ask M-Pesa about a receipt."""
    r.mpesa.initiators.add(r.account.shortcode, "bandoapi", "Safe#2026")
    text = security_credential("Safe#2026", r.mpesa.certificate)
    sealed = r.home.vault.seal(text, table="mpesa_accounts", row=r.account.public, column="credential_sealed")
    await r.home.write(accounts.set_initiator, r.account.id, "bandoapi", sealed, r.clock.now())


async def test_a_receipt_that_nobody_knows_is_asked_about_and_then_good(tmp_path: Path) -> None:
    async with road(tmp_path, switches=Switches(c2b_loss=1.0)) as r:
        await with_api_user(r)
        receipt = await r.mpesa.pay_by_hand(PHONE.digits, r.account.pay_number, "NOBODY", 20)

        assert await refusal(r, receipt) == "receipt-asked"
        assert await refusal(r, receipt) == "receipt-unknown", "it was asked a moment ago"
        r.clock.advance(3 * SECOND)
        await r.settled_as("unmatched-money")
        assert (await claim(r, receipt)).how == "connected"
        assert len(await r.passes()) == 1


async def test_a_stranger_does_not_learn_which_receipts_exist(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        await r.register_c2b()
        await with_api_user(r)
        receipt = await by_hand(r, account="NOBODY")

        assert await refusal(r, receipt, phone=Phone("254733111222")) == "receipt-asked"
        assert await refusal(r, "SKZ9999999", phone=Phone("254733111222")) == "receipt-asked"


async def by_hand(r: Road, amount: int = 20, account: str = "", phone: Phone = PHONE) -> str:
    """Pay from the M-Pesa menu, and wait until we heard of it."""
    count = len(await r.verdicts())
    receipt = await r.mpesa.pay_by_hand(phone.digits, r.account.pay_number, account, amount)
    await r.settled(count + 1)
    return receipt


async def test_money_with_a_payments_reference_settles_it(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        await r.register_c2b()
        started = await r.buy()
        ref = (await r.see(started)).account_ref
        await r.until(started, "awaiting")
        await (await r.prompt()).cancel()
        await r.until(started, "failed")
        receipt = await by_hand(r, account=f" {ref[:3].lower()} {ref[3:]}", phone=OTHER_PHONE)
        seen = await r.until(started, "paid")

        assert (seen.receipt, len(await r.passes()), await r.lines()) == (receipt, 1, set())


@pytest.mark.parametrize("kind", ["paybill", "till"])
@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_money_that_belongs_to_nothing_is_kept_and_can_be_claimed_once(
    tmp_path: Path, kind: Any, version: str
) -> None:
    async with road(tmp_path, kind=kind) as r:
        await r.register_c2b(version)
        receipt = await by_hand(r, account="HELLO")
        kept = (await r.lines(), await r.passes())
        made = await claim(r, receipt)
        after = await r.lines()
        again = await claim(r, receipt)
        elsewhere = await claim(r, receipt, mac=OTHER_MAC)

        assert (kept, after) == (({"unmatched-money"}, []), set())
        assert (made.how, again.how, elsewhere.how) == ("connected", "already", "moved")
        assert (len(await r.passes()), {made.pass_id}) == (1, {again.pass_id, elsewhere.pass_id})


async def test_money_of_the_sandbox_buys_nothing_where_real_money_is_collected(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        await r.register_c2b()
        receipt = await by_hand(r, account="HELLO")
        await r.home.write(
            accounts.add_account,
            r.home.vault,
            r.clock.now(),
            tenant_public=r.home.tenant.public,
            environment="production",
            kind="paybill",
            shortcode="600123",
            **dict.fromkeys(("consumer_key", "consumer_secret", "passkey"), "x"),
        )

        assert await refusal(r, receipt) == "receipt-unknown"
        assert (await r.passes(), await r.lines()) == ([], {"unmatched-money"})


async def test_guests_leave_staff_questions_to_ask(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        await with_api_user(r)
        asked = []
        for n in range(70):
            r.clock.advance(SECOND)
            with contextlib.suppress(Refused):
                asked.append(await r.payments.asking.of_guest(r.view, f"UKS{n:07}"))
        await r.payments.asking.drain()

        assert 0 < len(asked) < AN_HOUR
        assert await r.payments.asking.status(r.view, "UKS9999999") == 1


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_another_number_cannot_claim(tmp_path: Path, version: str) -> None:
    async with road(tmp_path) as r:
        await r.register_c2b(version)
        receipt = await by_hand(r)
        stranger = await refusal(r, receipt, phone=Phone("254712345679"))
        same_tail = Phone("254722000678")
        named = await refusal(r, receipt, phone=same_tail) if version == "v1" else "receipt-unknown"

        assert (stranger, named, await r.passes()) == ("receipt-unknown", "receipt-unknown", [])


async def test_money_that_fits_no_plan_stays_with_staff(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        await r.register_c2b()
        receipt = await by_hand(r, amount=33)

        assert await refusal(r, receipt) == "receipt-amount"
        assert (await r.passes(), await r.lines()) == ([], {"unmatched-money"})


async def test_two_plans_at_that_price_are_for_staff(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        await r.home.plan_of(name="another")
        await r.home.write(tenancy.bump, r.home.tenant.id)
        await r.catalog.refresh()
        await r.register_c2b()
        receipt = await by_hand(r)

        assert await refusal(r, receipt) == "receipt-amount"


async def test_a_paid_receipt_moves_the_pass_to_a_new_device_with_the_whole_number(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        started = await r.buy()
        push = await (await r.prompt()).approve()
        await r.until(started, "paid")
        assert push.receipt is not None
        sms = r.mpesa.handset(PHONE.digits).inbox[0].text
        wrong = await refusal(r, sms, mac=OTHER_MAC, phone=OTHER_PHONE)
        moved = await claim(r, sms.lower(), mac=OTHER_MAC)
        (made,) = await r.passes()

        assert (wrong, moved.how, made["mac"]) == ("receipt-unknown", "moved", OTHER_MAC)
        assert push.receipt in sms


async def test_a_receipt_whose_pass_has_ended_is_used(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        started = await r.buy()
        push = await (await r.prompt()).approve()
        await r.until(started, "paid")
        assert push.receipt is not None
        (made,) = await r.passes()
        await r.home.write(admission.end_pass, made["id"], "void", r.clock.now())

        assert await refusal(r, push.receipt) == "receipt-used"


async def test_at_a_till_two_open_payments_that_fit_are_for_staff_until_the_callback_says(tmp_path: Path) -> None:
    async with road(tmp_path, kind="till") as r:
        await r.register_c2b()
        first = await r.buy()
        await r.until(first, "awaiting")
        second = await r.buy(mac=OTHER_MAC, phone=OTHER_PHONE, click="2")
        await r.until(second, "awaiting")
        r.mpesa.faults.next(payer=OTHER_PHONE.digits)
        push = (await r.prompt()).pending
        assert push is not None
        push.fault = type(push.fault)(order=("c2b",))
        await (await r.prompt()).approve()
        await r.settled(1)
        parked = (await r.lines(), await r.state(first), await r.state(second), len(await r.passes()))
        await r.mpesa.courier.callback(push, 0)
        await r.until(first, "paid")

        assert parked == ({"two-candidates"}, "awaiting", "awaiting", 0)
        assert (await r.lines(), await r.state(second), len(await r.passes())) == (set(), "awaiting", 1)


async def test_at_a_till_money_by_hand_settles_the_guests_failed_payment(tmp_path: Path) -> None:
    async with road(tmp_path, kind="till") as r:
        await r.register_c2b()
        started = await r.buy()
        await (await r.prompt()).cancel()
        await r.until(started, "failed")
        receipt = await by_hand(r)
        seen = await r.until(started, "paid")

        assert (seen.receipt, len(await r.passes())) == (receipt, 1)


async def test_at_a_till_money_of_another_time_is_not_taken_for_a_payment(tmp_path: Path) -> None:
    async with road(tmp_path, kind="till") as r:
        await r.register_c2b()
        started = await r.buy()
        await (await r.prompt()).cancel()
        await r.until(started, "failed")
        r.clock.advance(11 * MINUTE)
        await by_hand(r)

        assert (await r.state(started), await r.lines()) == ("failed", {"unmatched-money"})


async def test_a_guess_is_counted_before_it_is_looked_at(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        await r.register_c2b()
        receipt = await by_hand(r)

        async def guess(n: int) -> str:
            try:
                await claim(r, f"UKM{n:07}", mac=OTHER_MAC)
            except Refused as refused:
                return refused.key
            return "found"

        said = Counter(await asyncio.gather(*(guess(n) for n in range(200))))
        right = await refusal(r, receipt, mac=OTHER_MAC)
        r.clock.advance(HOUR)
        later = await claim(r, receipt, mac=OTHER_MAC)

        assert said == {"receipt-unknown": 5, "guess-limit": 195}
        assert (right, later.how) == ("guess-limit", "connected")


async def test_many_devices_guess_no_more_than_their_router_may(tmp_path: Path) -> None:
    async with road(tmp_path) as r:

        async def guess(n: int) -> str:
            return await refusal(r, f"UKM{n:07}", mac=f"02:00:00:01:{n >> 8:02X}:{n & 255:02X}", source=f"10.0.{n}")

        said = Counter(await asyncio.gather(*(guess(n) for n in range(300))))
        await r.restart()

        assert said == {"receipt-unknown": 60, "guess-limit": 240}
        assert await refusal(r, "UKM9999999") == "guess-limit"


async def test_who_guessed_right_has_not_guessed(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        await r.register_c2b()
        receipt = await by_hand(r)

        assert {(await claim(r, receipt)).how for _ in range(10)} == {"connected", "already"}


@pytest.mark.parametrize(
    "text, number",
    [
        ("UKM1AB2CD3", "UKM1AB2CD3"),
        ("  ukm1ab2cd3 ", "UKM1AB2CD3"),
        ("UKM1 AB2C D3", "UKM1AB2CD3"),
        ("UKM1-AB2C-D3.", "UKM1AB2CD3"),
        ("UKM1AB2CD3 Confirmed. Ksh20.00 paid to PWANI NET on 22/11/26 at 4:31 PM.", "UKM1AB2CD3"),
        ("ukm1ab2cd3 imethibitishwa. Ksh20.00 imelipwa kwa PWANI", "UKM1AB2CD3"),
        ("Fwd: account BBBBBBBBB2 UKM1AB2CD3 Confirmed. Ksh20.00", "UKM1AB2CD3"),
        ("receipt:UKM1AB2CD3,thanks", "UKM1AB2CD3"),
        ("0712345678", None),
        ("imethibiti", "IMETHIBITI"),
        ("", None),
        ("UKM1AB2CD", None),
        ("UKM1AB2CD33", None),
        ("'; DROP TABLE receipts; --", None),
        ("ＵＫＭ１ＡＢ２ＣＤ３", None),
        ("x" * 5_000, None),
        ("ß" * 2_000, None),
    ],
)
def test_a_receipt_is_found_in_what_people_paste(text: str, number: str | None) -> None:
    assert find_receipt(text) == number


async def test_a_text_without_a_receipt_is_refused(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        assert await refusal(r, "I have paid, I swear") == "receipt-text"
        assert await refusal(r, "UKM1AB2CD3", mac="not a mac") == "mac"


# --- plans that are not for sale then, or not to guests ---


async def test_of_two_plans_at_that_price_the_one_on_sale_when_it_was_paid_is_meant(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        today = local_day(r.home.clock.now(), "Africa/Nairobi").weekday()
        await r.home.plan_of(name="another day", hours=Hours(days=((today + 3) % 7,), begin=0, end=0))
        await r.home.write(tenancy.bump, r.home.tenant.id)
        await r.catalog.refresh()
        await r.register_c2b()
        receipt = await by_hand(r)
        r.home.clock.advance(3 * DAY)  # the claim may come at any time

        assert (await claim(r, receipt)).how == "connected"
        assert [each["plan_name"] for each in await r.passes()] == ["1 hour"]


@pytest.mark.parametrize("why", ["hidden", "hours"])
async def test_money_buys_no_plan_that_guests_could_not_buy(tmp_path: Path, why: str) -> None:
    async with road(tmp_path) as r:
        far = (r.home.clock.now() // MINUTE + 12 * 60) % (24 * 60)  # half a day from now, at Greenwich and in Nairobi
        sale = Hours(days=WEEK, begin=far, end=(far + 1) % (24 * 60))
        changes: dict[str, Any] = {"hidden": True} if why == "hidden" else {"hours": sale}
        await r.home.plan_of(name="cheap", price=Money(500), **changes)
        await r.home.write(tenancy.bump, r.home.tenant.id)
        await r.catalog.refresh()
        await r.register_c2b()
        receipt = await by_hand(r, amount=5)

        assert await refusal(r, receipt) == "receipt-amount"
        assert (await r.passes(), await r.lines()) == ([], {"unmatched-money"})
