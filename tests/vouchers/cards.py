"""Printed vouchers for tests: a batch drawn straight into a tenant's database, and guests who show its codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from portal.access.plans import Plan
from portal.clock import DAY, Moment
from portal.errors import Refused
from portal.seal import Vault
from portal.units import Unit
from portal.vouchers import batches, codes, guesses, posting, store
from portal.vouchers import redeem as trade
from portal.vouchers.offers import Offer, Redeemed
from portal.vouchers.redeem import Ask
from tests.support import Seed


def mac(n: int) -> str:
    return f"02:00:00:{n >> 16 & 255:02X}:{n >> 8 & 255:02X}:{n & 255:02X}"


def batch_of(
    vault: Vault, tenant_id: int, plan: Plan, drawn: Sequence[str], now: Moment, style: str = "letters-10", **more: Any
) -> Unit[int]:
    """A batch with these codes, ready to be sold."""
    number = yield from store.next_number()
    columns = {"use_by": now + 90 * DAY, "note": "", "agent": "", "made_by": "tests", **more}
    batch_id = yield from store.insert_batch(
        plan, number=number, style=style, count=len(drawn), created_at=now, **columns
    )
    rows = []
    for serial, code in enumerate(drawn, start=1):
        label = batches.label_of(number, serial, len(drawn))
        index = batches.code_index(vault, code)
        sealed = batches.seal_code(vault, tenant_id, label, code)
        rows.append({"serial": serial, "label": label, "code_index": index, "code_sealed": sealed})
    agent = more.get("agent_id")
    held = store.NOBODY if agent is None else store.Holder(agent_id=agent, since=now)
    for start in range(0, len(rows), 100):
        yield from store.add_vouchers(batch_id, columns["use_by"], rows[start : start + 100], held)
    yield from store.set_ready(batch_id, now)
    whole = yield from store.batch(batch_id)
    assert whole is not None
    yield from posting.handed_out(whole, now)
    return batch_id


async def print_cards(s: Seed, count: int = 1, plan: Plan | None = None, **more: Any) -> list[str]:
    """Fresh codes of a new batch."""
    drawn = [codes.draw(codes.STYLES["letters-10"]) for _ in range(count)]
    await s.write(batch_of, s.vault, s.tenant.id, plan or s.plan, drawn, s.clock.now(), **more)
    return drawn


def ask(s: Seed, code: str, device: int, *, router_id: int = 0, move: bool = False, seen: bool = True) -> Ask:
    """What device number `device` asks when it shows this code."""
    at = router_id or s.router_id
    who = guesses.guesser(s.vault, s.tenant.id, mac(device), at, "192.0.2.1", seen)
    return Ask(
        code=batches.code_index(s.vault, codes.read(code)),
        mac=mac(device),
        router_id=at,
        who=who,
        moves_a_day=3,
        move=move,
    )


async def show(s: Seed, code: str, device: int, **more: Any) -> Redeemed:
    """Redeem a code; raises `Refused`."""
    done = await s.write(trade.redeem, ask(s, code, device, **more), s.clock.now())
    if isinstance(done, Refused):
        raise done
    assert isinstance(done, Redeemed)
    return done


async def offer(s: Seed, code: str, device: int, **more: Any) -> Offer:
    """Look at a code; raises `Refused`."""
    found = await s.write(trade.look, ask(s, code, device, **more), s.clock.now())
    if isinstance(found, Refused):
        raise found
    assert isinstance(found, Offer)
    return found
