"""The screens of notices: what guests read, what would change, publishing it, and the ISP's own words."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.errors import Refused
from portal.privacy.notices import service, store
from portal.privacy.notices.notice import KINDS
from portal.privacy.notices.service import Review
from portal.staff import store as staff
from portal.texts import LANGUAGES
from portal.units import Unit

HOME = "/console/settings/notices"
REVIEW = f"{HOME}/review"
EARLIER = 20  # versions that a page shows of a kind
NAMES = {"en": "English", "sw": "Kiswahili"}


def _names() -> Unit[Mapping[str, str]]:
    """Who published, by what a version keeps of them."""
    return {f"staff:{each.public}": each.name for each in (yield from staff.all_staff())}


def _kind(fields: Mapping[str, str]) -> str:
    return asked.one_of(fields.get("kind", ""), tuple(KINDS))


async def overview(desk: Desk) -> Response:
    """What guests read now, and whether it would change."""
    operator = desk.services.settings.data_protection_contact
    return desk.page(
        "notices",
        reviews=await desk.read(service.reviews, desk.view.tenant, operator),
        titles=KINDS,
        names=await desk.read(_names),
    )


async def versions(desk: Desk) -> Response:
    """All versions of a kind, the latest first."""
    kind, before = _kind(desk.query), asked.number_or_none(desk.query.get("before", "")) or 10**9
    found = await desk.read(store.listed, kind, LANGUAGES[0], before, EARLIER + 1)
    return desk.page(
        "notice_versions",
        kind=kind,
        titles=KINDS,
        versions=found[:EARLIER],
        more=found[EARLIER - 1].number if len(found) > EARLIER else None,
        names=await desk.read(_names),
    )


async def review(desk: Desk) -> Response:
    """What would be published, beside what is."""
    return await _review(desk, _kind(desk.query))


async def _reviewed(desk: Desk, kind: str) -> Review:
    operator = desk.services.settings.data_protection_contact
    found: Review = await desk.read(service.review, desk.view.tenant, operator, kind)
    return found


async def _review(desk: Desk, kind: str, wrong: Refused | None = None) -> Response:
    return desk.page(
        "notice_review",
        wrong.status if wrong else 200,
        review=await _reviewed(desk, kind),
        named=KINDS[kind],
        languages=NAMES,
        summary=desk.fields.get("summary", "")[: service.LONGEST_SUMMARY],
        longest=service.LONGEST_SUMMARY,
        wrong=wrong.key if wrong else "",
    )


async def publish(desk: Desk) -> Response:
    """What was looked at counts from now on."""
    kind, summary = _kind(desk.fields), desk.fields.get("summary", "")
    args = (desk.view.tenant, desk.services.settings.data_protection_contact, kind, desk.fields.get("mark", ""))
    try:
        await desk.act(
            "notice.publish",
            lambda number: f"{kind}:{number}",
            service.publish,
            *(*args, summary, f"staff:{desk.staff.public}", desk.now),
            after={"text": KINDS[kind], "what changed": summary[: service.LONGEST_SUMMARY]},
        )
    except Refused as wrong:
        return await _review(desk, kind, wrong)
    return desk.go(HOME, "notice-published")


async def words(desk: Desk) -> Response:
    """The ISP's own words, as they are."""
    kind, kept = _kind(desk.query), await desk.read(store.own_words)
    return _words(desk, kind, {lang: kept.get((kind, lang), "") for lang in LANGUAGES})


def _words(desk: Desk, kind: str, filled: Mapping[str, str], wrong: Refused | None = None) -> Response:
    return desk.page(
        "notice_words",
        wrong.status if wrong else 200,
        kind=kind,
        named=KINDS[kind],
        languages=NAMES,
        filled=filled,
        longest=service.LONGEST_WORDS,
        wrong=wrong.key if wrong else "",
    )


async def keep_words(desk: Desk) -> Response:
    """Keep other words; guests read them once a version with them is published."""
    kind = _kind(desk.fields)
    typed = {lang: desk.fields.get(f"words-{lang}", "") for lang in LANGUAGES}
    try:
        wished = {lang: service.words_of(text) for lang, text in typed.items()}
    except Refused as wrong:
        return _words(desk, kind, {lang: text[: 2 * service.LONGEST_WORDS] for lang, text in typed.items()}, wrong)
    kept = await desk.read(store.own_words)
    await desk.act(
        "notice.words",
        f"notice:{kind}",
        service.keep_words,
        *(kind, wished, f"staff:{desk.staff.public}", desk.now),
        before={lang: kept.get((kind, lang), "") for lang in LANGUAGES},
        after=wished,
    )
    return desk.go(f"{REVIEW}?kind={kind}", "notice-words")


SCREENS = (
    get("/settings/notices", "tenant", overview),
    get("/settings/notices/versions", "tenant", versions),
    get("/settings/notices/review", "tenant", review),
    post("/settings/notices/review", "tenant.change", publish),
    get("/settings/notices/words", "tenant.change", words),
    post("/settings/notices/words", "tenant.change", keep_words, upload=True),
)
