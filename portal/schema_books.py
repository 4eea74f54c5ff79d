"""The tables of the books: what moved from one account of the ISP to another, and the cash-ups of drawers."""

from __future__ import annotations

from sqlalchemy import Index, Integer, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, part, plain, tenant

SUMMED_BY = ("plan_id", "router_id", "account_id")

# Double entry, a row for each transfer: what one account is debited, another is credited (decision 27). Rows are only
# added. `kind` says which fact it is, `cause` which thing it is about; a fact is posted once.
transfers = Table(
    "transfers",
    metadata,
    key(),
    tenant(),
    plain("kind", Text, nullable=False),  # portal/books/chart.py
    plain("cause", Text, nullable=False),
    plain("debit", Text, nullable=False),
    plain("credit", Text, nullable=False),
    plain("amount_minor", Whole, nullable=False),
    plain("currency", Text, nullable=False),
    plain("posted_at", Whole, nullable=False),  # the day of the books to which it belongs
    plain("happened_at", Whole),  # by the provider's clock, where that is another moment
    link("account_id", "mpesa_accounts"),
    link("staff_id", "staff"),  # whose drawer
    link("agent_id", "staff"),
    link("plan_id", "plans"),
    link("router_id", "routers"),
    link("closing_id", "closings"),  # the cash-up that counted it
    UniqueConstraint("tenant_id", "kind", "cause"),
    # All that reports sum up stands in here.
    Index("ix_transfers_sums", "tenant_id", "kind", "posted_at", "currency", *SUMMED_BY, "amount_minor"),
    part("tenant_id", "staff_id", "closing_id", where="staff_id IS NOT NULL"),
    # What an agent owes is summed up in here alone.
    part("tenant_id", "agent_id", "posted_at", "kind", "currency", "amount_minor", where="agent_id IS NOT NULL"),
)

# A drawer was counted: what should have been in it, what was, and what became of it. Never changed.
closings = Table(
    "closings",
    metadata,
    key(),
    tenant(),
    link("staff_id", "staff", nullable=False),  # whose drawer
    plain("number", Whole, nullable=False),  # 1, 2, 3 … of the drawer
    link("closed_by", "staff", nullable=False),
    plain("opened_at", Whole, nullable=False),
    plain("closed_at", Whole, nullable=False),
    plain("currency", Text, nullable=False),
    plain("opening_minor", Whole, nullable=False),  # what the cash-up before had left in it
    plain("in_minor", Whole, nullable=False),
    plain("out_minor", Whole, nullable=False),
    plain("counted_minor", Whole, nullable=False),
    plain("left_minor", Whole, nullable=False),  # for the next day; the rest went to the safe
    plain("lines", Integer, nullable=False),  # how many transfers it counted
    plain("note", Text, nullable=False, server_default=""),
    UniqueConstraint("tenant_id", "staff_id", "number"),
    Index(None, "tenant_id", "closed_at"),
)
