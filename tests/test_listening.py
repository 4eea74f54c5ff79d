"""One connection over real sockets: what keeps it open, what ends it, and how much it may have waiting."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from time import perf_counter

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from portal.listening import MAX_WAITING, Listening
from sandbox.mpesa.server import QuietUvicorn

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
REFUSED = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
REQUEST_S = 0.4
KEEP_ALIVE_S = 3
SLACK_S = 0.2  # the server's clock runs from its own write, ours from the reading of it


class Impatient(Listening):
    request_s = REQUEST_S
    made: list[Listening]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made.append(self)
        super().connection_made(transport)


async def answer(request: Request) -> Response:
    return PlainTextResponse("fine", status_code=200 if request.method == "GET" else 403)


async def answer_late(_: Request) -> Response:
    await asyncio.sleep(2 * REQUEST_S)
    return PlainTextResponse("fine")


APP = Starlette(routes=[Route("/", answer, methods=["GET", "POST"]), Route("/slow", answer_late)])


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    Impatient.made = []
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        APP, http=Impatient, lifespan="off", ws="none", log_config=None, timeout_keep_alive=KEEP_ALIVE_S
    )
    server = QuietUvicorn(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    yield reader, writer
    writer.close()
    server.should_exit = True
    await task


async def ask(line: Line, request: bytes = GET) -> bytes:
    line[1].write(request)
    async with asyncio.timeout(60):
        return await line[0].readuntil(b"fine")


async def hung_up_after(line: Line) -> float:
    """How long the other end waits before it hangs up."""
    begin = perf_counter()
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            while await line[0].read(65_536):
                pass
    return perf_counter() - begin


@pytest.mark.parametrize("idle", [0.0, REQUEST_S / 2, 1.5 * REQUEST_S])
async def test_a_later_request_has_its_own_time_and_no_more(line: Line, idle: float) -> None:
    for _ in range(3):
        await ask(line)
    await asyncio.sleep(idle)
    line[1].write(b"GET / HT")
    assert REQUEST_S - SLACK_S < await hung_up_after(line) < REQUEST_S + 1.5


async def test_an_idle_connection_is_kept_for_longer_than_a_request_may_take(line: Line) -> None:
    await ask(line)
    assert KEEP_ALIVE_S - SLACK_S < await hung_up_after(line) < KEEP_ALIVE_S + 3


async def test_a_late_answer_is_waited_for(line: Line) -> None:
    assert b"200" in await ask(line, SLOW + b"\r\n")
    assert b"200" in await ask(line)


@pytest.mark.parametrize("empty", [b"\r\n", b"\r", b"\n"])
async def test_an_empty_line_after_an_answer_keeps_no_connection_open(line: Line, empty: bytes) -> None:
    await ask(line)
    line[1].write(empty)
    assert await hung_up_after(line) < KEEP_ALIVE_S + 3


async def test_a_connection_that_sent_an_empty_line_still_serves(line: Line) -> None:
    await ask(line)
    line[1].write(b"\r\n")
    await asyncio.sleep(REQUEST_S / 2)
    await ask(line)
    assert await hung_up_after(line) > KEEP_ALIVE_S - SLACK_S


async def test_a_body_that_ends_after_its_answer_keeps_no_connection_open(line: Line) -> None:
    assert b"403" in await ask(line, REFUSED)
    line[1].write(b"late")
    assert await hung_up_after(line) < KEEP_ALIVE_S + 3


async def test_a_few_requests_at_once_are_answered_in_turn(line: Line) -> None:
    line[1].write(GET * MAX_WAITING)
    async with asyncio.timeout(60):
        for _ in range(MAX_WAITING):
            await line[0].readuntil(b"fine")


async def test_thousands_of_requests_at_once_do_not_wait_in_memory(line: Line) -> None:
    line[1].write(GET * 5_000)
    assert await hung_up_after(line) < 1
    assert len(Impatient.made[0].pipeline) <= MAX_WAITING
