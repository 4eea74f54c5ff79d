"""Accounting through the FreeRADIUS of Debian: what radclient sends, a third of it again, is counted exactly once."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import app
from portal.radius.names import Named, class_of
from portal.radius.terms import Terms
from portal.units import Unit, value
from tests.radius.freeradius import FreeRadius
from tests.radius.stage import SECRET, Stage, stage

GIGAWORD = 1 << 32
AGAIN = 0.3  # of all packets are sent again


class Site:
    """Devices that are online, and what their router tells of them."""

    def __init__(self, made: Stage) -> None:
        self.made = made
        self.total = [0, 0, 0]  # ms, up, down
        self.chance = random.Random(7)

    async def sessions(self, count: int, interims: int = 3) -> list[list[str]]:
        """The packets of so many sessions of as many devices, each in its order."""
        return [await self._session(number, interims) for number in range(count)]

    async def _session(self, number: int, interims: int) -> list[str]:
        mac = f"02:00:00:00:{number >> 8:02X}:{number & 255:02X}"
        made = await self.made.grant(mac, await self._plan())
        named = Named(made.device_id, made.id, self.made.clock.now(), Terms(until=0, bytes=None, up=None, down=None))
        mark = class_of(self.made.vault, self.made.tenant.id, self.made.router_id, named).hex()
        seconds = up = down = 0
        lines = [packet("Start", number, mac, mark)]
        for each in range(interims + 1):
            seconds += self.chance.randrange(1, 300)
            up, down = up + self.chance.randrange(GIGAWORD), down + self.chance.randrange(2 * GIGAWORD)
            kind = "Stop" if each == interims else "Interim-Update"
            lines.append(packet(kind, number, mac, mark, seconds, up, down))
        self.total = [a + b for a, b in zip(self.total, (seconds * 1000, up, down), strict=True)]
        return lines

    async def _plan(self) -> Any:
        if not hasattr(self, "plan"):
            self.plan = await self.made.plan_of(span_ms=1 << 40, data_bytes=1 << 55)
        return self.plan

    def doubled(self, packets: Sequence[str]) -> list[str]:
        """These, and nearly a third of them once more, somewhat later."""
        found = list(packets)
        for each in self.chance.sample(list(packets), round(len(packets) * AGAIN)):
            found.insert(self.chance.randrange(found.index(each), len(found) + 1), each)
        return found

    async def sums(self, table: str, ms: str = "online_ms") -> list[int]:
        return [await self.made.read(_sum, table, column) for column in (ms, "bytes_up", "bytes_down")]


def packet(kind: str, number: int, mac: str, mark: str, seconds: int = 0, up: int = 0, down: int = 0) -> str:
    attributes = {
        "Acct-Status-Type": kind,
        "Acct-Session-Id": f'"81{number:06x}"',
        "User-Name": f'"{mac}"',
        "Calling-Station-Id": f'"{mac}"',
        "Framed-IP-Address": f"10.5.{number >> 8}.{number & 255}",
        "Class": f"0x{mark}",
        "Acct-Session-Time": seconds,
        "Acct-Input-Octets": up % GIGAWORD,
        "Acct-Input-Gigawords": up // GIGAWORD,
        "Acct-Output-Octets": down % GIGAWORD,
        "Acct-Output-Gigawords": down // GIGAWORD,
        **({"Acct-Terminate-Cause": "User-Request"} if kind == "Stop" else {}),
    }
    return "\n".join(f"{name} = {value}" for name, value in attributes.items())


def _sum(table: str, column: str) -> Unit[int]:
    return int((yield from value(f"SELECT COALESCE(SUM({column}), 0) FROM {table} WHERE tenant_id = :tenant")))


async def send(radius: FreeRadius, packets: Sequence[str], *, side_by_side: int = 16) -> int:
    """Have radclient send these; how many were answered."""
    file = radius.folder / "packets"
    file.write_text("\n\n".join(packets) + "\n")
    words = ["radclient", "-f", str(file), "-p", str(side_by_side), "-r", "3", "-t", "2", "-s"]
    asked = await asyncio.create_subprocess_exec(
        *words, f"127.0.0.1:{radius.acct_port}", "acct", SECRET, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asked.communicate()
    found = [line for line in said.decode().splitlines() if "approved" in line or "Accepted" in line]
    return int(found[0].rpartition(":")[2])


async def test_a_third_sent_again_is_counted_once(house: Stage) -> None:
    site = Site(house)
    assert house.radius is not None
    told = await site.sessions(60)
    packets = [each for session in told for each in session]
    doubled = site.doubled(packets)
    assert len(doubled) == round(1.3 * len(packets))
    assert await send(house.radius, doubled) == len(doubled)
    assert await site.sums("sessions") == await site.sums("usage", "used_ms") == site.total
    assert await house.read(_sum, "passes", "used_bytes") == site.total[1] + site.total[2]
    assert house.radius.spooled == 0


async def test_a_stop_before_its_start_and_a_lost_one(house: Stage) -> None:
    site = Site(house)
    assert house.radius is not None
    (first, second) = await site.sessions(2)
    await send(house.radius, [*reversed(first), *second[1:]], side_by_side=1)
    assert await site.sums("sessions") == await site.sums("usage", "used_ms") == site.total


async def test_while_bando_is_away_accounting_waits_in_the_spool(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with stage(tmp_path, BANDO_RADIUS_LISTEN=f"127.0.0.1:{port}") as made:
        site = Site(made)
        assert made.radius is not None
        told = await site.sessions(40)
        packets = site.doubled([each for session in told for each in session])
        part = len(packets) // 3
        assert await send(made.radius, packets[:1]) == 1  # FreeRADIUS knows the router from now on
        sending = asyncio.create_task(send(made.radius, packets[:part]))
        await asyncio.sleep(0.1)
        await made.bando.stop()  # under load
        assert await sending == part
        assert await send(made.radius, packets[part : 2 * part]) == part  # all were answered: they are written down
        assert made.radius.spooled > 0
        made.bando = app.build(made.bando.settings, clock=made.clock)
        made.db = made.bando.db
        await made.bando.start()
        try:
            assert await send(made.radius, packets[2 * part :]) == len(packets) - 2 * part
            async with asyncio.timeout(60):
                while made.radius.spooled:
                    await asyncio.sleep(0.1)
            await asyncio.sleep(0.5)
            assert await site.sums("sessions") == await site.sums("usage", "used_ms") == site.total
        finally:
            await made.bando.stop()
