"""The statements of vouchers: batches, vouchers and acts. Each decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from portal.access import plans
from portal.access.plans import Plan
from portal.clock import Moment
from portal.sql import any_of
from portal.units import Row, Sql, Unit, insert, one, rows, update, value
from portal.vouchers.states import Group

CAUSE = "voucher"  # the kind of cause of a pass that a voucher made; its reference is the voucher's label


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What staff create, print, sell and void together; plan and price are frozen in it."""

    id: int
    number: int
    plan: Plan
    style: str
    count: int
    use_by: Moment
    note: str
    agent: str
    made_by: str
    created_at: Moment
    ready_at: Moment | None  # None while its codes are being drawn
    staff_id: int | None = None  # who made it in the console
    agent_id: int | None = None  # whose stock it is


@dataclass(frozen=True, kw_only=True)
class Voucher:
    """A printed code worth one pass."""

    id: int
    batch_id: int
    serial: int
    label: str
    state: str  # printed | redeemed | void; see `portal.vouchers.states` for what is shown
    use_by: Moment
    redeemed_at: Moment | None
    redeemed_router_id: int | None
    voided_at: Moment | None
    voided_by: str | None
    void_reason: str | None
    handed_at: Moment | None  # when an agent's tap sold it on a screen
    agent_id: int | None  # whose stock it is
    code_sealed: bytes


@lru_cache(maxsize=512)
def _frozen(plan_copy: str) -> Plan:
    return plans.from_json(plan_copy)


def read_batch(row: Row) -> Batch:
    """A batch from a row of `batches`."""
    fields = {name: row[name] for name in Batch.__dataclass_fields__ if name != "plan"}
    return Batch(**fields, plan=_frozen(row["plan_copy"]))


def _voucher(row: Row) -> Voucher:
    return Voucher(**{name: row[name] for name in Voucher.__dataclass_fields__})


# --- batches ---


def next_number() -> Unit[int]:
    """The number of the next batch."""
    return int((yield from value("SELECT COALESCE(MAX(number), 0) + 1 FROM batches WHERE tenant_id = :tenant")))


def insert_batch(plan: Plan, **columns: Any) -> Unit[int]:
    """A new batch, not ready yet; `columns` are number, style, count, use_by, note, agent, made_by, created_at."""
    return (
        yield from insert(
            "batches",
            plan_id=plan.id,
            plan_copy=plans.to_json(plan),
            price_minor=plan.price.minor,
            currency=plan.price.currency,
            **columns,
        )
    )


def set_ready(batch_id: int, now: Moment) -> Unit[None]:
    yield from update("batches", batch_id, ready_at=now)


def batches() -> Unit[list[Batch]]:
    """All batches, the newest first."""
    found = yield from rows("SELECT * FROM batches WHERE tenant_id = :tenant ORDER BY number DESC")
    return [read_batch(row) for row in found]


def batch(batch_id: int) -> Unit[Batch | None]:
    row = yield from one("SELECT * FROM batches WHERE tenant_id = :tenant AND id = :id", id=batch_id)
    return None if row is None else read_batch(row)


def batch_numbered(number: int) -> Unit[Batch | None]:
    row = yield from one("SELECT * FROM batches WHERE tenant_id = :tenant AND number = :number", number=number)
    return None if row is None else read_batch(row)


# --- vouchers ---


_DRAWN = ("serial", "label", "code_index", "code_sealed")


@lru_cache(maxsize=128)
def _add(count: int) -> tuple[str, str]:
    """The statements for `count` vouchers at once."""
    marks = ", ".join(
        f"(:tenant, :batch_id, :use_by, :sold_at, :agent_id, :commission_minor,"
        f" {', '.join(f':{name}{n}' for name in _DRAWN)})"
        for n in range(count)
    )
    owners = ", ".join(f"(:code_index{n}, :tenant)" for n in range(count))
    return (
        "INSERT INTO vouchers (tenant_id, batch_id, use_by, sold_at, agent_id, commission_minor,"
        f" {', '.join(_DRAWN)}) VALUES {marks}",
        f"INSERT INTO code_owners (code_index, owner) VALUES {owners}",
    )


@dataclass(frozen=True, kw_only=True)
class Holder:
    """An agent who holds cards and owes for them, and what each earns them."""

    agent_id: int | None = None
    since: Moment | None = None
    commission_minor: int = 0


NOBODY = Holder()


def add_vouchers(
    batch_id: int, use_by: Moment, drawn: Sequence[Mapping[str, Any]], holder: Holder = NOBODY
) -> Unit[None]:
    """Vouchers with ``serial``, ``label``, ``code_index`` and ``code_sealed``; raises `Conflict` on a known code."""
    vouchers, owners = _add(len(drawn))
    fields = {f"{name}{n}": each[name] for n, each in enumerate(drawn) for name in _DRAWN}
    held = {"sold_at": holder.since, "agent_id": holder.agent_id, "commission_minor": holder.commission_minor}
    yield Sql(vouchers, {"batch_id": batch_id, "use_by": use_by, **held, **fields})
    yield Sql(owners, {f"code_index{n}": each["code_index"] for n, each in enumerate(drawn)})


def in_range(batch_id: int, first: int, last: int) -> Unit[list[Voucher]]:
    """The vouchers of a batch from serial `first` to `last`, both included."""
    found = yield from rows(
        "SELECT * FROM vouchers WHERE tenant_id = :tenant AND batch_id = :batch_id"
        " AND serial BETWEEN :first AND :last ORDER BY serial",
        batch_id=batch_id,
        first=first,
        last=last,
    )
    return [_voucher(row) for row in found]


def by_code(code_index: bytes) -> Unit[Voucher | None]:
    row = yield from one(
        "SELECT * FROM vouchers WHERE tenant_id = :tenant AND code_index = :code_index", code_index=code_index
    )
    return None if row is None else _voucher(row)


def by_label(label: str) -> Unit[Voucher | None]:
    row = yield from one("SELECT * FROM vouchers WHERE tenant_id = :tenant AND label = :label", label=label)
    return None if row is None else _voucher(row)


def with_batch(code_index: bytes) -> Unit[tuple[Voucher, Batch] | None]:
    """A voucher by its code, with its batch."""
    row = yield from one(
        "SELECT v.*, b.number, b.plan_copy, b.style, b.count, b.note, b.agent, b.made_by, b.created_at, b.ready_at,"
        " b.staff_id, b.agent_id AS made_for"
        " FROM vouchers v JOIN batches b ON b.tenant_id = v.tenant_id AND b.id = v.batch_id"
        " WHERE v.tenant_id = :tenant AND v.code_index = :code_index",
        code_index=code_index,
    )
    return (
        None
        if row is None
        else (_voucher(row), read_batch({**dict(row), "id": row["batch_id"], "agent_id": row["made_for"]}))
    )


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A voucher that was redeemed just now."""

    label: str
    plan: Plan  # as it was frozen in its batch
    sold: bool  # whether its sale stands in the books
    agent_id: int | None
    commission_minor: int


def take(code_index: bytes, router_id: int, now: Moment) -> Unit[Taken | None]:
    """Redeem a printed voucher; None when it is not to be had.

    One statement, so that only one can win.
    """
    row = yield from one(
        "UPDATE vouchers SET state = 'redeemed', redeemed_at = :now, redeemed_router_id = :router_id"
        " WHERE tenant_id = :tenant AND code_index = :code_index AND state = 'printed' AND use_by > :now"
        " RETURNING label, sold_at, agent_id, commission_minor, (SELECT b.plan_copy FROM batches b"
        " WHERE b.tenant_id = :tenant AND b.id = vouchers.batch_id) AS plan_copy",
        code_index=code_index,
        router_id=router_id,
        now=now,
    )
    if row is None:
        return None
    return Taken(
        label=row["label"],
        plan=_frozen(row["plan_copy"]),
        sold=row["sold_at"] is not None,
        agent_id=row["agent_id"],
        commission_minor=row["commission_minor"],
    )


def overdue_batches(now: Moment, limit: int) -> Unit[list[Batch]]:
    """Batches past their use-by whose sold and unused cards the books have not taken as expired yet."""
    found = yield from rows(
        "SELECT * FROM batches WHERE tenant_id = :tenant AND expired_at IS NULL AND use_by <= :now"
        " AND ready_at IS NOT NULL ORDER BY use_by, id LIMIT :limit",
        now=now,
        limit=limit,
    )
    return [read_batch(row) for row in found]


def sold_unused(batch_id: int, limit: int) -> Unit[list[Row]]:
    """``label`` and ``agent_id`` of cards that are sold, unused, and not taken as expired yet."""
    found = yield from rows(
        "SELECT v.label AS label, v.agent_id AS agent_id FROM vouchers v WHERE v.tenant_id = :tenant"
        " AND v.batch_id = :batch_id AND v.state = 'printed' AND v.sold_at IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM transfers t WHERE t.tenant_id = :tenant AND t.kind = 'expired' AND t.cause = v.label)"
        " ORDER BY v.serial LIMIT :limit",
        batch_id=batch_id,
        limit=limit,
    )
    return list(found)


def set_expired(batch_id: int, now: Moment) -> Unit[None]:
    yield from update("batches", batch_id, expired_at=now)


def set_sold(batch_id: int, label: str, now: Moment) -> Unit[None]:
    """The sale of a card stands in the books."""
    yield Sql(
        "UPDATE vouchers SET sold_at = :now WHERE tenant_id = :tenant AND batch_id = :batch_id AND label = :label",
        {"batch_id": batch_id, "label": label, "now": now},
    )


def void_range(
    batch_id: int, first: int, last: int, by: str, reason: str, now: Moment, *, in_use: bool
) -> Unit[list[Row]]:
    """Void the printed ones of a range, with `in_use` also the redeemed ones whose pass has not ended.

    Gives ``label``, ``redeemed_at``, ``sold_at`` and ``agent_id`` of those that it took.
    """
    found = yield from rows(
        "UPDATE vouchers SET state = 'void', voided_at = :now, voided_by = :by, void_reason = :reason"
        " WHERE tenant_id = :tenant AND batch_id = :batch_id AND serial BETWEEN :first AND :last"
        " AND (state = 'printed' OR (:in_use = 1 AND state = 'redeemed' AND EXISTS (SELECT 1 FROM passes p"
        " WHERE p.tenant_id = :tenant AND p.cause_kind = 'voucher' AND p.cause_ref = vouchers.label"
        " AND p.state <> 'ended'))) RETURNING label, redeemed_at, sold_at, agent_id",
        batch_id=batch_id,
        first=first,
        last=last,
        by=by,
        reason=reason,
        now=now,
        in_use=int(in_use),
    )
    return list(found)


def groups(now: Moment, batch_id: int | None = None) -> Unit[dict[int, list[Group]]]:
    """How many vouchers of each batch, or of one, are alike in what makes their shown state."""
    found = yield from rows(
        "SELECT v.batch_id AS batch_id, v.state AS state, CASE WHEN v.use_by <= :now THEN 1 ELSE 0 END AS past,"
        " CASE WHEN p.state = 'ended' THEN 1 ELSE 0 END AS over, COUNT(*) AS n FROM vouchers v LEFT JOIN passes p"
        " ON v.state = 'redeemed' AND p.tenant_id = v.tenant_id AND p.cause_kind = 'voucher' AND p.cause_ref = v.label"
        " WHERE v.tenant_id = :tenant AND (:every = 1 OR v.batch_id = :batch_id) GROUP BY 1, 2, 3, 4",
        now=now,
        every=int(batch_id is None),
        batch_id=batch_id or 0,
    )
    by_batch: dict[int, list[Group]] = {}
    for row in found:
        group = Group(state=row["state"], past=bool(row["past"]), over=bool(row["over"]), count=int(row["n"]))
        by_batch.setdefault(row["batch_id"], []).append(group)
    return by_batch


def names_of(agent_ids: Collection[int]) -> Unit[dict[int, str]]:
    """How these agents are called."""
    if not agent_ids:
        return {}
    marks, bound = any_of(sorted(agent_ids))
    found = yield from rows(f"SELECT id, name FROM staff WHERE tenant_id = :tenant AND id IN ({marks})", **bound)
    return {row["id"]: row["name"] for row in found}


def holders(batch_id: int) -> Unit[list[Row]]:
    """``agent_id`` and ``n``: how many cards of a batch each agent holds, or held until they were used."""
    found = yield from rows(
        "SELECT a.id AS agent_id, (SELECT COUNT(*) FROM vouchers v WHERE v.tenant_id = :tenant AND v.agent_id = a.id"
        " AND v.batch_id = :batch_id) AS n FROM staff a WHERE a.tenant_id = :tenant AND a.role = 'agent' ORDER BY a.id",
        batch_id=batch_id,
    )
    return [row for row in found if row["n"]]


def batches_with(agent_id: int) -> Unit[set[int]]:
    """Batches of which an agent has cards, used or not."""
    found = yield from rows(
        "SELECT DISTINCT batch_id FROM vouchers WHERE tenant_id = :tenant AND agent_id = :agent", agent=agent_id
    )
    return {row["batch_id"] for row in found}


def handed_among(labels: frozenset[str], batch_id: int, first: int, last: int) -> Unit[bool]:
    """Whether a tap has sold one of these cards of a range on a screen: then nobody else may have its code."""
    found = yield from rows(
        "SELECT label FROM vouchers WHERE tenant_id = :tenant AND batch_id = :batch_id"
        " AND serial BETWEEN :first AND :last AND handed_at IS NOT NULL",
        batch_id=batch_id,
        first=first,
        last=last,
    )
    return any(row["label"] in labels for row in found)


def spent_of(batch_id: int, first: int, last: int) -> Unit[set[str]]:
    """The labels of a range whose passes have ended."""
    found = yield from rows(
        "SELECT v.label AS label FROM vouchers v JOIN passes p ON p.tenant_id = v.tenant_id"
        " AND p.cause_kind = 'voucher' AND p.cause_ref = v.label WHERE v.tenant_id = :tenant"
        " AND v.batch_id = :batch_id AND v.serial BETWEEN :first AND :last AND v.state = 'redeemed'"
        " AND p.state = 'ended'",
        batch_id=batch_id,
        first=first,
        last=last,
    )
    return {row["label"] for row in found}


def serials(batch_id: int, first: int, last: int) -> Unit[set[int]]:
    """Those serials of a range that have their voucher."""
    found = yield from rows(
        "SELECT serial FROM vouchers WHERE tenant_id = :tenant AND batch_id = :batch_id"
        " AND serial BETWEEN :first AND :last",
        batch_id=batch_id,
        first=first,
        last=last,
    )
    return {int(row["serial"]) for row in found}


_BY_STYLE = (
    # printed: whoever hits one gets a pass
    "SELECT b.style AS style, COUNT(*) AS n FROM vouchers v JOIN batches b ON b.id = v.batch_id"
    " AND b.tenant_id = v.tenant_id WHERE v.tenant_id = :tenant AND v.state = 'printed' AND v.use_by > :now"
    " GROUP BY b.style",
    # redeemed, and its pass goes on: whoever hits one may join it, or move it
    "SELECT b.style AS style, COUNT(*) AS n FROM passes p JOIN vouchers v ON v.tenant_id = p.tenant_id"
    " AND v.label = p.cause_ref JOIN batches b ON b.id = v.batch_id AND b.tenant_id = v.tenant_id"
    " WHERE p.tenant_id = :tenant AND p.cause_kind = 'voucher' AND v.state = 'redeemed'"
    " AND p.state IN ('queued', 'waiting', 'running', 'paused') GROUP BY b.style",
    # promised: batches whose codes are still being drawn
    "SELECT b.style AS style, SUM(b.count - (SELECT COUNT(*) FROM vouchers v WHERE v.tenant_id = :tenant"
    " AND v.batch_id = b.id)) AS n FROM batches b WHERE b.tenant_id = :tenant AND b.ready_at IS NULL"
    " AND b.use_by > :now GROUP BY b.style",
)


def live_codes(now: Moment) -> Unit[Mapping[str, int]]:
    """How many codes of each style a guess could hit."""
    counts: Counter[str] = Counter()
    for text in _BY_STYLE:
        for row in (yield from rows(text, now=now)):
            counts[row["style"]] += int(row["n"])
    return counts


def owner_of(code_index: bytes) -> Unit[int | None]:
    """Whose code this is; for guests whom no router has named."""
    found = yield from value("SELECT owner FROM code_owners WHERE code_index = :code_index", code_index=code_index)
    return None if found is None else int(found)


# --- what was done ---


def add_act(
    batch_id: int, act: str, first: int, last: int, by: str, now: Moment, *, how: str = "", reason: str = ""
) -> Unit[int]:
    """Write down what staff did with a range of a batch; gives the act's id."""
    return (
        yield from insert(
            "voucher_acts",
            batch_id=batch_id,
            act=act,
            how=how,
            first_serial=first,
            last_serial=last,
            reason=reason,
            actor=by,
            done_at=now,
        )
    )


def extend_act(act_id: int, last: int) -> Unit[None]:
    """The same act went on to this serial."""
    yield from update("voucher_acts", act_id, last_serial=last)


def acts(batch_id: int) -> Unit[list[Row]]:
    """What was done with a batch, oldest first."""
    found = yield from rows(
        "SELECT * FROM voucher_acts WHERE tenant_id = :tenant AND batch_id = :batch_id ORDER BY id", batch_id=batch_id
    )
    return list(found)


# --- moves ---


def moves_since(voucher_id: int, since: Moment) -> Unit[int]:
    """How often a voucher brought a new device in place of an older one."""
    return int(
        (
            yield from value(
                "SELECT COUNT(*) FROM voucher_moves WHERE tenant_id = :tenant AND voucher_id = :voucher_id"
                " AND moved_at > :since",
                voucher_id=voucher_id,
                since=since,
            )
        )
    )


def left_since(pass_id: int, since: Moment) -> Unit[int]:
    """How many devices went by this pass lately and are off it now: a code that wanders by leaving and joining."""
    found = yield from value(
        "SELECT COUNT(*) FROM usage u WHERE u.tenant_id = :tenant AND u.pass_id = :pass_id AND u.updated_at > :since"
        " AND NOT EXISTS (SELECT 1 FROM pass_devices d WHERE d.tenant_id = :tenant AND d.tenant_id = u.tenant_id"
        " AND d.pass_id = u.pass_id AND d.device_id = u.device_id)",
        pass_id=pass_id,
        since=since,
    )
    return int(found)


def add_move(voucher_id: int, from_device: int, to_device: int, now: Moment) -> Unit[None]:
    yield from insert(
        "voucher_moves", voucher_id=voucher_id, from_device_id=from_device, to_device_id=to_device, moved_at=now
    )
