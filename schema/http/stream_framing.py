"""How the parts of a streamed response look on the wire."""

from collections.abc import Sequence
from typing import Protocol

import orjson
from graphql import GraphQLError

from domain.events import EventCursor
from schema.execution.encoding import encode_errors


class StreamFraming(Protocol):
    """Bytes for each thing that a stream may say."""

    transport: str
    """Its name for operators."""
    content_type: str
    names_events: bool
    """Whether clients send the cursor of their last event in the `Last-Event-ID` header."""

    def head(self, start: EventCursor) -> bytes:
        """What a subscription begins with, before its first event."""

    def event(self, cursor: EventCursor, payload: bytes) -> bytes:
        """A response to an event."""

    def heartbeat(self) -> bytes:
        """Nothing has happened; the connection is alive."""

    def answer(self, payload: bytes) -> bytes:
        """All of a query's or mutation's body."""

    def refusal(self, errors: Sequence[GraphQLError]) -> bytes:
        """All of a body that says why nothing is run."""

    def expired(self, error: GraphQLError) -> bytes:
        """The last words to a client whose token has expired."""


class EventStreamFraming:
    """graphql-sse's distinct connections mode, with cursors as event ids.

    https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """

    transport = "sse"
    content_type = "text/event-stream; charset=utf-8"
    names_events = True

    def head(self, start: EventCursor) -> bytes:
        """The start cursor as an id, so that even a client that saw no event can resume."""
        return b"retry: 1000\nid: " + start.encode().encode() + b"\n\n"

    def event(self, cursor: EventCursor, payload: bytes) -> bytes:
        """See `StreamFraming`."""
        return b"event: next\nid: " + cursor.encode().encode() + b"\ndata: " + payload + b"\n\n"

    def heartbeat(self) -> bytes:
        """A comment."""
        return b":\n\n"

    def answer(self, payload: bytes) -> bytes:
        """See `StreamFraming`."""
        return b"event: next\ndata: " + payload + b"\n\n" + COMPLETE

    def refusal(self, errors: Sequence[GraphQLError]) -> bytes:
        """See `StreamFraming`."""
        return self.answer(encode_errors(errors))

    def expired(self, error: GraphQLError) -> bytes:
        """See `StreamFraming`."""
        return self.answer(encode_errors([error]))


COMPLETE = b"event: complete\ndata: \n\n"
"""With its empty `data`: browsers dispatch nothing without."""


class MultipartFraming:
    """Multipart subscriptions as Apollo Client speaks them.

    A delimiter follows each part at once: clients parse a part when they see the next delimiter.
    https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
    """

    transport = "multipart"
    content_type = 'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0'
    names_events = False

    def head(self, start: EventCursor) -> bytes:  # noqa: ARG002 (it has no place for a cursor)
        """The first delimiter, and a heartbeat to get it through buffers on the way."""
        return DELIMITER + self.heartbeat()

    def event(self, cursor: EventCursor, payload: bytes) -> bytes:  # noqa: ARG002 (as above)
        """See `StreamFraming`."""
        return _part(b'{"payload":' + payload + b"}")

    def heartbeat(self) -> bytes:
        """An empty object."""
        return _part(b"{}")

    def answer(self, payload: bytes) -> bytes:
        """See `StreamFraming`."""
        return DELIMITER + _part(payload) + END

    def refusal(self, errors: Sequence[GraphQLError]) -> bytes:
        """See `StreamFraming`."""
        return self.answer(b'{"payload":' + encode_errors(errors) + b"}")

    def expired(self, error: GraphQLError) -> bytes:
        """An error of the transport, which ends the subscription."""
        return _part(orjson.dumps({"payload": None, "errors": [error.formatted]})) + END


DELIMITER = b"\r\n--graphql"
END = b"--\r\n"


def _part(body: bytes) -> bytes:
    return b"\r\ncontent-type: application/json\r\n\r\n" + body + DELIMITER
