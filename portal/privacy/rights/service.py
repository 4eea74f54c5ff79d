"""What is done with a request: units, each with its line of evidence in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass

from portal.clock import DAY, Moment
from portal.errors import Refused
from portal.people import store as people
from portal.phone import Phone
from portal.privacy.rights import store
from portal.privacy.rights.clocks import RIGHTS, Right, clocks
from portal.privacy.rights.store import Request, Restriction
from portal.seal import Vault
from portal.tenancy.store import Tenant
from portal.units import Unit

LONGEST = 2_000  # of what somebody wrote
OLDEST_MS = 366 * DAY  # a request that lay about for longer is filed as of a year ago
EFFECTS = {"restrict": "restricted", "object": "objected"}


@dataclass(frozen=True, kw_only=True)
class By:
    """Who did a step: somebody of staff, or the guest."""

    staff_id: int | None = None

    @property
    def origin(self) -> str:
        return "guest" if self.staff_id is None else "staff"


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What somebody asks for, and of whom it is."""

    kind: str
    channel: str
    received_at: Moment
    key: str
    person_id: int | None = None
    device_id: int | None = None
    contact: str = ""
    wish: str = ""


def file(vault: Vault, tenant: Tenant, ask: Ask, by: By, now: Moment) -> Unit[int]:
    """File a request; the same form gives the same one. Raises `Refused`."""
    if ask.kind not in RIGHTS:
        raise Refused("form")
    if not now - OLDEST_MS <= ask.received_at <= now:
        raise Refused("request-received")
    if ask.person_id is None and ask.device_id is None and not ask.contact:
        raise Refused("request-whose")
    due = clocks(ask.kind, ask.received_at, tenant.timezone)
    made = yield from store.file(
        vault,
        ask.contact,
        worded(ask.wish),
        form_key=ask.key,
        kind=ask.kind,
        person_id=ask.person_id,
        device_id=ask.device_id,
        channel=ask.channel,
        received_at=ask.received_at,
        due_at=due.due_at,
        refuse_by=due.refuse_by,
        handler_id=by.staff_id,
        changed_at=now,
    )
    if made is None:
        there = yield from store.by_key(ask.key)
        raise Refused("request-there", status=409, request=there)
    yield from store.step(vault, made, "filed", by.origin, by.staff_id, "", now)
    return made


def worded(text: str) -> str:
    """What somebody wrote, of any lines; raises `Refused`."""
    plain = text.strip().replace("\r\n", "\n")
    if len(plain) > LONGEST or not plain.replace("\n", "").replace("\t", "").isprintable():
        raise Refused("request-words")
    return plain


def must_know(request_id: int) -> Unit[Request]:
    """This request of this ISP; raises `Refused("not-found")`."""
    found = yield from store.request(request_id)
    if found is None:
        raise Refused("not-found", status=404)
    return found


def must_be_open(request_id: int) -> Unit[Request]:
    """The same, while nobody has ended it; raises `Refused("request-over")`."""
    found = yield from must_know(request_id)
    if not found.open:
        raise Refused("request-over", status=409)
    return found


def _write(vault: Vault, request_id: int, act: str, note: str, by: By, now: Moment, **changed: object) -> Unit[None]:
    yield from store.step(vault, request_id, act, by.origin, by.staff_id, note, now)
    yield from store.change(request_id, changed_at=now, handler_id=by.staff_id, **changed)


def note(vault: Vault, request_id: int, text: str, by: By, now: Moment) -> Unit[None]:
    """A further line of evidence, also after the end: what was sent where, who called."""
    plain = worded(text)
    if not plain:
        raise Refused("request-note")
    yield from must_know(request_id)
    yield from _write(vault, request_id, "note", plain, by, now)


def prove(vault: Vault, request_id: int, how: str, text: str, by: By, now: Moment) -> Unit[None]:
    """Who asks was proven, in this way."""
    yield from must_be_open(request_id)
    yield from _write(vault, request_id, "identity", worded(text), by, now, identity_how=how, identity_at=now)


# --- the end ---


def answer(vault: Vault, request_id: int, text: str, by: By, now: Moment) -> Unit[None]:
    """It is answered; `text` says how. Raises `Refused` while what it needs is not there."""
    found = yield from must_be_open(request_id)
    yield from _must_be_done(found, RIGHTS[found.kind])
    yield from _end(vault, found, "answered", text, by, now)


def _must_be_done(found: Request, right: Right) -> Unit[None]:
    if right.proven and found.identity_how is None:
        raise Refused("request-identity", status=409)
    if right.effect in EFFECTS and found.known and not (yield from store.placed_for(found.id)):
        raise Refused("request-undone", status=409)


def refuse(vault: Vault, request_id: int, text: str, by: By, now: Moment) -> Unit[None]:
    """It is refused, for this reason; marketing that somebody does not want is no matter of reasons."""
    found = yield from must_be_open(request_id)
    if RIGHTS[found.kind].absolute and found.known:
        raise Refused("request-absolute", status=409)
    yield from _end(vault, found, "refused", text, by, now)


def withdraw(vault: Vault, request_id: int, text: str, by: By, now: Moment) -> Unit[None]:
    """Whoever asked does not ask any more."""
    yield from _end(vault, (yield from must_be_open(request_id)), "withdrawn", text, by, now)


def _end(vault: Vault, found: Request, state: str, text: str, by: By, now: Moment) -> Unit[None]:
    plain = worded(text)
    if not plain:
        raise Refused("request-answer")
    yield from store.keep_answer(vault, found.id, found.public, plain)
    yield from _write(vault, found.id, state, plain, by, now, state=state, ended_at=now)


# --- what is carried out ---


def restrict(vault: Vault, request_id: int, by: By, now: Moment) -> Unit[Restriction]:
    """What they ask stands from now on: nothing but storage, or no marketing. Raises `Refused`."""
    found = yield from must_be_open(request_id)
    kind = RIGHTS[found.kind].effect
    if kind not in EFFECTS:
        raise Refused("form")
    if not found.known:
        raise Refused("request-nobody", status=409)
    there = yield from _standing(vault, found, kind)
    if there is None:
        asked = (yield from store.words(vault, request_id)).wish
        yield from store.place(vault, found, kind, asked, by.staff_id, now)
        yield from _write(vault, request_id, EFFECTS[kind], "", by, now)
        there = yield from _standing(vault, found, kind)
    elif there.request_id != request_id:
        raise Refused("request-stands", status=409)
    assert there is not None
    return there


def _standing(vault: Vault, found: Request, kind: str) -> Unit[Restriction | None]:
    people_ids = [] if found.person_id is None else [found.person_id]
    device = None if found.person_id is not None else found.device_id
    stands = yield from store.standing(vault, people_ids, device)
    return next((each for each in stands if each.kind == kind), None)


def lift(vault: Vault, request_id: int, restriction_id: int, reason: str, by: By, now: Moment) -> Unit[Restriction]:
    """What was placed for this request stands no more. Raises `Refused`."""
    found = yield from store.restriction(vault, restriction_id)
    if found is None or found.request_id != request_id:
        raise Refused("not-found", status=404)
    if not (yield from store.lift(restriction_id, by.staff_id, now)):
        raise Refused("request-lifted", status=409)
    yield from _write(vault, found.request_id, "lifted", reason, by, now)
    return found


def rectify(vault: Vault, tenant_id: int, request_id: int, phone: Phone, by: By, now: Moment) -> Unit[Phone]:
    """The number of a person becomes this one; gives the old one, which stands in the evidence alone from now on."""
    found = yield from must_be_open(request_id)
    if RIGHTS[found.kind].effect != "rectify":
        raise Refused("form")
    if found.person_id is None:
        raise Refused("request-nobody", status=409)
    if found.identity_how is None:
        raise Refused("request-identity", status=409)
    old = yield from people.renumber(vault, tenant_id, found.person_id, phone)
    yield from _write(vault, request_id, "rectified", f"{old.spoken} → {phone.spoken}", by, now)
    return old


# --- what guests do themselves ---

AT_ONCE = "Carried out at once, on the Wi-Fi page."


def ask_oneself(vault: Vault, tenant: Tenant, ask: Ask, how: str, now: Moment) -> Unit[int]:
    """A request of somebody who has just proven who they are; what nobody may refuse is carried out at once.

    Raises `Refused` when the same is open already, or stands already.
    """
    assert ask.person_id is not None
    right = RIGHTS.get(ask.kind)
    if right is None:
        raise Refused("data-ask")
    if (yield from store.open_of(ask.person_id, ask.kind)) is not None:
        raise Refused("data-open", status=409)
    if right.absolute and right.effect in (yield from store.kinds_standing(ask.person_id)):
        raise Refused("data-stands", status=409)
    made = yield from file(vault, tenant, ask, By(), now)
    yield from prove(vault, made, how, "", By(), now)
    if right.absolute:
        yield from restrict(vault, made, By(), now)
        yield from answer(vault, made, AT_ONCE, By(), now)
    return made


# --- what other rooms ask ---


def may_write_to(person_id: int, *, marketing: bool) -> Unit[bool]:
    """Whether a message may go to this person: nothing to whom is restricted, no marketing to who objected."""
    stands = yield from store.kinds_standing(person_id)
    return "restrict" not in stands and not (marketing and "object" in stands)
