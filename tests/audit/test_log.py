"""The log of what staff did: written with the act or not at all, kept as written, purged of what is personal."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.audit import store
from portal.audit.chain import ChainBroken, Entry, canonical, digest, link
from portal.errors import Refused
from portal.seal import Vault
from portal.units import Row, Sql, Unit, drive
from tests.audit.ledger import Ledger, a_ledger, an_act
from tests.raw import BROKEN, opened
from tests.support import MASTER, Seed, fresh_file, seed

VAULT = Vault(MASTER)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    yield made
    await made.db.aclose()


def act(home: Seed, subject: str = "pass:1", **changes: Any) -> Unit[int]:
    values = {"actor": "staff:ada", "act": "kick", "payload": {"before": 1}, "now": home.clock.now(), **changes}
    return (yield from store.append(home.vault, subject=subject, **values))


# --- together with the act ---


async def test_acts_are_numbered_from_one_and_the_newest_comes_first(home: Seed) -> None:
    numbers = [await home.write(act, home, f"pass:{n}") for n in (1, 2, 3)]
    found = await home.read(store.page, None, 2)
    rest = await home.read(store.page, found[-1]["number"], 2)

    assert numbers == [1, 2, 3]
    assert [row["subject"] for row in [*found, *rest]] == ["pass:3", "pass:2", "pass:1"]
    assert json.loads(found[0]["payload"]) == {"before": 1}


async def test_the_log_can_be_narrowed_to_an_act_and_to_somebody(home: Seed) -> None:
    for actor, what in (("staff:ada", "kick"), ("staff:ben", "kick"), ("staff:ada", "refund")):
        await home.write(act, home, actor=actor, act=what)

    kicks = await home.read(store.page, None, 9, "kick")
    hers = await home.read(store.page, None, 9, "", "staff:ada")
    both = await home.read(store.page, None, 9, "kick", "staff:ada")
    assert [[row["number"] for row in each] for each in (kicks, hers, both)] == [[2, 1], [3, 1], [1]]


async def test_an_act_that_is_refused_leaves_no_row_and_no_gap(home: Seed) -> None:
    def refused() -> Unit[None]:
        yield from act(home)
        raise Refused("last-owner", status=409)

    done = await asyncio.gather(
        *(home.db.write_here(home.tenant.id, each, *args) for each, args in ((act, (home,)), (refused, ())) * 5),
        return_exceptions=True,
    )

    assert [type(each).__name__ for each in done] == ["int", "Refused"] * 5
    assert sorted(each for each in done if isinstance(each, int)) == [1, 2, 3, 4, 5]
    assert [row["number"] for row in await home.read(store.page, None, 99)] == [5, 4, 3, 2, 1]
    assert (await home.read(store.head, home.vault)).number == 5
    assert await home.read(store.verify_all, home.vault) is None


async def test_a_refused_first_act_leaves_nothing(home: Seed) -> None:
    def refused() -> Unit[None]:
        yield from act(home)
        raise Refused("last-owner", status=409)

    with pytest.raises(Refused):
        await home.write(refused)
    with opened(home.db.place) as raw:
        counts = [raw.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in ("audit", "audit_heads")]

    assert counts == [0, 0]
    assert await home.read(store.verify_all, home.vault) is None


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM audit_heads",
        "UPDATE audit_heads SET seal = (SELECT chain FROM audit WHERE number = 1)",
        "UPDATE audit_heads SET seal = (SELECT seal FROM kept)",
    ],
    ids=["removed", "overwritten", "old"],
)
async def test_nothing_privileged_is_done_while_the_log_has_no_valid_head(home: Seed, damage: str) -> None:
    await home.write(act, home)
    with opened(home.db.place) as raw:
        raw.drop_triggers()
        raw.execute("CREATE TABLE kept AS SELECT seal FROM audit_heads")
    await home.write(act, home)
    with opened(home.db.place) as raw:
        raw.execute(damage)

    def kick() -> Unit[None]:
        yield Sql("UPDATE routers SET name = 'done' WHERE tenant_id = :tenant", {})
        yield from act(home)

    with pytest.raises(ChainBroken, match="bando audit verify"):
        await home.write(kick)
    with opened(home.db.place) as raw:
        assert raw.execute("SELECT name FROM routers").fetchone()["name"] == "Site 1"


# --- kept as written ---

VALUES = {"id": "99", "tenant_id": "2", "number": "9", "at": "1", "money": "NOT money"}
BYTES = "(SELECT seal FROM audit_heads LIMIT 1)"
REPLACING = pytest.mark.sqlite_only(reason="a server has no statement that replaces a row")


@pytest.mark.parametrize(
    "statement",
    [
        *(f"UPDATE audit SET {name} = 'x'" for name in ("actor", "act", "subject", "payload")),
        *(f"UPDATE audit SET {name} = {value}" for name, value in VALUES.items()),
        *(f"UPDATE audit SET {name} = {BYTES}" for name in ("chain", "payload_digest")),
        "UPDATE audit SET payload = NULL, subject = 'x'",
        "DELETE FROM audit",
        pytest.param("INSERT OR REPLACE INTO audit SELECT * FROM audit", marks=REPLACING),
        pytest.param(
            "REPLACE INTO audit SELECT id + 50, tenant_id, number, at, actor, act, 'x', payload, payload_digest, chain,"
            " money FROM audit",
            marks=REPLACING,
        ),
        f"UPDATE audit_heads SET seal = {BYTES}",
        "UPDATE audit_heads SET number = number - 1",
        "UPDATE audit_heads SET tenant_id = tenant_id + 1, number = number + 1",
        "DELETE FROM audit_heads",
        pytest.param(
            "INSERT OR REPLACE INTO audit_heads SELECT id, tenant_id, number + 1, x'00' FROM audit_heads",
            marks=REPLACING,
        ),
    ],
)
async def test_the_database_refuses_to_change_what_was_done(home: Seed, statement: str) -> None:
    await home.write(act, home)
    with opened(home.db.place) as raw:
        with pytest.raises(BROKEN, match="what was done stays as it was written"):
            raw.execute(statement)
        raw.execute("UPDATE audit SET payload = NULL")  # a purge may


@pytest.mark.sqlite_only(reason="a server's trigger is portal/migrations/secure.py; each column is tried above")
def test_every_column_but_the_payload_is_held_by_a_trigger(tmp_path: Path) -> None:
    with closing(sqlite3.connect(fresh_file(tmp_path))) as raw:
        columns = {row[1] for row in raw.execute("PRAGMA table_info(audit)")}
        (text,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_stays'").fetchone()

    assert set(text.split(" OF ")[1].split(" ON ")[0].split(", ")) == columns - {"payload"}


# --- purges, and what a digest tells ---


def test_three_hundred_acts_with_purged_payloads_are_found_whole(tmp_path: Path) -> None:
    with a_ledger(tmp_path, acts=300, others=20) as ledger:
        first, neighbour = ledger.tenants
        gone = [
            ledger.purge(first, until=100, now=290),
            ledger.purge(first, until=50, now=291, money=True),
            ledger.purge(first, until=100, now=292),
            ledger.purge(first, until=250, now=293),
        ]
        left = [row["number"] for row in ledger.rows() if row["payload"] is None]

        assert gone == [80, 9, 0, 120]  # the second time there was nothing to clear, so nothing was done
        assert len(left) == 80 + 9 + 120
        assert ledger.last().number == 303
        assert [ledger.verify(first), ledger.verify(neighbour)] == [None, None]
        assert all(row["payload"] is not None for row in ledger.rows(neighbour))


def test_a_purge_of_the_future_lets_nothing_go_later(tmp_path: Path) -> None:
    with a_ledger(tmp_path, acts=5) as ledger:
        ledger.purge(ledger.tenants[0], until=9999, now=6)
        ledger.grow(ledger.tenants[0], [7], random.Random(1))
        ledger.change(7, payload=None)

        assert str(ledger.verify()) == "act 7 has lost its payload, and no purge took it"


def test_a_digest_does_not_tell_what_was_cleared() -> None:
    text = canonical({"address": "192.0.2.7"})
    digests = {digest(VAULT, tenant, number, text) for tenant in (1, 2) for number in (1, 2)}

    assert len(digests) == 4  # equal payloads do not look equal
    assert hashlib.sha256(text.encode()).digest() not in digests
    assert digest(Vault(b"another key, of 32 bytes and more than that"), 1, 1, text) not in digests


def test_what_cannot_be_written_down_is_refused_at_once() -> None:
    with pytest.raises(TypeError):
        canonical({"plan": object()})
    with pytest.raises(ValueError, match="Out of range"):
        canonical({"share": float("nan")})


PARTS = st.tuples(
    st.text(alphabet='a|,"\\[]{} é', max_size=4),
    st.text(alphabet='a|,"\\[]{} é', max_size=4),
    st.text(alphabet='a|,"\\[]{} é', max_size=4),
    st.integers(0, 12),
    st.integers(0, 12),
    st.booleans(),
    st.sampled_from(["", "0a", "0a0b"]),
)


@given(PARTS, PARTS)
def test_no_two_acts_have_the_same_link(one: Any, other: Any) -> None:
    links = [
        link(
            VAULT,
            1,
            parts[6],
            Entry(
                **dict(zip(("actor", "act", "subject", "number", "at", "money"), parts, strict=False)),
                payload_digest=b"d",
            ),
        )
        for parts in (one, other)
    ]

    assert (links[0] == links[1]) == (one == other)


def test_a_link_holds_for_its_isp_and_its_key_only() -> None:
    entry = Entry(number=1, at=1, actor="a", act="b", subject="c", payload_digest=b"d", money=False)
    links = [link(vault, tenant, "", entry) for vault in (VAULT, Vault(b"k" * 32)) for tenant in (1, 11)]

    assert len(set(links)) == 4


# --- many ---


def test_a_long_log_is_verified_in_pages(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as ledger:
        ledger.connection.execute("BEGIN")
        ledger.run(ledger.tenants[0], a_long_one(ledger, 3000))
        ledger.connection.execute("COMMIT")
        plain, sizes = ledger.connection.run, list[int]()

        def counted(text: str, params: Mapping[str, Any]) -> Sequence[Row]:
            found = plain(text, params)
            sizes.append(len(found))
            return found

        whole = drive(store.verify_all(ledger.vault), ledger.tenants[0], counted)
        ledger.change(2987, subject="pass:made-up")
        broken = drive(store.verify_all(ledger.vault), ledger.tenants[0], counted)

    assert whole is None
    assert str(broken) == "act 2987 was changed, or is not where it was written"
    assert max(sizes) == store.PAGE < 3000 / 5


def a_long_one(ledger: Ledger, count: int) -> Unit[None]:
    rng = random.Random(3)
    for n in range(count):
        yield from an_act(ledger.vault, n, rng)
