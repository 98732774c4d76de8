"""How connections to PostgreSQL are made, for the pool and for the writer alike."""

from dataclasses import dataclass
from typing import Any

import asyncpg

LOST = (
    OSError,  # TimeoutError among them
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # the server goes down, comes up, or cut us off
    asyncpg.FatalPostgresError,
    asyncpg.InsufficientResourcesError,
)
"""The connection is of no more use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresOptions:
    """Where the server is, and how long to wait for it, in seconds.

    With the defaults every failure is known within a command's deadline.

    `through_proxy`: the URL leads to a proxy that pools transactions. Nothing may then belong to a
    session: no statement is kept prepared, and the server's own timeouts are for the operator to
    set on the role or the database.
    """

    url: str
    pool_size: int = 10
    connect_timeout: float = 3.0
    statement_timeout: float = 5.0
    lock_timeout: float = 2.0
    idle_in_transaction_timeout: float = 5.0
    through_proxy: bool = False

    def connect_arguments(self) -> dict[str, Any]:
        """For `asyncpg.connect` and `asyncpg.create_pool`."""
        arguments: dict[str, Any] = {
            "dsn": self.url,
            "connection_class": PlainConnection,
            "timeout": self.connect_timeout,
            # The server gives up first, and says so; this is for one that says nothing.
            "command_timeout": self.statement_timeout + 1,
        }
        if self.through_proxy:
            return arguments | {"statement_cache_size": 0}
        settings = {
            "application_name": "unplug",
            "statement_timeout": _milliseconds(self.statement_timeout),
            "lock_timeout": _milliseconds(self.lock_timeout),
            "idle_in_transaction_session_timeout": _milliseconds(self.idle_in_transaction_timeout),
        }
        return arguments | {"server_settings": settings}


class PlainConnection(asyncpg.Connection):
    """No statement changes its session, so nothing is reset between two uses."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        return ""


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
