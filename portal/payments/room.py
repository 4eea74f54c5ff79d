"""The payments room, put together: what the pages call, and the loops that run beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from types import MappingProxyType

import httpx

from portal.access.catalog import Catalog, TenantView
from portal.clock import HOUR, SECOND, Clock, Moment
from portal.db import Database
from portal.errors import Refused
from portal.loops import Every, Loop
from portal.payments.accounts import accounts
from portal.payments.checkout import Checkout
from portal.payments.claims import Claims
from portal.payments.daraja import Daraja
from portal.payments.inbox import Inbox
from portal.payments.line import Line, quiet
from portal.payments.office import Office
from portal.payments.orders import recover
from portal.payments.provider import Provider, Providers
from portal.payments.reconcile import Deadlines, Queries
from portal.payments.refunds.sending import Refunds
from portal.payments.statements.asking import Asking
from portal.payments.statements.daily import DailyCheck
from portal.payments.statements.pulling import Pulls
from portal.processors import service as processors
from portal.processors.gate import Gate, Registered
from portal.seal import Vault
from portal.settings import Settings
from portal.units import Unit

STRANDED_MS = 50 * SECOND  # a prompt is sent within 20 s of the click, and written down

Make = Callable[[Line, Vault], Provider]  # how a provider is built


def built(
    further: Sequence[Make],
    http: httpx.AsyncClient,
    vault: Vault,
    clock: Clock,
    observe: Callable[[str], None] = quiet,
    mpesa: Daraja | None = None,
    *,
    registered: Registered,
) -> Providers:
    """M-Pesa and these further providers, by the name that accounts give them."""
    others = [make(Line(http, observe, registered=registered), vault) for make in further]
    first: Provider = mpesa or Daraja(http, vault, clock, observe, registered=registered)
    return MappingProxyType({each.name: each for each in (first, *others)})


class Payments:
    """Checkout, claims and inbox, with the loops they need. `observe` sees each call of a provider.

    M-Pesa is always there; `further` says how to build the other providers that accounts may name. `shared`: other
    processes use the same apps at them.
    """

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        catalog: Catalog,
        settings: Settings,
        http: httpx.AsyncClient,
        observe: Callable[[str], None] = quiet,
        further: Sequence[Make] = (),
        *,
        shared: bool = False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._catalog = catalog
        gate = Gate(db, clock)
        self.provider = Daraja(
            http,
            vault,
            clock,
            observe,
            sources=settings.mpesa_sources,
            registered=gate,
            shared=db if shared else None,
        )
        self.providers = built(further, http, vault, clock, observe, self.provider, registered=gate)
        self.queries = Queries(db, vault, clock, catalog, settings, self.providers, shared=shared)
        self.deadlines = Deadlines(db, vault, clock, catalog)
        self.inbox = Inbox(db, vault, clock, catalog, settings, self.providers)
        self.inbox.on_doubt = self.queries.wake
        self.checkout = Checkout(db, vault, clock, settings, self.providers, self.queries.wake)
        url = settings.public_url
        office = Office(self.provider, vault)
        self.refunds = Refunds(db, vault, clock, catalog, url, office)
        self.asking = Asking(db, vault, clock, url, office)
        self.claims = Claims(db, vault, clock, self.asking.of_guest)
        self.pulls = Pulls(db, vault, clock, catalog, self.provider, url)
        self.check = DailyCheck(db, clock, catalog)
        self.loops: tuple[Loop, ...] = (
            *(self.inbox, self.queries, self.deadlines),
            *(self.refunds, self.pulls, self.check, Every("payments balance", 6 * HOUR, self._balances, clock)),
        )

    async def _balances(self) -> int:
        """Ask for the balance of the accounts that have an API user."""
        asked = 0
        for view in self._catalog.all():
            if not any(each.can_reverse for each in await self._db.read(view.tenant.id, accounts)):
                continue
            with suppress(Refused):  # there is none, or it was asked for a moment ago
                asked += await self.asking.balance(view)
        return asked

    async def start(self, *, alone: bool = True) -> None:
        """Pick up what the last run left; call it before the loops start and after the catalog is loaded.

        What was being sent has an unknown outcome; unsettled messages are settled by the inbox's first run.
        """
        for view in self._catalog.lasting():
            await self._db.write(view.tenant.id, _register, self.providers, self._clock.now())
            await self._take_up(view, 0 if alone else STRANDED_MS)

    async def take_up_stranded(self) -> int:
        """The same for what a process left that is gone: nothing is in a living one's hands for so long."""
        for view in self._catalog.lasting():
            await self._take_up(view, STRANDED_MS)
        return 0

    async def _take_up(self, view: TenantView, age_ms: int) -> None:
        for payment_id in await self._db.write(view.tenant.id, recover, self._clock.now(), age_ms):
            self.checkout.send(view.tenant, payment_id)

    async def stop(self) -> None:
        """Let the prompts in hand be sent and written down."""
        await self.queries.drain()
        await self.asking.drain()
        await self.checkout.drain()


def _register(providers: Providers, now: Moment) -> Unit[None]:
    """Accounts from before there was a register bring their providers into it."""
    for each in (yield from accounts()):
        known = providers.get(each.provider)
        yield from processors.ensure(each.provider, now, known.processor if known else None)
