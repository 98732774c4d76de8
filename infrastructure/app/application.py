"""What a server serves, and how it ends."""

import asyncio
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from infrastructure.app.back_ends import BackEnds
from infrastructure.observability.metrics import Metrics
from infrastructure.running_commands import RunningCommands
from schema.asgi import GraphQLApp

COMMAND_SECONDS = 1.5
"""For running commands, when the server stops. What runs longer is in doubt, and is answered so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One node: an ASGI app whose parts are running."""

    asgi: GraphQLApp
    commands: RunningCommands
    metrics: Metrics
    back_ends: BackEnds | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI app, without a lifespan of its own: `create_app` is it."""
        if self.back_ends is not None and scope["server"][1] == self.back_ends.port:
            return await self.back_ends.app(scope, receive, send)
        return await self.asgi(scope, receive, send)

    async def drain(self) -> None:
        """Running commands finish and are answered; sockets and streams end in the way that makes
        their clients reconnect."""
        await asyncio.gather(self.commands.drain(COMMAND_SECONDS), self.asgi.drain())

    def cut_off(self, limit: str) -> None:
        """The server has cut off a client."""
        self.metrics.limit_hit(limit)
