"""What is written to whoever asked. Pure."""

from __future__ import annotations

from portal.privacy.rights.clocks import REGULATOR, REGULATOR_URL, RIGHTS
from portal.privacy.rights.store import Request
from portal.tenancy.store import Tenant

COMPLAINT = f"You may complain to the {REGULATOR}: {REGULATOR_URL}"


def refusal(tenant: Tenant, request: Request, came: str, reason: str) -> str:
    """A refusal with its reason; each one says where to complain."""
    right = RIGHTS[request.kind]
    return (
        f"On {came} you asked {tenant.name} {_to_you(right.asks)}"
        f" (Data Protection Act, section {right.law}). We cannot do this.\n\n"
        f"Why: {reason}\n\n"
        f"{COMPLAINT}.\n\n"
        f"{signed(tenant)}"
    )


def _to_you(asks: str) -> str:
    return asks.replace("their", "your").replace("them", "you")


def signed(tenant: Tenant) -> str:
    """Who answers, and where they can be reached."""
    contact = tenant.privacy_contact or tenant.support_phone
    name = tenant.legal_name or tenant.name
    return f"{name}\n{contact}" if contact else name
