"""The reference of the landing page: Starlette answers the same bytes with the same headers, and does nothing else.

`python -m benchmarks.fixed PORT FILE`: the file holds the headers as JSON in its first line, then the body.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from commands.serving import serving_options


def main() -> None:
    head, _, body = Path(sys.argv[2]).read_bytes().partition(b"\n")
    headers: dict[str, str] = json.loads(head)

    async def page(_: Request) -> Response:
        return Response(body, headers=headers)

    app = Starlette(routes=[Route("/w/{token}/", page)])
    uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=int(sys.argv[1]), **serving_options())).run()


if __name__ == "__main__":
    main()
