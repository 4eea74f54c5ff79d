"""Publishing a bulletin, and saying that it was read. Units."""

from __future__ import annotations

import hashlib

from portal.clock import Moment
from portal.errors import Refused
from portal.privacy.bulletins import store
from portal.privacy.bulletins.store import Bulletin
from portal.privacy.notices.service import words_of
from portal.units import Unit

LONGEST_TITLE = 120


def publish(title: str, text: str, by: str, now: Moment) -> Unit[Bulletin]:
    """Everybody who works at an ISP is shown it. Raises `Refused`: bulletin-title, notice-words."""
    line, body = " ".join(title.split()), words_of(text)
    if not line or len(line) > LONGEST_TITLE or not line.isprintable():
        raise Refused("bulletin-title")
    if not body:
        raise Refused("notice-words")
    digest = hashlib.sha256(f"{line}\n\n{body}\n".encode()).hexdigest()
    return (yield from store.publish(line, body, digest, by, now))


def read(bulletin_id: int, staff_id: int, now: Moment) -> Unit[None]:
    """Somebody has read it. Raises `Refused`. The caller writes the line of it."""
    if not (yield from store.exists(bulletin_id)):
        raise Refused("not-found", status=404)
    if (yield from store.read(bulletin_id, staff_id, now)) is None:
        raise Refused("bulletin-read", status=409)
