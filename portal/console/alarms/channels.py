"""Who is told: webhooks and e-mail addresses of an ISP. The secret of a webhook is shown once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import Response

from portal.clock import HOUR
from portal.console import asked
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.errors import Refused
from portal.units import Unit
from portal.watch import channels, ledger, store
from portal.watch.addresses import LONGEST, Policy
from portal.watch.alarm import KINDS, OF_PLATFORM, Alarm, Kind
from portal.watch.ledger import Book
from portal.watch.store import Channel

LATEST = 10
TESTS_AN_HOUR = 5  # or a stranger's address could be filled with them
ANSWERS = {
    "taken": "it was taken",
    "redirect": "it sent us to another address, and nobody is followed there",
    "refused": "the receiver refused it",
    "failed": "the receiver has a fault",
    "slow": "it did not answer in time",
    "unreachable": "it cannot be reached",
    "certificate": "its certificate is not good for this name",
    "forbidden": "nothing may be sent to this address",
    "unregistered": "its receiver is not in your register of processors",
    "shut": "its address or its secret does not open any more: remove the channel, and add it anew",
    "late": "it was old news by then",
    "no-mail": "this installation has no mail server",
    "mail-refused": "the mail server does not know this address",
    "mail-login": "the mail server refuses the installation's login",
    "mail-failed": "the mail server cannot be reached, or has a fault",
}
STATES = {
    "waiting": ("on its way", "warn"),
    "sent": ("delivered", "good"),
    "failed": ("given up", "bad"),
    "dropped": ("not sent", ""),
}
EVENTS = {"opened": "alarm", "worse": "it got worse", "closed": "it is over", "test": "test"}


async def listed(desk: Desk) -> Response:
    """All channels, and the form of a new one."""
    return await _listed(desk)


async def _listed(desk: Desk, wrong: Refused | None = None) -> Response:
    found: list[Channel] = await desk.read(store.channels)
    fields = desk.fields
    return desk.page(
        "alarm_channels",
        wrong.status if wrong else 200,
        channels=[(each, channels.shown(desk.services.vault, each)) for each in found],
        standing=standing,
        kinds=_kinds(desk),
        key=fields.get("key") or asked.new_key(),
        filled={"kind": fields.get("kind", ""), "address": fields.get("address", "")[:LONGEST]},
        wanted=_wanted(fields) if fields else tuple(KINDS),
        mails=bool(desk.services.settings.smtp_host),
        wrong=wrong.key if wrong else "",
    )


def standing(channel: Channel) -> tuple[str, str]:
    """How a channel is, in a word and the colour of its pill."""
    if not channel.active:
        return "off", ""
    ok, failed = channel.last_ok_at or 0, channel.last_failed_at or 0
    if failed > ok:
        return "the last message failed", "bad"
    return ("works", "good") if ok else ("not tried yet", "warn")


def _kinds(desk: Desk) -> Mapping[str, Kind]:
    """Of which kinds there are any here."""
    return KINDS if desk.view.tenant.kind == "isp" else {name: KINDS[name] for name in OF_PLATFORM}


def _wanted(fields: Mapping[str, str]) -> Sequence[str]:
    return tuple(each for each in KINDS if fields.get(f"want-{each}"))


def _some_wanted(desk: Desk) -> Sequence[str]:
    found = _wanted(desk.fields)
    if not found:
        raise Refused("channel-nothing")
    return found


async def add(desk: Desk) -> Response:
    """A new channel; the secret of a webhook is shown now and never again."""
    public = f"{desk.view.tenant.public}.{asked.key(desk.fields.get('key', ''))}"  # its seals are of this name
    there = await desk.read(store.channel_named, public)
    if there is not None:
        return desk.go(f"/console/settings/alarms/{there}", "channel-there")
    secret = channels.new_secret()
    try:
        made = await _added(desk, public, secret)
    except Refused as wrong:
        return await _listed(desk, wrong)
    if desk.fields.get("kind") == "email":
        return desk.go(f"/console/settings/alarms/{made}", "channel-added")
    return desk.page("alarm_secret", id=made, secret=secret)


async def _added(desk: Desk, public: str, secret: str) -> int:
    kind = asked.one_of(desk.fields.get("kind") or "-", ("webhook", "email"))
    if kind == "email" and not desk.services.settings.smtp_host:
        raise Refused("channel-no-mail")
    address = channels.check(kind, desk.fields.get("address", ""), Policy.of(desk.services.settings))
    args = (desk.services.vault, public, kind, address, secret, _some_wanted(desk), desk.now)
    made: int = await desk.act("channel.add", lambda id: f"channel:{id}", channels.add, *args, after={"kind": kind})
    return made


async def one(desk: Desk) -> Response:
    """One channel, what went there lately, and what it is told of."""
    return await _one(desk, await _found(desk))


async def _one(desk: Desk, found: Channel, wrong: Refused | None = None) -> Response:
    return desk.page(
        "alarm_channel",
        wrong.status if wrong else 200,
        channel=found,
        address=channels.shown(desk.services.vault, found),
        standing=standing(found),
        kinds=_kinds(desk),
        wanted=_wanted(desk.fields) if wrong else ledger.wanted(found.wanted),
        latest=await desk.read(store.latest, found.id, LATEST),
        states=STATES,
        events=EVENTS,
        answers=ANSWERS,
        wrong=wrong.key if wrong else "",
    )


async def _found(desk: Desk) -> Channel:
    found: Channel | None = await desk.read(store.channel, asked.number(desk.request.path_params["id"]))
    if found is None:
        raise Refused("not-found", status=404)
    return found


async def change(desk: Desk) -> Response:
    """What it is told of, and whether it is told at all."""
    found = await _found(desk)
    try:
        wanted = _some_wanted(desk)
    except Refused as wrong:
        return await _one(desk, found, wrong)
    active = bool(desk.fields.get("active"))
    await desk.act(
        "channel.change",
        f"channel:{found.id}",
        store.change_channel,
        found.id,
        wanted=channels.kept(wanted),
        active=active,
        before={"told of": _titles(ledger.wanted(found.wanted)), "on": found.active},
        after={"told of": _titles(wanted), "on": active},
    )
    return desk.go(f"/console/settings/alarms/{found.id}", "saved")


def _titles(kinds: Sequence[str]) -> str:
    return "everything" if set(kinds) >= set(KINDS) else "; ".join(KINDS[each].title for each in kinds)


async def test(desk: Desk) -> Response:
    """A message that says that it is a test."""
    found = await _found(desk)
    await desk.act("channel.test", f"channel:{found.id}", _test, desk, found)
    if desk.services.watch is not None:
        desk.services.watch.wake()
    return desk.go(f"/console/settings/alarms/{found.id}", "channel-tested")


def _test(desk: Desk, found: Channel) -> Unit[int]:
    tests = [each for each in (yield from store.latest(found.id, LATEST)) if each.event == "test"]
    if any(each.state == "waiting" for each in tests):
        raise Refused("channel-testing", status=409)
    if sum(each.made_at > desk.now - HOUR for each in tests) >= TESTS_AN_HOUR:
        raise Refused("channel-tests", status=429)
    book = Book(tenant=desk.view.tenant, url=desk.services.settings.public_url)
    text = "This is a test. Nothing is wrong: alarms would come to this address."
    alarm = Alarm(kind="router-down", severity="warn", text=text, since=desk.now)
    return (yield from ledger.put_out(book, found, "test", alarm, desk.now))


async def sure(desk: Desk) -> Response:
    """What removing it means."""
    return _sure(desk, await _found(desk))


def _sure(desk: Desk, found: Channel, wrong: Refused | None = None) -> Response:
    return desk.page(
        "alarm_channel_off",
        wrong.status if wrong else 200,
        channel=found,
        address=channels.shown(desk.services.vault, found),
        reason=desk.fields.get("reason", "")[: asked.MAX_NOTE],
        wrong=wrong.key if wrong else "",
    )


async def remove(desk: Desk) -> Response:
    """Nothing more goes there."""
    found = await _found(desk)
    try:
        why = asked.reason(desk.fields.get("reason", ""))
    except Refused as wrong:
        return _sure(desk, found, wrong)
    after = {"kind": found.kind, "reason": why}
    await desk.act("channel.remove", f"channel:{found.id}", channels.remove, found, desk.now, after=after)
    return desk.go("/console/settings/alarms", "channel-removed")


SCREENS = (
    get("/settings/alarms", "alarms", listed),
    post("/settings/alarms", "alarms.change", add),
    get("/settings/alarms/{id}", "alarms", one),
    post("/settings/alarms/{id}/change", "alarms.change", change),
    post("/settings/alarms/{id}/test", "alarms.change", test),
    get("/settings/alarms/{id}/remove", "alarms.change", sure),
    post("/settings/alarms/{id}/remove", "alarms.change", remove),
)
