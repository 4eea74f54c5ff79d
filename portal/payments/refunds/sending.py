"""The loop that sends approved reversals, each at most once, and counts the silence of those that were sent."""

from __future__ import annotations

from typing import Protocol

import structlog

from portal.access.catalog import Catalog, TenantView
from portal.clock import SECOND, Clock
from portal.db import Database
from portal.errors import ProviderRefused, ProviderUnknown
from portal.loops import Bell, first
from portal.money import Money
from portal.payments.accounts import MpesaAccount
from portal.payments.refunds import store, units
from portal.payments.refunds.units import Outcome, Sending, result_token
from portal.seal import Vault

log = structlog.get_logger("bando.refunds")
LOOK_EVERY_MS = 10 * SECOND


class Gateway(Protocol):
    """Something that sends money back."""

    async def reverse(self, account: MpesaAccount, receipt: str, amount: Money, result_url: str) -> str:
        """Ask for a reversal, at most once; gives the provider's name for the request.

        Raises `ProviderRefused` only when certainly nothing was started, otherwise `ProviderUnknown`. What became of
        it is told at `result_url`, or at the same address below ``/timeout``.
        """


class Refunds:
    """Sends reversals. A `Loop`."""

    name = "payments refunds"

    def __init__(
        self, db: Database, vault: Vault, clock: Clock, catalog: Catalog, public_url: str, gateway: Gateway
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._catalog = catalog
        self._public_url = public_url
        self._gateway = gateway
        self.bell = Bell()

    def wake(self) -> None:
        """A refund may have been approved."""
        self.bell.ring()

    async def take_up(self) -> None:
        """What was being sent when the last run ended, here or in another process, has an unknown outcome."""
        for view in self._catalog.all():
            if await self._db.read(view.tenant.id, store.in_state, ("submitting",)):
                await self._db.write(view.tenant.id, units.recover, self._clock.now())

    async def run_once(self) -> int:
        """Send what is approved; how much that was."""
        self.bell.clear()
        sent = 0
        for view in self._catalog.all():
            if await self._db.read(view.tenant.id, units.anything_overdue, self._clock.now()):
                await self._db.write(view.tenant.id, units.overdue, self._clock.now())
            for one in await self._db.read(view.tenant.id, store.in_state, ("approved",)):
                sent += await self._send(view, one.id)
        return sent

    async def _send(self, view: TenantView, refund_id: int) -> int:
        tenant = view.tenant
        sending = await self._db.write(tenant.id, units.claim, refund_id, self._clock.now())
        if sending is None:
            return 0
        outcome = await self._call(view, sending)
        await self._db.write(tenant.id, units.record_outcome, refund_id, outcome, self._clock.now())
        return 1

    async def _call(self, view: TenantView, sending: Sending) -> Outcome:
        one = sending.refund
        url = f"{self._public_url}/hook/result/{result_token(self._vault, view.tenant.public, one.public)}"
        try:
            return await self._gateway.reverse(sending.account, sending.receipt, one.amount, url)
        except (ProviderRefused, ProviderUnknown) as failed:
            log.warning("reversal not accepted", refund=one.public, kind=type(failed).__name__)
            return failed

    async def wait(self) -> None:
        await first(self.bell.wait(), self._clock.sleep(LOOK_EVERY_MS))
