"""A real request for each form of the console: what has to be there, where it is sent, and with what.

Each screen that changes something needs a line in `SAMPLES`, or a reason in `WITHOUT`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from zoneinfo import ZoneInfo

import pyotp

from portal import spans
from portal.clock import DAY, MINUTE, as_datetime
from portal.privacy.bulletins import service as bulletins
from portal.privacy.retention import service as retention
from portal.processors import service as processors
from portal.processors.registry import Told
from portal.tenancy import store as tenancy
from portal.units import update, value
from sandbox.routeros.api import serve_api
from tests.console import alarms, consent, guests, money, samples_money, samples_rights
from tests.console.office import Visitor
from tests.console.test_further import PAYSTACK
from tests.console.test_isps import NEW as ISP
from tests.console.test_plans import GOOD
from tests.console.test_routers import GOOD as ROUTER
from tests.console.test_settings import ACCOUNT, PROFILE
from tests.imports.sources import mikhmon
from tests.support import Seed, add_router
from tests.vouchers.cards import print_cards

Request = tuple[str, Mapping[str, str]]
Sample = Callable[[Visitor], Awaitable[Request]]
PASSWORD, NEW = "nane mbuzi katika shamba", "ng'ombe kumi na mbili 7"
KEY = "0123456789abcdef"

# Screens that leave no act, and why.
WITHOUT = {
    "/guests": "a search changes nothing",
    "/payments/money/{id}/find": "a search changes nothing",
    "/settings/look/preview": "keeps nothing: it shows what the form would come to",
    "/settings/mpesa/{id}/try": "asks M-Pesa whether it takes the keys, and changes nothing",
    "/account/prove": "only says that the password was given; it opens nothing by itself",
    "/account/logout": "everybody may go home; the login itself keeps when",
}


async def _device(who: Visitor, action: str = "", **fields: str) -> Request:
    home = who.office.home
    device = await guests.device(home)
    await guests.given(home, device)
    return f"/guests/device/{device}{action}", fields


def on_device(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        return await _device(who, f"/{action}", **fields)

    return sample


async def end_pass(who: Visitor) -> Request:
    device = await guests.device(who.office.home)
    made = await guests.given(who.office.home, device)
    return f"/guests/device/{device}/pass/{made.id}/end", {"reason": "because"}


async def _money(home: Seed) -> int:
    account = await home.write(money._account, home)
    return await money.receipt(home, "SKE0000001", home.clock.now(), account_id=account, paid_at=home.clock.now())


async def match(who: Visitor) -> Request:
    home = who.office.home
    order = await money.payment(home, home.clock.now(), state="failed")
    return f"/payments/money/{await _money(home)}/match", {"payment": str(order)}


async def give(who: Visitor) -> Request:
    home = who.office.home
    device = await guests.device(home)
    return f"/payments/money/{await _money(home)}/give", {"device": str(device), "plan": str(home.plan.id)}


async def send_back(who: Visitor) -> Request:
    return f"/payments/money/{await _money(who.office.home)}/return", {"back_reason": "wrong shop"}


def on_order(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        home = who.office.home
        return f"/payments/{await money.payment(home, home.clock.now(), state='failed')}/{action}", fields

    return sample


async def line(who: Visitor) -> Request:
    home = who.office.home
    await home.write(tenancy.open_exception, "unmatched-money", "receipt:X", "Money came.", 0)
    return "/lines/done", {
        "line": str(await home.read(value, "SELECT MAX(id) FROM exceptions WHERE tenant_id = :tenant"))
    }


def plain(path: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        return path, fields

    return sample


def _day(home: Seed) -> str:
    return spans.today(home.clock.now() + 30 * DAY, home.tenant.timezone).isoformat()


async def make_batch(who: Visitor) -> Request:
    home = who.office.home
    fields = {"plan": str(home.plan.id), "count": "3", "use_by": _day(home), "price": "", "style": "letters-10"}
    return "/vouchers/new", {**fields, "agent": "", "note": "", "key": KEY}


async def _batch(who: Visitor) -> int:
    path, fields = await make_batch(who)
    await who.post(path, 303, **fields)
    return int(await who.office.home.read(value, "SELECT MAX(id) FROM batches WHERE tenant_id = :tenant"))


async def unfinished(who: Visitor) -> Request:
    batch = await _batch(who)
    await who.office.home.write(update, "batches", batch, ready_at=None)
    return f"/vouchers/batch/{batch}/finish", {}


async def print_batch(who: Visitor) -> Request:
    return f"/vouchers/batch/{await _batch(who)}/file", {"form": "slips"}


async def void_batch(who: Visitor) -> Request:
    return f"/vouchers/batch/{await _batch(who)}/void", {"serials": "1-2", "reason": "Lost"}


async def sell(who: Visitor) -> Request:
    return "/sale", {"plan": str(who.office.home.plan.id), "key": KEY}


async def hand(who: Visitor) -> Request:
    home = who.office.home
    await print_cards(home, 1, agent_id=who.staff_id)
    return "/stock/sell", {"plan": str(home.plan.id), "price": str(home.plan.price.minor), "key": KEY}


async def print_own(who: Visitor) -> Request:
    await print_cards(who.office.home, 1, agent_id=who.staff_id)
    return "/stock/batch/1/file", {"form": "slips"}


async def _agent(who: Visitor, cards: int = 0) -> int:
    """An agent, and a batch of so many cards: the ISP's own, or theirs."""
    agent = await who.office.of("agent")
    await print_cards(who.office.home, 5)
    if cards:
        await print_cards(who.office.home, cards, agent_id=agent.staff_id)
    return agent.staff_id


def on_agent(action: str, cards: int = 0, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        return f"/agents/{await _agent(who, cards)}/{action}", fields

    return sample


async def _outage(who: Visitor) -> Request:
    """Minutes in which somebody could not use their pass; the router is back."""
    home = who.office.home
    device = await guests.device(home)
    await guests.given(home, device)
    await guests.goes_online(home, device)
    since = home.clock.now()
    home.clock.advance(10 * MINUTE)
    zone = ZoneInfo(home.tenant.timezone)
    when = {
        name: as_datetime(at).astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")
        for name, at in (("since", since + MINUTE), ("until", home.clock.now()))
    }
    fields = {"router": str(home.router_id), **when, "count": "1", "reason": "because", "key": KEY}
    return "/compensation/new", fields


async def finish_outage(who: Visitor) -> Request:
    path, fields = await _outage(who)
    await who.post(path, 303, **fields)
    home = who.office.home
    outage = int(await home.read(value, "SELECT MAX(id) FROM outages WHERE tenant_id = :tenant"))
    await home.write(update, "outages", outage, done_at=None)
    return f"/compensation/{outage}/finish", {}


LIMITS = {
    f"{role}_{name}": "600"
    for role in ("manager", "cashier", "support")
    for name in ("guest_minutes", "day_minutes", "guests")
}


def on_plan(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        home = who.office.home
        await home.plan_of(name="Another")
        return f"/plans/{home.plan.id}{action}", fields

    return sample


def on_staff(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        colleague = await who.office.of("cashier")
        return f"/staff/{colleague.staff_id}/{action}", fields

    return sample


def on_router(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        home = who.office.home
        await home.write(tenancy.set_mass_removal, home.router_id, "held")
        return f"/routers/{home.router_id}/{action}", fields

    return sample


def on_account(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        home = who.office.home
        return f"/settings/mpesa/{await home.write(money._account, home)}/{action}", fields

    return sample


async def import_router(who: Visitor) -> Request:
    home = who.office.home
    server = await serve_api(mikhmon(home.clock))
    who.office.beside.append(server)
    fields = {"name": "Old site", "port": server.port, "password": "sandbox"}
    router = await home.write(lambda: add_router(home.vault, home.clock.now(), **fields))
    return "/imports/router", {"router": str(router)}


TOLD = "90:1:0:1:1:0"  # what its page says: days, shortened, unsold, plans, codes, running


async def read_table(who: Visitor) -> int:
    """A table that is read and not taken yet."""
    await who.post("/imports/file", 303, source="csv", text="plan,price,time,code\n1 day,50,1d,ab12cd34\n")
    return int(await who.office.home.read(value, "SELECT MAX(id) FROM imports WHERE tenant_id = :tenant"))


def on_import(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        return f"/imports/{await read_table(who)}{action}", fields

    return sample


async def shut_window(who: Visitor) -> Request:
    await who.post("/support/open", 303, hours="1", reason="because")
    return "/support/close", {}


def on_isp(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        return f"/isps/{who.office.home.tenant.id}/{action}", fields

    return sample


async def look_in(who: Visitor) -> Request:
    owner = await who.office.of("owner")
    await owner.post("/support/open", 303, hours="1", reason="because")
    return f"/isps/{who.office.home.tenant.id}/look", {}


async def owner_of_isp(who: Visitor) -> Request:
    made = await who.office.home.db.write(None, tenancy.add_tenant, "Next Door", who.office.home.clock.now())
    await who.office.services.catalog.refresh()
    return f"/isps/{made.id}/owner", {"owner": "Wanjiru", "email": "wanjiru@next.test"}


async def own_password(who: Visitor) -> Request:
    hashed = await who.office.services.staff.passwords.hash(PASSWORD)
    await who.office.home.write(update, "staff", who.staff_id, password_hash=hashed.encode())
    return "/account/password", {"old": PASSWORD, "new": NEW, "again": NEW}


async def own_second(who: Visitor) -> Request:
    secret = re.search(r'name="secret" value="([^"]+)"', await who.get("/account/second"))
    assert secret is not None
    code = pyotp.TOTP(secret[1]).at(who.office.home.clock.now() // 1000)
    return "/account/second", {"secret": secret[1], "code": code}


def on_alarm(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        return f"/alarms/{await alarms.opened(who.office.home)}/{action}", fields

    return sample


async def _lift(who: Visitor) -> Request:
    home = who.office.home
    hold = await home.write(retention.place, ["session"], "Order 7", None, "Amina", home.clock.now())
    return f"/settings/retention/hold/{hold}/lift", {"reason": "because"}


async def _publish(who: Visitor) -> Request:
    page = await who.get("/settings/notices/review")
    mark = re.search(r'name="mark" value="([0-9a-f]+)"', page)
    assert mark is not None
    return "/settings/notices/review", {"kind": "privacy", "mark": mark[1]}


PROCESSOR = {"named": "Books Ltd", "purpose": "Keeps the books", "gets": "Payments", "country": "KE"}


async def _processor(home: Seed) -> int:
    told = Told(named="Hosts Ltd", purpose="Hosts", gets="Everything", country="KE")
    return int(await home.write(processors.add, told, "staff:x", home.clock.now()))


def on_processor(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        return f"/settings/processors/{await _processor(who.office.home)}{action}", fields

    return sample


async def _back(who: Visitor) -> Request:
    home = who.office.home
    made = await _processor(home)
    await home.write(processors.remove, made, "staff:x", home.clock.now())
    entry = await home.read(value, "SELECT mark FROM processors WHERE tenant_id = :tenant AND id = :made", made=made)
    return "/settings/processors/back", {"mark": str(entry)}


async def _no_more_offers(who: Visitor) -> Request:
    device, person = await consent.agreed(who.office.home)
    return f"/guests/device/{device}/offers", {"person": str(person), "reason": "by phone"}


async def _told(who: Visitor) -> Request:
    home = who.office.home
    made = await home.db.write(None, bulletins.publish, "New terms", "They say more.", "command", home.clock.now())
    return "/account/notices", {"bulletin": str(made.id)}


def on_channel(action: str, **fields: str) -> Sample:
    async def sample(who: Visitor) -> Request:
        return f"/settings/alarms/{await alarms.channel(who.office.home)}/{action}", fields

    return sample


ROLES = {
    **dict.fromkeys(("/stock/sell", "/stock/batch/{id}/file", "/stock/account/file"), "agent"),
    **dict.fromkeys(
        ("/isps/new", "/isps/{id}/owner", "/isps/{id}/switch", "/isps/{id}/look", "/isps/leave"), "platform"
    ),
}  # whose form it is, where it is not an owner's
SAMPLES: dict[str, Sample] = {
    **samples_money.SAMPLES,
    **samples_rights.SAMPLES,
    "/guests/device/{device}/connect": on_device("connect"),
    "/guests/device/{device}/extend": on_device("extend", give="hour", reason="because", key=KEY),
    "/guests/device/{device}/move": on_device("move", mac="02:AA:00:00:00:09"),
    "/guests/device/{device}/note": on_device("note", text="a note"),
    "/guests/device/{device}/kick": on_device("kick"),
    "/guests/device/{device}/let-in": on_device("let-in"),
    "/guests/device/{device}/block": on_device("block", reason="because"),
    "/guests/device/{device}/unblock": on_device("unblock"),
    "/guests/device/{device}/pass/{pass_id}/end": end_pass,
    "/guests/device/{device}/data": on_device("data", form="json"),
    "/guests/device/{device}/erase": on_device("erase", reason="because"),
    "/payments/csv": plain("/payments/csv"),
    "/payments/money/{id}/match": match,
    "/payments/money/{id}/give": give,
    "/payments/money/{id}/return": send_back,
    "/payments/{id}/receipt": on_order("receipt", number="TKM4X7Y2ZQ"),
    "/payments/{id}/paid": on_order("paid", reason="seen"),
    "/takings/csv": plain("/takings/csv"),
    "/lines/done": line,
    "/vouchers/new": make_batch,
    "/vouchers/batch/{id}/finish": unfinished,
    "/vouchers/batch/{id}/file": print_batch,
    "/vouchers/batch/{id}/void": void_batch,
    "/sale": sell,
    "/stock/sell": hand,
    "/stock/batch/{id}/file": print_own,
    "/plans/new": plain("/plans/new", **GOOD),
    "/plans/{id}": on_plan("", **{**GOOD, "name": "Renamed", "price": "30"}),
    "/plans/{id}/sale": on_plan("/sale", sell="no"),
    "/plans/{id}/site": on_plan("/site", site="all"),
    "/plans/{id}/move": on_plan("/move", way="down"),
    "/stock/account/file": plain("/stock/account/file", span="month"),
    "/agents/{id}/account/file": on_agent("account/file", span="month"),
    "/agents/{id}/move": on_agent("move", kind="handed", batch="1", serials="1-2", count="2", key=KEY),
    "/agents/{id}/terms": on_agent("terms", percent="7.5", limit="5000"),
    "/agents/{id}/settle": on_agent("settle", cards=3, amount="20", key=KEY),
    "/compensation/new": _outage,
    "/compensation/{id}/finish": finish_outage,
    "/compensation/limits": plain("/compensation/limits", **LIMITS),
    "/export/{kind}": plain("/export/plans"),
    "/export/move": plain("/export/move", passphrase="four words and a river", again="four words and a river"),
    "/staff/invite": plain("/staff/invite", name="Wanjiru", email="wanjiru@isp.test", role="cashier"),
    "/staff/{id}/role": on_staff("role", role="support"),
    "/staff/{id}/state": on_staff("state", to="off"),
    "/staff/{id}/reset": on_staff("reset"),
    "/staff/{id}/second": on_staff("second"),
    "/routers/new": plain("/routers/new", **ROUTER),
    "/routers/{id}/pin": on_router("pin", fingerprint="ab" * 32),
    "/routers/{id}/change": on_router("change", **{**ROUTER, "name": "Renamed"}),
    "/routers/{id}/password": on_router("password", reason="because"),
    "/routers/{id}/switch": on_router("switch", state="off", reason="because"),
    "/routers/{id}/calls": on_router("calls", state="let", reason="because"),
    "/routers/{id}/allow": on_router("allow", reason="because"),
    "/settings/profile": plain("/settings/profile", **PROFILE),
    "/settings/look": plain("/settings/look", accent="#1d4ed8", welcome="", welcome_sw=""),
    "/settings/look/own": plain("/settings/look/own"),
    "/settings/mpesa": plain("/settings/mpesa", **ACCOUNT),
    "/settings/mpesa/{id}/keys": on_account("keys", consumer_key="k", consumer_secret="s", passkey="p"),
    "/settings/mpesa/{id}/state": on_account("state", to="off", reason="because"),
    "/settings/provider/{provider}": plain("/settings/provider/paystack", **PAYSTACK),
    "/imports/file": plain("/imports/file", source="csv", text="plan,price,time\n1 day,50,1d\n"),
    "/imports/router": import_router,
    "/imports/{id}/choose": on_import("/choose", days="7"),
    "/imports/{id}": on_import("", told=TOLD),
    "/support/open": plain("/support/open", hours="1", reason="because"),
    "/support/close": shut_window,
    "/isps/new": plain("/isps/new", **ISP),
    "/isps/{id}/owner": owner_of_isp,
    "/isps/{id}/switch": on_isp("switch", to="off", reason="because"),
    "/isps/{id}/look": look_in,
    "/isps/leave": plain("/isps/leave"),
    "/alarms/{id}/seen": on_alarm("seen"),
    "/alarms/{id}/mute": on_alarm("mute", to="on"),
    "/settings/retention/days": plain("/settings/retention/days", keep="session", days="100", reason="because"),
    "/settings/retention/hold": plain("/settings/retention/hold", reason="Order 7", **{"hold-session": "1"}),
    "/settings/retention/hold/{id}/lift": _lift,
    "/settings/processors/new": plain("/settings/processors/new", **PROCESSOR),
    "/settings/processors/back": _back,
    "/settings/processors/{id}": on_processor("", **PROCESSOR),
    "/settings/processors/{id}/remove": on_processor("/remove", reason="because"),
    "/account/notices": _told,
    "/settings/offers": plain("/settings/offers", to="on"),
    "/guests/device/{device}/offers": _no_more_offers,
    "/settings/notices/review": _publish,
    "/settings/notices/words": plain("/settings/notices/words", **{"words-en": "We close at ten."}),
    "/settings/leave": plain("/settings/leave", to="close", name="Kilimani Wi-Fi", reason="because"),
    "/settings/retention/clear": plain("/settings/retention/clear", reason="because"),
    "/settings/alarms": plain(
        "/settings/alarms", kind="webhook", address="https://hooks.example.test/x", key=KEY, **{"want-balance": "1"}
    ),
    "/settings/alarms/{id}/change": on_channel("change", **{"want-balance": "1", "active": "1"}),
    "/settings/alarms/{id}/test": on_channel("test"),
    "/settings/alarms/{id}/remove": on_channel("remove", reason="because"),
    "/account/end": plain("/account/end", login="others"),
    "/account/password": own_password,
    "/account/second": own_second,
}
