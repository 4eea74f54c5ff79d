"""The reference at the router: the same commands on a bare connection, no portal, database or decision behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from benchmarks.ground import address_of, arrive, mac_of, watch
from portal.mikrotik.link import Wire
from portal.mikrotik.wire import Address, connect
from sandbox.net import LOOPBACK
from sandbox.world import Site


async def put_online(site: Site, numbers: Sequence[int], *, pipelined: bool) -> list[float]:
    """Seconds until each of these devices has its row: user/add, then active/login, all devices at once.

    `pipelined` sends the login without waiting for the user's answer: one round trip, the least there can be.
    """
    seen = watch(site)
    for number in numbers:
        arrive(site, number)
    wire = await connect(_address(site))
    try:
        begin = time.perf_counter()
        await asyncio.gather(*(_one(wire, number, pipelined) for number in numbers))
        return [seen.at[mac_of(number)] - begin for number in numbers]
    finally:
        await wire.aclose()


def _address(site: Site) -> Address:
    pin = site.row.fingerprint
    return Address(
        host="127.0.0.1", policy=LOOPBACK, port=site.api.port, username="bando", password="sandbox", fingerprint=pin
    )


async def _one(wire: Wire, number: int, pipelined: bool) -> None:
    name, mac = f"bare-{number}", mac_of(number)
    user = {"name": name, "password": "x", "mac-address": mac}
    login = {"ip": address_of(number), "mac-address": mac, "user": name, "password": "x"}
    added = asyncio.ensure_future(wire.talk("/ip/hotspot/user/add", user, urgent=True, timeout_s=60))
    if not pipelined:
        await added
    await asyncio.sleep(0)  # the tasks begin in their order
    await wire.talk("/ip/hotspot/active/login", login, urgent=True, timeout_s=60)
    await added
