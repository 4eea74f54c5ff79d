"""The tables of imports; `schema` holds the others."""

from __future__ import annotations

from sqlalchemy import Boolean, Index, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, personal, plain, secret, tenant

# What was read from another system, and what became of it.
imports = Table(
    "imports",
    metadata,
    key(),
    tenant(),
    plain("source", Text, nullable=False),  # csv | phpnuxbill | mikhmon:<router>
    plain("title", Text, nullable=False),  # the same for people
    plain("days", Whole, nullable=False),  # of life that its codes were asked for
    plain("shorten", Boolean, nullable=False),  # codes that are easy to guess end earlier, rather than stay out
    plain("unsold", Boolean, nullable=False),  # its cards are still to be sold
    secret("found_sealed"),  # what was read; NULL once it is taken, or a day old
    plain("counts", Text, nullable=False, server_default="{}"),  # JSON: how many were taken, by kind
    personal("made_by", Text, purpose="answer for stock", keep="act", nullable=False),
    link("staff_id", "staff"),
    plain("read_at", Whole, nullable=False),
    plain("done_at", Whole),
    Index(None, "tenant_id", "read_at"),
)

# Which plan of another system is which of ours, so that it is taken once.
imported_plans = Table(
    "imported_plans",
    metadata,
    key(),
    tenant(),
    plain("source", Text, nullable=False),
    plain("foreign_key", Text, nullable=False),
    link("plan_id", "plans", nullable=False),
    UniqueConstraint("tenant_id", "source", "foreign_key"),
)
