"""The product's one HTTP client: every request has a deadline, every response a size.

It follows no redirects, decodes no compressed bodies, keeps no cookies and verifies certificates.
"""

import asyncio
import contextlib
import ipaddress
import logging
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from importlib.metadata import version
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2

USER_AGENT = f"unplug/{version('unplug')}"
IDLE_SECONDS = 15.0
_OWN_HEADERS = (("user-agent", USER_AGENT), ("accept-encoding", "identity"))

# At DEBUG it writes headers, and those may hold tokens.
logging.getLogger("httpcore2").setLevel(logging.CRITICAL)

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052, section 2.1


class Problem(StrEnum):
    """Why there is no response. After `TIMED_OUT` and `BROKEN` the server may have acted."""

    ADDRESS_REFUSED = "address_refused"
    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate"
    TIMED_OUT = "timed_out"
    BROKEN = "broken"
    TOO_LARGE = "too_large"


class NoResponse(Exception):
    """A request had no complete response. Its text is the problem alone, never the URL."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundLimits:
    """Seconds for one request from the wait for a connection to the last byte, seconds for the
    connection alone, the largest body in bytes, and the connections that may be open."""

    total: float = 10.0
    connect: float = 3.0
    body: int = 65_536
    connections: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundResponse:
    """A complete response. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def retry_after(self, now: datetime) -> float | None:
        """Seconds that `Retry-After` asks to wait (RFC 9110, section 10.2.3); None without it."""
        text = self.headers.get("retry-after", "").strip()
        if text.isdecimal():
            return float(text[:9])
        try:
            return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
        except (ValueError, TypeError):
            return None


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
        """The response, whatever its status. Raises `NoResponse`.

        Unless `private_addresses`, the address that the connection leads to must be public: it is
        looked at on the connected socket, before a byte is sent, so that a name which resolves
        anew to a private address is refused too. With a proxy, only an address in the URL is.
        """
        with _problems():
            async with asyncio.timeout(self._limits.total):
                pool = self._pool(url, private_addresses)
                async with pool.stream(
                    method,
                    url,
                    headers=[*_OWN_HEADERS, *(headers or {}).items()],
                    content=None if method == "GET" else body,
                    extensions={"timeout": {"connect": self._limits.connect}},
                ) as response:
                    return OutboundResponse(
                        status=response.status,
                        headers=_headers(response.headers),
                        body=await _read(response, self._limits.body),
                    )

    def _pool(self, url: str, private: bool) -> httpcore2.AsyncConnectionPool:
        host = urlsplit(url).hostname or ""
        proxy = _proxy_for(url, host) if self._proxies else None
        if proxy is not None and not private and not _may_be_public(host):
            raise NoResponse(Problem.ADDRESS_REFUSED)
        pool = self._pools.get((proxy, private))
        if pool is None:
            checked = proxy is None and not private
            pool = self._pools[proxy, private] = httpcore2.AsyncConnectionPool(
                ssl_context=self._tls,
                proxy=None if proxy is None else _proxy(proxy),
                max_connections=self._limits.connections,
                keepalive_expiry=IDLE_SECONDS,
                network_backend=_PublicAddresses() if checked else httpcore2.AnyIOBackend(),
            )
        return pool


class _PublicAddresses(httpcore2.AnyIOBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        stream = await super().connect_tcp(host, port, timeout, local_address, socket_options)
        if not is_public(stream.get_extra_info("server_addr")[0]):
            await stream.aclose()
            raise NoResponse(Problem.ADDRESS_REFUSED)
        return stream


def is_public(address: str) -> bool:
    """Whether an IP address is one of the Internet's, and embeds no private IPv4 address."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour
        if embedded is None and ip in _NAT64:
            embedded = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if embedded is not None:
            ip = embedded
    return ip.is_global and not ip.is_multicast


def _may_be_public(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")


def _proxy_for(url: str, host: str) -> str | None:
    return None if proxy_bypass(host) else getproxies().get(urlsplit(url).scheme)


def _proxy(url: str) -> httpcore2.Proxy:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    auth = None
    if parts.username is not None:
        auth = unquote(parts.username), unquote(parts.password or "")
    return httpcore2.Proxy(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", auth=auth)


async def _read(response: httpcore2.Response, limit: int) -> bytes:
    body = bytearray()
    async with contextlib.aclosing(response.aiter_stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > limit:
                raise NoResponse(Problem.TOO_LARGE)
    return bytes(body)


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


@contextlib.contextmanager
def _problems() -> Iterator[None]:
    """Every way in which a request can fail, as a `NoResponse` without the library's words."""
    try:
        yield
    except (TimeoutError, httpcore2.TimeoutException):
        raise NoResponse(Problem.TIMED_OUT) from None
    except httpcore2.ConnectError as error:
        refused = _caused_by(error, ssl.SSLCertVerificationError)
        raise NoResponse(Problem.CERTIFICATE if refused else Problem.UNREACHABLE) from None
    except (httpcore2.ProxyError, httpcore2.UnsupportedProtocol, ValueError):
        # The last one for URLs and host names that nothing can be reached by.
        raise NoResponse(Problem.UNREACHABLE) from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError):
        raise NoResponse(Problem.BROKEN) from None


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None
