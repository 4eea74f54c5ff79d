"""The servlet's page language (facts/mikrotik.md 4.2)."""

from __future__ import annotations

import pytest

from sandbox.routeros.template import render


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ip $(ip).", "ip 10.5.50.7."),
        ("$(nothing)", ""),
        ("$(link-esc)", "http%3A%2F%2Fexample.test%2Fa%3Fb%3D1%262"),
        ("$(if error)bad$(else)good$(endif)", "good"),
        ("$(if ip)yes$(endif)", "yes"),
        ("$(if trial == 'yes')T$(endif)", "T"),
        ('$(if trial == "yes")T$(endif)', "T"),
        ("$(if trial == yes)T$(endif)", "T"),
        ("$(if trial==yes)T$(endif)", "T"),
        ("$(if trial != no)T$(else)F$(endif)", "T"),
        ("$(if ip == 1)a$(elif trial == yes)b$(elif ip)c$(else)d$(endif)", "b"),
        ("$(if ip == 1)a$(elif error)b$(else)d$(endif)", "d"),
        ("$(if ip)[$(if error)x$(else)y$(endif)]$(endif)", "[y]"),
        ("$(if error)[$(if ip)x$(else)y$(endif)]$(endif)z", "z"),
        ("<$(evil)>", "<<script>>"),
        ("costs $5 (five) $(", "costs $5 (five) $("),
    ],
)
def test_a_page_is_filled_in(source: str, expected: str) -> None:
    variables = {
        "ip": "10.5.50.7",
        "trial": "yes",
        "evil": "<script>",
        "link": "http://example.test/a?b=1&2",
        "error": "",
    }

    assert render(source, variables).text == expected


def test_the_status_line_and_a_header_are_set_not_printed() -> None:
    page = (
        "$(if http-status == 302)Hotspot $(word)$(endif)"
        "$(if http-header == Location)$(link)$(endif)body"
        '$(if http-header == "Location")$(link)2$(endif)'
    )

    rendered = render(page, {"word": "redirect", "link": "http://login.test/"})

    assert rendered.text == "body"
    assert rendered.status == (302, "Hotspot redirect")
    assert rendered.headers == {"Location": "http://login.test/2"}


def test_a_status_in_a_branch_not_taken_is_not_set() -> None:
    rendered = render("$(if error)$(if http-status == 302)x$(endif)$(else)ok$(endif)", {})

    assert rendered.text == "ok"
    assert rendered.status is None
