"""The form of a refund: what stands in it can be sent as it is."""

from __future__ import annotations

import re

import pytest

from portal.payments.refunds import store
from tests.console.money import paid
from tests.console.office import Office, Visitor


@pytest.mark.parametrize(("minor", "shown"), [(2_000, "20"), (1_550, "15.50"), (1_999, "19.99"), (50, "0.50")])
async def test_all_that_is_left_stands_in_the_form_to_the_cent(
    o: Office, owner: Visitor, minor: int, shown: str
) -> None:
    payment_id = await paid(o.home, o.home.clock.now(), minor)
    page = await owner.get(f"/payments/{payment_id}/refund")
    amount = re.search(r'name="amount" [^>]*value="([^"]*)"', page)
    key = re.search(r'name="key" value="([0-9a-f]{16})"', page)
    assert amount
    assert key
    assert amount[1] == shown
    await owner.post(f"/payments/{payment_id}/refund", 303, way="cash", amount=amount[1], reason="slow", key=key[1])

    assert await o.home.read(store.refunded, payment_id) == minor
