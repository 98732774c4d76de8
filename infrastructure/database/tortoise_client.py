"""Tortoise on one connection or pool."""

from collections.abc import Mapping
from typing import Any

from tortoise import BaseDBAsyncClient
from tortoise.context import TortoiseContext

_ALIAS = "default"


class TortoiseClient:
    """One per process at a time: Tortoise keeps a global one for tasks that don't inherit it.

    Its context variable doesn't reach from an ASGI lifespan into requests. Queries still name the
    client that they go through (`using_db`), so that no code depends on who opened it.
    """

    def __init__(self, context: TortoiseContext) -> None:
        self._context = context

    @classmethod
    async def open(cls, engine: str, credentials: Mapping[str, Any]) -> "TortoiseClient":
        """Connects with the first query."""
        app = {"models": ["infrastructure.database.rows.models"], "default_connection": _ALIAS}
        connection = {"engine": engine, "credentials": dict(credentials)}
        with TortoiseContext() as context:
            await context.init(
                config={"connections": {_ALIAS: connection}, "apps": {"unplug": app}},
                use_tz=True,
                timezone="UTC",
                _enable_global_fallback=True,
            )
        return cls(context)

    @property
    def connection(self) -> BaseDBAsyncClient:
        """What queries go through."""
        return self._context.connections.get(_ALIAS)

    async def aclose(self) -> None:
        """Closes it, and gives way to the next one."""
        await self._context.close_connections()
