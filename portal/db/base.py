"""What both engines promise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import structlog

from portal.errors import BandoError
from portal.place import Place
from portal.units import Row, Signal, Unit

T = TypeVar("T")
Listener = Callable[[int, int], None]
Observe = Callable[[str], None]
Execute = Callable[[str, Mapping[str, Any]], Sequence[Row]]  # one statement, now, on one connection

_log = structlog.get_logger("bando.db")


def quiet(_: str) -> None:
    """Nobody watches."""


class DatabaseClosed(BandoError):
    """The database is closed."""


class Database(ABC):
    """`await db.write(tenant, unit, *args)` and `await db.read(tenant, unit, *args)`.

    The units of one tenant that write run one after another, whoever runs them: what a unit has read stays so until it
    has committed.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._listeners: dict[str, list[Listener]] = defaultdict(list)

    @property
    def path(self) -> Path:
        """Its file; raises `TypeError` when a server has it."""
        if not isinstance(self.place, Path):
            raise TypeError(f"{self.place} is no file.")
        return self.place

    def listen(self, topic: str, listener: Listener) -> None:
        """Call `listener(tenant, key)` on the event loop after a commit that signalled `topic`."""
        self._listeners[topic].append(listener)

    def unlisten(self, topic: str, listener: Listener) -> None:
        """Stop calling `listener`."""
        self._listeners[topic].remove(listener)

    @abstractmethod
    async def write(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        """Run a unit in a durable transaction; what it raises rolls back this unit alone."""

    @abstractmethod
    async def write_here(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        """`write` for a unit of a few indexed statements; whatever may touch many rows uses `write`."""

    async def add(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        """`write` for a unit that only adds rows and so concerns no other one; it waits for nobody."""
        return await self.write(tenant, unit, *args, **kwargs)

    async def write_beside(
        self, tenant: int | None, subjects: Collection[str], unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any
    ) -> T:
        """`write_here` for a unit that may run beside others of its tenant, but for those that share a subject with it.

        It yields `ALONE` before it reads or writes anything that a unit of other subjects may be changing.
        """
        return await self.write_here(tenant, unit, *args, **kwargs)

    @abstractmethod
    async def read(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        """Run a unit that only reads, in one snapshot."""

    @abstractmethod
    async def read_here(self, tenant: int | None, unit: Callable[..., Unit[T]], *args: Any) -> T:
        """`read` for a unit of a few indexed rows; whatever may read many rows uses `read`."""

    @abstractmethod
    def beside(self) -> AbstractContextManager[Execute]:
        """For a row or two that are committed, whatever this thread is in the midst of, and even when all is closed."""

    @abstractmethod
    def at_once(self, tenant: int | None = None, *, write: bool = False) -> AbstractContextManager[Execute]:
        """A transaction of one's own for whoever cannot await: commands, and exports in a thread of theirs."""

    @abstractmethod
    async def empty_log(self) -> bool:
        """Whether nothing that was deleted lies in the engine's log any more, as far as that can be told and done."""

    @abstractmethod
    async def aclose(self) -> None:
        """Finish what waits, then close."""

    async def share(self) -> None:
        """From now on hear what other processes signal, and let them hear; where there are none this does nothing."""
        return

    def ring(self, topic: str, key: int = 0, tenant: int = 0) -> None:
        """Signal something that no unit has to do with, here and in other processes."""
        self._tell(tenant, (Signal(topic, key),))

    def _tell(self, tenant: int | None, signals: Sequence[Signal]) -> None:
        for signal in signals:
            self._heard(signal.topic, tenant or 0, signal.key)

    def _heard(self, topic: str, tenant: int, key: int) -> None:
        for listener in tuple(self._listeners.get(topic, ())):
            try:
                listener(tenant, key)
            except Exception:  # or everyone who was written with it would wait for ever
                _log.exception("listener failed", topic=topic)
