"""Fences: whoever has lost its lease writes nothing any more, though it does not know yet.

A process may be stopped for a minute and go on as if nothing had been. Each unit that it writes under a lease first
looks whether that is still its own, in the same transaction. It looks when it has its tenant to itself: whoever takes
the lease afterwards writes after it. The row is not locked, so renewing and writing do not wait for each other.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple, TypeVar

from portal.errors import BandoError
from portal.units import Sql, Unit

T = TypeVar("T")


class Fence(NamedTuple):
    """A lease as it was taken."""

    name: str
    number: int


class LeaseLost(BandoError):
    """Another process does this work now."""


held: ContextVar[Fence | None] = ContextVar("fence", default=None)  # under which this task writes


def current() -> Fence | None:
    """The lease of this task; None where nobody else does its work."""
    fence = held.get()
    return fence if fence is not None and fence.number else None


_STILL = "SELECT fence FROM leases WHERE name = :name AND fence = :number"


def under(fence: Fence, unit: Unit[T]) -> Unit[T]:
    """The same unit, refused with `LeaseLost` when the lease is another's."""
    if not (yield Sql(_STILL, {"name": fence.name, "number": fence.number})):
        raise LeaseLost
    return (yield from unit)
