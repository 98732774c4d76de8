"""The link between one user and one provider, and its lifecycle."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from domain.identifiers import ConnectionId, ProviderId, UserId
from domain.token_revocation import TokenRevocation

MAX_SLUG_LENGTH = 50
MAX_ALIAS_LENGTH = 100
MAX_ACCOUNT_ID_LENGTH = 255

EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
"""Times from outside, below the latest: databases take those beyond for infinity."""


class ConnectionStatus(StrEnum):
    """Lifecycle status of a connection. `DISCONNECTED` is final."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    FAILED = "failed"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCredentials:
    """Encrypted credentials. The domain can keep, replace or drop them, never read them.

    Connections are read without `encrypted_data`: None means that it stays in the database, also
    when the connection is saved. Nothing of credentials is in `repr`, so that no log line or
    traceback can show them.
    """

    credential_type: str = field(repr=False)
    encrypted_data: bytes | None = field(default=None, repr=False)
    expires_at: datetime | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.encrypted_data == b"":
            raise ValueError("credentials are empty")
        if not self.credential_type:
            raise ValueError("credentials need a type")
        require_utc(expires_at=self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConnection:
    """One user's connection to one provider. Times are UTC.

    `version` is the row's version as it was read: a save is refused with `ConcurrentUpdate` when
    the row has moved on. A new connection has version 1. `credentials_version` counts
    replacements of the credentials by a back end: 1 at first; rotating keys is none.
    `provider_account_id` is the provider's own name for the account that was connected.
    `revocation` is as it was read and never saved: the commit of a disconnection decides on it.
    """

    id: ConnectionId
    user_id: UserId
    provider_id: ProviderId
    provider_slug: str
    status: ConnectionStatus
    created_at: datetime
    updated_at: datetime
    alias: str | None = None
    connected_at: datetime | None = None
    disconnected_at: datetime | None = None
    last_sync_at: datetime | None = None
    credentials: ProviderCredentials | None = None
    version: int = 1
    provider_account_id: str | None = None
    previous_connection_id: ConnectionId | None = None
    credentials_version: int = 1
    revocation: TokenRevocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self.provider_slug) <= MAX_SLUG_LENGTH:
            raise ValueError(f"a provider slug has 1 to {MAX_SLUG_LENGTH} characters")
        if self.alias is not None and len(self.alias) > MAX_ALIAS_LENGTH:
            raise ValueError(f"an alias has at most {MAX_ALIAS_LENGTH} characters")
        account_id = self.provider_account_id
        if account_id is not None and not 1 <= len(account_id) <= MAX_ACCOUNT_ID_LENGTH:
            raise ValueError(f"an account id has 1 to {MAX_ACCOUNT_ID_LENGTH} characters")
        if self.version < 1 or self.credentials_version < 1:
            raise ValueError("a version is 1 or more")
        require_utc(
            created_at=self.created_at,
            updated_at=self.updated_at,
            connected_at=self.connected_at,
            disconnected_at=self.disconnected_at,
            last_sync_at=self.last_sync_at,
        )
        match self.status:
            case ConnectionStatus.ACTIVE if self.credentials is None:
                raise ValueError("an active connection needs credentials")
            case ConnectionStatus.DISCONNECTED if self.credentials is not None:
                raise ValueError("a disconnected connection has no credentials")

    def mark_disconnected(self, now: datetime) -> "ProviderConnection":
        """Any state becomes `DISCONNECTED`, without credentials.

        The first `disconnected_at` is kept, and a connection that is disconnected already
        comes back as it is.
        """
        if self.status is ConnectionStatus.DISCONNECTED:
            return self
        return replace(
            self,
            status=ConnectionStatus.DISCONNECTED,
            credentials=None,
            disconnected_at=self.disconnected_at or now,
            updated_at=now,
        )

    def reconnect(
        self, credentials: ProviderCredentials, now: datetime, alias: str | None = None
    ) -> "ProviderConnection":
        """Any state but `DISCONNECTED` becomes `ACTIVE` again, as if it were connected now.

        The alias stays unless another one is given.
        """
        replaced = self.replace_credentials(credentials, now)
        return replace(replaced, connected_at=now, alias=self.alias if alias is None else alias)

    def replace_credentials(
        self, credentials: ProviderCredentials, now: datetime
    ) -> "ProviderConnection":
        """The connection is `ACTIVE` with these credentials, which count as its next version.

        A disconnected connection never has credentials again: `ValueError`.
        """
        if self.status is ConnectionStatus.DISCONNECTED:
            raise ValueError("a disconnected connection stays disconnected")
        return replace(
            self,
            status=ConnectionStatus.ACTIVE,
            credentials=credentials,
            credentials_version=self.credentials_version + 1,
            updated_at=now,
        )

    def lose_access(self, status: ConnectionStatus, now: datetime) -> "ProviderConnection":
        """The provider no longer accepts the credentials, which are kept."""
        return replace(self, status=status, updated_at=now)

    def record_sync(self, at: datetime, now: datetime) -> "ProviderConnection":
        """`last_sync_at` never moves backwards: an older sync leaves the connection as it is."""
        if self.last_sync_at is not None and at <= self.last_sync_at:
            return self
        return replace(self, last_sync_at=at, updated_at=now)


def require_utc(**times: datetime | None) -> None:
    """Times without a zone, or in another one, would compare wrongly: `ValueError`."""
    for name, time in times.items():
        if time is not None and time.tzinfo is not UTC and time.utcoffset() != timedelta(0):
            raise ValueError(f"{name} is not in UTC")
