"""What runs on one WebSocket."""

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter

from graphql import GraphQLError, OperationType

from domain.identifiers import UserId
from schema.errors import ErrorCode, request_error
from schema.execution.document_limits import Limit
from schema.execution.documents import Refused
from schema.execution.encoding import encode
from schema.execution.operation import Operation
from schema.execution.request import GraphQLRequest
from schema.websocket import protocol as transport_ws
from schema.websocket.frame_sender import Outbox
from schema.websocket.services import TRANSPORT, SocketServices
from schema.websocket.subscription import SocketSubscription


class SocketOperations:
    """The viewer's operations by their ids.

    A query or mutation has a task while it runs; a subscription has none. `lost` is called when a
    subscription can't go on.
    """

    __slots__ = ("_lost", "_outbox", "_running", "_services", "_socket_id", "_viewer_id")

    def __init__(
        self,
        socket_id: str,
        viewer_id: UserId,
        services: SocketServices,
        outbox: Outbox,
        lost: Callable[[], None],
    ) -> None:
        self._socket_id = socket_id
        self._viewer_id = viewer_id
        self._services = services
        self._outbox = outbox
        self._lost = lost
        self._running: dict[str, SocketSubscription | asyncio.Task[None]] = {}

    def __contains__(self, id_: str) -> bool:
        return id_ in self._running

    async def start(self, id_: str, request: GraphQLRequest) -> None:
        """Returns when a subscription has begun; a query or mutation goes on by itself."""
        started, operation = perf_counter(), None
        errors: Sequence[GraphQLError] | None = None
        try:
            self._admit()
            operation = self._services.operations.operation(request.query, request.operation_name)
            if operation.type is not OperationType.SUBSCRIPTION:
                execution = self._execute(id_, operation, request, started)
                self._running[id_] = asyncio.create_task(execution)
                return
            payloads = await self._services.operations.subscribe(
                operation, request.variables, self._viewer_id
            )
            self._running[id_] = SocketSubscription(
                id_, payloads, self._outbox, self._services.telemetry, self._lost
            )
        except Refused as refused:
            errors = refused.errors
            self._outbox.post([transport_ws.error(id_, errors)])
        self._log(operation, errors, started)

    def stop(self, id_: str) -> None:
        """Ends it if it still runs; what a mutation has begun is finished all the same."""
        running = self._running.pop(id_, None)
        if isinstance(running, SocketSubscription):
            running.stop()
        elif running is not None:
            running.cancel()

    def stop_all(self) -> None:
        """Ends everything."""
        for id_ in tuple(self._running):
            self.stop(id_)

    def resume(self) -> None:
        """The outbox has room again."""
        for running in tuple(self._running.values()):
            if isinstance(running, SocketSubscription):
                running.resume()

    async def answered(self) -> None:
        """Returns when no query and no mutation runs."""
        while tasks := [r for r in self._running.values() if isinstance(r, asyncio.Task)]:
            await asyncio.wait(tasks)

    def _admit(self) -> None:
        most = self._services.limits.operations
        if len(self._running) >= most:
            self._services.telemetry.limit_hit(Limit.SUBSCRIPTIONS)
            message = (
                f"At most {most} operations run on one socket. Complete some, or open another."
            )
            raise Refused([request_error(ErrorCode.TOO_MANY_SUBSCRIPTIONS, message)])

    async def _execute(
        self, id_: str, operation: Operation, request: GraphQLRequest, started: float
    ) -> None:
        try:
            result = await self._services.operations.execute(
                operation, request.variables, self._viewer_id
            )
            errors: Sequence[GraphQLError] | None = result.errors
            head = transport_ws.next_head(id_)
            answer = [head + encode(result) + b"}", transport_ws.complete(id_)]
        except Refused as refused:
            errors = refused.errors
            answer = [transport_ws.error(id_, errors)]
        except Exception as error:  # noqa: BLE001 (masked and logged)
            errors = [self._services.masking.unexpected(error)]
            answer = [transport_ws.error(id_, errors)]
        if self._outbox.full:
            await self._outbox.drained()
        # Nothing is awaited any more, so nobody can have stopped it.
        del self._running[id_]
        self._outbox.post(answer)
        self._log(operation, errors, started)

    def _log(
        self, operation: Operation | None, errors: Sequence[GraphQLError] | None, started: float
    ) -> None:
        self._services.access_log.record(
            request_id=self._socket_id,
            transport=TRANSPORT,
            user_id=self._viewer_id,
            operation=operation,
            errors=errors,
            seconds=perf_counter() - started,
        )
