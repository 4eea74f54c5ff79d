"""What was done, by whom: `append` in the transaction of the act itself, and pages, purges and checks of the log."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from portal.audit.chain import (
    START,
    Broken,
    ChainBroken,
    Cleared,
    Entry,
    Head,
    Walk,
    canonical,
    digest,
    link,
    seal,
    unseal,
)
from portal.clock import Moment
from portal.seal import NotOurs, Vault
from portal.sql import any_of
from portal.units import Conflict, Row, Sql, Unit, insert, one, rows

PAGE = 500  # rows in memory at a time when a chain is verified
LOWEST = -(2**63)
CLEAR = "audit.clear"
SAID = 100  # numbers in one act that says what was cleared
_HEAD = (
    "SELECT t.id AS tenant, h.number, h.seal FROM tenants t"
    " LEFT JOIN audit_heads h ON h.tenant_id = t.id AND h.tenant_id = :tenant WHERE t.id = :tenant"
)


def append(
    vault: Vault,
    *,
    actor: str,
    act: str,
    subject: str,
    payload: Mapping[str, object],
    now: Moment,
    money: bool = False,
) -> Unit[int]:
    """Write an act at the end of the tenant's chain; gives its number. Raises `ChainBroken`.

    It hangs on the sealed head and not on the last row, so that a gap from a cut tail is never grown over.
    """
    tenant, last = yield from _last(vault)
    number, text = last.number + 1, canonical(payload)
    entry = Entry(
        number=number,
        at=now,
        actor=actor,
        act=act,
        subject=subject,
        payload_digest=digest(vault, tenant, number, text),
        money=money,
    )
    chain = link(vault, tenant, last.chain, entry)
    try:
        yield from insert("audit", **entry.__dict__, payload=text, chain=chain)
    except Conflict as there:
        raise ChainBroken from there
    yield from _set_head(vault, tenant, Head(number=number, chain=chain.hex()))
    return number


def _last(vault: Vault) -> Unit[tuple[int, Head]]:
    stored = yield from one(_HEAD)
    if stored is None:
        raise ChainBroken("There is no such ISP.")
    if stored["seal"] is None:
        return stored["tenant"], Head(number=0, chain=START)
    try:
        return stored["tenant"], unseal(vault, stored["tenant"], stored["seal"])
    except NotOurs as other:
        raise ChainBroken from other


def _set_head(vault: Vault, tenant: int, head: Head) -> Unit[None]:
    sealed = seal(vault, tenant, head)
    if head.number == 1:
        yield from insert("audit_heads", number=1, seal=sealed)
        return
    yield Sql(
        "UPDATE audit_heads SET number = :number, seal = :seal WHERE tenant_id = :tenant",
        {"number": head.number, "seal": sealed},
    )


def head(vault: Vault) -> Unit[Head]:
    """Where the tenant's chain ends; to be written down elsewhere. Raises `ChainBroken`."""
    _, last = yield from _last(vault)
    return last


def page(before: int | None, limit: int, act: str = "", actor: str = "") -> Unit[list[Row]]:
    """Acts with a number below `before`, newest first; `act` and `actor` narrow it to theirs."""
    wanted: dict[str, object] = {"before": before, "act": act or None, "actor": actor or None}
    narrow = {"before": " AND number < :before", "act": " AND act = :act", "actor": " AND actor = :actor"}
    given = {name: each for name, each in wanted.items() if each is not None}
    found = yield from rows(
        f"SELECT * FROM audit WHERE tenant_id = :tenant{''.join(narrow[name] for name in given)}"
        " ORDER BY number DESC LIMIT :limit",
        limit=limit,
        **given,
    )
    return list(found)


def clear(vault: Vault, *, before: Moment, money: bool, now: Moment) -> Unit[int]:
    """Clear the payloads of acts before a moment (R8), of those about money or of the others; gives how many."""
    until = min(before, now)
    found = yield from rows(
        "SELECT id FROM audit WHERE tenant_id = :tenant AND money = :money AND at < :until AND payload IS NOT NULL",
        money=money,
        until=until,
    )
    ids = [row["id"] for row in found]
    return (yield from clear_some(vault, ids, before=until, money=money, now=now)) if ids else 0


def clear_some(vault: Vault, ids: Sequence[int], *, before: Moment, money: bool, now: Moment) -> Unit[int]:
    """Clear these of the acts before a moment; gives how many.

    That is an act too, once for each moment: a payload that is gone without one was taken by somebody else. What is
    before that moment and still has its payload is as sound as ever.
    """
    cleared = 0
    for start in range(0, len(ids), PAGE):
        names, bound = any_of(ids[start : start + PAGE])
        found = yield from rows(
            "UPDATE audit SET payload = NULL WHERE +tenant_id = :tenant AND money = :money AND at < :before"
            f" AND payload IS NOT NULL AND id IN ({names}) RETURNING id",
            money=money,
            before=before,
            **bound,
        )
        cleared += len(found)
    said = yield from _cleared()
    if cleared and (said.money if money else said.other) < before:
        subject = f"{'money' if money else 'other'}:{before}"
        yield from append(vault, actor="clock", act=CLEAR, subject=subject, payload={"acts": cleared}, now=now)
    return cleared


def clear_these(vault: Vault, ids: Sequence[int], *, by: str, now: Moment) -> Unit[int]:
    """Clear the payloads of these acts, since somebody is erased; gives how many.

    The chain itself says which, in what is never cleared: the subject of an act.
    """
    cleared = 0
    for start in range(0, len(ids), SAID):
        names, bound = any_of(ids[start : start + SAID])
        found = yield from rows(
            "UPDATE audit SET payload = NULL WHERE +tenant_id = :tenant AND payload IS NOT NULL"
            f" AND id IN ({names}) RETURNING number",
            **bound,
        )
        numbers = sorted(int(row["number"]) for row in found)
        if numbers:
            subject, payload = f"acts:{_as_spans(numbers)}", {"acts": len(numbers)}
            yield from append(vault, actor=by, act=CLEAR, subject=subject, payload=payload, now=now)
        cleared += len(numbers)
    return cleared


def _as_spans(numbers: Sequence[int]) -> str:
    """``3-5,9``: what follows one upon the other is one span."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in spans)


_SPANS = re.compile(r"acts:([0-9]{1,18}(?:-[0-9]{1,18})?(?:,[0-9]{1,18}(?:-[0-9]{1,18})?)*)")


def _spans_of(text: str) -> list[tuple[int, int]]:
    """The reverse of `_as_spans`."""
    parts = [each.split("-") for each in text.split(",")]
    return [(int(part[0]), int(part[-1])) for part in parts]


def _cleared() -> Unit[Cleared]:
    """What the chain itself says of purges; it is verified with the rest."""
    found = yield from rows("SELECT subject FROM audit WHERE tenant_id = :tenant AND act = :act", act=CLEAR)
    until, spans = {"money": 0, "other": 0}, list[tuple[int, int]]()
    for row in found:
        named = re.fullmatch(r"(money|other):([0-9]{1,18})", str(row["subject"]))
        if named:
            until[named[1]] = max(until[named[1]], int(named[2]))
        these = _SPANS.fullmatch(str(row["subject"]))
        spans += _spans_of(these[1]) if these else []
    return Cleared(money=until["money"], other=until["other"], spans=sorted(spans))


def verify_all(vault: Vault, kept: Mapping[int, set[str]] | None = None) -> Unit[Broken | None]:
    """Look at every act of the tenant, in pages; `kept` are links that were written down elsewhere, by number."""
    stored = yield from one(_HEAD)
    if stored is None:
        raise ChainBroken("There is no such ISP.")
    walk = Walk(vault=vault, tenant=stored["tenant"], cleared=(yield from _cleared()), kept=kept or {})
    found: Broken | None = yield from _along(walk)
    return found or walk.end(stored if stored["seal"] is not None else None)


def _along(walk: Walk) -> Unit[Broken | None]:
    start = LOWEST
    while True:
        some = yield from rows(
            "SELECT number, at, actor, act, subject, payload, payload_digest, chain, money FROM audit"
            " WHERE tenant_id = :tenant AND number >= :start ORDER BY number LIMIT :page",
            start=start,
            page=PAGE,
        )
        broken = walk.along(some)
        if broken or len(some) < PAGE:
            return broken
        start = walk.at.number + 1
