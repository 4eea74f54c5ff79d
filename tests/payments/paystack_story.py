"""The same story as in `story`, told by Paystack: one payment, and what is said about it."""

from __future__ import annotations

import json
import zlib
from types import MappingProxyType
from typing import Any

from portal.payments import inbox, joining, orders, reconcile
from portal.payments.mpesa_notices import READERS
from portal.payments.paystack import SIGNATURE, Paystack, signature
from portal.payments.provider import Accepted, Arrived, Readers
from tests.payments.story import START, Ledger, Story

KEY = "sk_test_of_the_story"


def paystack_ledger(ledger: Ledger) -> Readers:
    """The tenant of this ledger takes payments through Paystack from now on; gives who reads what it is told."""
    reader = Paystack(None, ledger.vault)  # type: ignore[arg-type]
    router, plan, _ = ledger.views[ledger.tenant.id]
    account = ledger.run(
        joining.join(
            ledger.vault,
            reader,
            START,
            tenant_public=ledger.tenant.public,
            environment="sandbox",
            kind="page",
            secrets={"consumer_secret": KEY},
        )
    )
    ledger.views[ledger.tenant.id] = (router, plan, account)
    return MappingProxyType({**READERS, reader.name: reader})


class PaystackStory(Story):
    """One payment through Paystack."""

    def __init__(self, ledger: Ledger, readers: Readers, *, n: int = 1) -> None:
        super().__init__(ledger, n=n)
        self.readers = readers

    def claimed(self) -> None:
        self.run(orders.claim_submission(self.ledger.vault, self.id, self.now, self.readers))

    def pushed(self, outcome: Any = None) -> None:
        super().pushed(outcome or Accepted(checkout_request=self.public, go_to="https://checkout.paystack.com/x"))

    def transaction(self, status: str, receipt: str | None, amount: float, ids: str) -> dict[str, Any]:
        number = zlib.crc32((receipt or f"UKM000000{self.n}").encode())
        return {
            "id": number,
            "status": status,
            "reference": self.public + ids,
            "amount": round(amount * 100),
            "currency": "KES",
            "gateway_response": "Declined",
        }

    def told(self, data: dict[str, Any], key: str = KEY) -> str:
        body = json.dumps({"event": "charge.success", "data": data}).encode()
        arrived = Arrived(headers={SIGNATURE: signature(body, key)}, body=body, source="")
        genuine = self.readers["paystack"].genuine(self.account, self.ledger.vault, arrived)
        row = self.run(
            inbox.keep_row(self.ledger.vault, "webhook", body, genuine, self.now, account_id=self.account.id)
        )
        return self.settled(row)

    def settled(self, row: int) -> str:
        vault, readers = self.ledger.vault, self.readers
        return self.run(inbox.settle_row(vault, row, self.now, enforce=False, open_shop=True, readers=readers))

    def callback(self, code: Any = 0, *, receipt: str | None = None, amount: float = 20.0, ids: str = "") -> str:
        status = {0: "success", 1032: "failed"}.get(code, "send_otp")
        return self.told(self.transaction(status, receipt, amount, ids))

    def c2b(self, *, receipt: str | None = None, amount: str = "20.00", ref: str | None = None) -> str:
        """It has no such thing; in its place a webhook that comes again, and with no reference a forged one."""
        key = KEY if ref is None else "sk_test_of_somebody_else"
        return self.told(self.transaction("success", receipt, float(amount), ""), key)

    def query(self, code: str) -> None:
        status = {"0": "success", "1037": "failed"}.get(code, "ongoing")
        body = json.dumps({"status": True, "data": self.transaction(status, None, 20.0, "")}).encode()
        said = reconcile.heard(self.ledger.vault, self.id, body, self.now, open_shop=True, readers=self.readers)
        for row in self.run(said):
            self.run(
                inbox.settle_row(self.ledger.vault, row, self.now, enforce=True, open_shop=True, readers=self.readers)
            )
