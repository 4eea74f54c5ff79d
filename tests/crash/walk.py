"""One guest's walk down the paying road while the portal dies, and what must be true afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from portal.check import breaches
from portal.clock import MINUTE, SECOND
from portal.payments import payment
from tests.crash.points import described
from tests.crash.stage import Guest, Stage, guest, kept, states


async def until(made: Stage, one: Guest, true: Callable[[], bool], *, real_s: float, step_ms: int = 0) -> bool:
    """Whether it becomes true; each look may move the clock."""
    for _ in range(int(real_s / 0.02)):
        if true():
            return True
        if step_ms:
            made.clock.advance(step_ms)
            one.gateway.appear()
        await asyncio.sleep(0.02)
    return true()


async def comes(made: Stage, one: Guest, true: Callable[[], bool], *, real_s: float, step_ms: int) -> bool:
    """The same of what must come: a busy machine needs more of its own time, not of the clock's."""
    return await until(made, one, true, real_s=real_s, step_ms=step_ms) or await until(made, one, true, real_s=50)


@dataclass(frozen=True, kw_only=True)
class Walk:
    """How a walk down the road went."""

    died: bool
    points: list[str]
    healed_by: str

    @property
    def where(self) -> str:
        return described(self.points) if self.died else "nowhere"


async def walk(made: Stage, number: int, kill_at: int) -> Walk:
    """Buy, with a portal that dies at the `kill_at`th point after the click; raises AssertionError."""
    async with guest(made, number) as one:
        await one.choose()
        made.points.arm(kill_at)
        await one.press()
        await until(made, one, lambda: made.portal.dead or (one.answer is not None and one.on_air()), real_s=2)
        # What comes after the login is still part of the road: its row is read and written down.
        await until(made, one, lambda: made.portal.dead or running(one), real_s=1)
        made.points.disarm()
        passed = made.points.passed()
        died = 0 < kill_at <= len(passed)
        if died:
            await made.portal.end
        if died:
            await made.start()
        if one.answer is None:
            await one.press()
        assert one.answer is not None, "no answer to the second click"
        how = await heal(made, one)
        made.clock.advance(2 * MINUTE)
        one.gateway.appear()
        await accounts_agree(made, one)
        if not made.money_of(one.number):
            how = await try_again(made, one)
        return Walk(died=died, points=passed, healed_by=how)


def running(one: Guest) -> bool:
    return not one.stage.portal.dead and [row["state"] for row in one.passes] == ["running"]


async def heal(made: Stage, one: Guest) -> str:
    """Let time pass until it stands where it must; gives by what it got there."""
    if await until(made, one, one.settled, real_s=0.4):
        return "at once"
    started = made.clock.now()
    while made.clock.now() < started + payment.EXPIRES_MS:
        if await until(made, one, one.settled, real_s=0.2, step_ms=5 * SECOND):
            return "callback or query"
    if not made.money_of(one.number):
        assert await comes(made, one, one.given_up, real_s=10, step_ms=200), states(one)
        return "ten minutes"
    # The push was made, the portal died before it heard the ids, and the callback found nobody: nothing can be
    # asked and nothing was said. The payment waits, and the confirmation of the account finds it.
    late = "M-Pesa knows of the money, and the portal does not"
    assert await comes(made, one, lambda: one.settled() or unheard(one), real_s=10, step_ms=200), late
    if not unheard(one):
        return "callback or query"
    await made.site.mpesa.notices.confirm(made.money_of(one.number)[0], "AISHA")
    assert await comes(made, one, one.settled, real_s=10, step_ms=200), "the confirmation did not settle it"
    return "confirmation"


def unheard(one: Guest) -> bool:
    """Given up, because the ids by which M-Pesa could be asked never arrived."""
    return [(each.state, each.checkout_request_sealed) for each in one.payments] == [("expired_unknown", None)]


async def accounts_agree(made: Stage, one: Guest) -> None:
    """What must be true after every crash."""
    money, passes = made.money_of(one.number), one.passes
    rang = [each for each in made.pushes_of(one.number) if each.prompted]
    assert len(rang) <= 1, "a second prompt rang by itself"
    assert len(one.payments) == 1, "one click made more than one payment"
    # Started again at once, it sends what was not sent; only what may have been sent is given up.
    assert money or one.given_up(), states(one)
    assert len(passes) == len(money), (money, [dict(row) for row in passes])
    for row in passes:
        assert (row["span_ms"], row["cause_kind"], row["cause_ref"]) == (
            30 * MINUTE,
            "payment",
            one.payments[0].public,
        )
    assert await reaches_the_internet(made, one) == bool(money)
    assert (await one.browser.get(one.waiting)).status_code == 200, "the click was answered, and is forgotten"
    told = sum(each.outcome == "200" for each in made.site.mpesa.deliveries if is_about(each.url, made, one))
    assert made.look(kept, tuple(each.id for each in one.payments)) >= told, "an acknowledged callback is forgotten"
    assert made.look(breaches, made.clock.now()) == []


async def reaches_the_internet(made: Stage, one: Guest) -> bool:
    """Whether the phone is online, or gets so within two polls.

    The tests let the clock jump; in the midst of a login that looks like a wrong limit, and the keeper logs the
    device in once more: for some milliseconds it is not online.
    """
    for n in range(200):
        if await one.browser.online():
            return True
        if not made.money_of(one.number):
            break
        if n < 20:  # a busy machine needs more of its own time, not of the clock's
            made.clock.advance(SECOND)
            one.gateway.appear()
        await asyncio.sleep(0.1)
    return False


def is_about(url: str, made: Stage, one: Guest) -> bool:
    return any(url == push.callback_url for push in made.pushes_of(one.number))


async def try_again(made: Stage, one: Guest) -> str:
    """A guest whose money did not move presses "try again", and gets what they pay for."""
    await one.again()
    assert await comes(made, one, lambda: bool(made.money_of(one.number)), real_s=3, step_ms=20)
    assert await comes(made, one, one.settled, real_s=5, step_ms=20), "the second attempt came to nothing"
    assert len(made.money_of(one.number)) == 1
    return "trying again"
