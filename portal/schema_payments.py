"""The tables of payments: accounts at providers, what was asked, what came in, and all that was said about it."""

from __future__ import annotations

from sqlalchemy import Boolean, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, part, personal, plain, secret, tenant

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
    part("tenant_id", "payer_index", where="payer_index IS NOT NULL"),  # whose it is
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
    part("tenant_id", "refund_id", where="refund_id IS NOT NULL"),  # whose it is
    part("tenant_id", "question_id", where="question_id IS NOT NULL"),
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
