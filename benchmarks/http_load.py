"""HTTP load from a process of its own: keep-alive connections, every answer checked.

`python -m benchmarks.http_load PLAN.json` reads a plan and prints a report, both JSON.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import cast

import uvloop


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send. `bodies` are sent once each (with `repeat` in turn without end), one at a
    time on each of `connections`, body `n` with the token `n % len(tokens)`.

    `expect` stands in every good answer. `seconds` are measured after `warm_up` seconds.

    With `rate` requests come at so many a second, and not when the one before is answered: one that
    finds no free connection waits for one, and its wait counts.
    """

    port: int
    connections: int
    seconds: float
    warm_up: float
    tokens: list[str]
    bodies: list[str]
    expect: str
    path: str = "/graphql"
    repeat: bool = False
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """What came back. `latencies` are milliseconds at the 50th, 95th and 99th percentile."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


class WrongAnswer(Exception):
    """A run with an error in it is no result."""


class _Client(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._buffer = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.fail(WrongAnswer(f"the server hung up: {exc}"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200") or self._run.expect not in body:
            self._run.fail(WrongAnswer((head + body)[:800].decode(errors="replace")))
            return
        self._run.took(time.perf_counter() - self._sent)
        self._buffer = b""
        self._next()

    def _next(self) -> None:
        if self._run.plan.rate:
            self._run.free.put_nowait(self)
        elif (request := self._run.request()) is not None:
            self.send(request, time.perf_counter())

    def send(self, request: bytes, since: float) -> None:
        """The client has waited for an answer `since` then."""
        assert self._transport is not None
        self._sent = since
        self._transport.write(request)


class _Run:
    def __init__(self, plan: Plan) -> None:
        self.requests = [
            f"POST {plan.path} HTTP/1.1\r\nhost: 127.0.0.1:{plan.port}\r\n"
            f"authorization: Bearer {plan.tokens[n % len(plan.tokens)]}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body.encode())}\r\n\r\n"
            f"{body}".encode()
            for n, body in enumerate(plan.bodies)
        ]
        self.expect = plan.expect.encode()
        self.latencies: list[float] = []
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.free: asyncio.Queue[_Client] = asyncio.Queue()
        self._sent = 0
        self.plan = plan
        self._from = time.perf_counter() + plan.warm_up
        self._until = self._from + plan.seconds

    def request(self) -> bytes | None:
        if time.perf_counter() >= self._until or self.failure.done():
            return None
        if self._sent == len(self.requests) and self.plan.repeat:
            self._sent = 0
        if self._sent == len(self.requests):
            self.fail(WrongAnswer("every body has been sent, and there is time left"))
            return None
        self._sent += 1
        return self.requests[self._sent - 1]

    def took(self, seconds: float) -> None:
        if self._from <= time.perf_counter() < self._until:
            self.latencies.append(seconds)

    def fail(self, error: Exception) -> None:
        if not self.failure.done() and time.perf_counter() < self._until:
            self.failure.set_exception(error)

    async def _arrive(self) -> None:
        began = time.perf_counter()
        for n in count() if self.plan.rate else ():
            due = began + n / self.plan.rate
            await asyncio.sleep(due - time.perf_counter())
            client = await self.free.get()
            if (request := self.request()) is None:
                return
            client.send(request, due)

    async def __call__(self) -> Report:
        loop, plan = asyncio.get_running_loop(), self.plan
        clients = [
            await loop.create_connection(lambda: _Client(self), "127.0.0.1", plan.port)
            for _ in range(plan.connections)
        ]
        arriving = loop.create_task(self._arrive())
        await asyncio.wait([self.failure], timeout=self._until - time.perf_counter() + 0.5)
        arriving.cancel()
        if self.failure.done():
            self.failure.result()
        for transport, _ in clients:
            transport.abort()
        if not self.latencies:
            raise WrongAnswer("nothing was answered in the time that counts")
        ordered = sorted(self.latencies)
        return Report(
            requests=len(ordered),
            seconds=plan.seconds,
            p50=ordered[len(ordered) // 2] * 1000,
            p95=ordered[len(ordered) * 95 // 100] * 1000,
            p99=ordered[len(ordered) * 99 // 100] * 1000,
        )


async def run(plan: Plan) -> Report:
    """Sends the plan's load and gives its report; raises `WrongAnswer`."""
    return await _Run(plan)()


def main() -> None:
    """Plan in, report out."""
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text()))
    print(json.dumps(asdict(uvloop.run(run(plan)))))


if __name__ == "__main__":
    main()
