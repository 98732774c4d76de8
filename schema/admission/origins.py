"""Which pages may talk to us, on every transport."""

import re
from collections.abc import Mapping
from typing import TypeAlias

Header: TypeAlias = tuple[bytes, bytes]

VARY: Header = (b"vary", b"origin")
EXPOSED: Header = (b"access-control-expose-headers", b"x-request-id, retry-after")

NAMES = re.compile(rb"[A-Za-z0-9_, -]*")

DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def origin_allowed(headers: Mapping[bytes, bytes], allowed: frozenset[str]) -> bool:
    """Whether a request comes from our own page, from an allowed one, or from no page at all.

    Same origin means that the Origin's host and port are those of the Host header (a proxy may
    have ended TLS, so the scheme can't be compared). No Origin at all is allowed: it isn't a
    browser. `headers` have lower-case names, `allowed` holds origins as browsers send them, such
    as `https://app.example.com`.
    """
    header = headers.get(b"origin")
    if header is None:
        return True
    origin = header.decode("latin-1").lower()
    if origin in allowed:
        return True
    scheme, separator, host = origin.partition("://")
    if not separator:
        return False
    port = DEFAULT_PORTS.get(scheme, "")
    own = headers.get(b"host", b"").decode("latin-1").lower()
    return own != "" and host.removesuffix(port) == own.removesuffix(port)


class CrossOrigin:
    """CORS (https://fetch.spec.whatwg.org/#http-cors-protocol) for the allowed origins.

    No credentials mode: tokens are sent by the page itself, no cookie is ever trusted. So an
    allowed page may send any header.
    """

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed

    def headers(self, headers: Mapping[bytes, bytes]) -> tuple[Header, ...]:
        """What a response to a request with these headers needs."""
        origin = headers.get(b"origin")
        if origin is None:
            return ()
        if not origin_allowed(headers, self._allowed):
            return (VARY,)
        return (VARY, (b"access-control-allow-origin", origin), EXPOSED)

    def preflight(self, headers: Mapping[bytes, bytes]) -> tuple[Header, ...] | None:
        """What the answer to an OPTIONS request says; None when its page is refused."""
        if b"origin" not in headers:
            return ()
        if not origin_allowed(headers, self._allowed):
            return None
        asked = headers.get(b"access-control-request-headers", b"")
        return (
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", asked if NAMES.fullmatch(asked) else b""),
            (b"access-control-max-age", b"7200"),
        )
