"""The statements behind the page of money that has no place yet: payments that it may have been meant for, devices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from portal.clock import DAY, Moment
from portal.payments import store as payments
from portal.payments.store import Payment, Receipt, payment_of_row
from portal.people import store as people
from portal.phone import Phone
from portal.seal import Vault
from portal.units import Row, Unit, rows

NEAR_MS = DAY  # a payer who was told to wait pays by hand on the same day
LOOKED_AT = 200  # payments of one amount on one day; those further away are found by their reference
OFFERED = 5
SEEN = 6  # devices of one site


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A payment without a receipt that this money may have been meant for."""

    payment: Payment
    phone: Phone | None
    same_tail: bool
    apart_ms: int


def candidates(vault: Vault, receipt: Receipt) -> Unit[list[Candidate]]:
    """Payments of the same amount about that time, the likeliest first."""
    at = receipt.paid_at or receipt.seen_at
    found = yield from rows(
        "SELECT p.* FROM payments p WHERE p.tenant_id = :tenant AND p.created_at BETWEEN :since AND :until"
        " AND p.amount_minor = :minor AND p.currency = :currency AND p.environment = :environment AND NOT EXISTS"
        " (SELECT 1 FROM receipts r WHERE r.tenant_id = :tenant AND r.payment_id = p.id)"
        " ORDER BY CASE WHEN p.phone_tail = :tail THEN 0 ELSE 1 END, p.created_at DESC LIMIT :limit",
        since=at - NEAR_MS,
        until=at + NEAR_MS,
        minor=receipt.amount.minor,
        currency=receipt.amount.currency,
        environment=receipt.environment,
        tail=receipt.payer_tail or "",
        limit=LOOKED_AT,
    )
    likely = sorted((_likelihood(payment_of_row(row), receipt, at) for row in found), key=_order)[:OFFERED]
    made: list[Candidate] = []
    for same_tail, apart_ms, each in likely:
        person = yield from people.person(vault, each.person_id)
        phone = person.phone if person else None
        made.append(Candidate(payment=each, phone=phone, same_tail=same_tail, apart_ms=apart_ms))
    return made


_Likely = tuple[bool, int, Payment]


def _likelihood(each: Payment, receipt: Receipt, at: Moment) -> _Likely:
    same_tail = receipt.payer_tail is not None and receipt.payer_tail == each.phone_tail
    return same_tail, abs((each.submitted_at or each.created_at) - at), each


def _order(likely: _Likely) -> tuple[bool, int]:
    return not likely[0], likely[1]


def payment_named(text: str, environment: str) -> Unit[Payment | None]:
    """The payment with this reference, as the guest was shown it or as the console shows it."""
    by_ref = yield from payments.payment_by_ref(text.upper(), environment)
    return by_ref or (yield from payments.payment_by_public(text.lower()))


def lately_seen(router_ids: Iterable[int]) -> Unit[list[Row]]:
    """Devices that opened the Wi-Fi page of one of these sites last."""
    found: list[Row] = []
    for router_id in router_ids:
        found += yield from rows(
            "SELECT id, mac, last_router_id, last_seen_at FROM devices WHERE tenant_id = :tenant"
            " AND last_router_id = :router_id ORDER BY last_seen_at DESC LIMIT :limit",
            router_id=router_id,
            limit=SEEN,
        )
    return sorted(found, key=lambda row: -int(row["last_seen_at"]))[:SEEN]


def devices_of(device_ids: Iterable[int]) -> Unit[list[Row]]:
    """These devices, as the page lists them."""
    found: list[Row] = []
    for device_id in device_ids:
        found += yield from rows(
            "SELECT id, mac, last_router_id, last_seen_at FROM devices WHERE tenant_id = :tenant AND id = :id",
            id=device_id,
        )
    return found
