"""The envelopes Daraja answers in, and the words of its results (facts/mpesa.md 1.2, 2.3, 3.3)."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

RESULTS: dict[str, str] = {
    "0": "The service request is processed successfully.",
    "1": "The balance is insufficient for the transaction.",
    "11": "The DebitParty is in an invalid state.",
    "17": "Rule limited.",
    "21": "The initiator is not allowed to initiate this request.",
    "25": "The transaction was not found.",
    "26": "System busy. Traffic is blocked.",
    "1001": "Unable to lock subscriber, a transaction is already in process for the current subscriber",
    "1019": "Transaction has expired",
    "1025": "An error occurred while sending a push request",
    "1032": "Request cancelled by user",
    "1037": "DS timeout user cannot be reached",
    "2001": "The initiator information is invalid.",
    "2028": "The request is not permitted according to product assignment",
    "4999": "The transaction is still under processing",
    "8006": "The security credential is locked.",
    "E3008": "Error, the user has a bad debt contract.",
    "SFC_IC0003": "The operator does not exist.",
    "R000001": "The transaction has already been reversed.",
    "R000002": "The OriginalTransactionID is invalid.",
}
ACCEPTED = "Success. Request accepted for processing"


def result_text(code: int | str) -> str:
    return RESULTS.get(str(code), "The transaction could not be completed.")


class Refusal(Exception):
    """The gateway says no, with one of its error codes."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid(field: str) -> Refusal:
    return Refusal(400, "400.002.02", f"Bad Request - Invalid {field}")


# What the gateway says instead of an answer.
PLAIN_REFUSALS = {
    "failed_500": Refusal(500, "500.003.1001", "Internal Server Error"),
    "accepted_500": Refusal(500, "500.003.1001", "Internal Server Error"),
    "busy": Refusal(500, "500.003.02", "System is busy. Please try again in few minutes."),
    "spike": Refusal(500, "500.003.02", "Error Occurred: Spike Arrest Violation"),
    "quota": Refusal(500, "500.003.03", "Quota Violation"),
}


async def read_json(request: Request) -> object:
    """What was posted, None if it is not JSON: a form is refused like an empty one (facts/mpesa.md 2.1)."""
    try:
        return json.loads(await request.body())
    except ValueError:
        return None


def error(request_id: str, refusal: Refusal) -> Response:
    body = {"requestId": request_id, "errorCode": refusal.code, "errorMessage": refusal.message}
    return JSONResponse(body, refusal.status)


def rate_fault(per_minute: int, burst: int, retry_after_s: int | None) -> Response:
    """Apigee's own envelope, which is not Daraja's (facts/mpesa.md 1.2 and 4)."""
    rate = (
        f"MessageRate{{messagesPerPeriod={per_minute}, periodInMicroseconds=60000000, "
        f"maxBurstMessageCount={float(burst)}}}"
    )
    body = {
        "fault": {
            "faultstring": f"Spike arrest violation. Allowed rate : {rate}",
            "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
        }
    }
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return JSONResponse(body, 429, headers)


def firewall() -> Response:
    """The web firewall in front of everything answers in HTML (facts/mpesa.md 1.1)."""
    return HTMLResponse(
        "<html><body>Request unsuccessful. Incapsula incident ID: 1234000560-98765432101</body></html>", 503
    )


async def cut(request: Request) -> Response:
    """Kill the connection without a word; only behind `serve_mpesa`, otherwise a bare 500."""
    extensions = request.scope.get("extensions") or {}
    if "sandbox.cut" in extensions:
        extensions["sandbox.cut"]["abort"]()
        while not await request.is_disconnected():
            await request.receive()
    return Response(status_code=500)
