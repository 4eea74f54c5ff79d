"""The tables of keys. What is in them is wrapped by the master key, which is not in the database."""

from __future__ import annotations

from sqlalchemy import LargeBinary, Table, UniqueConstraint

from portal.columns import Whole, key, metadata, plain, secret, tenant

# The keys with which values of an ISP are sealed; the newest seals, and each opens what it has sealed.
sealing_keys = Table(
    "sealing_keys",
    metadata,
    key(),
    tenant(),
    plain("name", LargeBinary, nullable=False),  # stands in each value that it has sealed
    secret("wrapped"),  # NULL: destroyed
    plain("made_at", Whole, nullable=False),
    plain("replaced_at", Whole),  # when nothing in the database was under it any more
    plain("destroyed_at", Whole),
    UniqueConstraint("tenant_id", "name"),
)

# What hashes and passwords of routers come from, since the master key was exchanged; before, that is the master key.
root_keys = Table(
    "root_keys",
    metadata,
    key(),
    secret("wrapped", nullable=False),
    plain("made_at", Whole, nullable=False),
)
