"""Taking an ISP's records away: whole, readable, written down, and of nobody else."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.export import store
from portal.export.records import KINDS
from portal.tenancy import closing
from portal.units import rows, update
from tests.console import guests, money
from tests.console.office import Office, Visitor, office
from tests.console.test_scope import next_door
from tests.vouchers.cards import print_cards

CODES = ("payments", "receipts", "passes", "vouchers", "batches", "devices", "plans", "routers", "staff")


@pytest.fixture
async def o(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as made:
        yield made
        assert await made.verified()


async def filled(o: Office) -> None:
    """One of everything."""
    device = await guests.device(o.home)
    await guests.given(o.home, device)
    await money.paid(o.home, o.home.clock.now())
    await money.receipt(o.home, "SKE0000009", o.home.clock.now())
    await print_cards(o.home, 3)


async def download(who: Visitor, kind: str) -> bytes:
    answer = await who.http.post(f"/console/export/{kind}", data={"csrf": await who.token()})
    assert answer.status_code == 200, answer.text[:500]
    assert answer.headers["content-disposition"].startswith("attachment")
    return answer.content


def read(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(b"\xef\xbb\xbf"), "spreadsheets know the encoding by it"
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


@pytest.mark.parametrize("kind", CODES)
async def test_each_table_has_the_rows_of_its_class(o: Office, kind: str) -> None:
    await filled(o)
    who = await o.of("owner")
    found = await o.home.read(rows, f"SELECT COUNT(*) AS n FROM {kind} WHERE tenant_id = :tenant")
    table = read(await download(who, kind))
    assert found[0]["n"] > 0
    assert len(table) == found[0]["n"]
    (act,) = [each for each in await o.acts() if each["act"].startswith("export.")]
    assert act["act"] == f"export.{kind}"


async def test_nothing_sealed_or_hashed_leaves(o: Office) -> None:
    await filled(o)
    code, *_ = await print_cards(o.home, 1)
    who = await o.of("owner")
    whole = b"".join([await download(who, kind) for kind in KINDS])
    assert code.encode() not in whole
    for secret in (b"password", b"hash", b"sealed", b"token"):
        heads = b"".join(line for line in whole.splitlines() if b"moment" in line)
        assert secret not in heads


async def test_a_cell_that_would_be_a_formula_is_none(o: Office) -> None:
    await o.home.write(update, "plans", o.home.plan.id, name='=HYPERLINK("http://evil.test","x")\r\n"quoted", and more')
    table = read(await download(await o.of("owner"), "plans"))
    assert any(cell.startswith("'=HYPERLINK") for cell in table[0].values())


async def test_nobody_elses_records_leave(o: Office) -> None:
    await next_door(o.home)
    who = await o.of("owner")
    for kind in KINDS:
        text = (await download(who, kind)).decode("utf-8-sig")
        for theirs in ("Theirs", "Somebody Else", "Next Door", "02:BB:00:00:00:01", "them@next.test"):
            assert theirs not in text, kind


async def test_everything_at_once_is_one_archive(o: Office) -> None:
    await filled(o)
    data = await download(await o.of("auditor"), "whole")
    with zipfile.ZipFile(io.BytesIO(data)) as whole:
        assert whole.testzip() is None
        assert set(whole.namelist()) == {"README.txt", *(f"{kind}.csv" for kind in KINDS)}
        assert read(whole.read("payments.csv"))
        assert "payments.csv" in whole.read("README.txt").decode("utf-8-sig")


async def test_rows_beyond_one_chunk_all_come_once(o: Office) -> None:
    await print_cards(o.home, store.AT_ONCE + 7)
    labels = [row["label"] for row in await o.home.read(rows, "SELECT label FROM vouchers WHERE tenant_id = :tenant")]
    table = read(await download(await o.of("owner"), "vouchers"))
    shown = [next(cell for cell in row.values() if cell in set(labels)) for row in table[:5]]
    assert len(table) == len(labels)
    assert len(set(shown)) == 5


@pytest.mark.parametrize("role", ["manager", "cashier", "support"])
async def test_who_may(o: Office, role: str) -> None:
    who = await o.of(role)
    expected = 200 if role == "manager" else 403
    answer = await who.http.post("/console/export/plans", data={"csrf": await who.token()})
    assert answer.status_code == expected


async def test_it_wants_the_password_once_more_and_knows_its_classes(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/export/nothing", 404)
    o.home.clock.advance(11 * 60_000)
    assert "Give the password" in await who.get("/export")
    await who.post("/export/plans", 403)
    assert await o.acts() == []


async def test_an_isp_that_is_switched_off_still_takes_its_records_away(o: Office) -> None:
    await filled(o)
    await o.home.db.write(None, closing.switch, o.home.tenant.id, False)
    await o.services.catalog.refresh()
    who = await o.of("owner")
    landed = await who.http.get("/console/", follow_redirects=True)
    assert str(landed.url).endswith("/console/export")
    assert read(await download(who, "payments"))
