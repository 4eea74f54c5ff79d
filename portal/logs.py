"""Structured logs, one line of JSON each. No personal datum or secret goes into a log (R7)."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from functools import lru_cache

import structlog

GATHER_S = 0.1

_stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)


def configure(level: str) -> None:
    """Log from `level` on, to standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _stamp,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )


class AccessLog:
    """The lines of a serving process, one for each answer; called as the pages' observer.

    They come thousands a second, so they are rendered and written together, with one time, ten times a second:
    each write of its own would also let another thread in the event loop's way.
    """

    def __init__(self) -> None:
        self._wanted = structlog.get_logger().bind().is_enabled_for(logging.INFO)
        self._waiting: list[str] = []

    def __call__(self, method: str, route: str, status: int, seconds: float) -> None:
        if not self._wanted:
            return
        if not self._waiting:
            asyncio.get_running_loop().call_later(GATHER_S, self.write)
        self._waiting.append(f'{_begin(method, route)}, "status": {status}, "ms": {seconds * 1000:.1f}')

    def write(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            end = json.dumps({"level": "info", **_stamp(None, "info", {})})[1:]
            print("\n".join(f"{each}, {end}" for each in waiting), file=sys.stderr, flush=True)


@lru_cache(maxsize=1024)
def _begin(method: str, route: str) -> str:
    """How a line begins; the same few again and again."""
    return json.dumps({"event": "request", "method": method, "route": route})[:-1]
