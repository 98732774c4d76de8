"""Those who disconnect things, and what they were answered."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from domain.events import EventCursor
from tests.resilience.population import Population, mutation
from tests.support.processes import Server, bearer

ANSWER_WITHIN = 15.0
PAUSE = 0.15
WORKERS = 5
FAULT = "fault of the server"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client was told, and how long that took.

    `attempt_id` is None when nothing was recorded.
    """

    user_id: UUID
    seconds: float
    kind: str
    attempt_id: UUID | None
    cursor: EventCursor | None


def kind_of_error(body: dict[str, Any]) -> str:
    """`FAULT` when the server's log has an exception for it. So is an answer that is not JSON."""
    extensions = body["errors"][0]["extensions"]
    return FAULT if "id" in extensions else f"error {extensions['code']}"


class Commands:
    """Workers who send a mutation at a steady rate, each to any node."""

    def __init__(self, nodes: list[Server], population: Population, chance: random.Random) -> None:
        self.answers: list[Answer] = []
        self.outcomes: Counter[str] = Counter()
        self._nodes = nodes
        self._population = population
        self._chance = chance
        self._in_flight: set[asyncio.Task[str]] = set()
        self._valid_from = 0.0
        self._workers: list[asyncio.Task[None]] = []
        self._http = httpx.AsyncClient(timeout=ANSWER_WITHIN)

    def start(self) -> None:
        self._workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    async def pause(self) -> None:
        """No new ones; those in flight end."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, *self._in_flight, return_exceptions=True)

    async def burst(self, size: int, population: Population | None = None) -> Counter[str]:
        """Many at once, of these users or any three. Returns what was answered."""
        few = population or self._population.some(self._chance, 3)
        return Counter(await asyncio.gather(*(self._send(few) for _ in range(size))))

    async def aclose(self) -> None:
        await self.pause()
        await self._http.aclose()

    def forget(self) -> None:
        """What was answered so far, or is answered to a command that was sent before, is void."""
        self._valid_from = asyncio.get_running_loop().time()
        self.answers.clear()

    def hang_up(self) -> int:
        """One of them does not wait for its answer. Returns how many."""
        for task in tuple(self._in_flight)[:1]:
            task.cancel()
            return 1
        return 0

    async def _work(self) -> None:
        while True:
            task = asyncio.create_task(self._send())
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)
            await asyncio.sleep(PAUSE * self._chance.uniform(0.5, 1.5))
            if len(self._in_flight) > 10 * WORKERS:
                await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)

    async def _send(self, population: Population | None = None) -> str:
        return await self.disconnect(*(population or self._population).pick(self._chance))

    async def disconnect(self, user_id: UUID, connection_id: UUID) -> str:
        """Returns what was answered."""
        began = asyncio.get_running_loop().time()
        try:
            response = await self._http.post(
                self._chance.choice(self._nodes).graphql,
                content=mutation(connection_id),
                headers={
                    "Authorization": f"Bearer {bearer(user_id)}",
                    "Content-Type": "application/json",
                },
            )
            body = response.json()
        except asyncio.CancelledError:
            self.outcomes["hung up"] += 1
            raise
        except httpx.HTTPError:
            self.outcomes["no answer"] += 1
            return "no answer"
        except json.JSONDecodeError:
            self.outcomes[FAULT] += 1
            return FAULT
        result = (body.get("data") or {}).get("disconnectProvider")
        if result is None:
            error = kind_of_error(body)
            self.outcomes[error] += 1
            return error
        attempt_id = result.get("attemptId") or result.get("failedAttemptId")
        cursor = result.get("cursor")
        answer = Answer(
            user_id=user_id,
            seconds=asyncio.get_running_loop().time() - began,
            kind=result["__typename"],
            attempt_id=UUID(attempt_id) if attempt_id else None,
            cursor=EventCursor.decode(cursor) if cursor else None,
        )
        self.outcomes[answer.kind] += 1
        if began >= self._valid_from:
            self.answers.append(answer)
        return answer.kind
