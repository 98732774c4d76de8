"""The page at `/`: files of the package, held in memory, under a strict policy."""

import hashlib
from importlib.resources import files
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_HEADERS = {
    # No script, style, picture or connection but this origin's own; no other page may frame it.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "cache-control": "no-cache",  # revalidated each time; the answer is mostly 304
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page_routes() -> list[BaseRoute]:
    """The page at `/`, its parts at `/page/…`."""
    web = files("infrastructure") / "web" / "static"
    return [
        _route("/" if file.name == "index.html" else f"/page/{file.name}", file.read_bytes())
        for file in web.iterdir()
        if PurePosixPath(file.name).suffix in _CONTENT_TYPES
    ]


def _route(path: str, content: bytes) -> Route:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    media_type = _CONTENT_TYPES[PurePosixPath(path).suffix or ".html"]
    headers = {**_HEADERS, "etag": etag}

    async def answer(request: Request) -> Response:
        known = request.headers.get("if-none-match", "")
        if etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return Route(path, answer, methods=["GET"])
