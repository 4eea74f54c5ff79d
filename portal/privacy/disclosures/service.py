"""A disclosure: the rows that an order names become a file, and the register keeps what left, with its digest.

The file is made and written down in one transaction, and is kept by nobody here: its digest tells it from any other.
Without the reference of an order nothing is read at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from portal import spreadsheet
from portal.clock import DAY, Moment, as_datetime
from portal.errors import Refused
from portal.people.store import person, phone_index
from portal.phone import Phone
from portal.privacy.disclosures import store
from portal.privacy.disclosures.store import Span
from portal.privacy.rights.store import person_with
from portal.seal import Vault
from portal.tenancy.store import Tenant
from portal.units import Row, Unit

MOST = 20_000  # rows of a kind in one file
LONGEST_MS = 731 * DAY
LONGEST = 200
HEAD = (
    *("record", "device", "address", "site", "begin", "end", "bytes up", "bytes down"),
    *("amount", "currency", "state", "receipt", "phone"),
)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What an authority asks for: of one number, device or private address, in a span of time."""

    reference: str
    authority: str
    officer: str
    span: Span
    key: str
    phone: Phone | None = None
    mac: str | None = None
    address: str | None = None

    @property
    def scope(self) -> str:
        """Of whom, in words."""
        if self.phone is not None:
            return f"phone {self.phone.spoken}"
        return f"device {self.mac}" if self.mac else f"address {self.address}"


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What the order covers."""

    sessions: Sequence[Row]
    payments: Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class Made:
    """The file that leaves, and its line in the register."""

    id: int
    body: bytes
    digest: str


def disclose(vault: Vault, tenant: Tenant, order: Order, by: int, now: Moment) -> Unit[Made]:
    """Make the file and its line. Raises `Refused`."""
    _must_be_lawful(order, now)
    found = yield from _rows(vault, tenant.id, order)
    if max(len(found.sessions), len(found.payments)) > MOST:
        raise Refused("order-many")
    body = (yield from _file(vault, found, tenant.timezone)).encode()
    digest = hashlib.sha256(body).hexdigest()
    made = yield from store.record(
        vault,
        order.officer.strip(),
        order.scope,
        form_key=order.key,
        reference=order.reference.strip(),
        authority=order.authority.strip(),
        since_at=order.span[0],
        until_at=order.span[1],
        session_rows=len(found.sessions),
        payment_rows=len(found.payments),
        digest=digest,
        staff_id=by,
        made_at=now,
    )
    if made is None:
        raise Refused("order-there", status=409)
    return Made(id=made, body=body, digest=digest)


def _must_be_lawful(order: Order, now: Moment) -> None:
    """Reference, authority and officer are there, and the scope is one thing in a span that is over."""
    for text, key in (
        (order.reference, "order-reference"),
        (order.authority, "order-who"),
        (order.officer, "order-who"),
    ):
        plain = text.strip()
        if not plain or len(plain) > LONGEST or not plain.isprintable():
            raise Refused(key)
    if sum(each is not None for each in (order.phone, order.mac, order.address)) != 1:
        raise Refused("order-scope")
    since, until = order.span
    if not since < until <= min(since + LONGEST_MS, now + DAY):
        raise Refused("order-span")


def _rows(vault: Vault, tenant: int, order: Order) -> Unit[Rows]:
    span, most = order.span, MOST + 1
    if order.address is not None:
        return Rows(sessions=(yield from store.sessions_at(order.address, span, most)), payments=())
    if order.mac is not None:
        device = yield from store.device_with(order.mac)
        if device is None:
            return Rows(sessions=(), payments=())
        return Rows(
            sessions=(yield from store.sessions_of_device(device, span, most)),
            payments=(yield from store.payments_of_device(device, span, most)),
        )
    assert order.phone is not None
    known = yield from person_with(phone_index(vault, tenant, order.phone))
    if known is None:
        return Rows(sessions=(), payments=())
    return Rows(
        sessions=(yield from store.sessions_of_person(known, span, most)),
        payments=(yield from store.payments_of_person(known, span, most)),
    )


def _file(vault: Vault, found: Rows, timezone: str) -> Unit[str]:
    zone, phones = ZoneInfo(timezone), {}
    for each in {row["person_id"] for row in found.payments}:
        known = yield from person(vault, each)
        phones[each] = "" if known is None or known.phone is None else known.phone.digits

    def at(moment: Moment | None) -> str:
        return "" if moment is None else as_datetime(moment).astimezone(zone).isoformat(timespec="seconds")

    sessions = [
        (
            *("session", row["mac"], row["address"], row["site"], at(row["started_at"]), at(row["ended_at"])),
            *(row["bytes_up"], row["bytes_down"], "", "", "", "", ""),
        )
        for row in found.sessions
    ]
    payments = [
        (
            *("payment", row["mac"], "", "", at(row["created_at"]), at(row["settled_at"]), "", ""),
            *(spreadsheet.decimal(row["amount_minor"]), row["currency"], row["state"], row["receipt"]),
            phones[row["person_id"]],
        )
        for row in found.payments
    ]
    return spreadsheet.MARK + spreadsheet.lines([HEAD, *sessions, *payments])
