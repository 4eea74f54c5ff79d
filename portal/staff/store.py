"""The statements of staff: accounts, links and recovery codes; and the units that change an account.

Whoever changes somebody else's account does so inside a transaction that also writes the audit, so these are units.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from portal.clock import DAY, HOUR, Moment
from portal.errors import Refused
from portal.seal import Vault, new_public, new_token, token_hash
from portal.staff import roles
from portal.staff.logins.store import Failure, Login, end_login, end_logins
from portal.units import Row, Sql, Unit, insert, one, rows, update, value

__all__ = ["Failure", "Login", "end_login", "end_logins"]

INVITATION_MS = 72 * HOUR
RESET_MS = DAY
TOKEN_BYTES = 32
MAX_TEXT = 200  # characters of a name; of an address as many as mail allows
MAX_EMAIL = 254


def plain_email(email: str) -> str:
    """An address as it is compared."""
    return email.strip().lower()


def email_index(vault: Vault, email: str) -> bytes:
    return vault.index(0, "staff e-mail", plain_email(email))


@dataclass(frozen=True, kw_only=True)
class Staff:
    """A person with an account at a tenant."""

    id: int
    tenant_id: int
    public: str
    name: str = field(repr=False)
    email_sealed: bytes = field(repr=False)
    role: str
    state: str  # invited | active | off
    language: str
    has_password: bool
    has_second: bool
    created_at: Moment
    changed_at: Moment

    def email(self, vault: Vault) -> str:
        own = vault.of(self.tenant_id)
        return own.open(self.email_sealed, table="staff", row=self.public, column="email").decode()


@dataclass(frozen=True, kw_only=True)
class Account:
    """The same with what proves that it is them; it stays in this room."""

    staff: Staff
    password_hash: str | None = field(repr=False)
    totp_sealed: bytes | None = field(repr=False)
    totp_step: int | None

    def totp(self, vault: Vault) -> str:
        """The secret of the second factor, or empty."""
        if self.totp_sealed is None:
            return ""
        own = vault.of(self.staff.tenant_id)
        return own.open(self.totp_sealed, table="staff", row=self.staff.public, column="totp_sealed").decode()


_MADE = ("has_password", "has_second")


def _staff(row: Row) -> Staff:
    fields = {name: row[name] for name in Staff.__dataclass_fields__ if name not in _MADE}
    return Staff(has_password=row["password_hash"] is not None, has_second=row["totp_sealed"] is not None, **fields)


def _account(row: Row | None) -> Account | None:
    if row is None:
        return None
    known = row["password_hash"]
    return Account(
        staff=_staff(row),
        password_hash=None if known is None else bytes(known).decode(),
        totp_sealed=row["totp_sealed"],
        totp_step=row["totp_step"],
    )


# --- accounts ---


def tenant_of(public: str) -> Unit[int | None]:
    """The id of the tenant with this public name, with which its tokens begin."""
    found: int | None = yield from value("SELECT id FROM tenants WHERE public = :public", public=public)
    return found


def public_of_tenant() -> Unit[str]:
    return str((yield from value("SELECT public FROM tenants WHERE id = :tenant")))


def owner_of(index: bytes) -> Unit[int | None]:
    """The tenant to which this e-mail address belongs."""
    found: int | None = yield from value("SELECT owner FROM staff_owners WHERE email_index = :index", index=index)
    return found


def account(staff_id: int) -> Unit[Account | None]:
    return _account((yield from one("SELECT * FROM staff WHERE tenant_id = :tenant AND id = :id", id=staff_id)))


def account_by_email(index: bytes) -> Unit[Account | None]:
    return _account(
        (yield from one("SELECT * FROM staff WHERE tenant_id = :tenant AND email_index = :index", index=index))
    )


def one_staff(staff_id: int) -> Unit[Staff | None]:
    found = yield from account(staff_id)
    return None if found is None else found.staff


def staff_by_public(public: str) -> Unit[Staff | None]:
    row = yield from one("SELECT * FROM staff WHERE tenant_id = :tenant AND public = :public", public=public)
    return None if row is None else _staff(row)


def all_staff() -> Unit[list[Staff]]:
    found = yield from rows("SELECT * FROM staff WHERE tenant_id = :tenant ORDER BY id")
    return [_staff(row) for row in found]


def names() -> Unit[dict[int, str]]:
    """What everybody of this ISP is called, by id; also who left."""
    return {each.id: each.name for each in (yield from all_staff())}


def how_many() -> Unit[int]:
    """How many people of this ISP can log in, or are invited."""
    return int((yield from value("SELECT COUNT(*) FROM staff WHERE tenant_id = :tenant AND state <> 'off'")))


def owners_in() -> Unit[int]:
    """How many owners have set a password and are not switched off."""
    text = "SELECT COUNT(*) FROM staff WHERE tenant_id = :tenant AND role = 'owner' AND state = 'active'"
    return int((yield from value(text)))


def other_owners(staff_id: int, role: str = "owner") -> Unit[int]:
    """How many others can log in with this role."""
    return int(
        (
            yield from value(
                "SELECT COUNT(*) FROM staff WHERE tenant_id = :tenant AND role = :role AND state = 'active'"
                " AND id <> :id",
                id=staff_id,
                role=role,
            )
        )
    )


def claim_email(index: bytes) -> Unit[bool]:
    """Let an address belong to this tenant; False when it belongs to somebody already."""
    row = yield from one(
        "INSERT INTO staff_owners (email_index, owner) VALUES (:index, :tenant)"
        " ON CONFLICT (email_index) DO NOTHING RETURNING owner",
        index=index,
    )
    return row is not None


def insert_staff(**columns: Any) -> Unit[int]:
    return (yield from insert("staff", **columns))


def change_staff(staff_id: int, now: Moment, **columns: Any) -> Unit[None]:
    yield from update("staff", staff_id, changed_at=now, **columns)


def replace_hash(staff_id: int, old: str, new: str) -> Unit[bool]:
    """Another hash in the place of just this one."""
    row = yield from one(
        "UPDATE staff SET password_hash = :new WHERE tenant_id = :tenant AND id = :id AND password_hash = :old"
        " RETURNING id",
        id=staff_id,
        old=old.encode(),
        new=new.encode(),
    )
    return row is not None


def use_step(staff_id: int, step: int) -> Unit[bool]:
    """Use up a step of the second factor; False when it, or a later one, was used before."""
    row = yield from one(
        "UPDATE staff SET totp_step = :step WHERE tenant_id = :tenant AND id = :id AND COALESCE(totp_step, 0) < :step"
        " RETURNING id",
        id=staff_id,
        step=step,
    )
    return row is not None


# --- recovery codes ---


def set_codes(staff_id: int, hashes: Iterable[bytes]) -> Unit[None]:
    """These codes in the place of any others."""
    yield Sql("DELETE FROM recovery_codes WHERE tenant_id = :tenant AND staff_id = :id", {"id": staff_id})
    for each in hashes:
        yield from insert("recovery_codes", staff_id=staff_id, code_hash=each)


def use_code(staff_id: int, code_hash: bytes, now: Moment) -> Unit[bool]:
    row = yield from one(
        "UPDATE recovery_codes SET used_at = :now WHERE tenant_id = :tenant AND staff_id = :id AND code_hash = :hash"
        " AND used_at IS NULL RETURNING id",
        id=staff_id,
        hash=code_hash,
        now=now,
    )
    return row is not None


def codes_left(staff_id: int) -> Unit[int]:
    """How many recovery codes are not used yet."""
    return int(
        (
            yield from value(
                "SELECT COUNT(*) FROM recovery_codes WHERE tenant_id = :tenant AND staff_id = :id AND used_at IS NULL",
                id=staff_id,
            )
        )
    )


# --- links ---


def insert_link(**columns: Any) -> Unit[int]:
    return (yield from insert("staff_links", **columns))


def open_link(token: str, now: Moment) -> Unit[Row | None]:
    """A link that is still good."""
    return (
        yield from one(
            "SELECT * FROM staff_links WHERE tenant_id = :tenant AND token_hash = :hash AND used_at IS NULL"
            " AND expires_at > :now",
            hash=token_hash(token),
            now=now,
        )
    )


def void_links(staff_id: int, now: Moment) -> Unit[int]:
    """No link of this account is good any more; how many were."""
    found = yield from rows(
        "UPDATE staff_links SET used_at = :now WHERE tenant_id = :tenant AND staff_id = :id AND used_at IS NULL"
        " RETURNING id",
        id=staff_id,
        now=now,
    )
    return len(found)


# --- changes, for whoever writes the audit in the same transaction ---


def invite(
    vault: Vault, now: Moment, *, email: str, name: str, role: str, language: str = "en"
) -> Unit[tuple[Staff, str]]:
    """A new account and the link that makes it usable; raises `Refused`."""
    yield from _must_be_role(role)
    index, public = email_index(vault, email), new_public()
    address, name = _email(email), _name(name)
    if not (yield from claim_email(index)):
        raise Refused("staff-email-taken", status=409)
    staff_id = yield from insert_staff(
        public=public,
        email_index=index,
        email_sealed=vault.seal(address, table="staff", row=public, column="email"),
        name=name,
        role=role,
        state="invited",
        language=language,
        created_at=now,
        changed_at=now,
    )
    return (yield from must_know(staff_id)), (yield from _link(staff_id, "invitation", now, INVITATION_MS))


def invite_again(staff_id: int, now: Moment) -> Unit[str]:
    """A fresh invitation in the place of one that was lost or is over; raises `Refused`."""
    if (yield from must_know(staff_id)).state != "invited":
        raise Refused("staff-not-invited", status=409)
    return (yield from _link(staff_id, "invitation", now, INVITATION_MS))


def reset_link(staff_id: int, now: Moment) -> Unit[str]:
    """A link that sets a new password. The old one and all logins end now; the second factor stays."""
    if (yield from must_know(staff_id)).state != "active":
        raise Refused("staff-not-active", status=409)
    yield from change_staff(staff_id, now, password_hash=None)
    yield from end_logins(staff_id, now, "password")
    return (yield from _link(staff_id, "reset", now, RESET_MS))


def set_password(staff_id: int, hashed: str, now: Moment) -> Unit[None]:
    """The password of somebody who was invited or reset: the account is usable at once."""
    yield from change_staff(staff_id, now, password_hash=hashed.encode(), state="active")
    yield from void_links(staff_id, now)
    yield from end_logins(staff_id, now, "password")


def set_role(staff_id: int, role: str, now: Moment) -> Unit[Staff]:
    """Another role; logins with the old one end. Raises `Refused`."""
    found = yield from must_know(staff_id)
    if (yield from _must_be_role(role)) == found.role:
        return found
    yield from _must_not_be_last(found)
    yield from change_staff(staff_id, now, role=role)
    yield from end_logins(staff_id, now, "role")
    return (yield from must_know(staff_id))


def set_state(staff_id: int, on: bool, now: Moment) -> Unit[Staff]:
    """Switch an account on or off; off ends its logins and links. Raises `Refused`."""
    found = yield from must_know(staff_id)
    if on == (found.state != "off"):
        return found
    if not on:
        yield from _must_not_be_last(found)
        yield from end_logins(staff_id, now, "off")
        yield from void_links(staff_id, now)
    usable = "active" if found.has_password else "invited"
    yield from change_staff(staff_id, now, state=usable if on else "off")
    return (yield from must_know(staff_id))


def second_off(staff_id: int, now: Moment) -> Unit[Staff]:
    """Take the second factor away, as after a lost phone; whoever was logged in with it is out."""
    yield from must_know(staff_id)
    yield from change_staff(staff_id, now, totp_sealed=None, totp_step=None)
    yield from set_codes(staff_id, ())
    yield from end_logins(staff_id, now)
    return (yield from must_know(staff_id))


def must_know(staff_id: int) -> Unit[Staff]:
    """This account, which must be there; raises `Refused`."""
    found = yield from one_staff(staff_id)
    if found is None:
        raise Refused("staff-unknown", status=404)
    return found


def _link(staff_id: int, kind: str, now: Moment, good_ms: int) -> Unit[str]:
    """A link in the place of any other."""
    yield from void_links(staff_id, now)
    token = new_token((yield from public_of_tenant()), size=TOKEN_BYTES)
    yield from insert_link(
        staff_id=staff_id, token_hash=token_hash(token), kind=kind, made_at=now, expires_at=now + good_ms
    )
    return token


def _must_not_be_last(found: Staff) -> Unit[None]:
    if found.state != "active" or found.role not in ("owner", roles.PLATFORM):
        return
    if not (yield from other_owners(found.id, found.role)):
        raise Refused("last-owner", status=409)


def _must_be_role(role: str) -> Unit[str]:
    kind = yield from value("SELECT kind FROM tenants WHERE id = :tenant")
    if role not in roles.of_kind(str(kind)):
        raise Refused("staff-role")
    return role


def must_be_email(text: str) -> str:
    """An e-mail address as it is kept; raises `Refused`."""
    return _email(text)


def _email(text: str) -> str:
    address = text.strip()
    before, at, after = address.rpartition("@")
    if not (before and at and "." in after and address.isprintable() and " " not in address):
        raise Refused("staff-email")
    if len(address) > MAX_EMAIL or "@" in before:
        raise Refused("staff-email")
    return address


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 0 < len(name) <= MAX_TEXT or not name.isprintable():
        raise Refused("staff-name")
    return name
