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
    schema_imports,
    schema_privacy,
    schema_refunds,
    schema_sessions,
    schema_staff,
    schema_statements,
    schema_vouchers,
    schema_watch,
)
from portal.columns import Whole, key, link, metadata, part, personal, plain, secret, tenant

__all__ = [
    "TENANT_TABLES",
    "metadata",
    "schema_agents",
    "schema_books",
    "schema_imports",
    "schema_privacy",
    "schema_refunds",
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
    plain("created_at", Whole, nullable=False),
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
    UniqueConstraint("tenant_id", "mac"),
    Index(None, "tenant_id", "last_router_id", "last_seen_at"),
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
    UniqueConstraint("tenant_id", "router_id", "device_id"),
    Index(None, "tenant_id", "device_id"),
    Index(None, "tenant_id", "online_since"),
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

# A tenant's own accounts at payment providers: money goes straight to the tenant. The name of the table is from when
# M-Pesa was the only one. What a provider does not need is empty (docs/decisions/0030).
mpesa_accounts = Table(
    "mpesa_accounts",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False, unique=True),
    plain("provider", Text, nullable=False, server_default="mpesa"),
    plain("environment", Text, nullable=False),  # sandbox | production: of the row, not of the process
    plain("base_url", Text, nullable=False),
    plain("kind", Text, nullable=False),  # paybill | till, or how another provider's payments begin
    plain("shortcode", Text, nullable=False),  # BusinessShortCode: paybill, or the till's store number
    plain("party_b", Text, nullable=False),  # paybill again, or the till
    secret("consumer_key_sealed", nullable=False),
    secret("consumer_secret_sealed", nullable=False),
    secret("passkey_sealed", nullable=False),
    # Who asks M-Pesa for reversals and its statement of one payment: a user of the organisation's portal. The
    # credential is their password as M-Pesa wants it; it ends after 90 days.
    plain("initiator", Text, nullable=False, server_default=""),
    secret("credential_sealed"),
    plain("credential_at", Whole),
    plain("balance_limit_minor", Whole),  # what it may hold at M-Pesa, where the ISP has said so
    # Keyed hash of environment and consumer key: rows that share it share one token and one query bucket.
    secret("app_index", nullable=False),
    # SHA-256 of the path token in the registered C2B URLs.
    secret("c2b_token_hash", nullable=False, unique=True),
    plain("active", Boolean, nullable=False, server_default="1"),
    plain("created_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "provider", "environment", "shortcode", "party_b"),
)

payments = Table(
    "payments",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False, unique=True),
    secret("token_hash", nullable=False, unique=True),  # the purchase's own token, proof of R3
    secret("callback_hash", nullable=False, unique=True),  # the path token of its callback URL
    plain("click_key", Text, nullable=False),  # one payment per click
    link("account_id", "mpesa_accounts", nullable=False),
    plain("environment", Text, nullable=False),
    link("router_id", "routers"),
    link("device_id", "devices", nullable=False),
    link("person_id", "persons", nullable=False),  # who is asked to pay; the pass is the device's
    personal("phone_tail", Text, purpose="match a receipt to its payment", keep="payment"),  # last 3 digits
    link("plan_id", "plans", nullable=False),
    plain("plan_copy", Text, nullable=False),  # JSON: what was bought, at the price of the click
    plain("amount_minor", Whole, nullable=False),
    plain("currency", Text, nullable=False),
    plain("account_ref", Text, nullable=False),  # to pay by hand; unique per tenant
    plain("state", Text, nullable=False),
    plain("reason", Text),
    # NULL before success; then 'to come' (settled by a query, which carries no receipt), 'here', or 'overdue'
    # when it has not come for so long that staff were told.
    plain("receipt_state", Text),
    plain("settled_by", Text),
    secret("merchant_request_sealed"),
    secret("checkout_request_sealed"),
    secret("checkout_index", unique=True),
    secret("go_to_sealed"),  # the provider's page on which this payment is made, if it has one
    plain("say", Text),  # what the provider wants the guest to read
    plain("created_at", Whole, nullable=False),
    plain("submitted_at", Whole),
    plain("settled_at", Whole),
    plain("queries", Integer, nullable=False, server_default="0"),
    plain("next_query_at", Whole),
    plain("refunded_minor", Whole, nullable=False, server_default="0"),  # given back, or about to be
    UniqueConstraint("tenant_id", "click_key"),
    UniqueConstraint("tenant_id", "account_ref"),
    Index(None, "tenant_id", "state", "next_query_at"),
    Index(None, "tenant_id", "state", "id"),
    Index(None, "tenant_id", "device_id", "created_at"),
    Index(None, "tenant_id", "person_id", "created_at"),
    Index(None, "tenant_id", "account_id", "phone_tail", "created_at"),
    Index(None, "tenant_id", "receipt_state", "settled_at"),
    part("tenant_id", "created_at", where="phone_tail IS NOT NULL"),  # retention
    # Lists of days and the takings are read from these alone.
    Index("ix_payments_days", "tenant_id", "created_at", "state", "plan_id", "router_id"),
    Index(
        "ix_payments_takings", "tenant_id", "settled_at", "state", "currency", "plan_id", "router_id", "amount_minor"
    ),
)

receipts = Table(
    "receipts",
    metadata,
    key(),
    tenant(),
    plain("provider", Text, nullable=False),
    plain("environment", Text, nullable=False),
    plain("number", Text, nullable=False),
    plain("amount_minor", Whole, nullable=False),
    plain("currency", Text, nullable=False),
    plain("account_ref", Text, nullable=False, server_default=""),
    plain("shortcode", Text, nullable=False, server_default=""),
    personal("payer_tail", Text, purpose="match a receipt to its payment", keep="payment"),
    plain("paid_at", Whole),
    plain("seen_at", Whole, nullable=False),
    plain("seen_via", Text, nullable=False),
    # Keyed hash of the payer's number, while the receipt waits for its payment (the number may come hashed).
    secret("payer_index"),
    link("account_id", "mpesa_accounts"),
    link("payment_id", "payments"),
    plain("state", Text, nullable=False),  # matched | unmatched | claimed | review | returned
    # I3: a receipt number is unique over all tenants; a payment has at most one receipt.
    UniqueConstraint("provider", "environment", "number"),
    UniqueConstraint("payment_id"),
    Index(None, "tenant_id", "state", "seen_at"),
    Index(None, "tenant_id", "account_id", "number"),  # the lines of a statement find theirs
    part("tenant_id", "seen_at", where="payer_tail IS NOT NULL OR payer_index IS NOT NULL"),  # retention
)

# Everything that was said to us about money: written durably before it is answered (R5).
inbox = Table(
    "inbox",
    metadata,
    key(),
    tenant(),
    plain("ref", Text, nullable=False, unique=True),
    # stk | c2b-confirm | c2b-validate | query | result | result-timeout
    plain("channel", Text, nullable=False),
    link("payment_id", "payments"),
    link("refund_id", "refunds"),
    link("question_id", "questions"),
    link("account_id", "mpesa_accounts"),
    personal("body_sealed", LargeBinary, purpose="evidence of payments", keep="evidence"),
    plain("listed_source", Boolean),  # came from an address on the provider's list
    plain("received_at", Whole, nullable=False),
    plain("processed_at", Whole),
    plain("verdict", Text),
    Index(None, "tenant_id", "processed_at"),
    part("tenant_id", "received_at", where="body_sealed IS NOT NULL"),  # retention
    Index(None, "tenant_id", "payment_id"),
)

# Each prompt that made a phone ring; what the limits count.
prompts = Table(
    "prompts",
    metadata,
    key(),
    tenant(),
    secret("phone_index", nullable=False),
    link("device_id", "devices", nullable=False),
    link("router_id", "routers"),
    link("payment_id", "payments"),
    plain("sent_at", Whole, nullable=False),
    Index(None, "tenant_id", "phone_index", "sent_at"),
    Index(None, "tenant_id", "device_id", "sent_at"),
    Index(None, "tenant_id", "router_id", "sent_at"),
    Index(None, "tenant_id", "sent_at"),
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
