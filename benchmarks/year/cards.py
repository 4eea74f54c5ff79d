"""Vouchers: batches, their cards, and what agents hold of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.year.ground import (
    HANDED,
    MIDDLE,
    Filling,
    batch_sizes,
)
from portal.access import plans as plan_text
from portal.clock import DAY, HOUR
from portal.vouchers import batches, codes


def vouchers(of: Filling) -> list[str]:
    """Batches with their cards; gives the labels of those that were redeemed."""
    year, random = of.year, of.random
    sizes = batch_sizes(year.size.vouchers)
    first_batch, redeemed = of.next_id("batches"), list[str]()
    rows = []
    for n, count in enumerate(sizes):
        made = of.at(0.9 * n / len(sizes))
        use_by = year.now + (DAY * 90 if n % 2 or count >= MIDDLE else -DAY)
        plan = year.plans[n % len(year.plans)]
        copy, note = plan_text.to_json(plan), "counter sale" if count == 1 else ""
        rows.append(
            (
                first_batch + n,
                n + 1,
                plan.id,
                copy,
                plan.price.minor,
                "KES",
                "letters-10",
                count,
                use_by,
                note,
                "bench",
                made,
                made,
                year.agent if count == MIDDLE else None,
            )
        )
    of.many(
        "batches",
        "id, number, plan_id, plan_copy, price_minor, currency, style, count, use_by, note,"
        " made_by, created_at, ready_at, agent_id",
        rows,
    )

    def cards() -> Iterator[Sequence[Any]]:
        for row in rows:
            batch_id, number, count, use_by, agent = row[0], row[1], row[7], row[8], row[13]
            for serial in range(1, count + 1):
                label = batches.label_of(number, serial, count)
                what = random.random()
                state = "redeemed" if what < 0.6 else "void" if what < 0.62 else "printed"
                if state == "redeemed":
                    redeemed.append(label)
                at = of.at(0.9) if state == "redeemed" else None
                yield (
                    batch_id,
                    serial,
                    label,
                    secrets.token_bytes(32),
                    b"sealed",
                    state,
                    use_by,
                    at,
                    agent,
                    row[11] if agent else None,
                )

    of.many(
        "vouchers",
        "batch_id, serial, label, code_index, code_sealed, state, use_by, redeemed_at, agent_id, sold_at",
        cards(),
    )
    code = codes.draw(codes.STYLES["letters-10"])
    last = rows[-1]
    label = batches.label_of(last[1], 7, last[7])
    of._connection.execute(
        "UPDATE vouchers SET code_index = ?, state = 'printed', code_sealed = ? WHERE tenant_id = ? AND label = ?",
        (
            batches.code_index(of.vault, code),
            batches.seal_code(of.vault, year.tenant.id, label, code),
            year.tenant.id,
            label,
        ),
    )
    redeemed = [each for each in redeemed if each != label]
    acts = [
        (row[0], act, 1, row[7], "bench", row[11])
        for row in rows
        for act in (("made",) if row[13] else ("made", "printed"))
    ]
    of.many("voucher_acts", "batch_id, act, first_serial, last_serial, actor, done_at", acts)
    stock(of)
    sold = next(row[0] for row in rows if row[7] == 1)
    year.named |= {"batch": str(last[0]), "sale": str(sold)}
    year.sought |= {"code": codes.shown(code), "serial": f"B{last[1]}-{last[7] // 2}"}
    return redeemed


def stock(of: Filling) -> None:
    """Some cards of the agent's were sold with a tap."""
    tenant, agent = of.year.tenant.id, of.year.agent
    stock = "SELECT v.id FROM vouchers v WHERE v.tenant_id = ? AND v.agent_id = ? AND v.state = 'printed' LIMIT ?"
    cards = [row[0] for row in of._connection.execute(stock, (tenant, agent, HANDED))]
    of._connection.executemany(
        "UPDATE vouchers SET handed_at = ?, handed_key = ? WHERE tenant_id = ? AND id = ?",
        [(of.year.now - HOUR, f"{agent}:{card:016x}:1:1", tenant, card) for card in cards],
    )
    (batch,) = of._connection.execute("SELECT MAX(id) FROM batches WHERE agent_id = ?", (agent,)).fetchone()
    of.year.named |= {"stock": str(batch or 0), "card": str(cards[0] if cards else 0), "agent": str(agent)}
    _account_of(of)


# The books about the agent: what they were given, what guests redeemed of it, what it earned, and one payment.
_POSTED = (
    "INSERT INTO transfers (tenant_id, kind, cause, debit, credit, amount_minor, currency, posted_at, agent_id,"
    " plan_id, staff_id) SELECT "
)
_ABOUT_AGENT = (
    "tenant_id, 'handed-out', 'B' || number, 'agents', 'vouchers', price_minor * count, currency, ready_at, agent_id,"
    " plan_id, NULL FROM batches WHERE tenant_id = :tenant AND agent_id = :agent",
    "v.tenant_id, 'redeemed', v.label, 'vouchers', 'revenue', b.price_minor, b.currency, v.redeemed_at, v.agent_id,"
    " b.plan_id, NULL FROM vouchers v JOIN batches b ON b.id = v.batch_id WHERE v.tenant_id = :tenant"
    " AND v.agent_id = :agent AND v.redeemed_at IS NOT NULL",
    "v.tenant_id, 'commission', v.label, 'commissions', 'agents', b.price_minor / 10, b.currency, v.redeemed_at,"
    " v.agent_id, b.plan_id, NULL FROM vouchers v JOIN batches b ON b.id = v.batch_id WHERE v.tenant_id = :tenant"
    " AND v.agent_id = :agent AND v.redeemed_at IS NOT NULL",
    "tenant_id, 'settled', 'bench', 'cash', 'agents', 100000, 'KES', :now, :agent, NULL, id FROM staff"
    " WHERE tenant_id = :tenant AND id = :agent - 1",
)


def _account_of(of: Filling) -> None:
    bound = {"tenant": of.year.tenant.id, "agent": of.year.agent, "now": of.year.now - HOUR}
    for each in _ABOUT_AGENT:
        of._connection.execute(f"{_POSTED}{each}", bound)
    (slip,) = of._connection.execute("SELECT MAX(id) FROM transfers WHERE kind = 'settled'").fetchone()
    of.year.named |= {"slip": str(slip)}
