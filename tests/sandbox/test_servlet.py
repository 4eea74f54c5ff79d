"""The hotspot's own pages (facts/mikrotik.md 4)."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest

from sandbox.http1 import Reply, Request
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.servlet import Guest, answer
from tests.sandbox.web import ADDRESS, MAC, let_in, make_router

LOGIN = "http://login.wifi.test/login"


@pytest.fixture
def router() -> SandboxRouter:
    router = make_router()
    router.host_seen(MAC, ADDRESS)
    return router


def ask(router: SandboxRouter, target: str, *, host: str = "login.wifi.test", stranger: bool = False) -> Reply:
    request = Request(method="GET", target=target, headers=(("Host", host),))
    return answer(router, Guest(mac=MAC, address=ADDRESS), request, intercepted=stranger)


def post(router: SandboxRouter, target: str, **form: str) -> Reply:
    headers = (("Host", "login.wifi.test"), ("Content-Type", "application/x-www-form-urlencoded"))
    request = Request(method="POST", target=target, headers=headers, body=urlencode(form).encode())
    return answer(router, Guest(mac=MAC, address=ADDRESS), request)


def error_page(router: SandboxRouter) -> None:
    router.files["hotspot/login.html"] = b"[$(error)|$(error-orig)|$(username)]"


def test_a_stranger_is_sent_to_the_login_page_with_where_they_wanted_to_go(router: SandboxRouter) -> None:
    reply = ask(router, "/a?b=1", host="example.test", stranger=True)

    assert reply.status == 302
    assert reply.header("Location") == f"{LOGIN}?dst={quote('http://example.test/a?b=1', safe='')}"
    assert reply.encode().startswith(b"HTTP/1.0 302 Hotspot redirect\r\nConnection: close\r\n")


def test_rlogin_is_used_before_redirect(router: SandboxRouter) -> None:
    router.files["hotspot/redirect.html"] = b"redirect"
    assert ask(router, "/", host="example.test", stranger=True).body == b"redirect"

    router.files["hotspot/rlogin.html"] = b"rlogin $(link-redirect)"
    assert ask(router, "/", host="example.test", stranger=True).body.startswith(b"rlogin " + LOGIN.encode())


def test_the_login_page_knows_the_guest(router: SandboxRouter) -> None:
    router.files["hotspot/login.html"] = (
        b"$(mac) $(mac-esc) $(ip) $(identity) $(server-name) $(link-login-only) "
        b"$(link-orig) $(link-orig-esc) $(logged-in)"
    )

    reply = ask(router, "/login?dst=http%3A%2F%2Fexample.test%2F")

    assert reply.body.decode().split() == [
        MAC,
        quote(MAC, safe=""),
        ADDRESS,
        "site-1",
        "hs1",
        LOGIN,
        "http://example.test/",
        "http%3A%2F%2Fexample.test%2F",
        "no",
    ]


def test_a_login_goes_on_to_dst_where_there_is_no_alogin(router: SandboxRouter) -> None:
    router.files["hotspot/login.html"] = b"own"

    reply = post(router, "/login", username="guest", password="pw", dst="http://example.test/x")

    assert (reply.status, reply.header("Location")) == (302, "http://example.test/x")
    assert router.is_authorized(MAC, ADDRESS)


def test_a_login_by_get_works_and_shows_alogin(router: SandboxRouter) -> None:
    reply = ask(router, "/login?username=guest&password=pw")

    assert b"You are logged in" in reply.body
    assert b"http://login.wifi.test/status" in reply.body


@pytest.mark.parametrize("dst", ["javascript:alert(1)", "data:text/html,x", "//evil.test/", "ftp://x/"])
def test_dst_is_followed_to_http_and_https_only(router: SandboxRouter, dst: str) -> None:
    """CVE-2025-6563, facts/mikrotik.md 4.1."""
    router.files["hotspot/login.html"] = b"own"

    reply = post(router, "/login", username="guest", password="pw", dst=dst)

    assert reply.header("Location") == "http://login.wifi.test/status"


def test_a_header_cannot_be_smuggled_in_through_dst(router: SandboxRouter) -> None:
    reply = post(router, "/status", dst="http://x/\r\nSet-Cookie: a=b")

    assert b"\r\nSet-Cookie" not in reply.encode()


def test_a_wrong_password_comes_back_to_the_login_page(router: SandboxRouter) -> None:
    error_page(router)

    reply = post(router, "/login", username="guest", password="no")

    assert reply.body == b"[invalid username or password|invalid-username|guest]"


def test_a_used_up_user_is_told_in_the_words_of_errors_txt(router: SandboxRouter) -> None:
    error_page(router)
    let_in(router)
    router.clock.advance(3_600_000)  # type: ignore[attr-defined]
    router.host_seen(MAC, ADDRESS)

    reply = post(router, "/login", username="guest", password="pw")

    assert reply.body == b"[user guest has reached uptime limit|uptime-limit|guest]"


def test_errors_txt_may_be_translated(router: SandboxRouter) -> None:
    error_page(router)
    router.files["hotspot/errors.txt"] = b"# Kiswahili\ninvalid-username = jina au siri si sahihi"

    assert b"jina au siri si sahihi" in post(router, "/login", username="x", password="y").body


def test_without_http_pap_a_plain_password_is_not_taken(router: SandboxRouter) -> None:
    error_page(router)
    router.tables["/ip/hotspot/profile"].set("hs-prof", {"login-by": "http-chap"})

    assert b"chap-missing" in post(router, "/login", username="guest", password="pw").body
    assert not router.is_authorized(MAC, ADDRESS)


def test_a_device_unknown_to_the_router_gets_the_error_page(router: SandboxRouter) -> None:
    request = Request(method="GET", target="/login?username=guest&password=pw", headers=(("Host", "login.wifi.test"),))

    reply = answer(router, Guest(mac=MAC, address="10.5.50.99"), request)

    assert b"you are not logged in (ip 10.5.50.99)" in reply.body


def test_the_status_page_counts(router: SandboxRouter) -> None:
    router.files["hotspot/status.html"] = (
        b"$(username) $(login-by) $(uptime) $(session-time-left-secs) $(bytes-in) $(bytes-out-nice) $(limit-bytes-out)"
    )
    let_in(router)
    router.count(MAC, ADDRESS, up=100, down=3 << 20)
    router.clock.advance(60_000)  # type: ignore[attr-defined]

    assert ask(router, "/status").body.decode().split() == ["guest", "api", "1m", "3540", "100", "3.0", "MiB", "---"]


def test_status_without_a_session_leads_to_login(router: SandboxRouter) -> None:
    assert ask(router, "/status").header("Location") == LOGIN
    assert ask(router, "/logout").header("Location") == LOGIN

    router.files["hotspot/fstatus.html"] = b"$(error)"
    assert ask(router, "/status").body == f"you are not logged in (ip {ADDRESS})".encode()


def test_logout_ends_the_session(router: SandboxRouter) -> None:
    let_in(router)

    reply = ask(router, "/logout")

    assert b"You have logged off" in reply.body
    assert b"guest" in reply.body
    assert not router.is_authorized(MAC, ADDRESS)


def test_the_root_leads_to_status_or_login(router: SandboxRouter) -> None:
    assert ask(router, "/").header("Location") == LOGIN

    let_in(router)
    assert ask(router, "/").header("Location") == "http://login.wifi.test/status"


def test_the_captive_api_is_valid_before_and_after(router: SandboxRouter) -> None:
    before = ask(router, "/api")
    assert before.content_type == "application/captive+json"
    assert json.loads(before.body) == {"captive": True, "user-portal-url": LOGIN, "can-extend-session": True}

    let_in(router)
    after = json.loads(ask(router, "/api").body)
    assert (after["captive"], after["seconds-remaining"]) == (False, 3600)


def test_other_files_are_served_and_only_pages_are_filled_in(router: SandboxRouter) -> None:
    router.files |= {"hotspot/a.css": b"$(mac)", "hotspot/img/b.txt": b"$(mac)"}

    assert (ask(router, "/a.css").body, ask(router, "/a.css").content_type) == (b"$(mac)", "text/css")
    assert ask(router, "/img/b.txt").body == MAC.encode()
    assert ask(router, "/nothing.png").status == 404
    assert ask(router, "/../secret").status == 404


def test_a_language_has_its_own_folder_and_its_links_stay_there(router: SandboxRouter) -> None:
    router.files |= {"hotspot/login.html": b"en", "hotspot/sw/login.html": b"sw $(link-login-only)"}

    for target in ("/sw/login", "/login?target=sw"):
        assert ask(router, target).body == b"sw http://login.wifi.test/sw/login"
    assert ask(router, "/login").body == b"en"


def test_the_override_directory_wins_only_if_it_is_there(router: SandboxRouter) -> None:
    router.files["hotspot/login.html"] = b"usual"
    router.tables["/ip/hotspot/profile"].set("hs-prof", {"html-directory-override": "usb/pages"})
    assert ask(router, "/login").body == b"usual"

    router.files["usb/pages/login.html"] = b"override"
    assert ask(router, "/login").body == b"override"
