"""The counter of a shop in tests of the command line: what its database says of the first batch, and of acts."""

from __future__ import annotations

from contextlib import closing
from sqlite3 import connect

from portal.seal import Vault
from portal.vouchers.batches import open_code
from tests.shell import KEY, Shell


def codes_in(shell: Shell) -> list[str]:
    """Every code of the first batch."""
    with closing(connect(shell.folder / "bando.db")) as connection:
        found = connection.execute("SELECT label, code_sealed FROM vouchers ORDER BY serial").fetchall()
    return [open_code(Vault(KEY.encode()), 1, label, sealed) for label, sealed in found]


def acts_in(shell: Shell) -> list[tuple[str, str, int, int, str]]:
    """What was printed and exported, oldest first."""
    with closing(connect(shell.folder / "bando.db")) as connection:
        return connection.execute(
            "SELECT act, how, first_serial, last_serial, actor FROM voucher_acts"
            " WHERE act NOT IN ('made', 'voided') ORDER BY id"
        ).fetchall()
