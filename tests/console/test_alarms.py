"""The page of alarms, and who is told: what staff see, do, and cannot do."""

from __future__ import annotations

import re

import pytest

from portal.clock import DAY, HOUR, MINUTE
from portal.units import rows, update
from portal.watch import channels, store
from portal.watch.alarm import KINDS
from tests.console import alarms, money
from tests.console.office import Office, Visitor

KEY = "0123456789abcdef"
WEBHOOK = {"kind": "webhook", "address": alarms.WEBHOOK, "key": KEY, **{f"want-{kind}": "1" for kind in KINDS}}


async def kept(o: Office, table: str = "alarm_channels") -> list[dict[str, object]]:
    order = "SELECT * FROM alarm_channels WHERE tenant_id = :tenant ORDER BY id"
    found = await o.home.read(rows, order if table == "alarm_channels" else order.replace("alarm_channels", table))
    return [dict(each) for each in found]


# --- the page ---


async def test_with_nothing_wrong_the_page_says_so_and_that_nobody_is_told(o: Office) -> None:
    page = await (await o.of("owner")).get("/alarms")

    assert "Nothing is wrong" in page
    assert "nobody is told of them elsewhere" in page
    assert "No alarm yet" in page


async def test_an_open_alarm_says_what_to_do_and_leads_to_its_router(o: Office) -> None:
    await alarms.opened(o.home)
    who = await o.of("owner")
    page = await who.get("/alarms")

    assert KINDS["router-down"].do in page
    assert f'/console/routers/{o.home.router_id}"' in page
    assert "nobody has seen it yet" in page
    assert "Site 1 does not answer since 14:02." in await who.get("/")


async def test_a_suspicion_is_shown_to_nobody(o: Office) -> None:
    await alarms.opened(o.home, opened_at=None)
    who = await o.of("owner")

    assert "Site 1 does not answer" not in await who.get("/alarms") + await who.get("/")


async def test_somebody_takes_care_of_it_and_the_others_see_who(o: Office) -> None:
    alarm = await alarms.opened(o.home)
    who = await o.of("manager")
    for _ in range(2):
        await who.post(f"/alarms/{alarm}/seen")
    page = await (await o.of("owner")).get("/alarms")

    assert "Seen by Amina Manager" in page
    assert "I take care of it" not in page
    assert "does not answer" not in await who.get("/"), "the dashboard tells of what nobody has seen"
    assert [each["act"] for each in await o.acts()] == ["alarm.seen"]


async def test_a_router_is_muted_until_it_is_back_and_told_of_again(o: Office) -> None:
    alarm = await alarms.opened(o.home)
    who = await o.of("owner")
    await who.post(f"/alarms/{alarm}/mute", to="on")
    assert "muted until it is back" in await who.get("/alarms")
    assert await o.home.read(store.unseen) == 0
    await who.post(f"/alarms/{alarm}/mute", to="off")
    assert await o.home.read(store.unseen) == 1
    assert [each["act"] for each in await o.acts()] == ["alarm.mute", "alarm.unmute"]


async def test_only_a_routers_alarm_can_be_muted_and_none_that_is_over(o: Office) -> None:
    silence = await alarms.opened(o.home, kind="silence-paid", subject="")
    over = await alarms.opened(o.home, closed_at=o.home.clock.now())
    who = await o.of("owner")
    await who.post(f"/alarms/{silence}/mute", 400, to="on")
    await who.post(f"/alarms/{over}/seen", 409)
    await who.post(f"/alarms/{over}/mute", 409, to="on")
    assert await o.acts() == []


async def test_whoever_only_looks_changes_nothing(o: Office) -> None:
    alarm = await alarms.opened(o.home)
    who = await o.of("auditor")
    page = await who.get("/alarms")
    assert "I take care of it" not in page
    await who.post(f"/alarms/{alarm}/seen", 403)
    await who.post(f"/alarms/{alarm}/mute", 403, to="on")
    await who.post("/settings/alarms", 403, **WEBHOOK)


async def test_what_is_over_stands_below_page_by_page(o: Office) -> None:
    now = o.home.clock.now()
    for n in range(60):
        at = now - n // 2 * HOUR  # two of the same moment
        await alarms.opened(
            o.home, subject=f"router:{n}", sentence=f"Story {n:02}.", since=at - 42 * MINUTE, gone_at=at, closed_at=at
        )
    who, told, query = await o.of("owner"), list[str](), dict[str, str]()
    for _ in range(3):
        page = await who.get("/alarms", 200, **query)
        told += re.findall(r"Story \d\d", page)
        further = re.search(r'href="/console/alarms\?before=([0-9-]+)"', page)
        query = {"before": further[1]} if further else {}
    assert query == {}
    assert sorted(told) == [f"Story {n:02}" for n in range(60)], "each once"
    assert "42 min" in page


@pytest.mark.parametrize("before", ["x", "1", "1-", "-1", "1-2-3", "١-٢", "9" * 40 + "-1"])
async def test_a_place_in_the_past_that_is_none_is_refused(o: Office, before: str) -> None:
    await (await o.of("owner")).get("/alarms", 400, before=before)


async def test_payments_of_today_stand_beside_what_is_usual(o: Office) -> None:
    now = o.home.clock.now()
    for week in range(1, 5):
        for _ in range(week):
            await money.paid(o.home, now - week * 7 * DAY)
    page = await (await o.of("owner")).get("/alarms")

    assert "Payments today, against usual" in page
    assert '<td class="number">2.5</td>' in page, "the middle of 1, 2, 3 and 4"


async def test_a_name_that_is_code_stays_text(o: Office) -> None:
    await alarms.opened(o.home, sentence="<script>alert(1)</script> does not answer.")
    who = await o.of("owner")
    for path in ("/alarms", "/"):
        assert "<script>alert(1)" not in await who.get(path)


# --- who is told ---


async def added(who: Visitor) -> tuple[int, str]:
    """A webhook, and the secret that is shown."""
    answer = await who.post("/settings/alarms", 200, **WEBHOOK)
    secret = re.search(r"whs_[0-9a-f]{64}", answer.text)
    assert secret is not None
    (row,) = await kept(who.office)
    return int(str(row["id"])), secret[0]


async def test_a_webhooks_secret_is_shown_once_and_its_path_never(o: Office) -> None:
    who = await o.of("owner")
    id, secret = await added(who)
    found = await o.home.read(store.channel, id)
    pages = [await who.get(path) for path in ("/settings/alarms", f"/settings/alarms/{id}", "/audit", "/alarms")]
    acts = "".join(str(dict(each)) for each in await o.acts())

    assert channels.secret(o.home.vault, found) == secret
    assert channels.address(o.home.vault, found) == alarms.WEBHOOK
    for text in (secret, "secret-part"):
        assert text not in "".join(pages) + acts
    assert "https://hooks.example.test/…" in pages[0]
    (row,) = await kept(o)
    assert b"hooks.example" not in bytes(str(row), "utf-8")


async def test_the_same_form_again_adds_nothing_and_shows_no_secret(o: Office) -> None:
    who = await o.of("owner")
    await added(who)
    answer = await who.post("/settings/alarms", 303, **WEBHOOK)
    assert "channel-there" in answer.headers["location"]
    assert len(await kept(o)) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"address": "http://hooks.example.test/x"}, "whole https address"),
        ({"address": "https://10.0.0.1/x"}, "whole https address"),
        ({"address": "https://169.254.169.254/latest"}, "whole https address"),
        ({"address": ""}, "whole https address"),
        ({"kind": "email", "address": "ops@isp.test"}, "no mail server yet"),
        ({f"want-{kind}": "" for kind in KINDS}, "at least one kind"),
    ],
)
async def test_a_bad_channel_is_refused_and_nothing_typed_is_lost(
    o: Office, changes: dict[str, str], said: str
) -> None:
    who = await o.of("owner")
    answer = await who.post("/settings/alarms", 400, **{**WEBHOOK, **changes})
    assert said in answer.text
    assert ({**WEBHOOK, **changes})["address"] in answer.text
    assert await kept(o) == []
    assert await o.acts() == []


@pytest.mark.parametrize("changes", [{"kind": "pigeon"}, {"kind": ""}, {"key": "short"}, {"key": ""}])
async def test_a_form_that_is_none_of_ours_is_refused(o: Office, changes: dict[str, str]) -> None:
    await (await o.of("owner")).post("/settings/alarms", 400, **{**WEBHOOK, **changes})
    assert await kept(o) == []


async def test_there_are_ten_at_most(o: Office) -> None:
    for _ in range(channels.MOST):
        await alarms.channel(o.home)
    answer = await (await o.of("owner")).post("/settings/alarms", 409, **WEBHOOK)
    assert "ten already" in answer.text


async def test_what_it_is_told_of_is_changed_and_it_is_switched_off(o: Office) -> None:
    who = await o.of("manager")
    id = await alarms.channel(o.home)
    assert "at least one kind" in (await who.post(f"/settings/alarms/{id}/change", 400)).text
    await who.post(f"/settings/alarms/{id}/change", 303, **{"want-balance": "1"})
    found = await o.home.read(store.channel, id)
    assert (found.wanted, found.active) == ('["balance"]', False)
    await who.post(f"/settings/alarms/{id}/change", 303, active="1", **{f"want-{kind}": "1" for kind in KINDS})
    found = await o.home.read(store.channel, id)
    assert (found.wanted, found.active) == (None, True), "a kind that comes with a later version is told as well"


async def test_a_test_message_waits_in_the_outbox_and_is_not_sent_twice_at_once(o: Office) -> None:
    who = await o.of("owner")
    id = await alarms.channel(o.home)
    await who.post(f"/settings/alarms/{id}/test")
    await who.post(f"/settings/alarms/{id}/test", 409)
    (waiting,) = await kept(o, "deliveries")
    assert (waiting["event"], waiting["state"]) == ("test", "waiting")
    assert "This is a test" in str(waiting["body"])
    assert "Test: on its way" in await who.get(f"/settings/alarms/{id}")


async def test_tests_are_five_an_hour_so_that_no_stranger_is_filled_with_them(o: Office) -> None:
    who = await o.of("owner")
    id = await alarms.channel(o.home)
    for _ in range(5):
        await who.post(f"/settings/alarms/{id}/test")
        (*_, last) = await kept(o, "deliveries")
        await o.home.write(update, "deliveries", last["id"], state="sent")
    assert "Five tests an hour" in (await who.post(f"/settings/alarms/{id}/test", 429)).text


async def test_a_channel_is_removed_with_a_reason_and_what_it_was_is_gone(o: Office) -> None:
    who = await o.of("owner")
    id = await alarms.channel(o.home)
    await who.post(f"/settings/alarms/{id}/test")
    assert "Nothing is sent there any more" in await who.get(f"/settings/alarms/{id}/remove")
    assert "Say why" in (await who.post(f"/settings/alarms/{id}/remove", 400)).text
    await who.post(f"/settings/alarms/{id}/remove", reason="they left")
    (row,) = await kept(o)
    (message,) = await kept(o, "deliveries")
    assert (row["address_sealed"], row["secret_sealed"], message["state"]) == (b"", None, "dropped")
    await who.get(f"/settings/alarms/{id}", 404)
    assert "Nobody is told yet" in await who.get("/settings/alarms")
