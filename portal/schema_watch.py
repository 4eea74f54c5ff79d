"""The tables of the watch: what was alarmed about, who is told, and which messages are on their way.

No datum of a guest is in any of them. An address to which alarms go may be somebody's e-mail address, so it is sealed.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, part, personal, plain, secret, tenant, where

# Suspected, then open, then gone for a while, then closed: portal/watch/ledger.py.
alarms = Table(
    "alarms",
    metadata,
    key(),
    tenant(),
    plain("kind", Text, nullable=False),  # portal/watch/alarm.py
    plain("subject", Text, nullable=False),  # router:12, or nothing where there is but one
    plain("severity", Text, nullable=False),  # grave | warn
    plain("sentence", Text, nullable=False),
    plain("since", Whole, nullable=False),  # when the trouble began, as far as is known
    plain("suspected_at", Whole, nullable=False),  # first seen; one look alone tells nobody
    plain("opened_at", Whole),  # NULL: a suspicion, of which nobody was told
    plain("gone_at", Whole),  # not seen any more since then; NULL while it is there
    plain("closed_at", Whole),
    link("seen_by", "staff"),
    plain("seen_at", Whole),
    plain("muted_at", Whole),  # nothing more is said of it until it is over
    where("uq_alarms_open", "closed_at IS NULL", "tenant_id", "kind", "subject"),
    Index(None, "tenant_id", "kind", "subject", "closed_at"),  # how often it came lately
    Index(None, "tenant_id", "closed_at", "id"),  # the past, page by page
)

# Where an ISP wants to be told.
alarm_channels = Table(
    "alarm_channels",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False),
    plain("kind", Text, nullable=False),  # webhook | email
    personal("address_sealed", LargeBinary, purpose="tell staff of alarms", keep="staff", nullable=False),
    secret("secret_sealed"),  # what signs its messages; webhooks only
    plain("wanted", Text),  # JSON list of kinds, or NULL for all
    plain("active", Boolean, nullable=False, server_default="1"),
    plain("last_ok_at", Whole),
    plain("last_failed_at", Whole),
    plain("removed_at", Whole),  # its messages stay, its address and secret are emptied
    plain("created_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "public"),
)

# The outbox: written with the alarm, delivered afterwards.
deliveries = Table(
    "deliveries",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False, unique=True),  # the receiver's mark against doubles
    link("alarm_id", "alarms"),  # NULL: a test
    link("channel_id", "alarm_channels", nullable=False),
    plain("event", Text, nullable=False),  # opened | worse | closed | test
    plain("body", Text, nullable=False),  # JSON, the same with each try
    plain("state", Text, nullable=False),  # waiting | sent | failed | dropped
    plain("tries", Integer, nullable=False, server_default="0"),
    plain("next_try_at", Whole),
    plain("answer", Text),  # of the last try, in a word
    plain("made_at", Whole, nullable=False),
    plain("done_at", Whole),
    part("tenant_id", "next_try_at", where="state = 'waiting'"),
    Index(None, "tenant_id", "channel_id", "id"),
    Index(None, "tenant_id", "alarm_id"),
)
