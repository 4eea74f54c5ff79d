"""The first page: any arrival finds its state again (R2): online, waiting, a payment being checked, or plans.

The page of plans is made once per version of the tenant, router and language, and again when a sale begins or ends; a
request only picks the bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from portal.access import admission, store
from portal.access.hours import is_open, local_day, still_sold
from portal.access.plans import Plan
from portal.access.trials import again_on
from portal.clock import Moment
from portal.errors import Refused
from portal.pages import voucher
from portal.pages.doors import Services
from portal.pages.progress import MOVING, Arrival, arrive, left_ms, let_in, place
from portal.pages.visit import Ready, Visit, in_language, open_visit
from portal.tenancy.store import Tenant
from portal.texts import LANGUAGES
from portal.units import Unit
from portal.web import forms
from portal.web.answers import answer, see_other
from portal.web.security import refuse_foreign

_Key = tuple[int, int, str, str, str]
UNENTERED = ("router-silent", "not-let-in")  # notes for who has time and was not let in by the router
NONE, OFFER = "", "offer"  # of the free trial; else the day from which this device may have the next one


@dataclass(slots=True)
class _Kept:
    """A page, and what it is true for: a version of the ISP, and a span in which nothing begins or ends."""

    version: int
    since: Moment
    until: Moment
    ready: Ready


class Shelf:
    """Pages of plans, ready made."""

    def __init__(self, most: int = 4096) -> None:
        self._kept: dict[_Key, _Kept] = {}
        self._most = most  # pages in all; they are made anew when there are more

    def plans(self, visit: Visit, note: str, now: Moment, trial: str = NONE) -> Ready:
        """The page of plans as of now and of the tenant's present version."""
        tenant, site = visit.view.tenant, visit.site
        key = (tenant.id, site.id, visit.lang, note, trial)
        kept = self._kept.get(key)
        if kept is None or kept.version != tenant.version or not kept.since <= now < kept.until:
            kept = self._make(visit, note, now, trial)
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[key] = kept
        return kept.ready

    def _make(self, visit: Visit, note: str, now: Moment, trial: str) -> _Kept:
        until = visit.view.changes_at(visit.site.id, now)
        return _Kept(visit.view.tenant.version, now, until, Ready(plans_page(visit, now, note=note, trial=trial)))


def plans_page(
    visit: Visit, now: Moment, *, note: str = "", wrong: Refused | None = None, trial: str = NONE, **typed: str
) -> bytes:
    """The page of plans, with what the guest filled in (`plan`, `phone`) and what is wrong with it."""
    view, site_id = visit.view, visit.site.id
    offers = [each for each in view.plans_at(site_id) if offered(visit, each, now, typed.get("plan", ""))]
    chosen = typed.get("plan", "") or (offers[0].public if len(offers) == 1 else "")
    again = view.next_sale(site_id, now) if not offers else None
    return visit.html(
        "home",
        welcome=welcome_of(view.tenant, visit.lang),
        plans=offers,
        opens=visit.clock_words(again) if again else "",
        note=note,
        wrong=wrong.key if wrong else "",
        values=wrong.values if wrong else {},
        chosen=chosen,
        phone=typed.get("phone", ""),
        trial=view.trial_at(site_id, now) if trial == OFFER else None,
        tried=visit.day_words(date.fromisoformat(trial)) if trial not in (NONE, OFFER) else "",
    )


def offered(visit: Visit, plan: Plan, now: Moment, chosen: str) -> bool:
    """Whether it is on sale now; what the guest has chosen stays a little longer."""
    open_at = still_sold if plan.public == chosen else is_open
    return open_at(plan.hours, now, visit.view.tenant.timezone)


def welcome_of(tenant: Tenant, lang: str) -> str:
    """What the ISP says above the plans, in the guest's language if it has it."""
    return (tenant.welcome_sw if lang == "sw" else "") or tenant.welcome


async def home(services: Services, shelf: Shelf, request: Request) -> Response:
    visit = open_visit(services, request)
    asked = forms.query(request) if request.scope["query_string"] else {}
    if asked.get("lang") in LANGUAGES:
        return see_other(f"/w/{in_language(visit, asked['lang'])}/")
    now = services.clock.now()
    found = await look(visit, now)
    kind = kind_of(found, visit, now, inside=is_inside(visit, asked))
    if visit.context and visit.context.code and not asked:
        offered = await voucher.scanned(visit, request, left_of(found, now))
        if offered is not None:
            return offered
    if kind != "none" and "buy" not in asked:
        return standing_page(visit, request, found, kind, asked.get("was", ""))
    return shelf.plans(visit, note_of(visit, found, kind), now, trial_of(visit, found, kind, now)).answer(request)


async def look(visit: Visit, now: Moment) -> Arrival:
    """What is known of the device of this visit."""
    assert visit.context is not None
    return await visit.services.db.read_here(
        visit.view.tenant.id, arrive, visit.context.mac, visit.site.id, now, visit.view.tries
    )


def is_inside(visit: Visit, asked: Mapping[str, str]) -> bool:
    """Whether the router has said of this device that it is logged in: as it came, or on the way back from there."""
    return asked.get("was") == "entered" or (visit.context is not None and visit.context.inside)


def kind_of(found: Arrival, visit: Visit, now: Moment, *, inside: bool) -> str:
    """Where this device stands; a router that has just sent it here knows better whether it is online."""
    kind = place(found.standing, found.router, now)
    if kind == "none" and found.checking:
        return "checking"
    online = found.standing.online if found.standing else None
    stale = kind == "online" and online and visit.context and online.seen_at < visit.context.issued_at
    if stale and not inside:
        return "enter" if visit.site.mode == "radius" else "connecting"
    return let_in(kind, inside)


def note_of(visit: Visit, found: Arrival, kind: str) -> str:
    """What to say above the plans."""
    if visit.context and visit.context.note not in ("", *UNENTERED):
        return visit.context.note
    return "ended" if found.ended and kind == "none" else ""


def trial_of(visit: Visit, found: Arrival, kind: str, now: Moment) -> str:
    """What the page says of the free trial: nothing, that this device may have it, or the day of the next one."""
    if not visit.view.tries or kind != "none" or (found.standing and found.standing.device.hold.blocked):
        return NONE
    if not found.tried:
        return OFFER  # if there is one at this hour, which the page knows
    plan = visit.view.trial_at(visit.site.id, now)
    again = again_on(plan, found.tried, local_day(now, visit.view.tenant.timezone)) if plan else None
    return again.isoformat() if again else OFFER


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
        arrived=was in ("waiting", "entered") and kind == "online",
        was="entered" if was == "entered" else "waiting",
        note=visit.context.note if kind == "enter" else "",
        enters=kind == "enter" and not visit.context.note,
        hotspot=visit.site.hotspot_host,
    )
    return answer(request, html)


async def state(services: Services, request: Request) -> Response:
    """The same in one word, for the page's script."""
    visit = open_visit(services, request)
    now, inside = services.clock.now(), is_inside(visit, forms.query(request))
    return JSONResponse({"s": kind_of(await look(visit, now), visit, now, inside=inside)})


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
