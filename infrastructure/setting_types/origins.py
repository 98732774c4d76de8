"""Origins of web pages and of apps that embed a browser."""

import re
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_NO_ORIGIN = {"about", "blob", "data", "file", "javascript"}
"""Browsers send `null` for pages of these schemes."""


def _origins(origins: object) -> object:
    if not isinstance(origins, str):
        return origins
    return frozenset(_origin(origin.strip()) for origin in origins.split(","))


def _origin(text: str) -> str:
    """As browsers send it: lower-case, without the scheme's own port (RFC 6454, section 6.2)."""
    try:
        url = urlsplit(text)
        port, host = url.port, url.hostname
    except ValueError:
        port = host = None
    if not host or url.scheme in _NO_ORIGIN or url.username is not None:
        raise ValueError(
            "lists origins such as https://app.example or capacitor://localhost, "
            "separated by commas"
        )
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise ValueError("lists origins, which have no path: https://app.example")
    if "*" in host:
        raise ValueError("lists whole origins; there are no wildcards: name each host")
    if ":" in host:
        host = f"[{host}]"
    elif not _HOST.fullmatch(host):
        raise ValueError("has a host that no browser sends; write an international name as xn--…")
    if port is None or port == _DEFAULT_PORTS.get(url.scheme):
        return f"{url.scheme}://{host}"
    return f"{url.scheme}://{host}:{port}"


Origins: TypeAlias = Annotated[frozenset[str], NoDecode, BeforeValidator(_origins)]
