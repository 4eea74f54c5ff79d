"""Units of the routers' pages. Each change counts the ISP's version up, so that keepers and every process follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.clock import Moment
from portal.errors import Refused
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from portal.units import Row, Unit, rows, update

LINES = 10  # of the latest trouble


@dataclass(frozen=True, kw_only=True)
class Known:
    """A router, and what the database knows about how it is."""

    router: Router
    online: int
    lines: Sequence[Row]


def listed(fresh: Moment) -> Unit[tuple[list[Router], Mapping[int, int]]]:
    """All routers, and how many devices are online at each."""
    found = yield from tenancy.routers()
    return found, (yield from online(fresh))


def online(fresh: Moment) -> Unit[Mapping[int, int]]:
    """Devices that routers said to be online since `fresh`, by router."""
    found = yield from rows(
        # Whoever is online is found by the index of online_since; grouped plainly, SQLite reads everybody ever seen.
        "SELECT router_id + 0 AS router_id, COUNT(*) AS online FROM presence WHERE tenant_id = :tenant"
        " AND online_since > 0 AND seen_at + patience_ms >= :fresh GROUP BY router_id + 0",
        fresh=fresh,
    )
    return {row["router_id"]: row["online"] for row in found}


def router(router_id: int) -> Unit[Router]:
    """This router; raises `Refused`."""
    found = yield from tenancy.router(router_id)
    if found is None:
        raise Refused("not-found", status=404)
    return found


def known(router_id: int, fresh: Moment) -> Unit[Known]:
    """What its page shows; raises `Refused`."""
    found = yield from router(router_id)
    counts = yield from online(fresh)
    return Known(router=found, online=counts.get(router_id, 0), lines=(yield from lines(router_id)))


def lines(router_id: int) -> Unit[Sequence[Row]]:
    """The latest lines for staff about a router, open ones first."""
    return (
        yield from rows(
            "SELECT id, kind, detail, opened_at, closed_at FROM exceptions WHERE tenant_id = :tenant"
            " AND subject = :subject ORDER BY closed_at IS NOT NULL, opened_at DESC, id DESC LIMIT :most",
            subject=f"router:{router_id}",
            most=LINES,
        )
    )


def add(tenant_id: int, vault: Vault, now: Moment, *, public: str, name: str, **fields: Any) -> Unit[int]:
    """A further router; a form that is sent twice adds it once. Raises `Refused`."""
    there = yield from tenancy.routers()
    twin = next((each.id for each in there if each.public == public), None)
    if twin is not None:
        raise Refused("router-there", status=409, router=twin)
    _must_be_free(name, there)
    router_id = yield from tenancy.add_router(vault, now, public=public, name=name, username="bando", **fields)
    yield from tenancy.bump(tenant_id)
    return router_id


def _must_be_free(name: str, there: Sequence[Router], but: int = 0) -> None:
    if any(each.name.casefold() == name.casefold() and each.id != but for each in there):
        raise Refused("router-name-taken", status=409)


def change(tenant_id: int, router_id: int, **columns: Any) -> Unit[None]:
    """Change columns of a router; raises `Refused`."""
    yield from router(router_id)
    if "name" in columns:
        _must_be_free(columns["name"], (yield from tenancy.routers()), router_id)
    yield from update("routers", router_id, **columns)
    yield from tenancy.bump(tenant_id)


def new_password(tenant_id: int, router_id: int, vault: Vault, password: str) -> Unit[None]:
    """Keep another password for its API; raises `Refused`."""
    found = yield from router(router_id)
    sealed = vault.seal(password, table="routers", row=found.public, column="password_sealed")
    yield from change(tenant_id, router_id, password_sealed=sealed)


def allow(tenant_id: int, router_id: int, now: Moment) -> Unit[None]:
    """Let the removal happen that was held; raises `Refused`."""
    found = yield from router(router_id)
    if found.mass_removal != "held":
        raise Refused("router-not-held", status=409)
    yield from tenancy.set_mass_removal(router_id, "allowed")
    yield from tenancy.settle_line("mass-removal", f"router:{router_id}", now)
    yield from tenancy.bump(tenant_id)


def nothing() -> Unit[None]:
    """No change: an act that only shows something is written down all the same."""
    yield from ()
