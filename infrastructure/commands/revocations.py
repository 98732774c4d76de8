"""What `unplug revocations` and `unplug providers --forget` do."""

from datetime import timedelta

from infrastructure.commands.database_setup import prepared
from infrastructure.database.revocations import ProviderBacklog
from infrastructure.failures import OperatorError
from infrastructure.settings import Settings


async def show_revocations(settings: Settings) -> str:
    """A line for each provider with something pending or failed.

    Raises `OperatorError` or `StorageError`.
    """
    async with prepared(settings) as database:
        found = await database.revocations.by_provider()
    return "\n".join(map(_line, found)) or "Nothing is pending, and nothing has failed."


async def retry_revocations(settings: Settings) -> int:
    """How many are due now. Raises `OperatorError` or `StorageError`."""
    async with prepared(settings) as database:
        return await database.revocations.retry()


async def forget_provider(settings: Settings, slug: str) -> None:
    """Raises `OperatorError`, also when no server has declared it, or `StorageError`."""
    async with prepared(settings) as database:
        if not await database.revocations.forget(slug):
            raise OperatorError(f"No server has had {slug} in its catalogue.")


def _line(of: ProviderBacklog) -> str:
    parts = [f"{of.slug}: {of.pending} pending"]
    if of.pending:
        parts.append(f"oldest {timedelta(seconds=int(of.oldest))}")
        parts.append(f"up to {of.tries} tries")
    if of.code is not None:
        parts.append(f"last answer {of.code}")
    if of.failed:
        parts.append(f"{of.failed} failed")
    return ", ".join(parts)
