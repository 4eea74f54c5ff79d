"""A year of a large ISP, written straight into its tables: what the console's pages are measured on.

The rows are lifelike in number, spread and indexes; only what a page opens is sealed for real.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from benchmarks.ground import mac_of
from portal.access import plans as plan_text
from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import DAY, HOUR, MINUTE, Moment
from portal.db import executor, quiet
from portal.migrations.opening import WHAT_WAS
from portal.money import Money
from portal.payments import accounts
from portal.people import store as people
from portal.phone import Phone
from portal.privacy.consent import store as consent
from portal.processors import store as processors
from portal.seal import Vault, new_public, new_token, token_hash
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Unit, drive, value
from portal.vouchers import batches, codes
from portal.watch import channels

YEAR = 365 * DAY
BIG, MIDDLE = 50_000, 5_000  # cards of a batch
ROUTERS, STAFF, ONLINE = 20, 30, 2_000
REQUESTS = 1_500  # of people, about their data
FIRST = ("owner", "agent")  # the two who are logged in
HANDED = 2_000  # cards that the agent sold with a tap and that nobody has used yet
SLOT = 15 * MINUTE


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many rows there are."""

    sessions: int = 1_000_000
    payments: int = 200_000
    vouchers: int = 500_000
    devices: int = 100_000
    acts: int = 200_000
    lines: int = 5_000

    def part(self, share: int) -> Size:
        return Size(**{name: number // share for name, number in self.__dict__.items()})


@dataclass(kw_only=True)
class Year:
    """Who it is, and what a page can be asked about."""

    tenant: Tenant
    size: Size
    now: Moment
    routers: Sequence[int] = ()
    plans: Sequence[Plan] = ()
    named: dict[str, str] = field(default_factory=dict)  # of screens: ids
    sought: dict[str, str] = field(default_factory=dict)  # of the search box: what is typed
    token: str = ""
    agents_token: str = ""
    agent: int = 0  # whose stock the batches of middle size are


class Filling:
    """One connection that fills many tables."""

    def __init__(self, connection: sqlite3.Connection, vault: Vault, year: Year) -> None:
        self._connection = connection
        self.vault = vault
        self.year = year
        self.random = Random(year.size.sessions)

    def unit(self, unit: Unit[Any]) -> Any:
        return drive(unit, self.year.tenant.id, executor(self._connection, quiet))

    def next_id(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT COALESCE(MAX(id), 0) + 1 FROM {table}").fetchone()[0])

    def many(self, table: str, names: str, values: Iterable[Sequence[Any]]) -> None:
        """Rows of a tenant's table."""
        marks = ", ".join("?" * (names.count(",") + 2))
        tenant = self.year.tenant.id
        self._connection.executemany(
            f"INSERT INTO {table} (tenant_id, {names}) VALUES ({marks})",
            ((tenant, *each) for each in values),
        )

    def at(self, share: float) -> Moment:
        """A moment of the year: 0 is its beginning, 1 is now."""
        return int(self.year.now - YEAR * (1 - share))


def fill(connection: sqlite3.Connection, vault: Vault, year: Year) -> None:
    """Write the year of one ISP."""
    of = Filling(connection, vault, year)
    connection.execute("BEGIN")
    _house(of)
    first_device = _devices(of)
    persons = _persons(of)
    labels = _vouchers(of)
    publics = _payments(of, first_device, persons)
    _books(of)
    _passes(of, first_device, persons, labels, publics)
    _presence(of, first_device)
    _online(of)
    _log(of, first_device, publics)
    connection.execute("COMMIT")


# --- the house ---


def _house(of: Filling) -> None:
    """Routers, plans, and staff of whom one is logged in."""
    year, now = of.year, of.year.now
    for number in range(len(of.unit(tenancy.routers())), ROUTERS):
        fields: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": 1,
            "username": "bando",
            "password": "x",
            "hotspot_host": "b.test",
        }
        of.unit(tenancy.add_router(of.vault, now, name=f"Site {number + 1}", tunnel=True, **fields))
    year.routers = [each.id for each in of.unit(tenancy.routers())]
    if not of.unit(access.plan_list()):
        for number in range(6):
            plan = Plan(
                id=0, public=new_public(4), name=f"Plan {number}", kind="wall", span_ms=(number + 1) * HOUR,
                price=Money((number + 1) * 1000), use_by_ms=30 * DAY,
            )  # fmt: skip
            of.unit(access.add_plan(plan, now))
    year.plans = of.unit(access.plan_list())
    first = of.next_id("staff")
    staff = []
    for number in range(STAFF):
        public, mail = f"staff{year.tenant.id}x{number}", f"person{number}@isp{year.tenant.id}.test"
        role = FIRST[number] if number < len(FIRST) else ("manager", "cashier", "support", "auditor")[number % 4]
        sealed = of.vault.seal(mail, table="staff", row=public, column="email")
        totp = of.vault.seal("JBSWY3DPEHPK3PXP", table="staff", row=public, column="totp_sealed")
        index = of.vault.index(0, "staff e-mail", mail)
        staff.append((first + number, public, index, sealed, f"Amina {number}", role, "active", totp, now, now))
    of.many(
        "staff", "id, public, email_index, email_sealed, name, role, state, totp_sealed, created_at, changed_at", staff
    )
    year.token, year.agents_token = (new_token(year.tenant.public, size=32) for _ in FIRST)
    logins = [
        (first + number, token_hash(token), now, now, now, "127.0.0.1", "Benchmark")
        for number, token in enumerate((year.token, year.agents_token))
    ]
    of.many("logins", "staff_id, token_hash, begun_at, seen_at, proven_at, address, browser", logins)
    year.agent = first + 1
    year.named |= {"staff": str(first + 1), "plan": str(year.plans[0].id), "router": str(year.routers[0])}
    year.named["import"] = str(of.next_id("imports"))
    counts = '{"plans": 3, "vouchers": 400, "running": 12}'
    taken = ("csv", "a table", 90, True, False, counts, "Amina", now, now)
    of.many("imports", "source, title, days, shorten, unsold, counts, made_by, read_at, done_at", [taken])


def _devices(of: Filling) -> int:
    first, year = of.next_id("devices"), of.year
    made = (
        (first + n, mac_of(n + 1), of.at(n / year.size.devices), year.now, year.routers[n % ROUTERS])
        for n in range(year.size.devices)
    )
    of.many("devices", "id, mac, created_at, last_seen_at, last_router_id", made)
    year.named |= {"device": str(first), "person": "1"}
    year.sought |= {"mac": mac_of(7), "unknown": "RABCDEFGHJ", "ip": "10.6.0.18"}
    return first


def _persons(of: Filling) -> Sequence[int]:
    year = of.year
    count = max(1, year.size.devices * 6 // 10)
    numbers = [Phone(f"2547{20_000_000 + n:08d}") for n in range(count)]
    year.sought["phone"] = f"0{numbers[count // 2].digits[3:]}"
    return [of.unit(people.person_for(of.vault, year.tenant.id, each, year.now)) for each in numbers]


# --- vouchers ---


def batch_sizes(total: int) -> list[int]:
    """Half of the cards in a few large batches, the rest in small ones, and some sold one by one at the counter."""
    big, middle = max(1, total // 2 // BIG), total // 5 // MIDDLE
    size = min(BIG, total // 2)
    counter = total // 60
    left = total - big * size - middle * MIDDLE - counter
    small = [300] * (left // 300) + ([left % 300] if left % 300 else [])
    return [*small, *[1] * counter, *[MIDDLE] * middle, *[size] * big]  # the newest are the largest: the worst list


def _vouchers(of: Filling) -> list[str]:
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
    _stock(of)
    sold = next(row[0] for row in rows if row[7] == 1)
    year.named |= {"batch": str(last[0]), "sale": str(sold)}
    year.sought |= {"code": codes.shown(code), "serial": f"B{last[1]}-{last[7] // 2}"}
    return redeemed


def _stock(of: Filling) -> None:
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


# --- money ---


def _payments(of: Filling, first_device: int, persons: Sequence[int]) -> list[tuple[str, int]]:
    """Payments with receipts and what M-Pesa said; gives public names and moments of the paid ones."""
    year, random = of.year, of.random
    first, prefix = of.next_id("payments"), year.tenant.public
    plan = year.plans[0]
    copy, paid, receipts, inbox, rows = plan_text.to_json(plan), list[tuple[str, int]](), [], [], []
    account = of.unit(_account(of))
    for n in range(year.size.payments):
        at = of.at(n / year.size.payments)
        good = random.random() < 0.9
        public = f"{prefix}y{n}"
        tail = f"{n % 1000:03d}"
        device = first_device + (0 if n % 100 == 0 else random.randrange(year.size.devices))
        state, reason = ("paid", None) if good else ("failed", "cancelled")
        rows.append(
            (first + n, public, secrets.token_bytes(32), secrets.token_bytes(32), f"year-{n}", account, "sandbox",
             year.routers[n % ROUTERS], device, persons[n % len(persons)], tail, plan.id, copy, plan.price.minor, "KES",
             f"Y{n:06d}", state, reason, "here" if good else None, "callback", at, at + 1000, at + 9000)
        )  # fmt: skip
        inbox.append((f"{prefix}i{n}", "stk", first + n, account, b"x" * 300, at + 9000, at + 9010, "ok"))
        if good:
            paid.append((public, at))
            number = f"S{year.tenant.id}Y{n:07d}"
            receipts.append(
                ("mpesa", "sandbox", number, plan.price.minor, "KES", tail, at, at, "callback", first + n, "matched")
            )
    of.many(
        "payments",
        "id, public, token_hash, callback_hash, click_key, account_id, environment, router_id, device_id, person_id,"
        " phone_tail, plan_id, plan_copy, amount_minor, currency, account_ref, state, reason, receipt_state,"
        " settled_by, created_at, submitted_at, settled_at",
        rows,
    )
    of.many(
        "receipts",
        "provider, environment, number, amount_minor, currency, payer_tail, paid_at, seen_at,"
        " seen_via, payment_id, state",
        receipts,
    )
    of.many("inbox", "ref, channel, payment_id, account_id, body_sealed, received_at, processed_at, verdict", inbox)
    year.named |= {"provider": "paystack", "account": str(account), "receipt": str(of.next_id("receipts") - 1)}
    year.named["payment"] = str(first + year.size.payments // 200 * 100)
    year.sought["receipt"] = receipts[len(receipts) // 2][2]
    return paid


def _books(of: Filling) -> None:
    """What was paid, in the books; some refunds, and a count of a drawer for each day."""
    year, staff = of.year, int(of.year.named["staff"])
    for each in WHAT_WAS[:4]:  # another ISP may be there already
        of._connection.execute(each.replace("INSERT INTO", "INSERT OR IGNORE INTO", 1))
    paid = of._connection.execute(
        "SELECT id FROM payments WHERE tenant_id = ? AND state = 'paid' LIMIT ?",
        (year.tenant.id, year.size.payments // 100),
    ).fetchall()
    of.many(
        "refunds",
        "public, form_key, payment_id, way, amount_minor, currency, state, reason, ends_pass, asked_by, asked_at,"
        " result_hash",
        [
            (f"{year.tenant.public}f{n}", f"f{n}", row[0], "cash", 500, "KES", "done", "slow", 0, staff, year.now,
             secrets.token_bytes(32))
            for n, row in enumerate(paid)
        ],
    )  # fmt: skip
    of.many(
        "closings",
        "staff_id, number, closed_by, opened_at, closed_at, currency, opening_minor, in_minor, out_minor,"
        " counted_minor, left_minor, lines",
        [
            (staff, n + 1, staff, year.now - (365 - n) * DAY, year.now - (364 - n) * DAY, "KES", 0, 0, 0, 0, 0, 0)
            for n in range(365)
        ],
    )
    year.named |= {"refund": str(of.next_id("refunds") - 1), "closing": str(of.next_id("closings") - 1)}


def _account(of: Filling) -> Unit[int]:
    """The till of this ISP, apart from the sandbox's own."""
    made = yield from accounts.add_account(
        of.vault, of.year.now, tenant_public=of.year.tenant.public, environment="sandbox", kind="paybill",
        shortcode=f"60{of.year.tenant.id:04d}", consumer_key="key", consumer_secret="secret", passkey="passkey",
    )  # fmt: skip
    return made.id


# --- sessions ---


def _passes(
    of: Filling, first_device: int, persons: Sequence[int], labels: list[str], paid: list[tuple[str, int]]
) -> None:
    """A pass for each payment and each redeemed card, the rest given by staff; each was used by its device."""
    year, random = of.year, of.random
    first, plan = of.next_id("passes"), year.plans[0]
    causes = [("payment", public) for public, _ in paid] + [("voucher", label) for label in labels]
    causes = causes[: year.size.sessions]
    causes += [("staff", f"gift{n}") for n in range(year.size.sessions - len(causes))]
    random.shuffle(causes)
    devices = [first_device + (0 if n % 100 == 0 else random.randrange(year.size.devices)) for n in range(len(causes))]

    def made() -> Iterator[Sequence[Any]]:
        for n, (kind, ref) in enumerate(causes):
            at = of.at(n / len(causes))
            live = n >= len(causes) - ONLINE * year.size.sessions // 1_000_000
            # Those that go on do so until the measurement is over.
            end = None if live else at + HOUR
            yield (
                first + n, devices[n], persons[n % len(persons)], plan.id, plan.name, 1000, "KES", "wall", HOUR, 1,
                kind, ref, "running" if live else "ended", n, at, at, at + DAY, at,
                year.now + DAY if live else at + HOUR,
                HOUR, 50_000_000, end, None if live else "time",
            )  # fmt: skip

    of.many(
        "passes",
        "id, device_id, person_id, plan_id, plan_name, price_minor, currency, kind, span_ms, max_devices, cause_kind,"
        " cause_ref, state, position, bought_at, not_before, use_by, started_at, ends_at, used_ms, used_bytes,"
        " ended_at, end_reason",
        made(),
    )
    of.many(
        "pass_devices",
        "pass_id, device_id, added_at",
        ((first + n, device, of.at(n / len(causes))) for n, device in enumerate(devices)),
    )
    of.many(
        "usage",
        "pass_id, device_id, used_ms, bytes_up, bytes_down, updated_at",
        ((first + n, device, HOUR, 9_000_000, 41_000_000, of.at(n / len(causes))) for n, device in enumerate(devices)),
    )
    of.many(
        "sessions",
        "router_id, device_id, pass_id, started_at, seen_at, ended_at, end_cause, online_ms, bytes_up, bytes_down",
        (
            (
                year.routers[n % ROUTERS],
                device,
                first + n,
                at,
                at + HOUR,
                at + HOUR,
                "time",
                HOUR,
                9_000_000,
                41_000_000,
            )
            for n, (device, at) in enumerate((device, of.at(n / len(causes))) for n, device in enumerate(devices))
        ),
    )
    year.named["pass_id"] = str(first + (len(causes) - 1) // 100 * 100)  # of the busiest guest


def _presence(of: Filling, first_device: int) -> None:
    """Where each device was last; the first ones are online, and stay so as long as the measurement takes."""
    year, random = of.year, of.random
    online = ONLINE * year.size.devices // 100_000

    def seen() -> Iterator[Sequence[Any]]:
        for n in range(year.size.devices):
            on = n < online
            at = year.now + HOUR if on else of.at(random.random())
            since = year.now - random.randrange(3 * HOUR) if on else None
            size = random.randrange(10**9)
            address = f"10.6.{n % 60_000 // 250}.{1 + n % 250}"
            yield (
                year.routers[n % ROUTERS], first_device + n, at, since, at,
                3600 if on else None, size // 9, size, address,
            )  # fmt: skip

    of.many(
        "presence",
        "router_id, device_id, seen_at, online_since, read_at, active_uptime_s, active_bytes_in, active_bytes_out,"
        " address",
        seen(),
    )


def _online(of: Filling) -> None:
    """Of each quarter of the year and each router."""
    last = of.year.now - of.year.now % SLOT
    slots = range(last - YEAR // max(1, 1_000_000 // of.year.size.sessions), last, SLOT)
    of.many("online_counts", "slot, router_id, online", ((each, n, 90) for each in slots for n in of.year.routers))
    hours = range(slots.start - slots.start % HOUR, last, HOUR)
    of.many(
        "usage_hours",
        "hour, router_id, plan_name, guests, online_ms, bytes_up, bytes_down",
        (
            (each, n, f"Plan {plan}", 30, 20 * HOUR, 90_000_000, 800_000_000)
            for each in hours
            for n in of.year.routers
            for plan in range(3)
        ),
    )


# --- what was done, and what waits ---


def _alarms(of: Filling) -> None:
    """An outage each eight hours, of which somebody is told."""
    year = of.year
    rows = (
        ("router-down", f"router:{n % ROUTERS}", "warn", "A router did not answer.", at, at, at, at, at + HOUR)
        for n, at in enumerate(of.at(n / 1_000) for n in range(1_000))
    )
    of.many("alarms", "kind, subject, severity, sentence, since, suspected_at, opened_at, gone_at, closed_at", rows)
    public = new_public(8)
    args = (of.vault, public, "webhook", "https://hooks.example.test/x", channels.new_secret(), ("balance",), year.now)
    year.named["channel"] = str(of.unit(channels.add(*args)))
    receiver = of.unit(processors.registered("webhook:hooks.example.test"))
    assert receiver is not None
    year.named["processor"] = str(receiver.id)


def _agreed(of: Filling) -> None:
    """Somebody who paid for the first device agreed to offers."""
    text = "SELECT person_id FROM payments WHERE tenant_id = :tenant AND device_id = :device LIMIT 1"
    device = int(of.year.named["device"])
    person = of.unit(value(text, device=device))
    made = {"purpose": "offers", "given": True, "digest": "", "language": "en", "channel": "purchase"}
    proof = {"proof": "payment:x", "actor": "guest", "decided_at": of.year.now}
    if person is not None:
        of.unit(consent.add(person_id=person, device_id=device, version_id=None, **made, **proof))


def _requests(of: Filling) -> None:
    """Somebody asks about their data each quarter of a day; the last ones are open."""
    year, first = of.year, of.next_id("rights_requests")
    kinds = ("access", "erase", "object", "portability")
    made = (
        (f"{year.tenant.public}q{n}", f"q{n}", kinds[n % 4], "counter", at, at + 8 * DAY, at + 8 * DAY,
         "open" if n > REQUESTS - 40 else "answered", at, at)
        for n, at in enumerate(of.at(n / REQUESTS) for n in range(REQUESTS))
    )  # fmt: skip
    names = "public, form_key, kind, channel, received_at, due_at, refuse_by, state, changed_at, ended_at"
    of.many("rights_requests", names, made)
    year.named["request"] = str(first + REQUESTS - 1)
    year.named["incident"] = str(of.next_id("incidents"))
    told = [(f"{year.tenant.public}i", "i", "A phone was stolen", year.now, year.now + 3 * DAY, year.now)]
    of.many("incidents", "public, form_key, title, known_at, due_at, changed_at", told)


def _log(of: Filling, first_device: int, paid: list[tuple[str, int]]) -> None:
    year, random = of.year, of.random
    staff = f"staff{year.tenant.id}x"
    acts = ("connect", "extend", "kick", "note", "print", "login")

    def done() -> Iterator[Sequence[Any]]:
        for n in range(year.size.acts):
            device = first_device + (0 if n % 500 == 0 else random.randrange(year.size.devices))
            actor = f"staff:{staff}{n % STAFF}"
            payload = '{"address":"127.0.0.1","name":"Amina"}'
            yield (
                n + 1, of.at(n / year.size.acts), actor, acts[n % 6], f"device:{device}", payload,
                b"d" * 32, b"c" * 32, 0,
            )  # fmt: skip

    of.many("audit", "number, at, actor, act, subject, payload, payload_digest, chain, money", done())
    lines = (
        ("paid-no-pass", f"payment:{public}", "A line.", at, None if n % 10 == 0 else at + HOUR)
        for n, (public, at) in enumerate(paid[-year.size.lines :])
    )
    of.many("exceptions", "kind, subject, detail, opened_at, closed_at", lines)
    _alarms(of)
    _requests(of)
    _agreed(of)
    first_staff = int(year.named["staff"]) - 1
    outage = of.next_id("outages")
    of.many(
        "outages",
        "router_id, since, until, guests, span_ms, reason, staff_id, form_key, begun_at, done_at",
        [
            (
                year.routers[0],
                year.now - 2 * HOUR,
                year.now - HOUR,
                90,
                HOUR,
                "bench",
                first_staff,
                "b",
                year.now,
                year.now,
            )
        ],
    )
    year.named |= {"outage": str(outage)}
    notes = ((first_device, first_staff, "Asked for help.", of.at(n / 60)) for n in range(60))
    of.many("notes", "device_id, staff_id, text, written_at", notes)
