"""What many tests need: a migrated database, a tenant with a router and plans in it, and unit runners."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import DAY, HOUR, TravelClock
from portal.db import Database, open_database
from portal.keys.ring import vault_of
from portal.migrate import migrate
from portal.money import Money
from portal.place import Place, Server
from portal.processors.registry import Processor
from portal.seal import Vault, new_public
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Unit
from tests import postgres

MASTER = b"a master key of the tests, 32 bytes and more"


@lru_cache(maxsize=1)
def template() -> Path:
    """A migrated, empty database, made once in each test process."""
    path = Path(tempfile.mkdtemp(prefix="bando-template-")) / "template.db"
    migrate(path)
    return path


def fresh_file(folder: Path, name: str = "bando.db") -> Path:
    """A migrated database file in `folder`."""
    path = folder / name
    shutil.copyfile(template(), path)
    return path


def on_postgres() -> bool:
    """Whether the tests run on PostgreSQL: `make test-postgres`."""
    return os.environ.get("BANDO_TEST_ENGINE") == "postgresql"


def examples(count: int) -> int:
    """How many random histories are tried: each statement of a server's costs a way there and back."""
    return max(1, count // 5) if on_postgres() else count


def fresh_place(folder: Path, name: str = "bando.db") -> Place:
    """A migrated, empty database of the engine that is tested."""
    return postgres.fresh_database() if on_postgres() else fresh_file(folder, name)


def spelt(place: Place) -> str:
    """A place as one word, for another process."""
    return place.url if isinstance(place, Server) else str(place)


def place_at(word: str) -> Place:
    """The place of such a word."""
    return Server(word) if word.startswith("postgresql:") else Path(word)


def placed(place: Place) -> dict[str, str]:
    """The settings that name a place."""
    return {"DATABASE_URL": place.url} if isinstance(place, Server) else {"BANDO_DATABASE": str(place)}


def records() -> dict[str, str]:
    """Where a world has its records, as settings: in its own folder unless the tests run on PostgreSQL."""
    return {"DATABASE_URL": postgres.fresh_database().url} if on_postgres() else {}


def a_plan(**changes: Any) -> Plan:
    """An hour by the clock for KSh 20, unless `changes` say otherwise."""
    fields: dict[str, Any] = {
        "id": 0,
        "public": new_public(4),
        "name": "1 hour",
        "price": Money(2000),
        "kind": "wall",
        "span_ms": HOUR,
        "use_by_ms": 30 * DAY,
        **changes,
    }
    return Plan(**fields)


@dataclass(kw_only=True)
class Seed:
    """A tenant with one router and one plan."""

    db: Database
    clock: TravelClock
    vault: Vault
    tenant: Tenant
    router_id: int
    plan: Plan

    async def write(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        return await self.db.write(self.tenant.id, unit, *args, **kwargs)

    async def read(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        return await self.db.read(self.tenant.id, unit, *args, **kwargs)

    async def plan_of(self, **changes: Any) -> Plan:
        """A further plan on sale."""
        plan = a_plan(**changes)
        plan_id = await self.write(access.add_plan, plan, self.clock.now())
        return Plan(**{**plan.__dict__, "id": plan_id})


def add_router(vault: Vault, now: int, **changes: Any) -> Unit[int]:
    fields: dict[str, Any] = {
        "name": "Site 1",
        "host": "127.0.0.1",
        "port": 1,
        "username": "bando",
        "password": "router-password",
        "hotspot_host": "login.wifi.test",
        "tunnel": True,
        **changes,
    }
    return (yield from tenancy.add_router(vault, now, **fields))


async def seed(folder: Path, *, clock: TravelClock | None = None, place: Place | None = None, **router: Any) -> Seed:
    """A database with an ISP in it; `router` changes the router's fields (host, port, fingerprint, …)."""
    clock = clock or TravelClock()
    db = open_database(place or fresh_place(folder))
    tenant = await db.write(None, tenancy.add_tenant, "Kilimani Wi-Fi", clock.now(), support_phone="0700 000 000")
    vault = vault_of(MASTER, db, clock).of(tenant.id)
    router_id = await db.write(tenant.id, add_router, vault, clock.now(), **router)
    made = Seed(db=db, clock=clock, vault=vault, tenant=tenant, router_id=router_id, plan=a_plan())
    made.plan = await made.plan_of()
    return made


async def anybody(tenant_id: int, mark: str) -> Processor | None:
    """A register that knows everybody, for adapters that are tried without a database."""
    return Processor(id=1, mark=mark, named=mark, purpose="-", gets="-", added_by="test", added_at=0)
