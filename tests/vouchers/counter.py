"""The counter of a shop in tests of the command line: what its database says of the first batch, and of acts."""

from __future__ import annotations

from contextlib import closing
from sqlite3 import Row, connect

from portal.db import executor, quiet
from portal.keys.ring import vault_for_units
from portal.seal import Vault
from portal.units import Unit, drive, rows
from portal.vouchers.batches import open_code
from tests.shell import KEY, Shell


def codes_in(shell: Shell) -> list[str]:
    """Every code of the first batch."""
    with closing(connect(shell.folder / "bando.db")) as connection:
        connection.row_factory = Row
        return drive(_codes(vault_for_units(KEY.encode(), None)), 1, executor(connection, quiet))


def _codes(vault: Vault) -> Unit[list[str]]:
    found = yield from rows("SELECT label, code_sealed FROM vouchers WHERE tenant_id = :tenant ORDER BY serial")
    return [open_code(vault, 1, row["label"], row["code_sealed"]) for row in found]


def acts_in(shell: Shell) -> list[tuple[str, str, int, int, str]]:
    """What was printed and exported, oldest first."""
    with closing(connect(shell.folder / "bando.db")) as connection:
        return connection.execute(
            "SELECT act, how, first_serial, last_serial, actor FROM voucher_acts"
            " WHERE act NOT IN ('made', 'voided') ORDER BY id"
        ).fetchall()
