"""The house: routers, plans, staff, and the people who come there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.ground import mac_of
from benchmarks.year.ground import (
    FIRST,
    ROUTERS,
    STAFF,
    Filling,
)
from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import DAY, HOUR
from portal.money import Money
from portal.people import store as people
from portal.phone import Phone
from portal.seal import new_public, new_token, token_hash
from portal.tenancy import store as tenancy


def write(of: Filling) -> None:
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


def devices(of: Filling) -> int:
    first, year = of.next_id("devices"), of.year
    made = (
        (first + n, mac_of(n + 1), of.at(n / year.size.devices), year.now, year.routers[n % ROUTERS])
        for n in range(year.size.devices)
    )
    of.many("devices", "id, mac, created_at, last_seen_at, last_router_id", made)
    year.named |= {"device": str(first), "person": "1"}
    year.sought |= {"mac": mac_of(7), "unknown": "RABCDEFGHJ", "ip": "10.6.0.18"}
    return first


def persons(of: Filling) -> Sequence[int]:
    year = of.year
    count = max(1, year.size.devices * 6 // 10)
    numbers = [Phone(f"2547{20_000_000 + n:08d}") for n in range(count)]
    year.sought["phone"] = f"0{numbers[count // 2].digits[3:]}"
    return [of.unit(people.person_for(of.vault, year.tenant.id, each, year.now)) for each in numbers]
