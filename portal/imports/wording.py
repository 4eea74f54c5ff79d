"""The dry run in sentences: why something is left, what is different about what is taken, and the odds. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from portal.imports.found import What
from portal.imports.work import Line
from portal.vouchers.guesses import AT_ROUTERS_AN_HOUR
from portal.vouchers.imported import HOPELESS, Alphabet, Chance

EXAMPLES = 5

WHY = {
    "not-hotspot": "It is not for a hotspot: Bando sells no PPPoE, VPN or balance.",
    "no-name": "Its name is empty, longer than 60 characters, or cannot be shown.",
    "no-price": "Its price cannot be read, or is more than one M-Pesa payment can be.",
    "no-time": "It has no length in time, or more than 400 days. Bando sells time, by the clock or online.",
    "no-plan": "Its plan is not known here and was not found.",
    "no-end": "It has no end that can be read.",
    "no-device": "Neither their code nor their device is known. Give them what is left when they come.",
    "over": "Its time or data is used up.",
    "switched-off": "It is switched off there.",
    "password": "It has a password beside its name. A code of Bando is one word.",
    "password-unseen": "Whether it has a password beside its name cannot be seen: give Bando's account on the router"
    " the policy “sensitive” and read it again.",
    "unreadable": "It cannot be read.",
    "formula": "It begins like a formula of a spreadsheet.",
    "code-short": "The code has fewer than 4 characters, and would be guessed at once.",
    "code-odd": "The code is longer than 24 characters, or not of letters and digits alone.",
    "code-ours": "It looks exactly like one of Bando's own codes, so nobody could tell the two apart.",
    "twice": "The same code stands there twice; capitals and small letters are the same to Bando.",
    "twice-there": "They stand there twice, with the same plan.",
    "easy": "Codes like this are too easy to guess for so long a time; the odds are above.",
    "too-many": "One import takes 300 plans, 5,000 unused codes and 2,000 running guests. Import again for the rest.",
}
CHANGED = {
    "month": "A month becomes 30 days.",
    "no-rate": "Its speed cannot be taken over, so it has none: set it before you sell the plan.",
    "no-price": "It has no price there: set one before you sell it.",
    "renamed": "Another plan has its name already, so it gets another one.",
    "shorter": "The code ends earlier than you asked for, because it is easy to guess.",
    "as-code": "Their device is not known, so their code is good for what is left, rounded up, at the next entry.",
    "no-code": "Their device goes on by itself; the code is not taken.",
    "uncounted": "What they have used so far is not known, so they keep the whole of it, until their end.",
}
NAMES: dict[What, tuple[str, str]] = {
    "plan": ("plan", "plans"),
    "voucher": ("unused code", "unused codes"),
    "running": ("running guest", "running guests"),
}
_ALPHABETS: dict[Alphabet, str] = {"digits": "digits", "letters": "letters", "mixed": "letters and digits"}


@dataclass(frozen=True, kw_only=True)
class Group:
    """Lines that are alike: how many, of what, why, and a few of their names."""

    what: str
    count: int
    why: str
    names: Sequence[str]

    @property
    def more(self) -> int:
        return self.count - len(self.names)


def number_of(what: What, count: int) -> str:
    """``1 plan``, ``2,000 unused codes``."""
    one, many = NAMES[what]
    return f"{count:,} {one if count == 1 else many}"


def groups(lines: Iterable[Line]) -> list[Group]:
    """The lines by what they are and why, the commonest first."""
    found: dict[tuple[What, str], list[Line]] = {}
    for each in lines:
        found.setdefault((each.what, each.why), []).append(each)
    ordered = sorted(found.items(), key=lambda each: (list(NAMES).index(each[0][0]), -len(each[1])))
    return [
        Group(
            what=number_of(what, len(alike)),
            count=len(alike),
            why=WHY.get(why) or CHANGED.get(why, ""),
            names=[_name(each) for each in alike[:EXAMPLES]],
        )
        for (what, why), alike in ordered
    ]


def changes(lines: Iterable[Line]) -> list[Group]:
    """The same of what is taken with a difference."""
    found: dict[tuple[What, str], list[Line]] = {}
    for each in lines:
        found.setdefault((each.what, each.why), []).append(each)
    return [
        Group(
            what=number_of(what, len(alike)),
            count=len(alike),
            why=CHANGED.get(why, ""),
            names=[_name(each) for each in alike[:EXAMPLES]],
        )
        for (what, why), alike in found.items()
    ]


def _name(line: Line) -> str:
    to = line.figures.get("to", "")
    return f"{line.name} → {to}" if to and to != line.name else line.name


def summary(lines: Iterable[Line]) -> str:
    """``2 plans, 40 unused codes``."""
    counts = Counter(each.what for each in lines if not each.further)
    return ", ".join(number_of(what, counts[what]) for what in NAMES if counts[what]) or "nothing"


def counted(counts: Mapping[str, int]) -> str:
    """The same of what `Work.counts` says."""
    numbers: dict[What, int] = {"plan": counts["plans"], "voucher": counts["vouchers"], "running": counts["running"]}
    return ", ".join(number_of(what, count) for what, count in numbers.items() if count)


# --- the odds ---


def shape(chance: Chance) -> str:
    """``6 letters and digits``, ``WIFI and 4 digits``."""
    seen = chance.shape
    rest = f"{seen.size} {_ALPHABETS[seen.alphabet]}"
    return f"{seen.prefix} and {rest}" if seen.prefix else rest


def odds(chance: Chance, days: int) -> str:
    """Expected hits in words."""
    hits = chance.hits(days)
    if hits >= 2 * chance.codes:
        return "all of them"
    if hits >= HOPELESS:
        return f"about {hits:,.0f} guessed" if hits >= 10 else f"about {hits:.1f} guessed"
    return f"1 in {1 / hits:,.0f} that one is guessed" if hits > 1e-7 else "none, as far as anybody can say"


def verdict(chance: Chance, *, shorten: bool) -> str:
    """What follows for codes of this shape."""
    days = chance.days(shorten=shorten)
    if not chance.longest:
        return "Too easy to guess even for one day: these codes are left."
    if not days:
        return f"Too easy to guess for {_days(chance.asked)}. For {_days(chance.longest)} at most they would do."
    if days < chance.asked:
        return f"They end after {_days(days)}: longer would be too easy to guess."
    return f"Fine for {_days(days)}."


def arithmetic(chance: Chance) -> str:
    """The sum behind it, on one line."""
    codes = f"{chance.codes:,} code{'' if chance.codes == 1 else 's'}"
    return f"{codes} × {chance.guesses_a_day:,} wrong guesses a day ÷ {chance.shape.space:,} = {_often(chance.a_day)}"


def _often(a_day: float) -> str:
    """How often a guess hits."""
    if a_day >= 1:
        return f"{a_day:,.1f} hits a day"
    days = 1 / a_day
    return f"a hit every {days:,.0f} days" if days < 1_000 else f"a hit every {days / 365:,.0f} years"


def rule() -> str:
    """The limits that the sum stands on."""
    return (
        f"Bando lets at most {AT_ROUTERS_AN_HOUR:,} wrong codes an hour through at all your routers together, however"
        " many phones try. A group of codes is taken for as long as fewer than one of them would be guessed in all"
        " that time if somebody tried day and night at this limit."
    )


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"
