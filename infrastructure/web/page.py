"""The page at `/`: files of the package, held in memory, under a strict policy."""

import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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

LOGO_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
"""Pictures of providers, by the ends of their names."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """A picture file: its content, and the end of its name, one of `LOGO_TYPES`."""

    suffix: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProvider:
    """What users are shown of a provider."""

    name: str | None = None
    logo: Logo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """What the operator says: whose app it is, and of its providers by slug."""

    app_name: str | None = None
    reconnect_url: str | None = None
    privacy_url: str | None = None
    providers: Mapping[str, ShownProvider] = field(default_factory=dict)


def page_routes(content: PageContent = PageContent()) -> list[BaseRoute]:
    """The page at `/`, its parts at `/page/…`, and the providers' pictures at `/page/logos/…`."""
    web = files("infrastructure") / "web" / "static"
    page, *parts = sorted(
        (file for file in web.iterdir() if PurePosixPath(file.name).suffix in _CONTENT_TYPES),
        key=lambda file: file.name != "index.html",
    )
    return [
        _route("/", _rendered(page.read_text(encoding="utf-8"), content), ".html"),
        *(
            _route(f"/page/{file.name}", file.read_bytes(), PurePosixPath(file.name).suffix)
            for file in parts
        ),
        *(
            _route(f"/{path}", provider.logo.content, provider.logo.suffix)
            for slug, provider in content.providers.items()
            if provider.logo and (path := _logo_path(slug, provider.logo))
        ),
    ]


def _rendered(template: str, content: PageContent) -> bytes:
    app = content.app_name or ""
    privacy = content.privacy_url and (
        f' <a href="{html.escape(content.privacy_url)}" target="_blank" rel="noopener noreferrer">'
        "How to have it deleted</a>"
    )
    shown = {
        slug: {"name": one.name, "logo": one.logo and _logo_path(slug, one.logo)}
        for slug, one in content.providers.items()
    }
    values = {
        "app": html.escape(app),
        "reconnect_url": html.escape(content.reconnect_url or ""),
        "brand": html.escape(app or "Unplug"),
        "privacy": privacy or "",
        "providers": html.escape(json.dumps(shown)),
        "the_app": html.escape(app or "the app"),
        "The_app": html.escape(app or "The app"),
    }
    return re.sub(r"{{(\w+)}}", lambda place: values[place[1]], template).encode()


def _logo_path(slug: str, logo: Logo) -> str:
    """Any slug makes a safe file name, and a new picture a new one."""
    digest = hashlib.sha256(slug.encode() + b"\0" + logo.content).hexdigest()[:24]
    return f"page/logos/{digest}{logo.suffix}"


def _route(path: str, content: bytes, suffix: str) -> Route:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    media_type = {**_CONTENT_TYPES, **LOGO_TYPES}[suffix]
    headers = {**_HEADERS, "etag": etag}

    async def answer(request: Request) -> Response:
        known = request.headers.get("if-none-match", "")
        if etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return Route(path, answer, methods=["GET"])
