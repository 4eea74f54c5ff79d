"""The tables of retention: an ISP's own days, legal holds, and the journal of purges. None holds personal data."""

from __future__ import annotations

from sqlalchemy import Index, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, plain, tenant

# How long an ISP keeps a class, where it chose other days than Bando's own.
retention = Table(
    "retention",
    metadata,
    key(),
    tenant(),
    plain("keep", Text, nullable=False),  # a class of portal/columns.py
    plain("days", Whole, nullable=False),
    plain("set_by", Text, nullable=False),  # staff:<public> | command
    plain("set_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "keep"),
)

# A court or a dispute wants records kept: while one stands, nothing of its classes is purged.
holds = Table(
    "holds",
    metadata,
    key(),
    tenant(),
    plain("classes", Text, nullable=False),  # separated by blanks
    plain("reason", Text, nullable=False),
    plain("placed_by", Text, nullable=False),
    plain("since", Whole, nullable=False),
    plain("until", Whole),  # NULL: until somebody lifts it
    plain("lifted_by", Text),
    plain("lifted_at", Whole),
    Index(None, "tenant_id", "lifted_at"),
)

# A run of the purge; one that broke off has no end, and the next one does what it left.
purge_runs = Table(
    "purge_runs",
    metadata,
    key(),
    tenant(),
    plain("kind", Text, nullable=False),  # daily | clear: of the session log, whatever its age
    plain("began_by", Text, nullable=False),  # clock | command | staff:<public>
    plain("began_at", Whole, nullable=False),
    plain("ended_at", Whole),
    Index(None, "tenant_id", "began_at"),
)

# What a run took by one rule; counted up in the transaction that takes.
purges = Table(
    "purges",
    metadata,
    key(),
    tenant(),
    link("run_id", "purge_runs", nullable=False),
    plain("rule", Text, nullable=False),  # portal/privacy/retention/rules.py
    plain("keep", Text, nullable=False),
    plain("before", Whole, nullable=False),  # what was older than this
    plain("taken", Whole, nullable=False),
    plain("began_at", Whole, nullable=False),
    plain("ended_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "run_id", "rule"),
)
