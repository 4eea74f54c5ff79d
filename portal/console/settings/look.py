"""How the guest pages look: the ISP's colour, its logo and its welcome, with the real page beside the form."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.responses import Response

from portal.access.catalog import TenantView
from portal.console.desk import Desk
from portal.console.settings.profile import line
from portal.errors import Misconfigured, Refused
from portal.pages import preview as guests
from portal.tenancy import logos, look, marks
from portal.tenancy import store as tenancy
from portal.texts import LANGUAGES
from portal.units import Unit
from portal.web.answers import answer

LONGEST = 120
NAMES = ("accent", "welcome", "welcome_sw")
SAMPLES = ("#0a6349", "#1d4ed8", "#7c2d92", "#b4232a", "#9a5b00", "#3f4a54")


@dataclass(frozen=True, kw_only=True)
class Wished:
    """What was typed, and the logo that came with it; "" for `drop` when it stays."""

    columns: Mapping[str, str]
    png: bytes | None
    drop: bool


async def ask(desk: Desk) -> Response:
    """The form, with the page as it is now."""
    tenant = desk.view.tenant
    return _form(desk, {name: getattr(tenant, name) for name in NAMES})


def _form(desk: Desk, filled: Mapping[str, str], wrong: Refused | None = None) -> Response:
    return desk.page(
        "look",
        wrong.status if wrong else 200,
        filled={name: filled.get(name, "")[:200] for name in NAMES},
        samples=SAMPLES,
        longest=LONGEST,
        has_logo=bool(desk.view.mark),
        moved=_moved(desk.view.tenant.accent),
        wrong=wrong.key if wrong else "",
    )


def _moved(colour: str) -> list[tuple[str, str]]:
    """What became of the colour where it could not be read: on which pages, and which colour stands for it."""
    if not colour:
        return []
    schemes = (("light", False), ("dark", True))
    return [(word, look.shades(colour, dark).accent) for word, dark in schemes if look.adjusted(colour, dark)]


def wished(fields: Mapping[str, str], files: Mapping[str, bytes]) -> Wished:
    """What was typed; raises `Refused`."""
    accent = look.parse(fields.get("accent", ""))
    welcomes = {name: line(fields.get(name, ""), LONGEST, name) for name in ("welcome", "welcome_sw")}
    png = files.get("logo")
    if png is not None:
        try:
            logos.check(png)
        except Misconfigured:
            raise Refused("look-logo") from None
    return Wished(columns={"accent": accent, **welcomes}, png=png, drop=fields.get("drop") == "1")


async def change(desk: Desk) -> Response:
    """Keep it; guests see it at once."""
    tenant = desk.view.tenant
    try:
        asked_for, small = await asyncio.to_thread(_drawn, desk.fields, desk.files)
    except Refused as wrong:
        return _form(desk, desk.fields, wrong)
    except Misconfigured:
        return _form(desk, desk.fields, Refused("look-detail"))
    before = {name: getattr(tenant, name) for name in NAMES}
    gone = asked_for.drop and await desk.read(tenancy.logo) is not None
    if asked_for.columns == before and not small and not gone:
        return desk.go("/console/settings/look", "look-saved")
    after = {**asked_for.columns, **({"logo": "another one"} if small else {"logo": "none"} if asked_for.drop else {})}
    await desk.act(
        "look.change", f"tenant:{tenant.public}", _keep, tenant.id, asked_for, small, before=before, after=after
    )
    await desk.services.catalog.refresh()
    return desk.go("/console/settings/look", "look-saved")


def _drawn(fields: Mapping[str, str], files: Mapping[str, bytes]) -> tuple[Wished, bytes | None]:
    """What was typed, and its logo made small: up to a second of work, beside what guests wait for."""
    asked_for = wished(fields, files)
    return asked_for, marks.small(asked_for.png) if asked_for.png else None


def _keep(tenant_id: int, asked_for: Wished, small: bytes | None) -> Unit[None]:
    if asked_for.png is not None or asked_for.drop:
        yield from tenancy.set_logo(asked_for.png, small)
    yield from tenancy.change_own(tenant_id, asked_for.columns)


async def own(desk: Desk) -> Response:
    """Bando's own look again; the logo on cards stays."""
    tenant = desk.view.tenant
    plain = dict.fromkeys(NAMES, "")
    before = {name: getattr(tenant, name) for name in NAMES}
    await desk.act("look.own", f"tenant:{tenant.public}", _undress, tenant.id, plain, before=before)
    await desk.services.catalog.refresh()
    return desk.go("/console/settings/look", "look-own")


def _undress(tenant_id: int, plain: Mapping[str, str]) -> Unit[None]:
    png = yield from tenancy.logo()
    yield from tenancy.set_logo(png)
    yield from tenancy.change_own(tenant_id, plain)


async def preview(desk: Desk) -> Response:
    """The guests' first page as it is now."""
    return _preview(desk, desk.view)


async def try_on(desk: Desk) -> Response:
    """The same with what was typed; nothing is kept."""
    try:
        asked_for, small = await asyncio.to_thread(_drawn, desk.fields, desk.files)
        mark = marks.inside(small) if small else "" if asked_for.drop else desk.view.mark
    except (Refused, Misconfigured):
        return _preview(desk, desk.view)  # the form says what is wrong when it is sent
    return _preview(
        desk, replace(desk.view, tenant=replace(desk.view.tenant, **dict[str, Any](asked_for.columns)), mark=mark)
    )


def _preview(desk: Desk, view: TenantView) -> Response:
    lang = desk.view.tenant.language if desk.view.tenant.language in LANGUAGES else LANGUAGES[0]
    html, headers = guests.first_page(view, lang, desk.now)
    desk.request.scope["bando.headers"] = headers
    return answer(desk.request, html)
