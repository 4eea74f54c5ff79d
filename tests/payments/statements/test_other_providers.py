"""Statements, questions and reversals are M-Pesa's alone: an account at another provider is left out of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from portal.errors import Refused
from portal.payments import accounts
from portal.payments.office import initiator_of
from portal.payments.statements import asking, checking, store
from tests.payments.paystack_road import PaystackRoad, paystack_road


async def with_user(p: PaystackRoad) -> None:
    """Both accounts have an API user, as if somebody had typed one at Paystack's too."""
    for account in (p.account, p.road.account):
        sealed = p.road.home.vault.seal("c", table="mpesa_accounts", row=account.public, column="credential_sealed")
        await p.road.home.write(accounts.set_initiator, account.id, "anna", sealed, p.road.clock.now())


async def test_only_an_account_at_mpesa_is_read(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, loops=False) as p:
        p.road.clock.advance(60_000)
        await p.road.payments.pulls.run_once()

        assert set(await p.road.home.read(store.pulls)) == {p.road.account.id}


async def test_a_day_is_covered_without_a_statement_of_another_provider(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, loops=False) as p:
        now = p.road.clock.now()
        before = await p.road.home.read(checking.covered, now - 1000, now)
        for account in (p.road.account, p.account):  # a span of the other one's is no reason to expect its receipts
            await p.road.home.write(store.add_span, account.id, 0, now + 10**7, "pull", 0, now)

        assert (before, await p.road.home.read(checking.covered, now - 1000, now)) == (False, True)
        whole = await p.road.home.read(checking.read_whole, now - 1000, now)
        assert {account_id for account_id, _, _ in whole} == {p.road.account.id}


async def test_only_an_account_at_mpesa_is_asked_about(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, loops=False) as p:
        await with_user(p)
        asked = await p.road.home.write(
            asking.ask, p.road.home.vault, p.road.home.tenant.public, "balance", None, p.road.clock.now()
        )

        assert [each.account.id for each in asked] == [p.road.account.id]


async def test_without_an_account_at_mpesa_there_is_nobody_to_ask(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, loops=False) as p:
        await with_user(p)
        await p.road.home.write(accounts.set_active, p.road.account.id, False)
        with pytest.raises(Refused, match="ask-setup"):
            await p.road.home.write(
                asking.ask, p.road.home.vault, p.road.home.tenant.public, "balance", None, p.road.clock.now()
            )


async def test_another_provider_takes_no_reversal_even_with_an_api_user(tmp_path: Path) -> None:
    async with paystack_road(tmp_path, loops=False) as p:
        await with_user(p)
        found = await p.road.home.read(accounts.get_account, p.account.id)
        assert found is not None

        assert (found.can_reverse, initiator_of(p.road.home.vault, found)) == (False, None)
        assert replace(found, provider=accounts.MPESA).can_reverse
