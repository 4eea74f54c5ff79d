"""Every sealed column, and how the place of its cells is named: what a rotation has to know. A table, no code.

A test fails when a column of the schema is missing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

# column: ``table|row|column`` as the code that seals it says; not all columns are called in it as in the schema
SEALED: Mapping[str, str] = {
    "alarm_channels.address_sealed": "alarm_channels|{public}|address_sealed",
    "alarm_channels.secret_sealed": "alarm_channels|{public}|secret_sealed",
    "disclosures.officer_sealed": "disclosures|{public}|officer_sealed",
    "disclosures.scope_sealed": "disclosures|{public}|scope_sealed",
    "incident_steps.note_sealed": "incident_steps|{public}|note_sealed",
    "incidents.facts_sealed": "incidents|{public}|facts_sealed",
    "messages.body_sealed": "messages|{public}|body_sealed",
    "messages.recipient_sealed": "messages|{public}|recipient_sealed",
    "restrictions.reason_sealed": "restrictions|{public}|reason_sealed",
    "rights_requests.answer_sealed": "rights_requests|{public}|answer_sealed",
    "rights_requests.contact_sealed": "rights_requests|{public}|contact_sealed",
    "rights_requests.wish_sealed": "rights_requests|{public}|wish_sealed",
    "rights_steps.note_sealed": "rights_steps|{public}|note_sealed",
    "audit_heads.seal": "audit_heads|{tenant_id}|seal",
    "imports.found_sealed": "imports|{tenant_id}|{read_at}|found_sealed",
    "inbox.body_sealed": "inbox|{ref}|body_sealed",
    "mpesa_accounts.consumer_key_sealed": "mpesa_accounts|{public}|consumer_key_sealed",
    "mpesa_accounts.consumer_secret_sealed": "mpesa_accounts|{public}|consumer_secret_sealed",
    "mpesa_accounts.credential_sealed": "mpesa_accounts|{public}|credential_sealed",
    "mpesa_accounts.passkey_sealed": "mpesa_accounts|{public}|passkey_sealed",
    "payments.checkout_request_sealed": "payments|{public}|checkout_request_sealed",
    "payments.go_to_sealed": "payments|{public}|go_to_sealed",
    "payments.merchant_request_sealed": "payments|{public}|merchant_request_sealed",
    "persons.key_sealed": "persons|{ref}|key_sealed",
    "routers.call_key_sealed": "routers|{public}|call_key_sealed",
    "routers.password_sealed": "routers|{public}|password_sealed",
    "routers.radius_secret_sealed": "routers|{public}|radius_secret_sealed",
    "sessions.login_sealed": "sessions|{device_id}|{started_at}|{router_id}|login_sealed",
    "staff.email_sealed": "staff|{public}|email",
    "staff.totp_sealed": "staff|{public}|totp_sealed",
    "vouchers.code_sealed": "vouchers|{tenant_id}|{label}|code_sealed",
}

# What is sealed and not sealed anew: column and why.
ELSEWHERE: Mapping[str, str] = {"persons.phone_sealed": "under the person's own key, which is persons.key_sealed"}


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The cells of one column."""

    name: str
    table: str
    column: str
    place: str
    named_by: tuple[str, ...]  # the columns that stand in the place

    def of(self, row: Mapping[str, object]) -> dict[str, str]:
        """The place of the cell in this row, as `Vault.seal` wants it."""
        table, _, rest = self.place.format(**row).partition("|")
        between, _, column = rest.rpartition("|")
        return {"table": table, "row": between, "column": column}


def _cells(name: str, place: str) -> Cells:
    table, _, column = name.partition(".")
    named_by = tuple(field for _, field, _, _ in Formatter().parse(place) if field)
    return Cells(name=name, table=table, column=column, place=place, named_by=named_by)


CELLS = tuple(_cells(*each) for each in SEALED.items())
# Heads of audit logs only ever go on to the next act; so it is the act of the rotation itself that seals them anew.
BY_AN_ACT = "audit_heads"
EXCHANGED = tuple(each for each in CELLS if each.table != BY_AN_ACT)
