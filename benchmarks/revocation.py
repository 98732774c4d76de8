"""Figure 11: disconnecting while a slow provider is asked to revoke, beside no catalogue at all."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.databases import Database, both
from benchmarks.figure import Row, Settings, alternating
from benchmarks.http_load import Report
from benchmarks.mutations import DURABLE_AT_MOST, USERS, mutate
from benchmarks.processes import serving
from benchmarks.unplug import Installation

CONNECTIONS = 64
CATALOGUE = """\
[schwab]
endpoint = "http://127.0.0.1:{port}/revoke"
fields = {{ token = "{{token}}" }}
"""


def revocation(settings: Settings) -> list[Row]:
    """A user who disconnects waits for no provider.

    At saturation the rates say what one more event and row cost the machine; at half of that load
    the waiting times say what users notice.
    """
    return [row for database in both() for row in _rows(settings, database)]


@contextlib.contextmanager
def slow_provider(unplug: Installation) -> Iterator[dict[str, str]]:
    """The settings of a server whose catalogue has one, which is served until the block ends."""
    with serving("benchmarks.floors:slow_provider") as provider:
        file = Path(unplug.directory) / "providers.toml"
        file.write_text(CATALOGUE.format(port=provider.port))
        yield {"UNPLUG_PROVIDERS_FILE": str(file)}


def _rows(settings: Settings, database: Database) -> list[Row]:
    floor, value = alternating(
        settings.rounds,
        lambda: _load(settings, database, revoking=False).rate,
        lambda: _load(settings, database, revoking=True).rate,
    )
    half = floor / 2
    waits_without, waits = alternating(
        settings.rounds,
        lambda: _load(settings, database, revoking=False, rate=half).p50,
        lambda: _load(settings, database, revoking=True, rate=half).p50,
    )
    rate = Row(
        name=f"11 Disconnections with a slow provider, saturated, {database.name}",
        unit="requests/s",
        value=value,
        floor=floor,
        floor_name="no catalogue",
        target=0.95,
        at="least",
    )
    waiting = replace(
        rate,
        name=f"11 Their time at half of that load, p50, {database.name}",
        unit="ms",
        value=waits,
        floor=waits_without,
        target=1 / 0.95,
        at="most",
    )
    return [rate, waiting]


def _load(settings: Settings, database: Database, *, revoking: bool, rate: float = 0.0) -> Report:
    count = int(DURABLE_AT_MOST * (settings.seconds + settings.warm_up))
    with (
        database.installation(users=USERS, connections=count) as unplug,
        slow_provider(unplug) as catalogue,
        unplug.serving(**(catalogue if revoking else {})) as server,
    ):
        ids, tokens = unplug.connection_ids, unplug.tokens
        return mutate(server, settings, CONNECTIONS, ids, tokens, rate=rate)
