"""What staff do to a router: each act is one change with its line in the audit log, and keepers follow at once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.routers import calls, form, store
from portal.console.routers.form import Wished
from portal.errors import Refused
from portal.payments import joining
from portal.tenancy import store as tenancy
from portal.tenancy.store import AsksRadius, Router

Act = Callable[[Desk, Router, str, str], Awaitable[Response]]

PASSWORD_BYTES = 18
_KEY = re.compile(r"[0-9a-f]{32}")


def number(desk: Desk) -> int:
    """The router that the address names."""
    return asked.number(desk.request.path_params["id"])


async def found(desk: Desk) -> Router:
    """The router that the address names; raises `Refused`."""
    return await desk.read(store.router, number(desk))


def reason(desk: Desk) -> str:
    """Why it is done; raises `Refused`."""
    return asked.reason(desk.fields.get("reason", ""))


async def _act(desk: Desk, act: str, router: Router, unit: Any, *args: Any, **kwargs: Any) -> None:
    await desk.act(act, f"router:{router.id}", unit, desk.view.tenant.id, router.id, *args, **kwargs)
    await follow(desk)


async def follow(desk: Desk) -> None:
    """Let guests' pages and keepers see the change now."""
    await desk.services.catalog.refresh()
    if desk.services.keepers is not None:
        desk.services.keepers.loop.wake()


async def add(desk: Desk, key: str, wished: Wished) -> int:
    """A further router; `key` stands in its form, so that the form adds it once. Raises `Refused`."""
    if not _KEY.fullmatch(key):
        raise Refused("form")
    _must_be_free(desk, wished)
    # Not the key itself: no form of one ISP can name the router of another.
    public = desk.services.vault.index(desk.view.tenant.id, "router form", key).hex()[:8]
    router_id = await desk.act(
        "router.add",
        lambda made: f"router:{made}",
        store.add,
        desk.view.tenant.id,
        desk.services.vault,
        desk.now,
        public=public,
        password=secrets.token_urlsafe(PASSWORD_BYTES),
        radius=wished.asks,
        after=wished.told(),
        **wished.columns,
    )
    await follow(desk)
    return router_id


def _must_be_free(desk: Desk, wished: Wished, but: int = 0) -> None:
    """FreeRADIUS knows a router by the source of its packets alone; raises `Refused`."""
    taken = desk.services.catalog.router_by_source(wished.asks.source) if wished.asks else None
    if taken is not None and taken[1].id != but:
        raise Refused("router-source-taken", status=409)


async def script_of(desk: Desk, router: Router) -> str:
    """The set-up script with everything that it needs; raises `Refused`."""
    password, settings = router.password(desk.services.vault), desk.services.settings
    hosts: tuple[str, ...] = await desk.read(joining.hosts, desk.services.providers)
    keys = calls.calling_for(desk, router)
    secret = router.radius_secret(desk.services.vault)
    return form.script_of(
        router, password, settings.public_url, desk.view.tenant.timezone, hosts, calling=keys, secret=secret
    )


async def shown(desk: Desk, router: Router, act: str) -> None:
    """Write down that the password was seen."""
    await desk.act(act, f"router:{router.id}", store.nothing, after={"name": router.name})


async def pin(desk: Desk, router: Router, fingerprint: str) -> None:
    """From now on only the router with this certificate is spoken to."""
    before, after = {"fingerprint": router.fingerprint}, {"fingerprint": fingerprint}
    changes = {"fingerprint": fingerprint, "trouble": None}
    await _act(desk, "router.pin", router, store.change, **changes, before=before, after=after)


async def change(desk: Desk, router: Router, wished: Wished) -> bool:
    """Change what is kept of it; whether its script has changed with that. Raises `Refused`."""
    was = {**form.filled(router), "host": router.host, "port": router.port, "tunnel": router.tunnel}
    _must_be_free(desk, wished, router.id)
    columns: dict[str, Any] = {**wished.columns, "trouble": None, **_mode(desk, router, wished)}
    if wished.tunnel:
        columns["fingerprint"] = None  # nothing is compared inside of a tunnel
    told = wished.told()
    before = {name: value for name, value in was.items() if name in told and value != told[name]}
    after = {name: value for name, value in told.items() if was.get(name, "") != value}
    await _act(desk, "router.change", router, store.change, **columns, before=before, after=after)
    asked_again = (wished.answers.kept(), wished.hotspot_host, wished.tunnel, wished.asks)
    return asked_again != (router.answers, router.hotspot_host, router.tunnel, asks_of(router))


def asks_of(router: Router) -> AsksRadius | None:
    """How it asks RADIUS, if it does."""
    source = router.radius_source if router.mode == "radius" else None
    return AsksRadius(source=source, coa_port=router.coa_port) if source else None


def _mode(desk: Desk, router: Router, wished: Wished) -> dict[str, Any]:
    """The columns of how Bando works with it; a secret that is there stays."""
    if wished.asks is None:
        return {"mode": "api", "radius_source": None, "coa_port": None, "radius_secret_sealed": None}
    columns = tenancy.radius_columns(desk.services.vault, router.public, wished.asks)
    if router.radius_secret_sealed is not None:
        del columns["radius_secret_sealed"]
    return columns


async def new_password(desk: Desk, router: Router, why: str, _: str) -> Response:
    """A new password, or a new RADIUS secret; its script is shown next."""
    asks = asks_of(router)
    if asks is not None:
        columns = tenancy.radius_columns(desk.services.vault, router.public, asks)
        await _act(desk, "router.password", router, store.change, **columns, after={"reason": why})
        return desk.go(f"/console/routers/{router.id}/script", "router-secret")
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    vault = desk.services.vault
    await _act(desk, "router.password", router, store.new_password, vault, password, after={"reason": why})
    return desk.go(f"/console/routers/{router.id}/script", "router-password")


async def switch(desk: Desk, router: Router, why: str, word: str) -> Response:
    """Off: its keeper stops, its entry is closed. On: both come back."""
    after = {"name": router.name, "reason": why}
    await _act(desk, f"router.{word}", router, store.change, active=word == "on", after=after)
    return desk.go(f"/console/routers/{router.id}", f"router-{word}")


async def allow(desk: Desk, router: Router, why: str, _: str) -> Response:
    """Let the removal happen at the next look."""
    await _act(desk, "router.allow", router, store.allow, desk.now, after={"name": router.name, "reason": why})
    if desk.services.keepers is not None:
        desk.services.keepers.poll(router)
    return desk.go(f"/console/routers/{router.id}", "router-allowed")
