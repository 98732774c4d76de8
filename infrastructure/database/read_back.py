"""Which members of a batch are in the database, told by what it has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from domain.events import RecordedEvent
from domain.identifiers import ConnectionId, EventId
from domain.provider_connection import ProviderConnection
from infrastructure.database.members import Member, Write, event_ids, tries


def of_members(
    members: Sequence[Member],
    found: Iterable[RecordedEvent],
    connections: Iterable[ProviderConnection],
) -> Sequence[Sequence[RecordedEvent] | None]:
    """Each member's events; None when it is not among what was found.

    `connections` are those of writes without an event, as they are now.
    """
    by_id = {recorded.event.id: recorded for recorded in found}
    stored = {connection.id: connection for connection in connections}
    return [_of_member(member, by_id, stored) for member in members]


def ids_to_find(members: Iterable[Member]) -> Sequence[EventId]:
    """Of the events of all tries."""
    return [i for member in members for each in tries(member) for i in event_ids(each)]


def _of_member(
    member: Member,
    found: Mapping[EventId, RecordedEvent],
    stored: Mapping[ConnectionId, ProviderConnection],
) -> Sequence[RecordedEvent] | None:
    all_tries = (_of_try(each, found, stored) for each in tries(member))
    return next((there for there in all_tries if there is not None), None)


def _of_try(
    member: Member,
    found: Mapping[EventId, RecordedEvent],
    stored: Mapping[ConnectionId, ProviderConnection],
) -> Sequence[RecordedEvent] | None:
    ids = event_ids(member)
    if isinstance(member, Write) and not ids and member.connection is not None:
        written, now = member.connection, stored.get(member.connection.id)
        # Each encryption has a ciphertext of its own, so equal credentials are this write's.
        return [] if now is not None and _has_landed(written, now) else None
    there = [found[i] for i in ids if i in found]
    # Whether a revocation has begun is the commit's decision, unless it is all that was written.
    certain = len(member.events) if isinstance(member, Write) else 1
    return there if len(there) >= min(len(ids), max(1, certain)) else None


def _has_landed(written: ProviderConnection, now: ProviderConnection) -> bool:
    kept = written.credentials is not None and written.credentials.encrypted_data is None
    if kept and now.credentials is not None:
        now = replace(now, credentials=replace(now.credentials, encrypted_data=None))
    same = replace(now, version=written.version) == written
    return now.version > written.version and same
