"""Cursors as clients send them: opaque text, resolved or refused."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.events import EventCursor
from domain.identifiers import ConnectionId, UserId
from domain.ports import ConnectionKey, EventLog
from schema.errors import invalid_cursor

_KIND = b"c"
_LENGTH = 1 + 16 + 8 + 16
_RECORD = b"r"
_RECORD_LENGTH = 1 + 8 + 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


async def resolve_cursor(text: str, viewer_id: UserId, events: EventLog) -> EventCursor:
    """A cursor of the viewer's log.

    `INVALID_CURSOR` when it is malformed, another user's, of another list, of the future, or of a
    history that was replaced.
    """
    cursor = EventCursor.decode(text)
    if cursor is None or cursor.user_id != viewer_id or not await events.holds(cursor):
        raise invalid_cursor()
    return cursor


def encode_connection_key(viewer_id: UserId, key: ConnectionKey) -> str:
    """A place in the viewer's list of connections: a kind byte, user, microseconds, id."""
    microseconds = (key.created_at - _EPOCH) // _MICROSECOND
    raw = _KIND + viewer_id.bytes + microseconds.to_bytes(8, "big", signed=True) + key.id.bytes
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_connection_key(text: str, viewer_id: UserId) -> ConnectionKey:
    """`INVALID_CURSOR` when it is malformed, another user's, or of another list."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if len(raw) != _LENGTH or raw[:17] != _KIND + viewer_id.bytes:
            raise invalid_cursor()
        created_at = _EPOCH + int.from_bytes(raw[17:25], "big", signed=True) * _MICROSECOND
    except (binascii.Error, ValueError, OverflowError):
        raise invalid_cursor() from None
    return ConnectionKey(created_at, ConnectionId(UUID(bytes=raw[25:])))


def encode_record_key(key: ConnectionKey) -> str:
    """A place in the list of all users' connections: a kind byte, microseconds, id."""
    microseconds = (key.created_at - _EPOCH) // _MICROSECOND
    raw = _RECORD + microseconds.to_bytes(8, "big", signed=True) + key.id.bytes
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_record_key(text: str) -> ConnectionKey:
    """`INVALID_CURSOR` when it is malformed, or of another list."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if len(raw) != _RECORD_LENGTH or raw[:1] != _RECORD:
            raise invalid_cursor()
        created_at = _EPOCH + int.from_bytes(raw[1:9], "big", signed=True) * _MICROSECOND
    except (binascii.Error, ValueError, OverflowError):
        raise invalid_cursor() from None
    return ConnectionKey(created_at, ConnectionId(UUID(bytes=raw[9:])))
