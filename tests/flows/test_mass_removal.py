"""Half of a router's rows at once: what our own books do not explain is held until staff allow it."""

from __future__ import annotations

from portal.access import admission, store
from portal.clock import HOUR
from portal.mikrotik.difference import MASS
from portal.place import Place, Server
from portal.tenancy import store as tenancy
from portal.units import Sql, Unit
from tests.flows.site import Site, address_of, mac_of
from tests.raw import asked

# --- mass removals ---


def _lose(kept_ids: tuple[int, ...]) -> Unit[None]:
    """The database was restored from an older copy: it knows nothing of later devices and passes."""
    marks = ", ".join(str(each) for each in kept_ids)
    for table in ("usage", "presence", "sessions", "pass_devices"):
        yield Sql(f"DELETE FROM {table} WHERE tenant_id = :tenant AND device_id NOT IN ({marks})", {})
    yield Sql(f"DELETE FROM passes WHERE tenant_id = :tenant AND device_id NOT IN ({marks})", {})
    yield Sql(f"DELETE FROM devices WHERE tenant_id = :tenant AND id NOT IN ({marks})", {})


def _count_on(place: Place) -> None:
    """The older copy knows no later number; a file takes the next one after those that are there by itself."""
    if isinstance(place, Server):
        for table in ("devices", "passes"):
            asked(place, f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), MAX(id)) FROM {table}")


async def a_restored_database(site: Site, keep: int) -> list[store.Device]:
    devices = await site.guests(MASS)
    await site.agrees()
    await site.stop_keeper()
    await site.seed.write(_lose, tuple(each.id for each in devices[:keep]))
    _count_on(site.seed.db.place)
    await site.start_keeper()
    await site.until(lambda: site.keeper.agreed_at > 0)
    return devices


async def test_a_mass_removal_that_the_books_do_not_know_is_held_for_staff(site: Site) -> None:
    await a_restored_database(site, keep=8)
    await site.polled()
    assert len(site.users()) == MASS, "held"
    assert await site.lines() == ["mass-removal"]

    # Meanwhile the others are served, and what the books know of is taken off.
    await site.guest(90)
    known = await site.standing(await site.arrive(mac_of(1), address_of(1)))
    assert known.head is not None
    await site.seed.write(admission.end_pass, known.head.id, "void", site.clock.now())
    await site.until(lambda: not site.online(mac_of(1)))
    await site.later(2 * HOUR)
    await site.polled()
    assert len(site.users()) == MASS - 8 - 1, "the new guest has the number, and now the row, of one that was lost"
    assert not site.online(mac_of(2)), "its pass has ended, as the books know"

    await site.seed.write(tenancy.set_mass_removal, site.row.id, "allowed")
    await site.agrees()
    assert site.users() == []


async def test_a_smaller_removal_is_not_held(site: Site) -> None:
    await a_restored_database(site, keep=10)
    await site.agrees()
    assert len(site.users()) == 10
    assert await site.lines() == []


async def test_a_mass_end_that_the_books_explain_is_not_held(site: Site) -> None:
    devices = await site.guests(MASS)
    await site.stop_keeper()
    await site.later(HOUR)
    await site.start_keeper()
    await site.until(lambda: site.users() == [])
    await site.agrees()
    assert await site.lines() == []
    assert not any(site.online(mac_of(number)) for number in range(1, len(devices) + 1))
