"""A form with a file: read strictly, small, and one file at most."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from portal.errors import Refused
from portal.web import forms

MOST = 256 * 1024  # of the whole form; the file itself has a limit of its own where it is used


@dataclass(frozen=True, kw_only=True)
class Form:
    """Fields, and the bytes of files; a file that was not chosen is not there."""

    fields: Mapping[str, str]
    files: Mapping[str, bytes]


async def form(request: Request, most: int = MOST) -> Form:
    """A posted form, with or without a file; raises `Refused`."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return Form(fields=await forms.form(request), files={})
    request.scope["bando.most"] = most
    parser = MultiPartParser(request.headers, _stream(request), max_files=1, max_fields=forms.MAX_FIELDS)
    parser.spool_max_size = most  # what guests and staff send is never put on disk as it is
    try:
        found = await parser.parse()
    except (MultiPartException, KeyError, ValueError):
        raise Refused("form") from None
    try:
        texts = [(name, text) for name, text in found.multi_items() if isinstance(text, str)]
        files = {name: await each.read() for name, each in found.multi_items() if isinstance(each, UploadFile)}
    finally:
        await found.close()
    return Form(fields=forms.once(texts), files={name: data for name, data in files.items() if data})


async def _stream(request: Request) -> AsyncGenerator[bytes, None]:
    yield await forms.whole_body(request)
