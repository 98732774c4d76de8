"""A receiver of webhooks: a real server, and the official library to verify what arrives."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from standardwebhooks.webhooks import Webhook

from tests.support.network.quirk_server import Answer, QuirkServer, Received, quirk_server, reply
from tests.support.secrecy import without_credentials


class Receiver:
    """What arrived, in order. Answers 204, unless `answers` or `answer` say otherwise."""

    def __init__(self, server: QuirkServer) -> None:
        self._server = server

    @property
    def url(self) -> str:
        return self._server.url("/hook")

    @property
    def requests(self) -> list[Received]:
        return self._server.received

    @property
    def ids(self) -> list[UUID]:
        """Of all tries."""
        return [UUID(request.headers["webhook-id"]) for request in self.requests]

    @property
    def answers(self) -> list[Answer]:
        """Given to the next requests, one each."""
        return self._server.answers

    def always(self, answer: Answer) -> None:
        self._server.answer = answer

    def verified(self, secret: str) -> list[dict[str, Any]]:
        """All bodies. Raises when one is not signed with the secret."""
        return [verify(request, secret) for request in self.requests]

    def positions(self) -> dict[str, list[int]]:
        """By user, in the order in which they arrived first; repetitions are left out."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for request in self.requests:
            data = json.loads(request.body)["data"]
            if data["position"] not in found[data["user_id"]]:
                found[data["user_id"]].append(data["position"])
        return dict(found)

    async def arrived(self, count: int, within: float = 10.0) -> None:
        """Until so many requests have arrived."""
        async with asyncio.timeout(within):
            while len(self.requests) < count:  # noqa: ASYNC110 (a server has no event for it)
                await asyncio.sleep(0.002)


def verify(request: Received, secret: str) -> dict[str, Any]:
    """The body, once the official library has verified its signature and time."""
    body: dict[str, Any] = Webhook(secret).verify(request.body, dict(request.headers))
    return body


@contextlib.asynccontextmanager
async def receiver(answer: Answer | None = None) -> AsyncIterator[Receiver]:
    """Runs until the end of the block."""
    async with quirk_server(answer or reply(204)) as server:
        yield Receiver(server)
        for request in server.received:
            without_credentials(f"{request.headers} {request.body!r}")
