"""A Bando that is down, or hangs: nobody is refused for it, FreeRADIUS stays, and nothing secret gets into its log."""

from __future__ import annotations

import asyncio
import json

import pytest

from portal.radius import site, tickets
from portal.radius.doors import Doors
from portal.radius.packet import Attributes
from portal.radius.replies import Answer
from portal.vouchers import codes
from tests.radius.stage import MAC, OTHER, SECRET, TOKEN, Stage
from tests.radius.test_packets import ask, request
from tests.vouchers.cards import print_cards


async def test_while_bando_hangs_nobody_is_refused_and_afterwards_all_goes_on(
    house: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More logins than FreeRADIUS has connections hang; a second later the next one is answered at once."""
    await house.grant()
    assert (await house.login()).kind == "Access-Accept"
    really = site.ENDPOINTS["/radius/authorize"]
    free = asyncio.Event()

    async def hangs(doors: Doors, given: Attributes) -> Answer:
        await free.wait()
        return await really(doors, given)

    monkeypatch.setitem(site.ENDPOINTS, "/radius/authorize", hangs)
    port = house.server.auth_port
    crowd = [asyncio.create_task(ask(port, request()[0], 3.5)) for _ in range(40)]
    await asyncio.sleep(2.5)
    assert house.server.process.returncode is None
    free.set()
    begun = asyncio.get_running_loop().time()
    assert (await house.login()).kind == "Access-Accept"
    assert asyncio.get_running_loop().time() - begun < 2.5
    answers = [each for each in await asyncio.gather(*crowd) if each is not None]
    assert all(each[0] == 2 for each in answers), "silence or yes, never a no"


async def test_while_bando_is_down_there_is_no_answer(house: Stage) -> None:
    await house.grant()
    assert (await house.login()).kind == "Access-Accept"
    beside = house.bando.radius
    assert beside is not None
    port = beside.port
    await beside.stop()
    assert (await house.login()).kind == ""
    assert (await house.login(mac=OTHER, name=OTHER)).kind == ""
    again = type(beside)(beside.config)
    again.config.port = port
    house.bando.radius = again
    await again.start()
    await asyncio.sleep(1.1)  # the pause between two tries to connect
    assert (await house.login()).kind == "Access-Accept"


async def test_an_answer_that_bando_cannot_give_is_no_answer(house: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(doors: Doors, given: Attributes) -> Answer:
        raise ValueError

    await house.grant()
    monkeypatch.setitem(site.ENDPOINTS, "/radius/authorize", fails)
    assert (await house.login()).kind == ""


async def test_a_one_time_login_that_cannot_be_written_down_is_not_answered(
    house: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(doors: Doors, given: Attributes) -> Answer:
        raise OSError

    await house.grant()
    name, password = tickets.issue(house.vault, house.tenant.id, house.router_id, MAC, house.clock.now())
    really = site.ENDPOINTS["/radius/post-auth"]
    monkeypatch.setitem(site.ENDPOINTS, "/radius/post-auth", fails)
    assert (await house.login(name, password)).kind == ""
    monkeypatch.setitem(site.ENDPOINTS, "/radius/post-auth", really)
    assert (await house.login(name, password)).kind == "Access-Accept"


async def test_no_log_of_freeradius_holds_a_secret_a_code_or_a_mac(
    house: Stage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of accepts, refusals, wrong secrets, broken packets and an outage."""
    await house.grant()
    [code] = await print_cards(house)
    wrong = codes.draw(codes.STYLES["letters-10"])
    name, password = tickets.issue(house.vault, house.tenant.id, house.router_id, MAC, house.clock.now())
    await house.login()
    await house.login(code, code, mac=OTHER)
    await house.login(wrong, wrong)
    await house.login(name, password)
    await house.login(name, "a wrong password")
    await house.login(secret="a wrong secret")
    await house.login('"}\\%{User-Password}\n', "a strange password")
    assert await ask(house.server.auth_port, request(marked=False)[0], 0.3) is None

    async def fails(doors: Doors, given: Attributes) -> Answer:
        raise ValueError(json.dumps(given._given))

    monkeypatch.setitem(site.ENDPOINTS, "/radius/authorize", fails)
    await house.login(name, password)
    log = house.server.log
    assert "Ready to process requests" in log
    assert "Message-Authenticator" in log, "what is refused is said"
    hidden = [SECRET, TOKEN, code, wrong, name, password, "a wrong password", "a strange password", MAC, OTHER]
    assert [each for each in hidden if each in log or each.lower() in log.lower()] == []


async def test_a_name_is_only_a_name(house: Stage) -> None:
    """What a guest types is expanded by nobody."""
    for name in ('%{User-Password}"', '"},"User-Name":{"value":["x"]}', "\\u0000", "x" * 253, "%{exec:/bin/true}"):
        got = await house.login(name)
        assert got.kind == "Access-Reject"
