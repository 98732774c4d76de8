"""How connections to PostgreSQL are made, for the pool and for the writer alike."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

from infrastructure.retry import back_off

T = TypeVar("T")

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

FULL = (asyncpg.TooManyConnectionsError, asyncpg.CannotConnectNowError)
"""The server takes no connection now, and may take one in a moment."""


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


_WRITABLE = {"target_session_attrs": "read-write"}


class PlainConnection(asyncpg.Connection):
    """No statement changes its session, so nothing is reset between two uses."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        return ""


def is_read_only(error: Exception) -> bool:
    """Whether the server of this connection takes no writes: a standby, or one that was demoted.

    The connection itself is healthy, and stays useless also when the server's name leads to
    another one now.
    """
    return isinstance(error, asyncpg.ReadOnlySQLTransactionError) or (
        type(error) is asyncpg.ObjectNotInPrerequisiteStateError  # "during recovery"
    )


async def connect_to_write(
    options: PostgresOptions, settings: Mapping[str, str] | None = None
) -> asyncpg.Connection:
    """To the first host that takes writes, within the connect timeout.

    `settings` are the session's, in addition; a proxy that pools transactions has none. Raises what
    the driver does.
    """
    arguments = options.connect_arguments() | _WRITABLE
    if settings and "server_settings" in arguments:
        arguments["server_settings"] = arguments["server_settings"] | settings

    async def connect(timeout: float) -> asyncpg.Connection:
        return await asyncpg.connect(**arguments | {"timeout": timeout})

    return await unless_full(connect, options.connect_timeout)


async def connect_to_read(*arguments: Any, **options: Any) -> asyncpg.Connection:  # noqa: ANN401 (asyncpg's)
    """For `create_pool`: to a host that takes writes, since it has all of them, else to any."""
    try:
        return await asyncpg.connect(*arguments, **(options | _WRITABLE))
    except asyncpg.TargetServerAttributeNotMatched:
        return await asyncpg.connect(*arguments, **options)


async def unless_full(connect: Callable[[float], Awaitable[T]], timeout: float) -> T:
    """Tries for `timeout` seconds while the server has no connection left, which may be our own.

    `connect` is given the seconds that are left. Raises what it raises; when its last try takes too
    long, what the server said before.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    pauses = back_off(longest=0.2)
    full: Exception | None = None
    while True:
        try:
            return await connect(deadline - loop.time())
        except FULL as error:
            full = error
            pause = next(pauses)
            if loop.time() + pause >= deadline:
                raise
            await asyncio.sleep(pause)
        except TimeoutError as error:
            raise full or error from None


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
