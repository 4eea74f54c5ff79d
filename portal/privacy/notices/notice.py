"""A privacy notice from what is known of an ISP: the same text for the page and for the file, with one hash. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from portal.privacy.notices.wording import KEPT, REGULATOR, WORDS
from portal.privacy.retention.periods import days_of
from portal.tenancy.store import Tenant


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A title, and sections of a heading and its paragraphs."""

    title: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def text(self) -> str:
        """All of it as plain text."""
        parts = [self.title]
        for heading, paragraphs in self.sections:
            parts += [heading, *paragraphs]
        return "\n\n".join(parts) + "\n"

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def notice_of(tenant: Tenant, own: Mapping[str, int], lang: str, operator: str) -> Notice:
    """The notice of this ISP, with the days that it chose; `operator` is the contact of whoever runs Bando."""
    said = WORDS[lang]
    known = {
        "name": tenant.name,
        "legal": tenant.legal_name or tenant.name,
        "regulator": REGULATOR,
        "operator": operator,
    }

    def say(key: str, **more: object) -> str:
        return " ".join(said[key].format(**known, **more).split())

    kept = tuple(say(keep, days=days_of(keep, own)) for keep in KEPT)
    who = (say("who-text"), *(say(key, **more) for key, more in _papers(tenant)), say("platform"))
    return Notice(
        title=say("title"),
        sections=(
            (say("who"), who),
            (say("what"), (say("what-text"),)),
            (say("long"), kept),
            (say("others"), (say("others-text"),)),
            (say("rights"), (say("rights-text"), say("complain"))),
        ),
    )


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
