"""Figure 8: what a long history and a large import cost."""

import contextlib
import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from uuid import UUID

from cryptography.fernet import Fernet

from benchmarks.databases import Sqlite
from benchmarks.figure import Row, Settings, alternating, amount
from benchmarks.http_load import Plan as HttpPlan
from benchmarks.processes import Server, http_load, ws_load
from benchmarks.streams import SUBSCRIPTION, init
from benchmarks.unplug import Installation, token
from benchmarks.ws_load import Plan as WsPlan
from domain.events import EventCursor
from domain.identifiers import EventId, UserId

SHORT, LONG = 1_000, amount(1_000_000)
MISSED = 100
RESUMES = 50
PAGES = 400
IMPORTED = amount(100_000)
USER = UserId(UUID(int=1))

PAGE = """
query Page($before: String) {
  providerEvents(last: 50, before: $before) {
    edges { node { id position cursor occurredAt attemptId connectionId } }
    pageInfo { hasPreviousPage startCursor }
  }
}
"""

# Attempts that failed, two events each, with ids that are UUIDv7 in form and in order.
_FILL = """
WITH RECURSIVE positions (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM positions WHERE n < :count)
INSERT INTO provider_events
  (id, user_id, position, kind, occurred_at, connection_id, attempt_id, reason, initiator)
SELECT
  printf('019b0000-%04x-7000-8000-%012x', n / 65536, n), :user, n,
  iif(n % 2, 'attempted', 'failed'), '2026-01-01 00:00:00+00:00',
  '00000000-0000-0000-0000-000000000009',
  printf('019a0000-0000-7000-8000-%012x', (n + 1) / 2), iif(n % 2, NULL, 'connection_not_found'),
  iif(n % 2, 'user', NULL)
FROM positions
"""
_HEAD = """
INSERT INTO log_heads (user_id, position, event_id, previous_id)
SELECT user_id, position, id, NULL FROM provider_events WHERE user_id = :user AND position = :count
"""


def growth(settings: Settings) -> list[Row]:
    """Resume, a page of history, and an import."""
    with _history(SHORT) as short, _history(LONG) as long:
        resumes = alternating(settings.rounds, lambda: _resume(*short), lambda: _resume(*long))
        pages = alternating(settings.rounds, lambda: _page(*short), lambda: _page(*long))
    with tempfile.TemporaryDirectory() as directory:
        unplug = Installation("sqlite://unplug.sqlite3", Path(directory), 256, IMPORTED)
        unplug.write_lines()
        imports = alternating(settings.rounds, lambda: _bare(unplug), lambda: _import(unplug))
    what = f"a log of {LONG:,}"
    return [
        _row(f"Resume of {MISSED} events, {what}", resumes, f"a log of {SHORT:,}", 1.2),
        _row(f"A page of history, {what}", pages, f"a log of {SHORT:,}", 1.2),
        _row(f"Import of {IMPORTED:,} connections", imports, "encrypt + executemany", 2.0),
    ]


def _row(name: str, measured: list[float], floor_name: str, target: float) -> Row:
    floor, value = measured
    return Row(
        name=f"8 {name}",
        unit="ms",
        value=value * 1000,
        floor=floor * 1000,
        floor_name=floor_name,
        target=target,
        at="most",
    )


@contextlib.contextmanager
def _history(count: int) -> Iterator[tuple[Server, int]]:
    """A server whose user has so many events."""
    with Sqlite().installation(users=1, connections=1) as unplug:
        with contextlib.closing(sqlite3.connect(unplug.directory / "unplug.sqlite3")) as database:
            database.execute(_FILL, {"count": count, "user": str(USER)})
            database.execute(_HEAD, {"count": count, "user": str(USER)})
            database.commit()
        with unplug.serving() as server:
            yield server, count


def _cursor(position: int) -> str:
    event_id = EventId(UUID(f"019b0000-{position // 65536:04x}-7000-8000-{position:012x}"))
    return EventCursor(user_id=USER, position=position, event_id=event_id).encode()


def _resume(server: Server, count: int) -> float:
    """Seconds for many clients to come back and get what they missed.

    Each is one event further behind than the one before: a shared read would hide what it costs.
    """
    behind = [MISSED + n for n in range(RESUMES)]
    plan = WsPlan(
        port=server.port,
        sockets=RESUMES,
        messages=[[init(token(0)), _subscribe(_cursor(count - missed))] for missed in behind],
        frames=behind,
        requests=[],
        expect="",
        together=True,
    )
    return median(ws_load(plan).seconds for _ in range(3))


def _subscribe(after: str) -> str:
    payload = {"query": SUBSCRIPTION, "variables": {"after": after}}
    return json.dumps({"id": "1", "type": "subscribe", "payload": payload})


def _page(server: Server, count: int) -> float:
    """The median of many requests for a page, spread over the whole history."""
    positions = [1 + (count - 1) * (n + 1) // PAGES for n in range(PAGES)]
    bodies = [
        json.dumps({"query": PAGE, "variables": {"before": _cursor(max(60, position))}})
        for position in positions
    ]
    plan = HttpPlan(
        port=server.port,
        connections=1,
        seconds=0.5,
        warm_up=0.1,
        tokens=[token(0)],
        bodies=bodies * 4,
        expect='"startCursor":"',
    )
    return http_load(plan).p50 / 1000


def _import(unplug: Installation) -> float:
    """Seconds of `unplug import` into a new database."""
    unplug.remove_database()
    unplug.run("migrate")
    started = time.perf_counter()
    unplug.run("import", str(unplug.lines))
    return time.perf_counter() - started


def _bare(unplug: Installation) -> float:
    """Seconds of the same work with nothing around it: read, encrypt, `executemany`, commit."""
    unplug.remove_database()
    unplug.run("migrate")
    fernet = Fernet(Fernet.generate_key())
    started = time.perf_counter()
    with unplug.lines.open() as lines:
        rows = [
            (
                line["id"],
                line["user_id"],
                line["provider_id"],
                line["provider_slug"],
                fernet.encrypt(json.dumps(line["credentials"]["data"]).encode()),
            )
            for line in map(json.loads, lines)
        ]
    path = unplug.directory / "unplug.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=FULL")
        database.execute("PRAGMA secure_delete=ON")
        database.execute("BEGIN IMMEDIATE")
        database.executemany(_INSERT, rows)
        database.execute("COMMIT")
    return time.perf_counter() - started


_INSERT = """
INSERT INTO provider_connections
  (id, user_id, provider_id, provider_slug, status, encrypted_credentials, credential_type,
   created_at, updated_at, version)
VALUES (?, ?, ?, ?, 'active', ?, 'oauth2', '2026-01-01 00:00:00+00:00',
        '2026-01-01 00:00:00+00:00', 1)
"""
