"""Somebody on the way alters what a router pulls, or the line breaks: the router changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from portal.calls.beat import TROUBLES, latest
from portal.calls.keys import keys_of, signature
from portal.mikrotik.calling import SCRIPT, SENTENCES
from sandbox.routeros.device import SandboxRouter
from tests.calls.site import GARDEN, VERSIONS, Away, away, opened

EVIL = "evil.test"
Change = Callable[[Away, str], str]


def other_host(made: Away, text: str) -> str:
    return text.replace("checkout.pay.test", EVIL)


def other_router(made: Away, text: str) -> str:
    """Signed, and for somebody else."""
    return signed_again(made, text.replace(made.site.row.public, "ffffffff", 1))


def other_question(made: Away, text: str) -> str:
    return signed_again(made, re.sub(r"^(bando 1 \S+ \S+) \S+", r"\1 an-older-nonce", text))


def other_kind(made: Away, text: str) -> str:
    """A kind that the script does not know; what it knows stands before it."""
    return signed_again(made, text.replace("\nend ", "\nrun :put\nend ", 1))


def far_too_long(made: Away, text: str) -> str:
    lines = "".join(f"pay {n}.{EVIL}\n" for n in range(6_000))
    return signed_again(made, text.replace("\nend ", f"\n{lines}end ", 1))


def cut_short(made: Away, text: str) -> str:
    return text[: text.index("checkout.pay.test") + 5]


def cut_in_its_signature(made: Away, text: str) -> str:
    return text[:-3]


def a_page_of_a_hotel(made: Away, text: str) -> str:
    return "<html><body>Please log in</body></html>"


def signed_again(made: Away, text: str) -> str:
    body = text[: text.index("\nend ") + 1]
    return f"{body}end {signature(made.keys, body)}"


WRONG: dict[str, tuple[Change, str]] = {
    "another router's": (other_router, "head"),
    "an older one": (other_question, "head"),
    "an unknown kind": (other_kind, "kind"),
    "too long": (far_too_long, "long"),
    "cut short": (cut_short, "cut"),
    "cut in its signature": (cut_in_its_signature, "cut"),
    "a login page": (a_page_of_a_hotel, "cut"),
}


def altering(made: Away, change: Change) -> Callable[[str, bytes], bytes]:
    """Somebody on the way whom the router takes for the portal."""
    return lambda path, body: change(made, body.decode()).encode() if path.endswith("/pull") else body


def rows_of(router: SandboxRouter) -> list[dict[str, str]]:
    return [dict(row) for row in router.tables[GARDEN].rows.values()]


async def refused(made: Away, change: Change, why: str) -> None:
    """The wish is not believed, that is said, and once nobody is on the way any more it is fulfilled."""
    await made.minute()
    before, applied = rows_of(made.router), made.applied
    await opened(made, "https://checkout.pay.test")
    made.line.changed = altering(made, change)
    await made.minute(2)
    assert (rows_of(made.router), made.applied) == (before, applied)
    assert made.warnings == [f"bando: {SENTENCES[why]}"]
    told = latest((await made.row()).beat)
    assert told is not None
    assert told.trouble == why
    made.line.changed = None
    await made.minute()
    assert made.open_pages == ["checkout.pay.test"]
    assert made.applied == applied + 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", WRONG)
async def test_wishes_that_are_not_right_change_nothing(tmp_path: Path, version: str, name: str) -> None:
    # A variable of version 6 holds 4,096 bytes, so of a text that is too long the end is lost.
    async with away(tmp_path, version) as made:
        await refused(made, *WRONG[name])


async def test_wishes_that_somebody_altered_change_nothing_on_version_7(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        await refused(made, other_host, "signature")


async def test_without_the_check_of_the_signature_they_would(tmp_path: Path) -> None:
    """The control: the guard taken out of the script, an altered host is opened."""
    async with away(tmp_path) as made:
        script = made.router.tables["/system/script"].row(SCRIPT)
        guarded = script["source"]
        script["source"] = guarded.replace("$outside != $mark", "$outside = $mark . $mark")
        assert script["source"] != guarded
        await made.minute()
        await opened(made, "https://checkout.pay.test")
        made.line.changed = altering(made, other_host)
        await made.minute()

        assert made.open_pages == [EVIL]


async def test_on_version_6_the_certificate_is_the_only_proof(tmp_path: Path) -> None:
    """What decision 44 says in words: whoever has a certificate that a version 6 trusts is believed."""
    async with away(tmp_path, VERSIONS[1]) as made:
        await made.minute()
        await opened(made, "https://checkout.pay.test")
        made.line.changed = altering(made, other_host)
        await made.minute()

        assert made.open_pages == [EVIL]


@pytest.mark.parametrize("guarded", [True, False])
async def test_what_was_pulled_once_is_not_believed_again(tmp_path: Path, guarded: bool) -> None:
    """And the control: without the look at the first line it would be."""
    async with away(tmp_path) as made:
        script = made.router.tables["/system/script"].row(SCRIPT)
        if not guarded:
            script["source"] = script["source"].replace("!= $begin", '= "never"')
        heard: list[bytes] = []

        def listening(path: str, body: bytes) -> bytes:
            heard.extend([body] if path.endswith("/pull") else [])
            return body

        made.line.changed = listening
        for host in ("one.test", "two.test"):
            await opened(made, f"https://{host}")
            await made.minute()
        old = heard[-2]
        await opened(made, "https://three.test")
        made.line.changed = lambda path, body: old if path.endswith("/pull") else body
        await made.minute()

        assert made.open_pages == (["two.test"] if guarded else ["one.test"])
        assert made.warnings == ([f"bando: {SENTENCES['head']}"] if guarded else [])


async def test_a_line_that_breaks_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        await made.minute()
        await opened(made, "https://checkout.pay.test")
        made.line.cut_after = 100
        await made.minute()
        assert made.open_pages == []
        assert made.warnings == [f"bando: {SENTENCES['pull']}"]
        made.line.cut_after = None
        await made.minute()

        assert made.open_pages == ["checkout.pay.test"]


async def test_a_wish_that_cannot_be_fulfilled_is_tried_again_and_nothing_is_counted(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        await made.minute()
        page = made.router.files.pop("bando/login.html")
        await opened(made, "https://checkout.pay.test")
        await made.minute(2)
        assert made.applied == 1
        assert made.warnings == [f"bando: {SENTENCES['apply']}"]
        made.router.files["bando/login.html"] = page
        await made.minute()

        assert made.applied == 2
        assert made.open_pages == ["checkout.pay.test"]


async def test_another_page_than_the_signed_one_is_never_written(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        await made.minute()
        made.router.files["bando/login.html"] = b"an older page"
        await opened(made, "https://checkout.pay.test")
        made.line.changed = lambda path, body: b"<h1>Pay me</h1>" if path.endswith("/login.html") else body
        await made.minute()

        assert made.router.files["bando/login.html"] == b"an older page"
        assert made.warnings == [f"bando: {SENTENCES['apply']}"]


async def test_an_answer_that_is_none_of_the_portal_is_not_read(tmp_path: Path) -> None:
    async with away(tmp_path) as made:
        await made.minute()
        made.line.changed = lambda path, body: b"<html>Please log in</html>"
        await made.minute()

        assert made.warnings == [f"bando: {SENTENCES['answer']}"]


async def test_values_in_wishes_are_never_run(tmp_path: Path) -> None:
    """Even signed ones: a value that is script is a value."""

    def as_script(made: Away, text: str) -> str:
        return signed_again(made, text.replace("pay checkout.pay.test", 'pay $[/user add name=evil group=full]"];x'))

    async with away(tmp_path) as made:
        await made.minute()
        await opened(made, "https://checkout.pay.test")
        made.line.changed = altering(made, as_script)
        await made.minute()

        assert [row["name"] for row in made.router.tables["/user"].rows.values()] == ["admin"]
        assert made.open_pages == ['$[/user add name=evil group=full]"];x']


def test_each_trouble_of_the_script_is_one_that_the_portal_knows() -> None:
    assert tuple(SENTENCES) == TROUBLES


def test_the_signature_is_what_the_script_computes() -> None:
    keys = keys_of(b"k" * 32)
    text = "bando 1 x 1 n\n"

    assert len(signature(keys, text)) == 128
    assert signature(keys, text) != signature(replace(keys, inner="0" * 64), text)
    assert signature(keys, text) != signature(replace(keys, outer="0" * 64), text)
