"""A redemption is on the disk before the guest is led on, and before the router lets anybody in (R5)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from portal.vouchers import codes
from sandbox.world import Site
from tests.crash.below import GUESTS, Needle, Seen, after_each_power_loss, arrive, busy_minute, let_in, mac_of
from tests.crash.disk import Said, is_durable
from tests.vouchers.crowd import plan_for, print_at

REDEEMED = (  # by this device, with its pass
    "SELECT COUNT(*) FROM vouchers v JOIN passes p ON p.tenant_id = v.tenant_id AND p.cause_kind = 'voucher'"
    " AND p.cause_ref = v.label JOIN devices d ON d.id = p.device_id WHERE v.state = 'redeemed' AND d.mac = ?"
)


@dataclass(kw_only=True)
class Evening:
    """Fifty guests with a card each."""

    codes: list[str] = field(default_factory=list)
    macs: dict[str, str] = field(default_factory=dict)  # by the address that the form is posted to

    def print(self, site: Site) -> None:
        self.codes = print_at(site, plan_for(site, 1), GUESTS)

    async def go(self, http: httpx.AsyncClient, site: Site) -> None:
        """All of them arrive, and press "connect" at once."""
        forms = [await arrive(http, site, number) for number in range(1, GUESTS + 1)]
        self.macs = {f"{path}voucher": mac_of(number)[0] for number, path in enumerate(forms, start=1)}
        answers = await asyncio.gather(
            *(
                http.post(path, data={"code": codes.shown(code)})
                for path, code in zip(self.macs, self.codes, strict=True)
            )
        )
        assert {each.status_code for each in answers} == {303}

    def said_of(self, _: Seen, each: Said) -> list[Needle]:
        """What must be in the database for this to be said."""
        if each.path in self.macs and each.status == "303":
            return [(REDEEMED, self.macs[each.path])]
        return let_in(each)


async def test_no_voucher_is_acknowledged_before_the_sync_that_covers_it(tmp_path: Path) -> None:
    evening = Evening()
    seen = await busy_minute(tmp_path, evening.go, before=evening.print)
    taps = seen.led_on("/voucher")
    assert len(taps) == len(seen.let_in) == GUESTS
    for tap in taps:
        assert is_durable(seen.log, evening.macs[tap.path].encode(), tap.at)
    after_each_power_loss(seen, tmp_path, evening.said_of)


async def test_a_portal_that_does_not_wait_for_the_disk_is_found_out(tmp_path: Path) -> None:
    evening = Evening()
    seen = await busy_minute(tmp_path, evening.go, before=evening.print, careless=True)
    taps = seen.led_on("/voucher")
    assert len(taps) == GUESTS
    assert not all(is_durable(seen.log, evening.macs[tap.path].encode(), tap.at) for tap in taps)
    with pytest.raises(AssertionError):
        after_each_power_loss(seen, tmp_path, evening.said_of)
