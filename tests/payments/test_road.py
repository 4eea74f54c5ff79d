"""Checkout, prompt, callback, pass: on real sockets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.payments.road import road


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
