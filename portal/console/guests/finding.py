"""From what was typed to devices: one unit that follows every clue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from portal.access import admission
from portal.access import store as access
from portal.access.admission import Standing
from portal.access.places import store as places
from portal.access.store import Cause
from portal.clock import Moment
from portal.console.guests import store
from portal.console.guests.clues import Clues
from portal.payments import store as payments
from portal.payments.accounts import BASE_URLS
from portal.payments.store import Receipt
from portal.people.store import phone_index
from portal.seal import Vault
from portal.units import Unit
from portal.vouchers import store as vouchers
from portal.vouchers.batches import code_index
from portal.vouchers.imported import index_of
from portal.vouchers.states import State, shown_state
from portal.vouchers.store import Voucher

MOST = 50  # devices of one phone number


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Where a device has an address, or had it when it was last seen there."""

    router_id: int
    seen_at: Moment
    now: bool


@dataclass(frozen=True, kw_only=True)
class Found:
    """The devices that were found, and the money and cards that lead to none."""

    devices: Sequence[Standing] = ()
    receipts: Sequence[Receipt] = ()
    vouchers: Sequence[tuple[Voucher, State]] = ()
    holders: Mapping[int, Sequence[Holder]] = field(default_factory=dict)  # by device, of an address that was sought

    @property
    def only(self) -> int | None:
        """The one device, when there is nothing else."""
        alone = len(self.devices) == 1 and not self.receipts and not self.vouchers
        if not alone or any(not each.now for held in self.holders.values() for each in held):
            return None  # who had an address before may not be who was meant
        return self.devices[0].device.id

    @property
    def any(self) -> bool:
        return bool(self.devices or self.receipts or self.vouchers)


def find(vault: Vault, tenant_id: int, clues: Clues, now: Moment) -> Unit[Found]:
    """Whatever these clues lead to."""
    ids: list[int] = []
    ids += yield from _by_mac(clues)
    ids += yield from _by_phone(vault, tenant_id, clues)
    by_receipt, receipts = yield from _by_receipt(clues)
    by_voucher, cards = yield from _by_voucher(vault, tenant_id, clues, now)
    holders = yield from _holders(clues, now)
    devices = yield from _standings([*ids, *by_receipt, *by_voucher, *holders], now)
    return Found(devices=devices, receipts=receipts, vouchers=cards, holders=holders)


def _standings(ids: Iterable[int], now: Moment) -> Unit[list[Standing]]:
    found: list[Standing] = []
    for each in dict.fromkeys(ids):
        stands = yield from admission.standing(each, now)
        found += [] if stands is None else [stands]
    return found


def _holders(clues: Clues, now: Moment) -> Unit[dict[int, list[Holder]]]:
    """Who has an address now, at each router, and then who had it; the same one may be in use at two sites."""
    found: dict[int, list[Holder]] = {}
    for each in (yield from places.with_address(clues.ip, MOST)) if clues.ip else ():
        holder = Holder(router_id=each.router_id, seen_at=each.seen_at, now=each.fresh(now))
        found.setdefault(each.device_id, []).append(holder)
    return found


def _by_mac(clues: Clues) -> Unit[list[int]]:
    device = (yield from access.device_by_mac(clues.mac)) if clues.mac else None
    return [] if device is None else [device.id]


def _by_phone(vault: Vault, tenant_id: int, clues: Clues) -> Unit[list[int]]:
    if clues.phone is None:
        return []
    person = yield from store.person_with(phone_index(vault, tenant_id, clues.phone))
    return [] if person is None else (yield from store.devices_of_person(person, MOST))


def _by_receipt(clues: Clues) -> Unit[tuple[list[int], list[Receipt]]]:
    """Where the money of a receipt went, and receipts whose money went nowhere yet."""
    ids: list[int] = []
    idle: list[Receipt] = []
    for environment in BASE_URLS if clues.receipt else ():  # the index of numbers goes by it
        each = yield from payments.receipt(clues.receipt or "", environment)
        if each is None:
            continue
        device = None if each.payment_id is None else (yield from store.device_of_payment(each.payment_id))
        ids += [] if device is None else [device]
        idle += [each] if device is None else []
    return ids, idle


def _by_voucher(
    vault: Vault, tenant_id: int, clues: Clues, now: Moment
) -> Unit[tuple[list[int], list[tuple[Voucher, State]]]]:
    """The devices of a voucher's pass, or the card itself when nobody has redeemed it."""
    ids: list[int] = []
    cards: list[tuple[Voucher, State]] = []
    for each in (yield from _vouchers(vault, tenant_id, clues)):
        made = yield from access.pass_by_cause(Cause(kind=vouchers.CAUSE, ref=each.label))
        if made is None:
            cards.append((each, shown_state(each.state, past=each.use_by <= now, over=False)))
            continue
        ids += [made.device_id, *(yield from access.devices_of_pass(made.id))]
    return ids, cards


def _vouchers(vault: Vault, tenant_id: int, clues: Clues) -> Unit[list[Voucher]]:
    found: list[Voucher] = []
    if clues.code or clues.imported:
        index = code_index(vault, clues.code) if clues.code else index_of(vault, tenant_id, clues.imported or "")
        one = yield from vouchers.by_code(index)
        found += [] if one is None else [one]
    if clues.label:
        number, serial = clues.label
        batch = yield from vouchers.batch_numbered(number)
        found += (yield from vouchers.in_range(batch.id, serial, serial)) if batch else []
    return found
