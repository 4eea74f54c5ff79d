"""The table of tombstones: who was erased, so that a backup that is restored forgets them again."""

from __future__ import annotations

from sqlalchemy import Index, Table, Text, UniqueConstraint

from portal.columns import Whole, key, metadata, plain, secret, tenant

tombstones = Table(
    "tombstones",
    metadata,
    key(),
    tenant(),
    plain("kind", Text, nullable=False),  # phone | mac
    secret("mark", nullable=False),  # keyed hash: known again by whoever has the key and the number, by nobody else
    plain("erased_at", Whole, nullable=False),  # whoever comes later is somebody new
    UniqueConstraint("tenant_id", "kind", "mark"),
    Index(None, "tenant_id", "erased_at"),
)
