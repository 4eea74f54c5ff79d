"""The table of refunds; see `portal.payments.refunds.states` for how they live."""

from __future__ import annotations

from sqlalchemy import Boolean, Index, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, plain, secret, tenant, where

refunds = Table(
    "refunds",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False, unique=True),
    plain("form_key", Text, nullable=False),  # of the form that asked for it: sent twice, it gives back once
    link("payment_id", "payments", nullable=False),
    plain("way", Text, nullable=False),  # reversal | cash
    plain("amount_minor", Whole, nullable=False),
    plain("currency", Text, nullable=False),
    plain("state", Text, nullable=False),
    plain("reason", Text, nullable=False),
    plain("ends_pass", Boolean, nullable=False),
    link("asked_by", "staff", nullable=False),
    plain("asked_at", Whole, nullable=False),
    link("decided_by", "staff"),
    plain("decided_at", Whole),
    link("drawer_id", "staff"),  # from whose drawer the cash was handed over
    plain("sent_at", Whole),
    plain("ended_at", Whole),
    plain("why_not", Text),  # a word for why it was declined, or failed
    secret("result_hash", nullable=False, unique=True),  # SHA-256 of the path token of its result address
    plain("conversation", Text),  # the provider's name for the request
    plain("number", Text),  # the receipt of the reversal itself
    UniqueConstraint("tenant_id", "form_key"),
    # A receipt is reversed once: a second reversal waits until the first has certainly failed.
    where("uq_refunds_reversal", "way = 'reversal' AND state NOT IN ('declined', 'failed')", "tenant_id", "payment_id"),
    Index(None, "tenant_id", "state", "asked_at"),
    Index("ix_refunds_payment", "tenant_id", "payment_id"),
)
