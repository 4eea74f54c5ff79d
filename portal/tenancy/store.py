"""Tenants and routers: who they are, and their statements."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.clock import Moment
from portal.seal import Vault, new_public
from portal.sql import changes, listed, marks
from portal.units import Row, Sql, Unit, insert, one, rows, update, value


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """An ISP: data controller of its guests' data, owner of routers, plans and money."""

    id: int
    public: str
    name: str
    support_phone: str
    privacy_contact: str
    timezone: str
    currency: str
    language: str
    theme: str
    ssid: str
    router_networks: str = ""  # in which its routers may be; empty: wherever the installation lets them
    active: bool
    version: int
    accent: str = ""  # the colour of its guest pages; "" is Bando's own
    welcome: str = ""
    welcome_sw: str = ""
    legal_name: str = ""
    email: str = ""
    address: str = ""
    protection_number: str = ""  # of the registration as a data controller
    protection_until: str | None = None  # its last day, as 2026-11-28
    licence_number: str = ""
    licence_until: str | None = None
    kind: str = "isp"
    closed_at: Moment | None = None
    erase_from: Moment | None = None
    erased_at: Moment | None = None
    refund_rules: str = ""
    tax_number: str = ""
    tax_bp: int = 0
    created_at: Moment = 0
    # Codes that it brought from another system: until when any of them is good, and how long they are ("4 6").
    imported_until: Moment | None = None
    imported_lengths: str = ""

    @property
    def state(self) -> str:
        """on, off, closed or erased."""
        if self.erased_at is not None:
            return "erased"
        return "closed" if self.closed_at is not None else "on" if self.active else "off"

    def erasable(self, now: Moment) -> bool:
        """Whether its records have to go by now, and have not yet."""
        return self.erased_at is None and self.erase_from is not None and self.erase_from <= now


@dataclass(frozen=True, kw_only=True)
class Router:
    """One MikroTik device with a hotspot."""

    id: int
    tenant_id: int
    public: str
    name: str
    host: str
    port: int
    tunnel: bool
    fingerprint: str | None
    username: str
    password_sealed: bytes
    hotspot_host: str
    answers: str = "{}"  # to the questions of its set-up script
    active: bool
    wake_version: int
    last_contact_at: Moment | None
    trouble: str | None
    mass_removal: str | None
    mode: str = "api"  # api (a keeper calls it) | radius (it asks, through FreeRADIUS)
    radius_secret_sealed: bytes | None = None
    radius_source: str | None = None  # where its RADIUS packets come from, as FreeRADIUS sees them
    coa_port: int | None = None  # where it takes Disconnect and CoA; None: it cannot be reached
    call_key_sealed: bytes | None = None  # of a router that calls us (portal/calls)
    call_hash: bytes | None = None  # SHA-256 of the token by which it is known
    call_version: int = 0  # of what is wished of it
    call_mark: bytes | None = None
    beat_at: Moment | None = None  # when it called last, and what it told, as JSON
    beat: str = "{}"

    @property
    def trusted(self) -> bool:
        """Whether it is known whom to expect there: Bando does not connect before, and in RADIUS mode never."""
        return self.tunnel or bool(self.fingerprint) or self.mode == "radius"

    def password(self, vault: Vault) -> str:
        """The password of the API user."""
        own = vault.of(self.tenant_id)
        return own.open(self.password_sealed, table="routers", row=self.public, column="password_sealed").decode()

    def radius_secret(self, vault: Vault) -> str:
        """What it shares with FreeRADIUS; empty while there is none."""
        if self.radius_secret_sealed is None:
            return ""
        own, sealed = vault.of(self.tenant_id), self.radius_secret_sealed
        return own.open(sealed, table="routers", row=self.public, column="radius_secret_sealed").decode()


def _tenant(row: Row) -> Tenant:
    fields = {name: row[name] for name in Tenant.__dataclass_fields__}
    return Tenant(**{**fields, "active": bool(fields["active"])})


def _router(row: Row) -> Router:
    fields: dict[str, Any] = {name: row[name] for name in Router.__dataclass_fields__}
    flags = {name: bool(fields[name]) for name in ("tunnel", "active")}
    return Router(**{**fields, **flags})


def tenants() -> Unit[list[Tenant]]:
    """All ISPs; the platform itself is none."""
    found = yield from rows("SELECT * FROM tenants WHERE kind = 'isp' ORDER BY id")
    return [_tenant(row) for row in found]


def tenant(tenant_id: int) -> Unit[Tenant | None]:
    """This ISP, or the platform."""
    row = yield from one("SELECT * FROM tenants WHERE id = :id", id=tenant_id)
    return None if row is None else _tenant(row)


def platform() -> Unit[Tenant | None]:
    """Whoever runs the installation, once somebody of them has been added."""
    row = yield from one("SELECT * FROM tenants WHERE kind = 'platform' ORDER BY id LIMIT 1")
    return None if row is None else _tenant(row)


def is_on() -> Unit[bool]:
    """Whether this ISP is switched on, by the books: what a process keeps in memory may be a second old."""
    return bool((yield from value("SELECT active FROM tenants WHERE id = :tenant")))


def versions() -> Unit[dict[int, int]]:
    """The version of each tenant; what is kept in memory follows it."""
    found = yield from rows("SELECT id, version FROM tenants WHERE kind = 'isp'")
    return {row["id"]: row["version"] for row in found}


def add_tenant(name: str, now: Moment, **fields: Any) -> Unit[Tenant]:
    """A new ISP; `fields` are the optional columns of `tenants`."""
    columns = {"public": new_public(4), "name": name, "created_at": now, **fields}
    text = f"INSERT INTO tenants ({listed('tenants', columns)}) VALUES ({marks(columns)}) RETURNING *"
    row = yield from one(text, **columns)
    assert row is not None
    return _tenant(row)


def change_tenant(tenant_id: int, **columns: Any) -> Unit[None]:
    """Change columns of an ISP, or none of them; what is kept in memory of it follows."""
    yield Sql("UPDATE tenants SET version = version + 1 WHERE id = :id", {"id": tenant_id})
    if columns:
        yield Sql(f"UPDATE tenants SET {changes('tenants', columns)} WHERE id = :id", {**columns, "id": tenant_id})


def change_own(tenant_id: int, columns: Mapping[str, Any]) -> Unit[None]:
    """The same for the console, which says what changes as a mapping."""
    yield from change_tenant(tenant_id, **columns)


def logo() -> Unit[bytes | None]:
    """The ISP's logo on paper, a PNG."""
    found = yield from value("SELECT png FROM logos WHERE tenant_id = :tenant")
    return None if found is None else bytes(found)


def small_logo() -> Unit[bytes | None]:
    """The same as guest pages show it."""
    found = yield from value("SELECT small FROM logos WHERE tenant_id = :tenant")
    return None if found is None else bytes(found)


def set_logo(png: bytes | None, small: bytes | None = None) -> Unit[None]:
    """Keep this logo in place of any other, or none; `small` is the one for guest pages."""
    yield Sql("DELETE FROM logos WHERE tenant_id = :tenant", {})
    if png is not None:
        yield from insert("logos", png=png, small=small)


def bump(tenant_id: int) -> Unit[None]:
    """Something that is kept in memory has changed."""
    yield Sql("UPDATE tenants SET version = version + 1 WHERE id = :id", {"id": tenant_id})


def routers() -> Unit[list[Router]]:
    found = yield from rows("SELECT * FROM routers WHERE tenant_id = :tenant ORDER BY id")
    return [_router(row) for row in found]


def router(router_id: int) -> Unit[Router | None]:
    row = yield from one("SELECT * FROM routers WHERE tenant_id = :tenant AND id = :id", id=router_id)
    return None if row is None else _router(row)


def add_router(
    vault: Vault,
    now: Moment,
    *,
    name: str,
    host: str,
    port: int,
    username: str,
    password: str,
    hotspot_host: str,
    fingerprint: str | None = None,
    tunnel: bool = False,
    public: str = "",
    answers: str = "{}",
    radius: AsksRadius | None = None,
) -> Unit[int]:
    """A further router; `answers` are those to the questions of its set-up script, as JSON.

    `radius`: it asks RADIUS, with a secret of its own that is made here.
    """
    public = public or new_public(4)
    sealed = vault.seal(password, table="routers", row=public, column="password_sealed")
    return (
        yield from insert(
            "routers",
            public=public,
            name=name,
            host=host,
            port=port,
            tunnel=tunnel,
            fingerprint=fingerprint,
            username=username,
            password_sealed=sealed,
            hotspot_host=hotspot_host.lower(),
            answers=answers,
            created_at=now,
            **(radius_columns(vault, public, radius) if radius else {}),
        )
    )


@dataclass(frozen=True, kw_only=True)
class AsksRadius:
    """What has to be known of a router in RADIUS mode."""

    source: str  # where its packets come from, as FreeRADIUS sees them; no two routers have the same one
    coa_port: int | None = None  # where it takes Disconnect and CoA, if it can be reached


def radius_columns(vault: Vault, public: str, asks: AsksRadius) -> dict[str, Any]:
    """The columns of a router in RADIUS mode, with a new secret: 192 random bits, of letters that all sides take."""
    sealed = vault.seal(secrets.token_urlsafe(24), table="routers", row=public, column="radius_secret_sealed")
    return {"mode": "radius", "radius_source": asks.source, "coa_port": asks.coa_port, "radius_secret_sealed": sealed}


def change_router(router_id: int, **columns: Any) -> Unit[None]:
    """Change columns of a router."""
    yield from update("routers", router_id, **columns)


def wake_versions() -> Unit[dict[int, int]]:
    found = yield from rows("SELECT id, wake_version FROM routers WHERE tenant_id = :tenant")
    return {row["id"]: row["wake_version"] for row in found}


def pin(router_id: int, fingerprint: str) -> Unit[None]:
    """From now on only the router with this certificate is spoken to."""
    yield from update("routers", router_id, fingerprint=fingerprint, trouble=None)


def note_contact(router_id: int, at: Moment) -> Unit[None]:
    """The router answered."""
    yield from update("routers", router_id, last_contact_at=at, trouble=None)


def note_trouble(router_id: int, trouble: str) -> Unit[None]:
    """The router did not answer, or refused; in a sentence for staff."""
    yield from update("routers", router_id, trouble=trouble)


def set_mass_removal(router_id: int, word: str | None) -> Unit[None]:
    """What staff say of a difference that would remove half of the marked rows: held or allowed."""
    yield from update("routers", router_id, mass_removal=word)


def hold_back(router_id: int, removals: int, of: int, now: Moment) -> Unit[None]:
    """Hold such a difference back until staff have looked."""
    yield from set_mass_removal(router_id, "held")
    detail = (
        f"Agreeing would remove {removals} of {of} rows of Bando on this router, and the database does not know"
        " their passes. If the database was restored or moved, allow it on the router's page,"
        " or with: bando router allow"
    )
    yield from say_again("mass-removal", f"router:{router_id}", detail, now)


def open_exception(kind: str, subject: str, detail: str, now: Moment) -> Unit[None]:
    """A line for staff; the same matter makes one line, however often it is seen."""
    yield Sql(
        "INSERT INTO exceptions (tenant_id, kind, subject, detail, opened_at)"
        " VALUES (:tenant, :kind, :subject, :detail, :now) ON CONFLICT (tenant_id, kind, subject) DO NOTHING",
        {"kind": kind, "subject": subject, "detail": detail, "now": now},
    )


def say_again(kind: str, subject: str, detail: str, now: Moment) -> Unit[None]:
    """A line for staff about something that comes and goes: a closed one is opened again."""
    yield from open_exception(kind, subject, detail, now)
    yield Sql(
        "UPDATE exceptions SET closed_at = NULL, detail = :detail, opened_at = :now WHERE tenant_id = :tenant"
        " AND kind = :kind AND subject = :subject AND closed_at IS NOT NULL",
        {"kind": kind, "subject": subject, "detail": detail, "now": now},
    )


def settle_line(kind: str, subject: str, now: Moment) -> Unit[None]:
    """What a line said is over."""
    yield Sql(
        "UPDATE exceptions SET closed_at = :now WHERE tenant_id = :tenant AND kind = :kind AND subject = :subject"
        " AND closed_at IS NULL",
        {"kind": kind, "subject": subject, "now": now},
    )


def open_subjects(kind: str, beginning: str) -> Unit[list[str]]:
    """What open lines of this kind are about, of those that begin so."""
    found = yield from rows(
        "SELECT subject FROM exceptions WHERE tenant_id = :tenant AND kind = :kind AND closed_at IS NULL",
        kind=kind,
    )
    return [row["subject"] for row in found if row["subject"].startswith(beginning)]


def is_open(kind: str, subject: str) -> Unit[bool]:
    """Whether staff (and with ``licence-full`` the guest's page) have such a line before them."""
    found = yield from value(
        "SELECT COUNT(*) FROM exceptions WHERE tenant_id = :tenant AND kind = :kind AND subject = :subject"
        " AND closed_at IS NULL",
        kind=kind,
        subject=subject,
    )
    return bool(found)


def close_exception(line_id: int, now: Moment) -> Unit[bool]:
    """Staff have seen to it; False when there is no such open line."""
    row = yield from one(
        "UPDATE exceptions SET closed_at = :now WHERE tenant_id = :tenant AND id = :id AND closed_at IS NULL"
        " RETURNING id",
        id=line_id,
        now=now,
    )
    return row is not None


def forget_lines(kind: str, begin: str, keep: str) -> Unit[None]:
    """Lines of this kind whose subject begins with `begin` go, open or closed, unless it begins with `keep`."""
    yield Sql(
        "DELETE FROM exceptions WHERE tenant_id = :tenant AND kind = :kind AND subject LIKE :begin || '%'"
        " AND subject NOT LIKE :keep || '%'",
        {"kind": kind, "begin": begin, "keep": keep},
    )


def exceptions() -> Unit[list[Row]]:
    """The open lines for staff, oldest first."""
    found = yield from rows("SELECT * FROM exceptions WHERE tenant_id = :tenant AND closed_at IS NULL ORDER BY id")
    return list(found)


def installation_id() -> Unit[str]:
    """The name of this installation in comments on routers; made at the first call."""
    yield Sql(
        "INSERT INTO installation (name, value) VALUES ('id', :fresh) ON CONFLICT (name) DO NOTHING",
        {"fresh": new_public(4)},
    )
    return str((yield from value("SELECT value FROM installation WHERE name = 'id'")))


def fits(mark: str) -> Unit[bool]:
    """Whether the database was first used with the key of this mark, or with none yet."""
    kept = yield from value("SELECT value FROM installation WHERE name = 'key'")
    return kept is None or bool(kept == mark)


def sealed_with(mark: str) -> Unit[bool]:
    """Whether this is the mark of the key that the database was first used with; the first one is kept."""
    kept = yield from value("SELECT value FROM installation WHERE name = 'key'")
    if kept is not None:
        return bool(kept == mark)
    yield Sql(
        "INSERT INTO installation (name, value) VALUES ('key', :mark) ON CONFLICT (name) DO NOTHING", {"mark": mark}
    )
    return (yield from sealed_with(mark))
