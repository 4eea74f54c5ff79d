"""Routers that call, in the console: letting them, what was heard of them, and taking the right back."""

from __future__ import annotations

from pathlib import Path

from portal.calls import service
from portal.calls.beat import Beat
from portal.calls.service import Wishes
from portal.clock import MINUTE
from portal.console.routers import store
from portal.mikrotik.calling import SENTENCES
from portal.payments import joining
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from portal.units import update
from tests.console.jobs.furniture import ANSWERS
from tests.console.office import Office, office

TOLD = Beat(
    identity="Kilimani <b>",
    version="7.23.4 (stable)",
    board="hAP ax lite",
    uptime_s=3 * 86_400 + 4 * 3_600,
    memory=190_840_832,
    online=12,
    source="196.201.0.7",
)


async def router_of(o: Office) -> Router:
    found: Router | None = await o.home.read(tenancy.router, o.home.router_id)
    assert found is not None
    return found


async def called(o: Office, told: Beat = TOLD) -> None:
    """The router told this."""
    wishes = Wishes(vault=o.home.vault, public_url="https://portal.test", hosts=lambda: joining.hosts({}))
    await o.home.write(service.beat, wishes, o.home.router_id, told, o.home.clock.now())


async def let(o: Office) -> None:
    await o.home.write(service.switch_on, o.home.tenant.id, o.home.vault, await router_of(o))


async def test_a_router_that_does_not_call_says_so_and_what_calls_are_for(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        page = await (await o.of("owner")).get(f"/routers/{o.home.router_id}")

        assert "This router does not call." in page
        assert f"/console/routers/{o.home.router_id}/calls" in page


async def test_letting_it_call_leads_to_a_script_that_makes_it_call(tmp_path: Path) -> None:
    async with office(tmp_path, BANDO_PUBLIC_URL="https://portal.example.co.ke") as o:
        await o.home.write(update, "routers", o.home.router_id, answers=ANSWERS.kept())
        await o.home.write(store.new_password, o.home.tenant.id, o.home.router_id, o.home.vault, "x" * 20)
        owner, path = await o.of("owner"), f"/routers/{o.home.router_id}"
        answer = await owner.post(f"{path}/calls", state="let", reason="behind carrier NAT")
        assert answer.headers["location"].split("?")[0] == f"/console{path}/script"
        script = await owner.get(f"{path}/script/file")
        known = service.keys(o.home.vault, await router_of(o))
        page = await owner.get(path)
        acts = [(each["act"], each["payload"]) for each in await o.acts()]

        assert known is not None
        assert f"Authorization: Bearer {known.token}" in script
        assert "It may call, and has not yet." in page
        assert acts[0][0] == "router.calls.let"
        assert known.token not in "".join(str(each) for each in acts)
        assert await o.verified()


async def test_what_was_heard_last_stands_on_its_page(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        await let(o)
        await called(o)
        manager, path = await o.of("manager"), f"/routers/{o.home.router_id}"
        page = await manager.get(path)
        assert "Kilimani &lt;b&gt;, hAP ax lite, RouterOS 7.23.4 (stable)" in page
        for said in ("196.201.0.7", "3\u00a0days 4\u00a0hours", "182 MB", "number 0 of 1 fulfilled"):
            assert said in page, said
        await called(o, Beat(version="7.23.4", applied=1))
        assert "all fulfilled, number 1" in await manager.get(path)
        await called(o, Beat(version="7.23.4", applied=1, trouble="signature"))
        assert f"It says: {SENTENCES['signature']}." in await manager.get(path)
        assert "silent</" not in await manager.get(path)
        o.home.clock.advance(6 * MINUTE)

        assert "silent</" in await manager.get(path)


async def test_other_keys_and_no_keys(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        await let(o)
        before = (await router_of(o)).call_hash
        owner, path = await o.of("owner"), f"/routers/{o.home.router_id}/calls"
        await owner.post(path, state="let", reason="again", status=409)
        assert (await router_of(o)).call_hash == before
        await owner.post(path, state="renew", reason="somebody saw it")
        assert (await router_of(o)).call_hash not in (before, None)
        await owner.post(path, state="stop", reason="it is sold")
        assert (await router_of(o)).call_hash is None
        assert (await router_of(o)).call_key_sealed is None
        await owner.post(path, state="renew", reason="again", status=409)

        assert [each["act"] for each in await o.acts()] == ["router.calls.renew", "router.calls.stop"]


async def test_without_a_reason_or_an_authority_nothing_is_done(tmp_path: Path) -> None:
    async with office(tmp_path, BANDO_ROUTER_AUTHORITY="") as o:
        owner, path = await o.of("owner"), f"/routers/{o.home.router_id}/calls"
        await owner.post(path, state="let", reason="", status=400)
        answer = await owner.post(path, state="let", reason="behind carrier NAT", status=409)

        assert "BANDO_ROUTER_AUTHORITY" in answer.text
        assert (await router_of(o)).call_hash is None
