"""What was found becomes alarms: suspected, open, gone, closed; and each tells its story once.

    suspected ──► open ◄──► gone ──► closed
        └► (forgotten)

One look alone opens nothing. What is gone is kept for a while before it closes, so that a router that comes and goes is
one alarm; the more often it came in a day, the longer. All of it stands in the database with the messages that it
makes, in one transaction: a restart forgets nothing, and repeats nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from portal.clock import DAY, MINUTE, SECOND, Moment, as_datetime
from portal.seal import new_public
from portal.tenancy.store import Tenant
from portal.units import Unit
from portal.watch import store
from portal.watch.alarm import GRAVITY, KINDS, Alarm, lasted
from portal.watch.store import Channel, Kept

CALM_MOST = 4  # doublings


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a trouble must have been there before it opens, and gone before it closes."""

    debounce_ms: int = 45 * SECOND  # the next look, a minute later
    calm_ms: int = 10 * MINUTE

    def calm(self, times: int) -> int:
        """After so many times within a day."""
        return self.calm_ms << min(times, CALM_MOST)


PATIENCE = Patience()


@dataclass(frozen=True, kw_only=True)
class Book:
    """Whose alarms they are, and where their console is."""

    tenant: Tenant
    url: str
    patience: Patience = PATIENCE


def keep(book: Book, found: Iterable[Alarm], now: Moment, blind: Set[str] = frozenset()) -> Unit[int]:
    """Bring the alarms into agreement with what is there now; how many messages that makes.

    Of a kind in `blind` nothing can be said now, as while nothing is on sale: such alarms stay as they are.
    """
    there = {(each.kind, each.subject): each for each in found}
    told = 0
    for kept in (yield from store.unclosed()):
        alarm = there.pop((kept.kind, kept.subject), None)
        if alarm is not None:
            told += yield from _there(book, kept, alarm, now)
        elif kept.kind not in blind:
            told += yield from _gone(book, kept, now)
    for alarm in there.values():
        told += yield from _new(book, alarm, now)
    return told


def _new(book: Book, alarm: Alarm, now: Moment) -> Unit[int]:
    id = yield from store.suspect(
        now, kind=alarm.kind, subject=alarm.subject, severity=alarm.severity, sentence=alarm.text, since=alarm.since
    )
    if KINDS[alarm.kind].looks and book.patience.debounce_ms:
        return 0
    return (yield from _open(book, id, alarm, now))


def _there(book: Book, kept: Kept, alarm: Alarm, now: Moment) -> Unit[int]:
    # A moment that is still to come was written before the clock went back.
    if kept.opened_at is None and abs(now - kept.suspected_at) >= book.patience.debounce_ms:
        return (yield from _open(book, kept.id, alarm, now))
    worse = GRAVITY[alarm.severity] > GRAVITY[kept.severity]
    if kept.gone_at is not None or kept.sentence != alarm.text or worse:
        severity = alarm.severity if worse else kept.severity
        yield from store.change(kept.id, sentence=alarm.text, severity=severity, gone_at=None)
    if not worse or kept.opened_at is None:
        return 0
    yield from store.change(kept.id, seen_at=None, seen_by=None, muted_at=None)
    return (yield from _tell(book, kept.id, "worse", alarm, now))


def _open(book: Book, id: int, alarm: Alarm, now: Moment) -> Unit[int]:
    yield from store.change(id, opened_at=now, sentence=alarm.text, severity=alarm.severity)
    return (yield from _tell(book, id, "opened", alarm, now))


def _gone(book: Book, kept: Kept, now: Moment) -> Unit[int]:
    if kept.opened_at is None:
        yield from store.forget(kept.id)
        return 0
    times = yield from store.times_lately(kept.kind, kept.subject, now - DAY)
    gone_at = now if kept.gone_at is None else min(kept.gone_at, now)
    if now - gone_at < book.patience.calm(times):
        if kept.gone_at != gone_at:
            yield from store.change(kept.id, gone_at=now)
        return 0
    yield from store.change(kept.id, gone_at=gone_at, closed_at=now)
    if not KINDS[kept.kind].ends or kept.muted_at is not None:
        return 0
    return (yield from _tell(book, kept.id, "closed", over(kept, gone_at), now))


def over(kept: Kept, gone_at: Moment) -> Alarm:
    """How the story ends."""
    text = f"It is over after {lasted(gone_at - kept.since)}. It was: {kept.sentence}"
    return Alarm(kind=kept.kind, subject=kept.subject, severity="warn", text=text, since=kept.since)


# --- messages ---


def _tell(book: Book, alarm_id: int, event: str, alarm: Alarm, now: Moment) -> Unit[int]:
    """A message to each channel that wants this kind; of an end hear those who heard of the beginning."""
    wanting = [each for each in (yield from store.channels()) if each.active and wants(each, alarm.kind)]
    if event == "closed":
        told = set((yield from store.told_of(alarm_id)))
        wanting = [each for each in wanting if each.id in told]
    for channel in wanting:
        yield from put_out(book, channel, event, alarm, now, alarm_id)
    return len(wanting)


def put_out(
    book: Book, channel: Channel, event: str, alarm: Alarm, now: Moment, alarm_id: int | None = None
) -> Unit[int]:
    """A message of its own to one channel."""
    public = new_public(16)
    body = json.dumps(message(book, public, event, alarm, now), ensure_ascii=False)
    return (
        yield from store.put_out(now, public=public, alarm_id=alarm_id, channel_id=channel.id, event=event, body=body)
    )


def message(book: Book, public: str, event: str, alarm: Alarm, now: Moment) -> Mapping[str, str]:
    """What a webhook gets, and an e-mail is written from. Nothing of a guest is in it."""
    test = event == "test"
    return {
        "id": public,
        "event": f"alarm.{event}",
        "isp": book.tenant.name,
        "kind": "test" if test else alarm.kind,
        "subject": alarm.subject,
        "severity": alarm.severity,
        "title": "Bando can reach you" if test else alarm.title,
        "text": alarm.text,
        "do": "" if test or event == "closed" else alarm.do,
        "since": as_datetime(alarm.since).isoformat(timespec="seconds"),
        "at": as_datetime(now).isoformat(timespec="seconds"),
        "url": f"{book.url}/console/alarms",
    }


def wants(channel: Channel, kind: str) -> bool:
    """Whether this channel is to hear of this kind."""
    return channel.wanted is None or kind in wanted(channel.wanted)


def wanted(stored: str | None) -> Sequence[str]:
    """The kinds that a channel wants."""
    return tuple(KINDS) if stored is None else tuple(each for each in json.loads(stored) if each in KINDS)
