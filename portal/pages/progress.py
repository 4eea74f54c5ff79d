"""Where a guest stands, in one word that the pages have a text for. Pure; the units at the end only read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from portal.access import admission, store
from portal.access.admission import FRESH_MS, Standing
from portal.access.allowance import good_at
from portal.access.passes import Pass
from portal.access.store import Cause
from portal.access.trials import store as trials
from portal.clock import MINUTE, SECOND, Moment
from portal.payments import views
from portal.payments.views import PaymentView
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from portal.units import Unit

PROMPT_MS = 60 * SECOND  # how long the PIN box stays on the phone
ANSWER_MS = 15 * SECOND  # and how long its answer may be on the way
SEEN_MS = 2 * MINUTE  # a device that was not seen for longer has probably left the Wi-Fi

FULL = "licence-full"  # the kind of the line that the keeper writes for staff

MOVING = frozenset(
    {
        *("prompt", "opening", "page", "checking", "unconfirmed"),
        *("connecting", "enter", "router-full", "router-offline", "not-seen"),
    }
)


def place(standing: Standing | None, router: Router | None, now: Moment) -> str:
    """Where a device stands: none, online, or what its pass waits for."""
    head = standing.head if standing else None
    if standing is None or head is None:
        return "none"
    hold = standing.device.hold
    if hold.holds(now):
        return "held" if hold.by == "guest" and not hold.blocked else "stopped"
    if not good_at(head, router.id if router else None):
        return "elsewhere"
    if head.state == "paused":
        return "paused"
    if standing.online is not None:
        return "online"
    return _missing(standing, router, now)


def let_in(kind: str, entered: bool) -> str:
    """Where a device stands whom its router has let in: its first word of it may be on the way."""
    return "connecting" if kind == "enter" and entered else kind


def _missing(standing: Standing, router: Router | None, now: Moment) -> str:
    if router is not None and router.trouble == FULL:
        return "router-full"
    if router is not None and router.mode == "radius":
        return "enter"  # nobody but the guest's browser can log it in there
    if router is None or router_offline(router, now):
        return "router-offline"
    if standing.seen is None or now - standing.seen.seen_at > SEEN_MS:
        return "not-seen" if now - standing.device.last_seen_at > SEEN_MS else "connecting"
    return "connecting"


def router_offline(router: Router, now: Moment) -> bool:
    """Whether we have no live word from the router."""
    return router.trouble is not None or router.last_contact_at is None or now - router.last_contact_at > FRESH_MS


def router_for(router_id: int | None, device_id: int) -> Unit[Router | None]:
    """The router as this device finds it: its licence may have no place left for it."""
    found = (yield from tenancy.router(router_id)) if router_id else None
    if found is None or not (yield from tenancy.is_open(FULL, f"router:{router_id}:device:{device_id}")):
        return found
    return replace(found, trouble=FULL)


def left_ms(one: Pass, now: Moment) -> int:
    """What is left of a pass's time."""
    if one.kind == "wall" and one.ends_at is not None:
        return max(0, one.ends_at - now)
    if one.ends_at is not None:
        return max(0, min(one.span_left_ms, one.ends_at - now))
    return one.span_left_ms


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What is known of the device that arrives."""

    standing: Standing | None = None
    router: Router | None = None  # as it stands in the database: reachable or not
    checking: bool = False  # a payment for this device is open
    ended: bool = False  # it had a pass, which has ended
    tried: str = ""  # the day of its last free trial, where that was asked for


def arrive(mac: str, router_id: int, now: Moment, tries: bool = False) -> Unit[Arrival]:
    """Everything that the first page needs, in one read; `tries`: the ISP gives free trials."""
    device = yield from store.device_by_mac(mac)
    if device is None:
        return Arrival()
    standing = yield from admission.standing(device.id, now, router_id)
    if standing is not None and standing.head is not None:
        return Arrival(standing=standing, router=(yield from router_for(router_id, device.id)))
    checking = (yield from views.open_payment_of(device.id, now)) is not None
    ended = (yield from store.last_ended(device.id)) is not None
    tried = (yield from trials.last_trial(device.id)) if tries else ""
    return Arrival(standing=standing, checking=checking, ended=ended, tried=tried)


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """A payment and what became of it."""

    payment: PaymentView
    bought: Pass | None
    standing: Standing | None
    router: Router | None
    now: Moment
    entered: bool = False  # the router has just let the device in, and says so with its next packet

    @property
    def kind(self) -> str:
        """Where the purchase stands, in one word."""
        payment = self.payment
        if payment.state == "paid":
            return self._kind_of_pass()
        if payment.state in ("failed", "review"):
            return payment.state
        if payment.state == "expired_unknown":
            return "unconfirmed"
        if payment.start == "page":
            return self._kind_of_page()
        return "prompt" if self.now < self.prompt_ends_at + ANSWER_MS else "checking"

    def _kind_of_page(self) -> str:
        """Whether the provider's page is there to go to, is being asked for, or did not come."""
        if self.payment.go_to:
            return "page"
        return "opening" if self.now < self.prompt_ends_at and self.payment.state != "submit_unknown" else "checking"

    def _kind_of_pass(self) -> str:
        if self.bought is None:
            return "connecting"
        if self.bought.state == "ended":
            return "ended"
        head = self.standing.head if self.standing else None
        if head is not None and head.id != self.bought.id:
            return "added"
        return let_in(place(self.standing, self.router, self.now), self.entered)

    @property
    def prompt_ends_at(self) -> Moment:
        return (self.payment.submitted_at or self.payment.created_at) + PROMPT_MS

    @property
    def may_retry(self) -> bool:
        at = self.payment.may_retry_at
        return self.payment.state not in ("paid", "review") and at is not None and self.now >= at

    @property
    def retry_in_ms(self) -> int:
        """How long until a failed payment may be tried again."""
        at = self.payment.may_retry_at
        return max(0, at - self.now) if self.payment.state == "failed" and at is not None else 0

    @property
    def mark(self) -> str:
        """Changes when the page should be loaded again."""
        return self.kind + ("+" if self.may_retry else "")


def purchase(vault: Vault, token: str, now: Moment) -> Unit[Purchase | None]:
    """A payment by its own token, with its pass and device, in one read."""
    payment = yield from views.payment_by_token(vault, token)
    if payment is None:
        return None
    bought = yield from store.pass_by_cause(Cause(kind="payment", ref=payment.public))
    device_id = bought.device_id if bought else payment.device_id
    standing = yield from admission.standing(device_id, now, payment.router_id)
    if bought is not None and standing is not None:
        bought = next((each for each in standing.queue if each.id == bought.id), bought)
    router = yield from router_for(payment.router_id, device_id)
    return Purchase(payment=payment, bought=bought, standing=standing, router=router, now=now)


@dataclass(frozen=True, kw_only=True)
class Holding:
    """A pass as its owner sees it, with proof. `queue` leaves out what others bought for the same device.

    `viewer` is the device that looks at it, where that is known and uses the pass; else the pass's own.
    """

    one: Pass
    viewer: int
    standing: Standing | None
    router: Router | None
    queue: Sequence[Pass]
    devices: Sequence[store.Device]

    @property
    def leads(self) -> bool:
        """Whether it is the pass that its device uses now."""
        return self.standing is not None and self.standing.head is not None and self.standing.head.id == self.one.id


def holding(pass_id: int, router_id: int | None, mac: str, now: Moment) -> Unit[Holding | None]:
    """A pass, its queue and its devices, in one read; `mac` is the device that asks, or ""."""
    proven = yield from store.get_pass(pass_id)
    if proven is None:
        return None
    viewer = yield from _viewer(proven, mac)
    standing = yield from admission.standing(viewer, now, router_id)
    opened = yield from store.bought_with(pass_id)
    queue = [each for each in standing.queue if each.id in opened] if standing else []
    one = queue[0] if queue else proven
    devices = []
    for device_id in (yield from store.devices_of_pass(one.id)):
        device = yield from store.device(device_id)
        devices += [device] if device else []
    router = yield from router_for(router_id, viewer)
    return Holding(one=one, viewer=viewer, standing=standing, router=router, queue=queue, devices=devices)


def _viewer(proven: Pass, mac: str) -> Unit[int]:
    device = (yield from store.device_by_mac(mac)) if mac else None
    if device is None or device.id == proven.device_id:
        return proven.device_id
    return device.id if device.id in (yield from store.devices_of_pass(proven.id)) else proven.device_id
