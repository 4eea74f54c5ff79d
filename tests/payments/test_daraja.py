"""The gateway over HTTP: tokens, who resends what, and what a failure of the network means."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from portal.clock import HOUR, MINUTE, SECOND
from portal.errors import ProviderRefused, ProviderUnknown
from portal.money import Money
from portal.payments.accounts import Credentials, Kind, c2b_token
from portal.payments.daraja import Daraja
from portal.payments.line import MAX_ANSWER
from portal.payments.provider import Prompt
from portal.payments.reconcile import Pace
from portal.processors.gate import Gate
from sandbox.mpesa import Switches
from sandbox.net import listen
from tests.payments.road import PHONE, Road, road

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def prompt(n: int = 0, amount: int = 2000) -> Prompt:
    phone = replace(PHONE, digits=f"2547123456{n:02}")
    return Prompt(
        phone=phone,
        amount=Money(amount),
        account_ref="B4KD92X",
        description="1 hour",
        callback_url="http://127.0.0.1:1/hook/x",
    )


@asynccontextmanager
async def gateway(r: Road) -> AsyncIterator[tuple[Daraja, list[str]]]:
    calls: list[str] = []

    async def note(request: httpx.Request) -> None:
        calls.append(request.url.path.rsplit("/", 1)[-1])

    async with httpx.AsyncClient(trust_env=False, timeout=60, event_hooks={"request": [note]}) as http:
        yield Daraja(http, r.home.vault, r.clock, registered=Gate(r.home.db, r.clock)), calls


async def test_fifty_pushes_at_once_share_one_token(tmp_path: Path) -> None:
    async with road(tmp_path) as r, gateway(r) as (daraja, calls):
        await asyncio.gather(*(daraja.push(r.account, prompt(n), r.clock.now()) for n in range(50)))

        assert (calls.count("generate"), calls.count("processrequest")) == (1, 50)


@pytest.mark.parametrize("number", [False, True])
async def test_a_token_is_renewed_a_minute_before_its_end(tmp_path: Path, number: bool) -> None:
    async with road(tmp_path, switches=Switches(expires_in_number=number)) as r, gateway(r) as (daraja, calls):
        for n, advance in enumerate((HOUR - 62 * SECOND, SECOND, SECOND)):
            await daraja.push(r.account, prompt(n), r.clock.now())
            r.clock.advance(advance)
        await daraja.push(r.account, prompt(9), r.clock.now())

        assert (calls.count("generate"), calls.count("processrequest")) == (2, 4)


async def test_a_token_that_was_killed_is_replaced_once_and_the_push_sent_again(tmp_path: Path) -> None:
    async with road(tmp_path) as r, gateway(r) as (daraja, calls), gateway(r) as (rival, _):
        await daraja.push(r.account, prompt(1), r.clock.now())
        await rival.push(r.account, prompt(2), r.clock.now())
        await asyncio.gather(*(daraja.push(r.account, prompt(n), r.clock.now()) for n in range(3, 13)))

        assert calls.count("generate") == 2
        assert len(r.mpesa.pushes) == 12


async def test_wrong_credentials_are_a_clean_refusal(tmp_path: Path) -> None:
    async with road(tmp_path) as r, gateway(r) as (daraja, calls):
        wrong = r.home.vault.seal(
            "wrong", table="mpesa_accounts", row=r.account.public, column="consumer_secret_sealed"
        )
        with pytest.raises(ProviderRefused) as refused:
            await daraja.push(replace(r.account, consumer_secret_sealed=wrong), prompt(), r.clock.now())

        assert (refused.value.reason, calls) == ("config", ["generate"])


async def test_a_refused_configuration_is_shown_to_staff_and_to_the_guest(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        r.mpesa.merchants.clear()
        started = await r.buy()
        seen = await r.until(started, "failed")

        assert (seen.reason, await r.lines()) == ("config", {"mpesa-config"})


async def test_no_connection_means_that_nothing_was_started(tmp_path: Path) -> None:
    async with road(tmp_path) as r, gateway(r) as (daraja, _):
        nowhere = replace(r.account, base_url="http://127.0.0.1:1")
        with pytest.raises(ProviderRefused) as refused:
            await daraja.push(nowhere, prompt(), r.clock.now())

        assert refused.value.reason == "provider-down"


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", b"garbage\r\n\r\n", b"HTTP/1.1 302 Found\r\n\r\n"],
    ids=["cut", "half", "garbage", "redirect"],
)
async def test_a_connection_that_breaks_after_the_request_leaves_the_outcome_unknown(
    tmp_path: Path, answer: bytes
) -> None:
    sent: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        sent.append(head.split(b" ")[1])
        token = b'{"access_token": "t", "expires_in": "3599"}'
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(token), token)
        writer.write(whole if b"generate" in head else answer)
        await writer.drain()
        writer.close()

    async with road(tmp_path) as r, gateway(r) as (daraja, _), speaking(serve) as url:
        with pytest.raises(ProviderUnknown):
            await daraja.push(replace(r.account, base_url=url), prompt(), r.clock.now())

        assert [each for each in sent if b"push" in each] == [b"/mpesa/stkpush/v1/processrequest"]


@pytest.mark.parametrize(("hangs_up", "taken"), [(0, True), (1, True), (2, False)])
async def test_a_token_is_asked_for_once_more_when_the_line_was_just_closed(
    tmp_path: Path, hangs_up: int, taken: bool
) -> None:
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.readuntil(b"\r\n\r\n"))
        if len(came) > hangs_up:
            token = b'{"access_token": "t", "expires_in": "3599"}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(token), token))
            await writer.drain()
        writer.close()

    async with road(tmp_path) as r, gateway(r) as (daraja, _), speaking(serve) as url:
        with contextlib.nullcontext() if taken else pytest.raises(ProviderRefused):
            await daraja.try_out(replace(r.account, base_url=url))

        assert len(came) == min(hangs_up + 1, 2)


@asynccontextmanager
async def speaking(serve: Serve) -> AsyncIterator[str]:
    server = await listen(serve)
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.aclose()


async def test_a_gateway_that_refuses_every_token_is_asked_twice_and_no_more(tmp_path: Path) -> None:
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append("token" if "generate" in head else "push")
        good = '{"access_token": "t", "expires_in": "3599"}'
        bad = '{"errorCode": "404.001.03", "errorMessage": "Invalid Access Token"}'
        status, body = ("200 OK", good) if "generate" in head else ("404 Not Found", bad)
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with road(tmp_path) as r, gateway(r) as (daraja, _), speaking(serve) as url:
        with pytest.raises(ProviderRefused) as refused:
            await daraja.push(replace(r.account, base_url=url), prompt(), r.clock.now())

        assert (refused.value.reason, seen) == ("config", ["token", "push", "token", "push"])


async def test_an_answer_that_does_not_end_is_left_and_unknown(tmp_path: Path) -> None:
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        head = await reader.readuntil(b"\r\n\r\n")
        if b"generate" in head:
            token = b'{"access_token": "t", "expires_in": "3599"}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(token), token))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while sent < 20 * MAX_ANSWER:
                    writer.write(b" " * 100_000)
                    sent += 100_000
                    await writer.drain()
        writer.close()

    async with road(tmp_path) as r, gateway(r) as (daraja, _), speaking(serve) as url:
        with pytest.raises(ProviderUnknown):
            await daraja.pull(replace(r.account, base_url=url), 0, r.clock.now(), 0, r.clock.now())

    assert MAX_ANSWER < sent < 4 * MAX_ANSWER


@pytest.mark.parametrize("kind", ["paybill", "till"])
async def test_the_addresses_for_confirmations_are_registered(tmp_path: Path, kind: Kind) -> None:
    async with road(tmp_path, kind=kind) as r:
        token = c2b_token(r.home.vault, r.home.tenant.public, r.account.public)
        await r.payments.provider.register(r.account, f"{r.door}/c2b/{token}")
        await r.mpesa.pay_by_hand(PHONE.digits, r.account.pay_number, "X", 20)
        await r.settled(1)

        assert (await r.verdicts(), len(await r.receipts())) == (["unmatched-money"], 1)


async def test_each_call_is_observed_before_and_after(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        calls: list[str] = []
        daraja = Daraja(r.http, r.home.vault, r.clock, calls.append, registered=Gate(r.home.db, r.clock))
        await daraja.push(r.account, prompt(), r.clock.now())

        assert calls == ["mpesa:before", "mpesa:after"] * 2


def test_an_account_shows_no_secret() -> None:
    shown = repr(Credentials(consumer_key="k-secret", consumer_secret="s-secret", passkey="p-secret"))

    assert "secret" not in shown


# --- the pace of queries ---


def test_the_pace_doubles_when_refused_and_recovers_slowly() -> None:
    pace = Pace(usual_ms=1_000, spacing_ms=1_000)
    spacings: list[int] = []
    for _ in range(3):
        pace = pace.refused(0)
        spacings.append(pace.spacing_ms)
    for _ in range(30):
        pace = pace.asked(0)

    assert (spacings, pace.spacing_ms) == ([2_000, 4_000, 8_000], 1_000)


def test_retry_after_is_honoured_within_reason() -> None:
    pace = Pace(usual_ms=1_000, spacing_ms=1_000)

    assert pace.refused(0, 60_000).ready_at == MINUTE
    assert pace.refused(0, 10 * HOUR).ready_at == 5 * MINUTE


async def test_many_payments_without_callbacks_share_the_bucket_of_their_app(tmp_path: Path) -> None:
    async with road(tmp_path, loops=False, mpesa_query_every="12") as r:
        r.mpesa.faults.always(order=())
        many = [
            await r.buy(mac=f"02:00:00:00:00:{n:02X}", phone=replace(PHONE, digits=f"2547123456{n:02}"), click=str(n))
            for n in range(8)
        ]
        await r.payments.checkout.drain()
        for n in range(8):
            await r.mpesa.handset(f"2547123456{n:02}").approve()
        r.clock.advance(26 * SECOND)
        asked = []
        for _ in range(40):
            asked.append(await r.payments.queries.run_once())
            r.clock.advance(3 * SECOND)
        states = {await r.state(each) for each in many}

        assert (states, sum(asked), max(asked)) == ({"paid"}, 8, 1)


async def test_queries_slow_down_when_the_gateway_says_so(tmp_path: Path) -> None:
    switches = Switches(query_per_minute=1, retry_after=True)
    async with road(tmp_path, loops=False, switches=switches, mpesa_query_every="1") as r:
        r.mpesa.faults.always(order=())
        many = []
        for n in range(2):
            phone = replace(PHONE, digits=f"2547123456{n:02}")
            many.append(await r.buy(mac=f"02:00:00:00:00:{n:02X}", phone=phone, click=str(n)))
        await r.payments.checkout.drain()
        for n in range(2):
            await r.mpesa.handset(f"2547123456{n:02}").approve()
        r.clock.advance(26 * SECOND)
        asked = []
        for _ in range(70):
            asked.append(await r.payments.queries.run_once())
            r.clock.advance(1 * SECOND)

        assert ({await r.state(each) for each in many}, sum(asked)) == ({"paid"}, 2)
