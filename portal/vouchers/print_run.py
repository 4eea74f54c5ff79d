"""What is printed of a batch: which of its vouchers, which of them again, and the writing down of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portal.clock import Clock, Moment
from portal.db import Database
from portal.errors import BandoError, Misconfigured
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.texts import said_in
from portal.units import Row, Unit
from portal.vouchers import store
from portal.vouchers.batches import open_code
from portal.vouchers.faces import face
from portal.vouchers.imported import is_imported
from portal.vouchers.paper import Card, Face
from portal.vouchers.store import Batch, Voucher

ON_PAPER = ("printed", "reprinted")
SOLD = "sold on a screen"


class SoldMeanwhile(BandoError):
    """While cards were laid out, a tap has sold one of them on a screen."""

    def __init__(self) -> None:
        super().__init__(
            "While the cards were laid out, their agent sold one of them. Nothing was printed; print again."
        )


@dataclass(frozen=True, kw_only=True)
class PrintRun:
    """A part of a batch, ready for paper."""

    batch: Batch
    first: int
    last: int
    face: Face
    cards: Sequence[Card]
    left_out: Mapping[str, int]  # how many are void, redeemed, expired or sold by an agent's tap

    @property
    def again(self) -> int:
        """How many of them were printed before."""
        return sum(card.again for card in self.cards)


def state_on_paper(voucher: Voucher, now: Moment) -> str:
    """``printed`` if it may go on paper, else why not."""
    if voucher.state == "printed" and voucher.handed_at is not None:
        return SOLD
    return "expired" if voucher.state == "printed" and voucher.use_by <= now else voucher.state


def printed_before(acts: Sequence[Row]) -> set[int]:
    """The serials that were on paper before."""
    spans = ((act["first_serial"], act["last_serial"]) for act in acts if act["act"] in ON_PAPER)
    return {serial for first, last in spans for serial in range(first, last + 1)}


@dataclass(frozen=True, kw_only=True)
class PrintRuns:
    """The print runs of one ISP."""

    db: Database
    vault: Vault
    clock: Clock
    tenant: Tenant
    public_url: str

    async def plan(
        self, batch: Batch, first: int, last: int, lang: str = "", *, agent_id: int | None = None
    ) -> PrintRun:
        """What would be printed of these serials, or of an agent's among them; raises `Misconfigured` for nothing."""
        tenant, name = self.tenant, f"B{batch.number}"
        if is_imported(batch.style):
            raise Misconfigured(f"{name} holds codes of another system, which are on paper already.")
        if batch.ready_at is None:
            raise Misconfigured(f"{name} is not whole yet; draw the rest with: bando voucher finish {name}")
        vouchers = await self.db.read(tenant.id, store.in_range, batch.id, first, last)
        if agent_id is not None:
            vouchers = [each for each in vouchers if each.agent_id == agent_id]
        before = printed_before(await self.db.read(tenant.id, store.acts, batch.id))
        names = await self.db.read(tenant.id, store.names_of, {each.agent_id for each in vouchers if each.agent_id})
        now = self.clock.now()
        states = Counter(state_on_paper(each, now) for each in vouchers)
        cards = [self._card(batch, each, before, names) for each in vouchers if state_on_paper(each, now) == "printed"]
        if not cards:
            raise Misconfigured(
                f"Nothing of {name}, {part(first, last)} can be printed: {counted(states)}."
                f" See them with: bando voucher show {name}"
            )
        said = said_in(tenant.theme, lang or tenant.language)
        logo = await self.db.read(tenant.id, tenancy.logo)
        whole = all(card.again for card in cards)
        made = face(tenant, batch, said, self.public_url, logo=logo, again=whole)
        del states["printed"]
        return PrintRun(batch=batch, first=first, last=last, face=made, cards=cards, left_out=states)

    def _card(self, batch: Batch, voucher: Voucher, before: set[int], names: Mapping[int, str]) -> Card:
        code = open_code(self.vault, self.tenant.id, voucher.label, voucher.code_sealed)
        return Card(
            label=voucher.label, code=code, again=voucher.serial in before, agent=_seller(batch, voucher, names)
        )

    async def note_printed(self, run: PrintRun, how: str, by: str, *, labels: Sequence[str] | None = None) -> None:
        """Write down that it goes on paper; `labels` when only a part of it did."""
        await self.db.write(self.tenant.id, printed, run, how, by, self.clock.now(), labels=labels)

    async def note_exported(self, run: PrintRun, how: str, by: str) -> None:
        """Write down that the codes leave as data."""
        await self.db.write(self.tenant.id, exported, run, how, by, self.clock.now())


def _seller(batch: Batch, voucher: Voucher, names: Mapping[int, str]) -> str:
    """Who sells a card: the agent who holds it, else whom the batch names; of one that came back, nobody."""
    if voucher.agent_id is not None:
        return names.get(voucher.agent_id, "")
    return batch.agent if batch.agent_id is None else ""


def printed(
    run: PrintRun, how: str, by: str, now: Moment, *, labels: Sequence[str] | None = None, reason: str = ""
) -> Unit[None]:
    """Write down that it goes on paper; `labels` when only a part of it did, `reason` why it does so again.

    Raises `SoldMeanwhile` when a tap has sold one of the cards meanwhile, unless it is on paper already.
    """
    first, last = run.first, run.last
    if labels is None:
        yield from _still_unsold(run)
    else:
        serials = [_serial(label) for label in labels]
        first, last = min(serials), max(serials)
    again = any(card.again for card in run.cards if first <= _serial(card.label) <= last)
    yield from store.add_act(
        run.batch.id, "reprinted" if again else "printed", first, last, by, now, how=how, reason=reason
    )


def exported(run: PrintRun, how: str, by: str, now: Moment) -> Unit[None]:
    """Write down that the codes leave as data; raises `SoldMeanwhile` when a tap has sold one of them meanwhile."""
    yield from _still_unsold(run)
    yield from store.add_act(run.batch.id, "exported", run.first, run.last, by, now, how=how)


def _still_unsold(run: PrintRun) -> Unit[None]:
    """In the transaction that lets them go: from then on a tap leaves these cards alone, and before it did not."""
    labels = frozenset(card.label for card in run.cards)
    if (yield from store.handed_among(labels, run.batch.id, run.first, run.last)):
        raise SoldMeanwhile


def _serial(label: str) -> int:
    return int(label.rpartition("-")[2])


def how(form: str, grid: str, mm: str = "") -> str:
    """What is made of a batch (pdf, html, csv, slips, escpos), as it is written down."""
    return {
        "pdf": f"sheet {grid}",
        "html": f"page {grid}",
        "csv": "csv",
        "slips": f"slip {mm}, page",
        "escpos": f"slip {mm}",
    }[form]


def part(first: int, last: int) -> str:
    """Serials as staff name them: ``7``, ``10-36``."""
    return str(first) if first == last else f"{first}-{last}"


def counted(states: Mapping[str, int]) -> str:
    """``3 redeemed, 1 void``."""
    return ", ".join(f"{n:,} {state}" for state, n in sorted(states.items())) or "no voucher is there"
