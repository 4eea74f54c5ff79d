"""The tables of people's rights: what they asked for, the evidence of each step, and what may not be done with them."""

from __future__ import annotations

from sqlalchemy import Index, LargeBinary, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, part, personal, plain, tenant, where

_ANSWER = "answer requests of people"

# Somebody asks to see, mend, erase or not to have used what is known of them.
rights_requests = Table(
    "rights_requests",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False, unique=True),
    plain("form_key", Text, nullable=False),  # a form that is sent twice files once
    plain("kind", Text, nullable=False),  # portal/privacy/rights/clocks.py
    link("person_id", "persons"),  # neither: nobody whom the house knows
    link("device_id", "devices"),
    plain("channel", Text, nullable=False),  # counter | phone | letter | email | portal
    personal("contact_sealed", LargeBinary, purpose=_ANSWER, keep="support"),  # where the answer goes
    personal("wish_sealed", LargeBinary, purpose=_ANSWER, keep="support"),  # in their words
    plain("received_at", Whole, nullable=False),
    plain("due_at", Whole, nullable=False),
    plain("refuse_by", Whole, nullable=False),  # with portability a refusal is due earlier
    plain("identity_how", Text),  # number | receipt | code | seen; NULL: not proven
    plain("identity_at", Whole),
    plain("state", Text, nullable=False),  # open | answered | refused | withdrawn
    personal("answer_sealed", LargeBinary, purpose=_ANSWER, keep="support"),  # and why, when it was refused
    link("handler_id", "staff"),  # who did the last step
    plain("changed_at", Whole, nullable=False),
    plain("ended_at", Whole),
    UniqueConstraint("tenant_id", "form_key"),
    part("tenant_id", "due_at", "id", where="state = 'open'"),
    Index(None, "tenant_id", "state", "id"),
    Index(None, "tenant_id", "person_id"),
    Index(None, "tenant_id", "device_id"),
)

# The evidence: written once, never changed; only its words end, with those of the request.
rights_steps = Table(
    "rights_steps",
    metadata,
    key(),
    tenant(),
    link("request_id", "rights_requests", nullable=False),
    plain("at", Whole, nullable=False),
    plain("act", Text, nullable=False),  # portal/privacy/rights/clocks.py
    plain("origin", Text, nullable=False),  # staff | guest
    link("staff_id", "staff"),
    personal("note_sealed", LargeBinary, purpose=_ANSWER, keep="support"),
    plain("public", Text, nullable=False, unique=True),
    Index(None, "tenant_id", "request_id", "id"),
)

# While one stands the data of a person or a device is kept, and not used for this.
restrictions = Table(
    "restrictions",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False, unique=True),
    plain("kind", Text, nullable=False),  # restrict: nothing but storage | object: no marketing
    link("person_id", "persons"),
    link("device_id", "devices"),
    link("request_id", "rights_requests", nullable=False),
    personal("reason_sealed", LargeBinary, purpose="keep to a restriction", keep="support"),
    plain("since", Whole, nullable=False),
    link("placed_by", "staff"),
    plain("lifted_at", Whole),
    link("lifted_by", "staff"),
    where("uq_restrictions_person", "lifted_at IS NULL AND person_id IS NOT NULL", "tenant_id", "person_id", "kind"),
    where("uq_restrictions_device", "lifted_at IS NULL AND person_id IS NULL", "tenant_id", "device_id", "kind"),
    Index(None, "tenant_id", "person_id"),
    Index(None, "tenant_id", "device_id"),
    Index(None, "tenant_id", "request_id"),
)
