"""The tokens of all apps. Asking for a token kills the one before (facts/mpesa.md 1), so only one asks at a time.

Where there are several processes, they share each token through the database: the first that needs one asks for it,
the others wait for what it gets.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from portal.clock import MINUTE, SECOND, Clock, Moment
from portal.db import Database
from portal.errors import ProviderRefused
from portal.payments.accounts import Account
from portal.payments.answers import Token
from portal.payments.apps import store
from portal.seal import NotOurs, Vault
from portal.units import Unit

EARLY_MS = MINUTE  # before its end a token is taken as over
ASKING_MS = 25 * SECOND  # whoever asks for a token has it by then, or is gone
LOOK_EVERY_MS = 100  # for what another process gets
PATIENCE_MS = 60 * SECOND

Mint = Callable[[Account], Awaitable[Token]]


class Kept(NamedTuple):
    text: str
    until: Moment


class Tokens:
    """The tokens that this process knows."""

    def __init__(self, mint: Mint, clock: Clock) -> None:
        self._mint = mint
        self._clock = clock
        self._kept: dict[bytes, Kept] = {}
        self._locks: dict[bytes, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, account: Account) -> str:
        """A token that should be good; raises `ProviderRefused`."""
        async with self._locks[account.app_index]:
            kept = self._kept.get(account.app_index)
            if kept is None or self._clock.now() >= kept.until:
                kept = self._kept[account.app_index] = await self._new(account)
            return kept.text

    async def _new(self, account: Account) -> Kept:
        token = await self._mint(account)
        return Kept(token.text, self._clock.now() + max(0, token.lives_ms - EARLY_MS))

    def drop(self, account: Account, token: str) -> None:
        """Forget this token, unless somebody has put a newer one in its place."""
        kept = self._kept.get(account.app_index)
        if kept is not None and kept.text == token:
            del self._kept[account.app_index]


class SharedTokens(Tokens):
    """The same for all processes of one database."""

    def __init__(self, mint: Mint, clock: Clock, db: Database, vault: Vault) -> None:
        super().__init__(mint, clock)
        self._db = db
        self._vault = vault
        self._refused: dict[bytes, str] = {}  # the last one that the provider did not take

    def drop(self, account: Account, token: str) -> None:
        self._refused[account.app_index] = token
        super().drop(account, token)

    async def _new(self, account: Account) -> Kept:
        app, give_up = account.app_index, self._clock.now() + PATIENCE_MS
        while self._clock.now() < give_up:
            refused = self._refused.get(app, "")
            found = await self._db.write(None, _found_or_ours, self._vault, app, refused, self._clock.now())
            if isinstance(found, Kept):
                return found
            if found:
                return await self._asked(account)
            await self._clock.sleep(LOOK_EVERY_MS)
        raise ProviderRefused("provider-down", "no token came")

    async def _asked(self, account: Account) -> Kept:
        app, sealed, kept = account.app_index, None, None
        try:
            kept = await super()._new(account)
            sealed = self._vault.seal(kept.text, **_place(app))
        finally:  # whatever came of it, another one may ask now
            await self._db.write(None, store.set_token, app, sealed, kept.until if kept else 0)
        return kept


def _place(app: bytes) -> dict[str, str]:
    return {"table": "provider_apps", "row": app.hex(), "column": "token"}


def _found_or_ours(vault: Vault, app: bytes, refused: str, now: Moment) -> Unit[Kept | bool]:
    """The token that all share; else whether it is us who ask for one."""
    row = yield from store.app(app)
    if row["token"] is not None and now < row["good_until"]:
        text = _opened(vault, app, bytes(row["token"]))
        if text and text != refused:
            return Kept(text, row["good_until"])
    if now < row["asking_until"]:
        return False
    yield from store.set_asking(app, now + ASKING_MS)
    return True


def _opened(vault: Vault, app: bytes, sealed: bytes) -> str:
    try:
        return vault.open(sealed, **_place(app)).decode()
    except NotOurs:  # sealed before another master key came
        return ""
