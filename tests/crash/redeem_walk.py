"""One guest shows a code while the portal dies: the voucher and its pass agree, and what was answered holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import httpx

from portal.access import store as access
from portal.access.store import Cause
from portal.check import breaches
from portal.clock import SECOND
from portal.units import Unit
from portal.vouchers import batches, codes, guesses, redeem, store
from portal.vouchers.redeem import Ask
from tests.crash.stage import Guest, Stage, guest
from tests.crash.walk import Walk, comes, running, until
from tests.vouchers.cards import batch_of

Kind = Literal["first", "join", "move"]  # the code is new; brings a second device; brings one in place of another
OTHER = "02:99:00:00:00:01"
DEVICES = {"first": 1, "join": 2, "move": 1}
USERS: dict[Kind, tuple[set[str], set[str]]] = {  # the devices of the pass before and after
    "first": (set(), {"own"}),
    "join": ({"other"}, {"own", "other"}),
    "move": ({"other"}, {"own"}),
}


@dataclass(frozen=True, kw_only=True)
class Card:
    """A printed code of the `number`th guest."""

    code: str
    kind: Kind

    @property
    def form(self) -> dict[str, str]:
        move = {"move": "1"} if self.kind == "move" else {}
        return {"code": codes.shown(self.code), **move}


@dataclass(frozen=True, kw_only=True)
class Made:
    """What the database holds of a code."""

    state: str
    users: set[str]  # the devices of its pass
    passes: int
    moves: int


def card(made: Stage, kind: Kind, number: int) -> Card:
    """Print a code; another device has used it already where that is the story."""
    site, now = made.site, made.clock.now()
    plan = next(each for each in made.look(access.plan_list) if each.max_devices == DEVICES[kind])
    drawn = codes.draw(codes.STYLES["letters-10"])
    made.write(batch_of, site.vault, site.tenant.id, plan, [drawn], now)
    if kind != "first":
        mac = other_of(number)
        who = guesses.guesser(site.vault, site.tenant.id, mac, site.row.id, "192.0.2.1", True)
        code = batches.code_index(site.vault, drawn)
        made.write(redeem.redeem, Ask(code=code, mac=mac, router_id=site.row.id, who=who, moves_a_day=3), now)
    return Card(code=drawn, kind=kind)


def other_of(number: int) -> str:
    return f"{OTHER[:-2]}{number:02X}"


def became(code: bytes, names: dict[str, str]) -> Unit[Made]:
    """What became of a code; devices by their `names`."""
    voucher = yield from store.by_code(code)
    assert voucher is not None
    made = yield from access.pass_by_cause(Cause(kind=store.CAUSE, ref=voucher.label))
    count = sum(row["cause_ref"] == voucher.label for row in (yield from access.pass_list(10_000)))
    moves = yield from store.moves_since(voucher.id, 0)
    users: set[str] = set()
    for each in (yield from access.devices_of_pass(made.id)) if made else ():
        device = yield from access.device(each)
        assert device is not None
        users.add(names.get(device.mac, device.mac))
    return Made(state=voucher.state, users=users, passes=count, moves=moves)


async def press(one: Guest, page: str, shown: Card) -> httpx.Response | None:
    """Press "connect"; a portal that dies gives no answer."""
    try:
        answer = await one.browser.post(page, shown.form)
    except httpx.TransportError:
        return None
    assert answer.status_code == 303, (answer.status_code, answer.text)
    return answer


async def redeem_walk(made: Stage, number: int, kill_at: int, kind: Kind) -> Walk:
    """Show a code to a portal that dies at the `kill_at`th point after the click; raises AssertionError."""
    shown = card(made, kind, number)
    async with guest(made, number) as one:
        page = f"{str((await one.arrive()).url).partition('?')[0]}voucher"
        made.points.arm(kill_at)
        answer = await press(one, page, shown)
        if answer is not None:  # it goes on: the router is told, and the row that comes of it is read
            await until(made, one, lambda: made.portal.dead or one.on_air(), real_s=10)
            await until(made, one, lambda: made.portal.dead or running(one), real_s=10)
        made.points.disarm()
        passed = made.points.passed()
        died = 0 < kill_at <= len(passed)
        if died:
            await made.portal.end
        agree(made, one, shown, number, acknowledged=answer is not None)
        if died:
            await made.start()
        agree(made, one, shown, number, acknowledged=answer is not None)
        healed = "at once"
        if answer is None:  # what a guest does, and what a browser offers
            healed = "showing it again"
            for _ in range(6):  # whoever waits for a slow disk for longer than a phone does, is asked again
                answer = answer or await press(one, page, shown)
        assert answer is not None, "no answer to the second click"
        await ends_online(made, one, answer)
        agree(made, one, shown, number, acknowledged=True)
        return Walk(died=died, points=passed, healed_by=healed)


def agree(made: Stage, one: Guest, shown: Card, number: int, *, acknowledged: bool) -> None:
    """Voucher, pass, devices and moves tell the same story: all of it happened, or nothing."""
    names = {one.gateway.mac: "own", other_of(number): "other"}
    found = made.look(became, batches.code_index(made.site.vault, shown.code), names)
    before, after = USERS[shown.kind]
    happened = found.users == after
    assert happened or found.users == before, found
    assert happened or not acknowledged, "it was answered, and is forgotten"
    assert (found.state == "redeemed") == (found.passes == 1) == bool(found.users), found
    assert found.passes <= 1, found
    assert found.moves == int(happened and shown.kind == "move"), found
    assert made.look(breaches, made.clock.now()) == []


async def ends_online(made: Stage, one: Guest, answer: httpx.Response) -> None:
    """The page that the guest was led to is there, and so is the internet."""
    status = await one.browser.get(
        f"https://{httpx.URL(made.site.settings.public_url).host}{answer.headers['location']}"
    )
    assert status.status_code == 200, status.text
    assert await comes(made, one, one.on_air, real_s=5, step_ms=SECOND // 4), "the router lets nobody through"
    assert await one.browser.online()
