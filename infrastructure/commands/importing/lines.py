"""One line of an import file: a connection as another system had it, credentials in the clear."""

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, BinaryIO, NotRequired, TypeAlias

import orjson
from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    with_config,
)
from pydantic_core import ErrorDetails, to_json
from typing_extensions import TypedDict
from uuid_utils.compat import uuid7

from domain.identifiers import ConnectionId, ProviderId, UserId
from domain.provider_connection import (
    EARLIEST,
    LATEST,
    MAX_ACCOUNT_ID_LENGTH,
    MAX_ALIAS_LENGTH,
    MAX_SLUG_LENGTH,
    ConnectionStatus,
    ProviderConnection,
    ProviderCredentials,
)

MAX_LINE_BYTES = 1024 * 1024

Encrypt: TypeAlias = Callable[[bytes], bytes]

_NO_NUL = r"^[^\x00]*$"  # PostgreSQL can't keep one, and SQLite counts characters up to it
_Slug = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SLUG_LENGTH, pattern=_NO_NUL)]
_Alias = Annotated[str, StringConstraints(max_length=MAX_ALIAS_LENGTH, pattern=_NO_NUL)]
_AccountId = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_ACCOUNT_ID_LENGTH, pattern=_NO_NUL)
]
_Word = Annotated[str, StringConstraints(min_length=1, pattern=_NO_NUL)]
_Time = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
        r"(Z|[+-][0-9]{2}:[0-9]{2})$"
    ),
]
"""RFC 3339. pydantic's own type takes strings of digits for Unix times, in seconds or less."""

_strict = with_config(ConfigDict(strict=True, extra="forbid"))


@_strict
class _Credentials(TypedDict):
    type: _Word
    data: Annotated[dict[str, JsonValue], Field(min_length=1)]
    expires_at: NotRequired[_Time | None]


@_strict
class _Line(TypedDict):
    id: NotRequired[ConnectionId]
    user_id: UserId
    provider_id: ProviderId
    provider_slug: _Slug
    provider_account_id: NotRequired[_AccountId | None]
    status: ConnectionStatus
    alias: NotRequired[_Alias | None]
    connected_at: NotRequired[_Time | None]
    last_sync_at: NotRequired[_Time | None]
    credentials: NotRequired[_Credentials | None]


_LINE = TypeAdapter(_Line)
_TIME = "is not a time with a zone, such as 2026-01-02T03:04:05Z"
_EXPECTED = {
    "id": "is not a UUID",
    "user_id": "is not a UUID",
    "provider_id": "is not a UUID",
    "provider_slug": f"is not a text of 1 to {MAX_SLUG_LENGTH} characters",
    "provider_account_id": f"is not a text of 1 to {MAX_ACCOUNT_ID_LENGTH} characters",
    "status": f"is none of {', '.join(ConnectionStatus)}",
    "alias": f"is not a text of at most {MAX_ALIAS_LENGTH} characters",
    "connected_at": _TIME,
    "last_sync_at": _TIME,
    "credentials": "is not an object with a type and data",
    "credentials.type": "is not a text of 1 character or more",
    "credentials.data": "is not an object with 1 member or more",
    "credentials.expires_at": _TIME,
}


class BadLine(Exception):
    """Why a line can't go in: a fixed sentence that holds nothing of the line's values."""


def connection_of(line: bytes, encrypt: Encrypt, now: datetime) -> ProviderConnection:
    """The connection that a line describes, created `now`. Raises `BadLine`."""
    if len(line) > MAX_LINE_BYTES:
        raise BadLine("it is longer than 1 MiB")
    try:
        fields = _LINE.validate_json(line)
    except ValidationError as error:
        raise BadLine(_reason(error.errors(include_input=False, include_url=False)[0])) from None
    json.loads(line, object_pairs_hook=_refuse_doubled, parse_int=len)
    try:
        return ProviderConnection(
            id=fields.get("id") or ConnectionId(uuid7()),
            user_id=fields["user_id"],
            provider_id=fields["provider_id"],
            provider_slug=fields["provider_slug"],
            provider_account_id=fields.get("provider_account_id"),
            status=fields["status"],
            alias=fields.get("alias"),
            connected_at=_utc(fields.get("connected_at")),
            last_sync_at=_utc(fields.get("last_sync_at")),
            credentials=_encrypted(fields.get("credentials"), encrypt),
            created_at=now,
            updated_at=now,
        )
    except OverflowError:
        raise BadLine("a time is out of range") from None
    except ValueError as error:  # the domain's own sentences
        raise BadLine(str(error)) from None


def lines_of(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, without a byte order mark.

    A line that is too long is cut, so that memory stays bounded.
    """
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        yield number, line.removeprefix(BOM_UTF8) if number == 1 else line
        while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES + 1)


def _encrypted(credentials: _Credentials | None, encrypt: Encrypt) -> ProviderCredentials | None:
    if credentials is None:
        return None
    return ProviderCredentials(
        encrypted_data=encrypt(_json(credentials["data"])),
        credential_type=credentials["type"],
        expires_at=_utc(credentials.get("expires_at")),
    )


def _json(data: dict[str, JsonValue]) -> bytes:
    text = to_json(data)
    if b"NaN" in text or b"Infinity" in text:  # a string that says so is fine
        try:
            json.dumps(data, allow_nan=False)
        except ValueError:
            raise BadLine("`credentials.data` has a number that JSON does not know") from None
    if not _reads_as(text, data):
        raise BadLine("`credentials.data` has a number that is not exact: use a string")
    return text


def _reads_as(text: bytes, data: object) -> bool:
    """Whole numbers above 64 bits are read as the nearest float, or not at all."""
    try:
        return bool(orjson.loads(text) == data)
    except orjson.JSONDecodeError:
        return False


def _refuse_doubled(members: Sequence[tuple[str, object]]) -> None:
    """Of two members with one name a parser takes either."""
    if len(dict(members)) != len(members):
        raise BadLine("two members of an object have the same name")


def _utc(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadLine("a time is out of range") from None
    if not EARLIEST <= time < LATEST:
        raise BadLine("a time is out of range")
    return time


def _reason(error: ErrorDetails) -> str:
    kind, location = error["type"], error["loc"]
    if not location:
        return "it is not a JSON object"
    names = [part for part in location[:2] if isinstance(part, str)]
    known = next((n for n in (".".join(names), names[0]) if n in _EXPECTED), None)
    if kind == "missing":
        return f"`{'.'.join(names)}` is missing"
    if known is None or kind == "extra_forbidden":
        return f"`{'.'.join(names)[:60]}` is not a field of a line"
    return f"`{known}` {_EXPECTED[known]}"
