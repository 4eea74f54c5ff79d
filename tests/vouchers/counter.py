"""The counter of a shop in tests of the command line: what its database says of the first batch, and of acts."""

from __future__ import annotations

from portal.keys.ring import vault_for_units
from portal.seal import Vault
from portal.units import Unit, drive, rows
from portal.vouchers.batches import open_code
from tests import raw
from tests.shell import KEY, Shell


def codes_in(shell: Shell) -> list[str]:
    """Every code of the first batch."""
    with raw.opened(shell.place) as connection:
        return drive(_codes(vault_for_units(KEY.encode(), None)), 1, connection.run)


def _codes(vault: Vault) -> Unit[list[str]]:
    found = yield from rows("SELECT label, code_sealed FROM vouchers WHERE tenant_id = :tenant ORDER BY serial")
    return [open_code(vault, 1, row["label"], row["code_sealed"]) for row in found]


def acts_in(shell: Shell) -> list[tuple[str, str, int, int, str]]:
    """What was printed and exported, oldest first."""
    found = raw.asked(
        shell.place,
        "SELECT act, how, first_serial, last_serial, actor FROM voucher_acts"
        " WHERE act NOT IN ('made', 'voided') ORDER BY id",
    )
    return [(row["act"], row["how"], row["first_serial"], row["last_serial"], row["actor"]) for row in found]
