"""Reading what Mikhmon keeps on a router, through the API connection that Bando has; nothing is written there."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from portal.errors import Misconfigured, Refused, RouterError, RouterTrap
from portal.imports.mikhmon import Pages
from portal.mikrotik.addresses import Resolve, policy_for, resolve
from portal.mikrotik.link import Row, Wire
from portal.mikrotik.visit import address_of
from portal.mikrotik.wire import connect
from portal.seal import Vault
from portal.settings import Settings
from portal.tenancy.store import Router

PATIENCE_S = 25.0  # for everything; browsers wait a minute
MAX_SEEN = 32 << 20  # bytes of its answers underway
USER = "name,password,profile,comment,limit-uptime,limit-bytes-total,uptime,bytes-in,bytes-out,mac-address,disabled"
ACTIVE = "user,mac-address,uptime,bytes-in,bytes-out"


async def pages(
    router: Router,
    settings: Settings,
    vault: Vault,
    *,
    networks: str = "",
    resolve: Resolve = resolve,
    patience_s: float = PATIENCE_S,
) -> Pages:
    """What is there; raises `Refused`."""
    try:
        async with asyncio.timeout(patience_s):
            address = address_of(router, vault, policy_for(settings, networks))
            wire = await connect(address, timeout_s=patience_s, resolve=resolve, max_held=MAX_SEEN)
            try:
                return await _read(wire, patience_s)
            finally:
                wire.drop("everything is read")
    except (TimeoutError, RouterError, Misconfigured):
        raise Refused("import-router", status=409) from None


async def _read(wire: Wire, patience_s: float) -> Pages:
    async def table(path: str, columns: str, *queries: str) -> list[Row]:
        only = {".proplist": f".id,{columns}"}
        return await wire.talk(f"{path}/print", only, queries, timeout_s=patience_s)

    async def more(path: str, columns: str, *queries: str) -> list[Row]:
        """What helps but need not be there, or may be shut to this account."""
        with suppress(RouterTrap):
            return await table(path, columns, *queries)
        return []

    clocks = await more("/system/clock", "time,date,gmt-offset")
    return Pages(
        profiles=await table("/ip/hotspot/user/profile", "name,rate-limit,shared-users,on-login"),
        users=await table("/ip/hotspot/user", USER),
        active=await more("/ip/hotspot/active", ACTIVE),
        cookies=await more("/ip/hotspot/cookie", "user,mac-address,mac-cookie"),
        sales=await more("/system/script", "name,comment", "?comment=mikhmon"),
        clock=clocks[0] if clocks else {},
    )
