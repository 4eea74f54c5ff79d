"""How Bando is served: by which addresses, by one process on a file, and what uvicorn is told."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import Any, TextIO

import uvicorn
from starlette.types import ASGIApp

from portal.errors import Misconfigured
from portal.listening import Beside, Listening
from portal.settings import Settings

BACKLOG = 4096  # a whole site may come back at once after a power cut


def lock(database: Path) -> TextIO:
    """Hold the database for this serving process; raises `Misconfigured` when another one serves it."""
    path = Path(f"{database}.serve.lock")
    try:
        held = path.open("w")
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror}; check BANDO_DATABASE.") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise Misconfigured(f"Another bando serve already runs on {database}; stop it first.") from None
    held.write(str(os.getpid()))
    held.flush()
    return held


def listen(settings: Settings) -> socket.socket:
    """The socket to serve on; raises `Misconfigured` when it cannot be had."""
    return listen_at(settings.listen_host, settings.listen_port, "BANDO_LISTEN")


def listen_at(host: str, port: int, said_by: str) -> socket.socket:
    """A socket at an address that a setting names; raises `Misconfigured`."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise Misconfigured(f"Cannot listen on {host}:{port}: {error.strerror}; check {said_by}.") from error


def listen_beside(radius: Beside) -> None:
    """Take the address at which FreeRADIUS asks; raises `Misconfigured` when it cannot be had."""
    try:
        radius.bind()
    except OSError as error:
        where = f"{radius.config.host}:{radius.config.port}"
        raise Misconfigured(f"Cannot listen on {where}: {error.strerror}; check BANDO_RADIUS_LISTEN.") from error


def serving_options() -> dict[str, Any]:
    """How uvicorn serves, whatever the application: its access log would hold paths, so it is off (R7)."""
    return {
        "http": Listening,
        "ws": "none",
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        "date_header": True,
        "proxy_headers": False,
        "timeout_graceful_shutdown": 10,
        "backlog": BACKLOG,
    }


def serve_settings(settings: Settings, web: ASGIApp) -> uvicorn.Config:
    """Where uvicorn serves this, and with which certificate."""
    return uvicorn.Config(
        web,
        host=settings.listen_host,
        port=settings.listen_port,
        ssl_certfile=settings.tls_cert or None,
        ssl_keyfile=settings.tls_key or None,
        **serving_options(),
    )
