"""What becomes of the members of a batch: the rules of a transaction, without its SQL."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from domain.events import ProviderEvent, RecordedEvent
from domain.identifiers import AttemptId, ConnectionId, EventId, UserId
from domain.ports import AttemptClosed, AttemptRecorded, ConcurrentUpdate
from domain.provider_connection import ProviderConnection
from infrastructure.database.members import Account, CloseAttempt, Member, Write, account_of
from infrastructure.database.rows.connections import CIPHERTEXT, CONNECTION_COLUMNS, WRITTEN_COLUMNS
from infrastructure.database.rows.events import CLOSING, OPENING, SETTLING, kind_of
from infrastructure.database.sqlite.json_rows import Row
from infrastructure.database.sqlite.revocations import Revocations, Stored, Way
from infrastructure.database.store import Outcome, Refusal

_TYPE = WRITTEN_COLUMNS.index("credential_type")
_STATUS = WRITTEN_COLUMNS.index("status")
_SLUG = WRITTEN_COLUMNS.index("provider_slug")


class Head(NamedTuple):
    """The last position of a user's log, and the event there."""

    position: int
    event_id: EventId | None


_EMPTY = Head(0, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a store has read for a batch. Rows are of `WRITTEN_COLUMNS`, which
    end with the version.

    `recorded` are those of `Batch.repeatable` that the log has, `accounts` those of
    `Batch.accounts` that have a current connection; `leases` and `ways` are of `Revocations`.
    """

    rows: Mapping[ConnectionId, Row]
    open_attempts: Collection[AttemptId]
    attempted: Mapping[AttemptId, ProviderEvent]
    recorded: Collection[AttemptId]
    accounts: Collection[Account]
    leases: Mapping[AttemptId, UUID]
    ways: Mapping[str, Way]
    heads: Mapping[UserId, Head]


class Batch:
    """A transaction's members.

    A store reads what `connection_ids`, `closing`, `copied` and `users` name, lets `decide` judge
    the members in their order, writes `changes`, `opened` and `closed`, adds `counts` to the users'
    heads, and writes the events that `record` puts behind them.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._accepted: dict[int, Sequence[ProviderEvent]] = {}
        self._refused: dict[int, Refusal] = {}
        writes = [member for member in members if isinstance(member, Write)]
        events = [event for write in writes for event in write.events]
        changed = {w.connection.id for w in writes if w.connection is not None}
        self.connection_ids = sorted(changed.union(*(write.revoked for write in writes)))
        self.leased = [e.attempt_id for w in writes if w.lease for e in w.events if e.attempt_id]
        begun = [write.revocation for write in writes if write.revocation]
        self.may_revoke = bool(begun)
        self.users = sorted({event.user_id for event in (*events, *begun)})
        self.copied = sorted({m.attempt_id for m in members if isinstance(m, CloseAttempt)})
        ending = {e.attempt_id for e in events if e.attempt_id and kind_of(e) in CLOSING}
        self.closing = sorted(ending.union(self.copied))
        self.repeatable = [attempt_id for write in writes for attempt_id in write.repeatable]
        new = [write.connection for write in writes if write.is_new and write.connection]
        self.accounts = [account for each in new if (account := account_of(each)) is not None]
        self.created: list[Row] = []
        """Rows of new connections."""
        self.changes: list[Row] = []
        """New values of changed connections."""
        self.destroys = False
        """Whether a change destroys credentials."""
        self._heads: Mapping[UserId, Head] = {}
        self.opened: dict[AttemptId, ProviderEvent] = {}
        self.closed: list[AttemptId] = []
        self.counts: Counter[UserId] = Counter()
        """New events by user."""
        self.last: dict[UserId, Head] = {}
        """The ends of their logs, with what was recorded so far."""

    def decide(self, found: Found, row_of: Callable[[ProviderConnection], Row]) -> None:
        """`row_of` writes a connection as the database would."""
        state = _State(found, row_of)
        self._heads = found.heads
        self.revocations = state.revocations
        for index, member in enumerate(self._members):
            events = self._events_of(member, found.attempted)
            refusal = self._refusal(member, events, state)
            if refusal is not None:
                self._refused[index] = refusal
                continue
            if isinstance(member, Write):
                events = [*events, *state.begun(member)]
                if member.connection is not None:
                    self._apply(member, member.connection, state)
            self._accept(index, events, state)

    def _refusal(
        self, member: Member, events: Sequence[ProviderEvent], state: "_State"
    ) -> Refusal | None:
        ends = [event.attempt_id for event in events if kind_of(event) in CLOSING]
        if not all(attempt in state.open_attempts or attempt in self.opened for attempt in ends):
            return AttemptClosed()
        if isinstance(member, CloseAttempt):
            return None if events else AttemptClosed()
        if not state.revocations.are_held(member):
            return AttemptClosed()
        if not state.recorded.isdisjoint(member.repeatable):
            return AttemptRecorded()
        if member.connection is None or state.is_current(member.connection, new=member.is_new):
            return None
        return ConcurrentUpdate()

    def _apply(self, write: Write, connection: ProviderConnection, state: "_State") -> None:
        row, stored = state.row_of(connection), state.rows.get(connection.id)
        new = dict(zip(CONNECTION_COLUMNS, row, strict=True))
        state.recorded.update(write.repeatable)
        if write.is_new:
            self.created.append(row)
            if (account := account_of(connection)) is not None:
                state.accounts.add(account)
        elif stored is not None and (
            new[CIPHERTEXT] or stored != tuple(new[column] for column in WRITTEN_COLUMNS)
        ):
            self.changes.append(row)
            kept = new["credential_type"] is not None and not new[CIPHERTEXT]
            self.destroys |= stored[_TYPE] is not None and not kept
        else:
            return
        state.rows[connection.id] = None  # a later change in this batch is late

    def record(self) -> Sequence[Outcome]:
        """Positions in the order of members."""
        self.last = {user: self._heads.get(user, _EMPTY) for user in self.counts}
        outcomes: list[Outcome] = []
        for index in range(len(self._members)):
            if index in self._refused:
                outcomes.append(self._refused[index])
                continue
            recorded = []
            for event in self._accepted[index]:
                position, previous_id = self.last[event.user_id]
                recorded.append(
                    RecordedEvent(event=event, position=position + 1, previous_id=previous_id)
                )
                self.last[event.user_id] = Head(position + 1, event.id)
            outcomes.append(recorded)
        return outcomes

    def _events_of(
        self, member: Member, attempted: Mapping[AttemptId, ProviderEvent]
    ) -> Sequence[ProviderEvent]:
        if isinstance(member, Write):
            return member.events
        begun = self.opened.get(member.attempt_id) or attempted.get(member.attempt_id)
        if begun is None:
            return []
        return [member.failed(begun.user_id, begun.connection_id, begun.provider)]

    def _accept(self, index: int, events: Sequence[ProviderEvent], state: "_State") -> None:
        self._accepted[index] = events
        for event in events:
            kind, attempt_id = kind_of(event), event.attempt_id
            if attempt_id is None:
                pass
            elif kind in OPENING:
                self.opened[attempt_id] = event
            elif kind in CLOSING and attempt_id in self.opened:
                del self.opened[attempt_id]
            elif kind in CLOSING:
                state.open_attempts.remove(attempt_id)
                self.closed.append(attempt_id)
            elif kind in SETTLING:
                state.revocations.end(event)
            self.counts[event.user_id] += 1


class _State:
    """The database as it is after the members that were accepted so far."""

    def __init__(self, found: Found, row_of: Callable[[ProviderConnection], Row]) -> None:
        self.row_of = row_of
        self.rows: dict[ConnectionId, Row | None] = dict(found.rows)
        self.open_attempts = set(found.open_attempts)
        self.recorded = set(found.recorded)
        self.accounts = set(found.accounts)
        self.revocations = Revocations(found.leases, found.ways)

    def begun(self, write: Write) -> Sequence[ProviderEvent]:
        """What an accepted write, which is not applied yet, begins besides."""
        row = write.revocation and self.rows.get(write.revocation.connection_id)
        if not row:
            return []
        ended, has_credentials = row[_STATUS] == "disconnected", row[_TYPE] is not None
        return self.revocations.begin(write, Stored(row[_SLUG], ended, has_credentials))

    def is_current(self, connection: ProviderConnection, *, new: bool) -> bool:
        """Whether the connection may be written."""
        if new:
            return connection.id not in self.rows and account_of(connection) not in self.accounts
        stored = self.rows.get(connection.id)
        if stored is None or stored[-1] != connection.version:
            return False
        # Disconnected is final, also if a restore gave this version to the row a second time.
        return stored[_STATUS] != "disconnected" or stored == self._written(connection)

    def _written(self, connection: ProviderConnection) -> Row:
        new = dict(zip(CONNECTION_COLUMNS, self.row_of(connection), strict=True))
        return tuple(new[column] for column in WRITTEN_COLUMNS)
