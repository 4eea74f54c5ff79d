"""One of everything in the world of the console, and the addresses that show it."""

from __future__ import annotations

import re
from datetime import UTC

from portal.access import admission
from portal.books import agents as books
from portal.books import drawer, ledger
from portal.books.drawer import Count
from portal.books.ledger import About
from portal.clock import HOUR
from portal.console.compensation import giving
from portal.console.guests import acts
from portal.console.routers.form import Answers
from portal.console.site import SCREENS
from portal.imports import csv_file, service
from portal.imports.service import Hands
from portal.imports.work import Choice
from portal.money import Money
from portal.payments.refunds import units as refunding
from portal.payments.refunds.rules import Rules
from portal.payments.refunds.units import Who, Wish
from portal.payments.statements import checking, daily
from portal.payments.statements import store as statements
from portal.payments.statements.kinds import KINDS
from portal.privacy.rights.clocks import RIGHTS
from portal.staff import store as staff
from portal.staff.roles import may
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Unit, rows, update, value
from tests.console import alarms, consent, guests, samples_rights
from tests.console.jobs.shop import Shop
from tests.vouchers import cards

# What an owner sees; a file is no page to look at, and the script has a browser test of its own.
FILES = ("/routers/{id}/script/file", "/routers/{id}/script")
PAGES = tuple(
    each.path for each in SCREENS if each.method == "GET" and each.path not in FILES and may("owner", each.permission)
)
# What stands for the number in an address: a table, whose newest row of this ISP is taken.
ANSWERS = Answers(
    kind="ports", interface="ether2", wan="ether1", network="10.5.50.0/24", management="10.9.0.1", version="7"
)
SAMPLES = {
    "/guests/device/{device}": "devices",
    "/guests/device/{device}/block": "devices",
    **{f"/guests/{who}/{{{who}}}/{page}": f"{who}s" for who in ("device", "person") for page in ("data", "erase")},
    "/guests/device/{device}/pass/{pass_id}/end": "passes",
    "/guests/device/{device}/offers": "consents",
    "/payments/{id}": "payments",
    "/vouchers/batch/{id}": "batches",
    "/vouchers/batch/{id}/void": "batches",
    "/sale/{id}": "sales",
    "/agents/{id}": "agents",
    "/agents/{id}/account": "agents",
    "/agents/{id}/move": "agents",
    "/agents/slip/{id}": "settled",
    "/compensation/{id}": "outages",
    "/settings/alarms/{id}": "alarm_channels",
    "/settings/alarms/{id}/remove": "alarm_channels",
    "/settings/processors/{id}": "processors",
    "/settings/processors/{id}/remove": "processors",
    "/plans/{id}": "plans",
    "/settings/mpesa/{id}": "mpesa_accounts",
    "/settings/mpesa/{id}/off": "mpesa_accounts",
    "/routers/{id}": "routers",
    "/routers/{id}/look": "routers",
    "/routers/{id}/script": "routers",
    "/routers/{id}/script/file": "routers",
    "/routers/{id}/meet": "routers",
    "/routers/{id}/change": "routers",
    "/routers/{id}/password": "routers",
    "/routers/{id}/switch": "routers",
    "/routers/{id}/allow": "routers",
    "/routers/{id}/calls": "routers",
    "/payments/money/{id}": "receipts",
    "/staff/{id}": "staff",
    "/payments/{id}/refund": "payments",
    "/refunds/{id}": "refunds",
    "/imports/{id}": "imports",
    "/requests/{id}": "rights_requests",
    "/requests/{id}/refuse": "rights_requests",
    "/incidents/{id}": "incidents",
    "/drawers/{id}": "staff",
    "/drawer/closing/{id}": "closings",
    "/books/closing/{id}": "closings",
}


PARTS = {
    "sales": "batches WHERE note = 'counter sale' AND",
    "agents": "staff WHERE role = 'agent' AND",
    "settled": "transfers WHERE kind = 'settled' AND",
}


def newest(table: str) -> Unit[int]:
    """The last row; a sale at the counter is a batch with a note of its own."""
    source = PARTS.get(table, f"{table} WHERE")
    found = yield from rows(f"SELECT MAX(id) AS id FROM {source} tenant_id = :tenant")
    return int(found[0]["id"])


async def filled(s: Shop, path: str) -> str:
    """The address with numbers that exist; one that nobody thought of fails here."""
    path = path.replace("{provider}", "paystack")
    if "{" not in path:
        return path
    known = path if path in SAMPLES else ""
    assert known, f"say in SAMPLES what stands for the number in {path}"
    if SAMPLES[known] == "passes":
        one = (await s.rows("SELECT id, device_id FROM passes WHERE tenant_id = :tenant ORDER BY id DESC LIMIT 1"))[0]
        return path.replace("{device}", str(one["device_id"])).replace("{pass_id}", str(one["id"]))
    if SAMPLES[known] == "consents":
        one = (await s.rows("SELECT device_id FROM consents WHERE tenant_id = :tenant ORDER BY id DESC LIMIT 1"))[0]
        return path.replace("{device}", str(one["device_id"]))
    return re.sub(r"\{[^}]+\}", str(await s.home.read(newest, SAMPLES[known])), path)


async def furnish(s: Shop) -> None:
    """One of everything: somebody online, somebody kept out, money of nobody, cards, a line, and a colleague."""
    await s.online()
    blocked = await s.online()
    await s.home.write(admission.block, blocked.id, True, s.home.clock.now())
    await s.home.write(update, "routers", s.home.router_id, answers=ANSWERS.kept())
    await sells(s)
    await resells(s)
    await fails(s)
    await alarms.opened(s.home, subject=f"router:{next(s.numbers)}")
    await alarms.channel(s.home)
    await consent.agreed(s.home)
    await cards.print_cards(s.home, 60)
    table = csv_file.read(b"plan,price,time,code\n1 day,50,1d,ab12cd34\n", UTC, s.home.clock.now())
    hands = Hands(vault=s.home.vault, tenant=s.home.tenant, by="Amina")
    await s.home.write(service.keep, hands, table, Choice(), s.home.clock.now())
    await samples_rights.recorded(s.home, (await s.hired("manager")).id, key=f"f{next(s.numbers)}")
    for kind in RIGHTS:
        await samples_rights.filed(s.home, kind, key=f"f{next(s.numbers)}", proven=kind == "access")
    await samples_rights.filed(s.home, "restrict", key=f"f{next(s.numbers)}", proven=False)
    await guests.paid(s.home, (await s.online()).id, receipt=f"TKM9X7Y{next(s.numbers):03d}")
    await s.home.write(books_of, s)
    await s.home.write(
        staff.invite,
        s.home.vault,
        s.home.clock.now(),
        email=f"a.very.long.address.of.somebody{next(s.numbers)}@a-long-name-of-a-company.example.test",
        name="Wilhelmina Nyambura-Kipchoge wa Mwangi",
        role="manager",
    )


def books_of(s: Shop) -> Unit[None]:
    """A drawer that was counted and one that is open, a refund of which nobody knows, and a day that was checked."""
    home, now = s.home, s.home.clock.now()
    owner = yield from value("SELECT MIN(id) FROM staff WHERE tenant_id = :tenant AND role = 'owner'")
    yield from ledger.post("float", f"furniture {now}", Money(100_000), now, About(staff_id=owner))
    number = (yield from drawer.drawer(owner, "KES")).number
    count = Count(staff_id=owner, number=number, counted=Money(99_500), left=Money(20_000), by=owner)
    yield from drawer.close(count, now)
    yield from ledger.post("float", f"furniture {now} again", Money(50_000), now, About(staff_id=owner))
    paid = yield from value("SELECT MAX(id) FROM payments WHERE tenant_id = :tenant AND state = 'paid'")
    wish = Wish(payment_id=paid, way="cash", amount=Money(100), reason="slow", ends_pass=False, key=f"f{now}")
    who = Who(id=owner, role="owner")
    yield from refunding.ask(home.vault, home.tenant.public, wish, who, Rules(alone=0), now)
    for kind in KINDS:
        yield from statements.add_finding(
            day="2026-11-28",
            kind=kind,
            subject=f"receipt:{kind}",
            payment_id=paid,
            receipt_id=(yield from value("SELECT MAX(id) FROM receipts WHERE tenant_id = :tenant")),
            amount_minor=2_000,
            currency="KES",
            detail="2500" if kind == "amount" else "",
            found_at=now,
        )
    yield from checking.check(daily.day_ago(now, home.tenant.timezone, 1), "KES", now)


async def sells(s: Shop) -> None:
    """One card over the counter."""
    async with s.sits() as page:
        await page.goto(f"{s.url}/sale")
        await page.get_by_role("button", name="1 hour").first.click()
        await page.locator(".sold-code").wait_for()


async def resells(s: Shop) -> None:
    """An agent with a batch, who has used some of it and paid a part."""
    agent, cashier = await s.hired("agent"), await s.hired("cashier")
    drawn = await cards.print_cards(s.home, 20, agent_id=agent.id)
    await cards.show(s.home, drawn[0], 900 + next(s.numbers))
    paid = books.Payment(agent_id=agent.id, amount=Money(5_000), staff_id=cashier.id, key=f"f{next(s.numbers)}")
    await s.home.write(books.settle, paid, s.home.clock.now())


async def fails(s: Shop) -> None:
    """An outage of a quarter of an hour, which was made good; and one guest who got more time."""
    phone, now = await s.online(), s.home.clock.now()
    owner = await s.hired("owner")
    giver = giving.Giver(staff_id=owner.id, role="owner", since=now - HOUR)
    gift = giving.Gift(span_ms=HOUR, key=f"f{next(s.numbers)}", reason="It was slow", giver=giver)
    await s.home.write(acts.extend, phone.id, gift, now)
    hit = await s.home.read(giving.foresee, s.home.router_id, now - HOUR // 4, now)
    outage = giving.Outage(
        router_id=s.home.router_id, since=now - HOUR // 4, until=now, reason="Power cut", key=gift.key, giver=giver
    )
    made = await s.home.write(giving.begin, outage, len(hit.lost), now)
    while await s.home.write(giving.give_some, made, now):
        pass


async def nobody_else(s: Shop) -> Tenant:
    """An ISP that has nothing yet."""
    known = [each for each in await s.home.db.read(None, tenancy.tenants) if each.name == "New Wi-Fi"]
    tenant = known[0] if known else await s.home.db.write(None, tenancy.add_tenant, "New Wi-Fi", s.home.clock.now())
    await s.bando.catalog.refresh()
    return tenant
