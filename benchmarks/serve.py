"""Runs one ASGI app for a measurement: `python -m benchmarks.serve MODULE:FACTORY PORT [ARGS]`.

uvicorn with uvloop, httptools and without its access log; the product brings its own connection.
"""

import asyncio
import importlib
import sys
from typing import Any

import uvicorn


def main() -> None:
    """Serves until it is terminated."""
    module, _, name = sys.argv[1].partition(":")
    home: Any = importlib.import_module(module)
    factory = getattr(home, name)
    config = uvicorn.Config(
        factory(*sys.argv[3:]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http=getattr(home, "HTTP_PROTOCOL", "httptools"),
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="warning",
        backlog=4096,
    )
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
