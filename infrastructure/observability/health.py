"""Liveness and readiness of a node."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from domain.ports import StorageError

CHECK_TIMEOUT = 2.0
_NO_STORE = {"Cache-Control": "no-store"}

_log = structlog.get_logger(__name__)


class Health:
    """Answers `/healthz` and `/readyz`.

    `schema_is_current` tells whether the database's schema is as new as the code or newer, and
    raises `StorageError` when the database can't be reached; `probe_write` raises it when a write
    would be refused. `degraded` names parts that are lost
    while another part covers for them, such as the sweep for wake-ups.
    """

    def __init__(
        self,
        schema_is_current: Callable[[], Awaitable[bool]],
        probe_write: Callable[[], Awaitable[None]],
        degraded: Callable[[], Sequence[str]],
    ) -> None:
        self._schema_is_current = schema_is_current
        self._probe_write = probe_write
        self._degraded = degraded
        self._checking: asyncio.Task[str | None] | None = None

    def routes(self) -> list[BaseRoute]:
        """Both paths answer GET and HEAD."""
        return [
            Route("/healthz", self._healthz, methods=["GET"]),
            Route("/readyz", self._readyz, methods=["GET"]),
        ]

    async def _healthz(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=_NO_STORE)

    async def _readyz(self, _: Request) -> Response:
        problem = await self._problem()
        if problem is not None:
            body = {"status": "unavailable", "reason": problem}
            return JSONResponse(body, status_code=503, headers=_NO_STORE)
        degraded = list(self._degraded())
        status = "degraded" if degraded else "ready"
        return JSONResponse({"status": status, "degraded": degraded}, headers=_NO_STORE)

    async def _problem(self) -> str | None:
        """One check at a time, however many requests ask: the endpoint is public."""
        if self._checking is None:
            self._checking = asyncio.create_task(self._check())
        return await asyncio.shield(self._checking)

    async def _check(self) -> str | None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                if not await self._schema_is_current():
                    return "schema_outdated"
                await self._probe_write()
                return None
        except (StorageError, TimeoutError):
            _log.warning("not_ready", reason="database")
            return "database"
        finally:
            self._checking = None
