"""Where alarms may be sent: a table of hostile addresses, names that lead inside, and no way around."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence

import pytest

from portal.mikrotik.addresses import Resolve
from portal.settings import load
from portal.watch import addresses
from portal.watch.addresses import Forbidden, Policy, judge, reach, target

PUBLIC = Policy()
HOSTILE = (
    "http://hooks.example.com/x",
    "https://127.0.0.1/",
    "https://127.0.0.1:8443/metrics",
    "https://[::1]/",
    "https://localhost/",
    "https://localhost.localdomain/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://0.0.0.0/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00:ec2::254]/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://10.0.0.1/",
    "https://192.168.1.1/",
    "https://172.16.0.1/",
    "https://100.64.0.1/",
    "https://[fc00::1]/",
    "https://224.0.0.1/",
    "https://metadata/",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:6379/",
    "https://hooks.example.com:80/",
    "https://hooks.example.com:99999/",
    "https://hooks.example.com:abc/",
    "https://user:pass@hooks.example.com/",
    "https://user@hooks.example.com/",
    "https://hooks.example.com#@127.0.0.1/",
    "https://hooks.example.com/x#y",
    "https://hooks.example.com\\@127.0.0.1/",
    "https://hooks.example.com /",
    "https://hooks.example.com/x\r\nHost: y",
    "https://hooks.example.com/x\ty",
    "https://hooks.example.com./",
    "https://hоoks.example.com/",
    "https://ｈooks.example.com/",
    "https://１２７.0.0.1/",
    "https:///x",
    "https:hooks.example.com",
    "//hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://hooks.example.com/",
    "javascript:alert(1)",
    "https://hooks.example.com/" + "x" * 500,
    "https://[",
    "",
)


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused(url: str) -> None:
    with pytest.raises(Forbidden):
        target(url, PUBLIC)


@pytest.mark.parametrize(
    ("url", "port", "path", "named"),
    [
        ("https://hooks.example.com/services/T0/B1?x=1&y=2", 443, "/services/T0/B1?x=1&y=2", "hooks.example.com"),
        ("https://Hooks.Example.com", 443, "/", "hooks.example.com"),
        ("https://hooks.example.com:8443/x", 8443, "/x", "hooks.example.com:8443"),
        ("https://93.184.215.14/x", 443, "/x", "93.184.215.14"),
        ("https://[2606:2800:21f::1]/x", 443, "/x", "[2606:2800:21f::1]"),
    ],
)
def test_an_ordinary_address_is_read(url: str, port: int, path: str, named: str) -> None:
    found = target(url, PUBLIC)

    assert (found.port, found.path, found.named) == (port, path, named)


def test_the_operator_can_let_in_a_network_of_their_own() -> None:
    policy = Policy(allowed=(ipaddress.ip_network("10.20.0.0/16"),))

    assert target("https://10.20.0.9/x", policy).host == "10.20.0.9"
    with pytest.raises(Forbidden):
        target("https://10.21.0.9/x", policy)
    with pytest.raises(Forbidden):
        judge("127.0.0.1", policy)


def test_loopback_and_plain_http_are_for_the_sandbox_alone() -> None:
    production = load({"BANDO_SECRET_KEY": "k" * 40, "BANDO_PUBLIC_URL": "https://wifi.test"})

    assert target("http://127.0.0.1:9999/x", Policy.of(load({"BANDO_MODE": "sandbox"}))).port == 9999
    with pytest.raises(Forbidden):
        target("http://127.0.0.1:9999/x", Policy.of(production))


def leads_to(*ips: str) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ips

    return resolve


@pytest.mark.parametrize("ips", [("127.0.0.1",), ("93.184.215.14", "10.0.0.1"), ("169.254.169.254",), ("nonsense",)])
def test_a_name_that_leads_inside_is_refused_whole(ips: tuple[str, ...]) -> None:
    with pytest.raises(Forbidden):
        asyncio.run(reach(target("https://hooks.example.com/", PUBLIC), PUBLIC, leads_to(*ips)))


def test_a_name_that_leads_to_public_addresses_is_reached_by_them() -> None:
    found = asyncio.run(reach(target("https://hooks.example.com/", PUBLIC), PUBLIC, leads_to("93.184.215.14")))

    assert list(found) == ["93.184.215.14"]


@pytest.mark.parametrize("text", ["ops@isp.co.ke", "o.p-s+alarms@mail.isp.co.ke", "O'Neill@isp.ke"])
def test_an_e_mail_address_is_kept(text: str) -> None:
    assert addresses.email(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "ops", "@isp.ke", "ops@", "ops@isp", "a b@isp.ke", "ops@isp.ke\nBcc: all@isp.ke", "ops@isp.ke, b@isp.ke"),
        *("<ops@isp.ke>", '"a"@isp.ke', "ops@127.0.0.1", "ops@[127.0.0.1]", "öps@isp.ke", "a..b@isp.ke", ".a@isp.ke"),
        "x" * 250 + "@isp.ke",
    ],
)
def test_what_a_header_could_be_made_of_is_no_address(text: str) -> None:
    with pytest.raises(Forbidden):
        addresses.email(text)
