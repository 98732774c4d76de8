"""Expected failures of the commands that back ends give."""

from dataclasses import dataclass
from enum import StrEnum

from domain.provider_connection import ConnectionStatus


class LateCredentials(StrEnum):
    """What becomes of credentials that were handed in for a disconnected connection."""

    REVOKING = "revoking"
    """The provider will be asked to end them."""
    DESTROYED = "destroyed"
    """The provider can't end them."""


@dataclass(frozen=True, slots=True)
class ConnectionNotFound:
    """There is no such connection, or not for this user."""


@dataclass(frozen=True, slots=True)
class ConnectionDisconnected:
    """The connection has ended, and that is final. `late` is None when none were handed in."""

    late: LateCredentials | None = None


@dataclass(frozen=True, slots=True)
class ConnectionNotActive:
    """The connection's status does not allow the command."""

    status: ConnectionStatus


@dataclass(frozen=True, slots=True)
class CredentialsChanged:
    """Another worker replaced the credentials meanwhile: read them again."""

    credentials_version: int


@dataclass(frozen=True, slots=True)
class DifferentRequest:
    """The attempt id or the connection belongs to another user, provider or account."""


@dataclass(frozen=True, slots=True)
class DatabaseError:
    """The database did not take it, or did not answer in time."""
