"""What nobody's browser sends: each is refused with a page, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.office import office


async def test_a_form_token_of_letters_that_are_not_ascii_is_refused(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        owner = await house.of("owner")
        answer = await owner.http.post("/console/account/logout", data={"csrf": "\u00e9"})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "query", ["a=1&a=2", "a=%FF", "a=%00", "&".join(f"a{n}=1" for n in range(30)), "a=" + "b" * 7000]
)
async def test_a_broken_address_is_refused_inside_the_console(tmp_path: Path, query: str) -> None:
    async with office(tmp_path) as house:
        owner = await house.of("owner")
        for path, expected in (("/account", 200), ("/online", 400), ("/payments", 400), ("/payments/queue", 400)):
            answer = await owner.http.get(f"/console{path}?{query}")
            assert answer.status_code in (expected, 414), (path, answer.status_code)
            assert "text/html" in answer.headers["content-type"]
            assert "Amina Owner" in answer.text
