"""Those who watch: each on one transport, on any node, always resuming from its last cursor."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from domain.events import EventCursor
from domain.identifiers import UserId
from tests.support.processes import Server, bearer

QUERY = """
subscription ($after: String) {
  providerEvents(after: $after) { __typename id position cursor occurredAt }
}
"""
PROTOCOL = Subprotocol("graphql-transport-ws")
CONNECTS_WITHIN = 5.0
PAUSE = 0.3
LOST = (OSError, httpx.HTTPError, WebSocketException, TimeoutError, EOFError)


class Refused(Exception):
    """The server does not take the cursor, or has an error that is not about the network."""


class Subscriber:
    """Follows one user's log from its beginning, over as many connections as it takes.

    When the log was replaced and its cursor is refused, it begins anew (`may_begin_anew`), as a
    client that refetches does; `abandoned` are the events at which it was refused.
    """

    def __init__(
        self, user_id: UUID, transport: str, nodes: list[Server], chance: random.Random
    ) -> None:
        self.user_id = user_id
        self.transport = transport
        self.received: list[tuple[int, UUID]] = []
        self.reconnects = 0
        self.delays: list[float] = []
        self.longest_away = 0.0
        self.refusals: list[str] = []
        self.may_begin_anew = False
        self.abandoned: list[tuple[int, UUID]] = []
        self._nodes = nodes
        self._chance = chance
        self._cursor = self._start = EventCursor.start(UserId(user_id)).encode()
        self._lost_at: float | None = None
        self._session: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def position(self) -> int:
        return self.received[-1][0] if self.received else 0

    @property
    def last(self) -> tuple[int, UUID] | None:
        """Position and id of the last event that it saw."""
        return self.received[-1] if self.received else None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def hang_up(self) -> None:
        """Loses its connection, and comes back."""
        if self._session is not None:
            self._session.cancel()

    async def _run(self) -> None:
        while True:
            self._session = asyncio.create_task(self._follow())
            try:
                await asyncio.wait({self._session})
            finally:
                self._session.cancel()
                await asyncio.gather(self._session, return_exceptions=True)
            self.reconnects += 1
            self._lost_at = self._lost_at or asyncio.get_running_loop().time()
            await asyncio.sleep(PAUSE * self._chance.uniform(0.5, 1.5))

    async def _follow(self) -> None:
        node = self._chance.choice(self._nodes)
        stream = {"websocket": self._websocket, "sse": self._sse}[self.transport](node)
        try:
            async with aclosing(stream):
                async for event in stream:
                    self._receive(event)
        except Refused as refused:
            self._refused(str(refused))
        except LOST:
            pass

    def _refused(self, code: str) -> None:
        if code == "INVALID_CURSOR" and self.may_begin_anew:
            if self.received:
                self.abandoned.append(self.received[-1])
            self.received.clear()
            self._cursor = self._start
        elif code not in {"SERVICE_UNAVAILABLE", "INTERNAL_SERVER_ERROR"}:  # the database is away
            self.refusals.append(code)

    def _receive(self, event: dict[str, Any]) -> None:
        self.received.append((event["position"], UUID(event["id"])))
        self._cursor = event["cursor"]
        delay = datetime.now(UTC) - datetime.fromisoformat(event["occurredAt"])
        self.delays.append(delay.total_seconds())

    def _subscribed(self) -> None:
        if self._lost_at is not None:
            away = asyncio.get_running_loop().time() - self._lost_at
            self.longest_away = max(self.longest_away, away)
            self._lost_at = None

    def _payload(self) -> dict[str, Any]:
        return {"query": QUERY, "variables": {"after": self._cursor}}

    async def _websocket(self, node: Server) -> AsyncGenerator[dict[str, Any], None]:
        async with connect(
            node.websocket,
            subprotocols=[PROTOCOL],
            open_timeout=CONNECTS_WITHIN,
        ) as socket:
            token = {"authorization": f"Bearer {bearer(self.user_id)}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": token}))
            async with asyncio.timeout(CONNECTS_WITHIN):
                await socket.recv()
            message = {"id": "1", "type": "subscribe", "payload": self._payload()}
            await socket.send(json.dumps(message))
            self._subscribed()
            async for text in socket:
                frame = json.loads(text)
                match frame["type"]:
                    case "next":
                        yield _event(frame["payload"])
                    case "error":
                        raise _refusal(frame["payload"])
                    case "ping":
                        await socket.send('{"type":"pong"}')
                    case "complete":
                        return

    async def _sse(self, node: Server) -> AsyncGenerator[dict[str, Any], None]:
        headers = {
            "Authorization": f"Bearer {bearer(self.user_id)}",
            "Accept": "text/event-stream",
        }
        limits = httpx.Timeout(CONNECTS_WITHIN, read=60)
        async with (
            httpx.AsyncClient(timeout=limits) as http,
            http.stream("POST", node.graphql, json=self._payload(), headers=headers) as response,
        ):
            if response.status_code != 200:
                raise _refusal(json.loads(await response.aread())["errors"])
            self._subscribed()
            kind = ""
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data" and kind == "next":
                    payload = json.loads(value)
                    if "errors" in payload and not payload.get("data"):
                        raise _refusal(payload["errors"])
                    yield _event(payload)


def _event(payload: dict[str, Any]) -> dict[str, Any]:
    if "errors" in payload:
        raise _refusal(payload["errors"])
    event: dict[str, Any] = payload["data"]["providerEvents"]
    return event


def _refusal(errors: list[dict[str, Any]]) -> Refused:
    return Refused(errors[0].get("extensions", {}).get("code", errors[0]["message"]))
