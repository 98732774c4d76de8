"""A provider that fails at random, and what must hold of the revocations in the end."""

import asyncio
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise

from tests.resilience.cluster import Cluster
from tests.resilience.truth import Truth
from tests.support.network.revoking_provider import Provider, Reply

KINDS = ("ok", "ok", "ok", "503", "cut", "hang")
TOO_LONG = 5.0
"""Seconds, longer than a worker waits for an answer."""
ENDS_WITHIN = 60.0
DUE_NOW = "UPDATE pending_revocations SET due_at = '{}', tries = 0"
PENDING = "SELECT count(*) FROM pending_revocations"


class FailingProvider(Provider):
    """Half of the requests go wrong, until it is well."""

    def __init__(self, seed: str) -> None:
        super().__init__(self._answer_at_random)
        self._chance = random.Random(f"{seed} provider")  # noqa: S311
        self.answered: Counter[str] = Counter()
        self.is_well = False
        self._lock = threading.Lock()

    def _answer_at_random(self, _: str) -> Reply:
        kind = (
            "ok" if self.is_well else self._chance.choice(("ok", "ok", "ok", "503", "cut", "hang"))
        )
        self.answered[kind] += 1
        match kind:
            case "503":
                return Reply(503, retry_after=1)
            case "cut":
                raise ConnectionAbortedError
            case "hang":
                time.sleep(TOO_LONG)
        return Reply()


async def end_all(cluster: Cluster, provider: FailingProvider) -> list[str]:
    """What is still pending when the provider is well and operators say `--retry`.

    They say it again and again: a request that the provider has failed before is postponed after
    the first time.
    """
    provider.is_well = True
    until = asyncio.get_running_loop().time() + ENDS_WITHIN
    while pending := await _pending(cluster):
        if asyncio.get_running_loop().time() > until:
            return [f"{pending} revocations are still pending"]
        await cluster.execute(DUE_NOW.format("2000-01-01 00:00:00+00:00"))
        await asyncio.sleep(1)
    return []


def judge_revocations(truth: Truth, provider: FailingProvider) -> Iterator[str]:
    """Each disconnection has revoked what it took, and no success is made up."""
    events = [event for log in truth.logs.values() for event in log]
    begun = {
        event.connection_id  # directly behind: what was replaced stands behind `connected`
        for log in truth.logs.values()
        for before, event in pairwise(log)
        if (before.kind, event.kind) == ("succeeded", "revocation_attempted")
        and before.connection_id == event.connection_id
    }
    ended = {event.connection_id for event in events if event.kind == "succeeded"}
    if missing := ended - begun:
        yield f"{len(missing)} disconnected connections have no revocation: {list(missing)[:3]}"
    succeeded = sum(event.kind == "revocation_succeeded" for event in events)
    if succeeded > provider.answered["ok"]:
        yield f"{succeeded} revocations succeeded with {provider.answered['ok']} confirmations"


async def _pending(cluster: Cluster) -> int:
    if cluster.postgres is not None:
        return int(await asyncio.to_thread(cluster.postgres.execute, PENDING, "unplug"))
    with closing(sqlite3.connect(f"file:{cluster.file}?mode=ro", uri=True)) as db:
        return int(db.execute(PENDING).fetchone()[0])
