"""Everybody who talks to the nodes."""

import asyncio
import contextlib
import math
import random
import statistics
from collections.abc import Mapping
from uuid import UUID

from tests.resilience.commands import Commands
from tests.resilience.population import Population
from tests.resilience.subscribers import Subscriber
from tests.support.processes import Server
from tests.support.woken import eventually

TRANSPORTS = ("websocket", "sse", "websocket")


class Clients:
    """A few subscribers for each user, and those who send commands."""

    def __init__(self, nodes: list[Server], population: Population, seed: str) -> None:
        self.commands = Commands(nodes, population, random.Random(f"{seed} commands"))  # noqa: S311
        self._chance = random.Random(f"{seed} clients")  # noqa: S311
        self.subscribers = [
            Subscriber(user_id, transport, nodes, self._chance)
            for user_id in population.users
            for transport in TRANSPORTS
        ]

    def start(self) -> None:
        for subscriber in self.subscribers:
            subscriber.start()
        self.commands.start()

    def hang_up(self) -> int:
        """A few of them lose their connections. Returns how many."""
        some = self._chance.sample(self.subscribers, 3)
        for subscriber in some:
            subscriber.hang_up()
        return len(some) + self.commands.hang_up()

    async def catch_up(self, heads: Mapping[UUID, int], within: float) -> None:
        """Until every subscriber has seen its user's last event, or for so long."""

        def behind() -> bool:
            return any(
                subscriber.position < heads.get(subscriber.user_id, 0)
                for subscriber in self.subscribers
            )

        with contextlib.suppress(TimeoutError):
            await eventually(lambda: not behind(), within=within)

    async def stop(self) -> None:
        await self.commands.aclose()
        await asyncio.gather(*(subscriber.stop() for subscriber in self.subscribers))

    def forget_delays(self) -> None:
        """Begins to measure anew."""
        for each in self.subscribers:
            each.delays.clear()

    def usual_delay(self) -> float:
        """Seconds from an event to its frame, in three of four cases."""
        delays = [delay for each in self.subscribers for delay in each.delays]
        return statistics.quantiles(delays, n=4)[2] if len(delays) > 1 else math.inf

    def longest_delay(self) -> float:
        """The same, of the slowest."""
        return max((delay for each in self.subscribers for delay in each.delays), default=0)
