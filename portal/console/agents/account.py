"""The account of an agent as people read it: what was handed out, came back, was earned and paid, with a balance.

Cards earn one by one, and may be voided one by one; in an account each day has one line of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from portal.books import agents as books
from portal.clock import Moment
from portal.console.agents import store
from portal.console.stock.store import SLOT_MS
from portal.units import Row, Unit
from portal.vouchers.print_run import part
from portal.vouchers.stock import store as stock

Day = Callable[[Moment], str]
MOVED = {"handed": "Handed out", "returned": "Taken back", "lost": "Lost, still owed", "let-off": "Lost, let off"}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line; minor units. `count`: how many cards, where it is about cards."""

    at: Moment
    text: str
    count: int | None = None
    more: int = 0
    less: int = 0
    balance: int = 0
    slip: int | None = None  # the payment that it is

    @property
    def change(self) -> int:
        return self.more - self.less


@dataclass(frozen=True, kw_only=True)
class Account:
    """What an agent owed at the begin, what happened, and what they owe at the end."""

    opening: int
    entries: Sequence[Entry]
    closing: int


def account(agent_id: int, stand: store.Stand, currency: str, since: Moment, until: Moment, day: Day) -> Unit[Account]:
    """An account from `since` to before `until`; `day` says on which day of the ISP a moment is."""
    owed = books.of_sums((yield from stand(agent_id)), currency).debt.minor
    opening = owed - (yield from store.since(agent_id, currency, since))
    posted = yield from store.posted(agent_id, currency, since, until)
    known = yield from _known(posted)
    entries = [_entry(row, known) for row in posted]
    entries += [_earned(row) for row in (yield from store.commissions(agent_id, currency, since, until))]
    listed = _balanced(opening, _by_day(sorted(entries, key=lambda each: each.at), day))
    return Account(opening=opening, entries=listed, closing=listed[-1].balance if listed else opening)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the causes of transfers are."""

    moves: Mapping[int, Row]
    batches: Mapping[int, int]
    names: Mapping[int, str]


def _known(posted: Sequence[Row]) -> Unit[Known]:
    staff = sorted({row["staff_id"] for row in posted if row["staff_id"] is not None})
    return Known(
        moves=(yield from stock.moves_with(_numbers(posted, "M"))),
        batches=(yield from store.numbered(_numbers(posted, "B"))),
        names=(yield from store.names(staff)),
    )


def _numbers(posted: Sequence[Row], letter: str) -> list[int]:
    return sorted({int(row["cause"][1:]) for row in posted if _is(row["cause"], letter)})


def _is(cause: str, letter: str) -> bool:
    return cause[:1] == letter and cause[1:].isdecimal()


SINGLE = {  # of one card, or of nothing that is named
    "taken-back": "Voided before they were used",
    "settled": "Paid",
    "brought-forward": "Settled before there were books",
    "commission-undone": "Commission undone",
    "expired": "Past their use-by",
}


def _entry(row: Row, known: Known) -> Entry:
    side, minor, kind, cause = store.side(row["kind"]), int(row["amount_minor"]), row["kind"], row["cause"]
    sums = {"more": minor if side > 0 else 0, "less": minor if side < 0 else 0}
    if _is(cause, "M") and (move := known.moves.get(int(cause[1:]))) is not None:
        text = f"{MOVED[move['kind']]}: B{move['number']}, {part(move['first_serial'], move['last_serial'])}"
        return Entry(at=row["posted_at"], text=text, count=int(move["count"]), **sums)
    if kind == "handed-out":
        count = known.batches.get(int(cause[1:])) if _is(cause, "B") else None
        return Entry(at=row["posted_at"], text=f"Made for them: {cause}", count=count, **sums)
    if kind == "settled":
        text = f"Paid to {known.names.get(row['staff_id'], 'the ISP')}"
        return Entry(at=row["posted_at"], text=text, slip=row["id"], **sums)
    cards = 1 if kind in ("taken-back", "expired") else None
    return Entry(at=row["posted_at"], text=SINGLE.get(kind, str(kind)), count=cards, **sums)


def _earned(row: Row) -> Entry:
    return Entry(at=int(row["slot"]) * SLOT_MS, text="Commission", count=int(row["n"]), less=int(row["minor"]))


ALIKE = frozenset({"Commission", SINGLE["taken-back"], SINGLE["expired"]})


def _by_day(entries: Iterable[Entry], day: Day) -> list[Entry]:
    """One line a day of what is about single cards, where the last of it stands."""
    listed: list[Entry] = []
    sums: dict[tuple[str, str], Entry] = {}
    for each in entries:
        key = (day(each.at), each.text)
        if each.text in ALIKE and key in sums:
            each = _added(sums[key], each)
            listed.remove(sums[key])
        sums[key] = each
        listed.append(each)
    return listed


def _added(before: Entry, more: Entry) -> Entry:
    return replace(
        more, count=(before.count or 0) + (more.count or 0), more=before.more + more.more, less=before.less + more.less
    )


def _balanced(opening: int, entries: Iterable[Entry]) -> list[Entry]:
    listed, balance = [], opening
    for each in entries:
        balance += each.change
        listed.append(replace(each, balance=balance))
    return listed
