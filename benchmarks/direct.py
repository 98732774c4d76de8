"""`unplug` without its writer's queue: every write is a commit of its own, done at once.

`python -m benchmarks.direct serve …` is the floor that group commit is measured against: with one
client it must cost nothing.
"""

import asyncio
from collections.abc import Callable, Sequence

from domain.events import RecordedEvent
from domain.ports import StorageError
from infrastructure.app import writing
from infrastructure.cli import main
from infrastructure.database.store import Member, Store, Write


class DirectWriter:
    """Commits in the caller's own turn."""

    def __init__(
        self, store: Store, on_committed: Callable[[Sequence[RecordedEvent]], None]
    ) -> None:
        self._store = store
        self._on_committed = on_committed
        self._turn = asyncio.Lock()

    def start(self) -> None:
        """Nothing runs on its own."""

    async def write(self, member: Member) -> Sequence[RecordedEvent]:
        """See `Writer.write`."""
        async with self._turn:
            (outcome,) = await self._store.commit([member])
        if not isinstance(outcome, Sequence):
            raise StorageError
        self._on_committed(outcome)
        return outcome

    async def probe(self) -> None:
        """See `Writer.probe`."""
        await self.write(Write())

    async def aclose(self) -> None:
        """Nothing to end."""


if __name__ == "__main__":
    vars(writing)["Writer"] = DirectWriter
    main()
