"""What a subscription keeps of its request: neither its document nor its variables."""

import gc
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from typing import TypeAlias

import pytest

from tests.integration.streams.live import LiveWire
from tests.support.network.listening import listening
from tests.support.network.raw_http import raw_response
from tests.support.network.raw_socket import Json, raw_socket
from tests.support.woken import eventually
from tests.unit.schema.wire import ADA

SMALL = "subscription { providerEvents { position } }"
ALIASES = " ".join(f"a{number}: provider {{ id slug }}" for number in range(25))
LARGE = f"#{'x' * 20_000}\nsubscription {{ providerEvents {{ {ALIASES}  }} }}"
"""Too long for the cache of documents, so that each subscription's is read anew."""
UNUSED = {"unused": "x" * 30_000}
STREAMS = 20
KEPT = 8 * 1024

Following: TypeAlias = Callable[[int], AbstractAsyncContextManager[None]]


@contextmanager
def tracing() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@asynccontextmanager
async def following(port: int, transport: str, query: str, variables: Json) -> AsyncIterator[None]:
    """A client with one subscription."""
    if transport == "websocket":
        async with raw_socket(port) as socket:
            await socket.init(ADA)
            socket.subscribe(query, **variables)
            yield
    else:
        async with raw_response(port, ADA, transport, query, variables=variables):
            yield


async def cost_of_each(wire: LiveWire, port: int, following: Following) -> float:
    """Bytes that a further stream of the same kind costs, at both of its ends."""
    async with AsyncExitStack() as stack:

        async def follow(streams: int) -> None:
            opened = wire.telemetry.subscriptions.total() + streams
            for _ in range(streams):
                await stack.enter_async_context(following(port))
            await eventually(lambda: wire.telemetry.subscriptions.total() == opened)

        await follow(2)
        before = traced()  # what all share is made by now
        await follow(STREAMS)
        cost = (traced() - before) / STREAMS
    await eventually(lambda: wire.telemetry.subscriptions.total() == 0)
    return cost


@pytest.mark.parametrize("transport", ["websocket", "text/event-stream", "multipart/mixed"])
async def test_a_large_request_costs_a_stream_no_more_than_a_small_one(transport: str) -> None:
    wire = LiveWire()
    async with listening(wire.app) as where:
        with tracing():
            small, large = [
                await cost_of_each(
                    wire,
                    where.port,
                    partial(following, transport=transport, query=query, variables=variables),
                )
                for query, variables in ((SMALL, {}), (LARGE, UNUSED))
            ]
    assert large - small < KEPT


async def test_variables_that_a_subscription_would_keep_are_limited() -> None:
    query = "subscription ($after: String) { providerEvents(after: $after) { position } }"
    wire = LiveWire()
    async with listening(wire.app) as where, raw_socket(where.port) as socket:
        await socket.init(ADA)
        socket.subscribe(query, after="x" * 5_000)
        message = await socket.receive()
    assert message["type"] == "error"
    extensions = {"code": "TOO_COMPLEX", "limit": "variables"}
    assert message["payload"][0]["extensions"] == extensions
    assert wire.telemetry.limits == ["variables"]
