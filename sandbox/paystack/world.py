"""Paystack in the world of `make run`: the ISP takes new payments through it for as long as it is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from portal.clock import Clock
from portal.db import Database
from portal.payments import accounts, joining
from portal.payments.accounts import Account
from portal.payments.provider import Reader
from portal.seal import Vault
from portal.tenancy.store import Tenant, bump
from portal.units import Unit
from sandbox.paystack.provider import SandboxPaystack
from sandbox.paystack.server import Server, serve_paystack


@asynccontextmanager
async def taking(
    db: Database,
    vault: Vault,
    clock: Clock,
    tenant: Tenant,
    reader: Reader,
    *,
    kind: str,
    port: int,
    public: str,
    at: str,
) -> AsyncIterator[Server]:
    """Payments go through it; `public` is what the portal is called, `at` where a browser on this machine finds it."""
    server = await serve_paystack(SandboxPaystack(clock, reach={public: at}), port=port)
    account = await db.write(tenant.id, _account, vault, clock.now(), tenant, reader, kind, server)
    token = accounts.c2b_token(vault, tenant.public, account.public)
    server.paystack.webhook_url = f"{public}/webhook/{token}"
    try:
        yield server
    finally:
        await db.write(tenant.id, accounts.set_active, account.id, False)
        await server.aclose()


def _account(vault: Vault, now: int, tenant: Tenant, reader: Reader, kind: str, server: Server) -> Unit[Account]:
    """Its account, which may be there from the last time."""
    key = {"consumer_secret": server.paystack.key}
    for each in (yield from accounts.accounts()):
        if each.provider == reader.name:
            yield from joining.rejoin(vault, reader, each, kind, key)
            yield from accounts.set_active(each.id, True)
            yield from bump(tenant.id)
            return each
    return (
        yield from joining.join(
            vault,
            reader,
            now,
            tenant_public=tenant.public,
            environment="sandbox",
            kind=kind,
            secrets=key,
            base_url=server.url,
        )
    )
