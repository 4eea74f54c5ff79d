"""The outbox of messages: what was written with its cause is sent afterwards, again and again with growing pauses.

Write, call, write: the next try is in the database before the first one is made. So a crash in between costs a message
that comes twice, under the same mark by which the gateway tells doubles, and never one that does not come.

What is to be sent is read in the transaction that writes the try down: whoever was erased a moment before gets nothing.
"""

from __future__ import annotations

from functools import partial

import structlog

from portal.access.catalog import Catalog, TenantView
from portal.clock import HOUR, MINUTE, SECOND, Clock, Moment
from portal.db import Database
from portal.loops import Every, Loop, for_each, side_by_side
from portal.messages import store
from portal.messages.gateways import TAKEN, UNREGISTERED, Gateway
from portal.messages.store import Letter, Message
from portal.privacy.rights import service as rights
from portal.processors import service as processors
from portal.processors import store as register
from portal.processors.gate import Registered, shut
from portal.seal import NotOurs, Vault
from portal.tenancy.store import is_on
from portal.units import Unit

log = structlog.get_logger("bando.messages")

EVERY_MS = 5 * SECOND
PAUSES = (15 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR)
MOST_TRIES = len(PAUSES) + 1
AT_ONCE = 5  # of one ISP in a round
LOOK_AGAIN_MS = MINUTE  # whether the gateway was put back into the register
CODES_KEPT_MS = HOUR
ASKED_FOR = frozenset({"code"})  # they asked for it this minute, whatever else they do not want
SHUT = "shut"  # it does not open: it was altered, or its key is gone


def take(vault: Vault, message_id: int, now: Moment) -> Unit[Letter | str]:
    """Write down that it is tried now; what is to be sent, or in a word why nothing is."""
    message = yield from _of_use(message_id, now)
    if isinstance(message, str):
        return message
    try:
        letter = message.opened(vault)
    except NotOurs:
        return (yield from _end(message_id, "failed", SHUT, now))
    # After the last try it waits for its own result alone; if that is lost, it is tried once more.
    again = now + PAUSES[min(message.tries, len(PAUSES) - 1)]
    yield from store.change(message_id, tries=message.tries + 1, next_try_at=again)
    return letter


def _of_use(message_id: int, now: Moment) -> Unit[Message | str]:
    """The message as it is now; dropped when it may not be sent any more. At an ISP that is off it waits."""
    message = yield from store.still_due(message_id, now)
    if message is None:
        return "gone"
    if not (yield from is_on()):
        return "off"
    if message.kind not in ASKED_FOR and not (yield from rights.may_write_to(message.person_id, marketing=False)):
        return (yield from _end(message_id, "dropped", "restricted", now))
    if now >= message.expires_at:
        return (yield from _end(message_id, "dropped", "too late", now))
    return message


def _end(message_id: int, state: str, outcome: str, now: Moment) -> Unit[str]:
    yield from store.change(message_id, state=state, outcome=outcome, next_try_at=None, done_at=now)
    return outcome


def note(message_id: int, outcome: str, now: Moment) -> Unit[str]:
    """Write down what came of it; the state. One that was dropped or erased meanwhile stays so."""
    tries = yield from store.waiting(message_id)
    if tries is None:
        return "gone"
    if outcome != TAKEN and tries < MOST_TRIES:
        yield from store.change(message_id, outcome=outcome, next_try_at=now + PAUSES[tries - 1])
        return "waiting"
    state = "sent" if outcome == TAKEN else "failed"
    yield from _end(message_id, state, outcome, now)
    return state


def hold(message_id: int, now: Moment) -> Unit[None]:
    """Keep it until the gateway is in the register, without counting a try."""
    if not isinstance((yield from _of_use(message_id, now)), str):
        yield from store.change(message_id, outcome=UNREGISTERED, next_try_at=now + LOOK_AGAIN_MS)


def _failing(view: TenantView, broken: Exception) -> None:
    log.error("sending failed", tenant=view.tenant.public, error=type(broken).__name__)


def _breaking(message_id: int, broken: Exception) -> None:
    log.error("message broke off", message=message_id, error=type(broken).__name__)


class Messages:
    """Sends what waits, by a gateway in the register of processors. Without one nothing is possible."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        catalog: Catalog,
        gateway: Gateway | None,
        *,
        registered: Registered = shut,
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._catalog = catalog
        self._gateway = gateway
        self._registered = registered
        self._known: set[int] = set()  # ISPs whose register has had the gateway
        self._loop = Every("messages", EVERY_MS, self.run_once, clock)
        self._tidy = Every("old codes", HOUR // 4, self.tidy, clock)
        self.loops: tuple[Loop, ...] = (self._loop, self._tidy)

    @property
    def mark(self) -> str:
        """What the register of processors calls the gateway; nothing without one."""
        return self._gateway.mark if self._gateway else ""

    async def possible(self, tenant: int) -> bool:
        """Whether anything can be sent to guests of this ISP: it may have taken the gateway out of its register."""
        return self._gateway is not None and await self._db.read(tenant, register.registered, self.mark) is not None

    async def start(self) -> None:
        """Each ISP finds the gateway in its register before a guest asks for anything; after the catalog is loaded."""
        for view in self._catalog.lasting():
            await self._register(view.tenant.id)

    async def _register(self, tenant: int) -> None:
        if self._gateway is not None and tenant not in self._known:
            args = (self._gateway.mark, self._clock.now(), self._gateway.processor)
            await self._db.write(tenant, processors.ensure, *args)
            self._known.add(tenant)

    def wake(self) -> None:
        """There is something to be sent."""
        self._loop.wake()

    async def run_once(self) -> int:
        """How many were tried, of all ISPs that are on; what waits at the others goes out when they are on again."""
        if self._gateway is None:
            return 0
        on = [view for view in self._catalog.all() if view.tenant.active]
        return await side_by_side(on, partial(self._of, self._gateway), _failing)

    async def _of(self, gateway: Gateway, view: TenantView) -> int:
        """Those of one ISP, one after the other."""
        tenant = view.tenant.id
        await self._register(tenant)  # an ISP that was added since the start
        waiting: list[int] = await self._db.read(tenant, store.due, self._clock.now(), AT_ONCE)
        return await for_each(waiting, partial(self._send, gateway, tenant), _breaking)

    async def _send(self, gateway: Gateway, tenant: int, message_id: int) -> int:
        by = await self._registered(tenant, gateway.mark)
        if by is None:
            await self._db.write(tenant, hold, message_id, self._clock.now())
            return 1
        letter: Letter | str = await self._db.write(tenant, take, self._vault, message_id, self._clock.now())
        if isinstance(letter, str):
            log.info("message not sent", message=message_id, outcome=letter)
            return 1
        outcome = await gateway.send(by, letter)
        await self._db.write(tenant, note, message_id, outcome, self._clock.now())
        if outcome != TAKEN:
            log.warning("message not sent", message=letter.mark, outcome=outcome)
        return 1

    async def tidy(self) -> None:
        """Codes are of no use after minutes."""
        before = self._clock.now() - CODES_KEPT_MS
        for view in self._catalog.all():
            if await self._db.read(view.tenant.id, store.any_code_before, before):
                await self._db.write(view.tenant.id, store.forget_codes, before)
