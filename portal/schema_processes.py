"""What the processes of one installation tell each other: who does what, and what a router's keeper sees."""

from __future__ import annotations

from sqlalchemy import Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, plain, secret, tenant

# Who does which work, until when unless they say so again; `fence` grows with each new owner.
leases = Table(
    "leases",
    metadata,
    key(),
    plain("name", Text, nullable=False, unique=True),
    plain("owner", Text, nullable=False),
    plain("fence", Whole, nullable=False),
    plain("until", Whole, nullable=False),  # by the server's clock
)

# What the keeper of a router saw there last, for processes that have no keeper: written anew with each poll.
sights = Table(
    "sights",
    metadata,
    key(),
    tenant(),
    link("router_id", "routers", nullable=False),
    plain("read_at", Whole, nullable=False),
    secret("marks", nullable=False),  # keyed hashes of the MACs in its host table, eight bytes each, in order
    plain("told", Text, nullable=False),  # JSON: latency, last agreement, troubles
    UniqueConstraint("tenant_id", "router_id"),
)

# What the processes share of an app at a payment provider: its token, and when it may be asked again.
provider_apps = Table(
    "provider_apps",
    metadata,
    key(),
    secret("app_index", nullable=False, unique=True),
    secret("token"),  # sealed
    plain("good_until", Whole, nullable=False, server_default="0"),
    plain("asking_until", Whole, nullable=False, server_default="0"),  # a process asks for a new one; others wait
    plain("spacing_ms", Whole),  # between two status queries
    plain("ready_at", Whole),  # for the next one
)
