"""M-Pesa's side of the contract that needs no network: its messages as notices, and how it is to be answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from portal.payments import answers, mpesa, payment
from portal.payments.accounts import BASE_URLS, Account
from portal.payments.mpesa import C2bNotice, StkNotice
from portal.payments.provider import Arrived, Notice, Readers
from portal.processors.registry import USUAL
from portal.seal import Vault


class MpesaReader:
    """A `Reader`: callbacks on a payment's own path, C2B confirmations, and answers to queries."""

    name = "mpesa"
    title = "M-Pesa"
    signed = False  # there is no signature: the path is the secret, and the source may be listed
    processor = USUAL["mpesa"]
    names_itself = True
    kinds: Mapping[str, str] = MappingProxyType({"paybill": "A paybill", "till": "A till (Buy Goods)"})
    secrets: Mapping[str, str] = MappingProxyType(
        {"consumer_key": "Consumer key", "consumer_secret": "Consumer secret", "passkey": "Passkey"}
    )
    answer: Mapping[str, object] = MappingProxyType({"ResultCode": 0, "ResultDesc": "Accepted"})

    def __init__(self, sources: frozenset[str] = frozenset()) -> None:
        self._sources = sources

    def base_url(self, environment: str) -> str:
        return BASE_URLS[environment]

    def refuse_keys(self, environment: str, secrets: Mapping[str, str]) -> None:
        """They have no shape to tell them by."""

    def hosts(self, account: Account) -> Sequence[str]:
        return ()  # the phone's own menu

    def genuine(self, account: Account, vault: Vault, arrived: Arrived) -> bool:
        return arrived.source in self._sources

    def read(self, channel: str, body: bytes) -> Sequence[Notice] | None:
        if channel == "query":
            return (of_query(answers.read_query(body)),)
        if channel == "c2b-validate":
            return () if mpesa.read_object(body) is not None else None
        if channel == "c2b-confirm":
            c2b = mpesa.read_c2b(body)
            return None if c2b is None else (of_c2b(c2b),)
        stk = mpesa.read_stk(body) if channel == "stk" else None
        return None if stk is None else (of_stk(stk),)


READERS: Readers = MappingProxyType({MpesaReader.name: MpesaReader()})


def of_stk(stk: StkNotice) -> Notice:
    result = payment.result(stk.code)
    return Notice(
        meaning=result.meaning,
        reason=result.reason,
        alert=result.alert,
        merchant_request=stk.merchant_request,
        checkout_request=stk.checkout_request,
        receipt=stk.receipt,
        amount=stk.amount,
        paid_at=stk.paid_at,
    )


def of_query(query: answers.QueryNotice) -> Notice:
    """The answer to our own question; it carries neither receipt nor amount."""
    if query.meaning == "unknown-id":
        return Notice(meaning="unknown-id")
    result = payment.result(query.code) if query.meaning == "result" else payment.PENDING
    return Notice(
        meaning=result.meaning,
        reason=result.reason,
        alert=result.alert,
        final_after_ms=payment.QUERY_IS_FINAL_MS,
        checkout_request=query.checkout_request,
    )


def of_c2b(c2b: C2bNotice) -> Notice:
    """Money that reached the account, by a prompt or by hand."""
    return Notice(
        meaning="success",
        receipt=c2b.receipt,
        amount=c2b.amount,
        shortcode=c2b.shortcode,
        account_ref=c2b.account_ref,
        payer=c2b.payer,
        paid_at=c2b.paid_at,
    )
