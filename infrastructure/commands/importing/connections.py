"""Imports connections in batches; those that exist already are left untouched."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol

from domain.provider_connection import ProviderConnection
from infrastructure.commands.importing.lines import BadLine, Encrypt, connection_of

BATCH = 2000
"""Connections in one transaction: some 50 ms, for which a server's writes wait."""


class NewConnections(Protocol):
    """Where imported connections go."""

    async def insert(self, connections: Sequence[ProviderConnection]) -> int:
        """In one transaction. Ids that are there already are left untouched.

        Returns how many were new. Raises `StorageError`, and then none went in.
        """


@dataclass(slots=True)
class Report:
    """Counts of the lines so far."""

    imported: int = 0
    present: int = 0
    bad: int = 0

    def __str__(self) -> str:
        return f"{self.imported} imported, {self.present} already there, {self.bad} bad lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportConnections:
    """Reads lines, encrypts credentials, inserts; holds two batches in memory at most.

    `on_bad_line` gets a line's number and what is wrong with it, `on_progress` how many bytes have
    been read, batch by batch.
    """

    connections: NewConnections
    encrypt: Encrypt
    report: Report
    on_bad_line: Callable[[int, str], None]
    on_progress: Callable[[int], None]

    async def run(self, lines: Iterable[tuple[int, bytes]]) -> None:
        """Raises `StorageError`; batches that went in before stay.

        While one batch goes in, the next one is read and encrypted.
        """
        rest = iter(lines)
        batch, size = self._next_batch(rest)
        while size:
            inserting = asyncio.create_task(self._insert(batch))
            await asyncio.sleep(0)  # lets it begin
            try:
                following = self._next_batch(rest)
            finally:
                await inserting
            self.on_progress(size)
            batch, size = following

    async def _insert(self, batch: Sequence[ProviderConnection]) -> None:
        if batch:
            new = await self.connections.insert(batch)
            self.report.imported += new
            self.report.present += len(batch) - new

    def _next_batch(
        self, lines: Iterator[tuple[int, bytes]]
    ) -> tuple[list[ProviderConnection], int]:
        batch: list[ProviderConnection] = []
        size = 0
        for number, line in islice(lines, BATCH):
            size += len(line)
            if line.isspace():
                continue
            try:
                batch.append(connection_of(line, self.encrypt, datetime.now(UTC)))
            except BadLine as bad:
                self.report.bad += 1
                self.on_bad_line(number, str(bad))
        return batch, size
