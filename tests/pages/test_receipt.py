"""The receipt of a purchase: what it says, and the tax that is part of a price."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from portal.money import Money
from portal.pages.receipt import included_tax
from portal.tenancy import store as tenancy
from portal.units import Unit, insert, value
from tests.pages.house import house
from tests.payments.refunds.shop import somebody


@given(minor=st.integers(0, 10**9), tax_bp=st.integers(0, 5_000))
def test_price_without_tax_and_its_tax_are_the_price(minor: int, tax_bp: int) -> None:
    tax = included_tax(Money(minor), tax_bp).minor
    net = minor - tax

    assert 0 <= tax <= minor
    assert abs(net * tax_bp - tax * 10_000) <= (10_000 + tax_bp) / 2 + 1


def test_sixteen_per_cent_of_twenty_shillings() -> None:
    assert included_tax(Money(2_000), 1_600) == Money(276)
    assert included_tax(Money(2_000), 0) == Money(0)


async def test_a_paid_purchase_has_a_receipt_with_the_isps_papers(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        papers = {"legal_name": "Kilimani Networks Ltd", "tax_number": "P051234567X", "tax_bp": 1_600}
        await h.home.db.write(None, tenancy.change_own, h.home.tenant.id, papers)
        await h.catalog_again()
        waiting = await h.pay(await h.enter())
        address = waiting.replace("/?", "/receipt?")
        early = await h.http.get(address)
        push = await (await h.prompt()).approve()
        await h.reaches(waiting, "router-offline")
        page = (await h.http.get(address)).text

        assert early.status_code == 404
        for part in ("Kilimani Networks Ltd", "P051234567X", "of which VAT 16 %", "2.76", str(push.receipt)):
            assert part in page
        assert "712345678" not in page.replace(" ", "")
        assert 'href="receipt?' in (await h.http.get(waiting)).text
        assert "Given back" not in page


async def test_what_was_given_back_stands_on_the_receipt(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        waiting = await h.pay(await h.enter())
        await (await h.prompt()).approve()
        await h.reaches(waiting, "router-offline")
        for n, state in enumerate(("done", "done", "declined")):
            await h.home.write(_given_back, n, state)
        page = (await h.http.get(waiting.replace("/?", "/receipt?"))).text

        assert "Given back</dt><dd>KSh\u00a05<" in page


def _given_back(n: int, state: str) -> Unit[None]:
    who = yield from somebody(f"olive {n}", "owner")
    paid = yield from value("SELECT id FROM payments WHERE tenant_id = :tenant AND state = 'paid'")
    yield from insert(
        "refunds",
        public=f"refund {n}",
        form_key=f"form {n}",
        payment_id=paid,
        way="cash",
        amount_minor=250,
        currency="KES",
        state=state,
        reason="slow",
        ends_pass=False,
        asked_by=who,
        asked_at=0,
        result_hash=str(n).encode(),
    )
