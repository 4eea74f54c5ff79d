"""The form of a new ISP, and of an owner for one that nobody can log in to."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.isps import acts
from portal.console.settings.profile import LANGUAGES, line, zones
from portal.errors import Refused
from portal.staff import store as staff
from portal.staff.store import Staff
from portal.tenancy import closing
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Unit

NAMES = ("name", "timezone", "language", "owner", "email")


async def ask(desk: Desk) -> Response:
    """The form of a new ISP."""
    return _form(desk, {"timezone": "Africa/Nairobi", "language": "en"})


def _form(desk: Desk, filled: Mapping[str, str], wrong: Refused | None = None) -> Response:
    return desk.page(
        "isp_new",
        wrong.status if wrong else 200,
        filled={name: filled.get(name, "")[:200] for name in NAMES},
        zones=zones(),
        languages=LANGUAGES,
        wrong=wrong.key if wrong else "",
    )


async def add(desk: Desk) -> Response:
    """A new ISP and its owner, whose link is shown once."""
    try:
        made, owner, link = await _added(desk)
    except Refused as wrong:
        return _form(desk, desk.fields, wrong)
    return _link(desk, made, owner, link)


def _link(desk: Desk, isp: Tenant, owner: Staff, link: str) -> Response:
    url = f"{desk.services.settings.public_url.rstrip('/')}/console/link/{link}"
    return desk.page("isp_link", isp=isp, found=owner, url=url)


async def _added(desk: Desk) -> tuple[Tenant, Staff, str]:
    """The owner's address is looked at first: an ISP without an owner helps nobody."""
    fields, services = _wished(desk), desk.services
    if await services.db.read(None, staff.owner_of, staff.email_index(services.vault, fields["email"])) is not None:
        raise Refused("staff-email-taken", status=409)
    made = await desk.act(
        "isp.add",
        lambda done: f"isp:{done.public}",
        _add,
        fields,
        desk.now,
        after={"name": fields["name"], "owner": fields["owner"]},
    )
    owner, link = await _invited(desk, made, fields)
    await services.catalog.refresh()
    return made, owner, link


async def _invited(desk: Desk, isp: Tenant, fields: Mapping[str, str]) -> tuple[Staff, str]:
    """The owner, in the ISP's own log; raises `Refused`."""
    services, payload = desk.services, {"name": desk.staff.name, "after": {"name": fields["owner"], "role": "owner"}}
    return await services.db.write(
        isp.id,
        acts.first_owner,
        services.vault,
        *(fields["email"], fields["owner"], fields["language"], actor(desk), payload, desk.now),
    )


def _add(fields: Mapping[str, str], now: int) -> Unit[Tenant]:
    columns = {name: fields[name] for name in ("timezone", "language")}
    return (yield from tenancy.add_tenant(fields["name"], now, **columns))


def _wished(desk: Desk) -> dict[str, str]:
    fields = desk.fields
    name = line(fields.get("name", ""), 60, "name")
    if not name:
        raise Refused("profile-name")
    if fields.get("timezone", "") not in zones():
        raise Refused("profile-zone")
    language = asked.one_of(fields.get("language", "-"), tuple(LANGUAGES))
    return {"name": name, "timezone": fields["timezone"], "language": language, **_owner(fields)}


def _owner(fields: Mapping[str, str]) -> dict[str, str]:
    owner = line(fields.get("owner", ""), 60, "name")
    if not owner:
        raise Refused("profile-name")
    return {"owner": owner, "email": staff.must_be_email(fields.get("email", ""))}


async def ask_owner(desk: Desk) -> Response:
    """The form of an owner for an ISP that has none who is in: the first invitation was lost, or never came about."""
    return await _owner_form(desk)


async def _owner_form(desk: Desk, wrong: Refused | None = None) -> Response:
    filled = {name: desk.fields.get(name, "")[:200] for name in ("owner", "email")}
    status = wrong.status if wrong else 200
    return desk.page("isp_owner", status, isp=await found(desk), filled=filled, wrong=wrong.key if wrong else "")


async def add_owner(desk: Desk) -> Response:
    """Invite them; the link is shown once."""
    isp = await found(desk)
    try:
        if isp.erased_at is not None or isp.erasable(desk.now):
            raise Refused("isp-erased", status=409)
        fields = {**_owner(desk.fields), "language": isp.language}
        after = {"name": isp.name, "owner": fields["owner"]}
        owner, link = await _invited(desk, isp, fields)
        await desk.act("isp.owner", f"isp:{isp.public}", acts.nothing, after=after)
    except Refused as wrong:
        return await _owner_form(desk, wrong)
    return _link(desk, isp, owner, link)


async def found(desk: Desk) -> Tenant:
    """The ISP of the address; raises `Refused`."""
    number = asked.number(desk.request.path_params["id"])
    known: Tenant = await desk.services.db.read(None, closing.must_know, number)
    return known


def actor(desk: Desk) -> str:
    return f"platform:{desk.staff.public}"
