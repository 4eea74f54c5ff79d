"""The keyed hashes of a row under the root key of the new installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from portal.audit import chain
from portal.audit.chain import Entry, Head
from portal.moving import store
from portal.moving.cells import Line, is_shut, old_hash
from portal.moving.tables import HASHES
from portal.payments import accounts, orders, settle
from portal.payments.refunds.units import result_token
from portal.payments.statements.asking import answer_token
from portal.people import store as people
from portal.phone import Phone
from portal.seal import Vault, token_hash
from portal.staff import store as staff
from portal.tenancy.store import Tenant
from portal.units import Unit
from portal.vouchers import batches, imported

NONE = Head(number=0, chain=chain.START)


@dataclass(kw_only=True)
class Arrival:
    """An ISP that comes in: its vault there, and what later rows must know of earlier ones."""

    vault: Vault
    tenant: Tenant
    foreign: set[int] = field(default_factory=set)  # batches with codes of another system
    head: Head = NONE

    def hashes(self, line: Line) -> Unit[dict[str, bytes | None]]:
        """All hashes of the row; where one cannot be made any more, as it was."""
        found: dict[str, bytes | None] = {}
        for name in HASHES[line.table]:
            made = MAKERS[f"{line.table}.{name}"](self, line)
            found[name] = made or old_hash(line, name)
        if line.table == "audit":
            return self._linked(line, found)
        if line.table in FOLLOWING:
            name = FOLLOWING[line.table]
            old = old_hash(line, name)
            found[name] = None if old is None else (yield from store.new_hash(old)) or old
        return found

    def _linked(self, line: Line, found: dict[str, bytes | None]) -> dict[str, bytes | None]:
        """The act hangs on the one before it."""
        fields: dict[str, Any] = {name: line.row.get(name) for name in Entry.__dataclass_fields__}
        entry = Entry(**{**fields, "payload_digest": found["payload_digest"]})
        made = chain.link(self.vault, self.tenant.id, self.head.chain, entry)
        self.head = Head(number=entry.number, chain=made.hex())
        return {**found, "chain": made}

    def beside(self, line: Line, row: dict[str, Any]) -> Unit[None]:
        """What is written with a row in tables that are no ISP's."""
        if line.table == "batches" and str(row["style"]).startswith(imported.PREFIX):
            self.foreign.add(row["id"])
        elif line.table == "vouchers" and row["batch_id"] not in self.foreign and not is_shut(line.row["code_sealed"]):
            yield from store.own_code(row["code_index"])
        elif line.table == "staff" and _said(line, "email_sealed"):
            yield from store.own_address(row["email_index"])
        elif line.table == "persons":
            yield from self._note(line, row)

    def _note(self, line: Line, row: dict[str, Any]) -> Unit[None]:
        digits = _said(line, "phone_sealed")
        new = {"phone_index": row["phone_index"], "payer": settle.payer_index(self.vault, digits) if digits else None}
        for name, made in new.items():
            old = old_hash(line, name)
            if digits and old and made:
                yield from store.note_hash(old, made)


def payer(vault: Vault, line: Line) -> bytes | None:
    """By which hash receipts know this person, where the row comes from."""
    digits = _said(line, "phone_sealed")
    return settle.payer_index(vault, digits) if digits else None


def _said(line: Line, name: str) -> str:
    """What a cell says, if it opened."""
    value = line.row[name]
    return value if isinstance(value, str) else ""


Maker = Callable[[Arrival, Line], bytes | None]


def _phone(a: Arrival, line: Line) -> bytes | None:
    digits = _said(line, "phone_sealed")
    return people.phone_index(a.vault, a.tenant.id, Phone(digits)) if digits else None


def _email(a: Arrival, line: Line) -> bytes | None:
    email = _said(line, "email_sealed")
    return staff.email_index(a.vault, email) if email else None


def _app(a: Arrival, line: Line) -> bytes | None:
    secrets = {name: _said(line, f"{name}_sealed") for name in accounts.SECRETS}
    if not any(secrets.values()):
        return None
    return accounts.app_index(a.vault, line.row["provider"], line.row["environment"], secrets)


def _c2b(a: Arrival, line: Line) -> bytes | None:
    return token_hash(accounts.c2b_token(a.vault, a.tenant.public, line.row["public"]))


def _answer(a: Arrival, line: Line) -> bytes | None:
    return token_hash(answer_token(a.vault, a.tenant.public, line.row["public"]))


def _refund(a: Arrival, line: Line) -> bytes | None:
    return token_hash(result_token(a.vault, a.tenant.public, line.row["public"]))


def _checkout(a: Arrival, line: Line) -> bytes | None:
    request = _said(line, "checkout_request_sealed")
    return orders.checkout_index(a.vault, a.tenant.id, request) if request else None


def _callback(a: Arrival, line: Line) -> bytes | None:
    """Whoever was asked already has the old address, and may still be answered there if the name of the host moves."""
    if line.row["submitted_at"] is not None or line.row["settled_at"] is not None:
        return None
    return token_hash(orders.callback_token(a.vault, a.tenant, line.row["public"]))


def _code(a: Arrival, line: Line) -> bytes | None:
    code = _said(line, "code_sealed")
    if not code:
        return None
    if line.row["batch_id"] in a.foreign:
        return imported.index_of(a.vault, a.tenant.id, code)
    return batches.code_index(a.vault, code)


def _digest(a: Arrival, line: Line) -> bytes | None:
    payload = line.row["payload"]
    return None if payload is None else chain.digest(a.vault, a.tenant.id, line.row["number"], payload)


def _later(_: Arrival, __: Line) -> bytes | None:
    """Made beside all others."""
    return None


FOLLOWING = {"prompts": "phone_index", "receipts": "payer_index"}  # whose number it is stands in persons
MAKERS: dict[str, Maker] = {
    "persons.phone_index": _phone,
    "prompts.phone_index": _later,
    "receipts.payer_index": _later,
    "staff.email_index": _email,
    "mpesa_accounts.app_index": _app,
    "mpesa_accounts.c2b_token_hash": _c2b,
    "questions.result_hash": _answer,
    "refunds.result_hash": _refund,
    "payments.checkout_index": _checkout,
    "payments.callback_hash": _callback,
    "vouchers.code_index": _code,
    "audit.payload_digest": _digest,
    "audit.chain": _later,
}
