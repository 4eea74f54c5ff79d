"""The loop that reads M-Pesa's statement: the last hours every quarter of an hour, all that it remembers once a day.

What callbacks and confirmations lost is found here. M-Pesa says "nothing" also to whoever is not registered, so that is
done first; and it writes times whose zone is not to be trusted, so that nothing is taken before that is proven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from portal.access.catalog import Catalog, TenantView
from portal.clock import DAY, HOUR, MINUTE, Clock, Moment
from portal.db import Database
from portal.errors import ProviderError, ProviderRefused, Refused
from portal.payments.accounts import MpesaAccount, at_mpesa
from portal.payments.answers import is_throttled
from portal.payments.daraja import Daraja
from portal.payments.statement import KEPT_MS, SLACK_MS, PullPage, StatementRow, Zone, read_pull, zone_of
from portal.payments.statements import store, taking
from portal.payments.statements.store import Pull
from portal.payments.statements.taking import Taken, Way
from portal.phone import parse
from portal.seal import Vault
from portal.units import Unit

log = structlog.get_logger("bando.statements")

EVERY_MS = 15 * MINUTE
BACK_MS = 3 * HOUR
LOOK_EVERY_MS = MINUTE
FRESH_MS = 2 * MINUTE  # what is younger may not stand in it yet
PAGES = 400
SETTLING_MS = MINUTE  # after a start: what messages bring by themselves needs no statement
NOBODY = "254700000000"


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """From when to when to read."""

    since: Moment
    until: Moment
    sweep: bool


def stretch(pull: Pull, now: Moment) -> Stretch | None:
    """What to read now, if anything: all that M-Pesa remembers once a day, and after a gap. Pure."""
    if pull.tried_at is not None and now < pull.tried_at + EVERY_MS:
        return None
    gap = pull.read_until is None or pull.read_until < now - BACK_MS
    sweep = gap or pull.swept_at is None or pull.swept_at <= now - DAY
    return Stretch(since=now - (KEPT_MS if sweep else BACK_MS), until=now, sweep=sweep)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A statement as it was read: all of its rows, and how their times are to be understood."""

    rows: Sequence[StatementRow]
    zone: Zone | None
    unread: int  # rows that nobody can read: with some, what is not listed is not missing


class Trouble(Exception):
    """The statement could not be read whole; the word says why."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Pulls:
    """Reads the statements of all accounts at M-Pesa. A `Loop`."""

    name = "payments statements"

    def __init__(self, db: Database, vault: Vault, clock: Clock, catalog: Catalog, daraja: Daraja, url: str) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._catalog = catalog
        self._daraja = daraja
        self._url = url
        self._from = clock.now() + SETTLING_MS

    async def run_once(self) -> int:
        """Read what is due; how many rows were new."""
        new = 0
        if self._clock.now() < self._from:
            return new
        for view in self._catalog.all():
            for account in await self._db.read(view.tenant.id, at_mpesa):
                if account.active:
                    new += (await self.read(view, account)).new
        return new

    async def read(self, view: TenantView, account: MpesaAccount, *, now_please: bool = False) -> Taken:
        """Read the statement of an account, if it is due or somebody wants it now."""
        now = self._clock.now()
        pull = await self._known(view, account)
        due = stretch(pull, now)
        if due is None and now_please:
            due = Stretch(since=now - BACK_MS, until=now, sweep=False)
        if due is None:
            return Taken()
        try:
            await self._registered(view, account, pull)
            reading = await self._whole(view, account, pull, due)
            taken = await self._take(view, account, reading)
            trouble = "zone" if taken.later else None
        except Trouble as failed:
            taken, trouble, reading = Taken(), failed.word, None
        await self._db.write(view.tenant.id, _written, account, pull, due, reading, trouble, self._clock.now())
        if trouble:
            log.warning("statement not read", account=account.public, trouble=trouble)
        return taken

    async def _known(self, view: TenantView, account: MpesaAccount) -> Pull:
        """What is known of reading this account's statement; an idle installation writes nothing."""
        known = await self._db.read(view.tenant.id, store.known_pull, account.id)
        if known is None:
            known = await self._db.write(view.tenant.id, store.pull_of, account.id)
        assert known is not None
        return known

    async def _registered(self, view: TenantView, account: MpesaAccount, pull: Pull) -> None:
        """M-Pesa lets whoever has registered once at the statement; asking again does no harm."""
        if pull.registered:
            return
        try:
            nominated = parse(view.tenant.support_phone).digits
        except Refused:
            nominated = NOBODY
        try:
            await self._daraja.register_pull(account, nominated, f"{self._url}/hook/statement")
        except ProviderError as failed:
            raise Trouble("registration" if isinstance(failed, ProviderRefused) else "no-answer") from failed
        await self._db.write(view.tenant.id, store.change_pull, pull.id, registered=True)

    async def _whole(self, view: TenantView, account: MpesaAccount, pull: Pull, due: Stretch) -> Reading:
        """All pages; raises `Trouble` when one of them does not come."""
        rows: list[StatementRow] = []
        offset = unread = 0
        for _ in range(PAGES):
            page = await self._page(account, due, offset)
            if page.meaning == "nothing":
                break
            rows += page.rows
            offset += page.raw
            unread += page.skipped
        else:
            raise Trouble("too-long")
        if not offset:
            await self._truly_nothing(view, account, pull, due)
        known = await self._db.read(view.tenant.id, store.known_times, account.id, [row.number for row in rows])
        proven = zone_of(rows, known, due.since, due.until, self._clock.now())
        kept: Zone | None = "eat" if pull.zone == "eat" else "utc" if pull.zone == "utc" else None
        return Reading(rows=rows, zone=proven if known or kept is None else kept, unread=unread)

    async def _truly_nothing(self, view: TenantView, account: MpesaAccount, pull: Pull, due: Stretch) -> None:
        """M-Pesa answers "nothing" to whoever is registered no longer, too: money that messages told of shows it."""
        if await self._db.read(view.tenant.id, store.told_of, account.id, due.since + SLACK_MS, due.until - SLACK_MS):
            await self._db.write(view.tenant.id, store.change_pull, pull.id, registered=False)
            raise Trouble("nothing")

    async def _page(self, account: MpesaAccount, due: Stretch, offset: int) -> PullPage:
        try:
            answer = await self._daraja.pull(account, due.since, due.until, offset, self._clock.now())
        except ProviderError as failed:
            raise Trouble("no-answer") from failed
        page = read_pull(answer.status, answer.body)
        if page.meaning == "unknown":
            raise Trouble("slow-down" if is_throttled(answer.status, answer.body) else "no-answer")
        if page.skipped:
            log.warning("rows of a statement could not be read", account=account.public, rows=page.skipped)
        return page

    async def _take(self, view: TenantView, account: MpesaAccount, reading: Reading) -> Taken:
        way = Way(via="pull", zone=reading.zone, open_shop=view.tenant.active)
        now = self._clock.now()
        return await taking.take_all(self._db, self._vault, view.tenant.id, account, reading.rows, way, now)

    async def wait(self) -> None:
        await self._clock.sleep(LOOK_EVERY_MS)


def _written(
    account: MpesaAccount, pull: Pull, due: Stretch, reading: Reading | None, trouble: str | None, now: Moment
) -> Unit[None]:
    """How far the statement was read, or why not."""
    yield from store.change_pull(pull.id, tried_at=now, trouble=trouble)
    if reading is None or trouble:
        return
    until = due.until - FRESH_MS
    if not reading.unread:
        yield from store.add_span(account.id, due.since, until, "pull", len(reading.rows), now)
    zone = reading.zone or pull.zone
    swept = due.until if due.sweep else pull.swept_at
    yield from store.change_pull(pull.id, zone=zone, read_until=until, swept_at=swept)
