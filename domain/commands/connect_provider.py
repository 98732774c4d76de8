"""Connect a provider: a connection begins, or begins again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from domain.commands.changing import SAVE_TRIES, provider_of, revocation_of, revoke_late
from domain.commands.errors import (
    ConnectionDisconnected,
    ConnectionNotFound,
    DatabaseError,
    DifferentRequest,
)
from domain.events import (
    ProviderConnected,
    ProviderRef,
    RecordedEvent,
)
from domain.identifiers import AttemptId, ConnectionId, EventId, UserId
from domain.ports import (
    AttemptRecorded,
    ConcurrentUpdate,
    EventBus,
    NewId,
    Now,
    ProviderConnectionRepository,
    StorageError,
)
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from domain.result import Failure, Result, Success


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectProvider:
    """A user has connected a provider. `credentials` are encrypted already.

    With `connection_id` that connection begins again, and no other. Without it, the connection of
    the same account does, if there is one.
    """

    user_id: UserId
    provider: ProviderRef
    credentials: ProviderCredentials
    attempt_id: AttemptId
    connection_id: ConnectionId | None = None
    provider_account_id: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedProvider:
    """The connection as it is now, and what the attempt recorded.

    `verify`: a revocation that began before may have ended the new credentials as well.
    """

    connection: ProviderConnection
    recorded: RecordedEvent
    verify: bool = False

    @property
    def created(self) -> bool:
        """Whether the attempt began a new connection."""
        event = self.recorded.event
        return isinstance(event, ProviderConnected) and event.created


WaitForGrant: TypeAlias = Callable[[ProviderConnection], Awaitable[bool]]
"""Returns when no worker is about to end a grant that the connection may share, or when it takes
too long; whether there was one. Raises nothing."""

Refused: TypeAlias = DifferentRequest | ConnectionDisconnected | ConnectionNotFound
ConnectOutcome: TypeAlias = Result[ConnectedProvider, Refused | DatabaseError]


class ConnectProviderHandler:
    """Runs the command: one event, one commit.

    1. Find the target: the named connection, or the one of the account that is not disconnected.
    2. None was named and none is there: add a connection, behind its disconnected predecessor.
    3. The named one is missing or another user's: not found. It is of another provider or account:
       the request is at fault. It is disconnected: the credentials came too late.
    4. Save it as active with the new credentials and `ProviderConnected`. Credentials that it had
       are revoked, where the provider ends single tokens: that is an attempt of its own.
    5. The attempt is recorded already: answer with what it recorded.
    6. The target has changed meanwhile: redo 1. A named target is never exchanged for another.
    7. A worker is about to end the grant that the credentials belong to: wait for it, and say that
       they have to be verified.
    """

    def __init__(
        self,
        connection_repo: ProviderConnectionRepository,
        event_bus: EventBus,
        wait_for_grant: WaitForGrant,
        *,
        now: Now,
        new_id: NewId,
    ) -> None:
        self._connections = connection_repo
        self._events = event_bus
        self._wait_for_grant = wait_for_grant
        self._now = now
        self._new_id = new_id

    async def handle(self, command: ConnectProvider) -> ConnectOutcome:
        """Expected outcomes are returned, never raised."""
        try:
            for _ in range(SAVE_TRIES):
                try:
                    return await self._verified(await self._connect(command))
                except ConcurrentUpdate:
                    pass  # redo 1
                except AttemptRecorded:
                    return await self._verified(await self._repeat(command))
        except StorageError:
            pass
        return Failure(error=DatabaseError())

    async def _connect(self, command: ConnectProvider) -> ConnectOutcome:
        previous_id = None
        if command.connection_id is not None:
            target = await self._connections.find_by_id(command.connection_id)
            if refused := _refused(command, target):
                return await self._refuse(command, target, refused)
        elif command.provider_account_id is not None:
            account = await self._connections.find_account(
                command.user_id, command.provider.slug, command.provider_account_id
            )
            target, previous_id = account.current, account.previous_id
        else:
            target = None
        if target is None:
            return await self._add(command, previous_id)
        connected = target.reconnect(command.credentials, self._now(), command.alias)
        revocation = revocation_of(target, self._now(), self._new_id)  # of what is replaced, if any
        recorded = await self._connections.save(
            connected, self._event(command, connected), revocation
        )
        return Success(value=ConnectedProvider(connection=connected, recorded=recorded))

    async def _verified(self, outcome: ConnectOutcome) -> ConnectOutcome:
        """After the commit: a worker that takes the revocation now sees the new credentials."""
        if isinstance(outcome, Failure):
            return outcome
        verify = await self._wait_for_grant(outcome.value.connection)
        return Success(value=replace(outcome.value, verify=True)) if verify else outcome

    async def _add(
        self, command: ConnectProvider, previous_id: ConnectionId | None
    ) -> ConnectOutcome:
        now = self._now()
        connection = ProviderConnection(
            id=ConnectionId(self._new_id()),
            user_id=command.user_id,
            provider_id=command.provider.id,
            provider_slug=command.provider.slug,
            provider_account_id=command.provider_account_id,
            alias=command.alias,
            status=ConnectionStatus.ACTIVE,
            credentials=command.credentials,
            previous_connection_id=previous_id,
            connected_at=now,
            created_at=now,
            updated_at=now,
        )
        event = self._event(command, connection, created=True)
        recorded = await self._connections.add(connection, event)
        return Success(value=ConnectedProvider(connection=connection, recorded=recorded))

    async def _refuse(
        self, command: ConnectProvider, target: ProviderConnection | None, refused: Refused
    ) -> ConnectOutcome:
        """A lost answer may be asked for again after the connection has ended."""
        if await self._events.of_attempt(command.attempt_id):
            return await self._repeat(command)
        if target is not None and isinstance(refused, ConnectionDisconnected):
            refused = await revoke_late(
                self._connections,
                target,
                command.credentials,
                now=self._now,
                new_id=self._new_id,
            )
        return Failure(error=refused)

    async def _repeat(self, command: ConnectProvider) -> ConnectOutcome:
        attempt = await self._events.of_attempt(command.attempt_id)
        if not attempt:  # a restore has taken it out of the log
            raise StorageError
        recorded = attempt[0]
        event = recorded.event
        connection = await self._connections.find_by_id(event.connection_id)
        if (
            connection is None
            or not isinstance(event, ProviderConnected)
            or not _matches(command, connection)
            or (event.created and command.connection_id is not None)
        ):
            return Failure(error=DifferentRequest())
        return Success(value=ConnectedProvider(connection=connection, recorded=recorded))

    def _event(
        self, command: ConnectProvider, connection: ProviderConnection, *, created: bool = False
    ) -> ProviderConnected:
        return ProviderConnected(
            id=EventId(self._new_id()),
            occurred_at=connection.updated_at,
            user_id=connection.user_id,
            connection_id=connection.id,
            attempt_id=command.attempt_id,
            provider=provider_of(connection),
            created=created,
            previous_connection_id=connection.previous_connection_id if created else None,
        )


def _refused(command: ConnectProvider, target: ProviderConnection | None) -> Refused | None:
    if target is None or target.user_id != command.user_id:
        return ConnectionNotFound()
    if not _matches(command, target):
        return DifferentRequest()
    if target.status is ConnectionStatus.DISCONNECTED:
        return ConnectionDisconnected()
    return None


def _matches(command: ConnectProvider, connection: ProviderConnection) -> bool:
    """Whether the command is about this connection. Credentials are never compared.

    Without a connection's id, the account is found by the provider's slug. Only a command that
    names its connection may leave the account out.
    """
    named = command.connection_id is not None
    provider = provider_of(connection)
    account_id = command.provider_account_id
    return (
        command.user_id == connection.user_id
        and command.provider.slug == provider.slug
        and (not named or command.provider.id == provider.id)
        and (account_id == connection.provider_account_id or (named and account_id is None))
        and (not named or command.connection_id == connection.id)
    )
