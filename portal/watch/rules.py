"""The other rules: each looks at a few values, and finds an alarm or nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import comb

from portal.clock import DAY, HOUR, MINUTE, Moment
from portal.money import Money
from portal.spans import Stage, midnight, stage, today
from portal.tenancy.papers import Paper
from portal.watch.alarm import Alarm, Severity, clock_of

RARE = 1 / 10_000

# --- payments that fail for a reason which guests cannot mend ---

FAILING_MS = 30 * MINUTE
# What M-Pesa says of the ISP's account, which stays so until somebody mends it: two guests are enough.
OURS = {
    "config": "M-Pesa refuses the settings of your account",
    "unregistered": "the payment provider is not in your register of processors",
}
# What M-Pesa says of itself: it comes and goes, so only many count.
THEIRS = {
    "provider-down": "M-Pesa cannot be reached",
    "provider-busy": "M-Pesa is too busy",
    "unanswered": "payments cannot be handed to M-Pesa in time",
}
FEW, MANY = 2, 5


@dataclass(frozen=True, kw_only=True)
class Failing:
    """How the payments of the last half hour ended: for each reason how many guests, and how many paid."""

    now: Moment
    reasons: Mapping[str, int]
    paid: int


def failing(look: Failing) -> Alarm | None:
    """Payments fail, and not by the guests' doing."""
    ours = _most(look.reasons, OURS)
    if ours is not None and look.reasons[ours] >= FEW and not look.paid:
        return _failing(look, OURS[ours], look.reasons[ours])
    theirs = _most(look.reasons, THEIRS)
    if theirs is None:
        return None
    count = sum(look.reasons.get(each, 0) for each in THEIRS)
    return _failing(look, THEIRS[theirs], count) if count >= MANY and count > look.paid else None


def _most(reasons: Mapping[str, int], known: Mapping[str, str]) -> str | None:
    return max((each for each in known if reasons.get(each)), key=lambda each: reasons[each], default=None)


def _failing(look: Failing, why: str, count: int) -> Alarm:
    text = f"Within half an hour the payments of {count} guests have failed: {why}."
    return Alarm(kind="failing", severity="grave", since=look.now - FAILING_MS, text=text)


# --- reports that do not come ---

USUAL_MS = 7 * DAY
LEAST_ASKED = 5  # payments that had to be asked for, before anything is said
LOWEST_USUAL = 0.05  # some reports are always lost


@dataclass(frozen=True, kw_only=True)
class Callbacks:
    """Payments settled by M-Pesa's own report and by asking: in a window until now, and before it."""

    now: Moment
    since: Moment
    told: int
    asked: int
    told_before: int
    asked_before: int


def callbacks_missing(look: Callbacks) -> Alarm | None:
    """Most payments have to be asked for, and that is not so by chance."""
    whole, before = look.told + look.asked, look.told_before + look.asked_before
    if look.asked < LEAST_ASKED or look.asked * 2 < whole:
        return None
    share = max(LOWEST_USUAL, look.asked_before / before if before else 0)
    if at_least(look.asked, whole, share) >= RARE:
        return None
    span = "an hour" if look.now - look.since <= HOUR else "a day"
    return Alarm(
        kind="callbacks",
        severity="warn" if look.told else "grave",
        since=look.since,
        text=f"Within {span} M-Pesa has reported {look.told} of {whole} payments by itself;"
        " the others were found by asking.",
    )


def at_least(hits: int, tries: int, share: float) -> float:
    """The chance of so many hits or more."""
    if share >= 1:
        return 1.0
    tries = min(tries, 1_000)  # more say nothing new, and the powers below would vanish
    hits = min(hits, tries)
    return sum(comb(tries, n) * share**n * (1 - share) ** (tries - n) for n in range(hits, tries + 1))


ODD = 2  # one may be a late answer that was lost on its way


def odd_reports(count: int, now: Moment) -> Alarm | None:
    """Successes of the last day that M-Pesa does not know."""
    if count < ODD:
        return None
    text = f"In the last 24 hours {count} payments were reported as paid that M-Pesa does not know."
    return Alarm(kind="odd-reports", severity="grave", since=now - DAY, text=text)


# --- guesses ---

GUESS_MS = 10 * MINUTE
BURST = 60  # wrong codes of one ISP in ten minutes; a busy counter mistypes some


def guess_burst(count: int, now: Moment) -> Alarm | None:
    """Far more wrong codes than guests mistype."""
    if count < BURST:
        return None
    said = "more than 1,000" if count > 1_000 else str(count)
    text = f"{said} wrong codes or receipts were typed within 10 minutes."
    return Alarm(kind="guesses", severity="warn", since=now - GUESS_MS, text=text)


# --- the balance of the M-Pesa account ---

FULL = 0.9
READ_MS = DAY  # an older reading says nothing


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What lies in an account at M-Pesa, and what it may hold; `name` as staff know it."""

    name: str
    available: Money
    limit: Money | None
    read_at: Moment


def balance_full(look: Balance, now: Moment) -> Alarm | None:
    """Nearly as much as the account may hold."""
    if look.limit is None or look.limit.minor <= 0 or now - look.read_at > READ_MS:
        return None
    share = look.available.minor / look.limit.minor
    if share < FULL:
        return None
    return Alarm(
        kind="balance",
        subject=look.name,
        severity="grave" if share >= 1 else "warn",
        since=look.read_at,
        text=f"{look.name} holds {round(share * 100)} of 100 parts of what it may hold.",
    )


def account_full(guests: int, now: Moment) -> Alarm | None:
    """M-Pesa refuses guests because the account may take no more."""
    if guests < FEW:
        return None
    text = f"M-Pesa has refused {guests} guests within half an hour: your account may take no more money now."
    return Alarm(kind="balance", subject="refused", severity="grave", since=now - FAILING_MS, text=text)


# --- what has to go and does not ---


def broke_off(since: Moment | None, now: Moment, zone: str) -> Alarm | None:
    """A run that removes old records has no end, and none came after it."""
    if since is None:
        return None
    text = f"A run that removes what is too old began at {clock_of(since, now, zone)} and did not come to its end."
    return Alarm(kind="purge", severity="warn", since=since, text=text)


# --- what expires ---

PASSWORD_MS = 90 * DAY  # of a user of M-Pesa's API
SOON, AT_ONCE = 14, 3  # days before the end
PAPER_SOON, PAPER_AT_ONCE = 30, 7  # an authority takes longer


@dataclass(frozen=True, kw_only=True)
class Expiring:
    """A credential with an end: ``The password of the API user bando1``, ``api:1``."""

    title: str
    subject: str
    until: Moment

    @classmethod
    def password(cls, title: str, subject: str, set_at: Moment) -> Expiring:
        """A password of M-Pesa's API, which lives for 90 days."""
        return cls(title=title, subject=subject, until=set_at + PASSWORD_MS)


def expires(look: Expiring, now: Moment, zone: str) -> Alarm | None:
    """It ends within two weeks."""
    days = (look.until - now) // DAY
    if days >= SOON:
        return None
    when = clock_of(look.until, now, zone)
    text = f"{look.title} has expired ({when})." if look.until <= now else f"{look.title} expires: {when}."
    return Alarm(kind="expiring", subject=look.subject, severity=_grave(days < AT_ONCE), since=now, text=text)


def paper_ends(paper: Paper, now: Moment) -> Alarm | None:
    """A registration or a licence ends within a month; its lines for staff begin earlier (tenancy/reminders.py)."""
    if paper.days_left is None or paper.days_left > PAPER_SOON:
        return None
    assert isinstance(paper.until, date)
    number = f" {paper.number}" if paper.number else ""
    text = f"{paper.title}{number}: its last day is {paper.until.day} {paper.until:%b %Y}."
    grave = _grave(paper.days_left <= PAPER_AT_ONCE)
    return Alarm(kind="expiring", subject=f"paper:{paper.kind}:{paper.until}", severity=grave, since=now, text=text)


def _grave(so: bool) -> Severity:
    return "grave" if so else "warn"


# --- what the law wants done by a day ---


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """Something that has to be done in time; `kind` has an alarm ``-due`` and one ``-overdue``."""

    kind: str
    subject: str
    title: str
    since: Moment
    due_at: Moment

    def stage(self, now: Moment) -> Stage:
        """How much of its time is over."""
        return stage(self.since, self.due_at, now)


_GONE = {"half": "Half of its time is over.", "most": "Four fifths of its time are over.", "over": "It is overdue."}


def deadline(look: Deadline, now: Moment, zone: str) -> Alarm | None:
    """Told at each stage once: each is an alarm of its own."""
    gone = look.stage(now)
    if not gone:
        return None
    over = gone == "over"
    return Alarm(
        kind=f"{look.kind}-overdue" if over else f"{look.kind}-due",
        subject=f"{look.subject}:{gone}",
        severity=_grave(over),
        since=look.due_at if over else look.since,
        text=f"{look.title}: {_until(look.due_at, zone)}. {_GONE[gone]}",
    )


def _until(due_at: Moment, zone: str) -> str:
    """The last day, where it lasts until midnight; else the hour."""
    day = today(due_at, zone)
    if midnight(day, zone) != due_at:
        return f"due by {clock_of(due_at, 0, zone)}"
    return f"its last day is {day - timedelta(days=1):%-d %b %Y}"
