"""`/tool fetch`, the scheduler, and what scripts of them use (facts/mikrotik.md 8.1, 8.2)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from portal.clock import MINUTE, SECOND, TravelClock
from sandbox.ca import Authority
from sandbox.net import listen
from sandbox.routeros import system
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.fetch import FetchFailed, Line, Wanted
from sandbox.routeros.rsc import RscError, RscSyntaxError, import_rsc
from sandbox.routeros.scheduler import Scheduler

HOST = "portal.fetch.test"


@asynccontextmanager
async def a_line(
    folder: Path, body: bytes = b"hello", status: str = "200 OK", version: str = "7.23.4"
) -> AsyncIterator[Line]:
    """A router that trusts the authority of a server which answers with this."""
    authority = Authority(folder)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    server = await listen(serve, tls=authority.server_context(HOST))
    router = SandboxRouter(TravelClock(), version=version)
    router.files["ca.pem"] = authority.certificate_path.read_bytes()
    system.import_certificates(router, "ca.pem")
    try:
        yield Line(router=router, reach={HOST: server.address, "other.fetch.test": server.address})
    finally:
        await server.aclose()


async def fetched(line: Line, host: str = HOST, *, check: bool = True) -> bytes:
    return await asyncio.to_thread(line, Wanted(url=f"https://{host}/x", check=check))


async def shown(line: Line) -> str:
    """How much of the answer a script sees."""
    text = f':put [:len ([/tool fetch url="https://{HOST}/x" check-certificate=yes output=user as-value]->"data")]'
    return (await asyncio.to_thread(import_rsc, line.router, text, ask=line))[0]


async def test_an_answer_of_somebody_it_trusts_is_taken(tmp_path: Path) -> None:
    async with a_line(tmp_path) as line:
        assert await fetched(line) == b"hello"


async def test_a_certificate_for_another_name_is_refused_where_it_is_checked(tmp_path: Path) -> None:
    async with a_line(tmp_path) as line:
        with pytest.raises(FetchFailed, match="no trusted CA certificate found"):
            await fetched(line, "other.fetch.test")
        assert await fetched(line, "other.fetch.test", check=False) == b"hello", "the default checks nothing"


async def test_somebody_whom_it_does_not_trust_is_refused(tmp_path: Path) -> None:
    async with a_line(tmp_path) as line:
        line.router.tables["/certificate"].clear()
        with pytest.raises(FetchFailed, match="no trusted CA certificate found"):
            await fetched(line)


async def test_by_a_clock_of_1970_no_certificate_is_valid(tmp_path: Path) -> None:
    async with a_line(tmp_path) as line:
        line.router.faults.clock_1970 = True
        with pytest.raises(FetchFailed, match="not yet valid"):
            await fetched(line)


@pytest.mark.parametrize("status", ["302 Found", "401 Unauthorized", "429 Too Many Requests", "500 Broken"])
async def test_whatever_is_not_2xx_is_an_error(tmp_path: Path, status: str) -> None:
    async with a_line(tmp_path, status=status) as line:
        with pytest.raises(FetchFailed, match=f"status {status[:3]}"):
            await fetched(line)


@pytest.mark.parametrize(("version", "most"), [("7.23.4", 65_536), ("6.49.21", 4_096)])
async def test_a_variable_holds_no_more_than_its_version_allows(tmp_path: Path, version: str, most: int) -> None:
    async with a_line(tmp_path, b"x" * 70_000, version=version) as line:
        assert await shown(line) == str(most)


async def test_a_property_that_only_some_versions_know_is_refused() -> None:
    with pytest.raises(FetchFailed, match="idle-timeout"):
        Wanted.of({"url": "https://x", "idle-timeout": "5s"})


# -- the scheduler ------------------------------------------------------------------------------------


def a_scheduler(**row: str) -> tuple[SandboxRouter, TravelClock, Scheduler]:
    """A row that says something in the log."""
    clock = TravelClock()
    clock.run_at(0)
    router = SandboxRouter(clock)
    words = {"interval": "1m", "on-event": ':log info "ran"', "policy": "read", **row}
    router.tables["/system/scheduler"].add({"name": "x", **words})

    def nobody(wanted: Wanted) -> bytes:
        raise FetchFailed("failure: connection timeout")

    return router, clock, Scheduler(router=router, ask=nobody)


def runs(clock: TravelClock, scheduler: Scheduler, minutes: int) -> list[int]:
    found = []
    for _ in range(minutes):
        clock.advance(MINUTE)
        found.append(scheduler.run_due())
    return found


def test_from_startup_on_it_runs_after_each_interval_and_not_at_once() -> None:
    _, clock, scheduler = a_scheduler(**{"start-time": "startup"})
    clock.advance(2 * SECOND)
    assert scheduler.run_due() == 0
    clock.advance(SECOND)

    assert runs(clock, scheduler, 3) == [1, 1, 1]


def test_without_a_start_it_begins_when_it_was_added_and_after_1970_it_never_does() -> None:
    router, clock, scheduler = a_scheduler()
    assert runs(clock, scheduler, 2) == [1, 1]
    router.faults.clock_1970 = True
    router.reboot()

    assert runs(clock, scheduler, 3) == [0, 0, 0]


@pytest.mark.parametrize("how", ["disabled", "off", "device-mode"])
def test_what_is_off_does_not_run(how: str) -> None:
    router, clock, scheduler = a_scheduler(**{"start-time": "startup"})
    if how == "disabled":
        router.tables["/system/scheduler"].set("x", {"disabled": "yes"})
    router.powered = how != "off"
    router.faults.device_mode_hotspot = how != "device-mode"

    assert runs(clock, scheduler, 3) == [0, 0, 0]


def test_its_errors_are_told_to_nobody() -> None:
    router, clock, scheduler = a_scheduler(**{"start-time": "startup", "on-event": ':error "lost"'})
    runs(clock, scheduler, 2)

    assert scheduler.failures == ["lost"]
    assert "lost" not in str([dict(row) for row in router.tables["/log"].rows.values()])


# -- the language -------------------------------------------------------------------------------------


def said(text: str, version: str = "7.23.4") -> list[str]:
    return import_rsc(SandboxRouter(TravelClock(), version=version), text)


def test_a_place_is_looked_for_behind_the_one_that_is_given() -> None:
    assert said(':put [:find "abca" "a"]\n:put [:find "abca" "a" 0]\n:put [:find "abca" "a" -1]') == ["0", "3", "0"]


def test_digests_are_those_of_everybody_and_older_versions_cannot_even_read_the_word() -> None:
    text = ':put [:convert "abc" from=raw to=hex transform=sha512]'

    assert said(text) == [hashlib.sha512(b"abc").hexdigest()]
    for version in ("7.11.2", "6.49.21"):
        with pytest.raises(RscSyntaxError):
            said(text, version)


def test_a_global_outlives_its_script_and_not_the_router() -> None:
    router = SandboxRouter(TravelClock())
    import_rsc(router, ":global x\n:set x 5")
    assert import_rsc(router, ":global x\n:put $x") == ["5"]
    with pytest.raises(RscError, match="no such variable"):
        import_rsc(router, ":put $x")
    router.reboot()

    assert import_rsc(router, ":global x\n:put [:typeof $x]") == ["nil"]


def test_a_loop_runs_while_it_may_and_what_is_no_number_is_nothing() -> None:
    assert said(":local n 0\n:while ($n < 3) do={ :set n ($n + 1) }\n:put $n") == ["3"]
    assert said(':put [:typeof [:tonum "7x"]]\n:put [:typeof [:tonum "7"]]') == ["nil", "num"]
