"""What has to change on a router so that it agrees with the database. Pure: (wanted, found) → errands.

Rows that do not carry our mark are never touched: a hotspot user is ours when its comment begins with
``bando:<installation>:``, an active row when its user's name is ours and no foreign user has that name.
An errand is all that one device needs, in the order in which a router must be told: user, cookies, active
row, login (removing the active row last but one keeps a cookie from logging the device in again at once).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from portal.access.allowance import Allowance
from portal.access.record import Wanted
from portal.clock import Moment
from portal.mikrotik.hotspot import ActiveRow, BindingRow, CookieRow, HostRow, UserRow

NAME = re.compile(r"bando-([1-9][0-9]{0,17})")

# Uptimes are whole seconds and readings a round trip old: a smaller difference is not a change.
SLACK_S = 3
SLACK_BYTES = 65_536

# Removing more than half of so many marked rows at once looks like a restored database (design 3).
MASS = 20
NOBODY = 0  # instead of a device


@dataclass(frozen=True, kw_only=True)
class Found:
    """A router as it was read: its tables, whole or only the rows of some devices (then nobody else is judged)."""

    users: Sequence[UserRow] = ()
    active: Sequence[ActiveRow] = ()
    hosts: Sequence[HostRow] = ()
    bindings: Sequence[BindingRow] = ()
    cookies: Sequence[CookieRow] = ()
    profiles: frozenset[str] = frozenset()
    whole: bool = True
    asked_at: Moment | None = None  # the router was asked then; None: it was read at one moment


@dataclass(frozen=True, kw_only=True)
class UserFields:
    """How a device's hotspot user should stand."""

    name: str
    mac: str
    profile: str
    comment: str
    limit_uptime_s: int
    limit_bytes: int  # 0 is no limit, as the router writes it


@dataclass(frozen=True, kw_only=True)
class Errand:
    """All that one device needs at the router; empty fields need nothing."""

    device_id: int
    add_user: UserFields | None = None
    set_user: tuple[str, UserFields] | None = None  # the row's id, and how it should stand
    remove_users: tuple[str, ...] = ()
    ends_pass: int | None = None  # the pass that a row to be removed names; 0 when it names none
    remove_cookies: tuple[str, ...] = ()
    remove_active: tuple[str, ...] = ()
    login: tuple[str, str, str] | None = None  # address, MAC, user
    add_binding: str | None = None  # MAC
    remove_bindings: tuple[str, ...] = ()
    expect_seconds: int | None = None  # what session-time-left should say afterwards …
    expect_bytes: int | None = None  # … and what the session should have left
    conflict: str | None = None  # a sentence for staff

    @property
    def empty(self) -> bool:
        return self == Errand(device_id=self.device_id)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The errands, and whether they would remove so much that staff should look first."""

    errands: tuple[Errand, ...] = ()
    profiles: Mapping[str, Allowance] = field(default_factory=dict)  # to be made, by name
    marked: int = 0

    @property
    def removed_passes(self) -> tuple[int, ...]:
        """Named by the marked rows that would go."""
        return tuple(each.ends_pass for each in self.errands if each.ends_pass is not None)

    @property
    def counts(self) -> Mapping[str, int]:
        """How much there is to do, by kind; what there is none of is left out."""
        found = {
            "added": sum(each.add_user is not None for each in self.errands),
            "changed": sum(each.set_user is not None for each in self.errands),
            "removed": sum(len(each.remove_users) for each in self.errands),
            "let in": sum(each.login is not None for each in self.errands),
            "put off": sum(len(each.remove_active) for each in self.errands),
            "blocked": sum(each.add_binding is not None for each in self.errands),
        }
        return {kind: count for kind, count in found.items() if count}

    @property
    def suspicious(self) -> bool:
        """Whether so much would go that somebody should ask why."""
        return self.too_many(len(self.removed_passes))

    def too_many(self, removals: int) -> bool:
        return self.marked >= MASS and removals * 2 > self.marked

    def sparing(self, pass_ids: Collection[int]) -> Difference:
        """The same without the errands that would remove rows of these passes."""
        return replace(self, errands=tuple(each for each in self.errands if each.ends_pass not in pass_ids))


def user_name(device_id: int) -> str:
    """The name of a device's hotspot user."""
    return f"bando-{device_id}"


def device_of(name: str) -> int | None:
    """The device whose hotspot user has this name."""
    match = NAME.fullmatch(name)
    return int(match[1]) if match else None


def rate_text(bits: int | None) -> str:
    """A rate as the router writes it: 512k, 2M; 0 is unlimited."""
    if not bits:
        return "0"
    if bits % 1_000_000 == 0:
        return f"{bits // 1_000_000}M"
    return f"{bits // 1000}k" if bits % 1000 == 0 else str(bits)


def profile_name(allowed: Allowance) -> str:
    """Profiles are named from their values and never changed after creation (design 3b)."""
    return f"bando-{allowed.kind}-{rate_text(allowed.rate_up)}-{rate_text(allowed.rate_down)}"


def row_number(text: str) -> int | None:
    """A row's number as a comment holds it; None for what a hand wrote there, larger than any number of ours."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def marked(comment: str, installation: str) -> bool:
    """Whether a row carries our mark."""
    return comment.startswith(f"bando:{installation}:")


def pass_of(user: UserRow) -> int:
    """The pass that the comment of a row names; 0 when it names none."""
    return row_number(user.comment.rpartition(":")[2]) or 0


def difference(wanted: Iterable[Wanted], found: Found, installation: str, calm: int = 0) -> Difference:
    """What has to change; `wanted` must hold every device that `found` shows under our mark or that may come in.

    `calm` is how many marked rows were left out because they are as they should be.
    """
    view = _View(found, installation)
    by_id = {each.device_id: each for each in wanted}
    ids = set(by_id) | (view.marked_ids() if found.whole else set())
    errands: list[Errand] = []
    profiles: dict[str, Allowance] = {}
    for device_id in sorted(ids):
        want = by_id.get(device_id)
        errand = _errand(device_id, want, view)
        if errand.empty:
            continue
        errands.append(errand)
        if want is not None and want.allowance is not None and (errand.add_user or errand.set_user):
            profiles.setdefault(profile_name(want.allowance), want.allowance)
    if found.whole:
        errands += _strays(view)
    return Difference(
        errands=tuple(errands),
        profiles={name: allowed for name, allowed in profiles.items() if name not in found.profiles},
        marked=len(view.ours) + calm,
    )


class _View:
    """The tables of a router, looked up by device."""

    def __init__(self, found: Found, installation: str) -> None:
        self.installation = installation
        self.by_name = {row.name: row for row in found.users}
        self.ours = {row.name: row for row in found.users if marked(row.comment, installation)}
        self.active_by_name: dict[str, list[ActiveRow]] = {}
        self.active_by_mac: dict[str, list[ActiveRow]] = {}
        for row in found.active:
            self.active_by_name.setdefault(row.user, []).append(row)
            self.active_by_mac.setdefault(row.mac, []).append(row)
        self.hosts: dict[str, list[HostRow]] = {}
        for host in found.hosts:
            if not host.bypassed:
                self.hosts.setdefault(host.mac, []).append(host)
        self.cookies: dict[str, list[CookieRow]] = {}
        for cookie in found.cookies:
            self.cookies.setdefault(cookie.user, []).append(cookie)
        self.bindings: dict[str, list[BindingRow]] = {}
        for binding in found.bindings:
            if marked(binding.comment, installation):
                self.bindings.setdefault(binding.comment, []).append(binding)

    def marked_ids(self) -> set[int]:
        """Devices that stand on the router under our mark, in any table."""
        loose = {*self.active_by_name, *self.cookies} - set(self.by_name)  # of a user row that is gone
        names = {*self.ours, *loose}
        ids = {device_of(name) for name in names}
        ids.update(_binding_device(comment) for comment in self.bindings)
        return {each for each in ids if each is not None}

    def not_ours(self, name: str) -> bool:
        """Whether a session under this name is somebody else's."""
        return name not in self.ours and (name in self.by_name or device_of(name) is None)

    def is_foreign(self, name: str) -> bool:
        return name in self.by_name and name not in self.ours


def binding_comment(installation: str, device_id: int) -> str:
    """The mark on the ip-binding of a blocked device."""
    return f"bando:{installation}:block-{device_id}"


def _binding_device(comment: str) -> int | None:
    return row_number(comment.rpartition(":block-")[2])


def _errand(device_id: int, want: Wanted | None, view: _View) -> Errand:
    name = user_name(device_id)
    allowed = None if want is None else want.allowance
    if allowed is not None and view.is_foreign(name):
        return Errand(device_id=device_id, conflict=f"The router has a hotspot user {name} that is not ours.")
    base = _bindings(device_id, want, view)
    if view.is_foreign(name):
        return base  # a block is ours by its own mark
    if want is None or allowed is None:
        return _off(base, name, view)
    return _admit(base, name, want, allowed, view)


def _bindings(device_id: int, want: Wanted | None, view: _View) -> Errand:
    there = view.bindings.get(binding_comment(view.installation, device_id), [])
    good: BindingRow | None = None
    if want is not None and want.blocked:
        good = next((row for row in there if (row.mac, row.kind, row.disabled) == (want.mac, "blocked", False)), None)
    return Errand(
        device_id=device_id,
        add_binding=want.mac if want is not None and want.blocked and good is None else None,
        remove_bindings=tuple(row.id for row in there if row is not good),
    )


def _strays(view: _View) -> list[Errand]:
    """Rows under our mark that somebody has renamed: no device has them any more."""
    return [
        replace(_off(Errand(device_id=NOBODY), name, view), ends_pass=pass_of(user))
        for name, user in view.ours.items()
        if device_of(name) is None
    ]


def _off(base: Errand, name: str, view: _View) -> Errand:
    user = view.ours.get(name)
    return replace(
        base,
        remove_users=(user.id,) if user else (),
        ends_pass=pass_of(user) if user else None,
        remove_cookies=tuple(row.id for row in view.cookies.get(name, ())),
        remove_active=tuple(row.id for row in view.active_by_name.get(name, ())),
    )


def _admit(base: Errand, name: str, want: Wanted, allowed: Allowance, view: _View) -> Errand:
    user, hosts = view.ours.get(name), view.hosts.get(want.mac, [])
    running = view.active_by_name.get(name, [])
    mine = next((row for row in running if row.mac == want.mac), None)
    ghosts = tuple(row.id for row in running if row is not mine)
    elsewhere = mine is None and any(view.not_ours(row.user) for row in view.active_by_mac.get(want.mac, ()))
    if (not hosts and mine is None) or elsewhere:
        # Not here as ours: a row that stands here keeps its limits until the device comes back.
        return replace(base, remove_active=ghosts)
    counted = running if user is not None else [row for row in running if row is mine]
    fields = _fields(want, allowed, user, counted, view.installation)
    change = (user.id, fields) if user is not None and _differs(user, fields, mine) else None
    # The profile carries the rate, and a running session keeps the one it was logged in with.
    again = mine is not None and user is not None and user.profile != fields.profile
    login = None
    if mine is None:
        login = (hosts[-1].to_address or hosts[-1].address, want.mac, name)
    elif again:
        login = (mine.address, want.mac, name)
    return replace(
        base,
        add_user=fields if user is None else None,
        set_user=change,
        remove_active=(*ghosts, *((mine.id,) if mine is not None and again else ())),
        login=login,
        expect_seconds=max(1, allowed.seconds) if change or login else None,
        expect_bytes=allowed.bytes if change or login else None,
    )


def _fields(
    want: Wanted, allowed: Allowance, user: UserRow | None, running: Sequence[ActiveRow], installation: str
) -> UserFields:
    """Limits are cumulative over the user's life, and its counters exclude running sessions (design 3b)."""
    spent_s = (user.uptime_s if user else 0) + sum(row.uptime_s for row in running)
    spent = (user.bytes_in + user.bytes_out if user else 0) + sum(row.bytes_in + row.bytes_out for row in running)
    return UserFields(
        name=user_name(want.device_id),
        mac=want.mac,
        profile=profile_name(allowed),
        comment=f"bando:{installation}:{allowed.pass_id}",
        limit_uptime_s=spent_s + max(1, allowed.seconds),
        limit_bytes=0 if allowed.bytes is None else spent + max(1, allowed.bytes),
    )


def _differs(user: UserRow, fields: UserFields, mine: ActiveRow | None) -> bool:
    if user.disabled or (user.mac, user.profile, user.comment) != (fields.mac, fields.profile, fields.comment):
        return True
    if mine is None and _used_up(user):  # however little is left now, the router would refuse it
        return True
    # 0 stands for unlimited, so it differs from any limit however small.
    if (user.limit_uptime_s == 0) or abs(user.limit_uptime_s - fields.limit_uptime_s) > SLACK_S:
        return True
    if (user.limit_bytes == 0) != (fields.limit_bytes == 0):
        return True
    return abs(user.limit_bytes - fields.limit_bytes) > _slack_bytes(fields, user, mine)


def _used_up(user: UserRow) -> bool:
    return 0 < user.limit_uptime_s <= user.uptime_s or 0 < user.limit_bytes <= user.bytes_in + user.bytes_out


def _slack_bytes(fields: UserFields, user: UserRow, mine: ActiveRow | None) -> int:
    """Several devices on one cap change each other's share with every poll: a twentieth is not worth a write."""
    spent = user.bytes_in + user.bytes_out + (mine.bytes_in + mine.bytes_out if mine else 0)
    return max(SLACK_BYTES, (fields.limit_bytes - spent) // 20)
