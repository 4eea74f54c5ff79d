"""Starts portals quickly: everything is imported once, and each portal is a fork of this process.

It reads one order a line (JSON) from its standard input, and says the process id, then how that ended. The
portal is what `bando serve` runs, unless the order names another duty. The order may add points to die at, and,
to show that the tests can fail, a careless disk, or guards to do without. When its own input ends, it ends its
portal and itself.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
import sys
import traceback
from pathlib import Path
from typing import Any

import uvicorn

import app
import portal.db.sqlite
from commands.root import ready
from commands.serving import lock, serve_settings
from portal.clock import TravelClock
from portal.logs import configure
from portal.settings import load
from tests.crash import stock
from tests.crash.points import Points
from tests.vouchers import unguarded

_careful = portal.db.sqlite.open_connection


def careless(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection that does not wait for the disk."""
    connection = _careful(path, read_only=read_only)
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def serve(order: dict[str, Any]) -> None:
    """Be a portal until killed."""
    configure("warning")
    settings = load(order["settings"])
    ready(settings)
    if order.get("careless"):
        portal.db.sqlite.open_connection = careless
    unguarded.remove(order.get("without", ()))
    observe = Points(Path(order["points"])) if order.get("points") else portal.db.quiet
    with lock(settings.database):
        bando = app.build(settings, clock=TravelClock(Path(settings.clock_file)), observe=observe)
        uvicorn.Server(serve_settings(settings, bando.web)).run()


DUTIES = {"serve": serve, "stock": stock.run}


def child(order: dict[str, Any]) -> None:
    """The forked process: its own output, then its duty."""
    try:
        out = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        DUTIES[order.get("duty", "serve")](order)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def ended(pid: int) -> int:
    """How it ended: an exit code, or minus a signal. If nobody needs it any more, it is killed."""
    watch = os.pidfd_open(pid)
    ready, _, _ = select.select([watch, 0], [], [])
    if watch not in ready:
        os.kill(pid, signal.SIGKILL)
    os.close(watch)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(order)
        print(json.dumps({"pid": pid}), flush=True)
        print(json.dumps({"ended": ended(pid)}), flush=True)


if __name__ == "__main__":
    main()
