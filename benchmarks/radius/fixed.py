"""The reference: Starlette gives the same answers as Bando gave once, and does nothing else.

`python -m benchmarks.radius.fixed PORT FILE`: FILE holds the answer to each path as JSON.
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
    answers: dict[str, str] = json.loads(Path(sys.argv[2]).read_text())

    async def same(request: Request) -> Response:
        await request.body()
        return Response(answers[request.url.path], media_type="application/json")

    app = Starlette(routes=[Route(path, same, methods=["POST"]) for path in answers])
    options = {**serving_options(), "timeout_keep_alive": 90}
    uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=int(sys.argv[1]), **options)).run()


if __name__ == "__main__":
    main()
