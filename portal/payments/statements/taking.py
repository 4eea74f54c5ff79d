"""Rows of a statement as evidence: what no message told is settled by them, by the road that all evidence goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from portal.clock import Moment
from portal.db import Database
from portal.payments import channels, mpesa, posting
from portal.payments import store as payments
from portal.payments.accounts import MpesaAccount
from portal.payments.late import store as late
from portal.payments.mpesa import C2bNotice
from portal.payments.mpesa_notices import of_c2b
from portal.payments.refunds import store as refunds
from portal.payments.refunds import units as refunding
from portal.payments.settle import LINES
from portal.payments.statement import StatementRow, Zone, moment_of
from portal.payments.statements import store
from portal.seal import Vault
from portal.tenancy.store import open_exception
from portal.units import Unit

PART = 50  # rows in one transaction


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a statement came, and how its times are to be read (None: nothing proves it yet)."""

    via: str  # pull | file
    zone: Zone | None
    open_shop: bool


@dataclass(kw_only=True)
class Taken:
    """What became of rows."""

    new: int = 0  # were not known from a statement before
    known: int = 0
    own: int = 0  # the shop's own affairs: settlements, charges
    later: int = 0  # left for a time when it is proven how to read them
    recovered: int = 0  # money of which no message had come, and that has its payment now
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, other: Taken) -> None:
        """Count another part in."""
        for name in ("new", "known", "own", "later", "recovered"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.outcomes += other.outcomes


def take(vault: Vault, account: MpesaAccount, rows: Sequence[StatementRow], way: Way, now: Moment) -> Unit[Taken]:
    """Keep these rows, and settle what is new; done again it changes nothing."""
    done = Taken()
    for row in rows:
        if row.kind == "other":
            done.own += 1
            continue
        at = None if way.zone is None else moment_of(row.written, way.zone)
        if at is None:
            done.later += 1
            continue
        row_id = yield from _keep(account, row, way, at, now)
        if row_id is None:
            done.known += 1
            continue
        done.new += 1
        outcome = yield from _settle(vault, account, row, way, at, now)
        yield from store.set_outcome(row_id, outcome)
        yield from _of_nobody(account, row, row_id)
        done.outcomes[outcome] += 1
        done.recovered += outcome == "success"
    return done


def _of_nobody(account: MpesaAccount, row: StatementRow, row_id: int) -> Unit[None]:
    """Who was erased meanwhile left no digits, and this row brings none back."""
    number = row.number if row.kind == "in" else row.linked
    if row.payer and (yield from late.of_erased(number, account.environment, account.provider)):
        yield from late.forget_tail(row_id)


def _keep(account: MpesaAccount, row: StatementRow, way: Way, at: Moment, now: Moment) -> Unit[int | None]:
    return (
        yield from store.add_row(
            account_id=account.id,
            number=row.number,
            kind=row.kind,
            amount_minor=row.amount.minor,
            currency=row.amount.currency,
            paid_at=at,
            account_ref=mpesa.shown_ref(row.account_ref),
            payer_tail=mpesa.tail_of(row.payer),
            linked=row.linked,
            via=way.via,
            read_at=now,
        )
    )


def _settle(vault: Vault, account: MpesaAccount, row: StatementRow, way: Way, at: Moment, now: Moment) -> Unit[str]:
    if row.kind == "out":
        return (yield from _went_back(account, row, now))
    notice = C2bNotice(
        receipt=row.number,
        amount=row.amount,
        shortcode=account.pay_number,
        account_ref=row.account_ref,
        payer=row.payer,
        paid_at=at,
    )
    if (yield from store.was_given_up(row.number)):
        known = yield from payments.receipt(row.number, account.environment)
        if known is not None:
            yield from posting.there_after_all(known, now)
        yield from open_exception("came-after-all", f"receipt:{row.number}", LINES["came-after-all"], now)
    return (
        yield from channels.settle_c2b(
            vault, account, of_c2b(notice), now, trusted=True, open_shop=way.open_shop, via=way.via
        )
    )


def _went_back(account: MpesaAccount, row: StatementRow, now: Moment) -> Unit[str]:
    """The statement shows that money left: a reversal of which nobody knew whether it had is done."""
    if not row.linked:
        return "out"
    receipt = yield from payments.receipt(row.linked, account.environment)
    if receipt is None:
        return "out"
    if receipt.payment_id is None:
        if receipt.state == "unmatched":  # nobody may buy with it until staff have written it down
            yield from payments.set_receipt_state(receipt.id, "review")
        return "out"
    for one in (yield from refunds.of_payment(receipt.payment_id)):
        if one.way == "reversal" and one.state in ("awaiting", "unknown", "submitting"):
            yield from refunds.keep(one.id, number=row.number)
            yield from refunding.hear(one, "success", now)
            return "refund"
    return "out"


# --- all of a statement, a part at a time ---


def parts(rows: Sequence[StatementRow]) -> list[Sequence[StatementRow]]:
    """Rows in the order of their time, so that what was paid first is settled first, in parts of a transaction each."""
    ordered = sorted(rows, key=lambda row: (row.written, row.number))
    return [ordered[start : start + PART] for start in range(0, len(ordered), PART)]


async def take_all(
    db: Database,
    vault: Vault,
    tenant_id: int,
    account: MpesaAccount,
    rows: Sequence[StatementRow],
    way: Way,
    now: Moment,
) -> Taken:
    """`take`, a part at a time; what was read before, which is most of it each time, is not written again."""
    known = await db.read(tenant_id, store.known_rows, account.id, [row.number for row in rows])
    new = [row for row in rows if (row.number, row.kind) not in known]
    done = Taken(known=len(rows) - len(new))
    for part in parts(new):
        done.add(await db.write(tenant_id, take, vault, account, part, way, now))
    return done
