"""Staff as an owner sees them.

Each change asks for a password that was given lately; one's own account is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.console.staff_list import store
from portal.errors import Refused
from portal.staff import store as staff
from portal.staff.roles import ROLES, SECOND_FACTOR, of_kind
from portal.staff.store import Staff

ROLE_WORDS = {
    "owner": "may do everything, with two-step login",
    "manager": "everything but changing staff, with two-step login",
    "cashier": "sells and prints vouchers, helps guests, kicks and blocks",
    "support": "helps guests; sees payments, vouchers and routers",
    "agent": "sells cards of their own stock, and sees nothing else",
    "platform": "runs the installation: adds and switches off ISPs, sees nothing of their guests",
    "auditor": "sees takings, payments, staff and the audit log; changes nothing",
}
STATES = {"active": ("works here", "good"), "invited": ("invited", "warn"), "off": ("switched off", "bad")}


async def people(desk: Desk) -> Response:
    """Everybody who works here."""
    return await _people(desk)


async def _people(desk: Desk, wrong: Refused | None = None) -> Response:
    members = await desk.read(store.members)
    return desk.page(
        "staff",
        wrong.status if wrong else 200,
        members=[(each, each.staff.email(desk.services.vault)) for each in members],
        states=STATES,
        roles=_roles(desk),
        filled={name: desk.fields.get(name, "")[:254] for name in ("name", "email", "role")},
        wrong=wrong.key if wrong else "",
    )


def _roles(desk: Desk) -> Mapping[str, str]:
    """What somebody here can be."""
    return {role: ROLE_WORDS[role] for role in of_kind(desk.view.tenant.kind)}


async def invite(desk: Desk) -> Response:
    """A new account; its link is shown once, to be handed over."""
    email, name, role = (desk.fields.get(each, "") for each in ("email", "name", "role"))
    language = desk.view.tenant.language
    invitation = partial(staff.invite, email=email, name=name, role=role, language=language)
    try:
        made, link = await desk.act(
            "staff.invite",
            lambda done: _subject(done[0]),
            invitation,
            desk.services.vault,
            desk.now,
            after={"name": " ".join(name.split()), "role": role},
        )
    except Refused as wrong:
        return await _people(desk, wrong)
    return _link_page(desk, made, link, "invitation")


def _subject(found: Staff) -> str:
    return f"staff:{found.public}"


def _link_page(desk: Desk, found: Staff, link: str, kind: str) -> Response:
    url = f"{desk.services.settings.public_url.rstrip('/')}/console/link/{link}"
    return desk.page("staff_link", found=found, url=url, kind=kind)


async def member(desk: Desk) -> Response:
    """One of them, and what an owner can change."""
    found = await _found(desk)
    return desk.page(
        "staff_member",
        found=found,
        email=found.email(desk.services.vault),
        state=STATES[found.state],
        roles=_roles(desk),
        needs_second=found.role in SECOND_FACTOR,
        itself=found.id == desk.staff.id,
    )


async def _found(desk: Desk) -> Staff:
    return await desk.read(staff.must_know, asked.number(desk.request.path_params["id"]))


async def _other(desk: Desk) -> Staff:
    """Somebody else: what one does to oneself stands on one's own page."""
    found = await _found(desk)
    if found.id == desk.staff.id:
        raise Refused("staff-self", status=409)
    return found


def _with_reason(desk: Desk, after: Mapping[str, object]) -> dict[str, object] | None:
    reason = asked.note(desk.fields.get("reason", ""))
    return {**after, **({"reason": reason} if reason else {})} or None


async def role(desk: Desk) -> Response:
    """Another role, at once: logins with the old one end."""
    found, wanted = await _other(desk), desk.fields.get("role", "")
    if wanted not in ROLES:
        raise Refused("staff-role")
    if wanted == found.role:
        return _back(desk, found, "saved")
    before, after = {"name": found.name, "role": found.role}, {"name": found.name, "role": wanted}
    await desk.act(
        "staff.role", _subject, staff.set_role, found.id, wanted, desk.now,
        before=before, after=_with_reason(desk, after),
    )  # fmt: skip
    return _back(desk, found, "role-changed")


def _back(desk: Desk, found: Staff, said: str) -> Response:
    return desk.go(f"/console/staff/{found.id}", said)


async def state(desk: Desk) -> Response:
    """Switch off, or on again."""
    found = await _other(desk)
    on = asked.one_of(desk.fields.get("to", "-"), ("on", "off")) == "on"
    if on == (found.state != "off"):
        return _back(desk, found, "saved")
    await desk.act(
        "staff.on" if on else "staff.off", _subject, staff.set_state, found.id, on, desk.now,
        before={"name": found.name, "state": found.state}, after=_with_reason(desk, {}),
    )  # fmt: skip
    return _back(desk, found, "staff-on" if on else "staff-off")


async def reset(desk: Desk) -> Response:
    """A link that sets a new password, or a fresh invitation; shown once."""
    found = await _other(desk)
    again = found.state == "invited"
    _, link = await desk.act(
        "staff.invite" if again else "staff.reset", lambda done: _subject(done[0]),
        store.invite_again if again else store.reset, found.id, desk.now,
        before={"name": found.name}, after=_with_reason(desk, {}),
    )  # fmt: skip
    return _link_page(desk, found, link, "invitation" if again else "reset")


async def second(desk: Desk) -> Response:
    """Take two-step login away, as after a lost phone."""
    found = await _other(desk)
    if not found.has_second:
        return _back(desk, found, "saved")
    await desk.act(
        "staff.second-off", _subject, staff.second_off, found.id, desk.now,
        before={"name": found.name}, after=_with_reason(desk, {}),
    )  # fmt: skip
    return _back(desk, found, "second-off")


SCREENS = (
    get("/staff", "staff", people),
    post("/staff/invite", "staff.change", invite, proof=True),
    get("/staff/{id}", "staff", member),
    post("/staff/{id}/role", "staff.change", role, proof=True),
    post("/staff/{id}/state", "staff.change", state, proof=True),
    post("/staff/{id}/reset", "staff.change", reset, proof=True),
    post("/staff/{id}/second", "staff.change", second, proof=True),
)
