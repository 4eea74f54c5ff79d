"""The M-Pesa gateway over HTTP: one token per app; a push and a reversal are sent once; queries and statements.

Asking for a token kills the one before (facts/mpesa.md 1), so all accounts of an app share one, and only one
task at a time asks for a new one, a minute before the old one ends.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import httpx

from portal.clock import Clock, Moment
from portal.db import Database
from portal.errors import ProviderRefused, ProviderUnknown
from portal.money import Money
from portal.payments import answers, mpesa, statement
from portal.payments import initiator as office
from portal.payments.accounts import Account
from portal.payments.apps.tokens import SharedTokens, Tokens
from portal.payments.initiator import Ack, Initiator, ReplyTo
from portal.payments.line import WHOLE_S, Answer, Line, Observe, quiet
from portal.payments.mpesa import Shop
from portal.payments.mpesa_notices import MpesaReader
from portal.payments.provider import Accepted, Heard, Prompt
from portal.processors.gate import Registered, shut
from portal.seal import Vault


class Daraja(MpesaReader):
    """M-Pesa's gateway; a `Provider`."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        vault: Vault,
        clock: Clock,
        observe: Observe = quiet,
        whole_s: float = WHOLE_S,
        sources: frozenset[str] = frozenset(),
        registered: Registered = shut,
        shared: Database | None = None,
    ) -> None:
        super().__init__(sources)
        self._line = Line(http, observe, whole_s, registered=registered)
        self._vault = vault
        self._tokens = Tokens(self._mint, clock) if shared is None else SharedTokens(self._mint, clock, shared, vault)

    async def push(self, account: Account, prompt: Prompt, now: Moment) -> Accepted:
        request = mpesa.push_request(
            self._shop(account),
            amount=prompt.amount,
            phone=prompt.phone.digits,
            account_ref=prompt.account_ref,
            description=prompt.description,
            callback_url=prompt.callback_url,
            now=now,
        )
        answer = await self._post(account, mpesa.STK_PATH, request)
        merchant, checkout = answers.read_push(answer.status, answer.body)
        return Accepted(merchant_request=merchant, checkout_request=checkout)

    async def ask(self, account: Account, checkout_request: str, now: Moment) -> Heard:
        request = mpesa.query_request(self._shop(account), checkout_request, now)
        answer = await self._post(account, mpesa.QUERY_PATH, request)
        return Heard(
            body=answer.body[: mpesa.MAX_BODY],
            throttled=answers.is_throttled(answer.status, answer.body),
            retry_after_ms=answer.retry_after_ms,
        )

    async def register(self, account: Account, address: str, version: str = "v2") -> None:
        """Tell M-Pesa once where the account's C2B confirmations go: `address` + /confirm and /validate.

        The version must be that of the C2B product of the app. Raises `ProviderRefused` or `ProviderUnknown`.
        """
        request = mpesa.register_request(account.pay_number, f"{address}/confirm", f"{address}/validate")
        answer = await self._post(account, mpesa.REGISTER_PATH.format(version=version), request)
        answers.read_accepted(answer.status, answer.body)

    async def try_out(self, account: Account) -> None:
        """Whether M-Pesa takes the account's key and secret; raises `ProviderRefused` or `ProviderUnknown`."""
        await self._tokens.get(account)

    # Statements, and what only an API user of the shop may ask

    async def register_pull(self, account: Account, nominated: str, callback_url: str) -> None:
        """Ask once to be let at the account's statement. Raises `ProviderRefused` or `ProviderUnknown`."""
        request = statement.pull_register_request(account.shortcode, nominated, callback_url)
        answer = await self._post(account, statement.REGISTER_PULL_PATH, request)
        statement.read_registration(answer.status, answer.body)

    async def pull(self, account: Account, start: Moment, end: Moment, offset: int, now: Moment) -> Answer:
        """The statement's rows from `offset` on; of a time before M-Pesa's memory, the part that it remembers."""
        start = max(start, now - statement.KEPT_MS)
        request = statement.pull_request(account.pay_number, start, end, offset)
        return await self._post(account, statement.PULL_PATH, request)

    async def ask_status(
        self, account: Account, initiator: Initiator, receipt: str, result_url: str, timeout_url: str
    ) -> Ack:
        """Ask what became of a payment; the answer is posted to one of the addresses. May be repeated."""
        reply = ReplyTo(result_url=result_url, timeout_url=timeout_url)
        request = office.status_request(account.shortcode, initiator, receipt, reply)
        return await self._asked(account, office.STATUS_PATH, request)

    async def reverse(
        self,
        account: Account,
        initiator: Initiator,
        receipt: str,
        amount: Money,
        remarks: str,
        result_url: str,
        timeout_url: str,
    ) -> Ack:
        """Give the money of a receipt back, at most once: after an unknown outcome it is not sent again."""
        reply = ReplyTo(result_url=result_url, timeout_url=timeout_url)
        request = office.reversal_request(account.shortcode, initiator, receipt, amount, remarks, reply)
        return await self._asked(account, office.REVERSAL_PATH, request)

    async def balance(self, account: Account, initiator: Initiator, result_url: str, timeout_url: str) -> Ack:
        """Ask how much is in the shop's accounts; the answer is posted. May be repeated."""
        reply = ReplyTo(result_url=result_url, timeout_url=timeout_url)
        return await self._asked(
            account, office.BALANCE_PATH, office.balance_request(account.shortcode, initiator, reply)
        )

    async def _asked(self, account: Account, path: str, request: Mapping[str, Any]) -> Ack:
        answer = await self._post(account, path, request)
        return office.read_ack(answer.status, answer.body)

    # On the wire

    def _shop(self, account: Account) -> Shop:
        passkey = account.credentials(self._vault).passkey
        return Shop(shortcode=account.shortcode, party_b=account.party_b, till=account.kind == "till", passkey=passkey)

    async def _post(self, account: Account, path: str, request: Mapping[str, Any]) -> Answer:
        """Send once; a second time only when the gateway refused the token and so never passed it on."""
        token = await self._tokens.get(account)
        answer = await self._send(account, path, request, token)
        if not answers.refuses_token(answer.status, answer.body):
            return answer
        self._tokens.drop(account, token)
        token = await self._tokens.get(account)
        return await self._send(account, path, request, token)

    async def _send(self, account: Account, path: str, request: Mapping[str, Any], token: str) -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        return await self._line.send(account, "POST", account.base_url + path, headers, request)

    async def _mint(self, account: Account) -> answers.Token:
        """A new token. Whatever goes wrong here, no request for money was sent."""
        own = account.credentials(self._vault)
        basic = base64.b64encode(f"{own.consumer_key}:{own.consumer_secret}".encode()).decode()
        try:
            answer = await self._line.ask(
                account, account.base_url + mpesa.TOKEN_PATH, {"Authorization": f"Basic {basic}"}
            )
        except ProviderUnknown as failed:
            raise ProviderRefused("provider-down", str(failed)) from failed
        token = answers.read_token(answer.status, answer.body)
        if token is not None:
            return token
        if answer.status in (400, 401, 403) and mpesa.read_object(answer.body) is not None:
            raise ProviderRefused("config", "M-Pesa refuses the consumer key and secret")
        if answer.status == 400:  # an empty body: key or secret wrong, or of the other environment
            raise ProviderRefused("config", "M-Pesa does not know the consumer key and secret in this environment")
        raise ProviderRefused("provider-down", f"HTTP {answer.status} instead of a token")
