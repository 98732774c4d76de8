"""The main job, as its users see it: import, serve, disconnect, follow, resume."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.e2e.client import User
from tests.support.processes import Server, connection_line, running, unplug

OWNER, STRANGER = UUID(int=1), UUID(int=2)
KINDS = ["ProviderDisconnectionAttempted", "ProviderDisconnectionSucceeded"]


@pytest.fixture
def connection_id(tmp_path: Path) -> UUID:
    """A connection of the owner's, imported beside a line that is broken."""
    connection_id: UUID = uuid7()
    lines = connection_line(OWNER, connection_id) + "broken\n" + connection_line(OWNER)
    done = unplug("import", "-", cwd=tmp_path, stdin=lines)
    assert (done.returncode, "2" in done.stderr) == (1, True)
    return connection_id


@pytest.fixture
def server(tmp_path: Path, connection_id: UUID) -> Iterator[Server]:  # noqa: ARG001 (imported first)
    with running(tmp_path) as server:
        yield server


def test_every_step_is_streamed_and_can_be_resumed_from_anywhere(
    server: Server, connection_id: UUID
) -> None:
    owner = User(server, OWNER)
    start = owner.snapshot()["cursor"]
    with owner.following(start) as stream:
        done = owner.disconnect(connection_id)
        events = stream.take(2)

    assert done["__typename"] == "DisconnectProviderSuccess"
    assert [event["__typename"] for event in events] == KINDS
    assert [event["position"] for event in events] == [1, 2]
    assert {event["attemptId"] for event in events} == {done["attemptId"]}
    assert done["cursor"] == events[1]["cursor"]
    assert owner.events_after(start, 2) == events
    with owner.following(events[0]["cursor"]) as stream:
        assert stream.take(1) == events[1:]
        assert stream.silent()
    with owner.following(events[1]["cursor"]) as stream:
        assert stream.silent()


def test_a_repeat_succeeds_and_changes_nothing(
    server: Server, tmp_path: Path, connection_id: UUID
) -> None:
    owner = User(server, OWNER)
    first = owner.disconnect(connection_id)
    row = _row(tmp_path, connection_id)
    again = owner.disconnect(connection_id)

    assert again["connectedProvider"] == first["connectedProvider"]
    assert again["attemptId"] != first["attemptId"]
    assert _row(tmp_path, connection_id) == row
    assert [event["__typename"] for event in owner.snapshot()["events"]] == KINDS * 2


def test_somebody_elses_connection_looks_like_a_missing_one(
    server: Server, tmp_path: Path, connection_id: UUID
) -> None:
    owner, stranger = User(server, OWNER), User(server, STRANGER)
    with owner.following(None) as owners, stranger.following(None) as strangers:
        assert owners.silent()
        assert strangers.silent()
        foreign = stranger.run(_RAW, id=str(connection_id))
        missing = stranger.run(_RAW, id=str(uuid7()))
        frames = [_masked(strangers.frame()) for _ in range(4)]

        assert _masked(foreign) == _masked(missing)
        assert frames[:2] == frames[2:]
        assert owners.silent()
    log = unplug("events", str(STRANGER), cwd=tmp_path).stdout.splitlines()
    assert ["NOT_OWNED_BY_USER" in line.upper() for line in log] == [False, True, False, False]
    assert ["CONNECTION_NOT_FOUND" in line.upper() for line in log] == [False, False, False, True]
    assert owner.snapshot()["connections"][connection_id]["status"] == "ACTIVE"


def test_a_cursor_of_a_lost_history_is_refused(
    server: Server, tmp_path: Path, connection_id: UUID
) -> None:
    database = tmp_path / "unplug.sqlite3"
    owner = User(server, OWNER)
    kept = owner.disconnect(connection_id)["cursor"]
    server.stop()
    shutil.copy(database, tmp_path / "copy")
    server.start()
    lost = owner.disconnect(connection_id)["cursor"]
    server.stop()
    shutil.copy(tmp_path / "copy", database)
    server.start()

    assert _refusal(owner, lost) == "INVALID_CURSOR"
    for _ in range(2):
        owner.disconnect(connection_id)
    assert _refusal(owner, lost) == "INVALID_CURSOR", "the new history has grown past it"
    assert [event["position"] for event in owner.events_after(kept, 4)] == [3, 4, 5, 6]


def _refusal(user: User, cursor: str) -> str:
    with user.following(cursor) as stream:
        message = stream.frame()
    assert message["type"] == "error"
    return str(message["payload"][0]["extensions"]["code"])


_RAW = """
mutation Disconnect($id: ID!) {
  disconnectProvider(input: {connectionId: $id}) {
    __typename
    ... on ConnectionNotFound { message attemptId }
  }
}
"""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CURSOR = re.compile(r"'cursor': '[\w-]{55}'")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)")
_POSITION = re.compile(r"'position': \d+")


def _masked(answer: object) -> str:
    text = _CURSOR.sub("'cursor': …", _UUID.sub("id", repr(answer)))
    return _POSITION.sub("'position': n", _TIME.sub("time", text))


def _row(directory: Path, connection_id: UUID) -> tuple[object, ...]:
    with closing(sqlite3.connect(directory / "unplug.sqlite3")) as database:
        found = database.execute(
            "SELECT * FROM provider_connections WHERE id = ?", [str(connection_id)]
        )
        row: tuple[object, ...] = found.fetchone()
        return row
