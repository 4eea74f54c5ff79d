"""What guests are shown, what would change, and publishing it. Units."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portal.clock import Moment
from portal.errors import Refused
from portal.privacy.consent.wording import PURPOSE
from portal.privacy.notices import store
from portal.privacy.notices.notice import Facts, Notice, made
from portal.privacy.notices.store import Version
from portal.privacy.retention import store as retention
from portal.processors import store as processors
from portal.tenancy.store import Tenant
from portal.texts import LANGUAGES
from portal.units import Unit

LONGEST_WORDS = 6000
LONGEST_SUMMARY = 300
_TRICKS = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # they turn the order of what is read


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A text for guests; `version` is None while the ISP has published none, and the text is made anew each time."""

    notice: Notice
    version: Version | None
    latest: bool


@dataclass(frozen=True, kw_only=True)
class Change:
    """A part that would go, come, or stay."""

    sign: str  # - | + | nothing
    kind: str  # t | h | p
    text: str


@dataclass(frozen=True, kw_only=True)
class Review:
    """What is published, and what would be; `mark` names what would be, so that just this is published."""

    kind: str
    drafts: Mapping[str, Notice]
    standing: Mapping[str, Version]

    @property
    def mark(self) -> str:
        digests = "".join(self.drafts[lang].digest for lang in LANGUAGES)
        return hashlib.sha256(f"{self.kind}{self.number}{digests}".encode()).hexdigest()

    @property
    def number(self) -> int:
        """Of the version that stands; 0 before the first one."""
        return max((each.number for each in self.standing.values()), default=0)

    @property
    def moved(self) -> bool:
        """Whether what guests read is not what would be published now."""
        return any(
            lang not in self.standing or self.standing[lang].digest != draft.digest
            for lang, draft in self.drafts.items()
        )

    def changes(self, lang: str) -> list[Change]:
        """The parts of the draft in their order, with those of the published text that would go."""
        before = self.standing[lang].notice.parts if lang in self.standing else []
        return list(_compared(before, self.drafts[lang].parts))


def _compared(before: Sequence[tuple[str, str]], after: Sequence[tuple[str, str]]) -> list[Change]:
    found: list[Change] = []
    for word, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if word == "equal":
            found += [Change(sign="", kind=kind, text=text) for kind, text in after[c:d]]
            continue
        found += [Change(sign="-", kind=kind, text=text) for kind, text in before[a:b]]
        found += [Change(sign="+", kind=kind, text=text) for kind, text in after[c:d]]
    return found


def facts(tenant: Tenant, operator: str) -> Unit[Facts]:
    """What the texts of this ISP are made from now."""
    days = yield from retention.own_days()
    words = yield from store.own_words()
    others = yield from processors.standing()
    return Facts(tenant=tenant, operator=operator, days=days, words=words, processors=others)


def shown(tenant: Tenant, operator: str, kind: str, lang: str, number: int | None = None) -> Unit[Shown]:
    """What guests read: the published version, or an earlier one by its number. Raises `Refused`."""
    standing = (yield from store.latest(kind)).get(lang)
    if kind == PURPOSE and standing is None:
        raise Refused("not-found", status=404)  # nobody is asked to agree to it
    if number is None and standing is None:
        known = yield from facts(tenant, operator)
        return Shown(notice=made(known, kind, lang), version=None, latest=True)
    wanted = standing if number is None else (yield from store.numbered(kind, number, lang))
    if wanted is None:
        raise Refused("not-found", status=404)
    last = standing is not None and wanted.number == standing.number
    return Shown(notice=wanted.notice, version=wanted, latest=last)


def review(tenant: Tenant, operator: str, kind: str) -> Unit[Review]:
    """What stands and what would."""
    known = yield from facts(tenant, operator)
    standing = yield from store.latest(kind)
    return Review(kind=kind, drafts={lang: made(known, kind, lang) for lang in LANGUAGES}, standing=standing)


def reviews(tenant: Tenant, operator: str) -> Unit[list[Review]]:
    """The same of each kind."""
    privacy = yield from review(tenant, operator, "privacy")
    return [privacy, (yield from review(tenant, operator, "terms"))]


def publish(tenant: Tenant, operator: str, kind: str, mark: str, summary: str, by: str, now: Moment) -> Unit[int]:
    """What was looked at counts from now on, in all languages; its number.

    Raises `Refused`: notice-moved when something has changed since the look, notice-same, notice-summary.
    Whoever calls this writes the line of it into the log of acts.
    """
    found = yield from review(tenant, operator, kind)
    if not found.moved:
        raise Refused("notice-same", status=409)
    if found.mark != mark:
        raise Refused("notice-moved", status=409)
    said, number = _summary(summary, found.number), found.number + 1
    for lang in LANGUAGES:
        yield from store.publish(kind, number, lang, found.drafts[lang], said, by, now)
    return number


def _summary(text: str, standing: int) -> str:
    """What changed, on one line; of the first version there is nothing to say."""
    plain = " ".join(text.split())
    if len(plain) > LONGEST_SUMMARY or not plain.isprintable() or _TRICKS.search(plain) or (standing and not plain):
        raise Refused("notice-summary")
    return plain


def words_of(text: str) -> str:
    """An ISP's own words: plain paragraphs, a blank line between two. Raises `Refused`."""
    if len(text) > 2 * LONGEST_WORDS:
        raise Refused("notice-words")
    paragraphs = [" ".join(each.split()) for each in re.split(r"\n\s*\n", text.replace("\r\n", "\n"))]
    plain = "\n\n".join(each for each in paragraphs if each)
    if len(plain) > LONGEST_WORDS or not plain.replace("\n", "").isprintable() or _TRICKS.search(plain):
        raise Refused("notice-words")
    return plain


def keep_words(kind: str, words: Mapping[str, str], by: str, now: Moment) -> Unit[None]:
    """Keep them, by language; guests read them with the next version. The caller writes the line of it."""
    for lang in LANGUAGES:
        yield from store.keep_words(kind, lang, words[lang], by, now)
