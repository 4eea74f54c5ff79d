"""Every form of the console that changes something leaves its line in the audit log."""

from __future__ import annotations

import json

import pytest
from starlette.routing import BaseRoute, Route

from portal.console import entrance
from portal.console.audit_log.wording import ACTS
from portal.console.site import SCREENS
from portal.units import Row, rows
from tests.console.office import Office, Visitor
from tests.console.samples import ROLES, SAMPLES, WITHOUT

FORMS = sorted({each.path for each in SCREENS if each.method == "POST"})


async def acts_of(o: Office, who: Visitor) -> list[Row]:
    """The log of wherever they work."""
    where = (await o.platform()).id if who.role == "platform" else o.home.tenant.id
    return list(await o.home.db.read(where, rows, "SELECT * FROM audit WHERE tenant_id = :tenant ORDER BY number"))


def test_each_form_has_a_sample_or_a_reason_why_it_leaves_no_act() -> None:
    missing = [path for path in FORMS if path not in SAMPLES and path not in WITHOUT]
    assert not missing, f"give these a sample in tests/console/samples.py: {missing}"
    assert [path for path in (*SAMPLES, *WITHOUT) if path not in FORMS] == [], "no such form any more"
    assert not set(SAMPLES) & set(WITHOUT)
    assert all(len(reason) > 10 for reason in WITHOUT.values())


@pytest.mark.parametrize("path", [each for each in FORMS if each in SAMPLES])
async def test_a_form_leaves_its_line(o: Office, path: str) -> None:
    who = await o.of(ROLES.get(path, "owner"))
    address, fields = await SAMPLES[path](who)
    before = len(await acts_of(o, who))
    answer = await who.http.post(f"/console{address}", data={"csrf": await who.token(), **fields})
    left = (await acts_of(o, who))[before:]

    assert answer.status_code in (200, 303), (answer.status_code, answer.text[:1500])
    assert left, f"POST {path} left no line in the audit log"
    assert all(each["actor"].startswith("staff:") for each in left)
    assert all(each["act"] in ACTS for each in left), "say it in plain words"
    assert all(json.loads(each["payload"])["address"] == "127.0.0.1" for each in left), "from where"
    assert "set-cookie" not in answer.headers
    assert await o.verified()


# What everybody may send before somebody is logged in, and what is kept of it.
BEFORE = {
    "/console/login": "a login, or a login that failed: both stand on the page of whose account it is",
    "/console/link/{token}": "the act link.use",
    "/console/theme": "nothing: a word in a cookie of that browser alone",
}


def taking_forms(routes: list[BaseRoute]) -> set[str]:
    """The addresses that take more than a look."""
    return {each.path for each in routes if isinstance(each, Route) and set(each.methods or ()) - {"GET", "HEAD"}}


async def test_nothing_else_of_the_console_takes_a_form(o: Office) -> None:
    assert taking_forms(entrance.routes(o.services)) == set(BEFORE)
    assert {each.method for each in SCREENS} == {"GET", "POST"}
