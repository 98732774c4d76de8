"""Tells public addresses from those of private networks."""

import ipaddress
from collections.abc import Iterable

import httpcore2

from infrastructure.outbound_http.problems import NoResponse, Problem

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052, section 2.1


class PublicAddresses(httpcore2.AnyIOBackend):
    """Connects, and checks the address of the socket before a byte is sent."""

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


def may_be_public(host: str) -> bool:
    """False for a private address, and for this machine's name."""
    try:
        return is_public(host)
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this machine, by its address or its name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
