"""The parts that end access at providers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from uuid_utils.compat import uuid7

from domain.commands.revoke_token import RevokeTokenHandler
from domain.events import ProviderTokenRevocationAttempted, RecordedEvent
from domain.ports import Cipher
from infrastructure.app.writing import Writing, now
from infrastructure.database.database import Database
from infrastructure.database.revocations import CatalogueProvider
from infrastructure.observability.metrics import Metrics
from infrastructure.outbound_http import OutboundHttp, OutboundLimits
from infrastructure.providers.catalogue import Catalogue
from infrastructure.providers.revoker import Revoker
from infrastructure.providers.tokens import EncryptedTokens
from infrastructure.providers.worker import (
    FIRST_PAUSE,
    LEASE,
    LONGEST_PAUSE,
    REQUEST,
    RevocationWorker,
    turns,
)
from infrastructure.retry import nth_pause
from infrastructure.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoking:
    """The catalogue, and what tells the worker that a commit has begun a revocation.

    `cipher` is None when there is nothing in the catalogue that could be asked.
    """

    catalogue: Catalogue
    cipher: Cipher | None
    due: asyncio.Event

    def committed(self, recorded: Sequence[RecordedEvent]) -> None:
        """This process has committed these events."""
        if any(isinstance(item.event, ProviderTokenRevocationAttempted) for item in recorded):
            self.due.set()


@asynccontextmanager
async def revocation_worker(
    settings: Settings, database: Database, writes: Writing, metrics: Metrics, parts: Revoking
) -> AsyncIterator[None]:
    """Declares the catalogue to all processes, and revokes. Raises `StorageError`."""
    give_up_after = timedelta(seconds=settings.revocation_give_up)
    await database.revocations.declare(
        [
            CatalogueProvider(
                slug=slug,
                revocable=entry.endpoint is not None,
                ends_grant=entry.ends == "grant",
                manage_url=entry.manage_url,
                give_up_after=give_up_after,
            )
            for slug, entry in parts.catalogue.providers.items()
        ]
    )
    limits = OutboundLimits(total=REQUEST)
    async with OutboundHttp(limits, proxies=settings.proxies) as http:
        revoker = Revoker(parts.catalogue, http, now=now)
        tokens = EncryptedTokens(revoker, parts.cipher, lasts=LEASE - REQUEST)
        handler = RevokeTokenHandler(
            writes.revocations,
            tokens,
            pause=partial(nth_pause, first=FIRST_PAUSE, longest=LONGEST_PAUSE),
            now=now,
            new_id=uuid7,
        )
        async with RevocationWorker(
            database.revocations, handler.handle, turns(parts.catalogue), metrics, parts.due
        ):
            yield
