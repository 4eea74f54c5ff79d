"""What the engines raise of their own, for whoever must tell a full disk from a value that cannot be."""

from __future__ import annotations

import asyncpg

from portal.db import groups
from portal.db.connections import AWAY, DatabaseAway

ENGINE_FAILS = (*groups.ENGINE_FAILS, *AWAY, DatabaseAway, asyncpg.PostgresError, asyncpg.InterfaceError)
_OF_THE_SERVER = (
    *(*AWAY, DatabaseAway),
    *(asyncpg.InsufficientResourcesError, asyncpg.OperatorInterventionError, asyncpg.PostgresSystemError),
    *(asyncpg.LockNotAvailableError, asyncpg.InsufficientPrivilegeError),
)


def of_the_machine(failed: BaseException) -> bool:
    """Whether the engine failed for want of room, memory, its turn or its server, and not for what it was given."""
    return isinstance(failed, _OF_THE_SERVER) or groups.of_the_machine(failed)
