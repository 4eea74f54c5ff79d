"""Who the ISP is: what guests read, what stands in its papers, and when those end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from starlette.responses import Response

from portal import phone, spans
from portal.console import asked
from portal.console.desk import Desk
from portal.errors import Refused
from portal.tenancy import papers as paper_rules
from portal.tenancy import store as tenancy
from portal.tenancy.papers import Paper

LENGTHS = {
    "name": 60,
    "legal_name": 120,
    "email": 200,
    "address": 200,
    "support_phone": 30,
    "privacy_contact": 200,
    "protection_number": 60,
    "licence_number": 60,
    "tax_number": 30,
    "ssid": 32,
}
NAMES = (*LENGTHS, "tax_percent", "timezone", "language", "protection_until", "licence_until")
LANGUAGES = {"en": "English", "sw": "Swahili"}
_UNSEEN = re.compile(r"[\s\u115f\u1160\u3164\uffa0\u2800\u200b-\u200f\u202a-\u202e\u2066-\u2069]*")
_TRICKS = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # they turn the order of what is read
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s.]{2,}")


async def ask(desk: Desk) -> Response:
    """The form, with what is known."""
    tenant = desk.view.tenant
    known = {name: str(getattr(tenant, name) or "") for name in NAMES if name != "tax_percent"}
    return _form(desk, {**known, "tax_percent": f"{tenant.tax_bp / 100:g}" if tenant.tax_bp else ""})


def _form(desk: Desk, filled: Mapping[str, str], wrong: Refused | None = None) -> Response:
    return desk.page(
        "profile",
        wrong.status if wrong else 200,
        filled={name: filled.get(name, "")[:300] for name in NAMES},
        lengths=LENGTHS,
        zones=zones(),
        languages=LANGUAGES,
        papers=papers(desk),
        wrong=wrong.key if wrong else "",
    )


def papers(desk: Desk) -> list[Paper]:
    """The ISP's papers, and how long each is good for."""
    today = spans.today(desk.now, desk.view.tenant.timezone)
    return paper_rules.papers(desk.view.tenant, today)


def zones() -> list[str]:
    return sorted(each for each in available_timezones() if "/" in each and not each.startswith(("Etc/", "posix")))


async def change(desk: Desk) -> Response:
    """Keep what was typed; guests see it at once."""
    tenant = desk.view.tenant
    try:
        wished = wished_of(desk.fields)
    except Refused as wrong:
        return _form(desk, desk.fields, wrong)
    changed = {name: text for name, text in wished.items() if (text or None) != (getattr(tenant, name) or None)}
    if changed:
        before = {name: getattr(tenant, name) or "" for name in changed}
        subject = f"tenant:{tenant.public}"
        columns = {name: text or None if name.endswith("_until") else text for name, text in changed.items()}
        await desk.act("tenant.change", subject, tenancy.change_own, tenant.id, columns, before=before, after=changed)
        await desk.services.catalog.refresh()
    return desk.go("/console/settings/profile", "profile-saved")


def wished_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, checked; raises `Refused`."""
    wished: dict[str, Any] = {name: line(fields.get(name, ""), most, name) for name, most in LENGTHS.items()}
    if _UNSEEN.fullmatch(wished["name"]):
        raise Refused("profile-name")
    if len(wished["ssid"].encode()) > LENGTHS["ssid"]:
        raise Refused("profile-ssid")
    _must_ring(wished["support_phone"])
    if wished["email"] and not _EMAIL.fullmatch(wished["email"]):
        raise Refused("profile-email")
    if fields.get("timezone", "") not in available_timezones():
        raise Refused("profile-zone")
    wished["timezone"] = fields["timezone"]
    wished["language"] = asked.one_of(fields.get("language", "-"), tuple(LANGUAGES))
    wished["tax_bp"] = _percent(fields.get("tax_percent", "").strip())
    return {**wished, **{name: _until(fields.get(name, "")) for name in ("protection_until", "licence_until")}}


def line(text: str, most: int, name: str) -> str:
    """One line of plain text of at most so many characters; raises `Refused`."""
    plain = " ".join(text.split())
    if len(plain) > most or not plain.isprintable() or _TRICKS.search(plain):
        raise Refused(f"profile-{name}" if name in ("name", "ssid", "email") else "profile-line")
    return plain


def _must_ring(text: str) -> None:
    """A number that can be called: of a mobile phone, a landline or a short code."""
    if not text:
        return
    try:
        phone.parse(text)
    except Refused:
        if not re.fullmatch(r"\+?[0-9][0-9 ()/-]{2,24}", text, re.ASCII):
            raise Refused("profile-phone") from None


def _percent(text: str) -> int:
    """A rate such as ``16`` or ``7.5``, in hundredths of a per cent."""
    if not text:
        return 0
    if not re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,2})?", text, re.ASCII):
        raise Refused("profile-tax")
    return round(float(text) * 100)


def _until(text: str) -> str:
    day = asked.day(text.strip())
    if day:
        spans.named_day(day)
    return day
