"""A whole batch as one statement: one round trip, one transaction, no lock held in between."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from domain.events import ProviderEvent, ProviderRef, RecordedEvent
from domain.ports import AttemptClosed, AttemptRecorded, ConcurrentUpdate
from infrastructure.database.members import CloseAttempt, Member, Write
from infrastructure.database.postgres.commit_sql import (
    ANYTHING,
    ATTEMPTS,
    CHANGES,
    EVENT,
    SAVED,
    Contents,
    statement,
)
from infrastructure.database.rows.connections import connection_row
from infrastructure.database.rows.events import (
    CLOSING,
    EVENT_COLUMNS,
    OPENING,
    REVOKING,
    event_row,
)
from infrastructure.database.store import Outcome, Refusal

_POSITION = EVENT_COLUMNS.index("position")
_KIND = EVENT.index("kind")
_COMMON = OPENING | CLOSING | {REVOKING}
"""Kinds of events that `CHANGES` holds."""
_STATEMENTS = {contents: statement(contents) for contents in (ATTEMPTS, CHANGES, ANYTHING)}


def commit(members: Sequence[Member]) -> tuple[str, list[Sequence[Any]]]:
    """The smallest statement for members that have no key in common, and its parameters."""
    batch = _Batch()
    for n, member in enumerate(members):
        batch.add(n, member)
    return batch.statement()


class _Batch:
    """Rows of the arrays."""

    def __init__(self) -> None:
        self._saved: list[Sequence[Any]] = []
        self._events: list[Sequence[Any]] = []
        self._locked: list[Sequence[Any]] = []
        self._rare: tuple[list[Sequence[Any]], ...] = ([], [], [], [])
        self._has_new = False

    def add(self, n: int, member: Member) -> None:
        closed, repeatable, leases, late = self._rare
        if isinstance(member, CloseAttempt):
            closed.append((member.attempt_id,))
            self._events.append((n, *_row_to_complete(member)))
            return
        if member.connection is not None:
            revocation = member.revocation and member.revocation.attempt_id
            row = connection_row(member.connection)
            self._saved.append((n, member.is_new, revocation, *row))
            self._locked.append((member.connection.id,))
            self._has_new |= member.is_new
        if member.late is not None and (begun := member.revocation) is not None:
            facts = (begun.attempt_id, begun.connection_id, begun.occurred_at)
            late.append((n, *facts, member.late))
        elif member.lease is not None:
            leases += [(event.attempt_id, member.lease) for event in member.events]
        self._locked += [(connection_id,) for connection_id in member.revoked]
        repeatable += [(n, attempt_id) for attempt_id in member.repeatable]
        for event in member.possible:
            row = event_row(RecordedEvent(event=event, position=0))
            self._events.append((n, *row[:_POSITION], *row[_POSITION + 1 :]))

    def statement(self) -> tuple[str, list[Sequence[Any]]]:
        contents = self._contents
        sections = [
            (self._events, ("n", *EVENT)),
            (self._saved, ("n", *SAVED)),
            (self._locked, ("id",)),
            *zip(self._rare, contents.sections[3:], strict=False),
        ]
        arrays: list[Sequence[Any]] = []
        for (rows, columns), taken in zip(sections, contents.sections, strict=False):
            given = dict(zip(columns, zip(*rows, strict=True), strict=bool(rows)))
            arrays += [given.get(column, ()) for column in taken]
        return _STATEMENTS[contents], arrays

    @property
    def _contents(self) -> Contents:
        kinds = {row[1 + _KIND] for row in self._events}
        if any(self._rare) or self._has_new or not kinds <= _COMMON:
            return ANYTHING
        return CHANGES if self._locked or not kinds <= OPENING else ATTEMPTS


def _row_to_complete(close: CloseAttempt) -> Sequence[Any]:
    known = {
        "id": close.event_id,
        "kind": "failed",
        "occurred_at": close.occurred_at,
        "attempt_id": close.attempt_id,
        "reason": close.reason.value,
    }
    return [known.get(column) for column in EVENT]


_REFUSED: dict[str, type[Refusal]] = {
    "closed": AttemptClosed,
    "recorded": AttemptRecorded,
    "stale": ConcurrentUpdate,
}
_REFUSALS = tuple(_REFUSED)
"""The first that holds is the member's."""


def outcomes(members: Sequence[Member], rows: Iterable[Sequence[Any]]) -> Sequence[Outcome]:
    """From `COMMIT`'s result."""
    refused: dict[int, str] = {}
    places: dict[UUID, Sequence[Any]] = {}
    for n, refusal, event_id, *place in rows:
        if event_id is not None:
            places[event_id] = place
        else:
            refused[n] = min(refused.get(n, refusal), refusal, key=_REFUSALS.index)
    return [
        _REFUSED[refused[n]]() if n in refused else list(_recorded(member, places))
        for n, member in enumerate(members)
    ]


def _recorded(member: Member, places: Mapping[UUID, Sequence[Any]]) -> Iterator[RecordedEvent]:
    for event in _events(member, places):
        if (place := places.get(event.id)) is not None:
            position, previous_id, *_ = place
            yield RecordedEvent(event=event, position=position, previous_id=previous_id)


def _events(member: Member, places: Mapping[UUID, Sequence[Any]]) -> Sequence[ProviderEvent]:
    if isinstance(member, Write):
        return member.possible
    _, _, user_id, connection_id, provider_id, slug = places[member.event_id]
    return [
        member.failed(
            user_id, connection_id, None if slug is None else ProviderRef(id=provider_id, slug=slug)
        )
    ]


def waves(members: Sequence[Member]) -> list[list[int]]:
    """Indexes of members that may be committed together, in order.

    A member waits for the one before it that has a key in common.
    """
    all_keys = [member.keys for member in members]
    if members and len(frozenset().union(*all_keys)) == sum(map(len, all_keys)):
        return [list(range(len(members)))]  # by far the most
    found: list[list[int]] = []
    next_wave: dict[Hashable, int] = {}
    for index, keys in enumerate(all_keys):
        number = max((next_wave.get(key, 0) for key in keys), default=0)
        next_wave.update(dict.fromkeys(keys, number + 1))
        if number == len(found):
            found.append([])
        found[number].append(index)
    return found
