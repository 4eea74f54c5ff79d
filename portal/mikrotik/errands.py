"""Reading a router and running errands on it: the commands behind a difference, and what their answers mean.

Each device's errand runs by itself, so many are pipelined over one connection. The answers to a login are a
table (design 3b); what a person has to see becomes a line for staff.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict

import structlog

from portal.access.allowance import Allowance
from portal.access.record import IDLE_MS, Wanted
from portal.clock import SECOND, Clock, Moment
from portal.db import Database
from portal.errors import RouterTrap
from portal.mikrotik.difference import (
    SLACK_BYTES,
    Difference,
    Errand,
    Found,
    binding_comment,
    user_name,
)
from portal.mikrotik.hotspot import ActiveRow, Hotspot
from portal.mikrotik.replies import Answer, answer_of
from portal.mikrotik.values import Rate
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router

log = structlog.get_logger("bando.errands")

SESSION_SLACK_S = 2  # after a changed limit the running session may be off by this much (design 3b)
AUTHORIZING_MS = 300  # another authorisation of the same host is under way
TRIES = 3
FEW = 50  # devices that are asked for by name

# Login answers that a person has to mend, with the sentence for staff.
_FOR_STAFF = {
    Answer.FAILED_TO_ADD_QUEUE: "The router refuses the rate of this plan (a burst below the rate?).",
    Answer.LICENCE_FULL: "The router's licence allows no more hotspot users at once.",
    Answer.WRONG_MAC: "A device was claimed that is not the one at this address.",
    Answer.NO_FREE_ADDRESS: "The hotspot's address pool is empty.",
}


class Errands:
    """Runs on the router's present connection."""

    def __init__(self, router: Router, *, vault: Vault, db: Database, clock: Clock, installation: str) -> None:
        self._router = router
        self._vault = vault
        self._db = db
        self._clock = clock
        self._installation = installation
        self._profiles: set[str] = set()
        self._making: dict[str, asyncio.Task[None]] = {}
        self._told: dict[int, str] = {}  # device -> kind of the open line that staff see about it

    def connected(self, hotspot: Hotspot) -> None:
        """From now on this connection serves."""
        self._hotspot = hotspot
        self._profiles = set()
        self._making = {}

    # --- reading ---

    async def read_all(self) -> Found:
        """Every table that matters, in one round trip."""
        h, asked_at = self._hotspot, self._clock.now()
        active, users, hosts, bindings, cookies, profiles = await asyncio.gather(  # in this order: see `untorn`
            h.active(), h.users(), h.hosts(), h.bindings(), h.cookies(), h.profiles()
        )
        self._profiles = {row.name for row in profiles}
        return Found(
            users=users,
            active=active,
            hosts=hosts,
            bindings=bindings,
            cookies=cookies,
            profiles=frozenset(self._profiles),
            asked_at=asked_at,
        )

    async def read(self, wanted: Sequence[Wanted]) -> Found:
        """The rows of these devices, ahead of everything else; of many, with everybody else's."""
        names, macs = self._only(wanted)
        h, asked_at = self._hotspot, self._clock.now()
        active, users, hosts, bindings, cookies = await asyncio.gather(
            h.active(macs=macs, urgent=True),
            h.users(names=names, urgent=True),
            h.hosts(macs=macs, urgent=True),
            h.bindings(macs=macs, urgent=True),
            h.cookies(macs=macs, urgent=True),
        )
        return Found(
            users=users,
            active=active,
            hosts=hosts,
            bindings=bindings,
            cookies=cookies,
            profiles=frozenset(self._profiles),
            whole=False,
            asked_at=asked_at,
        )

    @staticmethod
    def _only(wanted: Sequence[Wanted]) -> tuple[list[str] | None, list[str] | None]:
        """What to ask for: a router looks at each row for each name, so of many devices its whole tables are less."""
        if len(wanted) > FEW:
            return None, None
        return [user_name(each.device_id) for each in wanted], [each.mac for each in wanted]

    # --- running ---

    async def run(self, diff: Difference, *, urgent: bool) -> list[int]:
        """Run all errands at once; the devices for which the router did as it was told."""
        errands = (self._one(each, diff, urgent) for each in diff.errands)
        results = await asyncio.gather(*errands, return_exceptions=True)  # none is left behind on a lost connection
        for failed in results:
            if isinstance(failed, BaseException):
                raise failed
        return [each.device_id for each, done in zip(diff.errands, results, strict=True) if done]

    async def _one(self, errand: Errand, diff: Difference, urgent: bool) -> bool:
        if errand.conflict:
            await self._tell_staff("foreign-user", errand.device_id, errand.conflict)
            return False
        try:
            await self._steps(errand, diff, urgent)
        except RouterTrap as trap:
            return await self._refused(errand, trap)
        if errand.login:
            await self._close_line(errand.device_id)
        return True

    async def _steps(self, errand: Errand, diff: Difference, urgent: bool) -> None:
        h = self._hotspot
        if errand.remove_bindings:  # a blocked host is unknown to a login
            await h.remove_binding(*errand.remove_bindings, urgent=urgent)
        if errand.remove_users:
            await h.remove_user(*errand.remove_users, urgent=urgent)
        if errand.remove_cookies:
            await h.remove_cookies(errand.remove_cookies, urgent=urgent)
        fields = errand.add_user or (errand.set_user[1] if errand.set_user else None)
        if fields is not None:
            await self._ensure_profile(fields.profile, diff, urgent)
        if errand.login and fields is not None and not errand.remove_active:
            await self._write_and_log_in(errand, urgent)
        else:
            await self._write_user(errand, urgent)
            if errand.remove_active:
                await h.remove_active(errand.remove_active, urgent=urgent)
            if errand.login:
                await self._login(errand, urgent)
        if errand.add_binding:
            comment = binding_comment(self._installation, errand.device_id)
            await h.add_binding(mac=errand.add_binding, kind="blocked", comment=comment, urgent=urgent)

    async def _write_user(self, errand: Errand, urgent: bool) -> None:
        password = self._vault.router_password(self._router.public, errand.device_id)
        if errand.add_user:
            await self._hotspot.add_user(**asdict(errand.add_user), password=password, urgent=urgent)
        if errand.set_user:
            row_id, how = errand.set_user
            await self._hotspot.set_user(row_id, **asdict(how), password=password, disabled=False, urgent=urgent)

    async def _write_and_log_in(self, errand: Errand, urgent: bool) -> None:
        """Both leave at once, which saves a round trip; a router that ran the login first refuses it and is mended."""
        writing = asyncio.ensure_future(self._write_user(errand, urgent))
        login = asyncio.ensure_future(self._login(errand, urgent))
        try:
            await writing
            await login
        finally:
            writing.cancel()
            login.cancel()
            await asyncio.gather(writing, login, return_exceptions=True)

    async def _ensure_profile(self, name: str, diff: Difference, urgent: bool) -> None:
        if name in self._profiles or name not in diff.profiles:
            return
        if name not in self._making:
            making = asyncio.ensure_future(self._make_profile(name, diff.profiles[name], urgent))
            self._making[name] = making
            making.add_done_callback(lambda _: self._making.pop(name, None))  # a failure is tried again next time
        await asyncio.shield(self._making[name])

    async def _make_profile(self, name: str, allowed: Allowance, urgent: bool) -> None:
        wall = allowed.kind == "wall"
        try:
            await self._hotspot.add_profile(
                name=name,
                rate=Rate(up=allowed.rate_up, down=allowed.rate_down),
                idle_timeout_s=None if wall else IDLE_MS // SECOND,
                mac_cookie=wall,
                urgent=urgent,
            )
        except RouterTrap as trap:
            if answer_of(trap) is not Answer.DUPLICATE:
                raise
        self._profiles.add(name)

    # --- logging in ---

    async def _login(self, errand: Errand, urgent: bool) -> None:
        assert errand.login is not None
        address, mac, name = errand.login
        password = self._vault.router_password(self._router.public, errand.device_id)
        for left in reversed(range(TRIES)):
            try:
                await self._hotspot.login(ip=address, mac=mac, user=name, password=password, urgent=urgent)
                return
            except RouterTrap as trap:
                if not left or not await self._mend(answer_of(trap), errand, name, password):
                    raise

    async def _mend(self, answer: Answer, errand: Errand, name: str, password: str) -> bool:
        """Do what the refusal asks for; whether to try again."""
        if answer is Answer.ALREADY_AUTHORIZING:
            await self._clock.sleep(AUTHORIZING_MS)
            return True
        if answer is Answer.BAD_CREDENTIALS:
            for row in await self._hotspot.users(names=[name], urgent=True):
                await self._hotspot.set_user(row.id, password=password, urgent=True)
            return True
        if answer is Answer.NO_MORE_SESSIONS:
            ghosts = [row.id for row in await self._hotspot.active() if row.user == name]
            if ghosts:
                await self._hotspot.remove_active(tuple(ghosts), urgent=True)
            return bool(ghosts)
        if answer is Answer.UPTIME_LIMIT:
            return await self._raise_limit(errand, name)
        return False

    async def _raise_limit(self, errand: Errand, name: str) -> bool:
        """The user's counters moved under us: read them again and write what is left on top of them."""
        seconds = errand.expect_seconds
        for row in await self._hotspot.users(names=[name], urgent=True):
            if seconds:
                await self._hotspot.set_user(row.id, limit_uptime_s=row.uptime_s + seconds, urgent=True)
                return True
        return False

    async def _refused(self, errand: Errand, trap: RouterTrap) -> bool:
        answer = answer_of(trap)
        if answer is Answer.UNKNOWN_HOST or answer in (Answer.NO_SUCH_ITEM, Answer.DUPLICATE):
            return False  # the device left, or the tables moved on: the next poll reads them again
        sentence = _FOR_STAFF.get(answer)
        log.warning("router refused", router=self._router.public, answer=answer.name)
        if sentence:
            await self._tell_staff(answer.name.lower().replace("_", "-"), errand.device_id, sentence)
        return False

    async def _tell_staff(self, kind: str, device_id: int, sentence: str) -> None:
        if self._told.get(device_id) == kind:
            return
        await self._db.write(
            self._router.tenant_id, tenancy.say_again, kind, self._subject(device_id), sentence, self._clock.now()
        )
        self._told[device_id] = kind

    async def _close_line(self, device_id: int) -> None:
        """The device is in after all: what was said about it is settled."""
        kind = self._told.pop(device_id, None)
        if kind is not None:
            now = self._clock.now()
            await self._db.write(self._router.tenant_id, tenancy.settle_line, kind, self._subject(device_id), now)

    def _subject(self, device_id: int) -> str:
        return f"router:{self._router.id}:device:{device_id}"

    # --- checking ---

    async def check(self, diff: Difference, touched: Sequence[Wanted], began: Moment, *, urgent: bool) -> Found:
        """Read what came of it; a session that a changed limit did not reach is logged in again.

        `began` is when the difference was made: expectations are as old as that.
        """
        expected = {each.device_id: each for each in diff.errands if each.expect_seconds is not None}
        after = await self._reread(touched, urgent)
        active = {row.user: row for row in after.active}
        age_s = (self._clock.now() - began) // SECOND
        again = [
            each
            for each in expected.values()
            if each.login is None and off(active.get(user_name(each.device_id)), each, age_s)
        ]
        if not again:
            return after
        await asyncio.gather(*(self._log_in_again(each, active[user_name(each.device_id)], urgent) for each in again))
        return await self._reread(touched, urgent)

    async def _reread(self, touched: Sequence[Wanted], urgent: bool) -> Found:
        names, macs = self._only(touched)
        asked_at = self._clock.now()
        active, users, hosts = await asyncio.gather(
            self._hotspot.active(macs=macs, urgent=urgent),
            self._hotspot.users(names=names, urgent=urgent),
            self._hotspot.hosts(macs=macs, urgent=urgent),
        )
        return Found(users=users, active=active, hosts=hosts, whole=False, asked_at=asked_at)

    async def _log_in_again(self, errand: Errand, row: ActiveRow, urgent: bool) -> None:
        try:
            await self._hotspot.remove_active((row.id,), urgent=urgent)
            again = Errand(
                device_id=errand.device_id,
                login=(row.address, row.mac, row.user),
                expect_seconds=errand.expect_seconds,
                expect_bytes=errand.expect_bytes,
            )
            await self._login(again, urgent)
        except RouterTrap as trap:
            await self._refused(errand, trap)


def off(row: ActiveRow | None, errand: Errand, age_s: int) -> bool:
    """Whether a running session has not heard of its limits, as they were expected `age_s` seconds ago."""
    if row is None or errand.expect_seconds is None:
        return False
    left_s = row.session_time_left_s
    return left_s is None or abs(left_s + age_s - errand.expect_seconds) > SESSION_SLACK_S or _off_bytes(row, errand)


def _off_bytes(row: ActiveRow, errand: Errand) -> bool:
    """Devices on one cap change each other's share all the time: a quarter is not worth a new login."""
    expected = errand.expect_bytes
    if expected is None or row.limit_bytes is None:
        return (expected is None) != (row.limit_bytes is None)
    left = row.limit_bytes - row.bytes_in - row.bytes_out
    return abs(left - expected) > max(SLACK_BYTES, expected // 4)
