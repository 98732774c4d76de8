"""One subscription as an HTTP response that goes on."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from domain.events import RecordedEvent
from schema.admission.authentication import unauthenticated
from schema.admission.origins import Header
from schema.admission.telemetry import Telemetry
from schema.execution.event_responses import Payloads
from schema.http.request_context import Exchange
from schema.http.stream_framing import StreamFraming

UNBUFFERED: tuple[Header, ...] = ((b"x-accel-buffering", b"no"),)
"""For proxies that would keep events until they have enough of them."""

CHUNK = 64 * 1024
"""Bytes that are sent at once: a page may be of any size."""

SILENCE = 0.1
"""Seconds between the last event and the end of a response.

graphql-sse hangs, instead of trying again, when the end comes while it is still busy with an event.
"""


class ResponseStream:
    """Sends a page at a time: the next one is asked for when the client's side took the last.

    Ends with a last word when the token expires, and without one when the client shall come back.
    """

    def __init__(
        self,
        exchange: Exchange,
        framing: StreamFraming,
        expires_at: datetime,
        telemetry: Telemetry,
        heartbeat_seconds: float,
    ) -> None:
        self._exchange = exchange
        self._framing = framing
        self._expires_at = expires_at
        self._telemetry = telemetry
        self._heartbeat_seconds = heartbeat_seconds
        self._page: Sequence[RecordedEvent] | None = None
        self._gone = False
        self._ended = False
        self._woken = asyncio.Event()

    async def run(self, payloads: Payloads) -> None:
        """Returns when the response has ended, or the client is gone."""
        exchange = self._exchange
        await exchange.start(200, self._framing.content_type, UNBUFFERED)
        await exchange.send(self._framing.head(payloads.source.after))
        attachment = payloads.attach(self)
        watch = asyncio.create_task(self._watch())
        try:
            while not self._gone and await self._wait():
                if self._page is None:
                    await exchange.send(self._framing.heartbeat())
                    continue
                page, self._page = self._page, None
                await self._send(page, payloads)
                attachment.resume()
            if not self._gone:
                await self._say_goodbye()
        finally:
            attachment.detach()
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    def deliver(self, events: Sequence[RecordedEvent], /) -> bool:
        """See `EventSubscriber`."""
        self._page = events
        self._woken.set()
        return False

    def lost(self) -> None:
        """See `EventSubscriber`."""
        self.end()

    def end(self) -> None:
        """See `Stream`."""
        self._ended = True
        self._woken.set()

    async def _wait(self) -> bool:
        """Until there is a page or a heartbeat is due; False when it is time to end."""
        left = self._left()
        try:
            async with asyncio.timeout(min(left, self._heartbeat_seconds)):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()
        return not self._ended and self._left() > 0

    def _left(self) -> float:
        return (self._expires_at - datetime.now(UTC)).total_seconds()

    async def _send(self, page: Sequence[RecordedEvent], payloads: Payloads) -> None:
        event, payload = self._framing.event, payloads.shared.payload
        chunk = b""
        for recorded in page:
            if not payloads.source.wants(recorded):
                continue
            chunk += event(recorded.cursor, payload(recorded))
            self._telemetry.event_sent(recorded.event.occurred_at)
            if len(chunk) >= CHUNK:
                await self._exchange.send(chunk)  # waits for a client that reads slowly
                chunk = b""
        if chunk:
            await self._exchange.send(chunk)

    async def _say_goodbye(self) -> None:
        if self._ended:
            await asyncio.sleep(SILENCE)
            await self._exchange.send(b"", more=False)
        else:
            self._exchange.errors = [unauthenticated()]
            await self._exchange.send(self._framing.expired(unauthenticated()), more=False)

    async def _watch(self) -> None:
        await self._exchange.disconnected()
        self._gone = True
        self._woken.set()
