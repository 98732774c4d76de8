"""Figure 10: what one user can make the server keep."""

import json
import time

from benchmarks.databases import Sqlite
from benchmarks.figure import Row, Settings, alternating
from benchmarks.processes import Server, ws_load
from benchmarks.streams import init
from benchmarks.unplug import token
from benchmarks.ws_load import Plan
from infrastructure.server.client_limits import MOST_UNREAD

SOCKETS, SUBSCRIPTIONS, SELECTIONS = 100, 50, 20
"""As many as the settings permit one user."""
ALLOWED_MIB = 64.0
MIB = 1024 * 1024
SETTLED_SECONDS = 1.0


def worst_user(settings: Settings) -> list[Row]:
    """Sockets and subscriptions of one user, with large documents, and all that may be unread."""
    (kept,) = alternating(settings.rounds, _kept)
    return [
        Row(
            name=f"10 Memory of one user: {SOCKETS} x {SUBSCRIPTIONS} subscriptions, buffers full",
            unit="MiB",
            value=(kept + MOST_UNREAD) / MIB,
            floor=ALLOWED_MIB,
            floor_name="allowed",
            target=1.0,
            at="most",
        )
    ]


def _kept() -> float:
    with Sqlite().installation(users=1, connections=1) as unplug, unplug.serving() as server:
        messages = [init(token(0)), *(subscription(n) for n in range(SUBSCRIPTIONS))]
        before, after = server.memory(), 0

        def measure() -> None:
            nonlocal after
            after = _settled(server)

        plan = Plan(
            port=server.port,
            sockets=0,
            messages=[messages],
            frames=[0],
            requests=[],
            expect="",
            idle=SOCKETS,
            idle_messages=messages,
            hold=True,
        )
        ws_load(plan, when_open=measure)
        return after - before


def subscription(number: int) -> str:
    """One of the selections that a user may follow, as large as a document may be."""
    fields = " ".join(f"a{number % SELECTIONS}b{n}: provider {{ id slug }}" for n in range(28))
    query = f"subscription {{ providerEvents {{ position {fields} }} }}"
    return json.dumps({"id": str(number), "type": "subscribe", "payload": {"query": query}})


def _settled(server: Server) -> int:
    """Bytes, once no more are added."""
    memory, since = server.memory(), time.monotonic()
    while time.monotonic() - since < SETTLED_SECONDS:
        time.sleep(0.05)
        if (now := server.memory()) > memory:
            memory, since = now, time.monotonic()
    return memory
