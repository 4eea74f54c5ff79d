"""The tables of incidents with their evidence, and of what was disclosed under lawful orders."""

from __future__ import annotations

from sqlalchemy import Index, LargeBinary, Table, Text, UniqueConstraint

from portal.columns import Whole, key, link, metadata, part, personal, plain, tenant

_TELL = "answer for incidents"

# Data was lost, altered, or seen by somebody who should not have seen it.
incidents = Table(
    "incidents",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False, unique=True),
    plain("form_key", Text, nullable=False),
    plain("title", Text, nullable=False),  # one line that names nobody
    personal("facts_sealed", LargeBinary, purpose=_TELL, keep="act"),  # what happened, which data, what is done
    link("staff_id", "staff"),  # whose login or device it was, if anybody's of this ISP
    plain("since_at", Whole),  # from when, and until when, it was open
    plain("until_at", Whole),
    plain("known_at", Whole, nullable=False),
    plain("due_at", Whole, nullable=False),  # when the authority, or of a processor its ISPs, must know
    plain("spared", Text),  # encrypted | no-risk: why nobody has to be told
    plain("told_at", Whole),
    plain("people_at", Whole),  # when those concerned were told
    link("handler_id", "staff"),
    plain("changed_at", Whole, nullable=False),
    plain("ended_at", Whole),
    UniqueConstraint("tenant_id", "form_key"),
    part("tenant_id", "due_at", where="told_at IS NULL AND spared IS NULL"),
)

# The evidence: written once, never changed; only its words end, with those of the incident.
incident_steps = Table(
    "incident_steps",
    metadata,
    key(),
    tenant(),
    link("incident_id", "incidents", nullable=False),
    plain("public", Text, nullable=False, unique=True),
    plain("at", Whole, nullable=False),
    plain("act", Text, nullable=False),  # portal/privacy/incidents/clocks.py
    link("staff_id", "staff"),
    personal("note_sealed", LargeBinary, purpose=_TELL, keep="act"),
    Index(None, "tenant_id", "incident_id", "id"),
)

# What was handed to an authority under a lawful order; never without its reference.
disclosures = Table(
    "disclosures",
    metadata,
    key(),
    tenant(),
    plain("public", Text, nullable=False, unique=True),
    plain("form_key", Text, nullable=False),
    plain("reference", Text, nullable=False),  # of the order
    plain("authority", Text, nullable=False),
    personal("officer_sealed", LargeBinary, purpose="answer for disclosures", keep="act"),
    personal("scope_sealed", LargeBinary, purpose="answer for disclosures", keep="act"),  # number, MAC or address
    plain("since_at", Whole, nullable=False),
    plain("until_at", Whole, nullable=False),
    plain("session_rows", Whole, nullable=False),  # of the file
    plain("payment_rows", Whole, nullable=False),
    plain("digest", Text, nullable=False),  # SHA-256 of the file, hex; the file itself is not kept
    link("staff_id", "staff", nullable=False),
    plain("made_at", Whole, nullable=False),
    UniqueConstraint("tenant_id", "form_key"),
)
