"""The tables of incidents: what went wrong with people's data, by when it has to be told, and the evidence."""

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
    plain("public", Text, nullable=False),
    plain("at", Whole, nullable=False),
    plain("act", Text, nullable=False),  # portal/privacy/incidents/clocks.py
    link("staff_id", "staff"),
    personal("note_sealed", LargeBinary, purpose=_TELL, keep="act"),
    Index(None, "tenant_id", "incident_id", "id"),
)
