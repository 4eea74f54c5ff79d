"""What the guest pages need from the rooms below, in one object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from portal.access.catalog import Catalog, TenantView
from portal.access.plans import Plan
from portal.clock import Clock, Moment
from portal.db import Database
from portal.phone import Phone
from portal.seal import Vault
from portal.settings import Settings
from portal.tenancy.store import Router
from portal.vouchers.room import Offer, Redeemed
from portal.web.security import Observe, access_log

Channel = Literal["stk", "c2b-confirm", "c2b-validate", "webhook", "result", "result-timeout"]


class Started(Protocol):
    """A payment that has begun, and its own token."""

    @property
    def token(self) -> str: ...


class Claimed(Protocol):
    """The pass that a receipt led to."""

    @property
    def pass_id(self) -> int: ...


class Checkout(Protocol):
    """Begins payments."""

    async def begin(
        self, view: TenantView, router: Router, plan: Plan, *, mac: str, phone: Phone, click: str
    ) -> Started: ...

    async def again(self, view: TenantView, payment_token: str, click: str) -> Started: ...


class Claims(Protocol):
    """Finds what was paid already."""

    async def claim(
        self, view: TenantView, router: Router, *, mac: str, text: str, phone: Phone, source: str
    ) -> Claimed: ...


class Inbox(Protocol):
    """Keeps what a provider says."""

    async def receive(
        self, channel: Channel, token: str, body: bytes, source: str, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, object] | None: ...


class PaymentsRoom(Protocol):
    """The payments room, as far as the pages knock on it."""

    @property
    def checkout(self) -> Checkout: ...

    @property
    def claims(self) -> Claims: ...

    @property
    def inbox(self) -> Inbox: ...


class VouchersRoom(Protocol):
    """The vouchers room, as far as the pages knock on it; every method raises `Refused` with a ``voucher-…`` key."""

    async def redeem(
        self, view: TenantView, router: Router, *, mac: str, text: str, source: str, move: bool = False
    ) -> Redeemed:
        """Spend a code at this router for this device; `move`: an older device makes room."""
        ...

    async def look(self, view: TenantView, router: Router, *, mac: str, text: str, source: str) -> Offer:
        """What a code is good for here; spends nothing."""
        ...

    async def look_openly(self, text: str, source: str) -> tuple[TenantView, Offer]:
        """The same without a router's word, and whose code it is; spends nothing."""
        ...


class TrialsRoom(Protocol):
    """Gives free trials; raises `Refused` with a ``trial-…`` key."""

    async def take(self, view: TenantView, router: Router, mac: str) -> object: ...


class MessagesRoom(Protocol):
    """Sends messages to guests, where there is a gateway."""

    async def possible(self, tenant: int) -> bool: ...

    def wake(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything the pages use."""

    db: Database
    vault: Vault
    clock: Clock
    catalog: Catalog
    settings: Settings
    payments: PaymentsRoom
    vouchers: VouchersRoom
    trials: TrialsRoom
    messages: MessagesRoom | None = None
    # A one-time login for a device at a router in RADIUS mode: (vault, ISP, router, MAC, now) -> name, password.
    ticket: Callable[[Vault, int, int, str, Moment], tuple[str, str]] | None = None
    observe: Observe = access_log
