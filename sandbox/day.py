"""A day of payments written straight into the tables, as it is when all is well, and what may be wrong with it.

For the three-way check: it must find just what was planted, and nothing of what only looks odd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from portal.access import plans as plan_text
from portal.access.plans import Plan
from portal.clock import DAY, HOUR, MINUTE, SECOND, Moment
from portal.payments.statements.kinds import KINDS

PRICE = 2_000
GUESTS_PER_DEVICE = 4  # payments of one device in a day


@dataclass(kw_only=True)
class DayOfPayments:
    """One account's day. `planted` maps each kind of finding to its subjects."""

    fill: Callable[[str, Iterable[Any]], None]  # runs a statement for many rows
    tenant_id: int
    account_id: int
    router_id: int
    plan: Plan
    since: Moment
    count: int
    each: int = 0  # how many of each kind are planted
    seed: int = 1
    planted: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})

    @property
    def until(self) -> Moment:
        return self.since + DAY

    def write(self) -> None:
        """Fill the tables."""
        self.random = Random(self.seed)
        self._people()
        ids = list(range(1, self.count + 1))
        self.random.shuffle(ids)
        kinds = iter(ids)
        self.wrong = {next(kinds): kind for kind in KINDS for _ in range(self.each)}
        self.odd = {next(kinds): odd for odd in ODDITIES for _ in range(self.each)}
        for table, rows in self._tables().items():
            for columns, batch in _alike(rows):
                marks = ", ".join(f":{name}" for name in columns)
                self.fill(
                    f"INSERT INTO {table} (tenant_id, {', '.join(columns)}) VALUES ({self.tenant_id}, {marks})", batch
                )

    def _people(self) -> None:
        devices = self.count // GUESTS_PER_DEVICE + 1
        self.fill(
            "INSERT INTO persons (id, tenant_id, ref, created_at, last_seen_at) VALUES (?, ?, ?, ?, ?)",
            ((n, self.tenant_id, f"day{n}", self.since, self.since) for n in range(1, 2 * devices + 1)),
        )
        self.fill(
            "INSERT INTO devices (id, tenant_id, mac, created_at, last_seen_at) VALUES (?, ?, ?, ?, ?)",
            ((n, self.tenant_id, _mac(n), self.since, self.since) for n in range(1, devices + 1)),
        )

    def _tables(self) -> dict[str, list[dict[str, Any]]]:
        tables: dict[str, list[dict[str, Any]]] = {
            name: [] for name in ("payments", "receipts", "passes", "statement_rows", "refunds")
        }
        for n in range(1, self.count + 1):
            self._one(tables, n)
        tables["statement_spans"] = [
            {
                "account_id": self.account_id,
                "since": self.since - HOUR,
                "until": self.until + HOUR,
                "via": "pull",
                "lines": len(tables["statement_rows"]),
                "read_at": self.until + HOUR,
            }
        ]
        return tables

    def at(self, n: int) -> Moment:
        """When the payment with this number was paid: those of one device are hours apart."""
        slot, turn = divmod(n, GUESTS_PER_DEVICE)
        share = slot * (5 * HOUR) // (self.count // GUESTS_PER_DEVICE + 1)
        return self.since + 30 * MINUTE + turn * 5 * HOUR + share

    def _one(self, tables: dict[str, list[dict[str, Any]]], n: int) -> None:
        kind, odd, at = self.wrong.get(n), self.odd.get(n), self.at(n)
        paid, receipt = self._payment(n, at), self._receipt(n, at)
        made, row = self._pass(n, at), self._row(n, at)
        missing: set[str] = set()
        if kind == "not-in-books":
            paid["state"] = "failed"
            missing |= {"receipts", "passes"}
            self._plant(kind, f"receipt:{number(n)}")
        elif kind == "amount":
            row["amount_minor"] += 500
            self._plant(kind, f"receipt:{number(n)}")
        elif kind == "unplaced":
            receipt |= {"payment_id": None, "state": "unmatched"}
            paid["state"] = "failed"
            missing.add("passes")
            self._plant(kind, f"receipt:{number(n)}")
        elif kind == "no-pass":
            missing.add("passes")
            self._plant(kind, f"payment:{paid['public']}")
        elif kind == "not-on-statement":
            missing.add("statement_rows")
            self._plant(kind, f"receipt:{number(n)}")
        elif kind == "no-receipt":
            missing |= {"statement_rows", "receipts"}
            paid |= {"receipt_state": "to come", "settled_by": "query"}
            self._plant(kind, f"payment:{paid['public']}")
        elif kind == "reversed":
            tables["statement_rows"].append(self._reversal(n, at))
            self._plant(kind, f"receipt:{number(n)}")
        if kind == "twice" or odd in ("again later", "another person"):
            self._again(tables, n, odd)
        if odd == "given back":
            tables["refunds"].append(self._refund(n, at))
            tables["statement_rows"].append(self._reversal(n, at))
            paid["refunded_minor"] = PRICE
        elif odd == "sent back":
            receipt |= {"payment_id": None, "state": "returned"}
            paid["state"] = "failed"
            missing.add("passes")
        elif odd == "late":
            receipt["seen_at"], paid["settled_at"] = at + 5 * HOUR, at + 5 * HOUR
        elif odd == "no time of its own":
            receipt["paid_at"] = None
        for table, one in (("payments", paid), ("receipts", receipt), ("passes", made), ("statement_rows", row)):
            if table not in missing:
                tables[table].append(one)

    def _plant(self, kind: str, subject: str) -> None:
        self.planted[kind].add(subject)

    def _again(self, tables: dict[str, list[dict[str, Any]]], n: int, odd: str | None) -> None:
        """A second payment for the same device: three minutes later, or twenty, or by somebody else."""
        m, at = self.count + n, self.at(n) + (20 * MINUTE if odd == "again later" else 3 * MINUTE)
        paid = self._payment(n, at) | {"id": m, **self._names(m)}
        if odd == "another person":
            paid["person_id"] += self.count // GUESTS_PER_DEVICE + 1
        tables["payments"].append(paid)
        tables["receipts"].append(self._receipt(m, at))
        tables["passes"].append(self._pass(m, at) | {"device_id": paid["device_id"]})
        tables["statement_rows"].append(self._row(m, at))
        if odd is None:
            self._plant("twice", f"payment:{paid['public']}")

    # --- rows ---

    def _names(self, n: int) -> dict[str, Any]:
        return {
            "public": f"p{n:08d}",
            "token_hash": f"t{n}".encode(),
            "callback_hash": f"c{n}".encode(),
            "click_key": f"k{n}",
            "account_ref": f"R{n:08d}",
        }

    def _payment(self, n: int, at: Moment) -> dict[str, Any]:
        device = n // GUESTS_PER_DEVICE + 1
        return {
            "id": n,
            **self._names(n),
            "account_id": self.account_id,
            "environment": "sandbox",
            "router_id": self.router_id,
            "device_id": device,
            "person_id": device,
            "phone_tail": f"{device % 1000:03d}",
            "plan_id": self.plan.id,
            "plan_copy": plan_text.to_json(self.plan),
            "amount_minor": PRICE,
            "currency": "KES",
            "state": "paid",
            "receipt_state": "here",
            "settled_by": "stk",
            "created_at": at - 20 * SECOND,
            "submitted_at": at - 19 * SECOND,
            "settled_at": at + 3 * SECOND,
            "refunded_minor": 0,
        }

    def _receipt(self, n: int, at: Moment) -> dict[str, Any]:
        return {
            "id": n,
            "provider": "mpesa",
            "environment": "sandbox",
            "number": number(n),
            "amount_minor": PRICE,
            "currency": "KES",
            "paid_at": at,
            "seen_at": at + 3 * SECOND,
            "seen_via": "stk",
            "account_id": self.account_id,
            "payment_id": n,
            "state": "matched",
        }

    def _pass(self, n: int, at: Moment) -> dict[str, Any]:
        return {
            "device_id": n // GUESTS_PER_DEVICE + 1,
            "plan_id": self.plan.id,
            "plan_name": self.plan.name,
            "price_minor": PRICE,
            "currency": "KES",
            "kind": "wall",
            "span_ms": HOUR,
            "max_devices": 1,
            "cause_kind": "payment",
            "cause_ref": f"p{n:08d}",
            "state": "ended",
            "position": n,
            "bought_at": at,
            "not_before": at,
            "use_by": at + 30 * DAY,
            "ended_at": at + HOUR,
            "end_reason": "time",
        }

    def _row(self, n: int, at: Moment) -> dict[str, Any]:
        return {
            "account_id": self.account_id,
            "number": number(n),
            "kind": "in",
            "amount_minor": PRICE,
            "currency": "KES",
            "paid_at": at + 1 * SECOND,
            "linked": "",
            "via": "pull",
            "read_at": self.until,
        }

    def _reversal(self, n: int, at: Moment) -> dict[str, Any]:
        return self._row(n, at + MINUTE) | {"number": f"V{n:09d}", "kind": "out", "linked": number(n)}

    def _refund(self, n: int, at: Moment) -> dict[str, Any]:
        return {
            "public": f"f{n}",
            "form_key": f"f{n}",
            "payment_id": n,
            "way": "reversal",
            "amount_minor": PRICE,
            "currency": "KES",
            "state": "done",
            "reason": "x",
            "ends_pass": True,
            "asked_by": 1,
            "asked_at": at,
            "result_hash": f"f{n}".encode(),
        }


# What only looks odd: bought again after twenty minutes, paid for the same device by a friend, and so on.
ODDITIES = ("again later", "another person", "given back", "sent back", "late", "no time of its own")


def number(n: int) -> str:
    """A receipt number."""
    return f"S{n:09d}"


def _mac(n: int) -> str:
    return ":".join(f"{n:012X}"[i : i + 2] for i in range(0, 12, 2))


def _alike(rows: list[dict[str, Any]]) -> Iterator[tuple[tuple[str, ...], list[dict[str, Any]]]]:
    """Rows by their columns."""
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        by_columns.setdefault(tuple(row), []).append(row)
    yield from by_columns.items()
