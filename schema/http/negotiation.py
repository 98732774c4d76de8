"""What a client sends and what it takes (RFC 9110, sections 8.3 and 12.5.1)."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class MediaType(StrEnum):
    """What Unplug can answer with."""

    RESPONSE = "application/graphql-response+json"
    JSON = "application/json"
    EVENT_STREAM = "text/event-stream"
    MULTIPART = "multipart/mixed"


SINGLE = {
    "application/graphql-response+json": MediaType.RESPONSE,
    "application/json": MediaType.JSON,
    "application/*": MediaType.JSON,
    "*/*": MediaType.JSON,
}
STREAMED = {
    "text/event-stream": MediaType.EVENT_STREAM,
    "multipart/mixed": MediaType.MULTIPART,
}

UTF_8 = ("charset=utf-8", 'charset="utf-8"', "charset=utf8")


@dataclass(frozen=True, slots=True)
class Accepted:
    """The best type for one response, and the best for many; None when the client takes none."""

    single: MediaType | None
    streamed: MediaType | None

    @property
    def fallback(self) -> MediaType:
        """For an answer that can't be streamed, for every client."""
        return self.single or MediaType.JSON


@lru_cache(maxsize=64)
def accepted(header: bytes | None) -> Accepted:
    """Highest weight first, then the client's order; wildcards never mean a stream.

    A client that names nothing we have gets JSON, as GraphQL over HTTP allows.
    """
    if header is None:
        return Accepted(MediaType.JSON, None)
    ranges = sorted(_ranges(header.decode("latin-1")), key=lambda weighed: -weighed[0])
    single = next((SINGLE[name] for _, name in ranges if name in SINGLE), None)
    streamed = next((STREAMED[name] for _, name in ranges if name in STREAMED), None)
    return Accepted(single if single or streamed else MediaType.JSON, streamed)


@lru_cache(maxsize=64)
def prefers_html(header: bytes | None) -> bool:
    """Whether the client wants HTML before anything else, as browsers do for what is opened."""
    ranges = _ranges((header or b"").decode("latin-1"))
    return max(ranges, key=lambda weighed: weighed[0], default=(0.0, ""))[1] == "text/html"


def _ranges(header: str) -> list[tuple[float, str]]:
    found = []
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            quality = float(weight)
        except ValueError:
            quality = 0.0
        if quality > 0:
            found.append((quality, name))
    return found


@lru_cache(maxsize=64)
def is_json(content_type: bytes) -> bool:
    """Whether a body is JSON in UTF-8, which is what JSON is without a charset."""
    name, *parameters = content_type.decode("latin-1").lower().split(";")
    charset = [p.strip() for p in parameters if p.strip().startswith("charset=")]
    return name.strip() == MediaType.JSON and all(c in UTF_8 for c in charset)
