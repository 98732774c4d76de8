"""The ports of connections and of their credentials, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from domain.events import (
    ProviderEvent,
    ProviderTokenRevocationAttempted,
    RecordedEvent,
)
from domain.identifiers import ConnectionId, UserId
from domain.ports import (
    AccountConnections,
    ConnectionFilter,
    ConnectionKey,
    NotFound,
    Page,
    PageRequest,
)
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from infrastructure.database.members import account_of
from infrastructure.database.store import StoredCredential
from tests.support.fakes.paging import page_of
from tests.support.fakes.world import DISCONNECTED, World


class InMemoryProviderConnectionRepository:
    """`ProviderConnectionRepository`, `ConnectionList` and `ConnectionSecrets`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def find_by_id(self, connection_id: ConnectionId) -> ProviderConnection | None:
        found = await self.find_with_credentials(connection_id)
        return as_read(found) if found else None

    async def find_owned(
        self, connection_id: ConnectionId, user_id: UserId
    ) -> ProviderConnection | NotFound:
        found = await self.find_by_id(connection_id)
        if found is None:
            return NotFound.MISSING
        return found if found.user_id == user_id else NotFound.NOT_OWNED

    async def find_with_credentials(self, connection_id: ConnectionId) -> ProviderConnection | None:
        await self._world.passed("find")
        found = self._world.connections.get(connection_id)
        return found and replace(found, revocation=self._world.revocations.of(found))

    async def find_by_user_id(self, user_id: UserId) -> Sequence[ProviderConnection]:
        await self._world.passed("find")
        own = (c for c in self._world.connections.values() if c.user_id == user_id)
        return [self._as_read(connection) for connection in sorted(own, key=_key)]

    async def save(
        self,
        connection: ProviderConnection,
        event: ProviderEvent,
        revocation: ProviderTokenRevocationAttempted | None = None,
    ) -> RecordedEvent:
        return await self._world.write(event, connection, revocation=revocation)

    async def revoke_late(
        self, credentials: ProviderCredentials, revocation: ProviderTokenRevocationAttempted
    ) -> bool:
        return await self._world.revoke_late(credentials, revocation)

    async def update(self, connection: ProviderConnection) -> None:
        await self._world.change(connection)

    async def add(self, connection: ProviderConnection, event: ProviderEvent) -> RecordedEvent:
        return await self._world.write(event, connection, is_new=True)

    async def grant_is_ending(self, connection: ProviderConnection) -> bool:
        await self._world.passed("grant")
        return self._world.revocations.ends_grant_of(connection, self._world.connections)

    async def find_account(
        self, user_id: UserId, provider_slug: str, account_id: str
    ) -> AccountConnections:
        await self._world.passed("find")
        wanted = (user_id, provider_slug, account_id)
        own = [c for c in self._world.connections.values() if account_of(c) == wanted]
        past = [c for c in own if c.disconnected_at and c.status is DISCONNECTED]
        past.sort(key=lambda c: c.disconnected_at or c.created_at)
        return AccountConnections(
            current=next((self._as_read(c) for c in own if c.status is not DISCONNECTED), None),
            previous_id=past[-1].id if past else None,
        )

    async def records(
        self, wanted: ConnectionFilter, request: PageRequest[ConnectionKey]
    ) -> Page[ProviderConnection]:
        await self._world.passed("find")
        found = [
            self._as_read(c)
            for c in sorted(self._world.connections.values(), key=_key)
            if wanted.user_id in (None, c.user_id)
            and wanted.provider_slug in (None, c.provider_slug)
            and (wanted.statuses is None or c.status in wanted.statuses)
            and (wanted.ids is None or c.id in wanted.ids)
            and (
                wanted.connected_before is None
                or (c.connected_at or c.created_at) < wanted.connected_before
            )
        ]
        return page_of(found, _key, request)

    async def page(
        self,
        user_id: UserId,
        request: PageRequest[ConnectionKey],
        statuses: frozenset[ConnectionStatus] | None = None,
    ) -> Page[ProviderConnection]:
        own = await self.find_by_user_id(user_id)
        return page_of([c for c in own if statuses is None or c.status in statuses], _key, request)

    def _as_read(self, connection: ProviderConnection) -> ProviderConnection:
        revocation = self._world.revocations.of(connection)
        return as_read(replace(connection, revocation=revocation))


class InMemoryStoredCredentials:
    """`StoredCredentials`; `replace` is a step of its world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def count(self) -> int:
        return len(self._all())

    async def page(self, after: UUID | None, limit: int) -> Sequence[StoredCredential]:
        return [item for item in self._all() if after is None or item.connection_id > after][:limit]

    async def replace(self, changed: Sequence[StoredCredential]) -> int:
        await self._world.passed("replace")
        replaced = 0
        for new in changed:
            row = self._world.connections.get(new.connection_id)
            if row is None or row.version != new.version or row.credentials is None:
                continue
            credentials = replace(row.credentials, encrypted_data=new.encrypted_data)
            self._world.add(replace(row, credentials=credentials, version=row.version + 1))
            replaced += 1
        return replaced

    def _all(self) -> list[StoredCredential]:
        return [
            StoredCredential(
                connection_id=row.id,
                version=row.version,
                encrypted_data=row.credentials.encrypted_data,
            )
            for row in sorted(self._world.connections.values(), key=lambda row: row.id)
            if row.credentials is not None and row.credentials.encrypted_data is not None
        ]


def as_read(connection: ProviderConnection) -> ProviderConnection:
    """Without the ciphertext, which stays in the database."""
    if connection.credentials is None:
        return connection
    return replace(connection, credentials=replace(connection.credentials, encrypted_data=None))


def _key(connection: ProviderConnection) -> ConnectionKey:
    return ConnectionKey(connection.created_at, connection.id)
