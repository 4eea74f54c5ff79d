"""Whose rows these are: for each table with data of guests, by a device and by the person who pays. A table, no code.

`:device` is the id of a device; `:person` that of a person, `:phone` and `:payer` the keyed hashes of their number, as
persons and as receipts have it. What is in neither is of staff alone (`STAFF`). The dossier reads by it, and erasing
takes by it.
"""

from __future__ import annotations

_PAYMENTS = "(SELECT q.id FROM payments q WHERE q.tenant_id = :tenant AND q.person_id = :person)"
_REFS = "(SELECT q.account_ref FROM payments q WHERE q.tenant_id = :tenant AND q.person_id = :person)"
# Money that names a payment of theirs and has not paid it: too much or too little, or given back.
_NAMING = (
    "v.tenant_id = :tenant AND v.state IN ('unmatched', 'review', 'returned') AND v.payment_id IS NULL"
    f" AND v.account_ref <> '' AND v.account_ref IN {_REFS}"
)
_RECEIPTS = (
    f"(SELECT v.number FROM receipts v WHERE +v.tenant_id = :tenant AND v.payment_id IN {_PAYMENTS}"
    f" UNION SELECT v.number FROM receipts v WHERE {_NAMING})"
)
_ACCOUNTS = "(SELECT c.id FROM mpesa_accounts c WHERE c.tenant_id = :tenant)"
_REFUNDS = f"(SELECT b.id FROM refunds b WHERE b.tenant_id = :tenant AND b.payment_id IN {_PAYMENTS})"
_QUESTIONS = f"(SELECT s.id FROM questions s WHERE s.tenant_id = :tenant AND s.number IN {_RECEIPTS})"
_ASKED = "(SELECT k.id FROM rights_requests k WHERE k.tenant_id = :tenant AND "
_ASKED_BY_DEVICE = _ASKED + "k.device_id = :device)"
_ASKED_BY_PERSON = _ASKED + "k.person_id = :person)"

BY_DEVICE = {
    "devices": "id = :device",
    "passes": "device_id = :device",
    "sessions": "device_id = :device",
    "usage": "device_id = :device",
    "presence": "device_id = :device",
    "notes": "device_id = :device",
    "prompts": "device_id = :device",
    "trials": "device_id = :device",
    "pass_devices": "device_id = :device",
    "audit": "id IN (SELECT a.id FROM audit a WHERE a.tenant_id = :tenant AND a.subject = 'device:' || :device)",
    "rights_requests": "device_id = :device",
    "rights_steps": f"request_id IN {_ASKED_BY_DEVICE}",
    "restrictions": "device_id = :device",
}

BY_PERSON = {
    "persons": "id = :person",
    "payments": "person_id = :person",
    "receipts": f"id IN (SELECT v.id FROM receipts v WHERE +v.tenant_id = :tenant AND v.payment_id IN {_PAYMENTS}"
    " UNION SELECT v.id FROM receipts v WHERE v.tenant_id = :tenant AND v.payer_index = :payer"
    f" UNION SELECT v.id FROM receipts v WHERE {_NAMING})",
    "statement_rows": "id IN (SELECT t.id FROM statement_rows t WHERE t.tenant_id = :tenant AND t.kind = 'in'"
    f" AND t.account_id IN {_ACCOUNTS} AND t.number IN {_RECEIPTS}"
    " UNION SELECT t.id FROM statement_rows t WHERE t.tenant_id = :tenant AND t.kind = 'out'"
    f" AND t.account_id IN {_ACCOUNTS} AND t.linked <> '' AND t.linked IN {_RECEIPTS})",
    "refunds": f"payment_id IN {_PAYMENTS}",
    "inbox": f"id IN (SELECT m.id FROM inbox m WHERE m.tenant_id = :tenant AND m.payment_id IN {_PAYMENTS}"
    f" UNION SELECT m.id FROM inbox m WHERE m.tenant_id = :tenant AND m.refund_id IN {_REFUNDS}"
    f" UNION SELECT m.id FROM inbox m WHERE m.tenant_id = :tenant AND m.question_id IN {_QUESTIONS})",
    "prompts": "phone_index = :phone",
    "messages": "person_id = :person",
    "consents": "person_id = :person",
    "proof_codes": "(person_id = :person OR phone_index = :phone)",
    "rights_requests": "person_id = :person",
    "rights_steps": f"request_id IN {_ASKED_BY_PERSON}",
    "restrictions": "person_id = :person",
    "audit": "id IN (SELECT a.id FROM audit a WHERE a.tenant_id = :tenant AND a.subject IN ("
    "SELECT 'person:' || :person UNION SELECT 'payment:' || q.public FROM payments q WHERE q.tenant_id = :tenant"
    " AND q.person_id = :person UNION SELECT 'receipt:' || v.number FROM receipts v WHERE +v.tenant_id = :tenant"
    f" AND v.payment_id IN {_PAYMENTS}))",
}

STAFF = frozenset(
    {
        *("alarm_channels", "batches", "imports", "incident_steps", "incidents", "login_failures", "logins", "staff"),
        *("disclosures", "voucher_acts", "vouchers"),
    }
)

# Where ids are named they are looked up: without the plus all rows of the ISP would be walked instead.
_BY_IDS = ("receipts", "statement_rows", "inbox", "audit")
TENANT = {table: "+tenant_id" if table in _BY_IDS else "tenant_id" for table in (*BY_DEVICE, *BY_PERSON)}
