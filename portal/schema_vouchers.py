"""Tables beside the vouchers, which `schema` holds: whose a code is, and what was done with a batch."""

from __future__ import annotations

from sqlalchemy import Index, Table, Text

from portal.columns import Whole, key, link, metadata, personal, plain, secret, tenant

# Whose a code is, for a guest who comes without a router's word (/V/CODE over mobile data).
code_owners = Table(
    "code_owners",
    metadata,
    secret("code_index", primary_key=True),
    link("owner", "tenants", nullable=False),
)

# What staff did with a range of a batch: made, printed, printed again, exported, voided.
voucher_acts = Table(
    "voucher_acts",
    metadata,
    key(),
    tenant(),
    link("batch_id", "batches", nullable=False),
    plain("act", Text, nullable=False),  # made | printed | reprinted | exported | voided
    plain("how", Text, nullable=False, server_default=""),  # sheet 4x9, slip 58, html, csv
    plain("first_serial", Whole, nullable=False),
    plain("last_serial", Whole, nullable=False),
    plain("reason", Text, nullable=False, server_default=""),
    personal("actor", Text, purpose="answer for stock", keep="act", nullable=False),
    plain("done_at", Whole, nullable=False),
    Index(None, "tenant_id", "batch_id", "act", "done_at"),
)
