"""What the database says in the end."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from tests.resilience.cluster import Cluster

EVENTS = (
    "SELECT user_id, position, id, kind, coalesce(CAST(attempt_id AS text), ''), connection_id,"
    " coalesce(loss, '') FROM provider_events ORDER BY user_id, position"
)
CONNECTIONS = (
    "SELECT id, status, version,"
    " CASE WHEN encrypted_credentials IS NULL THEN '' ELSE 'yes' END,"
    " CASE WHEN disconnected_at IS NULL THEN '' ELSE 'yes' END"
    " FROM provider_connections"
)
OPEN = "SELECT count(*) FROM open_attempts"


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """A row of the log."""

    position: int
    id: UUID
    kind: str
    attempt_id: UUID | None
    connection_id: UUID
    loss: str


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """A row of the connections."""

    id: UUID
    status: str
    version: int
    has_credentials: bool
    has_disconnected_at: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """All logs by user, and all connections."""

    logs: dict[UUID, list[LoggedEvent]]
    connections: list[StoredConnection]

    @property
    def heads(self) -> dict[UUID, tuple[int, UUID]]:
        """Position and id of each user's last event."""
        return {user_id: (log[-1].position, log[-1].id) for user_id, log in self.logs.items()}


def open_attempts(cluster: Cluster, folder: Path) -> int:
    return int(_rows(cluster, folder, OPEN)[0][0])


def read_truth(cluster: Cluster, folder: Path) -> Truth:
    logs: defaultdict[UUID, list[LoggedEvent]] = defaultdict(list)
    for user_id, position, event_id, kind, attempt_id, connection_id, loss in _rows(
        cluster, folder, EVENTS
    ):
        event = LoggedEvent(
            position=int(position),
            id=UUID(event_id),
            kind=kind,
            attempt_id=UUID(attempt_id) if attempt_id else None,
            connection_id=UUID(connection_id),
            loss=loss,
        )
        logs[UUID(user_id)].append(event)
    connections = [
        StoredConnection(UUID(row[0]), row[1], int(row[2]), bool(row[3]), bool(row[4]))
        for row in _rows(cluster, folder, CONNECTIONS)
    ]
    return Truth(dict(logs), connections)


def _rows(cluster: Cluster, folder: Path, sql: str) -> Sequence[Sequence[str]]:
    """As text, however the database names its values."""
    if cluster.postgres is not None:
        output = cluster.postgres.execute(sql, "unplug")
        return [line.split("|") for line in output.splitlines()]
    with closing(sqlite3.connect(f"file:{folder / 'unplug.sqlite3'}?mode=ro", uri=True)) as db:
        found = db.execute(sql).fetchall()
    return [list(map(str, row)) for row in found]
