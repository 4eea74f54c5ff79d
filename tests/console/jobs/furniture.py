"""One of everything in the world of the console, and the addresses that show it."""

from __future__ import annotations

import re

from portal.access import admission
from portal.console.routers.form import Answers
from portal.console.site import SCREENS
from portal.staff import store as staff
from portal.staff.roles import may
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Unit, rows, update
from tests.console import guests
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
    "/guests/device/{device}/pass/{pass_id}/end": "passes",
    "/payments/{id}": "payments",
    "/vouchers/batch/{id}": "batches",
    "/vouchers/batch/{id}/void": "batches",
    "/sale/{id}": "sales",
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
    "/payments/money/{id}": "receipts",
    "/staff/{id}": "staff",
}


def newest(table: str) -> Unit[int]:
    """The last row; a sale at the counter is a batch with a note of its own."""
    source = "batches WHERE note = 'counter sale' AND" if table == "sales" else f"{table} WHERE"
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
    return re.sub(r"\{[^}]+\}", str(await s.home.read(newest, SAMPLES[known])), path)


async def furnish(s: Shop) -> None:
    """One of everything: somebody online, somebody kept out, money of nobody, cards, a line, and a colleague."""
    await s.online()
    blocked = await s.online()
    await s.home.write(admission.block, blocked.id, True, s.home.clock.now())
    await s.home.write(update, "routers", s.home.router_id, answers=ANSWERS.kept())
    await sells(s)
    await cards.print_cards(s.home, 60)
    await guests.paid(s.home, (await s.online()).id, receipt=f"TKM9X7Y{next(s.numbers):03d}")
    await s.home.write(
        staff.invite,
        s.home.vault,
        s.home.clock.now(),
        email=f"a.very.long.address.of.somebody{next(s.numbers)}@a-long-name-of-a-company.example.test",
        name="Wilhelmina Nyambura-Kipchoge wa Mwangi",
        role="manager",
    )


async def sells(s: Shop) -> None:
    """One card over the counter."""
    async with s.sits() as page:
        await page.goto(f"{s.url}/sale")
        await page.get_by_role("button", name="1 hour").first.click()
        await page.locator(".sold-code").wait_for()


async def nobody_else(s: Shop) -> Tenant:
    """An ISP that has nothing yet."""
    known = [each for each in await s.home.db.read(None, tenancy.tenants) if each.name == "New Wi-Fi"]
    tenant = known[0] if known else await s.home.db.write(None, tenancy.add_tenant, "New Wi-Fi", s.home.clock.now())
    await s.bando.catalog.refresh()
    return tenant
