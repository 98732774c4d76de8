"""What `unplug disconnect` does, once its arguments are parsed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import typer
from rich.progress import MofNCompleteColumn
from uuid_utils.compat import uuid7

from domain.events import Initiator, RecordedEvent
from domain.identifiers import BatchId
from domain.ports import ConnectionFilter
from infrastructure import adapters
from infrastructure.app.writing import Writing, writing
from infrastructure.commands.database_setup import prepared, sole_run, sole_use
from infrastructure.commands.disconnecting.run import DisconnectTargets, Reason, Report
from infrastructure.commands.disconnecting.targets import Target, Targets
from infrastructure.commands.progress import RateColumn, progress_bar, summed_up
from infrastructure.database.database import PURGE_SECONDS
from infrastructure.database.sqlite.purge import purge
from infrastructure.database.store import Abandoned
from infrastructure.failures import InUse
from infrastructure.observability.metrics import Metrics
from infrastructure.settings import Settings

MEANWHILE = "{} more match that were connected meanwhile: repeat the command for them."


async def find_targets(settings: Settings, wanted: ConnectionFilter) -> Sequence[Target]:
    """Connections that match now. Raises `OperatorError` or `StorageError`."""
    async with _writing(settings) as writes:
        return await Targets(writes.repository, wanted).all()


async def disconnect_targets(
    settings: Settings, wanted: ConnectionFilter, targets: Sequence[Target], note: str | None
) -> Report:
    """Disconnects them and prints what was done. Raises `OperatorError` or `StorageError`.

    One run at a time: it first closes attempts that a run before it left open.
    """
    report, reason = Report(), Reason(batch_id=BatchId(uuid7()), note=note)
    async with sole_run(settings):
        async with _writing(settings) as writes:
            await writes.attempts.close_all(Abandoned(initiators=(Initiator.OPERATOR,)))
            matching = Targets(writes.repository, wanted)
            with summed_up(report), progress_bar(MofNCompleteColumn(), RateColumn()) as progress:
                task = progress.add_task("Disconnecting", total=len(targets))
                await DisconnectTargets(
                    targets=matching,
                    disconnect=writes.commands,
                    probe=writes.probe,
                    report=report,
                    on_progress=lambda count: progress.advance(task, count),
                ).run(targets, reason)
            if others := await matching.others(targets):
                typer.echo(MEANWHILE.format(others))
        _purge_without_server(settings)
    return report


@asynccontextmanager
async def _writing(settings: Settings) -> AsyncIterator[Writing]:
    """Other processes are told of what is committed."""
    metrics = Metrics()
    async with prepared(settings) as database, adapters.wake_ups(settings, metrics) as wake_ups:

        def committed(recorded: Sequence[RecordedEvent]) -> None:
            wake_ups.send({item.event.user_id for item in recorded})

        async with writing(database, committed, metrics) as writes:
            yield writes


def _purge_without_server(settings: Settings) -> None:
    """A server on the file does it when it stops."""
    if settings.database_file is not None:
        with suppress(InUse), sole_use(settings):
            purge(settings.database_file, PURGE_SECONDS)
