"""An app on our own server, in the process of the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from infrastructure.server.client_limits import (
    FRAMES,
    MOST_UNREAD,
    STALLED,
    UNREAD,
    ClientLimits,
    UnreadBudget,
)
from infrastructure.server.listening import listen
from infrastructure.server.uvicorn_server import server_config


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.told_to_stop = asyncio.Event()

    async def serve(self, sockets: object = None) -> None:
        """Without its signal handlers: the test run has its own."""
        await self._serve(sockets)  # type: ignore[arg-type]

    async def main_loop(self) -> None:
        """Without looking every 0.1 seconds whether it is over."""
        await self.on_tick(0)
        await self.told_to_stop.wait()


class Listening:
    """Where it listens, and how often it cut off a client who did not read."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.stalls = self.floods = self.unread_cuts = 0
        self.state = ServerState()

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self.state.connections)

    @property
    def most_unread(self) -> int:
        """Bytes that the server holds for the client who is most behind."""
        return max(self._unread(), default=0)

    @property
    def all_unread(self) -> int:
        """Bytes that the server holds for all clients."""
        return sum(self._unread())

    def _unread(self) -> list[int]:
        transports = [connection.transport for connection in self.state.connections]
        return [transport.get_write_buffer_size() for transport in transports]

    def cut_off(self, limit: str) -> None:
        self.stalls += limit == STALLED
        self.floods += limit == FRAMES
        self.unread_cuts += limit == UNREAD


@asynccontextmanager
async def listening(
    app: ASGIApp,
    *,
    stall_seconds: float = 10.0,
    keep_alive: int = 75,
    frames_per_second: int = 100,
    unread: int = MOST_UNREAD,
) -> AsyncIterator[Listening]:
    """Serves on a free port of the loopback for an `async with` block."""
    socket = listen("127.0.0.1", 0)
    where = Listening(socket.getsockname()[1])
    limits = ClientLimits(
        stall_seconds=stall_seconds,
        keep_alive_seconds=keep_alive,
        frames_per_second=frames_per_second,
        unread=UnreadBudget(unread),
        on_cut=where.cut_off,
    )
    server = _Server(server_config(app, limits))
    where.state = server.server_state
    task = asyncio.create_task(server.serve([socket]))
    try:
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.001)
        yield where
    finally:
        server.told_to_stop.set()
        await task
