"""The tables of notices and consent: what people were told, and what they agreed to. Rows are added, never changed."""

from __future__ import annotations

from sqlalchemy import Boolean, Index, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, personal, plain, tenant, where

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

# Who handles data for an ISP. An adapter sends to nobody whose mark is not here.
processors = Table(
    "processors",
    metadata,
    key(),
    tenant(),
    plain("mark", Text, nullable=False),  # what an adapter calls it: portal/processors/registry.py
    plain("named", Text, nullable=False),
    plain("purpose", Text, nullable=False),
    plain("gets", Text, nullable=False),  # which data
    plain("country", Text, nullable=False, server_default=""),  # KE; nothing: not said yet
    plain("contract_on", Text),  # 2026-11-29
    plain("basis", Text, nullable=False, server_default=""),  # on what a transfer out of Kenya rests
    plain("added_by", Text, nullable=False),  # bando | staff:<public>
    plain("added_at", Whole, nullable=False),
    plain("looked_at", Whole),  # when staff last said what stands here
    plain("removed_by", Text),
    plain("removed_at", Whole),
    where("uq_processors_standing", "removed_at IS NULL", "tenant_id", "mark"),
    Index(None, "tenant_id", "mark", "id"),
)

# What an ISP asks its guests to agree to.
consent_asks = Table(
    "consent_asks",
    metadata,
    key(),
    tenant(),
    plain("purpose", Text, nullable=False),  # offers
    plain("active", Boolean, nullable=False),
    plain("changed_by", Text, nullable=False),
    plain("changed_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "purpose"),
)

# What somebody decided; the latest row counts, and those before it prove what was so then.
consents = Table(
    "consents",
    metadata,
    key(),
    tenant(),
    link("person_id", "persons", nullable=False),
    link("device_id", "devices"),
    plain("purpose", Text, nullable=False),
    plain("given", Boolean, nullable=False),
    link("version_id", "notice_versions"),
    plain("digest", Text, nullable=False),  # of the text
    plain("language", Text, nullable=False),
    plain("channel", Text, nullable=False),  # purchase | console
    personal("proof", Text, purpose="prove consent", keep="consent", nullable=False),
    plain("actor", Text, nullable=False),  # guest | staff:<public>
    personal("decided_at", Whole, purpose="prove consent", keep="consent", nullable=False),
    Index(None, "tenant_id", "person_id", "purpose", "id"),
)

# What the operator tells everybody who works at an ISP.
bulletins = Table(
    "bulletins",
    metadata,
    key(),
    plain("title", Text, nullable=False),
    plain("body", Text, nullable=False),
    plain("digest", Text, nullable=False),  # SHA-256 of title and text, in hex
    plain("published_by", Text, nullable=False),  # command
    plain("published_at", Whole, nullable=False),
)

# Who has read which; it is not shown to them again.
bulletin_reads = Table(
    "bulletin_reads",
    metadata,
    key(),
    tenant(),
    link("staff_id", "staff", nullable=False),
    link("bulletin_id", "bulletins", nullable=False),
    plain("read_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "staff_id", "bulletin_id"),
)
