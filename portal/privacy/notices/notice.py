"""A text for guests from what is known of an ISP: the same for the page and for the file, with one hash. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from portal.privacy.consent import wording as consent_wording
from portal.privacy.notices import terms_wording, wording
from portal.privacy.notices.wording import KEPT, REGULATOR
from portal.privacy.retention.periods import days_of
from portal.processors import registry
from portal.processors.registry import Told
from portal.tenancy.store import Tenant

KINDS = {"privacy": "Privacy notice", "terms": "Terms", "offers": "Consent to offers"}
Section = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A title, and sections of a heading and its paragraphs."""

    title: str
    sections: tuple[Section, ...]

    @property
    def text(self) -> str:
        """All of it as plain text."""
        return "\n\n".join(part for _, part in self.parts) + "\n"

    @property
    def shape(self) -> str:
        """What each part of the text is, one letter for each."""
        return "".join(kind for kind, _ in self.parts)

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Title, headings and paragraphs in their order."""
        parts = [("t", self.title)]
        for heading, paragraphs in self.sections:
            parts += [("h", heading), *(("p", each) for each in paragraphs)]
        return parts

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def kept(text: str, shape: str) -> Notice:
    """A notice from its text as it was kept."""
    title, *parts = zip(shape, text.removesuffix("\n").split("\n\n"), strict=True)
    sections: list[Section] = []
    for kind, part in parts:
        if kind == "h":
            sections.append((part, ()))
        else:
            heading, paragraphs = sections.pop()
            sections.append((heading, (*paragraphs, part)))
    return Notice(title=title[1], sections=tuple(sections))


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a text is made from: the ISP, the days that it chose, its own words, and the operator's contact."""

    tenant: Tenant
    operator: str
    days: Mapping[str, int] = field(default_factory=dict)
    words: Mapping[tuple[str, str], str] = field(default_factory=dict)  # by kind and language
    processors: Sequence[Told] = ()  # the register, in its order

    def own_words(self, kind: str, lang: str) -> tuple[str, ...]:
        """The ISP's own paragraphs; in another language rather than not at all."""
        found = self.words.get((kind, lang)) or next((text for (k, _), text in self.words.items() if k == kind), "")
        return tuple(found.split("\n\n")) if found else ()


def made(facts: Facts, kind: str, lang: str) -> Notice:
    """The text of this kind as it would be published now."""
    return MADE[kind](facts, lang)


class _Said:
    """The sentences of a language, with what is known of the ISP in them."""

    def __init__(self, facts: Facts, said: Mapping[str, str]) -> None:
        tenant = facts.tenant
        self._said = said
        self._known = {
            "name": tenant.name,
            "legal": tenant.legal_name or tenant.name,
            "regulator": REGULATOR,
            "operator": facts.operator,
        }

    def __call__(self, key: str, **more: object) -> str:
        return " ".join(self._said[key].format(**self._known, **more).split())


def notice_of(facts: Facts, lang: str) -> Notice:
    """The privacy notice of this ISP."""
    say = _Said(facts, wording.WORDS[lang])
    who = (say("who-text"), *(say(key, **more) for key, more in _papers(facts.tenant)), say("platform"))
    sections = [
        (say("who"), who),
        (say("what"), (say("what-text"),)),
        (say("long"), tuple(say(keep, days=days_of(keep, facts.days)) for keep in KEPT)),
        (say("others"), (say("others-text"), *_processors(facts, lang, say), say("others-law"))),
        (say("rights"), (say("rights-text"), say("complain"))),
    ]
    return Notice(title=say("title"), sections=(*sections, *_own(facts, "privacy", lang, say)))


def terms_of(facts: Facts, lang: str) -> Notice:
    """The terms of this ISP."""
    say = _Said(facts, terms_wording.WORDS[lang])
    call = [say("call", phone=facts.tenant.support_phone)] if facts.tenant.support_phone else []
    sections = [
        (say("who"), (say("who-text"), *call)),
        (say("what"), (say("what-text"),)),
        (say("money"), (say("money-text"),)),
        (say("fault"), (say("fault-text"),)),
        (say("fair"), (say("fair-text"),)),
        (say("law"), (say("law-text"),)),
    ]
    return Notice(title=say("title"), sections=(*sections, *_own(facts, "terms", lang, say)))


def offers_of(facts: Facts, lang: str) -> Notice:
    """What a guest agrees to who wants to hear of offers."""
    say = _Said(facts, consent_wording.WORDS[lang])
    words = tuple(say(key) for key in ("agree", "free", "data", "back"))
    return Notice(title=say("title"), sections=((say("who"), words),))


MADE: Mapping[str, Callable[[Facts, str], Notice]] = {"privacy": notice_of, "terms": terms_of, "offers": offers_of}


def _own(facts: Facts, kind: str, lang: str, say: _Said) -> tuple[Section, ...]:
    words = facts.own_words(kind, lang)
    return ((say("own"), words),) if words else ()


def _processors(facts: Facts, lang: str, say: _Said) -> list[str]:
    """Who else handles the data, each in a paragraph."""
    found = [say("other", **in_words(each, lang), about=_about(each, say)) for each in facts.processors]
    return [text if text.endswith(".") else f"{text}." for text in found]


def in_words(told: Told, lang: str) -> dict[str, str]:
    """An entry of the register as guests read it."""
    country = registry.countries(lang).get(told.country, "")
    named, purpose, gets = (registry.said(text, lang) for text in (told.named, told.purpose, told.gets))
    return {"other": named, "purpose": purpose, "gets": gets, "country": country}


def _about(told: Told, say: _Said) -> str:
    return say(f"basis-{told.basis}") if told.basis else say("no-country") if not told.country else ""


def _papers(tenant: Tenant) -> list[tuple[str, dict[str, str]]]:
    """What it has told of itself; what it has not told is left out."""
    contact = tenant.privacy_contact or tenant.email
    found = (
        ("registered", "number", tenant.protection_number),
        ("licensed", "number", tenant.licence_number),
        ("contact", "contact", contact),
        ("call", "phone", tenant.support_phone),
    )
    return [(key, {name: text}) for key, name, text in found if text]
