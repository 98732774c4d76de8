"""The connections of the demo user."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import NAMESPACE_DNS, uuid5

from uuid_utils.compat import uuid7

from domain.identifiers import ConnectionId, ProviderId, UserId
from domain.provider_connection import (
    ConnectionStatus,
    ProviderConnection,
    ProviderCredentials,
)
from infrastructure.commands.importing.lines import Encrypt

Grant = Callable[[str], Mapping[str, str]]
"""Gives the tokens of a new grant at the provider with a slug."""

Spec = tuple[str, str | None, ConnectionStatus, int | None]
_CONNECTIONS: tuple[Spec, ...] = (
    ("schwab", "My IRA", ConnectionStatus.ACTIVE, 400),
    ("chase", "Everyday checking", ConnectionStatus.ACTIVE, 210),
    ("coinbase", None, ConnectionStatus.ACTIVE, 35),
    ("vanguard", "College fund", ConnectionStatus.EXPIRED, 730),
    ("fidelity", None, ConnectionStatus.PENDING, None),
)


def demo_connections(
    user_id: UserId, grant: Grant, encrypt: Encrypt, now: datetime
) -> Sequence[ProviderConnection]:
    """Connections of a user in several statuses, those that are connected with tokens that work."""
    return [
        _connection(
            user_id, spec, _credentials(spec, grant, encrypt), now + timedelta(microseconds=n)
        )
        for n, spec in enumerate(_CONNECTIONS)
    ]


def _credentials(spec: Spec, grant: Grant, encrypt: Encrypt) -> ProviderCredentials | None:
    slug, _, _, connected_days_ago = spec
    if connected_days_ago is None:
        return None
    data = json.dumps(dict(grant(slug))).encode()
    return ProviderCredentials(encrypted_data=encrypt(data), credential_type="oauth2")


def _connection(
    user_id: UserId,
    spec: Spec,
    credentials: ProviderCredentials | None,
    now: datetime,
) -> ProviderConnection:
    slug, alias, status, connected_days_ago = spec
    connected = connected_days_ago is not None
    return ProviderConnection(
        id=ConnectionId(uuid7()),
        user_id=user_id,
        provider_id=ProviderId(uuid5(NAMESPACE_DNS, f"{slug}.example")),
        provider_slug=slug,
        alias=alias,
        status=status,
        connected_at=now - timedelta(days=connected_days_ago or 0) if connected else None,
        last_sync_at=now - timedelta(hours=3) if status is ConnectionStatus.ACTIVE else None,
        credentials=credentials,
        created_at=now,
        updated_at=now,
    )
