"""The set-up script of a router in RADIUS mode, run by the sandbox router's console."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from portal.errors import Misconfigured
from portal.mikrotik.provisioning import Radius, ScriptOptions, files, script
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.rsc import import_rsc
from tests.mikrotik.ready import OPTIONS, empty_router, set_up

SECRET = 'a "secret" of $letters enough'
ASKS = Radius(server="10.9.0.1", source="10.9.0.7", secret=SECRET, coa_port=3799)
VERSIONS = ("7.23.4", "7.14.3", "6.49.21")


def options_for(version: str, asks: Radius = ASKS) -> ScriptOptions:
    number: Literal[6, 7] = 6 if version.startswith("6") else 7
    return replace(OPTIONS, version=number, management="", api_password="", radius=asks)


def fetch(url: str) -> bytes:
    return files(OPTIONS.portal_url, OPTIONS.router_public, "radius")[url.rsplit("/", 1)[1]]


def asked(router: SandboxRouter, asks: Radius = ASKS) -> list[str]:
    """Import it; what it put out."""
    return import_rsc(router, script(options_for(router.version_text, asks)), fetch=fetch)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_router_asks_radius_and_has_no_account_of_ours(version: str) -> None:
    router = empty_router(version)
    said = asked(router)
    assert "bando: everything is in place" in said
    (server,) = router.tables["/radius"].rows.values()
    wanted = {"service": "hotspot", "address": "10.9.0.1", "secret": SECRET, "src-address": "10.9.0.7"}
    assert wanted.items() <= server.items()
    assert server["timeout"] == "3s"
    profile = router.tables["/ip/hotspot/profile"].row("bando")
    assert profile["login-by"] == "mac,http-pap"
    assert (profile["use-radius"], profile["radius-accounting"]) == ("true", "true")
    assert profile["radius-interim-update"] == "received"
    assert [row["name"] for row in router.tables["/user"].rows.values()] == ["admin"]
    assert router.tables["/certificate"].rows == {}
    assert router.tables["/ip/hotspot/user/profile"].row("default")["keepalive-timeout"] == "none"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_second_import_changes_nothing(version: str) -> None:
    router = empty_router(version)
    asked(router)
    before = {path: [dict(row) for row in table.rows.values()] for path, table in router.tables.items()}
    asked(router)
    after = {path: [dict(row) for row in table.rows.values()] for path, table in router.tables.items()}
    assert {path: rows for path, rows in after.items() if path != "/log"} == {
        path: rows for path, rows in before.items() if path != "/log"
    }


def test_the_signature_is_demanded_where_the_version_knows_it_and_else_that_is_said() -> None:
    new, old = empty_router("7.23.4"), empty_router("7.14.3")
    assert not any("WARNING" in line for line in asked(new))
    (server,) = new.tables["/radius"].rows.values()
    assert server["require-message-auth"] == "yes-for-request-resp"
    assert any("update to RouterOS 7.15" in line for line in asked(old))


def test_disconnects_are_taken_only_where_the_router_can_be_reached() -> None:
    reached, hidden = empty_router(), empty_router()
    asked(reached)
    asked(hidden, replace(ASKS, coa_port=None))
    assert reached.tables["/radius/incoming"].row("")["accept"] == "true"
    comment = "bando: the portal may disconnect guests"
    (rule,) = reached.tables["/ip/firewall/filter"].find(comment=comment)
    assert (rule["src-address"], rule["protocol"], rule["dst-port"]) == ("10.9.0.1", "udp", "3799")
    assert hidden.tables["/radius/incoming"].row("")["accept"] == "false"
    assert hidden.tables["/ip/firewall/filter"].find(comment=comment) == []


def test_a_router_changes_its_mode_there_and_back() -> None:
    router = empty_router()
    set_up(router)
    profile = router.tables["/ip/hotspot/profile"].row("bando")
    assert profile["use-radius"] == "false"
    asked(router)
    assert (profile["use-radius"], profile["login-by"]) == ("true", "mac,http-pap")
    assert b"in=$(logged-in)" in router.files["bando/status.html"]
    set_up(router)
    assert (profile["use-radius"], profile["login-by"]) == ("false", "http-pap,mac-cookie")
    assert b"in=$(logged-in)" not in router.files["bando/status.html"]


def test_an_adopted_hotspot_keeps_its_default_profile() -> None:
    router = empty_router()
    router.tables["/ip/address"].add({"address": "192.168.7.1/24", "interface": "ether2"})
    router.tables["/ip/hotspot/profile"].add({"name": "old", "hotspot-address": "192.168.7.1", "dns-name": "w.test"})
    router.tables["/ip/hotspot"].add({"name": "shop", "interface": "ether2", "profile": "old"})
    import_rsc(router, script(replace(options_for("7"), adopt=True)), fetch=fetch)
    assert router.tables["/ip/hotspot/user/profile"].row("default")["keepalive-timeout"] == "2m"
    assert router.tables["/ip/hotspot/profile"].row("bando")["use-radius"] == "true"
    assert router.tables["/ip/hotspot"].row("shop")["profile"] == "bando"


@pytest.mark.parametrize(
    ("asks", "words"),
    [
        (replace(ASKS, secret="short"), "at least 22"),
        (replace(ASKS, server="radius.example"), "FreeRADIUS"),
        (replace(ASKS, source=""), "--source"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(asks: Radius, words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        options_for("7", asks)


def test_only_whoever_is_let_in_is_led_on_to_where_they_wanted() -> None:
    pages = files(OPTIONS.portal_url, OPTIONS.router_public, "radius")
    plain = files(OPTIONS.portal_url, OPTIONS.router_public)
    assert pages["alogin.html"] != pages["login.html"]
    assert plain["alogin.html"] == plain["login.html"]
    assert set(pages) == set(plain)
    told = {name for name, body in pages.items() if b"in=$(logged-in)" in body}
    assert told == {"alogin.html", "status.html", "rstatus.html"}
