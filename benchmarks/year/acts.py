"""What was done, and what waits: alarms, requests, consents, the log of acts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.year.ground import REQUESTS, ROUTERS, STAFF, Filling
from portal.clock import DAY, HOUR
from portal.privacy.consent import store as consent
from portal.processors import store as processors
from portal.seal import new_public
from portal.units import value
from portal.watch import channels


def _alarms(of: Filling) -> None:
    """An outage each eight hours, of which somebody is told."""
    year = of.year
    rows = (
        ("router-down", f"router:{n % ROUTERS}", "warn", "A router did not answer.", at, at, at, at, at + HOUR)
        for n, at in enumerate(of.at(n / 1_000) for n in range(1_000))
    )
    of.many("alarms", "kind, subject, severity, sentence, since, suspected_at, opened_at, gone_at, closed_at", rows)
    public = new_public(8)
    args = (of.vault, public, "webhook", "https://hooks.example.test/x", channels.new_secret(), ("balance",), year.now)
    year.named["channel"] = str(of.unit(channels.add(*args)))
    receiver = of.unit(processors.registered("webhook:hooks.example.test"))
    assert receiver is not None
    year.named["processor"] = str(receiver.id)


def _agreed(of: Filling) -> None:
    """Somebody who paid for the first device agreed to offers."""
    text = "SELECT person_id FROM payments WHERE tenant_id = :tenant AND device_id = :device LIMIT 1"
    device = int(of.year.named["device"])
    person = of.unit(value(text, device=device))
    made = {"purpose": "offers", "given": True, "digest": "", "language": "en", "channel": "purchase"}
    proof = {"proof": "payment:x", "actor": "guest", "decided_at": of.year.now}
    if person is not None:
        of.unit(consent.add(person_id=person, device_id=device, version_id=None, **made, **proof))


def _requests(of: Filling) -> None:
    """Somebody asks about their data each quarter of a day; the last ones are open."""
    year, first = of.year, of.next_id("rights_requests")
    kinds = ("access", "erase", "object", "portability")
    made = (
        (f"{year.tenant.public}q{n}", f"q{n}", kinds[n % 4], "counter", at, at + 8 * DAY, at + 8 * DAY,
         "open" if n > REQUESTS - 40 else "answered", at, at)
        for n, at in enumerate(of.at(n / REQUESTS) for n in range(REQUESTS))
    )  # fmt: skip
    names = "public, form_key, kind, channel, received_at, due_at, refuse_by, state, changed_at, ended_at"
    of.many("rights_requests", names, made)
    year.named["request"] = str(first + REQUESTS - 1)
    year.named["incident"] = str(of.next_id("incidents"))
    told = [(f"{year.tenant.public}i", "i", "A phone was stolen", year.now, year.now + 3 * DAY, year.now)]
    of.many("incidents", "public, form_key, title, known_at, due_at, changed_at", told)


def log(of: Filling, first_device: int, paid: list[tuple[str, int]]) -> None:
    year, random = of.year, of.random
    staff = f"staff{year.tenant.id}x"
    acts = ("connect", "extend", "kick", "note", "print", "login")

    def done() -> Iterator[Sequence[Any]]:
        for n in range(year.size.acts):
            device = first_device + (0 if n % 500 == 0 else random.randrange(year.size.devices))
            actor = f"staff:{staff}{n % STAFF}"
            payload = '{"address":"127.0.0.1","name":"Amina"}'
            yield (
                n + 1, of.at(n / year.size.acts), actor, acts[n % 6], f"device:{device}", payload,
                b"d" * 32, b"c" * 32, 0,
            )  # fmt: skip

    of.many("audit", "number, at, actor, act, subject, payload, payload_digest, chain, money", done())
    lines = (
        ("paid-no-pass", f"payment:{public}", "A line.", at, None if n % 10 == 0 else at + HOUR)
        for n, (public, at) in enumerate(paid[-year.size.lines :])
    )
    of.many("exceptions", "kind, subject, detail, opened_at, closed_at", lines)
    _alarms(of)
    _requests(of)
    _agreed(of)
    first_staff = int(year.named["staff"]) - 1
    outage = of.next_id("outages")
    of.many(
        "outages",
        "router_id, since, until, guests, span_ms, reason, staff_id, form_key, begun_at, done_at",
        [
            (
                year.routers[0],
                year.now - 2 * HOUR,
                year.now - HOUR,
                90,
                HOUR,
                "bench",
                first_staff,
                "b",
                year.now,
                year.now,
            )
        ],
    )
    year.named |= {"outage": str(outage)}
    notes = ((first_device, first_staff, "Asked for help.", of.at(n / 60)) for n in range(60))
    of.many("notes", "device_id, staff_id, text, written_at", notes)
