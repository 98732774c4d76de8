"""The clients of the nodes."""

import asyncio
import contextlib
import math
import random
import statistics
from collections.abc import Iterator, Mapping
from uuid import UUID

from tests.resilience.clients.back_ends import BackEnds
from tests.resilience.clients.commands import Commands
from tests.resilience.clients.subscribers import Subscriber
from tests.resilience.population import Population
from tests.support.processes import Server
from tests.support.woken import eventually

TRANSPORTS = ("websocket", "sse", "websocket")


class Clients:
    """A few subscribers for each user, and those who send commands."""

    def __init__(self, nodes: list[Server], population: Population, seed: str) -> None:
        self.commands = Commands(nodes, population, random.Random(f"{seed} commands"))  # noqa: S311
        self.back_ends = BackEnds(nodes, population, random.Random(f"{seed} back ends"))  # noqa: S311
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
        self.back_ends.start()

    def hang_up(self) -> int:
        """A few of them lose their connections. Returns how many."""
        some = self._chance.sample(self.subscribers, 3)
        for subscriber in some:
            subscriber.hang_up()
        return len(some) + self.commands.hang_up()

    @contextlib.contextmanager
    def another_history(self) -> Iterator[None]:
        """Meanwhile the log is replaced: answers from before, and seen events, may be void."""
        for subscriber in self.subscribers:
            subscriber.may_begin_anew = True
        self.back_ends.doubt()
        yield
        self.commands.forget()
        self.back_ends.forget()

    async def catch_up(self, heads: Mapping[UUID, tuple[int, UUID]], within: float) -> None:
        """Until every subscriber has seen its user's last event, or for so long."""

        def behind() -> bool:
            return any(
                subscriber.last != heads.get(subscriber.user_id) for subscriber in self.subscribers
            )

        with contextlib.suppress(TimeoutError):
            await eventually(lambda: not behind(), within=within)

    async def stop(self) -> None:
        await asyncio.gather(self.commands.aclose(), self.back_ends.aclose())
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
