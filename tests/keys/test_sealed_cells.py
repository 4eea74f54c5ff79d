"""Each sealed column: the table of columns is whole, and a ciphertext opens in its own cell and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.columns import metadata
from portal.keys.cells import CELLS, ELSEWHERE, SEALED, Cells
from portal.keys.ring import vault_of
from portal.seal import NotOurs, Vault
from portal.tenancy import store as tenancy
from portal.units import Row, Unit
from tests.keys.everything import all_cells, opened, planted, value_of
from tests.support import MASTER, Seed, seed

NOT_SEALED = {"sealing_keys.wrapped", "root_keys.wrapped"}  # by the master key alone


def sealed_columns() -> set[str]:
    """What the schema calls sealed, or a seal."""
    found = (column for table in metadata.sorted_tables for column in table.columns)
    return {f"{each.table.name}.{each.name}" for each in found if each.name == "seal" or each.name.endswith("_sealed")}


def test_every_sealed_column_is_in_the_table_of_what_a_rotation_has_to_know() -> None:
    assert sealed_columns() == set(SEALED) | set(ELSEWHERE)
    assert not set(SEALED) & set(ELSEWHERE)


def test_a_column_that_is_missing_there_would_be_noticed() -> None:
    assert "vouchers.code_sealed" in sealed_columns()
    assert sealed_columns() != (set(SEALED) | set(ELSEWHERE)) - {"vouchers.code_sealed"}


@pytest.mark.parametrize("cells", CELLS, ids=lambda each: each.name)
def test_a_place_names_its_row_by_columns_that_never_change(cells: Cells) -> None:
    columns = metadata.tables[cells.table].c
    assert {cells.column, *cells.named_by} <= set(columns.keys())
    assert cells.of(dict.fromkeys(cells.named_by, "x"))["table"] == cells.table
    assert cells.named_by


def test_two_rows_of_a_table_have_two_places() -> None:
    """By constraints of the database, for all ISPs or with the ISP in the name."""
    for cells in CELLS:
        alone = {tuple(sorted(cells.named_by)), tuple(sorted({*cells.named_by, "tenant_id"}))}
        table = metadata.tables[cells.table]
        unique = {tuple(sorted(c.name for c in each.columns)) for each in table.constraints if hasattr(each, "columns")}
        unique |= {(column.name,) for column in table.columns if column.unique}
        assert alone & unique or cells.name == "imports.found_sealed", cells.name  # which is one at a time


async def two_isps(folder: Path) -> tuple[Seed, Vault, dict[int, list[tuple[Cells, Row]]]]:
    """Two ISPs with two rows in each table, and all that is sealed there."""
    home = await seed(folder)
    vault = vault_of(MASTER, home.db, home.clock)
    other = await home.db.write(None, tenancy.add_tenant, "Westlands Net", home.clock.now())
    found = {}
    for tenant in (home.tenant.id, other.id):
        await home.db.write(tenant, planted, vault, tenant, f"t{tenant}n", 2)
        found[tenant] = await home.db.read(tenant, all_cells)
    return home, vault, found


async def test_everything_opens_in_its_own_cell(tmp_path: Path) -> None:
    home, vault, found = await two_isps(tmp_path)
    for tenant, some in found.items():
        assert {cells.name for cells, _ in some} == set(SEALED)
        said = [(opened(vault.of(tenant), *each).decode(), value_of(*each)) for each in some]
        router = tenant == home.tenant.id  # that of the seed, with another password
        assert sum(is_so == meant for is_so, meant in said) == len(said) - router
    await home.db.aclose()


@pytest.mark.parametrize("cells", CELLS, ids=lambda each: each.name)
async def test_a_ciphertext_that_was_moved_does_not_open(tmp_path: Path, cells: Cells) -> None:
    """To another row, to another column, and to another ISP, even under the name that the row has here."""
    home, vault, found = await two_isps(tmp_path)
    here, there = found
    own = [row for each, row in found[here] if each is cells]
    for other, row in found[here]:
        if other is not cells or row["id"] != own[-1]["id"]:
            with pytest.raises(NotOurs):
                vault.of(here).open(own[-1]["sealed"], **other.of(row))
    with pytest.raises(NotOurs):
        opened(vault.of(there), cells, own[-1])
    with pytest.raises(NotOurs):
        await home.db.read(there, _opening, vault, cells, own[-1])
    assert opened(vault.of(here), cells, own[-1])
    await home.db.aclose()


def _opening(vault: Vault, cells: Cells, row: Row) -> Unit[bytes]:
    """In a unit of the other ISP."""
    yield from all_cells()
    return opened(vault, cells, row)


@pytest.mark.parametrize("cells", CELLS, ids=lambda each: each.name)
async def test_without_keys_of_isps_it_would_open_at_another_one(tmp_path: Path, cells: Cells) -> None:
    """The control: with one key for all, a name of a row is all that keeps two ISPs apart."""
    one_for_all, row = Vault(MASTER), dict.fromkeys((*cells.named_by, "tenant_id"), 7)
    sealed = one_for_all.seal("x", **cells.of(row))

    assert one_for_all.of(1).open(sealed, **cells.of(row)) == one_for_all.of(2).open(sealed, **cells.of(row))


def test_only_the_keys_ask_which_unit_runs() -> None:
    """Everybody else is told whose unit it is; PostgreSQL is, and binds that tenant before the statement (R6)."""
    portal = Path(__file__).parents[2] / "portal"
    asking = {each.relative_to(portal).as_posix() for each in portal.rglob("*.py") if "running()" in each.read_text()}

    assert asking == {"units.py", "keys/ring.py", "db/aside.py", "db/connections.py"}
