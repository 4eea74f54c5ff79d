"""The virtual handset as a web page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

if TYPE_CHECKING:
    from sandbox.mpesa.provider import SandboxMpesa


def routes(mpesa: SandboxMpesa) -> list[Route]:
    return []
