"""Importing through the console: who may, what is written down, and what a hostile hand can do with it."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from portal.imports import text
from portal.staff import roles
from portal.tenancy import store as tenancy
from portal.units import rows, value
from tests.console.office import Office, Visitor
from tests.console.samples import TOLD, read_table
from tests.imports.sources import dump
from tests.imports.taking import everything
from tests.support import add_router

TABLE = "plan,price,time,code\n1 day,50,1d,ab12cd34\n"


async def send(who: Visitor, body: bytes, source: str = "csv", status: int = 303, **more: str) -> httpx.Response:
    """A file, as a browser sends it."""
    answer = await who.http.post(
        "/console/imports/file",
        data={"csrf": await who.token(), "source": source, **more},
        files={"file": ("../../etc/passwd", body, "application/sql")},
    )
    assert answer.status_code == status, (answer.status_code, answer.text[:1500])
    return answer


async def test_a_file_is_read_looked_at_and_taken(o: Office, owner: Visitor) -> None:
    answer = await send(owner, dump(o.home.clock.now()), "phpnuxbill")
    page = await owner.get(answer.headers["location"].removeprefix("/console"))
    assert "Import 3 plans, 3 unused codes, 1 running guest" in page
    before = await everything(o.home)

    await owner.post(answer.headers["location"].removeprefix("/console"), told="90:1:0:3:3:1")

    acts = [(row["act"], row["subject"]) for row in await o.acts()]
    assert acts == [("import.read", "import:1"), ("import.take", "import:1")]
    assert len((await everything(o.home))["vouchers"]) == len(before["vouchers"]) + 3
    assert await o.home.read(value, "SELECT found_sealed FROM imports WHERE tenant_id = :tenant") is None


async def test_taken_twice_at_once_it_is_taken_once(o: Office, owner: Visitor) -> None:
    number = await read_table(owner)
    form = {"csrf": await owner.token(), "told": TOLD}

    answers = await asyncio.gather(*(owner.http.post(f"/console/imports/{number}", data=form) for _ in range(5)))

    assert {each.status_code for each in answers} <= {303, 409}
    assert len((await everything(o.home))["vouchers"]) == 1
    assert [row["act"] for row in await o.acts()].count("import.take") == 1


async def test_only_those_who_may_change_the_isp_import(o: Office) -> None:
    allowed = {role for role in roles.ROLES if roles.may(role, "tenant.change")}
    assert allowed == {"owner", "manager"}
    for role in ("cashier", "support", "auditor", "agent"):
        who = await o.of(role)
        await who.get("/imports", 403)
        await send(who, TABLE.encode(), status=403)
        await who.post("/imports/1", 403)


@pytest.mark.parametrize(
    ("body", "source", "status", "said"),
    [
        (b"", "csv", 400, "Choose a file first"),
        (b"\xfa\xff\x00", "csv", 400, "not plain text"),
        (b"name\nx\n", "csv", 400, "must name the columns"),
        (b"plan\n", "csv", 400, "Nothing that could be imported"),
        (b"SELECT 1;", "phpnuxbill", 400, "neither a plan nor a voucher"),
        (b"INSERT INTO tbl_plans VALUES ('", "phpnuxbill", 400, "never closes"),
        (b"x" * (text.MOST_BYTES + 100_000), "phpnuxbill", 413, "too much at once"),
        (TABLE.encode(), "mikrotik", 400, "not complete"),
    ],
)
async def test_a_broken_file_is_refused_in_words_and_nothing_is_kept(
    o: Office, owner: Visitor, body: bytes, source: str, status: int, said: str
) -> None:
    before = await everything(o.home)

    answer = await send(owner, body, source, status)

    assert said in answer.text
    assert await everything(o.home) == before
    assert await o.home.read(value, "SELECT COUNT(*) FROM imports WHERE tenant_id = :tenant") == 0
    assert await o.acts() == []


@pytest.mark.parametrize("days", ["0", "91", "-1", "x", "", "9" * 30, "1.5"])
async def test_days_out_of_bounds_are_refused_and_what_was_typed_is_still_there(owner: Visitor, days: str) -> None:
    answer = await owner.post(f"/imports/{await read_table(owner)}/choose", 400, days=days)

    assert "stay good for 1 to 90 days" in answer.text
    assert f'value="{days[:9]}"' in answer.text


async def test_what_was_pasted_is_still_there_when_it_is_wrong(owner: Visitor) -> None:
    answer = await owner.post("/imports/file", 400, source="csv", text="names,code\n1 day,ab12cd34\n")

    assert "must name the columns" in answer.text
    assert "1 day,ab12cd34" in answer.text


async def test_what_is_hostile_in_a_name_is_text_on_the_page(owner: Visitor) -> None:
    table = 'plan,price,time,code\n"<script>alert(1)</script>",50,1d,"<img src=x>"\n{{7*7}},50,2d,\n'

    answer = await owner.post("/imports/file", 303, source="csv", text=table)
    page = await owner.get(answer.headers["location"].removeprefix("/console"))

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "{{7*7}}" in page


async def test_no_code_and_no_device_stands_on_the_page_or_in_the_log(o: Office, owner: Visitor) -> None:
    body = dump(o.home.clock.now())
    answer = await send(owner, body, "phpnuxbill")
    number = answer.headers["location"].removeprefix("/console")
    page = await owner.get(number)
    await owner.post(number, told="90:1:0:3:3:1")

    written = page + repr(await o.acts()) + await owner.get("/imports") + await owner.get(number)

    for secret in ("NUXAB12CD34X", "0712345678", "02:AA:00:00:00:04", "otieno"):
        assert secret.lower() not in written.lower()


async def test_a_router_that_does_not_answer_is_named_in_words(o: Office, owner: Visitor) -> None:
    answer = await owner.post("/imports/router", 409, router=str(o.home.router_id))

    assert "The router could not be read" in answer.text


async def test_another_isps_router_and_import_are_not_there(o: Office, owner: Visitor) -> None:
    other = await o.home.db.write(None, tenancy.add_tenant, "Next Door", o.home.clock.now())
    router = await o.home.db.write(other.id, add_router, o.home.vault, o.home.clock.now())
    await read_table(owner)
    await o.home.db.write(
        other.id,
        rows,
        "INSERT INTO imports (id, tenant_id, source, title, days, shorten, unsold, made_by, read_at)"
        " VALUES (77, :tenant, 'csv', 'Theirs', 90, TRUE, FALSE, 'them', 0)",
    )

    await owner.post("/imports/router", 404, router=str(router))
    for action in ("", "/choose"):
        await owner.post(f"/imports/77{action}", 404, days="90")
    assert "Theirs" not in await owner.get("/imports/77", 404) + await owner.get("/imports")


async def test_choices_are_made_again_on_the_page(o: Office, owner: Visitor) -> None:
    number = await read_table(owner)

    await owner.post(f"/imports/{number}/choose", 303, days="7", unsold="1")

    assert "for 7 days at most" in await owner.get(f"/imports/{number}")
    await owner.post(f"/imports/{number}", told="7:0:1:1:1:0")
    [batch] = await o.home.read(rows, "SELECT price_minor, use_by, created_at FROM batches WHERE tenant_id = :tenant")
    assert (batch["price_minor"], batch["use_by"] - batch["created_at"]) == (5_000, 7 * 86_400_000)


async def test_what_changed_since_the_dry_run_is_shown_again_and_nothing_is_taken(o: Office, owner: Visitor) -> None:
    number = await read_table(owner)
    assert f'name="told" value="{TOLD}"' in await owner.get(f"/imports/{number}")
    await owner.post(f"/imports/{number}/choose", 303, days="7", unsold="1")  # somebody else chooses otherwise

    refused = await owner.post(f"/imports/{number}", 409, told=TOLD)

    assert "Something has changed meanwhile" in refused.text
    assert "for 7 days at most" in refused.text
    assert (await everything(o.home))["vouchers"] == []
    await owner.post(f"/imports/{number}", 409)
    await owner.post(f"/imports/{number}", told="7:0:1:1:1:0")


async def test_a_batch_of_another_system_is_not_printed_again(o: Office, owner: Visitor) -> None:
    await owner.post(f"/imports/{await read_table(owner)}", told=TOLD)

    page = await owner.get("/vouchers/batch/1")
    answer = await owner.post("/vouchers/batch/1/file", 409, form="pdf")

    assert "Take back" in page
    assert "were made by another system" in answer.text
    await owner.post("/vouchers/batch/1/void", 303, serials="1", reason="lost")


@pytest.mark.parametrize("typed", ["ab12cd34", "AB12-CD34"])
async def test_the_search_box_finds_an_imported_code_of_ones_own_alone(o: Office, owner: Visitor, typed: str) -> None:
    await owner.post(f"/imports/{await read_table(owner)}", told=TOLD)

    page = (await owner.post("/guests", 200, q=typed)).text

    assert "B1-0001" in page
    assert "B1-0001" not in (await owner.post("/guests", 200, q="zz12cd34")).text
