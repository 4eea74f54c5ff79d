"""A code to a number, and whose number it is when the code comes back: for guests who have no receipt at hand.

A number that nobody here has is answered like any other: a code of it is kept too, and goes nowhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from portal.clock import MINUTE, Moment
from portal.errors import Refused
from portal.messages import store
from portal.people.store import phone_index
from portal.phone import Phone
from portal.privacy.rights.store import person_with
from portal.seal import Vault
from portal.units import Unit

LIFETIME_MS = 10 * MINUTE
DIGITS = 8


def send(vault: Vault, tenant: int, phone: Phone, words: Callable[[str], str], now: Moment) -> Unit[None]:
    """Make a code, and put it out where the number is known; `words` is the message around it."""
    code, index = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}", phone_index(vault, tenant, phone)
    known = yield from person_with(index)
    yield from store.keep_code(known, index, _index(vault, tenant, phone, code), now)
    if known is not None:
        yield from store.put_out(vault, "code", known, phone, words(code), now + LIFETIME_MS, now)


def check(vault: Vault, tenant: int, phone: Phone, typed: str, now: Moment) -> Unit[int]:
    """Who has this number, if the code is right; raises `Refused("data-code")`."""
    code = "".join(typed.split())
    index = phone_index(vault, tenant, phone)
    found = yield from store.use_code(index, _index(vault, tenant, phone, code), now - LIFETIME_MS, now)
    if found is None:
        raise Refused("data-code")
    return found


def _index(vault: Vault, tenant: int, phone: Phone, code: str) -> bytes:
    """The code is found by its number alone: the same one of another number is another one."""
    return vault.index(tenant, "proof code", f"{phone.digits}|{code[:64]}")
