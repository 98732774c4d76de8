"""Connections as tuples, in the order of the columns named here."""

from collections.abc import Sequence
from typing import Any

from domain.identifiers import ConnectionId, ProviderId, UserId
from domain.provider_connection import ConnectionStatus, ProviderConnection, ProviderCredentials
from domain.token_revocation import RevocationStatus, TokenRevocation
from infrastructure.database.rows.values import as_time, as_uuid, time_or_none

CONNECTION_COLUMNS = (
    "id",
    "user_id",
    "provider_id",
    "created_at",
    "provider_account_id",
    "previous_connection_id",
    "provider_slug",
    "alias",
    "status",
    "encrypted_credentials",
    "credential_type",
    "credentials_expire_at",
    "connected_at",
    "disconnected_at",
    "last_sync_at",
    "updated_at",
    "credentials_version",
    "version",
)
FIXED = 6
"""So many of them never change."""
CIPHERTEXT = "encrypted_credentials"
REVOCATION_COLUMNS = ("revocation_status", "revocation_since", "manage_url")
"""What became of a connection's tokens. Commits write it, and it is no part of the version."""
WRITTEN_COLUMNS = tuple(column for column in CONNECTION_COLUMNS if column != CIPHERTEXT)
READ_COLUMNS = (*REVOCATION_COLUMNS, *WRITTEN_COLUMNS)
"""How connections are read: without what may be hundreds of kilobytes that no rule looks at."""


def connection_row(connection: ProviderConnection) -> tuple[Any, ...]:
    """From `CONNECTION_COLUMNS`, with UUIDs and times as values.

    A type without ciphertext says that the ciphertext is to stay as it is stored.
    """
    credentials = connection.credentials
    return (
        connection.id,
        connection.user_id,
        connection.provider_id,
        connection.created_at,
        connection.provider_account_id,
        connection.previous_connection_id,
        connection.provider_slug,
        connection.alias,
        connection.status.value,
        credentials.encrypted_data if credentials else None,
        credentials.credential_type if credentials else None,
        credentials.expires_at if credentials else None,
        connection.connected_at,
        connection.disconnected_at,
        connection.last_sync_at,
        connection.updated_at,
        connection.credentials_version,
        connection.version,
    )


def connection_of(row: Sequence[Any], encrypted: bytes | None = None) -> ProviderConnection:
    """From `READ_COLUMNS`."""
    values = dict(zip(READ_COLUMNS, row, strict=True))
    credential_type, previous = values["credential_type"], values["previous_connection_id"]
    return ProviderConnection(
        id=ConnectionId(as_uuid(values["id"])),
        user_id=UserId(as_uuid(values["user_id"])),
        provider_id=ProviderId(as_uuid(values["provider_id"])),
        created_at=as_time(values["created_at"]),
        provider_account_id=values["provider_account_id"],
        previous_connection_id=None if previous is None else ConnectionId(as_uuid(previous)),
        provider_slug=values["provider_slug"],
        alias=values["alias"],
        status=ConnectionStatus(values["status"]),
        credentials=None
        if credential_type is None
        else ProviderCredentials(
            encrypted_data=encrypted,
            credential_type=credential_type,
            expires_at=time_or_none(values["credentials_expire_at"]),
        ),
        connected_at=time_or_none(values["connected_at"]),
        disconnected_at=time_or_none(values["disconnected_at"]),
        last_sync_at=time_or_none(values["last_sync_at"]),
        updated_at=as_time(values["updated_at"]),
        revocation=_revocation(values),
        credentials_version=values["credentials_version"],
        version=values["version"],
    )


def _revocation(values: dict[str, Any]) -> TokenRevocation | None:
    if values["status"] != ConnectionStatus.DISCONNECTED.value:
        return None
    status, since = values["revocation_status"], values["revocation_since"]
    return TokenRevocation(
        status=RevocationStatus(status) if status else RevocationStatus.NOT_ATTEMPTED,
        since=as_time(since or values["disconnected_at"] or values["updated_at"]),
        manage_url=values["manage_url"],
    )
