"""What is misconfigured and how to mend it: the whole installation, read only.

`examine` looks at the database, the clock, secrets, the public address, the journal, M-Pesa and every router. Nothing
here stops at the first fault, and nothing that fails to answer makes the doctor fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from portal.calls import standing as calls
from portal.clock import MINUTE, SECOND, Clock, as_datetime
from portal.db import Database
from portal.doctor_database import check_place
from portal.doctor_journal import check_journal
from portal.doctor_radius import check_radius
from portal.doctor_web import check_public_url
from portal.findings import Finding, fault, healthy, report, warning
from portal.mikrotik.visit import look_at
from portal.seal import Vault
from portal.settings import SANDBOX_KEY, Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router

__all__ = ["check_router", "examine", "healthy", "report"]

CheckMpesa = Callable[[], Awaitable[list[Finding]]]

CLOCK_SLACK_MS = 2 * MINUTE
SANE = (1_735_689_600_000, 4_102_444_800_000)  # 2025 to 2100: before Bando was written, a clock has not been set
AT_ONCE = 20  # routers looked at together
PATIENCE_S = 10.0


async def examine(
    settings: Settings,
    clock: Clock,
    *,
    db: Database | None = None,
    vault: Vault | None = None,
    http: httpx.AsyncClient | None = None,
    time_url: str = "",
    check_mpesa: CheckMpesa | None = None,
) -> list[Finding]:
    """Everything that is wrong. `time_url` is any page of M-Pesa, whose Date header is compared with our clock."""
    found = [
        *await asyncio.to_thread(check_place, settings.place),
        *check_clock(clock),
        *check_secrets(settings),
        *await check_public_url(settings, clock),
        *([] if settings.sandbox else check_journal()),
    ]
    if http is not None and time_url:
        found += await check_time(http, time_url, clock)
    if check_mpesa is not None:
        found += await check_mpesa()
    if db is not None and vault is not None and not any(each.code in _NO_DATABASE for each in found):
        found += await check_routers(settings, db, vault, clock)
    return found


_NO_DATABASE = frozenset({"database-missing", "database-broken", "database-old"})


# -- this machine -------------------------------------------------------------------------------


def check_clock(clock: Clock) -> Iterator[Finding]:
    year = as_datetime(clock.now()).year
    if not SANE[0] <= clock.now() < SANE[1]:
        yield fault(
            "clock-wrong",
            f"This machine's clock says {year}, so passes would end at the wrong time.",
            "Set the clock and keep it right with network time: timedatectl set-ntp true.",
        )


async def check_time(http: httpx.AsyncClient, url: str, clock: Clock) -> list[Finding]:
    """Our clock beside the provider's; silence says nothing about the clock."""
    try:
        told = (await http.head(url, timeout=PATIENCE_S)).headers.get("date", "")
        theirs = int(parsedate_to_datetime(told).astimezone(UTC).timestamp() * 1000)
    except (httpx.HTTPError, ValueError):
        return []
    off = abs(clock.now() - theirs)
    if off <= CLOCK_SLACK_MS:
        return []
    seconds = off // SECOND
    return [
        fault(
            "clock-off",
            f"This machine's clock is {seconds} s away from M-Pesa's.",
            "Keep it right with network time: timedatectl set-ntp true.",
        )
    ]


def check_secrets(settings: Settings) -> Iterator[Finding]:
    make = "Make one with: openssl rand -hex 32; keep a copy outside the database."
    if len(settings.secret_key) < 32:
        yield fault("secret-short", "BANDO_SECRET_KEY is shorter than 32 characters.", make)
    elif settings.secret_key == SANDBOX_KEY and not settings.sandbox:
        yield fault("secret-default", "BANDO_SECRET_KEY is the sandbox key that everybody knows.", make)
    if settings.clock_file and not settings.sandbox:
        yield fault(
            "clock-file", "BANDO_CLOCK_FILE lets the clock be moved, which is for the sandbox only.", "Remove it."
        )
    if bool(settings.tls_cert) != bool(settings.tls_key):
        yield fault("tls-half", "Only one of BANDO_TLS_CERT and BANDO_TLS_KEY is set.", "Set both, or neither.")
        return
    for name, text in (("BANDO_TLS_CERT", settings.tls_cert), ("BANDO_TLS_KEY", settings.tls_key)):
        if text and not _readable(Path(text)):
            yield fault(
                "tls-file", f"The file that {name} names cannot be read.", f"Correct {name}, or its permissions."
            )


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False


# -- routers ------------------------------------------------------------------------------------


async def check_routers(settings: Settings, db: Database, vault: Vault, clock: Clock) -> list[Finding]:
    """All active routers of all tenants."""
    found: list[tuple[Router, str]] = []
    for tenant in await db.read(None, tenancy.tenants):
        if tenant.active:
            routers = await db.read(tenant.id, tenancy.routers)
            found += [(each, tenant.router_networks) for each in routers if each.active]
    asking = [each for each, _ in found if each.mode == "radius"]
    chain = await check_radius(settings, asking, clock.now())
    if not found:
        return [
            warning(
                "no-router",
                "No router is known yet.",
                "Add one in the console under Routers, or with: bando router add.",
            )
        ]
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(known: tuple[Router, str]) -> list[Finding]:
        router, networks = known
        async with gate:
            return await check_router(router, settings, vault, clock, networks)

    called = [each for each in found if each[0].mode == "api"]
    return [*chain, *(each for group in await asyncio.gather(*map(one, called)) for each in group)]


async def check_router(router: Router, settings: Settings, vault: Vault, clock: Clock, networks: str) -> list[Finding]:
    """One router: can it be reached and trusted, and is it set up well."""
    look = await look_at(router, settings, vault, clock.now(), networks=networks, patience_s=PATIENCE_S)
    found = [*look.findings, *calls.findings(router, clock.now())]
    return [replace(each, subject=f"router {router.name}") for each in found]
