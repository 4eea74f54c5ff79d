"""The processes of one machine: some that answer, one that works, and this one, which starts them and watches.

A process that dies is started again. SIGHUP exchanges all of them one after another without a request that fails: the
new one answers before the old one leaves. SIGTERM ends them all. The listening sockets are this process's own, so
connections wait in them while nobody accepts.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger("bando.workers")

START_S = 60.0  # a new process has to be ready by then
END_S = 40.0  # an old one has to be gone by then; prompts in hand may take 20 s
AGAIN_S = (0.2, 1.0, 5.0, 15.0)  # before a process that died is started again; longer when it keeps dying
STEADY_S = 60.0  # whoever lived so long has not kept dying


@dataclass
class Place:
    """A process that should be there, and the one that is."""

    kind: str  # web | work
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    again_at: float = 0.0


@dataclass
class Workers:
    """Starts, watches and exchanges processes until told to end."""

    kinds: Sequence[str]
    sockets: Sequence[socket.socket]  # that those who answer listen on
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    now: Callable[[], float] = time.monotonic
    _ending: bool = False
    _exchange: bool = False

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        self._places = [Place(kind) for kind in self.kinds]
        wake, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        signal.set_wakeup_fd(self._bell, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, self._on_signal)
        try:
            while not self._ending:
                self._look()
                if self._exchange:
                    self._exchange = False
                    self._exchange_all()
                if not self._ending and select.select([wake], [], [], 0.5)[0]:
                    os.read(wake, 512)
        finally:
            self._end([each.process for each in self._places if each.process is not None])

    def _on_signal(self, number: int, _frame: object) -> None:
        if number == signal.SIGHUP:
            self._exchange = True
        elif number != signal.SIGCHLD:
            self._ending = True

    def _look(self) -> None:
        """Start whoever is missing."""
        for each in self._places:
            if each.process is not None and each.process.poll() is not None:
                log.error("process ended", kind=each.kind, code=each.process.returncode)
                each.failures = 0 if self.now() - each.started_at > STEADY_S else each.failures + 1
                each.again_at = self.now() + AGAIN_S[min(each.failures, len(AGAIN_S)) - 1] if each.failures else 0
                each.process = None
            if each.process is None and self.now() >= each.again_at:
                each.process, _ = self._start(each.kind)
                each.started_at = self.now()

    def _start(self, kind: str) -> tuple[subprocess.Popen[bytes], int]:
        """A new process, and where it says that it is ready."""
        ready, says = os.pipe()
        listening = [each.fileno() for each in self.sockets]
        command = [sys.executable, "-m", "bando", "process", kind, ",".join(map(str, listening)), str(says)]
        process = subprocess.Popen(command, pass_fds=(*listening, says), env=self.env)  # noqa: S603 our own program
        os.close(says)
        log.info("process started", kind=kind, process=process.pid)
        return process, ready

    def _exchange_all(self) -> None:
        """A new process for each; the old one leaves when the new one answers, and stays when it does not."""
        for each in self._places:
            new, ready = self._start(each.kind)
            if self._is_ready(ready):
                old, each.process, each.started_at = each.process, new, self.now()
                self._end([old] if old is not None else [])
            else:
                log.error("a new process does not get ready; the old one stays", kind=each.kind)
                self._end([new])
            os.close(ready)

    @staticmethod
    def _is_ready(says: int) -> bool:
        heard, _, _ = select.select([says], [], [], START_S)
        return bool(heard) and os.read(says, 16) != b""

    @staticmethod
    def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
        for each in processes:
            each.terminate()
        patience = time.monotonic() + END_S
        for each in processes:
            try:
                each.wait(max(0.1, patience - time.monotonic()))
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()
