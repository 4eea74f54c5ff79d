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
    f"(SELECT v.number FROM receipts v WHERE v.tenant_id = :tenant AND v.payment_id IN {_PAYMENTS}"
    f" UNION SELECT v.number FROM receipts v WHERE {_NAMING})"
)
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
    "audit": "subject = 'device:' || :device",
    "rights_requests": "device_id = :device",
    "rights_steps": f"request_id IN {_ASKED_BY_DEVICE}",
    "restrictions": "device_id = :device",
}

BY_PERSON = {
    "persons": "id = :person",
    "payments": "person_id = :person",
    "receipts": f"(payment_id IN {_PAYMENTS} OR payer_index = :payer"
    f" OR id IN (SELECT v.id FROM receipts v WHERE {_NAMING}))",
    "statement_rows": f"(kind = 'in' AND number IN {_RECEIPTS} OR linked <> '' AND linked IN {_RECEIPTS})",
    "refunds": f"payment_id IN {_PAYMENTS}",
    "inbox": f"(payment_id IN {_PAYMENTS}"
    f" OR refund_id IN (SELECT b.id FROM refunds b WHERE b.tenant_id = :tenant AND b.payment_id IN {_PAYMENTS})"
    f" OR question_id IN (SELECT s.id FROM questions s WHERE s.tenant_id = :tenant AND s.number IN {_RECEIPTS}))",
    "prompts": "phone_index = :phone",
    "messages": "person_id = :person",
    "consents": "person_id = :person",
    "proof_codes": "(person_id = :person OR phone_index = :phone)",
    "rights_requests": "person_id = :person",
    "rights_steps": f"request_id IN {_ASKED_BY_PERSON}",
    "restrictions": "person_id = :person",
    "audit": "(subject = 'person:' || :person OR subject IN (SELECT 'payment:' || q.public FROM payments q"
    f" WHERE q.tenant_id = :tenant AND q.person_id = :person) OR subject IN (SELECT 'receipt:' || v.number"
    f" FROM receipts v WHERE v.tenant_id = :tenant AND v.payment_id IN {_PAYMENTS}))",
}

STAFF = frozenset(
    {
        *("alarm_channels", "batches", "imports", "incident_steps", "incidents", "login_failures", "logins", "staff"),
        *("disclosures", "voucher_acts", "vouchers"),
    }
)
