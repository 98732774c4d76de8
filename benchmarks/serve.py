"""Runs the ASGI app of a floor: `python -m benchmarks.serve MODULE:FACTORY PORT [ARGS]`.

uvicorn with uvloop, httptools and without its access log.
"""

import importlib
import sys
from typing import Any

import uvicorn
import uvloop


def main() -> None:
    """Serves until it is terminated."""
    module, _, name = sys.argv[1].partition(":")
    factory: Any = getattr(importlib.import_module(module), name)
    config = uvicorn.Config(
        factory(*sys.argv[3:]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="warning",
        backlog=4096,
    )
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
