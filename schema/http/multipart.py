"""Subscriptions as multipart responses."""

from collections.abc import Sequence

import orjson
from graphql import GraphQLError

from domain.events import EventCursor
from schema.errors import encode_errors


class MultipartFraming:
    """Multipart subscriptions as Apollo Client speaks them.

    A delimiter follows each part at once: clients parse a part when they see the next delimiter.
    https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
    """

    transport = "multipart"
    content_type = 'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0'
    names_events = False

    def head(self, start: EventCursor) -> bytes:  # noqa: ARG002 (it has no place for a cursor)
        """The first delimiter, and a heartbeat that flushes it through buffers on the way."""
        return DELIMITER + self.heartbeat()

    def event(self, cursor: EventCursor, payload: bytes) -> bytes:  # noqa: ARG002 (as above)
        """A part with the response as its payload."""
        return _part(b'{"payload":' + payload + b"}")

    def heartbeat(self) -> bytes:
        """An empty object."""
        return _part(b"{}")

    def answer(self, payload: bytes) -> bytes:
        """One part, and the end."""
        return DELIMITER + _part(payload) + END

    def refusal(self, errors: Sequence[GraphQLError]) -> bytes:
        """The errors as one part, and the end."""
        return self.answer(b'{"payload":' + encode_errors(errors) + b"}")

    def expired(self, error: GraphQLError) -> bytes:
        """An error of the transport, which ends the subscription."""
        return _part(orjson.dumps({"payload": None, "errors": [error.formatted]})) + END


DELIMITER = b"\r\n--graphql"
END = b"--\r\n"


def _part(body: bytes) -> bytes:
    return b"\r\ncontent-type: application/json\r\n\r\n" + body + DELIMITER
