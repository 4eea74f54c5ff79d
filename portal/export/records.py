"""What leaves: each class of records with its columns, what they mean, and how a row becomes their cells. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from portal import spreadsheet
from portal.access.plans import from_json
from portal.clock import Moment, as_datetime
from portal.seal import Vault
from portal.units import Row
from portal.vouchers.states import shown_state


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What cells are made with: the ISP's zone, what opens seals, and the numbers of the people of this chunk."""

    zone: ZoneInfo
    vault: Vault
    now: Moment
    phones: Mapping[int, str] = field(default_factory=dict, repr=False)

    def iso(self, at: Moment) -> str:
        return as_datetime(at).astimezone(self.zone).isoformat(timespec="seconds")


Cell = Callable[[Row, Reading], object]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: its head, its meaning, its cell."""

    head: str
    tells: str
    cell: Cell


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A class of records."""

    name: str
    title: str
    tells: str
    columns: tuple[Column, ...]
    money: bool = False  # its download is kept in the audit log as long as payments

    @property
    def head(self) -> list[str]:
        return [each.head for each in self.columns]

    def cells(self, row: Row, reading: Reading) -> list[object]:
        return [each.cell(row, reading) for each in self.columns]


def _text(head: str, name: str, tells: str) -> Column:
    return Column(head=head, tells=tells, cell=lambda row, _: row[name])


def _moment(head: str, name: str, tells: str) -> Column:
    return Column(head=head, tells=tells, cell=lambda row, r: None if row[name] is None else r.iso(row[name]))


def _money(head: str, name: str, tells: str) -> tuple[Column, Column]:
    """The amount, and its currency beside it."""
    amount = Column(head=head, tells=tells, cell=lambda row, _: spreadsheet.decimal(row[name]))
    return amount, _text("currency", "currency", f"of the {head}")


def _yes(head: str, name: str, tells: str) -> Column:
    return Column(head=head, tells=tells, cell=lambda row, _: "yes" if row[name] else "no")


def _seconds(head: str, name: str, tells: str) -> Column:
    return Column(head=head, tells=tells, cell=lambda row, _: None if row[name] is None else row[name] // 1000)


def _made(head: str, tells: str, cell: Cell) -> Column:
    return Column(head=head, tells=tells, cell=cell)


def _plan(row: Row, _: Reading) -> str:
    return from_json(row["plan_copy"]).name


def _phone(row: Row, reading: Reading) -> str:
    return reading.phones.get(row["person_id"], "")


def _voucher_state(row: Row, reading: Reading) -> str:
    return shown_state(row["state"], past=row["use_by"] <= reading.now, over=bool(row["over"]))


def _email(row: Row, reading: Reading) -> str:
    return reading.vault.open(row["email_sealed"], table="staff", row=row["public"], column="email").decode()


_SITE = "the router where that was, by its name today"

PAYMENTS = Kind(
    name="payments",
    title="Payments",
    tells="Every order, paid or not, with the whole number of who was asked to pay.",
    money=True,
    columns=(
        _text("payment", "public", "the name of the payment in Bando"),
        _moment("ordered at", "created_at", "when the guest chose to pay"),
        _moment("asked at", "submitted_at", "when M-Pesa was asked to ring the phone"),
        _moment("settled at", "settled_at", "when it was known how it ended"),
        _text("state", "state", "paid, failed, or where it stands"),
        _text("reason", "reason", "why it failed"),
        *_money("amount", "amount_minor", "what was to be paid"),
        _made("plan", "what was bought, by its name then", _plan),
        _text("site", "site", _SITE),
        _text("device", "mac", "the MAC address of the device that it was bought for"),
        _made("phone", "the number that was asked to pay; empty when it is not known or was erased", _phone),
        _text("reference", "account_ref", "what to type when paying by hand"),
        _text("receipt", "receipt", "the number of M-Pesa's receipt"),
        _text("settled by", "settled_by", "what said how it ended"),
        _text("environment", "environment", "production, or sandbox for a test without money"),
    ),
)
RECEIPTS = Kind(
    name="receipts",
    title="Receipts",
    tells="Every receipt of M-Pesa, also of money that matched nothing.",
    money=True,
    columns=(
        _text("receipt", "number", "its number at M-Pesa"),
        *_money("amount", "amount_minor", "what came"),
        _moment("paid at", "paid_at", "when it was paid, as M-Pesa says"),
        _moment("seen at", "seen_at", "when Bando heard of it"),
        _text("seen via", "seen_via", "how Bando heard of it"),
        _text("state", "state", "matched, unmatched, claimed, review or returned"),
        _text("payment", "payment", "the payment that it pays"),
        _text("reference", "account_ref", "what the payer typed"),
        _text("shortcode", "shortcode", "the paybill or till"),
        _text("payer's last digits", "payer_tail", "of the paying number"),
        _text("provider", "provider", "who moved the money"),
        _text("environment", "environment", "production, or sandbox for a test without money"),
    ),
)
PASSES = Kind(
    name="passes",
    title="Passes",
    tells="What guests were given: online time by payment, voucher, staff or trial.",
    columns=(
        _text("pass", "id", "its number in Bando"),
        _text("plan", "plan_name", "its name then"),
        *_money("price", "price_minor", "of the plan then"),
        _text("given by", "cause_kind", "payment, voucher, staff or trial"),
        _text("given for", "cause_ref", "the payment, the serial of the voucher, or another reference"),
        _text("device", "mac", "the MAC address of the device that it belongs to"),
        _text("state", "state", "queued, waiting, running, paused or ended"),
        _moment("bought at", "bought_at", "when it was given"),
        _moment("use by", "use_by", "when it is lost if it was not begun"),
        _moment("started at", "started_at", "when its time began"),
        _moment("ends at", "ends_at", "when its time ends by the clock"),
        _moment("ended at", "ended_at", "when it ended"),
        _text("end reason", "end_reason", "why it ended"),
        _seconds("used seconds", "used_ms", "online time that was used"),
        _text("used bytes", "used_bytes", "data that was used"),
    ),
)
VOUCHERS = Kind(
    name="vouchers",
    title="Vouchers",
    tells="Every printed card by its serial. The codes stay here: whoever has them could use them.",
    columns=(
        _text("serial", "label", "as it is printed on the card"),
        _text("batch", "number", "the number of its batch"),
        _made("plan", "what it is worth", _plan),
        *_money("price", "price_minor", "as printed"),
        _made("state", "printed, redeemed, spent, void or expired", _voucher_state),
        _moment("made at", "created_at", "when its batch was made"),
        _moment("use by", "use_by", "the last moment to redeem it"),
        _moment("redeemed at", "redeemed_at", "when a guest used it"),
        _text("site", "site", _SITE),
        _moment("taken back at", "voided_at", "when staff made it void"),
        _text("taken back by", "voided_by", "who did"),
        _text("why taken back", "void_reason", "what they wrote"),
    ),
)
BATCHES = Kind(
    name="batches",
    title="Batches",
    tells="Vouchers that were made together.",
    columns=(
        _text("batch", "number", "its number"),
        _made("plan", "what each card is worth", _plan),
        *_money("price", "price_minor", "of each card"),
        _text("cards", "count", "how many"),
        _text("style", "style", "of the codes"),
        _moment("use by", "use_by", "the last moment to redeem a card"),
        _text("note", "note", "what staff wrote"),
        _text("agent", "agent", "who sells the cards"),
        _text("made by", "made_by", "who made them"),
        _moment("made at", "created_at", "when"),
        _moment("ready at", "ready_at", "when all codes were drawn"),
    ),
)
DEVICES = Kind(
    name="devices",
    title="Devices",
    tells="Every device that opened the Wi-Fi page.",
    columns=(
        _text("device", "mac", "its MAC address"),
        _moment("first seen", "created_at", "when it came first"),
        _moment("last seen", "last_seen_at", "when it came last"),
        _text("last site", "site", _SITE),
        _text("kept off by", "held_by", "guest or staff, when it is kept off although it has a pass"),
        _moment("kept off until", "held_until", "empty: until it is let in"),
        _moment("blocked at", "blocked_at", "when staff blocked it"),
    ),
)
SESSIONS = Kind(
    name="sessions",
    title="Sessions",
    tells="Each stretch of a device online, as its router told. No address that was visited is ever known.",
    columns=(
        _text("device", "mac", "the MAC"),
        _text("site", "site", _SITE),
        _moment("began at", "started_at", "when"),
        _moment("ended at", "ended_at", "when; empty: it runs"),
        _text("ended by", "end_cause", "time, data, use-by, void, refund, silence, router or left"),
        _moment("last read at", "seen_at", "when its counters were read last"),
        _seconds("online seconds", "online_ms", "as the router counted them"),
        _text("bytes up", "bytes_up", "from the guest"),
        _text("bytes down", "bytes_down", "to the guest"),
        _text("address", "address", "that the device had at the router"),
        _text("plan", "plan_name", "of the pass by which it began"),
        _text("made by", "cause_kind", "of that pass: payment, voucher, staff or trial"),
        _text("name of it", "cause_ref", "of the payment or the voucher"),
    ),
)
USAGE = Kind(
    name="usage",
    title="Usage",
    tells="What was used in each hour at each site on each plan. Nobody is named.",
    columns=(
        _moment("hour", "hour", "when it began"),
        _text("site", "site", _SITE),
        _text("plan", "plan_name", "empty: not known"),
        _text("guests", "guests", "devices that were online in it"),
        _seconds("online seconds", "online_ms", "of all of them together"),
        _text("bytes up", "bytes_up", "from the guests"),
        _text("bytes down", "bytes_down", "to the guests"),
    ),
)
PLANS = Kind(
    name="plans",
    title="Plans",
    tells="What is and was for sale.",
    columns=(
        _text("plan", "public", "its name in Bando"),
        _text("name", "name", "as guests read it"),
        *_money("price", "price_minor", "today"),
        _text("kind", "kind", "wall: by the clock; used: online time"),
        _seconds("seconds", "span_ms", "how long it lasts"),
        _seconds("window seconds", "window_ms", "how long online time is good after its first use"),
        _text("data bytes", "data_bytes", "empty: without a limit"),
        _text("up bit/s", "rate_up", "speed from the guest"),
        _text("down bit/s", "rate_down", "speed to the guest"),
        _text("devices", "max_devices", "how many at once"),
        _seconds("use by seconds", "use_by_ms", "how long a pass may wait to be begun"),
        _yes("on sale", "on_sale", "whether guests can buy it"),
        _yes("locked", "locked", "whether a voucher stays with its first device"),
        _moment("made at", "created_at", "when"),
    ),
)
ROUTERS = Kind(
    name="routers",
    title="Routers",
    tells="Your sites, without the names and passwords by which Bando logs in.",
    columns=(
        _text("router", "public", "its name in Bando"),
        _text("name", "name", "of the site"),
        _text("address", "host", "where Bando reaches it"),
        _text("port", "port", "of its API"),
        _yes("tunnel", "tunnel", "whether Bando reaches it through a tunnel"),
        _text("hotspot", "hotspot_host", "the name of its log-in page"),
        _yes("on", "active", "whether Bando works with it"),
        _moment("last contact", "last_contact_at", "when it answered last"),
        _moment("added at", "created_at", "when"),
    ),
)
STAFF = Kind(
    name="staff",
    title="Staff",
    tells="Who works and worked here, with the address by which they log in.",
    columns=(
        _text("staff", "public", "their name in the acts"),
        _text("name", "name", "of the person"),
        _made("e-mail", "by which they log in", _email),
        _text("role", "role", "what they may do"),
        _text("state", "state", "invited, active or off"),
        _text("language", "language", "of their pages"),
        _moment("added at", "created_at", "when"),
        _moment("changed at", "changed_at", "when role, state or password changed last"),
    ),
)
ACTS = Kind(
    name="acts",
    title="Audit log",
    tells="What staff did, one line for each act.",
    columns=(
        _text("number", "number", "counts up without a gap"),
        _moment("at", "at", "when"),
        _text("by", "actor", "staff:… as in the table of staff, command: the command line, clock: Bando itself"),
        _text("act", "act", "what was done"),
        _text("about", "subject", "what it was done to"),
        _text("details", "payload", "name, address, before and after, as JSON; empty once it was too old to keep"),
        _yes("money", "money", "whether it is kept as long as payments"),
    ),
)

KINDS: Mapping[str, Kind] = {
    each.name: each
    for each in (
        *(PAYMENTS, RECEIPTS, PASSES, VOUCHERS, BATCHES, DEVICES, SESSIONS, USAGE, PLANS, ROUTERS, STAFF, ACTS),
    )
}


def explained(name: str, zone: str, at: str) -> str:
    """The README of all tables together."""
    parts = [_README.format(name=" ".join(name.split()), zone=zone, at=at), *map(_explained, KINDS.values())]
    return "\r\n".join("\n".join(parts).split("\n"))


def _explained(kind: Kind) -> str:
    columns = (f"  {each.head}: {each.tells}" for each in kind.columns)
    return "\n".join((f"{kind.name}.csv", kind.tells, *columns, ""))


_README = """The records of {name}
Begun at {at}.

Each table is a CSV file in UTF-8: commas between cells, quotes around cells that need them, and
the first row names the columns. Moments are in the zone {zone}, with their distance from UTC.
Amounts have a point and two digits; the currency stands beside them.
A cell that begins like a formula (with = + - @ or a tab) has an apostrophe before it, so that no
spreadsheet calculates it.

Work went on while the tables were written: what came in meanwhile may stand in one of them and
not yet in another.

They hold personal data of guests and staff. Keep them as safely as your books, and no longer
than you need them.
"""
