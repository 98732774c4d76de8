"""Which connections an operator means."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TextIO, TypeVar
from uuid import UUID

from domain.identifiers import ConnectionId, UserId
from domain.ports import ConnectionFilter, ConnectionKey, ConnectionRecords, PageRequest
from domain.provider_connection import ConnectionStatus, ProviderConnection
from infrastructure.failures import OperatorError

PAGE = 1_000
ItemT = TypeVar("ItemT")
CONNECTED = frozenset(ConnectionStatus) - {ConnectionStatus.DISCONNECTED}


@dataclass(frozen=True, slots=True)
class Target:
    """A connection as it was when the operator looked."""

    id: ConnectionId
    user_id: UserId
    provider_slug: str
    status: ConnectionStatus
    connected_at: datetime | None

    @classmethod
    def of(cls, connection: ProviderConnection) -> "Target":
        """Without what is of no use to the run."""
        return cls(
            connection.id,
            connection.user_id,
            connection.provider_slug,
            connection.status,
            connection.connected_at,
        )


class Targets:
    """Connections that match and are not disconnected."""

    def __init__(self, records: ConnectionRecords, wanted: ConnectionFilter) -> None:
        self._records = records
        self._wanted = replace(wanted, statuses=CONNECTED)

    async def all(self) -> Sequence[Target]:
        """Those there are now. Raises `StorageError`."""
        if self._wanted.ids is None:
            return [target async for target in self._pages(self._wanted)]
        found: list[Target] = []
        for chunk in chunks(sorted(self._wanted.ids), PAGE):
            found += await self._among(chunk)
        return found

    async def unchanged(self, targets: Sequence[Target]) -> Sequence[Target]:
        """Those that still match and were not connected again since. Raises `StorageError`."""
        now = {target.id: target for target in await self._among([t.id for t in targets])}
        return [t for t in targets if t.id in now and now[t.id].connected_at == t.connected_at]

    async def others(self, targets: Iterable[Target]) -> int:
        """How many match now and are not among these. Raises `StorageError`."""
        known = {target.id for target in targets}
        return sum(target.id not in known for target in await self.all())

    async def _among(self, ids: Collection[ConnectionId]) -> Sequence[Target]:
        wanted = replace(self._wanted, ids=frozenset(ids))
        page = await self._records.records(wanted, PageRequest(limit=PAGE))
        return [Target.of(connection) for connection in page.items]

    async def _pages(self, wanted: ConnectionFilter) -> AsyncIterator[Target]:
        after: ConnectionKey | None = None
        while True:
            page = await self._records.records(wanted, PageRequest(limit=PAGE, after=after))
            for connection in page.items:
                yield Target.of(connection)
            if not page.has_next:
                return
            after = ConnectionKey(page.items[-1].created_at, page.items[-1].id)


def chunks(items: Iterable[ItemT], size: int) -> Iterator[list[ItemT]]:
    """Lists of so many items, the last one maybe shorter."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def read_ids(file: TextIO, name: str) -> frozenset[ConnectionId]:
    """Ids of connections, one per line; empty lines are skipped. Raises `OperatorError`."""
    ids = set()
    for number, line in enumerate(file, 1):
        if text := line.strip():
            try:
                ids.add(ConnectionId(UUID(text)))
            except ValueError:
                raise OperatorError(f"{name}, line {number}: it is not a UUID.") from None
    return frozenset(ids)


def table(targets: Iterable[Target]) -> str:
    """How many there are by provider and status."""
    counts = Counter((target.provider_slug, target.status.value) for target in targets)
    rows = [("provider", "status", "connections")]
    rows += [(slug, status, str(count)) for (slug, status), count in sorted(counts.items())]
    rows.append(("total", "", str(counts.total())))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{slug:{widths[0]}}  {status:{widths[1]}}  {count:>{widths[2]}}"
        for slug, status, count in rows
    )
