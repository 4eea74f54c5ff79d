"""A look at a router that changes nothing: what it is, how it is, and what to mend. For the doctor and the console.

A router that does not answer, or that is not trusted yet, gives a finding instead of an error.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from portal.clock import Moment, as_datetime
from portal.errors import Misconfigured, RouterError, RouterTrap, RouterUnreachable
from portal.findings import Finding, fault
from portal.mikrotik.addresses import AddressRefused, Policy, Resolve, policy_for, resolve
from portal.mikrotik.inspection import judge, router_time
from portal.mikrotik.picture import Expected, Picture, take
from portal.mikrotik.replies import RouterCertificateChanged, RouterRefusedLogin
from portal.mikrotik.router_files import files
from portal.mikrotik.wire import Address, Wire, connect
from portal.seal import Vault
from portal.settings import Settings
from portal.tenancy.store import Router

PATIENCE_S = 10.0  # for the whole look
MAX_SEEN = 8 << 20  # bytes of its answers underway; settings and pages are some hundred KB
GARDEN = frozenset({"garden", "garden-open", "garden-probe"})  # codes of findings


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen. Without an answer there are only the findings."""

    at: Moment
    findings: Sequence[Finding]
    answered: bool = False
    version: str = ""
    board: str = ""
    uptime: str = ""
    off_ms: int | None = None  # its clock against ours; positive: ahead
    took_ms: int | None = None  # one question and its answer

    @property
    def garden_open(self) -> bool:
        """Whether guests reach the portal before they pay, as far as was seen."""
        return self.answered and not any(each.code in GARDEN for each in self.findings)


def address_of(router: Router, vault: Vault, policy: Policy) -> Address:
    """How to reach a router."""
    return Address(
        host=router.host,
        port=router.port,
        policy=policy,
        username=router.username,
        password=router.password(vault),
        fingerprint=router.fingerprint,
        tunnel=router.tunnel,
    )


async def look_at(
    router: Router,
    settings: Settings,
    vault: Vault,
    now: Moment,
    *,
    networks: str = "",
    resolve: Resolve = resolve,
    patience_s: float = PATIENCE_S,
) -> Look:
    """Look at the router, within `patience_s` for everything."""
    try:
        async with asyncio.timeout(patience_s):
            address = address_of(router, vault, policy_for(settings, networks))
            wire = await connect(address, timeout_s=patience_s, resolve=resolve, max_held=MAX_SEEN)
            try:
                return await _seen(wire, await expected_of(router, settings, now))
            finally:
                wire.drop("the look is over")
    except TimeoutError:
        finding = _no_connection(router, RouterUnreachable("it was too slow"))
    except Misconfigured:
        finding = _unpinned()
    except RouterError as error:
        finding = _no_connection(router, error)
    return Look(at=now, findings=[replace(finding, subject=f"router {router.name}")])


async def _seen(wire: Wire, expected: Expected) -> Look:
    took = await _round_trip(wire)
    picture = await take(wire, expected)
    resource = picture.only("/system/resource")
    return Look(
        at=expected.now,
        findings=judge(picture, expected),
        answered=True,
        version=_short(resource.get("version", "")).partition(" ")[0],
        board=_short(resource.get("board-name", "")),
        uptime=_short(resource.get("uptime", "")),
        off_ms=_clock_off(picture, expected.now),
        took_ms=took,
    )


def _short(text: str) -> str:
    return "".join(each for each in text[:60] if each.isprintable())


async def _round_trip(wire: Wire) -> int:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with suppress(RouterTrap):  # a refusal is an answer, too
        await wire.talk("/system/identity/print", urgent=True)
    return round((loop.time() - began) * 1000)


def _clock_off(picture: Picture, now: Moment) -> int | None:
    told = router_time(picture.only("/system/clock"))
    return None if told is None else round((told - as_datetime(now)).total_seconds() * 1000)


async def expected_of(router: Router, settings: Settings, now: Moment) -> Expected:
    """What the router should be like."""
    host = urlsplit(settings.public_url).hostname or ""
    return Expected(
        portal_host=host,
        hotspot_host=router.hotspot_host,
        api_user=router.username,
        now=now,
        files=files(settings.public_url, router.public, router.mode),
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
    if isinstance(error, AddressRefused):
        return fault(
            "router-address",
            f"Bando does not connect to {where}: {error.reason}.",
            "Correct the router's address, or the networks in which routers may be (BANDO_ROUTER_NETWORKS).",
        )
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
