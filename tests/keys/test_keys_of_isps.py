"""Each ISP seals with a key of its own, wrapped in the database; what one process does another one sees."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from portal.db import Execute, open_database
from portal.errors import BandoError, Misconfigured
from portal.keys import store
from portal.keys.ring import FRESH_S, Ring, WrongKey, ring_of, vault_of
from portal.seal import HEAD, Key, NotOurs, Vault, Wrapping, head_of
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Row, Unit, value
from tests.raw import opened
from tests.support import MASTER, Seed, add_router, seed

HERE = {"table": "routers", "row": "r1", "column": "password_sealed"}


async def two(folder: Path) -> tuple[Seed, Tenant]:
    """An ISP, and another one beside it."""
    home = await seed(folder)
    return home, await home.db.write(None, tenancy.add_tenant, "Westlands Net", home.clock.now())


async def names(home: Seed, tenant: int = 0) -> list[bytes]:
    return [each.name for each in await home.db.read(tenant or home.tenant.id, store.known)]


def sealing(vault: Vault, plain: str = "x") -> Unit[bytes]:
    """A unit that seals, and does nothing else."""
    yield from value("SELECT 1")
    return vault.seal(plain, **HERE)


def opening(vault: Vault, sealed: bytes) -> Unit[bytes]:
    yield from value("SELECT 1")
    return vault.open(sealed, **HERE)


async def test_a_sealed_value_says_its_key_and_opens_in_units_of_its_isp(tmp_path: Path) -> None:
    home, _ = await two(tmp_path)
    sealed = await home.write(sealing, home.vault)

    (name,) = await names(home)
    assert sealed[:HEAD] == head_of(name)
    assert await home.read(opening, home.vault, sealed) == b"x"
    assert home.vault.open(sealed, **HERE) == b"x"
    await home.db.aclose()


async def test_it_does_not_open_at_another_isp(tmp_path: Path) -> None:
    home, other = await two(tmp_path)
    vault = vault_of(MASTER, home.db, home.clock)
    sealed = await home.write(sealing, vault)
    await home.db.write(other.id, sealing, vault)

    with pytest.raises(NotOurs):
        await home.db.read(other.id, opening, vault, sealed)
    with pytest.raises(NotOurs):
        vault.of(other.id).open(sealed, **HERE)
    with pytest.raises(NotOurs):  # nobody's in particular
        vault.open(sealed, **HERE)
    assert vault.of(home.tenant.id).open(sealed, **HERE) == b"x"
    await home.db.aclose()


async def test_what_was_sealed_before_isps_had_keys_goes_on_opening(tmp_path: Path) -> None:
    home, _ = await two(tmp_path)
    sealed = Vault(MASTER).seal("old", **HERE)

    assert (sealed[0], home.vault.open(sealed, **HERE)) == (1, b"old")
    assert await home.read(opening, home.vault, sealed) == b"old"
    await home.db.aclose()


async def test_an_isp_gets_its_key_at_its_first_use_and_only_one(tmp_path: Path) -> None:
    home, other = await two(tmp_path)
    assert await names(home, other.id) == []

    made = [await home.db.write(other.id, sealing, home.vault) for _ in range(5)]
    outside = vault_of(MASTER, home.db, home.clock).of(other.id).seal("x", **HERE)
    assert {each[:HEAD] for each in (*made, outside)} == {head_of((await names(home, other.id))[0])}
    await home.db.aclose()


async def test_outside_of_a_unit_the_first_key_is_made_too(tmp_path: Path) -> None:
    home, other = await two(tmp_path)
    sealed = home.vault.of(other.id).seal("x", **HERE)

    assert [sealed[:HEAD]] == [head_of(each) for each in await names(home, other.id)]
    await home.db.aclose()


async def test_a_key_that_was_undone_with_its_unit_seals_nothing_more(tmp_path: Path) -> None:
    home, other = await two(tmp_path)

    def refused() -> Unit[None]:
        yield from add_router(home.vault, home.clock.now())
        assert home.vault.open(home.vault.seal("x", **HERE), **HERE) == b"x"  # while it lasts
        raise BandoError

    with pytest.raises(BandoError):
        await home.db.write(other.id, refused)
    assert await names(home, other.id) == []
    sealed = await home.db.write(other.id, sealing, home.vault)
    assert [sealed[:HEAD]] == [head_of(each) for each in await names(home, other.id)]
    await home.db.aclose()


async def test_no_key_lies_in_the_database_as_it_is(tmp_path: Path) -> None:
    home, _ = await two(tmp_path)
    with opened(home.db.place) as connection:
        ((name, wrapped),) = connection.execute("SELECT name, wrapped FROM sealing_keys").fetchall()

    key = Wrapping(MASTER).unwrap(wrapped, f"sealing_keys|{home.tenant.id}|{name.hex()}")
    assert len(key) == 32
    if isinstance(home.db.place, Path):
        assert key not in home.db.place.read_bytes() + Path(f"{home.db.place}-wal").read_bytes()
    with pytest.raises(NotOurs):
        Wrapping(MASTER).unwrap(wrapped, f"sealing_keys|{home.tenant.id + 1}|{name.hex()}")
    with pytest.raises(NotOurs):
        Wrapping(MASTER + b"!").unwrap(wrapped, f"sealing_keys|{home.tenant.id}|{name.hex()}")
    await home.db.aclose()


# --- another process ---


async def made_elsewhere(home: Seed) -> tuple[bytes, bytes]:
    """The name of a newer key that another process has made, and what it sealed with it."""
    db = open_database(home.db.place)
    ring = ring_of(MASTER, db, home.clock)
    made = await db.write(home.tenant.id, ring.make, home.tenant.id)
    sealed = await db.write(home.tenant.id, sealing, ring.vault, "elsewhere")
    await db.aclose()
    return made.name, sealed


async def test_a_key_of_another_process_is_looked_up_when_it_is_met(tmp_path: Path) -> None:
    home, _ = await two(tmp_path)
    await home.write(sealing, home.vault)
    _, sealed = await made_elsewhere(home)

    assert home.vault.open(sealed, **HERE) == b"elsewhere"
    assert await home.read(opening, home.vault, sealed) == b"elsewhere"
    await home.db.aclose()


async def test_without_that_look_it_would_not_open(tmp_path: Path) -> None:
    """The control: a process that knows only the keys which it has met before."""

    class Blind(Ring):
        def _look_up(self, tenant: int, name: bytes) -> Key | None:
            return None

    home, _ = await two(tmp_path)
    blind = Blind(MASTER, None, home.clock.now, home.db).vault.of(home.tenant.id)
    own = blind.seal("x", **HERE)
    _, sealed = await made_elsewhere(home)

    assert blind.open(own, **HERE) == b"x"
    with pytest.raises(NotOurs):
        blind.open(sealed, **HERE)
    await home.db.aclose()


async def test_a_newer_key_seals_after_a_second(tmp_path: Path) -> None:
    home, _ = await two(tmp_path)
    before = await home.write(sealing, home.vault)
    name, _ = await made_elsewhere(home)
    time.sleep(FRESH_S)
    after = await home.write(sealing, home.vault)

    assert after[:HEAD] == head_of(name) != before[:HEAD]
    assert home.vault.open(before, **HERE) == b"x"
    await home.db.aclose()


async def test_keys_cost_no_statement_for_each_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, _ = await two(tmp_path)
    sealed = await home.write(sealing, home.vault)
    asked: list[str] = []
    beside = home.db.beside

    @contextmanager
    def counted() -> Iterator[Execute]:
        with beside() as run:

            def noted(text: str, params: Mapping[str, Any]) -> Sequence[Row]:
                asked.append(text)
                return run(text, params)

            yield noted

    monkeypatch.setattr(home.db, "beside", counted)
    begun = time.monotonic()
    for _ in range(300):
        home.vault.seal("x", **HERE)
        home.vault.open(sealed, **HERE)

    assert len(asked) <= 1 + (time.monotonic() - begun) / FRESH_S
    await home.db.aclose()


async def test_another_master_key_makes_no_key(tmp_path: Path) -> None:
    """A process that runs with the old master key would wrap new keys with it."""
    home, other = await two(tmp_path)
    root = Wrapping(b"another master key, 32 bytes or more").wrap(MASTER, "root_keys|1|wrapped")
    await home.db.write(None, store.set_root, root, home.clock.now())

    with pytest.raises(Misconfigured, match="exchanged"):
        await home.db.write(other.id, sealing, home.vault)
    with pytest.raises(WrongKey):
        vault_of(MASTER, home.db, home.clock)
    await home.db.aclose()
