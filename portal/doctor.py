"""What is misconfigured and how to mend it: the whole installation, read only.

`examine` looks at the database, the clock, secrets, the public address, M-Pesa and every router. Nothing here stops
at the first fault, and nothing that fails to answer makes the doctor fail.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from portal.clock import MINUTE, SECOND, Clock, Moment, as_datetime
from portal.db import Database
from portal.doctor_database import check_database
from portal.doctor_web import check_public_url
from portal.errors import Misconfigured, RouterError, RouterUnreachable
from portal.findings import Finding, fault, healthy, report, warning
from portal.mikrotik.inspection import Expected, inspect
from portal.mikrotik.replies import RouterCertificateChanged, RouterRefusedLogin
from portal.mikrotik.router_files import files
from portal.mikrotik.wire import Address, connect
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
        *await asyncio.to_thread(check_database, settings.database),
        *check_clock(clock),
        *check_secrets(settings),
        *await check_public_url(settings, clock),
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
    found: list[Router] = []
    for tenant in await db.read(None, tenancy.tenants):
        if tenant.active:
            found += [each for each in await db.read(tenant.id, tenancy.routers) if each.active]
    if not found:
        return [warning("no-router", "No router is known yet.", "Add one with: bando router add.")]
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(router: Router) -> list[Finding]:
        async with gate:
            return await check_router(router, settings, vault, clock)

    return [each for group in await asyncio.gather(*map(one, found)) for each in group]


async def check_router(router: Router, settings: Settings, vault: Vault, clock: Clock) -> list[Finding]:
    """One router: can it be reached and trusted, and is it set up well."""
    try:
        findings = await _visit(router, settings, vault, clock)
    except Misconfigured:
        findings = [_unpinned()]
    except RouterError as error:
        findings = [_no_connection(router, error)]
    return [replace(each, subject=f"router {router.name}") for each in findings]


async def _visit(router: Router, settings: Settings, vault: Vault, clock: Clock) -> list[Finding]:
    address = Address(
        host=router.host,
        port=router.port,
        username=router.username,
        password=router.password(vault),
        fingerprint=router.fingerprint,
        tunnel=router.tunnel,
    )
    wire = await connect(address, timeout_s=PATIENCE_S)
    try:
        return await inspect(wire, await expected_of(router, settings, clock.now()))
    finally:
        await wire.aclose()


async def expected_of(router: Router, settings: Settings, now: Moment) -> Expected:
    """What the router should be like."""
    host = httpx.URL(settings.public_url).host
    return Expected(
        portal_host=host,
        hotspot_host=router.hotspot_host,
        api_user=router.username,
        now=now,
        files=files(settings.public_url, router.public),
        portal_addresses=await addresses_of(host),
    )


async def addresses_of(host: str) -> frozenset[str]:
    """The IPv4 addresses of a name; none when it does not resolve."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET)
    except OSError:
        return frozenset()
    return frozenset(str(each[4][0]) for each in found)


def _unpinned() -> Finding:
    return fault(
        "router-unpinned",
        "Its certificate is not pinned and no tunnel is declared, so Bando does not connect.",
        "Give Bando the fingerprint that the set-up script printed, or declare the tunnel.",
    )


def _no_connection(router: Router, error: RouterError) -> Finding:
    where = f"{router.host}:{router.port}"
    if isinstance(error, RouterCertificateChanged):
        return fault(
            "router-pin",
            f"Another certificate than the pinned one answers at {where}.",
            "If you renewed it, compare the fingerprint on the router and pin it; if not, somebody is between.",
        )
    if isinstance(error, RouterRefusedLogin):
        return fault(
            "router-login",
            f"The router refuses the API account {router.username}.",
            "Check its password, that its group has the policy api, and that its address allows this machine.",
        )
    if isinstance(error, RouterUnreachable):
        return fault(
            "router-unreachable",
            f"Nothing usable answers at {where}.",
            "Check power, tunnel and firewall, and that /ip service has api-ssl enabled for this machine's address.",
        )
    return fault("router-refused", f"The router at {where} refused to be read.", "Check the policies of its API user.")
