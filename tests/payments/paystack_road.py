"""The paying road with a Paystack at its end: the same house, another provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from portal.payments import accounts, joining
from portal.payments.accounts import Account
from portal.payments.paystack import Paystack
from portal.payments.room import Make
from portal.units import Unit
from sandbox.paystack import SandboxPaystack, Switches, serve_paystack
from sandbox.paystack.provider import Transaction
from tests.payments.road import Road, road


@dataclass(kw_only=True)
class PaystackRoad:
    """A road, and what stands at its end."""

    road: Road
    paystack: SandboxPaystack
    account: Account

    async def begun(self, count: int = 1) -> Transaction:
        """The newest transaction, once there are so many."""
        found = list(self.paystack.transactions.values())
        for _ in range(3000):
            found = list(self.paystack.transactions.values())
            if len(found) >= count:
                break
            await asyncio.sleep(0.01)
        return found[-1]


@asynccontextmanager
async def paystack_road(
    folder: Path,
    *,
    kind: str = "page",
    switches: Switches | None = None,
    loops: bool = True,
    make: Make = Paystack,
) -> AsyncIterator[PaystackRoad]:
    """A running road whose tenant takes payments through Paystack."""
    async with road(folder, loops=loops, further=(make,)) as r:
        paystack = SandboxPaystack(r.clock, switches=switches or Switches())
        server = await serve_paystack(paystack)
        account = await r.home.write(add_account, r, kind, paystack.key, server.url)
        token = accounts.c2b_token(r.home.vault, r.home.tenant.public, account.public)
        paystack.webhook_url = f"{r.door}/webhook/{token}"
        await r.catalog.refresh()
        try:
            yield PaystackRoad(road=r, paystack=paystack, account=account)
        finally:
            await server.aclose()


def add_account(r: Road, kind: str, key: str, url: str) -> Unit[Account]:
    return (
        yield from joining.join(
            r.home.vault,
            Paystack(None, r.home.vault),  # type: ignore[arg-type]
            r.clock.now(),
            tenant_public=r.home.tenant.public,
            environment="sandbox",
            kind=kind,
            secrets={"consumer_secret": key},
            base_url=url,
        )
    )
