"""A router that nobody can reach calls the portal: what is heard of it, and what is wished of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app import build
from portal.calls import service
from portal.calls.beat import latest
from portal.clock import MINUTE, TravelClock
from portal.tenancy import store as tenancy
from portal.units import Row, rows
from portal.watch.outages import DOWN_MS
from sandbox.calling import let_call
from sandbox.routeros.scheduler import Scheduler
from sandbox.world import world
from tests.calls.site import GARDEN, VERSIONS, Away, away, opened, set_up, shared, stranger
from tests.support import records

both = pytest.mark.parametrize("version", VERSIONS)


async def alarms(made: Away) -> list[Row]:
    await made.bando.watch.watching.run_once()
    tenant = made.site.tenant.id
    return list(await made.bando.db.read(tenant, rows, "SELECT kind, closed_at FROM alarms WHERE tenant_id = :tenant"))


# -- the beat -----------------------------------------------------------------------------------------


@both
async def test_the_portal_hears_a_router_each_minute(tmp_path: Path, version: str) -> None:
    async with away(tmp_path, version) as made:
        assert "bando: the portal has heard this router" in made.said, made.warnings
        await made.minute(3)
        row = await made.row()
        told = latest(row.beat)

    assert told is not None
    assert row.beat_at is not None
    assert row.last_contact_at == row.beat_at
    assert made.clock.now() - row.beat_at < MINUTE
    assert (told.identity, told.board, told.source) == ("Kilimani Mall", "hAP ax lite", "127.0.0.1")
    assert told.version.startswith(version)
    assert (told.trouble, made.scheduler.failures, made.warnings) == ("", [], [])
    assert made.applied == told.applied == row.call_version == 1


async def test_a_router_that_falls_silent_is_an_alarm_and_ends_it_when_it_calls_again(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        await made.minute()
        assert await alarms(made) == []
        made.router.powered = False
        await made.minute(DOWN_MS // MINUTE + 1)
        await alarms(made)
        await made.minute(3)
        down = [each["kind"] for each in await alarms(made) if each["closed_at"] is None]
        made.router.powered = True
        for _ in range(12):
            await made.minute()
            await alarms(made)
        still = [each["kind"] for each in await alarms(made) if each["closed_at"] is None]

    assert down == ["router-down"]
    assert still == []


async def test_a_beat_hides_no_api_that_does_not_answer(tmp_path: Path) -> None:
    async with away(tmp_path, mode="api") as made:
        before = (await made.row()).last_contact_at
        made.bando.keepers.loop.wake()
        await made.minute(2)
        row = await made.row()

    assert row.beat_at is not None
    assert row.last_contact_at != row.beat_at or before == row.last_contact_at


async def test_the_log_of_the_router_says_once_that_the_portal_is_gone_and_once_that_it_is_back(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        there, made.line.reach = made.line.reach, {"portal.bando.test": ("127.0.0.1", 9)}
        await made.minute(3)
        made.line.reach = there
        await made.minute(2)
        told = latest((await made.row()).beat)

    assert made.warnings == ["bando: the portal was not reached, is not trusted, or does not know this router"]
    assert made.informed[-1] == "bando: the calls get through again"
    assert told is not None
    assert told.trouble == ""


async def test_a_router_whose_clock_was_never_set_says_so_and_calls_when_it_is(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        await made.minute()
        heard = await made.heard()
        made.router.faults.clock_1970 = True
        made.router.reboot()
        await made.minute(3)
        assert await made.heard() == heard
        assert made.warnings == [
            "bando: the clock is not set, so no certificate can be checked; see /system ntp client"
        ]
        made.router.faults.clock_1970 = False
        await made.minute(2)

        assert await made.heard() > heard


async def test_a_clockwork_that_begins_at_a_time_of_the_day_does_not_come_after_a_reboot(tmp_path: Path) -> None:
    """The control of `start-time=startup`: a row as it is added without it."""
    async with away(tmp_path) as made:
        row = made.router.tables["/system/scheduler"].row("bando-call")
        words = {name: row[name] for name in ("interval", "on-event", "policy")}
        made.router.tables["/system/scheduler"].remove(row[".id"])
        made.router.tables["/system/scheduler"].add({"name": "bando-call", **words})
        made.router.faults.clock_1970 = True
        made.router.reboot()
        made.scheduler = Scheduler(router=made.router, ask=made.line)
        await made.minute(5)

        assert made.scheduler.ran == {}


async def test_a_portal_whose_certificate_the_router_does_not_know_hears_nothing(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        await made.minute()
        heard = await made.heard()
        certificates = made.router.tables["/certificate"]
        for row in list(certificates.rows.values()):
            certificates.remove(row[".id"], dynamic=True)
        await made.minute(2)

        assert await made.heard() == heard
        assert len(made.warnings) == 1


async def test_without_the_policies_of_its_row_the_script_cannot_call_and_nobody_is_told(tmp_path: Path) -> None:
    """The control of the policies: from 7.13 on a fetch needs `ftp` as well."""
    async with away(tmp_path) as made:
        made.router.tables["/system/scheduler"].set("bando-call", {"policy": "read,write,test"})
        heard = await made.heard()
        await made.minute(2)

        assert await made.heard() == heard
        assert made.scheduler.failures == ["not enough permissions (9)"] * 2


# -- the wishes ---------------------------------------------------------------------------------------


@both
async def test_a_payment_page_that_is_wished_is_opened_once_and_closed_when_it_is_not(
    tmp_path: Path, version: str
) -> None:
    async with away(tmp_path, version) as made:
        await made.minute()
        garden = made.router.tables[GARDEN]
        garden.add({"dst-host": "foreign.test", "action": "accept", "comment": "of the owner"})
        before = len(garden.rows)
        await opened(made, "https://checkout.pay.test")
        await made.minute()
        assert made.open_pages == ["checkout.pay.test"]
        pulls = [each.url for each in made.line.asked if each.url.endswith("/pull")]
        await made.minute(3)
        assert made.open_pages == ["checkout.pay.test"]
        assert len(garden.rows) == before + 1
        assert [each.url for each in made.line.asked if each.url.endswith("/pull")] == pulls, (
            "nothing new, nothing asked"
        )
        done = [each for each in made.informed if "fulfilled" in each]
        assert done == ["bando: fulfilled wishes number 1", "bando: fulfilled wishes number 2"]
        await opened(made, "")
        await made.minute()

        assert made.open_pages == []
        assert len(garden.rows) == before
        row = await made.row()
        assert row.call_version == made.applied == 3


@both
async def test_the_secret_that_it_shares_with_freeradius_reaches_the_router(tmp_path: Path, version: str) -> None:
    async with away(tmp_path, version) as made:
        radius = made.router.tables["/radius"]
        radius.add({"service": "ppp", "address": "10.0.0.9", "secret": "foreign", "comment": "of the owner"})
        await shared(made, "a-secret-of-32-letters-and-more-$x")
        await made.minute()

        assert [row["secret"] for row in radius.rows.values()] == ["a-secret-of-32-letters-and-more-$x", "foreign"]


async def test_a_login_page_that_was_changed_on_the_router_comes_back(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        await made.minute()
        right = made.router.files["bando/login.html"]
        made.router.files["bando/login.html"] = b"<h1>Pay me</h1>"
        await opened(made, "https://checkout.pay.test")
        fetched = len(made.line.asked)
        await made.minute()

        assert made.router.files["bando/login.html"] == right
        assert sum("/router-files/" in each.url for each in made.line.asked[fetched:]) == 1, "the others are right"


async def test_what_was_missed_while_the_router_was_off_is_made_good_by_one_pull(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        await made.minute()
        made.router.powered = False
        for host in ("one.test", "two.test", "three.test"):
            await opened(made, f"https://{host}")
            await made.minute()
        made.router.powered = True
        await made.minute(2)

        assert made.open_pages == ["three.test"]
        assert made.applied == 2


async def test_after_an_older_backup_was_restored_wishes_reach_the_router_still(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        for host in ("one.test", "two.test"):
            await opened(made, f"https://{host}")
            await made.minute()
        ahead = made.applied
        await made.change(call_version=1, call_mark=None)
        await opened(made, "https://three.test")
        await made.minute(2)

        assert made.open_pages == ["three.test"]
        assert made.applied > ahead


async def test_the_script_may_be_imported_again(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        await made.minute()
        certificates = len(made.router.tables["/certificate"].rows)
        said = await set_up(made)
        await made.minute()

        assert "bando: everything is in place" in said
        assert len(made.router.tables["/certificate"].rows) == certificates
        assert len(made.router.tables["/system/scheduler"].rows) == 1
        assert made.applied == 1


# -- who may call -------------------------------------------------------------------------------------


async def test_the_token_of_one_router_opens_nothing_at_another(tmp_path: Path) -> None:
    async with away(tmp_path) as made, stranger(made) as http:
        other = await a_second_router(made)
        own = {"authorization": f"Bearer {made.keys.token}"}
        body = b"bando 1\napplied=0\n"
        taken = await http.post(f"/call/{made.site.row.public}/beat", headers=own, content=body)
        at_other = await http.post(f"/call/{other}/beat", headers=own, content=body)
        pulled = await http.post(f"/call/{other}/pull", headers=own, content=b"bando 1\nnonce=1\n")
        nowhere = await http.post("/call/ffffffff/beat", headers=own, content=body)

    assert (taken.status_code, taken.text) == (200, "1")
    assert [each.status_code for each in (at_other, pulled, nowhere)] == [401] * 3
    assert len({each.text for each in (at_other, pulled, nowhere)}) == 1


async def a_second_router(made: Away) -> str:
    """A further router that may call; its public name."""
    db, tenant, vault = made.bando.db, made.site.tenant.id, made.site.vault
    fields = {"host": "10.9.0.7", "port": 8729, "username": "bando", "password": "x" * 20, "hotspot_host": "b.wifi"}
    router_id = await db.write(tenant, tenancy.add_router, vault, made.clock.now(), name="Second", **fields)
    second = await db.read(tenant, tenancy.router, router_id)
    await db.write(tenant, service.switch_on, tenant, vault, second)
    await made.bando.catalog.refresh()
    return str(second.public)


async def test_a_token_that_was_taken_back_is_worth_nothing(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        await made.minute()
        heard = await made.heard()
        db, tenant = made.bando.db, made.site.tenant.id
        await db.write(tenant, service.switch_off, tenant, made.site.row)
        await made.bando.catalog.refresh()
        await made.minute(2)
        assert await made.heard() == heard

        made.keys = await db.write(tenant, service.switch_on, tenant, made.site.vault, made.site.row)
        await made.bando.catalog.refresh()
        await made.minute()
        assert await made.heard() == heard, "the script has the old token still"
        await set_up(made)
        await made.minute()

        assert await made.heard() > heard


async def test_a_router_that_was_switched_off_in_the_catalog_a_moment_ago_is_not_heard(tmp_path: Path) -> None:
    """What a process keeps in memory may be a second old: the books have the last word."""
    async with away(tmp_path) as made, stranger(made) as http:
        db, tenant = made.bando.db, made.site.tenant.id
        await db.write(tenant, service.switch_off, tenant, made.site.row)
        own = {"authorization": f"Bearer {made.keys.token}"}
        answers = [
            await http.post(f"/call/{made.site.row.public}/{page}", headers=own, content=body)
            for page, body in (("beat", b"bando 1\napplied=0\n"), ("pull", b"bando 1\nnonce=1\n"))
        ]

    assert [each.status_code for each in answers] == [401, 401]


async def test_the_router_of_the_sandbox_calls_too(tmp_path: Path) -> None:
    """What `make run` shows: the router is called by its keeper, and calls beside."""
    clock = TravelClock()
    async with world(tmp_path / "world", build, clock=clock, **records()) as (site, bando):
        clockwork = await let_call(site, bando)
        clock.advance(2 * MINUTE)
        await asyncio.to_thread(clockwork.run_due)
        row = await bando.db.read(site.tenant.id, tenancy.router, site.row.id)
        told = latest(row.beat)

    assert told is not None
    assert (told.applied, told.trouble, row.call_version) == (1, "", 1)
    assert clockwork.failures == []
