"""The tables of agents' stock, and of free time that staff gave: what was moved or given, by whom, and why."""

from __future__ import annotations

from sqlalchemy import Index, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, plain, tenant

# A range of a batch went to an agent, came back, or was lost. Each row is one transfer of the books, M<id>.
stock_moves = Table(
    "stock_moves",
    metadata,
    key(),
    tenant(),
    link("agent_id", "staff", nullable=False),
    link("batch_id", "batches", nullable=False),
    plain("kind", Text, nullable=False),  # handed | returned | lost | let-off
    plain("first_serial", Whole, nullable=False),
    plain("last_serial", Whole, nullable=False),
    plain("count", Whole, nullable=False),  # how many cards of the range it moved
    plain("price_minor", Whole, nullable=False),  # of one card
    plain("commission_minor", Whole, nullable=False),  # of one card
    plain("currency", Text, nullable=False),
    plain("reason", Text, nullable=False, server_default=""),
    link("staff_id", "staff", nullable=False),  # who did it
    plain("form_key", Text, nullable=False),  # and which part of a large range: sent twice, it moves once
    plain("done_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "form_key"),
    Index(None, "tenant_id", "agent_id", "id"),
    Index(None, "tenant_id", "batch_id", "id"),
)

# Time that a router was of no use, and for which its guests get as much. Its gifts are given a few at a time.
outages = Table(
    "outages",
    metadata,
    key(),
    tenant(),
    link("router_id", "routers", nullable=False),
    plain("since", Whole, nullable=False),
    plain("until", Whole, nullable=False),
    plain("guests", Whole, nullable=False),  # how many were foreseen, and how much time for all of them
    plain("span_ms", Whole, nullable=False),
    plain("reason", Text, nullable=False),
    link("staff_id", "staff", nullable=False),
    plain("form_key", Text, nullable=False),
    plain("begun_at", Whole, nullable=False),
    plain("done_at", Whole),  # NULL while it is given
    UniqueConstraint("tenant_id", "form_key"),
    Index(None, "tenant_id", "staff_id", "begun_at"),
)

# Free time for one pass, outside of revenue.
gifts = Table(
    "gifts",
    metadata,
    key(),
    tenant(),
    link("outage_id", "outages"),  # NULL: for one guest
    link("device_id", "devices", nullable=False),
    link("pass_id", "passes", nullable=False),  # the one that it makes good
    link("made_id", "passes", nullable=False),  # the one that was given
    plain("span_ms", Whole, nullable=False),
    plain("lost_from", Whole),  # of an outage: no moment of a pass is made good twice
    plain("lost_until", Whole),
    plain("worth_minor", Whole, nullable=False),
    plain("currency", Text, nullable=False),
    plain("reason", Text, nullable=False),
    link("staff_id", "staff", nullable=False),
    plain("cause", Text, nullable=False),  # of the pass that was given, and of its transfer
    plain("given_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "cause"),
    Index(None, "tenant_id", "outage_id", "pass_id", unique=True),
    Index(None, "tenant_id", "pass_id"),
    Index(None, "tenant_id", "staff_id", "given_at"),
)

# How much free time somebody of this role may give. A role without a row has Bando's own limits.
gift_limits = Table(
    "gift_limits",
    metadata,
    key(),
    tenant(),
    plain("role", Text, nullable=False),
    plain("guest_minutes", Whole, nullable=False),  # for one guest in a day
    plain("day_minutes", Whole, nullable=False),  # in a day, for all guests together
    plain("guests", Whole, nullable=False),  # at once, after an outage
    UniqueConstraint("tenant_id", "role"),
)
