"""Giving one's password once more, before what matters most, and going back to where one was."""

from __future__ import annotations

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.errors import Refused

FIRST = "/console/"


async def ask(desk: Desk) -> Response:
    """The form; whoever has given it lately goes on at once."""
    back = asked.inside(desk.query.get("next", "")) or FIRST
    return desk.go(back) if desk.proven else desk.page("prove", back=back, email=desk.email, wrong="", values={})


async def prove(desk: Desk) -> Response:
    back = asked.inside(desk.fields.get("next", "")) or FIRST
    try:
        await desk.services.staff.prove(desk.present, desk.fields.get("password", ""))
    except Refused as wrong:
        key = "password-wrong" if wrong.key == "login-wrong" else wrong.key
        return desk.page("prove", wrong.status, back=back, email=desk.email, wrong=key, values=wrong.values)
    return desk.go(back, "proven")


FIELD = "proof"  # beside the fields of a form that is sent again


async def before(desk: Desk) -> Response | None:
    """What a form that wants the password is answered with, until it comes with it: nothing of it is lost."""
    password, wrong = desk.fields.get(FIELD), None
    if password is not None:
        try:
            await desk.services.staff.prove(desk.present, password)
            return None
        except Refused as refused:
            wrong = refused
    kept = {name: value for name, value in desk.fields.items() if name not in ("csrf", FIELD)}
    key = "password-wrong" if wrong and wrong.key == "login-wrong" else wrong.key if wrong else ""
    return desk.page(
        "prove_form",
        wrong.status if wrong else 403,
        kept=kept,
        field=FIELD,
        email=desk.email,
        wrong=key,
        values=wrong.values if wrong else {},
    )


SCREENS = (get("/account/prove", "profile", ask), post("/account/prove", "profile", prove))
