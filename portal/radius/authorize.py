"""May this device be online? By its MAC, by a one-time login, or by a voucher's code as the name.

Bando checks the password itself, also a CHAP one: it knows what it has to be, FreeRADIUS only asks. The first two are
one read; a one-time login is used up afterwards, when FreeRADIUS is about to say yes (`use_up`); a voucher is redeemed
through the door and the guess limits of the guest's page.
"""

from __future__ import annotations

from portal.access.catalog import TenantView
from portal.clock import Moment
from portal.errors import Refused
from portal.radius import store, tickets, wording
from portal.radius.contact import heard
from portal.radius.doors import Doors
from portal.radius.names import Named, class_of
from portal.radius.packet import Attributes, BadPacket, Login, login_of, mac_in
from portal.radius.replies import Answer, accept, reject
from portal.radius.standing import Stands, stands
from portal.radius.terms import terms_of
from portal.radius.tickets import Ticket
from portal.tenancy.store import Router

TO_USE_UP = "control:Bando-Use-Up"  # tells our configuration of FreeRADIUS to ask `use_up`, too


async def authorize(doors: Doors, given: Attributes) -> Answer:
    """The answer to an Access-Request."""
    login = login_of(given)
    view, router = _place(doors, login)
    await heard(doors, router)
    if doors.hosts is not None:
        doors.hosts.note(router.id, login.mac)
    if not (view.tenant.active and router.active):
        return reject(wording.sentence("off", view.tenant))
    ticket = tickets.read(login.name)
    if ticket is not None:
        return await _by_ticket(doors, view, router, login, ticket)
    named = mac_in(login.name)
    if named == login.mac:
        # Whoever the router sees as this device needs no password: it is let in by what it is.
        return _answer(doors, view, router, await _stands(doors, router, login.mac, doors.clock.now()))
    if named and not login.name.isalnum():
        return reject(wording.sentence("not-yours", view.tenant))
    return await _by_voucher(doors, view, router, login)


def _place(doors: Doors, login: Login) -> tuple[TenantView, Router]:
    found = doors.router_at(login.source)
    if found is None:
        raise BadPacket("no router has this source")
    return found


async def _stands(doors: Doors, router: Router, mac: str, now: Moment) -> Stands:
    return await doors.db.read_here(router.tenant_id, stands, mac, router.id, now)


def _answer(doors: Doors, view: TenantView, router: Router, found: Stands, *, ports: int = 1) -> Answer:
    if found.allowance is None or found.device_id is None:
        return reject(wording.sentence(found.why, view.tenant))
    now = doors.clock.now()
    named = Named(found.device_id, found.allowance.pass_id, now, terms_of(found.allowance, now))
    return accept(found.allowance, class_=class_of(doors.vault, view.tenant.id, router.id, named), ports=ports)


async def _by_ticket(doors: Doors, view: TenantView, router: Router, login: Login, ticket: Ticket) -> Answer:
    now = doors.clock.now()
    if not _is_genuine(doors, router, login, ticket) or not ticket.good_at(now):
        return reject(wording.sentence("ticket", view.tenant))
    found = await _stands(doors, router, login.mac, now)
    if not _unused(found, ticket, login.session):
        return reject(wording.sentence("ticket", view.tenant))
    answer = _answer(doors, view, router, found)
    if answer.status != 200:
        return answer
    return Answer(status=200, attributes={**(answer.attributes or {}), TO_USE_UP: 1})


def _is_genuine(doors: Doors, router: Router, login: Login, ticket: Ticket) -> bool:
    secret = tickets.password_of(doors.vault, router.tenant_id, router.id, login.mac, ticket)
    return tickets.proven(secret, login.password, login.chap)


def _unused(found: Stands, ticket: Ticket, session: str) -> bool:
    """Whether `store.use_ticket` would take it."""
    if found.ticket_at is None or found.ticket_at < ticket.issued_at:
        return True
    return (found.ticket_at, found.ticket_session) == (ticket.issued_at, ticket.use(session))


async def use_up(doors: Doors, given: Attributes) -> Answer:
    """A one-time login is used, durably, before FreeRADIUS says yes; 401 when another session came first."""
    login = login_of(given)
    view, router = _place(doors, login)
    ticket = tickets.read(login.name)
    if ticket is None or not _is_genuine(doors, router, login, ticket):
        raise BadPacket("no one-time login")
    used = await doors.db.write_here(
        router.tenant_id, store.use_ticket, login.mac, ticket.issued_at, ticket.use(login.session)
    )
    return Answer() if used else reject(wording.sentence("ticket", view.tenant))


async def _by_voucher(doors: Doors, view: TenantView, router: Router, login: Login) -> Answer:
    """The code is the secret: the password is empty, or the code again."""
    if not any(tickets.proven(each, login.password, login.chap) for each in ("", login.name)):
        return reject(wording.sentence("password", view.tenant))
    try:
        # The router says so itself that this device is there.
        await doors.vouchers.redeem(view, router, mac=login.mac, text=login.name, source=login.source, seen=True)
    except Refused as refused:
        return reject(wording.refused(refused, view.tenant))
    found = await _stands(doors, router, login.mac, doors.clock.now())
    return _answer(doors, view, router, found, ports=found.ports)
