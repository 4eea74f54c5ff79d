"""How the sandbox Paystack is spoken to: its interface, the page on which guests pay, and what the phone shows."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.paystack.provider import SandboxPaystack, Transaction

WALL = "<html><head><title>Attention Required!</title></head><body><h1>Sorry, you have been blocked</h1></body></html>"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
STYLE = (
    "body{font:18px/1.5 system-ui,sans-serif;margin:0;background:#eef2f6;color:#10243a}"
    "main{max-width:22rem;margin:2rem auto;padding:1.5rem;background:#fff;border-radius:12px}"
    "b{font-size:2rem;display:block}button{width:100%;padding:1rem;font:inherit;font-weight:600;border:0;"
    "border-radius:10px;margin-top:.75rem;background:#0b7a43;color:#fff}button.no{background:#e3e8ee;color:#10243a}"
)


def app_of(paystack: SandboxPaystack) -> Starlette:
    api = Api(paystack)
    return Starlette(
        routes=[
            Route("/transaction/initialize", api.initialize, methods=["POST"]),
            Route("/charge", api.charge, methods=["POST"]),
            Route("/transaction/verify/{reference}", api.verify),
            Route("/charge/{reference}", api.charged),
            Route("/pay/{access}", api.page),
            Route("/pay/{access}", api.answer, methods=["POST"]),
            Route("/", api.phones),
        ]
    )


class Api:
    """Its routes."""

    def __init__(self, paystack: SandboxPaystack) -> None:
        self.paystack = paystack

    async def initialize(self, request: Request) -> Response:
        return await self._begun(request, "card", self._page_of)

    async def charge(self, request: Request) -> Response:
        return await self._begun(request, "mobile_money", self._phone_of)

    async def _begun(self, request: Request, channel: str, tell: Callable[[Transaction], dict[str, Any]]) -> Response:
        self.paystack.requests.append(request.url.path)
        how = self.paystack.switches.reply
        if how == "html":
            return HTMLResponse(WALL, 403)
        if how == "500":
            return JSONResponse({"status": False, "message": "An error occurred"}, 500)
        if (refused := self._stranger(request)) is not None:
            return refused
        try:
            one = self.paystack.begin(json.loads(await request.body()), channel)
        except ValueError as wrong:
            return JSONResponse({"status": False, "message": str(wrong)}, 400)
        if self.paystack.switches.pays_at_once or self.paystack.switches.hook == "before reply":
            await self.paystack.pay(one.reference)
        if how == "cut after accept":
            request.scope["extensions"]["sandbox.cut"]["abort"]()
        if how in ("500 after accept", "cut after accept"):
            return JSONResponse({"status": False, "message": "An error occurred"}, 500)
        return JSONResponse({"status": True, "message": "Attempted", "data": tell(one)})

    def _page_of(self, one: Transaction) -> dict[str, Any]:
        address = f"{self.paystack.url}/pay/{one.access}"
        return {"authorization_url": address, "access_code": one.access, "reference": one.reference}

    def _phone_of(self, one: Transaction) -> dict[str, Any]:
        text = "Please complete the authorization process on your mobile phone"
        return {"reference": one.reference, "status": "pay_offline", "display_text": text}

    def _stranger(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Bearer {self.paystack.key}":
            return None
        return JSONResponse({"status": False, "message": "Invalid key"}, 401)

    async def verify(self, request: Request) -> Response:
        return await self._shown(request, lambda _: True)

    async def charged(self, request: Request) -> Response:
        return await self._shown(request, lambda one: one.channel == "mobile_money")

    async def _shown(self, request: Request, here: Callable[[Transaction], bool]) -> Response:
        self.paystack.requests.append(request.url.path)
        if self.paystack.switches.reply == "html":
            return HTMLResponse(WALL, 403)
        if (refused := self._stranger(request)) is not None:
            return refused
        one = self.paystack.transactions.get(request.path_params["reference"])
        if one is None or not here(one):
            return JSONResponse({"status": False, "message": "Transaction reference not found."}, 400)
        return JSONResponse({"status": True, "message": "Verified", "data": self.paystack.shown(one)})

    # --- what guests see ---

    def _named(self, access: str) -> Transaction | None:
        return next((each for each in self.paystack.transactions.values() if each.access == access), None)

    async def page(self, request: Request) -> Response:
        one = self._named(request.path_params["access"])
        if one is None:
            return HTMLResponse("<h1>No such payment</h1>", 404, HEADERS)
        return _html(f"<main><p>Paystack (sandbox)</p>{_offer(one)}</main>")

    async def answer(self, request: Request) -> Response:
        one = self._named(request.path_params["access"])
        if one is None:
            return HTMLResponse("<h1>No such payment</h1>", 404, HEADERS)
        if b"cancel" in await request.body():
            self.paystack.refuse(one.reference, "The guest went away", "abandoned")
        else:
            await self.paystack.pay(one.reference)
        if not one.callback_url:
            return RedirectResponse("/", 303)
        mark = "&" if "?" in one.callback_url else "?"
        claim = urlencode({"trxref": one.reference, "reference": one.reference})
        back = self.paystack.reached(f"{one.callback_url}{mark}{claim}")
        return RedirectResponse(back, 303, HEADERS)

    async def phones(self, request: Request) -> Response:
        """The prompts on all phones."""
        waiting = [each for each in self.paystack.transactions.values() if each.status == "pending"]
        shown = "".join(f"<main><p>{html.escape(each.phone)}</p>{_offer(each)}</main>" for each in waiting)
        return _html(shown or "<main>No phone rings. Reload this page after a guest has pressed Pay.</main>")


def _html(body: str) -> Response:
    head = f'<title>Paystack sandbox</title><meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
    return HTMLResponse(f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>', 200, HEADERS)


def _offer(one: Transaction) -> str:
    if one.status == "success":
        return "<b>Paid</b>"
    return (
        f"<b>{one.currency} {one.amount / 100:,.2f}</b><form method='post' action='/pay/{one.access}'>"
        "<button name='do' value='pay'>Pay</button><button class='no' name='do' value='cancel'>Cancel</button></form>"
    )
