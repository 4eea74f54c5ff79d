"""A merchant for the sandbox M-Pesa's tests: its own client, and a server that takes what Safaricom sends."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from portal.clock import Moment, TravelClock
from sandbox.mpesa import SandboxMpesa, Server, Switches, serve_mpesa
from sandbox.mpesa.ids import stamp
from sandbox.mpesa.server import QuietUvicorn

PAYBILL, STORE, TILL = "174379", "5004321", "9001234"
PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
KEY, SECRET = "the-key", "the-secret"
PHONE = "254712345678"
START: Moment = 1_795_000_000_000  # 18 November 2026, 11:06:40 UTC, 14:06:40 in Nairobi


def password(business: str, passkey: str, timestamp: str) -> str:
    return base64.b64encode((business + passkey + timestamp).encode()).decode()


@dataclass
class Receiver:
    """What arrived, in order: (path, body, client address)."""

    url: str = ""
    got: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    reply: dict[str, Any] = field(default_factory=lambda: {"ResultCode": "0", "ResultDesc": "Accepted"})
    status: int = 200
    silent: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: Request) -> Response:
        self.got.append((request.url.path, await request.json(), request.client.host if request.client else ""))
        self.arrived.set()
        if self.silent and request.url.path == "/valid":
            await asyncio.Event().wait()
        return JSONResponse(self.reply, self.status)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [body for where, body, _ in self.got if where == path]

    @property
    def callbacks(self) -> list[dict[str, Any]]:
        return [body["Body"]["stkCallback"] for body in self.bodies("/cb")]

    @property
    def codes(self) -> list[Any]:
        return [callback["ResultCode"] for callback in self.callbacks]

    async def until(self, count: int) -> None:
        """Wait for this many arrivals."""
        async with asyncio.timeout(60):
            while len(self.got) < count:
                self.arrived.clear()
                await self.arrived.wait()


@asynccontextmanager
async def receiving(tls: tuple[str, str] | None = None) -> AsyncIterator[Receiver]:
    """The merchant's server, on loopback."""
    receiver = Receiver()
    paths = ("/cb", "/confirm", "/valid", "/result", "/timeout")
    app = Starlette(routes=[Route(path, receiver.take, methods=["POST"]) for path in paths])
    listener = socket.create_server(("127.0.0.1", 0))
    certificate, key = tls or (None, None)
    config = uvicorn.Config(app, lifespan="off", ws="none", log_config=None, ssl_certfile=certificate, ssl_keyfile=key)
    config.timeout_graceful_shutdown = 1
    server = QuietUvicorn(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
    receiver.url = f"{scheme}://{host}:{listener.getsockname()[1]}"
    try:
        yield receiver
    finally:
        server.should_exit = True
        await serving


@dataclass
class Shop:
    """A merchant with a paybill and a till, and everything around it."""

    clock: TravelClock
    mpesa: SandboxMpesa
    server: Server
    receiver: Receiver
    http: httpx.AsyncClient
    token: str = ""

    async def login(self, key: str = KEY, secret: str = SECRET) -> httpx.Response:
        answer = await self.http.get(
            "/oauth/v1/generate", params={"grant_type": "client_credentials"}, auth=(key, secret)
        )
        if answer.status_code == 200:
            self.token = answer.json()["access_token"]
        return answer

    async def post(self, path: str, body: object, token: str | None = None) -> httpx.Response:
        if not self.token:
            await self.login()
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return await self.http.post(path, json=body, headers=headers)

    def order(self, **changes: Any) -> dict[str, Any]:
        """The body of a push to the paybill; a change to None leaves the field out."""
        when = stamp(self.clock.now())
        business = changes.get("BusinessShortCode", PAYBILL)
        body = {
            "BusinessShortCode": business,
            "Password": password(str(business), PASSKEY, when),
            "Timestamp": when,
            "TransactionType": "CustomerPayBillOnline",
            "Amount": 20,
            "PartyA": PHONE,
            "PartyB": PAYBILL,
            "PhoneNumber": changes.get("PartyA", PHONE),
            "CallBackURL": f"{self.receiver.url}/cb",
            "AccountReference": "WIFI42",
            "TransactionDesc": "Internet",
        }
        return {name: value for name, value in (body | changes).items() if value is not None}

    def till_order(self, **changes: Any) -> dict[str, Any]:
        till = {"BusinessShortCode": STORE, "PartyB": TILL, "TransactionType": "CustomerBuyGoodsOnline"}
        return self.order(**(till | changes))

    async def push(self, body: dict[str, Any] | None = None, **changes: Any) -> httpx.Response:
        return await self.post("/mpesa/stkpush/v1/processrequest", body or self.order(**changes))

    async def query(self, checkout_id: str, business: str = PAYBILL) -> httpx.Response:
        when = stamp(self.clock.now())
        body = {
            "BusinessShortCode": business,
            "Password": password(business, PASSKEY, when),
            "Timestamp": when,
            "CheckoutRequestID": checkout_id,
        }
        return await self.post("/mpesa/stkpushquery/v1/query", body)

    async def register(self, shortcode: str = PAYBILL, version: str = "v2", **changes: Any) -> httpx.Response:
        body = {
            "ShortCode": shortcode,
            "ResponseType": "Completed",
            "ConfirmationURL": f"{self.receiver.url}/confirm",
            "ValidationURL": f"{self.receiver.url}/valid",
        }
        return await self.post(f"/mpesa/c2b/{version}/registerurl", body | changes)


@asynccontextmanager
async def shop(
    receiver: Receiver, *, environment: Any = "sandbox", switches: Switches | None = None, **merchant: Any
) -> AsyncIterator[Shop]:
    clock = TravelClock(start=START)
    switches = switches or Switches(https_callbacks=False)
    mpesa = SandboxMpesa(clock, environment=environment, switches=switches)
    common = {"passkey": PASSKEY, "consumer_key": KEY, "consumer_secret": SECRET, "name": "PWANI NET"}
    mpesa.add_shortcode(kind="paybill", shortcode=PAYBILL, **(common | merchant))
    mpesa.add_shortcode(kind="till", shortcode=TILL, store=STORE, **(common | merchant))
    server = await serve_mpesa(mpesa)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60) as http:
        try:
            yield Shop(clock, mpesa, server, receiver, http)
        finally:
            await server.aclose()


def faulty(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, errorCode and errorMessage of a refusal."""
    body = answer.json()
    assert set(body) == {"requestId", "errorCode", "errorMessage"}
    return answer.status_code, body["errorCode"], body["errorMessage"]
