"""What webhooks cost commands: the same mutations with two endpoints and without."""

import time
import urllib.request
from dataclasses import replace
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from benchmarks.databases import Database, both
from benchmarks.figure import Row, Settings, alternating
from benchmarks.mutations import DURABLE_AT_MOST, USERS, mutate
from benchmarks.processes import Server, serving
from benchmarks.revocation import slow_provider

CONNECTIONS = 64
ENDPOINTS = 2
STARTS_WITHIN = 30.0


def webhooks(settings: Settings) -> list[Row]:
    """On both databases, durable; receivers run beside the server, and answer at once."""
    return [_row(settings, database) for database in both()]


def everything(settings: Settings) -> list[Row]:
    """The same, with a slow provider in the catalogue as well."""
    return [_row(settings, database, revoking=True) for database in both()]


def receiver() -> ASGIApp:
    """Takes everything, and tells how much that was."""
    taken = 0

    async def take(request: Request) -> Response:
        nonlocal taken
        await request.body()
        taken += 1
        return Response(status_code=204)

    async def tell(_: Request) -> Response:
        return PlainTextResponse(str(taken))

    return Starlette(routes=[Route("/", take, methods=["POST"]), Route("/", tell)])


def _row(settings: Settings, database: Database, *, revoking: bool = False) -> Row:
    floor, value = alternating(
        settings.rounds,
        partial(_rate, settings, database, 0),
        partial(_rate, settings, database, ENDPOINTS, revoking=revoking),
    )
    beside = " and a slow provider" if revoking else ""
    return Row(
        name=f"10 Durable mutations with {ENDPOINTS} webhooks{beside}, {database.name}",
        unit="requests/s",
        value=value,
        floor=floor,
        floor_name="without",
        target=0.9 if revoking else 0.95,
        at="least",
    )


def _rate(
    settings: Settings, database: Database, endpoints: int, *, revoking: bool = False
) -> float:
    count = int(DURABLE_AT_MOST * (settings.seconds + settings.warm_up))
    with (
        database.installation(users=USERS, connections=count) as unplug,
        serving("benchmarks.webhooks:receiver") as there,
        slow_provider(unplug) as catalogue,
    ):
        for _ in range(endpoints):
            unplug.run("webhooks", "add", f"http://127.0.0.1:{there.port}/")
        with unplug.serving(**(catalogue if revoking else {})) as server:
            first, *ids = unplug.connection_ids
            once = replace(settings, seconds=1.0, warm_up=0.0)
            mutate(server, once, 1, [first], unplug.tokens, repeat=True)
            _wait_for(there, endpoints)
            tokens = [*unplug.tokens[1:], unplug.tokens[0]]
            report = mutate(server, settings, CONNECTIONS, ids, tokens)
            assert _taken(there) > endpoints or not endpoints
            return report.rate


def _wait_for(there: Server, count: int) -> None:
    """Deliveries run before the measurement begins."""
    deadline = time.monotonic() + STARTS_WITHIN
    while _taken(there) < count:
        if time.monotonic() > deadline:
            raise TimeoutError("no webhook arrives")
        time.sleep(0.05)


def _taken(there: Server) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{there.port}/") as response:
        return int(response.read())
