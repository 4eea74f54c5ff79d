"""Will M-Pesa take the accounts of all tenants? For the doctor: asks for a token of each, and moves no money."""

from __future__ import annotations

from dataclasses import replace

from portal.db import Database
from portal.errors import ProviderError, ProviderRefused
from portal.findings import Finding, fault, warning
from portal.payments import accounts
from portal.payments.accounts import Account
from portal.payments.provider import Provider, Providers
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant


async def check_accounts(db: Database, providers: Providers, settings: Settings) -> list[Finding]:
    """What is wrong with the M-Pesa accounts of the tenants that are open."""
    found: list[Finding] = []
    for tenant in await db.read(None, tenancy.tenants):
        if tenant.active:
            found += await _check_tenant(db, providers, settings, tenant)
    return found


async def _check_tenant(db: Database, providers: Providers, settings: Settings, tenant: Tenant) -> list[Finding]:
    active = [each for each in await db.read(tenant.id, accounts.accounts) if each.active]
    if not active:
        sentence = "It has no M-Pesa account, so its guests cannot pay by phone."
        return [replace(warning("mpesa-none", sentence, "Add one with: bando account add."), subject=tenant.name)]
    found: list[Finding] = []
    for account in active:
        subject, provider = f"{tenant.name}, {account.label}", providers.get(account.provider)
        told = [*_pretence(account, settings), *([] if provider is None else await _token(provider, account))]
        found += [replace(each, subject=subject) for each in told]
    return found


def _pretence(account: Account, settings: Settings) -> list[Finding]:
    if settings.sandbox or account.environment == "production":
        return []
    remedy = "Add the account of the production environment."
    return [warning("mpesa-sandbox", "It is a sandbox account: guests get online and no money moves.", remedy)]


async def _token(provider: Provider, account: Account) -> list[Finding]:
    try:
        await provider.try_out(account)
    except ProviderRefused as refused:
        if refused.reason == "unregistered":
            return [_unregistered(provider)]
        if refused.reason != "config":
            return [_silent(provider, account)]
        return [_refused(provider, account)]
    except ProviderError:
        return [_silent(provider, account)]
    return []


def _unregistered(provider: Provider) -> Finding:
    sentence = f"{provider.title} is not in the ISP's register of processors, so nothing is sent there."
    return fault("mpesa-unregistered", sentence, "Put it back in the console, under Settings, Processors.")


def _refused(provider: Provider, account: Account) -> Finding:
    if account.provider != accounts.MPESA:
        remedy = f"Copy it again from the ISP's account there, for the {account.environment} environment."
        return fault("mpesa-refused", f"{provider.title} refuses its key.", remedy)
    remedy = f"Copy both again from the app of this number in the {account.environment} environment."
    return fault("mpesa-refused", "M-Pesa refuses its consumer key and secret.", remedy)


def _silent(provider: Provider, account: Account) -> Finding:
    whose = provider.title
    remedy = f"Check this machine's way to the internet; when that is well, {whose} is down and payments wait."
    return warning("mpesa-silent", f"{whose} gave no usable answer at {account.base_url}.", remedy)
