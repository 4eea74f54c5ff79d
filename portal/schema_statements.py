"""The tables of statements: the provider's own list of what came in, and what was found when it was compared."""

from __future__ import annotations

from sqlalchemy import Boolean, Index, Integer, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, part, personal, plain, secret, tenant

# How far the statement of an account was read, and how.
pulls = Table(
    "pulls",
    metadata,
    key(),
    tenant(),
    link("account_id", "mpesa_accounts", nullable=False),
    plain("registered", Boolean, nullable=False, server_default="0"),
    plain("zone", Text),  # how the times of its rows are to be read: utc | eat; NULL until that is proven
    plain("read_until", Whole),  # without a gap, from the first time on
    plain("swept_at", Whole),  # when all that M-Pesa remembers was last read
    plain("trouble", Text),  # a word for what went wrong the last time
    plain("tried_at", Whole),
    UniqueConstraint("account_id"),
)

# From when to when a statement was read whole; what is not in it then did not come in.
statement_spans = Table(
    "statement_spans",
    metadata,
    key(),
    tenant(),
    link("account_id", "mpesa_accounts", nullable=False),
    plain("since", Whole, nullable=False),
    plain("until", Whole, nullable=False),
    plain("via", Text, nullable=False),  # pull | file
    plain("lines", Integer, nullable=False),
    plain("read_at", Whole, nullable=False),
    Index(None, "tenant_id", "account_id", "until"),
)

statement_rows = Table(
    "statement_rows",
    metadata,
    key(),
    tenant(),
    link("account_id", "mpesa_accounts", nullable=False),
    plain("number", Text, nullable=False),
    plain("kind", Text, nullable=False),  # in | out
    plain("amount_minor", Whole, nullable=False),
    plain("currency", Text, nullable=False),
    plain("paid_at", Whole, nullable=False),
    plain("account_ref", Text, nullable=False, server_default=""),
    personal("payer_tail", Text, purpose="match a receipt to its payment", keep="payment"),
    plain("linked", Text, nullable=False, server_default=""),  # the receipt that a reversal takes back
    plain("via", Text, nullable=False),  # pull | file
    plain("read_at", Whole, nullable=False),
    plain("outcome", Text, nullable=False, server_default=""),  # what settling it came to
    UniqueConstraint("tenant_id", "account_id", "number", "kind"),
    part("tenant_id", "paid_at", where="payer_tail IS NOT NULL"),  # retention
    Index(None, "tenant_id", "account_id", "kind", "paid_at"),
)

# A day was checked: how much of it there was, and how much was odd.
checks = Table(
    "checks",
    metadata,
    key(),
    tenant(),
    plain("day", Text, nullable=False),  # 2026-11-28, of the ISP's calendar
    plain("since", Whole, nullable=False),
    plain("until", Whole, nullable=False),
    plain("checked_at", Whole, nullable=False),
    plain("received", Integer, nullable=False),  # receipts
    plain("lines", Integer, nullable=False),  # of the statement
    plain("amount_minor", Whole, nullable=False),
    plain("currency", Text, nullable=False),
    plain("covered", Boolean, nullable=False),  # whether the statement of the whole day was there
    plain("found", Integer, nullable=False),
    UniqueConstraint("tenant_id", "day"),
)

# What does not agree between statement, receipts and passes, with the day it is of.
findings = Table(
    "findings",
    metadata,
    key(),
    tenant(),
    plain("day", Text, nullable=False),
    plain("kind", Text, nullable=False),  # portal/payments/statements/kinds.py
    plain("subject", Text, nullable=False),  # receipt:TKM4X7Y2ZQ | payment:abcd
    link("account_id", "mpesa_accounts"),
    link("payment_id", "payments"),
    link("receipt_id", "receipts"),
    plain("amount_minor", Whole, nullable=False),
    plain("currency", Text, nullable=False),
    plain("detail", Text, nullable=False, server_default=""),
    plain("found_at", Whole, nullable=False),
    plain("settled_at", Whole),
    plain("how", Text),  # gone: it agrees by now | a word for what staff did
    UniqueConstraint("tenant_id", "kind", "subject"),
    Index(None, "tenant_id", "day"),
    Index(None, "tenant_id", "settled_at", "found_at"),
)

# What M-Pesa was asked about one payment, or about the balance; it answers later, at an address of the question's own.
questions = Table(
    "questions",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False, unique=True),
    plain("kind", Text, nullable=False),  # status | balance
    link("account_id", "mpesa_accounts", nullable=False),
    plain("number", Text),  # the receipt that is asked about
    secret("result_hash", nullable=False, unique=True),  # SHA-256 of the path token of its result address
    plain("asked_at", Whole, nullable=False),
    plain("answered_at", Whole),
    plain("outcome", Text),  # a word; of a balance the accounts, as JSON
    Index(None, "tenant_id", "kind", "asked_at"),
    Index("ix_questions_number", "tenant_id", "number", "asked_at"),
)
