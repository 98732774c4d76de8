"""On PostgreSQL: keys are rotated while revocations are pending, and three days pass."""

from pathlib import Path

from cryptography.fernet import Fernet

from tests.e2e.revoking.test_revoking import CATALOGUE, MANAGE, USER, add_connection
from tests.support.network.revoking_provider import Provider, Reply
from tests.support.processes import running, unplug
from tests.support.servers.postgres import PostgresServer

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
PENDING = "SELECT count(*), min(give_up_at - begun_at), max(give_up_at - begun_at) FROM {}"
LATER = (
    "UPDATE pending_revocations SET begun_at = begun_at - interval '72 hours',"
    " due_at = due_at - interval '72 hours', give_up_at = give_up_at - interval '72 hours'"
)
FILES = """
SELECT count(*) FROM pg_class c
WHERE relname IN ('provider_connections', 'pending_revocations')
    AND position('gAAAA'::bytea IN pg_read_binary_file(pg_relation_filepath(c.oid))) > 0
"""


def test_pending_revocations_on_postgres(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    database = postgres_url.rpartition("/")[2]
    settings = {"DATABASE_URL": postgres_url, "PROVIDERS_FILE": CATALOGUE}
    assert unplug("migrate", cwd=tmp_path, DATABASE_URL=postgres_url).returncode == 0
    given = {"DATABASE_URL": postgres_url, "CREDENTIALS_KEYS": OLD}
    ended, lasting = (
        add_connection(tmp_path, "schwab", name, **given) for name in ("ended", "lasting")
    )
    with Provider(lambda _: Reply(503)) as provider:
        (tmp_path / CATALOGUE).write_text(provider.catalogue(manage_url=MANAGE))
        with running(tmp_path, **settings, CREDENTIALS_KEYS=OLD) as server:
            for each in (ended, lasting):
                assert USER.disconnect(server, each)["status"] == "PENDING"
            provider.wait_for(4)
        rotated = unplug(
            "rotate-keys", cwd=tmp_path, **given | {"CREDENTIALS_KEYS": f"{NEW},{OLD}"}
        )
        assert rotated.stdout == "2 re-encrypted, 0 unreadable\n"

        provider.answer = lambda token: Reply(200 if token.startswith("ended") else 503)
        with running(tmp_path, **settings, CREDENTIALS_KEYS=NEW) as server:
            assert unplug("revocations", "--retry", cwd=tmp_path, **given).returncode == 0
            assert USER.settled(server, ended)["status"] == "ACCEPTED"
            left = postgres_server.execute(PENDING.format("pending_revocations"), database)
            assert left == "1|3 days|3 days"
            assert USER.revocation(server, lasting)["status"] == "PENDING"

            postgres_server.execute(LATER, database)
            assert USER.settled(server, lasting)["status"] == "FAILED"
            (failed,) = USER.outcomes(server, lasting)
    assert (failed["reason"], failed["manageUrl"]) == ("GAVE_UP", MANAGE)
    left = postgres_server.execute(PENDING.format("pending_revocations"), database)
    assert left == "0||"
    postgres_server.execute("VACUUM FULL provider_connections, pending_revocations", database)
    postgres_server.execute("CHECKPOINT", database)
    assert postgres_server.execute(FILES, database) == "0"
