"""Real requests for the forms of books, refunds and the daily check; see `samples`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from portal.clock import MINUTE
from portal.money import Money
from portal.payments import accounts
from portal.payments.refunds import units
from portal.payments.refunds.rules import Rules
from portal.payments.refunds.units import Who, Wish
from portal.payments.statements import store as statements
from portal.units import update
from sandbox.mpesa.initiator import certificate_pem
from tests.console import money
from tests.console.office import Visitor
from tests.support import Seed

Request = tuple[str, Mapping[str, str]]
Sample = Callable[[Visitor], Awaitable[Request]]
KEY = "0123456789abcdef"
NOWHERE = "http://127.0.0.1:9"  # nothing listens there
FILE = (
    "Receipt No.,Completion Time,Transaction Status,Paid In,Withdrawn\n"
    "SKF0000001,2026-11-28 12:30:00,Completed,20.00,\n"
)


async def account(home: Seed) -> int:
    """An account with an API user, at a place where no M-Pesa is."""
    account_id: int = await home.write(money._account, home)
    await home.write(update, "mpesa_accounts", account_id, base_url=NOWHERE)
    found = await home.read(accounts.get_account, account_id)
    assert found is not None
    sealed = home.vault.seal("x", table="mpesa_accounts", row=found.public, column="credential_sealed")
    await home.write(accounts.set_initiator, account_id, "bando", sealed, home.clock.now())
    return account_id


async def refund(who: Visitor, way: str = "cash", rules: Rules | None = None, by: int | None = None) -> int:
    """A refund that somebody has asked for."""
    home = who.office.home
    await account(home)
    paid = await money.paid(home, home.clock.now())
    await money.receipt(home, f"SKR{paid:07d}", home.clock.now(), paid)
    wish = Wish(payment_id=paid, way=way, amount=Money(2000), reason="twice", ends_pass=False, key=f"form {paid}")
    asker = Who(id=by or who.staff_id, role="owner")
    now = home.clock.now()
    made: int = await home.write(units.ask, home.vault, home.tenant.public, wish, asker, rules or Rules(), now)
    return made


TWO = Rules(alone=100)


async def ask_refund(who: Visitor) -> Request:
    home = who.office.home
    paid = await money.paid(home, home.clock.now())
    return f"/payments/{paid}/refund", {"way": "cash", "amount": "20", "reason": "twice", "key": KEY}


async def agree(who: Visitor) -> Request:
    other = await who.office.of("manager")
    return f"/refunds/{await refund(who, rules=TWO, by=other.staff_id)}/agree", {}


async def decline(who: Visitor) -> Request:
    return f"/refunds/{await refund(who, rules=TWO)}/decline", {"reason": "a mistake"}


async def hand(who: Visitor) -> Request:
    other = await who.office.of("manager")
    made = await refund(who, rules=TWO)
    home = who.office.home
    agreed = Who(id=other.staff_id, role="manager")
    await home.write(units.approve, made, agreed, TWO, home.clock.now())
    return f"/refunds/{made}/hand", {}


async def found_out(who: Visitor) -> Request:
    made = await refund(who, "reversal")
    home = who.office.home
    await home.write(units.claim, made, home.clock.now())
    await home.write(units.recover, home.clock.now())
    return f"/refunds/{made}/found", {"gone": "no", "reason": "not in the list"}


def at_account(path: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        return path, {"account": str(await account(who.office.home)), **fields}

    return sample


async def mend(who: Visitor) -> Request:
    home = who.office.home
    now = home.clock.now()
    paid = await money.paid(home, now - 60 * MINUTE)
    made = await home.write(
        statements.add_finding,
        day="2026-11-28",
        kind="no-pass",
        subject=f"payment:{paid}",
        payment_id=paid,
        amount_minor=2000,
        currency="KES",
        found_at=now,
    )
    return f"/check/finding/{made}", {}


async def user(who: Visitor) -> Request:
    fields = {"user": "bando", "password": "Safe2026", "certificate": certificate_pem()}
    return f"/settings/mpesa/{await account(who.office.home)}/user", fields


async def count_theirs(who: Visitor) -> Request:
    other = await who.office.of("cashier")
    return f"/drawers/{other.staff_id}/close", {"number": "1", "counted": "10"}


def plain(path: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        return path, fields

    return sample


SAMPLES: dict[str, Sample] = {
    "/books/journal/csv": plain("/books/journal/csv"),
    "/books/report/csv": plain("/books/report/csv"),
    "/drawer/close": plain("/drawer/close", number="1", counted="10"),
    "/drawer/move": plain("/drawer/move", what="float", amount="100", key=KEY),
    "/drawers/{id}/close": count_theirs,
    "/payments/{id}/refund": ask_refund,
    "/refunds/{id}/agree": agree,
    "/refunds/{id}/decline": decline,
    "/refunds/{id}/hand": hand,
    "/refunds/{id}/found": found_out,
    "/check/run": plain("/check/run"),
    "/check/pull": at_account("/check/pull"),
    "/check/upload": at_account("/check/upload", text=FILE),
    "/check/ask": at_account("/check/ask", number="TKM4X7Y2ZQ"),
    "/check/balance": at_account("/check/balance"),
    "/check/finding/{id}": mend,
    "/settings/mpesa/{id}/user": user,
    "/settings/refunds": plain("/settings/refunds", owner="", manager="5000", cashier="500", alone="2000"),
}
