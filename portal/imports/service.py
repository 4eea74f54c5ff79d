"""Keeping what was read, saying what would be done with it, and doing it: each a unit."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from portal.access import admission
from portal.access import store as access
from portal.access.plans import Plan
from portal.access.store import Cause
from portal.clock import DAY, Moment
from portal.errors import Refused
from portal.imports import found as inventory
from portal.imports import store
from portal.imports.found import Found, FoundRun
from portal.imports.plan_of_work import work_of
from portal.imports.store import Import
from portal.imports.terms import frozen, rest_of
from portal.imports.work import Card, Choice, Keys, NewBatch, There, Work
from portal.seal import Vault, new_public
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Unit
from portal.vouchers import imported
from portal.vouchers import store as vouchers
from portal.vouchers.batches import label_of, seal_code

KEPT_MS = DAY  # what was read is personal; nobody needs it longer than that


@dataclass(frozen=True, kw_only=True)
class Hands:
    """Who imports, for which ISP."""

    vault: Vault
    tenant: Tenant
    by: str
    staff_id: int | None = None

    @property
    def keys(self) -> Keys:
        return Keys(code=self._code, cause=self._cause)

    def _code(self, code: str) -> bytes:
        return imported.index_of(self.vault, self.tenant.id, code)

    def _cause(self, name: str) -> str:
        return f"import:{self.vault.index(self.tenant.id, 'imported guest', name)[:12].hex()}"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An import as staff see it; `work` is None once it is done."""

    row: Import
    work: Work | None

    @property
    def told(self) -> str:
        return "" if self.work is None else self.work.told(_choice(self.row))


# --- reading ---


def keep(hands: Hands, found: Found, choice: Choice, now: Moment) -> Unit[int]:
    """Keep what was read, sealed, for a day; gives its id."""
    check(choice)
    if found.empty:
        raise Refused("import-nothing")
    yield from store.forget(now - KEPT_MS)
    return (
        yield from store.add(
            source=found.source,
            title=found.title,
            days=choice.days,
            shorten=choice.shorten,
            unsold=choice.unsold,
            found_sealed=_seal(hands, found, now),
            made_by=hands.by,
            staff_id=hands.staff_id,
            read_at=now,
        )
    )


def check(choice: Choice) -> None:
    """Whether codes may live so long; raises `Refused`."""
    if not 1 <= choice.days <= imported.MOST_DAYS:
        raise Refused("import-days")


def _place(hands: Hands, read_at: Moment) -> dict[str, str]:
    return {"table": "imports", "row": f"{hands.tenant.id}|{read_at}", "column": "found_sealed"}


def _seal(hands: Hands, found: Found, now: Moment) -> bytes:
    return hands.vault.of(hands.tenant.id).seal(zlib.compress(found.to_json()), **_place(hands, now))


def _open(hands: Hands, row: Import) -> Found:
    assert row.found_sealed is not None
    opened = hands.vault.of(hands.tenant.id).open(row.found_sealed, **_place(hands, row.read_at))
    return inventory.from_json(zlib.decompress(opened))


# --- the dry run ---


def look(hands: Hands, import_id: int, now: Moment) -> Unit[Shown]:
    """What it would do now; changes nothing."""
    row = yield from _row(import_id, now)
    if row.done_at is not None:
        return Shown(row=row, work=None)
    return Shown(row=row, work=(yield from _work(hands, _open(hands, row), _choice(row), now)))


def try_out(hands: Hands, found: Found, choice: Choice, now: Moment) -> Unit[Work]:
    """The same of what is not kept."""
    check(choice)
    return (yield from _work(hands, found, choice, now))


def _row(import_id: int, now: Moment) -> Unit[Import]:
    row = yield from store.get(import_id)
    if row is None:
        raise Refused("not-found", status=404)
    if row.done_at is None and (row.found_sealed is None or row.read_at + KEPT_MS <= now):
        raise Refused("import-old", status=409)
    return row


def _choice(row: Import) -> Choice:
    return Choice(days=row.days, shorten=row.shorten, unsold=row.unsold)


def _work(hands: Hands, found: Found, choice: Choice, now: Moment) -> Unit[Work]:
    told = [each.code for each in found.vouchers] + [each.code for each in found.running]
    codes = sorted({imported.fold(each) for each in told} - {""})
    names = [f"{found.source}|{each.key}" for each in found.running]
    there = There(
        plans=(yield from access.plan_list()),
        plan_ids=(yield from store.plan_ids(found.source)),
        codes=(yield from store.known_codes([hands.keys.code(each) for each in codes])),
        causes=(yield from store.known_causes([hands.keys.cause(each) for each in names])),
        live=(yield from vouchers.live_codes(now)),
        currency=hands.tenant.currency,
    )
    return work_of(found, there, choice, hands.keys, now)


def choose(hands: Hands, import_id: int, choice: Choice, now: Moment) -> Unit[None]:
    """Other choices for what was read."""
    check(choice)
    row = yield from _row(import_id, now)
    if row.done_at is not None:
        raise Refused("import-there", status=409)
    yield from store.choose(import_id, choice.days, choice.shorten, choice.unsold)


# --- the act ---


def carry_out(hands: Hands, import_id: int, now: Moment, told: str | None = None) -> Unit[Mapping[str, int]]:
    """Do what the dry run says, in one transaction; a second time there is nothing to do.

    `told` is what somebody agreed to; raises `Refused("import-changed")` when it would do something else by now.
    """
    row = yield from _row(import_id, now)
    if row.done_at is not None:
        raise Refused("import-there", status=409)
    found = _open(hands, row)
    counts = yield from take(hands, found, _choice(row), now, told)
    yield from store.set_done(import_id, counts, now)
    return counts


def take(hands: Hands, found: Found, choice: Choice, now: Moment, told: str | None = None) -> Unit[Mapping[str, int]]:
    """Take everything that can be taken; how much that was, by kind."""
    work = yield from try_out(hands, found, choice, now)
    if told is not None and told != work.told(choice):
        raise Refused("import-changed", status=409)
    plans = yield from _plans(work, found.source, now)
    router = yield from _router(found.source)
    for batch in work.batches:
        yield from _batch(hands, batch, plans[batch.plan], found, router, now)
    for run in work.passes:
        cause = Cause(kind="staff", ref=hands.keys.cause(f"{found.source}|{run.key}"))
        yield from _pass(plans[run.plan], run, cause, router, now)
    if not work.empty:
        yield from _tell_the_door(hands.tenant.id, work)
    return work.counts()


def _plans(work: Work, source: str, now: Moment) -> Unit[dict[str, Plan]]:
    """Make the new plans; all that are meant, by their key in the other system."""
    ids = dict(work.plan_ids)
    for new in work.plans:
        ids[new.key] = yield from access.add_plan(replace(new.plan, public=new_public(4)), now)
    for key, plan_id in ids.items():
        yield from store.remember_plan(source, key, plan_id)
    by_id = {each.id: each for each in (yield from access.plan_list())}
    return {key: by_id[plan_id] for key, plan_id in ids.items()}


def _router(source: str) -> Unit[int | None]:
    """The router that was read: its keeper should know the devices that are running there."""
    public = source.partition(":")[2]
    return next((each.id for each in (yield from tenancy.routers()) if each.public == public), None)


def _batch(hands: Hands, batch: NewBatch, plan: Plan, found: Found, router: int | None, now: Moment) -> Unit[None]:
    number = yield from vouchers.next_number()
    count = len(batch.cards)
    batch_id = yield from vouchers.insert_batch(
        frozen(plan, batch),
        number=number,
        style=batch.style,
        count=count,
        use_by=max(each.use_by for each in batch.cards),
        note=f"import {found.title}"[:200],
        agent="",
        made_by=hands.by,
        staff_id=hands.staff_id,
        created_at=now,
    )
    labels = [label_of(number, serial, count) for serial in range(1, count + 1)]
    made = [
        _card(hands, each, serial, label, now)
        for serial, (each, label) in enumerate(zip(batch.cards, labels, strict=True), 1)
    ]
    yield from store.add_cards(batch_id, made)
    yield from vouchers.set_ready(batch_id, now)
    yield from vouchers.add_act(batch_id, "made", 1, count, hands.by, now, how="import")
    for card, row in zip(batch.cards, made, strict=True):
        if card.run is not None:
            yield from _pass(plan, card.run, Cause(kind=vouchers.CAUSE, ref=row["label"]), router, now)


def _card(hands: Hands, card: Card, serial: int, label: str, now: Moment) -> dict[str, Any]:
    return {
        "serial": serial,
        "label": label,
        "code_index": card.index,
        "code_sealed": seal_code(hands.vault, hands.tenant.id, label, card.code),
        "use_by": card.use_by,
        "state": "printed" if card.run is None else "redeemed",
        "redeemed_at": None if card.run is None else now,
    }


def _pass(plan: Plan, run: FoundRun, cause: Cause, router: int | None, now: Moment) -> Unit[None]:
    """What is left of somebody's time, on their device; its clock goes on."""
    device = yield from access.touch_device(run.mac, router, now)
    made = yield from admission.grant(rest_of(plan, run, now), device.id, cause, now)
    yield from admission.carry_on(made, now)


def _tell_the_door(tenant_id: int, work: Work) -> Unit[None]:
    """From now on codes of these lengths are looked up; what is kept in memory of the ISP follows."""
    tenant = yield from tenancy.tenant(tenant_id)
    assert tenant is not None
    cards = [card for each in work.batches for card in each.cards]
    if not cards:
        yield from tenancy.bump(tenant_id)
        return
    until = max([tenant.imported_until or 0, *(each.use_by for each in cards)])
    sizes = imported.lengths(tenant) | {len(each.code) for each in cards}
    yield from tenancy.change_tenant(tenant_id, imported_until=until, imported_lengths=imported.written(sizes))
