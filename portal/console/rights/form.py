"""What staff type about a request, read strictly: of whom it is, when it came, and what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from portal import phone, spans
from portal.access import store as access
from portal.clock import Moment
from portal.console import asked
from portal.console.desk import Desk
from portal.console.guests import store as guests
from portal.console.guests.clues import mac_of
from portal.console.rights import view
from portal.errors import Refused
from portal.people.store import phone_index
from portal.phone import Phone
from portal.privacy.rights.clocks import RIGHTS, STAFF_CHANNELS
from portal.privacy.rights.service import LONGEST, Ask
from portal.seal import Vault
from portal.units import Unit

TYPED = ("kind", "channel", "received", "phone", "mac", "contact", "person")
CONTACT = 200


@dataclass(frozen=True, kw_only=True)
class Whose:
    """Of whom a request is said to be: by a number, by a MAC, or from the page of a device."""

    device_id: int | None = None
    person_id: int | None = None  # one of those who paid for the device
    phone: Phone | None = None
    mac: str | None = None


def filled(desk: Desk) -> dict[str, str]:
    """The form as it was typed, or as it begins."""
    kept = {name: desk.fields.get(name, "")[:CONTACT] for name in TYPED}
    today = spans.today(desk.now, desk.view.tenant.timezone).isoformat()
    if not desk.fields:
        kept |= {"received": today, "kind": "access", "channel": "counter"}
    return {**kept, "wish": desk.fields.get("wish", "")[:LONGEST], "today": today}


def read(desk: Desk) -> tuple[Ask, Whose]:
    """What was asked for, and of whom it is; raises `Refused`."""
    fields = desk.fields
    ask = Ask(
        kind=asked.one_of(fields.get("kind", "") or "-", tuple(RIGHTS)),
        channel=asked.one_of(fields.get("channel", "") or "-", STAFF_CHANNELS),
        received_at=_received(fields.get("received", ""), desk.now, desk.view.tenant.timezone),
        key=f"{desk.staff.id}:{asked.key(fields.get('key', ''))}",
        contact=_contact(fields.get("contact", "")),
        wish=fields.get("wish", ""),
    )
    return ask, _whose(desk)


def _received(text: str, now: Moment, timezone: str) -> Moment:
    """The day on which it came: now, when that is today; else its last moment, from which the days count alike."""
    try:
        day = date.fromisoformat(asked.day(text))
        if day == spans.today(now, timezone):
            return now
        return spans.midnight(day + timedelta(days=1), timezone) - 1
    except (ValueError, OverflowError, Refused):
        raise Refused("request-received") from None


def _contact(text: str) -> str:
    plain = " ".join(text.split())
    if len(plain) > CONTACT or not plain.isprintable():
        raise Refused("request-contact")
    return plain


def _whose(desk: Desk) -> Whose:
    number, mac = desk.fields.get("phone", "").strip(), desk.fields.get("mac", "").strip()
    found = mac_of(mac) if mac else None
    if mac and found is None:
        raise Refused("mac")
    return Whose(
        device_id=asked.number_or_none(desk.fields.get("device", "")),
        person_id=asked.number_or_none(desk.fields.get("person", "")),
        phone=phone.parse(number) if number else None,
        mac=found,
    )


@dataclass(frozen=True, kw_only=True)
class Known:
    """Whom the house found; the rest of what was typed says where the answer goes."""

    person_id: int | None
    device_id: int | None


def whose(vault: Vault, tenant_id: int, said: Whose) -> Unit[Known]:
    """Whom it is about. Raises `Refused` when the device is not there, or that person never paid for it."""
    device_id = said.device_id
    if device_id is not None and (yield from access.device(device_id)) is None:
        raise Refused("not-found", status=404)
    if said.person_id is not None:
        if device_id is None or said.person_id not in (yield from guests.payers(device_id, view.PAYERS)):
            raise Refused("form")
        return Known(person_id=said.person_id, device_id=device_id)
    if said.mac:
        found = yield from access.device_by_mac(said.mac)
        device_id = found.id if found else device_id
    person = None
    if said.phone:
        person = yield from guests.person_with(phone_index(vault, tenant_id, said.phone))
    return Known(person_id=person, device_id=device_id)


def where(ask: Ask, said: Whose, known: Known) -> str:
    """Where the answer goes: as it was typed, and a number or a MAC that nobody here has."""
    unknown = [said.phone.spoken] if said.phone and known.person_id is None else []
    unknown += [said.mac] if said.mac and known.device_id is None else []
    return " · ".join(each for each in (*unknown, ask.contact) if each)
