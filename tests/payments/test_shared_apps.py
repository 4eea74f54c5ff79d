"""What processes share of an app at a provider: one token at a time, and one pace of queries."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from portal.clock import HOUR, MINUTE, SECOND
from portal.errors import ProviderRefused
from portal.payments.accounts import Account
from portal.payments.answers import Token
from portal.payments.apps import store
from portal.payments.apps.tokens import ASKING_MS, SharedTokens
from tests.support import Seed, seed


class Provider:
    """Gives tokens; each kills the one before."""

    def __init__(self, home: Seed) -> None:
        self.home = home
        self.given = 0
        self.slow: asyncio.Event | None = None
        self.down = False

    async def mint(self, _account: Account) -> Token:
        if self.slow is not None:
            await self.slow.wait()
        if self.down:
            raise ProviderRefused("provider-down")
        self.given += 1
        return Token(text=f"token {self.given}", lives_ms=HOUR)

    def process(self) -> SharedTokens:
        """The tokens of a further process."""
        return SharedTokens(self.mint, self.home.clock, self.home.db, self.home.vault)


class App:
    app_index = b"app"


APP = cast(Any, App())


@pytest.fixture
async def provider(tmp_path: Path) -> Any:
    home = await seed(tmp_path)
    yield Provider(home)
    await home.db.aclose()


async def test_all_processes_use_one_token(provider: Provider) -> None:
    processes = [provider.process() for _ in range(4)]
    found = await asyncio.gather(*(each.get(APP) for each in processes * 3))

    assert (set(found), provider.given) == ({"token 1"}, 1)


async def test_it_is_sealed_in_the_database(provider: Provider) -> None:
    await provider.process().get(APP)
    row = await provider.home.db.write(None, store.app, b"app")

    assert b"token" not in bytes(row["token"])


async def test_one_that_is_refused_is_asked_for_anew_once(provider: Provider) -> None:
    one, other = provider.process(), provider.process()
    assert await one.get(APP) == await other.get(APP) == "token 1"
    one.drop(APP, "token 1")
    assert await one.get(APP) == "token 2"
    other.drop(APP, "token 1")  # which the new one has killed

    assert (await other.get(APP), provider.given) == ("token 2", 2)


async def test_it_is_asked_for_anew_before_its_end(provider: Provider) -> None:
    one = provider.process()
    await one.get(APP)
    provider.home.clock.advance(HOUR - MINUTE)

    assert await one.get(APP) == "token 2"


async def test_others_wait_for_whoever_asks_and_not_for_one_that_died(provider: Provider) -> None:
    provider.slow = asyncio.Event()
    asking = asyncio.create_task(provider.process().get(APP))
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(provider.process().get(APP))
    asking.cancel()  # it never says what it got …
    await asyncio.gather(asking, return_exceptions=True)
    await provider.home.db.write(None, store.set_asking, b"app", provider.home.clock.now() + ASKING_MS)  # … nor that
    provider.slow = None
    for _ in range(40):
        provider.home.clock.advance(SECOND)
        await asyncio.sleep(0.005)

    assert (await waiting, provider.given) == ("token 1", 1)


async def test_a_failure_is_told_and_the_next_one_asks_again(provider: Provider) -> None:
    provider.down = True
    with pytest.raises(ProviderRefused):
        await provider.process().get(APP)
    provider.down = False

    assert await provider.process().get(APP) == "token 1"


async def test_the_pace_of_an_app_goes_on_in_the_next_process(provider: Provider) -> None:
    db = provider.home.db
    await db.write(None, store.set_pace, b"app", 24_000, 99)
    await db.write(None, store.set_pace, b"app", 12_000, 111)

    assert await db.read(None, store.paces) == {b"app": (12_000, 111)}
