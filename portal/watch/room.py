"""The watch of a serving process: it looks, keeps alarms, and delivers what they have to say."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import structlog

from portal.access.catalog import Catalog
from portal.clock import Clock
from portal.db import Database
from portal.loops import Loop
from portal.mikrotik.addresses import Resolve, resolve
from portal.processors.gate import Gate
from portal.seal import Vault
from portal.settings import Settings
from portal.watch import channels
from portal.watch.deliver import Mails, Webhooks
from portal.watch.looking import Sources
from portal.watch.outbox import Outbox
from portal.watch.watching import Watching

log = structlog.get_logger("bando.watch")


class Watch:
    """Everything of it in one object. `sources`: what other rooms know (balances, credentials that expire)."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        catalog: Catalog,
        settings: Settings,
        trust: ssl.SSLContext,
        *,
        sources: Sources | None = None,
        look_up: Resolve = resolve,
    ) -> None:
        self._db, self._vault, self._clock, self._catalog = db, vault, clock, catalog
        webhooks = Webhooks(settings, trust, look_up=look_up)
        self.outbox = Outbox(db, vault, clock, catalog, webhooks, Mails(settings, trust), registered=Gate(db, clock))
        self.watching = Watching(db, clock, catalog, settings.public_url, told=self.outbox.loop.wake, sources=sources)
        self.loops: tuple[Loop, ...] = (self.watching.loop, self.outbox.loop, self.watching.tidy_loop)

    async def start(self) -> None:
        """Receivers that were set up before there was a register; call it after the catalog is loaded."""
        for view in self._catalog.lasting():
            for each in await self._db.write(view.tenant.id, channels.register, self._vault, self._clock.now()):
                log.error("the address of a channel does not open", tenant=view.tenant.public, channel=each)

    def wake(self) -> None:
        """There are messages to be delivered."""
        self.outbox.loop.wake()

    @property
    def open(self) -> Mapping[str, int]:
        """Open alarms of all ISPs, by kind."""
        return self.watching.open.by_kind()

    @property
    def overdue(self) -> Mapping[str, int]:
        """What the law wanted done by now, of all ISPs: requests of people, and incidents."""
        return self.watching.open.late()

    @property
    def failed(self) -> int:
        """Messages that were given up since the start."""
        return self.outbox.failed
