"""Which rows of which table end, counted from which moment, and what is left of them. A table, no code.

A rule either deletes rows or clears columns. It clears where the row is needed without the person: the books, and rows
to which others point. The order is the order in which they run; no rule's rows depend on what another one took, so
that a preview says just what a run will take.

Their texts become statements in `store.py`. `:before` is the limit; each table that is named has its own `tenant_id`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One way in which personal data of one table ends."""

    name: str
    title: str  # for people
    table: str
    keep: str
    columns: tuple[str, ...]  # the personal ones for which it answers
    old: str  # when its age is reached
    by: str = "id"  # the oldest first, where an index knows them; else row by row, so that one walk finds all
    due: str = "1 = 1"  # what else must be so
    clears: str = ""  # empty: rows are deleted
    special: str = ""  # what more is done with each: portal/privacy/retention/store.py


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """What ends by another clock, since it cannot wait for the night or has to end with something else."""

    table: str
    columns: tuple[str, ...]
    keep: str
    how: str


def _uses(device: str, what: str) -> str:
    """Whether there is such a pass of this device, its own or one that it shares."""
    return (
        f"EXISTS (SELECT 1 FROM passes p WHERE p.tenant_id = :tenant AND p.device_id = {device} AND {what})"
        " OR EXISTS (SELECT 1 FROM pass_devices x JOIN passes p ON p.tenant_id = x.tenant_id"
        f" AND p.id = x.pass_id WHERE x.tenant_id = :tenant AND x.device_id = {device} AND {what})"
    )


LIVE = "p.state <> 'ended'"
LATELY = "(p.state <> 'ended' OR p.ended_at >= :before)"  # and whoever used one was there after the limit


RULES = (
    Rule(
        name="usage",
        title="how long and how much each device used a pass",
        table="usage",
        keep="session",
        columns=("used_ms", "bytes_up", "bytes_down"),
        old="updated_at < :before",
        due="NOT EXISTS (SELECT 1 FROM passes p WHERE p.tenant_id = :tenant AND p.id = usage.pass_id"
        " AND p.state <> 'ended')",
    ),
    Rule(
        name="sessions",
        title="sessions: who was online where, when and how much",
        table="sessions",
        keep="session",
        columns=("started_at", "seen_at", "ended_at", "online_ms", "bytes_up", "bytes_down", "address", "let_in_at"),
        old="seen_at < :before AND started_at < :before",
        by="started_at",
        due="(ended_at IS NOT NULL OR seen_at < :before - 86400000)",  # one that runs is seen again and again
    ),
    Rule(
        name="presence",
        title="where and with which address each device was last seen",
        table="presence",
        keep="session",
        columns=("seen_at", "online_since", "address"),
        old="seen_at < :before",
        due=f"NOT ({_uses('presence.device_id', LIVE)})",
    ),
    Rule(
        name="passes",
        title="when passes were begun",
        table="passes",
        keep="session",
        columns=("started_at",),
        old="ended_at < :before",
        by="ended_at",
        due="started_at IS NOT NULL AND state = 'ended'",
        clears="started_at = NULL",
    ),
    Rule(
        name="devices",
        title="MAC addresses of devices",
        table="devices",
        keep="person",
        columns=("mac", "last_seen_at"),
        old="last_seen_at < :before",
        due="mac NOT LIKE 'gone-%'"
        " AND NOT EXISTS (SELECT 1 FROM presence y WHERE y.tenant_id = :tenant AND y.device_id = devices.id"
        f" AND y.seen_at >= :before) AND NOT ({_uses('devices.id', LATELY)})",
        # With its block and its hold: a router would be asked to keep an address off that is none.
        clears="mac = 'gone-' || id, person_id = NULL, held_by = NULL, held_until = NULL, held_at = NULL,"
        " blocked_at = NULL",
    ),
    Rule(
        name="persons",
        title="phone numbers",
        table="persons",
        keep="person",
        columns=("phone_sealed", "last_seen_at"),
        old="last_seen_at < :before",
        # Whose pass has not ended, or ended after the limit, was here for as long.
        due="erased_at IS NULL AND NOT EXISTS (SELECT 1 FROM payments q JOIN passes p ON p.tenant_id = q.tenant_id"
        " AND p.cause_kind = 'payment' AND p.cause_ref = q.public WHERE q.tenant_id = :tenant"
        f" AND q.person_id = persons.id AND {LATELY})",
        clears="key_sealed = NULL, phone_index = NULL, phone_sealed = NULL, erased_at = :now",
    ),
    Rule(
        name="inbox",
        title="messages of payment providers",
        table="inbox",
        keep="evidence",
        columns=("body_sealed",),
        old="received_at < :before",
        by="received_at",
        due="body_sealed IS NOT NULL AND processed_at IS NOT NULL",  # what was not settled yet says what was paid
        clears="body_sealed = NULL",
    ),
    Rule(
        name="payments",
        title="last digits of numbers that were asked to pay",
        table="payments",
        keep="payment",
        columns=("phone_tail",),
        old="created_at < :before AND COALESCE(settled_at, created_at) < :before",
        by="created_at",
        due="phone_tail IS NOT NULL",
        clears="phone_tail = NULL",
    ),
    Rule(
        name="receipts",
        title="last digits of numbers that paid",
        table="receipts",
        keep="payment",
        columns=("payer_tail",),
        old="seen_at < :before",
        by="seen_at",
        due="(payer_tail IS NOT NULL OR payer_index IS NOT NULL)",
        clears="payer_tail = NULL, payer_index = NULL",
    ),
    Rule(
        name="statements",
        title="last digits of numbers on statements",
        table="statement_rows",
        keep="payment",
        columns=("payer_tail",),
        old="paid_at < :before",
        by="paid_at",
        due="payer_tail IS NOT NULL",
        clears="payer_tail = NULL",
    ),
    Rule(
        name="notes",
        title="notes about devices",
        table="notes",
        keep="support",
        columns=("text",),
        old="written_at < :before",
        by="written_at",
        due="NOT EXISTS (SELECT 1 FROM notes n WHERE n.tenant_id = :tenant AND n.device_id = notes.device_id"
        " AND n.written_at >= :before)",
    ),
    Rule(
        name="requests",
        title="what people asked about their data, and what they were answered",
        table="rights_requests",
        keep="support",
        columns=("contact_sealed", "wish_sealed", "answer_sealed"),
        old="changed_at < :before",
        due="state <> 'open' AND (contact_sealed IS NOT NULL OR wish_sealed IS NOT NULL OR answer_sealed IS NOT NULL"
        " OR person_id IS NOT NULL OR device_id IS NOT NULL)",
        clears="contact_sealed = NULL, wish_sealed = NULL, answer_sealed = NULL, person_id = NULL, device_id = NULL",
    ),
    Rule(
        name="evidence of requests",
        title="notes about requests of people",
        table="rights_steps",
        keep="support",
        columns=("note_sealed",),
        old="at < :before",
        due="note_sealed IS NOT NULL AND EXISTS (SELECT 1 FROM rights_requests q WHERE q.tenant_id = :tenant"
        " AND q.id = rights_steps.request_id AND q.state <> 'open' AND q.changed_at < :before)",
        clears="note_sealed = NULL",
    ),
    Rule(
        name="incidents",
        title="what happened in incidents with people's data",
        table="incidents",
        keep="act",
        columns=("facts_sealed",),
        old="changed_at < :before",
        due="ended_at IS NOT NULL AND facts_sealed IS NOT NULL",
        clears="facts_sealed = NULL",
    ),
    Rule(
        name="evidence of incidents",
        title="notes about incidents",
        table="incident_steps",
        keep="act",
        columns=("note_sealed",),
        old="at < :before",
        due="note_sealed IS NOT NULL AND EXISTS (SELECT 1 FROM incidents q WHERE q.tenant_id = :tenant"
        " AND q.id = incident_steps.incident_id AND q.ended_at IS NOT NULL AND q.changed_at < :before)",
        clears="note_sealed = NULL",
    ),
    Rule(
        name="disclosures",
        title="of whom authorities were told, and which officer",
        table="disclosures",
        keep="act",
        columns=("officer_sealed", "scope_sealed"),
        old="made_at < :before",
        due="(officer_sealed IS NOT NULL OR scope_sealed IS NOT NULL)",
        clears="officer_sealed = NULL, scope_sealed = NULL",
    ),
    Rule(
        name="messages",
        title="messages to guests: to whom, and their words",
        table="messages",
        keep="evidence",
        columns=("recipient_sealed", "body_sealed"),
        old="made_at < :before",
        by="made_at",
        # What waits is of use until it expires; without a gateway it would wait for ever.
        due="(state <> 'waiting' OR expires_at < :before)"
        " AND (recipient_sealed IS NOT NULL OR body_sealed IS NOT NULL)",
        clears="recipient_sealed = NULL, body_sealed = NULL",
    ),
    Rule(
        name="restrictions",
        title="why the use of somebody's data was restricted",
        table="restrictions",
        keep="support",
        columns=("reason_sealed",),
        old="lifted_at < :before",
        due="lifted_at IS NOT NULL AND reason_sealed IS NOT NULL",
        clears="reason_sealed = NULL",
    ),
    Rule(
        name="consents",
        title="what guests agreed to and took back",
        table="consents",
        keep="consent",
        columns=("proof", "decided_at"),
        old="decided_at < :before",
        # What stands is relied on; it ends with the next decision, or with whoever made it. Row by row, the oldest
        # first: an agreement goes before the row that took it back, so that it never seems to stand again.
        due="(given = FALSE OR EXISTS (SELECT 1 FROM consents n WHERE n.tenant_id = :tenant"
        " AND n.person_id = consents.person_id AND n.purpose = consents.purpose AND n.id > consents.id"
        " AND n.decided_at < :before) OR EXISTS (SELECT 1 FROM persons p WHERE p.tenant_id = :tenant"
        " AND p.id = consents.person_id AND p.erased_at < :before))",
    ),
    Rule(
        name="logins",
        title="logins of staff",
        table="logins",
        keep="act",
        columns=("address", "browser"),
        old="seen_at < :before",
    ),
    Rule(
        name="login failures",
        title="logins of staff that failed",
        table="login_failures",
        keep="act",
        columns=("address", "browser"),
        old="failed_at < :before",
        by="failed_at",
    ),
    Rule(
        name="voucher acts",
        title="who printed, exported or voided vouchers",
        table="voucher_acts",
        keep="act",
        columns=("actor",),
        old="done_at < :before",
        by="done_at",
        due="actor <> ''",
        clears="actor = ''",
    ),
    Rule(
        name="voided vouchers",
        title="who voided a voucher",
        table="vouchers",
        keep="act",
        columns=("voided_by",),
        old="voided_at < :before",
        by="voided_at",
        due="voided_by IS NOT NULL",
        clears="voided_by = NULL",
    ),
    Rule(
        name="batches",
        title="who made a batch of vouchers",
        table="batches",
        keep="act",
        columns=("made_by",),
        old="created_at < :before",
        by="created_at",
        due="made_by <> ''",
        clears="made_by = ''",
    ),
    Rule(
        name="imports",
        title="who imported from another system",
        table="imports",
        keep="act",
        columns=("made_by",),
        old="read_at < :before",
        due="made_by <> ''",
        clears="made_by = ''",
    ),
    Rule(
        name="staff",
        title="names and e-mail addresses of people who left, or never took their invitation up",
        table="staff",
        keep="staff",
        columns=("email_sealed", "name"),
        old="changed_at < :before",
        # Whose address can still be found was not cleared yet.
        due="state <> 'active' AND EXISTS (SELECT 1 FROM staff_owners o WHERE o.email_index = staff.email_index)",
        special="staff",
    ),
    Rule(
        name="acts",
        title="what acts of staff changed",
        table="audit",
        keep="act",
        columns=("payload",),
        old="at < :before",
        by="at",
        due="payload IS NOT NULL AND money = FALSE",
        special="acts",
    ),
    Rule(
        name="acts about money",
        title="what acts of staff changed, where money moved",
        table="audit",
        keep="payment",
        columns=("payload",),
        old="at < :before",
        by="at",
        due="payload IS NOT NULL AND money = TRUE",
        special="acts about money",
    ),
)

BY_NAME = {each.name: each for each in RULES}
HOLDABLE = tuple(dict.fromkeys(each.keep for each in RULES))  # what ends by another clock cannot be held

ELSEWHERE = (
    Elsewhere(table="alarm_channels", columns=("address_sealed",), keep="staff", how="emptied when it is removed"),
    Elsewhere(table="guesses", columns=(), keep="guess", how="deleted after a day, every hour"),
    Elsewhere(table="open_guesses", columns=(), keep="guess", how="deleted after a day, every hour"),
    Elsewhere(table="prompts", columns=(), keep="guess", how="deleted after two days, every hour"),
    Elsewhere(table="login_tries", columns=(), keep="guess", how="deleted after a day; of known devices after 30 days"),
    Elsewhere(table="imports", columns=(), keep="guess", how="what was read is deleted after a day, every hour"),
)
