"""Tombstones: keyed hashes of numbers and MACs, by which a restored backup knows whom to forget again."""

from __future__ import annotations

from portal.clock import Moment
from portal.people import store as people
from portal.privacy.erasing import store
from portal.privacy.erasing.subject import Subject
from portal.privacy.erasing.traces import store as traces
from portal.seal import Vault
from portal.units import Unit

PHONE, MAC = "phone", "mac"


def of_phone(vault: Vault, tenant: int, phone_index: bytes) -> bytes:
    """From the hash by which a person is found, so that nobody's number need be opened to look for them."""
    return vault.index(tenant, "tombstone", f"phone|{phone_index.hex()}")


def of_mac(vault: Vault, tenant: int, mac: str) -> bytes:
    return vault.index(tenant, "tombstone", f"mac|{mac}")


def bury(vault: Vault, subject: Subject, now: Moment) -> Unit[None]:
    """One for each number and MAC that is about to go."""
    if subject.phone_index is not None:
        yield from store.bury(PHONE, of_phone(vault, subject.tenant, subject.phone_index), now)
    for former in subject.formers:  # whoever came with that number after it was corrected is somebody else
        index = people.phone_index(vault, subject.tenant, former.phone)
        yield from store.bury(PHONE, of_phone(vault, subject.tenant, index), former.until)
    if subject.devices:
        for mac in (yield from traces.macs(subject.devices)):
            yield from store.bury(MAC, of_mac(vault, subject.tenant, mac), now)
