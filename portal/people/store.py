"""The statements of people: a person is a row with a key of its own; erasing the key erases the person."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass

from portal.clock import Moment
from portal.errors import Refused
from portal.phone import Phone
from portal.seal import Vault, open_with, seal_with
from portal.units import Sql, Unit, insert, one


@dataclass(frozen=True, kw_only=True)
class Person:
    """A guest who once paid by phone."""

    id: int
    ref: str
    phone: Phone | None
    erased: bool = False


def place(ref: str) -> str:
    """Where a sealed number belongs."""
    return f"persons|{ref}|phone_sealed"


def phone_index(vault: Vault, tenant: int, phone: Phone) -> bytes:
    """The keyed hash by which a tenant finds a phone number."""
    return vault.index(tenant, "phone", phone.digits)


def person_for(vault: Vault, tenant: int, phone: Phone, now: Moment) -> Unit[int]:
    """The id of the person with this number, made known if new."""
    index = phone_index(vault, tenant, phone)
    found = yield from one(
        "UPDATE persons SET last_seen_at = :now WHERE tenant_id = :tenant AND phone_index = :index RETURNING id",
        index=index,
        now=now,
    )
    if found is not None:
        return int(found["id"])
    ref, own_key = secrets.token_hex(8), os.urandom(32)
    return (
        yield from insert(
            "persons",
            ref=ref,
            key_sealed=vault.seal(own_key, table="persons", row=ref, column="key_sealed"),
            phone_index=index,
            phone_sealed=seal_with(own_key, phone.digits.encode(), place(ref)),
            created_at=now,
            last_seen_at=now,
        )
    )


def find(vault: Vault, tenant: int, phone: Phone) -> Unit[int | None]:
    """The id of the person with this number, if there is one."""
    found = yield from one(
        "SELECT id FROM persons WHERE tenant_id = :tenant AND phone_index = :index",
        index=phone_index(vault, tenant, phone),
    )
    return None if found is None else int(found["id"])


def nobody_known(now: Moment) -> Unit[int]:
    """A person of whom no number is known: somebody whose money staff gave a pass for."""
    return (yield from insert("persons", ref=secrets.token_hex(8), created_at=now, last_seen_at=now))


def person(vault: Vault, person_id: int) -> Unit[Person | None]:
    """A person with their number opened."""
    row = yield from one("SELECT * FROM persons WHERE tenant_id = :tenant AND id = :id", id=person_id)
    if row is None:
        return None
    phone = None
    if row["key_sealed"] is not None and row["phone_sealed"] is not None:
        own_key = vault.open(row["key_sealed"], table="persons", row=row["ref"], column="key_sealed")
        phone = Phone(open_with(own_key, row["phone_sealed"], place(row["ref"])).decode())
    return Person(id=row["id"], ref=row["ref"], phone=phone, erased=row["erased_at"] is not None)


def renumber(vault: Vault, tenant: int, person_id: int, phone: Phone) -> Unit[Phone]:
    """The person's number was written down wrongly: it is this one; gives the old one. Raises `Refused`."""
    index = phone_index(vault, tenant, phone)
    known = yield from one("SELECT * FROM persons WHERE tenant_id = :tenant AND id = :id", id=person_id)
    before = yield from person(vault, person_id)
    if known is None or before is None or before.phone is None:
        raise Refused("person-gone", status=409)
    if (yield from one("SELECT id FROM persons WHERE tenant_id = :tenant AND phone_index = :index", index=index)):
        raise Refused("person-same" if before.phone == phone else "person-taken", status=409)
    own_key = vault.open(known["key_sealed"], table="persons", row=before.ref, column="key_sealed")
    sealed = seal_with(own_key, phone.digits.encode(), place(before.ref))
    yield Sql(
        "UPDATE persons SET phone_index = :index, phone_sealed = :sealed WHERE tenant_id = :tenant AND id = :id",
        {"id": person_id, "index": index, "sealed": sealed},
    )
    return before.phone


def forget(person_id: int, now: Moment) -> Unit[None]:
    """Destroy a person's key and number; what the books keep points at nobody."""
    yield Sql(
        "UPDATE persons SET key_sealed = NULL, phone_index = NULL, phone_sealed = NULL, erased_at = :now"
        " WHERE tenant_id = :tenant AND id = :id",
        {"id": person_id, "now": now},
    )
