"""The routes of a merchant's back office: statement, transaction status, reversal, balance."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.mpesa import answers
from sandbox.mpesa.answers import PLAIN_REFUSALS, Refusal, invalid, read_json
from sandbox.mpesa.faults import OfficeFault
from sandbox.mpesa.initiator import Command, certificate_pem
from sandbox.mpesa.records import Merchant

if TYPE_CHECKING:
    from sandbox.mpesa.provider import SandboxMpesa

MESSAGE = "Invalid Access Token"
# Each API numbers the same refusal in its own way (facts/mpesa.md 1.1).
BAD_TOKENS = {
    "pull": Refusal(401, "401.001", MESSAGE),
    "status": Refusal(400, "400.003.01", MESSAGE),
    "reversal": Refusal(404, "404.001.03", MESSAGE),
    "balance": Refusal(401, "401.002.01", MESSAGE),
}
COMMANDS = {"status": "TransactionStatusQuery", "reversal": "TransactionReversal", "balance": "AccountBalance"}
PARTIES = {"status": "PartyA", "reversal": "ReceiverParty", "balance": "PartyA"}
# The misspelling is required (facts/mpesa.md 6.4).
KINDS = {
    "status": ("IdentifierType", "4"),
    "reversal": ("RecieverIdentifierType", "11"),
    "balance": ("IdentifierType", "4"),
}


def routes(mpesa: SandboxMpesa) -> list[Route]:
    office = Office(mpesa)
    return [
        Route("/pulltransactions/v1/register", office.register, methods=["POST"]),
        Route("/pulltransactions/v1/query", office.pull, methods=["POST"]),
        Route("/mpesa/transactionstatus/v1/query", office.asked("status"), methods=["POST"]),
        Route("/mpesa/reversal/v1/request", office.asked("reversal"), methods=["POST"]),
        Route("/mpesa/accountbalance/v1/query", office.asked("balance"), methods=["POST"]),
        Route("/statement.csv", office.file),
        Route("/certificate.pem", office.certificate),
    ]


class Office:
    """The handlers."""

    def __init__(self, mpesa: SandboxMpesa) -> None:
        self._mpesa = mpesa

    async def _body(self, request: Request, product: str) -> tuple[str, dict[str, Any]]:
        """The consumer key of who asks, and what is asked."""
        header = request.headers.get("authorization", "")
        application = self._mpesa.gate.admit(header, product, BAD_TOKENS[product])
        body = await read_json(request)
        if not isinstance(body, dict):
            raise invalid("ShortCode")
        return application.key, body

    def _merchant(self, key: str, body: dict[str, Any], name: str) -> Merchant:
        """A till may be named by its own number or its store's."""
        wanted = str(body.get(name, ""))
        for merchant in self._mpesa.merchants:
            if wanted in (merchant.business, merchant.shortcode) and merchant.consumer_key == key:
                return merchant
        raise invalid(name)

    def _url(self, body: dict[str, Any], name: str) -> str:
        url = body.get(name)
        schemes = ("https",) if self._mpesa.switches.https_callbacks else ("https", "http")
        try:
            parts = urlsplit(url) if isinstance(url, str) else None
        except ValueError:
            parts = None
        if parts is None or parts.scheme not in schemes or not parts.hostname:
            raise invalid(name)
        return str(url)

    def _unstarted(self, fault: OfficeFault) -> Response | None:
        """The gateway is ill and passes nothing on."""
        if fault.answer == "waf_503":
            return answers.firewall()
        if fault.answer == "too_many":
            return answers.rate_fault(5, 1, 12 if self._mpesa.switches.retry_after else None)
        if fault.answer is not None and not fault.answer.startswith("accepted"):
            raise PLAIN_REFUSALS[fault.answer]
        return None

    async def _answered(self, request: Request, fault: OfficeFault, answer: dict[str, Any]) -> Response:
        if fault.answer == "accepted_cut":
            return await answers.cut(request)
        if fault.answer is not None:
            raise PLAIN_REFUSALS[fault.answer]
        return JSONResponse(answer)

    # The statement

    async def register(self, request: Request) -> Response:
        key, body = await self._body(request, "pull")
        merchant = self._registering(key, body)
        known = merchant.business in self._mpesa.statement.registered
        self._mpesa.statement.registered.add(merchant.business)
        gap = " " if self._mpesa.switches.spaced_keys else ""
        said = "ShortCode already Registered" if known else "ShortCode Registered Successfully"
        return JSONResponse(
            {
                "ResponseRefID": self._mpesa.ids.merchant_request(),
                f"Response{gap}Status": "1001" if known else "1000",
                f"Response{gap}Description": said,
            }
        )

    def _registering(self, key: str, body: dict[str, Any]) -> Merchant:
        """A till is let in under its store number."""
        merchant = self._merchant(key, body, "ShortCode")
        if str(body["ShortCode"]) != merchant.business:
            raise invalid("ShortCode")
        if body.get("RequestType") != "Pull":
            raise invalid("RequestType")
        if not re.fullmatch(r"254[17]\d{8}", str(body.get("NominatedNumber", ""))):
            raise invalid("NominatedNumber")
        self._url(body, "CallBackURL")
        return merchant

    async def pull(self, request: Request) -> Response:
        key, body = await self._body(request, "pull")
        fault = self._mpesa.initiators.faults.take()
        ill = self._unstarted(fault)
        return ill or await self._answered(request, fault, self._mpesa.statement.pull(body, key))

    async def file(self, request: Request) -> Response:
        """The statement as the organisation portal gives it, for a person of the sandbox."""
        wanted = request.query_params.get("shortcode", "")
        if all(each.shortcode != wanted for each in self._mpesa.merchants):
            return PlainTextResponse("No such shortcode.\n", 404)
        headers = {"Content-Disposition": f'attachment; filename="statement-{wanted}.csv"', "Cache-Control": "no-store"}
        return Response(self._mpesa.statement.as_csv(wanted), 200, headers, "text/csv; charset=utf-8")

    # Initiators

    async def certificate(self, request: Request) -> Response:
        return PlainTextResponse(certificate_pem(), 200, {"Cache-Control": "no-store"})

    def asked(self, role: str) -> Callable[[Request], Awaitable[Response]]:
        async def handler(request: Request) -> Response:
            return await self._asked(request, role)

        return handler

    async def _asked(self, request: Request, role: str) -> Response:
        key, body = await self._body(request, role)
        command = self._command(key, body, role)
        ill = self._unstarted(command.fault)
        if ill is not None:
            return ill
        self._mpesa.initiators.take(command)
        return await self._answered(request, command.fault, _accepted(command))

    def _command(self, key: str, body: dict[str, Any], role: str) -> Command:
        _check(body, role)
        merchant = self._merchant(key, body, PARTIES[role])
        result_url, timeout_url = self._url(body, "ResultURL"), self._url(body, "QueueTimeOutURL")
        return Command(
            role=role,
            merchant=merchant,
            initiator=str(body["Initiator"]),
            credential=str(body["SecurityCredential"]),
            receipt=str(body.get("TransactionID", "")),
            amount=int(float(body["Amount"])) if role == "reversal" else 0,
            result_url=result_url,
            timeout_url=timeout_url,
            originator=self._mpesa.ids.merchant_request(),
            conversation=self._mpesa.ids.conversation(self._mpesa.clock.now()),
            fault=self._mpesa.initiators.faults.take(),
        )


def _check(body: dict[str, Any], role: str) -> None:
    """The fields that the gateway looks at before it passes a request on."""
    for name in ("Initiator", "SecurityCredential"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise invalid(name)
    if body.get("CommandID") != COMMANDS[role]:
        raise invalid("CommandID")
    name, wanted = KINDS[role]
    if str(body.get(name)) != wanted:
        raise invalid(name)
    if not 2 <= len(str(body.get("Remarks", ""))) <= 100:
        raise invalid("Remarks")
    if role != "balance" and not str(body.get("TransactionID", "")).isalnum():
        raise invalid("TransactionID")
    if role == "reversal" and not re.fullmatch(r"[1-9]\d{0,8}(\.0+)?", str(body.get("Amount", ""))):
        raise invalid("Amount")


def _accepted(command: Command) -> dict[str, str]:
    return {
        "OriginatorConversationID": command.originator,
        "ConversationID": command.conversation,
        "ResponseCode": "0",
        "ResponseDescription": "Accept the service request successfully.",
    }
