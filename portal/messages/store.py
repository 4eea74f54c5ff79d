"""The statements of messages. Each decides nothing; recipient and words come and go sealed."""

from __future__ import annotations

from dataclasses import dataclass, field

from portal.clock import Moment
from portal.phone import Phone
from portal.seal import Vault, new_public
from portal.units import Sql, Unit, insert, one, rows, update, value

TABLE = "messages"


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What goes to the gateway, opened."""

    mark: str
    to: Phone = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Message:
    """One that waits, still sealed."""

    id: int
    public: str
    kind: str
    person_id: int
    recipient_sealed: bytes
    body_sealed: bytes
    tries: int
    expires_at: Moment

    def opened(self, vault: Vault) -> Letter:
        """Raises `NotOurs` when a part of it does not open."""
        to, text = (
            vault.open(sealed, table=TABLE, row=self.public, column=column).decode()
            for column, sealed in (("recipient_sealed", self.recipient_sealed), ("body_sealed", self.body_sealed))
        )
        return Letter(mark=self.public, to=Phone(to), text=text)


def put_out(
    vault: Vault, kind: str, person_id: int, phone: Phone, text: str, expires_at: Moment, now: Moment
) -> Unit[int]:
    """A message that is to be sent."""
    public = new_public(16)
    return (
        yield from insert(
            TABLE,
            public=public,
            kind=kind,
            person_id=person_id,
            recipient_sealed=vault.seal(phone.digits, table=TABLE, row=public, column="recipient_sealed"),
            body_sealed=vault.seal(text, table=TABLE, row=public, column="body_sealed"),
            state="waiting",
            next_try_at=now,
            expires_at=expires_at,
            made_at=now,
        )
    )


_FIELDS = ", ".join(Message.__dataclass_fields__)
_DUE = (
    "FROM messages WHERE tenant_id = :tenant AND state = 'waiting' AND next_try_at <= :now"
    " AND recipient_sealed IS NOT NULL AND body_sealed IS NOT NULL"
)


def due(now: Moment, limit: int) -> Unit[list[int]]:
    """What is to be tried now, the oldest first."""
    text = f"SELECT id {_DUE} ORDER BY next_try_at, id LIMIT :limit"
    return [row["id"] for row in (yield from rows(text, now=now, limit=limit))]


def still_due(message_id: int, now: Moment) -> Unit[Message | None]:
    """One of these as it is now; None when it was sent, dropped or erased meanwhile."""
    row = yield from one(f"SELECT {_FIELDS} {_DUE} AND id = :id", id=message_id, now=now)
    return None if row is None else Message(**{name: row[name] for name in Message.__dataclass_fields__})


def waiting(message_id: int) -> Unit[int | None]:
    """How often one that waits was tried; None when it waits no more."""
    found: int | None = yield from value(
        "SELECT tries FROM messages WHERE tenant_id = :tenant AND id = :id AND state = 'waiting'", id=message_id
    )
    return found


def change(message_id: int, **columns: object) -> Unit[None]:
    yield from update(TABLE, message_id, **columns)


# --- codes ---


def keep_code(person_id: int | None, phone_index: bytes, code_index: bytes, now: Moment) -> Unit[None]:
    yield from insert("proof_codes", person_id=person_id, phone_index=phone_index, code_index=code_index, made_at=now)


def use_code(phone_index: bytes, code_index: bytes, since: Moment, now: Moment) -> Unit[int | None]:
    """Whose this code is; it is used up by that."""
    found: int | None = yield from value(
        "UPDATE proof_codes SET used_at = :now WHERE tenant_id = :tenant AND phone_index = :phone_index"
        " AND code_index = :code_index AND used_at IS NULL AND made_at > :since RETURNING person_id",
        phone_index=phone_index,
        code_index=code_index,
        since=since,
        now=now,
    )
    return found


def forget_codes(before: Moment) -> Unit[None]:
    yield Sql("DELETE FROM proof_codes WHERE tenant_id = :tenant AND made_at < :before", {"before": before})


def any_code_before(before: Moment) -> Unit[bool]:
    found = yield from value(
        "SELECT id FROM proof_codes WHERE tenant_id = :tenant AND made_at < :before LIMIT 1", before=before
    )
    return found is not None
