"""Who may call, and how credentials are kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from domain.identifiers import ConnectionId, UserId

CallerT = TypeVar("CallerT")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken(Generic[CallerT]):
    """A verified token. `expires_at` is UTC; a viewer's caller is the user's id."""

    caller: CallerT
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCaller:
    """A back end of the app: its name for logs, and what it may do."""

    name: str
    scopes: frozenset[str]

    def __str__(self) -> str:
        return self.name


class AccessTokens(Protocol[CallerT]):
    """Verifies bearer tokens (JWT, RFC 7519)."""

    async def verify(self, token: str) -> AccessToken[CallerT] | None:
        """None for every token that is not valid now, for any reason.

        Raises `KeysUnavailable` when its signature can't be verified now.
        """


class Cipher(Protocol):
    """Encrypts credentials at rest."""

    def encrypt(self, data: bytes, /) -> bytes:
        """With the first key."""

    def decrypt(self, data: bytes, /) -> bytes:
        """With the key that fits. Raises `UnknownKey`."""


class CredentialsAudit(Protocol):
    """Where each read of credentials is written down."""

    def credentials_read(
        self, *, service: str, connection_id: ConnectionId, user_id: UserId | None, outcome: str
    ) -> None:
        """Written when it returns. Raises `OSError`; then nothing may be handed out."""
