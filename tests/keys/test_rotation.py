"""A rotation: everything anew under a new key, whatever breaks off in between, and the end of the old key."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from portal.audit import store as audit
from portal.clock import DAY, HOUR, MINUTE
from portal.db import open_database
from portal.keys import rotation, store
from portal.keys.cells import CELLS, SEALED
from portal.keys.examine import lost, under_heads
from portal.keys.ring import Ring, ring_of, vault_of
from portal.keys.rotation import KEPT_MS, Rotation, Turn, begin
from portal.pages.context import LIFETIME_MS, Context, open_context, seal_context
from portal.people import store as people
from portal.phone import Phone
from portal.privacy.closed.room import Closed
from portal.seal import BY_MASTER, NotOurs, Vault, head_of
from portal.tenancy import closing
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Sql, Unit, insert
from tests.keys.everything import all_cells, opened, planted, value_of
from tests.support import MASTER, Seed, add_router, seed

EACH = 12
PHONE = Phone("254712345678")


@dataclass(kw_only=True)
class House:
    """An ISP with cells of all kinds, another one beside it, and the room that rotates."""

    home: Seed
    other: Tenant
    ring: Ring
    room: Rotation
    person: int

    async def under(self, tenant: int = 0) -> dict[bytes, int]:
        return dict(await self.home.db.read(tenant or self.home.tenant.id, under_heads))

    async def known(self) -> list[store.Known]:
        found: list[store.Known] = await self.home.read(store.known)
        return found

    async def erased(self) -> Tenant:
        """The other ISP, closed and erased."""
        db, clock = self.home.db, self.home.clock
        await db.write(self.other.id, closing.close, self.other.id, clock.now())
        clock.advance(closing.ERASE_AFTER_DAYS * DAY)
        assert await Closed(db, self.ring.vault, clock).run_once() == 1
        found: Tenant | None = await db.read(None, tenancy.tenant, self.other.id)
        assert found is not None
        return found

    async def rotate(self) -> Turn:
        (turn,) = await self.room.rotate([self.home.tenant], "command")
        return turn

    async def all_open(self, vault: Vault) -> None:
        """Every cell holds what was planted there, and the person's own key still opens the number."""
        some = await self.home.read(all_cells)
        assert {cells.name for cells, _ in some} == set(SEALED)
        own = vault.of(self.home.tenant.id)
        said = [(cells.name, opened(own, cells, row), value_of(cells, row).encode()) for cells, row in some]
        others = sorted(name for name, found, meant in said if found != meant)
        assert others == ["audit_heads.seal", "persons.key_sealed", "routers.password_sealed"]  # of the house itself
        found = await self.home.read(people.person, vault, self.person)
        assert found.phone == PHONE
        assert await self.home.read(audit.verify_all, vault) is None


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    home = await seed(tmp_path)
    other = await home.db.write(None, tenancy.add_tenant, "Westlands Net", home.clock.now())
    ring = ring_of(MASTER, home.db, home.clock)
    for tenant in (home.tenant.id, other.id):
        await home.db.write(tenant, planted, ring.vault, tenant, f"t{tenant}n", EACH, act=True)
    person = await home.write(people.person_for, ring.vault, home.tenant.id, PHONE, home.clock.now())
    room = Rotation(home.db, ring, home.clock)
    yield House(home=home, other=other, ring=ring, room=room, person=person)
    await home.db.aclose()


async def test_after_a_rotation_nothing_is_under_the_old_key_and_everything_opens(house: House) -> None:
    (old,) = await house.known()
    before = sum((await house.under()).values())
    elsewhere = await house.under(house.other.id)
    turn = await house.rotate()

    replaced, newest = await house.known()
    assert await house.under() == {head_of(newest.name): before}
    assert (replaced.id, replaced.replaced_at is None, newest.replaced_at) == (old.id, False, None)
    assert turn.anew == before - 1  # the head of the audit log is sealed by the act
    await house.all_open(house.ring.vault)
    await house.all_open(vault_of(MASTER, house.home.db, house.home.clock))  # as after a restart
    assert await house.under(house.other.id) == elsewhere
    (act, *_) = await house.home.read(audit.page, None, 1)
    assert (act["act"], act["subject"]) == ("keys.rotate", f"key:{newest.name.hex()}")


async def test_what_is_still_under_the_master_key_is_sealed_anew_too(house: House) -> None:
    await house.home.write(_older)
    assert (await house.under())[BY_MASTER] == 1
    await house.rotate()

    assert BY_MASTER not in await house.under()
    assert len(await house.under()) == 1


def _older() -> Unit[None]:
    sealed = Vault(MASTER).seal("x", table="routers", row="r9", column="password_sealed")
    yield Sql(
        "UPDATE routers SET public = 'r9', password_sealed = :sealed WHERE tenant_id = :tenant AND id ="
        " (SELECT MIN(id) FROM routers WHERE tenant_id = :tenant)",
        {"sealed": sealed},
    )


async def test_a_rotation_that_broke_off_goes_on_with_the_same_key(house: House) -> None:
    """Killed after a part of the cells: the next run makes no third key."""
    made = await house.home.write(begin, house.ring, house.home.tenant.id)
    house.ring.forget()
    some = await house.home.read(store.others, CELLS[-1], head_of(made.name), 0, 5)
    await house.home.write(rotation.seal_anew, house.ring.vault, CELLS[-1], some)
    assert (await house.under())[head_of(made.name)] == 5

    again = Rotation(house.home.db, ring_of(MASTER, house.home.db, house.home.clock), house.home.clock)
    (turn,) = await again.rotate([house.home.tenant], "command")
    assert turn.newest.name == made.name
    assert [each.name for each in await house.known()][1:] == [made.name]
    assert set(await house.under()) == {head_of(made.name)}
    await house.all_open(house.ring.vault)


async def test_a_cell_that_has_changed_meanwhile_keeps_what_it_became(house: House) -> None:
    await house.home.write(begin, house.ring, house.home.tenant.id)
    house.ring.forget()
    cells = next(each for each in CELLS if each.name == "routers.password_sealed")
    newest = (await house.known())[-1]
    some = await house.home.read(store.others, cells, head_of(newest.name), 0, 5)
    place = cells.of(some[0])
    fresh = house.ring.vault.of(house.home.tenant.id).seal("changed meanwhile", **place)
    await house.home.write(store.exchange, cells, some[0]["id"], some[0]["sealed"], fresh)
    anew, _ = await house.home.write(rotation.seal_anew, house.ring.vault, cells, some)

    assert anew == len(some) - 1
    (row,) = [row for each, row in await house.home.read(all_cells) if each is cells and row["id"] == some[0]["id"]]
    assert opened(house.ring.vault.of(house.home.tenant.id), cells, row) == b"changed meanwhile"


async def test_a_value_that_does_not_open_keeps_its_key_from_being_replaced(house: House) -> None:
    """The others are sealed anew all the same."""
    await house.home.write(_altered)
    turn = await house.rotate()

    assert turn.shut == 1
    assert [each.replaced_at for each in await house.known()] == [None, None]
    assert sorted((await house.under()).values())[0] <= 2  # it, and the head of the log


def _altered() -> Unit[None]:
    yield Sql(
        "UPDATE routers SET public = 'moved' WHERE tenant_id = :tenant AND id ="
        " (SELECT MIN(id) FROM routers WHERE tenant_id = :tenant)",
        {},
    )


async def test_what_an_erased_isp_left_in_sealed_columns_keeps_no_rotation_from_its_end(house: House) -> None:
    """It opens nothing and never did: it is passed over, the key of that ISP is replaced, and destroyed in its time."""
    other = await house.erased()
    left = sum(many for head, many in (await house.under(other.id)).items() if head.startswith(b"gone:"))
    assert left > EACH
    with house.home.db.beside() as run:
        assert lost(run) == []
    turns = await house.room.rotate(await house.room.everybody(), "command")

    assert {turn.tenant.id: turn.shut for turn in turns} == {house.home.tenant.id: 0, other.id: 0}
    old, newest = await house.home.db.read(other.id, store.known)
    assert (old.replaced_at is None, newest.replaced_at) == (False, None)
    house.home.clock.advance(KEPT_MS + MINUTE)
    assert await house.room.run_once() == 2
    assert await house.home.db.read(other.id, audit.verify_all, house.ring.vault) is None


async def test_what_another_process_seals_before_it_hears_of_the_key_is_found_too(house: House) -> None:
    """A portal writes somebody down under the old key, in a column that the first look has passed by then."""
    tenant, db = house.home.tenant.id, open_database(house.home.db.place)
    (old,) = await house.known()
    portal = vault_of(MASTER, db, house.home.clock).of(tenant)
    sealed = portal.seal(b"k" * 32, table="persons", row="late", column="key_sealed")
    written: list[asyncio.Task[int]] = []

    def tell(_: Tenant, done: int) -> None:
        if not written and done == (len(SEALED) - 1) * EACH + 2:  # all but the head of the log
            fields = {"ref": "late", "key_sealed": sealed, "created_at": 1, "last_seen_at": 1}
            written.append(asyncio.create_task(db.write(tenant, insert, "persons", **fields)))

    (turn,) = await house.room.rotate([house.home.tenant], "command", tell)
    assert sealed.startswith(head_of(old.name))
    assert await asyncio.gather(*written) != []
    assert set(await house.under()) == {head_of(turn.newest.name)}
    await db.aclose()


async def test_a_damaged_audit_log_keeps_the_old_key_and_is_said(house: House) -> None:
    """Its head cannot be sealed anew, since no act can be added."""
    await house.home.write(_beheaded)
    turn = await house.rotate()

    assert turn.shut == 1
    assert [each.replaced_at for each in await house.known()] == [None, None]
    assert await house.room.run_once() == 0


def _beheaded() -> Unit[None]:
    yield Sql(
        "UPDATE audit_heads SET number = number + 1, seal = :seal WHERE tenant_id = :tenant", {"seal": b"\x01" * 40}
    )


# --- the end of the old key ---


async def test_a_replaced_key_opens_pages_of_guests_for_two_days_and_is_then_destroyed(house: House) -> None:
    tenant, now = house.home.tenant, house.home.clock.now()
    context = Context(router="r", mac="AA:BB:CC:00:00:01", ip="10.0.0.2", orig="", lang="en", issued_at=now)
    address = seal_context(house.ring.vault.of(tenant.id), tenant.public, context).partition(".")[2]
    await house.rotate()

    assert KEPT_MS > LIFETIME_MS + HOUR
    house.home.clock.advance(KEPT_MS - MINUTE)
    assert await house.room.run_once() == 0
    assert open_context(house.ring.vault.of(tenant.id), tenant.public, address) == context
    house.home.clock.advance(2 * MINUTE)
    assert await house.room.run_once() == 1
    assert await house.room.run_once() == 0

    old, _ = await house.known()
    assert (old.wrapped, old.destroyed_at is None) == (None, False)
    with pytest.raises(Exception, match="old-link"):
        open_context(vault_of(MASTER, house.home.db, house.home.clock).of(tenant.id), tenant.public, address)
    await house.all_open(house.ring.vault)
    (act, *_) = await house.home.read(audit.page, None, 1)
    assert (act["act"], act["subject"]) == ("keys.destroy", f"key:{old.name.hex()}")


async def test_a_value_that_came_late_under_the_old_key_is_saved_before_it_is_destroyed(house: House) -> None:
    """A process that stood still between sealing and writing for longer than anybody waits."""
    tenant = house.home.tenant.id
    late = vault_of(MASTER, house.home.db, house.home.clock).of(tenant)
    sealed = late.seal("came late", table="routers", row="late", column="password_sealed")
    await house.rotate()
    await house.home.write(add_router, house.ring.vault, 1, public="late")
    await house.home.write(_put, sealed)
    house.home.clock.advance(KEPT_MS + MINUTE)

    assert await house.room.run_once() == 1
    assert len(await house.under()) == 1
    (found,) = [each for each in await house.home.read(tenancy.routers) if each.public == "late"]
    assert found.password(house.ring.vault) == "came late"


def _put(sealed: bytes) -> Unit[None]:
    yield Sql(
        "UPDATE routers SET password_sealed = :sealed WHERE tenant_id = :tenant AND public = 'late'", {"sealed": sealed}
    )


async def test_without_that_look_it_would_be_lost(house: House) -> None:
    """The control, and what `bando check` says of it."""
    (old,) = await house.known()
    made = await house.home.write(begin, house.ring, house.home.tenant.id)
    await house.home.write(store.replaced, made.id, 1)
    await house.home.write(store.destroy, old.id, 1)
    house.ring.forget()

    with pytest.raises(NotOurs):
        await house.all_open(house.ring.vault)
    with house.home.db.beside() as run:
        (sentence,) = lost(run)
    assert re.fullmatch(r"Kilimani Wi-Fi: \d+ sealed values are under a key that is not there", sentence)
