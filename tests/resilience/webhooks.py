"""Compares what a receiver of webhooks collected with the log."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

from tests.resilience.truth import Truth
from tests.support.network.receiver import Receiver
from tests.support.woken import eventually

REPLACES_HISTORY = ("restore", "lose commits", "demote")
"""Faults after which the log may end earlier than it did."""


async def received(there: Receiver, truth: Truth, within: float) -> None:
    """Until every event of the log has arrived, or for so long."""
    wanted = {event.id for log in truth.logs.values() for event in log}
    with contextlib.suppress(TimeoutError):
        await eventually(lambda: wanted <= set(there.ids), within=within)


def undelivered(there: Receiver, truth: Truth, *, replaced: bool) -> Iterator[str]:
    """Events that did not arrive, came too early, or never happened.

    Only a history that was replaced may have been delivered and be gone.
    """
    arrivals: defaultdict[UUID, dict[UUID, int]] = defaultdict(dict)
    for request in there.requests:
        data = json.loads(request.body)["data"]
        arrivals[UUID(data["user_id"])].setdefault(UUID(data["id"]), data["position"])
    for user_id, log in truth.logs.items():
        expected = [(event.id, event.position) for event in log]
        found = [arrival for arrival in arrivals[user_id].items() if arrival in set(expected)]
        lost = len(expected) - len(found)
        if lost:
            yield f"webhook: {lost} events of {user_id} did not arrive"
        elif found != expected:
            yield f"webhook: events of {user_id} arrived out of order"
        strangers = len(arrivals[user_id]) - len(found)
        if strangers and not replaced:
            yield f"webhook: {strangers} events of {user_id} are not in the log"
