"""Everything that is said to us about money, on disk before it is answered (R5), and settled at once afterwards.

`receive` only writes the body down, sealed; a row is settled in a transaction of its own, by the loop, as often
as it takes. So a burst of callbacks costs one commit to acknowledge, and a crash in between loses nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from portal.access.catalog import Catalog, TenantView
from portal.clock import SECOND, Clock, Moment
from portal.db import Database
from portal.loops import first
from portal.payments import channels, mpesa, results, store
from portal.payments.accounts import Account, get_account
from portal.payments.late import store as late
from portal.payments.mpesa_notices import READERS
from portal.payments.provider import Arrived, Notice, Reader, Readers
from portal.payments.store import Payment
from portal.seal import Vault, new_public, token_hash
from portal.settings import Settings
from portal.units import Row, Unit

log = structlog.get_logger("bando.inbox")

# What comes from outside; "query" is our own.
CHANNELS = frozenset({"stk", "c2b-confirm", "c2b-validate", "webhook"}) | results.CHANNELS
WHOSE = ("account_id", "payment_id", "refund_id", "question_id")  # what a message may be about
TOKEN = re.compile(r"([0-9a-f]{2,32})\.[0-9a-f]{32,64}")
SWEEP_MS = 15 * SECOND  # rows that could not be settled are tried again after this


@dataclass(frozen=True, kw_only=True)
class Message:
    """What arrived, before anyone has read it."""

    channel: str
    token: str
    arrived: Arrived


def keep(vault: Vault, readers: Readers, message: Message, now: Moment) -> Unit[tuple[int, Reader] | None]:
    """Write a message down; its row's id and who reads it, or None when nobody has this token."""
    whose = yield from _owner(message)
    account = None if whose is None else (yield from _account_of(**whose))
    if whose is None or account is None or account.provider not in readers:
        return None
    reader = readers[account.provider]
    genuine = reader.genuine(account, vault, message.arrived)
    kept = yield from keep_row(vault, message.channel, message.arrived.body, genuine, now, **whose)
    return kept, reader


def _account_of(
    account_id: int | None = None,
    payment_id: int | None = None,
    refund_id: int | None = None,
    question_id: int | None = None,
) -> Unit[Account | None]:
    """The account that a message came for; what it is about knows it."""
    if account_id is None and payment_id is not None:
        account_id = yield from store.account_of_payment(payment_id)
    elif account_id is None:
        account_id = yield from results.account_of(refund_id, question_id)
    return None if account_id is None else (yield from get_account(account_id))


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


def settle_row(
    vault: Vault, inbox_id: int, now: Moment, *, enforce: bool, open_shop: bool, readers: Readers = READERS
) -> Unit[str]:
    """Settle one row of the inbox; gives its verdict. A row that is done already stays as it is."""
    row = yield from store.inbox_row(inbox_id)
    if row is None or row["processed_at"] is not None:
        return "done"
    verdict = "unreadable"
    if row["body_sealed"] is not None:
        body = vault.open(row["body_sealed"], table="inbox", row=row["ref"], column="body_sealed")
        verdict = yield from _settle_body(vault, readers, row, body, now, enforce, open_shop)
    yield from store.mark_processed(inbox_id, verdict, now)
    return verdict


def _settle_body(
    vault: Vault, readers: Readers, row: Row, body: bytes, now: Moment, enforce: bool, open_shop: bool
) -> Unit[str]:
    """What the account's provider says there; a message of another provider is none."""
    account = yield from _account_of(**{name: row[name] for name in WHOSE})
    reader = None if account is None else readers.get(account.provider)
    if account is None or reader is None:
        return "unreadable"
    trusted = bool(row["listed_source"]) or not (enforce or reader.signed)
    if row["channel"] in results.CHANNELS:
        return (yield from results.settle(vault, row, body, now, trusted=trusted, open_shop=open_shop))
    notices = reader.read(row["channel"], body)
    if notices is None:
        return "unreadable"
    verdict = "no-money"
    for notice in notices:
        verdict = yield from _settle_notice(vault, account, row, notice, now, trusted, open_shop)
    return verdict


def _settle_notice(
    vault: Vault, account: Account, row: Row, notice: Notice, now: Moment, trusted: bool, open_shop: bool
) -> Unit[str]:
    one = yield from _payment_of(row, notice)
    if row["channel"] == "query":
        assert one is not None
        return (yield from channels.settle_query(vault, account, one, notice, now, open_shop=open_shop))
    if notice.payment:
        return (
            yield from channels.settle_named(vault, account, one, notice, now, trusted=trusted, open_shop=open_shop)
        )
    if one is None:
        done = yield from channels.settle_c2b(vault, account, notice, now, trusted=trusted, open_shop=open_shop)
        yield from _named_nobody(account, row, notice)
        return done
    return (yield from channels.settle_callback(vault, account, one, notice, now, trusted=trusted, open_shop=open_shop))


def _named_nobody(account: Account, row: Row, notice: Notice) -> Unit[None]:
    """Nothing ties this message to a payment but its words; they go with whoever they are about."""
    number = notice.receipt or ""
    if (yield from late.of_erased(number, account.environment, account.provider)):
        yield from late.empty_message(row["id"])


def _payment_of(row: Row, notice: Notice) -> Unit[Payment | None]:
    """The payment that a message is about: its own address says so, or its provider names it."""
    if row["payment_id"] is not None:
        return (yield from store.payment(row["payment_id"]))
    one = (yield from store.payment_by_public(notice.payment)) if notice.payment else None
    if one is None or one.account_id != row["account_id"]:
        return None
    yield from store.inbox_about(row["id"], one.id)
    return one


class Inbox:
    """Takes messages from the provider, and settles them. A `Loop`."""

    name = "payments inbox"

    def __init__(
        self, db: Database, vault: Vault, clock: Clock, catalog: Catalog, settings: Settings, readers: Readers
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._catalog = catalog
        self._settings = settings
        self._readers = readers
        self._waiting: list[tuple[int, int]] = []  # tenant and row
        self._woken = asyncio.Event()
        self._swept_at: Moment | None = None
        self.on_doubt: Callable[[], None] = lambda: None  # somebody should ask the provider

    async def receive(
        self, channel: str, token: str, body: bytes, source: str, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, object] | None:
        """What to answer when this token is known, and then the body is on disk by now; None when it is not."""
        view = self._tenant(token)
        if view is None or channel not in CHANNELS:
            log.warning("unknown token", channel=channel)
            return None
        message = Message(
            channel=channel, token=token, arrived=Arrived(headers=headers or {}, body=body, source=source)
        )
        kept = await self._db.add(view.tenant.id, keep, self._vault, self._readers, message, self._clock.now())
        if kept is None:
            log.warning("unknown token", channel=channel)
            return None
        inbox_id, reader = kept
        self._waiting.append((view.tenant.id, inbox_id))
        self._woken.set()
        return reader.answer

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
            readers=self._readers,
        )
        log.info("settled", tenant=tenant_id, row=inbox_id, verdict=verdict)
        if verdict in ("doubtful", "unlisted-source"):
            self.on_doubt()
        return verdict

    async def wait(self) -> None:
        await first(self._woken.wait(), self._clock.sleep(SWEEP_MS))
