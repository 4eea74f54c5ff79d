"""What is done with an incident: units, each with its line of evidence in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass

from portal.clock import DAY, MINUTE, Moment
from portal.errors import Refused
from portal.privacy.incidents import store
from portal.privacy.incidents.clocks import SPARED, due_at
from portal.privacy.incidents.store import Incident
from portal.seal import Vault
from portal.units import Unit

LONGEST, LONGEST_TITLE = 4_000, 120
OLDEST_MS = 366 * DAY


@dataclass(frozen=True, kw_only=True)
class Found:
    """What somebody found out."""

    title: str
    facts: str
    known_at: Moment
    key: str
    staff_id: int | None = None
    since_at: Moment | None = None
    until_at: Moment | None = None


def record(vault: Vault, kind: str, found: Found, by: int, now: Moment) -> Unit[int]:
    """Record it at an ISP, or at the platform; the same form gives the same one. Raises `Refused`."""
    title = found.title.strip()
    if not title or len(title) > LONGEST_TITLE or not title.isprintable():
        raise Refused("incident-title")
    if not now - OLDEST_MS <= found.known_at <= now + MINUTE:
        raise Refused("incident-known")
    if found.since_at is not None and found.until_at is not None and found.until_at < found.since_at:
        raise Refused("incident-span")
    made = yield from store.record(
        vault,
        _worded(found.facts),
        form_key=found.key,
        title=title,
        staff_id=found.staff_id,
        since_at=found.since_at,
        until_at=found.until_at,
        known_at=found.known_at,
        due_at=due_at(kind, found.known_at),
        handler_id=by,
        changed_at=now,
    )
    if made is None:
        raise Refused("incident-there", status=409, incident=(yield from store.by_key(found.key)))
    yield from store.step(vault, made, "recorded", by, "", now)
    return made


def _worded(text: str) -> str:
    plain = text.strip().replace("\r\n", "\n")
    if not plain or len(plain) > LONGEST or not plain.replace("\n", "").replace("\t", "").isprintable():
        raise Refused("incident-words")
    return plain


def must_know(incident_id: int) -> Unit[Incident]:
    """This incident of this tenant; raises `Refused("not-found")`."""
    found = yield from store.incident(incident_id)
    if found is None:
        raise Refused("not-found", status=404)
    return found


def _open(incident_id: int) -> Unit[Incident]:
    found = yield from must_know(incident_id)
    if found.ended_at is not None:
        raise Refused("incident-over", status=409)
    return found


def _write(vault: Vault, incident_id: int, act: str, text: str, by: int, now: Moment, **changed: object) -> Unit[None]:
    yield from store.step(vault, incident_id, act, by, _worded(text), now)
    yield from store.change(incident_id, changed_at=now, handler_id=by, **changed)


def note(vault: Vault, incident_id: int, text: str, by: int, now: Moment) -> Unit[None]:
    """A further line, also after the end."""
    yield from must_know(incident_id)
    yield from _write(vault, incident_id, "note", text, by, now)


def tell(vault: Vault, incident_id: int, text: str, by: int, now: Moment) -> Unit[None]:
    """Those who have to know were told; `text` says how, and why it was late if it was."""
    found = yield from _open(incident_id)
    told_at = now if found.told_at is None else found.told_at
    yield from _write(vault, incident_id, "told", text, by, now, told_at=told_at)


def tell_people(vault: Vault, incident_id: int, text: str, by: int, now: Moment) -> Unit[None]:
    """The people concerned were told."""
    found = yield from _open(incident_id)
    people_at = now if found.people_at is None else found.people_at
    yield from _write(vault, incident_id, "people", text, by, now, people_at=people_at)


def spare(vault: Vault, incident_id: int, why: str, text: str, by: int, now: Moment) -> Unit[None]:
    """Nobody has to be told, for this reason."""
    if why not in SPARED:
        raise Refused("form")
    yield from _open(incident_id)
    yield from _write(vault, incident_id, "spared", text, by, now, spared=why)


def close(vault: Vault, incident_id: int, text: str, by: int, now: Moment) -> Unit[None]:
    """It is over; not before whoever has to know was told, or need not be."""
    found = yield from _open(incident_id)
    if found.owed:
        raise Refused("incident-owed", status=409)
    yield from _write(vault, incident_id, "closed", text, by, now, ended_at=now)
