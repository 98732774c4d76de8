"""Attempts whose process will not finish them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from domain.commands.disconnect_all_providers import (
    DisconnectAllProviders,
    DisconnectAllProvidersHandler,
    Together,
)
from domain.commands.errors import DatabaseError
from domain.events import (
    EventCursor,
    FailureReason,
    Initiator,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
)
from domain.identifiers import BatchId
from domain.provider_connection import ConnectionStatus
from domain.result import Failure, Success
from infrastructure.command_runner import CommandRunner, together
from infrastructure.database.sqlite.connection import connect
from infrastructure.database.store import Abandoned
from tests.contracts.worlds.world import active, attempted, failed
from tests.integration.sqlite.node import Node
from tests.support.ids import a_connection, a_user

COUNT, IN_TIME = 30, 10


async def test_open_attempts_are_closed_and_announced(node: Node) -> None:
    user = a_user()
    attempts = [attempted(user, a_connection()) for _ in range(3)]
    for attempt in attempts:
        await node.bus.publish(attempt)
    last = await node.bus.publish(failed(attempts[0]))
    node.announced.clear()

    assert await node.open_attempts.close_abandoned(timedelta(seconds=30)) == 0
    assert await node.open_attempts.close_all(Abandoned()) == 2
    assert await node.open_attempts.close_all(Abandoned()) == 0

    events = [recorded.event for recorded in await node.log.read(last.cursor, 10)]
    assert node.announced == await node.log.read(last.cursor, 10)
    assert {event.attempt_id for event in events} == {a.attempt_id for a in attempts[1:]}
    for event in events:
        assert isinstance(event, ProviderDisconnectionFailed)
        assert event.reason is FailureReason.INTERRUPTED


async def test_a_start_leaves_the_attempts_of_a_command_line_tool_alone(node: Node) -> None:
    mine, others = attempted(a_user(), a_connection()), attempted(a_user(), a_connection())
    await node.bus.publish(mine)
    await node.bus.publish(replace(others, initiator=Initiator.OPERATOR))
    users_own = Abandoned(initiators=(Initiator.USER, Initiator.SERVICE))
    assert await node.open_attempts.close_all(users_own) == 1
    assert await node.open_attempts.close_all(users_own) == 0
    assert await node.open_attempts.close_all(Abandoned(initiators=(Initiator.OPERATOR,))) == 1


async def test_attempt_is_abandoned_once_it_is_old_by_the_databases_clock(node: Node) -> None:
    old, young = attempted(a_user(), a_connection()), attempted(a_user(), a_connection())
    await node.bus.publish(old)
    await node.bus.publish(young)
    with closing(connect(node.path)) as db:
        db.execute(
            "UPDATE open_attempts SET opened_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now',"
            " '-31 seconds') WHERE attempt_id = ?",
            (str(old.attempt_id),),
        )

    assert await node.open_attempts.close_abandoned(timedelta(seconds=30)) == 1
    assert (await node.log.head(old.user_id)).position == 2
    assert (await node.log.head(young.user_id)).position == 1


async def test_attempt_that_was_opened_under_a_clock_ahead_is_closed_at_start(node: Node) -> None:
    attempt = attempted(a_user(), a_connection())
    await node.bus.publish(attempt)
    with closing(connect(node.path)) as db:
        db.execute(
            "UPDATE open_attempts SET opened_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now',"
            " '+3 days')"
        )

    assert await node.open_attempts.close_all(Abandoned()) == 1
    assert (await node.log.head(attempt.user_id)).position == 2


async def test_full_log_keeps_no_other_attempt_from_being_closed(node: Node) -> None:
    full, others = a_user(), [a_user() for _ in range(3)]
    await node.bus.publish(failed_at_once := attempted(full, a_connection()))
    await node.bus.publish(failed(failed_at_once))
    with closing(connect(node.path)) as db:
        db.execute("UPDATE log_heads SET position = 2147483646")
    last = attempted(full, a_connection())
    for attempt in (last, *(attempted(user, a_connection()) for user in others)):
        await node.bus.publish(attempt)

    with capture_logs() as logs:
        assert await node.open_attempts.close_all(Abandoned()) == 3
        assert await node.open_attempts.close_all(Abandoned()) == 0

    named = [entry["attempt_id"] for entry in logs if entry["event"] == "attempt_not_closed"]
    assert named == [str(last.attempt_id)]
    for user in others:
        assert (await node.log.head(user)).position == 2


async def test_what_does_not_fit_into_the_deadline_is_recorded_as_failed(node: Node) -> None:
    command = DisconnectAllProviders(user_id=a_user(), batch_id=BatchId(uuid7()))
    await node.database.store.insert([active(command.user_id) for _ in range(COUNT)])
    late = asyncio.Event()

    async def some(work: Iterable[Awaitable[object]]) -> None:
        await together(islice(work, IN_TIME))
        late.set()
        await asyncio.Event().wait()

    def handler(at_once: Together) -> DisconnectAllProvidersHandler:
        return DisconnectAllProvidersHandler(
            node.handler, node.connections, node.bus, node.log, at_once
        )

    async def seen() -> tuple[Counter[type], Counter[ConnectionStatus]]:
        events = await node.log.read(EventCursor.start(command.user_id), 1000)
        connections = await node.connections.find_by_user_id(command.user_id)
        return Counter(type(r.event) for r in events), Counter(c.status for c in connections)

    runner = CommandRunner(lambda *_: None)
    answer = asyncio.create_task(
        runner.run(handler(some).handle, command, lambda: Failure(error=DatabaseError()))
    )
    await late.wait()
    await runner.drain(0)  # the deadline passes
    assert await answer == Failure(error=DatabaseError())
    assert await node.open_attempts.close_all(Abandoned()) == COUNT - IN_TIME

    events, statuses = await seen()
    assert events == {
        ProviderDisconnectionAttempted: COUNT,
        ProviderDisconnectionSucceeded: IN_TIME,
        ProviderDisconnectionFailed: COUNT - IN_TIME,
    }
    assert statuses == {
        ConnectionStatus.DISCONNECTED: IN_TIME,
        ConnectionStatus.ACTIVE: COUNT - IN_TIME,
    }

    done = await handler(together).handle(command)
    assert isinstance(done, Success)
    assert (done.value.disconnected, done.value.failed) == (COUNT, 0)
    events, statuses = await seen()
    assert (
        events[ProviderDisconnectionSucceeded] == statuses[ConnectionStatus.DISCONNECTED] == COUNT
    )
