"""The pages that live on a router, for routers that fetch them (RouterOS 6, and 7 before 7.15)."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from portal.mikrotik.router_files import files
from portal.pages.doors import Services


async def router_file(services: Services, request: Request) -> Response:
    """One file of a router, byte for byte as the set-up script compares it."""
    public = request.path_params["router"]
    name = request.path_params["name"]
    found = services.catalog.router_by_public(public)
    if found is None:
        raise HTTPException(404)
    content = files(services.settings.public_url, public, found[1].mode).get(name)
    if content is None:
        raise HTTPException(404)
    return Response(content, media_type="application/octet-stream")
