"""All bodies that a process holds at a time have one budget, of which no user has all."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from domain.identifiers import UserId
from schema.asgi import WireSettings
from schema.http.request_reader import HttpLimits
from tests.support.ids import a_user
from tests.support.woken import eventually
from tests.unit.schema.wire import ADA, BOB, Wire, codes

LARGEST, BUDGET = 1_000, 4_000
TYPENAME = {"query": "{ __typename }"}
SETTINGS = WireSettings(http=HttpLimits(body=LARGEST, bodies=BUDGET))


class SlowBodies:
    """Requests whose bodies are complete but for their last piece."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._go_on = asyncio.Event()
        self._sent = 0
        self._requests: list[asyncio.Task[httpx.Response]] = []

    async def begin(self, user_id: UserId) -> None:
        self._requests.append(asyncio.create_task(self._request(user_id)))
        await eventually(lambda: self._sent == len(self._requests))

    async def end(self) -> list[int]:
        """Their statuses."""
        self._go_on.set()
        return [response.status_code for response in await asyncio.gather(*self._requests)]

    async def _request(self, user_id: UserId) -> httpx.Response:
        async with self._wire.client(user_id) as client:
            headers = {"content-type": "application/json"}
            return await client.http.post("/graphql", content=self._body(), headers=headers)

    async def _body(self) -> AsyncIterator[bytes]:
        text = b'{"query": "{ __typename }"}'
        yield text[:-1] + b" " * (LARGEST - len(text))
        self._sent += 1
        await self._go_on.wait()
        yield text[-1:]


@pytest.mark.parametrize(
    ("users", "refused", "status", "code"),
    [
        ([ADA], ADA, 429, "RATE_LIMITED"),
        ([ADA, *(a_user(n) for n in range(1, 4))], BOB, 503, "SERVICE_UNAVAILABLE"),
    ],
)
async def test_a_body_that_the_budget_has_no_room_for_is_refused(
    users: list[UserId], refused: UserId, status: int, code: str
) -> None:
    wire = Wire(SETTINGS)
    slow = SlowBodies(wire)
    for user in users:
        await slow.begin(user)
    async with wire.client(refused) as client:
        answer = await client.send(TYPENAME)
        assert (answer.status_code, codes(answer)) == (status, [code])
        assert answer.json()["errors"][0]["extensions"]["limit"] == "bodies"
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["connection"] == "close"
        assert wire.telemetry.limits == ["bodies"]
        assert await slow.end() == [200] * len(users)
        assert (await client.send(TYPENAME)).status_code == 200


async def test_what_one_user_sends_leaves_room_for_others() -> None:
    wire = Wire(SETTINGS)
    slow = SlowBodies(wire)
    await slow.begin(ADA)
    async with wire.client(BOB) as client:
        assert (await client.send(TYPENAME)).status_code == 200
    assert await slow.end() == [200]


async def test_refused_and_late_bodies_give_back_what_they_had() -> None:
    limits = HttpLimits(body=LARGEST, bodies=BUDGET, body_timeout=0.02)
    wire = Wire(WireSettings(http=limits))

    async def late() -> AsyncIterator[bytes]:
        yield b" " * (LARGEST - 1)
        await asyncio.Event().wait()

    async with wire.client() as client:
        for _ in range(3):
            answer = await client.http.post(
                "/graphql", content=late(), headers={"content-type": "application/json"}
            )
            assert answer.status_code == 408
            assert (await client.send(b" " * LARGEST)).status_code == 400
            assert (await client.send(b" " * (LARGEST + 1))).status_code == 413
        assert (await client.send(TYPENAME)).status_code == 200
    assert wire.telemetry.limits == ["body"] * 3
