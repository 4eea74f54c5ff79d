"""Every table of Bando, once.

Each column says what it is: `plain`, `secret` (sealed or hashed, R7) or `personal` (with a purpose and a
retention class, R8). `tests/test_schema.py` fails on a column that says nothing and on a migration that
disagrees with this file. Moments are epoch milliseconds, money is minor units, spans end in _ms or _s.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from portal import (
    schema_agents,
    schema_books,
    schema_consent,
    schema_erasing,
    schema_imports,
    schema_incidents,
    schema_keys,
    schema_messages,
    schema_payments,
    schema_privacy,
    schema_processes,
    schema_refunds,
    schema_rights,
    schema_sessions,
    schema_staff,
    schema_statements,
    schema_vouchers,
    schema_watch,
)
from portal.columns import Whole, key, link, metadata, part, personal, plain, secret, tenant, where

__all__ = [
    "TENANT_TABLES",
    "metadata",
    "schema_agents",
    "schema_books",
    "schema_consent",
    "schema_erasing",
    "schema_imports",
    "schema_incidents",
    "schema_keys",
    "schema_messages",
    "schema_payments",
    "schema_privacy",
    "schema_processes",
    "schema_refunds",
    "schema_rights",
    "schema_sessions",
    "schema_staff",
    "schema_statements",
    "schema_vouchers",
    "schema_watch",
]

installation = Table(
    "installation",
    metadata,
    plain("name", Text, primary_key=True),
    plain("value", Text, nullable=False),
)

tenants = Table(
    "tenants",
    metadata,
    key(),
    plain("public", Text, nullable=False, unique=True),
    plain("name", Text, nullable=False),
    plain("support_phone", Text, nullable=False, server_default=""),
    plain("privacy_contact", Text, nullable=False, server_default=""),
    plain("timezone", Text, nullable=False, server_default="Africa/Nairobi"),
    plain("currency", Text, nullable=False, server_default="KES"),
    plain("language", Text, nullable=False, server_default="en"),
    plain("theme", Text, nullable=False, server_default="default"),
    plain("ssid", Text, nullable=False, server_default=""),  # the name of the Wi-Fi, the same at every site
    plain("legal_name", Text, nullable=False, server_default=""),
    plain("email", Text, nullable=False, server_default=""),
    plain("address", Text, nullable=False, server_default=""),
    plain("accent", Text, nullable=False, server_default=""),  # the colour of its guest pages, #rrggbb; "": Bando's own
    plain("welcome", Text, nullable=False, server_default=""),  # a line above the plans
    plain("welcome_sw", Text, nullable=False, server_default=""),
    plain("protection_number", Text, nullable=False, server_default=""),
    plain("protection_until", Text),  # the last day of the registration as a data controller: 2026-11-28
    plain("licence_number", Text, nullable=False, server_default=""),
    plain("licence_until", Text),
    plain("active", Boolean, nullable=False, server_default="1"),
    plain("kind", Text, nullable=False, server_default="isp"),  # isp | platform: whoever runs the installation
    plain("closed_at", Whole),  # closed for good, from when its records are to be erased, and when they were
    plain("erase_from", Whole),
    plain("erased_at", Whole),
    # In which its routers may be, separated by blanks; empty: wherever the installation lets routers be.
    plain("router_networks", Text, nullable=False, server_default=""),
    # Codes from another system: until when any of them is good, and their lengths, separated by blanks.
    plain("imported_until", Whole),
    plain("imported_lengths", Text, nullable=False, server_default=""),
    # Bumped with every change of the tenant, its routers, plans or M-Pesa accounts; caches follow it.
    plain("version", Whole, nullable=False, server_default="1"),
    plain("tax_number", Text, nullable=False, server_default=""),  # on receipts
    plain("tax_bp", Whole, nullable=False, server_default="0"),  # included in prices, in hundredths of a per cent
    plain("refund_rules", Text, nullable=False, server_default=""),  # JSON: portal/payments/refunds/rules.py
    plain("created_at", Whole, nullable=False),
)

routers = Table(
    "routers",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False, unique=True),
    plain("name", Text, nullable=False),
    plain("host", Text, nullable=False),
    plain("port", Integer, nullable=False),
    plain("tunnel", Boolean, nullable=False, server_default="0"),
    plain("fingerprint", Text),
    plain("username", Text, nullable=False),
    secret("password_sealed", nullable=False),
    # The host that link-login must name (R3): the hotspot's dns-name or address.
    plain("hotspot_host", Text, nullable=False),
    # What was answered when its set-up script was made, as JSON, so that the script can be made again.
    plain("answers", Text, nullable=False, server_default="{}"),
    plain("active", Boolean, nullable=False, server_default="1"),
    plain("wake_version", Whole, nullable=False, server_default="0"),
    plain("last_contact_at", Whole),
    plain("trouble", Text),
    # A difference that would remove half of the marked rows: NULL, held (for staff) or allowed (by staff).
    plain("mass_removal", Text),
    # How Bando works with it: api (a keeper calls it) or radius (it asks, through FreeRADIUS).
    plain("mode", Text, nullable=False, server_default="api"),
    secret("radius_secret_sealed"),  # what it shares with FreeRADIUS
    plain("radius_source", Text),  # where its RADIUS packets come from, as FreeRADIUS sees them; no two are alike
    plain("coa_port", Integer),  # where it takes Disconnect and CoA; NULL: it cannot be reached
    # A router that calls us by HTTPS (portal/calls): its key, the SHA-256 of the token that comes from it, and what was
    # wished of it last: the version only grows, the mark tells whether it is another wish.
    secret("call_key_sealed"),
    secret("call_hash"),
    plain("call_version", Whole, nullable=False, server_default="0"),
    secret("call_mark"),
    plain("beat_at", Whole),  # when it called last, and what it told, as JSON
    plain("beat", Text, nullable=False, server_default="{}"),
    plain("created_at", Whole, nullable=False),
    where("uq_routers_radius_source", "radius_source IS NOT NULL", "radius_source"),
)

plans = Table(
    "plans",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False),
    plain("name", Text, nullable=False),
    plain("price_minor", Whole, nullable=False),
    plain("currency", Text, nullable=False),
    plain("kind", Text, nullable=False),  # wall | used
    plain("span_ms", Whole, nullable=False),
    plain("window_ms", Whole),  # used-time plans: how long the budget is good after its first use
    plain("data_bytes", Whole),
    plain("rate_up", Whole),  # bit/s from the client
    plain("rate_down", Whole),  # bit/s to the client
    plain("max_devices", Integer, nullable=False, server_default="1"),
    plain("use_by_ms", Whole, nullable=False),
    plain("sites", Text),  # JSON list of routers' ids, or NULL for all of the tenant
    plain("position", Integer, nullable=False, server_default="0"),
    plain("on_sale", Boolean, nullable=False, server_default="1"),
    # A voucher of this plan stays with the device that redeemed it first.
    plain("locked", Boolean, nullable=False, server_default="0"),
    plain("hours", Text),  # JSON: days of the week and minutes of the day of its sale, or NULL for always
    plain("hidden", Boolean, nullable=False, server_default="0"),  # staff sell it, guests do not see it
    plain("trial_days", Whole),  # a free trial: once per device in so many days; NULL: it is sold
    plain("trial_cap", Whole),  # a free trial: at most so many per router and day
    plain("created_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "public"),
)

persons = Table(
    "persons",
    metadata,
    key(),
    tenant(),
    plain("ref", Text, nullable=False, unique=True),
    secret("key_sealed"),
    secret("phone_index"),
    personal("phone_sealed", LargeBinary, purpose="sell and support", keep="person"),
    plain("created_at", Whole, nullable=False),
    personal("last_seen_at", Whole, purpose="retention clock", keep="person", nullable=False),
    plain("erased_at", Whole),
    UniqueConstraint("tenant_id", "phone_index"),
)

devices = Table(
    "devices",
    metadata,
    key(),
    tenant(),
    personal("mac", Text, purpose="admit the device", keep="person", nullable=False),
    link("person_id", "persons"),
    plain("created_at", Whole, nullable=False),
    personal("last_seen_at", Whole, purpose="retention clock", keep="person", nullable=False),
    link("last_router_id", "routers"),
    # Held off the router although a pass would admit it: by whom, and until when (NULL: until released).
    plain("held_by", Text),  # guest | staff
    plain("held_until", Whole),
    plain("held_at", Whole),
    plain("blocked_at", Whole),
    # The one-time login of RADIUS that it used last: when that was made, and by which session it was used.
    plain("ticket_at", Whole),
    plain("ticket_session", Text),
    UniqueConstraint("tenant_id", "mac"),
    Index(None, "tenant_id", "last_router_id", "last_seen_at"),
    part("tenant_id", "blocked_at", where="blocked_at IS NOT NULL"),  # each poll asks
)

passes = Table(
    "passes",
    metadata,
    key(),
    tenant(),
    link("device_id", "devices", nullable=False),
    link("person_id", "persons"),
    link("plan_id", "plans", nullable=False),
    plain("plan_name", Text, nullable=False),
    plain("price_minor", Whole, nullable=False),
    plain("currency", Text, nullable=False),
    plain("kind", Text, nullable=False),
    plain("span_ms", Whole, nullable=False),
    plain("window_ms", Whole),
    plain("data_bytes", Whole),
    plain("rate_up", Whole),
    plain("rate_down", Whole),
    plain("max_devices", Integer, nullable=False),
    plain("sites", Text),
    plain("cause_kind", Text, nullable=False),  # payment | voucher | staff | trial
    plain("cause_ref", Text, nullable=False),
    plain("state", Text, nullable=False),  # queued | waiting | running | paused | ended
    plain("position", Whole, nullable=False),
    plain("bought_at", Whole, nullable=False),
    plain("not_before", Whole, nullable=False),  # its clock never starts earlier
    plain("use_by", Whole, nullable=False),
    personal("started_at", Whole, purpose="sell and support", keep="session"),
    plain("ends_at", Whole),
    plain("used_ms", Whole, nullable=False, server_default="0"),
    plain("used_bytes", Whole, nullable=False, server_default="0"),
    plain("ended_at", Whole),
    plain("end_reason", Text),
    # I2: one cause makes at most one pass.
    UniqueConstraint("tenant_id", "cause_kind", "cause_ref"),
    part("tenant_id", "device_id", where="state <> 'ended'"),  # queues, short however long the past is
    Index(None, "tenant_id", "device_id", "bought_at"),  # the past, page by page
    Index(None, "tenant_id", "state", "ends_at"),
    part("tenant_id", "ended_at", where="started_at IS NOT NULL AND state = 'ended'"),  # retention
)

# Free trials: which device had one on which day of the ISP's calendar, and at which router.
trials = Table(
    "trials",
    metadata,
    key(),
    tenant(),
    link("device_id", "devices", nullable=False),
    link("router_id", "routers", nullable=False),
    link("plan_id", "plans", nullable=False),
    plain("day", Text, nullable=False),  # 2026-11-28
    plain("taken_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "device_id", "day"),
    Index(None, "tenant_id", "router_id", "day"),
)

# Which devices may use a pass; the first is the one it was bought for.
pass_devices = Table(
    "pass_devices",
    metadata,
    key(),
    tenant(),
    link("pass_id", "passes", nullable=False),
    link("device_id", "devices", nullable=False),
    plain("added_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "pass_id", "device_id"),
    Index(None, "tenant_id", "device_id"),
)

# What a device used of a pass.
usage = Table(
    "usage",
    metadata,
    key(),
    tenant(),
    link("pass_id", "passes", nullable=False),
    link("device_id", "devices", nullable=False),
    personal("used_ms", Whole, purpose="meter what was bought", keep="session", nullable=False),
    personal("bytes_up", Whole, purpose="meter what was bought", keep="session", nullable=False),
    personal("bytes_down", Whole, purpose="meter what was bought", keep="session", nullable=False),
    plain("updated_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "pass_id", "device_id"),
    Index(None, "tenant_id", "device_id"),
)

# Where a device with a pass was last seen, and the last reading of its counters there.
presence = Table(
    "presence",
    metadata,
    key(),
    tenant(),
    link("router_id", "routers", nullable=False),
    link("device_id", "devices", nullable=False),
    personal("seen_at", Whole, purpose="say why a pass waits", keep="session", nullable=False),
    personal("online_since", Whole, purpose="start the clock of a pass", keep="session"),
    plain("read_at", Whole),
    plain("user_uptime_s", Whole, nullable=False, server_default="0"),
    plain("user_bytes_in", Whole, nullable=False, server_default="0"),
    plain("user_bytes_out", Whole, nullable=False, server_default="0"),
    plain("active_uptime_s", Whole),
    plain("active_bytes_in", Whole, nullable=False, server_default="0"),
    plain("active_bytes_out", Whole, nullable=False, server_default="0"),
    personal("address", Text, purpose="help a guest who reads out their address", keep="session"),
    plain("rate_up", Whole),  # bit/s between the last two readings; NULL when that cannot be said
    plain("rate_down", Whole),
    # By how much longer its silence means nothing than at a router that is polled: a RADIUS router tells so seldom.
    plain("patience_ms", Whole, nullable=False, server_default="0"),
    UniqueConstraint("tenant_id", "router_id", "device_id"),
    Index(None, "tenant_id", "device_id", "router_id"),
    Index(None, "tenant_id", "online_since"),
    part("tenant_id", "router_id", "online_since", "device_id", where="online_since IS NOT NULL"),  # each poll asks
    Index(None, "tenant_id", "address"),
)

# How many devices were online at a router at the first reading of each quarter of an hour; nobody's data.
online_counts = Table(
    "online_counts",
    metadata,
    key(),
    tenant(),
    plain("slot", Whole, nullable=False),  # when the quarter began
    link("router_id", "routers", nullable=False),
    plain("online", Integer, nullable=False),
    UniqueConstraint("tenant_id", "slot", "router_id"),
)

# Failed guesses at codes whose tenant is not known (/V/CODE without a router's word).
open_guesses = Table(
    "open_guesses",
    metadata,
    key(),
    plain("bucket", Text, nullable=False),  # source | installation | code
    secret("subject", nullable=False),
    plain("guessed_at", Whole, nullable=False),
    Index(None, "bucket", "subject", "guessed_at"),
)

# Failed guesses (receipts and voucher codes), in independent buckets.
guesses = Table(
    "guesses",
    metadata,
    key(),
    tenant(),
    plain("door", Text, nullable=False),  # receipt | voucher
    plain("bucket", Text, nullable=False),  # device | router | source | tenant | code
    secret("subject", nullable=False),
    plain("guessed_at", Whole, nullable=False),
    Index(None, "tenant_id", "door", "bucket", "subject", "guessed_at"),
)

# Lines for staff: what a person has to look at.
exceptions = Table(
    "exceptions",
    metadata,
    key(),
    tenant(),
    plain("kind", Text, nullable=False),
    plain("subject", Text, nullable=False),  # e.g. payment:12
    plain("detail", Text, nullable=False),
    plain("opened_at", Whole, nullable=False),
    plain("closed_at", Whole),
    UniqueConstraint("tenant_id", "kind", "subject"),
)

TENANT_TABLES = frozenset(table.name for table in metadata.sorted_tables if "tenant_id" in table.c)
