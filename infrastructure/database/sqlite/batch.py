"""What becomes of the members of a batch: the rules of a transaction, without its SQL."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from domain.events import ProviderDisconnectionAttempted, RecordedEvent
from domain.identifiers import AttemptId, ConnectionId, EventId, UserId
from domain.ports import AttemptClosed, ConcurrentUpdate
from domain.provider_connection import ProviderConnection
from infrastructure.database.store import Outcome, Write

Row: TypeAlias = tuple[Any, ...]


class Head(NamedTuple):
    """The last position of a user's log after a batch, and the event in front of the batch's."""

    position: int
    previous_id: EventId | None


class Batch:
    """A transaction's members.

    A store locks and reads what `connection_ids` and `closing` name, lets `decide` judge the
    members in their order, writes `changes`, `opened` and `closed`, adds `counts` to the users'
    heads and names `last_ids` there, and writes the events that `record` puts behind them.
    """

    def __init__(self, writes: Sequence[Write]) -> None:
        self._writes = writes
        self._refused: dict[int, ConcurrentUpdate | AttemptClosed] = {}
        self.connection_ids = sorted({w.connection.id for w in writes if w.connection is not None})
        self.closing = sorted({w.event.attempt_id for w in writes if not _opens(w)})
        self.changes: list[Row] = []
        """Rows of changed connections, with the version that was read."""
        self.opened: dict[AttemptId, None] = {}
        self.closed: list[AttemptId] = []
        self.counts: Counter[UserId] = Counter()
        """New events by user."""
        self.last_ids: dict[UserId, EventId] = {}
        """The last of them."""

    def decide(
        self,
        stored: Mapping[ConnectionId, Row],
        open_attempts: Collection[AttemptId],
        row_of: Callable[[ProviderConnection], Row],
    ) -> None:
        """Rows end with their version. `row_of` writes a connection as the database would."""
        rows: dict[ConnectionId, Row | None] = dict(stored)
        still_open = set(open_attempts)
        for index, write in enumerate(self._writes):
            event, connection = write.event, write.connection
            attempt_id = event.attempt_id
            known = attempt_id in still_open or attempt_id in self.opened
            if not known and not _opens(write):
                self._refused[index] = AttemptClosed()
                continue
            if connection is not None:
                row, found = row_of(connection), rows.get(connection.id)
                if found is None or found[-1] != row[-1]:
                    self._refused[index] = ConcurrentUpdate()
                    continue
                if found != row:
                    self.changes.append(row)
                    rows[connection.id] = None  # whoever comes later in this batch is late
            if _opens(write):
                self.opened[attempt_id] = None
            elif attempt_id in self.opened:
                del self.opened[attempt_id]
            else:
                still_open.remove(attempt_id)
                self.closed.append(attempt_id)
            self.counts[event.user_id] += 1
            self.last_ids[event.user_id] = event.id

    def record(self, heads: Mapping[UserId, Head]) -> Sequence[Outcome]:
        """Positions in the order of members; `heads` are those of the users after this batch."""
        last = {
            user_id: (heads[user_id].position - count, heads[user_id].previous_id)
            for user_id, count in self.counts.items()
        }
        outcomes: list[Outcome] = []
        for index, write in enumerate(self._writes):
            refused = self._refused.get(index)
            if refused is not None:
                outcomes.append(refused)
                continue
            event = write.event
            position, previous_id = last[event.user_id]
            position += 1
            outcomes.append(RecordedEvent(event=event, position=position, previous_id=previous_id))
            last[event.user_id] = (position, event.id)
        return outcomes


def _opens(write: Write) -> bool:
    return isinstance(write.event, ProviderDisconnectionAttempted)
