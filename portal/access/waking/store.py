"""The statement of wake-ups: the version of a router moves with each of them.

All who redeem at a router move it at the same time. On a server each would wait for the one before to reach the disk,
so whoever finds somebody at it leaves it to them. What is missed then is a wake-up that is lost while another one is on
its way, and the next poll finds it.
"""

from __future__ import annotations

from portal.sql import otherwise
from portal.units import Sql, Unit

_MOVED = "UPDATE routers SET wake_version = wake_version + 1 WHERE tenant_id = :tenant AND id = "
_MOVE = otherwise(
    f"{_MOVED}:id",
    f"{_MOVED}(SELECT r.id FROM routers r WHERE r.tenant_id = :tenant AND r.id = :id FOR UPDATE SKIP LOCKED)",
)


def move(router_id: int) -> Unit[None]:
    """Something at this router has changed."""
    yield Sql(_MOVE, {"id": router_id})
