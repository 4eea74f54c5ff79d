"""What goes along when an ISP moves, table by table and hash by hash. Tables, no code.

A table or a secret column that is not named here fails the tests, so nobody adds one without having thought of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from portal.columns import metadata

# Each row of these, with all of its columns.
TAKEN = frozenset(
    {
        *("tenants", "logos", "notice_versions", "notice_words", "processors", "retention", "holds", "gift_limits"),
        *("routers", "plans", "mpesa_accounts", "staff", "alarm_channels", "alarms", "deliveries", "outages"),
        *("persons", "devices", "passes", "pass_devices", "usage", "presence", "trials", "gifts", "notes"),
        *("payments", "receipts", "refunds", "questions", "prompts", "inbox", "pulls", "statement_rows"),
        *("statement_spans", "transfers", "closings", "checks", "findings", "exceptions"),
        *("batches", "vouchers", "voucher_acts", "voucher_moves", "stock_moves", "imported_plans", "imports"),
        *("sessions", "usage_hours", "online_counts", "audit", "purge_runs", "purges", "login_failures"),
        *("consents", "consent_asks", "messages", "rights_requests", "rights_steps", "restrictions"),
        *("incidents", "incident_steps", "disclosures"),
    }
)

# Tables of an ISP that stay behind, and why.
LEFT: Mapping[str, str] = {
    "audit_heads": "the end of the log of acts is sealed anew where the log is linked anew",
    "sealing_keys": "the new installation seals under keys of its own",
    "logins": "whoever is logged in here is not logged in there",
    "staff_links": "invitations and new passwords are links to the old address; they are sent again",
    "recovery_codes": "known by a hash under the old root key alone; staff make new ones",
    "proof_codes": "good for minutes, and known by a hash under the old root key alone",
    "guesses": "good for a day, and known by hashes under the old root key alone",
    "tombstones": "for backups from before an erasing; those of the old installation do not open at the new one",
    "support_windows": "they let the staff of the old platform in",
    "sights": "what keepers saw a moment ago; those of the new installation look for themselves",
    "bulletin_reads": "of notices that the old platform wrote",
}

# Tables that are no ISP's: what becomes of them at the new installation.
OTHERS: Mapping[str, str] = {
    "code_owners": "written anew from the vouchers with codes of Bando's own",
    "staff_owners": "written anew from the addresses of staff",
    "bulletins": "the new platform's own",
    "installation": "the new installation's own",
    "login_tries": "of strangers, for a day",
    "open_guesses": "of strangers, for a day",
    "root_keys": "the new installation's own",
    "provider_apps": "the new installation's own",
    "leases": "the new installation's own",
}

# Keyed hashes that are made anew under the root key of the new installation, and what of. Where that is not known any
# more the old hash stays: it finds nothing, and still differs from all others.
ANEW: Mapping[str, str] = {
    "persons.phone_index": "the number",
    "prompts.phone_index": "the number of a person with the same old hash",
    "receipts.payer_index": "the number of a person with the same old hash",
    "staff.email_index": "the address",
    "mpesa_accounts.app_index": "the key of the account",
    "mpesa_accounts.c2b_token_hash": "the address that the account has at the new installation",
    "questions.result_hash": "the address for its result",
    "refunds.result_hash": "the address for its result",
    "payments.checkout_index": "M-Pesa's name of the prompt",
    "payments.callback_hash": "the address for its result, while M-Pesa was not asked yet",
    "vouchers.code_index": "the code",
    "audit.payload_digest": "the payload, while it is there",
    "audit.chain": "the act and the link before it",
}

# What is secret and goes along as it stands, and why it may.
AS_IT_IS: Mapping[str, str] = {
    "payments.token_hash": "a plain hash of a random token: a guest's page is found again",
    "routers.call_hash": "a plain hash of the token that the router holds: it calls once it knows the new address",
    "routers.call_mark": "keyed with the router's own key, which goes along: it tells one wish from another",
    "staff.password_hash": "argon2 with a salt of its own, without any key of the installation",
}

# In this order rows point to rows that are there already.
ORDER = tuple(each.name for each in metadata.sorted_tables if each.name in TAKEN)
COLUMNS: Mapping[str, tuple[str, ...]] = {
    name: tuple(column.name for column in metadata.tables[name].columns) for name in ORDER
}
HASHES: Mapping[str, tuple[str, ...]] = {
    name: tuple(column for column in COLUMNS[name] if f"{name}.{column}" in ANEW) for name in ORDER
}
# Yes or no: 1 or 0 in a file that moves, whichever engine it comes from.
FLAGS: Mapping[str, tuple[str, ...]] = {
    name: tuple(each.name for each in metadata.tables[name].columns if each.type.python_type is bool) for name in ORDER
}
