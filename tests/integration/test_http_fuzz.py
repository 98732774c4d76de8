"""Anything may be sent: the answer is GraphQL's, and the next request is served."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any, TypeAlias

import orjson
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.asgi import WireSettings
from tests.integration.odd_requests import (
    JSON,
    cut,
    dumped,
    fuzzing,
    headers,
    json_values,
    mostly,
    query_string,
    requests,
)
from tests.unit.schema.wire import ADA, RecordedAccess, Wire

Message: TypeAlias = Any
"""An ASGI message, or a log entry: a dictionary with any values."""


class Served:
    """The app under one event loop, fed with raw ASGI."""

    def __init__(self) -> None:
        self.access = RecordedAccess()
        self.wire = Wire(
            WireSettings(mutations_per_second=1_000_000, rows_per_second=1_000_000_000),
            access_log=self.access,
        )
        self.wire.connect(ADA, 1)
        self.runner = asyncio.Runner()

    def ask(
        self, method: str, headers: dict[bytes, bytes], body: bytes = b"", query: bytes = b""
    ) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        return self.runner.run(self._ask(method, headers, body, query))

    async def _ask(
        self, method: str, headers: dict[bytes, bytes], body: bytes, query: bytes
    ) -> tuple[int, bytes]:
        authorized = {**headers, b"authorization": f"Bearer {ADA}".encode()}
        half = len(body) // 2
        incoming: list[Message] = [
            {"type": "http.request", "body": body[:half], "more_body": True},
            {"type": "http.request", "body": body[half:], "more_body": False},
        ]
        outgoing: list[Message] = []

        async def receive() -> Message:
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            outgoing.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": "/graphql",
            "query_string": query,
            "headers": list(authorized.items()),
        }
        await self.wire.app(scope, receive, send)
        assert len(asyncio.all_tasks()) == 1
        return outgoing[0]["status"], b"".join(m.get("body", b"") for m in outgoing[1:])


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    served = Served()
    with served.runner:
        yield served


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No other logger warns either; asyncio would, of an exception that was never retrieved."""
    with caplog.at_level(logging.WARNING):
        yield
    assert caplog.get_records("call") == []  # `records` are those of the teardown by now


def check(served: Served, method: str, headers: dict[bytes, bytes], **sent: bytes) -> None:
    """One request, and a good one after it."""
    served.access.outcomes.clear()
    with structlog.testing.capture_logs() as logs:
        status, body = served.ask(method, headers, **sent)
        assert served.ask("POST", JSON, GOOD) == (200, b'{"data":{"__typename":"Query"}}')
    assert status in {200, 400, 405, 413, 415}
    answer = orjson.loads(body)
    assert answer
    assert set(answer) <= {"data", "errors"}
    for error in answer.get("errors", ()):
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR"
    assert logs == []
    assert len(served.access.outcomes) == 2


GOOD = b'{"query":"{__typename}"}'


@settings(fuzzing, max_examples=2_000)
@given(request=requests)
def test_any_request_gets_an_answer(served: Served, request: dict[str, Any]) -> None:
    check(served, "POST", JSON, body=dumped(request))


@settings(fuzzing, max_examples=500)
@given(body=st.binary() | json_values.map(dumped) | cut())
def test_any_body_gets_an_answer(served: Served, body: bytes) -> None:
    check(served, "POST", JSON, body=body)


@settings(fuzzing, max_examples=300)
@given(headers=headers, body=requests.map(dumped))
def test_any_headers_get_an_answer(
    served: Served, headers: dict[bytes, bytes], body: bytes
) -> None:
    check(served, "POST", headers, body=body)


@settings(fuzzing, max_examples=300)
@given(query=mostly(requests.map(query_string), st.binary()))
def test_any_query_string_gets_an_answer(served: Served, query: bytes) -> None:
    check(served, "GET", {}, query=query)
