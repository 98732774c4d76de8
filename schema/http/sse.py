"""Subscriptions as server-sent events."""

from collections.abc import Sequence

from graphql import GraphQLError

from domain.events import EventCursor
from schema.errors import encode_errors


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
        """A `next` with the event's cursor as its id."""
        return b"event: next\nid: " + cursor.encode().encode() + b"\ndata: " + payload + b"\n\n"

    def heartbeat(self) -> bytes:
        """A comment."""
        return b":\n\n"

    def answer(self, payload: bytes) -> bytes:
        """One `next`, then `complete`."""
        return b"event: next\ndata: " + payload + b"\n\n" + COMPLETE

    def refusal(self, errors: Sequence[GraphQLError]) -> bytes:
        """The errors as one `next`, then `complete`."""
        return self.answer(encode_errors(errors))

    def expired(self, error: GraphQLError) -> bytes:
        """`UNAUTHENTICATED` as a last `next`, then `complete`."""
        return self.answer(encode_errors([error]))


COMPLETE = b"event: complete\ndata: \n\n"
"""With its empty `data`: browsers dispatch nothing without."""
