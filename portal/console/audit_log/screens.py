"""The audit log: newest first, narrowed by who and by what."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from starlette.responses import Response

from portal.console import asked
from portal.console.audit_log import store
from portal.console.audit_log.wording import ACTORS, ACTS, told
from portal.console.desk import Desk
from portal.console.screens import get
from portal.errors import Refused

_ACT = re.compile(r"[a-z][a-z0-9.-]{0,40}")
_ACTOR = re.compile(r"(?:(?:staff|platform):[a-z0-9]{1,64}|[a-z]{1,20})")


async def audit(desk: Desk) -> Response:
    act, actor = _word(desk.query.get("act", ""), _ACT), _word(desk.query.get("actor", ""), _ACTOR)
    before = asked.number_or_none(desk.query.get("before", ""))
    page = await desk.read(store.page, before, act, actor)
    shown, more = page.acts[: store.PAGE], len(page.acts) > store.PAGE
    people = [(f"staff:{each.public}", each.name) for each in page.staff.values()]
    return desk.page(
        "audit",
        acts=[told(row, page.staff) for row in shown],
        known_acts=ACTS,
        actors=[*people, *ACTORS.items()],
        act=act,
        actor=actor,
        first=before is None,
        newest=_address(act, actor),
        older=_address(act, actor, before=str(shown[-1]["number"])) if more else "",
    )


def _word(text: str, pattern: re.Pattern[str]) -> str:
    if text and not pattern.fullmatch(text):
        raise Refused("form")
    return text


def _address(act: str, actor: str, **more: str) -> str:
    asked_for = {"act": act, "actor": actor, **more}
    query = urlencode({name: text for name, text in asked_for.items() if text})
    return f"/console/audit?{query}" if query else "/console/audit"


SCREENS = (get("/audit", "audit", audit),)
