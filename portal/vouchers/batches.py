"""Batches: drawing codes, voiding them, and what may be read of them again.

A batch may hold 50 000 codes, and the database has one writer: whoever redeems meanwhile must not wait for the whole
of it. So codes are drawn and sealed outside of transactions and stored a few at a time, with a pause after each. A
batch whose drawing was stopped has no `ready_at`; nothing of it can be printed until it is finished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from portal.access import admission
from portal.access import store as access
from portal.access.plans import Plan
from portal.access.store import Cause
from portal.clock import DAY, Clock, Moment
from portal.db import Database
from portal.errors import BandoError, Misconfigured
from portal.money import Money
from portal.seal import Vault
from portal.tenancy.store import Tenant
from portal.units import Conflict, Unit
from portal.vouchers import codes, posting, store
from portal.vouchers.codes import Style
from portal.vouchers.odds import Odds, in_words, longer, odds_of
from portal.vouchers.posting import Undone
from portal.vouchers.stock import store as stock
from portal.vouchers.store import CAUSE, Batch, Holder

MOST = 50_000
LONGEST_MS = 3 * 366 * DAY  # whoever sells a card for longer sells a promise that nobody can keep
LONGEST_TEXT = 200

CHUNK = 100  # vouchers in one transaction: about 5 ms
VOID_CHUNK = 500
END_CHUNK = 50  # each may end a pass, and wake the routers that know it
# Between two of these transactions another process gets its turn: it looks every millisecond (`portal.db.begin`).
PAUSE_MS = 2
TRIES = 5
BREATH = 50  # codes drawn without a pause: about 1.5 ms; a serving process has guests on the same thread

Progress = Callable[[int], None]
Draw = Callable[[Style], str]
Drawn = tuple[bytes, str]  # the keyed hash of a code, and the code


def unseen(_: int) -> None:
    """Nobody watches how far it is."""


# --- a code and its card ---


def code_index(vault: Vault, code: str) -> bytes:
    """The keyed hash that finds a code; over the whole installation, for guests whose ISP is not known yet."""
    return vault.index(0, "voucher", code)


def seal_code(vault: Vault, tenant_id: int, label: str, code: str) -> bytes:
    """The code for a reprint."""
    return vault.of(tenant_id).seal(code, table="vouchers", row=f"{tenant_id}|{label}", column="code_sealed")


def open_code(vault: Vault, tenant_id: int, label: str, sealed: bytes) -> str:
    """The reverse of `seal_code`; raises `NotOurs`."""
    own = vault.of(tenant_id)
    return own.open(sealed, table="vouchers", row=f"{tenant_id}|{label}", column="code_sealed").decode()


def label_of(number: int, serial: int, count: int) -> str:
    """``B12-0043``: the batch and the serial in it, on the card and in every list."""
    return f"B{number}-{serial:0{max(4, len(str(count)))}d}"


# --- what staff ask for ---


@dataclass(frozen=True, kw_only=True)
class Order:
    """A batch as staff ask for it."""

    plan: Plan
    count: int
    style: Style
    use_by: Moment
    price: Money | None = None  # instead of the plan's; 0 is a free card
    note: str = ""
    agent: str = ""
    agent_id: int | None = None  # the agent with a login whose stock it becomes
    by: str
    staff_id: int | None = None  # `by`, where it is somebody with a login
    form_key: str | None = None  # of the form that asked for it; makes one batch


def must_be_short(*texts: str) -> None:
    """Each is one line; raises `Misconfigured`."""
    if any(len(text) > LONGEST_TEXT or not text.isprintable() for text in texts):
        raise Misconfigured(f"Note, agent, reason and name are one line of at most {LONGEST_TEXT} characters each.")


class TooEasy(Misconfigured):
    """The codes would be too easy to guess; `better` is the next longer style that would do."""

    def __init__(self, odds: Odds, live: Mapping[str, int]) -> None:
        super().__init__(in_words(odds, live))
        self.odds = odds
        self.better = longer(odds, live)


def check(order: Order, now: Moment) -> None:
    """Whether such a batch may be made; raises `Misconfigured`."""
    price = order.price or order.plan.price
    if not 1 <= order.count <= MOST:
        raise Misconfigured(f"A batch holds 1 to {MOST:,} vouchers; make several batches for more.")
    if order.use_by <= now:
        raise Misconfigured("The use-by date is past; name a coming day with --use-by.")
    if order.use_by > now + LONGEST_MS:
        raise Misconfigured("The use-by date is more than three years ahead; name an earlier one with --use-by.")
    if price.minor < 0 or price.minor % 100 or price.currency != order.plan.price.currency:
        raise Misconfigured(f"The price must be whole {order.plan.price.currency}, 0 or more.")
    must_be_short(order.note, order.agent, order.by)
    if not order.by.strip():
        raise Misconfigured("Somebody has to answer for the batch; say who with --by.")


def begin(order: Order, now: Moment) -> Unit[Batch]:
    """A batch without vouchers; its plan and price stay as they are now. Raises `Misconfigured`."""
    plan = next((each for each in (yield from access.plan_list()) if each.id == order.plan.id), None)
    if plan is None or not plan.on_sale:
        raise Misconfigured(f"{order.plan.name} is not on sale; first: bando plan offer {order.plan.public}")
    if plan.trial:
        raise Misconfigured(f"{plan.name} is a free trial; guests take it on the guest page, it is not printed.")
    number = yield from store.next_number()
    batch_id = yield from store.insert_batch(
        replace(plan, price=order.price or plan.price),
        number=number,
        style=order.style.name,
        count=order.count,
        use_by=order.use_by,
        note=order.note,
        agent=order.agent,
        agent_id=order.agent_id,
        made_by=order.by,
        staff_id=order.staff_id,
        form_key=order.form_key,
        created_at=now,
    )
    made = yield from store.batch(batch_id)
    assert made is not None
    return made


def holder_of(batch: Batch) -> Unit[Holder]:
    """Whose the cards of a batch are from the beginning, and what each earns them."""
    if batch.agent_id is None:
        return store.NOBODY
    commission = (yield from stock.terms(batch.agent_id)).commission(batch.plan.price.minor)
    return Holder(agent_id=batch.agent_id, since=batch.created_at, commission_minor=commission)


def complete(batch: Batch, by: str, now: Moment) -> Unit[Batch]:
    """All its codes are there: from now on it can be printed."""
    current = yield from store.batch(batch.id)
    assert current is not None
    if current.ready_at is not None:
        return current
    yield from store.set_ready(batch.id, now)
    yield from store.add_act(batch.id, "made", 1, batch.count, by, now)
    yield from posting.handed_out(batch, now)
    return replace(current, ready_at=now)


@dataclass(frozen=True, kw_only=True)
class Voided:
    """What became of a range that was voided."""

    printed: int = 0  # void now
    in_use: int = 0  # void now, and their passes ended
    left: int = 0  # void before, redeemed or spent: as they were

    @property
    def taken(self) -> int:
        return self.printed + self.in_use


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Makes and voids the batches of one tenant."""

    db: Database
    vault: Vault
    clock: Clock
    tenant: Tenant
    guesses_an_hour: int
    draw: Draw = codes.draw

    async def make(self, order: Order, *, progress: Progress = unseen) -> Batch:
        """A whole batch; raises `Misconfigured` when it may not be made."""
        return await self.finish(await self.open(order), order.by, progress=progress)

    async def open(self, order: Order) -> Batch:
        """A batch whose codes are still to be drawn; `finish` draws them."""
        await self.permit(order)
        return await self.db.write(self.tenant.id, begin, order, self.clock.now())

    async def permit(self, order: Order) -> None:
        """Whether such a batch may be made; raises `Misconfigured`, of codes that one might guess `TooEasy`."""
        now = self.clock.now()
        check(order, now)
        live = await self.db.read(self.tenant.id, store.live_codes, now)
        odds = odds_of(order.style, live, order.count, self.guesses_an_hour)
        if not odds.fine:
            raise TooEasy(odds, live)

    async def finish(self, batch: Batch, by: str, *, progress: Progress = unseen) -> Batch:
        """Draw what a batch lacks; may be stopped at any point and called again."""
        there = await self.db.read(self.tenant.id, store.serials, batch.id, 1, batch.count)
        if there:
            progress(len(there))
        missing = [serial for serial in range(1, batch.count + 1) if serial not in there]
        held = await self.db.read(self.tenant.id, holder_of, batch)
        drawn = await self._drawn(batch, len(missing))
        for start in range(0, len(missing), CHUNK):
            part = slice(start, start + CHUNK)
            await self._store(batch, missing[part], drawn[part], held)
            progress(len(missing[part]))
        return await self.db.write(self.tenant.id, complete, batch, by, self.clock.now())

    async def _drawn(self, batch: Batch, count: int) -> list[Drawn]:
        """Codes in the order of their keyed hashes.

        A part of them so touches a few pages of the indexes instead of a page for each code, which is most of what
        storing them costs; to whoever has no key that order is no order at all.
        """
        found: list[Drawn] = []
        for number in range(count):
            code = self.draw(codes.STYLES[batch.style])
            found.append((code_index(self.vault, code), code))
            if number % BREATH == 0:
                await self.clock.sleep(0)  # so that it can be stopped
        return sorted(found)

    async def _store(self, batch: Batch, missing: Sequence[int], drawn: Sequence[Drawn], held: Holder) -> None:
        """Store these serials; a code that was drawn before is drawn anew."""
        for _ in range(TRIES):
            if not missing:
                return
            cards = [self._card(batch, serial, each) for serial, each in zip(missing, drawn, strict=True)]
            try:
                await self._politely(store.add_vouchers, batch.id, batch.use_by, cards, held)
                return
            except Conflict:  # or another process finishes the same batch
                there = await self.db.read(self.tenant.id, store.serials, batch.id, missing[0], missing[-1])
                missing = [each for each in missing if each not in there]
                drawn = await self._drawn(batch, len(missing))
        raise BandoError(f"No new codes were found for batch B{batch.number}; try again: bando voucher finish")

    def _card(self, batch: Batch, serial: int, drawn: Drawn) -> dict[str, Any]:
        index, code = drawn
        label = label_of(batch.number, serial, batch.count)
        sealed = seal_code(self.vault, self.tenant.id, label, code)
        return {"serial": serial, "label": label, "code_index": index, "code_sealed": sealed}

    async def _politely(self, unit: Callable[..., Unit[Any]], *args: Any, **kwargs: Any) -> Any:
        """Write, and let the others write."""
        done = await self.db.write(self.tenant.id, unit, *args, **kwargs)
        await self.clock.sleep(PAUSE_MS)
        return done

    async def void(
        self,
        batch: Batch,
        first: int,
        last: int,
        *,
        reason: str,
        by: str,
        staff_id: int | None = None,
        end_passes: bool = False,
        progress: Progress = unseen,
    ) -> Voided:
        """Void a range of a batch for good; with `end_passes` also what is in use. Raises `Misconfigured`."""
        check_void(batch, first, last, reason, by)
        return await self.carry_out(
            batch, first, last, reason=reason, by=by, staff_id=staff_id, end_passes=end_passes, progress=progress
        )

    async def carry_out(
        self,
        batch: Batch,
        first: int,
        last: int,
        *,
        reason: str,
        by: str,
        end_passes: bool,
        staff_id: int | None = None,
        progress: Progress = unseen,
    ) -> Voided:
        """Void them a part at a time; may be stopped at any point and called again.

        The history of the batch grows with each part: it never says more than is so.
        """
        printed = in_use = 0
        act_id: int | None = None
        now = self.clock.now()
        for start, end in ranges(first, last, END_CHUNK if end_passes else VOID_CHUNK):
            work = (batch, start, end, by, reason, now, end_passes)
            act_id, taken = await self._politely(void_part, act_id, *work, staff_id=staff_id)
            printed, in_use = printed + taken.printed, in_use + taken.in_use
            progress(end - start + 1)
        return Voided(printed=printed, in_use=in_use, left=last - first + 1 - printed - in_use)


def check_void(batch: Batch, first: int, last: int, reason: str, by: str) -> None:
    """Whether this may be voided; raises `Misconfigured`."""
    if not 1 <= first <= last <= batch.count:
        raise Misconfigured(f"B{batch.number} has the serials 1 to {batch.count}; {first}-{last} is no part of it.")
    if batch.ready_at is None:
        raise Misconfigured(f"B{batch.number} is not whole yet; first: bando voucher finish B{batch.number}")
    if not reason.strip():
        raise Misconfigured("Vouchers are voided for a reason; give it with --reason.")
    must_be_short(reason, by)


def ranges(first: int, last: int, size: int) -> Iterator[tuple[int, int]]:
    """A range of serials in parts of `size`."""
    for start in range(first, last + 1, size):
        yield start, min(last, start + size - 1)


def void_part(
    act_id: int | None,
    batch: Batch,
    first: int,
    last: int,
    by: str,
    reason: str,
    now: Moment,
    end_passes: bool,
    *,
    staff_id: int | None = None,
) -> Unit[tuple[int, Voided]]:
    """Void one part and write it down; gives the act, which the next part goes on with."""
    taken = yield from void_some(batch, first, last, by, reason, now, end_passes, staff_id)
    if act_id is None:
        act_id = yield from store.add_act(batch.id, "voided", first, last, by, now, reason=reason)
    else:
        yield from store.extend_act(act_id, last)
    return act_id, taken


def void_some(
    batch: Batch,
    first: int,
    last: int,
    by: str,
    reason: str,
    now: Moment,
    end_passes: bool,
    staff_id: int | None = None,
) -> Unit[Voided]:
    """Void one part of a range, undo the sale of those that nobody redeemed, and end the passes of those in use."""
    taken = yield from store.void_range(batch.id, first, last, by, reason, now, in_use=end_passes)
    in_use = [row["label"] for row in taken if row["redeemed_at"] is not None]
    yield from _end_passes(in_use, now)
    for row in taken:
        if row["redeemed_at"] is None and row["sold_at"] is not None:
            yield from posting.undone(batch, Undone(label=row["label"], agent_id=row["agent_id"], by=staff_id), now)
    return Voided(printed=len(taken) - len(in_use), in_use=len(in_use))


def _end_passes(labels: Iterable[str], now: Moment) -> Unit[None]:
    for label in labels:
        made = yield from access.pass_by_cause(Cause(kind=CAUSE, ref=label))
        if made is not None:
            yield from admission.end_pass(made.id, "void", now)
