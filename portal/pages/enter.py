"""At a router in RADIUS mode the guest's browser finishes the login (R2): it goes there with a one-time password.

What stands in the router's address is worth nothing after its first use, after a minute, and in the hands of any
other device. It is made at the moment of going there, so a page that was left open leads to a fresh one; our own
addresses and logs never hold it. The way leads only to the host that is registered for the router (R3), and back.
"""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from portal.errors import Refused
from portal.pages.doors import Services
from portal.pages.home import kind_of, look
from portal.pages.proof import open_proof
from portal.pages.visit import Visit, open_visit
from portal.pages.waiting import open_purchase, tail
from portal.web.answers import see_other

WAS = "was=entered"  # in the address to which the router leads back


async def of_arrival(services: Services, request: Request) -> Response:
    """From the first page."""
    visit = open_visit(services, request)
    return await go(visit, f"/w/{visit.token}/?{WAS}")


async def of_purchase(services: Services, request: Request) -> Response:
    """From the page of a payment."""
    visit, _ = await open_purchase(services, request)
    return await go(visit, f"/p/{request.path_params['token']}/{tail(visit)}&{WAS}")


async def of_pass(services: Services, request: Request) -> Response:
    """From the page of a proven pass."""
    visit = open_proof(services, request).visit
    return await go(visit, f"/s/{request.path_params['token']}/?{WAS}")


async def leave(services: Services, request: Request) -> Response:
    """To the router's own logout, for a guest who has disconnected here: it may be that nobody else can tell it."""
    visit = open_proof(services, request).visit
    if visit.context is None or visit.site.mode != "radius":
        return see_other("./")
    return see_other(f"{router_url(visit, 'logout')}?erase-cookie=on")


async def go(visit: Visit, back: str) -> Response:
    """To the router with a fresh one-time login, if it is of any use to this device; else to where it stands."""
    services = visit.services
    if visit.context is None or visit.site.mode != "radius" or services.ticket is None:
        raise Refused("old-link", status=404)
    now = services.clock.now()
    if kind_of(await look(visit, now), visit, now, inside=False) not in ("enter", "online"):
        return see_other(back)
    tenant_id = visit.view.tenant.id
    name, password = services.ticket(services.vault, tenant_id, visit.site.id, visit.context.mac, now)
    query = {"username": name, "password": password, "dst": f"{services.settings.public_url.rstrip('/')}{back}"}
    return see_other(f"{router_url(visit, 'login')}?{urlencode(query)}")


def router_url(visit: Visit, page: str) -> str:
    """A page of the router itself, at the host that is registered for it."""
    secure = visit.context is not None and visit.context.secure
    return f"{'https' if secure else 'http'}://{visit.site.hotspot_host}/{page}"
