"""The statements of many devices at once: all of a router are asked for in four, however many they are."""

from __future__ import annotations

from collections.abc import Sequence

from portal.access import passes
from portal.access.passes import Pass
from portal.access.store import Device, Presence, read_device, read_presence
from portal.sql import any_of
from portal.units import Row, Unit, rows

CHUNK = 500  # so many values one statement of either engine takes


def devices_with(ids: Sequence[int]) -> Unit[list[Device]]:
    """These devices, without those whose MAC was purged."""
    text = "SELECT * FROM devices WHERE tenant_id = :tenant AND mac NOT LIKE 'gone-%' AND id IN ({})"
    return [read_device(row) for row in (yield from _each_chunk(text, ids))]


def queues_of(device_ids: Sequence[int]) -> Unit[dict[int, list[Pass]]]:
    """`queue_of` for each of these devices that has one."""
    live = "SELECT * FROM passes WHERE tenant_id = :tenant AND state <> 'ended'"
    text = live + " AND device_id IN ({}) ORDER BY position, id"
    found: dict[int, list[Pass]] = {}
    for row in (yield from _each_chunk(text, device_ids)):
        found.setdefault(row["device_id"], []).append(passes.from_row(row))
    return found


def users_of(pass_ids: Sequence[int]) -> Unit[dict[int, list[int]]]:
    """`devices_of_pass` for each of these passes."""
    text = "SELECT * FROM pass_devices WHERE tenant_id = :tenant AND pass_id IN ({}) ORDER BY added_at, id"
    found: dict[int, list[int]] = {}
    for row in (yield from _each_chunk(text, pass_ids)):
        found.setdefault(row["pass_id"], []).append(row["device_id"])
    return found


def presences_of(device_ids: Sequence[int]) -> Unit[dict[int, list[Presence]]]:
    """`presence_of` for each of these devices that was seen anywhere."""
    text = "SELECT * FROM presence WHERE tenant_id = :tenant AND device_id IN ({}) ORDER BY seen_at DESC"
    found: dict[int, list[Presence]] = {}
    for row in (yield from _each_chunk(text, device_ids)):
        found.setdefault(row["device_id"], []).append(read_presence(row))
    return found


def _each_chunk(text: str, values: Sequence[int]) -> Unit[list[Row]]:
    found: list[Row] = []
    for start in range(0, len(values), CHUNK):
        marks, chunk = any_of(values[start : start + CHUNK])
        found += yield from rows(text.format(marks), **chunk)
    return found
