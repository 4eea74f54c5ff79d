"""Attacks on what stands around the voucher door: forged sources, failures of the error page, endless printers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from portal.clock import SystemClock
from portal.vouchers.printer_line import PrinterError, host_and_port
from portal.vouchers.slip_printer import Slip, SlipPrinter
from portal.web.security import Guard, source_of
from sandbox.net import listen

PROXY = "10.0.0.1"


def asked(*forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    return Request({"type": "http", "client": (PROXY, 1), "headers": headers})


@pytest.mark.parametrize("forwarded", [("6.6.6.6, 203.0.113.9",), ("6.6.6.6", "203.0.113.9"), ("6.6.6.6", PROXY)])
def test_a_source_cannot_be_forged_in_a_line_of_its_own(forwarded: tuple[str, ...]) -> None:
    """HAProxy adds its line below the client's own; the last word that is not a proxy's counts."""
    last = [each for line in forwarded for each in line.split(", ") if each != PROXY][-1]
    assert source_of(asked(*forwarded), {PROXY}) == last


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("203.0.113.9:51312", "203.0.113.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        (f"203.0.113.9:51312, {PROXY}:80", "203.0.113.9"),
        ("", PROXY),
    ],
)
def test_a_port_makes_no_other_source(told: str, meant: str) -> None:
    assert source_of(asked(told), {PROXY}) == meant


SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}


async def knock(guard: Guard) -> tuple[list[Message], BaseException | None]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        await guard(dict(SCOPE), receive, send)
    except ValueError as error:
        return sent, error
    return sent, None


async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("a secret")


async def breaks_off(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("a secret")


def no_page(request: Request, error: Exception) -> Response:
    raise KeyError("a secret")


async def test_an_error_page_that_fails_is_an_answer_with_all_headers() -> None:
    seen: list[int] = []
    sent, error = await knock(Guard(breaks, no_page, "default-src 'none'", lambda *each: seen.append(each[2])))
    assert error is None
    assert sent[0]["status"] == 500
    assert {"content-security-policy", "cache-control", "referrer-policy"} <= {
        name.decode() for name, _ in sent[0]["headers"]
    }
    assert b"secret" not in sent[1]["body"]
    assert seen == [500]


async def test_half_an_answer_is_broken_off_and_not_followed_by_a_second_one() -> None:
    page = PlainTextResponse("sorry", 500)
    sent, error = await knock(Guard(breaks_off, lambda *_: page, "default-src 'none'", lambda *_: None))
    assert isinstance(error, ValueError)
    assert [each["type"] for each in sent] == ["http.response.start"]


async def test_a_printer_that_talks_without_end_is_hung_up_on() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not reader.at_eof():
                writer.write(b"\x12\x00" * 4_096)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await listen(babble)
    host, port = server.address
    slips = [Slip(label=f"B1-{n:04}", data=b"x" * 1_000) for n in range(100_000)]
    async with asyncio.timeout(60):
        run = await SlipPrinter(address=f"{host}:{port}", clock=SystemClock()).print(slips)
    assert run.why == "What answers there is no printer"
    assert run.next is not None
    await server.aclose()


@pytest.mark.parametrize("text", ["evil" * 100, "." * 300, "printer..lan", "\udcff", "a" * 64 + ".lan:9100"])
def test_an_impossible_name_of_a_printer_is_said(text: str) -> None:
    with pytest.raises(PrinterError, match="no address of a printer"):
        host_and_port(text)
