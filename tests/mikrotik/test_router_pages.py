"""The pages that live on the router, as its servlet serves them."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from portal.mikrotik.router_files import files
from sandbox.http1 import Reply, Request
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.servlet import Guest, answer
from tests.mikrotik.ready import OPTIONS, ready_router
from tests.sandbox.routeros import IP, MAC, add_user, enter

ENTRY = "https://portal.example.co.ke/e/k3-r7"
ADDRESS = r"https://portal[\w.~:/?&;=%-]*"
GUEST = Guest(mac=MAC, address=IP)


def visit(router: SandboxRouter, target: str, host: str = "10.5.50.1", *, intercepted: bool = False) -> Reply:
    request = Request(method="GET", target=target, headers=(("host", host),), body=b"")
    return answer(router, GUEST, request, intercepted=intercepted)


def arrived() -> SandboxRouter:
    router = ready_router()
    router.host_seen(MAC, IP)
    return router


def leads_to(reply: Reply) -> dict[str, str]:
    """The one place to which refresh and link of a page lead, as its query."""
    page = reply.body.decode()
    targets = [*re.findall(r'content="0;url=([^"]*)"', page), *re.findall(r'href="([^"]*)"', page)]
    assert len(targets) == 2
    assert len(set(targets)) == 1
    parts = urlsplit(html.unescape(targets[0]))
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == ENTRY
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def test_a_probe_is_answered_with_200_and_leads_to_the_portal() -> None:
    reply = visit(arrived(), "/generate_204?a=1&b=2", "connectivitycheck.gstatic.com", intercepted=True)

    assert reply.status == 200
    assert len(reply.body) > 4
    assert leads_to(reply) == {
        "mac": MAC,
        "ip": IP,
        "link-login": "http://10.5.50.1/login",
        "link-orig": "http://connectivitycheck.gstatic.com/generate_204?a=1&b=2",
    }


@pytest.mark.parametrize("target", ["/", "/login", "/status", "/logout"])
def test_every_service_leads_a_stranger_to_the_portal(target: str) -> None:
    assert leads_to(visit(arrived(), target))["mac"] == MAC


@pytest.mark.parametrize("target", ["/", "/login", "/status", "/logout"])
def test_every_service_leads_a_guest_who_is_online_to_the_portal(target: str) -> None:
    router = ready_router()
    add_user(router)
    enter(router)

    assert leads_to(visit(router, target))["mac"] == MAC


def test_a_failed_login_brings_its_reason_along() -> None:
    reply = visit(arrived(), "/login?username=x&password=y")

    assert leads_to(reply)["error"] == "invalid-username"


@pytest.mark.parametrize("evil", ['"><script>alert(1)</script>', "javascript:alert(1)", "x' onload='y"])
def test_nothing_that_a_guest_sends_becomes_markup(evil: str) -> None:
    router = arrived()
    text = quote(evil, safe="")
    plain = visit(router, "/login").body.decode()
    for target in (f"/login?username={text}&dst={text}&password=1", f"/login?dst={text}&error={text}&var={text}"):
        page = visit(router, target).body.decode()
        assert re.sub(ADDRESS, "", page) == re.sub(ADDRESS, "", plain)


def test_pages_are_small_and_name_no_other_host() -> None:
    for name, body in files(OPTIONS.portal_url, OPTIONS.router_public).items():
        assert len(body) < 1024, name
        assert set(re.findall(r"https?://([^/\"']+)", body.decode())) <= {"portal.example.co.ke"}
        assert not re.search(r"\$\((?!if |elif |else|endif|[\w-]+-esc\))", body.decode()) or name in (
            "api.json",
            "errors.txt",
        )


def api(router: SandboxRouter) -> dict[str, object]:
    reply = visit(router, "/api")
    assert reply.content_type == "application/captive+json"
    said: dict[str, object] = json.loads(reply.body)
    return said


def test_the_captive_api_sends_a_stranger_to_the_portal() -> None:
    said = api(arrived())

    assert said["captive"] is True
    assert str(said["user-portal-url"]).startswith(f"{ENTRY}?mac=AA%3ABB")
    assert not {"seconds-remaining", "bytes-remaining"} & said.keys()


def test_the_captive_api_tells_what_is_left() -> None:
    router = ready_router()
    add_user(router, limit_uptime="1h", limit_bytes_total="1000000")
    enter(router)
    said = api(router)

    assert said["captive"] is False
    assert said["seconds-remaining"] == 3600
    assert said["bytes-remaining"] == 1_000_000


def test_the_captive_api_tells_of_no_end_where_there_is_none() -> None:
    router = ready_router()
    add_user(router)
    enter(router)

    assert not {"seconds-remaining", "bytes-remaining"} & api(router).keys()
