"""Figure 11: disconnecting while a slow provider is asked to revoke, beside no catalogue at all."""

from functools import partial
from pathlib import Path

from benchmarks.databases import Database, Postgres, Sqlite
from benchmarks.figure import Row, Settings, alternating
from benchmarks.mutations import DURABLE_AT_MOST, USERS, mutate
from benchmarks.processes import serving

CONNECTIONS = 64
CATALOGUE = """\
[schwab]
endpoint = "http://127.0.0.1:{port}/revoke"
fields = {{ token = "{{token}}" }}
"""


def revocation(settings: Settings) -> list[Row]:
    """A user who disconnects waits for no provider."""
    return [_row(settings, database) for database in (Sqlite(), Postgres())]


def _row(settings: Settings, database: Database) -> Row:
    floor, value = alternating(
        settings.rounds,
        partial(_rate, settings, database, revoking=False),
        partial(_rate, settings, database, revoking=True),
    )
    return Row(
        name=f"11 Disconnections with a slow provider, {database.name}",
        unit="requests/s",
        value=value,
        floor=floor,
        floor_name="no catalogue",
        target=0.95,
        at="least",
    )


def _rate(settings: Settings, database: Database, *, revoking: bool) -> float:
    count = int(DURABLE_AT_MOST * (settings.seconds + settings.warm_up))
    with (
        database.installation(users=USERS, connections=count) as unplug,
        serving("benchmarks.floors:slow_provider") as provider,
    ):
        file = Path(unplug.directory) / "providers.toml"
        file.write_text(CATALOGUE.format(port=provider.port))
        more = {"UNPLUG_PROVIDERS_FILE": str(file)} if revoking else {}
        with unplug.serving(**more) as server:
            return mutate(server, settings, CONNECTIONS, unplug.connection_ids, unplug.tokens).rate
