"""A response, read up to a limit."""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpcore2

from infrastructure.outbound_http.problems import NoResponse, Problem


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


async def complete(response: httpcore2.Response, limit: int, *, cut: bool) -> OutboundResponse:
    """The response with its body up to a limit.

    A body that is known to be larger is cut off there, or else raises `NoResponse`.
    """
    return OutboundResponse(
        status=response.status,
        headers=_headers(response.headers),
        body=await _read(response, limit, cut=cut),
    )


async def _read(response: httpcore2.Response, limit: int, *, cut: bool) -> bytes:
    body = bytearray()
    async with contextlib.aclosing(response.aiter_stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > limit and cut:
                return bytes(body[:limit])
            if len(body) > limit:
                raise NoResponse(Problem.TOO_LARGE)
    return bytes(body)


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
