"""The tables of sessions: who was online where, when and how much; and what is left of that without persons."""

from __future__ import annotations

from sqlalchemy import Index, Integer, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, part, personal, plain, secret, tenant, where

ACCOUNT = "account for a session"

# One stretch of a device online at a router. Its device has the MAC, its pass the plan and what paid for it. No address
# that was visited is ever known here.
sessions = Table(
    "sessions",
    metadata,
    key(),
    tenant(),
    link("router_id", "routers", nullable=False),
    link("device_id", "devices", nullable=False),
    link("pass_id", "passes"),  # that it was begun under; NULL: nobody knows
    personal("started_at", Whole, purpose=ACCOUNT, keep="session", nullable=False),
    personal("seen_at", Whole, purpose=ACCOUNT, keep="session", nullable=False),  # when its counters were last read
    personal("ended_at", Whole, purpose=ACCOUNT, keep="session"),  # NULL while it runs
    plain("end_cause", Text),  # portal/sessions/fold.py
    personal("online_ms", Whole, purpose=ACCOUNT, keep="session", nullable=False),
    personal("bytes_up", Whole, purpose=ACCOUNT, keep="session", nullable=False),
    personal("bytes_down", Whole, purpose=ACCOUNT, keep="session", nullable=False),
    personal("address", Text, purpose=ACCOUNT, keep="session"),  # that it had at the router
    # Of a RADIUS router: what it calls the session, when it was let in (which with that name makes a session one and
    # no other), under which name, while it runs, and what the router was last told of its end and its speed.
    plain("acct_id", Text),
    personal("let_in_at", Whole, purpose=ACCOUNT, keep="session"),
    secret("login_sealed"),
    plain("terms", Text),  # portal/radius/terms.py
    # One index for what is asked of a device, and for what may not be twice: its entries lie far apart, and each row
    # that comes or goes writes a page of each such index (decision 35).
    UniqueConstraint("tenant_id", "device_id", "started_at", "router_id"),
    Index(None, "tenant_id", "started_at"),
    part("tenant_id", "router_id", where="ended_at IS NULL"),
    where("uq_sessions_acct", "acct_id IS NOT NULL", "tenant_id", "router_id", "acct_id", "let_in_at"),
)

# What was used in each hour at each router on each plan; nobody's data, so it stays when the sessions are gone.
usage_hours = Table(
    "usage_hours",
    metadata,
    key(),
    tenant(),
    plain("hour", Whole, nullable=False),  # when it began
    link("router_id", "routers", nullable=False),
    plain("plan_name", Text, nullable=False),  # empty: no plan is known
    plain("guests", Integer, nullable=False),  # devices that were online in this hour
    plain("online_ms", Whole, nullable=False),
    plain("bytes_up", Whole, nullable=False),
    plain("bytes_down", Whole, nullable=False),
    UniqueConstraint("tenant_id", "hour", "router_id", "plan_name"),
)
