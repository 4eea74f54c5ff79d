"""What would happen without the guards: for processes of their own that show the tests can fail.

Two things keep a voucher from making two passes: it is taken by one statement that only finds a printed one, and
the table of passes has one place for each cause. (That one thread writes is not relied on: two processes may.)
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection
from contextlib import closing

from portal.clock import Moment
from portal.place import Place, Server
from portal.units import Unit, update
from portal.vouchers import store
from portal.vouchers.store import Taken
from tests import raw

TAKE, PLACE = "take", "place"
CAUSE = r",\s*CONSTRAINT \w+ UNIQUE \(tenant_id, cause_kind, cause_ref\)"


def take_any(code_index: bytes, router_id: int, now: Moment) -> Unit[Taken | None]:
    """`store.take` that looks, and then writes whatever it finds: a state that others may have changed meanwhile."""
    found = yield from store.with_batch(code_index)
    if found is None:
        return None
    voucher, batch = found
    yield from update("vouchers", voucher.id, state="redeemed", redeemed_at=now, redeemed_router_id=router_id)
    return Taken(label=voucher.label, plan=batch.plan, sold=False, agent_id=None, commission_minor=0)


def remove(guards: Collection[str]) -> None:
    """Work without these guards in this process; the place for each cause is the database's (`free_the_place`)."""
    if TAKE in guards:
        store.take = take_any


def free_the_place(place: Place) -> None:
    """Give a cause room for more than one pass; nobody may have one yet."""
    if isinstance(place, Server):
        raw.changed(place, "ALTER TABLE passes DROP CONSTRAINT uq_passes_tenant_id_cause_kind_cause_ref")
        return
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        made = connection.execute("SELECT sql FROM sqlite_master WHERE tbl_name = 'passes' AND sql <> ''").fetchall()
        table, *indexes = [sql for (sql,) in made]
        loose = re.sub(CAUSE, "", table)
        assert loose != table
        connection.execute("DROP TABLE passes")
        for sql in (loose, *indexes):
            connection.execute(sql)
