"""The tables of staff, their logins, and what they did; `schema` holds all the others.

Staff belong to a tenant, so a statement about them names it like every other (R6), and each tenant has a chain of
acts of its own.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Index, LargeBinary, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, part, personal, plain, secret, tenant

staff = Table(
    "staff",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False),
    secret("email_index", nullable=False),
    personal("email_sealed", LargeBinary, purpose="log in", keep="staff", nullable=False),
    personal("name", Text, purpose="say who did what", keep="staff", nullable=False),
    plain("role", Text, nullable=False),  # portal/staff/roles.py
    plain("state", Text, nullable=False),  # invited | active | off
    secret("password_hash"),  # argon2id, as text; NULL until the invitation is taken up
    secret("totp_sealed"),  # NULL: no second factor yet
    plain("totp_step", Whole),  # the last 30-second step that was used: each works once
    plain("language", Text, nullable=False, server_default="en"),
    plain("commission_bp", Whole, nullable=False, server_default="0"),  # of an agent: 1000 is a tenth of the price
    plain("debt_limit_minor", Whole),  # up to which an agent may owe; NULL: none was set
    plain("created_at", Whole, nullable=False),
    plain("changed_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "public"),
    UniqueConstraint("email_index"),
)

# Whose e-mail address this is, for the login page, which does not know the tenant yet.
staff_owners = Table(
    "staff_owners",
    metadata,
    secret("email_index", LargeBinary, primary_key=True),
    link("owner", "tenants", nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    key(),
    tenant(),
    link("staff_id", "staff", nullable=False),
    secret("code_hash", nullable=False),
    plain("used_at", Whole),
    Index(None, "tenant_id", "staff_id"),
)

# A link that sets a password: of an invitation or of a reset. Works once.
staff_links = Table(
    "staff_links",
    metadata,
    key(),
    tenant(),
    link("staff_id", "staff", nullable=False),
    secret("token_hash", nullable=False),
    plain("kind", Text, nullable=False),  # invitation | reset
    plain("made_at", Whole, nullable=False),
    plain("expires_at", Whole, nullable=False),
    plain("used_at", Whole),
    UniqueConstraint("tenant_id", "token_hash"),
)

logins = Table(
    "logins",
    metadata,
    key(),
    tenant(),
    link("staff_id", "staff", nullable=False),
    secret("token_hash", nullable=False),
    plain("begun_at", Whole, nullable=False),
    plain("seen_at", Whole, nullable=False),
    plain("proven_at", Whole, nullable=False),  # the password was last given; some acts want it fresh
    plain("ended_at", Whole),
    plain("end_reason", Text),  # out | idle | age | other | password | role | off | tenant
    link("looks_at", "tenants"),  # the ISP that somebody of the platform looks into …
    plain("looks_window", Whole),  # … and by which of its support windows
    personal("address", Text, purpose="show logins to their owner", keep="act", nullable=False),
    personal("browser", Text, purpose="show logins to their owner", keep="act", nullable=False),
    UniqueConstraint("tenant_id", "token_hash"),
    Index(None, "tenant_id", "staff_id", "ended_at"),
)

# The platform's staff may look in: opened and closed by the ISP, never by them.
support_windows = Table(
    "support_windows",
    metadata,
    key(),
    tenant(),
    link("opened_by", "staff", nullable=False),
    plain("reason", Text, nullable=False),
    plain("opened_at", Whole, nullable=False),
    plain("until", Whole, nullable=False),
    plain("closed_at", Whole),
    Index(None, "tenant_id", "until"),
)

# Logins that failed: shown to the owner of the account, and counted by the throttle.
login_failures = Table(
    "login_failures",
    metadata,
    key(),
    tenant(),
    link("staff_id", "staff", nullable=False),
    plain("why", Text, nullable=False),  # password | second | state
    plain("failed_at", Whole, nullable=False),
    personal("address", Text, purpose="show failed logins to their owner", keep="act", nullable=False),
    personal("browser", Text, purpose="show failed logins to their owner", keep="act", nullable=False),
    Index(None, "tenant_id", "staff_id", "failed_at"),
    Index(None, "tenant_id", "failed_at"),
)

# The same as keyed hashes, known account or not, for the throttle of the whole installation.
login_tries = Table(
    "login_tries",
    metadata,
    key(),
    plain("bucket", Text, nullable=False),  # account | source | pair
    secret("subject", nullable=False),
    plain("tried_at", Whole, nullable=False),
    Index(None, "bucket", "subject", "tried_at"),
)

# Every privileged act, one chain for each tenant. The chain hashes the digest of a payload, not the payload: a
# purge clears what was personal and leaves every link.
audit = Table(
    "audit",
    metadata,
    key(),
    tenant(),
    plain("number", Whole, nullable=False),  # 1, 2, 3 … of the tenant
    plain("at", Whole, nullable=False),
    plain("actor", Text, nullable=False),  # staff:<public> | command
    plain("act", Text, nullable=False),
    plain("subject", Text, nullable=False),
    personal("payload", Text, purpose="say what was changed", keep="act"),  # JSON: name, address, before, after
    plain("payload_digest", LargeBinary, nullable=False),
    plain("chain", LargeBinary, nullable=False),
    plain("money", Boolean, nullable=False, server_default="0"),  # kept as long as payments
    UniqueConstraint("tenant_id", "number"),
    Index(None, "tenant_id", "subject", "number"),
    Index(None, "tenant_id", "act", "number"),
    Index(None, "tenant_id", "actor", "number"),
    part("tenant_id", "money", "at", where="payload IS NOT NULL"),  # retention
)

# Where each chain ends, sealed with a key that is not in the database.
audit_heads = Table(
    "audit_heads",
    metadata,
    key(),
    tenant(),
    plain("number", Whole, nullable=False),
    secret("seal", nullable=False),
    UniqueConstraint("tenant_id"),
)

# What staff wrote about a device, for whoever helps next.
notes = Table(
    "notes",
    metadata,
    key(),
    tenant(),
    link("device_id", "devices", nullable=False),
    link("staff_id", "staff", nullable=False),
    personal("text", Text, purpose="support", keep="support", nullable=False),
    plain("written_at", Whole, nullable=False),
    Index(None, "tenant_id", "device_id", "written_at"),
    Index(None, "tenant_id", "written_at"),
)
