"""The statements of erasing, made from the table of retention's rules and that of whose rows are whose."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from portal.clock import Moment
from portal.payments.payment import UNSETTLED
from portal.privacy.retention.rules import RULES, Rule
from portal.privacy.whose import BY_DEVICE, BY_PERSON, TENANT
from portal.sql import any_of
from portal.units import Row, Sql, Unit, rows, value

# What is sealed here holds the number, too, and with a payment that is over nobody asks for it any more.
_MORE = {
    "payments": ", checkout_request_sealed = NULL, checkout_index = NULL, merchant_request_sealed = NULL,"
    " go_to_sealed = NULL, say = NULL",
    "messages": ", state = CASE WHEN state = 'waiting' THEN 'dropped' ELSE state END, next_try_at = NULL",
}
# Who asked is still to be answered: the request stays theirs, without a word of it.
_INSTEAD = {"rights_requests": "contact_sealed = NULL, wish_sealed = NULL, answer_sealed = NULL"}
_DUE = {
    "passes": " AND started_at IS NOT NULL",
    "devices": " AND mac NOT LIKE 'gone-%'",
    "inbox": " AND processed_at IS NOT NULL",  # money that nobody has settled yet is not thrown away with it
}
BOUND = {"device": BY_DEVICE, "person": BY_PERSON}
_TAKE = {
    (who, rule.name): (
        f"UPDATE {rule.table} SET {_INSTEAD[rule.table] if rule.table in _INSTEAD else rule.clears}"
        + (_MORE[rule.table] if rule.table in _MORE else "")
        if rule.clears
        else f"DELETE FROM {rule.table}"
    )
    + f" WHERE {TENANT[rule.table]} = :tenant AND {whose[rule.table]}"
    + f"{_DUE[rule.table] if rule.table in _DUE else ''} RETURNING id"
    for who, whose in BOUND.items()
    for rule in RULES
    if rule.table in whose and not rule.special
}
_COUNT = {
    (who, rule.name): f"SELECT COUNT(*) FROM {rule.table}"
    f" WHERE {TENANT[rule.table]} = :tenant AND {whose[rule.table]}" + (_DUE[rule.table] if rule.table in _DUE else "")
    for who, whose in BOUND.items()
    for rule in RULES
    if rule.table in whose and not rule.special
}
_ENDS_SOON = {
    "device": (
        "DELETE FROM prompts WHERE tenant_id = :tenant AND " + BY_DEVICE["prompts"],
        # It shares nobody's pass any more, and leaves its place there to another device.
        "DELETE FROM pass_devices WHERE tenant_id = :tenant AND device_id = :device AND NOT EXISTS (SELECT 1"
        " FROM passes p WHERE p.tenant_id = :tenant AND p.id = pass_devices.pass_id AND p.device_id = :device)",
    ),
    "person": (
        "DELETE FROM prompts WHERE tenant_id = :tenant AND " + BY_PERSON["prompts"],
        "DELETE FROM proof_codes WHERE tenant_id = :tenant AND " + BY_PERSON["proof_codes"],
    ),
}


def take(who: str, rule: Rule, bound: Mapping[str, Any], now: Moment) -> Unit[int]:
    """Delete or clear what this rule is about, of a device or of a person; gives how many rows."""
    text = _TAKE[who, rule.name]
    return len((yield from rows(text, **named(text, {**bound, "now": now}))))


def count(who: str, rule: Rule, bound: Mapping[str, Any]) -> Unit[int]:
    """How many rows that would be."""
    text = _COUNT[who, rule.name]
    return int((yield from value(text, **named(text, bound))))


def concerns(who: str, rule: Rule) -> bool:
    return (who, rule.name) in _TAKE


def take_short_lived(who: str, bound: Mapping[str, Any]) -> Unit[None]:
    """What would end by itself within days goes at once."""
    for text in _ENDS_SOON[who]:
        yield Sql(text, named(text, bound))


def named(text: str, bound: Mapping[str, Any]) -> dict[str, Any]:
    """Those parameters that the statement has."""
    return {name: each for name, each in bound.items() if f":{name}" in text}


# --- who is meant ---


def is_there(device_id: int) -> Unit[bool]:
    found = yield from value(
        "SELECT COUNT(*) FROM devices WHERE tenant_id = :tenant AND id = :device AND mac NOT LIKE 'gone-%'",
        device=device_id,
    )
    return bool(found)


# Passes are found by their payments, and never the other way round: an ISP has many of them.
_PAID = (
    "p.tenant_id = :tenant AND p.cause_kind = 'payment' AND p.cause_ref IN (SELECT q.public FROM payments q"
    " WHERE q.tenant_id = :tenant AND q.person_id = :person)"
)


def payers_of(device_id: int) -> Unit[list[int]]:
    """The people who paid for this device, or for a pass that came to it, as far as their number is known."""
    found = yield from rows(
        "SELECT q.person_id AS id FROM payments q JOIN persons w ON w.tenant_id = q.tenant_id AND w.id = q.person_id"
        " WHERE q.tenant_id = :tenant AND q.device_id = :device AND q.state || '' = 'paid'"
        " AND w.phone_index IS NOT NULL"
        " UNION SELECT q.person_id FROM passes p CROSS JOIN payments q CROSS JOIN persons w WHERE p.tenant_id = :tenant"
        " AND p.device_id = :device AND p.cause_kind || '' = 'payment' AND q.tenant_id = :tenant"
        " AND q.public = p.cause_ref AND w.tenant_id = :tenant AND w.id = q.person_id AND w.phone_index IS NOT NULL",
        device=device_id,
    )
    return [row["id"] for row in found]


def paid_passes(person_id: int) -> Unit[list[int]]:
    """The passes for which this person paid that have not ended, wherever they lie now."""
    found = yield from rows(
        f"SELECT p.id FROM passes p WHERE {_PAID} AND p.state || '' <> 'ended' ORDER BY p.id", person=person_id
    )
    return [row["id"] for row in found]


def devices_of(person_id: int) -> Unit[tuple[list[int], list[int]]]:
    """The devices for which this person alone paid; and those for which others did, too.

    A pass that was moved is paid for where it lies now as well as where it was bought.
    """
    found = yield from rows(
        "SELECT d.id FROM devices d WHERE +d.tenant_id = :tenant AND d.mac NOT LIKE 'gone-%' AND d.id IN"
        " (SELECT q.device_id FROM payments q WHERE q.tenant_id = :tenant AND q.person_id = :person"
        f" AND q.state || '' = 'paid' UNION SELECT p.device_id FROM passes p WHERE {_PAID}) ORDER BY d.id",
        person=person_id,
    )
    own: list[int] = []
    shared: list[int] = []
    for row in found:
        payers = yield from payers_of(row["id"])
        (own if set(payers) <= {person_id} else shared).append(row["id"])
    return own, shared


def open_requests(who: str, bound: Mapping[str, Any]) -> Unit[list[int]]:
    """Requests to be erased that nobody has answered yet."""
    text = (
        "SELECT id FROM rights_requests WHERE tenant_id = :tenant AND state = 'open' AND kind = 'erase'"
        f" AND {BOUND[who]['rights_requests']}"
    )
    return [row["id"] for row in (yield from rows(text, **named(text, bound)))]


# --- what stands in the way ---


def open_payments(person_id: int | None, device_id: int | None) -> Unit[int]:
    """Payments of which nobody knows yet how they end."""
    names, bound = any_of(UNSETTLED)
    found = yield from value(
        "SELECT COUNT(*) FROM payments WHERE tenant_id = :tenant AND (person_id = :person OR device_id = :device)"
        f" AND state IN ({names})",
        person=person_id,
        device=device_id,
        **bound,
    )
    return int(found)


def open_refunds(person_id: int) -> Unit[int]:
    """Money on its way back to them."""
    found = yield from value(
        "SELECT COUNT(*) FROM refunds r JOIN payments q ON q.tenant_id = r.tenant_id AND q.id = r.payment_id"
        " WHERE r.tenant_id = :tenant AND q.person_id = :person AND r.state NOT IN ('done', 'failed', 'declined')",
        person=person_id,
    )
    return int(found)


def waiting_money(person_id: int, payer: bytes | None) -> Unit[int]:
    """Money of theirs that came in and was not served yet: it came from their number, or names a payment of theirs."""
    found = yield from value(
        "SELECT COUNT(*) FROM receipts WHERE tenant_id = :tenant AND payment_id IS NULL"
        " AND state IN ('unmatched', 'review') AND (payer_index = :payer OR account_ref <> '' AND account_ref IN"
        " (SELECT q.account_ref FROM payments q WHERE q.tenant_id = :tenant AND q.person_id = :person))",
        person=person_id,
        payer=payer,
    )
    return int(found)


# --- tombstones ---


def bury(kind: str, mark: bytes, now: Moment) -> Unit[None]:
    """Remember that this was erased; once more is later."""
    yield Sql(
        "INSERT INTO tombstones (tenant_id, kind, mark, erased_at) VALUES (:tenant, :kind, :mark, :now)"
        " ON CONFLICT (tenant_id, kind, mark) DO UPDATE SET erased_at ="
        " CASE WHEN excluded.erased_at > tombstones.erased_at THEN excluded.erased_at ELSE tombstones.erased_at END",
        {"kind": kind, "mark": mark, "now": now},
    )


def tombstones() -> Unit[Sequence[Row]]:
    return (yield from rows("SELECT kind, mark, erased_at FROM tombstones WHERE tenant_id = :tenant ORDER BY id"))


def living_persons() -> Unit[Sequence[Row]]:
    """Those whose number is known: by which hash they are found, and since when."""
    return (
        yield from rows(
            "SELECT id, phone_index, created_at FROM persons WHERE tenant_id = :tenant AND phone_index IS NOT NULL"
        )
    )


def living_devices() -> Unit[Sequence[Row]]:
    return (
        yield from rows("SELECT id, mac, created_at FROM devices WHERE tenant_id = :tenant AND mac NOT LIKE 'gone-%'")
    )


# --- what is to be done after the transaction ---


def to_clean() -> Unit[None]:
    """From now on the -wal file is to be emptied, and the list to be written; a mark of its own each time."""
    yield Sql(
        "INSERT INTO installation (name, value) VALUES ('erased', :mark)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        {"mark": secrets.token_hex(8)},
    )


def cleaning_due() -> Unit[str | None]:
    found: str | None = yield from value("SELECT value FROM installation WHERE name = 'erased'")
    return found


def cleaned(mark: str) -> Unit[None]:
    """It is done, unless somebody was erased meanwhile."""
    yield Sql("DELETE FROM installation WHERE name = 'erased' AND value = :mark", {"mark": mark})
