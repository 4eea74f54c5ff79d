"""Passes, and where devices are and were online."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.year.ground import ONLINE, ROUTERS, SLOT, YEAR, Filling
from portal.clock import DAY, HOUR


def passes(
    of: Filling, first_device: int, persons: Sequence[int], labels: list[str], paid: list[tuple[str, int]]
) -> None:
    """A pass for each payment and each redeemed card, the rest given by staff; each was used by its device."""
    year, random = of.year, of.random
    first, plan = of.next_id("passes"), year.plans[0]
    causes = [("payment", public) for public, _ in paid] + [("voucher", label) for label in labels]
    causes = causes[: year.size.sessions]
    causes += [("staff", f"gift{n}") for n in range(year.size.sessions - len(causes))]
    random.shuffle(causes)
    devices = [first_device + (0 if n % 100 == 0 else random.randrange(year.size.devices)) for n in range(len(causes))]

    def made() -> Iterator[Sequence[Any]]:
        for n, (kind, ref) in enumerate(causes):
            at = of.at(n / len(causes))
            live = n >= len(causes) - ONLINE * year.size.sessions // 1_000_000
            # Those that go on do so until the measurement is over.
            end = None if live else at + HOUR
            yield (
                first + n, devices[n], persons[n % len(persons)], plan.id, plan.name, 1000, "KES", "wall", HOUR, 1,
                kind, ref, "running" if live else "ended", n, at, at, at + DAY, at,
                year.now + DAY if live else at + HOUR,
                HOUR, 50_000_000, end, None if live else "time",
            )  # fmt: skip

    of.many(
        "passes",
        "id, device_id, person_id, plan_id, plan_name, price_minor, currency, kind, span_ms, max_devices, cause_kind,"
        " cause_ref, state, position, bought_at, not_before, use_by, started_at, ends_at, used_ms, used_bytes,"
        " ended_at, end_reason",
        made(),
    )
    of.many(
        "pass_devices",
        "pass_id, device_id, added_at",
        ((first + n, device, of.at(n / len(causes))) for n, device in enumerate(devices)),
    )
    of.many(
        "usage",
        "pass_id, device_id, used_ms, bytes_up, bytes_down, updated_at",
        ((first + n, device, HOUR, 9_000_000, 41_000_000, of.at(n / len(causes))) for n, device in enumerate(devices)),
    )
    of.many(
        "sessions",
        "router_id, device_id, pass_id, started_at, seen_at, ended_at, end_cause, online_ms, bytes_up, bytes_down",
        (
            (
                year.routers[n % ROUTERS],
                device,
                first + n,
                at,
                at + HOUR,
                at + HOUR,
                "time",
                HOUR,
                9_000_000,
                41_000_000,
            )
            for n, (device, at) in enumerate((device, of.at(n / len(causes))) for n, device in enumerate(devices))
        ),
    )
    year.named["pass_id"] = str(first + (len(causes) - 1) // 100 * 100)  # of the busiest guest


def presence(of: Filling, first_device: int) -> None:
    """Where each device was last; the first ones are online, and stay so as long as the measurement takes."""
    year, random = of.year, of.random
    online = ONLINE * year.size.devices // 100_000

    def seen() -> Iterator[Sequence[Any]]:
        for n in range(year.size.devices):
            on = n < online
            at = year.now + HOUR if on else of.at(random.random())
            since = year.now - random.randrange(3 * HOUR) if on else None
            size = random.randrange(10**9)
            address = f"10.6.{n % 60_000 // 250}.{1 + n % 250}"
            yield (
                year.routers[n % ROUTERS], first_device + n, at, since, at,
                3600 if on else None, size // 9, size, address,
            )  # fmt: skip

    of.many(
        "presence",
        "router_id, device_id, seen_at, online_since, read_at, active_uptime_s, active_bytes_in, active_bytes_out,"
        " address",
        seen(),
    )


def write(of: Filling) -> None:
    """Of each quarter of the year and each router."""
    last = of.year.now - of.year.now % SLOT
    slots = range(last - YEAR // max(1, 1_000_000 // of.year.size.sessions), last, SLOT)
    of.many("online_counts", "slot, router_id, online", ((each, n, 90) for each in slots for n in of.year.routers))
    hours = range(slots.start - slots.start % HOUR, last, HOUR)
    of.many(
        "usage_hours",
        "hour, router_id, plan_name, guests, online_ms, bytes_up, bytes_down",
        (
            (each, n, f"Plan {plan}", 30, 20 * HOUR, 90_000_000, 800_000_000)
            for each in hours
            for n in of.year.routers
            for plan in range(3)
        ),
    )
