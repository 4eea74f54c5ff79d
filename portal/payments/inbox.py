"""Everything that is said to us about money, on disk before it is answered (R5), and settled at once afterwards.

`receive` only writes the body down, sealed; a row is settled in a transaction of its own, by the loop, as often
as it takes. So a burst of callbacks costs one commit to acknowledge, and a crash in between loses nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from portal.access.catalog import Catalog, TenantView
from portal.clock import SECOND, Clock, Moment
from portal.db import Database
from portal.loops import first
from portal.payments import answers, channels, mpesa, results, store
from portal.payments.accounts import get_account
from portal.seal import Vault, new_public, token_hash
from portal.settings import Settings
from portal.units import Row, Unit

log = structlog.get_logger("bando.inbox")

# What comes from outside; "query" is our own.
CHANNELS = frozenset({"stk", "c2b-confirm", "c2b-validate"}) | results.CHANNELS
TOKEN = re.compile(r"([0-9a-f]{2,32})\.[0-9a-f]{32,64}")
SWEEP_MS = 15 * SECOND  # rows that could not be settled are tried again after this


@dataclass(frozen=True, kw_only=True)
class Message:
    """What arrived, before anyone has read it."""

    channel: str
    token: str
    body: bytes
    listed: bool


def keep(vault: Vault, message: Message, now: Moment) -> Unit[int | None]:
    """Write a message down; its row's id, or None when nobody has this token."""
    whose = yield from _owner(message)
    if whose is None:
        return None
    return (yield from keep_row(vault, message.channel, message.body, message.listed, now, **whose))


def _owner(message: Message) -> Unit[dict[str, int] | None]:
    hashed = token_hash(message.token)
    if message.channel == "stk":
        payment_id = yield from store.payment_by_callback(hashed)
        return None if payment_id is None else {"payment_id": payment_id}
    if message.channel in results.CHANNELS:
        return (yield from results.owner(hashed))
    account_id = yield from store.account_by_c2b(hashed)
    return None if account_id is None else {"account_id": account_id}


def keep_row(vault: Vault, channel: str, body: bytes, listed: bool, now: Moment, **columns: Any) -> Unit[int]:
    """A new row of the inbox. What is longer than any notice is cut off, and so becomes unreadable."""
    ref = new_public(12)
    return (
        yield from store.insert_inbox(
            ref=ref,
            channel=channel,
            body_sealed=vault.seal(body[: mpesa.MAX_BODY + 1], table="inbox", row=ref, column="body_sealed"),
            listed_source=listed,
            received_at=now,
            **columns,
        )
    )


def settle_row(vault: Vault, inbox_id: int, now: Moment, *, enforce: bool, open_shop: bool) -> Unit[str]:
    """Settle one row of the inbox; gives its verdict. A row that is done already stays as it is."""
    row = yield from store.inbox_row(inbox_id)
    if row is None or row["processed_at"] is not None:
        return "done"
    verdict = "unreadable"
    if row["body_sealed"] is not None:
        body = vault.open(row["body_sealed"], table="inbox", row=row["ref"], column="body_sealed")
        trusted = bool(row["listed_source"]) or not enforce
        verdict = yield from _settle_body(vault, row, body, now, trusted, open_shop)
    yield from store.mark_processed(inbox_id, verdict, now)
    return verdict


def _settle_body(vault: Vault, row: Row, body: bytes, now: Moment, trusted: bool, open_shop: bool) -> Unit[str]:
    if row["channel"] == "c2b-validate":
        return "no-money" if mpesa.read_object(body) is not None else "unreadable"
    if row["channel"] == "c2b-confirm":
        account, c2b = (yield from get_account(row["account_id"])), mpesa.read_c2b(body)
        if account is None or c2b is None:
            return "unreadable"
        return (yield from channels.settle_c2b(vault, account, c2b, now, trusted=trusted, open_shop=open_shop))
    if row["channel"] in results.CHANNELS:
        return (yield from results.settle(vault, row, body, now, trusted=trusted, open_shop=open_shop))
    one = yield from store.payment(row["payment_id"])
    if one is None:
        return "unreadable"
    account = yield from get_account(one.account_id)
    assert account is not None
    if row["channel"] == "query":
        query = answers.read_query(body)
        return (yield from channels.settle_query(vault, account, one, query, now, open_shop=open_shop))
    stk = mpesa.read_stk(body)
    if stk is None:
        return "unreadable"
    return (yield from channels.settle_stk(vault, account, one, stk, now, trusted=trusted, open_shop=open_shop))


class Inbox:
    """Takes messages from the provider, and settles them. A `Loop`."""

    name = "payments inbox"

    def __init__(self, db: Database, vault: Vault, clock: Clock, catalog: Catalog, settings: Settings) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._catalog = catalog
        self._settings = settings
        self._waiting: list[tuple[int, int]] = []  # tenant and row
        self._woken = asyncio.Event()
        self._swept_at: Moment | None = None
        self.on_doubt: Callable[[], None] = lambda: None  # somebody should ask the provider

    async def receive(self, channel: str, token: str, body: bytes, source: str) -> bool:
        """Whether this token is known; when it is, the body is on disk by now."""
        view = self._tenant(token)
        if view is None or channel not in CHANNELS:
            log.warning("unknown token", channel=channel)
            return False
        listed = source in self._settings.mpesa_sources
        message = Message(channel=channel, token=token, body=body, listed=listed)
        inbox_id = await self._db.write(view.tenant.id, keep, self._vault, message, self._clock.now())
        if inbox_id is None:
            log.warning("unknown token", channel=channel)
            return False
        self._waiting.append((view.tenant.id, inbox_id))
        self._woken.set()
        return True

    def _tenant(self, token: str) -> TenantView | None:
        """The token's tenant, closed or open: late money is kept for staff."""
        found = TOKEN.fullmatch(token)
        if found is None:
            return None
        open_one = self._catalog.tenant_by_public(found[1])
        return open_one or next((each for each in self._catalog.all() if each.tenant.public == found[1]), None)

    async def run_once(self) -> int:
        """Settle what waits, and now and then whatever else is not settled; how much that was."""
        self._woken.clear()
        now = self._clock.now()
        if self._swept_at is None or now >= self._swept_at + SWEEP_MS:
            await self._sweep()
            self._swept_at = now
        batch, self._waiting = list(dict.fromkeys(self._waiting)), []
        done = await asyncio.gather(*(self.settle(*each) for each in batch), return_exceptions=True)
        failed = [each for each in done if isinstance(each, BaseException)]
        if failed:
            raise failed[0]
        return len(batch)

    async def _sweep(self) -> None:
        for view in self._catalog.all():
            for inbox_id in await self._db.read(view.tenant.id, store.unprocessed):
                self._waiting.append((view.tenant.id, inbox_id))

    async def settle(self, tenant_id: int, inbox_id: int) -> str:
        """Settle one row now."""
        view = self._catalog.tenant(tenant_id)
        verdict = await self._db.write(
            tenant_id,
            settle_row,
            self._vault,
            inbox_id,
            self._clock.now(),
            enforce=self._settings.mpesa_source_mode == "enforce",
            open_shop=view is not None and view.tenant.active,
        )
        log.info("settled", tenant=tenant_id, row=inbox_id, verdict=verdict)
        if verdict in ("doubtful", "unlisted-source"):
            self.on_doubt()
        return verdict

    async def wait(self) -> None:
        await first(self._woken.wait(), self._clock.sleep(SWEEP_MS))
