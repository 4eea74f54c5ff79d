"""The search box, the page of a device, and what its buttons do and write down."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from portal import check
from portal.access import admission
from portal.access import store as access
from portal.access.passes import Pass
from portal.access.store import Cause
from portal.clock import DAY, HOUR, MINUTE
from portal.console.guests import acts
from portal.console.guests.card import PAGE
from portal.phone import Phone
from portal.tenancy import store as tenancy
from tests.console import guests
from tests.console.office import Office, Visitor

KEY = re.compile(r'name="key" value="([0-9a-f]{16})"')


def at(device_id: int, what: str = "") -> str:
    return f"/guests/device/{device_id}{what}"


async def queue(o: Office, device_id: int) -> list[Pass]:
    found: list[Pass] = await o.home.read(access.queue_of, device_id)
    return found


async def search(who: Visitor, text: str) -> str:
    """Where a search leads: the path of the one device, or the page."""
    answer = await who.http.post("/console/guests", data={"csrf": await who.token(), "q": text})
    assert answer.status_code in (200, 303)
    return answer.headers["location"] if answer.status_code == 303 else answer.text


# --- the page ---


async def test_the_timeline_tells_in_plain_words_what_happened(o: Office) -> None:
    who, s = await o.of("support"), o.home
    device_id = await guests.device(s)
    wrong = await guests.asked(s, device_id)
    s.clock.advance(MINUTE)
    await guests.answered(s, wrong, "failure", "wrong-pin")
    s.clock.advance(MINUTE)
    await guests.paid(s, device_id)
    s.clock.advance(MINUTE)
    await guests.goes_online(s, device_id, size=5_000_000)

    page = await who.get(at(device_id))
    events = page[page.index('class="timeline"') :]

    said = (
        "First seen",
        "Prompt sent to 0712 345 678",
        "The M-Pesa PIN was wrong.",
        f"receipt {guests.RECEIPT}",
        "Went online with 1 hour",
    )
    places = [events.rindex(each) for each in said]
    assert places == sorted(places, reverse=True)
    assert "Online at Site 1" in page
    assert "left." in page


async def test_a_phone_is_masked_for_whoever_may_not_help(o: Office) -> None:
    auditor, support, s = await o.of("auditor"), await o.of("support"), o.home
    device_id = await guests.device(s)
    await guests.paid(s, device_id)

    masked, whole = await auditor.get(at(device_id)), await support.get(at(device_id))

    assert "07xx xxx 678" in masked
    assert "0712 345 678" not in masked
    assert "0712 345 678" in whole
    assert "/extend" not in masked
    assert "/kick" not in masked


async def test_the_page_says_what_the_device_waits_for(o: Office) -> None:
    who, s = await o.of("support"), o.home
    device_id = await guests.device(s)
    assert "It has no pass now." in await who.get(at(device_id))
    await guests.asked(s, device_id)
    assert "the PIN is waited for" in await who.get(at(device_id))
    await guests.paid(s, device_id, receipt="TKM4X7Y2ZR")
    assert "the router of Site 1 does not answer" in await who.get(at(device_id))
    await s.write(tenancy.note_contact, s.router_id, s.clock.now())
    assert "no router sees the device now" in await who.get(at(device_id))
    await guests.goes_online(s, device_id)
    assert "Online at Site 1 since" in await who.get(at(device_id))
    s.clock.advance(10 * MINUTE)
    assert "Until it answers again nobody knows." in await who.get(at(device_id))
    s.clock.advance(2 * HOUR)
    await s.write(admission.refresh, device_id, s.clock.now())
    who = await o.of("support")
    assert "The last one, 1 hour, ended" in await who.get(at(device_id))


async def test_a_long_timeline_has_pages_and_each_line_stands_on_one(o: Office) -> None:
    who, s = await o.of("support"), o.home
    device_id = await guests.device(s)
    for n in range(PAGE + 10):
        await s.write(acts.note, device_id, who.staff_id, f"number {n}.", s.clock.now())
        s.clock.advance(10)

    first = await who.get(at(device_id))
    further = re.search(r"\?before=(\d+)", first)
    assert further is not None
    second = await who.get(at(device_id), before=further[1])

    told = [re.findall(r"number (\d+)\.", page) for page in (first, second)]
    assert sorted(told[0] + told[1], key=int) == [str(n) for n in range(PAGE + 10)]
    assert ("First seen" in re.sub("<dt>First seen", "", first), "First seen" in second) == (False, True)


@pytest.mark.parametrize(
    "path",
    [
        "/guests/device/0",
        "/guests/device/-1",
        "/guests/device/x",
        "/guests/device/99999999999999999999",
        "/guests/device/1e3",
    ],
)
async def test_an_address_that_names_nothing_is_not_found(o: Office, path: str) -> None:
    await (await o.of("owner")).get(path, 404)


# --- what the buttons do, and that each leaves one line ---


def told(o_act: Mapping[str, Any]) -> Any:
    return json.loads(o_act["payload"]).get("after")


async def test_extend_gives_a_free_pass_behind_the_others_like_the_last_of_them(o: Office) -> None:
    who, s = await o.of("support"), o.home
    plan = await s.plan_of(name="2 Mbps", span_ms=2 * HOUR, rate_down=2_000_000, data_bytes=500_000_000)
    device_id = await guests.device(s)
    await guests.given(s, device_id, plan)
    key = KEY.search(await who.get(at(device_id)))
    assert key is not None

    await who.post(at(device_id, "/extend"), reason="slow", key=key[1], give="hour")

    new = (await queue(o, device_id))[1]
    assert (new.plan_name, new.span_ms, new.rate_down, new.data_bytes) == ("1 hour", HOUR, 2_000_000, 250_000_000)
    assert (await guests.state_of(s, device_id)).allowance.seconds == 3 * 3600  # one login covers both
    assert (await s.read(access.pass_by_cause, Cause(kind="staff", ref=key[1]))).id == new.id
    log = await o.acts()
    assert [(each["act"], each["subject"], told(each)) for each in log] == [
        ("extend", f"device:{device_id}", {"gave": "1 hour", "reason": "slow"})
    ]
    assert "Amina Support gave 1 hour" in await who.get(at(device_id))
    for each in check.CHECKS:
        assert await s.read(each, s.clock.now() + DAY) == []


async def test_sending_extend_twice_gives_once(o: Office) -> None:
    who, s = await o.of("support"), o.home
    device_id = await guests.device(s)
    await guests.given(s, device_id)

    first = await who.post(at(device_id, "/extend"), reason="slow", key="a" * 16, give="day")
    second = await who.post(at(device_id, "/extend"), reason="slow", key="a" * 16, give="day")

    assert first.headers["location"].endswith("said=extended")
    assert second.headers["location"].endswith("said=given")
    assert len(await queue(o, device_id)) == 2
    assert len(await o.acts()) == 1


async def test_extend_after_the_end_makes_a_new_pass(o: Office) -> None:
    who, s = await o.of("support"), o.home
    device_id = await guests.device(s)
    one = await guests.given(s, device_id)
    await s.write(admission.end_pass, one.id, "time", s.clock.now())

    await who.post(at(device_id, "/extend"), reason="slow", key="a" * 16, give="minutes", minutes="90")

    assert [(each.state, each.span_ms) for each in await queue(o, device_id)] == [("waiting", 90 * MINUTE)]


async def test_extend_lengthens_a_shared_pass_for_everybody_on_it(o: Office) -> None:
    who, s = await o.of("support"), o.home
    family = await s.plan_of(name="Family", max_devices=3)
    owner, child = await guests.device(s, 1), await guests.device(s, 2)
    one = await guests.given(s, owner, family)
    await s.write(admission.add_device, one.id, child, s.clock.now())

    await who.post(at(child, "/extend"), reason="slow", key="a" * 16, give="hour")

    assert [each.device_id for each in await queue(o, owner)] == [owner, owner]
    assert await queue(o, child) == []
    await s.write(admission.end_pass, one.id, "time", s.clock.now())
    assert (await guests.state_of(s, child)).allowance is not None


@pytest.mark.parametrize("minutes", ["", "0", "-5", "1.5", "44641", "9" * 30, "٣", "1e3"])
async def test_extend_by_nonsense_gives_nothing_and_the_form_comes_back(o: Office, minutes: str) -> None:
    who, s = await o.of("support"), o.home
    device_id = await guests.device(s)
    await guests.given(s, device_id)

    page = (
        await who.post(at(device_id, "/extend"), 400, reason="slow", key="a" * 16, give="minutes", minutes=minutes)
    ).text

    assert "Type how many minutes to give" in page
    assert f'value="{minutes}"' in page
    assert len(await queue(o, device_id)) == 1
    assert await o.acts() == []


async def test_a_device_that_never_had_a_pass_is_not_extended(o: Office) -> None:
    who, s = await o.of("support"), o.home
    device_id = await guests.device(s)

    await who.post(at(device_id, "/extend"), 409, reason="slow", key="a" * 16, give="hour")
    for key in ("", "A" * 16, "a" * 15, "' OR 1"):
        await who.post(at(device_id, "/extend"), 400, reason="slow", key=key, give="hour")
    assert (await queue(o, device_id), await o.acts()) == ([], [])


@pytest.mark.parametrize("typed", [guests.mac(2), guests.mac(2).replace(":", "").lower()])
async def test_move_brings_all_passes_to_the_new_device(o: Office, typed: str) -> None:
    who, s = await o.of("support"), o.home
    old = await guests.device(s)
    await guests.given(s, old)
    await guests.given(s, old)

    answer = await who.post(at(old, "/move"), mac=typed)

    new = (await s.read(access.device_by_mac, guests.mac(2))).id
    assert answer.headers["location"] == f"/console{at(new)}?said=moved"
    assert [len(await queue(o, each)) for each in (old, new)] == [0, 2]
    assert [(each["act"], each["subject"]) for each in await o.acts()] == [("move", f"device:{old}")]
    assert "Took over 1 hour from another device" in await who.get(at(new))
    assert guests.mac(2) in await who.get(at(old))


async def test_a_move_that_makes_no_sense_changes_nothing(o: Office) -> None:
    who, s = await o.of("support"), o.home
    device_id, blocked = await guests.device(s, 1), await guests.device(s, 2)
    await s.write(admission.block, blocked, True, s.clock.now())
    await who.post(at(device_id, "/move"), 409, mac=guests.mac(3))
    await guests.given(s, device_id)

    for status, typed in ((400, "nonsense"), (400, ""), (409, guests.mac(1)), (409, guests.mac(2))):
        page = (await who.post(at(device_id, "/move"), status, mac=typed)).text
        assert f'value="{typed}"' in page
    assert len(await queue(o, device_id)) == 1
    assert await s.read(access.device_by_mac, guests.mac(3)) is None
    assert await o.acts() == []


async def test_kick_holds_for_a_quarter_of_an_hour_and_connect_waits_for_let_in(o: Office) -> None:
    who, s = await o.of("cashier"), o.home
    device_id = await guests.device(s)
    await guests.given(s, device_id)

    await who.post(at(device_id, "/kick"))

    hold = (await s.read(access.device, device_id)).hold
    assert hold.by == "staff"
    assert abs((hold.until or 0) - s.clock.now() - 15 * MINUTE) < MINUTE
    page = await who.get(at(device_id))
    assert "Kept off by Amina Cashier until" in page
    assert "/connect" not in page
    await who.post(at(device_id, "/connect"), 409)
    await who.post(at(device_id, "/let-in"))
    await who.post(at(device_id, "/connect"))
    assert (await s.read(access.device, device_id)).hold.by is None
    assert [each["act"] for each in await o.acts()] == ["kick", "let-in", "connect"]
    assert await o.verified()


async def test_block_asks_why_and_unblock_lets_in(o: Office) -> None:
    who, s = await o.of("cashier"), o.home
    device_id = await guests.device(s)
    assert "none of your sites" in await who.get(at(device_id, "/block"))
    for reason in ("", "  ", "x" * 301):
        assert "Say why" in (await who.post(at(device_id, "/block"), 400, reason=reason)).text
    assert await o.acts() == []

    await who.post(at(device_id, "/block"), reason="sells our <b>Wi-Fi</b>")

    page = await who.get(at(device_id))
    assert "Blocked by Amina Cashier" in page
    assert "sells our &lt;b&gt;Wi-Fi&lt;/b&gt;" in page
    await who.post(at(device_id, "/unblock"))
    assert not (await s.read(access.device, device_id)).hold.blocked
    assert [each["act"] for each in await o.acts()] == ["block", "unblock"]


async def test_ending_a_pass_asks_why_and_ends_that_one(o: Office) -> None:
    who, s = await o.of("cashier"), o.home
    device_id, other = await guests.device(s, 1), await guests.device(s, 2)
    one, two = await guests.given(s, device_id), await guests.given(s, device_id)
    theirs = await guests.given(s, other)
    path = at(device_id, f"/pass/{two.id}/end")
    assert "loses that for good" in await who.get(path)
    await who.post(path, 400, reason="")
    await who.post(at(device_id, f"/pass/{theirs.id}/end"), 404, reason="x")
    await who.get(at(device_id, f"/pass/{theirs.id}/end"), 404)
    assert await o.acts() == []

    await who.post(path, reason="bought by mistake")

    assert [each.id for each in await queue(o, device_id)] == [one.id]
    assert (await s.read(access.get_pass, two.id)).end_reason == "void"
    await who.post(path, 409, reason="again")
    assert [(each["act"], told(each)["reason"]) for each in await o.acts()] == [("end-pass", "bought by mistake")]


async def test_a_note_is_kept_and_shown_as_it_was_written(o: Office) -> None:
    who, s = await o.of("support"), o.home
    device_id = await guests.device(s)

    await who.post(at(device_id, "/note"), text="Paid cash\n<script>alert(1)</script>")

    page = await who.get(at(device_id))
    assert "Amina Support wrote" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    for text in ("", "  ", "x" * 1001):
        await who.post(at(device_id, "/note"), 400, text=text)
    assert [each["act"] for each in await o.acts()] == ["note"]
    assert "alert" not in str((await o.acts())[0]["payload"])


HELP = ("/connect", "/extend", "/move", "/note")
STOP = ("/kick", "/let-in", "/block", "/unblock")


@pytest.mark.parametrize(("role", "forbidden"), [("auditor", HELP + STOP), ("support", STOP)])
async def test_a_role_without_the_permission_is_refused_and_changes_nothing(
    o: Office, role: str, forbidden: tuple[str, ...]
) -> None:
    who, s = await o.of(role), o.home
    device_id = await guests.device(s)
    one = await guests.given(s, device_id)
    before = await s.read(access.device, device_id)
    fields = {"key": "a" * 16, "give": "hour", "mac": guests.mac(2), "text": "x", "reason": "x"}

    for what in (*forbidden, f"/pass/{one.id}/end"):
        await who.post(at(device_id, what), 403, **fields)

    assert await s.read(access.device, device_id) == before
    assert await queue(o, device_id) == [replace(one)]
    assert await o.acts() == []


async def test_a_search_needs_the_token_of_the_form(o: Office) -> None:
    who = await o.of("support")

    answer = await who.http.post("/console/guests", data={"q": Phone("254712345678").spoken})

    assert answer.status_code == 403
