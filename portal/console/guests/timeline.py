"""What happened to a device, in plain words, newest first. Pure: rows in, lines out.

Each kind of row makes its own lines. A page holds the rows from one moment to another, so that every row stands on
exactly one page, however many kinds there are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from portal import words
from portal.access import plans
from portal.clock import Moment
from portal.console.reasons import why_failed, why_review
from portal.money import Money
from portal.units import Row

Kind = Literal["", "good", "bad"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that happened."""

    at: Moment
    text: str
    more: str = ""
    kind: Kind = ""


@dataclass(frozen=True, kw_only=True)
class Names:
    """How sites, devices and payers are called on this page."""

    sites: Callable[[int | None], str]
    macs: Mapping[int, str]
    phones: Mapping[int, str]

    def mac(self, device_id: int) -> str:
        return self.macs.get(device_id, "another device")


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of one page, by kind."""

    payments: Sequence[Row] = ()
    passes: Sequence[Row] = ()
    sessions: Sequence[Row] = ()
    joined: Sequence[Row] = ()
    moves: Sequence[Row] = ()
    acts: Sequence[Row] = ()
    notes: Sequence[Row] = ()

    def page(self, limit: int) -> tuple[Rows, Moment | None]:
        """What stands on this page, and before which moment the next one begins (None: this is the last).

        Each kind was read up to one row more than `limit`; the page ends where the first of them has more.
        """
        cuts = [each[limit - 1]["at"] for each in vars(self).values() if len(each) > limit]
        if not cuts:
            return self, None
        cut = max(cuts)
        kept = {name: [row for row in each if row["at"] >= cut] for name, each in vars(self).items()}
        return Rows(**kept), cut


def lines(page: Rows, names: Names) -> list[Line]:
    """Everything of a page, each row's lines in their order."""
    made: list[Line] = []
    for rows, tell in (
        (page.payments, _payment),
        (page.passes, _pass),
        (page.sessions, _session),
        (page.joined, _joined),
        (page.moves, _move),
        (page.acts, _act),
        (page.notes, _note),
    ):
        for row in rows:
            made += tell(row, names)
    return made


def newest_first(made: Sequence[Line]) -> list[Line]:
    """Of what has the same time, that which was told last stands first."""
    return sorted(made, key=lambda line: line.at)[::-1]


# --- payments ---


def _payment(row: Row, names: Names) -> list[Line]:
    amount = words.money(Money(row["amount_minor"], row["currency"]), "en")
    phone, plan = names.phones.get(row["person_id"], "an erased number"), plans.from_json(row["plan_copy"]).name
    site = f"At {names.sites(row['router_id'])}." if row["router_id"] else ""
    made: list[Line] = []
    if row["settled_by"] == "claim":
        made.append(Line(at=row["at"], text=f"Showed the receipt of {amount} for {plan}", more=site))
    else:
        made.append(Line(at=row["at"], text=f"Asked to buy {plan} for {amount}", more=site))
    if row["submitted_at"]:
        made.append(Line(at=row["submitted_at"], text=f"Prompt sent to {phone}"))
    end = _end_of_payment(row, amount)
    return [*made, end] if end else made


def _end_of_payment(row: Row, amount: str) -> Line | None:
    """What became of it; of what is not paid, the time at which the last news of it came."""
    state, begun = row["state"], row["submitted_at"] or row["at"]
    heard = row["heard_at"] or begun
    if state == "paid":
        receipt = f"receipt {row['receipt']}" if row["receipt"] else "the receipt has not come yet"
        return Line(at=row["settled_at"] or heard, text=f"Paid {amount}: {receipt}", kind="good")
    if state == "failed":
        return Line(at=heard, text="Nothing paid", more=why_failed(row["reason"]), kind="bad")
    if state == "review":
        return Line(at=heard, text="Waits for staff", more=why_review(row["reason"]), kind="bad")
    if state in ("submit_unknown", "expired_unknown"):
        more = "M-Pesa gave no usable answer. If money moved, the receipt brings the pass by itself."
        return Line(at=heard, text="What became of the prompt is not known", more=more, kind="bad")
    return Line(at=begun, text="Waiting for the PIN") if state == "awaiting" else None


# --- passes ---

ENDED = {
    "time": "its time was used up",
    "data": "its data was used up",
    "use-by": "it was not used in time",
    "void": "staff ended it",
    "refund": "it was refunded",
    "erased": "its guest was erased",
}


def _pass(row: Row, names: Names) -> list[Line]:
    made = [Line(at=row["at"], text=f"Pass made: {row['plan_name']}", more=_cause(row, names), kind="good")]
    if row["started_at"]:
        made.append(Line(at=row["started_at"], text=f"Went online with {row['plan_name']}", kind="good"))
    if row["ended_at"]:
        made.append(Line(at=row["ended_at"], text=f"{row['plan_name']} ended: {why_ended(row['end_reason'])}"))
    return made


def why_ended(reason: str | None) -> str:
    return ENDED.get(reason or "", "it is over")


def _cause(row: Row, names: Names) -> str:
    kind, ref = row["cause_kind"], row["cause_ref"]
    if kind == "payment":
        return f"Paid by M-Pesa, receipt {row['receipt']}." if row["receipt"] else "Paid by M-Pesa."
    if kind == "voucher":
        where = f" at {names.sites(row['router_id'])}" if row["router_id"] else ""
        return f"Voucher {ref} redeemed{where}."
    if kind == "staff":
        return "Given by staff for an outage." if ref.startswith("O") else "Given by staff."
    return "A free trial." if kind == "trial" else ""


# Why a session ended; of the others their pass says it.
WENT = {
    "silence": "nothing was heard of the device for five minutes",
    "router": "the router lost it, by a restart or a power cut",
    "left": "it left, or logged out",
}


def _session(row: Row, names: Names) -> list[Line]:
    site, used = names.sites(row["router_id"]), f"{_size(row['bytes_down'])} down, {_size(row['bytes_up'])} up"
    if row["ended_at"] is None:
        return [Line(at=row["at"], text=f"Online at {site}", more=f"{used} so far.", kind="good")]
    why = WENT.get(row["end_cause"]) or ENDED.get(row["end_cause"], "it is over")
    text = f"Was online at {site} for {words.span(row['online_ms'], 'en')}"
    return [Line(at=row["ended_at"], text=text, more=f"{used}; {why}.")]


def _size(count: int) -> str:
    return words.data(int(count), "en")


def _joined(row: Row, names: Names) -> list[Line]:
    if row["owner"] in names.macs:
        return [Line(at=row["at"], text=f"May use {row['plan_name']} of {names.mac(row['owner'])}")]
    return [Line(at=row["at"], text=f"Took over {row['plan_name']} from another device")]


def _move(row: Row, names: Names) -> list[Line]:
    if row["to_device_id"] in names.macs:
        return [Line(at=row["at"], text=f"The guest moved voucher {row['label']} to {names.mac(row['to_device_id'])}")]
    text = f"The guest moved voucher {row['label']} here from {names.mac(row['from_device_id'])}"
    return [Line(at=row["at"], text=text)]


# --- staff ---

ACTS: Mapping[str, tuple[str, Kind]] = {
    "connect": ("{who} asked the router to connect it", ""),
    "extend": ("{who} gave {gave}", "good"),
    "move": ("{who} moved its passes to {to}", ""),
    "kick": ("{who} kicked it: kept off until {until}", "bad"),
    "let-in": ("{who} let it in again", "good"),
    "block": ("{who} blocked it", "bad"),
    "unblock": ("{who} unblocked it", "good"),
    "end-pass": ("{who} ended the pass {pass}", "bad"),
}
UNTOLD = frozenset({"note"})  # the note itself stands there


class _Gaps(dict[str, str]):
    """A payload that was cleared, or lacks a word, leaves a gap in its sentence and nothing worse."""

    def __missing__(self, key: str) -> str:
        return "…"


def _act(row: Row, names: Names) -> list[Line]:
    if row["act"] in UNTOLD:
        return []
    told = payload_of(row)
    sentence, kind = ACTS.get(row["act"], (f"{row['act']} by {{who}}", ""))
    after = told.get("after")
    values = _Gaps({str(key): str(each) for key, each in after.items()} if isinstance(after, dict) else {})
    reason = values.get("reason", "")
    text = sentence.format_map(_Gaps({**values, "who": who(row)}))
    return [Line(at=row["at"], text=text, more=f"“{reason}”" if reason else "", kind=kind)]


def payload_of(row: Row) -> Mapping[str, object]:
    """What an act said of itself; nothing once it was cleared."""
    told = json.loads(row["payload"]) if row["payload"] else {}
    return told if isinstance(told, dict) else {}


def who(row: Row) -> str:
    """The name of whoever acted."""
    if not str(row["actor"]).startswith("staff:"):
        return "The command line"
    return str(payload_of(row).get("name") or "Somebody of the staff")


def _note(row: Row, names: Names) -> list[Line]:
    return [Line(at=row["at"], text=f"{row['name']} wrote", more=row["text"])]
