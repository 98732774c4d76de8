"""The client: connections, deadlines and what is sent with every request."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpcore2

from infrastructure.outbound_http import proxies
from infrastructure.outbound_http.addresses import PublicAddresses, may_be_public
from infrastructure.outbound_http.problems import NoResponse, Problem, as_no_response
from infrastructure.outbound_http.response import OutboundResponse, complete

USER_AGENT = f"unplug/{version('unplug')}"
IDLE_SECONDS = 15.0
_OWN_HEADERS = (("user-agent", USER_AGENT), ("accept-encoding", "identity"))

# At DEBUG it writes headers, and those may hold tokens.
logging.getLogger("httpcore2").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundLimits:
    """Seconds for one request from the wait for a connection to the last byte, seconds for the
    connection alone, the largest body in bytes, and the connections that may be open.

    With `cut`, the rest of a larger body is left unread; it is an error otherwise.
    """

    total: float = 10.0
    connect: float = 3.0
    body: int = 65_536
    connections: int = 100
    cut: bool = False


class OutboundHttp:
    """Sends requests, and keeps connections open for a while between them.

    `proxies` takes the proxies that the environment names (`HTTPS_PROXY`, `NO_PROXY`, …); none are
    used otherwise. `tls` replaces the system's certificate authorities. An async context manager.
    """

    def __init__(
        self,
        limits: OutboundLimits | None = None,
        *,
        proxies: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits or OutboundLimits()
        self._proxies = proxies
        self._tls = tls or httpcore2.default_ssl_context()
        self._pools: dict[tuple[str | None, bool], httpcore2.AsyncConnectionPool] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._pools:
            await self._pools.popitem()[1].aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        private_addresses: bool = False,
    ) -> OutboundResponse:
        """The response, of any status. Raises `NoResponse`.

        Unless `private_addresses`, the address that the connection leads to must be public: it is
        looked at on the connected socket, before a byte is sent, so that a name which resolves
        anew to a private address is refused too. With a proxy, only an address in the URL is.
        """
        with as_no_response():
            async with asyncio.timeout(self._limits.total):
                pool = self._pool(url, private_addresses)
                async with pool.stream(
                    method,
                    url,
                    headers=[*_OWN_HEADERS, *(headers or {}).items()],
                    content=None if method == "GET" else body,
                    extensions={"timeout": {"connect": self._limits.connect}},
                ) as response:
                    return await complete(response, self._limits.body, cut=self._limits.cut)

    def _pool(self, url: str, private: bool) -> httpcore2.AsyncConnectionPool:
        host = urlsplit(url).hostname or ""
        proxy = proxies.proxy_for(url, host) if self._proxies else None
        if proxy is not None and not private and not may_be_public(host):
            raise NoResponse(Problem.ADDRESS_REFUSED)
        pool = self._pools.get((proxy, private))
        if pool is None:
            checked = proxy is None and not private
            pool = self._pools[proxy, private] = httpcore2.AsyncConnectionPool(
                ssl_context=self._tls,
                proxy=None if proxy is None else proxies.proxy(proxy),
                max_connections=self._limits.connections,
                keepalive_expiry=IDLE_SECONDS,
                network_backend=PublicAddresses() if checked else httpcore2.AnyIOBackend(),
            )
        return pool
