"""`kill -9` at every step of the command: afterwards row, log and stream agree."""

import json
import sys
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from uuid_utils.compat import uuid7

from tests.e2e.client import User
from tests.e2e.nodes.killed import BATCH_STEPS, STEPS
from tests.support.processes import Server, connection_line, running, unplug

OWNER = UUID(int=1)
UNTOUCHED: list[str] = []
INTERRUPTED = ["ProviderDisconnectionAttempted", "ProviderDisconnectionFailed"]
DONE = ["ProviderDisconnectionAttempted", "ProviderDisconnectionSucceeded"]

EXPECTED = {
    "before the connection is looked for": UNTOUCHED,
    "after the connection is found": UNTOUCHED,
    "before the transaction of Attempted": UNTOUCHED,
    "when Attempted is about to be committed": UNTOUCHED,
    "after Attempted is committed": INTERRUPTED,
    "before the connection is saved": INTERRUPTED,
    "before the transaction of the disconnection": INTERRUPTED,
    "when the connection has been changed": INTERRUPTED,
    "when the disconnection is about to be committed": INTERRUPTED,
    "after the disconnection is committed": DONE,
    "before the answer": DONE,
}


def test_every_step_is_tried() -> None:
    assert EXPECTED.keys() == STEPS.keys()


@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_half_done(step: str, tmp_path: Path) -> None:
    connection_id: UUID = uuid7()
    unplug("import", "-", cwd=tmp_path, stdin=connection_line(OWNER, connection_id))
    doomed = Server(
        tmp_path, "serve", executable=[sys.executable, "-m", "tests.e2e.nodes.killed", step]
    )
    with doomed:
        start = User(doomed, OWNER).snapshot()["cursor"]
        with pytest.raises(httpx.RemoteProtocolError):
            User(doomed, OWNER).disconnect(connection_id)
        doomed.wait()

    with running(tmp_path) as server:
        owner = User(server, OWNER)
        snapshot = owner.snapshot()
        events, kinds = snapshot["events"], EXPECTED[step]
        assert [event["__typename"] for event in events] == kinds
        assert [event["position"] for event in events] == [*range(1, len(kinds) + 1)]
        assert [event["reason"] for event in events if "reason" in event] == (
            ["INTERRUPTED"] if kinds == INTERRUPTED else []
        )
        status = "DISCONNECTED" if kinds == DONE else "ACTIVE"
        assert snapshot["connections"][connection_id]["status"] == status
        assert owner.events_after(start, len(kinds)) == events
        assert owner.disconnect(connection_id)["__typename"] == "DisconnectProviderSuccess"


@pytest.mark.parametrize("step", BATCH_STEPS)
def test_no_batch_is_half_done_and_a_repetition_finishes_it(step: str, tmp_path: Path) -> None:
    """After the restart every attempt has one outcome; in the end every connection has one
    `Succeeded`."""
    count, batch_id = 250, uuid7()
    lines = "".join(connection_line(OWNER) for _ in range(count))
    unplug("import", "-", cwd=tmp_path, stdin=lines)
    doomed = Server(
        tmp_path, "serve", executable=[sys.executable, "-m", "tests.e2e.nodes.killed", step]
    )
    with doomed:
        with pytest.raises(httpx.RemoteProtocolError):
            User(doomed, OWNER).disconnect_all(count, batch_id)
        doomed.wait()

    with running(tmp_path) as server:
        begun, succeeded, failed = outcomes(tmp_path)
        assert len(begun) in (0, count)
        assert sorted(begun) == sorted([*succeeded, *failed])
        done = User(server, OWNER).disconnect_all(count, batch_id)
        assert (done["batchId"], done["disconnected"], done["failed"]) == (str(batch_id), count, 0)
    begun, succeeded, failed = outcomes(tmp_path)
    assert sorted(begun) == sorted([*succeeded, *failed])
    assert len(set(succeeded.values())) == len(succeeded) == count


def outcomes(folder: Path) -> list[dict[str, str]]:
    """Connections by attempt: those that have begun, have succeeded, and have failed."""
    lines = unplug("events", cwd=folder).stdout.splitlines()
    found: dict[str, dict[str, str]] = {"Attempted": {}, "Succeeded": {}, "Failed": {}}
    for line in map(json.loads, lines):
        kind = found[line["type"].removeprefix("ProviderDisconnection")]
        assert line["attempt_id"] not in kind
        kind[line["attempt_id"]] = line["connection_id"]
    return list(found.values())
