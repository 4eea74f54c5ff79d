"""What is left of each table when a closed ISP is erased. A table, no code.

Rows of which the books are made, and rows to which they point, stay without persons and secrets: the law wants the
books for seven years. All others go. A table that is not named here fails the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

GONE = "gone"  # its rows are deleted
KEPT = ""  # nothing in it is of a person, or secret
# Any other text: what is set in each row. `:gone` is a value that no other row has and that opens nothing.

# Names and texts of the ISP itself. What its books are called by (name, legal name, number for tax) stays with them.
OF_THE_ISP = (
    "support_phone = '', privacy_contact = '', email = '', address = '', ssid = '', welcome = '', welcome_sw = '',"
    " protection_number = '', protection_until = NULL, licence_number = '', licence_until = NULL, router_networks = '',"
    " imported_until = NULL, imported_lengths = '', erased_at = :now"
)

# Also texts that somebody typed, since they may name anybody.
ENDS: Mapping[str, str] = MappingProxyType(
    {
        # the books
        "payments": "phone_tail = NULL, merchant_request_sealed = NULL, checkout_request_sealed = NULL,"
        " checkout_index = NULL, go_to_sealed = NULL, say = NULL, token_hash = :gone, callback_hash = :gone",
        "receipts": "payer_tail = NULL, payer_index = NULL, account_ref = ''",
        "statement_rows": "payer_tail = NULL, account_ref = ''",
        "statement_spans": KEPT,
        "transfers": KEPT,
        "refunds": "reason = '', why_not = NULL, conversation = NULL, result_hash = :gone",
        "closings": "note = ''",
        "checks": KEPT,
        "findings": "detail = '', how = NULL",
        "exceptions": "detail = ''",
        "batches": "made_by = '', note = '', agent = ''",
        "vouchers": "code_index = :gone, code_sealed = :gone, voided_by = NULL, void_reason = NULL, handed_key = NULL",
        "voucher_acts": "actor = '', reason = ''",
        "stock_moves": "reason = ''",
        "gifts": "reason = ''",
        "outages": "reason = ''",
        # what they point to
        "passes": "started_at = NULL, state = 'ended', ended_at = COALESCE(ended_at, :now),"
        " end_reason = COALESCE(end_reason, 'void')",
        "devices": "mac = 'gone-' || id, person_id = NULL, last_seen_at = 0, held_by = NULL, held_until = NULL,"
        " held_at = NULL, blocked_at = NULL, ticket_at = NULL, ticket_session = NULL",
        "persons": "key_sealed = NULL, phone_index = NULL, phone_sealed = NULL, last_seen_at = 0,"
        " erased_at = COALESCE(erased_at, :now)",
        "plans": KEPT,
        "routers": "host = '', username = '', password_sealed = :gone, fingerprint = NULL, hotspot_host = '',"
        " answers = '{}', trouble = NULL, active = FALSE,"
        " mode = 'api', radius_source = NULL, radius_secret_sealed = NULL,"
        " call_key_sealed = NULL, call_hash = NULL, call_mark = NULL,"
        " beat = '{}'",
        "mpesa_accounts": "consumer_key_sealed = :gone, consumer_secret_sealed = :gone, passkey_sealed = :gone,"
        " credential_sealed = NULL, app_index = :gone, c2b_token_hash = :gone, initiator = '', active = FALSE",
        "questions": "result_hash = :gone",
        "staff": "staff",  # as former staff: portal/privacy/retention/store.py
        # what was done: the chain stays, its payloads go
        "audit": "audit",
        "audit_heads": KEPT,
        "purge_runs": KEPT,
        "purges": KEPT,
        # everything else
        "sessions": GONE,
        "usage": GONE,
        "usage_hours": GONE,
        "presence": GONE,
        "sights": GONE,
        "pass_devices": GONE,
        "notes": GONE,
        "trials": GONE,
        "prompts": GONE,
        "guesses": GONE,
        "inbox": GONE,
        "deliveries": GONE,
        "alarms": GONE,
        "alarm_channels": GONE,
        "logins": GONE,
        "login_failures": GONE,
        "recovery_codes": GONE,
        "staff_links": GONE,
        "support_windows": GONE,
        "imported_plans": GONE,
        "imports": GONE,
        "logos": GONE,
        "online_counts": GONE,
        "pulls": GONE,
        "voucher_moves": GONE,
        "gift_limits": GONE,
        "retention": GONE,
        "holds": GONE,
        "tombstones": GONE,  # there is nobody left who could come back
        "rights_requests": GONE,
        "rights_steps": GONE,
        "restrictions": GONE,
        "messages": GONE,
        "proof_codes": GONE,
        "incidents": GONE,
        "incident_steps": GONE,
        "consents": GONE,
        "consent_asks": GONE,
        "notice_versions": GONE,
        "notice_words": GONE,
        "processors": GONE,
        "bulletin_reads": GONE,
        # that an authority got something by order, and the key under which the head of the log of acts is sealed
        "disclosures": "officer_sealed = NULL, scope_sealed = NULL",
        "sealing_keys": KEPT,
    }
)
