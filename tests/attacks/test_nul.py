"""A character NUL, which SQLite keeps in a text and PostgreSQL in none: it is refused clearly, or kept visibly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from portal.payments.mpesa import as_text
from tests.attacks.guest import a_world
from tests.console.office import office
from tests.payments.story import START, Ledger, Story
from tests.support import fresh_place


async def test_a_guests_addresses_and_forms_are_refused(tmp_path: Path) -> None:
    async with a_world(tmp_path) as w:
        home = await w.arrive("02:00:00:00:00:01")
        for path in ("/e/%00", f"/e/{w.site.row.public}?mac=%00", "/p/a.%00/", "/s/%00/", "/v/%00", f"{home}%00"):
            assert 400 <= (await w.http.get(path)).status_code < 500, path
        for field in ("plan", "phone", "click"):
            form = {"plan": w.plan("1 hour"), "phone": "0711222333", "click": "0" * 32, field: "a\0b"}
            assert (await w.http.post(f"{home}pay", data=form)).status_code == 400, field


async def test_the_staffs_addresses_and_forms_are_refused(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        owner = await o.of("owner")
        for path in ("staff/%00", "vouchers/%00", "payments/%00", "guests/%00", "routers/%00"):
            assert 400 <= (await owner.http.get(f"/console/{path}")).status_code < 500, path
        assert (await owner.http.get("/console/guests?q=%00")).status_code == 200  # which finds nobody
        form = {"csrf": await owner.token(), "name": "a\0b"}
        assert (await owner.http.post("/console/routers/new", data=form)).status_code == 400


def test_a_providers_text_is_kept_with_a_mark_in_its_place() -> None:
    assert as_text(json.loads('"UKM\\u0000A"')) == "UKM\ufffdA"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(fresh_place(tmp_path))
    with closing(made.connection):
        yield made


def test_a_callback_with_it_is_kept_and_settled(ledger: Ledger) -> None:
    story = Story(ledger, n=1, now=START, tenant=ledger.tenant)
    story.claimed()
    story.pushed()
    story.c2b(ref="a\0b")
    story.callback(receipt="UKM\0A")

    found = ledger.connection.execute("SELECT body_sealed, verdict FROM inbox").fetchall()
    assert len([row for row in found if row["body_sealed"] is not None and row["verdict"] is not None]) == 2
    (receipt,) = ledger.connection.execute("SELECT account_ref FROM receipts WHERE account_ref <> ''").fetchall()
    assert receipt["account_ref"] == "AB"  # as if somebody had typed a space
