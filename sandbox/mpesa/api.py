"""Daraja's routes: token, push, query, C2B; those of the back office are in `office`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.mpesa import answers, office, pages
from sandbox.mpesa.answers import PLAIN_REFUSALS, Refusal, invalid, read_json
from sandbox.mpesa.faults import Fault
from sandbox.mpesa.oauth import Application
from sandbox.mpesa.push import Order, check_password, read_order, read_query
from sandbox.mpesa.records import Declined, Merchant, Push

if TYPE_CHECKING:
    from sandbox.mpesa.provider import SandboxMpesa

Handler = Callable[[Request], Awaitable[Response]]
BAD_TOKEN = Refusal(404, "404.001.03", "Invalid Access Token")
BAD_TOKEN_C2B = Refusal(400, "400.003.01", "Invalid Access Token")
LOCKED = "Unable to lock subscriber, a transaction is already in process for the current subscriber"


def api(mpesa: SandboxMpesa) -> Starlette:
    daraja = Daraja(mpesa)
    routes = [
        Route("/oauth/v1/generate", daraja.token, methods=["GET"]),
        Route("/mpesa/stkpush/v1/processrequest", daraja.push, methods=["POST"]),
        Route("/mpesa/stkpushquery/v1/query", daraja.query, methods=["POST"]),
        Route("/mpesa/c2b/{version:str}/registerurl", daraja.register, methods=["POST"]),
        Route("/mpesa/c2b/{version:str}/simulate", daraja.simulate, methods=["POST"]),
        *office.routes(mpesa),
        *pages.routes(mpesa),
    ]
    handlers: dict[Any, Any] = {Refusal: daraja.refused, HTTPException: daraja.lost}
    return Starlette(routes=routes, exception_handlers=handlers)


class Daraja:
    """The handlers."""

    def __init__(self, mpesa: SandboxMpesa) -> None:
        self._mpesa = mpesa

    async def refused(self, request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        return answers.error(self._mpesa.ids.merchant_request(), refusal)

    async def lost(self, request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            return await self.refused(request, Refusal(405, "405.001", "Method Not Allowed"))
        return await self.refused(request, Refusal(404, "404.001.01", "Resource not found"))

    async def token(self, request: Request) -> Response:
        application = self._mpesa.gate.login(request.headers.get("authorization", ""))
        if request.query_params.get("grant_type") != "client_credentials":
            raise Refusal(400, "400.008.02", "Invalid grant type passed")
        if application is None:
            return Response(status_code=400)
        token = self._mpesa.gate.issue(application)
        life = self._mpesa.switches.token_life_ms // 1000 - 1
        number = self._mpesa.switches.expires_in_number
        return JSONResponse({"access_token": token.text, "expires_in": life if number else str(life)})

    def _admit(self, request: Request, product: str, bad_token: Refusal = BAD_TOKEN) -> Application:
        header = request.headers.get("authorization", "")
        return self._mpesa.gate.admit(header, product, bad_token)

    # Push

    async def push(self, request: Request) -> Response:
        application = self._admit(request, "stk")
        body = await read_json(request)
        order = read_order(body, self._mpesa.switches)
        merchants = self._mpesa.trading(order.business, application.key)
        check_password(order.business, merchants[0].passkey, order.timestamp, order.password)
        if self._mpesa.locked(order.phone):
            return self._locked()
        fault = self._mpesa.faults.take(order.phone)
        if fault.push in ("waf_503", "too_many", "failed_500", "busy", "spike", "quota"):
            return self._unstarted(fault)
        return await self._accept(request, order, merchants, fault)

    def _locked(self) -> Response:
        if not self._mpesa.switches.lock_as_200:
            raise Refusal(500, "500.001.1001", LOCKED)
        body = {"ResponseCode": "1", "ResponseDescription": LOCKED, "CustomerMessage": LOCKED}
        return JSONResponse(body)

    def _unstarted(self, fault: Fault) -> Response:
        if fault.push == "waf_503":
            return answers.firewall()
        if fault.push == "too_many":
            return self._too_many()
        raise PLAIN_REFUSALS[str(fault.push)]

    async def _accept(self, request: Request, order: Order, merchants: list[Merchant], fault: Fault) -> Response:
        push = self._mpesa.accept(order, merchants, fault)
        if fault.before_ack:
            await self._mpesa.answer_at_once(push)
        if fault.slow_ms:
            await self._mpesa.clock.sleep(fault.slow_ms)
        if fault.push == "accepted_cut":
            return await answers.cut(request)
        if fault.push is not None:
            raise PLAIN_REFUSALS[fault.push]
        return JSONResponse(_accepted(push))

    # Query

    async def query(self, request: Request) -> Response:
        application = self._admit(request, "stk")
        if not self._mpesa.gate.query_allowed(application):
            return self._too_many()
        fields = read_query(await read_json(request))
        merchants = self._mpesa.trading(fields["BusinessShortCode"], application.key)
        check_password(fields["BusinessShortCode"], merchants[0].passkey, fields["Timestamp"], fields["Password"])
        push = self._known(fields["CheckoutRequestID"], merchants)
        code = push.fault.query_code or push.code
        if push.open and self._mpesa.switches.pending_as_error:
            raise Refusal(500, "500.001.1001", "The transaction is being processed")
        return JSONResponse(_status(push, "4999" if push.open or code is None else str(code)))

    def _known(self, checkout_id: str, merchants: list[Merchant]) -> Push:
        push = self._mpesa.pushes.get(checkout_id)
        if push is None or push.merchant not in merchants:
            raise invalid("CheckoutRequestID")
        age, oldest = self._mpesa.clock.now() - push.at, self._mpesa.switches.query_age_ms
        if age < self._mpesa.switches.unknown_for_ms or (oldest is not None and age > oldest):
            raise invalid("CheckoutRequestID")
        return push

    def _too_many(self) -> Response:
        switches = self._mpesa.switches
        rate = switches.query_per_minute or 5
        return answers.rate_fault(rate, switches.query_burst, 60 // rate if switches.retry_after else None)

    # C2B

    def _version(self, request: Request) -> Any:
        version = request.path_params["version"]
        if version not in ("v1", "v2"):
            raise Refusal(404, "404.001.01", "Resource not found")
        return version

    async def register(self, request: Request) -> Response:
        version = self._version(request)
        application = self._admit(request, f"c2b/{version}", BAD_TOKEN_C2B)
        body = await read_json(request)
        if not isinstance(body, dict):
            raise invalid("ShortCode")
        merchant = self._own(application, body)
        self._mpesa.notices.register(merchant, version, body)
        return self._c2b_done("Success")

    async def simulate(self, request: Request) -> Response:
        if self._mpesa.environment == "production":
            raise Refusal(404, "404.001.01", "Resource not found")
        application = self._admit(request, f"c2b/{self._version(request)}", BAD_TOKEN_C2B)
        body = await read_json(request)
        if not isinstance(body, dict):
            raise invalid("ShortCode")
        merchant = self._own(application, body)
        payment = _simulated(body, merchant)
        self._mpesa.agenda.spawn(self._pay(*payment))
        return self._c2b_done("Accept the service request successfully.")

    async def _pay(self, phone: str, shortcode: str, account: str, amount: int) -> None:
        try:
            await self._mpesa.pay_by_hand(phone, shortcode, account, amount)
        except Declined:
            return

    def _own(self, application: Application, body: dict[str, Any]) -> Merchant:
        """A till may be named by its own number or its store's."""
        wanted = str(body.get("ShortCode", ""))
        for merchant in self._mpesa.merchants:
            named = wanted in (merchant.shortcode, merchant.business)
            if named and merchant.consumer_key == application.key:
                return merchant
        raise invalid("ShortCode")

    def _c2b_done(self, text: str) -> Response:
        # The misspelt key is Safaricom's (facts/mpesa.md 5.2).
        body = {
            "OriginatorCoversationID": self._mpesa.ids.merchant_request(),
            "ResponseCode": "0",
            "ResponseDescription": text,
        }
        return JSONResponse(body)


def _accepted(push: Push) -> dict[str, str]:
    return {
        "MerchantRequestID": push.merchant_request_id,
        "CheckoutRequestID": push.checkout_id,
        "ResponseCode": "0",
        "ResponseDescription": answers.ACCEPTED,
        "CustomerMessage": answers.ACCEPTED,
    }


def _status(push: Push, code: str) -> dict[str, str]:
    """Neither receipt nor amount (facts/mpesa.md 4)."""
    return {
        "ResponseCode": "0",
        "ResponseDescription": "The service request has been accepted successsfully",
        "MerchantRequestID": push.merchant_request_id,
        "CheckoutRequestID": push.checkout_id,
        "ResultCode": code,
        "ResultDesc": answers.result_text(code),
    }


def _simulated(body: dict[str, Any], merchant: Merchant) -> tuple[str, str, str, int]:
    kinds = {"CustomerPayBillOnline": "paybill", "CustomerBuyGoodsOnline": "till"}
    if kinds.get(str(body.get("CommandID"))) != merchant.kind:
        raise invalid("CommandID")
    phone, amount = str(body.get("Msisdn", "")), str(body.get("Amount", ""))
    if not (phone.isdecimal() and len(phone) == 12 and phone.startswith(("2547", "2541"))):
        raise invalid("Msisdn")
    if not amount.isdecimal() or int(amount) < 1:
        raise invalid("Amount")
    return phone, merchant.shortcode, str(body.get("BillRefNumber") or ""), int(amount)
