"""The difference as a property: whatever stands on a router, what is not ours is left alone, and once is enough."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from portal.access.allowance import Allowance
from portal.access.record import Wanted
from portal.mikrotik.difference import (
    MASS,
    SLACK_BYTES,
    SLACK_S,
    Difference,
    Errand,
    Found,
    binding_comment,
    device_of,
    difference,
    marked,
    user_name,
)
from portal.mikrotik.hotspot import ActiveRow, BindingRow, CookieRow, HostRow, UserRow

OURS = "a1b2c3d4"
DEVICES = range(1, 6)


def mac_of(number: int) -> str:
    return f"02:00:00:00:00:{number:02X}"


MACS = st.sampled_from([mac_of(number) for number in range(1, 9)])
NAMES = st.sampled_from([*(user_name(number) for number in range(1, 8)), "peter", "bando-", "bando-01", "bando-x", ""])
MARKS = st.sampled_from([f"bando:{OURS}:{number}" for number in range(1, 5)] + [f"bando:{OURS}:", f"bando:{OURS}:x"])
FOREIGN_COMMENTS = st.sampled_from(["", "bando", "bando:ffff0000:1", "front desk", f"x bando:{OURS}:1"])
SECONDS = st.sampled_from([0, 1, 4, 299, 3600, 99_999])
BYTES = st.sampled_from([0, 1, 65_537, 10**6, 10**9])


@st.composite
def users(draw: st.DrawFn) -> list[UserRow]:
    names = draw(st.lists(NAMES.filter(bool), unique=True, max_size=8))
    made = [
        st.builds(
            UserRow,
            id=st.just(f"*{number:X}"),
            name=st.just(name),
            mac=MACS | st.just(""),
            profile=st.sampled_from(["default", "bando-wall-0-0", "bando-used-0-0", "bando-wall-2M-5M"]),
            comment=MARKS | FOREIGN_COMMENTS,
            limit_uptime_s=SECONDS,
            limit_bytes=st.just(0) | BYTES,
            uptime_s=SECONDS,
            bytes_in=BYTES,
            bytes_out=BYTES,
            disabled=st.booleans(),
        )
        for number, name in enumerate(names, start=1)
    ]
    return [draw(each) for each in made]


@st.composite
def found(draw: st.DrawFn) -> Found:
    """A router where anything may stand."""
    rows = draw(users())
    known = st.sampled_from([row.name for row in rows]) if rows else NAMES
    hosts = draw(st.lists(st.tuples(MACS, st.booleans()), max_size=8))
    active = draw(st.lists(st.tuples(known | NAMES, MACS, SECONDS, BYTES), max_size=6))
    comments = MARKS | FOREIGN_COMMENTS | st.sampled_from([binding_comment(OURS, number) for number in range(1, 7)])
    kinds = st.sampled_from(["regular", "bypassed", "blocked"])
    bindings = draw(st.lists(st.tuples(MACS, kinds, comments, st.booleans()), max_size=5))
    cookies = draw(st.lists(st.tuples(NAMES, MACS), max_size=5))
    return Found(
        users=rows,
        active=[
            ActiveRow(id=f"*A{n}", user=name, mac=mac, address=f"10.5.50.{n}", uptime_s=span, bytes_in=size)
            for n, (name, mac, span, size) in enumerate(active)
        ],
        hosts=[
            HostRow(id=f"*H{n}", mac=mac, address=f"10.5.50.{n}", bypassed=bypassed)
            for n, (mac, bypassed) in enumerate(hosts)
        ],
        bindings=[
            BindingRow(id=f"*B{n}", mac=mac, kind=kind, comment=comment, disabled=off)
            for n, (mac, kind, comment, off) in enumerate(bindings)
        ],
        cookies=[CookieRow(id=f"*C{n}", user=user, mac=mac) for n, (user, mac) in enumerate(cookies)],
        profiles=frozenset(draw(st.sets(st.sampled_from(["default", "bando-wall-0-0"])))),
    )


ALLOWANCES = st.builds(
    Allowance,
    pass_id=st.integers(1, 9),
    kind=st.sampled_from(["wall", "used"]),
    until=st.none(),
    seconds=st.sampled_from([-5, 0, 1, 2, 60, 3600, 100_000]),
    bytes=st.none() | st.sampled_from([-5, 0, 1, 10**6, 10**9]),
    rate_up=st.sampled_from([None, 512_000, 2_000_000]),
    rate_down=st.sampled_from([None, 5_000_000]),
)


@st.composite
def wanted(draw: st.DrawFn) -> list[Wanted]:
    """What the database wants of some devices; of others that stand on the router it knows nothing."""
    made = []
    for number in draw(st.sets(st.sampled_from(list(DEVICES)))):
        blocked = draw(st.integers(0, 4)) == 0
        allowed = None if blocked else draw(st.none() | ALLOWANCES)
        made.append(Wanted(device_id=number, mac=mac_of(number), allowance=allowed, blocked=blocked))
    return made


# --- a router that does as it is told ---


def told(router: Found, diff: Difference) -> Found:
    """The router after the errands."""
    router = replace(router, profiles=router.profiles | set(diff.profiles))
    for number, errand in enumerate(diff.errands):
        router = _run(router, errand, number)
    return router


def _run(router: Found, errand: Errand, number: int) -> Found:
    users = [row for row in router.users if row.id not in errand.remove_users]
    if errand.add_user:
        assert errand.add_user.name not in {row.name for row in users}
        users.append(UserRow(id=f"*N{number}", **errand.add_user.__dict__))
    if errand.set_user:
        row_id, how = errand.set_user
        users = [replace(row, **how.__dict__, disabled=False) if row.id == row_id else row for row in users]
    ended = [each for each in router.active if each.id in errand.remove_active]
    users = [row if row.id.startswith("*N") else _credited(row, ended) for row in users]
    active = [row for row in router.active if row.id not in errand.remove_active]
    if errand.login:
        address, mac, name = errand.login
        assert any(row.name == name for row in users), "a login without its user"
        active.append(ActiveRow(id=f"*L{number}", user=name, mac=mac, address=address))
    bindings = [row for row in router.bindings if row.id not in errand.remove_bindings]
    if errand.add_binding:
        comment = binding_comment(OURS, errand.device_id)
        bindings.append(BindingRow(id=f"*M{number}", mac=errand.add_binding, kind="blocked", comment=comment))
    cookies = [row for row in router.cookies if row.id not in errand.remove_cookies]
    return replace(router, users=users, active=active, bindings=bindings, cookies=cookies)


def _credited(user: UserRow, ended: Sequence[ActiveRow]) -> UserRow:
    mine = [row for row in ended if row.user == user.name]
    return replace(
        user,
        uptime_s=user.uptime_s + sum(row.uptime_s for row in mine),
        bytes_in=user.bytes_in + sum(row.bytes_in for row in mine),
        bytes_out=user.bytes_out + sum(row.bytes_out for row in mine),
    )


# --- what must hold ---

many = settings(max_examples=1000 if os.environ.get("BANDO_SWEEP") else 50, deadline=None)


@many
@given(router=found())
def test_nothing_of_ours_stays_where_nobody_may_be(router: Found) -> None:
    """As for an ISP that is switched off."""
    after = told(router, difference([], router, OURS))
    foreign = {row.name for row in router.users if not marked(row.comment, OURS)}
    blocks = {binding_comment(OURS, number) for number in range(1, 100)}

    assert not [row for row in after.users if marked(row.comment, OURS)]
    assert not [row for row in after.bindings if row.comment in blocks]
    for user in (*(row.user for row in after.active), *(row.user for row in after.cookies)):
        assert user in foreign or device_of(user) is None
    assert difference([], after, OURS).errands == ()


@many
@given(want=wanted(), router=found())
def test_no_limit_is_ever_written_as_none(want: list[Wanted], router: Found) -> None:
    """0 is unlimited on a router (design 3b)."""
    limited = {user_name(each.device_id) for each in want if each.allowance and each.allowance.bytes is not None}
    for errand in difference(want, router, OURS).errands:
        for fields in (errand.add_user, errand.set_user[1] if errand.set_user else None):
            if fields is not None:
                assert fields.limit_uptime_s > 0
                assert (fields.limit_bytes > 0) == (fields.name in limited)


@many
@given(want=wanted(), router=found())
def test_foreign_rows_are_in_no_errand(want: list[Wanted], router: Found) -> None:
    foreign = {row.name for row in router.users if not marked(row.comment, OURS)}
    keep = {row.id for row in router.users if row.name in foreign}
    keep |= {row.id for row in router.active if row.user in foreign or device_of(row.user) is None}
    keep -= {row.id for row in router.active if row.user in {r.name for r in router.users if marked(r.comment, OURS)}}
    keep |= {row.id for row in router.bindings if not marked(row.comment, OURS)}
    keep |= {row.id for row in router.cookies if row.user in foreign}
    for errand in difference(want, router, OURS).errands:
        gone = {*errand.remove_users, *errand.remove_active, *errand.remove_bindings, *errand.remove_cookies}
        assert not gone & keep
        assert errand.set_user is None or errand.set_user[0] not in keep
        assert errand.add_user is None or errand.add_user.name not in foreign
        assert errand.login is None or errand.login[2] not in foreign


@many
@given(want=wanted(), router=found())
def test_once_is_enough(want: list[Wanted], router: Found) -> None:
    """A router that did as it was told needs nothing more; lines for staff are repeated."""
    after = told(router, difference(want, router, OURS))
    again = difference(want, after, OURS)
    assert [each for each in again.errands if not each.conflict] == []


@many
@given(want=wanted(), router=found())
def test_a_router_that_did_as_it_was_told_agrees(want: list[Wanted], router: Found) -> None:
    after = told(router, difference(want, router, OURS))
    by_name = {user_name(each.device_id): each for each in want}
    foreign = {row.name for row in after.users if not marked(row.comment, OURS)}
    others = {row.mac for row in after.active if row.user not in by_name or row.user in foreign}
    here = {row.mac for row in after.hosts if not row.bypassed}
    running = {(row.user, row.mac): row for row in after.active}
    for row in after.users:
        if marked(row.comment, OURS):
            assert row.name in by_name, "a marked row of nobody"
            assert by_name[row.name].allowance is not None
    for name, each in by_name.items():
        allowed = each.allowance
        if allowed is None:
            assert name in foreign or not any(row.user == name for row in after.active)
            continue
        if name in foreign or each.mac not in here - others:
            continue
        online = running[name, each.mac]
        user = next(row for row in after.users if row.name == name)
        assert abs(user.limit_uptime_s - user.uptime_s - online.uptime_s - max(1, allowed.seconds)) <= SLACK_S
        if allowed.bytes is not None:
            spent = user.bytes_in + user.bytes_out + online.bytes_in + online.bytes_out
            left = max(1, allowed.bytes)
            assert abs(user.limit_bytes - spent - left) <= max(SLACK_BYTES, left // 20)


@many
@given(want=wanted(), router=found())
def test_a_part_of_a_router_says_nothing_of_the_rest(want: list[Wanted], router: Found) -> None:
    asked = {each.device_id for each in want}
    for errand in difference(want, replace(router, whole=False), OURS).errands:
        assert errand.device_id in asked


# --- mass removals ---


def rows_of(count: int, **changes: Any) -> list[UserRow]:
    return [
        UserRow(id=f"*{n}", name=user_name(n), mac=mac_of(n), comment=f"bando:{OURS}:{n}", **changes)
        for n in range(1, count + 1)
    ]


def test_removing_more_than_half_of_many_rows_is_suspicious() -> None:
    diff = difference([], Found(users=rows_of(MASS)), OURS)
    assert diff.suspicious
    assert sorted(diff.removed_passes) == list(range(1, MASS + 1))


def test_removing_few_rows_or_half_of_them_is_not() -> None:
    assert not difference([], Found(users=rows_of(MASS - 1)), OURS).suspicious
    allowed = Allowance(pass_id=1, kind="wall", until=None, seconds=60, bytes=None, rate_up=None, rate_down=None)
    half = [Wanted(device_id=n, mac=mac_of(n), allowance=allowed) for n in range(1, MASS // 2 + 1)]
    assert not difference(half, Found(users=rows_of(MASS)), OURS).suspicious


def test_renamed_rows_count_as_removals() -> None:
    renamed = [replace(row, name=f"x{row.id}") for row in rows_of(MASS)]
    assert difference([], Found(users=renamed), OURS).suspicious


def test_sparing_passes_leaves_the_other_errands() -> None:
    diff = difference([], Found(users=rows_of(MASS)), OURS).sparing({1, 2, 3})
    assert len(diff.errands) == MASS - 3
    assert not {1, 2, 3} & set(diff.removed_passes)
