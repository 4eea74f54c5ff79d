"""The statements of vouchers: batches, vouchers, acts and guesses. Each decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from portal.access import plans
from portal.access.plans import Plan
from portal.clock import Moment
from portal.units import Row, Sql, Unit, insert, one, rows, update, value

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
    redeemed_device_id: int | None
    voided_at: Moment | None
    voided_by: str | None
    void_reason: str | None
    code_sealed: bytes


@lru_cache(maxsize=512)
def _frozen(plan_copy: str) -> Plan:
    return plans.from_json(plan_copy)


def _batch(row: Row) -> Batch:
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
    return [_batch(row) for row in found]


def batch(batch_id: int) -> Unit[Batch | None]:
    row = yield from one("SELECT * FROM batches WHERE tenant_id = :tenant AND id = :id", id=batch_id)
    return None if row is None else _batch(row)


def batch_numbered(number: int) -> Unit[Batch | None]:
    row = yield from one("SELECT * FROM batches WHERE tenant_id = :tenant AND number = :number", number=number)
    return None if row is None else _batch(row)


# --- vouchers ---


def add_vouchers(batch_id: int, use_by: Moment, drawn: Sequence[Mapping[str, Any]]) -> Unit[None]:
    """Vouchers with ``serial``, ``label``, ``code_index`` and ``code_sealed``; raises `Conflict` on a known code."""
    names = ("serial", "label", "code_index", "code_sealed")
    marks = ", ".join(
        f"(:tenant, :batch_id, :use_by, {', '.join(f':{name}{n}' for name in names)})" for n in range(len(drawn))
    )
    yield Sql(
        f"INSERT INTO vouchers (tenant_id, batch_id, use_by, {', '.join(names)}) VALUES {marks}",  # noqa: S608 marks only
        {
            "batch_id": batch_id,
            "use_by": use_by,
            **{f"{name}{n}": each[name] for n, each in enumerate(drawn) for name in names},
        },
    )
    owners = ", ".join(f"(:code{n}, :tenant)" for n in range(len(drawn)))
    yield Sql(
        f"INSERT INTO code_owners (code_index, owner) VALUES {owners}",  # noqa: S608 marks only
        {f"code{n}": each["code_index"] for n, each in enumerate(drawn)},
    )


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


def take(code_index: bytes, device_id: int, router_id: int, now: Moment) -> Unit[Voucher | None]:
    """Redeem a printed voucher, or None when it is not to be had: one statement, so that only one may win."""
    row = yield from one(
        "UPDATE vouchers SET state = 'redeemed', redeemed_at = :now, redeemed_device_id = :device_id,"
        " redeemed_router_id = :router_id WHERE tenant_id = :tenant AND code_index = :code_index"
        " AND state = 'printed' AND use_by > :now RETURNING *",
        code_index=code_index,
        device_id=device_id,
        router_id=router_id,
        now=now,
    )
    return None if row is None else _voucher(row)


def void_range(
    batch_id: int, first: int, last: int, states: Sequence[str], by: str, reason: str, now: Moment
) -> Unit[list[Voucher]]:
    """Void those of a range that are in one of `states`; gives them as they are now."""
    marks = ", ".join(f":state{n}" for n in range(len(states)))
    found = yield from rows(
        "UPDATE vouchers SET state = 'void', voided_at = :now, voided_by = :by, void_reason = :reason"  # noqa: S608 marks only
        " WHERE tenant_id = :tenant AND batch_id = :batch_id AND serial BETWEEN :first AND :last"
        f" AND state IN ({marks}) RETURNING *",
        batch_id=batch_id,
        first=first,
        last=last,
        by=by,
        reason=reason,
        now=now,
        **{f"state{n}": state for n, state in enumerate(states)},
    )
    return [_voucher(row) for row in found]


def live_codes(now: Moment) -> Unit[Mapping[str, int]]:
    """How many codes of each style a guess could hit."""
    found = yield from rows(
        "SELECT b.style AS style, COUNT(*) AS n FROM vouchers v JOIN batches b ON b.id = v.batch_id"
        " AND b.tenant_id = v.tenant_id WHERE v.tenant_id = :tenant AND v.state = 'printed' AND v.use_by > :now"
        " GROUP BY b.style",
        now=now,
    )
    return {row["style"]: int(row["n"]) for row in found}


def owner_of(code_index: bytes) -> Unit[int | None]:
    """Whose code this is; for guests whom no router has named."""
    found = yield from value("SELECT owner FROM code_owners WHERE code_index = :code_index", code_index=code_index)
    return None if found is None else int(found)


# --- what was done ---


def add_act(
    batch_id: int, act: str, first: int, last: int, by: str, now: Moment, *, how: str = "", reason: str = ""
) -> Unit[None]:
    """Write down what staff did with a range of a batch."""
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


def add_move(voucher_id: int, from_device: int, to_device: int, now: Moment) -> Unit[None]:
    yield from insert(
        "voucher_moves", voucher_id=voucher_id, from_device_id=from_device, to_device_id=to_device, moved_at=now
    )
