"""Checkout, prompt, callback, pass: on real sockets."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.errors import Refused
from portal.tenancy import closing
from portal.tenancy import store as tenancy
from portal.units import Unit, update
from tests.payments.road import all_rows, road


@pytest.mark.parametrize("kind", ["paybill", "till"])
async def test_a_paid_prompt_makes_a_pass(tmp_path: Path, kind: str) -> None:
    async with road(tmp_path, kind=kind) as r:  # type: ignore[arg-type]
        started = await r.buy()
        handset = await r.prompt()
        push = await handset.approve()
        seen = await r.until(started, "paid")
        (made,) = await r.passes()

        assert (seen.receipt, made["cause_ref"], made["state"]) == (push.receipt, started.public, "waiting")


async def test_the_same_click_is_the_same_payment_and_rings_once(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        first = await r.buy(click="once")
        await r.until(first, "awaiting")
        second = await r.buy(click="once")

        assert first == second
        assert len(r.mpesa.pushes) == 1


# --- an ISP that is switched off while somebody buys; the process has not heard of it yet ---


async def test_nothing_is_sold_by_a_process_that_has_not_heard_that_the_isp_is_off(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        await r.home.db.write(None, closing.switch, r.home.tenant.id, False, r.clock.now())
        with pytest.raises(Refused, match="isp-closed"):
            await r.buy()
        assert await r.home.read(all_rows, "payments") == []
        assert len(r.mpesa.pushes) == 0


async def test_no_prompt_rings_for_an_isp_that_is_switched_off_after_the_click(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with road(tmp_path, loops=False) as r:
        send, clicked = r.payments.checkout.send, []
        monkeypatch.setattr(r.payments.checkout, "send", lambda *wanted: clicked.append(wanted))
        started = await r.buy()
        await r.home.db.write(None, closing.switch, r.home.tenant.id, False, r.clock.now())
        send(*clicked[0])
        await r.payments.checkout.drain()
        seen = await r.see(started)
        assert (seen.state, seen.reason) == ("failed", "not-sent")
        assert len(r.mpesa.pushes) == 0

        # Without the look into the books it would ring.
        await r.home.write(update, "payments", 1, state="created", reason=None)
        monkeypatch.setattr(tenancy, "is_on", whatever)
        send(*clicked[0])
        await r.payments.checkout.drain()
        assert len(r.mpesa.pushes) == 1


def whatever() -> Unit[bool]:
    return True
    yield
