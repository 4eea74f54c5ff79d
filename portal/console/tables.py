"""Tables that leave as a file: CSV that a spreadsheet opens as what it is, sent while it is read. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence

from starlette.responses import StreamingResponse

from portal.units import Unit

MARK = "\ufeff"  # by which spreadsheets know UTF-8
# What a spreadsheet takes for the beginning of a formula, which may send the cells beside it away.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(cell: object) -> str:
    """The cell as text, whatever it begins with."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows as lines."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue()


def leaves() -> Unit[None]:
    """Nothing changes when a table leaves; the act is written down all the same."""
    yield from ()


def streamed(name: str, head: Sequence[str], parts: AsyncIterator[str]) -> StreamingResponse:
    """A download that begins at once, however long it becomes."""

    async def whole() -> AsyncIterator[bytes]:
        yield (MARK + lines([head])).encode()
        async for part in parts:
            yield part.encode()

    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(whole(), media_type="text/csv; charset=utf-8", headers=headers)
