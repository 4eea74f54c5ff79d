"""The processes of one machine: some that answer, one that works, and this one, which starts them and watches.

A process that dies is started again. SIGHUP exchanges all of them one after another without a request that fails: the
new one answers before the old one leaves. SIGTERM ends them all, and so does the death of this process. The listening
sockets are this process's own, so connections wait in them while nobody accepts.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

log = structlog.get_logger("bando.workers")

START_S = 60.0  # a new process has to be ready by then
END_S = 40.0  # an old one has to be gone by then; prompts in hand may take 20 s
AGAIN_S = (0.2, 1.0, 5.0, 15.0)  # before a process that died is started again; longer when it keeps dying
STEADY_S = 60.0  # whoever lived so long has not kept dying
LOOK_EVERY_S = 0.5


class Process(Protocol):
    """What is needed of a process that was started; `subprocess.Popen` is one."""

    pid: int
    returncode: int | Any

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


def start(kind: str, lives: int, says: int, listening: Sequence[int]) -> Process:
    """A process of ours; the numbers are open files. It reads the program anew, which may be a new one."""
    words = [sys.executable, "-m", "bando", "process", kind, str(lives), str(says), ",".join(map(str, listening))]
    return subprocess.Popen(words, pass_fds=(lives, says, *listening))  # noqa: S603 our own program


def end_with(lives: int) -> None:
    """End this process when whoever started it is gone: it alone holds the other end of `lives`, and never writes."""

    def watch() -> None:
        os.read(lives, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(END_S)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


@dataclass
class Place:
    """A process that should be there, and the one that is."""

    kind: str  # web | work
    process: Process | None = None
    started_at: float = 0.0
    failures: int = 0
    again_at: float = 0.0


@dataclass
class Workers:
    """Starts, watches and exchanges processes until told to end."""

    kinds: Sequence[str]
    sockets: Sequence[socket.socket]  # that those who answer listen on
    begin: Callable[[str, int, int, Sequence[int]], Process] = start
    now: Callable[[], float] = time.monotonic
    start_s: float = START_S
    end_s: float = END_S
    ending: bool = False
    exchange: bool = False

    def __post_init__(self) -> None:
        self.places = [Place(kind) for kind in self.kinds]
        self._lives, self._living = os.pipe()
        self._wake, self._bell = os.pipe()

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        os.set_blocking(self._bell, False)
        signal.set_wakeup_fd(self._bell, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, self._on_signal)
        try:
            while not self.ending:
                self.look()
                if self.exchange:
                    self.exchange = False
                    self.exchange_all()
                if not self.ending:
                    self._until([], LOOK_EVERY_S)
        finally:
            self.end()

    def _on_signal(self, number: int, _frame: object) -> None:
        if number == signal.SIGHUP:
            self.exchange = True
        elif number != signal.SIGCHLD:
            self.ending = True

    def _until(self, heard: Sequence[int], most_s: float) -> bool:
        """Whether one of these says something; at a signal, or after so long, nobody has."""
        found = select.select([*heard, self._wake], [], [], most_s)[0]
        if self._wake in found:
            os.read(self._wake, 512)
        return any(each in found for each in heard)

    def look(self) -> None:
        """Start whoever is missing."""
        for each in self.places:
            if each.process is not None and each.process.poll() is not None:
                self._ended(each, each.process.returncode)
            if each.process is None and self.now() >= each.again_at:
                each.process, ready = self._start(each.kind)
                each.started_at = self.now()
                os.close(ready)

    def _ended(self, place: Place, code: int) -> None:
        log.error("process ended", kind=place.kind, code=code)
        place.process = None
        steady = self.now() - place.started_at > STEADY_S
        place.failures = 1 if steady else place.failures + 1
        place.again_at = self.now() + AGAIN_S[min(place.failures, len(AGAIN_S)) - 1]

    def _start(self, kind: str) -> tuple[Process, int]:
        """A new process, and where it says that it is ready."""
        ready, says = os.pipe()
        # Who does not listen does not hold the sockets: whoever serves next could not have them.
        listening = [each.fileno() for each in self.sockets] if kind == "web" else []
        process = self.begin(kind, self._lives, says, listening)
        os.close(says)
        log.info("process started", kind=kind, process=process.pid)
        return process, ready

    def exchange_all(self) -> None:
        """A new process for each; the old one leaves when the new one answers, and stays when it does not."""
        for each in self.places:
            if self.ending:
                return
            new, ready = self._start(each.kind)
            if self._is_ready(ready):
                old, each.process, each.started_at = each.process, new, self.now()
                self._end([old] if old is not None else [])
            else:
                log.error("a new process does not get ready; the old one stays", kind=each.kind)
                self._end([new])
            os.close(ready)

    def _is_ready(self, says: int) -> bool:
        """Whether the new one says so in time; those that die meanwhile are started again."""
        until = time.monotonic() + self.start_s
        while not self.ending and time.monotonic() < until:
            if self._until([says], LOOK_EVERY_S):
                return os.read(says, 16) != b""
            self.look()
        return False

    def end(self) -> None:
        """End all of them."""
        self._end([each.process for each in self.places if each.process is not None])

    def _end(self, processes: Sequence[Process]) -> None:
        for each in processes:
            each.terminate()
        patience = time.monotonic() + self.end_s
        for each in processes:
            try:
                each.wait(max(0.1, patience - time.monotonic()))
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()
