"""A TCP proxy that cuts connections when a test wants it."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from types import TracebackType
from typing import Self


class Cut(Enum):
    """What happens to a connection, and to the data that the client has just sent.

    The client is cut off in each case. `BEFORE`: the server never sees the data. `AFTER`: the
    server answers it, and the answer is lost. `LATE`: the server sees the data `LATE_BY` seconds
    after the client is gone, and its session is alive until then.

    What has been judged happens, also when every connection is cut meanwhile.
    """

    BEFORE = auto()
    AFTER = auto()
    LATE = auto()


LATE_BY = 0.4
READ_WITHIN = 5.0  # seconds in which a server reads what was sent last, and ends the connection
CHUNK = 65_536


class TcpProxy:
    """Listens on the loopback and passes everything on to a port there.

    `judge` sees what clients send, piece by piece with the number of the connection, and decides.
    `accepted` connections have been opened. What is sent on one of the `black_holes` is lost, and
    `swallowed` is set then.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.judge: Callable[[int, bytes], Cut | None] = lambda _connection, _data: None
        self.cuts = 0
        self.black_holes: set[int] = set()
        self.swallowed = asyncio.Event()
        self.target_port = target_port
        self._server: asyncio.Server | None = None
        self._connections: dict[int, asyncio.Task[None]] = {}
        self.accepted = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(
            0.01
        )  # a client that was accepted at the last moment is being served then
        await self.cut_all()

    def lose_what_is_sent(self) -> None:
        """On every connection that was opened so far."""
        self.black_holes.update(range(1, self.accepted + 1))

    async def cut_all(self) -> None:
        """Cuts every connection there is."""
        tasks = tuple(self._connections.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        number = self.accepted
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._connections[number] = task
        try:
            await self._pass_on(number, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            del self._connections[number]
            writer.transport.abort()

    async def _pass_on(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        answers = asyncio.create_task(_pump(server_reader, writer))
        try:
            while data := await reader.read(CHUNK):
                if number in self.black_holes:
                    self.swallowed.set()
                    continue
                match self.judge(number, data):
                    case None:
                        server_writer.write(data)
                        await server_writer.drain()
                    case cut:
                        self.cuts += 1
                        judged = self._cut(
                            cut, data, writer, (server_reader, server_writer), answers
                        )
                        await to_its_end(judged)
                        return
        finally:
            server_writer.transport.abort()  # first: the wait below may be cancelled as well
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)

    async def _cut(
        self,
        cut: Cut,
        data: bytes,
        writer: asyncio.StreamWriter,
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        answers: asyncio.Task[None],
    ) -> None:
        server_reader, server_writer = server
        answers.cancel()
        await asyncio.gather(answers, return_exceptions=True)
        writer.transport.abort()
        if cut is Cut.BEFORE:
            return
        if cut is Cut.LATE:
            await asyncio.sleep(LATE_BY)
        server_writer.write(data)
        await server_writer.drain()
        # The server reads what was sent before the end of the connection, and carries it out.
        server_writer.write_eof()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(READ_WITHIN):
                await server_reader.read()


async def to_its_end(work: Coroutine[None, None, None]) -> None:
    """Waits for work that goes on when its caller is cancelled, who then waits as well."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
