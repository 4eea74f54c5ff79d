"""The owner's status page: time and data left, what comes next, devices; and what the owner may do.

Reached with proof only. Each act checks that the pass or device it names belongs to the proven pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from portal.access import admission, store
from portal.clock import Moment
from portal.errors import Refused
from portal.pages.context import parse_mac
from portal.pages.doors import Services
from portal.pages.progress import MOVING, Holding, holding, left_ms, let_in, place
from portal.pages.proof import Proof, open_proof, seal_proof
from portal.pages.waiting import open_purchase
from portal.texts import LANGUAGES
from portal.units import Unit
from portal.web import forms
from portal.web.answers import see_other
from portal.web.security import refuse_foreign

WAS = frozenset({"claimed", "done", "entered", "redeemed", "resumed", "added", "moved"})
SILENT = frozenset({"", "done", "entered"})  # of these nothing is said

Act = Callable[[Holding, Mapping[str, str], Moment], Unit[None]]


async def of_purchase(services: Services, request: Request) -> Response:
    """The purchase's own token is proof of its pass."""
    visit, found = await open_purchase(services, request)
    if found.bought is None:
        return see_other(f"./?{request.scope['query_string'].decode('ascii', 'ignore')}")
    if visit.router is None and found.payment.router_id:
        visit = visit.at(found.payment.router_id)
    return see_other(f"/s/{seal_proof(visit, found.bought.id)}/")


async def status(services: Services, request: Request) -> Response:
    proof = open_proof(services, request)
    asked = forms.query(request)
    if asked.get("lang") in LANGUAGES:
        return see_other(f"/s/{seal_proof(proof.visit, proof.pass_id, asked['lang'])}/")
    return await show(proof, request, asked.get("was", ""))


async def show(proof: Proof, request: Request, was: str = "", wrong: str = "", code: int = 200) -> Response:
    """The status page, with what just happened or went wrong."""
    visit, now = proof.visit, proof.visit.services.clock.now()
    found, kind = await stands(proof, now, was == "entered")
    was = was if was in WAS else ""
    orig = visit.context.orig if visit.context and kind == "online" else ""
    return visit.page(
        request,
        "status",
        code,
        kind=kind,
        moving=kind in MOVING,
        one=found.one,
        left=left_ms(found.one, now),
        later=[each for each in found.queue if each.id != found.one.id],
        devices=found.devices,
        wrong=wrong,
        was=was,
        orig=orig,
        arrived=bool(orig) and was in ("claimed", "entered", "redeemed", "resumed", "moved"),
        said=was not in SILENT,
        enters=kind == "enter" and visit.context is not None,
        leaves=was == "done" and kind == "held" and _is_at_radius(proof, found),
        hotspot=visit.router.hotspot_host if visit.router else "",
        viewer=found.viewer,
        home=f"/w/{visit.token}/" if visit.context else "",
    )


def _is_at_radius(proof: Proof, found: Holding) -> bool:
    """Whether the router still has this device online, and may have to be told by the device itself."""
    if proof.visit.context is None or proof.visit.site.mode != "radius":
        return False
    return found.standing is not None and found.standing.online is not None


async def stands(proof: Proof, now: Moment, entered: bool = False) -> tuple[Holding, str]:
    """The proven pass, and where it stands in one word."""
    services, tenant_id = proof.visit.services, proof.visit.view.tenant.id
    found = await services.db.read(tenant_id, holding, proof.pass_id, proof.router_id, proof.mac, now)
    if found is None:
        raise Refused("no-pass", status=404)
    if found.leads:
        return found, let_in(place(found.standing, found.router, now), entered)
    return found, "ended" if found.one.state == "ended" else "added"


async def state(services: Services, request: Request) -> Response:
    """The same in one word, for the page's script."""
    entered = forms.query(request).get("was") == "entered"
    _, kind = await stands(open_proof(services, request), services.clock.now(), entered)
    return JSONResponse({"s": kind})


async def act(services: Services, request: Request, what: Act) -> Response:
    """Do what the owner asked, in one transaction, and show the result."""
    refuse_foreign(request, services.settings.public_url)
    proof = open_proof(services, request)
    fields = await forms.form(request)
    now = services.clock.now()
    try:
        await services.db.write(proof.visit.view.tenant.id, owned, proof, what, fields, now)
    except Refused as wrong:
        if wrong.key not in ("mac", "devices-full", "device-owner", "pass-ended"):
            raise
        return await show(proof, request, wrong=wrong.key, code=422)
    return see_other("./?was=done")


def owned(proof: Proof, what: Act, fields: Mapping[str, str], now: Moment) -> Unit[None]:
    """Do it to the proven pass."""
    found = yield from holding(proof.pass_id, proof.router_id, proof.mac, now)
    if found is None:
        raise Refused("no-pass", status=404)
    yield from what(found, fields, now)


def _device_of(found: Holding, fields: Mapping[str, str]) -> int:
    """The device that a form names, if it uses this pass; else the one that asks."""
    mac = fields.get("mac", "")
    if not mac:
        return found.viewer
    device_id = next((each.id for each in found.devices if each.mac == parse_mac(mac)), None)
    if device_id is None:
        raise Refused("mac")
    return device_id


def connect(found: Holding, fields: Mapping[str, str], now: Moment) -> Unit[None]:
    """Let a device in again."""
    yield from admission.tap(_device_of(found, fields), now)


def disconnect(found: Holding, fields: Mapping[str, str], now: Moment) -> Unit[None]:
    """Keep a device off until its owner taps Connect; one that uses this pass, and nothing of its own."""
    device_id = _device_of(found, fields)
    stands = yield from admission.standing(device_id, now)
    if stands is None or stands.head is None or stands.head.id != found.one.id:
        raise Refused("mac")
    yield from admission.hold(device_id, "guest", None, now)


def start(found: Holding, fields: Mapping[str, str], now: Moment) -> Unit[None]:
    """Start a pass that is queued, instead of the running one."""
    wanted = next((each for each in found.queue if str(each.id) == fields.get("pass")), None)
    if wanted is None or not found.leads:
        raise Refused("no-pass", status=404)
    yield from admission.start_now(wanted.id, now)


def add(found: Holding, fields: Mapping[str, str], now: Moment) -> Unit[None]:
    """Let a further device in by its MAC: a television has no browser."""
    device = yield from store.touch_device(parse_mac(fields.get("mac", "")), None, now)
    yield from admission.add_device(found.one.id, device.id, now)


def remove(found: Holding, fields: Mapping[str, str], now: Moment) -> Unit[None]:
    """Take a further device off the pass."""
    yield from admission.remove_device(found.one.id, _device_of(found, fields), now)
