"""Many payments in fast time: what is told of them is lost, doubled, late and out of order, and routers are down.

The real units decide; phones, M-Pesa, network and routers are drawn at random from a seed, which is printed: the same
seed makes the same history. The simulation knows what truly happened to the money, and looks, while time
passes and when all is over, whether anybody is online who has not paid, and whether anybody who has paid was forgotten.

    python -m sandbox.simulation --payments 100000 --seed 7
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from portal import check
from portal.access import admission, record
from portal.access import store as access
from portal.access.plans import Plan
from portal.access.record import Sighting
from portal.clock import DAY, HOUR, MINUTE, SECOND, Moment
from portal.db import executor, open_connection, quiet
from portal.errors import ProviderUnknown, Refused
from portal.migrate import migrate
from portal.money import Money
from portal.payments import accounts, inbox, orders, reconcile
from portal.payments import store as payments
from portal.payments.mpesa import timestamp
from portal.payments.orders import Order
from portal.payments.provider import Accepted
from portal.payments.statement import StatementRow, east_africa
from portal.payments.statements import taking
from portal.payments.statements.taking import Way
from portal.phone import Phone
from portal.seal import Vault
from portal.sessions.meter import Reading
from portal.settings import load
from portal.tenancy import store as tenancy
from portal.units import Unit, drive

T = TypeVar("T")
HOURLY = Plan(id=0, public="hour", name="1 hour", price=Money(2000), kind="wall", span_ms=HOUR, use_by_ms=30 * DAY)
BEGIN = 1_795_000_000_000
LOSS, TWICE, LATE = 0.2, 0.2, 0.15
ROUTERS = 20
GAP_MS = 700  # between two payments, on average
PULL_MS = 15 * MINUTE
SLICE_MS = MINUTE  # the loops look this often
AFTER_MS = 3 * DAY  # when the last payment is over
NEVER = 1 << 62


@dataclass(kw_only=True)
class Guest:
    """A phone in somebody's hand, at one router."""

    n: int
    router: int
    device: int = 0
    paid: list[str] = field(default_factory=list)  # receipts: what truly left their account
    online_since: Moment | None = None
    was_online: bool = False

    @property
    def mac(self) -> str:
        return ":".join(f"{self.n + (2 << 40):012X}"[i : i + 2] for i in range(0, 12, 2))

    @property
    def phone(self) -> Phone:
        return Phone(f"2547{self.n:08d}")


@dataclass(kw_only=True)
class Truth:
    """What truly became of one prompt."""

    guest: Guest
    payment_id: int
    merchant: str
    checkout: str
    code: str = "1037"
    receipt: str = ""
    paid_at: Moment = 0


class Failed(AssertionError):
    """A promise was broken."""


class Simulation:
    """One ISP with twenty routers. `run` gives what was counted; raises `Failed`."""

    def __init__(self, path: Path, seed: int, count: int, guests: int = 0) -> None:
        self.random = Random(seed)
        self.count = count
        self.now = BEGIN
        self.ends = NEVER  # when nobody arrives any more, three days after
        self.agenda: list[tuple[Moment, int, Callable[[], None]]] = []
        self.order = 0
        self.counted: Counter[str] = Counter()
        self.statement: list[tuple[Moment, StatementRow]] = []
        self.truths: dict[str, Truth] = {}  # by receipt
        self.by_payment: dict[int, Truth] = {}
        migrate(path)
        self.connection = open_connection(path)
        self.connection.execute("PRAGMA synchronous=OFF")
        self.vault = Vault(b"s" * 32)
        high = {"PHONE": "999", "PHONE_DAY": "9999", "DEVICE": "999", "ROUTER": "99999", "TENANT": "999999"}
        self.settings = load({f"BANDO_PROMPTS_{name}": text for name, text in high.items()})
        self._found(guests or max(50, count // 4))

    def _found(self, guests: int) -> None:
        """The ISP, its routers with their outages, and its guests."""
        self.tenant = drive(tenancy.add_tenant("Simulated", self.now), None, executor(self.connection, quiet))
        for n in range(ROUTERS):
            self.do(_router, self.vault, self.now, n)
        self.routers = self.do(tenancy.routers)
        hour = Plan(
            id=0, public="hour", name="1 hour", price=Money(2000), kind="wall", span_ms=HOUR, use_by_ms=30 * DAY
        )
        self.do(access.add_plan, hour, self.now)
        (self.plan,) = self.do(access.plan_list)
        self.account = self.do(_account, self.vault, self.tenant.public, self.now)
        self.guests = [Guest(n=n + 1, router=self.random.randrange(ROUTERS)) for n in range(guests)]
        span = self.count * GAP_MS
        self.outages = [self._outages(span) for _ in range(ROUTERS)]

    def _outages(self, span: int) -> list[tuple[Moment, Moment]]:
        """When a router is down: once in some hours, for minutes or hours."""
        found, at = [], self.now
        while at < self.now + span:
            at += int(self.random.expovariate(1 / (6 * HOUR)))
            length = int(self.random.choice((5 * MINUTE, HOUR, 5 * HOUR)))
            found.append((at, at + length))
            at += length
        return found

    # --- time ---

    def do(self, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        self.connection.execute("BEGIN")
        try:
            done = drive(unit(*args, **kwargs), self.tenant.id, executor(self.connection, quiet))
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        return done

    def at(self, moment: Moment, act: Callable[[], None]) -> None:
        self.order += 1
        heapq.heappush(self.agenda, (moment, self.order, act))

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def run(self, progress: Callable[[int], None] = lambda _: None) -> Counter[str]:
        """All of it; raises `Failed`."""
        self.at(self.now, self._arrives)
        self.at(self.now + SLICE_MS, self._loops)
        self.at(self.now + PULL_MS, self._pulls)
        while self.agenda:
            self.now, _, act = heapq.heappop(self.agenda)
            before = self.counted["begun"]
            act()
            if self.counted["begun"] > before and before % 1000 == 999:
                progress(before + 1)
        self._all_is_well()
        return self.counted

    @property
    def over(self) -> bool:
        return self.counted["begun"] >= self.count

    # --- guests and prompts ---

    def _arrives(self) -> None:
        """Somebody taps a plan."""
        if self.over:
            self.ends = self.now + AFTER_MS
            return
        self.at(self.now + int(self.random.expovariate(1 / GAP_MS)) + 1, self._arrives)
        guest = self.random.choice(self.guests)
        order = Order(
            tenant=self.tenant,
            router=self.routers[guest.router],
            plan=self.plan,
            mac=guest.mac,
            phone=guest.phone,
            click=f"click {self.order}",
        )
        try:
            payment_id, public, _ = self.do(orders.create, self.vault, self.settings, order, self.now)
        except Refused:
            self.counted["refused"] += 1
            return
        self.counted["begun"] += 1
        guest.device = guest.device or self._device(payment_id)
        self._send(Truth(guest=guest, payment_id=payment_id, merchant=f"m{public}", checkout=f"ws_{public}"))

    def _device(self, payment_id: int) -> int:
        one = self.do(payments.payment, payment_id)
        assert one is not None
        return one.device_id

    def _send(self, truth: Truth) -> None:
        """The prompt rings, and we hear of that, or not."""
        if self.do(orders.claim_submission, self.vault, truth.payment_id, self.now) is None:
            return
        self.by_payment[truth.payment_id] = truth
        outcome: Any = Accepted(merchant_request=truth.merchant, checkout_request=truth.checkout)
        if self.chance(0.05):
            self.counted["replies lost"] += 1
            outcome = ProviderUnknown("ReadTimeout")
        replied = self.now + self.random.randrange(200, 9_000)
        self.at(replied, lambda: self._replied(truth, outcome))
        self.at(self.now + self.random.randrange(3_000, 55_000), lambda: self._decides(truth))

    def _replied(self, truth: Truth, outcome: Any) -> None:
        self.do(orders.record_outcome, self.vault, self.tenant.id, truth.payment_id, outcome, self.now)

    def _decides(self, truth: Truth) -> None:
        """The guest types the PIN, or does not: from here on it is true."""
        truth.code = self.random.choices(("0", "1032", "1037", "2001"), (75, 12, 9, 4))[0]
        if truth.code == "0":
            truth.receipt = f"S{len(self.truths) + 1:09d}"
            truth.paid_at = self.now
            self.truths[truth.receipt] = truth
            truth.guest.paid.append(truth.receipt)
            self.statement.append((self.now, self._row(truth)))
            self.counted["paid"] += 1
            self._told("c2b", lambda: self._c2b(truth))
            self.at(self.now + 20 * SECOND, lambda: self._looks(truth.guest))
        self._told("callback", lambda: self._callback(truth))

    def _told(self, what: str, act: Callable[[], None]) -> None:
        """A message is lost, or comes: soon, late, twice."""
        if self.chance(LOSS):
            self.counted[f"{what} lost"] += 1
            return
        for _ in range(2 if self.chance(TWICE) else 1):
            late = self.chance(LATE)
            self.counted[f"{what} late"] += late
            delay = self.random.randrange(MINUTE, 20 * HOUR) if late else self.random.randrange(100, 8_000)
            self.at(self.now + delay, act)

    # --- what is said ---

    def _say(self, channel: str, body: dict[str, Any], **whose: int) -> None:
        row = self.do(inbox.keep_row, self.vault, channel, json.dumps(body).encode(), True, self.now, **whose)
        self.do(inbox.settle_row, self.vault, row, self.now, enforce=False, open_shop=True)

    def _callback(self, truth: Truth) -> None:
        said: dict[str, Any] = {
            "MerchantRequestID": truth.merchant,
            "CheckoutRequestID": truth.checkout,
            "ResultCode": int(truth.code),
        }
        if truth.receipt:
            items = {"Amount": 20.0, "MpesaReceiptNumber": truth.receipt, "TransactionDate": timestamp(truth.paid_at)}
            said["CallbackMetadata"] = {"Item": [{"Name": name, "Value": value} for name, value in items.items()]}
        self._say("stk", {"Body": {"stkCallback": said}}, payment_id=truth.payment_id)

    def _c2b(self, truth: Truth) -> None:
        row = self._row(truth)
        said = {
            "TransID": truth.receipt,
            "TransAmount": "20.00",
            "TransTime": timestamp(truth.paid_at),
            "BusinessShortCode": self.account.pay_number,
            "BillRefNumber": row.account_ref,
            "MSISDN": f"2547 ***** {truth.guest.phone.tail}",
        }
        self._say("c2b-confirm", said, account_id=self.account.id)

    def _row(self, truth: Truth) -> StatementRow:
        one = self.do(payments.payment, truth.payment_id)
        assert one is not None
        return StatementRow(
            number=truth.receipt,
            amount=self.plan.price,
            written=east_africa(truth.paid_at),
            kind="in",
            account_ref=one.account_ref,
            payer=truth.guest.phone.digits,
        )

    # --- the loops ---

    def _loops(self) -> None:
        """Queries, deadlines, and what time ends."""
        if not self.over or self.now < self.ends:
            self.at(self.now + (SLICE_MS if not self.over else 10 * MINUTE), self._loops)
        for one in self.do(payments.due_queries, self.now, 40):
            truth = self.by_payment[one.id]
            if self.chance(LOSS):
                self.do(payments.count_query, one.id, self.now + MINUTE)
                continue
            code = truth.code if truth.receipt or self.now > (one.submitted_at or self.now) + 70 * SECOND else "4999"
            body = {"ResponseCode": "0", "ResultCode": code, "CheckoutRequestID": truth.checkout}
            said = json.dumps(body).encode()
            self.do(reconcile.heard, self.vault, one.id, said, self.now, open_shop=True)
        self.do(reconcile.overdue, self.vault, self.now)
        if self.do(record.anything_due, self.now):
            self.do(record.let_time_act, self.now)

    def _pulls(self) -> None:
        """The statement; one in five times M-Pesa does not answer."""
        if not self.over or self.now < self.ends:
            self.at(self.now + (PULL_MS if not self.over else 3 * HOUR), self._pulls)
        if self.chance(LOSS):
            return
        sweep = self.chance(0.02) or self.over
        since = self.now - (47 * HOUR if sweep else 3 * HOUR)
        rows = [row for at, row in self.statement if at >= since]
        way = Way(via="pull", zone="eat", open_shop=True)
        for part in taking.parts(rows):
            self.counted["recovered"] += self.do(taking.take, self.vault, self.account, part, way, self.now).recovered
        self.statement = [each for each in self.statement if each[0] >= self.now - 48 * HOUR]

    # --- routers ---

    def _down_until(self, router: int) -> Moment | None:
        return next((end for begin, end in self.outages[router] if begin <= self.now < end), None)

    def _looks(self, guest: Guest) -> None:
        """The router of a guest polls: who may be online is, and nobody else."""
        down = self._down_until(guest.router)
        if down is not None:
            self.counted["router down"] += 1
            guest.online_since = None
            self.at(down + self.random.randrange(5_000, 40_000), lambda: self._looks(guest))
            return
        router_id = self.routers[guest.router].id
        standing = self.do(admission.standing, guest.device, self.now, router_id)
        allowed = standing is not None and standing.allowance is not None
        if allowed and not guest.paid:
            raise Failed(f"guest {guest.n} may be online and has paid nothing")
        guest.online_since = (guest.online_since or self.now) if allowed else None
        self._seen(guest, router_id)
        if allowed:
            guest.was_online = True
            self.at(self.now + self.random.choice((7 * MINUTE, 35 * MINUTE)), lambda: self._looks(guest))
        elif self._unserved(guest) and self.now < BEGIN + self.count * GAP_MS + 2 * AFTER_MS:
            self.at(self.now + self.random.choice((MINUTE, 10 * MINUTE)), lambda: self._looks(guest))

    def _seen(self, guest: Guest, router_id: int) -> None:
        uptime = None if guest.online_since is None else (self.now - guest.online_since) // SECOND
        reading = Reading(read_at=self.now, active_uptime_s=uptime)
        self.do(record.record, router_id, [Sighting(device_id=guest.device, reading=reading)], self.now)

    def _unserved(self, guest: Guest) -> bool:
        """Whether money of this guest has not made its pass yet, or a pass of theirs is not used up."""
        row = self.connection.execute(
            "SELECT COUNT(*) AS made, SUM(state <> 'ended') AS left FROM passes WHERE device_id = ?", (guest.device,)
        ).fetchone()
        return row["made"] < len(guest.paid) or bool(row["left"])

    # --- the end ---

    def _all_is_well(self) -> None:
        """No paid guest without access or a line for staff, no access without payment, and the books are right."""
        known = {row["number"]: row for row in self.connection.execute("SELECT * FROM receipts")}
        lines = {row["subject"] for row in self.connection.execute("SELECT subject FROM exceptions")}
        passes = {row["cause_ref"] for row in self.connection.execute("SELECT cause_ref FROM passes")}
        for receipt, truth in self.truths.items():
            row = known.get(receipt)
            one = self.do(payments.payment, truth.payment_id)
            assert one is not None
            served = one.public in passes or (row is not None and row["payment_id"] is not None)
            if not served and f"receipt:{receipt}" not in lines and f"payment:{one.public}" not in lines:
                raise Failed(f"receipt {receipt} was paid: no pass, and no line for staff")
            self.counted["served"] += served
            if served and not truth.guest.was_online:
                raise Failed(f"guest {truth.guest.n} has a pass and was never online")
        if len(passes) > len(self.truths):
            raise Failed(f"{len(passes)} passes were made of {len(self.truths)} payments")
        broken = self.do(check.breaches, self.now + 2 * MINUTE)
        if broken:
            raise Failed("; ".join(broken[:5]))
        self.counted["passes"], self.counted["lines for staff"] = len(passes), len(lines)


def _router(vault: Vault, now: Moment, n: int) -> Unit[Any]:
    fields: dict[str, Any] = {
        "host": f"10.9.0.{n + 1}",
        "port": 8729,
        "username": "u",
        "password": "p",
        "hotspot_host": "w.test",
    }
    return (yield from tenancy.add_router(vault, now, name=f"R{n}", **fields))


def _account(vault: Vault, tenant_public: str, now: Moment) -> Unit[accounts.MpesaAccount]:
    return (
        yield from accounts.add_account(
            vault,
            now,
            tenant_public=tenant_public,
            environment="sandbox",
            kind="paybill",
            shortcode="600100",
            consumer_key="k",
            consumer_secret="s",
            passkey="p",
        )
    )


def main() -> None:
    """Run one, and say what happened."""
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--payments", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        world = Simulation(Path(folder) / "simulation.db", given.seed, given.payments)
        counted = world.run(lambda n: print(f"{n:,}", file=sys.stderr, flush=True))
    took = time.perf_counter() - begun
    print("\n".join(f"{name:>20}  {n:,}" for name, n in sorted(counted.items())))
    print(f"{(world.now - BEGIN) / DAY:.1f} days in {took:.0f} s")


if __name__ == "__main__":
    main()
