"""Imported codes at the door: at their ISP's routers, for 90 days, counted like every guess."""

from __future__ import annotations

import pytest

from portal.access import store as access
from portal.clock import DAY
from portal.errors import Refused
from portal.imports.work import Choice
from portal.tenancy import store as tenancy
from portal.units import Conflict, value
from portal.units import rows as _rows
from portal.vouchers import imported, store
from portal.vouchers import redeem as trade
from portal.vouchers.batches import code_index
from tests.imports.taking import door, enter, table, take
from tests.support import Seed, a_plan, add_router
from tests.vouchers.cards import batch_of

CARDS = "plan,price,time,code\n1 day,50,1d,Ab12Cd34\n1 day,,,q7w8e9r0\n"


async def refusal(s: Seed, code: str, n: int = 9) -> str:
    with pytest.raises(Refused) as refused:
        await enter(s, await door(s), code, n)
    return refused.value.key


async def guesses(s: Seed) -> int:
    return int(
        await s.read(lambda: value("SELECT COUNT(*) FROM guesses WHERE tenant_id = :tenant AND bucket = 'device'"))
    )


async def second_isp(s: Seed) -> Seed:
    """Another ISP of the same installation, with codes of its own."""
    tenant = await s.db.write(None, tenancy.add_tenant, "Next Door", s.clock.now())
    router = await s.db.write(tenant.id, add_router, s.vault, s.clock.now())
    made = Seed(db=s.db, clock=s.clock, vault=s.vault, tenant=tenant, router_id=router, plan=a_plan())
    made.plan = await made.plan_of()
    return made


@pytest.mark.parametrize("typed", ["Ab12Cd34", "AB12CD34", "ab12 cd34", "ab12-CD34", "\u200bAb12Cd34 "])
async def test_an_imported_code_makes_a_pass_however_it_is_typed(s: Seed, typed: str) -> None:
    await take(s, table(s, CARDS))

    done = await enter(s, await door(s), typed, 1)

    one = await s.read(access.get_pass, done.pass_id)
    assert (done.how, one.plan_name, one.span_ms) == ("connected", "1 day", DAY)


async def test_it_makes_one_pass_and_no_second_guest_gets_another(s: Seed) -> None:
    await take(s, table(s, CARDS))
    await enter(s, await door(s), "ab12cd34", 1)

    assert await refusal(s, "ab12cd34", 2) == "voucher-move"


async def test_it_does_nothing_at_another_isp(s: Seed) -> None:
    await take(s, table(s, CARDS))
    other = await second_isp(s)

    assert await refusal(other, "Ab12Cd34") == "voucher-typo"  # that ISP has no imported codes at all
    await take(other, table(other, "plan,price,time,code\n1 day,50,1d,zz99yy88\n"))
    assert await refusal(other, "Ab12Cd34") == "voucher-unknown"
    assert (await enter(s, await door(s), "Ab12Cd34", 1)).how == "connected"  # and still does at its own


async def test_the_same_code_at_two_isps_is_two_codes(s: Seed) -> None:
    other = await second_isp(s)
    await take(s, table(s, CARDS))
    await take(other, table(other, "plan,price,time,code\nTheir week,300,7d,AB12CD34\n"))

    ours, theirs = await enter(s, await door(s), "ab12cd34", 1), await enter(other, await door(s), "ab12cd34", 1)

    assert (await s.read(access.get_pass, ours.pass_id)).plan_name == "1 day"
    assert (await other.read(access.get_pass, theirs.pass_id)).plan_name == "Their week"


async def test_a_phone_that_no_router_has_named_finds_it_nowhere(s: Seed) -> None:
    await take(s, table(s, CARDS))

    with pytest.raises(Refused) as refused:
        await (await door(s)).look_openly("Ab12Cd34", "192.0.2.1")

    assert refused.value.key == "voucher-typo"
    assert not await s.db.read(None, lambda: value("SELECT COUNT(*) FROM code_owners"))


async def test_after_90_days_it_is_refused(s: Seed) -> None:
    await take(s, table(s, CARDS))
    s.clock.advance(90 * DAY - 1_000)
    assert (await enter(s, await door(s), "Ab12Cd34", 1)).how == "connected"
    s.clock.advance(2_000)

    assert await refusal(s, "q7w8e9r0") == "voucher-typo"  # none is good any more: nothing is looked up


async def test_after_90_days_it_is_refused_also_while_later_ones_are_good(s: Seed) -> None:
    await take(s, table(s, CARDS))
    s.clock.advance(30 * DAY)
    await take(s, table(s, "plan,price,time,code\n1 day,50,1d,later123\n"))
    s.clock.advance(60 * DAY + 1_000)

    assert await refusal(s, "q7w8e9r0") == "voucher-unknown"
    assert (await enter(s, await door(s), "later123", 1)).how == "connected"


async def test_a_pass_that_goes_on_longer_is_not_opened_by_the_code_after_its_end(s: Seed) -> None:
    await take(s, table(s, "plan,price,time,code\nYear,5000,360d,Ab12Cd34\n"), Choice(days=2))
    await take(s, table(s, "plan,price,time,code\nYear,5000,360d,late1234\n"))
    done = await enter(s, await door(s), "Ab12Cd34", 1)
    s.clock.advance(2 * DAY + 1_000)

    assert await refusal(s, "Ab12Cd34", 2) == "voucher-unknown"
    assert (await s.read(access.get_pass, done.pass_id)).state != "ended"


async def test_a_wrong_short_code_counts_as_a_guess(s: Seed) -> None:
    await take(s, table(s, CARDS))

    for n in range(5):
        assert await refusal(s, f"wrong{n:03}") == "voucher-unknown"
    assert await guesses(s) == 5
    assert await refusal(s, "Ab12Cd34") == "voucher-wait"  # the right one, too: this device has guessed enough


async def test_an_isp_without_imported_codes_counts_no_typing_mistake(s: Seed) -> None:
    for n in range(20):
        assert await refusal(s, f"wrong{n:03}") == "voucher-typo"

    assert await guesses(s) == 0


async def test_what_is_as_long_as_no_imported_code_is_a_typing_mistake(s: Seed) -> None:
    await take(s, table(s, CARDS))

    assert await refusal(s, "wrong") == "voucher-typo"
    assert await guesses(s) == 0


async def test_an_index_without_the_isp_would_make_one_code_of_two(s: Seed) -> None:
    """The control: with Bando's own kind of index the second ISP could not have the code, and phones would find it."""
    other = await second_isp(s)

    await s.write(batch_of, s.vault, s.tenant.id, s.plan, ["AB12CD34"], s.clock.now(), "imported-mixed-8")

    with pytest.raises(Conflict):
        await other.write(batch_of, s.vault, other.tenant.id, other.plan, ["AB12CD34"], s.clock.now())
    assert await s.db.read(None, store.owner_of, code_index(s.vault, "AB12CD34")) == s.tenant.id


async def test_a_code_of_bando_goes_on_opening_its_pass_where_an_imported_one_does_not(s: Seed) -> None:
    """The control: the very same card, as if it were one of Bando's own, opens its pass after its end."""
    await take(s, table(s, "plan,price,time,code\nYear,5000,360d,Ab12Cd34\n"), Choice(days=2))
    await enter(s, await door(s), "Ab12Cd34", 1)
    s.clock.advance(2 * DAY + 1_000)
    code = imported.index_of(s.vault, s.tenant.id, "AB12CD34")

    assert await s.read(trade.find, code, s.clock.now()) is None
    await s.write(lambda: _rows("UPDATE batches SET style = 'letters-8' WHERE tenant_id = :tenant"))
    assert await s.read(trade.find, code, s.clock.now()) is not None
