"""Keeping the register. Units; whoever calls one for staff writes the line of it into the log of acts."""

from __future__ import annotations

import secrets

from portal.clock import Moment
from portal.errors import Refused
from portal.processors import store
from portal.processors.registry import OWN, Processor, Told, usual
from portal.tenancy.store import settle_line
from portal.units import Unit

MOST = 200
LINE = "unregistered"


def subject(mark: str) -> str:
    """What a line for staff about it is about."""
    return f"processor:{mark}"


def ensure(mark: str, now: Moment, told: Told | None = None) -> Unit[None]:
    """Something is set up that sends there: it is registered, so that nobody is shut out by surprise.

    Once only: what the ISP has removed stays removed until somebody puts it back.
    """
    last = yield from store.last_of(mark)
    if last is None:
        yield from store.add(mark, told or usual(mark), "bando", now, None)
    if last is None or last.removed_at is None:
        yield from settle_line(LINE, subject(mark), now)


def add(told: Told, by: str, now: Moment) -> Unit[int]:
    """Somebody to whom Bando itself sends nothing: a bookkeeper, a host, a call centre."""
    if (yield from store.how_many()) >= MOST:
        raise Refused("processor-many", status=409)
    made = yield from store.add(f"{OWN}{secrets.token_hex(8)}", told, by, now, now)
    assert made is not None
    return made


def existing(processor_id: int) -> Unit[Processor]:
    """An entry that stands; raises `Refused`."""
    found = yield from store.one_of(processor_id)
    if found is None:
        raise Refused("not-found", status=404)
    return found


def change(processor_id: int, told: Told, now: Moment) -> Unit[None]:
    """It says something else from now on."""
    yield from existing(processor_id)
    yield from store.change(processor_id, told, now)


def remove(processor_id: int, by: str, now: Moment) -> Unit[None]:
    """Nothing is sent there from now on."""
    yield from existing(processor_id)
    yield from store.remove(processor_id, by, now)


def put_back(mark: str, by: str, now: Moment) -> Unit[int]:
    """It is in the register again, as it was; what waits for it goes out."""
    last = yield from store.last_of(mark)
    if last is None or last.removed_at is None:
        raise Refused("processor-there", status=409)
    told = Told(**{name: getattr(last, name) for name in Told.__dataclass_fields__})
    made = yield from store.add(mark, told, by, now, last.looked_at)
    assert made is not None
    yield from settle_line(LINE, subject(mark), now)
    return made
