"""What each table and its columns are called where a person reads what is known of them."""

from __future__ import annotations

TITLES = {
    "persons": "You",
    "devices": "Your devices",
    "passes": "Passes: the time and data that you had",
    "payments": "Payments that you were asked for",
    "receipts": "Receipts of the payment provider",
    "refunds": "Money that went back to you",
    "statement_rows": "Your lines on the payment provider's statement",
    "inbox": "Messages of the payment provider about you",
    "sessions": "Sessions: when you were online, where, and how much went through",
    "usage": "What each device used of each pass",
    "presence": "Where your devices were last seen",
    "trials": "Free trials",
    "pass_devices": "Devices that use a pass",
    "prompts": "Times at which your phone was asked to pay",
    "rights_requests": "What you asked about your data",
    "rights_steps": "What was done about that",
    "restrictions": "What may not be done with your data",
    "messages": "Messages that were sent to you",
    "consents": "What you agreed to, and took back",
    "notes": "Notes of staff about your devices",
    "audit": "What staff did for you, or about you",
}

SHUT = "(kept, and damaged: it cannot be read any more)"

# Columns that only the machine needs; what is secret, sealed or a link to somebody else is left out by its kind.
MACHINE = frozenset(
    {
        *("id", "tenant_id", "click_key", "form_key", "number", "payload_digest", "chain", "money", "position"),
        *("queries", "next_query_at", "channel", "ref", "currency_id", "user_uptime_s", "user_bytes_in"),
        *("user_bytes_out", "active_uptime_s", "active_bytes_in", "active_bytes_out", "read_at", "processed_at"),
    }
)
KEPT = {("receipts", "number"), ("statement_rows", "number"), ("refunds", "number"), ("persons", "ref")}
MOMENTS = frozenset({"not_before", "use_by", "online_since", "held_until"})
NAMES = {
    "mac": "MAC address",
    "seen_at": "last seen",
    "last_seen_at": "last seen",
    "created_at": "since",
    "address": "address in the network",
    "phone_sealed": "phone number",
    "phone_tail": "last digits of the number",
    "payer_tail": "last digits of the number",
    "body_sealed": "message",
    "payload": "what was changed",
    "ref": "reference in the books",
    "public": "reference",
    "last_router_id": "last site",
    "router_id": "site",
    "plan_id": "plan",
    "amount_minor": "amount in cents",
    "price_minor": "price in cents",
}


def name_of(column: str) -> str:
    """As people read it: ``started_at`` is "started at"."""
    return NAMES.get(column, column.removesuffix("_ms").replace("_", " "))
