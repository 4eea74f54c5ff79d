"""The virtual handset as a web page: a simple phone with the SIM's prompt, an inbox and a menu to pay by hand.

It needs no JavaScript. A page with a field to type into does not refresh itself under the typist's fingers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from portal.clock import SECOND
from sandbox.mpesa.handset import Handset, international
from sandbox.mpesa.ids import east_africa
from sandbox.mpesa.records import Declined, Push

if TYPE_CHECKING:
    from sandbox.mpesa.provider import SandboxMpesa

PAD = (
    *(("1", ""), ("2", "abc"), ("3", "def"), ("4", "ghi"), ("5", "jkl"), ("6", "mno")),
    *(("7", "pqrs"), ("8", "tuv"), ("9", "wxyz"), ("*", ""), ("0", ""), ("#", "")),
)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
IDLE_REFRESH_S = 2
_jinja = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


def spaced(local: str) -> str:
    """`0712 345 678`."""
    return f"{local[:4]} {local[4:7]} {local[7:]}"


def routes(mpesa: SandboxMpesa) -> list[Route]:
    pages = Pages(mpesa)
    return [
        Route("/handset", pages.phones),
        Route("/handset/{phone:str}", pages.phone),
        Route("/handset/{phone:str}/answer", pages.answer, methods=["POST"]),
        Route("/handset/{phone:str}/pay", pages.menu),
        Route("/handset/{phone:str}/pay", pages.pay, methods=["POST"]),
    ]


def page(template: str, status: int = 200, **values: Any) -> Response:
    html = _jinja.get_template(template).render({"refresh": None, "spaced": spaced} | values)
    return HTMLResponse(html, status, HEADERS)


class Pages:
    """The handlers."""

    def __init__(self, mpesa: SandboxMpesa) -> None:
        self._mpesa = mpesa

    async def phones(self, request: Request) -> Response:
        wanted = request.query_params.get("phone", "")
        try:
            if wanted:
                return _to(self._mpesa.handset(wanted))
        except ValueError:
            pass
        return self._list(wanted)

    def _list(self, wrong: str) -> Response:
        handsets = sorted(self._mpesa.handsets.values(), key=lambda handset: handset.phone)
        merchants = self._mpesa.merchants
        return page("list.html", 400 if wrong else 200, handsets=handsets, merchants=merchants, wrong=wrong)

    def _handset(self, request: Request) -> Handset | None:
        try:
            return self._mpesa.handset(international(request.path_params["phone"]))
        except ValueError:
            return None

    async def phone(self, request: Request) -> Response:
        handset = self._handset(request)
        if handset is None:
            return self._list(request.path_params["phone"])
        push = handset.pending
        now = self._mpesa.clock.now()
        ends = now if push is None else push.at + self._mpesa.switches.prompt_ms
        typing = push is not None and not push.ignored
        return page(
            "phone.html",
            handset=handset,
            push=push,
            now=east_africa(now),
            gone=east_africa(ends),
            pad=PAD,
            refresh=max(1, (ends - now) // SECOND + 1) if typing else IDLE_REFRESH_S,
        )

    async def answer(self, request: Request) -> Response:
        """Answers the prompt that was on the screen, not one that came since."""
        handset = self._handset(request)
        if handset is None:
            return self._list(request.path_params["phone"])
        form = await request.form()
        push = handset.pending
        if push is not None and push.checkout_id == form.get("checkout"):
            action, pin = str(form.get("action", "")), str(form.get("pin", ""))
            self._mpesa.agenda.spawn(_act(handset, action, pin))
        return _to(handset)

    async def menu(self, request: Request) -> Response:
        handset = self._handset(request)
        if handset is None:
            return self._list(request.path_params["phone"])
        query = request.query_params
        form = {name: query.get(name, "") for name in ("shortcode", "account", "amount")}
        return self._menu(handset, form, "")

    def _menu(self, handset: Handset, form: dict[str, str], problem: str) -> Response:
        return page(
            "pay.html",
            400 if problem else 200,
            handset=handset,
            merchants=self._mpesa.merchants,
            form=form,
            problem=problem,
        )

    async def pay(self, request: Request) -> Response:
        handset = self._handset(request)
        if handset is None:
            return self._list(request.path_params["phone"])
        sent = await request.form()
        form = {name: str(sent.get(name, "")).strip() for name in ("shortcode", "account", "amount")}
        amount = int(form["amount"]) if form["amount"].isdecimal() else 0
        try:
            await self._mpesa.pay_by_hand(handset.phone, form["shortcode"], form["account"], amount)
        except Declined as declined:
            return self._menu(handset, form, f"Not paid: {declined.code}.")
        return _to(handset)


def _to(handset: Handset) -> Response:
    return RedirectResponse(f"/handset/{handset.local}", 303, HEADERS)


async def _act(handset: Handset, action: str, pin: str) -> None:
    """The merchant's server may be slow; the page does not wait for it."""
    acts: dict[str, Callable[[], Awaitable[Push]]] = {
        "ok": lambda: handset.approve(pin),
        "cancel": handset.cancel,
        "ignore": handset.ignore,
        "poor": handset.poor,
        "wrong": handset.wrong_pin,
        "expire": lambda: handset.end(1019),
    }
    if action in acts:
        with suppress(LookupError):  # a second click: the prompt has been answered
            await acts[action]()
