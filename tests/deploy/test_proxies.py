"""The proxies: no log holds a path, nobody is led astray, and what a client says of itself counts for nothing (R7)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.imports.text import MOST_BYTES
from portal.web.security import MAX_BODY

DEPLOY = Path(__file__).parents[2] / "deploy"
NGINX = (DEPLOY / "nginx" / "bando.conf").read_text()
CADDY = (DEPLOY / "caddy" / "Caddyfile").read_text()

# Variables of nginx that hold a path, a query, a cookie or an address of somebody.
TELLING = ("$request_uri", "$request ", "$uri", "$args", "$query_string", "$http_", "$remote_addr", "$cookie", "$arg_")


def without_comments(text: str) -> str:
    return re.sub(r"#[^\n]*", "", text)


def servers(text: str) -> list[str]:
    """The blocks `server { … }` of nginx."""
    plain, blocks = without_comments(text), []
    for match in re.finditer(r"(?m)^server \{", plain):
        depth, at = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(plain[at], 0)
            at += 1
        blocks.append(plain[match.start() : at])
    return blocks


def log_formats(text: str) -> list[str]:
    return re.findall(r"log_format \w+ '([^']*)'", without_comments(text))


def tells(formats: list[str]) -> list[str]:
    return [word for each in formats for word in TELLING if word in f"{each} "]


def test_the_log_of_nginx_holds_no_path_no_query_and_no_address() -> None:
    assert log_formats(NGINX) != []
    assert tells(log_formats(NGINX)) == []


@pytest.mark.parametrize("told", ["$request $status", "$remote_addr $status", '$host "$http_referer"', "$uri"])
def test_a_log_that_did_would_be_noticed(told: str) -> None:
    assert tells(log_formats(f"log_format x '{told}';")) != []


def test_each_server_of_nginx_says_what_it_logs_and_keeps_its_errors_to_itself() -> None:
    """The log of errors quotes the request; without a word of one's own everything goes into the common log."""
    for block in servers(NGINX):
        assert re.search(r"access_log (off|/\S+ bando);", block)
        assert re.search(r"error_log \S+ emerg;", block)
    assert len(servers(NGINX)) == 4


def test_only_the_portals_own_name_is_led_to_https() -> None:
    leading = [each for each in servers(NGINX) if "return 301" in each]
    assert len(leading) == 1
    assert "server_name wifi.example.co.ke;" in leading[0]
    strangers = [each for each in servers(NGINX) if "default_server" in each]
    assert all("return 444" in each or "ssl_reject_handshake on" in each for each in strangers)
    assert len(strangers) == 2


def test_what_a_client_says_of_its_address_is_replaced() -> None:
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in NGINX
    assert "proxy_add_x_forwarded_for" not in without_comments(NGINX)
    assert "header_up X-Forwarded-For {remote_host}" in CADDY
    assert "trusted_proxies" not in without_comments(CADDY)


def test_metrics_are_for_the_machine_itself() -> None:
    block = re.search(r"location ~ \^/\(metrics\|readyz\)\$ \{(.*?)\}", NGINX, re.DOTALL)
    assert block is not None
    assert "deny all;" in block[1]
    assert "respond @inside 404" in CADDY


def test_bodies_are_let_through_as_large_as_bando_takes_them() -> None:
    assert f"client_max_body_size {MAX_BODY // 1024}k;" in NGINX
    most = re.search(r"location /console/ \{\s+client_max_body_size (\d+)m;", NGINX)
    assert most is not None
    assert int(most[1]) << 20 > MOST_BYTES
    sizes = [int(each) for each in re.findall(r"max_size (\d+)(?:KB|MB)", CADDY)]
    assert sizes == [int(most[1]), MAX_BODY // 1024]


def test_no_wait_is_without_an_end() -> None:
    for name in ("client_header_timeout", "client_body_timeout", "send_timeout", "keepalive_timeout"):
        assert re.search(rf"{name} \d+s;", NGINX), name
    for name in ("proxy_connect_timeout", "proxy_send_timeout", "proxy_read_timeout"):
        assert re.search(rf"{name} \d+s;", NGINX), name
    for name in ("read_header", "read_body", "write", "idle", "dial_timeout", "response_header_timeout"):
        assert re.search(rf"{name} \d+[sm]", CADDY), name


def test_caddy_writes_no_log_of_requests_and_none_of_its_errors() -> None:
    plain = without_comments(CADDY)
    assert re.findall(r"(?m)^\t*log\b.*$", plain) == ["\tlog default {"]
    assert "exclude http.log.error http.handlers.reverse_proxy http.log.access" in plain


@pytest.mark.parametrize("text", [NGINX, CADDY], ids=["nginx", "Caddy"])
def test_brackets_are_closed(text: str) -> None:
    plain = without_comments(text)
    assert plain.count("{") == plain.count("}")
