"""Units of the calls: a beat is heard, a wish is answered, a router may call or may not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from portal.calls import store, wishes
from portal.calls.beat import Beat, latest
from portal.calls.keys import CallKeys, keys_of, mark, new_key
from portal.calls.wishes import Wished
from portal.clock import Moment
from portal.mikrotik.router_files import files
from portal.seal import Vault, token_hash
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from portal.units import Unit

COLUMN = "call_key_sealed"
API = "api"


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """From where it is known what is wished: `hosts` are those of the payment pages of an ISP."""

    vault: Vault
    public_url: str
    hosts: Callable[[], Unit[tuple[str, ...]]]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is wished of a router now."""

    version: int
    content: str


# -- calls ------------------------------------------------------------------------------------------


def beat(source: Wishes, router_id: int, told: Beat, now: Moment) -> Unit[int | None]:
    """Keep what a router told; the version of what is wished of it. None: it may not call any more."""
    router = yield from tenancy.router(router_id)
    if router is None or router.call_hash is None:
        return None
    yield from store.heard(router_id, told.kept(), now, met=router.mode != API)
    return (yield from _standing(source, router, told)).version


def pull(source: Wishes, router_id: int, nonce: str) -> Unit[str | None]:
    """The text in answer to this nonce; None: it may not call any more."""
    router = yield from tenancy.router(router_id)
    if router is None or router.call_hash is None:
        return None
    standing = yield from _standing(source, router, latest(router.beat) or Beat())
    keys = keys_of(_key(source.vault, router))
    return wishes.document(router.public, standing.version, nonce, standing.content, keys)


def _standing(source: Wishes, router: Router, told: Beat) -> Unit[Standing]:
    """What is wished, with a version of its own. It is counted on also where the router is ahead of us, as it is
    after a backup was restored: a version that it knows already would be refused."""
    content = wishes.content((yield from _wished(source, router)), pages=told.signs)
    marked = mark(_key(source.vault, router), content)
    version = router.call_version
    if marked != router.call_mark or told.applied > version:
        version = max(version, told.applied) + 1
        yield from store.wish(router.id, version, marked)
    return Standing(version=version, content=content)


def _wished(source: Wishes, router: Router) -> Unit[Wished]:
    hosts = yield from source.hosts()
    pages = _digests(source.public_url, router.public, router.mode)
    asks = router.mode != API and router.radius_secret_sealed is not None
    return Wished(pay=hosts, pages=pages, radius=router.radius_secret(source.vault) if asks else "")


@lru_cache(maxsize=4096)  # asked with each beat, and the same until Bando is another version
def _digests(url: str, public: str, mode: str) -> Mapping[str, str]:
    return {name: wishes.digest(body) for name, body in files(url, public, mode).items()}


def _key(vault: Vault, router: Router) -> bytes:
    assert router.call_key_sealed is not None
    own = vault.of(router.tenant_id)
    return own.open(router.call_key_sealed, table="routers", row=router.public, column=COLUMN)


# -- who may call -----------------------------------------------------------------------------------


def keys(vault: Vault, router: Router) -> CallKeys | None:
    """What its script holds; None: it may not call."""
    return None if router.call_key_sealed is None else keys_of(_key(vault, router))


def switch_on(tenant_id: int, vault: Vault, router: Router) -> Unit[CallKeys]:
    """A new key for this router: what it called with until now is worth nothing from now on."""
    key = new_key()
    made = keys_of(key)
    sealed = vault.seal(key, table="routers", row=router.public, column=COLUMN)
    yield from store.switch(router.id, sealed, token_hash(made.token))
    yield from tenancy.bump(tenant_id)
    return made


def switch_off(tenant_id: int, router: Router) -> Unit[None]:
    """It may not call any more."""
    yield from store.switch(router.id, None, None)
    yield from tenancy.bump(tenant_id)
