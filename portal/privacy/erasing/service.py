"""What erasing is made of: what stands in its way, what it would take, and the one transaction in which it happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.access import admission
from portal.access import store as access
from portal.audit import store as audit
from portal.clock import Moment
from portal.errors import Refused
from portal.privacy.erasing import marks, store
from portal.privacy.erasing.subject import Subject, by_device, by_person
from portal.privacy.erasing.traces import finding
from portal.privacy.erasing.traces import store as traces
from portal.privacy.erasing.traces.finding import Found, Names
from portal.privacy.retention import service as retention
from portal.privacy.retention import store as holds
from portal.privacy.retention.rules import HOLDABLE, RULES, Rule
from portal.privacy.rights import store as rights
from portal.seal import Vault
from portal.units import Unit

ERASED, MINOR = "person.erase", "person.erase-minor"
ACTS = "acts"  # the rule of payloads that are cleared, and the name under which they are counted


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Why somebody is erased; as a minor, a guardian or staff ask for it, and a reason is all that is kept."""

    reason: str
    by: str
    minor: bool = False
    found: Found = field(default_factory=Found)  # where else they are named, as it was looked for beforehand
    who: Mapping[str, str] = field(default_factory=dict)  # name and address of whoever does it, for the log of acts
    staff_id: int | None = None


def stands_in_the_way(subject: Subject, now: Moment) -> Unit[None]:
    """Raise `Refused` while a hold stands or money of theirs is on its way."""
    if any(set(each.classes) & set(HOLDABLE) for each in (yield from holds.standing(now))):
        raise Refused("erase-held", status=409)
    for device in subject.devices or (None,):
        if (yield from store.open_payments(subject.person, device)):
            raise Refused("erase-paying", status=409)
    if subject.person is not None and (yield from store.open_refunds(subject.person)):
        raise Refused("erase-refund", status=409)
    if subject.person is not None and (yield from store.waiting_money(subject.person, subject.payer)):
        raise Refused("erase-money", status=409)


def _parts(subject: Subject) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each device, and then the person: the books and the identity last."""
    for device in subject.devices:
        yield "device", {"device": device}
    if subject.person is not None:
        yield "person", subject.of_person


def _rules(who: str) -> list[Rule]:
    return [rule for rule in RULES if store.concerns(who, rule)]


def preview(subject: Subject) -> Unit[dict[str, int]]:
    """How many rows would be deleted or cleared, by rule; changes nothing."""
    found: Counter[str] = Counter()
    for who, bound in _parts(subject):
        for rule in _rules(who):
            found[rule.name] += yield from store.count(who, rule, bound)
    found[ACTS] = len((yield from _acts(subject)))
    return {name: count for name, count in found.items() if count}


def erase(vault: Vault, subject: Subject, wish: Wish, now: Moment) -> Unit[dict[str, int]]:
    """Erase them; gives how many rows by rule. Raises `Refused`, and then nothing has changed."""
    reason = retention.reason_of(wish.reason)
    subject = yield from _still_meant(vault, subject)
    yield from stands_in_the_way(subject, now)
    yield from marks.bury(vault, subject, now)
    said = yield from finding.names(subject)
    taken = yield from forget(vault, subject, said, wish, now)
    act = MINOR if wish.minor else ERASED
    yield from _in_requests(vault, subject, wish, now)
    payload = {**wish.who, "after": {"reason": said.sub(finding.BLOT, reason), **taken}}
    yield from audit.append(vault, actor=wish.by, act=act, subject=subject.name, payload=payload, now=now)
    yield from store.to_clean()
    return taken


def _still_meant(vault: Vault, subject: Subject) -> Unit[Subject]:
    """Who is meant, as they are now; raises `Refused` when they are erased already, or somebody else was looked at.

    A device that somebody paid for meanwhile is that person's, whom nobody has asked about; and messages that name
    another number than the one of now were looked for.
    """
    if subject.person is not None:
        now = yield from by_person(vault, subject.tenant, subject.person)
    else:
        now = yield from by_device(vault, subject.tenant, subject.devices[0])
    if (now.person, now.phone) != (subject.person, subject.phone):
        raise Refused("erase-changed", status=409)
    return now


def _in_requests(vault: Vault, subject: Subject, wish: Wish, now: Moment) -> Unit[None]:
    """Whoever asked for it, in their open requests."""
    for who, bound in _parts(subject):
        for request in (yield from store.open_requests(who, bound)):
            origin = "guest" if wish.staff_id is None else "staff"
            yield from rights.step(vault, request, "erased", origin, wish.staff_id, "", now)


def forget(vault: Vault, subject: Subject, said: Names, wish: Wish, now: Moment) -> Unit[dict[str, int]]:
    """Erase them, whatever stands in the way: what a restored backup does with people who were erased since."""
    taken: Counter[str] = Counter()
    taken[ACTS] = yield from audit.clear_these(vault, (yield from _acts(subject)), by=wish.by, now=now)
    if subject.person is not None:
        for one in (yield from store.paid_passes(subject.person)):
            yield from admission.end_pass(one, "erased", now)
    for device in subject.devices:
        yield from _end_passes(device, now)
    for who, bound in _parts(subject):
        for rule in _rules(who):
            taken[rule.name] += yield from store.take(who, rule, bound, now)
        yield from store.take_short_lived(who, bound)
    found = yield from finding.with_newer(vault, said, wish.found)
    taken["inbox"] += yield from finding.blot_out(vault, said, found)
    return {name: count for name, count in taken.items() if count}


def _end_passes(device: int, now: Moment) -> Unit[None]:
    """They end, and each router hears of it."""
    yield from admission.refresh(device, now)
    for one in (yield from access.queue_of(device)):
        yield from admission.end_pass(one.id, "erased", now)
    yield from admission.refresh(device, now, wake=True)


def _acts(subject: Subject) -> Unit[list[int]]:
    """Acts about them, and acts that name a MAC or a number of theirs."""
    found: set[int] = set()
    for who, bound in _parts(subject):
        found |= set((yield from traces.acts_about(who, bound)))
    for word in (yield from _words(subject)):
        found |= set((yield from traces.acts_that_say(word)))
    return sorted(found)


def _words(subject: Subject) -> Unit[list[str]]:
    """What names them when it stands in an act."""
    found = (yield from traces.macs(subject.devices)) if subject.devices else []
    for phone in subject.phones:
        found += [phone.digits, phone.spoken, phone.spoken.replace(" ", "")]
    return found
