"""One handler in one world, and what became of both."""

import asyncio
from uuid import UUID

from domain.commands.disconnect_provider import (
    DisconnectProvider,
    DisconnectProviderError,
    DisconnectProviderHandler,
    Outcome,
)
from domain.events import (
    FailureReason,
    ProviderDisconnectionAttempted,
    ProviderDisconnectionFailed,
    ProviderDisconnectionSucceeded,
    ProviderEvent,
    ProviderRef,
)
from domain.identifiers import ConnectionId, UserId
from domain.ports import EventBus
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from domain.result import Failure
from tests.support.fakes.clock_and_ids import FakeClock, FakeIds
from tests.support.fakes.connections import InMemoryProviderConnectionRepository
from tests.support.fakes.events import InMemoryEventBus
from tests.support.fakes.world import World
from tests.support.ids import a_connection, a_provider, a_user, an_attempt

USER, STRANGER, ATTEMPT = a_user(1), a_user(2), an_attempt(3)
CLOCK = FakeClock()
CONNECTION = ProviderConnection(
    id=a_connection(4),
    user_id=USER,
    provider_id=a_provider(5),
    provider_slug="schwab",
    status=ConnectionStatus.ACTIVE,
    created_at=CLOCK(),
    updated_at=CLOCK(),
    credentials=ProviderCredentials(encrypted_data=b"ciphertext", credential_type="oauth2"),
)
OWN_PROVIDER = ProviderRef(id=CONNECTION.provider_id, slug="schwab")
DATABASE_ERROR = DisconnectProviderError.DATABASE_ERROR


class Case:
    """One handler in one world, and what became of both."""

    def __init__(self) -> None:
        self.world = World()
        self.world.add(CONNECTION)
        self.handler = self.handler_on(InMemoryEventBus(self.world))

    def handler_on(self, bus: EventBus) -> DisconnectProviderHandler:
        connections = InMemoryProviderConnectionRepository(self.world)
        return DisconnectProviderHandler(connections, bus, now=CLOCK, new_id=FakeIds())

    async def run(self, command: DisconnectProvider) -> Outcome:
        return await self.handler.handle(command)

    async def disconnect(
        self, user_id: UserId = USER, connection_id: ConnectionId | None = None
    ) -> Outcome:
        return await self.run(
            DisconnectProvider(
                user_id=user_id,
                connection_id=connection_id or CONNECTION.id,
                attempt_id=ATTEMPT,
            )
        )

    @property
    def stored(self) -> ProviderConnection:
        return self.world.connections[CONNECTION.id]

    def events(self, user_id: UserId = USER) -> list[ProviderEvent]:
        log = self.world.logs[user_id]
        assert [recorded.position for recorded in log] == list(range(1, len(log) + 1))
        return [recorded.event for recorded in log]

    def kinds(self, user_id: UserId = USER) -> list[type[ProviderEvent]]:
        return [type(event) for event in self.events(user_id)]

    async def logged(self, count: int) -> None:
        """Until the user's log holds so many events."""
        async with asyncio.timeout(5), self.world.grown:
            await self.world.grown.wait_for(lambda: len(self.world.logs[USER]) >= count)


def assert_failed(outcome: Outcome, error: DisconnectProviderError, attempt: UUID | None) -> None:
    assert isinstance(outcome, Failure)
    assert (outcome.error, outcome.attempt_id) == (error, attempt)


def assert_reason(event: ProviderEvent, reason: FailureReason) -> None:
    assert isinstance(event, ProviderDisconnectionFailed)
    assert event.reason is reason


SUCCESS = [ProviderDisconnectionAttempted, ProviderDisconnectionSucceeded]
FAILURE = [ProviderDisconnectionAttempted, ProviderDisconnectionFailed]
