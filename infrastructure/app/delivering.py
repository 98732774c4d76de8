"""The parts that deliver events to webhooks."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from domain.ports import UnknownKey
from infrastructure import adapters
from infrastructure.app.writing import now
from infrastructure.database.database import Database
from infrastructure.failures import SettingsError
from infrastructure.observability.metrics import Metrics
from infrastructure.persistence.event_log import TortoiseEventLog
from infrastructure.security.credentials_cipher import CredentialsCipher
from infrastructure.settings import Settings
from infrastructure.webhooks.workers import NodeParts, WebhookOptions, WebhookWorkers


@asynccontextmanager
async def delivering(
    settings: Settings, database: Database, is_busy: Callable[[], bool], metrics: Metrics
) -> AsyncIterator[WebhookWorkers]:
    """This node's workers, running."""

    def decrypt(encrypted: bytes) -> bytes:
        """With the keys as they are now: the first `webhooks add` may have made the key file."""
        try:
            keys = adapters.given_keys(settings).read(create=False)
        except SettingsError:
            raise UnknownKey from None
        if not keys:
            raise UnknownKey
        return CredentialsCipher(keys).decrypt(encrypted)

    options = WebhookOptions(
        timeout=settings.webhook_timeout,
        private_addresses=settings.webhook_private_addresses,
        proxies=settings.proxies,
        decrypt=decrypt,
    )
    node = NodeParts(
        store=database.store, logs=TortoiseEventLog(database.client), is_busy=is_busy, now=now
    )
    workers = WebhookWorkers(node, options, metrics)
    if settings.database_file is not None:
        # This is the file's only server, so the process that held leases has ended.
        await workers.queue.release_all()
    async with workers:
        yield workers
