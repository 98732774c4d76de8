"""What HTTP forbids, and uvicorn and its parser let pass (RFC 9110, RFC 9112, RFC 6455)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias

from infrastructure.server.read_deadline import MOST_BYTES

Header: TypeAlias = tuple[bytes, bytes]

_HOST = re.compile(rb"[A-Za-z0-9\-._~!$&'()*+,;=:%\[\]]*")
_SINGLE = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"last-event-id",
        b"origin",
        b"sec-websocket-key",
        b"sec-websocket-version",
    }
)
"""Fields that have no list form: of two lines a proxy may take one and we the other."""

_CHECKED = _SINGLE | {b"expect", b"transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Fault(Exception):
    """A request that is answered with a status and a sentence; then its connection is closed."""

    status: HTTPStatus
    message: str

    @property
    def response(self) -> bytes:
        """All of it, as it is sent."""
        body = self.message.encode()
        return (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n"
            "content-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        ).encode() + body


def check_size(size: int) -> None:
    """Of a request's head, in bytes. Raises `Fault`."""
    if size > MOST_BYTES:
        raise Fault(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too large."
        )


def check_head(version: str, headers: Sequence[Header], *, upgrade: bool) -> None:
    """Raises `Fault` for a request that is not to be run. Names are in lower case."""
    if version not in {"1.0", "1.1"}:
        raise Fault(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "Use HTTP/1.1.")
    if upgrade and version != "1.1":
        raise bad_request("A WebSocket needs HTTP/1.1.")
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _SINGLE and name in found:
            raise bad_request(f"There is more than one {name.decode()} header.")
        if name in _CHECKED:
            found[name] = found[name] + b"," + value if name in found else value
    _check_host(version, found.get(b"host"))
    if b"transfer-encoding" in found:
        _check_transfer_encoding(version, found[b"transfer-encoding"])
    if version == "1.1" and found.get(b"expect", b"100-continue").lower() != b"100-continue":
        raise Fault(HTTPStatus.EXPECTATION_FAILED, "Expect nothing but 100-continue.")


def _check_host(version: str, host: bytes | None) -> None:
    if host is None:
        if version == "1.1":
            raise bad_request("The Host header is missing.")
    elif not _HOST.fullmatch(host):
        raise bad_request("The Host header is not a host.")


def _check_transfer_encoding(version: str, value: bytes) -> None:
    if version != "1.1":
        raise bad_request("HTTP/1.0 has no Transfer-Encoding.")
    codings = [coding.strip().lower() for coding in value.split(b",")]
    if set(codings) != {b"chunked"}:
        raise Fault(HTTPStatus.NOT_IMPLEMENTED, "The only transfer coding is chunked.")
    if len(codings) > 1:
        raise bad_request("The body is chunked more than once.")


def bad_request(message: str) -> Fault:
    """For a request that can't be read."""
    return Fault(HTTPStatus.BAD_REQUEST, message)
