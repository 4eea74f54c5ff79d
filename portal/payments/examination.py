"""Will M-Pesa take the accounts of all tenants? For the doctor: asks for a token of each, and moves no money."""

from __future__ import annotations

from dataclasses import replace

from portal.db import Database
from portal.errors import ProviderError, ProviderRefused
from portal.findings import Finding, fault, warning
from portal.payments import accounts
from portal.payments.accounts import Account
from portal.payments.daraja import Daraja
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant


async def check_accounts(db: Database, provider: Daraja, settings: Settings) -> list[Finding]:
    """What is wrong with the M-Pesa accounts of the tenants that are open."""
    found: list[Finding] = []
    for tenant in await db.read(None, tenancy.tenants):
        if tenant.active:
            found += await _check_tenant(db, provider, settings, tenant)
    return found


async def _check_tenant(db: Database, provider: Daraja, settings: Settings, tenant: Tenant) -> list[Finding]:
    active = [each for each in await db.read(tenant.id, accounts.accounts) if each.active]
    if not active:
        sentence = "It has no M-Pesa account, so its guests cannot pay by phone."
        return [replace(warning("mpesa-none", sentence, "Add one with: bando account add."), subject=tenant.name)]
    found: list[Finding] = []
    for account in active:
        subject = f"{tenant.name}, {account.kind} {account.pay_number}"
        told = [*_pretence(account, settings), *await _token(provider, account)]
        found += [replace(each, subject=subject) for each in told]
    return found


def _pretence(account: Account, settings: Settings) -> list[Finding]:
    if settings.sandbox or account.environment == "production":
        return []
    remedy = "Add the account of M-Pesa's production environment."
    return [warning("mpesa-sandbox", "It is a sandbox account: guests get online and no money moves.", remedy)]


async def _token(provider: Daraja, account: Account) -> list[Finding]:
    try:
        await provider.try_out(account)
    except ProviderRefused as refused:
        if refused.reason != "config":
            return [_silent(account)]
        remedy = f"Copy both again from the app of this number in the {account.environment} environment."
        return [fault("mpesa-refused", "M-Pesa refuses its consumer key and secret.", remedy)]
    except ProviderError:
        return [_silent(account)]
    return []


def _silent(account: Account) -> Finding:
    remedy = "Check this machine's way to the internet; when that is well, M-Pesa is down and payments wait."
    return warning("mpesa-silent", f"M-Pesa gave no usable answer at {account.base_url}.", remedy)
