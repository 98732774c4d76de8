"""What services may read."""

from typing import Annotated

import orjson
import strawberry

from domain.commands import errors
from domain.identifiers import ConnectionId, UserId
from domain.ports import ConnectionFilter, ConnectionKey, StorageError, UnknownKey
from domain.provider_connection import ConnectionStatus as DomainStatus
from domain.provider_connection import ProviderConnection
from schema.cursors import decode_record_key, encode_record_key
from schema.relay import (
    After,
    Before,
    Connection,
    First,
    Last,
    Node,
    given,
    page_request,
    parse_id,
    relay_connection,
)
from schema.service.context import ServiceInfo
from schema.service.refusals import refusal
from schema.service.results import CredentialsResult
from schema.service.types import ConnectionRecord, Credentials
from schema.shared_types import ConnectionStatus

UNSET = strawberry.UNSET


@strawberry.type(description="What a service may read.")
class Query:
    """Root of all queries."""

    @strawberry.field(description="Scope connections:read. A connection, by its id.")
    async def node(
        self,
        info: ServiceInfo,
        id: Annotated[strawberry.ID, strawberry.argument(description="A UUID.")],  # noqa: A002 (Relay's name)
    ) -> Node | None:
        """None for what is missing."""
        connection_id = ConnectionId(parse_id(id, "id"))
        connection = await info.context.services.connection_repo.find_by_id(connection_id)
        return None if connection is None else ConnectionRecord.of(connection)

    @strawberry.field(description="Scope connections:read. In order of creation.")
    async def connections(
        self,
        info: ServiceInfo,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only this user's. A UUID.")
        ] = UNSET,
        provider_slug: Annotated[
            str | None, strawberry.argument(description="Only connections to this provider.")
        ] = UNSET,
        status: Annotated[
            list[ConnectionStatus] | None,
            strawberry.argument(description="Only connections in one of these statuses."),
        ] = UNSET,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> Connection[ConnectionRecord]:
        """A page of all users' connections."""
        user, statuses = given(user_id), given(status)
        after, before = given(after), given(before)
        wanted = ConnectionFilter(
            user_id=None if user is None else UserId(parse_id(user, "userId")),
            provider_slug=given(provider_slug),
            statuses=None
            if statuses is None
            else frozenset(DomainStatus[status.name] for status in statuses),
        )
        page = await info.context.services.records.records(
            wanted,
            page_request(
                first,
                last,
                None if after is None else decode_record_key(after),
                None if before is None else decode_record_key(before),
            ),
        )
        return relay_connection(page, _cursor, ConnectionRecord.of)

    @strawberry.field(
        description=(
            "Scope credentials:read. Decrypted. A read whose line in the access log can't be "
            "written fails."
        )
    )
    async def credentials(
        self,
        info: ServiceInfo,
        connection_id: Annotated[
            strawberry.ID, strawberry.argument(description="The connection. A UUID.")
        ],
    ) -> CredentialsResult:
        """Each read is written down before it is answered."""
        wanted = ConnectionId(parse_id(connection_id, "connectionId"))
        context = info.context
        connection: ProviderConnection | None = None
        result: CredentialsResult = refusal(errors.DatabaseError())
        try:
            connection = await context.services.secrets.find_with_credentials(wanted)
            result = _credentials(info, connection)
        except StorageError:
            pass
        try:
            context.services.audit.credentials_read(
                service=context.caller.name,
                connection_id=wanted,
                user_id=None if connection is None else connection.user_id,
                outcome="ok" if isinstance(result, Credentials) else type(result).__name__,
            )
        except OSError:
            return refusal(errors.DatabaseError())
        return result


def _credentials(info: ServiceInfo, connection: ProviderConnection | None) -> CredentialsResult:
    if connection is None:
        return refusal(errors.ConnectionNotFound())
    if connection.status is DomainStatus.DISCONNECTED:
        return refusal(errors.ConnectionDisconnected())
    stored = connection.credentials
    if stored is None or stored.encrypted_data is None:
        return refusal(errors.ConnectionNotActive(connection.status))
    try:
        data = orjson.loads(info.context.services.cipher.decrypt(stored.encrypted_data))
    except (UnknownKey, orjson.JSONDecodeError):
        return refusal(errors.DatabaseError())
    return Credentials(
        type=stored.credential_type,
        data=data,
        expires_at=stored.expires_at,
        credentials_version=connection.credentials_version,
    )


def _cursor(item: ProviderConnection) -> str:
    return encode_record_key(ConnectionKey(item.created_at, item.id))
