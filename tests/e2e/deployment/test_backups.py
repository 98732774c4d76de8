"""The guide's commands for backup and restore, on databases that servers use."""

from uuid import UUID

from cryptography.fernet import Fernet

from tests.e2e.deployment.databases import Database, ask
from tests.support.processes import Server, connection_line, running, unplug

USER, EARLY, LATE = UUID(int=7), UUID(int=1), UUID(int=2)
DISCONNECT = """mutation ($id: ID!) { disconnectProvider(input: {connectionId: $id}) {
  ... on DisconnectProviderSuccess { cursor } } }"""
STATE = "{ connectedProviders { edges { node { id status } } } }"
EVENTS = "query ($after: String) { providerEvents(after: $after) { edges { node { position } } } }"


def disconnect(server: Server, connection_id: UUID) -> str:
    answer = ask(server, USER, DISCONNECT, id=str(connection_id))
    return str(answer["data"]["disconnectProvider"]["cursor"])


def statuses(server: Server) -> list[str]:
    edges = ask(server, USER, STATE)["data"]["connectedProviders"]["edges"]
    return [edge["node"]["status"] for edge in edges]


def test_a_backup_of_a_running_server_is_restored(database: Database) -> None:
    settings = {"DATABASE_URL": database.url, "CREDENTIALS_KEYS": Fernet.generate_key().decode()}
    database.migrate()
    lines = connection_line(USER, EARLY) + connection_line(USER, LATE)
    done = unplug("import", "-", cwd=database.folder, stdin=lines, **settings)
    assert done.returncode == 0, done.stderr
    with running(database.folder, **settings) as server:
        early = disconnect(server, EARLY)
        database.back_up()
        late = disconnect(server, LATE)
        assert statuses(server) == ["DISCONNECTED", "DISCONNECTED"]

    database.restore()

    with running(database.folder, **settings) as server:
        assert statuses(server) == ["DISCONNECTED", "ACTIVE"]
        assert ask(server, USER, EVENTS, after=early)["data"] == {"providerEvents": {"edges": []}}
        assert "INVALID_CURSOR" in str(ask(server, USER, EVENTS, after=late))
        disconnect(server, LATE)
        assert "INVALID_CURSOR" in str(ask(server, USER, EVENTS, after=late))
        assert statuses(server) == ["DISCONNECTED", "DISCONNECTED"]
    done = unplug("events", cwd=database.folder, DATABASE_URL=database.url)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 4)
