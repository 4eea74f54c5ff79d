"""The first page: any arrival finds its state again (R2): online, waiting, a payment being checked, or plans.

The page of plans is made once per version of the tenant, router and language; a request only picks the bytes.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from portal.access import admission, store
from portal.clock import Moment
from portal.pages import voucher
from portal.pages.doors import Services
from portal.pages.progress import MOVING, Arrival, arrive, left_ms, place
from portal.pages.visit import Ready, Visit, in_language, open_visit
from portal.tenancy.store import Tenant
from portal.texts import LANGUAGES
from portal.units import Unit
from portal.web import forms
from portal.web.answers import answer, see_other
from portal.web.security import refuse_foreign

_Key = tuple[int, int, str, str]


class Shelf:
    """Pages of plans, ready made."""

    def __init__(self) -> None:
        self._kept: dict[_Key, tuple[int, Ready]] = {}

    def plans(self, visit: Visit, note: str) -> Ready:
        """The page of plans as of the tenant's present version."""
        tenant, site = visit.view.tenant, visit.site
        key = (tenant.id, site.id, visit.lang, note)
        version, ready = self._kept.get(key, (-1, None))
        if ready is None or version != tenant.version:
            ready = Ready(plans_page(visit, note=note))
            self._kept[key] = (tenant.version, ready)
        return ready


def plans_page(visit: Visit, *, note: str = "", wrong: str = "", plan: str = "", phone: str = "") -> bytes:
    """The page of plans, with what the guest filled in and what is wrong with it."""
    offers = visit.view.plans_at(visit.site.id)
    chosen = plan or (offers[0].public if len(offers) == 1 else "")
    welcome = welcome_of(visit.view.tenant, visit.lang)
    return visit.html("home", welcome=welcome, plans=offers, note=note, wrong=wrong, chosen=chosen, phone=phone)


def welcome_of(tenant: Tenant, lang: str) -> str:
    """What the ISP says above the plans, in the guest's language if it has it."""
    return (tenant.welcome_sw if lang == "sw" else "") or tenant.welcome


async def home(services: Services, shelf: Shelf, request: Request) -> Response:
    visit = open_visit(services, request)
    asked = forms.query(request) if request.scope["query_string"] else {}
    if asked.get("lang") in LANGUAGES:
        return see_other(f"/w/{in_language(visit, asked['lang'])}/")
    now = services.clock.now()
    found = look(visit, now)
    kind = kind_of(found, visit, now)
    if visit.context and visit.context.code and not asked:
        offered = await voucher.scanned(visit, request, left_of(found, now))
        if offered is not None:
            return offered
    if kind != "none" and "buy" not in asked:
        return standing_page(visit, request, found, kind, asked.get("was", ""))
    return shelf.plans(visit, note_of(visit, found, kind)).answer(request)


def look(visit: Visit, now: Moment) -> Arrival:
    """What is known of the device of this visit."""
    assert visit.context is not None
    return visit.services.db.read_here(visit.view.tenant.id, arrive, visit.context.mac, visit.site.id, now)


def kind_of(found: Arrival, visit: Visit, now: Moment) -> str:
    """Where this device stands; a router that has just sent it here knows better that it is not online."""
    kind = place(found.standing, found.router, now)
    if kind == "none" and found.checking:
        return "checking"
    online = found.standing.online if found.standing else None
    if kind == "online" and online and visit.context and online.seen_at < visit.context.issued_at:
        return "connecting"
    return kind


def note_of(visit: Visit, found: Arrival, kind: str) -> str:
    """What to say above the plans."""
    if visit.context and visit.context.note:
        return visit.context.note
    return "ended" if found.ended and kind == "none" else ""


def left_of(found: Arrival, now: Moment) -> int:
    """The time that the device has already."""
    head = found.standing.head if found.standing else None
    return left_ms(head, now) if head else 0


def standing_page(visit: Visit, request: Request, found: Arrival, kind: str, was: str) -> Response:
    """What a claimed MAC alone may see: online, time left, waiting (R3)."""
    assert visit.context is not None
    html = visit.html(
        "here",
        kind=kind,
        moving=kind in MOVING,
        left=left_of(found, visit.services.clock.now()),
        orig=visit.context.orig if kind == "online" else "",
        arrived=was == "waiting" and kind == "online",
        hotspot=visit.site.hotspot_host,
    )
    return answer(request, html)


async def state(services: Services, request: Request) -> Response:
    """The same in one word, for the page's script."""
    visit = open_visit(services, request)
    now = services.clock.now()
    return JSONResponse({"s": kind_of(look(visit, now), visit, now)})


async def connect(services: Services, request: Request) -> Response:
    """The guest asks to be connected; the claimed MAC may do that for itself (R3)."""
    refuse_foreign(request, services.settings.public_url)
    visit = open_visit(services, request)
    assert visit.context is not None
    await forms.form(request)
    await services.db.write(visit.view.tenant.id, tap_mac, visit.context.mac, services.clock.now())
    return see_other("./?was=waiting")


def tap_mac(mac: str, now: Moment) -> Unit[None]:
    """Connect the device with this MAC if we know it."""
    device = yield from store.device_by_mac(mac)
    if device is not None:
        yield from admission.tap(device.id, now)
