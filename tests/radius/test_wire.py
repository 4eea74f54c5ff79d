"""Disconnect and CoA are understood by a FreeRADIUS that plays the router, and nothing but a proven answer counts."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from portal.clock import SystemClock
from portal.mikrotik.addresses import Policy
from portal.radius.metering.report import GIGAWORD, Report, report_of
from portal.radius.packet import Attributes, read
from portal.radius.terms import Terms, read_terms
from portal.radius.watching import wire
from sandbox.radius.site import free_udp_ports
from tests.radius.freeradius import required
from tests.radius.stage import SECRET

HERE = Policy(loopback=True)
START = 1_800_000_000_000
ROUTER = """
name = router
prefix = /usr
libdir = /usr/lib/freeradius
logdir = {folder}
run_dir = {folder}
raddbdir = {folder}
pidfile = {folder}/pid
log {{
	destination = files
	file = {folder}/log
}}
security {{
}}
thread pool {{
	start_servers = 1
	max_servers = 1
	min_spare_servers = 1
	max_spare_servers = 1
}}
client bando {{
	ipaddr = 127.0.0.1
	secret = "{secret}"
	require_message_authenticator = yes
}}
modules {{
	always ok {{
		rcode = ok
	}}
	always reject {{
		rcode = reject
	}}
	linelog heard {{
		filename = {folder}/heard
		format = "%{{Packet-Type}}|%{{Acct-Session-Id}}|%{{User-Name}}|%{{Framed-IP-Address}}|%{{Session-Timeout}}|%{{Mikrotik-Rate-Limit}}|%{{Mikrotik-Total-Limit}}|%{{Mikrotik-Total-Limit-Gigawords}}"
	}}
}}
server router {{
	listen {{
		type = coa
		ipaddr = 127.0.0.1
		port = {port}
	}}
	recv-coa {{
		heard
		if (&Acct-Session-Id == "gone") {{
			update reply {{
				&Error-Cause := 503
			}}
			reject
		}}
		elsif (&Acct-Session-Id == "no") {{
			reject
		}}
		else {{
			ok
		}}
	}}
	send-coa {{
		ok
	}}
}}
"""  # noqa: E501


@asynccontextmanager
async def a_router(folder: Path) -> AsyncIterator[int]:
    """A FreeRADIUS that takes CoA and Disconnect as a router does; the port where."""
    (port,) = free_udp_ports(1)
    (folder / "radiusd.conf").write_text(ROUTER.format(folder=folder, port=port, secret=SECRET))
    (folder / "dictionary").write_text("$INCLUDE /usr/share/freeradius/dictionary\n")
    process = await asyncio.create_subprocess_exec(
        required(), "-f", "-d", str(folder), "-n", "radiusd", stdout=asyncio.subprocess.DEVNULL
    )
    log = folder / "log"
    try:
        async with asyncio.timeout(20):
            while not (log.exists() and "Ready to process requests" in log.read_text()):
                assert process.returncode is None, log.read_text() if log.exists() else "it did not start"
                await asyncio.sleep(0.02)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_freeradius_as_the_router_understands_both_and_bando_its_answers(tmp_path: Path) -> None:
    required()
    async with a_router(tmp_path) as port:

        async def ask(acct_id: str, changes: dict[str, str | int] | None = None, secret: str = SECRET) -> str:
            whom = {"User-Name": "02:00:00:00:00:01", "Acct-Session-Id": acct_id, "Framed-IP-Address": "10.5.50.7"}
            asked = wire.request(secret, whom, changes)
            return await wire.ask("127.0.0.1", port, asked, policy=HERE, clock=SystemClock())

        terms = Terms(until=START + 7_200_000, bytes=5 * GIGAWORD + 7, up=512_000, down=5_000_000)
        assert await ask("81000001") == "yes"
        assert await ask("gone") == "gone"
        assert await ask("no") == "no"
        assert await ask("81000001", wire.change(terms, None, START)) == "yes"
        assert await ask("gone", wire.change(terms, None, START)) == "gone"
        heard = (tmp_path / "heard").read_text().splitlines()
        whom = "81000001|02:00:00:00:00:01|10.5.50.7"
        assert heard[0] == f"Disconnect-Request|{whom}||||"
        assert heard[3] == f"CoA-Request|{whom}|7200|512k/5M|7|5"
        assert await ask("81000001", secret="another secret than the router's") == "silent"
        assert len((tmp_path / "heard").read_text().splitlines()) == len(heard)


def test_no_answer_from_the_network_breaks_anything() -> None:
    asked = wire.request(SECRET, {"Acct-Session-Id": "81"}, None)
    asked.RequestPacket()
    chance = random.Random(1)
    for _ in range(5_000):
        size = chance.choice((0, 1, 19, 20, 21, 44, 300))
        data = bytearray(chance.randbytes(size))
        if size >= 20:
            data[0], data[1] = chance.choice((40, 41, 42, 44, 45, 255)), asked.id
            data[2:4] = chance.choice((size, 20, 0, 65535)).to_bytes(2, "big")
        assert wire.said_by(asked, bytes(data)) is None


@pytest.mark.parametrize(
    ("size", "low", "high"), [(1, 1, 0), (GIGAWORD, GIGAWORD - 1, 0), (GIGAWORD + 1, 1, 1), (None, None, None)]
)
def test_a_limit_of_bytes_is_never_written_as_none(size: int | None, low: int | None, high: int | None) -> None:
    found = wire.change(Terms(until=START + 1, bytes=size, up=None, down=None), None, START)
    assert found.get("Mikrotik-Total-Limit") == low
    assert found.get("Mikrotik-Total-Limit-Gigawords") == high
    assert found["Session-Timeout"] == 1


def test_terms_are_read_as_they_were_written() -> None:
    for terms in (
        Terms(until=START, bytes=None, up=None, down=None),
        Terms(until=START, bytes=7, up=512_000, down=5_000_000),
    ):
        assert read_terms(terms.text) == terms
    assert read_terms(None) is None


def report(**said: str | int) -> Report | None:
    wrapped = {name.replace("_", "-"): {"type": "x", "value": [each]} for name, each in said.items()}

    given: Attributes = read(json.dumps(wrapped).encode())
    return report_of(given, input_from_client=True)


def test_a_report_counts_beyond_four_gigabytes_and_knows_how_late_it_is() -> None:
    found = report(
        Acct_Status_Type="Interim-Update", Acct_Session_Id="81", Acct_Session_Time=600, Acct_Delay_Time=30,
        Acct_Input_Octets=7, Acct_Input_Gigawords=2, Acct_Output_Octets=9,
    )  # fmt: skip
    assert found is not None
    assert (found.total.bytes_up, found.total.bytes_down) == (2 * GIGAWORD + 7, 9)
    assert found.at(START) == START - 30_000
    assert found.began(START) == START - 630_000


@pytest.mark.parametrize("said", [1, "1", "Start"])
def test_kinds_come_as_words_and_as_numbers(said: str | int) -> None:
    found = report(Acct_Status_Type=said, Acct_Session_Id="81")
    assert found is not None
    assert found.kind == "start"


def test_a_moment_that_a_router_tells_is_not_read() -> None:
    plain = report(Acct_Status_Type="Stop", Acct_Session_Id="81", Acct_Session_Time=60)
    assert plain == report(
        Acct_Status_Type="Stop", Acct_Session_Id="81", Acct_Session_Time=60, Event_Timestamp="Jan  1 1970 00:00:05 UTC"
    )


def test_what_speaks_of_no_session_is_left_aside() -> None:
    assert report(Acct_Status_Type="Tunnel-Start", Acct_Session_Id="81") is None
    assert report(Acct_Status_Type="Start") is None
    assert report(Acct_Status_Type="Accounting-On") is not None
