"""Plans, vouchers and running users that Mikhmon keeps on a router. Pure: the router's rows in, what was found out.

Mikhmon has no database. A plan is a user profile whose on-login script begins by printing price and validity; an unused
voucher is a hotspot user whose comment begins with vc (the name is all that a guest types) or up (there is a password);
with the first login the comment becomes the moment of its end. Sales may be kept as scripts, with the device's MAC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import TypeVar

from portal import words
from portal.clock import SECOND, Moment
from portal.imports import measures
from portal.imports.found import Found, FoundPlan, FoundRun, FoundVoucher, Terms, What
from portal.mikrotik import rows
from portal.mikrotik.link import Row
from portal.mikrotik.rows import UserRow

SOURCE, TITLE = "mikhmon", "Mikhmon"
_ON_LOGIN = re.compile(r':put\s*\(?\s*",([^"]{0,200})"')
T = TypeVar("T")
_OURS = re.compile(r"bando-[0-9]+")
_EXPIRED_S = 1  # the limit that its "notice" mode writes when the time is over
_BUILT_IN = ("default-trial", "admin")


@dataclass(frozen=True, kw_only=True)
class Pages:
    """What was read of a router."""

    profiles: list[Row]
    users: list[Row]
    active: list[Row]
    cookies: list[Row]
    sales: list[Row]
    clock: Row


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A user profile with what Mikhmon wrote into it."""

    name: str
    price_minor: int | None
    validity_ms: int | None
    rate_up: int | None
    rate_down: int | None
    odd_rate: bool
    devices: int
    locked: bool


@dataclass(frozen=True, kw_only=True)
class Known:
    """What else the router knows of a user, by name."""

    macs: Mapping[str, str]
    first_comments: Mapping[str, str]
    active: Mapping[str, Row]


def read(pages: Pages, source: str, title: str, where: tzinfo, now: Moment) -> Found:
    """What a router holds; `where` is the zone of its clock unless the router says it."""
    found = Found(source=source, title=title)
    zone = measures.offset(pages.clock.get("gmt-offset", "")) or where
    read_profiles = _readable(found, "plan", pages.profiles, _profile)
    profiles = {each.name: each for each in read_profiles if not each.name.startswith("bando")}
    known = _known(pages)
    users = [each for each in _readable(found, "running", pages.users, rows.user) if _theirs(each)]
    keys = _plans(found, profiles, users)
    secrets = _passwords(pages.users)
    for user in users:
        _user(found, user, secrets.get(user.name), known, keys, zone, now)
    return found


def _readable(found: Found, what: What, told: Iterable[Row], make: Callable[[Row], T]) -> list[T]:
    """The rows that can be read; a router may hold anything."""
    made: list[T] = []
    for row in told:
        try:
            made.append(make(row))
        except (ValueError, KeyError):
            found.leave(what, row.get("name", ""), "unreadable")
    return made


def _theirs(user: UserRow) -> bool:
    """Not a user of the router itself, and none of Bando's."""
    ours = _OURS.fullmatch(user.name) or user.comment.startswith("bando:")
    return bool(user.name) and not ours and user.name not in _BUILT_IN


# --- profiles become plans ---


def _profile(row: Row) -> Profile:
    read = rows.profile(row)
    told = _ON_LOGIN.search(row.get("on-login", ""))
    parts = [each.strip() for each in told[1].split(",")] if told else []
    price, validity, selling, lock = ((parts + [""] * 7)[at] for at in (1, 2, 3, 5))
    up, down = read.rate.up, read.rate.down
    fine = (
        bool(up and down) and measures.SLOWEST <= min(up or 0, down or 0) <= max(up or 0, down or 0) <= measures.FASTEST
    )
    shared = read.shared_users
    return Profile(
        name=read.name,
        price_minor=measures.price(selling) or measures.price(price),
        validity_ms=measures.span(validity),
        rate_up=up if fine else None,
        rate_down=down if fine else None,
        odd_rate=not fine and bool(read.rate_limit),
        devices=min(measures.MOST_DEVICES, max(1, int(shared))) if shared.isdigit() else measures.MOST_DEVICES,
        locked=lock == "Enable",
    )


Limits = tuple[
    str, int, int
]  # of a user: profile, limit-uptime and limit-bytes-total, which Mikhmon sets alike in a batch


def _limits(user: UserRow) -> Limits:
    uptime = 0 if user.limit_uptime_s == _EXPIRED_S else user.limit_uptime_s
    return (user.profile or "default", uptime, user.limit_bytes)


def _plans(found: Found, profiles: Mapping[str, Profile], users: Iterable[UserRow]) -> dict[Limits, str]:
    """A plan for each profile, and for each kind of limits that its users have; their keys."""
    wanted: dict[str, list[Limits]] = {name: [] for name in profiles}
    for each in map(_limits, users):
        if each[0] in wanted and each not in wanted[each[0]]:
            wanted[each[0]].append(each)
    keys: dict[Limits, str] = {}
    for name, profile in profiles.items():
        limits = sorted(wanted[name]) or ([(name, 0, 0)] if profile.validity_ms else [])
        for each in limits:
            made = _plan(profile, each, alone=len(limits) == 1)
            if isinstance(made, str):
                found.leave("plan", name, made)
            else:
                keys[each] = made.key
                found.plans.append(made)
    return keys


def _plan(profile: Profile, limits: Limits, *, alone: bool) -> FoundPlan | str:
    """A plan, or why it is left."""
    _, uptime_s, data = limits
    terms = _terms(profile, uptime_s * SECOND, data)
    if terms is None:
        return "no-time"
    extra = (
        []
        if alone
        else [*([words.span(uptime_s * SECOND, "en")] if uptime_s else []), *([words.data(data, "en")] if data else [])]
    )
    name = measures.name(" ".join([profile.name[:40], *extra]).replace("\u00a0", " "))
    if not name:
        return "no-name"
    notes = [*(["no-price"] if not profile.price_minor else []), *(["no-rate"] if profile.odd_rate else [])]
    key = f"{profile.name}|{uptime_s}|{data}"  # the same whatever other users the profile has
    return FoundPlan(key=key, name=name, price_minor=profile.price_minor or 0, terms=terms, notes=tuple(notes))


def _terms(profile: Profile, uptime_ms: int, data: int) -> Terms | None:
    """Validity runs by the clock; a limit of uptime counts online time, inside of the validity if there is one."""
    used = 0 < uptime_ms < (profile.validity_ms or measures.LONGEST_MS)
    span = uptime_ms if used else profile.validity_ms
    if span is None or not 0 < max(span, profile.validity_ms or 0) <= measures.LONGEST_MS:
        return None
    return Terms(
        kind="used" if used else "wall",
        span_ms=span,
        window_ms=profile.validity_ms if used else None,
        data_bytes=measures.data(data),
        rate_up=profile.rate_up,
        rate_down=profile.rate_down,
        devices=profile.devices,
        locked=profile.locked,
    )


# --- users become vouchers, or are running ---


def _known(pages: Pages) -> Known:
    """Devices of users, from the surest to the oldest; and the comments that they had before their first login."""
    macs: dict[str, str] = {}
    comments: dict[str, str] = {}
    for row in pages.sales:
        parts = row.get("name", "").split("-|-")
        if len(parts) >= 8:
            macs[parts[2]] = _mac(parts[5])
            comments[parts[2]] = parts[8] if len(parts) > 8 else ""
    for row in (*pages.cookies, *pages.active):
        macs[row.get("user", "")] = _mac(row.get("mac-address", "")) or macs.get(row.get("user", ""), "")
    return Known(macs=macs, first_comments=comments, active={row.get("user", ""): row for row in pages.active})


def _mac(text: str) -> str:
    return text.upper() if re.fullmatch(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", text) else ""


def _passwords(users: Iterable[Row]) -> Mapping[str, str]:
    """By name; nothing where the account may not see them. The router leaves an empty one out."""
    told = list(users)
    seen = any("password" in row for row in told)
    return {row.get("name", ""): row.get("password", "") for row in told} if seen else {}


def _user(
    found: Found,
    user: UserRow,
    password: str | None,
    known: Known,
    keys: Mapping[Limits, str],
    zone: tzinfo,
    now: Moment,
) -> None:
    """One hotspot user: an unused code, somebody with time left, or nothing for Bando."""
    user = _with_session(user, known)
    until = measures.moment(user.comment, zone)
    begun = until is not None or bool(user.uptime_s or user.bytes_in or user.bytes_out)
    code = _code(user, password, known.first_comments.get(user.name, ""))
    plan = keys.get(_limits(user))
    why = _why_left(user, until, plan, now)
    if why:
        found.leave("running" if begun else "voucher", user.name, why)
    elif begun:
        found.running.append(_run(user, until, plan or "", code, known))
    elif code:
        found.vouchers.append(FoundVoucher(code=code, plan=plan or ""))
    else:
        found.leave("voucher", user.name, "password-unseen" if password is None else "password")


def _with_session(user: UserRow, known: Known) -> UserRow:
    """The user's counters with those of a session that is going on, which the router keeps apart."""
    row = known.active.get(user.name)
    if row is None:
        return user
    try:
        now = rows.active(row)
    except (ValueError, KeyError):
        return user
    return replace(
        user,
        uptime_s=user.uptime_s + now.uptime_s,
        bytes_in=user.bytes_in + now.bytes_in,
        bytes_out=user.bytes_out + now.bytes_out,
    )


def _code(user: UserRow, password: str | None, first_comment: str) -> str:
    """What a guest types, where that is all: a name with a password of its own is no code."""
    if password is not None:
        return user.name if password in ("", user.name) else ""
    return user.name if "vc" in (user.comment[:2], first_comment[:2]) else ""


def _why_left(user: UserRow, until: Moment | None, plan: str | None, now: Moment) -> str:
    if user.disabled:
        return "switched-off"
    if (until is not None and until <= now) or user.limit_uptime_s == _EXPIRED_S:
        return "over"
    if user.limit_uptime_s and user.uptime_s >= user.limit_uptime_s:
        return "over"
    if user.limit_bytes and user.bytes_in + user.bytes_out >= user.limit_bytes:
        return "over"
    if until is None and measures.looks_like_a_date(user.comment):
        return "no-end"
    return "" if plan is not None else "no-time"


def _run(user: UserRow, until: Moment | None, plan: str, code: str, known: Known) -> FoundRun:
    used = user.limit_uptime_s * SECOND - user.uptime_s * SECOND if user.limit_uptime_s else None
    data = user.limit_bytes - user.bytes_in - user.bytes_out if measures.data(user.limit_bytes) else None
    return FoundRun(
        key=user.name,
        name=user.name,
        plan=plan,
        code=code,
        mac=_mac(user.mac) or known.macs.get(user.name, ""),
        until=until,
        span_left_ms=used,
        data_left=data,
    )
