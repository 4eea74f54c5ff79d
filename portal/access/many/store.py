"""The statements of many devices at once: all of a router are asked for in four, however many they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from portal.access import passes
from portal.access.passes import Pass
from portal.access.store import Device, Presence, read_device, read_presence
from portal.sql import any_of
from portal.units import Row, Unit, rows

V = TypeVar("V")

CHUNK = 500  # so many values one statement of either engine takes

# `+tenant_id`: or the engine goes through all devices of the ISP instead of looking these up.


def devices_with(ids: Sequence[int]) -> Unit[list[Device]]:
    """These devices, without those whose MAC was purged."""
    text = "SELECT * FROM devices WHERE +tenant_id = :tenant AND mac NOT LIKE 'gone-%' AND id IN ({})"
    return [read_device(row) for row in (yield from _each_chunk(text, ids))]


def gone(ids: Sequence[int]) -> Unit[list[int]]:
    """Those of these devices whose MAC was purged, or erased."""
    text = "SELECT id FROM devices WHERE +tenant_id = :tenant AND mac LIKE 'gone-%' AND id IN ({})"
    return [row["id"] for row in (yield from _each_chunk(text, ids))]


def known(ids: Sequence[int], macs: Sequence[str]) -> Unit[list[tuple[int, str]]]:
    """Ids and MACs of the devices among these."""
    text = "SELECT id, mac FROM devices WHERE {} AND mac NOT LIKE 'gone-%' AND "
    found = yield from _each_chunk(text.format("+tenant_id = :tenant") + "id IN ({})", ids)
    found += yield from _each_chunk(text.format("tenant_id = :tenant") + "mac IN ({})", macs)
    return sorted({(row["id"], row["mac"]) for row in found})


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


def _each_chunk(text: str, values: Sequence[Any]) -> Unit[list[Row]]:
    found: list[Row] = []
    for chunk in chunks(values):
        marks, bound = any_of(chunk)
        found += yield from rows(text.format(marks), **bound)
    return found


def chunks(values: Sequence[V]) -> Iterator[Sequence[V]]:
    """Values for one statement each, filled up with the last one: few lengths are few texts, which stay prepared."""
    for start in range(0, len(values), CHUNK):
        chunk = values[start : start + CHUNK]
        size = min(CHUNK, 1 << (len(chunk) - 1).bit_length())
        yield [*chunk, *[chunk[-1]] * (size - len(chunk))]
