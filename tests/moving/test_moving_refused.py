"""A move that is refused: damaged, of another schema, or written by somebody themselves; nothing of it stays."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portal.access import plans
from portal.audit import store as audit
from portal.backup.sealed import PIECE, Unusable, sealed
from portal.errors import Misconfigured
from portal.moving import pack, readable, unpack, values
from portal.moving.sealing import MOVE
from portal.moving.tables import ORDER
from portal.moving.unpack import Breached
from portal.schema import TENANT_TABLES
from tests.moving.move import WORDS, lines, moved_in, packed, place_in, there
from tests.moving.test_moving import a_month
from tests.privacy.rows import Planted
from tests.raw import opened
from tests.staff.people import HASHED, hire
from tests.support import Seed
from tests.watch.test_deliver import channel

# --- what is refused ---


async def test_a_byte_more_or_less_is_refused_and_nothing_stays(home: Seed, tmp_path: Path) -> None:
    await a_month(home)
    file = await packed(home, tmp_path / "isp.move")
    whole = file.read_bytes()
    assert len(whole) < PIECE
    wrong = tmp_path / "wrong.move"
    for place in (0, 20, 70, len(whole) // 2, len(whole) - 1):
        wrong.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(Unusable):
            moved_in(wrong, tmp_path / "there", home.clock.now())
    for size in (0, 10, 50, 63, len(whole) // 2, len(whole) - 1):
        wrong.write_bytes(whole[:size])
        with pytest.raises(Unusable):
            moved_in(wrong, tmp_path / "there", home.clock.now())
    assert nothing_in(tmp_path / "there")
    moved_in(file, tmp_path / "there", home.clock.now())
    assert not nothing_in(tmp_path / "there")


def nothing_in(folder: Path) -> bool:
    with opened(place_in(folder)) as connection:
        names = [*TENANT_TABLES, "tenants", "code_owners", "staff_owners"]
        return not any(connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in names)


async def test_another_passphrase_is_refused(home: Seed, tmp_path: Path) -> None:
    file = await packed(home, tmp_path / "isp.move")
    with pytest.raises(Unusable, match="not the passphrase"):
        moved_in(file, tmp_path / "there", home.clock.now(), words=b"four words and a rive")


async def test_only_an_empty_installation_takes_it(home: Seed, tmp_path: Path) -> None:
    file = await packed(home, tmp_path / "isp.move")
    moved_in(file, tmp_path / "there", home.clock.now())
    with pytest.raises(Misconfigured, match="not empty"):
        moved_in(file, tmp_path / "there", home.clock.now())


async def test_another_schema_is_refused(home: Seed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "revision_of", lambda _: "0001")
    file = await packed(home, tmp_path / "isp.move")
    with pytest.raises(Unusable, match="has schema 0001"):
        moved_in(file, tmp_path / "there", home.clock.now())


async def test_a_breach_is_refused_unless_somebody_means_it(home: Seed, tmp_path: Path) -> None:
    planted = Planted(home.db.place)
    planted.row("passes", home.tenant.id, cause_kind="payment", cause_ref="nothing")
    planted.connection.close()
    file = await packed(home, tmp_path / "isp.move")
    with pytest.raises(Breached) as refused:
        moved_in(file, tmp_path / "there", home.clock.now())
    assert any("I2" in each for each in refused.value.breaches)
    assert nothing_in(tmp_path / "there")
    assert moved_in(file, tmp_path / "there", home.clock.now(), breached=True).breaches == refused.value.breaches


async def test_a_log_that_was_damaged_says_so_for_ever(home: Seed, tmp_path: Path) -> None:
    await packed(home, tmp_path / "first.move")
    with opened(home.db.place) as connection:
        connection.drop_triggers("audit_stays")
        connection.execute("UPDATE audit SET actor = 'somebody else'")
    file = await packed(home, tmp_path / "isp.move")
    moved = moved_in(file, tmp_path / "there", home.clock.now())
    assert moved.log_was_broken == "act 1 was changed, or is not where it was written"
    with there(tmp_path / "there", home.tenant.id) as new:
        (last,) = new.run(audit.page(None, 1))
        assert "act 1 was changed" in last["payload"]


def forged(file: Path, folder: Path, change: Callable[[list[Any]], Any], *, anew: bool = False) -> Path:
    """The file as somebody writes it who knows its passphrase."""
    found = lines(file)
    change(found)
    if anew:
        again(found)
    text = b"".join(json.dumps(each).encode() + b"\n" for each in found)
    (folder / "forged.move").write_bytes(b"".join(sealed(MOVE, WORDS, [text])))
    return folder / "forged.move"


def first(found: list[Any], table: str) -> dict[str, Any]:
    row: dict[str, Any] = next(each[1] for each in found if isinstance(each, list) and each[0] == table)
    return row


def again(found: list[Any]) -> list[Any]:
    """Counts and digests as whoever forges makes them, so that no digest gives the forgery away."""
    digests = {table: hashlib.sha256() for table in ORDER}
    rows = dict.fromkeys(ORDER, 0)
    for each in found:
        if isinstance(each, list) and each[:1] and isinstance(each[0], str) and each[0] in rows:
            digests[each[0]].update(json.dumps(each[1], separators=(",", ":"), sort_keys=True).encode() + b"\n")
            rows[each[0]] += 1
        elif is_said(each) and str(each["table"]) in rows and "digest" in each:
            each.update(rows=rows[each["table"]], digest=digests[each["table"]].hexdigest())
    return found


def hashes(found: list[Any], table: str) -> dict[str, Any]:
    row: dict[str, Any] = next(each[2] for each in found if isinstance(each, list) and each[0] == table)
    return row


def hashed(parameters: str, name: str = "argon2id") -> dict[str, str]:
    """A hash of a password, as it travels."""
    other = HASHED.replace("argon2id", name).replace("m=19456,t=2,p=1", parameters)
    return {"hex": other.encode().hex()}


def is_said(each: object) -> bool:
    """Whether it says what a table holds."""
    return isinstance(each, dict) and "table" in each


FORGERIES: dict[str, Callable[[list[Any]], Any]] = {
    "a platform": lambda found: first(found, "tenants").update(kind="platform"),
    "an ISP that was erased": lambda found: first(found, "tenants").update(erased_at=5),
    "another ISP": lambda found: first(found, "plans").update(tenant_id=7),
    "another ISP's own row": lambda found: first(found, "tenants").update(id=7),
    "the platform's role": lambda found: first(found, "staff").update(role="platform"),
    "a list in a cell": lambda found: first(found, "plans").update(name=["x"]),
    "a number too big": lambda found: first(found, "plans").update(price_minor=2**70),
    "nothing where something must be": lambda found: first(found, "plans").update(name=None),
    "a reference to nobody": lambda found: first(found, "plans").update(id=99),
    "a half number": lambda found: first(found, "plans").update(price_minor=1.5),
    "no number": lambda found: first(found, "plans").update(price_minor=float("nan")),
    "yes where a number is": lambda found: first(found, "plans").update(price_minor=True),
    "a text where a number is": lambda found: first(found, "plans").update(price_minor="abc"),
    "a number where yes or no is": lambda found: first(found, "plans").update(on_sale=2),
    "a number where a text is": lambda found: first(found, "plans").update(name=5),
    "bytes where a text is": lambda found: first(found, "plans").update(name={"hex": "ff"}),
    "half a character": lambda found: first(found, "plans").update(name="\ud800"),
    "half a character in a cell": lambda found: first(found, "routers").update(password_sealed="\ud800"),
    "a number in a cell": lambda found: first(found, "routers").update(password_sealed=5),
    "a list in bytes": lambda found: first(found, "routers").update(password_sealed={"hex": [1]}),
    "the last id": lambda found: first(found, "staff").update(id=2**63 - 1),
    "an id above the others": lambda found: first(found, "staff").update(id=2**53 + 1),
    "no id": lambda found: first(found, "staff").update(id=0),
    "a column too many": lambda found: first(found, "plans").update(more=1),
    "no column": lambda found: first(found, "plans").pop("name"),
    "a seal that is none": lambda found: first(found, "staff").update(email_sealed={"odd": 1}),
    "a table too many": lambda found: found.insert(1, ["sealing_keys", {}, {}]),
    "a row twice": lambda found: found.insert(2, found[1]),
    "no end": lambda found: found.pop(),
    "no head": lambda found: found.pop(0),
    "a head of nobody": lambda found: found[0].update(tenant="1"),
    "an end that says nothing": lambda found: found.__setitem__(-1, {"end": True}),
    "a head of nowhen": lambda found: found[0].update(moment="now"),
    "a head of no schema": lambda found: found[0].pop("schema"),
    "a head that is true": lambda found: found[0].update(tenant=True),
    "an end that is none": lambda found: found[-1].pop("end"),
    "acts that are none": lambda found: found[-1].update(acts=5),
    "cells that are not counted": lambda found: found[-1].update(shut="x"),
    "a table of no name": lambda found: found.insert(1, {"table": [1], "rows": 0, "digest": "00" * 32}),
    "a row of a table of no name": lambda found: found.insert(1, [[1], {}, {}]),
    "a table without a digest": lambda found: next(filter(is_said, found)).pop("digest"),
    "a digest that is none": lambda found: found.insert(1, {"table": "other", "rows": 0, "digest": "0" * 60_000}),
    "a table that nobody knows": lambda found: found.insert(1, {"table": "other", "rows": 0, "digest": "00" * 32}),
    "a table said twice": lambda found: found.insert(-1, next(filter(is_said, found))),
    "a row after its table": lambda found: found.insert(-1, found[1]),
    "a row after the end": lambda found: found.append(found[1]),
    "two ends": lambda found: found.append(found[-1]),
    "a table after the end": lambda found: found.append(next(filter(is_said, found))),
    "a hash that is a list": lambda found: hashes(found, "staff").update(email_index=[1]),
    "a hash that is no hex": lambda found: hashes(found, "staff").update(email_index={"hex": "zz"}),
    "a sum too big": lambda found: first(found, "batches").update(price_minor=2**63),
    "JSON that is none": lambda found: first(found, "plans").update(sites="{"),
    "sites that are none": lambda found: first(found, "plans").update(sites='["x"]'),
    "hours that are none": lambda found: first(found, "plans").update(hours="{"),
    "a day of 25 hours": lambda found: first(found, "plans").update(hours='{"days": [0], "begin": 1500, "end": 0}'),
    "a plan of no kind": lambda found: first(found, "plans").update(kind="x"),
    "a plan for no device": lambda found: first(found, "plans").update(max_devices=-1),
    "a copy of no plan": lambda found: first(found, "batches").update(plan_copy="{}"),
    "a zone that is nowhere": lambda found: first(found, "tenants").update(timezone="No/where"),
    "a zone that is a folder": lambda found: first(found, "tenants").update(timezone="../../etc/passwd"),
    "a colour that is a style": lambda found: first(found, "tenants").update(accent="red}body{display:none"),
    "a name that moves the screen": lambda found: first(found, "tenants").update(name="\x1b[2Jx"),
    "rules that are none": lambda found: first(found, "tenants").update(refund_rules="{"),
    "lengths that are none": lambda found: first(found, "tenants").update(imported_lengths="a b"),
    "networks that are none": lambda found: first(found, "tenants").update(router_networks="x"),
    "a beat that is none": lambda found: first(found, "routers").update(beat='{"applied": "x"}'),
    "answers that are none": lambda found: first(found, "routers").update(answers="{"),
    "a port that is none": lambda found: first(found, "routers").update(port=99_999_999),
    "an address that is none": lambda found: first(found, "alarm_channels").update(address_sealed="https://[x/"),
    "a hash that takes memory": lambda found: first(found, "staff").update(password_hash=hashed("m=262144,t=2,p=1")),
    "a hash that takes long": lambda found: first(found, "staff").update(password_hash=hashed("m=19456,t=5,p=1")),
    "a hash that takes all cores": lambda found: first(found, "staff").update(password_hash=hashed("m=19456,t=2,p=5")),
    "another hash": lambda found: first(found, "staff").update(password_hash=hashed("m=19456,t=2,p=1", "argon2i")),
    "a hash that is none": lambda found: first(found, "staff").update(password_hash={"hex": "ff"}),
    "other books": lambda found: found[-1]["balances"].update({next(iter(found[-1]["balances"])): 7}),
    "no table said": lambda found: found.remove(
        next(each for each in found if isinstance(each, dict) and "table" in each)
    ),
    "a line that is nothing": lambda found: found.insert(3, 5),
}


@pytest.mark.parametrize("what", FORGERIES)
async def test_a_file_that_somebody_has_written_themselves_is_refused(home: Seed, tmp_path: Path, what: str) -> None:
    await home.write(hire, home.vault, home.clock.now())
    planted = Planted(home.db.place)
    plan = planted.rows("SELECT id FROM plans")[0]["id"]
    planted.row("batches", home.tenant.id, plan_id=plan, plan_copy=plans.to_json(home.plan))
    planted.connection.close()
    await channel(home, "https://alarms.example.test/x")
    file = await packed(home, tmp_path / "isp.move")
    moved_in(forged(file, tmp_path, lambda _: None), tmp_path / "sound", home.clock.now())
    with pytest.raises(Unusable) as refused:
        moved_in(forged(file, tmp_path, FORGERIES[what], anew=True), tmp_path / "there", home.clock.now())
    assert "What came in of" not in str(refused.value), "it is not found by its digest alone"
    assert nothing_in(tmp_path / "there")


@pytest.mark.parametrize(
    ("room", "guard", "what"),
    [
        pytest.param(
            *(values, "hold", "a number where yes or no is"),
            marks=pytest.mark.sqlite_only(reason="a server has a kind of its own for yes and no"),
        ),
        (readable, "must_be", "JSON that is none"),
        (readable, "must_be", "a zone that is nowhere"),
        (readable, "must_be", "a hash that takes memory"),
    ],
)
async def test_without_its_guard_it_would_come_in(
    home: Seed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: Any, guard: str, what: str
) -> None:
    await home.write(hire, home.vault, home.clock.now())
    file = forged(await packed(home, tmp_path / "isp.move"), tmp_path, FORGERIES[what], anew=True)
    with pytest.raises(Unusable):
        moved_in(file, tmp_path / "there", home.clock.now())
    monkeypatch.setattr(room, guard, lambda *_: None)
    assert moved_in(file, tmp_path / "there", home.clock.now()).breaches == []


LINES = {
    "deep": b"[" * 100_000,
    "many digits": b"9" * 5_000,
    "no UTF-8": b"\xff",
    "empty": b"",
    "too long": b"x" * (1 << 24) + b"y" * (1 << 21),
}


@pytest.mark.parametrize("what", LINES)
@pytest.mark.parametrize("place", [0, 1])
async def test_a_line_that_is_none_is_refused_in_a_sentence(home: Seed, tmp_path: Path, what: str, place: int) -> None:
    whole = b"".join(unpack.plain(await packed(home, tmp_path / "isp.move"), WORDS)).splitlines()
    whole.insert(place, LINES[what])
    (tmp_path / "forged.move").write_bytes(b"".join(sealed(MOVE, WORDS, [b"\n".join([*whole, b""])])))
    with pytest.raises(Unusable):
        moved_in(tmp_path / "forged.move", tmp_path / "there", home.clock.now())
    assert nothing_in(tmp_path / "there")


@pytest.mark.parametrize("error", [ValueError, TypeError, KeyError, OverflowError, RecursionError, sqlite3.DataError])
async def test_what_nobody_thought_of_is_refused_in_a_sentence_too(
    home: Seed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    file = await packed(home, tmp_path / "isp.move")
    monkeypatch.setattr(unpack, "stored", lambda *_: raised(error()))
    with pytest.raises(Unusable, match="a value that is none"):
        moved_in(file, tmp_path / "there", home.clock.now())
    assert nothing_in(tmp_path / "there")
    full_disk = sqlite3.OperationalError("database or disk is full")
    full_disk.sqlite_errorcode = sqlite3.SQLITE_FULL
    monkeypatch.setattr(unpack, "stored", lambda *_: raised(full_disk))
    with pytest.raises(sqlite3.OperationalError, match="disk is full"):
        moved_in(file, tmp_path / "there", home.clock.now())


def raised(error: Exception) -> None:
    raise error
