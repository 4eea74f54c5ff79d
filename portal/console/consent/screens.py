"""The screens of consent: asking guests or not, and taking it back for a guest who says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.errors import Refused
from portal.people import store as people
from portal.phone import Phone
from portal.privacy.consent import service, store
from portal.privacy.consent.store import Decided
from portal.privacy.consent.wording import PURPOSE
from portal.privacy.notices import service as notices
from portal.seal import Vault
from portal.units import Unit

HOME = "/console/settings/offers"


async def overview(desk: Desk) -> Response:
    """Whether guests are asked, by which text, and how many agreed."""
    operator = desk.services.settings.data_protection_contact
    return desk.page(
        "offers",
        on=await desk.read(store.is_asked, PURPOSE),
        many=await desk.read(store.how_many, PURPOSE),
        review=await desk.read(notices.review, desk.view.tenant, operator, PURPOSE),
    )


async def switch(desk: Desk) -> Response:
    """Ask guests from now on, or no longer."""
    on = asked.one_of(desk.fields.get("to") or "-", ("on", "off")) == "on"
    args = (desk.view.tenant, desk.services.settings.data_protection_contact, on, f"staff:{desk.staff.public}")
    await desk.act("offers.on" if on else "offers.off", "offers", service.ask_guests, *args, desk.now)
    return desk.go(HOME, "offers-on" if on else "offers-off")


@dataclass(frozen=True, kw_only=True)
class Guest:
    """Somebody who paid for a device, and what they decided, the latest first."""

    id: int
    phone: Phone | None
    decided: Sequence[Decided]


def _guests(vault: Vault, device_id: int) -> Unit[list[Guest]]:
    found = []
    for person_id in (yield from store.people_of_device(device_id)):
        person = yield from people.person(vault, person_id)
        phone = person.phone if person else None
        found.append(Guest(id=person_id, phone=phone, decided=(yield from store.all_of(person_id))))
    return found


def _device(desk: Desk) -> int:
    return asked.number(desk.request.path_params["device"])


async def of_device(desk: Desk) -> Response:
    """What those who paid for a device decided."""
    return await _of_device(desk, _device(desk))


async def _of_device(desk: Desk, device_id: int, wrong: Refused | None = None) -> Response:
    found: list[Guest] = await desk.read(_guests, desk.services.vault, device_id)
    if not found:
        raise Refused("not-found", status=404)
    status, reason = wrong.status if wrong else 200, desk.fields.get("reason", "")[: asked.MAX_NOTE]
    return desk.page(
        "guest_offers", status, guests=found, device_id=device_id, reason=reason, wrong=wrong.key if wrong else ""
    )


async def take_back(desk: Desk) -> Response:
    """A guest said that they want no more offers."""
    device_id, person_id = _device(desk), asked.number(desk.fields.get("person", ""))
    try:
        reason = asked.reason(desk.fields.get("reason", ""))
        await desk.act(
            "offers.back",
            f"person:{person_id}",
            _take_back,
            *(device_id, person_id, reason, f"staff:{desk.staff.public}", desk),
            after={"how": reason},
        )
    except Refused as wrong:
        return await _of_device(desk, device_id, wrong)
    return desk.go(f"/console/guests/device/{device_id}/offers", "offers-back")


def _take_back(device_id: int, person_id: int, proof: str, actor: str, desk: Desk) -> Unit[None]:
    if person_id not in (yield from store.people_of_device(device_id)):
        raise Refused("not-found", status=404)
    if (yield from service.take_back(person_id, "console", proof, actor, desk.now)) is None:
        raise Refused("offers-none", status=409)


SCREENS = (
    get("/settings/offers", "tenant", overview),
    post("/settings/offers", "tenant.change", switch),
    get("/guests/device/{device}/offers", "guests", of_device),
    post("/guests/device/{device}/offers", "guests.help", take_back),
)
