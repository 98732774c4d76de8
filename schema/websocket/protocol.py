"""The messages of `graphql-transport-ws`.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from graphql import GraphQLError

from schema.errors import ErrorCode, Refused, bad_user_input, has_code
from schema.execution.request import GraphQLRequest

SUBPROTOCOL = "graphql-transport-ws"
LONGEST_ID = 256

ACKNOWLEDGED = b'{"type":"connection_ack"}'


class Malformed(Exception):
    """Not a message of the protocol; the text says why, and fits into a close frame."""


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """The first message of a client."""

    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ping:
    """Answered with a pong that has the same payload."""

    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Pong:
    """Nothing to answer."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Runs an operation under an id of the client's choice, or refuses this one operation."""

    id: str
    request: GraphQLRequest | Refused


@dataclass(frozen=True, slots=True)
class Complete:
    """The client ends an operation."""

    id: str


ClientMessage: TypeAlias = ConnectionInit | Ping | Pong | Subscribe | Complete


def parse(text: str) -> ClientMessage:
    """Raises `Malformed`."""
    try:
        return _message(orjson.loads(text))
    except orjson.JSONDecodeError:
        return _message_with_lone_surrogates(text)


def _message(message: object) -> ClientMessage:
    if not isinstance(message, dict):
        raise Malformed("A message is a JSON object")
    match message.get("type"):
        case "connection_init":
            return ConnectionInit(_payload(message) or {})
        case "ping":
            return Ping(_payload(message))
        case "pong":
            _payload(message)
            return Pong()
        case "subscribe":
            return Subscribe(_id(message), _request(message))
        case "complete":
            return Complete(_id(message))
        case _:
            raise Malformed("Unknown message type")


def _message_with_lone_surrogates(text: str) -> ClientMessage:
    """What JavaScript's `JSON.stringify` may write and is not Unicode (RFC 8259, section 8.2)."""
    try:
        message = _message(orjson.loads(_ESCAPE.sub(_replaced, text)))
    except orjson.JSONDecodeError:
        raise Malformed("A message is JSON") from None
    match message:
        case Subscribe(id_):
            if "\ufffd" in id_:
                raise Malformed("`id` is not valid Unicode")
            error = bad_user_input("A string has a lone surrogate: it is not valid Unicode.")
            return Subscribe(id_, Refused(error))
        case _:
            return message


_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    r"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|\\."
)


def _replaced(escape: re.Match[str]) -> str:
    return r"\ufffd" if escape[1] else escape[0]


def _id(message: dict[str, Any]) -> str:
    id_ = message.get("id")
    if not isinstance(id_, str) or not id_ or len(id_) > LONGEST_ID:
        raise Malformed(f"`id` is a string of 1 to {LONGEST_ID} characters")
    return id_


def _payload(message: dict[str, Any]) -> dict[str, Any] | None:
    payload = message.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise Malformed("`payload` is an object")
    return payload


def _request(message: dict[str, Any]) -> GraphQLRequest | Refused:
    try:
        return GraphQLRequest.of(message.get("payload"))
    except Refused as refused:
        if has_code(refused.errors, ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED):
            return refused
        raise Malformed(refused.errors[0].message.rstrip(".")) from None


def pong(payload: dict[str, Any] | None) -> bytes:
    """The answer to a ping. Raises `Malformed`."""
    answer: dict[str, Any] = {"type": "pong"}
    try:
        return orjson.dumps(answer if payload is None else answer | {"payload": payload})
    except orjson.JSONEncodeError:  # it reads deeper objects than it writes
        raise Malformed("`payload` is nested too deeply") from None


def next_head(id_: str) -> bytes:
    """A `next` up to its encoded response; `}` follows it."""
    return b'{"id":' + orjson.dumps(id_) + b',"type":"next","payload":'


def error(id_: str, errors: Sequence[GraphQLError]) -> bytes:
    """The operation is not run."""
    payload = [error.formatted for error in errors]
    return orjson.dumps({"id": id_, "type": "error", "payload": payload})


def complete(id_: str) -> bytes:
    """The operation has ended."""
    return orjson.dumps({"id": id_, "type": "complete"})
