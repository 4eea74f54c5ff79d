"""Passwords: which are good enough, and argon2id in a few threads of its own.

A hash takes 19 MiB and some 30 ms on purpose. Two threads and a short queue keep a flood of logins from the event
loop and from the memory. Whoever has no password is checked against a fixed hash that nothing fits, so that it
takes as long to refuse an address that nobody has.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from portal.errors import Refused

T = TypeVar("T")

LEAST, MOST = 8, 128  # characters
THREADS = 2
QUEUE, AHEAD = 16, 8  # hashes that wait or run; the last waits less than half a second, and strangers leave some free
BUSY_S = 5
MOST_KIB, MOST_ROUNDS, MOST_LANES = 64 * 1024, 4, 4  # of a hash that comes in with an ISP
# Made with the parameters below from a text that was thrown away.
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$ZeY0JH4y/UYicdMmGLDkRA$0KFGfJTCE7fseLwgb0m4icsUtxFfOtrwD9bO03CjWE8"
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)

_COMMON = """
    password passw0rd p@ssword p@ssw0rd pass word letmein welcome admin administrator root login secret changeme
    qwerty qwertyuiop qwertyui asdfghjkl asdfasdf zxcvbnm qazwsx 1q2w3e4r 1qaz2wsx q1w2e3r4 abcdefgh abcdefg abcd abc
    iloveyou princess sunshine dragon monkey football baseball superman batman master shadow michael jennifer jordan
    trustno starwars whatever internet computer samsung android google facebook manchester arsenal chelsea liverpool
    barcelona mpesa m-pesa safaricom airtel kenya nairobi mombasa kisumu nakuru eldoret harambee jambo karibu hakuna
    matata hakunamatata wifi hotspot mikrotik routeros router bando voucher tenant manager cashier owner support
    blessed blessing jesus jesuschrist godisgood amen mungu baraka default guest test testtest testing demo
"""
COMMON = frozenset(_COMMON.split())
FEW_DIGITS = 14  # characters; a shorter one of digits and signs alone is soon guessed
AROUND = "0123456789!@#$%&*.?_- "


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Whether it was the password, and its hash with the parameters of today where the kept one has others."""

    right: bool
    renewed: str | None = field(default=None, repr=False)


def must_be_good(password: str, *others: str) -> None:
    """A password that may be set; `others` (e-mail address, name) must not be it. Raises `Refused`."""
    if len(password) < LEAST:
        raise Refused("password-short", least=LEAST)
    if len(password) > MOST:
        raise Refused("password-long", most=MOST)
    folded = password.casefold()
    core = folded.strip(AROUND)
    if {folded, core} & {form for each in others for form in _forms(each)}:
        raise Refused("password-own")
    if folded in COMMON or core in COMMON or (not core and len(folded) < FEW_DIGITS) or len(set(folded)) < 4:
        raise Refused("password-common")


def _forms(text: str) -> set[str]:
    plain = text.casefold().strip()
    return {plain, plain.replace(" ", ""), plain.partition("@")[0]}


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _hash(password: str) -> str:
    return HASHER.hash(_bytes(password))


def _check(known: str | None, password: str) -> Checked:
    right = _fits(known or NOBODY, password) and known is not None
    if not right or known is None or not HASHER.check_needs_rehash(known):
        return Checked(right=right)
    return Checked(right=True, renewed=_hash(password))


def _fits(known: str, password: str) -> bool:
    try:
        return HASHER.verify(known, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False


def is_bearable(known: str) -> bool:
    """Whether a hash from elsewhere may be kept: each check of it takes as much time and memory as it says itself."""
    try:
        asked = extract_parameters(known)
    except (InvalidHashError, ValueError):
        return False
    size = asked.memory_cost <= MOST_KIB and asked.time_cost <= MOST_ROUNDS and asked.parallelism <= MOST_LANES
    return asked.type is Type.ID and size


class Passwords:
    """Hashes and checks without holding up the event loop; raises `Refused` when too many wait."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="bando-password")
        self._lock = threading.Lock()
        self._inside = 0
        self.hashed = 0  # checks and hashes so far

    async def check(self, known: str | None, password: str, *, ahead: bool = False) -> Checked:
        """Whether `password` belongs to this hash; None is nobody's, and takes as long. `ahead`: no stranger asks."""
        usable = known if len(password) <= MOST else None
        return await self._run(QUEUE + AHEAD * ahead, _check, usable, password[: MOST + 1])

    async def hash(self, password: str) -> str:
        return await self._run(QUEUE + AHEAD, _hash, password)

    async def _run(self, most: int, work: Callable[..., T], *args: object) -> T:
        with self._lock:
            if self._inside >= most:
                raise Refused("login-slow", status=429, wait_s=BUSY_S)
            self._inside += 1
            self.hashed += 1
        future = self._pool.submit(work, *args)
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[T]) -> None:
        with self._lock:
            self._inside -= 1

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
