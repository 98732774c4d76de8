"""Connections that are idle when the server stops."""

import asyncio

from tests.integration.streams.live import LiveWire
from tests.support.network.listening import listening
from tests.support.network.raw_http import RawResponse
from tests.support.network.raw_socket import connect
from tests.unit.schema.wire import ADA

QUERY = b'{"query":"{ __typename }"}'
REQUEST = (
    b"POST /graphql HTTP/1.1\r\nhost: unplug.test\r\nauthorization: Bearer %s\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
) % (str(ADA).encode(), len(QUERY), QUERY)


async def test_a_request_on_its_way_into_a_connection_that_ends_meets_no_reset() -> None:
    """HAProxy repeats what a server left unanswered, and not what it reset."""
    async with listening(LiveWire().app) as where:
        reader, writer = await connect(where.port)
        writer.write(REQUEST)
        response = RawResponse(reader, writer)
        await response.read_head()
        await response.to_the_end()
        (connection,) = where.state.connections

        writer.write(REQUEST)  # in the system's buffer, and the server has not read it
        connection.shutdown()

        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_client_that_does_not_notice_holds_up_no_stop() -> None:
    async with listening(LiveWire().app) as where:
        _, writer = await connect(where.port)
        while not where.state.connections:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 1
    writer.close()
