"""Each address of the console with its permission; a route without one cannot be written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from starlette.responses import Response

from portal.console.desk import Desk
from portal.staff.roles import Permission
from portal.web import uploads

Handler = Callable[[Desk], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Screen:
    """One address, below /console. `proof`: the password must have been given lately. `upload`: a file may come."""

    method: Literal["GET", "POST"]
    path: str
    permission: Permission
    handler: Handler
    proof: bool = False
    upload: bool = False
    most: int = uploads.MOST  # bytes of a form with a file


def get(path: str, permission: Permission, handler: Handler, *, proof: bool = False) -> Screen:
    """A page."""
    return Screen(method="GET", path=path, permission=permission, handler=handler, proof=proof)


def post(
    path: str,
    permission: Permission,
    handler: Handler,
    *,
    proof: bool = False,
    upload: bool = False,
    most: int = uploads.MOST,
) -> Screen:
    """A form."""
    return Screen(
        method="POST", path=path, permission=permission, handler=handler, proof=proof, upload=upload, most=most
    )
