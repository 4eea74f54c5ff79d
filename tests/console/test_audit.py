"""The audit log as staff read it: plain words, who, when, from where, before and after; its filters and pages."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from portal.audit import store as log
from portal.console.audit_log import store
from portal.console.audit_log.wording import ACTS, told
from portal.tenancy import store as tenancy
from portal.units import Sql, Unit
from tests.console.office import Office, Visitor, office
from tests.console.plans_of_queries import plans, scans

HOME = Path(__file__).parents[2]


async def write(
    o: Office, act: str = "kick", actor: str = "command", subject: str = "device:1", **payload: Any
) -> None:
    await o.home.write(
        log.append, o.home.vault, actor=actor, act=act, subject=subject, payload=payload, now=o.home.clock.now()
    )


def numbers(page: str) -> list[int]:
    return [int(each) for each in re.findall(r'data-name="No." class="number">(\d+)<', page)]


@pytest.fixture
async def o(tmp_path: Path) -> AsyncIterator[Office]:
    """Without a look at its log at the end: here it is written past its keeper."""
    async with office(tmp_path) as made:
        yield made


async def test_an_act_is_told_in_plain_words_with_who_where_and_what_changed(o: Office, owner: Visitor) -> None:
    cashier = await o.of("cashier")
    await owner.post(f"/staff/{cashier.staff_id}/role", role="support")
    page = await owner.get("/audit")

    assert "changed a role" in page
    assert "Amina Owner" in page
    assert f'href="/console/staff/{cashier.staff_id}">Amina Cashier' in page
    assert "<del>cashier</del> → <ins>support</ins>" in page
    assert "127.0.0.1" in page


async def test_the_newest_act_is_first_and_the_list_goes_on(o: Office, owner: Visitor) -> None:
    for _ in range(store.PAGE + 2):
        await write(o)
    first = await owner.get("/audit")
    older = re.search(r'href="/console(/audit\?[^"]+)">Older', first)
    assert older is not None
    rest = (await owner.http.get(f"/console{older[1]}")).text

    assert numbers(first) + numbers(rest) == list(range(store.PAGE + 2, 0, -1))


async def test_filters_narrow_the_log_by_who_and_by_what(o: Office, owner: Visitor) -> None:
    await write(o, "kick")
    await write(o, "block", actor="staff:abc", name="Otieno")
    await write(o, "kick", actor="staff:abc", name="Otieno")

    assert numbers(await owner.get("/audit", act="kick")) == [3, 1]
    assert numbers(await owner.get("/audit", actor="staff:abc")) == [3, 2]
    assert numbers(await owner.get("/audit", actor="staff:abc", act="block")) == [2]
    assert "Nothing of that" in await owner.get("/audit", act="voucher.void")


@pytest.mark.parametrize(
    "asked",
    [
        {"act": "' OR 1=1 --"},
        {"act": "<b>"},
        {"act": "x" * 99},
        {"actor": "staff:' OR 1"},
        {"actor": "staff:" + "a" * 99},
        {"actor": "staff:x\n"},
        {"before": "-5"},
        {"before": "9" * 30},
        {"before": "٣"},
    ],
)
async def test_a_hostile_filter_is_refused(owner: Visitor, asked: dict[str, str]) -> None:
    await owner.get("/audit", 400, **asked)


@pytest.mark.parametrize("role", ["cashier", "support"])
async def test_without_the_permission_the_log_stays_shut(o: Office, role: str) -> None:
    await (await o.of(role)).get("/audit", 403)


async def test_another_isps_acts_are_not_there(o: Office, owner: Visitor) -> None:
    other = await o.home.db.write(None, tenancy.add_tenant, "Other", o.home.clock.now())
    await o.home.db.write(
        other.id, log.append, o.home.vault, actor="command", act="kick", subject="device:1", payload={}, now=1
    )

    assert "Nobody has done anything yet" in await owner.get("/audit")


async def test_an_act_whose_details_were_cleared_is_still_told(o: Office, owner: Visitor) -> None:
    await write(o, "kick", name="Otieno")
    await o.home.write(_clear)
    page = await owner.get("/audit")

    assert "kicked a device" in page
    assert "Otieno" not in page


def _clear() -> Unit[None]:
    yield Sql("UPDATE audit SET payload = NULL WHERE tenant_id = :tenant", {})


@pytest.mark.parametrize(
    "payload", [{"before": "off", "after": ["a", 1]}, {"before": {"x": {"y": None}}}, {"after": 3}]
)
def test_whatever_was_written_is_told_without_failing(payload: dict[str, object]) -> None:
    row = {"number": 1, "at": 0, "actor": "clock", "act": "odd.act", "subject": "odd", "payload": json.dumps(payload)}
    one = told(row, {})

    assert (one.who, one.what, one.about) == ("Bando itself", "odd.act", "odd")
    assert one.changes


async def test_what_was_written_cannot_break_out_of_the_page(o: Office, owner: Visitor) -> None:
    await write(o, "kick", subject="<b>s", name="<b>n", address="<b>a", after={"<b>k": "<b>v"})

    assert "<b>" not in re.sub(r"<b>Amina Owner</b>", "", await owner.get("/audit"))


def test_every_act_of_the_console_has_words() -> None:
    files = [path.read_text() for path in (HOME / "portal" / "console").rglob("*.py")]
    acts = {each for text in files for each in re.findall(r'desk\.act\(\s*"([a-z.-]+)"', text)}

    assert {"line.close", "staff.invite"} <= acts
    assert acts <= set(ACTS)


async def test_the_log_is_read_by_its_index(o: Office) -> None:
    await write(o)
    for asked in ((None, "", ""), (5, "", ""), (5, "kick", "command")):
        found = plans(o.home, store.page(*asked))
        assert scans(found) == []
        assert not [each for each in found if "TEMP B-TREE" in each and "audit" in each]


def test_every_act_that_the_console_writes_has_words() -> None:
    """Whatever is handed to `act` by name stands in the log as a sentence, not as a key."""
    written = set()
    for each in (HOME / "portal" / "console").rglob("*.py"):
        source = each.read_text()
        written |= set(re.findall(r'(?:\bact\(|\b_act\(\s*(?:\*\()?desk,|_noted\(desk,)\s*"([a-z.-]+)"', source))
    assert {"kick", "plan.add", "plan.sites", "password", "voucher.sell"} <= written, "the search finds them"
    assert written - ACTS.keys() == set()
