"""From a router's tables to what the books want to know: each device's counters, and whether it is there. Pure.

Only our own rows speak: a foreign user may carry a name like ours, and somebody else's session may run on the
MAC of a device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from portal.access.record import Known, Sighting, Wanted
from portal.clock import SECOND, Moment
from portal.mikrotik.difference import Found, binding_comment, marked, row_number, user_name
from portal.sessions.meter import Reading


def without(found: Found, device_ids: set[int], installation: str) -> Found:
    """`found` less the rows of these devices."""
    if not device_ids:
        return found
    names = {user_name(each) for each in device_ids}
    blocks = {binding_comment(installation, each) for each in device_ids}
    return replace(
        found,
        users=[row for row in found.users if row.name not in names],
        active=[row for row in found.active if row.user not in names],
        bindings=[row for row in found.bindings if row.comment not in blocks],
        cookies=[row for row in found.cookies if row.user not in names],
    )


def silences(found: Found, now: Moment) -> dict[tuple[str, str], Moment]:
    """Since when each session (by user and MAC) has been silent."""
    return {(row.user, row.mac): now - row.idle_s * SECOND for row in found.active}


def addresses(found: Found) -> dict[str, str | None]:
    """The address of each MAC in the host table: as the device itself has it, which a hotspot may translate.

    A device that has two stands there twice; the one by which it is logged in counts, else the later one.
    """
    ordered = sorted(found.hosts, key=lambda row: row.authorized)
    return {row.mac: ipv4(row.address) for row in ordered}


def ipv4(text: str) -> str | None:
    """An address that a device can have; a router may say anything."""
    try:
        found = IPv4Address(text)
    except ValueError:
        return None
    return None if found.is_unspecified or found.is_multicast or found.is_loopback else str(found)


def sightings(
    found: Found,
    wanted: Iterable[Wanted | Known],
    now: Moment,
    installation: str,
    silent: Mapping[tuple[str, str], Moment],
) -> list[Sighting]:
    """The counters of each device, from its user row and its active row; `silent` as it was before."""
    users = {row.name: row for row in found.users if marked(row.comment, installation)}
    foreign = {row.name for row in found.users} - set(users)
    active = {(row.user, row.mac): row for row in found.active if row.user not in foreign}
    here = addresses(found)
    late_ms = 0 if found.asked_at is None else max(0, now - found.asked_at)
    made: list[Sighting] = []
    for each in wanted:
        name = user_name(each.device_id)
        user, online = users.get(name), active.get((name, each.mac))
        reading = Reading(
            read_at=now,
            user_uptime_s=user.uptime_s if user else 0,
            user_bytes_in=user.bytes_in if user else 0,
            user_bytes_out=user.bytes_out if user else 0,
            active_uptime_s=online.uptime_s if online else None,
            active_bytes_in=online.bytes_in if online else 0,
            active_bytes_out=online.bytes_out if online else 0,
            late_ms=late_ms,
        )
        present = online is not None or each.mac in here
        address = here.get(each.mac) or (ipv4(online.address) if online else None)
        quiet = silent.get((name, each.mac))
        given = row_number(user.comment.rpartition(":")[2]) if user else None
        made.append(
            Sighting(
                device_id=each.device_id,
                reading=reading,
                here=present,
                silent_since=quiet,
                pass_id=given,
                address=address if present else None,
            )
        )
    return made
