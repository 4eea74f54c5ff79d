"""The register of what was handed to authorities, and the form that makes the file of an order."""

from __future__ import annotations

import ipaddress

from starlette.responses import Response

from portal import phone
from portal.clock import Moment
from portal.console import asked
from portal.console.desk import Desk
from portal.console.guests.clues import mac_of
from portal.console.incidents.when import moment
from portal.console.screens import get, post
from portal.errors import Refused
from portal.phone import Phone
from portal.privacy.disclosures import service, store
from portal.privacy.disclosures.service import Order
from portal.staff import store as staff

HOME = "/console/disclosures"
PAGE = 50
EVER = 1 << 62
TYPED = ("reference", "authority", "officer", "phone", "mac", "address", "since", "until")


async def listed(desk: Desk) -> Response:
    """All of them, the newest first."""
    before = asked.number_or_none(desk.query.get("before", ""))
    found = await desk.read(store.page, desk.services.vault, before or EVER, PAGE + 1)
    return desk.page(
        "disclosures",
        lines=found[:PAGE],
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        names=await desk.read(staff.names),
    )


async def ask_new(desk: Desk) -> Response:
    return _new(desk)


def _new(desk: Desk, wrong: Refused | None = None) -> Response:
    return desk.page(
        "disclosure_new",
        wrong.status if wrong else 200,
        filled={name: desk.fields.get(name, "")[: service.LONGEST] for name in TYPED},
        key=asked.new_key(),
        wrong=wrong.key if wrong else "",
    )


async def make(desk: Desk) -> Response:
    """The file of the order; it is in the register before its first byte leaves."""
    try:
        order = _order(desk)
        made = await desk.act(
            "disclosure.make",
            lambda made: f"disclosure:{made.id}",
            service.disclose,
            *(desk.services.vault, desk.view.tenant, order, desk.staff.id, desk.now),
            after={"reference": order.reference.strip(), "authority": order.authority.strip()},
        )
    except Refused as wrong:
        if wrong.key in ("form", "not-found"):
            raise
        if wrong.key == "order-there":
            return desk.go(HOME, "order-there")
        return _new(desk, wrong)
    headers = {"content-disposition": f'attachment; filename="disclosure-{made.id}.csv"'}
    return Response(made.body, media_type="text/csv; charset=utf-8", headers=headers)


def _order(desk: Desk) -> Order:
    fields, zone = desk.fields, desk.view.tenant.timezone
    return Order(
        reference=fields.get("reference", ""),
        authority=fields.get("authority", ""),
        officer=fields.get("officer", ""),
        span=(_when(fields.get("since", ""), zone), _when(fields.get("until", ""), zone)),
        key=f"{desk.staff.id}:{asked.key(fields.get('key', ''))}",
        phone=_phone(fields.get("phone", "").strip()),
        mac=_mac(fields.get("mac", "").strip()),
        address=_address(fields.get("address", "").strip()),
    )


def _when(text: str, zone: str) -> Moment:
    found = moment(text, zone)
    if found is None:
        raise Refused("incident-when")
    return found


def _phone(text: str) -> Phone | None:
    return phone.parse(text) if text else None


def _mac(text: str) -> str | None:
    if not text:
        return None
    found = mac_of(text)
    if found is None:
        raise Refused("mac")
    return found


def _address(text: str) -> str | None:
    if not text:
        return None
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise Refused("order-address") from None


SCREENS = (
    get("/disclosures", "disclosures", listed),
    get("/disclosures/new", "disclosures.make", ask_new),
    post("/disclosures/new", "disclosures.make", make, proof=True),
)
