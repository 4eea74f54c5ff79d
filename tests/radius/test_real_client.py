"""What a router gets, through the FreeRADIUS of Debian with the configuration that is installed."""

from __future__ import annotations

from tests.radius.stage import OTHER, Stage


async def test_a_device_with_a_pass_is_let_in_by_its_mac(house: Stage) -> None:
    plan = await house.plan_of(rate_up=2_000_000, rate_down=5_000_000)
    await house.grant(plan=plan)
    got = await house.login()
    print(got.said)
    assert got.kind == "Access-Accept"
    assert got.attributes["Session-Timeout"] == "3600"


async def test_without_one_it_is_not(house: Stage) -> None:
    got = await house.login(mac=OTHER, name=OTHER)
    print(got.said)
    assert got.kind == "Access-Reject"
