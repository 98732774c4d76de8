"""Responses that go on: subscriptions over HTTP, in one framing or another."""

import asyncio
from collections.abc import Sequence
from typing import Generic, Protocol

from graphql import GraphQLError

from domain.events import EventCursor, RecordedEvent
from domain.ports import CallerT
from schema.admission.authentication import unauthenticated
from schema.admission.entry import Admission, EndReason, Peer
from schema.admission.origins import Header
from schema.admission.telemetry import Telemetry
from schema.execution.gateway import Gateway, StartedSubscription
from schema.http.request_context import Exchange

HEARTBEAT_SECONDS = 15.0

UNBUFFERED: tuple[Header, ...] = ((b"x-accel-buffering", b"no"),)
"""For proxies that would hold events back until they have enough of them."""

CHUNK = 64 * 1024
"""Bytes that are sent at once: a page may be of any size."""

SILENCE = 0.1
"""Seconds between the last event and the end of a response.

graphql-sse hangs, instead of retrying, when the end comes while it is still busy with an event.
"""


class StreamFraming(Protocol):
    """The bytes of each part of a streamed response."""

    transport: str
    """Its name in logs and metrics."""
    content_type: str
    names_events: bool
    """Whether clients send the cursor of their last event in the `Last-Event-ID` header."""

    def head(self, start: EventCursor) -> bytes:
        """Before the first event."""

    def event(self, cursor: EventCursor, payload: bytes) -> bytes:
        """A response to an event."""

    def heartbeat(self) -> bytes:
        """Sent when nothing has happened for a while."""

    def answer(self, payload: bytes) -> bytes:
        """The whole body of a query or mutation."""

    def refusal(self, errors: Sequence[GraphQLError]) -> bytes:
        """The whole body for a request that is not run."""

    def expired(self, error: GraphQLError) -> bytes:
        """The last part for a client whose token has expired."""


class HttpStreams(Generic[CallerT]):
    """Answers clients that accept only a stream, or that subscribe."""

    def __init__(
        self,
        framing: StreamFraming,
        gateway: Gateway[CallerT],
        admission: Admission,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._framing = framing
        self._gateway = gateway
        self._admission = admission
        self._heartbeat_seconds = heartbeat_seconds

    async def answer(self, exchange: Exchange[CallerT]) -> None:
        """Runs a query or mutation. Raises `Refused` when it refuses before anything was sent."""
        exchange.call.transport = self._framing.transport
        response = await self._gateway.execute(exchange.call)
        await exchange.respond(200, self._framing.content_type, self._framing.answer(response.body))

    async def refuse(self, exchange: Exchange[CallerT], errors: Sequence[GraphQLError]) -> None:
        """Tells the client that its well-formed request is not run."""
        exchange.call.transport = self._framing.transport
        await exchange.respond(200, self._framing.content_type, self._framing.refusal(errors))

    async def subscribe(self, exchange: Exchange[CallerT]) -> None:
        """Streams a subscription to its end. Raises `Refused` before anything was sent."""
        call = exchange.call
        call.transport = self._framing.transport
        if call.token is None:
            raise RuntimeError("the call is not authenticated")
        stream = ResponseStream(
            exchange, self._framing, self._admission.telemetry, self._heartbeat_seconds
        )
        entry = self._admission.enter(Peer(call.request_id, call.transport), stream.end)
        try:
            entry.admit(call.token)
            resumes_at = exchange.headers.get(b"last-event-id", b"").decode("latin-1")
            subscription = await self._gateway.subscribe(
                call, resume_after=resumes_at if self._framing.names_events else None
            )
            await stream.run(subscription)
        finally:
            entry.leave()


class ResponseStream(Generic[CallerT]):
    """Sends a page at a time: the next one is asked for when the client's side took the last.

    Ends with a last part when the token expires, and without one when the client is to reconnect.
    """

    def __init__(
        self,
        exchange: Exchange[CallerT],
        framing: StreamFraming,
        telemetry: Telemetry,
        heartbeat_seconds: float,
    ) -> None:
        self._exchange = exchange
        self._framing = framing
        self._telemetry = telemetry
        self._heartbeat_seconds = heartbeat_seconds
        self._page: Sequence[RecordedEvent] | None = None
        self._gone = False
        self._ended: EndReason | None = None
        self._woken = asyncio.Event()

    async def run(self, subscription: StartedSubscription) -> None:
        """Returns when the response has ended, or the client is gone."""
        self._telemetry.subscription_started(self._framing.transport)
        watch = asyncio.create_task(self._watch())
        try:
            await self._follow(subscription)
            if not self._gone:
                await self._finish()
        finally:
            self._telemetry.subscription_ended(self._framing.transport)
            subscription.close()
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
        """Takes a page, and no more until it is sent."""
        self._page = events
        self._woken.set()
        return False

    def lost(self) -> None:
        """The log can't be followed: the client is to reconnect."""
        self.end(EndReason.RESTART)

    def end(self, reason: EndReason) -> None:
        """Ends the response soon. The first reason counts."""
        self._ended = self._ended or reason
        self._woken.set()

    async def _follow(self, subscription: StartedSubscription) -> None:
        exchange = self._exchange
        await exchange.start(200, self._framing.content_type, UNBUFFERED)
        await exchange.send(self._framing.head(subscription.start))
        attachment = subscription.attach(self)
        while not self._gone and await self._wait():
            if self._page is None:
                await exchange.send(self._framing.heartbeat())
                continue
            page, self._page = self._page, None
            await self._send(page, subscription)
            attachment.resume()

    async def _wait(self) -> bool:
        """Until there is a page or a heartbeat is due; False when it is time to end."""
        if self._ended is None:
            try:
                async with asyncio.timeout(self._heartbeat_seconds):
                    await self._woken.wait()
            except TimeoutError:
                pass
        self._woken.clear()
        return self._ended is None

    async def _send(self, page: Sequence[RecordedEvent], subscription: StartedSubscription) -> None:
        event, response = self._framing.event, subscription.response
        chunk = b""
        for recorded in page:
            if not subscription.wants(recorded):
                continue
            chunk += event(recorded.cursor, response(recorded))
            self._telemetry.event_sent(recorded.event.occurred_at)
            if len(chunk) >= CHUNK:
                await self._exchange.send(chunk)  # waits for a client that reads slowly
                chunk = b""
        if chunk:
            await self._exchange.send(chunk)

    async def _finish(self) -> None:
        if self._ended is EndReason.TOKEN_EXPIRED:
            self._exchange.call.errors = unauthenticated().errors
            last = self._framing.expired(unauthenticated().errors[0])
            await self._exchange.send(last, more=False)
        else:
            await asyncio.sleep(SILENCE)
            await self._exchange.send(b"", more=False)

    async def _watch(self) -> None:
        await self._exchange.disconnected()
        self._gone = True
        self._woken.set()
