"""What services hand in, checked and encrypted."""

import math
from datetime import UTC, datetime
from enum import Enum

import orjson
import strawberry
from strawberry.scalars import JSON

from domain.events import ProviderRef
from domain.identifiers import ProviderId
from domain.ports import Cipher
from domain.provider_connection import (
    EARLIEST,
    LATEST,
    MAX_ACCOUNT_ID_LENGTH,
    MAX_ALIAS_LENGTH,
    MAX_SLUG_LENGTH,
    ProviderCredentials,
)
from schema.errors import bad_user_input
from schema.relay import given, parse_id

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
        if not _is_within(data, MAX_CREDENTIALS_DEPTH):
            raise bad_user_input(
                f"`credentials.data` is nested deeper than {MAX_CREDENTIALS_DEPTH} levels."
            )
        if not _is_exact(data):
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

    user_id: strawberry.ID = strawberry.field(description="The user. Any UUID is a user.")
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

    user_id: strawberry.ID = strawberry.field(description="The user. Any UUID is a user.")
    batch_id: strawberry.ID = strawberry.field(
        description="A new UUID for each request; repeat it when an answer was lost."
    )
    note: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The reason, as the user reads it: at most 500 characters.",
    )


def checked_text(text: str, name: str, most: int) -> str:
    """`BAD_USER_INPUT` for what is empty, too long, or can't be stored."""
    if not 1 <= len(text) <= most:
        raise bad_user_input(f"`{name}` has 1 to {most} characters.")
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise bad_user_input(f"`{name}` has a character that can't be stored.")
    return text


def optional_text(text: str | None, name: str, most: int) -> str | None:
    """The same, for what may be left out."""
    known = given(text)
    return None if known is None else checked_text(known, name, most)


def checked_alias(text: str | None) -> str | None:
    """A user's name for a connection; an empty one is a name as well."""
    known = given(text)
    return known if known == "" else optional_text(known, "alias", MAX_ALIAS_LENGTH)


def checked_account(text: str | None) -> str | None:
    """A provider's id of an account."""
    return optional_text(text, "providerAccountId", MAX_ACCOUNT_ID_LENGTH)


def checked_time(time: datetime, name: str) -> datetime:
    """In UTC; `BAD_USER_INPUT` without a time zone, or when it can't be stored."""
    if time.tzinfo is None:
        raise bad_user_input(f"`{name}` needs a time zone.")
    try:
        utc = time.astimezone(UTC)
    except OverflowError:
        raise bad_user_input(f"`{name}` is out of range.") from None
    if not EARLIEST <= utc < LATEST:
        raise bad_user_input(f"`{name}` is out of range.")
    return utc


def _is_within(value: object, levels: int) -> bool:
    match value:
        case dict():
            return levels > 0 and all(_is_within(item, levels - 1) for item in value.values())
        case list():
            return levels > 0 and all(_is_within(item, levels - 1) for item in value)
        case _:
            return True


def _is_exact(value: object) -> bool:
    """Whether no whole number was rounded: above 64 bits, decoding gives the nearest float."""
    match value:
        case dict():
            return all(map(_is_exact, value.values()))
        case list():
            return all(map(_is_exact, value))
        case float():
            return math.isfinite(value) and abs(value) <= 2**53
        case _:
            return True
