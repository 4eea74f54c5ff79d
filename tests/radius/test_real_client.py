"""What a router gets, through the FreeRADIUS of Debian with the configuration that is installed.

`radclient` asks as RouterOS does; where its bytes are not enough, the sandbox's own packets do.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from portal.access import admission, store
from portal.clock import HOUR, MINUTE, SECOND
from portal.radius import tickets
from portal.radius.names import named_by
from portal.tenancy import store as tenancy
from portal.units import Unit, update
from portal.vouchers import codes
from tests.radius.freeradius import Reply
from tests.radius.stage import MAC, OTHER, SECRET, Stage
from tests.vouchers.cards import print_cards

ACCEPT, REJECT = "Access-Accept", "Access-Reject"
GB = 2**30


async def ticket(house: Stage, mac: str = MAC, router_id: int = 0) -> tuple[str, str]:
    at = router_id or house.router_id
    return tickets.issue(house.vault, house.tenant.id, at, mac, house.clock.now())


def pass_of(house: Stage, got: Reply) -> tuple[int, int]:
    """The device and the pass that the Class names."""
    named = named_by(house.vault, house.tenant.id, house.router_id, bytes.fromhex(got.attributes["Class"][2:]))
    assert named is not None
    return named.device_id, named.pass_id


# --- by MAC ---


@pytest.mark.parametrize(
    "name",
    [MAC, MAC.lower(), MAC.replace(":", "-"), "0200:0000:0001", "020000:000001", "020000000001", "0200.0000.0001"],
)
async def test_a_device_is_let_in_by_its_mac_however_its_router_writes_it(house: Stage, name: str) -> None:
    await house.grant()
    for password in ("", name, "the mac-auth-password"):  # every mac-auth-mode
        assert (await house.login(name, password)).kind == ACCEPT
    assert (await house.login(name, mac=name)).kind == ACCEPT


async def test_nobody_is_let_in_by_the_mac_of_somebody_else(house: Stage) -> None:
    await house.grant()
    got = await house.login(MAC, mac=OTHER)
    assert (got.kind, got.attributes["Reply-Message"]) == (REJECT, "This is the name of another device.")
    assert (await house.login(MAC, mac=MAC)).kind == ACCEPT


async def test_what_a_pass_allows_is_said_in_the_words_of_mikrotik(house: Stage) -> None:
    plan = await house.plan_of(
        kind="used", window_ms=6 * HOUR, rate_up=512_000, rate_down=5_000_000, data_bytes=5 * GB + 7, max_devices=3
    )
    made = await house.grant(plan=plan)
    found = await house.login()
    got = found.attributes
    assert {name: got[name] for name in got if name not in ("Class", "Message-Authenticator")} == {
        "Session-Timeout": "3600",
        "Idle-Timeout": "300",
        "Mikrotik-Rate-Limit": "512k/5M",
        "Mikrotik-Total-Limit": str(GB + 7),
        "Mikrotik-Total-Limit-Gigawords": "1",
        "Acct-Interim-Interval": "300",
        "Port-Limit": "1",
    }
    assert pass_of(house, found) == (made.device_id, made.id)


async def test_the_last_moment_of_a_pass_is_a_whole_second_and_never_no_limit(house: Stage) -> None:
    made = await house.grant()
    now = house.clock.now()
    running = replace(made, state="running", started_at=now - HOUR, ends_at=now + 4 * SECOND)
    await house.write(store.save_pass, made, running)
    assert 1 <= int((await house.login()).attributes["Session-Timeout"]) <= 4
    house.clock.advance(4 * SECOND)
    assert (await house.login()).kind == REJECT


# --- why not ---


async def test_an_unknown_device_is_refused_in_words(house: Stage) -> None:
    got = await house.login()
    assert got.kind == REJECT
    assert got.attributes["Reply-Message"].startswith("This device has no internet time here yet.")


async def test_a_pass_that_is_over_is_refused_before_anybody_wrote_its_end_down(house: Stage) -> None:
    made = await house.grant()
    now = house.clock.now()
    await house.write(store.save_pass, made, replace(made, state="running", started_at=now, ends_at=now + HOUR))
    assert (await house.login()).kind == ACCEPT
    house.clock.advance(HOUR)
    got = await house.login()
    assert (got.kind, got.attributes["Reply-Message"][:30]) == (REJECT, "Your internet time is over. Op")


async def test_used_up_data_is_refused(house: Stage) -> None:
    made = await house.grant(plan=await house.plan_of(data_bytes=1_000))
    assert (await house.login()).attributes["Mikrotik-Total-Limit"] == "1000"
    await house.write(store.save_pass, made, replace(made, used_bytes=1_000))
    got = await house.login()
    assert (got.kind, got.attributes["Reply-Message"][:30]) == (REJECT, "The data of your plan is used ")
    await house.write(admission.refresh, made.device_id, house.clock.now())
    assert (await house.login()).attributes["Reply-Message"] == got.attributes["Reply-Message"]


async def test_whoever_is_held_blocked_or_elsewhere_is_refused_and_comes_back(house: Stage) -> None:
    elsewhere = await house.further_router("127.0.0.2")
    made = await house.grant(plan=await house.plan_of(sites=(house.router_id,)))
    steps = {
        "You have disconnected": (admission.hold, made.device_id, "guest", None, house.clock.now()),
        "Staff have stopped this device.": (admission.block, made.device_id, True, house.clock.now()),
    }
    for words, act in steps.items():
        await house.write(*act)
        got = await house.login()
        assert (got.kind, got.attributes["Reply-Message"][: len(words)]) == (REJECT, words)
    await house.write(admission.block, made.device_id, False, house.clock.now())
    await house.write(admission.tap, made.device_id, house.clock.now())
    assert (await house.login()).kind == ACCEPT
    away = await house.login(source="127.0.0.2")
    assert (away.kind, away.attributes["Reply-Message"][:27]) == (REJECT, "Your internet time is good,")
    assert elsewhere


async def test_an_isp_or_router_that_is_switched_off_lets_nobody_in(house: Stage) -> None:
    await house.grant()
    for off in (partial(_router_active, house, False), partial(tenancy.change_tenant, house.tenant.id, active=False)):
        assert (await house.login()).kind == ACCEPT
        await house.write(off)
        await house.catalog.refresh()
        got = await house.login()
        assert (got.kind, got.attributes["Reply-Message"]) == (
            REJECT,
            "This Wi-Fi is switched off. Ask whoever runs it.",
        )
        await house.write(_router_active, house, True)
        await house.write(tenancy.change_tenant, house.tenant.id, active=True)
        await house.catalog.refresh()


def _router_active(house: Stage, active: bool) -> Unit[None]:
    yield from update("routers", house.router_id, active=active)
    yield from tenancy.bump(house.tenant.id)


# --- one-time logins ---


@pytest.mark.parametrize("how", ["User-Password", "CHAP-Password"])
async def test_a_one_time_login_is_good_once_for_one_device_at_one_router(house: Stage, how: str) -> None:
    await house.further_router("127.0.0.2")
    await house.grant()
    name, password = await ticket(house)
    by = {"User-Password": None, how: password}
    assert (await house.login(name, more={**by, how: "wrong"})).kind == REJECT
    assert (await house.login(name, mac=OTHER, more=by)).kind == REJECT
    assert (await house.login(name, source="127.0.0.2", more=by)).kind == REJECT
    assert (await house.login(name, more=by)).kind == ACCEPT
    assert (await house.login(name, more=by)).kind == ACCEPT, "the router got no answer, and asks again"
    got = await house.login(name, session="81000002", more=by)
    assert (got.kind, got.attributes["Reply-Message"][:23]) == (REJECT, "This login was used or ")


async def test_a_one_time_login_is_good_for_a_minute(house: Stage) -> None:
    await house.grant()
    name, password = await ticket(house)
    house.clock.advance(tickets.GOOD_MS)
    assert (await house.login(name, password)).kind == REJECT
    name, password = await ticket(house)
    house.clock.advance(tickets.GOOD_MS - 10 * SECOND)
    assert (await house.login(name, password)).kind == ACCEPT


async def test_a_one_time_login_opens_nothing_without_a_pass(house: Stage) -> None:
    name, password = await ticket(house)
    got = await house.login(name, password)
    assert (got.kind, got.attributes["Reply-Message"][:32]) == (REJECT, "This device has no internet time")


async def test_an_earlier_login_is_worth_nothing_after_a_later_one(house: Stage) -> None:
    await house.grant()
    earlier = await ticket(house)
    house.clock.advance(1)
    later = await ticket(house)
    assert (await house.login(*later)).kind == ACCEPT
    assert (await house.login(*earlier, session="81000002")).kind == REJECT


# --- vouchers ---


@pytest.mark.parametrize("how", ["User-Password", "CHAP-Password"])
async def test_a_voucher_is_redeemed_by_its_code_as_the_name(house: Stage, how: str) -> None:
    """Its password is the code again; in clear it may be left empty."""
    plan = await house.plan_of(max_devices=2)
    code, second = await print_cards(house, 2, plan)
    wrong = await house.login(code, more={"User-Password": None, how: "something else"})
    assert (wrong.kind, wrong.attributes["Reply-Message"]) == (REJECT, "The password does not fit this name.")
    got = await house.login(code, more={"User-Password": None, how: code})
    assert (got.kind, got.attributes["Session-Timeout"], got.attributes["Port-Limit"]) == (ACCEPT, "3600", "2")
    again = await house.login(code, more={"User-Password": None, how: code})
    assert pass_of(house, again) == pass_of(house, got), "however often it is asked"
    assert (await house.login(second, mac=OTHER)).kind == ACCEPT


async def test_guessing_codes_is_slowed_down_as_on_the_page(house: Stage) -> None:
    good, *wrong = [*await print_cards(house, 1), *_codes(6)]
    for each in wrong[:5]:
        got = await house.login(each)
        assert (got.kind, got.attributes["Reply-Message"][:23]) == (REJECT, "We can't use this code.")
    held = await house.login(good)
    assert (held.kind, held.attributes["Reply-Message"][:20]) == (REJECT, "Too many wrong codes")
    assert (await house.login(good, mac=OTHER)).kind == ACCEPT, "nobody else waits"


async def test_guesses_on_the_page_and_by_radius_are_counted_together(house: Stage) -> None:
    view, router = house.catalog.router_by_source("127.0.0.1") or pytest.fail("no router")
    good, *wrong = [*await print_cards(house, 1), *_codes(5)]
    for n, each in enumerate(wrong):
        if n % 2:
            await house.login(each)
        else:
            with pytest.raises(Exception, match="voucher-unknown"):
                await house.bando.vouchers.redeem(view, router, mac=MAC, text=each, source="192.0.2.1", seen=True)
    assert (await house.login(good)).kind == REJECT
    house.clock.advance(HOUR + MINUTE)
    assert (await house.login(good)).kind == ACCEPT


async def test_without_the_limits_it_would_be_let_in(house: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard taken away: what is refused above is refused by the limits and by nothing else."""
    monkeypatch.setattr("portal.vouchers.redeem.guesses.admit", _no_limit)
    good, *wrong = [*await print_cards(house, 1), *_codes(6)]
    for each in wrong:
        await house.login(each)
    assert (await house.login(good)).kind == ACCEPT


def _no_limit(*_: object) -> Unit[int]:
    return 0
    yield


def _codes(count: int) -> list[str]:
    return [codes.draw(codes.STYLES["letters-10"]) for _ in range(count)]


# --- who asks ---


async def test_whoever_does_not_know_the_secret_gets_no_answer(house: Stage) -> None:
    await house.grant()
    assert (await house.login(secret="wrong", more={"User-Password": "x"})).kind == ""
    assert (await house.login(secret=SECRET)).kind == ACCEPT


async def test_each_router_has_a_secret_of_its_own(house: Stage) -> None:
    await house.further_router("127.0.0.2", "another secret of the other router")
    await house.grant()
    assert (await house.login(source="127.0.0.2", secret=SECRET)).kind == ""
    assert (await house.login(source="127.0.0.2", secret="another secret of the other router")).kind == ACCEPT


async def test_an_address_that_is_no_routers_gets_no_answer(house: Stage) -> None:
    await house.grant()
    assert (await house.login(source="127.0.0.9")).kind == ""
    assert "unknown client 127.0.0.9" in house.server.log
