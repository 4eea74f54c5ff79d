"""A year of a large ISP, written straight into its tables: what the console's pages are measured on.

The rows are lifelike in number, spread and indexes; only what a page opens is sealed for real.
"""

from __future__ import annotations

import sqlite3

from benchmarks.year import acts, cards, house, money, online
from benchmarks.year.ground import Filling, Size, Year
from portal.seal import Vault

__all__ = ["Size", "Year", "fill"]


def fill(connection: sqlite3.Connection, vault: Vault, year: Year) -> None:
    """Write the year of one ISP."""
    of = Filling(connection, vault, year)
    connection.execute("BEGIN")
    house.write(of)
    first_device = house.devices(of)
    persons = house.persons(of)
    labels = cards.vouchers(of)
    publics = money.payments(of, first_device, persons)
    money.books(of)
    online.passes(of, first_device, persons, labels, publics)
    online.presence(of, first_device)
    online.write(of)
    acts.log(of, first_device, publics)
    connection.execute("COMMIT")
