"""The devices of a router of which nothing has changed but their counters: a poll leaves them as they are.

Such a device costs a poll no question to the database and no comparison. It stays calm until something of it changes at
the router, until somebody is woken for it, or until the end that was told with what is wanted of it (`many/keep.py`);
about each two minutes it is looked at like any other. What was read of it meanwhile is kept here, so that a router that
forgets the session takes nothing with it: that reading is then written down before the new one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from portal.access.many.keep import LONGEST_MS
from portal.access.record import Known, Sighting, Wanted
from portal.clock import SECOND, Moment
from portal.mikrotik.difference import SLACK_S, Found, binding_comment, marked, user_name
from portal.mikrotik.hotspot import ActiveRow, CookieRow, HostRow, UserRow
from portal.mikrotik.sightings import sightings
from portal.sessions.meter import SLACK_MS, same_session

# How long a device is calm at most. Not the same for all of them: those who came together would else be due together.
SPREAD_MS = 60 * SECOND
AT_LEAST_MS = LONGEST_MS - SPREAD_MS


@dataclass(kw_only=True, slots=True)
class _Kept:
    """How a device stood when it was written down, and how it was last read."""

    device: Known
    name: str
    until: Moment
    bytes: int | None  # so many it may move until then
    user: UserRow
    active: ActiveRow
    hosts: Sequence[HostRow]
    cookies: Sequence[CookieRow]
    last: ActiveRow
    last_at: Moment
    asked_at: Moment | None  # before that reading
    written_at: Moment


class _Tables:
    """A router's rows by what a device is known by."""

    def __init__(self, found: Found) -> None:
        self.users = {row.name: row for row in found.users}
        self.active = {row.user: row for row in found.active}
        self.macs: dict[str, int] = {}
        self.hosts: dict[str, list[HostRow]] = {}
        self.cookies: dict[str, list[CookieRow]] = {}
        self.bound = {row.mac for row in found.bindings} | {row.comment for row in found.bindings}
        self.crowded = len(self.active) != len(found.active)  # somebody is online twice
        for row in found.active:
            self.macs[row.mac] = self.macs.get(row.mac, 0) + 1
        for host in found.hosts:
            self.hosts.setdefault(host.mac, []).append(host)
        for cookie in found.cookies:
            self.cookies.setdefault(cookie.user, []).append(cookie)


class Calm:
    """Which devices of one router are calm."""

    def __init__(self, installation: str) -> None:
        self._installation = installation
        self._kept: dict[int, _Kept] = {}
        self._late: dict[int, Sighting] = {}  # read, not written down, and no longer calm

    def of(self, found: Found, now: Moment) -> set[int]:
        """The devices that this reading of the whole router leaves as they are; the others are so no more."""
        if not self._kept:
            return set()
        tables = _Tables(found)
        for device_id, kept in list(self._kept.items()):
            row = tables.active.get(kept.name)
            if row is None or not (self._stands(kept, tables) and _only_grew(kept, row, now)):
                self.forget(device_id)
            else:
                kept.last, kept.last_at, kept.asked_at = row, now, found.asked_at
        return set(self._kept)

    def rest(self, found: Found) -> Found:
        """What is left to look at."""
        names = {kept.name for kept in self._kept.values()}
        macs = {kept.device.mac for kept in self._kept.values()}
        return replace(
            found,
            users=[row for row in found.users if row.name not in names],
            active=[row for row in found.active if row.user not in names],
            hosts=[row for row in found.hosts if row.mac not in macs],
            cookies=[row for row in found.cookies if row.user not in names],
        )

    def learn(self, wanted: Iterable[Wanted], found: Found, now: Moment, *, unless: Collection[int]) -> None:
        """From now on those of these devices are calm that may be; something was the matter with `unless`."""
        self._late = {each: seen for each, seen in self._late.items() if each in unless}  # of the others all is written
        tables = _Tables(found)
        for each in wanted:
            if each.keep is not None and each.device_id not in unless:
                self._keep(each, tables, now)

    def forget(self, device_id: int) -> None:
        """Look at this device in the next poll."""
        kept = self._kept.pop(device_id, None)
        if kept is not None and kept.last_at > kept.written_at:
            self._late[device_id] = self._reading(kept)

    def forget_all(self) -> None:
        for device_id in list(self._kept):
            self.forget(device_id)

    def with_late(self, seen: Sequence[Sighting]) -> list[Sighting]:
        """These, each after what was read of another session of its device and is not written down yet."""
        made: list[Sighting] = []
        for each in seen:
            late = self._late.get(each.device_id)
            made += [] if late is None or same_session(late.reading, each.reading) else [late]
            made.append(each)
        return made

    def written(self, seen: Iterable[Sighting]) -> None:
        """These stand in the books."""
        for each in seen:
            self._late.pop(each.device_id, None)

    def all_late(self) -> list[Sighting]:
        """All that was read and is not written down."""
        return list(self._late.values())

    def _stands(self, kept: _Kept, tables: _Tables) -> bool:
        """Whether its rows that do not count are what they were."""
        user = tables.users.get(kept.name)
        if user is not kept.user and user != kept.user:
            return False
        if tables.crowded or tables.macs.get(kept.device.mac) != 1:
            return False
        if (
            kept.device.mac in tables.bound
            or binding_comment(self._installation, kept.device.device_id) in tables.bound
        ):
            return False
        same_hosts = tables.hosts.get(kept.device.mac, []) == kept.hosts
        return same_hosts and tables.cookies.get(kept.name, []) == kept.cookies

    def _keep(self, want: Wanted, tables: _Tables, now: Moment) -> None:
        name, keep = user_name(want.device_id), want.keep
        user, active = tables.users.get(name), tables.active.get(name)
        if keep is None or user is None or active is None or not marked(user.comment, self._installation):
            return
        kept = _Kept(
            device=Known(want.device_id, want.mac),
            name=name,
            until=min(keep.until, now + AT_LEAST_MS + want.device_id * 7919 % SPREAD_MS),
            bytes=keep.bytes,
            user=user,
            active=active,
            hosts=tables.hosts.get(want.mac, []),
            cookies=tables.cookies.get(name, []),
            last=active,
            last_at=now,
            asked_at=None,
            written_at=now,
        )
        if active.mac == want.mac and self._stands(kept, tables):
            self._kept[want.device_id] = kept

    def _reading(self, kept: _Kept) -> Sighting:
        silent: Mapping[tuple[str, str], Moment] = {}
        found = Found(users=[kept.user], active=[kept.last], hosts=kept.hosts, whole=False, asked_at=kept.asked_at)
        return sightings(found, [kept.device], kept.last_at, self._installation, silent)[0]


def _only_grew(kept: _Kept, row: ActiveRow, now: Moment) -> bool:
    """Whether this is the same session with greater counters, and its end is not near."""
    last, first = kept.last, kept.active
    if now >= kept.until or now < kept.last_at or _fixed(row) != _fixed(first):
        return False
    if row.bytes_in < last.bytes_in or row.bytes_out < last.bytes_out:
        return False
    if abs((row.uptime_s - last.uptime_s) * SECOND - (now - kept.last_at)) > SLACK_MS:
        return False
    if kept.bytes is not None and _moved(row) - _moved(first) > kept.bytes:
        return False
    return _same_end(row, first)


def _fixed(row: ActiveRow) -> tuple[str, str, str, int | None, str]:
    """What does not change of a session."""
    return row.id, row.mac, row.address, row.limit_bytes, row.login_by


def _moved(row: ActiveRow) -> int:
    return row.bytes_in + row.bytes_out


def _same_end(row: ActiveRow, first: ActiveRow) -> bool:
    """Whether the router will end the session when it was going to."""
    left, before = row.session_time_left_s, first.session_time_left_s
    if left is None or before is None:
        return left is before
    return abs(left + row.uptime_s - before - first.uptime_s) <= SLACK_S
