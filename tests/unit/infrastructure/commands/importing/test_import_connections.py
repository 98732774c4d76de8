"""An import takes what is good, names what is not, and holds one batch at a time."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest

from domain.ports import StorageError
from domain.provider_connection import ProviderConnection
from infrastructure.commands.importing.connections import BATCH, ImportConnections, Report
from tests.support.processes import connection_line

USER = UUID(int=7)


class Connections:
    """`NewConnections` in memory."""

    def __init__(self, *present: UUID) -> None:
        self.ids = set(present)
        self.batches: list[int] = []
        self.full_after: int | None = None

    async def insert(self, connections: Sequence[ProviderConnection]) -> int:
        if self.full_after is not None and len(self.batches) >= self.full_after:
            raise StorageError
        self.batches.append(len(connections))
        before = len(self.ids)
        self.ids.update(connection.id for connection in connections)
        return len(self.ids) - before


class Import:
    """A run on connections in memory, and what it reported."""

    def __init__(self, connections: Connections) -> None:
        self.report = Report()
        self.bad: list[tuple[int, str]] = []
        self.read = 0
        self._run = ImportConnections(
            connections=connections,
            encrypt=lambda data: data[::-1],
            report=self.report,
            on_bad_line=lambda number, reason: self.bad.append((number, reason)),
            on_progress=self._progress,
        )

    async def run(self, lines: Iterator[str]) -> None:
        await self._run.run((n, line.encode()) for n, line in enumerate(lines, start=1))

    def _progress(self, size: int) -> None:
        self.read += size


async def test_good_lines_go_in_and_bad_ones_are_named() -> None:
    connections = Connections()
    run = Import(connections)
    lines = [connection_line(USER), "rubbish\n", "\n", connection_line(USER, alias=5), "{}"]
    await run.run(iter([*lines, connection_line(USER)]))
    assert run.report == Report(imported=2, present=0, bad=3)
    assert [number for number, _ in run.bad] == [2, 4, 5]
    assert run.bad[0] == (2, "it is not a JSON object")
    assert len(connections.ids) == 2


async def test_what_is_there_already_is_counted() -> None:
    run = Import(Connections(UUID(int=1)))
    lines = [connection_line(USER, UUID(int=n)) for n in (1, 2, 2)]
    await run.run(iter(lines))
    assert run.report == Report(imported=1, present=2, bad=0)


async def test_one_batch_is_read_ahead_and_no_more() -> None:
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        for taken in range(1, BATCH * 5 + 1):
            yield connection_line(USER, UUID(int=taken))

    connections = Connections()
    connections.full_after = 1
    run = Import(connections)
    with pytest.raises(StorageError):
        await run.run(lines())
    assert taken == BATCH * 3
    assert run.report.imported == BATCH


async def test_progress_ends_with_the_size_of_the_file() -> None:
    run = Import(Connections())
    lines = [connection_line(USER) for _ in range(BATCH + 1)] + ["rubbish\n", "\n"]
    await run.run(iter(lines))
    assert run.read == sum(len(line) for line in lines)


async def test_a_file_of_bad_lines_only_opens_no_transaction() -> None:
    connections = Connections()
    run = Import(connections)
    await run.run(iter(["rubbish\n"] * 3))
    assert connections.batches == []
    assert run.report.bad == 3
