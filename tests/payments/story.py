"""Payments without threads or sockets: a database that forgets, and one payment with what is said about it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import MINUTE
from portal.payments import accounts, inbox, orders, reconcile, store
from portal.payments.accounts import MpesaAccount
from portal.payments.mpesa import timestamp
from portal.payments.orders import Order
from portal.payments.provider import Accepted
from portal.phone import Phone
from portal.place import Place
from portal.seal import Vault
from portal.settings import load
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Row, Unit
from tests.hand import Hand, hand_on
from tests.support import MASTER, a_plan

START = 1_795_000_000_000
SETTINGS = load({})
T = TypeVar("T")


class Ledger:
    """A database without threads: units run one by one, inside a transaction that is thrown away."""

    def __init__(self, place: Place | Hand) -> None:
        self.connection = place if isinstance(place, Hand) else hand_on(place)
        self.unguarded = ""  # a clause that is left out of every statement
        self.vault = Vault(MASTER)
        self.tenant: Tenant = self.connection.run(tenancy.add_tenant("A", START), None)
        self.other: Tenant = self.connection.run(tenancy.add_tenant("B", START), None)
        self.views = {each.id: self._shop(each) for each in (self.tenant, self.other)}

    def _shop(self, tenant: Tenant) -> tuple[tenancy.Router, Plan, MpesaAccount]:
        self.run(
            tenancy.add_router(
                self.vault, START, name="R", host="h", port=1, username="u", password="p", hotspot_host="w.test"
            ),
            tenant,
        )
        (router,) = self.run(tenancy.routers(), tenant)
        plan = a_plan()
        plan_id = self.run(access.add_plan(plan, START), tenant)
        account = self.run(
            accounts.add_account(
                self.vault,
                START,
                tenant_public=tenant.public,
                environment="sandbox",
                kind="till",
                shortcode="5004321",
                till="9001234",
                consumer_key="k",
                consumer_secret="s",
                passkey="p",
            ),
            tenant,
        )
        return router, a_plan(id=plan_id, public=plan.public), account

    def execute(self, text: str, params: Mapping[str, Any]) -> Sequence[Row]:
        return self.connection.ask(text.replace(self.unguarded, "") if self.unguarded else text, params)

    def run(self, unit: Unit[T], tenant: Tenant | None = None) -> T:
        """One unit, alone or not at all."""
        return self.connection.run(unit, (tenant or self.tenant).id, self.execute)

    def trial(self) -> AbstractContextManager[None]:
        """What happens here has not happened afterwards."""
        return self.connection.trial()

    def count(self, table: str) -> int:
        return int(self.connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])

    def states(self) -> list[str]:
        return [row["state"] for row in self.connection.execute("SELECT state FROM payments ORDER BY id")]

    def lines(self) -> set[str]:
        return {row["kind"] for row in self.connection.execute("SELECT kind FROM exceptions WHERE closed_at IS NULL")}


class Story:
    """One payment and what is said about it."""

    def __init__(self, ledger: Ledger, *, tenant: Tenant | None = None, n: int = 1, now: int = START) -> None:
        self.ledger = ledger
        self.tenant = tenant or ledger.tenant
        self.now = now
        self.n = n
        router, plan, self.account = ledger.views[self.tenant.id]
        order = Order(
            tenant=self.tenant,
            router=router,
            plan=plan,
            mac=f"02:00:00:00:00:{n:02X}",
            phone=Phone(f"25471234567{n}"),
            click=f"click {n}",
        )
        self.id, self.public, _ = self.run(orders.create(ledger.vault, SETTINGS, order, self.now))

    def run(self, unit: Unit[T]) -> T:
        return self.ledger.run(unit, self.tenant)

    @property
    def row(self) -> store.Payment:
        found = self.run(store.payment(self.id))
        assert found is not None
        return found

    def claimed(self) -> None:
        self.run(orders.claim_submission(self.ledger.vault, self.id, self.now))

    def pushed(self, outcome: Any = None) -> None:
        ids = Accepted(merchant_request=f"m{self.n}", checkout_request=f"ws_CO_{self.n}")
        self.run(orders.record_outcome(self.ledger.vault, self.tenant.id, self.id, outcome or ids, self.now))

    def say(self, channel: str, body: dict[str, Any], **whose: int) -> str:
        row = self.run(inbox.keep_row(self.ledger.vault, channel, json.dumps(body).encode(), True, self.now, **whose))
        return self.run(inbox.settle_row(self.ledger.vault, row, self.now, enforce=False, open_shop=True))

    def callback(self, code: Any = 0, *, receipt: str | None = None, amount: float = 20.0, ids: str = "") -> str:
        items = [
            {"Name": "Amount", "Value": amount},
            {"Name": "MpesaReceiptNumber", "Value": receipt or f"UKM000000{self.n}"},
        ]
        said: dict[str, Any] = {
            "MerchantRequestID": f"m{self.n}{ids}",
            "CheckoutRequestID": f"ws_CO_{self.n}{ids}",
            "ResultCode": code,
        }
        if str(code) == "0":
            said["CallbackMetadata"] = {"Item": items}
        return self.say("stk", {"Body": {"stkCallback": said}}, payment_id=self.id)

    def c2b(self, *, receipt: str | None = None, amount: str = "20.00", ref: str | None = None) -> str:
        said = {
            "TransID": receipt or f"UKM000000{self.n}",
            "TransAmount": amount,
            "TransTime": timestamp(self.now),
            "BusinessShortCode": self.account.party_b,
            "BillRefNumber": self.row.account_ref if ref is None else ref,
            "MSISDN": f"2547 ***** {self.row.phone_tail}",
        }
        return self.say("c2b-confirm", said, account_id=self.account.id)

    def query(self, code: str) -> None:
        body = {"ResponseCode": "0", "ResultCode": code, "CheckoutRequestID": f"ws_CO_{self.n}"}
        self.run(reconcile.heard(self.ledger.vault, self.id, json.dumps(body).encode(), self.now, open_shop=True))

    def time_passes(self) -> None:
        self.now += 6 * MINUTE
        self.run(reconcile.overdue(self.ledger.vault, self.now))

    def restart(self) -> None:
        self.run(orders.recover(self.now))
