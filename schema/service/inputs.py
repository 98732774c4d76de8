"""What services hand in, checked and encrypted."""

from datetime import datetime
from enum import Enum

import orjson
import strawberry
from strawberry.scalars import JSON

from domain.events import ProviderRef
from domain.identifiers import ProviderId
from domain.ports import Cipher
from domain.provider_connection import MAX_SLUG_LENGTH, ProviderCredentials
from schema.errors import bad_user_input
from schema.relay import given, parse_id
from schema.service.checks import checked_text, checked_time, is_exact, is_within

MAX_CREDENTIALS = 65_536
"""Bytes of the credentials' data as JSON."""

MAX_CREDENTIALS_DEPTH = 64
"""Levels of objects and lists in them. More than a few hundred can't be encoded in a response."""

MAX_TYPE_LENGTH = 50


@strawberry.input(description="A data provider.")
class ProviderInput:
    """By id and slug."""

    id: strawberry.ID = strawberry.field(description="A UUID.")
    slug: str = strawberry.field(description="A short name, such as `schwab`: 1 to 50 characters.")

    def checked(self) -> ProviderRef:
        """The provider; `BAD_USER_INPUT` names what is wrong."""
        slug = checked_text(self.slug, "provider.slug", MAX_SLUG_LENGTH)
        return ProviderRef(id=ProviderId(parse_id(self.id, "provider.id")), slug=slug)


@strawberry.input(description="Credentials, encrypted before they are stored. Use variables.")
class CredentialsInput:
    """Opaque to Unplug, but for their size."""

    type: str = strawberry.field(description="Such as `oauth2`: 1 to 50 characters.")
    data: JSON = strawberry.field(
        description="A JSON object with at least one member, at most 64 KiB and 64 levels."
    )
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When they expire, with a time zone."
    )

    def encrypted(self, cipher: Cipher) -> ProviderCredentials:
        """As they are stored; `BAD_USER_INPUT` names what is wrong, and quotes nothing."""
        data: object = self.data
        if not isinstance(data, dict) or not data:
            raise bad_user_input("`credentials.data` is not a JSON object with members.")
        if not is_within(data, MAX_CREDENTIALS_DEPTH):
            raise bad_user_input(
                f"`credentials.data` is nested deeper than {MAX_CREDENTIALS_DEPTH} levels."
            )
        if not is_exact(data):
            raise bad_user_input("`credentials.data` has a number that is not exact: use a string.")
        try:
            encoded = orjson.dumps(data)
        except orjson.JSONEncodeError:
            raise bad_user_input("`credentials.data` is not JSON.") from None
        if len(encoded) > MAX_CREDENTIALS:
            raise bad_user_input(f"`credentials.data` is longer than {MAX_CREDENTIALS} bytes.")
        expires_at = given(self.expires_at)
        return ProviderCredentials(
            encrypted_data=cipher.encrypt(encoded),
            credential_type=checked_text(self.type, "credentials.type", MAX_TYPE_LENGTH),
            expires_at=None
            if expires_at is None
            else checked_time(expires_at, "credentials.expiresAt"),
        )


@strawberry.enum(description="How a provider stopped accepting credentials.")
class AccessLostStatus(Enum):
    """The lifecycle status that the connection gets."""

    EXPIRED = strawberry.enum_value("expired", description="The credentials have expired.")
    REVOKED = strawberry.enum_value("revoked", description="The provider or user withdrew them.")
    FAILED = strawberry.enum_value("failed", description="They are refused for another reason.")


@strawberry.input(description="A provider that a user has connected.")
class ConnectProviderInput:
    """Begins a connection, or begins one again."""

    user_id: strawberry.ID = strawberry.field(description="The user's id. Any UUID is accepted.")
    provider: ProviderInput = strawberry.field(description="The connected provider.")
    credentials: CredentialsInput = strawberry.field(description="What the provider issued.")
    alias: str | None = strawberry.field(
        default=strawberry.UNSET, description="The user's name for it, at most 100 characters."
    )
    provider_account_id: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The provider's id of the account: connecting it again makes no duplicate.",
    )
    connection_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Renew this connection only. A UUID."
    )
    attempt_id: strawberry.ID = strawberry.field(
        description="A new UUID for each attempt; repeat it when an answer was lost."
    )


@strawberry.input(description="Credentials that replace those of a known version.")
class RefreshCredentialsInput:
    """After a refresh at the provider."""

    connection_id: strawberry.ID = strawberry.field(description="The connection. A UUID.")
    credentials_version: int = strawberry.field(description="The version that was refreshed.")
    credentials: CredentialsInput = strawberry.field(description="What the provider issued.")


@strawberry.input(description="Credentials that the provider no longer accepts.")
class ReportAccessLostInput:
    """After a 401 or an `invalid_grant`."""

    connection_id: strawberry.ID = strawberry.field(description="The connection. A UUID.")
    credentials_version: int = strawberry.field(description="The version that was refused.")
    status: AccessLostStatus = strawberry.field(description="The connection's new status.")


@strawberry.input(description="A sync that has fetched data.")
class RecordSyncInput:
    """Sets `lastSyncAt`, never backwards."""

    connection_id: strawberry.ID = strawberry.field(description="The connection. A UUID.")
    at: datetime = strawberry.field(description="When data was fetched, with a time zone.")


@strawberry.input(description="A disconnection on behalf of a user.")
class ServiceDisconnectProviderInput:
    """Support, compliance, account deletion."""

    user_id: strawberry.ID = strawberry.field(description="The connection's user. A UUID.")
    connection_id: strawberry.ID = strawberry.field(description="The connection. A UUID.")
    attempt_id: strawberry.ID = strawberry.field(
        description="A new UUID for each attempt; repeat it when an answer was lost."
    )
    note: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The reason, as the user reads it: at most 500 characters.",
    )


@strawberry.input(description="The end of all of a user's connections.")
class ServiceDisconnectAllProvidersInput:
    """Account deletion."""

    user_id: strawberry.ID = strawberry.field(description="The user's id. Any UUID is accepted.")
    batch_id: strawberry.ID = strawberry.field(
        description="A new UUID for each request; repeat it when an answer was lost."
    )
    note: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The reason, as the user reads it: at most 500 characters.",
    )
