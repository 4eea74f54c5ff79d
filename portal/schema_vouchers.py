"""The tables of vouchers; `schema` holds the others."""

from __future__ import annotations

from sqlalchemy import Index, LargeBinary, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, part, personal, plain, secret, tenant, where

# What staff create, print, sell and void together. Its plan and price are frozen when it is made.
batches = Table(
    "batches",
    metadata,
    key(),
    tenant(),
    plain("number", Whole, nullable=False),  # counts up in a tenant; vouchers are called B<number>-<serial>
    link("plan_id", "plans", nullable=False),
    plain("plan_copy", Text, nullable=False),  # JSON: the plan at this price, as it was
    plain("price_minor", Whole, nullable=False),
    plain("currency", Text, nullable=False),
    plain("style", Text, nullable=False),  # a name of portal.vouchers.codes.STYLES
    plain("count", Whole, nullable=False),
    plain("use_by", Whole, nullable=False),
    plain("note", Text, nullable=False, server_default=""),
    plain("agent", Text, nullable=False, server_default=""),
    personal("made_by", Text, purpose="answer for stock", keep="act", nullable=False),
    link("staff_id", "staff"),  # who made it in the console; names may be alike
    link("agent_id", "staff"),  # whose stock it is; NULL: the ISP's own
    plain("form_key", Text),  # of the form that made it: sent twice, it makes one batch
    plain("created_at", Whole, nullable=False),
    plain("ready_at", Whole),  # NULL while its codes are being drawn
    plain("expired_at", Whole),  # when the books took its sold and unused cards as expired
    UniqueConstraint("tenant_id", "number"),
    Index(None, "tenant_id", "form_key", unique=True),
    Index(None, "tenant_id", "note", "created_at"),
    Index(None, "tenant_id", "agent_id"),
    part("tenant_id", "use_by", where="expired_at IS NULL"),
    part("tenant_id", "created_at", where="made_by <> ''"),  # retention
    # Without what was sold one by one at the counter, which may be thousands between two batches.
    part("tenant_id", "number", where="NOT (count = 1 AND note = 'counter sale')"),
)

# A printed code worth one pass. `spent` and `expired` are not stored: they follow from its pass and its use-by.
vouchers = Table(
    "vouchers",
    metadata,
    key(),
    tenant(),
    link("batch_id", "batches", nullable=False),
    plain("serial", Whole, nullable=False),  # from 1 in its batch
    plain("label", Text, nullable=False),  # B12-0043: on the card, and the cause of its pass
    secret("code_index", nullable=False),  # keyed hash over the whole installation
    secret("code_sealed", nullable=False),
    plain("state", Text, nullable=False, server_default="printed"),  # printed | redeemed | void
    plain("use_by", Whole, nullable=False),
    plain("redeemed_at", Whole),
    link("redeemed_router_id", "routers"),
    plain("voided_at", Whole),
    personal("voided_by", Text, purpose="answer for stock", keep="act"),
    plain("void_reason", Text),
    plain("sold_at", Whole),  # its sale stands in the books: for cash, or handed out to an agent
    link("agent_id", "staff"),  # whose stock it is; NULL: the ISP's own
    plain("commission_minor", Whole, nullable=False, server_default="0"),  # what the agent earns when it is redeemed
    plain("lost_at", Whole),  # its agent lost it, and owes for it all the same
    plain("handed_at", Whole),  # an agent showed its code and sold it; once
    plain("handed_key", Text),  # of the form that took it: sent twice, it takes one card
    UniqueConstraint("code_index"),
    UniqueConstraint("tenant_id", "batch_id", "serial"),
    UniqueConstraint("tenant_id", "label"),
    # Unused cards are counted as all of a batch less those in here: written once in a card's life (decision 23).
    part("tenant_id", "batch_id", "state", "redeemed_at", "agent_id", where="state <> 'printed'"),
    # An agent's cards; those of the ISP's own stock are not in it.
    part("tenant_id", "agent_id", "batch_id", where="agent_id IS NOT NULL"),
    part("tenant_id", "voided_at", where="voided_by IS NOT NULL"),  # retention
    # Redeeming writes neither of its columns, so it has nothing to do with this index.
    where("uq_vouchers_handed", "handed_key IS NOT NULL", "tenant_id", "handed_key"),
)

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
    part("tenant_id", "done_at", where="actor <> ''"),  # retention
)

# A voucher that brought a new device in place of an older one; the daily limit counts these.
voucher_moves = Table(
    "voucher_moves",
    metadata,
    key(),
    tenant(),
    link("voucher_id", "vouchers", nullable=False),
    link("from_device_id", "devices", nullable=False),
    link("to_device_id", "devices", nullable=False),
    plain("moved_at", Whole, nullable=False),
    Index(None, "tenant_id", "voucher_id", "moved_at"),
    Index(None, "tenant_id", "from_device_id"),
    Index(None, "tenant_id", "to_device_id"),
)

# The ISP's logo on paper: a PNG, as checked when it was given.
logos = Table(
    "logos",
    metadata,
    key(),
    tenant(),
    plain("png", LargeBinary, nullable=False),
    plain("small", LargeBinary),  # the same for guest pages, made small; NULL: none there
    UniqueConstraint("tenant_id"),
)
