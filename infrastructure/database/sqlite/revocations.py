"""The revocations that a batch begins and ends."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias
from uuid import UUID

from domain.events import ProviderEvent, ProviderTokenRevocationAttempted
from domain.identifiers import AttemptId
from domain.provider_connection import ConnectionStatus
from infrastructure.database.members import Write
from infrastructure.database.rows.connections import CIPHERTEXT
from infrastructure.database.rows.events import SETTLING, kind_of, settled_status
from infrastructure.database.sqlite.json_rows import LISTED, packed, to_json, value_columns
from infrastructure.database.sqlite.purge import mark_destroyed

_BEGUN = ("attempt_id", CIPHERTEXT, "connection_id")
_MOVE = (
    f"WITH b AS (SELECT {value_columns(_BEGUN, CIPHERTEXT)} FROM json_each(?1))"
    " INSERT INTO pending_revocations (attempt_id, connection_id, user_id, provider_slug,"
    f" {CIPHERTEXT}, give_up_at) SELECT b.attempt_id, c.id, c.user_id, c.provider_slug,"
    f" coalesce(b.{CIPHERTEXT}, c.{CIPHERTEXT}),"
    " strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', p.give_up_after || ' seconds')"
    " FROM b JOIN provider_connections c ON c.id = b.connection_id"
    " JOIN catalogue_providers p ON p.slug = c.provider_slug"
)
TOLD = ("told_status", "told_since", "told_attempt_id")
"""What becomes of a connection's tokens; NULL leaves what is known."""
TELL = (
    "revocation_status = coalesce(t.told_status, provider_connections.revocation_status),"
    " revocation_since = coalesce(t.told_since, provider_connections.revocation_since),"
    " revocation_attempt_id = iif(t.told_status IS NULL,"
    " provider_connections.revocation_attempt_id, t.told_attempt_id),"
    " manage_url = iif(t.told_status IS NULL, provider_connections.manage_url,"
    " coalesce((SELECT p.manage_url FROM catalogue_providers AS p"
    " WHERE p.slug = provider_connections.provider_slug), provider_connections.manage_url))"
)
"""Of an UPDATE of `provider_connections` from `t` with these columns."""
_TELL = (
    f"WITH t AS (SELECT {value_columns(('id', *TOLD))} FROM json_each(?1))"
    f" UPDATE provider_connections SET {TELL} FROM t WHERE provider_connections.id = t.id"
)
_SETTLE = f"{_TELL} AND provider_connections.revocation_attempt_id = t.told_attempt_id"
_END = f"DELETE FROM pending_revocations WHERE attempt_id IN {LISTED}"
_DISCONNECTED = ConnectionStatus.DISCONNECTED


Told: TypeAlias = tuple[str | None, str | None, str | None]
"""Of the columns `TOLD`."""


class Way(NamedTuple):
    """Whether a provider in the catalogue can revoke, and whether that ends the whole grant."""

    revocable: bool
    ends_grant: bool


class Stored(NamedTuple):
    """What a revocation depends on: a connection as the database has it."""

    slug: str
    is_disconnected: bool
    has_credentials: bool


class Revocations:
    """Of one batch, on top of what the database has.

    `leases` are those of pending revocations by attempt; `ways` those of each provider in the
    catalogue.
    """

    def __init__(self, leases: Mapping[AttemptId, UUID], ways: Mapping[str, Way]) -> None:
        self._leases = dict(leases)
        self._ways = ways
        self._begun: list[tuple[str, bytes | None, str]] = []
        self._told: dict[str, Told] = {}
        self._settled: list[ProviderEvent] = []

    def are_held(self, write: Write) -> bool:
        """Whether it holds the leases of the revocations that it ends."""
        ends = [event.attempt_id for event in write.events if kind_of(event) in SETTLING]
        return all(
            attempt_id is not None and self._leases.get(attempt_id) == write.lease
            for attempt_id in ends
        )

    def begin(self, write: Write, stored: Stored) -> Sequence[ProviderEvent]:
        """The event of a revocation that begins with an accepted write."""
        attempted, way = write.revocation, self._ways.get(stored.slug)
        if attempted is None or way is None or stored.is_disconnected != bool(write.late):
            return []
        if write.connection is not None and write.connection.status is not _DISCONNECTED:
            replaces = way.revocable and not way.ends_grant and stored.has_credentials
            return [self._begin(attempted)] if replaces else []
        if not way.revocable:
            self._tell(attempted, "not_supported")
        elif not (write.late or stored.has_credentials):
            self._tell(attempted, "nothing_to_revoke")
        else:
            self._tell(attempted, "pending", attempted.attempt_id)
            return [self._begin(attempted, write.late)]
        return []

    def end(self, event: ProviderEvent) -> None:
        """An accepted event of those in `SETTLING`."""
        if event.attempt_id is not None:
            del self._leases[event.attempt_id]
            self._settled.append(event)

    def take_told(self, connection_id: str) -> "Told":
        """What a change of this connection is to say as well."""
        return self._told.pop(connection_id, (None, None, None))

    def move(self, db: sqlite3.Connection) -> None:
        """Copies ciphertext, before the changes of connections take it away."""
        if self._begun:
            db.execute(_MOVE, packed(self._begun, _BEGUN.index(CIPHERTEXT)))

    def write(self, db: sqlite3.Connection) -> None:
        """The rest, when the changes have taken what is to be told with them."""
        if self._told:
            told = [(connection_id, *told) for connection_id, told in self._told.items()]
            db.execute(_TELL, (to_json(told),))
        if self._settled:
            mark_destroyed(db)
            db.execute(_SETTLE, (to_json([_settled(event) for event in self._settled]),))
            db.execute(_END, (to_json([event.attempt_id for event in self._settled]),))

    def _begin(
        self, attempted: ProviderTokenRevocationAttempted, late: bytes | None = None
    ) -> ProviderTokenRevocationAttempted:
        ids = str(attempted.attempt_id), str(attempted.connection_id)
        self._begun.append((ids[0], late, ids[1]))
        return attempted

    def _tell(
        self,
        attempted: ProviderTokenRevocationAttempted,
        status: str,
        attempt_id: AttemptId | None = None,
    ) -> None:
        since, named = attempted.occurred_at.isoformat(" "), str(attempt_id) if attempt_id else None
        self._told[str(attempted.connection_id)] = (status, since, named)


def _settled(event: ProviderEvent) -> tuple[str, str, str, str]:
    since = event.occurred_at.isoformat(" ")
    return str(event.connection_id), settled_status(event), since, str(event.attempt_id)
