"""Starts `bando serve` and `bando work` quickly: everything is imported once, and each process is a fork.

`bando serve` starts its own processes as forks, too. It reads one order a line (JSON), and says the process id. When
its own input ends, it ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

import uvicorn

import bando
import workers
from commands import root
from portal.db import pg_groups
from portal.db.postgres import Postgres


class Fork:
    """A child of this process, as `subprocess.Popen` shows one."""

    returncode: int | None = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        until = time.monotonic() + (timeout or 1e9)
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("fork", timeout or 0)
            time.sleep(0.02)
        return code

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def begin(kind: str, lives: int, says: int, listening: Sequence[int]) -> Fork:
    """As `workers.start`."""
    pid = os.fork()
    if pid == 0:
        _only((lives, says, *listening))
        run(["process", kind, str(lives), str(says), ",".join(map(str, listening))])
    return Fork(pid)


def _only(files: Sequence[int]) -> None:
    """Whatever another program would not get is closed: the other end of a pipe, above all."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for each in map(int, os.listdir("/proc/self/fd")):
        if each > 2 and each not in files:
            try:
                os.close(each)
            except OSError:
                continue


def run(words: list[str]) -> NoReturn:
    """Be `bando` with these words, to the end."""
    code = 1
    try:
        sys.argv = ["bando", *words]
        bando.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def child(order: dict[str, Any]) -> NoReturn:
    out = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _only(())
    os.environ.clear()
    os.environ.update(order["env"])
    vars(root)["Workers"] = partial(workers.Workers, begin=begin)
    for name, value in order.get("without", {}).items():
        without(name, value)
    run(order["words"])


def without(name: str, value: Any) -> None:
    """Do without a guard, to show that the tests can fail."""
    if name == "fence":
        vars(pg_groups)["under"] = lambda _fence, unit: unit
    elif name == "listening":
        Postgres.share = _nothing  # type: ignore[assignment, method-assign]
    elif name == "leaving":
        vars(root)["LeavingServer"] = _Plain
    else:
        raise ValueError((name, value))


async def _nothing(_: object) -> None:
    return


class _Plain(uvicorn.Server):
    """uvicorn as it is: it says that it has started, and leaves at once."""

    def __init__(self, config: Any, started: Any) -> None:
        super().__init__(config)
        self._said = started

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets=sockets)
        self._said()


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for them
    for line in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if pid == 0:
            child(json.loads(line))
        print(pid, flush=True)


if __name__ == "__main__":
    main()
