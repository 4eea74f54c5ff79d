"""Whom Bando calls: each place in the code that opens a connection is known, and a whole day calls nobody else."""

from __future__ import annotations

import ast
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from portal.place import Place, Server
from tests.attacks.guest import VICTIM_PHONE, a_world

HOME = Path(__file__).parent.parent
FILES = [*HOME.glob("*.py"), *(HOME / "portal").rglob("*.py"), *(HOME / "commands").rglob("*.py")]
# Where connections are opened or names are asked for, and to whom they lead. Nobody is called whom neither the
# operator nor the ISP has named.
CALLS = {
    "app.py": "the payment provider of an ISP's account",
    "commands/operations.py": "the payment provider, when the doctor tries the keys",
    "portal/doctor_radius.py": "our own listener for FreeRADIUS, and FreeRADIUS where it is said to be",
    "portal/doctor_web.py": "the portal's own public address, as guests reach it",
    "portal/db/connections.py": "the operator's PostgreSQL server",
    "portal/migrate.py": "the same server, when its tables are made",
    "portal/mikrotik/addresses.py": "the name of a router; a probe that sends nothing",
    "portal/mikrotik/names.py": "the name of a router or of a webhook, in a thread of its own",
    "portal/mikrotik/visit.py": "the name of the portal, as a router should know it",
    "portal/mikrotik/wire.py": "a router of an ISP",
    "portal/radius/watching/wire.py": "a router of an ISP, with Disconnect and CoA",
    "commands/serving.py": "a name for the own socket",
    "portal/vouchers/printer_line.py": "a printer that staff name on the command line",
    "portal/watch/deliver.py": "a webhook of an ISP; the operator's mail server",
}
OPENS = {
    *("open_connection", "open_unix_connection", "create_connection", "create_datagram_endpoint", "sock_connect"),
    *("getaddrinfo", "gethostbyname", "create_async_engine", "urlopen", "urlretrieve", "start_tls"),
    *("AsyncClient", "Client", "HTTPConnection", "HTTPSConnection", "SMTP", "SMTP_SSL", "Session", "ClientSession"),
}
# A library with which something could be called; whoever takes one in is looked at.
CALLERS = re.compile(
    r"(?:httpx|httpcore|requests|aiohttp|urllib3|websockets|smtplib|ftplib|poplib|imaplib|telnetlib|paramiko|dns|"
    r"urllib\.request|http\.client|xmlrpc)(?:\.|$)"
)
HOSTS = {  # names that stand in the code
    "sandbox.safaricom.co.ke": "M-Pesa's sandbox",
    "api.safaricom.co.ke": "M-Pesa",
    "api.paystack.co": "Paystack, for an ISP with a key of its own",
    "www.odpc.go.ke": "the regulator, in letters and notices; nothing is sent there",
    "localhost": "the sandbox",
    "portal.example.co.ke": "an example in a sentence",
}
ADDRESS = re.compile(r"(?:https?|wss?|smtps?)://([a-z0-9][a-z0-9.-]*[a-z0-9])")


def connects(tree: ast.AST) -> Iterator[str]:
    """Each way in which this file could call somebody."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            whose = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            of_a_database = name == "open_connection" and whose != "asyncio"
            of_a_socket = name in ("connect", "connect_ex", "sendto") and "probe" in whose
            of_a_server = (whose, name) == ("asyncpg", "connect")
            if (name in OPENS and not of_a_database) or of_a_socket or of_a_server:
                yield name
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names if CALLERS.match(each.name) and each.name != "httpx")
        elif isinstance(node, ast.ImportFrom) and CALLERS.match(node.module or ""):
            yield node.module or ""


def callers(files: list[Path]) -> dict[str, set[str]]:
    found = {path.relative_to(HOME).as_posix(): set(connects(ast.parse(path.read_text()))) for path in files}
    return {name: ways for name, ways in found.items() if ways}


def test_only_these_files_call_anybody() -> None:
    assert set(callers(FILES)) == set(CALLS)


def test_no_other_host_stands_in_the_code() -> None:
    texts = [
        node.value
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert {host for text in texts for host in ADDRESS.findall(text)} == set(HOSTS)


@pytest.mark.parametrize(
    "text",
    [
        "import requests\nrequests.post('https://tracker.test')",
        "from urllib.request import urlopen\nurlopen(x)",
        "import httpx\nhttpx.AsyncClient()",
        "import asyncio\nasyncio.open_connection('x', 1)",
        "loop.create_connection(p, 'x', 1)",
        "import smtplib",
        "from http.client import HTTPSConnection",
    ],
)
def test_a_new_caller_would_be_noticed(text: str) -> None:
    assert list(connects(ast.parse(text))) != []


def test_a_database_is_not_called() -> None:
    assert list(connects(ast.parse("open_connection(path)\nsqlite3.connect(path)\nengine.connect()"))) == []


# --- a day in the sandbox ---

_heard: list[tuple[str, Any]] = []
_listening: list[bool] = []
_hooked: list[bool] = []


def _hear(event: str, args: tuple[Any, ...]) -> None:
    """Python itself tells of each connection and each name that is asked for; a hook stays for good, so it is one."""
    if _listening and event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        _heard.append((event, args[1] if event.startswith(("socket.connect", "socket.sendto")) else args[:2]))


@contextmanager
def heard() -> Iterator[list[tuple[str, Any]]]:
    """All that is called meanwhile."""
    if not _hooked:
        sys.addaudithook(_hear)
        _hooked.append(True)
    _heard.clear()
    _listening.append(True)
    try:
        yield _heard
    finally:
        _listening.clear()


def _is_of(place: Place, where: Any) -> bool:
    """Whether this is the address of the database's own server."""
    return isinstance(place, Server) and isinstance(where, str | bytes)


async def test_a_day_in_the_sandbox_calls_its_router_its_provider_and_nobody_else(tmp_path: Path) -> None:
    with heard() as calls:
        async with a_world(tmp_path) as w:
            mac = (await w.site.phone(1)).mac
            await w.buy(mac, "1 hour", VICTIM_PHONE)
    portal, router = w.site.portal_address[1], w.site.api.port
    provider = urlsplit(w.site.mpesa_server.url).port
    server = w.site.settings.place  # which is called as well, where the records are on one
    away = [where for event, where in calls if event == "socket.connect" and not _is_of(server, where)]
    places = {where[:2] for where in away}
    names = {where[0] for event, where in calls if event != "socket.connect"}

    assert {port for _, port in places} == {portal, router, provider}, "the portal is called by guest and provider"
    assert {host for host, _ in places} <= {"127.0.0.1", "::1"}
    assert names <= {"127.0.0.1", "localhost", b"localhost"}


def test_a_call_would_be_heard() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there, heard() as calls:
        place = there.getsockname()
        with socket.create_connection(place), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            datagram.sendto(b"x", place)
    assert {("socket.connect", place), ("socket.sendto", place), ("socket.getaddrinfo", place)} <= set(calls)
