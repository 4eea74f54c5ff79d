"""The tables of notices and consent: what people were told, and what they agreed to. Rows are added, never changed."""

from __future__ import annotations

from sqlalchemy import Table, Text, UniqueConstraint

from portal.columns import Whole, key, metadata, plain, tenant

# What an ISP says in its own words beside the text that Bando makes; it counts once a version with it is published.
notice_words = Table(
    "notice_words",
    metadata,
    key(),
    tenant(),
    plain("kind", Text, nullable=False),  # privacy | terms
    plain("language", Text, nullable=False),
    plain("words", Text, nullable=False),
    plain("changed_by", Text, nullable=False),  # staff:<public>
    plain("changed_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "kind", "language"),
)

# Each version of a text as guests read it, in each language. Kept for ever: a later one proves nothing about it.
notice_versions = Table(
    "notice_versions",
    metadata,
    key(),
    tenant(),
    plain("kind", Text, nullable=False),
    plain("number", Whole, nullable=False),  # 1, 2 …; one number for all languages
    plain("language", Text, nullable=False),
    plain("body", Text, nullable=False),
    plain("shape", Text, nullable=False),  # what each of its parts is: t(itle), h(eading), p(aragraph)
    plain("digest", Text, nullable=False),  # SHA-256 of the text, in hex
    plain("summary", Text, nullable=False),  # what changed, for people
    plain("published_by", Text, nullable=False),  # staff:<public>
    plain("published_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "kind", "number", "language"),
)
