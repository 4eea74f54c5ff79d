"""The statements of payments: accounts, payments, receipts, inbox, prompts and guesses. Each decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from portal.access import plans
from portal.access.plans import Plan
from portal.clock import DAY, MINUTE, Moment
from portal.money import Money
from portal.payments.payment import State
from portal.seal import Vault
from portal.sql import any_of, listed, marks
from portal.units import Row, Sql, Unit, insert, insert_new, one, rows, update, value

PROVIDER = "mpesa"  # whose receipts guests know by their number
SLACK_MS = 2 * MINUTE  # two clocks disagree by less
OLDEST_MS = 2 * DAY  # the last query is after one day; no payment settles by itself later


@dataclass(frozen=True, kw_only=True)
class Payment:
    """One attempt to collect money: a row of `payments`."""

    id: int
    tenant_id: int
    public: str
    account_id: int
    environment: str
    router_id: int | None
    device_id: int
    person_id: int
    phone_tail: str | None
    plan: Plan
    amount: Money
    account_ref: str
    click_key: str
    state: State
    reason: str | None
    receipt_state: str | None
    settled_by: str | None
    merchant_request_sealed: bytes | None
    checkout_request_sealed: bytes | None
    go_to_sealed: bytes | None
    say: str | None
    created_at: Moment
    submitted_at: Moment | None
    settled_at: Moment | None
    queries: int
    next_query_at: Moment | None

    @property
    def prompted(self) -> bool:
        """Whether the provider took the request, as far as we know."""
        return self.merchant_request_sealed is not None or self.state == "submit_unknown"

    def merchant_request(self, vault: Vault) -> str:
        return self._opened(vault, self.merchant_request_sealed, "merchant_request_sealed")

    def checkout_request(self, vault: Vault) -> str:
        return self._opened(vault, self.checkout_request_sealed, "checkout_request_sealed")

    def go_to(self, vault: Vault) -> str:
        """The provider's page on which it is paid; "" when it has none."""
        return self._opened(vault, self.go_to_sealed, "go_to_sealed")

    def _opened(self, vault: Vault, sealed: bytes | None, column: str) -> str:
        if sealed is None:
            return ""
        return vault.of(self.tenant_id).open(sealed, table="payments", row=self.public, column=column).decode()


_MADE_OF_ROW = ("plan", "amount")


def payment_of_row(row: Row) -> Payment:
    fields = {name: row[name] for name in Payment.__dataclass_fields__ if name not in _MADE_OF_ROW}
    amount = Money(row["amount_minor"], row["currency"])
    return Payment(plan=plans.from_json(row["plan_copy"]), amount=amount, **fields)


# --- accounts ---


def insert_account(**columns: Any) -> Unit[int]:
    return (yield from insert("mpesa_accounts", **columns))


def change_account(account_id: int, **columns: Any) -> Unit[None]:
    yield from update("mpesa_accounts", account_id, **columns)


def account_row(account_id: int) -> Unit[Row | None]:
    return (yield from one("SELECT * FROM mpesa_accounts WHERE tenant_id = :tenant AND id = :id", id=account_id))


def account_rows() -> Unit[Sequence[Row]]:
    return (yield from rows("SELECT * FROM mpesa_accounts WHERE tenant_id = :tenant ORDER BY id"))


# --- payments ---


def insert_payment(**columns: Any) -> Unit[int | None]:
    """A new payment; None when one of its random names is taken."""
    return (yield from insert_new("payments", **columns))


def payment(payment_id: int) -> Unit[Payment | None]:
    return (yield from _payment("id = :id", id=payment_id))


def _payment(where: str, **bound: Any) -> Unit[Payment | None]:
    """One payment of the tenant."""
    row = yield from one(f"SELECT * FROM payments WHERE tenant_id = :tenant AND {where}", **bound)
    return None if row is None else payment_of_row(row)


def payment_by_public(public: str) -> Unit[Payment | None]:
    return (yield from _payment("public = :public", public=public))


def payment_by_token(token_hash: bytes) -> Unit[Payment | None]:
    """The payment with this purchase token."""
    return (yield from _payment("token_hash = :hash", hash=token_hash))


def payment_by_callback(callback_hash: bytes) -> Unit[int | None]:
    """The id of the payment with this callback token."""
    found: int | None = yield from value(
        "SELECT id FROM payments WHERE tenant_id = :tenant AND callback_hash = :hash", hash=callback_hash
    )
    return found


def account_of_payment(payment_id: int) -> Unit[int | None]:
    """The id of the account that a payment goes to."""
    found: int | None = yield from value(
        "SELECT account_id FROM payments WHERE tenant_id = :tenant AND id = :id", id=payment_id
    )
    return found


def account_by_c2b(c2b_hash: bytes) -> Unit[int | None]:
    """The id of the account with this C2B token."""
    found: int | None = yield from value(
        "SELECT id FROM mpesa_accounts WHERE tenant_id = :tenant AND c2b_token_hash = :hash", hash=c2b_hash
    )
    return found


def payment_by_ref(account_ref: str, environment: str) -> Unit[Payment | None]:
    """The payment whose account reference the payer gave."""
    return (yield from _payment("account_ref = :ref AND environment = :at", ref=account_ref, at=environment))


def payment_list(limit: int = 100) -> Unit[list[Payment]]:
    """The newest payments first."""
    found = yield from rows(
        "SELECT * FROM payments WHERE tenant_id = :tenant ORDER BY id DESC LIMIT :limit", limit=limit
    )
    return [payment_of_row(row) for row in found]


def newest_of_device(device_id: int, states: Iterable[str], since: Moment) -> Unit[Payment | None]:
    """The newest payment of a device in one of these states."""
    marks, bound = any_of(states)
    where = f"device_id = :device_id AND state IN ({marks}) AND created_at >= :since ORDER BY id DESC LIMIT 1"
    return (yield from _payment(where, device_id=device_id, since=since, **bound))


def lately_asked(person_id: int, since: Moment) -> Unit[list[Payment]]:
    """The payments for which this person was asked since then, the newest first."""
    found = yield from rows(
        "SELECT * FROM payments WHERE tenant_id = :tenant AND person_id = :person_id"
        " AND COALESCE(submitted_at, created_at) > :since ORDER BY id DESC",
        person_id=person_id,
        since=since,
    )
    return [payment_of_row(row) for row in found]


def in_state(states: Iterable[str], before: Moment) -> Unit[list[int]]:
    """Payments in one of these states since before this moment."""
    marks, bound = any_of(states)
    found = yield from rows(
        f"SELECT id FROM payments WHERE tenant_id = :tenant AND state IN ({marks})"
        " AND COALESCE(submitted_at, created_at) <= :before ORDER BY id",
        before=before,
        **bound,
    )
    return [row["id"] for row in found]


def paid_near(device_id: int, other_than: int, since: Moment) -> Unit[Payment | None]:
    """Another payment of the device that succeeded since then."""
    where = "device_id = :device_id AND id <> :other AND state = 'paid' AND settled_at >= :since"
    return (
        yield from _payment(f"{where} ORDER BY id DESC LIMIT 1", device_id=device_id, other=other_than, since=since)
    )


def change_payment(payment_id: int, **columns: Any) -> Unit[None]:
    yield from update("payments", payment_id, **columns)


def without_receipt(account_id: int, amount: Money, tail: str | None, at: Moment, near_ms: int) -> Unit[list[Payment]]:
    """Payments of an account that a receipt of this amount, number's tail (if known) and moment may belong to."""
    payer = "AND p.phone_tail = :tail" if tail else ""
    found = yield from rows(
        f"SELECT p.* FROM payments p WHERE p.tenant_id = :tenant AND p.account_id = :account_id {payer}"
        " AND p.amount_minor = :minor AND p.currency = :currency AND p.state <> 'review'"
        " AND p.created_at BETWEEN :oldest AND :begun"
        # The money moves soon after the prompt, however late we hear of it.
        " AND (COALESCE(p.submitted_at, p.created_at) BETWEEN :earliest AND :latest"
        " OR p.settled_at BETWEEN :earliest AND :latest) AND NOT EXISTS"
        " (SELECT 1 FROM receipts r WHERE r.tenant_id = :tenant AND r.payment_id = p.id) ORDER BY p.id",
        account_id=account_id,
        tail=tail,
        minor=amount.minor,
        currency=amount.currency,
        oldest=at - OLDEST_MS,
        begun=at + SLACK_MS,
        earliest=at - near_ms,
        latest=at + near_ms,
    )
    return [payment_of_row(row) for row in found]


def overdue_receipts(before: Moment) -> Unit[list[Payment]]:
    """Payments settled before this moment whose receipt has not come."""
    found = yield from rows(
        "SELECT * FROM payments WHERE tenant_id = :tenant AND receipt_state = 'to come' AND settled_at <= :before",
        before=before,
    )
    return [payment_of_row(row) for row in found]


# --- queries ---

_ASKABLE = (
    "tenant_id = :tenant AND next_query_at IS NOT NULL AND checkout_request_sealed IS NOT NULL"
    " AND state IN ('submitting', 'awaiting', 'submit_unknown', 'expired_unknown', 'failed')"
)


def due_queries(now: Moment, limit: int = 200) -> Unit[list[Payment]]:
    """Payments to ask about, those first of which the least is known."""
    found = yield from rows(
        f"SELECT * FROM payments WHERE {_ASKABLE} AND next_query_at <= :now"
        " ORDER BY queries, next_query_at LIMIT :limit",
        now=now,
        limit=limit,
    )
    return [payment_of_row(row) for row in found]


def next_query(after: Moment) -> Unit[Moment | None]:
    """When this tenant next wants to ask something."""
    found: Moment | None = yield from value(
        f"SELECT MIN(next_query_at) FROM payments WHERE {_ASKABLE} AND next_query_at > :after",
        after=after,
    )
    return found


def count_query(payment_id: int, next_at: Moment | None) -> Unit[None]:
    yield Sql(
        "UPDATE payments SET queries = queries + 1, next_query_at = :next_at WHERE tenant_id = :tenant AND id = :id",
        {"id": payment_id, "next_at": next_at},
    )


# --- receipts ---


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Proof that money moved: a row of `receipts`."""

    id: int
    number: str
    environment: str
    amount: Money
    account_ref: str
    account_id: int | None
    provider: str
    payer_tail: str | None
    payer_index: bytes | None
    paid_at: Moment | None
    seen_at: Moment
    payment_id: int | None
    state: str


def _receipt(row: Row) -> Receipt:
    fields = {name: row[name] for name in Receipt.__dataclass_fields__ if name != "amount"}
    return Receipt(amount=Money(row["amount_minor"], row["currency"]), **fields)


def insert_receipt(**columns: Any) -> Unit[Receipt | None]:
    """Write a receipt down; None when its number is known already, here or at another tenant (I3)."""
    row = yield from one(
        f"INSERT INTO receipts (tenant_id, {listed('receipts', columns)}) VALUES (:tenant, {marks(columns)})"
        " ON CONFLICT DO NOTHING RETURNING *",
        **columns,
    )
    return None if row is None else _receipt(row)


def receipt(number: str, environment: str, provider: str = PROVIDER) -> Unit[Receipt | None]:
    """This tenant's receipt with this number."""
    row = yield from one(
        "SELECT * FROM receipts WHERE tenant_id = :tenant AND provider = :provider AND number = :number"
        " AND environment = :environment",
        provider=provider,
        number=number,
        environment=environment,
    )
    return None if row is None else _receipt(row)


def receipts_numbered(number: str) -> Unit[list[Receipt]]:
    """This tenant's receipts at M-Pesa with this number, of any environment."""
    found = yield from rows(
        "SELECT * FROM receipts WHERE tenant_id = :tenant AND provider = :provider AND number = :number ORDER BY id",
        provider=PROVIDER,
        number=number,
    )
    return [_receipt(row) for row in found]


def receipt_of(payment_id: int) -> Unit[Receipt | None]:
    row = yield from one("SELECT * FROM receipts WHERE tenant_id = :tenant AND payment_id = :id", id=payment_id)
    return None if row is None else _receipt(row)


def take_receipt(receipt_id: int, payment_id: int, state: str) -> Unit[bool]:
    """Give a receipt to a payment, if it has none yet and the payment has none either."""
    row = yield from one(
        "UPDATE receipts SET payment_id = :payment_id, state = :state, payer_index = NULL"
        " WHERE tenant_id = :tenant AND id = :id AND payment_id IS NULL AND state <> 'returned' AND NOT EXISTS"
        " (SELECT 1 FROM receipts r WHERE r.tenant_id = :tenant AND r.payment_id = :payment_id) RETURNING id",
        id=receipt_id,
        payment_id=payment_id,
        state=state,
    )
    return row is not None


def receipt_by_id(receipt_id: int) -> Unit[Receipt | None]:
    row = yield from one("SELECT * FROM receipts WHERE tenant_id = :tenant AND id = :id", id=receipt_id)
    return None if row is None else _receipt(row)


def give_back(receipt_id: int) -> Unit[bool]:
    """The money of a receipt that has paid nothing went back to its payer: from now on it pays nothing."""
    row = yield from one(
        "UPDATE receipts SET state = 'returned', payer_index = NULL WHERE tenant_id = :tenant AND id = :id"
        " AND payment_id IS NULL AND state <> 'returned' RETURNING id",
        id=receipt_id,
    )
    return row is not None


def set_receipt_state(receipt_id: int, state: str) -> Unit[None]:
    yield from update("receipts", receipt_id, state=state)


def unmatched_like(account_id: int, amount: Money, since: Moment, until: Moment) -> Unit[list[Receipt]]:
    """Receipts of an account without a payment, of this amount and time."""
    found = yield from rows(
        "SELECT * FROM receipts WHERE tenant_id = :tenant AND account_id = :account_id AND state = 'unmatched'"
        " AND payment_id IS NULL AND amount_minor = :minor AND currency = :currency"
        " AND COALESCE(paid_at, seen_at) BETWEEN :since AND :until ORDER BY id",
        account_id=account_id,
        minor=amount.minor,
        currency=amount.currency,
        since=since,
        until=until,
    )
    return [_receipt(row) for row in found]


# --- inbox ---


def insert_inbox(**columns: Any) -> Unit[int]:
    return (yield from insert("inbox", **columns))


def inbox_row(inbox_id: int) -> Unit[Row | None]:
    return (yield from one("SELECT * FROM inbox WHERE tenant_id = :tenant AND id = :id", id=inbox_id))


def unprocessed() -> Unit[list[int]]:
    found = yield from rows("SELECT id FROM inbox WHERE tenant_id = :tenant AND processed_at IS NULL ORDER BY id")
    return [row["id"] for row in found]


def mark_processed(inbox_id: int, verdict: str, now: Moment) -> Unit[None]:
    yield from update("inbox", inbox_id, processed_at=now, verdict=verdict)


def inbox_about(inbox_id: int, payment_id: int) -> Unit[None]:
    """A message that came to an account was about this payment."""
    yield from update("inbox", inbox_id, payment_id=payment_id)


def look_again(payment_id: int) -> Unit[list[int]]:
    """Put aside evidence of a payment back to be settled, as long as it is kept; what was."""
    found = yield from rows(
        "UPDATE inbox SET processed_at = NULL WHERE tenant_id = :tenant AND payment_id = :payment_id"
        " AND verdict = 'doubtful' AND processed_at IS NOT NULL AND body_sealed IS NOT NULL RETURNING id",
        payment_id=payment_id,
    )
    return [row["id"] for row in found]


def has_doubtful(payment_id: int) -> Unit[bool]:
    found = yield from value(
        "SELECT COUNT(*) FROM inbox WHERE tenant_id = :tenant AND payment_id = :payment_id AND verdict = 'doubtful'",
        payment_id=payment_id,
    )
    return bool(found)


# --- lines for staff ---


def close_lines(kinds: Iterable[str], subject: str, now: Moment) -> Unit[None]:
    """All of these matters about one thing are settled."""
    marks, bound = any_of(kinds)
    yield Sql(
        f"UPDATE exceptions SET closed_at = :now WHERE tenant_id = :tenant AND kind IN ({marks})"
        " AND subject = :subject AND closed_at IS NULL",
        {"subject": subject, "now": now, **bound},
    )


def close_line(kind: str, subject: str, now: Moment) -> Unit[None]:
    """The matter has settled itself."""
    yield Sql(
        "UPDATE exceptions SET closed_at = :now WHERE tenant_id = :tenant AND kind = :kind AND subject = :subject"
        " AND closed_at IS NULL",
        {"kind": kind, "subject": subject, "now": now},
    )
