"""`unplug` without its writer's queue: every write is a commit of its own, done at once.

`python -m benchmarks.direct serve …` is the floor that group commit is measured against: with one
client it must cost nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

from domain.events import RecordedEvent
from domain.ports import StorageError
from infrastructure.app import writing
from infrastructure.cli import main
from infrastructure.database.members import Member
from infrastructure.database.store import Store
from infrastructure.persistence.writer import Writer


class DirectWriter(Writer):
    """Commits in the caller's own turn."""

    def __init__(
        self, store: Store, on_committed: Callable[[Sequence[RecordedEvent]], None]
    ) -> None:
        super().__init__(store, on_committed)
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Nothing runs on its own."""
        return self

    async def write(self, member: Member) -> Sequence[RecordedEvent]:
        """See `Writer.write`."""
        async with self._turn:
            (outcome,) = await self._store.commit([member])
        if not isinstance(outcome, Sequence):
            raise StorageError
        self._on_committed(outcome)
        return outcome


if __name__ == "__main__":
    vars(writing)["Writer"] = DirectWriter
    main()
