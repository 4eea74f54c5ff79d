"""Tables that leave as a file, sent while they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from starlette.responses import StreamingResponse

from portal.spreadsheet import MARK, guarded, lines
from portal.units import Unit

__all__ = ["guarded", "leaves", "lines", "sent", "streamed"]


def leaves() -> Unit[None]:
    """Nothing changes when a table leaves; the act is written down all the same."""
    yield from ()


def streamed(name: str, head: Sequence[str], parts: AsyncIterator[str]) -> StreamingResponse:
    """A download that begins at once, however long it becomes."""

    async def whole() -> AsyncIterator[bytes]:
        yield (MARK + lines([head])).encode()
        async for part in parts:
            yield part.encode()

    return sent(name, whole(), "text/csv; charset=utf-8")


def sent(name: str, parts: AsyncIterator[bytes], media_type: str) -> StreamingResponse:
    """Bytes as a file of this name."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, media_type=media_type, headers=headers)
