"""The tables of messages to guests: an outbox, and the codes by which somebody proves a number."""

from __future__ import annotations

from sqlalchemy import Index, Integer, LargeBinary, Table, Text

from portal.columns import Whole, key, link, metadata, part, personal, plain, secret, tenant

# Written with what causes it, sent afterwards; what it costs and where it stands stays longer than its words.
messages = Table(
    "messages",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False, unique=True),  # the gateway's mark against doubles
    plain("kind", Text, nullable=False),  # code
    link("person_id", "persons", nullable=False),
    personal("recipient_sealed", LargeBinary, purpose="deliver the message", keep="evidence"),
    personal("body_sealed", LargeBinary, purpose="deliver the message", keep="evidence"),
    plain("state", Text, nullable=False),  # waiting | sent | failed | dropped
    plain("tries", Integer, nullable=False, server_default="0"),
    plain("next_try_at", Whole),
    plain("expires_at", Whole, nullable=False),  # later than that it is of no use
    plain("outcome", Text),  # of the last try, in a word
    plain("made_at", Whole, nullable=False),
    plain("done_at", Whole),
    part("tenant_id", "next_try_at", where="state = 'waiting'"),
    Index(None, "tenant_id", "made_at"),
    Index(None, "tenant_id", "person_id"),
)

# A code for whoever holds a number, known here or not; each is deleted within the hour.
proof_codes = Table(
    "proof_codes",
    metadata,
    key(),
    tenant(),
    link("person_id", "persons"),  # NULL: of a number that nobody here has; no code was sent
    secret("phone_index", nullable=False),
    secret("code_index", nullable=False),
    plain("made_at", Whole, nullable=False),
    plain("used_at", Whole),
    Index(None, "tenant_id", "phone_index", "made_at"),
    Index(None, "tenant_id", "made_at"),
)
