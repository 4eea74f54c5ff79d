"""The text of wishes: small, and of our own words alone."""

from __future__ import annotations

import pytest

from portal.calls.keys import keys_of, mark
from portal.calls.wishes import KINDS, MOST_BYTES, MOST_HOSTS, Wished, content, digest, document
from portal.mikrotik.calling import LONGEST
from portal.mikrotik.router_files import files

PAGES = {name: digest(body) for name, body in files("https://portal.example.co.ke", "0a1b2c3d").items()}


def test_the_largest_text_fits_a_variable_of_version_6() -> None:
    hosts = tuple(f"{'h' * 40}{n:04}.{'x' * 15}.com" for n in range(100))
    wished = Wished(pay=hosts, pages=PAGES, radius="s" * 64)
    text = document("0a1b2c3d", 10**9, "n" * 48, content(wished, pages=True), keys_of(b"k" * 32))

    assert text.count("\npay ") == MOST_HOSTS
    assert len(text) <= MOST_BYTES <= LONGEST < 4_096
    assert text.isascii()


@pytest.mark.parametrize(
    "host",
    ["", "x y.test", 'a".test', "$x.test", "a.test\nradius evil", "-a.test", "a", "é.test", "A.TEST"],
)
def test_what_cannot_be_a_host_is_left_out(host: str) -> None:
    assert content(Wished(pay=(host, "good.test")), pages=False) == "pay good.test\n"


@pytest.mark.parametrize("secret", ["", "with blank", "line\nend", "x" * 65, "é"])
def test_what_cannot_be_a_secret_is_left_out(secret: str) -> None:
    assert content(Wished(radius=secret), pages=False) == ""


def test_each_line_is_of_a_kind_that_scripts_know() -> None:
    text = content(Wished(pay=("a.test",), pages=PAGES, radius="secret"), pages=True)

    assert {line.split(" ")[0] for line in text.splitlines()} == set(KINDS)
    assert len(text.splitlines()) == 2 + len(PAGES)


def test_a_router_of_version_6_is_sent_no_pages() -> None:
    assert content(Wished(pages=PAGES), pages=False) == ""


def test_the_order_in_which_hosts_are_known_is_no_other_wish() -> None:
    one, other = (content(Wished(pay=each), pages=False) for each in (("a.test", "b.test"), ("b.test", "a.test")))

    assert mark(b"k", one) == mark(b"k", other)
    assert mark(b"k", one) != mark(b"k", content(Wished(pay=("a.test",)), pages=False))
