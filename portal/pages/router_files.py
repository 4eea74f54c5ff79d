"""What lives on a router, for routers that fetch it (RouterOS 6, and 7 before 7.15; later ones when it has changed).

The pages of the hotspot, and the certificate of whom a router trusts that calls us: neither is a secret.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from portal.mikrotik.calling import AUTHORITY, authority_of
from portal.mikrotik.router_files import files
from portal.pages.doors import Services
from portal.tenancy.store import Router


async def router_file(services: Services, request: Request) -> Response:
    """One file of a router, byte for byte as the set-up script compares it."""
    public = request.path_params["router"]
    name = request.path_params["name"]
    found = services.catalog.router_by_public(public)
    if found is None:
        raise HTTPException(404)
    content = _content(services, found[1], name)
    if content is None:
        raise HTTPException(404)
    return Response(content, media_type="application/octet-stream")


def _content(services: Services, router: Router, name: str) -> bytes | None:
    if name == AUTHORITY and services.settings.router_authority:
        return authority_of(services.settings.router_authority).encode()
    return files(services.settings.public_url, router.public, router.mode).get(name)
