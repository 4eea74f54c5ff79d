"""One's own account: password, two-step login, and where one is logged in."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from portal.console.desk import COOKIE, Desk
from portal.console.screens import get, post
from portal.console.symbols import symbol
from portal.errors import Refused
from portal.staff.room import Write


async def account(desk: Desk) -> Response:
    """Logins, failed logins, and the ways to change the password."""
    return await _page(desk)


async def _page(desk: Desk, wrong: str = "", status: int = 200) -> Response:
    still, _, failed = await desk.services.staff.logins_of(desk.view.tenant.id, desk.staff.id)
    own = desk.present.login.id
    return desk.page("account", status, logins=still, failed=failed, own=own, email=desk.email, wrong=wrong)


async def log_out(desk: Desk) -> Response:
    await desk.services.staff.log_out(desk.present)
    response = desk.go("/console/login", "logged-out")
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


def _noted(desk: Desk, act: str) -> Write:
    """What one changes of one's own account is written down like everything else."""
    return partial(desk.act, act, f"staff:{desk.staff.public}")


async def end(desk: Desk) -> Response:
    """End one of one's own logins, or all others."""
    which = desk.fields.get("login", "")
    staff = desk.services.staff
    if which == "others":
        await staff.end_logins(
            desk.view.tenant.id, desk.staff.id, but=desk.present.login.id, write=_noted(desk, "login.end")
        )
        return desk.go("/console/account", "logins-ended")
    if not which.isdecimal() or len(which) > 18:
        raise Refused("form")
    await staff.end_login(desk.view.tenant.id, desk.staff.id, int(which), write=_noted(desk, "login.end"))
    return desk.go("/console/account", "login-ended")


async def password(desk: Desk) -> Response:
    """Change the password; the old one is asked for."""
    old, new, again = (desk.fields.get(name, "") for name in ("old", "new", "again"))
    try:
        if new != again:
            raise Refused("password-differs")
        await desk.services.staff.change_password(desk.present, old, new, write=_noted(desk, "password"))
    except Refused as wrong:
        return await _page(desk, wrong.key, wrong.status)
    return desk.go("/console/account", "password-changed")


async def second(desk: Desk) -> Response:
    """Set up two-step login: a symbol to scan, and a code to prove that it was."""
    return await _second(desk)


async def _second(desk: Desk, wrong: str = "", status: int = 200) -> Response:
    setup = await desk.services.staff.set_up_second(desk.present, secret=desk.fields.get("secret", ""))
    return desk.page("second", status, setup=setup, symbol=symbol(setup.secret_uri), wrong=wrong)


async def second_on(desk: Desk) -> Response:
    """Two-step login is on once a code of it was typed; the recovery codes are shown this once."""
    try:
        codes = await desk.services.staff.confirm_second(
            desk.present, desk.fields.get("secret", ""), desk.fields.get("code", ""), write=_noted(desk, "second-on")
        )
    except Refused as wrong:
        return await _second(desk, wrong.key, wrong.status)
    return desk.page("recovery", codes=codes)


SCREENS = (
    get("/account", "profile", account),
    post("/account/logout", "profile", log_out),
    post("/account/end", "profile", end),
    post("/account/password", "profile", password),
    get("/account/second", "profile", second),
    post("/account/second", "profile", second_on, proof=True),
)
